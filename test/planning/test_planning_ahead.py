# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Plans made before they are needed: kept until the route falls due, and made anew when the guard drops it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import pytest

import virtual_time
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import CANDIDATES_PER_REQUEST_MAX
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.llm import Answer
from fallback_guard.planning.planner import KEPT_NS, PLANS_OPEN_MAX, REPLANS_MAX, Asked, Planner

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fallback_guard.planning.llm import Question
    from fallback_guard.planning.planner import Candidate

BUDGET_S: Final = 5.0
THINKS_S: Final = 2.0
CLOSED: Final = FailureMode.EDGE_CLOSED
REQUEST: Final = PickRequest(
    request_id="R-1",
    robot_id="picker_1",
    start_node=1,
    goal_node=3,
    items=(PickItem(bin="A-03", sku="SKU-9", quantity=2),),
    on_due=True,
)


@dataclass
class Model:
    """Answers well, after a while."""

    thinks_s: float
    timeouts_s: list[float] = field(default_factory=list)

    async def answer(self, question: Question, timeout_s: float) -> Answer:
        assert question.messages
        self.timeouts_s.append(round(timeout_s, 3))
        await asyncio.sleep(min(self.thinks_s, timeout_s))
        if timeout_s <= self.thinks_s:
            return Answer(failure=FailureMode.PLANNER_TIMEOUT)
        return Answer(payload=b"{}")


class Bench:
    """A planner, and what it published when."""

    def __init__(self, *, attempts_max: int = 3, thinks_s: float = THINKS_S) -> None:
        self.model = Model(thinks_s)
        self.published: list[Candidate] = []
        self.planner = Planner(
            config=planner_config(
                {"planning_timeout_ms": int(BUDGET_S * 1_000), "attempts_max": attempts_max}
            ),
            llm=self.model,
            publish=self.published.append,
            monotonic_ns=virtual_time.now_ns,
        )

    @property
    def attempts(self) -> list[int]:
        return [candidate.attempt for candidate in self.published]

    def drop(self, mode: FailureMode = CLOSED) -> None:
        """Be a guard that judged the last answer again, and drops it."""
        self.planner.refused(
            request_id=REQUEST.request_id,
            robot_id=REQUEST.robot_id,
            attempt=self.published[-1].attempt,
            mode=mode,
            detail="edge 12 is closed",
        )

    def fall_due(self) -> None:
        """Be a guard that had no route."""
        self.planner.fell_due(request_id=REQUEST.request_id, robot_id=REQUEST.robot_id)


def run(main: Coroutine[object, object, None]) -> None:
    virtual_time.run(main)


def test_a_route_that_is_dropped_long_after_its_budget_is_planned_anew() -> None:
    """The map changes while the robot drives its leg before."""
    bench = Bench()

    async def main() -> None:
        bench.planner.ask(REQUEST)
        await asyncio.sleep(60.0)
        assert (bench.attempts, bench.planner.plans_open) == ([1], 1)
        bench.drop()
        await asyncio.sleep(THINKS_S + 0.1)
        assert bench.attempts == [1, 2]
        await bench.planner.close()

    run(main())
    assert bench.model.timeouts_s == [BUDGET_S, BUDGET_S]


def test_a_request_that_is_due_at_once_is_kept_no_longer_than_its_budget() -> None:
    """Nothing of it is staged, so nothing can be dropped."""
    bench = Bench()

    async def main() -> None:
        bench.planner.ask(replace(REQUEST, on_due=False))
        await asyncio.sleep(BUDGET_S - 0.1)
        assert bench.planner.plans_open == 1
        await asyncio.sleep(0.2)
        assert bench.planner.plans_open == 0
        bench.drop()
        await asyncio.sleep(10.0)

    run(main())
    assert bench.attempts == [1]


def test_once_it_fell_due_without_a_route_only_the_budget_is_left() -> None:
    """What comes later is of no use to a robot that has its standby route."""
    bench = Bench()

    async def main() -> None:
        bench.planner.ask(REQUEST)
        await asyncio.sleep(60.0)
        bench.fall_due()
        await asyncio.sleep(0.01)
        assert bench.planner.plans_open == 0

        bench.planner.ask(replace(REQUEST, request_id="R-2"))
        await asyncio.sleep(THINKS_S + 0.1)
        bench.planner.fell_due(request_id="R-2", robot_id=REQUEST.robot_id)
        await asyncio.sleep(0.01)
        assert bench.planner.plans_open == 1, "its recovery may still use an answer"
        await asyncio.sleep(BUDGET_S)
        assert bench.planner.plans_open == 0

    run(main())


def test_a_route_is_planned_anew_a_bounded_number_of_times() -> None:
    """A map that changes for ever costs no more than this."""
    bench = Bench()

    async def main() -> None:
        bench.planner.ask(REQUEST)
        for _ in range(3 * REPLANS_MAX):
            await asyncio.sleep(BUDGET_S + THINKS_S + 0.1)
            bench.drop()
        await asyncio.sleep(BUDGET_S + THINKS_S)
        assert bench.planner.plans_open == 0

    run(main())
    assert bench.attempts == list(range(1, REPLANS_MAX + 2))


def test_no_more_answers_are_given_than_the_guard_looks_at() -> None:
    """Refused as often as that within its budget, and dropped after it."""
    bench = Bench(attempts_max=CANDIDATES_PER_REQUEST_MAX, thinks_s=0.2)

    async def main() -> None:
        bench.planner.ask(REQUEST)
        for _ in range(200):
            await asyncio.sleep(0.25)
            bench.drop()
        assert bench.planner.plans_open == 0

    run(main())
    assert bench.attempts == list(range(1, CANDIDATES_PER_REQUEST_MAX + 1))


@pytest.mark.parametrize("kept", [True, False])
def test_a_plan_is_kept_for_a_bounded_time(*, kept: bool) -> None:
    """A robot that never says that it needs its route is forgotten."""
    bench = Bench()

    async def main() -> None:
        bench.planner.ask(REQUEST)
        await asyncio.sleep(BUDGET_S + KEPT_NS / 1e9 + (-0.5 if kept else 0.5))
        assert bench.planner.plans_open == kept
        await bench.planner.close()

    run(main())


def test_plans_that_are_merely_kept_make_room() -> None:
    """The oldest of them goes first; one that waits for its model never does."""
    bench = Bench()

    async def main() -> None:
        for number in range(PLANS_OPEN_MAX):
            bench.planner.ask(replace(REQUEST, request_id=f"K-{number}"))
            await asyncio.sleep(BUDGET_S + 0.1)
        assert bench.planner.plans_open == PLANS_OPEN_MAX
        for number in range(PLANS_OPEN_MAX):
            assert bench.planner.ask(replace(REQUEST, request_id=f"L-{number}")) is Asked.STARTED
            assert bench.planner.plans_open == PLANS_OPEN_MAX
        assert bench.planner.ask(REQUEST) is Asked.OVERLOADED
        await bench.planner.close()

    run(main())


def test_what_another_answer_cannot_mend_ends_it_also_after_the_budget() -> None:
    """A guard that knows no such request any more will not know it better."""
    bench = Bench()

    async def main() -> None:
        bench.planner.ask(REQUEST)
        await asyncio.sleep(60.0)
        bench.drop(FailureMode.UNKNOWN_REQUEST)
        await asyncio.sleep(10.0)
        assert bench.planner.plans_open == 0

    run(main())
    assert bench.attempts == [1]
