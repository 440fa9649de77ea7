# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What guards the guard: `Watchdog.step(event, now_ns)` answers a due request where the guard does not.

It knows nothing of maps, routes and positions, and asks nothing of the guard: it hears what robots hear.  Each request
is waited for until a little after its deadline, and none where the guard is known to decide nothing.

Its commands are numbered by when their requests fell due.  A command of the guard's for the same request was made
later, so it has a higher number, and whichever is heard first, the robot follows the guard.  So nothing that the
watchdog says by mistake stops a robot that has its route: not after it was held up itself, and not while a process that
was just started hears only some of the others.
"""

import heapq
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from typing_extensions import assert_never

from fallback_guard.core.effects import (
    Clock,
    Decision,
    Occasion,
    ReportDecision,
    SendMotion,
    believable_due,
)
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import is_identifier
from fallback_guard.core.limits import (
    ANSWERS_REMEMBERED_MAX,
    REQUESTS_WATCHED_MAX,
    ROBOTS_MAX,
)
from fallback_guard.core.motion import Motion, MotionKind, SafeMoveKind
from fallback_guard.core.sequences import SEQUENCE_MAX
from fallback_guard.core.units import NS_PER_MS, NS_PER_S, NS_PER_US

HELD_UP_NS: Final = 10 * NS_PER_MS
"""A watchdog that wakes later than this was itself kept from running, and has not heard what was said meanwhile."""

CATCH_UP_NS: Final = 10 * NS_PER_MS
"""For so long it then listens before it speaks."""

NUMBERED_AGE_NS_MAX: Final = 10 * NS_PER_S
"""A message that seems older was stamped by another clock."""

SOURCE: Final = "watchdog"
"""In the name of whom its commands and decisions are."""


class Standing(str, Enum):
    """What the watchdog knows of the guard, in order of severity."""

    DECIDING = "the guard is there"
    INACTIVE = "the guard is inactive"
    UNHEARD = "no guard has been heard yet"
    GONE = "the guard is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogConfig:
    """How long a guard may take.

    `grace_ns` is how long after a request's deadline the watchdog speaks, `silence_ns_max` how long a guard that lives
    may give no sign of life.
    """

    deadline_ns: int
    grace_ns: int
    silence_ns_max: int
    lease_ns: int


@dataclass(frozen=True, slots=True)
class RequestFellDue:
    """A robot needs a route now.  `stamp_age_ns` is how old the message's stamp was; negative: from the future."""

    request_id: str
    robot_id: str
    stamp_age_ns: int


@dataclass(frozen=True, slots=True)
class MotionHeard:
    """A command reached the watchdog, and so the robot; it may be its own."""

    request_id: str
    robot_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class StateHeard:
    """A sign of life of the guard, which is one only where `heartbeat` is another than before."""

    heartbeat: int
    decides: bool


@dataclass(frozen=True, slots=True)
class GuardLost:
    """The middleware says that the guard no longer gives signs of life."""


@dataclass(frozen=True, slots=True)
class NothingHeard:
    """Nothing but time: what has fallen due by now is done."""


WatchdogEvent = RequestFellDue | MotionHeard | StateHeard | GuardLost | NothingHeard

