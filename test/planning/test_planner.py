# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""One budget for all attempts: what is published, what is asked again, and what ends a plan."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.core.failure_modes import PLANNER_REPORTS, FailureMode
from fallback_guard.core.limits import STOPS_MAX
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.llm import Answer
from fallback_guard.planning.planner import (
    ASK_AGAIN,
    PLANS_OPEN_MAX,
    PLANS_REMEMBERED_MAX,
    Asked,
    Candidate,
    Planner,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from fallback_guard.planning.llm import Question

GOOD: Final = Answer(payload=b'{"version": 1}')
DOWN: Final = Answer(failure=FailureMode.PLANNER_UNREACHABLE, detail="nobody there")
ITEM: Final = PickItem(bin="A-03", sku="SKU-9", quantity=2)


def pick_request(
    request_id: str = "R-1", robot_id: str = "picker_1", *, items: int = 1
) -> PickRequest:
    """Return a request."""
    return PickRequest(
        request_id=request_id, robot_id=robot_id, start_node=1, goal_node=3, items=(ITEM,) * items
    )


@dataclass
class ScriptedLlm:
    """Gives its answers in turn, the last one for ever, each after `thinks_s` or never after its timeout."""

    answers: Sequence[Answer] = (GOOD,)
    thinks_s: float = 0.0
    prompts: list[str] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)
    running: int = 0
    running_max: int = 0

    async def answer(self, question: Question, timeout_s: float) -> Answer:
        """Answer in time, as `LlmClient` does."""
        assert question.schema
        number = len(self.prompts)
        self.prompts.append(question.messages[-1].content)
        self.timeouts_s.append(timeout_s)
        self.running += 1
        self.running_max = max(self.running, self.running_max)
        try:
            await asyncio.sleep(min(self.thinks_s, timeout_s))
        finally:
            self.running -= 1
        if self.thinks_s >= timeout_s:
            return Answer(failure=FailureMode.PLANNER_TIMEOUT)
        return self.answers[min(number, len(self.answers) - 1)]


class Bench:
    """A planner with a scripted model, and a guard that is a function."""

    def __init__(
        self,
        llm: ScriptedLlm,
        *,
        guard: Callable[[Bench, Candidate], None] | None = None,
        **parameters: object,
    ) -> None:
        self.llm = llm
        self.published: list[Candidate] = []
        self._guard = guard
        self.planner = Planner(
            config=planner_config({"model": "scripted", **parameters}),
            llm=llm,
            publish=self._publish,
        )

    def _publish(self, candidate: Candidate) -> None:
        self.published.append(candidate)
        if self._guard is not None:
            self._guard(self, candidate)

    async def until_idle(self) -> None:
        """Wait for the end of every plan."""
        while self.planner.plans_open:  # noqa: ASYNC110  # nothing else tells a plan's end
            await asyncio.sleep(0.002)

    @property
    def summary(self) -> list[tuple[int, FailureMode | None]]:
        """What was published: attempt and failure."""
        return [(candidate.attempt, candidate.failure) for candidate in self.published]


def refuse(bench: Bench, candidate: Candidate) -> None:
    """Be a guard that refuses everything."""
    bench.planner.refused(
        request_id=candidate.request_id,
        robot_id=candidate.robot_id,
        attempt=candidate.attempt,
        mode=candidate.failure or FailureMode.ITEM_MISSING,
        detail="1 x SKU-9 is not picked",
    )


def accept(bench: Bench, candidate: Candidate) -> None:
    """Be a guard that takes everything."""
    bench.planner.settled(request_id=candidate.request_id, robot_id=candidate.robot_id)


def run(main: Coroutine[object, object, None]) -> None:
    """Run a test, and let none of its plans outlive it."""
    asyncio.run(asyncio.wait_for(main, 10))


def plan_one(bench: Bench) -> None:
    """Plan one request to its end."""

    async def main() -> None:
        assert bench.planner.ask(pick_request()) is Asked.STARTED
        await bench.until_idle()

    run(main())


def test_an_answer_is_published_untouched() -> None:
    """With who planned it, which attempt it was and how long it took."""
    bench = Bench(ScriptedLlm(thinks_s=0.05), guard=accept)
    plan_one(bench)
    [candidate] = bench.published
    assert (candidate.request_id, candidate.robot_id) == ("R-1", "picker_1")
    assert (candidate.source, candidate.attempt) == ("llm:scripted", 1)
    assert (candidate.payload, candidate.failure) == (GOOD.payload, None)
    assert 50_000_000 <= candidate.planning_ns < 500_000_000


