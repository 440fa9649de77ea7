# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The standby route: what the guard drives if no planner answered.

A deterministic tour over the request's bins.  In one block of aisles it is the shortest one (`aisle_tour.py`),
and so it is anywhere where there are few places to go to (`exact_tour.py`); else nearest neighbour first, then
2-opt and or-opt improvements until none helps or the rounds run out (Croes 1958; Or 1976).  It passes the same
validation as a planner's route.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Final

import numpy as np

from fallback_guard.core.aisle_tour import shortest_tour
from fallback_guard.core.exact_tour import shortest_order
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.schema import VERSION, Route, Stop

_AISLES_MAX: Final = 200
"""Aisles of a block through which the shortest tour is looked for; 100 of them take under 2 ms."""

_EXACT_MAX: Final = 10
"""Places up to which the shortest order is found anywhere, in under half a millisecond."""

_FEW: Final = 6
"""Places up to which looking at every order is quicker than going from aisle to aisle, and finds as short a tour."""

_ROUNDS_MAX: Final = 8
"""Improvement rounds; tours of up to 32 stops stop improving after three or four."""

_MOVED_MAX: Final = 3
"""Stops in a row that or-opt moves together."""

_NO_PATH_M: Final = 1e7
"""Stands for an infinite distance, so that a tour can get better while there are still gaps in it."""

_SHORTER_M: Final = 1e-6
"""What counts as shorter; less is rounding."""


def standby_order(prepared: PreparedRequest) -> tuple[PickItem, ...] | None:
    """Return the items of a request in the order to pick them in; None where no open path joins them all."""
    of_place: dict[int, list[PickItem]] = {}
    for item in sorted(prepared.request.items):
        of_place.setdefault(prepared.place_of_bin[item.bin], []).append(item)
    order = _order(prepared, sorted(of_place))
    length_m = _length_m(prepared, order)
    if length_m == inf:
        return None
    # Of a tour and its reverse, where they are equally long, the one that comes sooner to its first pick.
    if _length_m(prepared, order[::-1]) <= length_m + _SHORTER_M:
        from_start_m = prepared.legs.distance_m[prepared.start_place]
        order = min(order, order[::-1], key=lambda places: from_start_m[places[0]])
    return tuple(item for place in order for item in of_place[place])


def _length_m(prepared: PreparedRequest, order: Sequence[int]) -> float:
    distance_m = prepared.legs.distance_m
    return sum(
        distance_m[a][b] for a, b in pairwise((prepared.start_place, *order, prepared.goal_place))
    )


def _order(prepared: PreparedRequest, places: Sequence[int]) -> Sequence[int]:
    nodes, layout = prepared.legs.nodes, prepared.paths.layout
    if layout is not None and len(places) > _FEW and len(layout.aisle_m) <= _AISLES_MAX:
        place_of_node = {nodes[place]: place for place in places}
        start, goal = nodes[prepared.start_place], nodes[prepared.goal_place]
        tour = shortest_tour(layout, sorted(place_of_node), start, goal)
        if tour is not None:
            return [place_of_node[node] for node in tour]
    stations = (prepared.start_place, *places, prepared.goal_place)
    distance_m = [[prepared.legs.distance_m[a][b] for b in stations] for a in stations]
    order = shortest_through(distance_m)
    return [places[number - 1] for number in order]


def shortest_through(distance_m: list[list[float]]) -> Sequence[int]:
    """Return places 1..n in a short order from place 0 to place n + 1: the shortest one of up to 10 places.

    A distance is infinite where no path leads from the row's place to the column's.
    """
    if len(distance_m) - 2 <= _EXACT_MAX:
        return shortest_order(np.minimum(distance_m, _NO_PATH_M))
    return _Tour(distance_m).order()


class _Tour:
    """Tours over places 1..n, from place 0 to place n + 1, on a table of distances."""

    def __init__(self, distance_m: list[list[float]]) -> None:
        self._cost = [[min(distance, _NO_PATH_M) for distance in row] for row in distance_m]
        self._size = len(distance_m) - 2

    def order(self) -> Sequence[int]:
        tour = self._improved(self._nearest_neighbour())
        if any(self._cost[a][b] >= _NO_PATH_M for a, b in pairwise(tour)):
            tour = self._improved(self._by_reach())
        return tour[1:-1]

    def _improved(self, order: list[int]) -> list[int]:
        tour = [0, *order, self._size + 1]
        for _ in range(_ROUNDS_MAX):
            reversed_one, moved_one = self._reverse_stretches(tour), self._move_stops(tour)
            if not (reversed_one or moved_one):
                break
        return tour

    def _by_reach(self) -> list[int]:
        """Return the places by how many others they reach.

        If any order can be driven this one can: what is reached from a place reaches no more than that.
        """
        places = range(1, self._size + 1)
        reached = {a: sum(self._cost[a][b] < _NO_PATH_M for b in places) for a in places}
        return sorted(places, key=lambda place: -reached[place])

    def _nearest_neighbour(self) -> list[int]:
        remaining = set(range(1, self._size + 1))
        order: list[int] = []
        here = 0
        while remaining:
            row = self._cost[here]
            here = min(remaining, key=lambda place: (row[place], place))
            remaining.remove(here)
            order.append(here)
        return order

    def _reverse_stretches(self, tour: list[int]) -> bool:
        """Turn around every stretch that is shorter so (2-opt); tell whether there was one."""
        cost = self._cost
        shorter = False
        for first in range(1, self._size):
            forward = backward = 0.0
            for last in range(first + 1, self._size + 1):
                forward += cost[tour[last - 1]][tour[last]]
                backward += cost[tour[last]][tour[last - 1]]
                before, after = tour[first - 1], tour[last + 1]
                now = cost[before][tour[first]] + forward + cost[tour[last]][after]
                then = cost[before][tour[last]] + backward + cost[tour[first]][after]
                if then < now - _SHORTER_M:
                    tour[first : last + 1] = tour[first : last + 1][::-1]
                    forward, backward = backward, forward
                    shorter = True
        return shorter

    def _move_stops(self, tour: list[int]) -> bool:
        """Move up to three stops in a row to where they cost least (or-opt); tell whether any was moved."""
        cost = self._cost
        shorter = False
        for count in range(1, _MOVED_MAX + 1):
            for place in range(1, self._size - count + 2):
                stops = tour[place : place + count]
                rest = tour[:place] + tour[place + count :]
                extra = [
                    cost[a][stops[0]] + cost[stops[-1]][b] - cost[a][b] for a, b in pairwise(rest)
                ]
                best = min(range(len(extra)), key=extra.__getitem__)
                if extra[best] < extra[place - 1] - _SHORTER_M:
                    tour[:] = [*rest[: best + 1], *stops, *rest[best + 1 :]]
                    shorter = True
        return shorter


def route_of(request: PickRequest, order: tuple[PickItem, ...]) -> Route:
    """Write an order of the request's items as a route of the schema."""
    return Route(
        version=VERSION,
        request_id=request.request_id,
        robot_id=request.robot_id,
        stops=[Stop(bin=item.bin, sku=item.sku, quantity=item.quantity) for item in order],
    )
