# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Shelves of a simulated warehouse: clear of every way, and every bin in one of them."""

from __future__ import annotations

from math import cos, dist, pi, sin
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, Polygon, STRtree

import world
from fallback_guard.core.warehouse import (
    Edge,
    Node,
    Warehouse,
    Zone,
    ZoneKind,
    build_warehouse,
)
from fallback_guard.maps.block_warehouse import BlockSpec, block_warehouse, spec_for_bins
from fallback_guard.maps.geojson import load_warehouse, parse_warehouse
from fallback_guard.maps.shelves import (
    CLEARANCE_M,
    DEPTH_M_MAX,
    DEPTH_M_MIN,
    MARGIN_M,
    ROBOT_WIDTH_M,
    Shelf,
    shelving,
)

ROUNDED_M: Final = 1e-6
REACH_M: Final = 2.0
"""From a node to the middle of a bin that is picked from there, along or across."""

SPECS: Final = {
    "small": BlockSpec(aisles=2, bays=1),
    "tight": BlockSpec(aisles=4, bays=9, aisle_pitch_m=1.5, bay_pitch_m=0.2, refuges=4),
    "wide": BlockSpec(aisles=3, bays=2, aisle_pitch_m=50.0, bay_pitch_m=50.0),
    "blocks": BlockSpec(
        aisles=7, cross_aisles=4, bays=8, levels=7, one_way=True, depots=3, refuges=8, keep_outs=2
    ),
    "hundred": spec_for_bins(100),
    "thousands": spec_for_bins(3_000),
}


def made(spec: BlockSpec) -> Warehouse:
    return parse_warehouse(block_warehouse(spec), source="m")


def warehouses() -> dict[str, Warehouse]:
    maps = {name: made(spec) for name, spec in SPECS.items()}
    return maps | {"sample": load_warehouse(world.SAMPLE), "every way": world.warehouse()}


def turned(warehouse: Warehouse, angle: float, away_m: float) -> Warehouse:
    """Return the same warehouse turned (rad) and moved."""
    c, s = cos(angle), sin(angle)

    def moved(x: float, y: float) -> tuple[float, float]:
        return c * x - s * y + away_m, s * x + c * y - away_m

    nodes = []
    for node in warehouse.nodes.values():
        x, y = moved(node.x, node.y)
        nodes.append(Node(id=node.id, x=x, y=y, bins=node.bins))
    zones = [
        Zone(
            id=zone.id,
            kind=zone.kind,
            corners=tuple(moved(*corner) for corner in zone.corners),
            closed=zone.closed,
        )
        for zone in warehouse.zones.values()
    ]
    return build_warehouse(nodes=nodes, edges=warehouse.edges.values(), zones=zones)


def nearest_way_m(warehouse: Warehouse, shelves: list[Polygon]) -> float:
    """Return the distance from any shelf to any edge."""
    ways = STRtree(
        [
            LineString([(node.x, node.y) for node in (warehouse.nodes[a], warehouse.nodes[b])])
            for a, b in warehouse.edges
        ]
    )
    found = ways.query_nearest(shelves, return_distance=True)[1]
    return float(min(found))


in_each_warehouse = pytest.mark.parametrize("warehouse", warehouses().values(), ids=warehouses())


def test_the_margin_is_half_a_robot_and_some() -> None:
    assert CLEARANCE_M == ROBOT_WIDTH_M / 2 + MARGIN_M
    assert MARGIN_M >= 0.1


@in_each_warehouse
def test_no_shelf_is_in_the_way(warehouse: Warehouse) -> None:
    shelves = [shelf.outline for shelf in shelving(warehouse).shelves]
    assert shelves
    assert nearest_way_m(warehouse, shelves) >= CLEARANCE_M - ROUNDED_M


def test_a_shelf_in_the_way_is_found() -> None:
    """The check can fail: by a centimetre."""
    warehouse = load_warehouse(world.SAMPLE)
    shelf = shelving(warehouse).shelves[0]
    # It stands 0.75 m from the middle of its aisle.
    nearer_m = 0.75 - CLEARANCE_M + 0.01
    nearer = Shelf(
        x=shelf.x + sin(shelf.yaw) * nearer_m,
        y=shelf.y - cos(shelf.yaw) * nearer_m,
        yaw=shelf.yaw,
        length_m=shelf.length_m,
        depth_m=shelf.depth_m,
        levels=1,
        bins=(),
    )
    assert nearest_way_m(warehouse, [nearer.outline]) < CLEARANCE_M - ROUNDED_M


@in_each_warehouse
def test_shelves_share_no_floor(warehouse: Warehouse) -> None:
    shelves = [shelf.outline for shelf in shelving(warehouse).shelves]
    tree = STRtree(shelves)
    for one, other in tree.query(shelves, predicate="intersects").T.tolist():
        assert one == other or shelves[one].intersection(shelves[other]).area < ROUNDED_M
    for zone in warehouse.zones.values():
        if zone.kind is ZoneKind.REFUGE:
            assert tree.query(Polygon(zone.corners, zone.holes), predicate="overlaps").size == 0


@in_each_warehouse
def test_shelves_have_sizes_that_can_be_built(warehouse: Warehouse) -> None:
    for shelf in shelving(warehouse).shelves:
        assert DEPTH_M_MIN <= shelf.depth_m <= DEPTH_M_MAX
        assert shelf.length_m > 0.01
        assert shelf.levels >= 3


