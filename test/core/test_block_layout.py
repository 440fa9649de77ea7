# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Which maps are one block of aisles, and which are not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import cos, hypot, pi, sin
from typing import TYPE_CHECKING

import pytest

import world
from fallback_guard.core.block_layout import Part, Spot, recognise
from fallback_guard.maps.geojson import load_warehouse, parse_warehouse

if TYPE_CHECKING:
    from fallback_guard.core.warehouse import Warehouse

Point = tuple[float, float]
Pair = tuple[int, int]


@dataclass(kw_only=True)
class Sketch:
    """A map to be: places, the ways between them in both directions, and edges of one direction."""

    points: dict[int, Point] = field(default_factory=dict)
    ways: set[Pair] = field(default_factory=set)
    one_way: set[Pair] = field(default_factory=set)

    def join(self, *nodes: int) -> None:
        """Join each node with the next."""
        self.ways |= set(pairwise(nodes))

    def hang(self, at: int, *nodes: int) -> None:
        """Hang a way that ends blindly off a node."""
        x, y = self.points[at]
        for step, node in enumerate(nodes, start=1):
            self.points[node] = (x - 0.3 * step, y - 1.7 * step)
        self.join(at, *nodes)

    def cut(self, *ways: Pair) -> Sketch:
        """Return the same map without some of its ways."""
        return Sketch(points=self.points, ways=self.ways - set(ways), one_way=self.one_way)

    def turned(self, angle_rad: float, x_m: float, y_m: float) -> Sketch:
        """Return the same map, turned and moved."""
        c, s = cos(angle_rad), sin(angle_rad)
        points = {
            n: (c * x - s * y + x_m, s * x + c * y + y_m) for n, (x, y) in self.points.items()
        }
        return Sketch(points=points, ways=self.ways, one_way=self.one_way)

    def length_m(self, way: Pair) -> float:
        """Return how far apart the ends of a way are."""
        (ax, ay), (bx, by) = (self.points[node] for node in way)
        return hypot(bx - ax, by - ay)

    def built(self) -> Warehouse:
        """Return the map, as it is read from a file."""
        pairs = [*self.ways, *((b, a) for a, b in self.ways), *self.one_way]
        nodes = [world.node_feature(node, *point) for node, point in self.points.items()]
        edges = [
            world.edge_feature(number, (a, self.points[a]), (b, self.points[b]))
            for number, (a, b) in enumerate(sorted(pairs), start=10_000_000)
        ]
        return parse_warehouse(world.collection([*nodes, *edges]), source="sketch")


def block(*at_m: float, deep: int, cross_aisles: int = 2) -> Sketch:
    """Return a block with aisles at `at_m`, of `deep` places 1.5 m apart between two cross aisles.

    Aisle i has the nodes 1000 i (its front), 1000 i + 1 and so on.
    """
    sketch = Sketch()
    length = (deep + 1) * (cross_aisles - 1)
    for aisle, x in enumerate(at_m):
        nodes = range(1_000 * aisle, 1_000 * aisle + length + 1)
        sketch.points |= {node: (x, 1.5 * step) for step, node in enumerate(nodes)}
        sketch.join(*nodes)
    for step in range(0, length + 1, deep + 1):
        sketch.join(*(1_000 * aisle + step for aisle in range(len(at_m))))
    return sketch


BLOCK = block(0, 3, 7, 12, deep=4)
"""Front: 0, 1000, 2000, 3000.  Back: 5, 1005, 2005, 3005."""


def bent() -> Sketch:
    """Return the block with an aisle that is no straight line."""
    bent = block(0, 3, 7, 12, deep=4)
    bent.points[1_002] = (4.5, 3.0)
    return bent


def with_spurs() -> Sketch:
    """Return the block with a depot at its front and a bay in an aisle that forks."""
    sketch = block(0, 3, 7, 12, deep=4)
    sketch.hang(1_000, 90_001, 90_002)
    sketch.hang(2_003, 91_001)
    sketch.hang(91_001, 91_002)
    sketch.hang(91_001, 91_003)
    return sketch


# What is a block


