"""Reading a warehouse map, and refusing a broken one with the feature's name and the remedy."""

from pathlib import Path
from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from shapely import LineString, Polygon
from shapely.validation import explain_validity

from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.limits import COORDINATE_M_MAX, MAP_BYTES_MAX, MAP_FEATURES_MAX
from fallback_guard.core.schema import NodeId
from fallback_guard.core.warehouse import Edge, Node, Warehouse, Zone, build_warehouse

Coordinate = Annotated[float, Field(ge=-COORDINATE_M_MAX, le=COORDINATE_M_MAX, allow_inf_nan=False)]
Position = Annotated[list[Coordinate], Field(min_length=2, max_length=3)]

PATH_CHARS_MAX: Final = 4_096
"""What a message says of a path at most: as much as Linux takes."""

_END_TOLERANCE_M: Final = 0.5
"""How far an edge's line may end from the node it names, before it is taken for a mistake."""


class MapError(Exception):
    """A map that cannot be used.  The message names the file, the feature and the remedy."""

    def __init__(self, *, where: str, problem: str, remedy: str) -> None:
        """Join the three parts of the message."""
        super().__init__(f"{where}: {problem}. {remedy}")


class _Lenient(BaseModel):
    # Exported graphs carry keys of their own; numbers as text are still refused.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _NodeMetadata(_Lenient):
    bins: list[str] = []
    no_waiting: bool = False


class _NodeProperties(_Lenient):
    id: NodeId
    metadata: _NodeMetadata = _NodeMetadata()


class _PointGeometry(_Lenient):
    type: Literal["Point"]
    coordinates: Position


class _NodeFeature(_Lenient):
    properties: _NodeProperties
    geometry: _PointGeometry


class _EdgeMetadata(_Lenient):
    abs_speed_limit: Annotated[float, Field(gt=0, le=20, allow_inf_nan=False)] | None = None
    closed: bool = False


class _EdgeProperties(_Lenient):
    id: NodeId
    startid: NodeId
    endid: NodeId
    metadata: _EdgeMetadata = _EdgeMetadata()


class _LineGeometry(_Lenient):
    type: Literal["LineString"]
    coordinates: Annotated[list[Position], Field(min_length=2)]


class _MultiLineGeometry(_Lenient):
    type: Literal["MultiLineString"]
    coordinates: Annotated[
        list[Annotated[list[Position], Field(min_length=2)]], Field(min_length=1)
    ]


class _EdgeFeature(_Lenient):
    properties: _EdgeProperties
    geometry: Annotated[_LineGeometry | _MultiLineGeometry, Field(discriminator="type")]


class _ZoneProperties(_Lenient):
    id: NodeId
    type: Literal["keep_out", "refuge"]


class _PolygonGeometry(_Lenient):
    type: Literal["Polygon"]
    coordinates: Annotated[
        list[Annotated[list[Position], Field(min_length=4)]], Field(min_length=1, max_length=1)
    ]


class _ZoneFeature(_Lenient):
    properties: _ZoneProperties
    geometry: _PolygonGeometry


class _FeatureKindGeometry(_Lenient):
    type: str


class _FeatureKind(_Lenient):
    geometry: _FeatureKindGeometry


class _Collection(_Lenient):
    type: Literal["FeatureCollection"]
    features: Annotated[list[dict[str, object]], Field(max_length=MAP_FEATURES_MAX)]


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def _feature_name(index: int, feature: dict[str, object]) -> str:
    properties = feature.get("properties")
    identity = properties.get("id") if isinstance(properties, dict) else None
    if not isinstance(identity, int | float | str):
        identity = None  # Text of a list that nests deeply cannot even be made.
    return f"feature {index} (id {printable(str(identity))})"


