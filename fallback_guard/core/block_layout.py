# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Recognising a rectangular warehouse: one block of aisles between a front and a back cross aisle.

What counts is how the ways join, not how they lie: a block may be turned, its aisles may be curved, at
any distance and of different lengths, and tours in it are still exact.  Ways that end blindly (depots,
spurs, bays, an aisle that is closed half-way) may hang off it anywhere.  One-way edges, a gap in a cross
aisle, a third cross aisle and every other loop make it something else.

    front  F0 ------ F1 ------ F2 ------ F3      aisle i joins Fi and Bi; front segment i joins Fi and
           |         |         |         |       Fi+1, back segment i joins Bi and Bi+1
    back   B0 ------ B1 ------ B2 ------ B3

Nothing branches off in the corners, so each outermost aisle is taken together with the segments beside
it: as one long aisle, with segments of no length.  That changes no tour.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate, chain, pairwise
from math import inf
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from fallback_guard.core.warehouse import Warehouse

_SAME_M: Final = 1e-6
"""How much the two directions of a way may differ in length; more is no rounding."""

_JUNCTION_WAYS: Final = 3
"""Ways that meet where an aisle meets a cross aisle."""

_NOWHERE: Final = -1
"""Stands for the part of a node that no way joins to the block."""


_Indexes = NDArray[np.int64]


class Part(Enum):
    """The parts of a block; those of a kind are numbered from one end of the block to the other."""

    AISLE = "aisle"
    FRONT = "front"
    BACK = "back"


class Spot(NamedTuple):
    """Where a node is: `along_m` from the front of an aisle, or from the lower end of a segment.

    A node on a blind way is where that way leaves the block.  Visiting the nodes that share a spot in
    the order of `depth_first` takes each blind way once in and once out.
    """

    part: Part
    number: int
    along_m: float
    depth_first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLayout:
    """A block: the lengths of its aisles and of the segments between them, and where its nodes are.

    For a tour whose outermost aisle is i, no aisle below `first_needed[i]` or beyond `last_needed[i]`
    is of use.  That is i itself, unless going around it is shorter than going through it.

    `index_of` leads from a node to its place in `lane_of` (a place in `lanes`), `along_m` and
    `depth_first`.  They are flat, because a map may have a million nodes; `spot` puts them together.
    """

    aisle_m: tuple[float, ...]
    front_m: tuple[float, ...]
    back_m: tuple[float, ...]
    first_needed: tuple[int, ...]
    last_needed: tuple[int, ...]
    lanes: tuple[tuple[Part, int], ...]
    index_of: Mapping[int, int]
    lane_of: Sequence[int]
    along_m: Sequence[float]
    depth_first: Sequence[int]

    def spot(self, node: int) -> Spot | None:
        """Return where a node is; None if no way joins it to the block."""
        index = self.index_of.get(node)
        if index is None or self.lane_of[index] == _NOWHERE:
            return None
        return Spot(*self.lanes[self.lane_of[index]], self.along_m[index], self.depth_first[index])


class _Lane(NamedTuple):
    """A way between two junctions, with the indexes of its nodes; turned, it keeps its `name`."""

    name: int
    nodes: tuple[int, ...]
    along_m: tuple[float, ...]

    @property
    def end(self) -> int:
        return self.nodes[-1]

    @property
    def length_m(self) -> float:
        return self.along_m[-1]

    def turned(self) -> "_Lane":
        along_m = tuple(self.length_m - along for along in reversed(self.along_m))
        return _Lane(self.name, self.nodes[::-1], along_m)


class _Block(NamedTuple):
    """The lanes of a block, from one end to the other; aisles lead from front to back."""

    aisles: list[_Lane]
    fronts: list[_Lane]
    backs: list[_Lane]


def recognise(warehouse: Warehouse, *, blocked: Collection[tuple[int, int]]) -> BlockLayout | None:
    """Return the layout of a map that is one block, without the edges `blocked` (start and end node).

    None where the map is something else.  Of a map in several pieces it is the largest.
    """
    ids = np.sort(np.fromiter(warehouse.nodes, dtype=np.int64))
    ways = _two_ways(warehouse, blocked, ids) if ids.size else None
    if ways is None:
        return None
    loops, blind = _take_blind_ways(ways)
    block = _assemble(warehouse, ids.tolist(), loops)
    if block is None:
        return None
    front_m = tuple(lane.length_m for lane in block.fronts)
    back_m = tuple(lane.length_m for lane in block.backs)
    aisle_m = tuple(lane.length_m for lane in block.aisles)
    segments_m = [front + back for front, back in zip(front_m, back_m, strict=True)]
    turned = _last_needed(aisle_m[::-1], segments_m[::-1])
    spots = _Spots(block, blind, ids.size)
    return BlockLayout(
        aisle_m=aisle_m,
        front_m=front_m,
        back_m=back_m,
        first_needed=tuple(len(turned) - 1 - number for number in reversed(turned)),
        last_needed=_last_needed(aisle_m, segments_m),
        index_of=MappingProxyType({node: index for index, node in enumerate(ids.tolist())}),
        lanes=tuple(spots.lanes),
        lane_of=spots.lane_of,
        along_m=spots.along_m,
        depth_first=spots.depth_first,
    )


