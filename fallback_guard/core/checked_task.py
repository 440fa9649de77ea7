# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A task as validation goes through it, and the one that is there where nothing else is said.

A planner imports this as well, so what knows of maps is imported for its types alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from fallback_guard.core.decoding import decode
from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.request import PickRequest
from fallback_guard.core.rules import Refusal, RuleRow
from fallback_guard.core.schema import Route
from fallback_guard.core.task import JsonSchema

if TYPE_CHECKING:
    from fallback_guard.core.prepared import PreparedRequest
    from fallback_guard.core.route_rules import Budget

Read = Callable[[bytes], BaseModel | Refusal]
"""From a planner's bytes, whose size has been checked, to the answer that they are."""

RouteOf = Callable[[BaseModel, PickRequest], Route | Refusal]
"""From an answer to its route.  Never raises."""

OwnRefusal = Callable[[BaseModel, "PreparedRequest", ValidatedRoute, "Budget"], Refusal | None]
"""From an answer and its route, which the package's rules let through, to what further rules say.  Never raises."""

StandbyOf = Callable[[Route, PickRequest], BaseModel | None]
"""From the guard's own route to how it is said as an answer; None where that fails.  Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTask:
    """What `task_check.checked` makes of a task.

    `route_of` is None where the answer is the route, `own_refusal` where there are no further rules, `standby_of` where
    the standby route is driven as it is.  `rules` tell of the conversion and the further rules, in their order.
    `schema_for` returns a JSON schema for the answers to a request; where there is none, `answer` tells their shape.
    """

    name: str
    answer: type[BaseModel]
    read: Read
    route_of: RouteOf | None = None
    own_refusal: OwnRefusal | None = None
    standby_of: StandbyOf | None = None
    rules: tuple[RuleRow, ...] = ()
    prompt: str = ""
    schema_for: Callable[[PickRequest], JsonSchema | None] | None = None


ROUTES: Final = CheckedTask(name="routes", answer=Route, read=decode)
"""The package's own task: answers are routes of the schema."""
