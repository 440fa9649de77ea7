# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A motion command as what there is to do: stop, or drive from pick to pick.

What cannot be carried out is said, and never driven: RULES is the table of reasons.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from math import inf
from typing import Final

from fallback_guard.core.limits import (
    COORDINATE_M_MAX,
    SPEED_LIMIT_MPS_MIN,
    STOPS_MAX,
    WAYPOINTS_MAX,
)
from fallback_guard.core.motion import MotionKind, RouteStop, SafeMoveKind
from fallback_guard.core.waypoint import Waypoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A MotionCommand as it came: nothing in it is believed yet.  The fields are those of the message."""

    request_id: str
    sequence: int
    kind: int
    safe_move: int
    lease_ns: int
    stops: Sequence[RouteStop] = ()
    waypoints: Sequence[Waypoint] = ()


class ErrandKind(IntEnum):
    """What is to be done."""

    HOLD = 0
    """Stop, and stay."""
    ROUTE = 1
    RETREAT = 2
    """Drive to a refuge, or else stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Points to drive through without a stop, and the picks at the last one, each with its place among the stops."""

    points: tuple[Waypoint, ...]
    picks: tuple[tuple[int, RouteStop], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What one command comes to.  `segments` is empty for HOLD."""

    kind: ErrandKind
    request_id: str
    sequence: int
    segments: tuple[Segment, ...] = ()


def errand(command: Command) -> Errand | str:
    """Return what a command comes to, or why it cannot be carried out."""
    kind = _KINDS.get((command.kind, command.safe_move if command.kind != MotionKind.ROUTE else 0))
    if kind is None:
        return f"kind {command.kind} with safe move {command.safe_move} is nothing that is known"
    if kind is not ErrandKind.HOLD:
        for reason, is_broken in RULES.items():
            if is_broken(command):
                return reason
    return Errand(
        kind=kind,
        request_id=command.request_id,
        sequence=command.sequence,
        segments=_segments(command, kind) if kind is not ErrandKind.HOLD else (),
    )


_KINDS: Final[dict[tuple[int, int], ErrandKind]] = {
    (MotionKind.ROUTE, SafeMoveKind.NONE): ErrandKind.ROUTE,
    (MotionKind.SAFE_MOVE, SafeMoveKind.HOLD): ErrandKind.HOLD,
    (MotionKind.SAFE_MOVE, SafeMoveKind.RETREAT): ErrandKind.RETREAT,
    (MotionKind.SAFE_MOVE, SafeMoveKind.CANCEL_AND_HOLD): ErrandKind.HOLD,
}


_SLOWEST_MPS: Final = SPEED_LIMIT_MPS_MIN * (1.0 - 1e-6)
"""The limit, as 32 bits hold it."""


def _is_nowhere(point: Waypoint) -> bool:
    # Written so that NaN is nowhere.
    return not (abs(point.x) <= COORDINATE_M_MAX and abs(point.y) <= COORDINATE_M_MAX)


def _is_no_limit(point: Waypoint) -> bool:
    limit_mps = point.speed_limit_mps
    return limit_mps is not None and not _SLOWEST_MPS <= limit_mps < inf


def _indices_are_wrong(command: Command) -> bool:
    indices = [stop.waypoint_index for stop in command.stops]
    return any(a > b for a, b in pairwise(indices)) or any(
        not 0 <= index < len(command.waypoints) for index in indices
    )


RULES: Final[dict[str, Callable[[Command], bool]]] = {
    "it has no waypoints": lambda command: not command.waypoints,
    f"it has more than {WAYPOINTS_MAX} waypoints": lambda command: (
        len(command.waypoints) > WAYPOINTS_MAX
    ),
    f"it has more than {STOPS_MAX} stops": lambda command: len(command.stops) > STOPS_MAX,
    "a waypoint is not finite, or nowhere near any map": lambda command: any(
        _is_nowhere(point) for point in command.waypoints
    ),
    f"a speed limit is below {SPEED_LIMIT_MPS_MIN:g} m/s, or no number": lambda command: any(
        _is_no_limit(point) for point in command.waypoints
    ),
    "its stops are not in the order of its waypoints": _indices_are_wrong,
}
"""Why a command cannot be driven, and how that is seen.  In this order: the counts come before what they bound."""


def _segments(command: Command, kind: ErrandKind) -> tuple[Segment, ...]:
    picks: dict[int, list[tuple[int, RouteStop]]] = {}
    # Nothing is picked on a retreat, whatever it says.
    for number, stop in enumerate(command.stops if kind is ErrandKind.ROUTE else ()):
        picks.setdefault(stop.waypoint_index, []).append((number, stop))
    ends = sorted(picks.keys() | {len(command.waypoints) - 1})
    return tuple(
        Segment(
            points=tuple(command.waypoints[before + 1 : end + 1]), picks=tuple(picks.get(end, ()))
        )
        for before, end in pairwise((-1, *ends))
    )
