# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A route to draw on a map: judged as the guard would, and where it leads."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from fallback_guard.core.config import guard_config
from fallback_guard.core.request import PickRequest
from fallback_guard.core.schema import Route, Stop
from fallback_guard.core.validation import Verdict
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.tools.task import make_task, read_bytes

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteOnMap:
    """Where a route leads (m); `refusal` says why the guard refuses it, and is empty where it does not.

    Of a refused route, `way` joins those of its nodes that the map knows, and `stops` are those it knows.
    """

    start: Point
    goal: Point
    way: tuple[Point, ...]
    stops: tuple[Point, ...]
    length_m: float
    refusal: str


def route_on_map(warehouse: Warehouse, *, request: Path, route: Path) -> RouteOnMap:
    """Judge the route in a file.  Raises UsageError for files that cannot be used."""
    task = make_task(warehouse, request, guard_config({}))
    payload = read_bytes(route, task.config.payload_bytes_max)
    return _on_map(warehouse, task.request, task.verdict(payload), _stops(payload))


def _stops(payload: bytes) -> list[Stop]:
    """Return what a route says, refused or not, if it can be read at all."""
    try:
        return Route.model_validate_json(payload).stops
    except ValidationError:
        return []


def _on_map(
    warehouse: Warehouse, request: PickRequest, verdict: Verdict, said: list[Stop]
) -> RouteOnMap:
    def at(node: int) -> Point:
        return warehouse.nodes[node].x, warehouse.nodes[node].y

    start, goal = at(request.start_node), at(request.goal_node)
    if verdict.route is not None:
        return RouteOnMap(
            start=start,
            goal=goal,
            way=(start, *((point.x, point.y) for point in verdict.route.waypoints)),
            stops=tuple(at(stop.node) for stop in verdict.route.stops),
            length_m=verdict.route.length_m,
            refusal="",
        )
    nodes = [
        node
        for stop in said
        for node in (*(stop.via or ()), warehouse.bins.get(stop.bin, -1))
        if node in warehouse.nodes
    ]
    refusal = verdict.refusal
    return RouteOnMap(
        start=start,
        goal=goal,
        way=(start, *map(at, nodes), goal) if nodes else (),
        stops=tuple(at(warehouse.bins[stop.bin]) for stop in said if stop.bin in warehouse.bins),
        length_m=0.0,
        refusal=f"{refusal.mode.value}: {refusal.detail}" if refusal else "no route",
    )
