# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Shortest open paths on a warehouse map."""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from fallback_guard.core.block_layout import recognise
from fallback_guard.core.limits import PATHS_BYTES_MAX
from fallback_guard.core.network import Hops, Network, build_network, is_straight, straight_on
from fallback_guard.core.openness import Openness, openness
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.core.waypoint import Waypoint

_ROWS_AT_ONCE: Final = 256
"""Start junctions whose paths are computed in one call, while the map loads."""

_FOLLOWED_AHEAD_MAX: Final = 8
"""Places all ways between which are followed in spare time: half a millisecond for that many."""

_ENDS: Final = 2
"""A stretch has two ends, so a place within has at most two ways out and two ways in."""

_DIRECT: Final = _ENDS * _ENDS
"""The choice of a way that stays within one stretch; the others are 2 x way out + way in."""


@dataclass(frozen=True, slots=True)
class _Access:
    """A way between a place and a junction: the junction's number, the distance (m), the speed limit (m/s)."""

    junction: int
    distance_m: float
    limit_mps: float | None


@dataclass(frozen=True, slots=True)
class _Row:
    """The shortest paths from one junction, each array indexed by the junction they lead to.

    `before` is the junction before it, `turn` the last one before it at which the way turns or the speed
    limit changes, `limit` the index of the limit on the last hop.  -1 where there is none.
    """

    distance_m: NDArray[np.float64]
    before: NDArray[np.int32]
    turn: NDArray[np.int32]
    limit: NDArray[np.int32]


