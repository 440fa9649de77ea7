# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Import of LIF files: what becomes of a layout, and refusals that name the element and the property."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback_guard.core.openness import openness
from fallback_guard.maps import json_document
from fallback_guard.maps.geojson import MapError, parse_warehouse
from fallback_guard.maps.lif import LifImport, read_lif

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_guard.core.warehouse import Warehouse

Element = dict[str, object]

TWO_VEHICLES: Final = Path(__file__).parents[1] / "maps" / "two_vehicles.lif.json"
T: Final = "lifter"


def _node(name: str, x: float, y: float, *types: str) -> Element:
    uses = [{"vehicleTypeId": one} for one in types or (T,)]
    return {
        "nodeId": name,
        "mapId": "m",
        "nodePosition": {"x": x, "y": y},
        "vehicleTypeNodeProperties": uses,
    }


def _edge(start: str, end: str, **use: object) -> Element:
    return {
        "edgeId": f"{start}-{end}",
        "startNodeId": start,
        "endNodeId": end,
        "vehicleTypeEdgeProperties": [{"vehicleTypeId": T, "rotationAllowed": True} | use],
    }


def _station(name: str, *nodes: str) -> Element:
    return {"stationId": name, "interactionNodeIds": list(nodes)}


def _layout() -> Element:
    """A - B - C, with stations at B and C."""
    return {
        "layoutId": "ground",
        "layoutVersion": "1",
        "nodes": [_node("A", 0, 0), _node("B", 10, 0), _node("C", 10, 5)],
        "edges": [_edge("A", "B", maxSpeed=1.5), _edge("B", "A"), _edge("B", "C"), _edge("C", "B")],
        "stations": [_station("S-1", "B"), _station("PARK", "C")],
    }


def _file(*layouts: Element, **more: object) -> bytes:
    meta = {"projectIdentification": "p", "creator": "c", "lifVersion": "1.0.0"}
    return json.dumps({"metaInformation": meta, "layouts": list(layouts)} | more).encode()


def _read(layout: Element, **options: object) -> LifImport:
    return read_lif(_file(layout), source="l.json", **options)  # type: ignore[arg-type]


def _map(read: LifImport) -> Warehouse:
    return parse_warehouse(read.geojson, source="m")


def _list(layout: Element, member: str) -> list[Element]:
    return cast("list[Element]", layout[member])


def test_a_layout_becomes_a_map() -> None:
    read = _read(_layout(), refuge_stations=["PARK"])
    warehouse = _map(read)
    assert read.node_ids == {"A": 1, "B": 2, "C": 3}
    assert read.edge_ids == {"A-B": 10, "B-A": 11, "B-C": 12, "C-B": 13}
    assert (read.layout_id, read.vehicle_type, read.notes) == ("ground", T, ())
    assert warehouse.bins == {"S-1": 2}
    assert openness(warehouse).refuges == (3,)
    assert warehouse.edges[1, 2].speed_limit_mps == 1.5
    assert warehouse.edges[2, 1].speed_limit_mps is None
    written = json.loads(read.geojson)["features"]
    assert [f["properties"]["metadata"]["lif_id"] for f in written][:4] == ["A", "B", "C", "A-B"]


def test_the_same_file_gives_the_same_bytes() -> None:
    assert _read(_layout()).geojson == _read(_layout()).geojson


@pytest.mark.parametrize(("vehicle_type", "bins"), [("picker", {"S01": 2}), ("tugger", {"S01": 1})])
def test_a_layout_for_either_vehicle_type(vehicle_type: str, bins: dict[str, int]) -> None:
    data = TWO_VEHICLES.read_bytes()
    read = read_lif(data, source="e.json", vehicle_type=vehicle_type)
    assert _map(read).bins == bins
    assert len(_map(read).edges) == 2
    assert any("not for vehicle type" in note for note in read.notes)
    with pytest.raises(MapError, match=r"2 vehicle types.*--vehicle-type: picker, tugger"):
        read_lif(data, source="e.json")


def test_what_a_map_cannot_say_is_noted() -> None:
    layout = _layout()
    _list(layout, "edges")[0] = _edge("A", "B", trajectory={}, loadRestriction={"loaded": True})
    _list(layout, "edges").append(_edge("C", "up"))
    _list(layout, "stations").append(_station("S-2", "A", "B"))
    upper: Element = {"layoutId": "upper", "nodes": [_node("up", 0, 0)], "edges": []}
    read = read_lif(_file(layout, upper), source="l.json", layout_id="ground")
    assert read.notes == (
        "edges lead to another layout and are left out: C-up",
        "edges have a loadRestriction, which a map cannot say: A-B",
        "edges have a trajectory; the guard goes straight from node to node: A-B",
        "stations have several nodes, and are taken to be at the first: S-2 at A",
    )


