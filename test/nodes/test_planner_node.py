# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The planner as a process, against a model's endpoint that does everything wrong that one can.

A real guard listens, so that what is checked is what planner and guard together make of an answer.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.core.effects import Occasion
from fallback_guard.core.failure_modes import PLANNER_REPORTS, FailureMode
from fallback_guard.core.limits import PAYLOAD_BYTES_MAX
from fallback_guard.core.motion import MotionKind
from fallback_guard.tools.hostile_answers import HOSTILE_KINDS, HostileKind, expected_failure
from fallback_guard.tools.hostile_llm import HostileLlm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fallback_guard.core.request import PickRequest
    from harness import Message, Scene

KEY: Final = "sk-live-0123456789-never-to-be-seen"
SEARCHED_MAX: Final = 100_000
Fate = HostileKind | None


class Chain:
    """A scene with guard, planner and endpoint, and the requests whose fates are known."""

    def __init__(self, scene: Scene, llm: HostileLlm) -> None:
        self.scene, self.llm = scene, llm
        self.robot = "picker_0"
        self._robots = count(1)
        self._taken: set[str] = set()

    def change_robot(self) -> None:
        """Go on with a robot that has no request open."""
        self.scene.bystander.leave(self.robot)
        self.robot = f"picker_{next(self._robots)}"
        self.scene.bystander.settle(self.robot)

    def ask(self, request_id: str, *, on_due: bool = False) -> PickRequest:
        """Ask for a route for the robot."""
        request = world.pick_request(request_id, self.robot, on_due=on_due)
        self.scene.bystander.ask(request)
        return request

    def decision(self, request_id: str) -> Message:
        """Wait for the decision on a request that is due."""
        return self.scene.bystander.wait_for_decision(request_id, self.robot)

    def request_id(self, *fates: Fate) -> str:
        """Return an unused id of a request whose first calls meet these fates."""
        for number in count(1):
            name = f"R-{number}"
            if name not in self._taken and all(
                self.llm.fate(name, self.robot, call) is fate
                for call, fate in enumerate(fates, start=1)
            ):
                self._taken.add(name)
                return name
            assert number < SEARCHED_MAX, "no request has such fates"
        raise AssertionError

    def candidates(self, request_id: str) -> list[Message]:
        """Return what the planner has published for a request."""
        heard = self.scene.bystander.candidates
        return [entry.message for entry in list(heard) if entry.message.request_id == request_id]

    def calls(self, request_id: str) -> Sequence[Fate]:
        """Return what the calls for a request met, in order."""
        return [call.kind for call in self.llm.calls if call.request_id == request_id]

    def wait_for_refusals(self, request_id: str, number: int) -> list[str]:
        """Wait until the guard has refused so many answers; return why."""

        def modes() -> list[str]:
            heard = self.scene.bystander.decisions_for(request_id, self.robot, Occasion.REFUSAL)
            return [entry.message.failure_mode for entry in heard]

        self.scene.bystander.wait_until(
            lambda: len(modes()) >= number, f"{number} refusals of {request_id}"
        )
        return modes()

    def prove_that_it_plans(self) -> None:
        """Have a good answer driven: the planner lives, and is done with what came before.

        The budgets here are short, for models that say nothing; a machine that builds wheels beside may need longer for
        one good answer, and not for three.
        """
        outcomes = []
        for _ in range(3):
            good = self.request_id(None)
            self.ask(good)
            outcomes.append(self.decision(good).outcome)
            if outcomes[-1] == MotionKind.ROUTE:
                return
        raise AssertionError(f"no good answer was driven: {outcomes}")


