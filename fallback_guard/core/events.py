# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What can happen to the guard.  The set is closed: `Event` lists every kind."""

from dataclasses import dataclass

from fallback_guard.core.closures import Closures
from fallback_guard.core.config import GuardConfig
from fallback_guard.core.request import PickRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestArrived:
    """A pick request.  `stamp_age_ns` is how old its stamp was on arrival; negative: from the future."""

    request: PickRequest
    stamp_age_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFellDue:
    """The robot needs the route of an earlier request now."""

    request_id: str
    robot_id: str
    stamp_age_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateArrived:
    """A planner's answer, as it came.  `failure` is not empty where the planner has none to give."""

    request_id: str
    robot_id: str
    source: str
    attempt: int
    payload: bytes
    planning_ns: int
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionArrived:
    """Where a robot is, in metres in the map frame; `lost` where it does not know.

    `sequence` is that of the last command it has taken over, 0 where there was none.
    """

    robot_id: str
    x: float
    y: float
    lost: bool = False
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRequested:
    """An operator lets routes through again; an empty `robot_id` means every robot."""

    robot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRequested:
    """An operator wants one fallback of a robot, whatever its planner does."""

    robot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MapChanged:
    """Edges or zones were closed or opened; `closures` is all that differs from the map."""

    closures: Closures


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChanged:
    """Parameters that may change while running have changed; what is decided from now on follows `config`."""

    config: GuardConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """Something was handed to the middleware just now: what the guard learns of its own lateness.

    `planned_ns` is when that was to be done, None where no time was planned; `woke_ns` when the thread that waited
    for that time woke, None where another was quicker; `deadline_ns` when a decision has to be with the robot, None
    where none was sent.
    """

    planned_ns: int | None = None
    woke_ns: int | None = None
    deadline_ns: int | None = None


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing but time: what has fallen due by now is done."""


Event = (
    RequestArrived
    | RouteFellDue
    | CandidateArrived
    | PositionArrived
    | ResetRequested
    | DrillRequested
    | MapChanged
    | ConfigurationChanged
    | Dispatched
    | TimePassed
)


def addressed(event: Event) -> tuple[str, str, bool]:
    """Return the request and the robot an event speaks of, and whether it makes that request due."""
    if isinstance(event, RequestArrived):
        return event.request.request_id, event.request.robot_id, not event.request.on_due
    if isinstance(event, RouteFellDue | CandidateArrived):
        return event.request_id, event.robot_id, isinstance(event, RouteFellDue)
    return "", "", False
