# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Orders of VDA 5050 on the small warehouse, ways to spoil them, and the official schemas."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from jsonschema import Draft202012Validator

import world
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem
from fallback_guard.vda5050.order import OrderHeader, Version, to_order
from fallback_guard.vda5050.reading import RULE_GROUPS, OrderRead, OrderRefusal, from_order

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMAS: Final = Path(__file__).parents[1] / "vda5050_schemas"
FOLDERS: Final = {Version.V2_1: "2.1.0", Version.V3_0: "3.0.0-main"}
RULES: Final = {rule.name: rule for group in RULE_GROUPS for rule in group}
HEADER: Final = OrderHeader(
    header_id=7,
    timestamp="2026-04-15T11:40:03.123Z",
    manufacturer="maker",
    serial_number="picker_1",
    map_id="hall",
)
DEVIATION_M: Final = 0.5
WAY: Final = (1, 2, 3, 4, 3, 2, 1)
PICKS: Final = (
    (1, PickItem(bin="A-1", sku="SKU-1", quantity=2)),
    (1, PickItem(bin="A-2", sku="SKU-2", quantity=3)),
    (3, PickItem(bin="C-1", sku="SKU-3", quantity=1)),
)

in_each_version = pytest.mark.parametrize("version", Version)


@cache
def schema(version: Version) -> Draft202012Validator:
    """Return the official schema."""
    return Draft202012Validator(
        json.loads((SCHEMAS / FOLDERS[version] / "order.schema").read_text())
    )


def order(
    version: Version,
    way: Sequence[int] = WAY,
    picks: Sequence[tuple[int, PickItem]] = PICKS,
) -> dict[str, object]:
    """Return an order on the small warehouse."""
    return to_order(
        warehouse=world.warehouse(),
        request_id="R-1",
        way=way,
        picks=picks,
        header=HEADER,
        version=version,
        allowed_deviation_m=DEVIATION_M,
    )


def read(document: object) -> OrderRead | OrderRefusal:
    """Read an order on the small warehouse."""
    return read_bytes(json.dumps(document).encode())


def read_bytes(data: bytes) -> OrderRead | OrderRefusal:
    """Read bytes on the small warehouse."""
    warehouse = world.warehouse()
    return from_order(
        data,
        warehouse=warehouse,
        shortest_path=Paths(warehouse).path,
        allowed_deviation_m=DEVIATION_M,
        map_id="hall",
    )


def violated(said: OrderRead | OrderRefusal) -> list[str]:
    """Return the names of the rules that an order violates."""
    if isinstance(said, OrderRead):
        return []
    descriptions = [error.description for error in said.errors]
    found = [
        next(name for name, rule in RULES.items() if text.startswith(f"{rule.demands}: "))
        for text in descriptions
    ]
    assert found, "a refusal says why"
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """Something else at a place of a document, or nothing."""

    path: tuple[str | int, ...]
    value: object
    drops: bool


def put(*path: str | int, to: object) -> Change:
    """Return the change that writes a value."""
    return Change(path, to, drops=False)


def drop(*path: str | int) -> Change:
    """Return the change that takes away what is there."""
    return Change(path, None, drops=True)


def changed(document: dict[str, object], *changes: Change) -> dict[str, object]:
    """Return a copy with changes made."""
    result = copy.deepcopy(document)
    for change in changes:
        *way, last = change.path
        holder = inner(result, *way)
        if isinstance(last, int):
            assert isinstance(holder, list)
            holder[last : last + 1 or None] = [] if change.drops else [change.value]
        else:
            assert isinstance(holder, dict)
            holder[last] = change.value
            if change.drops:
                del holder[last]
    return result


def inner(holder: object, *steps: str | int) -> object:
    """Return what stands at a place."""
    for step in steps:
        if isinstance(step, int):
            assert isinstance(holder, list)
            holder = holder[step]
        else:
            assert isinstance(holder, dict)
            holder = holder[step]
    return holder


def as_dict(value: object) -> dict[str, object]:
    """Return a JSON object as what it is."""
    assert isinstance(value, dict)
    return value
