# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Tasks whose code does what it must not do, and what no task is."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

from pydantic import BaseModel

import cold_chain
from fallback_guard.core.task import RouteTask

if TYPE_CHECKING:
    from fallback_guard.core.request import PickRequest
    from fallback_guard.core.task import TaskCase

assert "ODD_TASKS_FAIL" not in os.environ, "a module may fail\nwhen it is imported"


class Anything(BaseModel):
    """A model that takes whatever is said."""

    note: str


def _leave(_case: TaskCase[cold_chain.Plan]) -> NoReturn:
    raise SystemExit("out of here")


def _lost(_request: PickRequest) -> dict[str, object]:
    return {"title": "of each request", "count": len(_request.items) // (len(_request.items) - 3)}


LOOSE: Final = RouteTask(name="loose", answer=Anything, as_route=lambda *_: "never")
LEAVING: Final = replace(
    cold_chain.COLD_CHAIN, rules=(replace(cold_chain.RULES[0], check=_leave),), standby=None
)
LOST: Final = replace(cold_chain.COLD_CHAIN, json_schema=_lost)
"""Its json_schema is right for a request with one item, and raises for one with three."""

NOT_ONE: Final = cold_chain.Plan
