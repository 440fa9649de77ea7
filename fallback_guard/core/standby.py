"""The standby route: what the guard drives if no planner answered.

A deterministic tour over the request's bins: nearest neighbour first, then 2-opt and or-opt
improvements until none helps or the rounds run out (Croes 1958; Or 1976).  It passes the same
validation as a planner's route.
"""

from itertools import pairwise
from math import isfinite
from typing import Final

from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.schema import Route, Stop
from fallback_guard.core.warehouse import Warehouse

_ROUNDS_MAX: Final = 4
"""Improvement rounds; tours of up to 32 stops stop improving after two or three."""


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
    order = tour.improved(tour.nearest_neighbour())
    if not isfinite(tour.length_m(order)):
        return None
    return tuple(items[place - 1] for place in order)


class _Tour:
    """Tours over places 1..n, from place 0 to place n + 1, on a table of distances."""

    def __init__(self, nodes: list[int], paths: Paths) -> None:
        self._distance_m = [[paths.distance_m(a, b) for b in nodes] for a in nodes]
        self._size = len(nodes) - 2

    def length_m(self, order: list[int]) -> float:
        table = self._distance_m
        return sum(table[a][b] for a, b in pairwise((0, *order, self._size + 1)))

    def nearest_neighbour(self) -> list[int]:
        remaining = set(range(1, self._size + 1))
        order: list[int] = []
        here = 0
        while remaining:
            row = self._distance_m[here]
            here = min(remaining, key=lambda place: (row[place], place))
            remaining.remove(here)
            order.append(here)
        return order

    def improved(self, order: list[int]) -> list[int]:
        """Reverse stretches and move single stops for as long as that shortens the tour."""
        best_m = self.length_m(order)
        for _ in range(_ROUNDS_MAX):
            round_m = best_m
            for i in range(self._size - 1):
                for j in range(i + 1, self._size):
                    reversed_stretch = order[:i] + order[i : j + 1][::-1] + order[j + 1 :]
                    rest = order[:i] + order[i + 1 :]
                    moved_stop = [*rest[:j], order[i], *rest[j:]]
                    for candidate in (reversed_stretch, moved_stop):
                        candidate_m = self.length_m(candidate)
                        if candidate_m < best_m:
                            best_m, order = candidate_m, candidate
            if best_m >= round_m:
                break
        return order


def route_of(request: PickRequest, order: tuple[PickItem, ...]) -> Route:
    """Write an order of the request's items as a route of the schema."""
    return Route(
        version=1,
        request_id=request.request_id,
        robot_id=request.robot_id,
        stops=[Stop(bin=item.bin, sku=item.sku, quantity=item.quantity) for item in order],
    )
