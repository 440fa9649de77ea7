# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Carries out commands: events in, effects out, time as an argument.

Whatever happens, in whatever order: where the newest command is a safe move, cannot be carried out or holds no longer,
the wheels are told to stand and whatever is driven is cancelled; nothing of an older command is begun; each pick is
reported at most once, in order.
"""

from dataclasses import dataclass
from math import dist, inf, isfinite
from typing import Final

from fallback_guard.core.identifiers import printable
from fallback_guard.core.motion import RouteStop
from fallback_guard.core.units import NS_PER_S
from fallback_guard.driving.errand import Errand, ErrandKind, Segment, errand
from fallback_guard.driving.lease import Lease
from fallback_guard.driving.states import Cause, State, after
from fallback_guard.driving.way import Way
from fallback_guard.driving.words import (
    CancelDriving,
    DriverAccepted,
    DriverBack,
    DriverFailed,
    DriverFinished,
    DriverGone,
    DriverHeard,
    DriverRefused,
    Effect,
    Event,
    GuardHeard,
    LimitSpeed,
    MotionArrived,
    Outcome,
    PoseLost,
    PoseMeasured,
    ReportPick,
    StartDriving,
    Stop,
    Tell,
    TimePassed,
    Weight,
)

_UNDERWAY: Final = (State.STARTING, State.DRIVING)

_STEP_M_MAX: Final = 2.0
"""How far along its way a robot is looked for beyond where it was last: a way may come past itself."""

_AHEAD_M: Final = 1.0
"""So far ahead a slower leg is heeded, for a robot that has to brake."""

_PICK_STEP_NS_MAX: Final = NS_PER_S
"""The robot's clock may jump, as a simulation's does when it is first heard; a pick is not over by that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionConfig:
    """How long things may take (ns, on the steady clock except `pick_ns`), and how often they are tried.

    A goal that ends further than `end_m_max` from where it should was not reached.
    """

    pick_ns: int
    answer_ns_max: int
    silence_ns_max: int
    retry_ns: int
    retreat_ns_max: int
    failures_max: int
    end_m_max: float


