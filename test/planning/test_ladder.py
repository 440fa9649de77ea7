# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The planner on a ladder, as timelines: whom it asks, when, within which budget, and what it says of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

import virtual_time
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.units import NS_PER_S
from fallback_guard.planning.breaker import BreakerState, Cause
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.ladder import Ladder, Rung
from fallback_guard.planning.latency import SAMPLES_MIN
from fallback_guard.planning.llm import Answer, Usage
from fallback_guard.planning.methods import Brief
from fallback_guard.planning.planner import Candidate, Planner
from fallback_guard.planning.rungs import ladder_config

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fallback_guard.planning.breaker import Transition
    from fallback_guard.planning.llm import Question

GOOD: Final = Answer(payload=b'{"version": 1}')
METERED: Final = Answer(payload=b"{}", usage=Usage(prompt_tokens=300, completion_tokens=100))
DOWN: Final = Answer(failure=FailureMode.PLANNER_UNREACHABLE, detail="nobody there")
OPEN: Final = FailureMode.PLANNER_BREAKER_OPEN
TIMEOUT: Final = FailureMode.PLANNER_TIMEOUT
UNREACHABLE: Final = FailureMode.PLANNER_UNREACHABLE
FOR_EVER_S: Final = 1e6


@dataclass
class Model:
    """Gives its answer after some time, or a timeout; both may be changed on the way."""

    answer_is: Answer = GOOD
    takes_s: float = 0.1
    asked_at_s: list[float] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    cancelled: int = 0

    async def answer(self, question: Question, timeout_s: float) -> Answer:
        self.asked_at_s.append(now_s())
        self.timeouts_s.append(round(timeout_s, 6))
        self.prompts.append(question.messages[-1].content)
        try:
            await asyncio.sleep(min(self.takes_s, timeout_s))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.takes_s > timeout_s:
            return Answer(failure=TIMEOUT)
        return self.answer_is


def now_s() -> float:
    return round(asyncio.get_running_loop().time() - virtual_time.START_S, 6)


def pick_request(number: int) -> PickRequest:
    item = PickItem(bin="A-03", sku="SKU-9", quantity=2)
    return PickRequest(
        request_id=f"R-{number}", robot_id="picker_1", start_node=1, goal_node=3, items=(item,)
    )


class Bench:
    """A planner on a ladder of `first` and `second`, and a guard that is a function."""

    def __init__(
        self,
        *models: Model,
        guard: Callable[[Bench, Candidate], None] | None = None,
        **parameters: object,
    ) -> None:
        names = ("first", "second", "third")[: len(models)]
        given: dict[str, object] = {f"{name}.model": name for name in names}
        given |= {f"{name}.attempts_max": 1 for name in names}
        given |= {key.replace("__", "."): value for key, value in parameters.items() if "__" in key}
        flat = {key: value for key, value in parameters.items() if "__" not in key}
        self.config = planner_config({"planning_timeout_ms": 4_000} | flat)
        self.models = models
        self.published: list[Candidate] = []
        self.at_s: list[float] = []
        self.transitions: list[tuple[str, BreakerState, Cause]] = []
        self.ladder = Ladder(
            tuple(zip(ladder_config(self.config, names, given), models, strict=True)),
            monotonic_ns=virtual_time.now_ns,
            on_transition=self._moved,
        )
        self._guard = guard
        self._numbers = 0
        self.planner = Planner(
            config=self.config,
            llm=self.ladder,
            publish=self._publish,
            monotonic_ns=virtual_time.now_ns,
        )

    def _publish(self, candidate: Candidate) -> None:
        self.published.append(candidate)
        self.at_s.append(now_s())
        if self._guard is not None:
            self._guard(self, candidate)

    def _moved(self, rung: Rung, transition: Transition) -> None:
        self.transitions.append((rung.config.name, transition.after, transition.cause))

    async def plan(self, times: int = 1, *, apart_s: float = 0.0) -> None:
        """Plan requests one after the other, each to its end."""
        for _ in range(times):
            self._numbers += 1
            self.planner.ask(pick_request(self._numbers))
            while self.planner.plans_open:  # noqa: ASYNC110  # nothing else tells a plan's end
                await asyncio.sleep(0.01)
            await asyncio.sleep(apart_s)

    @property
    def summary(self) -> list[tuple[int, str, FailureMode | None]]:
        """What was published: attempt, source and failure."""
        return [
            (candidate.attempt, candidate.source, candidate.failure) for candidate in self.published
        ]

    def tally(self, at: int) -> tuple[int, int, int, int]:
        """What a rung was asked: calls, of these hedges, probes; and what it was spared."""
        tally = self.ladder.rungs[at].tally
        return tally.calls, tally.hedges, tally.probes, tally.avoided