def test_a_station_that_no_edge_leads_to_is_left_out() -> None:
    layout = _layout()
    _list(layout, "nodes").append(_node("D", 50, 0, "other"))
    _list(layout, "stations").append(_station("S-4", "D"))
    read = _read(layout)
    assert "S-4" not in _map(read).bins
    assert any("left out: S-4" in note for note in read.notes)


def test_stations_become_bins_of_their_own_names() -> None:
    layout = _layout()
    names = ["S 1", "S_1", "S/1", "ä" * 70, "ö" * 70]
    _list(layout, "stations").extend(_station(name, "B") for name in names)
    read = _read(layout)
    bins = _map(read).nodes[2].bins
    assert bins == ("S-1", "S_1-2", "S_1", "S_1-3", "_" * 64, "_" * 56 + "-2")
    assert any("S 1 is S_1-2, S/1 is S_1-3" in note for note in read.notes)


def test_a_refuge_holds_its_own_node_alone() -> None:
    layout = _layout()
    _list(layout, "nodes").append(_node("D", 10.1, 5))
    _list(layout, "edges").append(_edge("C", "D"))
    (zone,) = _map(_read(layout, refuge_stations=["PARK"])).zones.values()
    assert zone.nodes == (3,)


def test_a_speed_limit_over_what_a_map_takes_is_lowered() -> None:
    layout = _layout()
    _list(layout, "edges")[0] = _edge("A", "B", maxSpeed=100)
    assert _map(_read(layout)).edges[1, 2].speed_limit_mps == 20.0


@pytest.mark.parametrize("limit", [0.01, 0.0101])
def test_the_least_speed_limits(limit: float) -> None:
    layout = _layout()
    _list(layout, "edges")[0] = _edge("A", "B", maxSpeed=limit)
    assert _map(_read(layout)).edges[1, 2].speed_limit_mps == limit


def test_a_deep_node_id_of_another_layout_is_no_node() -> None:
    deep = b"[" * 500 + b"]" * 500
    upper: Element = {"layoutId": "upper", "nodes": [{"nodeId": "DEEP"}], "edges": []}
    data = _file(_layout(), upper).replace(b'"DEEP"', deep)
    assert read_lif(data, source="l.json", layout_id="ground").layout_id == "ground"


def _put(member: str, index: int, key: str, value: object) -> Callable[[Element], None]:
    def change(layout: Element) -> None:
        _list(layout, member)[index][key] = value

    return change


def _repeat(member: str) -> Callable[[Element], None]:
    return lambda layout: _list(layout, member).append(_list(layout, member)[0])


BROKEN: Final[dict[str, tuple[Callable[[Element], None], str]]] = {
    "a position as text": (
        _put("nodes", 1, "nodePosition", {"x": "10", "y": 0}),
        "node B: nodePosition.x: Input should be a valid number",
    ),
    "half a position": (
        _put("nodes", 1, "nodePosition", {"x": 10}),
        "node B: nodePosition.y: Field required",
    ),
    "a node as a number": (_put("nodes", 1, "nodeId", 7), "nodes.1: nodeId: Input should be"),
    "a node for nobody": (
        _put("nodes", 1, "vehicleTypeNodeProperties", []),
        "node B: vehicleTypeNodeProperties: List should have at least 1 item",
    ),
    "a node twice": (_repeat("nodes"), "node A: nodeId is there twice"),
    "an edge twice": (_repeat("edges"), "edge A-B: edgeId is there twice"),
    "a station twice": (_repeat("stations"), "station S-1: stationId is there twice"),
    "an edge from nowhere": (
        _put("edges", 0, "startNodeId", "X"),
        "edge A-B: startNodeId: 'X' is no node",
    ),
    "an edge to nowhere": (
        _put("edges", 0, "endNodeId", "X"),
        "edge A-B: endNodeId: 'X' is no node",
    ),
    "an edge without length": (
        _put("nodes", 1, "nodePosition", {"x": 0, "y": 0}),
        "edge A-B: startNodeId 'A' and endNodeId 'B' are at the same place",
    ),
    "a speed limit of 0": (
        _put("edges", 0, "vehicleTypeEdgeProperties", [{"vehicleTypeId": T, "maxSpeed": 0}]),
        "edge A-B: vehicleTypeEdgeProperties.0.maxSpeed: Input should be greater",
    ),
    "a speed limit just under the least": (
        _put("edges", 0, "vehicleTypeEdgeProperties", [{"vehicleTypeId": T, "maxSpeed": 0.0099}]),
        "edge A-B: vehicleTypeEdgeProperties.0.maxSpeed: Input should be greater",
    ),
    "a station at very many nodes": (
        _put("stations", 0, "interactionNodeIds", ["B"] * 1_001),
        "station S-1: interactionNodeIds: List should have at most 1000 items",
    ),
    "a station without a node": (
        _put("stations", 0, "interactionNodeIds", []),
        "station S-1: interactionNodeIds: List should have at least 1 item",
    ),
    "a station at one node": (
        _put("stations", 0, "interactionNodeIds", "B"),
        "station S-1: interactionNodeIds: Input should be a valid list",
    ),
    "a station nowhere": (
        _put("stations", 0, "interactionNodeIds", ["X"]),
        "station S-1: interactionNodeIds: 'X' is no node",
    ),
    "no nodes": (lambda layout: layout.update(nodes=None), "nodes: this is not a list"),
    "no edges": (lambda layout: layout.update(edges=[]), "it has no vehicle type"),
}


