# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A measured place on the map's graph: where the robot is on it, or that it is off it."""

from typing import NamedTuple

from shapely import LineString, Point, STRtree

from fallback_guard.core.warehouse import Warehouse


class Snapped(NamedTuple):
    """A place on the graph (m), and how far off it the measured place was (m)."""

    x: float
    y: float
    off_m: float


class Graph:
    """The edges of a map, open or not, and the nodes without any."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Make a tree of them, so that a place costs microseconds on any map."""
        nodes, edges = warehouse.nodes, warehouse.edges
        # The way back is the same line.
        pairs = {(min(pair), max(pair)) for pair in edges}
        joined = {node for pair in pairs for node in pair}
        self._shapes: list[LineString | Point] = [
            LineString([(nodes[a].x, nodes[a].y), (nodes[b].x, nodes[b].y)])
            for a, b in sorted(pairs)
        ]
        self._shapes += [Point(node.x, node.y) for node in nodes.values() if node.id not in joined]
        self._tree = STRtree(self._shapes)

    def snap(self, x: float, y: float) -> Snapped:
        """Return the place on the graph that is nearest to a finite one (m)."""
        place = Point(x, y)
        shape = self._shapes[int(self._tree.nearest(place))]
        if isinstance(shape, LineString):
            on_it = shape.interpolate(shape.project(place))
            return Snapped(on_it.x, on_it.y, place.distance(on_it))
        return Snapped(shape.x, shape.y, place.distance(shape))