@pytest.mark.parametrize("angle_rad", [0.0, 0.3, pi / 2, -2.0, pi])
def test_a_block_is_recognised_however_it_lies(angle_rad: float) -> None:
    layout = recognise(BLOCK.turned(angle_rad, -40.0, 12.5).built(), blocked=())
    assert layout is not None
    assert layout.aisle_m == pytest.approx((3 + 7.5 + 3, 7.5, 7.5, 5 + 7.5 + 5))
    assert layout.front_m == pytest.approx((0.0, 4.0, 0.0))
    assert layout.back_m == pytest.approx((0.0, 4.0, 0.0))
    assert all(layout.spot(node) for node in BLOCK.points)
    spot = layout.spot(2_001)
    assert spot is not None
    assert (spot.part, spot.number, spot.depth_first) == (Part.AISLE, 2, 0)
    assert spot.along_m == pytest.approx(1.5)


def test_the_layout_does_not_depend_on_the_order_in_the_file() -> None:
    warehouse = with_spurs().built()
    again = replace(
        warehouse,
        nodes=dict(reversed(list(warehouse.nodes.items()))),
        edges=dict(reversed(list(warehouse.edges.items()))),
    )
    assert recognise(again, blocked=()) == recognise(warehouse, blocked=())


def test_places_on_the_cross_aisles_are_on_their_segments() -> None:
    sketch = BLOCK.cut((1_000, 2_000), (1_005, 2_005))
    sketch = Sketch(points=sketch.points | {7_001: (4.0, 0.0), 7_002: (6.0, 7.5)}, ways=sketch.ways)
    sketch.join(1_000, 7_001, 2_000)
    sketch.join(1_005, 7_002, 2_005)
    layout = recognise(sketch.built(), blocked=())
    assert layout is not None
    assert layout.spot(7_001) == Spot(Part.FRONT, 1, 1.0, 0)
    assert layout.spot(7_002) == Spot(Part.BACK, 1, 3.0, 0)


def test_blind_ways_hang_off_the_block() -> None:
    layout = recognise(with_spurs().built(), blocked=())
    assert layout is not None
    assert layout.spot(90_001) == Spot(Part.AISLE, 1, 0.0, 1)
    assert layout.spot(90_002) == Spot(Part.AISLE, 1, 0.0, 2)
    bay = [layout.spot(node) for node in (2_003, 91_001, 91_002, 91_003)]
    assert [spot.depth_first for spot in bay if spot] in ([0, 1, 2, 3], [0, 1, 3, 2])
    assert {spot[:3] for spot in bay if spot} == {(Part.AISLE, 2, 4.5)}


@pytest.mark.parametrize(
    ("sketch", "aisles"),
    [
        (bent(), 4),
        (BLOCK.cut((1_002, 1_003)), 3),
        (BLOCK.cut((0, 1)), 3),
        (BLOCK.cut((0, 1_000)), 3),
        (block(0, 3, deep=4, cross_aisles=3), 3),
        (block(0, 3, deep=4), 2),
        (block(0, 3, deep=0), 2),
        (block(0, 3, 6, deep=0), 3),
        (block(0, deep=4), 1),
        (BLOCK.cut((5, 1_005), (1_005, 2_005), (2_005, 3_005)), 1),
    ],
    ids=[
        "an aisle that is bent",
        "an aisle cut in two, of which both ends are blind",
        "an outermost aisle cut at its corner",
        "a cross aisle cut at its corner",
        "a ladder of three cross aisles and two aisles, which is a block seen from the side",
        "one loop",
        "one loop of four places",
        "three aisles without places",
        "one aisle without a loop",
        "a comb: aisles on one cross aisle, without a loop",
    ],
)
def test_what_a_block_can_look_like_as_well(sketch: Sketch, aisles: int) -> None:
    layout = recognise(sketch.built(), blocked=())
    assert layout is not None
    assert len(layout.aisle_m) == aisles
    assert all(layout.spot(node) for node in sketch.points)


def test_what_is_blocked_is_not_there() -> None:
    blocked = {(1_002, 1_003), (1_003, 1_002)}
    cut = recognise(BLOCK.cut((1_002, 1_003)).built(), blocked=())
    assert recognise(BLOCK.built(), blocked=blocked) == cut
    assert recognise(BLOCK.built(), blocked=[*blocked, (1, 77_777)]) == cut, "no edge of this map"