def accept(bench: Bench, candidate: Candidate) -> None:
    """Be a guard that takes everything."""
    if candidate.failure is None:
        bench.planner.settled(request_id=candidate.request_id, robot_id=candidate.robot_id)


def refuse_from(*sources: str) -> Callable[[Bench, Candidate], None]:
    """Return a guard that refuses what these planned, and takes the rest."""

    def guard(bench: Bench, candidate: Candidate) -> None:
        if candidate.source in sources and candidate.failure is None:
            bench.planner.refused(
                request_id=candidate.request_id,
                robot_id=candidate.robot_id,
                attempt=candidate.attempt,
                mode=FailureMode.ITEM_MISSING,
                detail="1 x SKU-9 is not picked",
            )
        else:
            accept(bench, candidate)

    return guard


def run(bench: Bench, main: Callable[[], Coroutine[object, object, None]] | None = None) -> None:
    """Run a timeline, by default one request, and let nothing outlive it."""

    async def whole() -> None:
        await (bench.plan() if main is None else main())
        await bench.planner.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual_time.run(whole())


# From rung to rung.


def test_the_first_model_answers_and_nobody_else_is_asked() -> None:
    bench = Bench(Model(), Model(), guard=accept)
    run(bench)
    assert bench.summary == [(1, "llm:first", None)]
    assert bench.models[1].asked_at_s == []


def test_where_the_first_is_down_the_second_answers_at_once() -> None:
    """Each failure is a candidate of its own; another model need not wait for the pause."""
    bench = Bench(Model(DOWN, 0.01), Model(), guard=accept)
    run(bench)
    assert bench.summary == [(1, "llm:first", UNREACHABLE), (2, "llm:second", None)]
    assert bench.models[1].asked_at_s == [0.01]
    assert bench.published[1].planning_ns == 100_000_000


def test_where_the_first_hangs_its_budget_ends_and_the_second_answers() -> None:
    bench = Bench(Model(takes_s=FOR_EVER_S), Model(), guard=accept, first__budget_ms=2_500)
    run(bench)
    assert bench.summary == [(1, "llm:first", TIMEOUT), (2, "llm:second", None)]
    assert (bench.models[0].timeouts_s, bench.models[1].timeouts_s) == ([2.5], [1.5])
    assert bench.at_s == [2.5, 2.6]


def test_what_a_rung_leaves_of_its_time_goes_to_the_next() -> None:
    bench = Bench(Model(DOWN, 0.25), Model(takes_s=FOR_EVER_S), Model(), first__budget_ms=2_000)
    run(bench)
    assert [model.timeouts_s for model in bench.models] == [[2.0], [2.75], [1.0]]


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_no_retry_stretches_the_deadline(attempts: int) -> None:
    """However often each is asked, and whatever comes: at the end of the budget it is over."""
    bench = Bench(
        Model(takes_s=FOR_EVER_S),
        Model(DOWN, 0.3),
        Model(takes_s=FOR_EVER_S),
        first__attempts_max=attempts,
        second__attempts_max=attempts,
        third__attempts_max=attempts,
        third__budget_ms=500,
    )

    async def main() -> None:
        await bench.plan()
        assert now_s() <= 4.02

    run(bench, main)
    assert bench.at_s[-1] == 4.0
    assert bench.summary[-1][1:] == ("llm:third", TIMEOUT)
    assert sum(failure is UNREACHABLE for _, _, failure in bench.summary) == min(attempts, 3)


def test_a_plan_that_began_late_ends_on_time_all_the_same() -> None:
    """Its task had to wait, and the rungs' budgets together are longer than what is left."""
    model = Model(takes_s=FOR_EVER_S)
    bench = Bench(model)

    async def main() -> None:
        brief = Brief(request=pick_request(1))
        climb = bench.ladder.climb(virtual_time.now_ns() + NS_PER_S)
        assert climb.next(brief) is bench.ladder.rungs[0]
        assert (await climb.ask(brief)).answer.failure is TIMEOUT
        assert climb.next(brief) is None

    run(bench, main)
    assert model.timeouts_s == [1.0]


