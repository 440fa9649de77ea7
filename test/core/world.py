# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A small warehouse in which every kind of way exists, a pick request for it, and answers to that request.

8 ~~~~ 6 ---> 5 (refuge)   7
~      ^      |            # closed
~      |      |            #
1 ---- 2 ---- 3 ---------- 4         ~ crosses the keep-out zone around node 8
       A-1    B-1          C-1       10 m from node to node
       A-2    no waiting             7 has bin X-1, which no open path reaches
"""

from __future__ import annotations

import json
from functools import cache
from math import dist
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.maps.geojson import parse_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fallback_guard.core.warehouse import Warehouse
    from fallback_guard.core.waypoint import Waypoint

ROBOT: Final = "picker_1"
SAMPLE: Final = Path(__file__).parents[2] / "config" / "sample_warehouse.geojson"
"""The map that comes with the package."""

STANDBY_M: Final = 60.0
"""Length of the standby route for `pick_request()`: 1 to 4 and back."""

_NODES: Final = {
    1: (0.0, 0.0),
    2: (10.0, 0.0),
    3: (20.0, 0.0),
    4: (30.0, 0.0),
    5: (20.0, 10.0),
    6: (10.0, 10.0),
    7: (30.0, 10.0),
    8: (0.0, 10.0),
}
_METADATA: Final[dict[int, dict[str, object]]] = {
    2: {"bins": ["A-1", "A-2"]},
    3: {"bins": ["B-1"], "no_waiting": True},
    4: {"bins": ["C-1"]},
    7: {"bins": ["X-1"]},
}
_BOTH_WAYS: Final = ((1, 2), (2, 3), (3, 4), (3, 5), (4, 7), (1, 8), (8, 6))
_ONE_WAY: Final = ((2, 6), (6, 5))


def node_feature(
    node: int, x: float, y: float, metadata: dict[str, object] | None = None
) -> dict[str, object]:
    """Return a node as GeoJSON."""
    properties: dict[str, object] = {"id": node, "metadata": metadata or {}}
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Point", "coordinates": [x, y]},
    }


def edge_feature(
    edge: int,
    start: tuple[int, tuple[float, float]],
    end: tuple[int, tuple[float, float]],
    metadata: dict[str, object] | None = None,
) -> dict[str, object]:
    """Return an edge from `start` to `end` (id and position) as GeoJSON."""
    properties: dict[str, object] = {
        "id": edge,
        "startid": start[0],
        "endid": end[0],
        "metadata": metadata or {},
    }
    line = {"type": "LineString", "coordinates": [list(start[1]), list(end[1])]}
    return {"type": "Feature", "properties": properties, "geometry": line}


def zone_feature(zone: int, kind: str, x: float, y: float, half_m: float) -> dict[str, object]:
    """Return a square zone around a point as GeoJSON."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    ring = [[x + half_m * i, y + half_m * j] for i, j in corners]
    properties = {"id": zone, "type": kind}
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def collection(features: Iterable[object]) -> bytes:
    """Return a map file with these features."""
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def features() -> list[dict[str, object]]:
    """Return the features of the small warehouse: its 8 nodes, its edges, its 2 zones."""
    nodes = [node_feature(node, *point, _METADATA.get(node)) for node, point in _NODES.items()]
    pairs = [*_BOTH_WAYS, *((b, a) for a, b in _BOTH_WAYS), *_ONE_WAY]
    edges = []
    for number, (start, end) in enumerate(pairs, start=100):
        metadata: dict[str, object] = {"closed": True} if {start, end} == {4, 7} else {}
        if {start, end} == {2, 3}:
            metadata = {"abs_speed_limit": 1.0}
        edges.append(edge_feature(number, (start, _NODES[start]), (end, _NODES[end]), metadata))
    return [
        *nodes,
        *edges,
        zone_feature(900, "refuge", 20, 10, 1),
        zone_feature(901, "keep_out", 0, 10, 2),
    ]


@cache
def warehouse() -> Warehouse:
    """Return the small warehouse."""
    return parse_warehouse(collection(features()), source="small.geojson")


def position_of(node: int) -> tuple[float, float]:
    """Return where a node is (m)."""
    return _NODES[node]


def pick_request(  # noqa: PLR0913  # what a request has
    request_id: str = "R-1",
    robot_id: str = ROBOT,
    *,
    items: tuple[PickItem, ...] | None = None,
    start_node: int = 1,
    goal_node: int = 1,
    instructions: str = "",
    on_due: bool = False,
) -> PickRequest:
    """Return a request for two lines from A-1 and one from C-1, unless told otherwise."""
    if items is None:
        items = (
            PickItem(bin="C-1", sku="SKU-3", quantity=1),
            PickItem(bin="A-1", sku="SKU-1", quantity=2),
            PickItem(bin="A-2", sku="SKU-2", quantity=3),
        )
    return PickRequest(
        request_id=request_id,
        robot_id=robot_id,
        start_node=start_node,
        goal_node=goal_node,
        items=items,
        instructions=instructions,
        on_due=on_due,
    )


def request_document() -> dict[str, object]:
    """Return `pick_request()` as the command line reads it: only what has to be said."""
    request = pick_request()
    return {
        "request_id": request.request_id,
        "robot_id": request.robot_id,
        "start_node": request.start_node,
        "goal_node": request.goal_node,
        "items": [stop(item) for item in request.items],
    }


def stop(item: PickItem, via: list[int] | None = None, **changes: object) -> dict[str, object]:
    """Return a stop of the route schema for an item."""
    said: dict[str, object] = {"bin": item.bin, "sku": item.sku, "quantity": item.quantity}
    if via is not None:
        said["via"] = via
    return said | changes


def document(request: PickRequest, stops: object = None, **changes: object) -> dict[str, object]:
    """Return a valid answer to `request` (its items, sorted by bin), with the given keys changed."""
    return {
        "version": 1,
        "request_id": request.request_id,
        "robot_id": request.robot_id,
        "stops": [stop(item) for item in sorted(request.items)] if stops is None else stops,
    } | changes


def answer(request: PickRequest, stops: object = None, **changes: object) -> bytes:
    """Return `document` as a planner would send it."""
    return json.dumps(document(request, stops, **changes)).encode()


def nodes_between(before: Waypoint, after: Waypoint) -> list[int]:
    """Return the nodes on the straight line between two waypoints, both included, in driving order."""
    start, length_m = (before.x, before.y), dist((before.x, before.y), (after.x, after.y))
    on_line = [
        (dist(start, (node.x, node.y)), node.id)
        for node in warehouse().nodes.values()
        if dist(start, (node.x, node.y)) + dist((node.x, node.y), (after.x, after.y))
        <= length_m + 1e-9
    ]
    return [node for _, node in sorted(on_line)]