class _Ways:
    """Ways in both directions between nodes, which are told by their indexes.

    `joined` are the neighbours, those of node i from `first[i]` to `first[i + 1]`; `within` tells which
    nodes are looked at.
    """

    def __init__(self, starts: _Indexes, ends: _Indexes, within: NDArray[np.bool_]) -> None:
        """Take the ways that join nodes `within`; they are sorted by their start."""
        kept = within[starts] & within[ends]
        self.starts, self.ends, self.within = starts[kept], ends[kept], within
        self.count = np.bincount(self.starts, minlength=within.size)
        self.joined: list[int] = self.ends.tolist()
        self.first: list[int] = [0, *np.cumsum(self.count).tolist()]

    def neighbours(self, node: int) -> list[int]:
        return self.joined[self.first[node] : self.first[node + 1]]


def _two_ways(
    warehouse: Warehouse, blocked: Collection[tuple[int, int]], ids: NDArray[np.int64]
) -> _Ways | None:
    """Return the ways of the largest piece; None if a way has no equal in the other direction."""
    edges = warehouse.edges

    def codes_of(pairs: Collection[tuple[int, int]]) -> NDArray[np.int64]:
        flat = np.fromiter(chain.from_iterable(pairs), dtype=np.int64, count=2 * len(pairs))
        indexes = np.searchsorted(ids, flat)
        return indexes[::2] * ids.size + indexes[1::2]

    codes = codes_of(edges.keys())
    order = np.argsort(codes)
    length_m = np.fromiter((edge.length_m for edge in edges.values()), np.float64, len(edges))
    if blocked:
        order = order[~np.isin(codes[order], codes_of([pair for pair in blocked if pair in edges]))]
    codes, length_m = codes[order], length_m[order]
    starts, ends = np.divmod(codes, ids.size)
    opposite = np.argsort(ends * ids.size + starts)
    if not np.array_equal((ends * ids.size + starts)[opposite], codes):
        return None
    if np.any(np.abs(length_m - length_m[opposite]) > _SAME_M):
        return None
    graph = csr_array((np.ones(codes.size), (starts, ends)), shape=(ids.size, ids.size))
    _, pieces = connected_components(graph, directed=False)
    return _Ways(starts, ends, pieces == np.argmax(np.bincount(pieces)))


def _take_blind_ways(ways: _Ways) -> tuple[_Ways, dict[int, list[int]]]:
    """Return the ways that are part of a loop, and the nodes on others by the node they hang off."""
    blind: dict[int, list[int]] = {}
    count: list[int] = ways.count.tolist()
    within = ways.within.copy()
    leaves: list[int] = np.flatnonzero(within & (ways.count == 1)).tolist()
    for node in leaves:
        if not count[node]:
            break  # The last node of a map without loops.
        within[node] = False
        parent = next(other for other in ways.neighbours(node) if within[other])
        blind.setdefault(parent, []).append(node)
        count[parent] -= 1
        if count[parent] == 1:
            leaves.append(parent)
    return _Ways(ways.starts, ways.ends, within), blind


def _assemble(warehouse: Warehouse, ids: list[int], loops: _Ways) -> _Block | None:
    """Put the loops of a map together to a block; None if they are none."""
    if not loops.joined:
        return _Block([_Lane(0, (int(np.argmax(loops.within)),), (0.0,))], [], [])
    if np.any(loops.count > _JUNCTION_WAYS):
        return None
    junctions: list[int] = np.flatnonzero(loops.count == _JUNCTION_WAYS).tolist()
    if not junctions:
        first = int(np.argmax(loops.within))
        junctions = [first, loops.neighbours(first)[0]]  # One loop: cut anywhere, it is two aisles.
    lanes = _lanes(warehouse, ids, loops, junctions)
    for front in junctions:
        back = _other_end(lanes[front])
        if back is not None:
            return _follow(lanes, front, back)
    return None


