# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The warehouse map: where a picker can be, what it can reach, where it may wait.

The file format is the graph of Nav2's route server: a GeoJSON FeatureCollection in which Points are
nodes (`properties.id`) and LineStrings or MultiLineStrings are edges in one direction
(`properties.startid`, `properties.endid`).  Coordinates are metres in the map frame.  As in Nav2, the way
along an edge is the straight line between its nodes.  The guard reads these keys beside Nav2's own:

======== ============================ =====================================================
feature  property                     meaning
======== ============================ =====================================================
node     `metadata.bins`              names of the bins reached from this node
node     `metadata.no_waiting`        true: waiting here blocks others, so retreat from here
edge     `metadata.abs_speed_limit`   m/s, the key of Nav2's time scorer
edge     `metadata.closed`            true: closed when the map loads
Polygon  `type`                       `keep_out` or `refuge`
Polygon  `metadata.closed`            a keep-out zone is closed unless this says false, a refuge is
                                      open unless this says true
======== ============================ =====================================================
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from shapely import LineString, Point, Polygon, STRtree

from fallback_guard.core.limits import ZONE_TOUCHES_MAX

Pair = tuple[int, int]
"""An edge by its start and its end node."""


class ZoneKind(str, Enum):
    """What an area is for."""

    KEEP_OUT = "keep_out"
    REFUGE = "refuge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A place to drive to.  `x` and `y` in metres."""

    id: int
    x: float
    y: float
    bins: tuple[str, ...] = ()
    no_waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A straight way from node `start` to node `end`.

    `speed_limit_mps` is None where there is none; `closed` is what the map says, before anybody closes or
    opens it.
    """

    id: int
    start: int
    end: int
    length_m: float
    speed_limit_mps: float | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """An area: `corners` in metres, closed implicitly, and `holes` in it.

    A closed keep-out zone may not be touched, a closed refuge not be retreated to.  `edges` are those that
    touch the area, `nodes` those in it or on its border.
    """

    id: int
    kind: ZoneKind
    corners: tuple[tuple[float, float], ...]
    holes: tuple[tuple[tuple[float, float], ...], ...] = ()
    closed: bool
    edges: tuple[Pair, ...] = ()
    nodes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """A loaded map: consistent, and never changed.  What is closed at the moment is told by `openness`.

    `edges` is keyed by start and end node, `edge_pairs` leads there from an edge's id; `bins` leads from a
    bin to the node from which it is picked.  Several ids may stand for one edge; `closed_edges` are those that
    the map itself closes.
    """

    nodes: Mapping[int, Node]
    edges: Mapping[Pair, Edge]
    edge_pairs: Mapping[int, Pair]
    closed_edges: frozenset[int]
    bins: Mapping[str, int]
    zones: Mapping[int, Zone]


class ZoneTouchesError(ValueError):
    """With `zone` (an id), the zones touch more than ZONE_TOUCHES_MAX nodes and edges."""

    def __init__(self, zone: int) -> None:
        """Keep the zone."""
        super().__init__(f"zone {zone} is one too many")
        self.zone = zone


def build_warehouse(
    *, nodes: Iterable[Node], edges: Iterable[Edge], zones: Iterable[Zone]
) -> Warehouse:
    """Join the parts, and find what each zone touches.

    The parts have to be consistent; `geojson.load_warehouse` sees to that.  Raises ZoneTouchesError.
    """
    by_id = {node.id: node for node in nodes}
    by_pair = {(edge.start, edge.end): edge for edge in edges}
    return Warehouse(
        nodes=MappingProxyType(by_id),
        edges=MappingProxyType(by_pair),
        edge_pairs=MappingProxyType({edge.id: pair for pair, edge in by_pair.items()}),
        closed_edges=frozenset(edge.id for edge in by_pair.values() if edge.closed),
        bins=MappingProxyType({name: node.id for node in by_id.values() for name in node.bins}),
        zones=MappingProxyType(_with_what_they_touch(tuple(zones), by_id, tuple(by_pair))),
    )


def _with_what_they_touch(
    zones: tuple[Zone, ...], nodes: Mapping[int, Node], pairs: tuple[Pair, ...]
) -> dict[int, Zone]:
    if not zones:
        return {}
    ids = tuple(nodes)
    positions = {node.id: (node.x, node.y) for node in nodes.values()}
    shapes = [Polygon(zone.corners, zone.holes) for zone in zones]
    node_tree = STRtree([Point(positions[node]) for node in ids])
    edge_tree = STRtree([LineString((positions[start], positions[end])) for start, end in pairs])
    touched = 0
    found: dict[int, Zone] = {}
    for zone, shape in zip(zones, shapes, strict=True):
        in_it = node_tree.query(shape, predicate="intersects").tolist()
        across = edge_tree.query(shape, predicate="intersects").tolist()
        touched += len(in_it) + len(across)
        if touched > ZONE_TOUCHES_MAX:
            raise ZoneTouchesError(zone.id)
        found[zone.id] = replace(
            zone,
            nodes=tuple(sorted(ids[number] for number in in_it)),
            edges=tuple(sorted(pairs[number] for number in across)),
        )
    return found
