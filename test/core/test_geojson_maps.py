# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Maps that load, as we and as others write them, and what is read from them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

import pytest

import world
from fallback_guard.core.closures import Closures
from fallback_guard.core.openness import Block, openness
from fallback_guard.core.warehouse import ZoneKind
from fallback_guard.maps.geojson import parse_warehouse, read_map
from fallback_guard.maps.geojson_writing import (
    collection,
    edge_feature,
    node_feature,
    zone_feature,
)

Feature = dict[str, object]

_SPAN: Final = ((1, (0.0, 0.0)), (2, (10.0, 0.0)))


def test_what_the_small_warehouse_says() -> None:
    warehouse = world.warehouse()
    assert warehouse.bins == {"A-1": 2, "A-2": 2, "B-1": 3, "C-1": 4, "X-1": 7}
    assert openness(warehouse).refuges == (5,)
    assert openness(warehouse).blocked == {
        (4, 7): Block.CLOSED,
        (7, 4): Block.CLOSED,
        (1, 8): Block.KEEP_OUT,
        (8, 1): Block.KEEP_OUT,
        (8, 6): Block.KEEP_OUT,
        (6, 8): Block.KEEP_OUT,
    }
    assert warehouse.edges[2, 3].speed_limit_mps == 1.0
    assert warehouse.edges[2, 6].length_m == 10.0
    assert (6, 2) not in warehouse.edges


def test_bins_in_a_list_of_their_own_join_those_of_the_nodes() -> None:
    data = world.collection(world.features())[:-1] + b', "bins": {"Q": 2, "R": 6.0}}'
    warehouse = parse_warehouse(data, source="m")
    assert warehouse.nodes[2].bins == ("A-1", "A-2", "Q")
    assert warehouse.nodes[6].bins == ("R",)
    assert warehouse.bins["Q"] == 2


@pytest.mark.parametrize(
    ("kind", "said", "closed"),
    [
        ("keep_out", None, True),
        ("keep_out", False, False),
        ("refuge", None, False),
        ("refuge", True, True),
    ],
)
def test_what_is_closed_when_the_map_loads(kind: str, said: object, *, closed: bool) -> None:
    zone = world.zone_feature(902, kind, 20, 0, 1)
    cast("Feature", zone["properties"])["metadata"] = {"closed": said}
    warehouse = parse_warehouse(world.collection([*world.features(), zone]), source="m")
    assert warehouse.zones[902].closed is closed


def test_a_closed_refuge_need_not_be_reachable() -> None:
    zone = world.zone_feature(902, "refuge", 30, 10, 1)
    cast("Feature", zone["properties"])["metadata"] = {"closed": True}
    warehouse = parse_warehouse(world.collection([*world.features(), zone]), source="m")
    assert warehouse.zones[902].nodes == (7,)


def test_a_refuge_that_is_the_whole_map() -> None:
    features = [world.node_feature(1, 0.0, 0.0), world.zone_feature(2, "refuge", 0, 0, 1)]
    assert openness(parse_warehouse(world.collection(features), source="m")).refuges == (1,)


@pytest.mark.parametrize("kind", ["Polygon", "MultiPolygon"])
def test_a_hole_in_a_zone_is_not_the_zone(kind: str) -> None:
    ring = [[-50, -50], [50, -50], [50, 50], [-50, 50], [-50, -50]]
    hole = [[-40, -40], [40, -40], [40, 40], [-40, 40], [-40, -40]]
    zone = world.zone_feature(902, "keep_out", 0, 0, 1)
    rings = [ring, hole] if kind == "Polygon" else [[ring, hole]]
    zone["geometry"] = {"type": kind, "coordinates": rings}
    warehouse = parse_warehouse(world.collection([*world.features(), zone]), source="m")
    assert warehouse.zones[902].edges == ()
    assert warehouse.zones[902].nodes == ()
    assert len(warehouse.zones[902].holes) == 1


def test_a_map_of_one_node() -> None:
    warehouse = parse_warehouse(world.collection([world.node_feature(0, 0.0, 0.0)]), source="m")
    assert list(warehouse.nodes) == [0]