def _lanes(
    warehouse: Warehouse, ids: list[int], loops: _Ways, junctions: list[int]
) -> dict[int, list[_Lane]]:
    """Return the lanes that lead away from each junction."""
    edges = warehouse.edges
    lanes: dict[int, list[_Lane]] = {junction: [] for junction in junctions}
    followed: set[tuple[int, int]] = set()
    for start in junctions:
        for first in loops.neighbours(start):
            if (start, first) in followed:
                continue
            nodes = [start, first]
            while nodes[-1] not in lanes:
                onward, other = loops.neighbours(nodes[-1])
                nodes.append(onward if other == nodes[-2] else other)
            steps_m = (edges[ids[a], ids[b]].length_m for a, b in pairwise(nodes))
            lane = _Lane(len(followed), tuple(nodes), tuple(accumulate(steps_m, initial=0.0)))
            followed |= {(start, first), (lane.end, nodes[-2])}
            lanes[start].append(lane)
            lanes[lane.end].append(lane.turned())
    return lanes


def _other_end(lanes: list[_Lane]) -> int | None:
    """Return where two of a junction's lanes end together, as they do at each end of a block."""
    ends = [lane.end for lane in lanes if lane.end != lane.nodes[0]]
    return next((end for end in ends if ends.count(end) > 1), None)


def _follow(lanes: dict[int, list[_Lane]], front: int, back: int) -> _Block | None:
    """Follow both cross aisles from the junctions at one end of a block to those at the other."""
    block = _Block([], [], [])
    arrived: tuple[int, ...] = ()
    while front != back:
        aisles = [lane for lane in lanes[front] if lane.end == back]
        # Of two, the longer one goes around the outside.
        aisles.sort(key=lambda lane: lane.length_m, reverse=not block.aisles)
        block.aisles.extend(aisles)
        block.fronts.extend(_Lane(_NOWHERE, (front,), (0.0,)) for _ in aisles[1:])
        block.backs.extend(_Lane(_NOWHERE, (back,), (0.0,)) for _ in aisles[1:])
        onward = [
            lane
            for node, opposite in ((front, back), (back, front))
            for lane in lanes[node]
            if lane.end != opposite and lane.name not in arrived
        ]
        if not onward:
            return block
        if not aisles or [lane.nodes[0] for lane in onward] != [front, back]:
            return None
        block.fronts.append(onward[0])
        block.backs.append(onward[1])
        arrived = (onward[0].name, onward[1].name)
        front, back = onward[0].end, onward[1].end
    return None


def _last_needed(aisle_m: tuple[float, ...], segments_m: list[float]) -> tuple[int, ...]:
    """Return `BlockLayout.last_needed`; `segments_m` are front and back segments together."""
    around_m = inf
    last = len(aisle_m) - 1
    needed = [last]
    for number in range(last - 1, -1, -1):
        around_m = segments_m[number] + min(aisle_m[number + 1], around_m)
        needed.append(number if aisle_m[number] <= around_m else needed[-1])
    return tuple(reversed(needed))


class _Spots:
    """What `BlockLayout.spot` puts together."""

    def __init__(self, block: _Block, blind: dict[int, list[int]], size: int) -> None:
        self.lanes: list[tuple[Part, int]] = []
        self.lane_of = [_NOWHERE] * size
        self.along_m = [0.0] * size
        self.depth_first = [0] * size
        # The aisles come last, so that their ends are theirs.
        self._add(Part.FRONT, block.fronts)
        self._add(Part.BACK, block.backs)
        self._add(Part.AISLE, block.aisles)
        for root in [node for node in blind if self.lane_of[node] != _NOWHERE]:
            self._add_blind_ways(blind, root)

    def _add(self, part: Part, lanes: list[_Lane]) -> None:
        for number, lane in enumerate(lanes):
            for node, along_m in zip(lane.nodes, lane.along_m, strict=True):
                self.lane_of[node] = len(self.lanes)
                self.along_m[node] = along_m
            self.lanes.append((part, number))

    def _add_blind_ways(self, blind: dict[int, list[int]], root: int) -> None:
        ahead = blind[root][::-1]
        turn = 0
        while ahead:
            node = ahead.pop()
            turn += 1
            self.lane_of[node] = self.lane_of[root]
            self.along_m[node] = self.along_m[root]
            self.depth_first[node] = turn
            ahead += reversed(blind.get(node, []))
