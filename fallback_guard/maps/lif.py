# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Import of a LIF file (VDMA Layout Interchange Format 1.0): a converter to a map that `geojson` reads.

LIF names nodes and edges by text and has one set of properties for each vehicle type; a map has numbers and
one set.  So one layout is read for one vehicle type, nodes and edges are numbered in the order of the file, and
each keeps its LIF id as `metadata.lif_id`.  A station becomes a bin on the first of its interaction nodes that the
vehicle type can drive to, or a refuge around it.  LIF knows no other zones.  What a vehicle does with its
load, its orientation and its trajectory has no place in a map and is left out.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import dist
from types import MappingProxyType
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.limits import IDENTIFIER_CHARS_MAX, MAP_FEATURES_MAX
from fallback_guard.core.warehouse import Edge, Node, ZoneKind
from fallback_guard.maps.geojson import SAME_PLACE_M, read_map
from fallback_guard.maps.geojson_features import SPEED_LIMIT_MPS_MAX, first_problem
from fallback_guard.maps.geojson_notes import listed
from fallback_guard.maps.geojson_writing import (
    Point,
    collection,
    edge_feature,
    node_feature,
    zone_feature,
)
from fallback_guard.maps.json_document import MapError, json_document
from fallback_guard.maps.lif_shapes import EDGE, NODE, STATION, LifEdge, LifNode, LifStation

_REFUGE_HALF_M: Final = 0.25
"""Half the side of the zone around a refuge station's node; less where another node is near."""

_STEM_CHARS_MAX: Final = IDENTIFIER_CHARS_MAX - len(f"-{MAP_FEATURES_MAX}")
"""What is kept of a station's id where a number has to tell its bin from others."""

_STRANGE: Final = re.compile(r"[^A-Za-z0-9_.:\-]")

_Shape = TypeVar("_Shape", LifNode, LifEdge, LifStation)


@dataclass(frozen=True, slots=True, kw_only=True)
class LifImport:
    """A layout as a map.

    `geojson` is the map file; `node_ids` and `edge_ids` lead from LIF's ids to the map's; `notes` say what
    was left out or changed.
    """

    geojson: bytes
    layout_id: str
    vehicle_type: str
    node_ids: Mapping[str, int]
    edge_ids: Mapping[str, int]
    notes: tuple[str, ...]


def read_lif(
    data: bytes,
    *,
    source: str,
    layout_id: str | None = None,
    vehicle_type: str | None = None,
    refuge_stations: Collection[str] = (),
) -> LifImport:
    """Convert one layout for one vehicle type; both may be None where the file has only one.

    Raises MapError, and nothing else, for whatever bytes; its message names the layout, the node, edge or
    station and the property.
    """
    layouts = _layouts(data, source)
    chosen = _choice(layouts, layout_id, source, "layout", "--layout-id")
    other_nodes = {
        identity
        for name, layout in layouts.items()
        if name != chosen
        for node in _dicts(layout.get("nodes"))
        if isinstance(identity := node.get("nodeId"), str)
    }
    where = f"{source}: layout {printable(chosen)}"
    layout = _Layout(layouts[chosen], where, other_nodes)
    types = layout.vehicle_types()
    chosen_type = _choice(types, vehicle_type, where, "vehicle type", "--vehicle-type")
    return layout.converted(chosen, chosen_type, refuge_stations)


def _layouts(data: bytes, source: str) -> dict[str, dict[str, object]]:
    """Return the layouts by their ids."""
    document = json_document(data, source=source, remedy="Export one layout at a time")
    if isinstance(document, dict) and "layouts" not in document and "origins" in document:
        raise MapError(
            where=source,
            problem="it has origins, as drafts of LIF 2 do",
            remedy="Export it as LIF 1.0",
        )
    layouts = document.get("layouts") if isinstance(document, dict) else None
    if not isinstance(layouts, list) or not layouts:
        raise MapError(
            where=source,
            problem="layouts is not a list with a layout in it",
            remedy="A LIF file is one JSON object with metaInformation and layouts",
        )
    found: dict[str, dict[str, object]] = {}
    for index, layout in enumerate(layouts):
        name = layout.get("layoutId") if isinstance(layout, dict) else None
        if not isinstance(name, str):
            raise MapError(
                where=f"{source}: layouts.{index}",
                problem="layoutId is not a text",
                remedy="Give every layout an id",
            )
        if name in found:
            raise MapError(
                where=f"{source}: layouts.{index}",
                problem=f"layoutId {printable(name)!r} is there twice",
                remedy="Give every layout an id of its own",
            )
        found[name] = layout
    return found


def _choice(names: Collection[str], chosen: str | None, where: str, what: str, option: str) -> str:
    if chosen is not None and chosen in names:
        return chosen
    if chosen is None and len(names) == 1:
        return next(iter(names))
    if not names:
        raise MapError(
            where=where, problem=f"it has no {what}", remedy="A layout without edges is no map"
        )
    problem = (
        f"it has {len(names)} {what}s"
        if chosen is None
        else f"it has no {what} {printable(chosen)!r}"
    )
    known = listed([printable(name) for name in names])
    raise MapError(where=where, problem=problem, remedy=f"Choose one with {option}: {known}")