def open_chain(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: Sequence[HostileKind] | None = None,
    warm_up: Sequence[Fate] = (None,),
    **parameters: object,
) -> Iterator[Chain]:
    """Start the chain, and keep it for a module's tests."""
    from harness import open_scene  # noqa: PLC0415

    llm = HostileLlm(seed=1, share=0.5, kinds=kinds, warehouse=world.warehouse())
    with llm, open_scene(tmp_path_factory.mktemp("planner"), OPENAI_API_KEY=KEY) as scene:
        # A slow machine must not turn a good answer into a late one here.
        scene.start_guard(deadline_ms=5_000)
        scene.nodes.start_node("planner_node", base_url=llm.base_url, model="hostile", **parameters)
        scene.nodes.wait_for_text("planner_node", "planning with hostile")
        bystander = scene.bystander
        bystander.wait_for_planner()
        chain = Chain(scene, llm)
        # A request may be lost to one side of a chain whose members have only just met.
        bystander.wait_until(lambda: _warmed_up(chain, warm_up), "the planner's first answer")
        yield chain
        for name in ("planner_node", "guard_node"):
            assert KEY not in scene.nodes.text(name)


def _warmed_up(chain: Chain, fates: Sequence[Fate]) -> bool:
    """Tell whether the guard drives an answer: then everybody in the chain hears whom they have to."""
    chain.change_robot()
    request = chain.ask(chain.request_id(*fates))
    try:
        motion = chain.scene.bystander.wait_for_motion(
            request.request_id, chain.robot, timeout_s=1.0
        )
    except AssertionError:
        return False
    return bool(motion.message.kind == MotionKind.ROUTE)


@pytest.fixture(scope="module")
def single_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Return a chain in which the model is asked once for each request, and may do anything."""
    yield from open_chain(tmp_path_factory, attempts_max=1, planning_timeout_ms=700)


@pytest.fixture(scope="module")
def retrying_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Return a chain in which the model is asked up to three times, within one budget."""
    kinds = (HostileKind.FENCED, HostileKind.SILENCE, HostileKind.HTTP_ERROR)
    warm_up = (HostileKind.FENCED, None)
    yield from open_chain(tmp_path_factory, kinds, warm_up, attempts_max=3, planning_timeout_ms=700)


@pytest.fixture
def single(single_chain: Chain) -> Chain:
    """Return `single_chain` with a robot of this test's own."""
    single_chain.change_robot()
    return single_chain


@pytest.fixture
def retrying(retrying_chain: Chain) -> Chain:
    """Return `retrying_chain` with a robot of this test's own."""
    retrying_chain.change_robot()
    return retrying_chain


@pytest.mark.parametrize("kind", HostileKind, ids=[kind.value for kind in HostileKind])
def test_every_hostile_answer_is_named_and_survived(single: Chain, kind: HostileKind) -> None:
    bystander = single.scene.bystander
    request = single.ask(single.request_id(kind), on_due=True)
    expected = expected_failure(kind, items=len(request.items))
    assert single.wait_for_refusals(request.request_id, 1) == [expected]
    bystander.wait_until(lambda: single.candidates(request.request_id), "the candidate")
    (candidate,) = single.candidates(request.request_id)
    assert (candidate.robot_id, candidate.source, candidate.attempt) == (
        single.robot,
        "llm:hostile",
        1,
    )
    if expected.value in PLANNER_REPORTS:
        assert candidate.failure == expected
        assert len(candidate.payload) == 0
    else:
        assert candidate.failure == ""
        assert len(candidate.payload) > 0 or kind is HostileKind.EMPTY
    assert single.scene.nodes.running == ["guard_node", "planner_node"]
    assert KEY not in str(candidate)
    if HOSTILE_KINDS[kind].failure is FailureMode.OVERSIZE:
        assert len(candidate.payload) > PAYLOAD_BYTES_MAX, "the planner passes it on untouched"
    single.prove_that_it_plans()


def test_a_good_answer_is_passed_on_untouched(single: Chain) -> None:
    bystander = single.scene.bystander
    request = single.ask(single.request_id(None))
    motion = bystander.wait_for_motion(request.request_id, single.robot).message
    assert (motion.kind, motion.source) == (MotionKind.ROUTE, "llm:hostile")
    bystander.wait_until(lambda: single.candidates(request.request_id), "the candidate")
    (candidate,) = single.candidates(request.request_id)
    assert bytes(candidate.payload).startswith(b'{"version":1,"request_id":')
    assert candidate.planning_time.nanosec > 0