@in_each_warehouse
def test_every_bin_has_one_place_beside_its_node(warehouse: Warehouse) -> None:
    stands = shelving(warehouse)
    placed = [(place, shelf) for shelf in stands.shelves for place in shelf.bins]
    names = [place.name for place, _ in placed]
    assert sorted([*names, *stands.without]) == sorted(warehouse.bins)
    for place, shelf in placed:
        assert abs(place.along_m) + place.width_m / 2 <= shelf.length_m / 2 + ROUNDED_M
        assert 0 <= place.level < shelf.levels
        node = warehouse.nodes[warehouse.bins[place.name]]
        # In the middle of the front.
        front = (
            shelf.x + cos(shelf.yaw) * place.along_m + sin(shelf.yaw) * shelf.depth_m / 2,
            shelf.y + sin(shelf.yaw) * place.along_m - cos(shelf.yaw) * shelf.depth_m / 2,
        )
        assert dist(front, (node.x, node.y)) < REACH_M
        assert shelf.outline.distance(Point(node.x, node.y)) < REACH_M


@in_each_warehouse
def test_no_two_bins_share_a_place(warehouse: Warehouse) -> None:
    for shelf in shelving(warehouse).shelves:
        for one in shelf.bins:
            for other in shelf.bins:
                if one.name < other.name and one.level == other.level:
                    apart_m = abs(one.along_m - other.along_m)
                    assert apart_m >= (one.width_m + other.width_m) / 2 - ROUNDED_M


@pytest.mark.parametrize("name", ["sample", "blocks", "tight"])
@pytest.mark.parametrize("angle", [pi / 2, 0.3, 2.0, -0.5, pi])
def test_a_turned_warehouse_has_the_same_shelves(name: str, angle: float) -> None:
    def sizes(warehouse: Warehouse) -> list[tuple[float, float, int]]:
        shelves = shelving(warehouse).shelves
        return sorted((round(s.length_m, 3), round(s.depth_m, 3), len(s.bins)) for s in shelves)

    warehouse = warehouses()[name]
    assert sizes(turned(warehouse, angle, 17.0)) == sizes(warehouse)


def test_the_sample_has_a_row_of_shelves_on_both_sides_of_each_aisle() -> None:
    stands = shelving(load_warehouse(world.SAMPLE))
    assert stands.without == ()
    assert len(stands.shelves) == 8
    assert {round(shelf.length_m, 6) for shelf in stands.shelves} == {6.0}
    assert {len(shelf.bins) for shelf in stands.shelves} == {6}
    assert {round(abs(shelf.y - 3.5), 6) for shelf in stands.shelves} == {0.0}


def crossing(*bins_at: int, length_m: float = 4.0) -> Warehouse:
    """Return four ways that meet in node 0."""
    ends = {
        0: (0.0, 0.0),
        1: (length_m, 0.0),
        2: (0.0, length_m),
        3: (-length_m, 0.0),
        4: (0.0, -length_m),
    }
    return build_warehouse(
        nodes=[
            Node(id=number, x=x, y=y, bins=(f"B{number}",) if number in bins_at else ())
            for number, (x, y) in ends.items()
        ],
        edges=[Edge(id=number, start=0, end=number, length_m=length_m) for number in range(1, 5)],
        zones=[],
    )


def test_a_bin_where_there_is_no_room_is_told() -> None:
    """The crossing's own surroundings are ways."""
    tight = crossing(0, length_m=0.5)
    assert shelving(tight).without == ("B0",)
    assert shelving(tight).shelves == ()


def test_a_bin_at_a_crossing_stands_in_a_corner() -> None:
    stands = shelving(crossing(0))
    assert stands.without == ()
    assert nearest_way_m(crossing(0), [s.outline for s in stands.shelves]) >= CLEARANCE_M - 1e-6


def test_bins_at_dead_ends_have_shelves() -> None:
    stands = shelving(crossing(1, 2, 3, 4))
    assert stands.without == ()
    assert len(stands.shelves) == 8


def test_no_bins_no_shelves() -> None:
    stands = shelving(crossing())
    assert (stands.shelves, stands.without) == ((), ())


@st.composite
def tangles(draw: st.DrawFn) -> Warehouse:
    """Return ways that cross each other in any direction, with bins wherever."""
    places = draw(
        st.lists(
            st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
            min_size=2,
            max_size=12,
            unique=True,
        )
    )
    numbers = st.integers(0, len(places) - 1)
    pairs = draw(st.sets(st.tuples(numbers, numbers), min_size=1, max_size=20))
    nodes = [
        Node(id=number, x=x / 4, y=y / 4, bins=tuple(f"B{number}-{k}" for k in range(number % 4)))
        for number, (x, y) in enumerate(places)
    ]
    edges = [
        Edge(id=number, start=a, end=b, length_m=dist(places[a], places[b]) / 4)
        for number, (a, b) in enumerate(sorted(pairs))
        if a != b
    ]
    return build_warehouse(nodes=nodes, edges=edges, zones=[])


@settings(max_examples=200, deadline=None, print_blob=True)
@given(tangles())
def test_whatever_the_ways_are_nothing_stands_in_them(warehouse: Warehouse) -> None:
    stands = shelving(warehouse)
    shelves = [shelf.outline for shelf in stands.shelves]
    placed = [place.name for shelf in stands.shelves for place in shelf.bins]
    assert sorted([*placed, *stands.without]) == sorted(warehouse.bins)
    assert not shelves or nearest_way_m(warehouse, shelves) >= CLEARANCE_M - ROUNDED_M
    for number, shelf in enumerate(shelves):
        for other in shelves[:number]:
            assert shelf.intersection(other).area < 1e-4