_Key = tuple[str, str]
"""A robot and a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    due_ns: int
    speaks_ns: int
    sequence: int
    clock: Clock
    put_off: bool = False


class Watchdog:
    """Sees to it that every due request gets one answer, the guard's or its own.

    Its own is always CANCEL_AND_HOLD, because it does not know where the robot is.  `step` raises nothing for any
    input.
    """

    def __init__(self, config: WatchdogConfig, *, sequence_base: int = 0) -> None:
        """Begin without having heard a guard.  `sequence_base` is that of `core.sequences`."""
        self.standing = Standing.UNHEARD
        self.spoken = 0
        self._config = config
        self._sequence_base = sequence_base
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._waiting: dict[_Key, _Waiting] = {}
        self._wakes: list[tuple[int, _Key]] = []
        self._answered: OrderedDict[_Key, None] = OrderedDict()
        self._heartbeat: int | None = None
        self._heard_ns = 0
        self._now_ns = 0
        self._effects: list[SendMotion | ReportDecision] = []

    @property
    def next_wake_ns(self) -> int | None:
        """When `step` has to be called at the latest; None: not before an event."""
        wakes_ns = [self._wakes[0][0]] if self._wakes else []
        if self._guard_lives:
            wakes_ns.append(self._heard_ns + self._config.silence_ns_max)
        return min(wakes_ns, default=None)

    @property
    def _guard_lives(self) -> bool:
        return self.standing in (Standing.DECIDING, Standing.INACTIVE)

    def step(self, event: WatchdogEvent, now_ns: int) -> Sequence[SendMotion | ReportDecision]:
        """Handle an event, then do what has fallen due by `now_ns`, on a steady clock; return what is to be sent.

        In this order, unlike the guard: a command of the guard's that is heard just in time is not doubled.
        """
        self._now_ns = max(now_ns, self._now_ns)
        self._effects = []
        if self._is_held_up:
            self._catch_up()
        match event:
            case RequestFellDue():
                self._on_due(event)
            case MotionHeard():
                self._on_motion(event)
            case StateHeard():
                self._on_state(event)
            case GuardLost():
                # Said to a watchdog that was held up it means no more than that nothing was heard meanwhile.
                self._listen_once_more()
            case NothingHeard():
                pass
            case _:
                assert_never(event)
        if self._guard_lives and self._now_ns - self._heard_ns >= self._config.silence_ns_max:
            self.standing = Standing.GONE
        self._answer()
        return tuple(self._effects)

    def _on_due(self, event: RequestFellDue) -> None:
        if not is_identifier(event.robot_id):
            return  # Nobody can be meant, and the guard says nothing either.
        # What the guard answers under no name, because the robot's is none.
        key = event.robot_id, event.request_id if is_identifier(event.request_id) else ""
        if key in self._waiting or (key in self._answered and key[1]):
            return
        due_ns, clock = believable_due(self._now_ns, event.stamp_age_ns)
        speaks_ns = due_ns + self._config.deadline_ns + self._config.grace_ns
        if len(self._waiting) >= REQUESTS_WATCHED_MAX:
            speaks_ns = self._now_ns  # More than can be kept: too early rather than never.
        self._waiting[key] = _Waiting(
            due_ns=due_ns,
            speaks_ns=speaks_ns,
            sequence=self._sequence(event),
            clock=clock,
        )
        heapq.heappush(self._wakes, (speaks_ns, key))

    def _sequence(self, event: RequestFellDue) -> int:
        """Return the number of an answer to a request: above all that the robot heard before it fell due.

        By its stamp, where that may be true: the message may have been long under way, and the guard's answer not.
        """
        age_ns = event.stamp_age_ns if 0 <= event.stamp_age_ns <= NUMBERED_AGE_NS_MAX else 0
        by_time = self._sequence_base + (self._now_ns - age_ns) // NS_PER_US
        return max(self._newest.get(event.robot_id, 0) + 1, by_time)

    def _on_motion(self, event: MotionHeard) -> None:
        if event.sequence <= SEQUENCE_MAX:
            self._newest[event.robot_id] = max(
                event.sequence, self._newest.pop(event.robot_id, event.sequence)
            )
        while len(self._newest) > ROBOTS_MAX:
            self._newest.popitem(last=False)
        self._settle((event.robot_id, event.request_id))

    def _catch_up(self) -> None:
        """Put off, once, what was to be done so long ago that the watchdog itself must have been held up."""
        listens_ns = self._now_ns + CATCH_UP_NS
        self._listen_once_more()
        for speaks_ns, key in list(self._wakes):
            waiting = self._waiting.get(key)
            overdue = self._now_ns - speaks_ns > HELD_UP_NS
            if waiting and overdue and waiting.speaks_ns == speaks_ns and not waiting.put_off:
                self._waiting[key] = replace(waiting, speaks_ns=listens_ns, put_off=True)
                heapq.heappush(self._wakes, (listens_ns, key))

    @property
    def _is_held_up(self) -> bool:
        wake_ns = self.next_wake_ns
        return wake_ns is not None and self._now_ns - wake_ns > HELD_UP_NS

    def _listen_once_more(self) -> None:
        """Hold a guard for gone that gives no sign of life within the time of catching up."""
        if self._guard_lives:
            self._heard_ns = self._now_ns - self._config.silence_ns_max + CATCH_UP_NS

    def _on_state(self, event: StateHeard) -> None:
        if event.heartbeat == self._heartbeat:
            return
        self._heartbeat, self._heard_ns = event.heartbeat, self._now_ns
        self.standing = Standing.DECIDING if event.decides else Standing.INACTIVE

    def _settle(self, key: _Key) -> None:
        """Note that a request was answered; the answer may be heard before the question."""
        self._waiting.pop(key, None)
        self._answered[key] = None
        self._answered.move_to_end(key)
        while len(self._answered) > ANSWERS_REMEMBERED_MAX:
            self._answered.popitem(last=False)

    def _answer(self) -> None:
        """Speak for every request whose time has come: all of them where the guard is known to decide nothing."""
        decides = self.standing in (Standing.DECIDING, Standing.UNHEARD)
        while self._wakes and (not decides or self._wakes[0][0] <= self._now_ns):
            speaks_ns, key = heapq.heappop(self._wakes)
            waiting = self._waiting.get(key)
            if waiting is not None and waiting.speaks_ns == speaks_ns:
                self._speak(key, waiting)
        # What was answered in time leaves its wake behind.
        while self._wakes and self._wakes[0][1] not in self._waiting:
            heapq.heappop(self._wakes)

    def _speak(self, key: _Key, waiting: _Waiting) -> None:
        robot_id, request_id = key
        self.spoken += 1
        motion = Motion(
            kind=MotionKind.SAFE_MOVE,
            request_id=request_id,
            robot_id=robot_id,
            sequence=waiting.sequence,
            reason=FailureMode.GUARD_SILENT,
            source=SOURCE,
            stops=(),
            waypoints=(),
            safe_move=SafeMoveKind.CANCEL_AND_HOLD,
            safe_move_target=0,
            lease_ns=self._config.lease_ns,
        )
        taken_ns = self._now_ns - waiting.due_ns
        decided = self.standing is Standing.DECIDING
        decision = Decision(
            request_id=request_id,
            robot_id=robot_id,
            occasion=Occasion.DUE,
            outcome=motion.kind,
            sequence=motion.sequence,
            safe_move=motion.safe_move,
            source=SOURCE,
            failure_mode=FailureMode.GUARD_SILENT,
            detail="the guard said nothing by the deadline" if decided else self.standing.value,
            clock=waiting.clock,
            time_to_decision_ns=taken_ns,
            time_left_ns=max(0, self._config.deadline_ns - taken_ns),
        )
        self._effects += [SendMotion(motion), ReportDecision(decision)]
        self._settle(key)