class Execution:
    """One robot's command, and how far it is with it."""

    def __init__(self, config: ExecutionConfig) -> None:
        """Begin without a command, and with the wheels told to stand."""
        self._config = config
        self._lease = Lease()
        self._state = State.HOLDING
        self._effects: list[Effect] = [Stop(on=True)]
        self._now_ns = 0
        # The command
        self._errand: Errand | None = None
        self._begun_ns = 0
        self._segment = 0
        self._way: Way | None = None
        self._along_m = 0.0
        self._limit_mps: float | None = None
        # The picks of the place where it is, and what is left of the first one
        self._picks_left = 0
        self._pick_left_ns = 0
        self._robot_ns: int | None = None
        # The driver
        self._is_there = False
        self._pose: tuple[float, float] | None = None
        self._goals = 0
        self._open: int | None = None
        self._asked_ns = 0
        self._heard_ns = 0
        self._cancelled_ns: int | None = None
        self._cancel_unanswered = False
        self._failures = 0
        self._not_before_ns = 0

    @property
    def sequence(self) -> int:
        """Of the newest command that was taken over; 0: none."""
        return self._lease.sequence

    @property
    def state(self) -> State:
        """What the robot is about."""
        return self._state

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        """Take one event that happened now; return what is to be done, in this order."""
        self._now_ns = now_ns
        if self._lease.has_run_out(now_ns):
            if self._state is not State.HOLDING:
                self._tell(Weight.ERROR, "no sign of life from the guard: holding")
            self._move(Cause.TOLD_TO_HOLD)
        match event:
            case MotionArrived():
                self._on_motion(event)
            case GuardHeard():
                if self._lease.heard(event.heartbeat, now_ns, decides=event.decides):
                    self._tell(Weight.WARNING, "the guard has started anew")
            case PoseMeasured():
                self._on_pose(event)
            case PoseLost():
                self._pose = None
                self._interrupt(f"it is not known where the robot is: {event.why}")
            case TimePassed():
                self._on_time(event)
            case _:
                self._on_driver(event)
        self._go_on()
        effects, self._effects = self._effects, []
        return effects

    # The command

    def _on_motion(self, event: MotionArrived) -> None:
        command = event.command
        if not self._lease.take_over(command.sequence, command.lease_ns, self._now_ns):
            return
        found = errand(command)
        if isinstance(found, str):
            self._tell(Weight.ERROR, f"command {command.sequence} is not carried out: {found}")
        if (
            isinstance(found, str)
            or found.kind is ErrandKind.HOLD
            or not self._lease.holds(self._now_ns)
        ):
            self._move(Cause.TOLD_TO_HOLD)
            return
        # First, since it ends what was driven before.
        self._move(Cause.TOLD_TO_DRIVE)
        self._errand = found
        self._begun_ns = self._not_before_ns = self._now_ns
        self._begin_segment(0)

    def _begin_segment(self, number: int) -> None:
        self._segment, self._way, self._failures = number, None, 0

    def _on_time(self, event: TimePassed) -> None:
        before_ns, self._robot_ns = self._robot_ns, event.robot_ns
        config, now_ns = self._config, self._now_ns
        if (
            self._cancelled_ns is not None
            and self._is_there
            and now_ns - self._cancelled_ns >= config.answer_ns_max
        ):
            self._cancel_unanswered = True
            self._cancel()
        if self._state is State.STARTING and now_ns - self._asked_ns >= config.answer_ns_max:
            self._interrupt("the driver does not answer")
        elif self._state is State.DRIVING and now_ns - self._heard_ns >= config.silence_ns_max:
            self._interrupt("the driver is silent")
        elif self._state is State.PICKING and before_ns is not None:
            self._pick(max(0, min(_PICK_STEP_NS_MAX, event.robot_ns - before_ns)))
        if self._is_retreat and now_ns - self._begun_ns >= config.retreat_ns_max:
            self._give_up("the retreat takes too long")

    @property
    def _is_retreat(self) -> bool:
        return self._errand is not None and self._errand.kind is ErrandKind.RETREAT

    # Driving

    def _go_on(self) -> None:
        """Begin to drive where all is there for it, and say how fast."""
        if self._state is State.WAITING:
            self._start_if_ready()
        if self._way is not None and self._state in _UNDERWAY:
            limit_mps = self._way.limit_mps(self._along_m, self._along_m + _AHEAD_M)
            self._limit(None if limit_mps == inf else limit_mps)

    def _start_if_ready(self) -> None:
        if self._pose is None or not self._is_there:
            if self._is_retreat:
                self._give_up("no driver, or no pose, for a retreat")
            return
        is_over = self._open is None or self._cancel_unanswered
        if not is_over or self._now_ns < self._not_before_ns:
            return
        assert self._errand is not None, "who waits has something to do"
        segment = self._errand.segments[self._segment]
        if self._way is None:
            self._way, self._along_m = Way(*self._pose, segment.points), 0.0
            if self._is_there_already(segment):
                self._reach(segment)
                return
        self._goals += 1
        self._open, self._cancelled_ns, self._cancel_unanswered = self._goals, None, False
        self._asked_ns = self._now_ns
        is_near_end = self._way.length_m - self._along_m <= self._config.end_m_max
        # On the way where it was left; but beside its end, or beyond it, there is no way but straight to it.
        x, y = self._pose if is_near_end else self._way.at(self._along_m)
        start = StartDriving(
            goal=self._goals,
            sequence=self._errand.sequence,
            x=x,
            y=y,
            points=self._way.rest(self._along_m),
        )
        self._move(Cause.STARTED)
        self._limit_mps = inf  # A driver that has just come to life knows none.
        self._effects.append(start)

    def _is_there_already(self, segment: Segment) -> bool:
        assert self._pose is not None, "it was looked at"
        return all(
            dist(self._pose, (point.x, point.y)) <= self._config.end_m_max
            for point in segment.points
        )

    def _on_pose(self, event: PoseMeasured) -> None:
        if not (isfinite(event.x) and isfinite(event.y)):
            self._pose = None
            self._interrupt("a pose is not finite")
            return
        self._pose = (event.x, event.y)
        if self._way is not None and self._state in _UNDERWAY:
            self._along_m, _ = self._way.nearest(
                *self._pose, from_m=self._along_m, to_m=self._along_m + _STEP_M_MAX
            )

    def _on_driver(self, event: Event) -> None:
        if isinstance(event, DriverBack):
            if not self._is_there and self._cancelled_ns is not None:
                # It may not have heard the first one, and has time to answer this one.
                self._cancel()
                self._cancel_unanswered = False
            self._is_there = True
        elif isinstance(event, DriverGone):
            self._is_there = False
            self._interrupt("the driver is gone")
        elif isinstance(event, DriverAccepted | DriverHeard):
            if event.goal == self._open and self._cancelled_ns is None:
                self._heard_ns = self._now_ns
                self._move(Cause.ACCEPTED)
        elif isinstance(event, DriverRefused | DriverFailed | DriverFinished):
            self._on_end(event)

    def _on_end(self, event: DriverRefused | DriverFailed | DriverFinished) -> None:
        if event.goal != self._open:
            return
        was_cancelled = self._cancelled_ns is not None
        self._open, self._cancelled_ns, self._cancel_unanswered = None, None, False
        if was_cancelled or self._errand is None:
            return
        segment = self._errand.segments[self._segment]
        if isinstance(event, DriverRefused):
            # It was not even tried, so it says nothing of the way: like a driver that is gone, it is waited for.
            self._interrupt(printable(event.why, chars_max=200))
        elif not isinstance(event, DriverFinished):
            self._fail(printable(event.why, chars_max=200))
        elif self._pose is None:
            self._fail("the driver says that it has arrived, and nobody knows where")
        else:
            end = segment.points[-1]
            off_m = dist(self._pose, (end.x, end.y))
            if off_m > self._config.end_m_max:
                self._fail(f"the driver says that it has arrived, {off_m:.2f} m from there")
            else:
                self._reach(segment)

    def _fail(self, why: str) -> None:
        self._failures += 1
        if self._is_retreat or self._failures > self._config.failures_max:
            self._give_up(why)
        else:
            self._interrupt(why)

    def _interrupt(self, why: str) -> None:
        """Stop, and go on from here later; a retreat is not worth waiting for."""
        if self._is_retreat:
            self._give_up(why)
        elif self._move(Cause.BROKEN_OFF):
            self._not_before_ns = self._now_ns + self._config.retry_ns
            self._tell(Weight.WARNING, f"stopped, and will go on: {why}")

    def _give_up(self, why: str) -> None:
        done, segment = self._errand, self._segment
        if not self._move(Cause.GIVEN_UP):
            return
        self._tell(Weight.ERROR, f"given up, and holding: {why}")
        assert done is not None, "something was given up"
        left = [pick for later in done.segments[segment:] for pick in later.picks]
        if left:
            self._report(done, *left[0], Outcome.UNREACHED)

    # Picking

    def _reach(self, segment: Segment) -> None:
        if segment.picks:
            self._picks_left, self._pick_left_ns = len(segment.picks), self._config.pick_ns
            self._move(Cause.AT_A_PICK)
        else:
            # Only the last one is without.
            self._move(Cause.DONE)

    def _pick(self, passed_ns: int) -> None:
        assert self._errand is not None, "who picks has something to do"
        done = self._errand
        segment = done.segments[self._segment]
        self._pick_left_ns -= passed_ns
        while self._picks_left and self._pick_left_ns <= 0:
            self._report(done, *segment.picks[-self._picks_left], Outcome.PICKED)
            self._picks_left -= 1
            self._pick_left_ns += self._config.pick_ns
        if self._picks_left:
            return
        if self._segment + 1 < len(done.segments):
            self._begin_segment(self._segment + 1)
            self._move(Cause.PICKED)
        else:
            self._move(Cause.DONE)

    def _report(self, done: Errand, number: int, stop: RouteStop, outcome: Outcome) -> None:
        self._effects.append(
            ReportPick(
                request_id=done.request_id,
                sequence=done.sequence,
                stop_index=number,
                stop=stop,
                outcome=outcome,
            )
        )

    # What is said

    def _move(self, cause: Cause) -> bool:
        """Change the state as the table says, and with it what wheels and driver are told."""
        before, state = self._state, after(self._state, cause)
        if state is None:
            return False
        self._state = state
        if (before is State.DRIVING) is not (state is State.DRIVING):
            self._effects.append(Stop(on=state is not State.DRIVING))
        if state not in _UNDERWAY and self._open is not None and self._cancelled_ns is None:
            self._cancel()
        if state is State.HOLDING:
            self._errand, self._way = None, None
            self._limit(None)
        return True

    def _cancel(self) -> None:
        assert self._open is not None, "what is cancelled is open"
        self._cancelled_ns = self._now_ns
        self._effects.append(CancelDriving(goal=self._open))

    def _limit(self, limit_mps: float | None) -> None:
        if limit_mps != self._limit_mps:
            self._limit_mps = limit_mps
            self._effects.append(LimitSpeed(limit_mps=limit_mps))

    def _tell(self, weight: Weight, text: str) -> None:
        self._effects.append(Tell(weight=weight, text=text))