class Paths:
    """Distances and ways between nodes, over the edges that are open.

    Made anew, from the same network, when something closes or opens.  Paths from each junction are computed
    once and remembered.  Where two ways are equally long, the answer is still always the same.  `layout` is the
    block of aisles that the map is, if it is one, and nothing was closed or opened.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        opened: Openness | None = None,
        *,
        network: Network | None = None,
    ) -> None:
        """Join the open stretches of `warehouse`; None: as the map has them.

        `network` is its network, where that is known already.
        """
        self.warehouse = warehouse
        self.network = network or build_network(warehouse)
        self.openness = opened or openness(warehouse)
        # Recognising a block takes too long for a closure, and most closures make it none.
        self.layout = (
            recognise(warehouse, blocked=self.openness.blocked) if opened is None else None
        )
        self._blocked = self._blocked_places()
        self._hops = self._open_hops()
        count = len(self.network.junctions)
        self._graph = csr_array(
            (self._hops.length_m, (self._hops.start, self._hops.end)), shape=(count, count)
        )
        bytes_each = count * (np.dtype(np.float64).itemsize + 3 * np.dtype(np.int32).itemsize)
        self._rows_max = max(_ROWS_AT_ONCE, PATHS_BYTES_MAX // max(1, bytes_each))
        self._rows: OrderedDict[int, _Row] = OrderedDict()
        self._waypoints: dict[tuple[int, float | None], Waypoint] = {}

    def warm(self) -> None:
        """Compute the paths from every junction, or from as many as are remembered, ahead of any deadline."""
        wanted = range(min(len(self.network.junctions), self._rows_max))
        for first in range(0, len(wanted), _ROWS_AT_ONCE):
            self._compute(list(wanted[first : first + _ROWS_AT_ONCE]))

    def legs(self, nodes: Sequence[int]) -> "Legs":
        """Return the table of ways between any two of `nodes`, all of which have to be on the map."""
        return Legs(self, tuple(nodes))

    def distance_m(self, start: int, end: int) -> float:
        """Return the length of the shortest open path; infinite if there is none."""
        return float(self.distances_m(start, (end,))[0])

    def path(self, start: int, end: int) -> tuple[int, ...] | None:
        """Return every node of the shortest open path, both ends included; None if there is none."""
        return self.legs((start, end)).way(0, 1)

    def length_m(self, nodes: Sequence[int]) -> float:
        """Return the length of a way along edges of the map, open or not.  KeyError where there is no edge."""
        return sum(self.warehouse.edges[pair].length_m for pair in pairwise(nodes))

    def waypoint(self, node: int, limit_mps: float | None) -> Waypoint:
        """Return a node as a waypoint, with the speed limit on the way to it."""
        known = self._waypoints.get((node, limit_mps))
        if known is None:
            point = self.warehouse.nodes[node]
            known = self._waypoints[node, limit_mps] = Waypoint(
                node=node, x=point.x, y=point.y, speed_limit_mps=limit_mps
            )
        return known

    def waypoints(self, nodes: Sequence[int]) -> tuple[Waypoint, ...]:
        """Return the waypoints of a way along edges of the map: its ends, its turns, its changes of speed limit.

        It has two nodes at least, each joined to the next by an edge.
        """
        within, edges = self.network.within, self.warehouse.edges
        # Where one drives on within a stretch, nothing changes.
        hops = [
            (before, node)
            for before, node, after in zip(nodes, nodes[1:], nodes[2:], strict=False)
            if node not in within or after == before
        ]
        hops.append((nodes[-2], nodes[-1]))
        points = [self.waypoint(hop[1], edges[hop].speed_limit_mps) for hop in hops]
        return (self.waypoint(nodes[0], None), *self.turning_points(nodes[0], points))

    def turning_points(self, start: int, points: Sequence[Waypoint]) -> list[Waypoint]:
        """Return `points`, driven in turn from node `start`, without those at which nothing changes."""
        kept: list[Waypoint] = []
        origin = self.waypoint(start, None)
        before = (origin.x, origin.y)
        for point, following in pairwise(points):
            here = (point.x, point.y)
            same_limit = point.speed_limit_mps == following.speed_limit_mps
            if not (same_limit and is_straight(before, here, (following.x, following.y))):
                kept.append(point)
                before = here
        kept.extend(points[-1:])
        return kept

    def distances_m(self, start: int, ends: Sequence[int]) -> NDArray[np.float64]:
        """Return the lengths of the shortest open paths to many nodes; infinite where there is none."""
        in_m, in_junction = _as_arrays([self.ways_in(end) for end in ends])
        found_m = np.full(len(ends), np.inf)
        for way in self.ways_out(start):
            over_m = way.distance_m + self.row(way.junction).distance_m[in_junction] + in_m
            found_m = np.minimum(found_m, over_m.reshape(-1, _ENDS).min(axis=1))
        for place, end in enumerate(ends):
            direct = self.way_within(start, end)
            if direct is not None:
                found_m[place] = min(found_m[place], direct[0])
        return found_m

    def nearest(self, start: int, ends: Sequence[int]) -> int | None:
        """Return the nearest of some nodes by open path, of two equally near the one named first.

        None where no open path leads to any of them.
        """
        found_m = self.distances_m(start, ends)
        best = int(found_m.argmin()) if ends else 0
        return ends[best] if ends and isfinite(found_m[best]) else None

    # Between junctions

    def row(self, junction: int) -> _Row:
        """Return the paths from a junction."""
        known = self._rows.get(junction)
        if known is None:
            self._compute([junction])
            known = self._rows[junction]
        return known

    def rows(self, junctions: Sequence[int]) -> list[_Row]:
        """Return the paths from several junctions, computing what is missing in one go."""
        missing = sorted({number for number in junctions if number not in self._rows})
        if missing:
            self._compute(missing)
        return [self.row(number) for number in junctions]

    def _compute(self, junctions: list[int]) -> None:
        distances, befores = dijkstra(
            self._graph, directed=True, indices=junctions, return_predecessors=True
        )
        for junction, distance_m, before in zip(junctions, distances, befores, strict=True):
            while len(self._rows) >= self._rows_max:
                self._rows.popitem(last=False)
            self._rows[junction] = self._with_turns(distance_m, before)

    def _with_turns(self, distance_m: NDArray[np.float64], before: NDArray[np.int32]) -> _Row:
        count = len(before)
        here = np.arange(count, dtype=np.int32)
        reached = before >= 0
        last = np.where(reached, before, here)
        x, y = self.network.x - self.network.x[last], self.network.y - self.network.y[last]
        hops = self._hops
        limit = np.full(count, -1, dtype=np.int32)
        keys = last[reached].astype(np.int64) * count + here[reached]
        limit[reached] = hops.limit[np.searchsorted(hops.key, keys)]
        straight = reached & (limit[last] == limit) & straight_on(x[last], y[last], x, y)
        # Going back as long as it is straight, in steps that double.
        back = np.where(straight, last, here)
        while True:
            further = back[back]
            if np.array_equal(further, back):
                break
            back = further
        turn = np.where(reached, last[back], -1).astype(np.int32)
        return _Row(distance_m, np.where(reached, before, -1).astype(np.int32), turn, limit)

    def limit_mps(self, index: int) -> float | None:
        """Return the speed limit that a row means by an index."""
        return self.network.limits_mps[index]

    def stretch_between(self, start: int, end: int) -> tuple[int, ...]:
        """Return every node from one junction to a neighbouring one, by the hop that paths take."""
        hops = self._hops
        key = start * len(self.network.junctions) + end
        stretch = self.network.stretches[int(hops.stretch[int(np.searchsorted(hops.key, key))])]
        forward = stretch.nodes[0] == self.network.junctions[start]
        return stretch.nodes if forward else stretch.nodes[::-1]

    # Within stretches

    def ways_out(self, node: int) -> tuple[_Access, ...]:
        """Return the open ways from a node to the ends of its stretch; a junction is its own."""
        return self._access(node, out=True)

    def ways_in(self, node: int) -> tuple[_Access, ...]:
        """Return the open ways to a node from the ends of its stretch; a junction is its own."""
        return self._access(node, out=False)

    def way_within(self, start: int, end: int) -> tuple[float, float | None] | None:
        """Return length (m) and speed limit of the open way between two nodes of one stretch, if there is one."""
        from_, to = self.network.within.get(start), self.network.within.get(end)
        if from_ is None or to is None or from_[0] != to[0]:
            return None
        if start == end:
            return 0.0, None
        number, first = from_
        last = to[1]
        stretch = self.network.stretches[number]
        forward = last > first
        if not (stretch.forward if forward else stretch.backward):
            return None
        if self._is_blocked(number, first, last):
            return None
        limit_mps = stretch.forward_mps if forward else stretch.backward_mps
        return abs(stretch.offsets_m[last] - stretch.offsets_m[first]), limit_mps

    def _access(self, node: int, *, out: bool) -> tuple[_Access, ...]:
        junction = self.network.junction_of.get(node)
        if junction is not None:
            return (_Access(junction, 0.0, None),)
        number, place = self.network.within[node]
        stretch = self.network.stretches[number]
        found = []
        for end in (0, len(stretch.nodes) - 1):
            forward = (end > place) == out
            if not (stretch.forward if forward else stretch.backward):
                continue
            if self._is_blocked(number, *((place, end) if out else (end, place))):
                continue
            found.append(
                _Access(
                    self.network.junction_of[stretch.nodes[end]],
                    abs(stretch.offsets_m[end] - stretch.offsets_m[place]),
                    stretch.forward_mps if forward else stretch.backward_mps,
                )
            )
        return tuple(found)

    def _is_blocked(self, stretch: int, first: int, last: int) -> bool:
        """Tell whether the way between two places of a stretch, in that direction, is blocked somewhere."""
        if self.openness.nothing:
            return True
        places = self._blocked.get((stretch, last > first))
        if places is None:
            return False
        low, high = min(first, last), max(first, last)
        return bisect_left(places, low) < bisect_left(places, high)

    def _blocked_places(self) -> dict[tuple[int, bool], list[int]]:
        """Return, for each stretch and direction (forward: true), the places after which it is blocked, sorted."""
        places: dict[tuple[int, bool], list[int]] = {}
        if self.openness.nothing:
            return places
        for pair in self.openness.blocked:
            stretch, place, forward = self.network.locate(pair)
            places.setdefault((stretch, forward), []).append(place)
        for found in places.values():
            found.sort()
        return places

    def _open_hops(self) -> Hops:
        hops = self.network.hops
        closed = np.array([2 * stretch + way for stretch, way in self._blocked], dtype=np.int64)
        is_open = ~np.isin(2 * hops.stretch.astype(np.int64) + hops.forward, closed)
        is_open &= not self.openness.nothing
        # Of several between the same two junctions the shortest stands first.
        kept = np.flatnonzero(is_open)
        kept = kept[np.unique(hops.key[kept], return_index=True)[1]]
        return hops.at(kept)


class Legs:
    """The shortest open ways between any two of some nodes, by their places in `nodes`.

    `distance_m[a][b]` is infinite where no open path leads from `nodes[a]` to `nodes[b]`; `waypoints_known[a][b]`
    is what `waypoints` has answered before.
    """

    def __init__(self, paths: Paths, nodes: tuple[int, ...]) -> None:
        """Compare, for each two nodes, the ways over the ends of their stretches."""
        self._paths = paths
        self.nodes = nodes
        self._out = [paths.ways_out(node) for node in nodes]
        self._in = [paths.ways_in(node) for node in nodes]
        count = len(nodes)
        out_m, out_junction = _as_arrays(self._out)
        in_m, in_junction = _as_arrays(self._in)
        rows = paths.rows([int(number) for number in out_junction])
        between_m = np.array([row.distance_m[in_junction] for row in rows], dtype=np.float64)
        total_m = out_m[:, None] + between_m + in_m[None, :]
        each = total_m.reshape(count, _ENDS, count, _ENDS).swapaxes(1, 2).reshape(count, count, -1)
        choice = each.argmin(axis=2)
        shortest_m = np.take_along_axis(each, choice[:, :, None], axis=2)[:, :, 0]
        self.distance_m: list[list[float]] = shortest_m.tolist()
        self._choice: list[list[int]] = choice.tolist()
        self.waypoints_known: list[list[list[Waypoint] | None]] = [[None] * count for _ in nodes]
        self._stay_within_stretches()

    def _stay_within_stretches(self) -> None:
        within = self._paths.network.within
        of_stretch: dict[int, list[int]] = {}
        for place, node in enumerate(self.nodes):
            if node in within:
                of_stretch.setdefault(within[node][0], []).append(place)
        for places in of_stretch.values():
            for a in places:
                for b in places:
                    if self.nodes[a] == self.nodes[b]:
                        self.distance_m[a][b] = 0.0
                        continue
                    way = self._paths.way_within(self.nodes[a], self.nodes[b])
                    if way is not None and way[0] <= self.distance_m[a][b]:
                        self.distance_m[a][b] = way[0]
                        self._choice[a][b] = _DIRECT

    def follow_ahead(self) -> None:
        """Follow every way, so that `waypoints` knows it; none where that were too much for a piece of spare time."""
        if len(self.nodes) > _FOLLOWED_AHEAD_MAX:
            return
        for a, row in enumerate(self.distance_m):
            for b, distance_m in enumerate(row):
                if isfinite(distance_m):
                    self.waypoints(a, b)

    def waypoints(self, a: int, b: int) -> list[Waypoint]:
        """Return the turns of the way from place `a` to place `b`, and its end; nothing where `a` is there already.

        There has to be a way.  Each one is followed once.
        """
        known = self.waypoints_known[a][b]
        if known is None:
            known = self.waypoints_known[a][b] = self._follow(a, b)
        return known

    def _follow(self, a: int, b: int) -> list[Waypoint]:
        paths, (start, end) = self._paths, (self.nodes[a], self.nodes[b])
        if start == end:
            return []
        assert isfinite(self.distance_m[a][b]), "nobody drives where there is no way"
        choice = self._choice[a][b]
        if choice == _DIRECT:
            way = paths.way_within(start, end)
            assert way is not None, "the choice was made because there is one"
            return [paths.waypoint(end, way[1])]
        out, into = self._out[a][choice // _ENDS], self._in[b][choice % _ENDS]
        junctions, row = paths.network.junctions, paths.row(out.junction)
        points = [paths.waypoint(end, into.limit_mps)] if junctions[into.junction] != end else []
        number = into.junction
        while number != out.junction:
            points.append(
                paths.waypoint(junctions[number], paths.limit_mps(int(row.limit[number])))
            )
            number = int(row.turn[number])
        if junctions[number] != start:
            points.append(paths.waypoint(junctions[number], out.limit_mps))
        points.reverse()
        return paths.turning_points(start, points)

    def way(self, a: int, b: int) -> tuple[int, ...] | None:
        """Return every node of the way from place `a` to place `b`, both included; None if there is no way."""
        if not isfinite(self.distance_m[a][b]):
            return None
        paths, (start, end) = self._paths, (self.nodes[a], self.nodes[b])
        if start == end:
            return (start,)
        choice = self._choice[a][b]
        if choice == _DIRECT:
            return self._within(start, end)
        out, into = self._out[a][choice // _ENDS], self._in[b][choice % _ENDS]
        junctions, row = paths.network.junctions, paths.row(out.junction)
        numbers = [into.junction]
        while numbers[-1] != out.junction:
            numbers.append(int(row.before[numbers[-1]]))
        numbers.reverse()
        nodes = list(self._within(start, junctions[numbers[0]]))
        for pair in pairwise(numbers):
            nodes.extend(paths.stretch_between(*pair)[1:])
        nodes.extend(self._within(junctions[numbers[-1]], end)[1:])
        return tuple(nodes)

    def _within(self, start: int, end: int) -> tuple[int, ...]:
        """Return the nodes between two of one stretch, of which one is not a junction; a junction alone."""
        if start == end:
            return (start,)
        network = self._paths.network
        number, _ = network.within.get(start) or network.within[end]
        nodes = network.stretches[number].nodes
        first, last = nodes.index(start), nodes.index(end)
        return nodes[first : last + 1] if first < last else nodes[last : first + 1][::-1]


def _as_arrays(
    ways: Sequence[tuple[_Access, ...]],
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return distance and junction of each way, two for each place; infinitely far where there is none."""
    nowhere = _Access(0, float("inf"), None)
    padded = [way for each in ways for way in (*each, nowhere, nowhere)[:_ENDS]]
    distance_m = np.array([way.distance_m for way in padded], dtype=np.float64)
    return distance_m, np.array([way.junction for way in padded], dtype=np.int32)
