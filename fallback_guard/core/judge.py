# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Validation with the guard's configuration and map: what `Guard` asks before it lets a route through."""

from dataclasses import replace
from typing import Final

from pydantic import BaseModel

from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.config import GuardConfig
from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import PreparedRequest, prepare
from fallback_guard.core.request import PickRequest
from fallback_guard.core.route_rules import Budget
from fallback_guard.core.standby import route_of, standby_order
from fallback_guard.core.validation import (
    Stopwatch,
    Verdict,
    stopped,
    validate,
    validate_decoded,
)

STANDBY: Final = "standby"
"""The source of routes that the guard computed itself."""


class Judge:
    """Judges routes for any request on one map.  Remembers nothing of a request."""

    def __init__(
        self,
        *,
        config: GuardConfig,
        paths: Paths,
        stopwatch: Stopwatch = stopped,
        task: CheckedTask = ROUTES,
    ) -> None:
        """Hold what every verdict rests on; `stopwatch` measures the stages for the record."""
        self.paths = paths
        self.task = task
        self._stopwatch = stopwatch
        self.configure(config)

    def configure(self, config: GuardConfig) -> None:
        """Judge by other parameters from now on."""
        self.budget = Budget(
            payload_bytes_max=config.payload_bytes_max,
            capacity_pieces=config.capacity_pieces,
            detour_factor=config.detour_factor,
            robot_speed_mps=config.robot_speed_mps,
            pick_ns=config.pick_ns,
        )
        self._own_budget = replace(self.budget, detour_factor=None)

    def prepare(self, request: PickRequest, start_node: int) -> PreparedRequest:
        """Return a sound request with its ways and its standby route, for a robot on `start_node`."""
        prepared = prepare(request, self.paths, start_node=start_node)
        return replace(prepared, standby=self._standby(prepared))

    def verdict(self, prepared: PreparedRequest, payload: bytes, *, source: str) -> Verdict:
        """Judge a planner's answer; its length is measured against the standby route's."""
        return validate(
            payload,
            prepared,
            self.budget,
            source=source,
            stopwatch=self._stopwatch,
            task=self.task,
        )

    def verdict_again(
        self, prepared: PreparedRequest, answer: BaseModel, *, source: str
    ) -> Verdict:
        """Judge an answer that was accepted before: the map may have changed since."""
        return validate_decoded(
            answer,
            prepared,
            self.budget,
            source=source,
            stopwatch=self._stopwatch,
            task=self.task,
        )

    def _standby(self, prepared: PreparedRequest) -> ValidatedRoute | None:
        order = standby_order(prepared)
        if order is None:
            return None
        answer = route_of(prepared.request, order)
        route = validate_decoded(answer, prepared, self._own_budget, source=STANDBY).route
        if route is None or self.task.standby_of is None:
            return route
        said = self.task.standby_of(answer, prepared.request)
        if said is None:
            return None
        return validate_decoded(
            said, prepared, self._own_budget, source=STANDBY, task=self.task
        ).route
