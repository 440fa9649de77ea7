# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a pick request can be served at all."""

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.limits import INSTRUCTIONS_CHARS_MAX, QUANTITY_MAX, STOPS_MAX
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.rules import Refusal
from fallback_guard.core.warehouse import Warehouse


def request_defect(
    request: PickRequest, warehouse: Warehouse, config: GuardConfig
) -> Refusal | None:
    """Return what keeps `request` from being served, or None.  Its two ids are checked before this."""
    problem = _problem(request, warehouse, config)
    return Refusal(FailureMode.BAD_REQUEST, problem, 1, 0, "sound_request") if problem else None


def _problem(request: PickRequest, warehouse: Warehouse, config: GuardConfig) -> str | None:
    if not 1 <= len(request.items) <= STOPS_MAX:
        return f"{len(request.items)} items, allowed are 1 to {STOPS_MAX}"
    if len(request.instructions) > INSTRUCTIONS_CHARS_MAX:
        return f"instructions have {len(request.instructions)} characters, the limit is {INSTRUCTIONS_CHARS_MAX}"
    for role, node in (("start_node", request.start_node), ("goal_node", request.goal_node)):
        if node not in warehouse.nodes:
            return f"{role} {node} is not on the map"
    for number, item in enumerate(request.items):
        problem = _item_problem(item, warehouse)
        if problem:
            return f"items[{number}]: {problem}"
    pieces = sum(item.quantity for item in request.items)
    if pieces > config.capacity_pieces:
        return f"{pieces} pieces, the robot carries {config.capacity_pieces}"
    return None


def _item_problem(item: PickItem, warehouse: Warehouse) -> str | None:
    if not is_identifier(item.sku):
        return f"sku {printable(item.sku)!r} is not an identifier"
    if not is_identifier(item.bin) or item.bin not in warehouse.bins:
        return f"bin {printable(item.bin)!r} is not on the map"
    if not 1 <= item.quantity <= QUANTITY_MAX:
        return f"quantity {item.quantity}, allowed are 1 to {QUANTITY_MAX}"
    return None