def _dicts(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


class _Layout:
    """One layout, each of its elements checked; `where` begins every message."""

    def __init__(self, layout: dict[str, object], where: str, other_nodes: Collection[str]) -> None:
        self._where = where
        self._other_nodes = other_nodes
        self._notes: list[str] = []
        self._nodes = self._read(layout.get("nodes"), "node", NODE, "nodeId")
        self._edges = self._read(layout.get("edges"), "edge", EDGE, "edgeId")
        self._stations = self._read(layout.get("stations") or [], "station", STATION, "stationId")
        self._check_references()

    def _error(self, name: str, problem: str, remedy: str) -> MapError:
        return MapError(where=f"{self._where}: {name}", problem=problem, remedy=remedy)

    def _note(self, found: Sequence[object], text: str) -> None:
        if found:
            names = [printable(str(one)) for one in found]
            self._notes.append(f"{text}: {listed(names)}")

    def _read(
        self, elements: object, what: str, shape: TypeAdapter[_Shape], key: str
    ) -> dict[str, _Shape]:
        if not isinstance(elements, list) or len(elements) > MAP_FEATURES_MAX:
            raise self._error(
                f"{what}s", "this is not a list of reasonable length", f"List every {what}"
            )
        found: dict[str, _Shape] = {}
        for index, element in enumerate(elements):
            identity = element.get(key) if isinstance(element, dict) else None
            known = isinstance(identity, str)
            name = f"{what} {printable(str(identity))}" if known else f"{what}s.{index}"
            try:
                read = shape.validate_python(element)
            except ValidationError as error:
                raise self._error(
                    name, first_problem(error), "See chapter 8.3 of the LIF guideline"
                ) from error
            if identity in found:
                raise self._error(name, f"{key} is there twice", f"Give every {what} its own")
            found[str(identity)] = read
        return found

    def _check_references(self) -> None:
        for name, edge in self._edges.items():
            if edge["startNodeId"] not in self._nodes:
                raise self._unknown_node(
                    f"edge {printable(name)}", "startNodeId", edge["startNodeId"]
                )
            if edge["endNodeId"] not in self._nodes and edge["endNodeId"] not in self._other_nodes:
                raise self._unknown_node(f"edge {printable(name)}", "endNodeId", edge["endNodeId"])
        for name, station in self._stations.items():
            for node in station["interactionNodeIds"]:
                if node not in self._nodes:
                    raise self._unknown_node(
                        f"station {printable(name)}", "interactionNodeIds", node
                    )

    def _unknown_node(self, name: str, key: str, node: str) -> MapError:
        return self._error(
            name,
            f"{key}: {printable(node)!r} is no node of this layout",
            "Add the node or correct the id",
        )

    def vehicle_types(self) -> tuple[str, ...]:
        """Return every vehicle type that may use an edge, in the order of the file."""
        return tuple(
            dict.fromkeys(
                use["vehicleTypeId"]
                for edge in self._edges.values()
                for use in edge["vehicleTypeEdgeProperties"]
            )
        )

    def converted(
        self, layout_id: str, vehicle_type: str, refuge_stations: Collection[str]
    ) -> LifImport:
        """Return the map for a vehicle type; the named stations become refuges."""
        nodes = self._usable_nodes(vehicle_type)
        numbers = {name: number for number, name in enumerate(nodes, start=1)}
        first_edge = 10 ** len(str(len(nodes)))
        edges = self._usable_edges(vehicle_type, numbers)
        edge_ids = {name: number for number, name in enumerate(edges, start=first_edge)}
        reached = {edge["endNodeId"] for edge, _ in edges.values()}
        bins, refuges = self._places(reached, refuge_stations)
        features: list[dict[str, object]] = []
        for name, number in numbers.items():
            x, y = self._at(name)
            node = Node(id=number, x=x, y=y, bins=tuple(bins.get(name, ())))
            features.append(node_feature(node, lif_id=name))
        for name, (edge, limit_mps) in edges.items():
            ends = self._at(edge["startNodeId"]), self._at(edge["endNodeId"])
            way = Edge(
                id=edge_ids[name],
                start=numbers[edge["startNodeId"]],
                end=numbers[edge["endNodeId"]],
                length_m=dist(*ends),
                speed_limit_mps=limit_mps,
            )
            features.append(edge_feature(way, ends, lif_id=name))
        for zone, (station, name) in enumerate(refuges.items(), start=first_edge + len(edges)):
            half_m = self._room_m(name, numbers)
            features.append(
                zone_feature(
                    zone, ZoneKind.REFUGE, self._at(name), (half_m, half_m), lif_id=station
                )
            )
        geojson = collection(features, name=layout_id)
        notes = read_map(geojson, source=f"{self._where}, as a map").notes
        return LifImport(
            geojson=geojson,
            layout_id=layout_id,
            vehicle_type=vehicle_type,
            node_ids=MappingProxyType(numbers),
            edge_ids=MappingProxyType(edge_ids),
            notes=(*self._notes, *notes),
        )

    def _at(self, node: str) -> Point:
        position = self._nodes[node]["nodePosition"]
        return position["x"], position["y"]

    def _usable_nodes(self, vehicle_type: str) -> list[str]:
        usable = [
            name
            for name, node in self._nodes.items()
            if any(
                use["vehicleTypeId"] == vehicle_type for use in node["vehicleTypeNodeProperties"]
            )
        ]
        kept = set(usable)
        self._note(
            [name for name in self._nodes if name not in kept],
            f"nodes are not for vehicle type {printable(vehicle_type)} and left out",
        )
        return usable

    def _usable_edges(
        self, vehicle_type: str, nodes: Collection[str]
    ) -> dict[str, tuple[LifEdge, float | None]]:
        usable: dict[str, tuple[LifEdge, float | None]] = {}
        left_out, leaving, loaded, curved = [], [], [], []
        for name, edge in self._edges.items():
            use = next(
                (
                    use
                    for use in edge["vehicleTypeEdgeProperties"]
                    if use["vehicleTypeId"] == vehicle_type
                ),
                None,
            )
            if edge["endNodeId"] not in self._nodes:
                leaving.append(name)
                continue
            if use is None or edge["startNodeId"] not in nodes or edge["endNodeId"] not in nodes:
                left_out.append(name)
                continue
            self._check_length(name, edge)
            if use.get("loadRestriction") is not None:
                loaded.append(name)
            if use.get("trajectory") is not None:
                curved.append(name)
            limit_mps = use.get("maxSpeed")
            usable[name] = edge, None if limit_mps is None else min(limit_mps, SPEED_LIMIT_MPS_MAX)
        self._note(
            left_out, f"edges are not for vehicle type {printable(vehicle_type)} and left out"
        )
        self._note(leaving, "edges lead to another layout and are left out")
        self._note(loaded, "edges have a loadRestriction, which a map cannot say")
        self._note(curved, "edges have a trajectory; the guard goes straight from node to node")
        return usable

    def _check_length(self, name: str, edge: LifEdge) -> None:
        start, end = edge["startNodeId"], edge["endNodeId"]
        if dist(self._at(start), self._at(end)) <= SAME_PLACE_M:
            raise self._error(
                f"edge {printable(name)}",
                f"startNodeId {printable(start)!r} and endNodeId {printable(end)!r} are at the "
                "same place",
                "Move one of them, or remove the edge",
            )

    def _places(
        self, reached: Collection[str], refuge_stations: Collection[str]
    ) -> tuple[dict[str, list[str]], dict[str, str]]:
        """Return the bins at each node, and the node of each refuge station."""
        for name in refuge_stations:
            if name not in self._stations:
                known = listed([printable(station) for station in self._stations])
                raise self._error(
                    "stations", f"there is no station {printable(name)!r}", f"Choose from {known}"
                )
        bins: dict[str, list[str]] = {}
        refuges: dict[str, str] = {}
        out_of_reach, several = [], []
        bin_names = _bin_names([name for name in self._stations if name not in refuge_stations])
        for name, station in self._stations.items():
            usable = [node for node in station["interactionNodeIds"] if node in reached]
            if not usable:
                if name in refuge_stations:
                    raise self._error(
                        f"station {printable(name)}",
                        "no edge leads to a node of this refuge",
                        "Name another refuge, or another vehicle type",
                    )
                out_of_reach.append(name)
                continue
            if len(usable) > 1:
                several.append(f"{name} at {usable[0]}")
            if name in refuge_stations:
                refuges[name] = usable[0]
            else:
                bins.setdefault(usable[0], []).append(bin_names[name])
        self._note(out_of_reach, "stations have no node to which an edge leads and are left out")
        self._note(several, "stations have several nodes, and are taken to be at the first")
        renamed = [f"{old} is {new}" for old, new in bin_names.items() if old != new]
        self._note(renamed, "stations have ids that cannot name a bin")
        return bins, refuges

    def _room_m(self, node: str, nodes: Collection[str]) -> float:
        here = self._at(node)
        nearest_m = min(
            (d for d in (dist(here, self._at(other)) for other in nodes) if d > SAME_PLACE_M),
            default=_REFUGE_HALF_M,
        )
        return round(min(_REFUGE_HALF_M, nearest_m / 3), 3)


def _bin_names(stations: Sequence[str]) -> dict[str, str]:
    """Return an identifier for each station: its own id where that is one, or one made from it."""
    names = {station: station for station in stations if is_identifier(station)}
    taken = set(names)
    numbers: dict[str, int] = {}
    for station in stations:
        if station in names:
            continue
        name = _STRANGE.sub("_", station)[:IDENTIFIER_CHARS_MAX]
        stem = name[:_STEM_CHARS_MAX]
        while name in taken:
            numbers[stem] = numbers.get(stem, 1) + 1
            name = f"{stem}-{numbers[stem]}"
        taken.add(name)
        names[station] = name
    return {station: names[station] for station in stations}