def test_numbers_and_gaps_as_tables_are_exported() -> None:
    node = world.node_feature(1, 0.0, 0.0)
    cast("Feature", node["properties"]).update(id=1.0, startid=None, metadata=None)
    edge = world.edge_feature(7, *_SPAN)
    cast("Feature", edge["properties"]).update(id=7.0, startid=1.0, endid=2.0, metadata=None)
    features = [node, world.node_feature(2, 10.0, 0.0), edge]
    warehouse = parse_warehouse(world.collection(features), source="m")
    assert warehouse.edges[1, 2].id == 7
    assert type(warehouse.edges[1, 2].id) is int


def _notes(*more: Feature) -> tuple[str, ...]:
    data = world.collection([*world.features(), *more])
    return read_map(data, source="m").notes


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "MultiLineString", "coordinates": [[[10, 0], [3, 4]], [[3, 4], [30, 0]]]},
        {"type": "LineString", "coordinates": [[30, 0], [10, 0]]},
        {"type": "LineString", "coordinates": [[10, 0], [30, 0.51]]},
        {"type": "LineString", "coordinates": [[[["deep"]]]]},
        {"type": "LineString", "coordinates": ["10", {}]},
        {"type": "LineString"},
    ],
)
def test_how_an_edge_is_drawn_does_not_matter(geometry: Feature) -> None:
    line = world.edge_feature(500, (2, (10.0, 0.0)), (4, (30.0, 0.0))) | {"geometry": geometry}
    read = read_map(world.collection([*world.features(), line]), source="m")
    assert read.warehouse.edges[2, 4].length_m == 20.0
    (note,) = read.notes
    assert "not drawn straight" in note
    assert "500" in note


def test_lines_with_heights_and_small_errors_are_straight() -> None:
    line = world.edge_feature(500, (2, (10.2, 0.2, 1.5)), (4, (30.0, 0.5, 1.5)))  # type: ignore[arg-type]
    assert _notes(line) == ()


def test_edges_between_the_same_nodes_are_one_way_with_the_strictest_of_what_they_say() -> None:
    more = [
        world.edge_feature(500, *_SPAN, {"abs_speed_limit": 1.5}),
        world.edge_feature(50, *_SPAN, {"abs_speed_limit": 0.5}),
    ]
    read = read_map(world.collection([*world.features(), *more]), source="m")
    edge = read.warehouse.edges[1, 2]
    assert (edge.id, edge.speed_limit_mps, edge.closed) == (50, 0.5, False)
    for closed in (50, 100, 500):
        blocked = openness(read.warehouse, Closures(closed_edges=frozenset({closed}))).blocked
        assert blocked[1, 2] is Block.CLOSED
    (note,) = read.notes
    assert "closed by either id" in note


def test_an_edge_that_is_closed_once_is_closed() -> None:
    more = world.edge_feature(500, *_SPAN, {"closed": True})
    warehouse = parse_warehouse(world.collection([*world.features(), more]), source="m")
    assert openness(warehouse).blocked[1, 2] is Block.CLOSED


@pytest.mark.parametrize(
    ("also", "opened", "open_again"),
    [((), {100}, False), ((), {500}, True), ((100,), {500}, False), ((100,), {100, 500}, True)],
)
def test_each_id_that_closes_an_edge_has_to_be_opened(
    also: tuple[int, ...], opened: set[int], *, open_again: bool
) -> None:
    more = world.edge_feature(500, *_SPAN, {"closed": True})
    warehouse = parse_warehouse(world.collection([*world.features(), more]), source="m")
    assert 500 in warehouse.closed_edges
    assert 100 not in warehouse.closed_edges
    warehouse = replace(warehouse, closed_edges=warehouse.closed_edges.union(also))
    blocked = openness(warehouse, Closures(opened_edges=frozenset(opened))).blocked
    assert ((1, 2) not in blocked) is open_again


def test_an_id_twice_at_the_same_places_is_closed_if_either_is() -> None:
    copy = world.node_feature(9, 10.0, 0.0)
    more = world.edge_feature(100, _SPAN[0], (9, (10.0, 0.0)), {"closed": True})
    warehouse = parse_warehouse(world.collection([*world.features(), copy, more]), source="m")
    assert openness(warehouse).blocked[1, 2] is Block.CLOSED
    assert warehouse.edges[1, 2].closed


