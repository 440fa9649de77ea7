# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A second call: when, how often, and who wins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

import virtual_time
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.hedge import (
    CALLS_PER_HEDGE,
    HEDGES_SAVED_MAX,
    Called,
    HedgeBudget,
    Raced,
    race,
)
from fallback_guard.planning.llm import Answer

if TYPE_CHECKING:
    from collections.abc import Coroutine

FIRST: Final = Answer(payload=b"first")
SECOND: Final = Answer(payload=b"second")
DOWN: Final = Answer(failure=FailureMode.PLANNER_UNREACHABLE)
SLOW: Final = Answer(failure=FailureMode.PLANNER_TIMEOUT)


@pytest.mark.parametrize(
    ("calls", "hedges"),
    [
        (CALLS_PER_HEDGE - 1, 0),
        (CALLS_PER_HEDGE, 1),
        (CALLS_PER_HEDGE + 1, 1),
        (1_000 * CALLS_PER_HEDGE, HEDGES_SAVED_MAX),
    ],
)
def test_hedges_are_earned_by_calls(calls: int, hedges: int) -> None:
    budget = HedgeBudget()
    for _ in range(calls):
        budget.earn()
    assert [budget.spend() for _ in range(hedges + 1)] == [True] * hedges + [False]


def test_of_calls_that_are_all_slow_one_in_ten_is_asked_twice() -> None:
    budget, hedges = HedgeBudget(), 0
    for _ in range(1_000):
        budget.earn()
        hedges += budget.spend()
    assert hedges == 1_000 // CALLS_PER_HEDGE


@dataclass
class Race:
    """Two calls with their times, and what became of them."""

    first: tuple[float, Answer]
    second: tuple[float, Answer] | None
    after_s: float = 1.0
    asked_at_s: list[float] = field(default_factory=list)
    let_go: list[asyncio.Task[Called]] = field(default_factory=list)
    ended_s: float = 0.0
    raced: Raced | None = None

    async def call(self, took_s: float, answer: Answer) -> Called:
        self.asked_at_s.append(self.now_s())
        await asyncio.sleep(took_s)
        return Called(answer=answer, began_ns=1)

    def now_s(self) -> float:
        return round(asyncio.get_running_loop().time() - virtual_time.START_S, 6)

    def hedge(self) -> Coroutine[object, object, Called] | None:
        return None if self.second is None else self.call(*self.second)

    async def go(self) -> None:
        self.raced = await race(
            self.call(*self.first), self.hedge, self.after_s, self.let_go.append
        )
        self.ended_s = self.now_s()
        await asyncio.sleep(0)

    def run(self) -> Race:
        virtual_time.run(self.go())
        return self


def test_a_call_that_is_quick_is_asked_once() -> None:
    done = Race(first=(0.9, FIRST), second=(0.1, SECOND)).run()
    assert done.raced == Raced(called=Called(answer=FIRST, began_ns=1))
    assert (done.asked_at_s, done.ended_s, done.let_go) == ([0.0], 0.9, [])


def test_a_call_that_fails_in_time_is_not_hedged() -> None:
    """That is the next attempt's business."""
    done = Race(first=(0.9, DOWN), second=(0.1, SECOND)).run()
    assert done.raced == Raced(called=Called(answer=DOWN, began_ns=1))
    assert done.asked_at_s == [0.0]


@pytest.mark.parametrize(
    ("first", "second", "winner", "ended_s"),
    [
        ((9.0, FIRST), (0.5, SECOND), SECOND, 1.5),
        ((1.2, FIRST), (0.5, SECOND), FIRST, 1.2),
        ((1.2, DOWN), (0.5, SECOND), SECOND, 1.5),
        ((9.0, FIRST), (0.5, DOWN), FIRST, 9.0),
        ((1.2, SLOW), (0.5, DOWN), SLOW, 1.5),
        ((2.0, SLOW), (0.5, DOWN), SLOW, 2.0),
    ],
)
def test_the_first_answer_that_is_one_wins(
    first: tuple[float, Answer], second: tuple[float, Answer], winner: Answer, ended_s: float
) -> None:
    done = Race(first=first, second=second).run()
    assert done.asked_at_s == [0.0, 1.0]
    assert done.raced is not None
    assert (done.raced.called.answer, done.ended_s) == (winner, ended_s)
    assert done.raced.hedge_won is (winner is SECOND)


@pytest.mark.parametrize(
    ("first_s", "second_s"), [(9.0, 0.5), (1.2, 0.5)], ids=["the first", "the second"]
)
def test_the_loser_is_cancelled(first_s: float, second_s: float) -> None:
    done = Race(first=(first_s, FIRST), second=(second_s, SECOND)).run()
    (loser,) = done.let_go
    assert loser.cancelled()


def test_where_nobody_else_may_be_asked_the_first_is_waited_for() -> None:
    done = Race(first=(9.0, FIRST), second=None).run()
    assert done.raced == Raced(called=Called(answer=FIRST, began_ns=1))
    assert (done.asked_at_s, done.ended_s) == ([0.0], 9.0)


def test_who_gives_up_ends_both_calls() -> None:
    race_ = Race(first=(9.0, FIRST), second=(9.0, SECOND))

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(race_.go())
        await asyncio.sleep(2.0)
        task.cancel()
        await asyncio.gather(task, *race_.let_go, return_exceptions=True)
        await asyncio.gather(*race_.let_go, return_exceptions=True)
        assert task.cancelled()

    virtual_time.run(main())
    assert [call.cancelled() for call in race_.let_go] == [True, True]