def test_the_same_request_is_planned_once(single: Chain) -> None:
    bystander = single.scene.bystander
    request = single.ask(single.request_id(None))
    bystander.ask(request)
    single.decision(request.request_id)
    single.scene.nodes.wait_for_text("planner_node", "the same request came before")
    single.prove_that_it_plans()
    assert len(single.candidates(request.request_id)) == 1


def test_after_a_refusal_the_model_is_asked_again(retrying: Chain) -> None:
    name = retrying.request_id(HostileKind.FENCED, None)
    retrying.ask(name)
    decision = retrying.decision(name)
    assert (decision.outcome, decision.attempt) == (MotionKind.ROUTE, 2)
    assert decision.candidates_refused == 1
    assert retrying.wait_for_refusals(name, 1) == [FailureMode.FENCED]
    retrying.prove_that_it_plans()
    assert retrying.calls(name) == [HostileKind.FENCED, None]
    assert [candidate.attempt for candidate in retrying.candidates(name)] == [1, 2]


def test_after_a_failed_call_the_model_is_asked_again(retrying: Chain) -> None:
    name = retrying.request_id(HostileKind.HTTP_ERROR, None)
    retrying.ask(name)
    decision = retrying.decision(name)
    assert (decision.outcome, decision.attempt) == (MotionKind.ROUTE, 2)
    assert retrying.wait_for_refusals(name, 1) == [FailureMode.PLANNER_HTTP_ERROR]


def test_after_the_last_attempt_nobody_is_asked(retrying: Chain) -> None:
    name = retrying.request_id(*[HostileKind.FENCED] * 4)
    retrying.ask(name, on_due=True)
    assert retrying.wait_for_refusals(name, 3) == [FailureMode.FENCED] * 3
    retrying.prove_that_it_plans()
    assert retrying.calls(name) == [HostileKind.FENCED] * 3


@pytest.mark.parametrize(
    "fates",
    [
        (HostileKind.SILENCE, None, None),
        (HostileKind.FENCED, HostileKind.SILENCE, None),
        (HostileKind.HTTP_ERROR, HostileKind.SILENCE, None),
    ],
)
def test_all_attempts_share_one_budget(retrying: Chain, fates: Sequence[Fate]) -> None:
    """Silence takes what is left of it: no attempt with a budget of its own follows."""
    name = retrying.request_id(*fates)
    attempts = fates.index(HostileKind.SILENCE) + 1
    retrying.ask(name, on_due=True)
    assert retrying.wait_for_refusals(name, attempts)[-1] == FailureMode.PLANNER_TIMEOUT
    retrying.prove_that_it_plans()
    assert list(retrying.calls(name)) == list(fates[:attempts])
    assert [candidate.attempt for candidate in retrying.candidates(name)] == list(
        range(1, attempts + 1)
    )


def test_an_endpoint_that_is_not_there_is_a_failure_and_not_the_end(scene: Scene) -> None:
    scene.start_guard()
    scene.nodes.start_node("planner_node", base_url="http://127.0.0.1:9/v1", attempts_max=2)
    scene.nodes.wait_for_text("planner_node", "planning with")
    bystander = scene.bystander
    bystander.settle("picker_1")
    bystander.wait_until(
        lambda: bystander.publishers["pick_request"].get_subscription_count() > 2, "the planner"
    )
    for number in range(20):
        name = f"R-{number}"
        bystander.ask(world.pick_request(name))
        decision = bystander.wait_for_decision(name, "picker_1")
        if decision.failure_mode == FailureMode.PLANNER_UNREACHABLE:
            break
    else:
        pytest.fail("the planner never said that it cannot reach the model")
    assert scene.nodes.running == ["guard_node", "planner_node"]
    scene.nodes.wait_for_text("planner_node", "is the endpoint of 'base_url' running")
