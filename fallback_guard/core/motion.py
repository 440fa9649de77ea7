"""What a robot is told: a validated route or a safe move."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.safe_moves import SafeMoveKind
from fallback_guard.core.warehouse import Warehouse


class MotionKind(IntEnum):
    """The values are those of MotionCommand.msg."""

    NONE = 0
    ROUTE = 1
    SAFE_MOVE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Waypoint:
    """A point to drive to (m), and the speed limit on the way to it (m/s, None: none)."""

    node: int
    x: float
    y: float
    speed_limit_mps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStop:
    """A pick at `waypoints[waypoint_index]`."""

    bin: str
    sku: str
    quantity: int
    node: int
    waypoint_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedRoute:
    """A route that passed every rule, with its way filled in from the map."""

    source: str
    stops: tuple[RouteStop, ...]
    waypoints: tuple[Waypoint, ...]
    length_m: float


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
    waypoints: tuple[Waypoint, ...]
    safe_move: SafeMoveKind
    safe_move_target: int
    lease_ns: int


def waypoints_along(warehouse: Warehouse, nodes: Sequence[int]) -> tuple[Waypoint, ...]:
    """Return the waypoints of a way along edges of the map; KeyError where there is no edge."""
    limits = (None, *(warehouse.edges[pair].speed_limit_mps for pair in pairwise(nodes)))
    points = (warehouse.nodes[node] for node in nodes)
    return tuple(
        Waypoint(node=point.id, x=point.x, y=point.y, speed_limit_mps=limit)
        for point, limit in zip(points, limits, strict=False)
    )
