# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How quickly robots stop, how well they hold, how soon they resume: measured on where they are, not on what is said.

A fault begins when a robot needs a command and has none that it may drive by, and lasts until a ROUTE releases it.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from typing import Final

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.core.units import NS_PER_MS, ns_to_seconds
from fallback_guard.testing.timeline import (
    Answer,
    Command,
    GuardStanding,
    Key,
    Timeline,
    about,
)

STANDING_MPS: Final = 0.02
"""A robot this slow stands: positions are rounded and measured, so hardly ever the same twice."""

UNSEEN_NS: Final = 1_000 * NS_PER_MS
"""What a robot did between two positions farther apart than this nobody saw: the guard believes none that is older."""

IN_FLIGHT_NS: Final = 50 * NS_PER_MS
"""What a process has sent may be heard so long after its end."""

AT_REFUGE_M: Final = 0.5
"""A robot this close to the end of its retreat has arrived."""

DEADLINE_NS: Final = 150 * NS_PER_MS
IN_TIME_NS: Final = 60 * NS_PER_MS
"""An answer that is heard so long before the deadline was with the guard in time, whatever its margin is."""


class NothingToMeasureError(AssertionError):
    """The timeline does not hold what was asked for; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a robot has to stop for, from `since_ns` until its release at `until_ns` (None: it never came).

    `safe_move` is what it was told, by the command numbered `sequence`; NONE and 0 where it has to hold by itself.
    `refuge` is where a RETREAT ends (m).
    """

    robot_id: str
    cause: str
    since_ns: int
    until_ns: int | None
    safe_move: SafeMoveKind = SafeMoveKind.NONE
    sequence: int = 0
    refuge: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A robot's way from one position to the next: when they were heard, and its speed by its own clock."""

    from_ns: int
    to_ns: int
    speed_mps: float
    x: float
    y: float

    @property
    def stands(self) -> bool:
        """Whether the robot was seen to stand."""
        return self.speed_mps <= STANDING_MPS and self.to_ns - self.from_ns <= UNSEEN_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseStops:
    """Requests whose answer was valid and in time, and those of them that ended in a safe move all the same."""

    answered: tuple[Key, ...]
    stopped: tuple[Key, ...]

    @property
    def share(self) -> float:
        """The share of false stops; 0 where nothing was answered."""
        return len(self.stopped) / len(self.answered) if self.answered else 0.0


# Faults


def faults(timeline: Timeline, robot_id: str | None = None) -> list[Fault]:
    """Return every due request that was answered by a safe move, as a fault.

    It begins when the request fell due, not when the safe move came: what the guard takes to decide, and what the
    message takes to arrive, is time in which the robot drives on.
    """
    found = [
        fault_of_request(timeline, key)
        for key in timeline.fell_due_ns
        if robot_id in (None, key[0])
    ]
    return [fault for fault in found if fault is not None]


def fault_of_request(timeline: Timeline, key: Key) -> Fault | None:
    """Return the fault of one due request; None where it was answered by a route, or not at all."""
    robot_id, request_id = key
    due_ns = timeline.fell_due_ns.get(key)
    commands = about(timeline.effective(robot_id), request_id=request_id)
    if due_ns is None or not commands or commands[0].kind is not MotionKind.SAFE_MOVE:
        return None
    told = commands[0]
    return Fault(
        robot_id=robot_id,
        cause=f"{request_id} fell due without a route ({told.reason})",
        since_ns=due_ns,
        until_ns=_released_ns(timeline, robot_id, told.sequence, told.heard_ns),
        safe_move=told.safe_move,
        sequence=told.sequence,
        refuge=told.waypoints[-1][1:] if told.waypoints else None,
    )


def fault_of_silence(timeline: Timeline, robot_id: str, silent_ns: int) -> Fault:
    """Return the fault of a guard that was ended or deactivated at `silent_ns`.

    It begins when the robot's lease ends: until then it may follow its last command.  A guard that is inactive renews
    none.  Raises NothingToMeasureError
    where the guard was not heard before, or the robot had no command.
    """
    lives = [
        state.heard_ns
        for state in timeline.states
        if state.standing is not GuardStanding.INACTIVE
        and state.heard_ns <= silent_ns + IN_FLIGHT_NS
    ]
    commands = [each for each in timeline.effective(robot_id) if each.heard_ns <= silent_ns]
    if not lives or lives[0] > silent_ns or not commands:
        raise NothingToMeasureError(
            f"before the silence of {robot_id}'s guard no sign of life or no command was heard"
        )
    since_ns = max(lives[-1], commands[-1].heard_ns) + commands[-1].lease_ns
    return Fault(
        robot_id=robot_id,
        cause="the guard gave no sign of life for the lease's length",
        since_ns=since_ns,
        until_ns=_released_ns(timeline, robot_id, commands[-1].sequence, max(silent_ns, lives[-1])),
    )


