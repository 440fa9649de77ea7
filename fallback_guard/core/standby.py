"""The standby route: what the guard drives if no planner answered.

A deterministic tour over the request's bins: the shortest one where there are few of them, else
nearest neighbour first, then 2-opt and or-opt improvements until none helps or the rounds run out
(Croes 1958; Or 1976).  It passes the same validation as a planner's route.
"""

from collections.abc import Sequence
from itertools import pairwise, permutations
from math import isfinite
from typing import Final

from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.schema import Route, Stop
from fallback_guard.core.warehouse import Warehouse

_EXACT_MAX: Final = 6
"""Stops up to which every order is tried: 720 of them, in about a millisecond."""

_ROUNDS_MAX: Final = 8
"""Improvement rounds; tours of up to 32 stops stop improving after three or four."""

_MOVED_MAX: Final = 3
"""Stops in a row that or-opt moves together."""

_NO_PATH_M: Final = 1e7
"""Stands for an infinite distance, so that a tour can get better while there are still gaps in it."""

_SHORTER_M: Final = 1e-6
"""What counts as shorter; less is rounding."""


def standby_order(
    request: PickRequest, warehouse: Warehouse, paths: Paths, *, start_node: int
) -> tuple[PickItem, ...] | None:
    """Return the items in the order to pick them in; None where no open path joins them all.

    Every bin and node of the request has to be on the map.  `start_node` is where the robot is.
    """
    items = sorted(request.items)
    tour = _Tour(
        [start_node, *(warehouse.bins[item.bin] for item in items), request.goal_node], paths
    )
    order = tour.best()
    if not isfinite(tour.length_m(order)):
        return None
    return tuple(items[place - 1] for place in order)


class _Tour:
    """Tours over places 1..n, from place 0 to place n + 1, on a table of distances."""

    def __init__(self, nodes: list[int], paths: Paths) -> None:
        self._distance_m = [[paths.distance_m(a, b) for b in nodes] for a in nodes]
        self._cost = [[min(distance, _NO_PATH_M) for distance in row] for row in self._distance_m]
        self._size = len(nodes) - 2

    def length_m(self, order: Sequence[int]) -> float:
        table = self._distance_m
        return sum(table[a][b] for a, b in pairwise((0, *order, self._size + 1)))

    def best(self) -> Sequence[int]:
        if self._size <= _EXACT_MAX:
            return min(permutations(range(1, self._size + 1)), key=self.length_m)
        tour = [0, *self._nearest_neighbour(), self._size + 1]
        for _ in range(_ROUNDS_MAX):
            reversed_one, moved_one = self._reverse_stretches(tour), self._move_stops(tour)
            if not (reversed_one or moved_one):
                break
        return tour[1:-1]

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
        version=1,
        request_id=request.request_id,
        robot_id=request.robot_id,
        stops=[Stop(bin=item.bin, sku=item.sku, quantity=item.quantity) for item in order],
    )
