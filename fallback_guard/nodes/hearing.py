# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""From messages to what bystanders work with.  Whatever stands in a message, this raises nothing.

A bystander has no say, so it takes what comes: a constant that is none of the .msg file's is read as 0.
"""

from collections.abc import Iterable
from dataclasses import fields
from enum import IntEnum
from itertools import islice
from typing import Final, TypeVar

from diagnostic_msgs.msg import DiagnosticStatus

from fallback_guard import msg
from fallback_guard.core.counters import Counters
from fallback_guard.core.effects import Occasion
from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import DETAIL_CHARS_MAX, ROBOTS_MAX
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.live.heard import (
    DecisionHeard,
    GuardCondition,
    Level,
    MotionHeard,
    StateHeard,
    StatusHeard,
    whose,
)
from fallback_guard.live.rungs import KEYS_MAX
from fallback_guard.nodes.conversion import from_duration

Kind = TypeVar("Kind", bound=IntEnum)

_COUNTERS: Final = tuple(field.name for field in fields(Counters))


def state_heard(message: msg.GuardState) -> StateHeard:
    """Read a sign of life."""
    return StateHeard(
        condition=_constant(GuardCondition, message.state, GuardCondition.INACTIVE),
        heartbeat=message.heartbeat,
        period_ns=from_duration(message.period),
        latched=frozenset(printable(name) for name in islice(message.latched_robots, ROBOTS_MAX)),
        edges_blocked=message.edges_blocked,
        counters=Counters(**{name: getattr(message, name) for name in _COUNTERS}),
        margin_ns=from_duration(message.dispatch_margin),
        lateness_ns=from_duration(message.lateness),
        realtime_priority=message.realtime_priority,
    )


def decision_heard(message: msg.GuardDecision) -> DecisionHeard:
    """Read a decision."""
    taken_ns = from_duration(message.time_to_decision) + message.decision_ns + message.dispatch_ns
    return DecisionHeard(
        request_id=printable(message.request_id),
        robot_id=printable(message.robot_id),
        occasion=_constant(Occasion, message.occasion, Occasion.NONE),
        outcome=_constant(MotionKind, message.outcome, MotionKind.NONE),
        failure_mode=printable(message.failure_mode),
        source=printable(message.source),
        attempt=message.attempt,
        detail=printable(message.detail, chars_max=DETAIL_CHARS_MAX),
        safe_move=_constant(SafeMoveKind, message.safe_move, SafeMoveKind.NONE),
        handed_over_ns=max(0, taken_ns),
        left_ns=from_duration(message.time_left),
        planning_ns=from_duration(message.planning_time),
        step_ns=message.decision_ns,
    )


def motion_heard(message: msg.MotionCommand) -> MotionHeard:
    """Read a command without its way."""
    return MotionHeard(
        robot_id=printable(message.robot_id),
        request_id=printable(message.request_id),
        sequence=message.sequence,
        kind=_constant(MotionKind, message.kind, MotionKind.NONE),
        safe_move=_constant(SafeMoveKind, message.safe_move, SafeMoveKind.NONE),
        reason=printable(message.reason),
        source=printable(message.source),
    )


def statuses_heard(statuses: Iterable[DiagnosticStatus]) -> list[StatusHeard]:
    """Read what the parts of a guard say of themselves; others' statuses are left out."""
    found = []
    for status in statuses:
        part = whose(status.name)
        if part is not None:
            values = {
                printable(each.key): printable(each.value, chars_max=DETAIL_CHARS_MAX)
                for each in islice(status.values, KEYS_MAX)
            }
            found.append(
                StatusHeard(
                    namespace=part[0],
                    part=part[1],
                    level=_constant(Level, status.level[0], Level.ERROR),
                    message=printable(status.message, chars_max=DETAIL_CHARS_MAX),
                    values=values,
                )
            )
    return found


def _constant(kind: type[Kind], value: int, otherwise: Kind) -> Kind:
    try:
        return kind(value)
    except ValueError:
        return otherwise
