# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Which due requests count as served, as timelines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.core.effects import Occasion
from fallback_guard.core.objective import ROUTE_NS_MAX
from fallback_guard.live.heard import DRILL, WATCHDOG
from fallback_guard.live.objective import Service, ServiceJudge
from made import MS, REFUSAL, ROUTE, SAFE_MOVE, S

if TYPE_CHECKING:
    from fallback_guard.live.heard import DecisionHeard

RECOVERY: Final = replace(
    ROUTE, occasion=Occasion.RECOVERY, failure_mode="PLANNER_SILENT", handed_over_ns=0
)
BY_WATCHDOG: Final = replace(SAFE_MOVE, source=WATCHDOG, failure_mode="GUARD_SILENT", left_ns=0)
LATE: Final = replace(SAFE_MOVE, handed_over_ns=151 * MS, left_ns=0)
AFTER: Final = ROUTE_NS_MAX - SAFE_MOVE.handed_over_ns
"""From the arrival of a safe move until a second has passed since its request fell due."""


@pytest.mark.parametrize(
    ("timeline", "expected"),
    [
        ([(0, ROUTE)], "good"),
        ([(0, LATE)], "late"),
        ([(0, LATE), (1, RECOVERY)], "late"),
        ([(0, BY_WATCHDOG)], "unanswered"),
        ([(0, BY_WATCHDOG), (1, SAFE_MOVE)], "unanswered"),
        ([(0, SAFE_MOVE), (1, BY_WATCHDOG), (2, RECOVERY)], "good"),
        ([(0, SAFE_MOVE)], "halted"),
        ([(0, SAFE_MOVE), (AFTER - 1, RECOVERY)], "good"),
        ([(0, SAFE_MOVE), (AFTER, RECOVERY)], "good"),
        ([(0, SAFE_MOVE), (AFTER + 1, RECOVERY)], "halted"),
        ([(0, SAFE_MOVE), (1, replace(ROUTE, request_id="R-2"))], "good good"),
        ([(0, SAFE_MOVE), (1, replace(ROUTE, request_id="R-2", robot_id="x"))], "good halted"),
        ([(0, SAFE_MOVE), (1, REFUSAL)], "halted"),
        ([(0, replace(SAFE_MOVE, failure_mode=DRILL))], ""),
        ([(0, SAFE_MOVE), (1, replace(RECOVERY, failure_mode=DRILL))], ""),
        (
            [
                (0, SAFE_MOVE),
                (1, replace(SAFE_MOVE, request_id="R-2", failure_mode=DRILL)),
                (2, replace(RECOVERY, request_id="R-2", failure_mode=DRILL)),
            ],
            "good",
        ),
        ([(0, ROUTE), (1, ROUTE)], "good"),
    ],
)
def test_a_timeline_has_verdicts(timeline: list[tuple[int, DecisionHeard]], expected: str) -> None:
    judge = ServiceJudge()
    verdicts: list[Service] = []
    for at_ns, decision in timeline:
        verdicts += judge.take(decision, at_ns)
    verdicts += judge.settle(10 * S)
    assert " ".join(verdict.value for verdict in verdicts) == expected
    assert list(judge.settle(99 * S)) == []


def test_nobody_is_waited_for_without_bound() -> None:
    judge = ServiceJudge()
    verdicts = [
        verdict
        for count in range(24_010)
        for verdict in judge.take(replace(SAFE_MOVE, request_id=f"R-{count}"), 0)
    ]
    assert verdicts == [Service.HALTED] * 10
    assert len(list(judge.settle(9 * S))) == 24_000