class _Reader:
    """Collects the features of one file; each `add_` raises MapError for what is wrong with its feature."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.nodes: dict[int, Node] = {}
        self.edges: dict[int, Edge] = {}
        self.lines: dict[int, list[Position]] = {}
        self.zones: dict[int, tuple[str, Zone]] = {}
        self._bins: dict[str, int] = {}

    def error(self, name: str, problem: str, remedy: str) -> MapError:
        return MapError(where=f"{self.source}: {name}", problem=problem, remedy=remedy)

    def add(self, index: int, feature: dict[str, object]) -> None:
        name = _feature_name(index, feature)
        try:
            kind = _FeatureKind.model_validate(feature).geometry.type
            if kind == "Point":
                self._add_node(name, _NodeFeature.model_validate(feature))
            elif kind in ("LineString", "MultiLineString"):
                self._add_edge(name, _EdgeFeature.model_validate(feature))
            elif kind == "Polygon":
                self._add_zone(name, _ZoneFeature.model_validate(feature))
            else:
                raise self.error(
                    name,
                    f"geometry type {printable(kind)!r} is not part of a warehouse map",
                    "Use Point, LineString, MultiLineString or Polygon",
                )
        except ValidationError as error:
            raise self.error(
                name, _first_problem(error), "See docs/map.md for each property"
            ) from error

    def _add_node(self, name: str, feature: _NodeFeature) -> None:
        identity = feature.properties.id
        if identity in self.nodes:
            raise self.error(
                name, "another node has the same id", "Give every node an id of its own"
            )
        for bin_name in feature.properties.metadata.bins:
            if not is_identifier(bin_name):
                raise self.error(
                    name,
                    f"bin name {printable(bin_name)!r} is not an identifier",
                    "Use up to 64 characters of A-Z a-z 0-9 _ . : -",
                )
            if bin_name in self._bins:
                raise self.error(
                    name,
                    f"bin {bin_name!r} is on node {self._bins[bin_name]} too",
                    "Name each bin on the one node from which it is picked",
                )
            self._bins[bin_name] = identity
        x, y = feature.geometry.coordinates[:2]
        metadata = feature.properties.metadata
        self.nodes[identity] = Node(
            id=identity, x=x, y=y, bins=tuple(metadata.bins), no_waiting=metadata.no_waiting
        )

    def _add_edge(self, name: str, feature: _EdgeFeature) -> None:
        properties = feature.properties
        if properties.id in self.edges:
            raise self.error(
                name, "another edge has the same id", "Give every edge an id of its own"
            )
        geometry = feature.geometry
        if isinstance(geometry, _LineGeometry):
            line = geometry.coordinates
        else:
            line = [position for part in geometry.coordinates for position in part]
        self.lines[properties.id] = line
        self.edges[properties.id] = Edge(
            id=properties.id,
            start=properties.startid,
            end=properties.endid,
            length_m=float(LineString([position[:2] for position in line]).length),
            speed_limit_mps=properties.metadata.abs_speed_limit,
            closed=properties.metadata.closed,
        )

    def _add_zone(self, name: str, feature: _ZoneFeature) -> None:
        properties = feature.properties
        if properties.id in self.zones:
            raise self.error(
                name, "another zone has the same id", "Give every zone an id of its own"
            )
        corners = tuple((position[0], position[1]) for position in feature.geometry.coordinates[0])
        polygon = Polygon(corners)
        if not polygon.is_valid:
            raise self.error(name, explain_validity(polygon), "Draw the zone as one simple polygon")
        self.zones[properties.id] = (properties.type, Zone(id=properties.id, corners=corners))

    def check_edges(self) -> None:
        """Raise MapError for the first edge that does not join two nodes of the map."""
        pairs: dict[tuple[int, int], int] = {}
        for edge in self.edges.values():
            name = f"edge {edge.id}"
            for role, end, position in (
                ("startid", edge.start, self.lines[edge.id][0]),
                ("endid", edge.end, self.lines[edge.id][-1]),
            ):
                node = self.nodes.get(end)
                if node is None:
                    raise self.error(
                        name, f"{role} {end} is no node", "Add the node or remove the edge"
                    )
                if abs(node.x - position[0]) + abs(node.y - position[1]) > _END_TOLERANCE_M:
                    raise self.error(
                        name,
                        f"its line does not end at node {end} ({role})",
                        "Swap the line's direction, or correct the id",
                    )
            if edge.start == edge.end or edge.length_m <= 0:
                raise self.error(name, "it leads nowhere", "Join two different nodes")
            twin = pairs.setdefault((edge.start, edge.end), edge.id)
            if twin != edge.id:
                raise self.error(name, f"edge {twin} joins the same nodes", "Keep one of them")


def parse_warehouse(data: bytes, *, source: str) -> Warehouse:
    """Read a map from GeoJSON bytes; `source` names them in messages.

    Raises MapError, and nothing else, for whatever bytes.
    """
    if len(data) > MAP_BYTES_MAX:
        raise MapError(
            where=source,
            problem=f"it is over the limit of {MAP_BYTES_MAX} bytes",
            remedy="Split the map",
        )
    try:
        collection = _Collection.model_validate(orjson.loads(data))
    except orjson.JSONDecodeError as error:
        raise MapError(
            where=source,
            problem=f"it is not JSON: {error.msg} at byte {error.pos}",
            remedy="Export it again",
        ) from error
    except ValidationError as error:
        raise MapError(
            where=source,
            problem=_first_problem(error),
            remedy="A map is one GeoJSON FeatureCollection",
        ) from error
    reader = _Reader(source)
    for index, feature in enumerate(collection.features):
        reader.add(index, feature)
    if not reader.nodes:
        raise MapError(
            where=source, problem="it has no nodes", remedy="Add Point features with an id"
        )
    reader.check_edges()
    return build_warehouse(
        nodes=tuple(reader.nodes.values()),
        edges=tuple(reader.edges.values()),
        refuges=tuple(zone for kind, zone in reader.zones.values() if kind == "refuge"),
        keep_outs=tuple(zone for kind, zone in reader.zones.values() if kind == "keep_out"),
    )


def load_warehouse(path: Path) -> Warehouse:
    """Read a map from a file.  Raises MapError, also for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAP_BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        raise MapError(
            where=printable(str(path), chars_max=PATH_CHARS_MAX),
            problem=f"it cannot be read ({getattr(error, 'strerror', None) or error})",
            remedy="Check the path and its rights",
        ) from error
    return parse_warehouse(data, source=str(path))
