# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Free-text instructions with what a route has to look like for them to be followed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shapely import LineString, Point

from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.planning.wishes import aisle_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_guard.core.motion import ValidatedRoute
    from fallback_guard.core.warehouse import Warehouse

_ON_THE_WAY_M: Final = 1e-6

REQUEST: Final = PickRequest(
    request_id="R-1",
    robot_id="picker_1",
    start_node=17,
    goal_node=30,
    items=(
        PickItem(bin="A-12", sku="GLASS-7", quantity=1),
        PickItem(bin="B-01", sku="ANVIL-2", quantity=1),
        PickItem(bin="A-04", sku="TOWEL-4", quantity=2),
        PickItem(bin="B-04", sku="EGGS-9", quantity=1),
    ),
)
"""On the sample map.  The shortest way (27 m) leads through aisle C; without it there is one of 33 m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is said; the SKUs that have to come before and after all others; the aisles to keep out of."""

    said: str
    first: Sequence[str] = ()
    last: Sequence[str] = ()
    avoid: Sequence[str] = ()

    def is_followed(self, route: ValidatedRoute, warehouse: Warehouse) -> bool:
        """Tell whether a route does what is said."""
        skus = [sku for _, sku, _ in route.picks]
        begins, ends = len(self.first), len(skus) - len(self.last)
        if set(skus[:begins]) != set(self.first) or set(skus[ends:]) != set(self.last):
            return False
        return not (_aisles_driven(route, warehouse) & set(self.avoid))


def _aisles_driven(route: ValidatedRoute, warehouse: Warehouse) -> set[str]:
    """Return the aisles of the bins that the route drives past."""
    line = LineString([(point.x, point.y) for point in route.waypoints])
    return {
        aisle_of(name)
        for name, node in warehouse.bins.items()
        if line.distance(Point(warehouse.nodes[node].x, warehouse.nodes[node].y)) < _ON_THE_WAY_M
    }


def _cases() -> dict[str, tuple[Case, ...]]:
    """Return the cases of `instructions.jsonl` by the set that they belong to."""
    found: dict[str, list[Case]] = {}
    for line in Path(__file__).with_suffix(".jsonl").read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        found.setdefault(document.pop("set"), []).append(Case(**document))
    return {name: tuple(cases) for name, cases in found.items()}


CASES: Final = _cases()
"""`tried` were looked at while prompts and plain words were written; `held out` is by somebody who had seen neither.

Two of the latter (`first order`, `last week`) have since shown plain words that said too much; those were corrected.
"""