def test_a_refused_answer_is_asked_again_and_then_the_next_model_is() -> None:
    bench = Bench(Model(), Model(), guard=refuse_from("llm:first"), first__attempts_max=2)
    run(bench)
    assert bench.summary == [
        (1, "llm:first", None),
        (2, "llm:first", None),
        (3, "llm:second", None),
    ]
    assert "1 x SKU-9 is not picked" in bench.models[1].prompts[0]
    assert bench.ladder.rungs[0].tally.refusals == 2


def test_the_last_rung_is_the_end() -> None:
    bench = Bench(Model(DOWN), Model(DOWN))
    run(bench)
    assert [failure for _, _, failure in bench.summary] == [UNREACHABLE, UNREACHABLE]


def test_a_model_that_is_busy_is_waited_for_within_its_budget_alone() -> None:
    bench = Bench(
        Model(takes_s=FOR_EVER_S),
        Model(),
        guard=accept,
        concurrent_requests_max=1,
        first__budget_ms=1_000,
        first__breaker_failures_min=1,
    )

    async def main() -> None:
        await asyncio.gather(bench.plan(), bench.plan())

    run(bench, main)
    assert sorted(bench.summary) == [
        (1, "llm:first", TIMEOUT),
        (1, "llm:first", TIMEOUT),
        (2, "llm:second", None),
        (2, "llm:second", None),
    ]
    assert bench.at_s[:2] == [1.0, 1.0]
    assert bench.tally(0)[0] == 1, "the other request never got a turn"


# The breaker.


def test_an_open_breaker_costs_no_call_and_no_time() -> None:
    bench = Bench(Model(takes_s=FOR_EVER_S), Model(), guard=accept, first__breaker_failures_min=2)

    async def main() -> None:
        await bench.plan(2)
        assert bench.transitions == [("first", BreakerState.OPEN, Cause.TOO_MANY_FAILURES)]
        began_s = now_s()
        await bench.plan(3)
        assert now_s() - began_s < 0.4

    run(bench, main)
    assert bench.summary[-3:] == [(1, "llm:second", None)] * 3
    assert (bench.tally(0), bench.tally(1)) == ((2, 0, 0, 3), (5, 0, 0, 0))


def test_where_every_model_is_left_alone_the_candidate_says_so_at_once() -> None:
    bench = Bench(
        Model(DOWN, 0.01),
        Model(DOWN, 0.01),
        first__breaker_failures_min=1,
        second__breaker_failures_min=1,
    )

    async def main() -> None:
        await bench.plan()
        began_s = now_s()
        await bench.plan()
        assert bench.at_s[-1] == began_s

    run(bench, main)
    assert bench.summary[-1] == (1, "llm:first", OPEN)
    assert "/diagnostics" in bench.published[-1].detail


def test_a_refusal_of_the_guard_opens_it_as_a_failure_does() -> None:
    bench = Bench(Model(), Model(), guard=refuse_from("llm:first"), first__breaker_failures_min=3)

    async def main() -> None:
        await bench.plan(4)

    run(bench, main)
    assert bench.transitions == [("first", BreakerState.OPEN, Cause.TOO_MANY_FAILURES)]
    assert bench.tally(0) == (3, 0, 0, 1)


def test_a_refusal_that_is_not_the_model_s_fault_opens_nothing() -> None:
    def guard(bench: Bench, candidate: Candidate) -> None:
        bench.planner.refused(
            request_id=candidate.request_id,
            robot_id=candidate.robot_id,
            attempt=candidate.attempt,
            mode=FailureMode.STALE,
            detail="",
        )

    bench = Bench(Model(), guard=guard, first__breaker_failures_min=1)

    async def main() -> None:
        await bench.plan(3)

    run(bench, main)
    assert bench.transitions == []


