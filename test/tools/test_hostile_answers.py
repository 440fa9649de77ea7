# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Wrong bins where a request leaves few of them, or none."""

from __future__ import annotations

import json

import pytest

from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.tools.hostile_answers import HOSTILE_KINDS, HostileKind, Question

ITEMS = (
    PickItem(bin="A-1", sku="SKU-1", quantity=1),
    PickItem(bin="A-2", sku="SKU-2", quantity=1),
    PickItem(bin="A-3", sku="SKU-1", quantity=1),
)


@pytest.mark.parametrize(
    ("count", "bins", "due"),
    [
        (3, ("A-1", "A-2", "A-3", "B-1"), "B-1"),
        (3, ("A-1", "A-2", "A-3"), "A-2"),
        (1, ("A-1",), "NO-SUCH-BIN"),
    ],
)
def test_a_wrong_bin_holds_something_else(count: int, bins: tuple[str, ...], due: str) -> None:
    """One that nobody asked for, else another item's, else one that does not exist."""
    items = ITEMS[:count]
    request = PickRequest(
        request_id="R-1", robot_id="picker_1", start_node=1, goal_node=1, items=items
    )
    question = Question(request=request, order=items, bins=bins)
    reply = HOSTILE_KINDS[HostileKind.WRONG_BIN].make(question)
    answer = json.loads(json.loads(reply.body)["choices"][0]["message"]["content"])
    assert answer["stops"][0]["bin"] == due