def test_a_refusal_is_told_to_the_model_and_asked_again() -> None:
    """Each attempt has a number of its own, and hears why the one before was refused."""
    bench = Bench(ScriptedLlm(), guard=refuse, attempts_max=3)
    plan_one(bench)
    assert bench.summary == [(1, None), (2, None), (3, None)]
    assert ["ITEM_MISSING: 1 x SKU-9 is not picked" in prompt for prompt in bench.llm.prompts] == [
        False,
        True,
        True,
    ]


def test_a_route_ends_the_plan() -> None:
    """Also when it comes for the second attempt."""

    def guard(bench: Bench, candidate: Candidate) -> None:
        (refuse if candidate.attempt == 1 else accept)(bench, candidate)

    bench = Bench(ScriptedLlm(), guard=guard, attempts_max=9)
    plan_one(bench)
    assert bench.summary == [(1, None), (2, None)]


@pytest.mark.parametrize("mode", sorted(set(FailureMode) - ASK_AGAIN))
def test_a_refusal_that_no_answer_could_mend_ends_the_plan(mode: FailureMode) -> None:
    """Asking a model again costs money and time."""

    def guard(bench: Bench, candidate: Candidate) -> None:
        bench.planner.refused(
            request_id=candidate.request_id,
            robot_id=candidate.robot_id,
            attempt=1,
            mode=mode,
            detail="",
        )

    bench = Bench(ScriptedLlm(), guard=guard)
    plan_one(bench)
    assert bench.summary == [(1, None)]


def test_the_modes_that_are_asked_again_are_faults_of_an_answer() -> None:
    """Spot checks on both sides of the table; of the planner's own reports, those of which the model can be told."""
    assert {FailureMode.SCHEMA, FailureMode.TRUNCATED, FailureMode.DETOUR_TOO_LONG} <= ASK_AGAIN
    assert not ASK_AGAIN & {FailureMode.LATCHED, FailureMode.STALE}
    assert ASK_AGAIN & {*PLANNER_REPORTS.values()} == {
        FailureMode.PLANNER_CUT,
        FailureMode.PLANNER_REFUSED,
        FailureMode.PLANNER_TOOL_CALL,
        FailureMode.PLANNER_LENGTH,
        FailureMode.PLANNER_EMPTY,
    }


def test_an_answer_that_was_cut_is_asked_again_with_the_reason_and_without_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The endpoint works; the guard's word on the report changes nothing."""
    monkeypatch.setattr("fallback_guard.planning.planner.RETRY_PAUSE_NS", 10**12)

    def guard(bench: Bench, candidate: Candidate) -> None:
        (refuse if candidate.failure else accept)(bench, candidate)

    cut = Answer(failure=FailureMode.PLANNER_CUT, detail="stop 2 is none of the items")
    bench = Bench(ScriptedLlm([cut, GOOD]), guard=guard)
    plan_one(bench)
    assert bench.summary == [(1, FailureMode.PLANNER_CUT), (2, None)]
    assert "PLANNER_CUT: stop 2 is none of the items" in bench.llm.prompts[1]


def test_a_failed_call_is_published_and_tried_again() -> None:
    """After a pause; what the guard says of a failure changes nothing."""

    def guard(bench: Bench, candidate: Candidate) -> None:
        (refuse if candidate.failure else accept)(bench, candidate)

    bench = Bench(ScriptedLlm([DOWN, DOWN, GOOD]), guard=guard, attempts_max=3)
    plan_one(bench)
    down = FailureMode.PLANNER_UNREACHABLE
    assert bench.summary == [(1, down), (2, down), (3, None)]
    assert bench.published[0].detail == "nobody there"
    assert "refused" not in bench.llm.prompts[2]


def test_after_the_last_failure_there_is_no_other_call() -> None:
    """Failures count as attempts."""
    bench = Bench(ScriptedLlm([DOWN]), attempts_max=2)
    plan_one(bench)
    assert bench.summary == [
        (1, FailureMode.PLANNER_UNREACHABLE),
        (2, FailureMode.PLANNER_UNREACHABLE),
    ]


def test_all_attempts_share_one_budget() -> None:
    """Attempts that each had a timeout of their own would overrun it."""
    bench = Bench(ScriptedLlm(thinks_s=0.12), guard=refuse, attempts_max=9, planning_timeout_ms=300)
    plan_one(bench)
    assert bench.summary == [(1, None), (2, None), (3, FailureMode.PLANNER_TIMEOUT)]
    first_s, second_s, third_s = bench.llm.timeouts_s
    assert first_s <= 0.3
    assert second_s <= first_s - 0.11
    assert third_s <= second_s - 0.11


