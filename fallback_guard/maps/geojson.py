# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reading a warehouse map, and refusing a broken one with the feature's name and the remedy."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError
from shapely import Polygon
from shapely.validation import explain_validity

from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.limits import (
    MAP_BYTES_MAX,
    MAP_FEATURES_MAX,
    SPEED_LIMIT_MPS_MIN,
    ZONE_TOUCHES_MAX,
)
from fallback_guard.core.warehouse import (
    Edge,
    Node,
    Pair,
    Warehouse,
    Zone,
    ZoneKind,
    ZoneTouchesError,
    build_warehouse,
)
from fallback_guard.maps.geojson_features import (
    EDGE,
    MULTI_POLYGON,
    NODE,
    NODE_ID,
    POLYGON,
    SPEED_LIMIT_MPS_MAX,
    Rings,
    first_problem,
)
from fallback_guard.maps.geojson_notes import Notes
from fallback_guard.maps.json_document import MapError, json_document
from fallback_guard.maps.map_rules import first_broken_rule

__all__ = [
    "SAME_PLACE_M",
    "MapError",
    "MapFile",
    "load_warehouse",
    "parse_warehouse",
    "read_file",
    "read_map",
    "read_map_file",
]

PATH_CHARS_MAX: Final = 4_096
"""What a message says of a path at most: as much as Linux takes."""

SAME_PLACE_M: Final = 1e-6
"""Nodes that are closer than this are at one place."""

_LINES: Final = ("LineString", "MultiLineString")
_AREAS: Final = ("Polygon", "MultiPolygon")

