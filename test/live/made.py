# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Messages as bystanders hear them, with what a test cares about."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fallback_guard.core.counters import Counters
from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.live.heard import (
    DecisionHeard,
    GuardCondition,
    Level,
    MotionHeard,
    Part,
    StateHeard,
    StatusHeard,
)

ROBOT: Final = "picker_1"
MS: Final = NS_PER_MS
S: Final = NS_PER_S

STATE: Final = StateHeard(
    condition=GuardCondition.ACTIVE,
    heartbeat=1,
    period_ns=100 * MS,
    latched=frozenset(),
    edges_blocked=0,
    counters=Counters(requests=3, decisions=3, routes=2, safe_moves=1),
    margin_ns=15 * MS,
    lateness_ns=1 * MS,
    realtime_priority=20,
)
ROUTE: Final = DecisionHeard(
    request_id="R-1",
    robot_id=ROBOT,
    occasion=Occasion.DUE,
    outcome=MotionKind.ROUTE,
    failure_mode="",
    source="llm:m",
    attempt=1,
    detail="",
    safe_move=SafeMoveKind.NONE,
    handed_over_ns=2 * MS,
    left_ns=148 * MS,
    planning_ns=300 * MS,
    step_ns=MS // 5,
)
SAFE_MOVE: Final = replace(
    ROUTE,
    outcome=MotionKind.SAFE_MOVE,
    failure_mode="PLANNER_SILENT",
    source="",
    attempt=0,
    safe_move=SafeMoveKind.HOLD,
    handed_over_ns=145 * MS,
    left_ns=5 * MS,
    planning_ns=0,
)
REFUSAL: Final = replace(
    ROUTE, occasion=Occasion.REFUSAL, outcome=MotionKind.NONE, failure_mode="WRONG_BIN", left_ns=0
)


def moved(kind: MotionKind, *, reason: str = "", robot_id: str = ROBOT) -> MotionHeard:
    return MotionHeard(
        robot_id=robot_id,
        request_id="R-1",
        sequence=1,
        kind=kind,
        safe_move=SafeMoveKind.HOLD if kind is MotionKind.SAFE_MOVE else SafeMoveKind.NONE,
        reason=reason,
        source="",
    )


def status(part: Part, level: Level = Level.OK, *, namespace: str = "") -> StatusHeard:
    return StatusHeard(namespace=namespace, part=part, level=level, message="said", values={})


def planner(values: dict[str, str]) -> StatusHeard:
    return replace(status(Part.PLANNER), values=values)


def rung_values(name: str, breaker: str = "CLOSED", **more: str) -> dict[str, str]:
    """Return what a planner's status holds of one rung."""
    values = {
        "source": "llm:m",
        "breaker": breaker,
        "calls": "10",
        "failures": "1",
        "refusals": "2",
    }
    return {f"{name}.{key}": value for key, value in {**values, **more}.items()}