def test_a_silent_model_is_a_timeout() -> None:
    """Published once, and when the budget is used up nothing else is asked."""
    bench = Bench(ScriptedLlm(thinks_s=9.0), planning_timeout_ms=100)
    plan_one(bench)
    assert bench.summary == [(1, FailureMode.PLANNER_TIMEOUT)]


def test_a_silent_guard_ends_the_plan_with_the_budget() -> None:
    """The answer was published; that nobody said a word about it is no failure of the model."""
    bench = Bench(ScriptedLlm(), planning_timeout_ms=100)
    plan_one(bench)
    assert bench.summary == [(1, None)]


@pytest.mark.parametrize(
    "word",
    [
        {"request_id": "R-2"},
        {"robot_id": "picker_2"},
        {"attempt": 0},
        {"attempt": 2},
    ],
)
def test_words_about_something_else_are_ignored(word: dict[str, object]) -> None:
    """Another guard's, another planner's, or those about an attempt that is not the last."""

    def guard(bench: Bench, candidate: Candidate) -> None:
        about: dict[str, object] = {
            "request_id": candidate.request_id,
            "robot_id": candidate.robot_id,
            "attempt": candidate.attempt,
        }
        bench.planner.refused(**{**about, **word}, mode=FailureMode.SCHEMA, detail="")  # type: ignore[arg-type]

    bench = Bench(ScriptedLlm(), guard=guard, planning_timeout_ms=100)
    plan_one(bench)
    assert bench.summary == [(1, None)]


def test_a_refusal_that_comes_twice_is_one() -> None:
    """And one that comes before the answer is none."""

    def guard(bench: Bench, candidate: Candidate) -> None:
        refuse(bench, candidate)
        refuse(bench, candidate)

    bench = Bench(ScriptedLlm(thinks_s=0.02), guard=guard, attempts_max=2)

    async def main() -> None:
        bench.planner.ask(pick_request())
        await asyncio.sleep(0.01)
        bench.planner.refused(
            request_id="R-1",
            robot_id="picker_1",
            attempt=1,
            mode=FailureMode.EMPTY,
            detail="too early",
        )
        await bench.until_idle()

    run(main())
    assert bench.summary == [(1, None), (2, None)]
    assert "too early" not in bench.llm.prompts[1]


def test_a_request_that_is_settled_stops_its_call() -> None:
    """A newer one took its place, or the standby route did; the model need not go on."""
    bench = Bench(ScriptedLlm(thinks_s=9.0))

    async def main() -> None:
        bench.planner.ask(pick_request())
        await asyncio.sleep(0.02)
        assert bench.llm.running == 1
        bench.planner.settled(request_id="R-1", robot_id="picker_1")
        await bench.until_idle()

    run(main())
    assert (bench.llm.running, bench.published) == (0, [])


def test_the_same_request_is_planned_once() -> None:
    """While it is planned and afterwards; the same id of another robot is another request."""
    bench = Bench(ScriptedLlm(), guard=accept)

    async def main() -> None:
        assert bench.planner.ask(pick_request()) is Asked.STARTED
        assert bench.planner.ask(pick_request()) is Asked.REPEATED
        await bench.until_idle()
        assert bench.planner.ask(pick_request()) is Asked.REPEATED
        assert bench.planner.ask(pick_request(robot_id="picker_2")) is Asked.STARTED
        await bench.until_idle()

    run(main())
    assert [candidate.robot_id for candidate in bench.published] == ["picker_1", "picker_2"]


@pytest.mark.parametrize(
    "request_",
    [
        pick_request(""),
        pick_request("R 1"),
        pick_request("R\ud800"),
        pick_request("R-\N{REPLACEMENT CHARACTER}"),
        pick_request("R" * 65),
        pick_request(robot_id="\0"),
        pick_request(items=0),
        pick_request(items=STOPS_MAX + 1),
        replace(pick_request(), items=(replace(ITEM, sku="SKU 9"),)),
        replace(pick_request(), items=(ITEM, replace(ITEM, sku="S" * 65))),
        replace(pick_request(), items=(replace(ITEM, bin="A-03\nB-11"),)),
    ],
    ids=repr,
)
def test_a_request_outside_the_limits_is_not_planned(request_: PickRequest) -> None:
    """The guard refuses it, and its id could not even be published."""
    bench = Bench(ScriptedLlm())

    async def main() -> None:
        assert bench.planner.ask(request_) is Asked.UNUSABLE

    run(main())
    assert (bench.planner.plans_open, bench.published) == (0, [])


