# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A map as a network of straight stretches between junctions.

Most nodes of a warehouse stand in a row along an aisle, and no way forks there.  Such a row, with the same
directions and the same speed limit from end to end, is one stretch; what is left are the junctions.  Shortest
paths are searched between junctions only (some hundred in a warehouse of 100,000 bins), and a place within a
stretch is reached over its two ends.  The contraction of nodes of degree two is that of Geisberger et al.,
"Contraction hierarchies" (2008), in its simplest case.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from math import hypot
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fallback_guard.core.warehouse import Pair, Warehouse

_SINE_MAX: Final = 1e-6
"""Sine of the angle up to which two hops are one straight line: 1 mm in a kilometre."""


def is_straight(
    before: tuple[float, float], here: tuple[float, float], after: tuple[float, float]
) -> bool:
    """Tell whether one drives straight on at `here`, which turning around is not."""
    x1, y1 = here[0] - before[0], here[1] - before[1]
    x2, y2 = after[0] - here[0], after[1] - here[1]
    cross, dot = x1 * y2 - y1 * x2, x1 * x2 + y1 * y2
    return dot > 0 and cross * cross <= _SINE_MAX**2 * (x1 * x1 + y1 * y1) * (x2 * x2 + y2 * y2)


def straight_on(
    x1: NDArray[np.float64],
    y1: NDArray[np.float64],
    x2: NDArray[np.float64],
    y2: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Tell the same of many hops (x1, y1) that each are followed by a hop (x2, y2)."""
    cross, dot = x1 * y2 - y1 * x2, x1 * x2 + y1 * y2
    bound = _SINE_MAX**2 * (x1 * x1 + y1 * y1) * (x2 * x2 + y2 * y2)
    return np.asarray((dot > 0) & (cross * cross <= bound))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Nodes in a row, from one junction to another.

    `offsets_m` are their distances from the first one.  `forward` and `backward` tell in which directions there
    are edges, open or not; the limits (m/s) are those of each direction, None where there is none.
    """

    nodes: tuple[int, ...]
    offsets_m: tuple[float, ...]
    forward: bool
    backward: bool
    forward_mps: float | None
    backward_mps: float | None


@dataclass(frozen=True, slots=True)
class Hops:
    """Stretches by direction: from junction, to junction, length (m), index of the speed limit, stretch, direction.

    Sorted by their two junctions, for which `key` stands, and then by length.
    """

    start: NDArray[np.int32]
    end: NDArray[np.int32]
    length_m: NDArray[np.float64]
    limit: NDArray[np.int32]
    stretch: NDArray[np.int32]
    forward: NDArray[np.bool_]
    key: NDArray[np.int64]

    def at(self, places: NDArray[np.intp]) -> "Hops":
        """Return some of them, in the order of `places`."""
        return Hops(*(getattr(self, field.name)[places] for field in fields(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What never changes about a map's ways.

    `junction_of` leads from a node to its number among `junctions`; `within` from a node that is none to its
    stretch and its place there; `direct` from two junctions that are neighbours to their stretch.  `x` and `y`
    are where the junctions are (m); `hops` are all there are, open or not, with limits by their index among
    `limits_mps`.
    """

    junctions: tuple[int, ...]
    junction_of: dict[int, int]
    stretches: tuple[Stretch, ...]
    within: dict[int, tuple[int, int]]
    direct: dict[Pair, int]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    hops: Hops
    limits_mps: tuple[float | None, ...]
    slowest_mps: float
    nodes: tuple[int, ...]
    tree: cKDTree

    def nearest_node(self, x: float, y: float) -> tuple[int, float]:
        """Return the node nearest to a point (m) and its distance (m)."""
        distance, index = self.tree.query((x, y))
        return self.nodes[int(index)], float(distance)

    def locate(self, pair: Pair) -> tuple[int, int, bool]:
        """Return an edge's stretch, its place there (between nodes k and k + 1), and whether it leads forward."""
        start, end = pair
        for node, other in ((start, end), (end, start)):
            found = self.within.get(node)
            if found is not None:
                number, place = found
                other_place = (
                    place + 1 if self.stretches[number].nodes[place + 1] == other else place - 1
                )
                first = min(place, other_place)
                return number, first, self.stretches[number].nodes[first] == start
        number = self.direct[pair]
        return number, 0, self.stretches[number].nodes[0] == start


def build_network(warehouse: Warehouse) -> Network:
    """Find the stretches of a map.  What is closed plays no part."""
    neighbours: dict[int, list[int]] = {node: [] for node in sorted(warehouse.nodes)}
    for start, end in sorted(warehouse.edges):
        neighbours[start].append(end)
        if (end, start) not in warehouse.edges:
            neighbours[end].append(start)
    contraction = _Contraction(warehouse, neighbours)
    nodes = tuple(neighbours)
    points = [warehouse.nodes[node] for node in contraction.junctions]
    hops, limits_mps = _hops(contraction)
    return Network(
        junctions=contraction.junctions,
        junction_of={node: number for number, node in enumerate(contraction.junctions)},
        stretches=tuple(contraction.stretches),
        within=contraction.within,
        direct=contraction.direct,
        x=np.array([point.x for point in points], dtype=np.float64),
        y=np.array([point.y for point in points], dtype=np.float64),
        hops=hops,
        limits_mps=limits_mps,
        slowest_mps=min(
            (edge.speed_limit_mps for edge in warehouse.edges.values() if edge.speed_limit_mps),
            default=float("inf"),
        ),
        nodes=nodes,
        # The same tree as KDTree, without a Python layer that takes twice as long as the search.
        tree=cKDTree([(warehouse.nodes[node].x, warehouse.nodes[node].y) for node in nodes]),
    )


class _Contraction:
    def __init__(self, warehouse: Warehouse, neighbours: dict[int, list[int]]) -> None:
        self._warehouse = warehouse
        self._neighbours = neighbours
        self.junctions = tuple(node for node in neighbours if not self._is_within(node))
        self.stretches: list[Stretch] = []
        self.within: dict[int, tuple[int, int]] = {}
        self.direct: dict[Pair, int] = {}
        ends = set(self.junctions)
        for junction in self.junctions:
            for neighbour in neighbours[junction]:
                if neighbour not in self.within and (neighbour, junction) not in self.direct:
                    self._add((junction, *self._row(junction, neighbour, ends)))

    def _is_within(self, node: int) -> bool:
        """Tell whether nothing forks, turns or changes at a node."""
        if len(self._neighbours[node]) != 2:  # noqa: PLR2004  # one on each side
            return False
        one, other = self._neighbours[node]
        nodes, edges = self._warehouse.nodes, self._warehouse.edges
        for before, after in ((one, other), (other, one)):
            arriving, leaving = edges.get((before, node)), edges.get((node, after))
            if (arriving is None) != (leaving is None):
                return False
            if arriving and leaving and arriving.speed_limit_mps != leaving.speed_limit_mps:
                return False
        a, b, c = nodes[one], nodes[node], nodes[other]
        return is_straight((a.x, a.y), (b.x, b.y), (c.x, c.y))

    def _row(self, before: int, here: int, ends: set[int]) -> Iterator[int]:
        """Yield the nodes from `here` on, away from `before`, up to the next junction."""
        while True:
            yield here
            if here in ends:
                return
            one, other = self._neighbours[here]
            before, here = here, other if one == before else one

    def _add(self, row: tuple[int, ...]) -> None:
        nodes, edges = self._warehouse.nodes, self._warehouse.edges
        offsets_m = [0.0]
        for a, b in pairwise(row):
            offsets_m.append(
                offsets_m[-1] + hypot(nodes[b].x - nodes[a].x, nodes[b].y - nodes[a].y)
            )
        forward, backward = edges.get((row[0], row[1])), edges.get((row[1], row[0]))
        number = len(self.stretches)
        self.stretches.append(
            Stretch(
                nodes=row,
                offsets_m=tuple(offsets_m),
                forward=forward is not None,
                backward=backward is not None,
                forward_mps=forward.speed_limit_mps if forward else None,
                backward_mps=backward.speed_limit_mps if backward else None,
            )
        )
        self.within.update((node, (number, place)) for place, node in enumerate(row[1:-1], start=1))
        if len(row) == 2:  # noqa: PLR2004  # two junctions and nothing between
            self.direct[row[0], row[1]] = self.direct[row[1], row[0]] = number


def _hops(contraction: _Contraction) -> tuple[Hops, tuple[float | None, ...]]:
    junction_of = {node: number for number, node in enumerate(contraction.junctions)}
    rows: list[tuple[int, int, float, int, bool, float | None]] = []
    for number, stretch in enumerate(contraction.stretches):
        first, last = junction_of[stretch.nodes[0]], junction_of[stretch.nodes[-1]]
        length_m = stretch.offsets_m[-1]
        if stretch.forward:
            rows.append((first, last, length_m, number, True, stretch.forward_mps))
        if stretch.backward:
            rows.append((last, first, length_m, number, False, stretch.backward_mps))
    rows.sort(key=lambda row: row[:4])
    limits_mps = tuple(sorted({row[5] for row in rows}, key=lambda mps: mps or 0.0))
    index = {limit: place for place, limit in enumerate(limits_mps)}
    start = np.array([row[0] for row in rows], dtype=np.int32)
    end = np.array([row[1] for row in rows], dtype=np.int32)
    hops = Hops(
        start,
        end,
        np.array([row[2] for row in rows], dtype=np.float64),
        np.array([index[row[5]] for row in rows], dtype=np.int32),
        np.array([row[3] for row in rows], dtype=np.int32),
        np.array([row[4] for row in rows], dtype=np.bool_),
        start.astype(np.int64) * len(junction_of) + end,
    )
    return hops, limits_mps
