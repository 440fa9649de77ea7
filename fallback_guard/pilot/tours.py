# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the pilot's robots are asked to pick, with the answer that a right planner gives."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import prepare
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.standby import standby_order
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.picking.tasks import pick_requests
from fallback_guard.pilot.settings import PilotError
from fallback_guard.tools.hostile_answers import Question

TOURS_KEPT: Final = 256
"""Different tours, driven over and over by each robot from a place of its own among them: making one takes 1 ms."""

_START_NODE: Final = 1
_TOO_LITTLE: Final = (
    "the map has too little for tours: it takes 4 bins and 2 nodes without bins, all reached from one another."
    " Take another --map"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour:
    """What to pick, and in which order."""

    request: PickRequest
    order: tuple[PickItem, ...]


class TourBook:
    """Tours on one map, drawn from a seed."""

    def __init__(self, warehouse: Warehouse, *, items_min: int, items_max: int, seed: int) -> None:
        """Draw the first one.  Raises PilotError where the map has too little to pick, as `tour` does."""
        self.warehouse = warehouse
        self._bins = tuple(warehouse.bins)
        self._paths = Paths(warehouse)
        self._drawn = self._draw(items_min, items_max, seed)
        self._kept: list[Tour] = []
        self.tour(0)

    def tour(self, number: int) -> Tour:
        """Return one of the tours."""
        place = number % TOURS_KEPT
        while len(self._kept) <= place:
            try:
                self._kept.append(next(self._drawn))
            except (IndexError, ValueError) as error:
                raise PilotError(_TOO_LITTLE) from error
        return self._kept[place]

    def question(self, tour: Tour, request: PickRequest) -> Question:
        """Return what a planner is asked, with the right order."""
        return Question(request=request, order=tour.order, bins=self._bins)

    def request(self, tour: Tour, *, robot_id: str, request_id: str, on_due: bool) -> PickRequest:
        """Return the request for a tour."""
        return replace(
            tour.request, robot_id=robot_id, request_id=request_id, on_due=on_due, instructions=""
        )

    def tour_from(self, tour: Tour, node: int) -> Tour:
        """Return a tour as it is from another node on, in the order that is right from there."""
        if node == tour.request.start_node:
            return tour
        return self._ordered(replace(tour.request, start_node=node))

    def _ordered(self, request: PickRequest) -> Tour:
        order = standby_order(prepare(request, self._paths, start_node=request.start_node))
        if order is None:
            raise PilotError(_TOO_LITTLE)
        return Tour(request=request, order=tuple(order))

    def _draw(self, items_min: int, items_max: int, seed: int) -> Iterator[Tour]:
        start_node = min(self.warehouse.nodes, key=lambda node: abs(node - _START_NODE))
        for request in pick_requests(
            self.warehouse, robot_id="", start_node=start_node, items_max=items_max, seed=seed
        ):
            if len(request.items) < items_min:
                continue  # The robot is at the next one's start by then; how it got there is not played.
            yield self._ordered(request)
