# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Generated warehouses: any specification gives a sound map, and the same one every time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback_guard.core.identifiers import is_identifier
from fallback_guard.core.openness import Block, openness
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.maps.block_warehouse import (
    BINS_MAX,
    BlockSpec,
    SpecError,
    block_warehouse,
    spec_for_bins,
)
from fallback_guard.maps.geojson import parse_warehouse, read_map
from fallback_guard.maps.map_warnings import map_warnings

SPEC = BlockSpec(aisles=4, cross_aisles=3, bays=3)


def _made(spec: BlockSpec) -> Warehouse:
    return parse_warehouse(block_warehouse(spec), source="m")


@st.composite
def specs(draw: st.DrawFn) -> BlockSpec:
    aisles = draw(st.integers(2, 9))
    cross_aisles = draw(st.integers(2, 5))
    spec = BlockSpec(
        aisles=aisles,
        cross_aisles=cross_aisles,
        bays=draw(st.integers(1, 6)),
        levels=draw(st.integers(1, 6)),
        aisle_pitch_m=draw(st.floats(1.5, 50)),
        bay_pitch_m=draw(st.floats(0.2, 50)),
        one_way=draw(st.booleans()),
        depots=draw(st.integers(1, aisles)),
        refuges=draw(st.integers(1, 2 * cross_aisles)),
        no_waiting=draw(st.booleans()),
        aisle_speed_limit_mps=draw(st.none() | st.floats(0.1, 20)),
        keep_outs=draw(st.integers(0, (aisles - 2) // 2)),
    )
    return replace(spec, bins=draw(st.none() | st.integers(1, spec.places)))


@settings(max_examples=150, deadline=None, print_blob=True)
@given(specs())
def test_every_map_is_sound(spec: BlockSpec) -> None:
    read = read_map(block_warehouse(spec), source="m")
    warehouse = read.warehouse
    assert read.notes == ()
    assert map_warnings(warehouse) == ()
    assert len(warehouse.bins) == (spec.bins or spec.places)
    assert all(is_identifier(name) for name in warehouse.bins)
    assert len(openness(warehouse).refuges) == spec.refuges
    assert (Block.KEEP_OUT in openness(warehouse).blocked.values()) is (spec.keep_outs > 0)
    ids = [*warehouse.nodes, *warehouse.edge_pairs, *warehouse.zones]
    assert len(ids) == len(set(ids)), "Nav2 wants ids that no node shares with an edge"


@settings(max_examples=20, deadline=None, print_blob=True)
@given(specs())
def test_the_same_specification_gives_the_same_bytes(spec: BlockSpec) -> None:
    assert block_warehouse(spec) == block_warehouse(replace(spec))


def test_the_names_of_bins_are_in_the_order_of_their_places() -> None:
    warehouse = _made(replace(SPEC, levels=6))
    places = [
        (warehouse.nodes[warehouse.bins[name]].x, warehouse.nodes[warehouse.bins[name]].y)
        for name in sorted(warehouse.bins)
    ]
    assert places == sorted(places)
    assert min(warehouse.bins) == "A001-L001-01"
    assert max(warehouse.bins) == "A004-L006-12"


def test_aisles_are_driven_up_and_down_in_turn() -> None:
    warehouse = _made(replace(SPEC, one_way=True))
    nodes = warehouse.nodes
    for start, end in warehouse.edges:
        if nodes[start].x == nodes[end].x and min(nodes[start].y, nodes[end].y) >= 0:
            up = nodes[end].y > nodes[start].y
            assert up is (round(nodes[start].x / SPEC.aisle_pitch_m) % 2 == 0)


def test_the_layout() -> None:
    warehouse = _made(SPEC)
    depot = warehouse.nodes[1]
    assert (depot.x, depot.y, depot.bins) == (0.0, -3.0, ())
    assert {node.y for node in warehouse.nodes.values()} == {-3.0, *map(float, range(9))}
    crossings = sorted(n.y for n in warehouse.nodes.values() if n.x == 0 and not n.bins)
    assert crossings == [-3.0, 0.0, 4.0, 8.0]
    assert all((end, start) in warehouse.edges for start, end in warehouse.edges)


def test_options_show_on_the_map() -> None:
    warehouse = _made(replace(SPEC, no_waiting=True, aisle_speed_limit_mps=1.2))
    assert all(node.no_waiting is bool(node.bins) for node in warehouse.nodes.values())
    limits = {edge.speed_limit_mps for edge in warehouse.edges.values()}
    assert limits == {None, 1.2}


@pytest.mark.parametrize("bins", [1, 2, 9, 10, 11, 99, 100, 1_000, 3_333, 10_000])
def test_a_warehouse_of_so_many_bins(bins: int) -> None:
    spec = spec_for_bins(bins)
    warehouse = _made(spec)
    assert len(warehouse.bins) == bins
    assert map_warnings(warehouse) == ()
    if bins >= 100:
        xs, ys = zip(*((n.x, n.y) for n in warehouse.nodes.values()), strict=True)
        assert 0.5 < (max(xs) - min(xs)) / (max(ys) - min(ys)) < 2


def test_larger_warehouses_have_more_of_everything() -> None:
    sizes = [spec_for_bins(bins) for bins in (10, 100, 1_000, 10_000, 100_000)]
    for small, large in pairwise(sizes):
        assert small.aisles < large.aisles
        assert small.cross_aisles <= large.cross_aisles
    assert sizes[-1].cross_aisles == 5


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("aisles", 1, 2),
        ("cross_aisles", 1, 2),
        ("cross_aisles", 21, 20),
        ("bays", 0, 1),
        ("levels", 0, 1),
        ("levels", 21, 20),
        ("bins", 0, 1),
        ("bins", 49, 48),
        ("depots", 0, 1),
        ("depots", 5, 4),
        ("refuges", -1, 0),
        ("refuges", 7, 6),
        ("keep_outs", -1, 0),
        ("keep_outs", 2, 1),
        ("aisle_pitch_m", 1.49, 1.5),
        ("aisle_pitch_m", float("nan"), 3.0),
        ("bay_pitch_m", 0.19, 0.2),
        ("bay_pitch_m", 50.1, 50.0),
        ("aisle_speed_limit_mps", 0.0099, 0.01),
        ("aisle_speed_limit_mps", 20.1, 20.0),
    ],
)
def test_what_cannot_be_built(field: str, wrong: float, right: float) -> None:
    base = replace(SPEC, refuges=0) if field == "cross_aisles" else SPEC
    replace(base, **{field: right})  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=rf"{field} is .*\. Choose one"):
        replace(base, **{field: wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("bins", [-1, 0, BINS_MAX + 1])
def test_so_many_bins_are_refused(bins: int) -> None:
    with pytest.raises(SpecError, match="bins is"):
        spec_for_bins(bins)


@pytest.mark.parametrize("bins", [199_825, BINS_MAX - 1, BINS_MAX])
def test_the_most_bins(bins: int) -> None:
    assert spec_for_bins(bins).bins == bins


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"aisles": 1_000, "bays": 1_000}, "1000000 picking positions"),
        ({"aisles": 1_000, "bays": 1_000, "bins": 1}, "1000000 picking positions"),
        ({"aisles": 1_000, "bays": 101}, "room for 202000 bins"),
        ({"aisles": 1_000, "bays": 101, "bins": BINS_MAX + 1}, f"from 1 to {BINS_MAX}"),
    ],
)
def test_too_much_room_is_refused(spec: dict[str, int], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        BlockSpec(**spec)  # type: ignore[arg-type]
