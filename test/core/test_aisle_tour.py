# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Tours through one block of aisles, against optima found in another way."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from math import pi
from random import Random
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from fallback_guard.core.aisle_tour import shortest_tour
from fallback_guard.core.block_layout import recognise
from test_block_layout import Sketch, block

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fallback_guard.core.warehouse import Warehouse

networkx = pytest.importorskip("networkx")

SEEDS: Final = range(400)


def any_block(random: Random) -> Sketch:
    """Return a block of any shape: turned, irregular, with spurs, and with places on its cross aisles."""
    at_m, x = [], 0.0
    for _ in range(random.choice([1, 2, 3, 4, 5, 6, 9])):
        at_m.append(x)
        x += random.choice([3.0, random.uniform(0.5, 12.0)])
    deep = random.choice([0, 1, 4, 9])
    sketch = block(*at_m, deep=deep)
    if random.random() < 0.5:
        _split_cross_aisles(sketch, random)
    if random.random() < 0.5:
        _bend(sketch, random)
    for spur in range(random.choice([0, 0, 1, 3, 6])):
        at = random.choice(sorted(sketch.points))
        sketch.hang(at, *(100_000 + 10 * spur + step for step in range(random.randint(1, 3))))
    return sketch.turned(random.uniform(-pi, pi), random.uniform(-99, 99), random.uniform(-99, 99))


def _split_cross_aisles(sketch: Sketch, random: Random) -> None:
    for number, (a, b) in enumerate(sorted(sketch.ways), start=200_000):
        if a // 1_000 != b // 1_000 and random.random() < 0.5:
            (ax, ay), (bx, by) = sketch.points[a], sketch.points[b]
            part = random.uniform(0.1, 0.9)
            sketch.points[number] = (ax + part * (bx - ax), ay + part * (by - ay))
            sketch.ways.remove((a, b))
            sketch.join(a, number, b)


def _bend(sketch: Sketch, random: Random) -> None:
    """Move every place, so that no aisle is straight; by much, so that going around can be shorter."""
    far = random.choice([2, 6, 60])
    for node, (x, y) in sketch.points.items():
        sketch.points[node] = (x + random.uniform(-2, 2), y + random.choice([0, 0, 0, far]))


