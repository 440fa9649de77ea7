# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The whole chain under a planner of which a third of the answers are hostile: one motion for each request.

What each request meets is known beforehand from the script's seed, so every decision is checked by name.
Times are measured where they count, at a subscriber in another process than the guard's, and reported:
how late a machine under any load is, is not for a test to assert.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.core.effects import Occasion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.picking.tally import spread
from fallback_guard.tools.hostile_answers import HostileKind, expected_failure, fate
from harness import open_scene, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Heard, Scene

ROBOT: Final = "picker_1"
REQUESTS: Final = 200
SEED: Final = 7
SHARE: Final = 0.3
DEADLINE_MS: Final = 150
IN_GOOD_TIME_MS: Final = 100
"""An answer that came by then is in time for sure; between this and the deadline it may be either."""

NO_ANSWER: Final = {FailureMode.PLANNER_SILENT.value, FailureMode.PLANNER_TIMEOUT.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """One request of the run."""

    request_id: str
    items: int
    staged: bool
    meets: HostileKind | None
    due_ns: int

    @property
    def expected(self) -> set[str]:
        """What the decision may say of an answer in time; an empty name is a route."""
        if self.meets is None:
            return {""}
        failure = expected_failure(self.meets, items=self.items)
        return NO_ANSWER if failure in NO_ANSWER else {failure.value}


@pytest.fixture
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a scene with guard, planner and scripted endpoint, each in a process of its own."""
    with open_scene(tmp_path_factory.mktemp("chain")) as scene:
        scene.nodes.start(
            "hostile_llm",
            "fallback_guard.tools.hostile_llm",
            *(
                "--share",
                str(SHARE),
                "--seed",
                str(SEED),
                "--map",
                str(scene.map_file),
                "--port",
                "0",
            ),
        )
        base_url = scene.nodes.wait_for("hostile_llm", r"listening on (\S+)", 20.0)
        scene.start_guard()
        scene.nodes.start_node(
            "planner_node",
            base_url=base_url,
            model="script",
            attempts_max=1,
            planning_timeout_ms=1_000,
            # So that a silent call holds nobody back.
            concurrent_requests_max=64,
        )
        bystander = scene.bystander
        bystander.settle(ROBOT)
        requests = bystander.publishers["pick_request"]
        bystander.wait_until(
            lambda: (
                requests.get_subscription_count() > 2
                and bystander.node.count_publishers("candidate_route") > 1
            ),
            "the planner on the graph",
        )
        bystander.settle("warm-up")
        bystander.wait_until(lambda: warmed_up(scene), "the planner's first answer")
        bystander.leave("warm-up")
        yield scene


def warmed_up(scene: Scene) -> bool:
    """Ask once for another robot; tell whether the guard has heard the planner's answer, good or bad."""
    bystander = scene.bystander
    number = sum(heard.message.robot_id == "warm-up" for heard in bystander.requests)
    bystander.ask(world.pick_request(f"W-{number}", "warm-up"))
    decision = bystander.wait_for_decision(f"W-{number}", "warm-up")
    return bool(decision.attempt)


def fate_of(request_id: str) -> HostileKind | None:
    """Return what the only call for a request meets."""
    return fate(
        seed=SEED,
        share=SHARE,
        kinds=tuple(HostileKind),
        request_id=request_id,
        robot_id=ROBOT,
        call=1,
    )


def drive(scene: Scene, number: int) -> Driven:
    """Make one request and wait for its decision: every other one is staged before it falls due."""
    bystander = scene.bystander
    name = f"R-{number:03d}"
    items = world.pick_request().items[: number % 3 + 1]
    meets = fate_of(name)
    answers = meets is None or expected_failure(meets, items=len(items)) not in NO_ANSWER
    staged = number % 2 == 0
    due_ns = bystander.ask(world.pick_request(name, items=items, on_due=staged))
    if staged:
        if answers:
            bystander.wait_until(lambda: candidates_for(scene, name), f"an answer to {name}")
        due_ns = bystander.fall_due(name, ROBOT)
    bystander.wait_for_decision(name, ROBOT)
    bystander.wait_for_motion(name, ROBOT)
    return Driven(request_id=name, items=len(items), staged=staged, meets=meets, due_ns=due_ns)


def candidates_for(scene: Scene, request_id: str) -> list[Heard]:
    """Return the planner's answers to a request."""
    candidates = list(scene.bystander.candidates)
    return [heard for heard in candidates if heard.message.request_id == request_id]


def why_unheard(scene: Scene, driven: Driven) -> tuple[bool, bool]:
    """Tell whether an answer came too late to count on, and whether it came to the guard before its request.

    Two topics have no order between them: on a busy machine an answer may overtake its request.
    """
    answers = candidates_for(scene, driven.request_id)
    limit_ns = driven.due_ns + IN_GOOD_TIME_MS * NS_PER_MS
    refused = scene.bystander.refused_answers(driven.request_id, ROBOT)
    return (
        not answers or answers[0].arrived_ns > limit_ns,
        any(heard.message.failure_mode == FailureMode.UNKNOWN_REQUEST for heard in refused),
    )


def test_two_hundred_requests_are_each_decided_once_and_for_the_right_reason(chain: Scene) -> None:
    run = [drive(chain, number) for number in range(REQUESTS)]
    bystander = chain.bystander
    bystander.wait_for_states(2)  # What would come twice has come by now.

    slow = overtaking = 0
    for driven in run:
        (decision,) = bystander.decisions_for(driven.request_id, ROBOT, Occasion.DUE)
        (motion,) = bystander.motions_for(driven.request_id, ROBOT)
        said = decision.message.failure_mode
        assert motion.message.sequence == decision.message.sequence
        assert motion.message.reason == said
        assert motion.message.kind == (MotionKind.SAFE_MOVE if said else MotionKind.ROUTE)
        if said in NO_ANSWER and not driven.expected & NO_ANSWER:
            was_slow, has_overtaken = why_unheard(chain, driven)
            slow += was_slow
            overtaking += has_overtaken
            assert was_slow or has_overtaken, f"{driven}: {decision.message.detail}"
        else:
            assert said in driven.expected, f"{driven}: {decision.message.detail}"

    sequences = [
        heard.message.sequence for heard in bystander.motions if heard.message.robot_id == ROBOT
    ]
    assert all(before < after for before, after in pairwise(sequences))
    assert sorted(chain.nodes.running) == ["guard_node", "hostile_llm", "planner_node"]
    hostile = sum(driven.meets is not None for driven in run)
    assert hostile > REQUESTS * SHARE / 2, "the script was hostile"
    report(f"answers too slow: {slow}, before their request: {overtaking}, of {REQUESTS}")
    assert slow + overtaking < REQUESTS / 10, "this machine shows nothing"
    report_times(chain, run)


def report_times(scene: Scene, run: list[Driven]) -> None:
    """Say how long it took from falling due to the motion at the bystander."""
    bystander = scene.bystander
    taken: dict[str, list[float]] = {"staged route": [], "immediate route": [], "safe move": []}
    for driven in run:
        (motion,) = bystander.motions_for(driven.request_id, ROBOT)
        kind = "staged route" if driven.staged else "immediate route"
        if motion.message.kind == MotionKind.SAFE_MOVE:
            kind = "safe move"
        taken[kind].append((motion.arrived_ns - driven.due_ns) / NS_PER_MS)
    for kind, values in taken.items():
        measured = spread(values)
        if measured is not None:
            report(
                f"{kind}: {measured.count}, p50 {measured.p50_ms:.1f} ms, p99 {measured.p99_ms:.1f} ms, "
                f"worst {measured.worst_ms:.1f} ms"
            )
    late = sum(value > DEADLINE_MS for values in taken.values() for value in values)
    report(f"over {DEADLINE_MS} ms: {late} of {len(run)}")
    decided = [
        heard.message.failure_mode or "route"
        for driven in run
        for heard in bystander.decisions_for(driven.request_id, ROBOT, Occasion.DUE)
    ]
    report(str(Counter(decided).most_common()))
