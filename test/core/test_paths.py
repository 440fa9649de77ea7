# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Shortest paths and standby tours, against those of others."""

from __future__ import annotations

from functools import cache
from itertools import pairwise, permutations
from math import inf, isfinite
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.core import paths as paths_module
from fallback_guard.core.closures import Closures
from fallback_guard.core.config import guard_config
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import STOPS_MAX
from fallback_guard.core.motion import SafeMoveKind
from fallback_guard.core.openness import openness
from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import prepare
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.safe_moves import HOLD, SafeMoves
from fallback_guard.core.standby import standby_order
from fallback_guard.maps.geojson import load_warehouse, parse_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_guard.core.warehouse import Warehouse

SEEDS: Final = range(12)


@cache
def _random_warehouse(seed: int) -> Warehouse:
    """Return a grid of aisles in which every third edge leads one way and some are closed."""
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    side = random.randint(3, 6)
    points = {
        i * side + j: (float(i) * random.uniform(1, 9), float(j))
        for i in range(side)
        for j in range(side)
    }
    features = [
        world.node_feature(node, *point, {"bins": [f"B-{node}"]}) for node, point in points.items()
    ]
    number = 1_000
    for a in points:
        for b in (a + 1 if (a + 1) % side else -1, a + side):
            if b not in points:
                continue
            ways = random.choice(
                [[(a, b), (b, a)], [(a, b), (b, a)], random.choice([[(a, b)], [(b, a)]])]
            )
            closed = {"closed": random.random() < 0.1}
            for start, end in ways:
                number += 1
                features.append(
                    world.edge_feature(
                        number, (start, points[start]), (end, points[end]), dict(closed)
                    )
                )
    features.append(world.zone_feature(1, "keep_out", *points[random.choice(sorted(points))], 0.2))
    return parse_warehouse(world.collection(features), source=f"seed {seed}")


def _distances(warehouse: Warehouse, start: int) -> dict[int, float]:
    """Return shortest lengths from `start`, in the plainest way there is (Bellman and Ford)."""
    blocked = openness(warehouse).blocked
    distance = dict.fromkeys(warehouse.nodes, inf) | {start: 0.0}
    for _ in warehouse.nodes:
        for edge in warehouse.edges.values():
            if (edge.start, edge.end) not in blocked:
                distance[edge.end] = min(distance[edge.end], distance[edge.start] + edge.length_m)
    return distance


@pytest.mark.parametrize("seed", SEEDS)
def test_paths_are_the_shortest_ones(seed: int) -> None:
    warehouse = _random_warehouse(seed)
    paths = Paths(warehouse)
    for start in warehouse.nodes:
        for end, expected_m in _distances(warehouse, start).items():
            assert paths.distance_m(start, end) == pytest.approx(expected_m)
            path = paths.path(start, end)
            if path is None:
                assert not isfinite(expected_m)
                continue
            assert (path[0], path[-1]) == (start, end)
            assert not any(pair in paths.openness.blocked for pair in pairwise(path))
            assert paths.length_m(path) == pytest.approx(expected_m)


def test_lengths_are_those_of_networkx() -> None:
    networkx = pytest.importorskip("networkx")
    for warehouse in (load_warehouse(world.SAMPLE), *(_random_warehouse(seed) for seed in SEEDS)):
        graph = networkx.DiGraph()
        graph.add_nodes_from(warehouse.nodes)
        for (start, end), edge in warehouse.edges.items():
            if (start, end) not in openness(warehouse).blocked:
                graph.add_edge(start, end, weight=edge.length_m)
        paths = Paths(warehouse)
        for start, lengths in networkx.all_pairs_dijkstra_path_length(graph):
            for end in warehouse.nodes:
                assert paths.distance_m(start, end) == pytest.approx(lengths.get(end, inf))


def test_a_way_that_is_none_has_no_length() -> None:
    paths = Paths(world.warehouse())
    with pytest.raises(KeyError):
        paths.length_m([1, 3])
    assert paths.length_m([1]) == 0
    assert paths.length_m([4, 7]) == 10.0, "closed edges have a length too"
    assert paths.path(1, 1) == (1,)
    assert paths.path(1, 7) is None


def test_forgotten_paths_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths_module, "PATHS_BYTES_MAX", 0)
    monkeypatch.setattr(paths_module, "_ROWS_AT_ONCE", 2)
    paths = Paths(world.warehouse())
    paths.warm()
    for _ in range(2):
        assert [paths.distance_m(start, 1) for start in (1, 2, 3, 4)] == [0.0, 10.0, 20.0, 30.0]
    assert len(paths._rows) == 2  # the bound is what is tested


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_computed_ahead_is_what_would_be_computed_later(seed: int) -> None:
    warehouse = _random_warehouse(seed)
    early, late = Paths(warehouse), Paths(warehouse)
    early.warm()
    nodes = tuple(warehouse.nodes)
    one, other = early.legs(nodes), late.legs(nodes)
    assert one.distance_m == other.distance_m
    places = range(len(nodes))
    assert [one.way(a, b) for a in places for b in places] == [
        other.way(a, b) for a in places for b in places
    ]