def test_a_call_that_had_too_little_time_is_no_fault_of_the_model() -> None:
    """What the attempt before has left is not enough for it; it is as quick as ever."""
    bench = Bench(
        Model(takes_s=0.7),
        guard=refuse_from("llm:first"),
        first__attempts_max=2,
        first__breaker_failures_min=2,
        planning_timeout_ms=1_000,
    )
    run(bench)
    assert bench.summary == [(1, "llm:first", None), (2, "llm:first", TIMEOUT)]
    assert bench.transitions == []


def test_probes_go_in_the_shadow_of_the_next_model() -> None:
    """They delay nothing, nobody hears of their answers, and enough of them bring the first one back."""
    first = Model(DOWN, 0.01)
    bench = Bench(
        first,
        Model(),
        guard=accept,
        first__breaker_failures_min=1,
        first__rest_ms_min=10_000,
        first__probes_min=2,
    )

    async def main() -> None:
        await bench.plan()
        await asyncio.sleep(10.0)
        first.answer_is, first.takes_s = GOOD, 1.5
        began_s = now_s()
        await bench.plan(apart_s=3.0)
        assert bench.at_s[-1] == round(began_s + 0.1, 6)
        assert bench.tally(0) == (1, 0, 1, 0)
        await bench.plan(apart_s=3.0)
        await bench.plan()

    run(bench, main)
    assert [cause for _, _, cause in bench.transitions] == [
        Cause.TOO_MANY_FAILURES,
        Cause.RESTED,
        Cause.PROBES_PASSED,
    ]
    sources = [source for _, source, failure in bench.summary if failure is None]
    assert sources == ["llm:second"] * 3 + ["llm:first"]
    assert bench.tally(0) == (2, 0, 2, 0)


def test_a_model_that_is_not_reached_is_probed_all_the_same() -> None:
    """When the first one fails it is too late to find out whether the second is well again."""
    first, second = Model(DOWN, 0.01), Model(DOWN, 0.01)
    bench = Bench(
        first,
        second,
        guard=accept,
        first__breaker=False,
        second__breaker_failures_min=1,
        second__rest_ms_min=10_000,
        second__probes_min=1,
    )

    async def main() -> None:
        await bench.plan(apart_s=10.0)
        first.answer_is = second.answer_is = GOOD
        await bench.plan(apart_s=1.0)
        first.answer_is = DOWN
        await bench.plan()

    run(bench, main)
    assert bench.summary[-1] == (2, "llm:second", None)
    assert (bench.tally(1), second.cancelled) == ((2, 0, 1, 0), 0)


def test_one_probe_at_a_time_and_one_that_hangs_fails() -> None:
    first = Model(DOWN, 0.01)
    bench = Bench(first, guard=accept, first__breaker_failures_min=1, first__rest_ms_min=10_000)

    async def main() -> None:
        await bench.plan()
        first.answer_is, first.takes_s = GOOD, FOR_EVER_S
        await asyncio.sleep(10.0)
        await bench.plan(5)
        assert bench.tally(0) == (1, 0, 1, 4)
        await asyncio.sleep(5.0)
        assert bench.transitions[-1] == ("first", BreakerState.OPEN, Cause.PROBE_FAILED)
        assert first.timeouts_s[-1] == 3.6, "what counts as slow, nine tenths of its budget"
        assert bench.ladder.standings()[0].rest_left_ns > 15e9

    run(bench, main)
    assert bench.summary[1:] == [(1, "llm:first", OPEN)] * 5


class Dawdler(Model):
    """Takes longer than it was given, which its protocol forbids."""

    async def answer(self, question: Question, timeout_s: float) -> Answer:
        del timeout_s
        return await super().answer(question, FOR_EVER_S)


def test_a_probe_that_comes_too_late_has_failed() -> None:
    first = Dawdler(takes_s=0.0)
    bench = Bench(
        first,
        guard=refuse_from("llm:first"),
        first__breaker_failures_min=1,
        first__rest_ms_min=10_000,
        first__latency_p95_ms_max=1_000,
    )

    async def main() -> None:
        await bench.plan(apart_s=10.0)
        first.takes_s = 1.001
        await bench.plan(apart_s=2.0)

    run(bench, main)
    assert bench.transitions[-1] == ("first", BreakerState.OPEN, Cause.PROBE_FAILED)


