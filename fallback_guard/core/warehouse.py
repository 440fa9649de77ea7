"""The warehouse map: where a picker can be, what it can reach, where it may wait.

The file format is the graph of Nav2's route server: a GeoJSON FeatureCollection in which Points are
nodes (`properties.id`) and LineStrings or MultiLineStrings are edges in one direction
(`properties.startid`, `properties.endid`).  Coordinates are metres in the map frame.  The guard reads
these keys beside Nav2's own:

======== ============================ =====================================================
feature  property                     meaning
======== ============================ =====================================================
node     `metadata.bins`              names of the bins reached from this node
node     `metadata.no_waiting`        true: waiting here blocks others, so retreat from here
edge     `metadata.abs_speed_limit`   m/s, the key of Nav2's time scorer
edge     `metadata.closed`            true: closed when the map loads
Polygon  `type`                       `keep_out` or `refuge`
======== ============================ =====================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shapely import LineString, Point, Polygon, prepare


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
    """A way from node `start` to node `end`.  `speed_limit_mps` is None where there is none."""

    id: int
    start: int
    end: int
    length_m: float
    speed_limit_mps: float | None = None
    closed: bool = False
    keep_out: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a robot may take it."""
        return not (self.closed or self.keep_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """An area: `corners` in metres, closed implicitly."""

    id: int
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """A loaded map: consistent, and never changed.

    `edges` is keyed by start and end node; `bins` leads from a bin to the node from which it is picked.
    """

    nodes: Mapping[int, Node]
    edges: Mapping[tuple[int, int], Edge]
    bins: Mapping[str, int]
    refuges: tuple[int, ...]
    keep_outs: tuple[Zone, ...] = ()


def build_warehouse(
    *,
    nodes: tuple[Node, ...],
    edges: tuple[Edge, ...],
    refuges: tuple[Zone, ...],
    keep_outs: tuple[Zone, ...],
) -> Warehouse:
    """Join the parts: mark edges that cross a keep-out zone, find the nodes within refuges.

    The parts have to be consistent; `geojson.load_warehouse` sees to that.
    """
    by_id = {node.id: node for node in nodes}
    keep_out_polygons = [Polygon(zone.corners) for zone in keep_outs]
    refuge_polygons = [Polygon(zone.corners) for zone in refuges]
    for polygon in (*keep_out_polygons, *refuge_polygons):
        prepare(polygon)

    def crosses_keep_out(edge: Edge) -> bool:
        start, end = by_id[edge.start], by_id[edge.end]
        line = LineString([(start.x, start.y), (end.x, end.y)])
        return any(polygon.intersects(line) for polygon in keep_out_polygons)

    def is_refuge(node: Node) -> bool:
        point = Point(node.x, node.y)
        return any(polygon.covers(point) for polygon in refuge_polygons) and not any(
            polygon.intersects(point) for polygon in keep_out_polygons
        )

    marked = {
        (edge.start, edge.end): Edge(
            id=edge.id,
            start=edge.start,
            end=edge.end,
            length_m=edge.length_m,
            speed_limit_mps=edge.speed_limit_mps,
            closed=edge.closed,
            keep_out=crosses_keep_out(edge),
        )
        for edge in edges
    }
    return Warehouse(
        nodes=MappingProxyType(by_id),
        edges=MappingProxyType(marked),
        bins=MappingProxyType({name: node.id for node in nodes for name in node.bins}),
        refuges=tuple(sorted(node.id for node in nodes if is_refuge(node))),
        keep_outs=keep_outs,
    )
