# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the execution of commands hears, and what it wants done.  `Event` and `Effect` list every kind.

A driver moves the wheels: Nav2, or the follower.  Each thing it is given to drive is a goal with a number of its own.
"""

from dataclasses import dataclass
from enum import IntEnum

from fallback_guard.core.motion import RouteStop
from fallback_guard.core.waypoint import Waypoint
from fallback_guard.driving.errand import Command

# What comes in


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionArrived:
    """A command for this robot."""

    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardHeard:
    """A guard/state."""

    heartbeat: int
    decides: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseMeasured:
    """Where the robot is (m)."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseLost:
    """Nobody knows where the robot is, and why."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverBack:
    """The driver can be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverGone:
    """The driver cannot be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverAccepted:
    """The driver drives a goal."""

    goal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverHeard:
    """The driver says that it is at work on a goal."""

    goal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverRefused:
    """The driver takes no goals.

    Nav2's servers say so until they are active; a goal that they cannot drive they take, and fail it.
    """

    goal: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverFinished:
    """The driver has reached a goal's end."""

    goal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverFailed:
    """A goal has ended otherwise: given up, cancelled, or unknown to the driver."""

    goal: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePassed:
    """Nothing but time.  `robot_ns` is on the robot's own clock, which a simulation may run slower, or set back."""

    robot_ns: int


Event = (
    MotionArrived
    | GuardHeard
    | PoseMeasured
    | PoseLost
    | DriverBack
    | DriverGone
    | DriverAccepted
    | DriverHeard
    | DriverRefused
    | DriverFinished
    | DriverFailed
    | TimePassed
)

# What goes out


@dataclass(frozen=True, slots=True, kw_only=True)
class StartDriving:
    """Drive from a place (m) through points to the last of them, and stop there.  No goal is driven beside it."""

    goal: int
    sequence: int
    x: float
    y: float
    points: tuple[Waypoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDriving:
    """Let a goal be.  The driver answers with its end; it is asked again until it does."""

    goal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Say to the wheels, from now on and again and again, that they stand; or leave them to the driver."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSpeed:
    """Drive no faster from here on (m/s); None: as fast as the robot may."""

    limit_mps: float | None


class Outcome(IntEnum):
    """How a pick ended; the values are those of PickReport.msg."""

    NONE = 0
    PICKED = 1
    UNREACHED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPick:
    """A pick is done, or will not be."""

    request_id: str
    sequence: int
    stop_index: int
    stop: RouteStop
    outcome: Outcome


class Weight(IntEnum):
    """How much what is told matters."""

    INFO = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Say something to people."""

    weight: Weight
    text: str


Effect = StartDriving | CancelDriving | Stop | LimitSpeed | ReportPick | Tell
