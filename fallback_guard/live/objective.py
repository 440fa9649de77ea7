# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Which due requests were served, as the objective counts them (docs/policy.md).

A due request is **good** where it was decided within the deadline and its robot was on a route within a second of
falling due: by a route in time, a recovery, or the route of a newer request.  It is **bad** where it was late, where
the watchdog had to answer it, or where its robot halted for longer.  Drills are neither.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.limits import REQUESTS_REMEMBERED_MAX, ROBOTS_MAX
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_S
from fallback_guard.live.heard import DecisionHeard

ROUTE_NS_MAX: Final = NS_PER_S
"""From falling due to a route, at most."""

_GRACE_NS: Final = NS_PER_S // 2
"""How long a verdict waits for what is on its way, beyond the second."""

_PENDING_MAX: Final = REQUESTS_REMEMBERED_MAX * ROBOTS_MAX
_JUDGED_MAX: Final = 4_096
"""Requests whose verdict is remembered, so that the guard's word behind the watchdog's is not counted again."""


class Service(Enum):
    """What became of a due request; the values are labels of metrics."""

    GOOD = "good"
    LATE = "late"
    UNANSWERED = "unanswered"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class _Pending:
    """A safe move in time; `due_ns` on the listener's clock."""

    robot_id: str
    due_ns: int


class ServiceJudge:
    """Takes one guard's decisions in the order of their arrival, and yields verdicts."""

    def __init__(self) -> None:
        """Begin with nothing open."""
        self._pending: OrderedDict[tuple[str, str], _Pending] = OrderedDict()
        self._judged: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, decision: DecisionHeard, now_ns: int) -> Iterator[Service]:
        """Take a decision; yield what it settles."""
        yield from self.settle(now_ns)
        if decision.is_drill:
            # A drill has the same request's or a later route follow it, which is nobody's recovery.
            self._pending.pop((decision.robot_id, decision.request_id), None)
            return
        due_ns = now_ns - decision.handed_over_ns
        if decision.outcome is MotionKind.ROUTE:
            yield from self._routed(decision.robot_id, now_ns)
        if decision.occasion is Occasion.DUE:
            verdict = self._verdict(decision, due_ns)
            if verdict is not None:
                yield verdict

    def settle(self, now_ns: int) -> Iterator[Service]:
        """Yield a verdict for each request whose robot still has no route."""
        for key, pending in list(self._pending.items()):
            if now_ns - pending.due_ns > ROUTE_NS_MAX + _GRACE_NS:
                del self._pending[key]
                yield Service.HALTED

    def _verdict(self, decision: DecisionHeard, due_ns: int) -> Service | None:
        key = (decision.robot_id, decision.request_id)
        if key in self._judged:
            return None
        self._judged[key] = None
        if len(self._judged) > _JUDGED_MAX:
            self._judged.popitem(last=False)
        if decision.is_the_watchdogs:
            return Service.UNANSWERED
        if decision.left_ns == 0 and decision.handed_over_ns > 0:
            return Service.LATE
        if decision.outcome is MotionKind.ROUTE:
            return Service.GOOD
        self._pending[key] = _Pending(robot_id=decision.robot_id, due_ns=due_ns)
        if len(self._pending) > _PENDING_MAX:
            self._pending.popitem(last=False)
            return Service.HALTED
        return None

    def _routed(self, robot_id: str, now_ns: int) -> Iterator[Service]:
        for key, pending in list(self._pending.items()):
            if pending.robot_id == robot_id:
                del self._pending[key]
                in_time = now_ns - pending.due_ns <= ROUTE_NS_MAX
                yield Service.GOOD if in_time else Service.HALTED