def test_closing_ends_a_probe() -> None:
    first = Model(DOWN, 0.01)
    bench = Bench(
        first, Model(), guard=accept, first__breaker_failures_min=1, first__rest_ms_min=10_000
    )

    async def main() -> None:
        await bench.plan()
        first.takes_s = FOR_EVER_S
        await asyncio.sleep(10.0)
        await bench.plan()
        assert first.cancelled == 0

    run(bench, main)
    assert first.cancelled == 1
    assert bench.ladder.rungs[0].permit().value == "probe"


def test_a_model_without_a_breaker_is_asked_for_ever() -> None:
    bench = Bench(Model(DOWN, 0.01), first__breaker=False)

    async def main() -> None:
        await bench.plan(50)

    run(bench, main)
    assert (bench.tally(0), bench.transitions) == ((50, 0, 0, 0), [])


def test_the_pause_before_the_same_model_grows_with_its_own_failures() -> None:
    bench = Bench(Model(DOWN, 0.0), Model(DOWN, 0.0), second__attempts_max=3)
    run(bench)
    assert bench.models[1].asked_at_s == [0.0, 0.1, 0.3]


# Hedging.


def hedged(**parameters: object) -> tuple[Bench, Model, Model]:
    first, second = Model(takes_s=0.2), Model(takes_s=0.1)
    bench = Bench(first, second, guard=accept, first__hedge=True, **parameters)
    return bench, first, second


def test_a_call_that_is_unusually_slow_is_asked_again_elsewhere() -> None:
    bench, first, second = hedged()

    async def main() -> None:
        await bench.plan(SAMPLES_MIN)
        first.takes_s = 1.5
        began_s = now_s()
        await bench.plan()
        assert bench.at_s[-1] - began_s == pytest.approx(0.3, rel=0.02)

    run(bench, main)
    assert bench.summary[-1] == (1, "llm:second", None)
    assert (first.cancelled, second.cancelled) == (1, 0)
    assert (bench.tally(0), bench.tally(1)) == ((SAMPLES_MIN + 1, 0, 0, 0), (1, 1, 0, 0))
    assert bench.ladder.rungs[1].tally.hedges_won == 1


@pytest.mark.parametrize("samples", [SAMPLES_MIN - 1, SAMPLES_MIN])
def test_nothing_is_unusual_before_it_is_known_what_is_usual(samples: int) -> None:
    bench, first, second = hedged()

    async def main() -> None:
        await bench.plan(samples)
        first.takes_s = 0.9
        await bench.plan()

    run(bench, main)
    assert len(second.asked_at_s) == (samples >= SAMPLES_MIN)


def test_where_the_first_is_quicker_after_all_the_second_is_cancelled() -> None:
    bench, first, second = hedged()

    async def main() -> None:
        await bench.plan(SAMPLES_MIN)
        first.takes_s = 0.25
        await bench.plan()

    run(bench, main)
    assert bench.summary[-1] == (1, "llm:first", None)
    assert second.cancelled == 1
    assert bench.ladder.rungs[1].tally.hedges_won == 0


def test_how_long_the_first_took_at_least_is_remembered() -> None:
    """Else the calls that hedges cut short would leave only the quick ones, and ever more would be unusual."""
    bench, first, _ = hedged()

    async def main() -> None:
        await bench.plan(SAMPLES_MIN)
        first.takes_s = 1.5
        await bench.plan(2)
        latency = bench.ladder.rungs[0]._breaker._latency
        assert latency.samples(virtual_time.now_ns()) == SAMPLES_MIN + 2
        assert latency._present.get_quantile_value(1.0) == pytest.approx(0.3, rel=0.02)

    run(bench, main)


def test_a_model_that_became_slow_for_good_is_not_asked_twice_for_good() -> None:
    """What is usual follows, and meanwhile one call in ten is hedged, beside the two that were saved up."""
    bench, first, _ = hedged()

    async def main() -> None:
        await bench.plan(SAMPLES_MIN)
        first.takes_s = 1.5
        await bench.plan(200)

    run(bench, main)
    assert bench.tally(1)[1] <= 2 + 200 // 10