def _released_ns(timeline: Timeline, robot_id: str, told: int, after_ns: int) -> int | None:
    """Return when a robot was released from what it was told by command number `told`.

    With the first ROUTE that was heard, or when the robot says that it has taken over a newer command that nobody heard
    as a safe move: of a guard that has started anew, the robot may hear before the observer does.
    """
    commands = timeline.effective(robot_id)
    heard_ns = [
        command.heard_ns
        for command in commands
        if command.kind is MotionKind.ROUTE and command.heard_ns > after_ns
    ]
    holding = {each.sequence for each in commands if each.kind is MotionKind.SAFE_MOVE}
    said_ns = [
        position.heard_ns
        for position in timeline.track(robot_id)
        if position.heard_ns > after_ns
        and position.sequence > told
        and position.sequence not in holding
    ]
    return min([*heard_ns[:1], *said_ns[:1]], default=None)


# Times


def time_to_stop_s(timeline: Timeline, fault: Fault, *, deceleration_mps2: float) -> float:
    """Return how long a robot took from a fault until it began to brake (s).

    For HOLD and CANCEL_AND_HOLD that is the time to standstill, less what braking takes at `deceleration_mps2` from
    the highest speed that the robot had since the fault.  So the figure does not hang on how fast the robot happened
    to be, a robot that stands has taken none, and whatever one brakes more gently than it can is counted.  Where
    the robot was released before it stood, it is the time until then, less what it braked.  For RETREAT, which is no
    stop, it is the time until the robot says that it has taken the command over.

    As fine as positions are frequent, and rather too long than too short.  Raises NothingToMeasureError where
    the robot was not seen to do so.
    """
    if fault.safe_move is SafeMoveKind.RETREAT:
        return _time_to_obey_s(timeline, fault)
    braked_ns, lost_mps = _braked(timeline, fault)
    taken_s = ns_to_seconds(braked_ns - fault.since_ns)
    return max(0.0, taken_s - lost_mps / deceleration_mps2)


def restless(timeline: Timeline, fault: Fault) -> list[Leg]:
    """Return the legs within `hold_share`'s time on which a robot was not seen to stand, the longest first."""
    moving = [leg for leg in _held(timeline, fault) if not leg.stands]
    return sorted(moving, key=lambda leg: leg.from_ns - leg.to_ns)


def hold_share(timeline: Timeline, fault: Fault) -> float:
    """Return in which share of the time a robot stood, from its standstill (in its refuge) until its release.

    Where it was never released, until the end of the timeline.  Time in which nobody saw the robot is time in which it
    did not hold.  Raises NothingToMeasureError where there is no such time.
    """
    held = list(_held(timeline, fault))
    whole_ns = sum(leg.to_ns - leg.from_ns for leg in held)
    if not whole_ns:
        raise NothingToMeasureError(f"{_name(fault)}: it was not seen to hold at all")
    return sum(leg.to_ns - leg.from_ns for leg in held if leg.stands) / whole_ns


def time_to_resume_s(timeline: Timeline, fault: Fault, ended_ns: int) -> float:
    """Return how long after the end of a fault's cause, at `ended_ns`, the robot was at work again (s).

    It is once it says that it has taken over a ROUTE that came after the fault, or else once it moves after one came:
    a route may begin with a pick.  Raises NothingToMeasureError where it was not seen to.
    """
    routes = [
        command
        for command in timeline.effective(fault.robot_id)
        if command.kind is MotionKind.ROUTE and command.heard_ns > fault.since_ns
    ]
    if not routes:
        raise NothingToMeasureError(f"{_name(fault)}: no route has released it")
    resumed_ns = _resumed_ns(timeline, routes)
    if resumed_ns is None:
        raise NothingToMeasureError(f"{_name(fault)}: it was not seen to follow a route")
    return max(0.0, ns_to_seconds(resumed_ns - ended_ns))