@pytest.mark.parametrize(("change", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_layout_is_refused_by_its_element(
    change: Callable[[Element], None], said: str
) -> None:
    layout = json.loads(json.dumps(_layout()))
    change(layout)
    with pytest.raises(MapError) as caught:
        _read(layout)
    assert f"l.json: layout ground: {said}" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layout_id": "roof"}, "it has no layout 'roof'. Choose one with --layout-id: ground"),
        ({"vehicle_type": "crane"}, "it has no vehicle type 'crane'"),
        ({"refuge_stations": ["NONE"]}, "there is no station 'NONE'. Choose from S-1, PARK"),
    ],
)
def test_a_choice_that_is_not_there(options: dict[str, object], said: str) -> None:
    with pytest.raises(MapError) as caught:
        _read(_layout(), **options)
    assert said in str(caught.value)


def test_a_refuge_that_no_edge_leads_to_is_refused() -> None:
    layout = _layout()
    layout["edges"] = [_edge("A", "B"), _edge("C", "B")]
    with pytest.raises(MapError, match="station PARK: no edge leads to a node of this refuge"):
        _read(layout, refuge_stations=["PARK"])


NOT_LIF: Final[dict[str, tuple[bytes, str]]] = {
    "nothing": (b"", "it is not JSON"),
    "cut off": (_file(_layout())[:-1], "it is not JSON"),
    "nested deeply": (b"[" * 100_000, "it is not JSON"),
    "a list": (b"[]", "layouts is not a list"),
    "no layouts": (_file(), "layouts is not a list"),
    "a map": (b'{"type": "FeatureCollection", "features": []}', "layouts is not a list"),
    "a layout without an id": (_file({"nodes": []}), "layouts.0: layoutId is not a text"),
    "a layout that is none": (b'{"layouts": [7]}', "layouts.0: layoutId is not a text"),
    "a layout twice": (_file(_layout(), _layout()), "layoutId 'ground' is there twice"),
    "two layouts": (_file(_layout(), _layout() | {"layoutId": "up"}), "it has 2 layouts"),
    "a key twice": (
        _file(_layout()).replace(b'"nodeId": "B"', b'"nodeId": "B", "mapId": "n"'),
        "key 'mapId' is there twice in what has id B",
    ),
    "packed": (b"\x1f\x8b\x08", "it is not UTF-8 text"),
    "a draft of version 2": (b'{"origins": []}', "Export it as LIF 1.0"),
}


@pytest.mark.parametrize(("data", "said"), NOT_LIF.values(), ids=NOT_LIF.keys())
def test_what_is_no_lif_file_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(MapError) as caught:
        read_lif(data, source="l.json")
    assert str(caught.value).startswith("l.json: ")
    assert said in str(caught.value)


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "MAP_BYTES_MAX", len(_file(_layout())))
    assert _read(_layout()).layout_id == "ground"
    with pytest.raises(MapError, match="over the limit"):
        read_lif(_file(_layout()) + b" ", source="l.json")


@settings(max_examples=150, deadline=None, print_blob=True)
@given(st.data())
def test_no_value_anywhere_raises_anything_else(data: st.DataObject) -> None:
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    )
    document = json.loads(_file(_layout()))
    target: object = document
    while isinstance(target, dict | list) and target:
        parts = target if isinstance(target, dict) else dict(enumerate(target))
        key = data.draw(st.sampled_from(sorted(parts)))
        if data.draw(st.booleans()) or not isinstance(parts[key], dict | list):
            target[key] = data.draw(values)
            break
        target = parts[key]
    try:
        read_lif(json.dumps(document).encode(), source="l.json")
    except MapError as error:
        assert str(error).isprintable()  # noqa: PT017  # most files are refused, some are not
