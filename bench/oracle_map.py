# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A second reading of a warehouse map, from docs/map.md and not from the guard's code.

Plain Python over the GeoJSON, shapely for zones and networkx for shortest paths.  Slow, and on purpose without
any of the guard's own modules.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from math import hypot, inf
from typing import TYPE_CHECKING, Final, cast

import networkx as nx  # type: ignore[import-untyped]
from shapely import LineString, Polygon, box

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SEARCHED_NODES_MAX: Final = 10_000
"""On larger maps only surveyed places are led to: anything else is likely too far."""

Pair = tuple[int, int]
Feature = dict[str, dict[str, object]]


@dataclass(slots=True)
class Hop:
    """A way from one node straight to another.  `open` is false where it is closed or kept out."""

    edge: int
    length_m: float
    limit_mps: float | None
    closed: bool
    kept_out: bool = False

    @property
    def open(self) -> bool:
        return not self.closed and not self.kept_out


class OracleMap:
    """Nodes (m), bins by node, hops by their two nodes, and the shortest open paths between surveyed places."""

    def __init__(self, data: bytes, closed_edges: Iterable[int] = ()) -> None:
        """Read a map; `closed_edges` are closed beside those that the map closes itself."""
        document = json.loads(data)
        features = cast("list[Feature]", document["features"])
        self.nodes: dict[int, tuple[float, float]] = {}
        self.bins: dict[str, int] = {}
        self.hops: dict[Pair, Hop] = {}
        self._read_nodes([one for one in features if one["geometry"]["type"] == "Point"])
        self.bins.update({name: int(node) for name, node in (document.get("bins") or {}).items()})
        lines = [one for one in features if str(one["geometry"]["type"]).endswith("LineString")]
        self._read_lines(lines, frozenset(closed_edges))
        self._keep_out([one for one in features if one["geometry"]["type"] == "Polygon"])
        self.graph = nx.DiGraph()
        self.graph.add_nodes_from(self.nodes)
        for pair, hop in self.hops.items():
            if hop.open:
                self.graph.add_edge(*pair, length_m=hop.length_m)
        self._all = nx.DiGraph(list(self.hops))
        self.slowest_mps = min(
            (hop.limit_mps for hop in self.hops.values() if hop.limit_mps), default=inf
        )
        self._distance_m: dict[Pair, float] = {}
        self._paths: dict[Pair, tuple[int, ...]] = {}

    def _read_nodes(self, features: Sequence[Feature]) -> None:
        for feature in features:
            properties = feature["properties"]
            node = int(cast("float", properties["id"]))
            x, y = cast("list[float]", feature["geometry"]["coordinates"])[:2]
            self.nodes[node] = (x, y)
            for name in cast("list[str]", _metadata(properties).get("bins") or []):
                self.bins[name] = node

    def _read_lines(self, features: Sequence[Feature], closed_edges: frozenset[int]) -> None:
        seen: set[int] = set()
        for feature in features:
            properties = feature["properties"]
            edge, start, end = (
                int(cast("float", properties[key])) for key in ("id", "startid", "endid")
            )
            if start == end or edge in seen:
                continue  # It leads nowhere, or it was there before.
            seen.add(edge)
            metadata = _metadata(properties)
            (x1, y1), (x2, y2) = self.nodes[start], self.nodes[end]
            limit_mps = cast("float | None", metadata.get("abs_speed_limit"))
            closed = bool(metadata.get("closed")) or edge in closed_edges
            twin = self.hops.get((start, end))
            if twin:  # One way, and the stricter of the two.
                limits = [limit for limit in (twin.limit_mps, limit_mps) if limit is not None]
                limit_mps, closed = min(limits, default=None), closed or twin.closed
            self.hops[start, end] = Hop(edge, hypot(x2 - x1, y2 - y1), limit_mps, closed)

    def _keep_out(self, features: Sequence[Feature]) -> None:
        for feature in features:
            properties = feature["properties"]
            if properties["type"] != "keep_out" or _metadata(properties).get("closed") is False:
                continue
            outline, *holes = cast("list[list[Pair]]", feature["geometry"]["coordinates"])
            area = Polygon(outline, holes)
            left, low, right, high = box(*area.bounds).buffer(1.0).bounds
            for (start, end), hop in self.hops.items():
                (x1, y1), (x2, y2) = self.nodes[start], self.nodes[end]
                if max(x1, x2) < left or min(x1, x2) > right:
                    continue
                if max(y1, y2) < low or min(y1, y2) > high:
                    continue
                hop.kept_out |= area.intersects(LineString([(x1, y1), (x2, y2)]))

    def survey(self, places: Sequence[int]) -> None:
        """Find the shortest open paths between all of `places`, and forget those found before."""
        self._distance_m.clear()
        self._paths.clear()
        for start in places:
            before, distance_m = nx.dijkstra_predecessor_and_distance(
                self.graph, start, weight="length_m"
            )
            for end in places:
                self._distance_m[start, end] = distance_m.get(end, inf)
                if end in distance_m:
                    nodes = [end]
                    while nodes[-1] != start:
                        nodes.append(before[nodes[-1]][0])
                    self._paths[start, end] = tuple(reversed(nodes))

    def distance_m(self, start: int, end: int) -> float:
        """Return the length of the shortest open path between two surveyed places; infinite if there is none."""
        return self._distance_m[start, end]

    def path(self, start: int, end: int) -> tuple[int, ...] | None:
        """Return all nodes of such a path, both ends included."""
        return self._paths.get((start, end))

    def any_path(self, start: int, end: int) -> list[int]:
        """Return a way, an open one if there is one; none where there is none, or none near on a large map."""
        if (start, end) in self._paths:
            return list(self._paths[start, end])
        if len(self.nodes) > _SEARCHED_NODES_MAX:
            return []
        for graph in (self.graph, self._all):
            try:
                return list(nx.bidirectional_shortest_path(graph, start, end))
            except (nx.NetworkXNoPath, nx.NodeNotFound):
                continue
        return []

    def length_m(self, nodes: Sequence[int]) -> float:
        """Return the length of a way along hops, open or not."""
        return sum(self.hops[pair].length_m for pair in pairwise(nodes))


def _metadata(properties: dict[str, object]) -> dict[str, object]:
    return cast("dict[str, object]", properties.get("metadata") or {})