@pytest.mark.parametrize("why", ["open", "busy", "used up", "last"])
def test_where_the_next_model_is_not_to_be_had_nothing_is_hedged(why: str) -> None:
    bench, first, second = hedged(concurrent_requests_max=1, second__breaker_failures_min=1)
    if why == "last":
        bench = Bench(first, guard=accept, first__hedge=True)

    async def main() -> None:
        await bench.plan(SAMPLES_MIN)
        if why == "open":
            rung = bench.ladder.rungs[1]
            rung._breaker.failed(virtual_time.now_ns(), virtual_time.now_ns(), timed_out=False)
        if why == "busy":
            await bench.ladder.rungs[1]._slots.acquire()
        if why == "used up":
            first.takes_s = 0.25
            await bench.plan(2)
        first.takes_s = 0.9
        await bench.plan()

    run(bench, main)
    assert bench.summary[-1] == (1, "llm:first", None)
    hedges = 2 if why == "used up" else 0
    assert (len(second.asked_at_s), sum(rung.tally.hedges for rung in bench.ladder.rungs)) == (
        hedges,
        hedges,
    )


def test_a_hedge_is_one_of_the_next_model_s_attempts() -> None:
    """Both fail: what is told is the first one's failure, and the second has no attempt left."""
    bench, first, second = hedged()

    async def main() -> None:
        await bench.plan(SAMPLES_MIN)
        first.answer_is, first.takes_s = DOWN, 0.5
        second.answer_is = DOWN
        await bench.plan()

    run(bench, main)
    assert bench.summary[SAMPLES_MIN:] == [(1, "llm:first", UNREACHABLE)]
    assert len(second.asked_at_s) == 1
    assert [rung.tally.failures for rung in bench.ladder.rungs] == [1, 1]


def test_a_request_that_is_settled_ends_both_calls() -> None:
    bench, first, second = hedged()

    async def main() -> None:
        await bench.plan(SAMPLES_MIN)
        first.takes_s = second.takes_s = FOR_EVER_S
        planning = asyncio.get_running_loop().create_task(bench.plan())
        await asyncio.sleep(0.5)
        bench.planner.settled(request_id=f"R-{SAMPLES_MIN + 1}", robot_id="picker_1")
        await planning

    run(bench, main)
    assert (first.cancelled, second.cancelled) == (1, 1)
    assert len(bench.published) == SAMPLES_MIN


# What it costs.


def test_money_is_spent_by_the_price_table_and_saved_by_what_was_not_asked() -> None:
    first = Model(METERED)
    bench = Bench(
        first,
        Model(METERED),
        guard=accept,
        first__price_prompt=10.0,
        first__price_completion=20.0,
        first__breaker_failures_min=1,
        first__breaker_failure_share=0.05,
    )

    async def main() -> None:
        await bench.plan(4)
        first.answer_is = DOWN
        await bench.plan(3)

    run(bench, main)
    standing, other = bench.ladder.standings()
    assert (standing.tally.calls, standing.tally.failures, standing.tally.avoided) == (5, 1, 2)
    assert (standing.tally.prompt_tokens, standing.tally.completion_tokens) == (1_200, 400)
    assert standing.tally.spent(standing.price) == pytest.approx((1_200 * 10 + 400 * 20) / 1e6)
    assert standing.tally.tokens_saved_estimate == 2 * 400
    assert standing.tally.saved_estimate(standing.price) == pytest.approx(
        2 * (300 * 10 + 100 * 20) / 1e6
    )
    assert other.tally.spent(other.price) == 0.0
    assert other.tally.tokens_saved_estimate == 0
    assert other.tally.saved_estimate(other.price) == 0.0


def test_what_no_endpoint_metered_is_no_estimate() -> None:
    bench = Bench(Model(DOWN), first__breaker_failures_min=1, first__price_prompt=1.0)

    async def main() -> None:
        await bench.plan(5)

    run(bench, main)
    (standing,) = bench.ladder.standings()
    assert standing.tally.avoided == 4
    assert (
        standing.tally.spent(standing.price),
        standing.tally.saved_estimate(standing.price),
        standing.tally.tokens_saved_estimate,
    ) == (
        0.0,
        0.0,
        0,
    )


def test_probes_cost_as_well() -> None:
    first = Model(DOWN, 0.01)
    bench = Bench(first, Model(), guard=accept, first__breaker_failures_min=1)

    async def main() -> None:
        await bench.plan(apart_s=10.0)
        first.answer_is = METERED
        await bench.plan(apart_s=1.0)

    run(bench, main)
    assert bench.ladder.standings()[0].tally.prompt_tokens == 300