_A_NODE: Final = (
    "A node has a whole number as id, coordinates in metres, and in metadata at most "
    "bins (a list of names) and no_waiting (true or false)"
)
_AN_EDGE: Final = (
    "An edge has whole numbers as id, startid and endid, and in metadata at most "
    f"abs_speed_limit (m/s, {SPEED_LIMIT_MPS_MIN} to {SPEED_LIMIT_MPS_MAX:.0f}) "
    "and closed (true or false)"
)
_A_ZONE: Final = (
    "A zone has a whole number as id, keep_out or refuge as type, rings of coordinates in metres, "
    "and in metadata at most closed (true or false)"
)
_FORMATS: Final = (
    {"Point": _A_NODE} | dict.fromkeys(_LINES, _AN_EDGE) | dict.fromkeys(_AREAS, _A_ZONE)
)
"""What is allowed, by the type of a feature's geometry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFile:
    """A map as read, and what its author may not have meant: what was left out, joined or not looked at."""

    warehouse: Warehouse
    notes: tuple[str, ...]


class _Problem(Exception):  # noqa: N818  # becomes a MapError where the feature's name is known
    """What is wrong with the feature at hand, and the remedy."""


@dataclass(frozen=True, slots=True)
class _Line:
    """An edge as the file has it, before the nodes are known."""

    id: int
    start: int
    end: int
    speed_limit_mps: float | None
    closed: bool
    drawn: object


def _feature_name(index: int, feature: dict[str, object]) -> str:
    properties = feature.get("properties")
    identity = properties.get("id") if isinstance(properties, dict) else None
    if not isinstance(identity, int | float | str):
        identity = None  # Text of a list that nests deeply cannot even be made.
    return f"feature {index} (id {printable(str(identity))})"


class _Reader:
    """Collects the features of one file; each `add` raises MapError for what is wrong with its feature."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.notes = Notes()
        self.nodes: dict[int, Node] = {}
        self.lines: list[_Line] = []
        self.zones: dict[int, Zone] = {}
        self.closed_edges: set[int] = set()
        self._bins: dict[str, int] = {}

    def error(self, name: str, problem: str, remedy: str) -> MapError:
        return MapError(where=f"{self.source}: {name}", problem=problem, remedy=remedy)

    def add(self, index: int, feature: object) -> None:
        if not isinstance(feature, dict):
            raise self.error(
                f"feature {index}", "it is not an object", "A feature is a GeoJSON object"
            )
        geometry = feature.get("geometry")
        kind = geometry.get("type") if isinstance(geometry, dict) else None
        try:
            self._add(feature, geometry, kind)
        except ValidationError as error:
            raise self.error(
                _feature_name(index, feature), first_problem(error), _FORMATS[str(kind)]
            ) from error
        except _Problem as error:
            problem, remedy = error.args
            raise self.error(_feature_name(index, feature), problem, remedy) from error

    def _add(self, feature: dict[str, object], geometry: object, kind: object) -> None:
        if geometry is None:
            raise _Problem("it has no geometry", "Give it a place, or remove it")
        if kind == "Point":
            self._add_node(feature)
        elif kind in _LINES:
            self._add_line(feature)
        elif kind in _AREAS and isinstance(geometry, dict):
            self._add_zone(feature, geometry)
        else:
            raise _Problem(
                f"geometry type {_said(kind)} is not part of a warehouse map",
                "Use Point, LineString, MultiLineString or Polygon",
            )

    def _add_node(self, feature: dict[str, object]) -> None:
        read = NODE.validate_python(feature)
        identity = read["properties"]["id"]
        if identity in self.nodes:
            raise _Problem("another node has the same id", "Give every node an id of its own")
        metadata = read["properties"].get("metadata") or {}
        bins = metadata.get("bins") or []
        for bin_name in bins:
            self._add_bin(bin_name, identity)
        x, y = read["geometry"]["coordinates"][:2]
        self.notes.see_node(identity, feature["properties"], x, y)
        self.nodes[identity] = Node(
            id=identity,
            x=x,
            y=y,
            bins=tuple(bins),
            no_waiting=metadata.get("no_waiting") or False,
        )

    def _add_bin(self, bin_name: str, node: int) -> None:
        if not is_identifier(bin_name):
            raise _Problem(
                f"bin name {printable(bin_name)!r} is not an identifier",
                "Use up to 64 characters of A-Z a-z 0-9 _ . : -",
            )
        if bin_name in self._bins:
            raise _Problem(
                f"bin {bin_name!r} is on node {self._bins[bin_name]} too",
                "Name each bin on the one node from which it is picked",
            )
        self._bins[bin_name] = node

    def _add_line(self, feature: dict[str, object]) -> None:
        properties = EDGE.validate_python(feature)["properties"]
        metadata = properties.get("metadata") or {}
        self.lines.append(
            _Line(
                properties["id"],
                properties["startid"],
                properties["endid"],
                metadata.get("abs_speed_limit"),
                metadata.get("closed") or False,
                feature["geometry"],
            )
        )
        self.notes.see_edge(properties["id"], feature["properties"])

    def _add_zone(self, feature: dict[str, object], geometry: dict[str, object]) -> None:
        rings: Rings
        if geometry["type"] == "Polygon":
            polygon = POLYGON.validate_python(feature)
            properties, rings = polygon["properties"], polygon["geometry"]["coordinates"]
        else:
            drawn = geometry.get("coordinates")
            if isinstance(drawn, list) and len(drawn) > 1:
                raise _Problem(
                    "it has several parts", "Make each part a zone with an id of its own"
                )
            parts = MULTI_POLYGON.validate_python(feature)
            properties, rings = parts["properties"], parts["geometry"]["coordinates"][0]
        identity = properties["id"]
        if identity in self.zones:
            raise _Problem("another zone has the same id", "Give every zone an id of its own")
        corners, *holes = (tuple((at[0], at[1]) for at in ring) for ring in rings)
        shape = Polygon(corners, holes)
        if not shape.is_valid:
            raise _Problem(
                explain_validity(shape),
                "Draw its outline, and each hole in it, as one line that does not cross itself",
            )
        zone_kind = ZoneKind(properties["type"])
        closed = (properties.get("metadata") or {}).get("closed")
        self.notes.see_zone(identity, feature["properties"])
        self.zones[identity] = Zone(
            id=identity,
            kind=zone_kind,
            corners=corners,
            holes=tuple(holes),
            closed=zone_kind is ZoneKind.KEEP_OUT if closed is None else closed,
        )

    def add_bins(self, member: object) -> None:
        """Take the collection's own list of bins (a foreign member, as RFC 7946 calls it)."""
        if member is None:
            return
        name = "the collection's bins"
        remedy = "Write each bin's name and the id of its node"
        if not isinstance(member, dict):
            raise self.error(name, "this is not an object", remedy)
        more: dict[int, list[str]] = {}
        for bin_name, said in member.items():
            try:
                node = NODE_ID.validate_python(said)
                self._add_bin(bin_name, node)
            except ValidationError as error:
                problem = f"bin {printable(bin_name)}: {first_problem(error)}"
                raise self.error(name, problem, remedy) from error
            except _Problem as error:
                raise self.error(name, *error.args) from error
            if node not in self.nodes:
                raise self.error(
                    name,
                    f"bin {bin_name!r}: {node} is no node",
                    "Add the node, or name the one from which the bin is picked",
                )
            more.setdefault(node, []).append(bin_name)
        for node, names in more.items():
            old = self.nodes[node]
            self.nodes[node] = replace(old, bins=(*old.bins, *names))

    def edges(self) -> tuple[dict[Pair, Edge], dict[int, Pair]]:
        """Join the lines to edges: one for each two nodes, and where each id leads.

        Lines between the same two nodes are one way, with the strictest of what they say, and each of their
        ids stands for it, so that closing any of them closes the way, and each that is closed has to be
        opened.  `closed_edges` holds the ids of the lines that the map closes.  Raises MapError for a line that does
        not join two nodes, and for an id that would mean two ways.
        """
        edges: dict[Pair, Edge] = {}
        pairs: dict[int, Pair] = {}
        for line in self.lines:
            start, end = self._ends(line)
            pair = (line.start, line.end)
            if line.start == line.end:
                self.notes.loop(line.id)
                continue
            known = pairs.get(line.id, pair)
            if line.closed:
                self.closed_edges.add(line.id)
            if known != pair:
                self._check_same_way(line.id, known, (start, end))
                self.notes.repeated(line.id, pair, known)
                edges[known] = replace(edges[known], closed=edges[known].closed or line.closed)
                continue
            self.notes.see_line(line.id, line.drawn, start, end)
            pairs[line.id] = pair
            edges[pair] = self._edge(line, (start, end), edges.get(pair))
        return edges, pairs

    def _ends(self, line: _Line) -> tuple[Node, Node]:
        for role, node in (("startid", line.start), ("endid", line.end)):
            if node not in self.nodes:
                raise self.error(
                    f"edge {line.id}",
                    f"{role} {node} is no node",
                    "Add the node or remove the edge",
                )
        return self.nodes[line.start], self.nodes[line.end]

    def _check_same_way(self, edge: int, known: Pair, ends: tuple[Node, Node]) -> None:
        if any(
            _distance_m(self.nodes[one], other) > SAME_PLACE_M
            for one, other in zip(known, ends, strict=True)
        ):
            raise self.error(
                f"edge {edge}",
                f"two edges have this id, from node {known[0]} to {known[1]} "
                f"and from {ends[0].id} to {ends[1].id}",
                "Give every edge an id of its own, by which it can be closed",
            )

    def _edge(self, line: _Line, ends: tuple[Node, Node], twin: Edge | None) -> Edge:
        length_m = _distance_m(*ends)
        if length_m <= SAME_PLACE_M:
            raise self.error(
                f"edge {line.id}",
                f"nodes {line.start} and {line.end} are at the same place",
                "Move one of them, or make them one node",
            )
        limits = [line.speed_limit_mps, twin.speed_limit_mps if twin else None]
        if twin is not None and twin.id != line.id:
            self.notes.twin(line.id, twin.id)
        return Edge(
            id=line.id if twin is None else min(line.id, twin.id),
            start=line.start,
            end=line.end,
            length_m=length_m,
            speed_limit_mps=min((limit for limit in limits if limit is not None), default=None),
            closed=line.closed or (twin is not None and twin.closed),
        )


