# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Which due requests were served, as the objective counts them (docs/policy.md).

A due request is **good** where it was decided within the deadline and its robot was on a route within two seconds
of falling due: by a route in time, a recovery, or the route of a newer request.  It is **bad** where it was late, where
the watchdog had to answer it, or where its robot halted for longer.  Drills are neither.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from fallback_guard.core.effects import Occasion
from fallback_guard.core.limits import REQUESTS_REMEMBERED_MAX, ROBOTS_MAX
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.objective import ROUTE_NS_MAX
from fallback_guard.core.units import NS_PER_S
from fallback_guard.live.heard import DecisionHeard

_GRACE_NS: Final = NS_PER_S // 2
"""How long a verdict waits for what is on its way, beyond that."""

_PENDING_MAX: Final = REQUESTS_REMEMBERED_MAX * ROBOTS_MAX
_JUDGED_MAX: Final = 4_096
"""Requests whose verdict is remembered, so that the guard's word behind the watchdog's is not counted again."""


class Service(Enum):
    """What became of a due request; the values are labels of metrics."""

    GOOD = "good"
    LATE = "late"
    UNANSWERED = "unanswered"
    HALTED = "halted"


class _Pending(NamedTuple):
    """A safe move in time; `due_ns` on the listener's clock."""

    robot_id: str
    request_id: str
    due_ns: int


class ServiceJudge:
    """Takes one guard's decisions in the order of their arrival, and yields verdicts."""

    def __init__(self) -> None:
        """Begin with nothing open."""
        self._queue: deque[_Pending] = deque()
        self._by_robot: dict[str, dict[str, int]] = {}
        self._judged: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, decision: DecisionHeard, now_ns: int) -> Iterator[Service]:
        """Take a decision; yield what it settles."""
        yield from self.settle(now_ns)
        if decision.is_drill:
            # Whatever becomes of its own request says nothing; for an earlier one the robot may be on a route again.
            self._forget(decision.robot_id, decision.request_id)
        if decision.outcome is MotionKind.ROUTE:
            for due_ns in self._by_robot.pop(decision.robot_id, {}).values():
                yield Service.GOOD if now_ns - due_ns <= ROUTE_NS_MAX else Service.HALTED
        if decision.occasion is Occasion.DUE and not decision.is_drill:
            yield from self._due(decision, now_ns - decision.handed_over_ns)

    def settle(self, now_ns: int) -> Iterator[Service]:
        """Yield a verdict for each request whose robot still has no route."""
        while self._queue and now_ns - self._queue[0].due_ns > ROUTE_NS_MAX + _GRACE_NS:
            yield from self._give_up()

    def _due(self, decision: DecisionHeard, due_ns: int) -> Iterator[Service]:
        key = (decision.robot_id, decision.request_id)
        if key in self._judged:
            return
        self._judged[key] = None
        if len(self._judged) > _JUDGED_MAX:
            self._judged.popitem(last=False)
        if decision.is_the_watchdogs:
            yield Service.UNANSWERED
        elif decision.left_ns == 0 and decision.handed_over_ns > 0:
            yield Service.LATE
        elif decision.outcome is MotionKind.ROUTE:
            yield Service.GOOD
        else:
            self._queue.append(_Pending(*key, due_ns))
            self._by_robot.setdefault(decision.robot_id, {})[decision.request_id] = due_ns
            if len(self._queue) > _PENDING_MAX:
                yield from self._give_up()

    def _give_up(self) -> Iterator[Service]:
        """Yield that the oldest halted, unless a route has come for it meanwhile."""
        oldest = self._queue.popleft()
        if self._forget(oldest.robot_id, oldest.request_id) is not None:
            yield Service.HALTED

    def _forget(self, robot_id: str, request_id: str) -> int | None:
        """Remove a request from what is open; return when it fell due, None where it was not open."""
        requests = self._by_robot.get(robot_id, {})
        due_ns = requests.pop(request_id, None)
        if not requests:
            self._by_robot.pop(robot_id, None)
        return due_ns
