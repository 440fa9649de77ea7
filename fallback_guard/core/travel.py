# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The way of a route: where it leads, how long it is, and what is wrong with it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, pairwise, repeat
from math import inf

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.openness import Block
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.waypoint import Waypoint

_MODE_OF_BLOCK = {Block.CLOSED: FailureMode.EDGE_CLOSED, Block.KEEP_OUT: FailureMode.KEEP_OUT}


@dataclass(slots=True)
class Faults:
    """How often each failure mode was found, and where it was found first."""

    counts: dict[FailureMode, int] = field(default_factory=dict)
    details: dict[FailureMode, str] = field(default_factory=dict)

    def add(self, mode: FailureMode, detail: str) -> None:
        """Count one."""
        self.counts[mode] = self.counts.get(mode, 0) + 1
        self.details.setdefault(mode, detail)


class Travel:
    """The way from a request's start over its stops to its goal.

    Where a stop says nothing of the way to it, the way is the shortest open path.  Where there are faults,
    `length_m` counts what could be driven.
    """

    def __init__(
        self, prepared: PreparedRequest, bins: Sequence[str], vias: Sequence[Sequence[int] | None]
    ) -> None:
        """Follow the way once.

        `bins` are those of the stops and have to be the request's; `vias` tell of each stop the nodes to pass on
        the way to it, which have to be on the map.
        """
        self.faults: Faults | None = None
        self._prepared = prepared
        place_of_bin = prepared.place_of_bin
        self._places = [
            prepared.start_place,
            *[place_of_bin[name] for name in bins],
            prepared.goal_place,
        ]
        self._vias = vias if any(vias) else ()
        self.length_m = self.shortest_m if not self._vias else inf
        if self.length_m == inf:
            self.faults = Faults()
            self.length_m = self._follow(self.faults)

    @property
    def shortest_m(self) -> float:
        """The length of the shortest ways between the stops in their order; infinite where one is missing."""
        distance_m = self._prepared.legs.distance_m
        return sum([distance_m[here][there] for here, there in pairwise(self._places)])

    def _legs(self) -> Iterator[tuple[int, int, Sequence[int] | None]]:
        """Yield the two places that each leg joins, and the nodes that it is said to pass."""
        return zip(self._places, self._places[1:], chain(self._vias, repeat(None)), strict=False)

    def _follow(self, faults: Faults) -> float:
        legs = self._prepared.legs
        length_m = 0.0
        for here, there, via in self._legs():
            if via:
                length_m += self._follow_edges(self._nodes(here, via, there), faults)
            elif legs.distance_m[here][there] < inf:
                length_m += legs.distance_m[here][there]
            else:
                nodes = legs.nodes[here], legs.nodes[there]
                said = f"no open path leads from node {nodes[0]} to node {nodes[1]}"
                faults.add(FailureMode.UNREACHABLE, said)
        return length_m

    def _nodes(self, here: int, via: Sequence[int], place: int) -> tuple[int, ...]:
        nodes = self._prepared.legs.nodes
        return (nodes[here], *via, nodes[place])

    def _follow_edges(self, nodes: Sequence[int], faults: Faults) -> float:
        """Return the length of the way along `nodes`, and note every hop that must not be driven."""
        paths = self._prepared.paths
        edges, blocked = paths.warehouse.edges, paths.openness.blocked
        pairs = list(pairwise(nodes))
        if blocked.keys().isdisjoint(pairs):
            with suppress(KeyError):
                return sum([edges[pair].length_m for pair in pairs])
        length_m = 0.0
        for pair in pairs:
            edge = edges.get(pair)
            if edge is None:
                said = f"no edge leads from node {pair[0]} to node {pair[1]}"
                faults.add(FailureMode.NOT_AN_EDGE, said)
                continue
            block = blocked.get(pair)
            if block is not None:
                how = "is closed" if block is Block.CLOSED else "touches a keep-out zone"
                said = f"edge {edge.id} ({pair[0]} to {pair[1]}) {how}"
                faults.add(_MODE_OF_BLOCK[block], said)
            length_m += edge.length_m
        return length_m

    def waypoints(self) -> tuple[list[Waypoint], list[int]]:
        """Return the points to drive to in turn, and for each stop which of them is its own.

        The way must be without faults.
        """
        paths, legs = self._prepared.paths, self._prepared.legs
        known = legs.waypoints_known
        points = [paths.waypoint(legs.nodes[self._prepared.start_place], None)]
        ends: list[int] = []
        if not self._vias:  # Mostly so, and the same as below.
            for here, there in pairwise(self._places):
                points += known[here][there] or legs.waypoints(here, there)
                ends.append(len(points) - 1)
            return points, ends[:-1]
        for here, there, via in self._legs():
            if via:
                points += paths.waypoints(self._nodes(here, via, there))[1:]
            else:
                points += known[here][there] or legs.waypoints(here, there)
            ends.append(len(points) - 1)
        return points, ends[:-1]  # The last leg ends at the goal, which is no stop.

    def nodes(self) -> tuple[list[int], list[int]]:
        """Return every node on the way, and for each stop which of them is its own, likewise."""
        legs = self._prepared.legs
        nodes = [legs.nodes[self._prepared.start_place]]
        ends: list[int] = []
        for here, there, via in self._legs():
            way = self._nodes(here, via, there) if via else legs.way(here, there)
            nodes += (way or ())[1:]
            ends.append(len(nodes) - 1)
        return nodes, ends[:-1]