class Map:
    """A map as the guard sees it, and its distances as networkx finds them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.nodes = sorted(warehouse.nodes)
        self.layout = recognise(warehouse, blocked=())
        graph = networkx.DiGraph()
        for (start, end), edge in warehouse.edges.items():
            graph.add_edge(start, end, weight=edge.length_m)
        graph.add_nodes_from(self.nodes)
        self._from: dict[int, dict[int, float]] = {}
        self._graph = graph

    def tour(self, places: Sequence[int], start: int, goal: int) -> tuple[int, ...]:
        """Return the tour that is tried, which holds what was asked for."""
        order = self.tour_or_none(places, start, goal)
        assert order is not None
        return order

    def tour_or_none(self, places: Sequence[int], start: int, goal: int) -> tuple[int, ...] | None:
        assert self.layout is not None
        order = shortest_tour(self.layout, places, start, goal)
        assert order is None or sorted(order) == sorted(places)
        return order

    def distance_m(self, start: int, end: int) -> float:
        if start not in self._from:
            found = networkx.single_source_dijkstra_path_length(self._graph, start)
            self._from[start] = {int(node): float(length) for node, length in found.items()}
        return self._from[start][end]

    def tour_m(self, order: Sequence[int], start: int, goal: int) -> float:
        return sum(self.distance_m(a, b) for a, b in pairwise((start, *order, goal)))

    def optimum_m(self, places: Sequence[int], start: int, goal: int) -> float:
        """Return the length of the shortest tour, from all subsets (Held and Karp 1962)."""
        nodes = [start, *sorted(set(places) - {start, goal}), goal]
        return _held_karp_m(np.array([[self.distance_m(a, b) for b in nodes] for a in nodes]))


def _held_karp_m(table: NDArray[np.float64]) -> float:
    size = len(table) - 2
    if size == 0:
        return float(table[0, 1])
    between = table[1:-1, 1:-1]
    bits = 1 << np.arange(size)
    best = np.full((1 << size, size), np.inf)
    best[bits, np.arange(size)] = table[0, 1:-1]
    for visited in range(1, 1 << size):
        onward = (best[visited][:, np.newaxis] + between).min(axis=0)
        new = np.flatnonzero((visited & bits) == 0)
        best[visited | bits[new], new] = np.minimum(best[visited | bits[new], new], onward[new])
    return float((best[-1] + table[1:-1, -1]).min())


def drawn(random: Random, nodes: Sequence[int], count: int) -> list[int]:
    """Return places to visit: anywhere, or all near some of the nodes, some of them twice."""
    among = nodes if random.random() < 0.7 else random.sample(nodes, min(len(nodes), 4))
    return random.choices(among, k=count)


# Against every other tour


def assert_shortest(map_: Map, places: Sequence[int], start: int, goal: int) -> None:
    """Check a tour, unless it is none; that is so only where a way ends blindly."""
    order = map_.tour_or_none(places, start, goal)
    if order is None:
        assert map_.layout is not None
        spots = [map_.layout.spot(end) for end in (start, goal)]
        assert start != goal
        assert any(spot and spot.depth_first for spot in spots)
        return
    length_m = map_.tour_m(order, start, goal)
    assert length_m == pytest.approx(map_.optimum_m(places, start, goal)), (places, start, goal)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_tour_is_shorter(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    map_ = Map(any_block(random).built())
    for _ in range(4):
        places = drawn(random, map_.nodes, random.choice([0, 1, 2, 3, 4, 6, 8, 11]))
        start = random.choice(map_.nodes)
        for goal in (start, random.choice(map_.nodes)):
            assert_shortest(map_, places, start, goal)


def stretched(warehouse: Warehouse, random: Random) -> Warehouse:
    """Return the map with ways of very different lengths, so that going around pays in every manner."""
    lengths_m = {pair: random.choice([0.5, 1.0, 4.0, 40.0]) for pair in sorted(warehouse.edges)}
    return replace(
        warehouse,
        edges={
            (a, b): replace(edge, length_m=lengths_m[min(a, b), max(a, b)])
            for (a, b), edge in warehouse.edges.items()
        },
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_no_tour_is_shorter_whatever_the_lengths_are(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    sketch = block(*range(random.randint(2, 7)), deep=random.randint(0, 3))
    if random.random() < 0.5:
        _split_cross_aisles(sketch, random)
    map_ = Map(stretched(sketch.built(), random))
    for _ in range(8):
        places = drawn(random, map_.nodes, random.randint(1, 7))
        start = random.choice(map_.nodes)
        for goal in (start, random.choice(map_.nodes)):
            assert_shortest(map_, places, start, goal)


def any_network(random: Random) -> Sketch:
    """Return a map of whatever shape: a tree with some more ways, now and then one ladder."""
    nodes = range(random.randint(2, 14))
    sketch = Sketch(points={node: (random.uniform(0, 9), random.uniform(0, 9)) for node in nodes})
    for node in nodes[1:]:
        sketch.join(random.choice(nodes[max(0, node - 4) : node]), node)
    for _ in range(random.randint(0, 4)):
        a, b = sorted(random.sample(nodes, 2))
        sketch.join(a, b)
    return sketch


def test_what_is_recognised_in_any_network_is_solved() -> None:
    seen = {True: 0, False: 0}
    for seed in range(300):
        random = Random(seed)  # noqa: S311  # reproducible, not secret
        map_ = Map(any_network(random).built())
        seen[map_.layout is not None] += 1
        if map_.layout is None:
            continue
        places = drawn(random, map_.nodes, 8)
        assert_shortest(map_, places, random.choice(map_.nodes), random.choice(map_.nodes))
        assert_shortest(map_, places, places[0], places[0])
    assert min(seen.values()) >= 50, seen


# Against the heuristic that it replaces


def improved(table: list[list[float]]) -> float:
    """Return the length of a tour from the nearest neighbour on, improved by turning stretches (2-opt)."""
    size = len(table) - 1
    tour, remaining = [0], set(range(1, size))
    while remaining:
        row = table[tour[-1]]
        tour.append(min(remaining, key=lambda place: (row[place], place)))
        remaining.remove(tour[-1])
    tour.append(size)
    again = True
    while again:
        again = False
        for i, j in combinations(range(1, size), 2):
            a, b, c, d = tour[i - 1], tour[i], tour[j], tour[j + 1]
            if table[a][c] + table[b][d] < table[a][b] + table[c][d] - 1e-9:
                tour[i : j + 1] = tour[i : j + 1][::-1]
                again = True
    return sum(table[a][b] for a, b in pairwise(tour))


@pytest.mark.parametrize("seed", range(20))
def test_long_lists_are_never_worse_than_improved_ones(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    at_m = [3.0 * aisle for aisle in range(random.choice([5, 12, 20]))]
    map_ = Map(block(*at_m, deep=20).built())
    places, start = random.sample(map_.nodes, 32), random.choice(map_.nodes)
    for goal in (start, random.choice(map_.nodes)):
        order = map_.tour(places, start, goal)
        nodes = [start, *sorted(places), goal]
        table = [[map_.distance_m(a, b) for b in nodes] for a in nodes]
        assert map_.tour_m(order, start, goal) <= improved(table) + 1e-6


# By hand, in three aisles of 7.5 m at 0, 3 and 6 m, with a depot 5 m before the first


@cache
def small() -> Map:
    sketch = block(0, 3, 6, deep=4)
    sketch.points[9_000] = (-5.0, 0.0)
    sketch.join(0, 9_000)
    sketch.points[9_001] = (4.0, 0.0)
    sketch.ways.remove((1_000, 2_000))
    sketch.join(1_000, 9_001, 2_000)
    return Map(sketch.built())


@pytest.mark.parametrize(
    ("start", "goal", "places", "expected_m"),
    [
        (0, 0, [], 0.0),
        (2, 2, [2], 0.0),
        (0, 0, [2], 6.0),
        (0, 0, [2, 2, 2], 6.0),
        (0, 0, [1, 4, 2, 3], 12.0),
        (2, 2, [4, 1], 9.0),
        (2, 2, [1_002], 18.0),
        (0, 0, [1_004], 2 * 3 + 2 * 6.0),
        (5, 5, [1_004], 2 * 3 + 2 * 1.5),
        (0, 0, [4, 1_004], 2 * 3 + 2 * 7.5),
        (0, 0, [1_001, 1_004, 2_001, 2_004], 2 * 6 + 2 * 7.5),
        (0, 0, [1, 2_001], 3.0 + 2 * 6 + 3.0),
        (0, 0, [9_001], 8.0),
        (9_001, 9_001, [1_000, 9_001, 2_000], 6.0),
        (9_000, 9_000, [0], 10.0),
        (9_000, 9_000, [2_005], 2 * 5 + 2 * 6 + 2 * 7.5),
        (1_002, 1_002, [9_000, 2_002], 2 * 5 + 2 * 6 + 2 * 3.0 + 2 * 3.0),
        (0, 0, [1_000, 2_000, 5, 1_005, 2_005], 2 * 6 + 2 * 7.5),
        (0, 5, [], 7.5),
        (0, 5, [1, 3], 7.5),
        (0, 5, [1_001], 7.5 + 2 * 3 + 0.0),
        (0, 2_000, [1_004], 6 + 2 * 6.0),
        (0, 2_005, [1_004, 2, 4], 7.5 + 6 + 2 * 1.5),
        (2, 3, [1, 4], 1.5 + 3 * 1.5 + 1.5),
        (9_000, 2, [2_001, 0], 5 + 6 + 2 * 1.5 + 6 + 3.0),
        (1, 9_000, [9_000], 1.5 + 5),
    ],
)
def test_tours_that_can_be_told_by_hand(
    start: int, goal: int, places: list[int], expected_m: float
) -> None:
    order = small().tour(places, start, goal)
    assert small().tour_m(order, start, goal) == pytest.approx(expected_m)


def test_a_place_that_is_named_more_often_is_visited_at_one_go() -> None:
    order = small().tour([3, 1_003, 3, 1_003, 3], 0, 0)
    assert order in ((3, 3, 3, 1_003, 1_003), (1_003, 1_003, 3, 3, 3))


def test_the_start_comes_first_where_something_is_picked_there() -> None:
    order = small().tour([4, 1_003, 2, 1_003, 2], 2, 5)
    assert order[:2] == (2, 2)


def test_what_the_block_does_not_hold_is_refused() -> None:
    layout = small().layout
    assert layout is not None
    assert shortest_tour(layout, [1, 77_777], 0, 0) is None
    assert shortest_tour(layout, [1], 77_777, 0) is None
    assert shortest_tour(layout, [1], 0, 77_777) is None


@pytest.mark.parametrize(
    ("places", "start", "goal", "is_solved"),
    [
        ([1_002], 90_002, 5, True),
        ([1_002], 5, 90_002, True),
        ([1_002, 90_001], 90_002, 90_002, True),
        ([1_002, 90_001], 0, 5, True),
        ([1_002, 90_001], 90_002, 5, False),
        ([1_002, 90_001], 5, 90_002, False),
    ],
)
def test_picks_on_the_blind_way_to_a_depot(
    places: list[int], start: int, goal: int, *, is_solved: bool
) -> None:
    sketch = block(0, 3, 6, deep=4)
    sketch.hang(1_000, 90_001, 90_002)
    map_ = Map(sketch.built())
    assert (map_.tour_or_none(places, start, goal) is not None) is is_solved
    assert_shortest(map_, places, start, goal)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_places_always_give_the_same_tour(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    sketch = any_block(random)
    map_, again = Map(sketch.built()), Map(sketch.built())
    places, start = drawn(random, map_.nodes, 12), random.choice(map_.nodes)
    for goal in (start, random.choice(map_.nodes)):
        order = map_.tour_or_none(places, start, goal)
        random.shuffle(places)
        assert map_.tour_or_none(places, start, goal) == order
        assert again.tour_or_none(places, start, goal) == order
