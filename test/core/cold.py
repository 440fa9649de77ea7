# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Requests and answers of the cold-chain task of docs/examples, on the small warehouse."""

from __future__ import annotations

import json
from typing import Final

import cold_chain
import world
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.task_check import checked

TASK: Final = checked(cold_chain.COLD_CHAIN)

HEAVY: Final = PickItem(bin="A-1", sku="AMB-1-H", quantity=2)
GLASS: Final = PickItem(bin="A-2", sku="CHL-2-G", quantity=3)
FROZEN: Final = PickItem(bin="C-1", sku="FRZ-3", quantity=1)


def request(
    request_id: str = "R-1", robot_id: str = world.ROBOT, *, on_due: bool = False
) -> PickRequest:
    """Return a request for something heavy, something chilled in glass and something frozen."""
    items = (FROZEN, GLASS, HEAVY)
    return world.pick_request(request_id, robot_id, items=items, on_due=on_due)


def pick(item: PickItem, past: list[int] | None = None, **changes: object) -> dict[str, object]:
    """Return a pick of the plan for an item, with the given keys changed."""
    said: dict[str, object] = {
        "location": item.bin,
        "article": item.sku,
        "pieces": item.quantity,
        "zone": cold_chain.zone_of(item.sku),
        "pack": cold_chain.pack_of(item.sku),
    }
    if past is not None:
        said["past"] = past
    return said | changes


def plan(
    *picks: dict[str, object],
    request_id: str = "R-1",
    robot_id: str = world.ROBOT,
    **changes: object,
) -> bytes:
    """Return an answer with these picks, or with those that are right, and the given keys changed."""
    said = list(picks) or [pick(item) for item in (HEAVY, GLASS, FROZEN)]
    return json.dumps({"order": request_id, "vehicle": robot_id, "picks": said} | changes).encode()
