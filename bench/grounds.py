# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The maps on which answers are made and judged: one table, each with what is closed on it.

To add a map, add its row to `MAPS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import networkx as nx  # type: ignore[import-untyped]

from fallback_guard.core.closures import Closures
from fallback_guard.core.openness import openness
from fallback_guard.core.paths import Paths
from fallback_guard.core.warehouse import Edge, Node, ZoneKind
from fallback_guard.maps.block_warehouse import BlockSpec, block_warehouse, spec_for_bins
from fallback_guard.maps.geojson import parse_warehouse
from fallback_guard.maps.geojson_writing import collection, edge_feature, node_feature, zone_feature
from oracle_map import OracleMap

if TYPE_CHECKING:
    from oracle_map import Pair

ROOT: Final = Path(__file__).parents[1]


def yard() -> bytes:
    """Return a small map in which every kind of way exists.

    9 ~~~~ 7 ---> 6         8       10 m from node to node, 0.2 m from 2 to 10
    ~      ^      |         #       ~ crosses the keep-out zone around node 9
    ~      |      |         #       # closed, and no other way leads to node 8
    1 ---- 2 ---- 3 ------- 4       the edge from 2 to 3 and back has a speed limit
           |                |
           10               v
                            5       a dead end: who has driven there cannot leave
    """
    spots = {
        1: (0, 0), 2: (10, 0), 3: (20, 0), 4: (30, 0), 5: (30, -10),
        6: (20, 10), 7: (10, 10), 8: (30, 10), 9: (0, 10), 10: (10, -0.2),
    }  # fmt: skip
    bins = {
        2: ("A-1", "A-2"), 3: ("B-1",), 4: ("C-1", "C-2"), 5: ("D-1",), 6: ("E-1",),
    }  # fmt: skip
    both_ways = ((1, 2), (2, 3), (3, 4), (3, 6), (4, 8), (1, 9), (9, 7), (2, 10))
    pairs = [*both_ways, *((b, a) for a, b in both_ways), (2, 7), (7, 6), (4, 5)]
    nodes = [
        Node(id=node, x=x, y=y, bins=bins.get(node, ()), no_waiting=node == 3)
        for node, (x, y) in spots.items()
    ]
    edges = [
        edge_feature(
            Edge(
                id=number,
                start=start,
                end=end,
                length_m=0.0,  # Not written.
                speed_limit_mps=1.0 if {start, end} == {2, 3} else None,
                closed={start, end} == {4, 8},
            ),
            (spots[start], spots[end]),
        )
        for number, (start, end) in enumerate(pairs, start=100)
    ]
    zones = [
        zone_feature(900, ZoneKind.REFUGE, (20, 10), (1, 1)),
        zone_feature(901, ZoneKind.KEEP_OUT, (0, 10), (2, 2)),
    ]
    return collection([*map(node_feature, nodes), *edges, *zones], name="yard")


def _shipped() -> bytes:
    return (ROOT / "config" / "sample_warehouse.geojson").read_bytes()


def _as_nav2_writes() -> bytes:
    """Give a graph in Nav2's manner two bins on every node from which one can come back."""
    data = (ROOT / "test" / "maps" / "as_nav2_writes.geojson").read_bytes()
    parts: list[set[int]] = [*nx.strongly_connected_components(OracleMap(data).graph)]
    largest = max(parts, key=len)
    bins = {f"N{node}-{side}": node for node in sorted(largest) for side in "lr"}
    return json.dumps(json.loads(data) | {"bins": bins}).encode()


_ONE_WAY: Final = BlockSpec(
    aisles=18,
    cross_aisles=3,
    bays=14,
    bins=1_000,
    one_way=True,
    depots=2,
    no_waiting=True,
    aisle_speed_limit_mps=1.2,
    keep_outs=3,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    """How a map is made, how many edges are closed on it, and how many places are surveyed at a time."""

    make: Callable[[], bytes]
    closures: int
    places: int


MAPS: Final[Mapping[str, MapRow]] = MappingProxyType(
    {
        "yard": MapRow(make=yard, closures=0, places=40),
        "sample": MapRow(make=_shipped, closures=2, places=40),
        "as_nav2_writes": MapRow(make=_as_nav2_writes, closures=2, places=40),
        "one_way_1000": MapRow(make=lambda: block_warehouse(_ONE_WAY), closures=6, places=60),
        "blocks_10000": MapRow(
            make=lambda: block_warehouse(spec_for_bins(10_000, one_way=True)),
            closures=6,
            places=40,
        ),
        "blocks_100000": MapRow(
            make=lambda: block_warehouse(spec_for_bins(100_000)), closures=4, places=16
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A map as the guard sees it and as the oracle does, with the same edges closed.

    `closed` and `kept_out` are hops that are just that, `against` the reverse of one-way hops: some of each.
    """

    name: str
    places: int
    paths: Paths
    oracle: OracleMap
    closed: tuple[Pair, ...]
    kept_out: tuple[Pair, ...]
    against: tuple[Pair, ...]


def load_ground(name: str) -> Ground:
    """Return the ground of a row of `MAPS`."""
    row = MAPS[name]
    data = row.make()
    random = Random(name)  # noqa: S311  # reproducible, not secret
    closed = _closable(OracleMap(data), row.closures, random)
    oracle = OracleMap(data, closed)
    warehouse = parse_warehouse(data, source=name)
    opened = openness(warehouse, Closures(closed_edges=closed))
    hops = sorted(oracle.hops)
    return Ground(
        name=name,
        places=row.places,
        paths=Paths(warehouse, opened),
        oracle=oracle,
        closed=_some([pair for pair in hops if oracle.hops[pair].closed], random),
        kept_out=_some([pair for pair in hops if oracle.hops[pair].kept_out], random),
        against=_some([(b, a) for a, b in hops if (b, a) not in oracle.hops], random),
    )


def _some(pairs: list[Pair], random: Random) -> tuple[Pair, ...]:
    return tuple(random.sample(pairs, min(12, len(pairs))))


def _closable(oracle: OracleMap, count: int, random: Random) -> frozenset[int]:
    """Choose edges to close without which one still gets from everywhere to everywhere one got before."""
    graph = oracle.graph
    parts = nx.number_strongly_connected_components(graph)
    candidates = sorted(pair for pair, hop in oracle.hops.items() if hop.open)
    closed: set[int] = set()
    for pair in random.sample(candidates, min(60, len(candidates))):
        if len(closed) == count:
            break
        graph.remove_edge(*pair)
        if nx.number_strongly_connected_components(graph) == parts:
            closed.add(oracle.hops[pair].edge)
        else:
            graph.add_edge(*pair)
    return frozenset(closed)