@pytest.mark.parametrize(
    ("x", "y", "node", "distance_m"),
    [(0, 0, 1, 0), (4.9, 0, 1, 4.9), (5.1, 0, 2, 4.9), (1e6, 0, 4, 999_970)],
)
def test_the_nearest_node(x: float, y: float, node: int, distance_m: float) -> None:
    paths = Paths(world.warehouse())
    nearest, found_m = paths.network.nearest_node(x, y)
    assert distance_m == pytest.approx(found_m, rel=1e-3)
    assert nearest == node or x == 1e6


# Standby tours


def _requests(warehouse: Warehouse, seed: int, *, items_max: int) -> Iterator[PickRequest]:
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    nodes = sorted(warehouse.nodes)
    for number in range(6):
        bins = random.choices(sorted(warehouse.bins), k=random.randint(1, items_max))
        yield world.pick_request(
            f"R-{number}",
            start_node=random.choice(nodes),
            goal_node=random.choice(nodes),
            items=tuple(
                PickItem(bin=bin_, sku=f"SKU-{i}", quantity=1) for i, bin_ in enumerate(bins)
            ),
        )


def _tour_m(
    request: PickRequest, order: tuple[PickItem, ...], warehouse: Warehouse, paths: Paths
) -> float:
    places = [request.start_node, *(warehouse.bins[item.bin] for item in order), request.goal_node]
    return sum(paths.distance_m(a, b) for a, b in pairwise(places))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tour_is_nearly_the_shortest_of_all(seed: int) -> None:
    warehouse = load_warehouse(world.SAMPLE) if seed % 2 else _random_warehouse(seed)
    paths = Paths(warehouse)
    for request in _requests(warehouse, seed, items_max=6):
        best_m = min(
            _tour_m(request, order, warehouse, paths) for order in permutations(request.items)
        )
        order = standby_order(prepare(request, paths, start_node=request.start_node))
        if order is None:
            assert not isfinite(best_m)
            continue
        assert sorted(order) == sorted(request.items)
        assert best_m - 1e-9 <= _tour_m(request, order, warehouse, paths) <= 1.2 * best_m + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tour_passes_the_validation_and_is_always_the_same(seed: int) -> None:
    warehouse = load_warehouse(world.SAMPLE) if seed % 2 else _random_warehouse(seed)
    judges = [Judge(config=guard_config({}), paths=Paths(warehouse)) for _ in range(2)]
    for request in _requests(warehouse, seed, items_max=STOPS_MAX):
        routes = [judge.prepare(request, request.start_node).standby for judge in judges]
        assert repr(routes[0]) == repr(routes[1])
        reversed_ = world.pick_request(
            request.request_id,
            start_node=request.start_node,
            goal_node=request.goal_node,
            items=tuple(reversed(request.items)),
        )
        assert judges[0].prepare(reversed_, request.start_node).standby == routes[0], (
            "the order of the items says nothing"
        )
        if routes[0] is None:
            continue
        ordered = [
            PickItem(bin=stop.bin, sku=stop.sku, quantity=stop.quantity) for stop in routes[0].stops
        ]
        payload = world.answer(request, [world.stop(item) for item in ordered])
        prepared = judges[0].prepare(request, request.start_node)
        verdict = judges[0].verdict(prepared, payload, source="standby")
        assert verdict.route == routes[0]


# Safe moves


def test_the_table_of_safe_moves() -> None:
    warehouse = world.warehouse()
    moves = SafeMoves(Paths(warehouse))
    table = {node: moves.at(node) for node in warehouse.nodes}
    assert {node for node, move in table.items() if move.kind is SafeMoveKind.RETREAT} == {3}
    assert ([point.node for point in table[3].waypoints], table[3].target) == ([3, 5], 5)
    assert (table[1], table[1].target) == (HOLD, 0)


@pytest.mark.parametrize("closed", [True, False])
def test_where_no_refuge_can_be_reached_the_robot_holds(*, closed: bool) -> None:
    nodes = [world.node_feature(1, 0.0, 0.0, {"no_waiting": True}), world.node_feature(2, 9.0, 0.0)]
    edges = [world.edge_feature(7, (1, (0.0, 0.0)), (2, (9.0, 0.0)))]
    zones = [world.zone_feature(1, "refuge", 9, 0, 1)]
    warehouse = parse_warehouse(world.collection([*nodes, *edges, *zones]), source="m")
    closures = Closures(closed_edges=frozenset({7} if closed else ()))
    kind = SafeMoves(Paths(warehouse, openness(warehouse, closures))).at(1).kind
    assert kind is (SafeMoveKind.HOLD if closed else SafeMoveKind.RETREAT)


def test_on_a_refuge_the_robot_holds_and_of_two_equally_near_it_takes_the_lower() -> None:
    nodes = [
        world.node_feature(2, 0.0, 0.0, {"no_waiting": True}),
        world.node_feature(1, -9.0, 0.0, {"no_waiting": True}),
        world.node_feature(3, 9.0, 0.0),
    ]
    edges = [
        world.edge_feature(7, (2, (0.0, 0.0)), (3, (9.0, 0.0))),
        world.edge_feature(8, (2, (0.0, 0.0)), (1, (-9.0, 0.0))),
    ]
    zones = [world.zone_feature(1, "refuge", 9, 0, 1), world.zone_feature(2, "refuge", -9, 0, 1)]
    warehouse = parse_warehouse(world.collection([*nodes, *edges, *zones]), source="m")
    moves = SafeMoves(Paths(warehouse))
    assert [point.node for point in moves.at(2).waypoints] == [2, 1]
    assert moves.at(1) == HOLD
