"""Validation with the guard's configuration and map: what `Guard` asks before it lets a route through."""

from typing import Final

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickRequest
from fallback_guard.core.standby import route_of, standby_order
from fallback_guard.core.validation import (
    Budget,
    Case,
    Stopwatch,
    Verdict,
    stopped,
    validate,
    validate_decoded,
)
from fallback_guard.core.warehouse import Warehouse

STANDBY: Final = "standby"
"""The source of routes that the guard computed itself."""


class Judge:
    """Judges routes for any request on one map.  Remembers nothing of a request."""

    def __init__(
        self,
        *,
        config: GuardConfig,
        warehouse: Warehouse,
        paths: Paths,
        stopwatch: Stopwatch = stopped,
    ) -> None:
        """Hold what every verdict rests on; `stopwatch` measures the stages for the record."""
        self.config = config
        self._warehouse = warehouse
        self._paths = paths
        self._stopwatch = stopwatch

    def verdict(
        self, request: PickRequest, payload: bytes, *, source: str, standby: ValidatedRoute | None
    ) -> Verdict:
        """Judge a planner's answer; `standby` is the route whose length it is measured against."""
        case = self._case(request, request.start_node, standby)
        case.payload = payload
        return validate(case, source=source, stopwatch=self._stopwatch)

    def standby(self, request: PickRequest, start_node: int) -> ValidatedRoute | None:
        """Return the guard's own route from `start_node`; None where no open path joins the stops."""
        order = standby_order(request, self._warehouse, self._paths, start_node=start_node)
        if order is None:
            return None
        case = self._case(request, start_node, None)
        case.route = route_of(request, order)
        return validate_decoded(case, source=STANDBY).route

    def _case(self, request: PickRequest, start_node: int, standby: ValidatedRoute | None) -> Case:
        return Case(
            request=request,
            warehouse=self._warehouse,
            paths=self._paths,
            start_node=start_node,
            budget=Budget(
                payload_bytes_max=self.config.payload_bytes_max,
                capacity_pieces=self.config.capacity_pieces,
                detour_factor=self.config.detour_factor,
                robot_speed_mps=self.config.robot_speed_mps,
                pick_ns=self.config.pick_ns,
                reference_m=standby.length_m if standby else None,
            ),
        )