@pytest.mark.parametrize("items", [1, STOPS_MAX])
def test_a_request_at_the_limits_is_planned(items: int) -> None:
    """One step inside them."""
    bench = Bench(ScriptedLlm(), guard=accept)

    async def main() -> None:
        assert bench.planner.ask(pick_request("R" * 64, items=items)) is Asked.STARTED
        await bench.until_idle()

    run(main())
    assert bench.summary == [(1, None)]


@pytest.mark.parametrize("calls", [1, 3])
def test_calls_at_a_time_are_bounded(calls: int) -> None:
    """The others wait for their turn."""
    bench = Bench(ScriptedLlm(thinks_s=0.01), guard=accept, concurrent_requests_max=calls)

    async def main() -> None:
        for number in range(8):
            bench.planner.ask(pick_request(f"R-{number}"))
        await bench.until_idle()

    run(main())
    assert len(bench.published) == 8
    assert bench.llm.running_max == calls


def test_waiting_for_a_turn_costs_budget() -> None:
    """And ends in a timeout of its own, without a call."""
    bench = Bench(ScriptedLlm(thinks_s=9.0), concurrent_requests_max=1, planning_timeout_ms=100)

    async def main() -> None:
        bench.planner.ask(pick_request("R-1"))
        bench.planner.ask(pick_request("R-2"))
        await bench.until_idle()

    run(main())
    assert bench.summary == [(1, FailureMode.PLANNER_TIMEOUT)] * 2
    assert len(bench.llm.prompts) <= 2


def test_open_plans_are_bounded() -> None:
    """One too many is answered at once with a failure, so that nobody waits for it."""
    bench = Bench(ScriptedLlm(thinks_s=9.0))

    async def main() -> None:
        asked = [
            bench.planner.ask(pick_request(f"R-{number}")) for number in range(PLANS_OPEN_MAX + 1)
        ]
        assert asked == [Asked.STARTED] * PLANS_OPEN_MAX + [Asked.OVERLOADED]
        assert bench.planner.plans_open == PLANS_OPEN_MAX
        await bench.planner.close()

    run(main())
    assert bench.summary == [(1, FailureMode.PLANNER_TIMEOUT)]
    assert bench.published[0].request_id == f"R-{PLANS_OPEN_MAX}"


def test_what_is_remembered_is_bounded() -> None:
    """The oldest request is forgotten first."""
    bench = Bench(ScriptedLlm(), guard=accept, concurrent_requests_max=64)

    async def main() -> None:
        for number in range(PLANS_REMEMBERED_MAX + 1):
            assert bench.planner.ask(pick_request(f"R-{number}")) is Asked.STARTED
            if bench.planner.plans_open == PLANS_OPEN_MAX:
                await bench.until_idle()
        await bench.until_idle()
        assert bench.planner.ask(pick_request("R-1")) is Asked.REPEATED
        assert bench.planner.ask(pick_request("R-0")) is Asked.STARTED
        await bench.until_idle()

    run(main())


def test_a_closed_planner_is_silent() -> None:
    """It ends its calls, publishes nothing more and takes nothing new."""
    bench = Bench(ScriptedLlm(thinks_s=9.0))

    async def main() -> None:
        bench.planner.ask(pick_request())
        await asyncio.sleep(0.02)
        await bench.planner.close()
        assert bench.planner.ask(pick_request("R-2")) is Asked.CLOSED
        await bench.planner.close()

    run(main())
    assert (bench.llm.running, bench.planner.plans_open, bench.published) == (0, 0, [])


def test_the_clock_is_the_one_that_was_given() -> None:
    """So that a budget ends when that clock says so."""
    now_ns = 10**18

    def guard(bench: Bench, candidate: Candidate) -> None:
        nonlocal now_ns
        now_ns += 5_000_000_000
        refuse(bench, candidate)

    bench = Bench(ScriptedLlm(), guard=guard)
    bench.planner = Planner(
        config=planner_config({"planning_timeout_ms": 5_000}),
        llm=bench.llm,
        publish=lambda candidate: bench._publish(candidate),  # noqa: PLW0108  # `guard` looks it up anew
        monotonic_ns=lambda: now_ns,
    )
    plan_one(bench)
    assert bench.summary == [(1, None)]
