# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The map as shapes: edges with their direction, bins, nodes and zones, and what of these is closed at the moment."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Final

from shapely import Polygon, delaunay_triangles

from fallback_guard.core.closures import Closures
from fallback_guard.core.openness import Block, openness, zones_closed
from fallback_guard.core.warehouse import Edge, Node, Pair, Warehouse, Zone, ZoneKind
from fallback_guard.live.shapes import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    WHITE,
    Color,
    Point,
    Shape,
    ShapeKind,
    faded,
    height,
    lifted,
    width,
)

EDGES_DRAWN_MAX: Final = 10_000
NODES_DRAWN_MAX: Final = 10_000
"""A message of this size (2.2 MB) still arrives; of a larger map the first so many are drawn."""

NAMES_DRAWN_MAX: Final = 1_000
"""A text is a marker of its own, and each costs a viewer a texture."""

FILL_CORNERS_MAX: Final = 500
"""A zone with more corners has an outline alone."""

BINS_NAMED_MAX: Final = 3
_LINE_M: Final = 0.05
_HEAD_M_MAX: Final = 0.4
_HEAD_AT: Final = 0.65
_NODE_M: Final = 0.12
_BIN_M: Final = 0.25
_TEXT_M: Final = 0.25

_EDGE_COLORS: Final[Mapping[Block | None, Color]] = {
    None: GREY,
    Block.CLOSED: RED,
    Block.KEEP_OUT: ORANGE,
}
_FOLDERS: Final[Mapping[Block | None, str]] = {
    None: "map/edges",
    Block.CLOSED: "map/edges_closed",
    Block.KEEP_OUT: "map/edges_kept_out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedNow:
    """What is closed for at least one of the guards that are watched."""

    blocked: Mapping[Pair, Block]
    zones: frozenset[int]


def closed_now(warehouse: Warehouse, all_closures: Collection[Closures]) -> ClosedNow:
    """Join what several guards have closed."""
    blocked: dict[Pair, Block] = {}
    zones: frozenset[int] = frozenset()
    for closures in all_closures:
        blocked.update(openness(warehouse, closures).blocked)
        is_refuge = frozenset(
            zone.id for zone in warehouse.zones.values() if zone.kind is ZoneKind.REFUGE
        )
        zones |= zones_closed(warehouse, closures) | (
            is_refuge if closures.everything else frozenset()
        )
    return ClosedNow(blocked=blocked, zones=zones)


def left_out(warehouse: Warehouse) -> str:
    """Say what of a large map is not drawn; nothing where all is."""
    bounds = (
        ("edges", len(warehouse.edges), EDGES_DRAWN_MAX),
        ("nodes", len(warehouse.nodes), NODES_DRAWN_MAX),
    )
    return ", ".join(f"{bound} of {count} {what}" for what, count, bound in bounds if count > bound)


def map_shapes(warehouse: Warehouse, closed: ClosedNow) -> list[Shape]:
    """Return every shape of the map.  They stay until the map changes."""
    nodes = list(warehouse.nodes.values())[:NODES_DRAWN_MAX]
    edges = list(warehouse.edges.values())[:EDGES_DRAWN_MAX]
    shapes = [*_zones(warehouse.zones.values(), closed.zones)]
    for block, color in _EDGE_COLORS.items():
        chosen = [edge for edge in edges if closed.blocked.get((edge.start, edge.end)) is block]
        shapes += _edges(chosen, warehouse.nodes, _FOLDERS[block], color)
    shapes += _spots("map/nodes", nodes, ShapeKind.SPHERE_LIST, GREY, _NODE_M)
    with_bins = [node for node in nodes if node.bins]
    shapes += _spots("map/bins", with_bins, ShapeKind.CUBE_LIST, BLUE, _BIN_M)
    shapes += [_name(*each) for each in enumerate(with_bins[:NAMES_DRAWN_MAX])]
    return shapes


def _edges(
    edges: Sequence[Edge], nodes: Mapping[int, Node], folder: str, color: Color
) -> list[Shape]:
    points: list[Point] = []
    for edge in edges:
        start, end = nodes[edge.start], nodes[edge.end]
        points += [(start.x, start.y, 0.0), (end.x, end.y, 0.0), *_head(start, end)]
    if not points:
        return []
    return [
        Shape(
            folder=folder,
            number=0,
            kind=ShapeKind.LINE_LIST,
            color=color,
            scale=width(_LINE_M),
            points=tuple(points),
        )
    ]


def _head(start: Node, end: Node) -> list[Point]:
    """Return the two lines of an arrow's head, on the way from `start` to `end`; none on an edge without length."""
    dx, dy = end.x - start.x, end.y - start.y
    length = hypot(dx, dy)
    if length == 0.0:
        return []
    ux, uy = dx / length, dy / length
    size = min(_HEAD_M_MAX, length / 4)
    tip = (start.x + _HEAD_AT * dx, start.y + _HEAD_AT * dy, 0.0)
    back = (tip[0] - size * ux, tip[1] - size * uy)
    aside = size / 2
    return [
        tip,
        (back[0] - aside * uy, back[1] + aside * ux, 0.0),
        tip,
        (back[0] + aside * uy, back[1] - aside * ux, 0.0),
    ]


def _spots(
    folder: str, nodes: Sequence[Node], kind: ShapeKind, color: Color, size_m: float
) -> list[Shape]:
    if not nodes:
        return []
    return [
        Shape(
            folder=folder,
            number=0,
            kind=kind,
            color=color,
            scale=(size_m, size_m, size_m),
            points=lifted(((node.x, node.y) for node in nodes), size_m / 2),
        )
    ]


def _name(number: int, node: Node) -> Shape:
    more = len(node.bins) - BINS_NAMED_MAX
    text = ", ".join(node.bins[:BINS_NAMED_MAX]) + (f" +{more}" if more > 0 else "")
    return Shape(
        folder="map/bin_names",
        number=number,
        kind=ShapeKind.TEXT,
        color=WHITE,
        scale=height(_TEXT_M),
        position=(node.x, node.y, 0.5),
        text=text,
    )


def _zones(zones: Iterable[Zone], closed: frozenset[int]) -> list[Shape]:
    shapes: list[Shape] = []
    for number, zone in enumerate(zones):
        is_closed = zone.id in closed
        # A keep-out zone that may be crossed, and a refuge that may not be used, are pale.
        in_force = is_closed if zone.kind is ZoneKind.KEEP_OUT else not is_closed
        color = RED if zone.kind is ZoneKind.KEEP_OUT else GREEN
        folder = f"map/{zone.kind.value}"
        rings = [zone.corners, *zone.holes]
        shapes += [
            Shape(
                folder=f"{folder}_outline",
                number=number * 100 + ring_number,
                kind=ShapeKind.LINE_STRIP,
                color=faded(color, 0.9 if in_force else 0.35),
                scale=width(_LINE_M),
                points=lifted([*ring, ring[0]], 0.01),
            )
            for ring_number, ring in enumerate(rings)
        ]
        triangles = _triangles(zone)
        if triangles:
            shapes.append(
                Shape(
                    folder=folder,
                    number=number,
                    kind=ShapeKind.TRIANGLE_LIST,
                    color=faded(color, 0.35 if in_force else 0.08),
                    scale=(1.0, 1.0, 1.0),
                    points=triangles,
                )
            )
    return shapes


def _triangles(zone: Zone) -> tuple[Point, ...]:
    """Return triangles that fill a zone, those alone that lie wholly in it."""
    if sum(len(ring) for ring in (zone.corners, *zone.holes)) > FILL_CORNERS_MAX:
        return ()
    shape = Polygon(zone.corners, zone.holes)
    within = [piece for piece in delaunay_triangles(shape).geoms if shape.covers(piece)]
    return tuple(
        point for piece in within for point in lifted(list(piece.exterior.coords)[:3], -0.02)
    )
