# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a simulated picker is asked to pick: seeded, short tours, each beginning where the last one ended."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Final, TypeVar

from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.warehouse import Warehouse

_NEIGHBOURHOOD: Final = 16
"""Bins from which the items of one tour are drawn, the nearest ones to where it begins."""

_QUANTITY_MAX: Final = 3
Name = TypeVar("Name", str, int)

_INSTRUCTIONS: Final = (
    "",
    "Heavy items first.",
    "Fragile items last.",
    "Mind the wet floor in aisle B.",
)


def pick_requests(
    warehouse: Warehouse, *, robot_id: str, start_node: int, items_max: int, seed: int
) -> Iterator[PickRequest]:
    """Yield requests for ever: 1 to `items_max` items, then on to a node of the cross aisles."""
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    paths = Paths(warehouse)
    resting = {node.id: node.id for node in warehouse.nodes.values() if not node.bins}
    here = start_node
    number = 0
    while True:
        number += 1
        nearest = _by_distance(paths, here, warehouse.bins)
        bins = random.sample(nearest[:_NEIGHBOURHOOD], random.randint(1, items_max))
        items = tuple(
            PickItem(
                bin=name,
                sku=f"SKU-{random.randint(100, 999)}",
                quantity=random.randint(1, _QUANTITY_MAX),
            )
            for name in bins
        )
        last = warehouse.bins[bins[-1]]
        near = _by_distance(paths, last, resting)
        goal = random.choice([node for node in near[:3] if node != here])
        yield PickRequest(
            request_id=f"R-{number:03d}",
            robot_id=robot_id,
            start_node=here,
            goal_node=goal,
            items=items,
            instructions=random.choice(_INSTRUCTIONS),
            on_due=True,
        )
        here = goal


def _by_distance(paths: Paths, start: int, places: Mapping[Name, int]) -> list[Name]:
    """Return the names of places (each with its node) from the nearest to the farthest; ties by name."""
    distances_m = paths.distances_m(start, tuple(places.values()))
    return [name for _, name in sorted(zip(distances_m.tolist(), places, strict=True))]