def _said(kind: object) -> str:
    return repr(printable(kind)) if isinstance(kind, str) else "that is no text"


def _distance_m(one: Node, other: Node) -> float:
    return float(((one.x - other.x) ** 2 + (one.y - other.y) ** 2) ** 0.5)


def _decoded(data: bytes, source: str) -> dict[str, object]:
    document = json_document(data, source=source, remedy="Split the map")
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise MapError(
            where=source,
            problem="its type is not FeatureCollection",
            remedy="A map is one GeoJSON FeatureCollection",
        )
    return document


def _features(document: dict[str, object], source: str) -> Iterator[object]:
    features = document.pop("features", None)
    if not isinstance(features, list):
        raise MapError(
            where=source,
            problem="features is not a list",
            remedy="A map is one GeoJSON FeatureCollection",
        )
    if len(features) > MAP_FEATURES_MAX:
        raise MapError(
            where=source,
            problem=f"it has more than {MAP_FEATURES_MAX} features",
            remedy="Split the map",
        )
    features.reverse()  # Taken from the end, each feature's memory is free once it is read.
    while features:
        yield features.pop()


def read_map(data: bytes, *, source: str) -> MapFile:
    """Read a map from GeoJSON bytes; `source` names them in messages.

    Raises MapError, and nothing else, for whatever bytes.
    """
    document = _decoded(data, source)
    reader = _Reader(source)
    for index, feature in enumerate(_features(document, source)):
        reader.add(index, feature)
    if not reader.nodes:
        raise MapError(
            where=source, problem="it has no nodes", remedy="Add Point features with an id"
        )
    reader.add_bins(document.get("bins"))
    edges, pairs = reader.edges()
    try:
        built = build_warehouse(
            nodes=reader.nodes.values(), edges=edges.values(), zones=reader.zones.values()
        )
    except ZoneTouchesError as error:
        raise reader.error(
            f"zone {error.zone}",
            f"the zones up to this one touch more than {ZONE_TOUCHES_MAX} edges and nodes in all",
            "Join the zones that lie over one another, or draw them smaller",
        ) from error
    warehouse = replace(
        built,
        edge_pairs=MappingProxyType(pairs),
        closed_edges=frozenset(reader.closed_edges),
    )
    broken = first_broken_rule(warehouse)
    if broken is not None:
        raise reader.error(broken.where, broken.problem, broken.remedy)
    return MapFile(warehouse=warehouse, notes=reader.notes.texts(crs=document.get("crs")))


def parse_warehouse(data: bytes, *, source: str) -> Warehouse:
    """Read a map from GeoJSON bytes, as `read_map` does, without its notes."""
    return read_map(data, source=source).warehouse


def read_file(path: Path) -> bytes:
    """Return a file's bytes, at most one more than a map may have.  Raises MapError."""
    try:
        with path.open("rb") as file:
            return file.read(MAP_BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        raise MapError(
            where=_path_name(path),
            problem=f"it cannot be read ({getattr(error, 'strerror', None) or error})",
            remedy="Check the path and its rights",
        ) from error


def _path_name(path: Path) -> str:
    return printable(str(path), chars_max=PATH_CHARS_MAX)


def read_map_file(path: Path) -> MapFile:
    """Read a map from a file.  Raises MapError, also for a file that cannot be read."""
    return read_map(read_file(path), source=_path_name(path))


def load_warehouse(path: Path) -> Warehouse:
    """Read a map from a file, as `read_map_file` does, without its notes."""
    return read_map_file(path).warehouse
