# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a picker asks for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PickItem:
    """One line of a pick list: `quantity` pieces of `sku` from `bin`."""

    bin: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PickRequest:
    """A pick list with where the route begins and ends (nodes of the warehouse map).

    `on_due` requests fall due later than they arrive, with a message of their own.
    """

    request_id: str
    robot_id: str
    start_node: int
    goal_node: int
    items: tuple[PickItem, ...]
    instructions: str = ""
    on_due: bool = False