@pytest.mark.parametrize("limit", [0.01, 0.0101])
def test_the_least_speed_limits(limit: float) -> None:
    more = world.edge_feature(500, *_SPAN, {"abs_speed_limit": limit})
    warehouse = parse_warehouse(world.collection([*world.features(), more]), source="m")
    assert warehouse.edges[1, 2].speed_limit_mps == limit


def test_keys_beside_metadata_are_noted() -> None:
    node, edge = world.node_feature(9, 50.0, 0.0), world.edge_feature(500, *_SPAN)
    zone = world.zone_feature(902, "keep_out", 0, 50, 1)
    for feature, key in ((node, "bins"), (edge, "closed"), (zone, "closed")):
        cast("Feature", feature["properties"])[key] = False
    notes = " ".join(_notes(node, edge, zone))
    assert "beside metadata" in notes
    assert "bins of node 9, closed of edge 500, closed of zone 902" in notes


def test_an_edge_that_ends_where_it_starts_is_left_out() -> None:
    read = read_map(
        world.collection([*world.features(), world.edge_feature(500, _SPAN[0], _SPAN[0])]),
        source="m",
    )
    assert 500 not in read.warehouse.edge_pairs
    assert read.notes == ("edges that end where they start are left out: 500",)


def test_limits_relative_to_the_robot_and_several_frames_are_noted() -> None:
    nodes = [world.node_feature(8 + i, 50.0 + i, 0.0) for i in (1, 2)]
    for node, frame in zip(nodes, ("map", "hall_2"), strict=True):
        cast("Feature", node["properties"])["frame"] = frame
    ends = (9, (51.0, 0.0)), (10, (52.0, 0.0))
    relative, frames = _notes(*nodes, world.edge_feature(500, *ends, {"speed_limit": 80}))
    assert "abs_speed_limit" in relative
    assert "500" in relative
    assert "hall_2, map" in frames


@pytest.mark.parametrize(
    ("crs", "noted"),
    [("EPSG:4326", True), ("urn:ogc:def:crs:OGC:1.3:CRS84", True), ("EPSG::3857", False)],
)
def test_degrees_are_noted(crs: str, *, noted: bool) -> None:
    member = json.dumps({"type": "name", "properties": {"name": crs}}).encode()
    data = world.collection(world.features())[:-1] + b', "crs": ' + member + b"}"
    assert any("degrees" in note for note in read_map(data, source="m").notes) is noted


def test_the_sample_map_can_be_used() -> None:
    read = read_map(world.SAMPLE.read_bytes(), source="sample")
    assert read.notes == ()
    assert read.warehouse.bins
    assert openness(read.warehouse).refuges
    assert Block.KEEP_OUT in openness(read.warehouse).blocked.values()


def test_what_is_written_is_read() -> None:
    warehouse = world.warehouse()
    at = {node.id: (node.x, node.y) for node in warehouse.nodes.values()}
    written = [
        *(node_feature(node, lif_id="N") for node in warehouse.nodes.values()),
        *(edge_feature(edge, (at[edge.start], at[edge.end])) for edge in warehouse.edges.values()),
        zone_feature(900, ZoneKind.REFUGE, (20.0, 10.0), (1.0, 1.0)),
        zone_feature(901, ZoneKind.KEEP_OUT, (0.0, 10.0), (2.0, 2.0)),
    ]
    assert parse_warehouse(collection(written, name="again"), source="m") == warehouse


AS_NAV2_WRITES: Final = Path(__file__).parents[1] / "maps" / "as_nav2_writes.geojson"


def test_a_graph_as_nav2_writes_it_loads_with_its_oddities() -> None:
    """Edge ids that are there twice lie between nodes at one place: closing by id must mean one way."""
    read = read_map(AS_NAV2_WRITES.read_bytes(), source="nav2")
    warehouse = read.warehouse
    assert (len(warehouse.nodes), len(warehouse.edges)) == (37, 115)
    assert warehouse.edge_pairs[131] == (8, 14)
    assert (8, 36) not in warehouse.edges
    assert warehouse.edge_pairs[301] == warehouse.edge_pairs[104] == (1, 2)
    assert warehouse.edges[35, 29].id == 302
    assert "edges that end where they start are left out: 300" in read.notes