def test_what_no_way_joins_to_the_block_has_no_spot() -> None:
    sketch = block(0, 3, 7, 12, deep=4)
    sketch.points |= {80_001: (50.0, 0.0), 80_002: (51.0, 0.0), 80_003: (60.0, 0.0)}
    sketch.join(80_001, 80_002)
    layout = recognise(sketch.built(), blocked=())
    assert layout is not None
    assert [layout.spot(node) for node in (80_001, 80_002, 80_003, 424_242)] == [None] * 4
    assert layout.spot(0) is not None


# What is none


def third_cross_aisle() -> Sketch:
    return block(0, 3, 7, deep=4, cross_aisles=3)


def diagonal() -> Sketch:
    sketch = block(0, 3, 7, 12, deep=4)
    sketch.join(1_002, 2_003)
    return sketch


def two_depot_ways() -> Sketch:
    sketch = block(0, 3, 7, 12, deep=4)
    sketch.points[90_001] = (5.0, -4.0)
    sketch.join(1_000, 90_001, 2_000)
    return sketch


def two_blocks() -> Sketch:
    sketch = block(0, 3, 40, 43, deep=4).cut((1_000, 2_000), (1_005, 2_005))
    sketch.join(1_003, 2_003)
    return sketch


def all_around() -> Sketch:
    sketch = block(0, 3, 7, 12, deep=4)
    sketch.join(0, 3_000)
    sketch.join(5, 3_005)
    return sketch


def star() -> Sketch:
    sketch = block(0, 3, 7, deep=4)
    sketch.join(1_002, 2)
    sketch.join(1_002, 2_002)
    return sketch


@pytest.mark.parametrize(
    "sketch",
    [
        Sketch(points=BLOCK.points, ways=BLOCK.ways - {(1_002, 1_003)}, one_way={(1_002, 1_003)}),
        BLOCK.cut((1_000, 2_000)),
        third_cross_aisle(),
        diagonal(),
        two_depot_ways(),
        two_blocks(),
        all_around(),
        star(),
    ],
    ids=[
        "one way",
        "a gap in a cross aisle",
        "a third cross aisle",
        "a short cut between aisles",
        "a loop at the depot",
        "two blocks",
        "cross aisles that are rings",
        "four ways from a place in an aisle",
    ],
)
def test_what_is_no_block(sketch: Sketch) -> None:
    assert recognise(sketch.built(), blocked=()) is None
    assert recognise(sketch.turned(1.0, 5.0, 5.0).built(), blocked=()) is None


@pytest.mark.parametrize(
    "blocked", [{(1_002, 1_003)}, {(1_003, 1_002)}, {(1_000, 2_000), (2_000, 1_000)}]
)
def test_what_is_blocked_can_make_it_none(blocked: set[Pair]) -> None:
    assert recognise(BLOCK.built(), blocked=set()) is not None
    assert recognise(BLOCK.built(), blocked=blocked) is None


@pytest.mark.parametrize(
    ("longer_m", "is_block"), [(0.0, True), (0.9e-6, True), (1.1e-6, False), (-0.5, False)]
)
def test_both_directions_are_equally_long(longer_m: float, *, is_block: bool) -> None:
    warehouse = BLOCK.built()
    edge = warehouse.edges[1_002, 1_003]
    longer = replace(edge, length_m=edge.length_m + longer_m)
    changed = replace(warehouse, edges={**warehouse.edges, (1_002, 1_003): longer})
    assert (recognise(changed, blocked=()) is not None) is is_block


def test_a_map_without_ways() -> None:
    warehouse = BLOCK.built()
    alone = replace(warehouse, edges={})
    layout = recognise(alone, blocked=())
    assert layout is not None
    assert [node for node in warehouse.nodes if layout.spot(node)] == [0]
    assert recognise(replace(alone, nodes={}), blocked=()) is None


def test_the_map_of_the_package_has_one_way_aisles() -> None:
    assert recognise(load_warehouse(world.SAMPLE), blocked=()) is None
