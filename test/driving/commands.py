# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Commands for the tests of who carries them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_guard.core.motion import MotionKind, RouteStop, SafeMoveKind
from fallback_guard.core.waypoint import Waypoint
from fallback_guard.driving.errand import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

LEASE_NS: Final = 500_000_000
EAST: Final = ((0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (30.0, 0.0))
"""Four points in a row."""


def points(
    places: Sequence[tuple[float, float]], limit_mps: float | None = None
) -> tuple[Waypoint, ...]:
    """Return waypoints."""
    return tuple(
        Waypoint(node=number, x=x, y=y, speed_limit_mps=limit_mps)
        for number, (x, y) in enumerate(places, start=1)
    )


def stops(*waypoint_indices: int) -> tuple[RouteStop, ...]:
    """Return a stop at each of these waypoints."""
    return tuple(
        RouteStop(f"A-{number}", f"SKU-{number}", number + 1, index + 1, index)
        for number, index in enumerate(waypoint_indices)
    )


def command(  # noqa: PLR0913  # the fields of the message
    sequence: int,
    kind: int = MotionKind.ROUTE,
    *,
    safe_move: int = SafeMoveKind.NONE,
    places: Sequence[tuple[float, float]] = EAST,
    picks_at: Sequence[int] = (1, 2),
    lease_ns: int = LEASE_NS,
) -> Command:
    """Return a command: a route east with two picks unless told otherwise."""
    is_route = kind == MotionKind.ROUTE
    return Command(
        request_id=f"R-{sequence}",
        sequence=sequence,
        kind=int(kind),
        safe_move=int(safe_move),
        lease_ns=lease_ns,
        stops=stops(*picks_at) if is_route else (),
        waypoints=points(places) if is_route or safe_move == SafeMoveKind.RETREAT else (),
    )


def safe_move(sequence: int, kind: SafeMoveKind = SafeMoveKind.HOLD) -> Command:
    """Return a safe move."""
    return command(sequence, MotionKind.SAFE_MOVE, safe_move=kind)
