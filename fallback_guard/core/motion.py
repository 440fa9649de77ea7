# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a robot is told: a validated route or a safe move."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.waypoint import Waypoint


class MotionKind(IntEnum):
    """The values are those of MotionCommand.msg."""

    NONE = 0
    ROUTE = 1
    SAFE_MOVE = 2


class SafeMoveKind(IntEnum):
    """The safe moves in order of severity; the values are those of MotionCommand.msg."""

    NONE = 0
    HOLD = 1
    RETREAT = 2
    CANCEL_AND_HOLD = 3


class RouteStop(NamedTuple):
    """A pick at `waypoints[waypoint_index]`."""

    bin: str
    sku: str
    quantity: int
    node: int
    waypoint_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedRoute:
    """A route that passed every rule, with its way filled in from the map.

    `picks` are bin, SKU and quantity of each stop, `pick_waypoints` where among `waypoints` it is.
    """

    source: str
    picks: Sequence[tuple[str, str, int]]
    pick_waypoints: Sequence[int]
    waypoints: Sequence[Waypoint]
    length_m: float

    @property
    def stops(self) -> tuple[RouteStop, ...]:
        """The stops in driving order."""
        return tuple(
            RouteStop(*pick, self.waypoints[index].node, index)
            for pick, index in zip(self.picks, self.pick_waypoints, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """One command to one robot; the fields are those of MotionCommand.msg."""

    kind: MotionKind
    request_id: str
    robot_id: str
    sequence: int
    reason: FailureMode | None
    source: str
    stops: tuple[RouteStop, ...]
    waypoints: Sequence[Waypoint]
    safe_move: SafeMoveKind
    safe_move_target: int
    lease_ns: int
