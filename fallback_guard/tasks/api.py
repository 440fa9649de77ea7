# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""All that a task of one's own is written with; docs/own-schema.md walks through one.

What is named here stays where it is and means what it does; everything else of the package may move.
"""

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import RouteStop, ValidatedRoute
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.rules import Refusal, Rule, Stage
from fallback_guard.core.schema import Identifier, NodeId, Quantity, Route, Stop
from fallback_guard.core.task import RouteTask, TaskCase, TaskError
from fallback_guard.core.task_check import checked

__all__ = [
    "FailureMode",
    "Identifier",
    "NodeId",
    "PickItem",
    "PickRequest",
    "Quantity",
    "Refusal",
    "Route",
    "RouteStop",
    "RouteTask",
    "Rule",
    "Stage",
    "Stop",
    "TaskCase",
    "TaskError",
    "ValidatedRoute",
    "checked",
]