def false_stops(
    timeline: Timeline,
    is_valid: Callable[[Answer], bool],
    *,
    deadline_ns: int = DEADLINE_NS,
    excused: Collection[str] = (FailureMode.LATCHED.value,),
) -> FalseStops:
    """Return which requests were stopped although their answer was valid and in time.

    `is_valid` is the test's own judgement of an answer; who knows the planner to be right says True.  `excused` are
    reasons for which a robot is held whatever its answer is.
    """
    answered, stopped = [], []
    for key, due_ns in timeline.fell_due_ns.items():
        in_time = [
            answer
            for answer in about(timeline.answers, robot_id=key[0], request_id=key[1])
            if not answer.failure and answer.heard_ns <= due_ns + deadline_ns - IN_TIME_NS
        ]
        commands = about(timeline.effective(key[0]), request_id=key[1])
        if not commands or commands[0].reason in excused or not any(map(is_valid, in_time)):
            continue
        answered.append(key)
        if commands[0].kind is MotionKind.SAFE_MOVE:
            stopped.append(key)
    return FalseStops(answered=tuple(answered), stopped=tuple(stopped))


# Where robots are


def legs(timeline: Timeline, robot_id: str) -> Iterator[Leg]:
    """Yield how a robot went from each position to the next.

    Its speed is by its own stamps, because messages arrive unevenly; by their arrival where stamps do not rise.
    """
    for before, after in pairwise(timeline.track(robot_id)):
        taken_ns = after.stamp_ns - before.stamp_ns
        if taken_ns <= 0:
            taken_ns = after.heard_ns - before.heard_ns
        if taken_ns > 0:
            yield Leg(
                from_ns=before.heard_ns,
                to_ns=after.heard_ns,
                speed_mps=hypot(after.x - before.x, after.y - before.y) / ns_to_seconds(taken_ns),
                x=after.x,
                y=after.y,
            )


def _braked(timeline: Timeline, fault: Fault) -> tuple[int, float]:
    """Return when a robot stood or was released, and how much speed it had lost since its highest (m/s)."""
    peak_mps = last_mps = 0.0
    last_ns = fault.since_ns
    for leg in legs(timeline, fault.robot_id):
        if leg.to_ns <= fault.since_ns:
            continue
        if fault.until_ns is not None and leg.to_ns >= fault.until_ns:
            return last_ns, peak_mps - last_mps
        if leg.stands:
            # All along that leg it stood; when before, nobody knows.
            has_stood = leg.from_ns <= fault.since_ns
            return (fault.since_ns if has_stood else leg.to_ns), peak_mps
        peak_mps = max(peak_mps, leg.speed_mps)
        last_ns, last_mps = leg.to_ns, leg.speed_mps
    raise NothingToMeasureError(f"{_name(fault)}: it was not seen to stand")


def _time_to_obey_s(timeline: Timeline, fault: Fault) -> float:
    for position in timeline.track(fault.robot_id):
        if position.heard_ns >= fault.since_ns and position.sequence >= fault.sequence:
            return ns_to_seconds(position.heard_ns - fault.since_ns)
    raise NothingToMeasureError(
        f"{_name(fault)}: it has not said that it has taken the command over"
    )


def _held(timeline: Timeline, fault: Fault) -> Iterator[Leg]:
    """Yield the legs from a robot's standstill on that end before its release."""
    has_stood = False
    for leg in legs(timeline, fault.robot_id):
        if leg.from_ns < fault.since_ns and leg.to_ns <= fault.since_ns:
            continue
        if fault.until_ns is not None and leg.to_ns >= fault.until_ns:
            return
        has_stood = has_stood or (leg.stands and _is_where_it_holds(leg, fault))
        if has_stood:
            yield leg


def _is_where_it_holds(leg: Leg, fault: Fault) -> bool:
    if fault.refuge is None:
        return True
    return hypot(leg.x - fault.refuge[0], leg.y - fault.refuge[1]) <= AT_REFUGE_M


def _resumed_ns(timeline: Timeline, routes: list[Command]) -> int | None:
    robot_id = routes[0].key[0]
    numbers = {route.sequence for route in routes}
    track = [each for each in timeline.track(robot_id) if each.heard_ns >= routes[0].heard_ns]
    if any(position.sequence for position in track):
        return next((each.heard_ns for each in track if each.sequence in numbers), None)
    return next(
        (
            leg.to_ns
            for leg in legs(timeline, robot_id)
            if leg.from_ns >= routes[0].heard_ns and not leg.stands
        ),
        None,
    )


def _name(fault: Fault) -> str:
    return f"{fault.robot_id} after {fault.cause}"
