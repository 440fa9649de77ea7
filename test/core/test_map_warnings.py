# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Warnings: each names what pickers would find out the hard way, and sound maps have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.maps.geojson import load_warehouse, parse_warehouse
from fallback_guard.maps.map_warnings import map_warnings

if TYPE_CHECKING:
    from collections.abc import Callable

Features = list[dict[str, object]]

A, B, C, D = ((n, (10.0 * n, 0.0)) for n in (1, 2, 3, 4))


def _sound() -> Features:
    """1 - 2 - 3, where 3 is a refuge."""
    nodes = [world.node_feature(n, *at, {"bins": [f"B-{n}"]}) for n, at in (A, B, C)]
    ways = [(A, B), (B, A), (B, C), (C, B)]
    edges = [world.edge_feature(100 + i, *way) for i, way in enumerate(ways)]
    return [*nodes, *edges, world.zone_feature(900, "refuge", 30, 0, 1)]


def _add(*more: dict[str, object]) -> Callable[[Features], None]:
    return lambda features: features.extend(more)


def _without(*edges: int) -> Callable[[Features], None]:
    def change(features: Features) -> None:
        features[:] = [
            f for f in features if not (isinstance(p := f["properties"], dict) and p["id"] in edges)
        ]

    return change


FOUND: Final[dict[str, tuple[Callable[[Features], None], str]]] = {
    "a bin from which one can only leave": (
        _add(world.node_feature(4, 40.0, 0.0, {"bins": ["Q"]}), world.edge_feature(200, D, C)),
        "bins cannot be reached from most of the map: Q",
    ),
    "a bin behind a closed edge": (
        _add(
            world.node_feature(4, 40.0, 0.0, {"bins": ["Q"]}),
            world.edge_feature(200, C, D, {"closed": True}),
            world.edge_feature(201, D, C, {"closed": True}),
        ),
        "bins cannot be reached from most of the map: Q",
    ),
    "a dead end": (
        _add(world.node_feature(4, 40.0, 0.0), world.edge_feature(200, C, D)),
        "nodes can be reached from most of the map, but nothing leads back: 4",
    ),
    "no waiting and no refuge": (
        _add(world.node_feature(4, 40.0, 0.0, {"no_waiting": True}), world.edge_feature(200, C, D)),
        "nodes with no_waiting have no way to a refuge, so that a picker there can only hold: 4",
    ),
    "a refuge apart": (
        _add(
            world.node_feature(4, 40.0, 0.0),
            world.node_feature(5, 50.0, 0.0),
            world.edge_feature(200, (5, (50.0, 0.0)), D),
            world.zone_feature(901, "refuge", 40, 0, 1),
        ),
        "refuges cannot be reached from most of the map: 901",
    ),
    "a node alone": (_add(world.node_feature(4, 40.0, 0.0)), "nodes are on no edge: 4"),
    "a keep-out zone beside the ways": (
        _add(world.zone_feature(901, "keep_out", 0, 50, 1)),
        "keep-out zones touch no edge and no node: 901",
    ),
    "two nodes at one place": (
        _add(
            world.node_feature(4, 20.0, 0.0),
            world.edge_feature(200, C, (4, (20.0, 0.0))),
            world.edge_feature(201, (4, (20.0, 0.0)), C),
        ),
        "nodes are at the place of another: 4",
    ),
    "no refuge": (_without(900), "there is no refuge, so that every safe move is to hold"),
}


@pytest.mark.parametrize(("change", "said"), FOUND.values(), ids=FOUND.keys())
def test_what_is_likely_not_meant(change: Callable[[Features], None], said: str) -> None:
    features = _sound()
    change(features)
    assert said in map_warnings(parse_warehouse(world.collection(features), source="m"))


def test_sound_maps_have_no_warnings() -> None:
    assert map_warnings(parse_warehouse(world.collection(_sound()), source="m")) == ()
    assert map_warnings(load_warehouse(world.SAMPLE)) == ()


def test_many_names_are_counted() -> None:
    lonely = [world.node_feature(n, 10.0 * n, 50.0) for n in range(10, 18)]
    warehouse = parse_warehouse(world.collection([*_sound(), *lonely]), source="m")
    assert map_warnings(warehouse) == ("nodes are on no edge: 10, 11, 12, 13, 14 and 3 more",)


@pytest.mark.parametrize(("limit", "warned"), [(1, True), (2, False)])
def test_more_junctions_than_there_is_time_for(
    limit: int, monkeypatch: pytest.MonkeyPatch, *, warned: bool
) -> None:
    monkeypatch.setattr("fallback_guard.maps.map_warnings.JUNCTIONS_ADVISED_MAX", limit)
    warehouse = parse_warehouse(world.collection(_sound()), source="m")
    assert ["2 nodes are junctions" in text for text in map_warnings(warehouse)] == [True] * warned
