# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard's real core between planner and robots, in simulated time."""

from collections.abc import Callable
from functools import partial
from typing import Final

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.effects import Decision, Occasion, ReportDecision, SendMotion
from fallback_guard.core.events import (
    CandidateArrived,
    Dispatched,
    Event,
    PositionArrived,
    RequestArrived,
    ResetRequested,
    RouteFellDue,
    TimePassed,
)
from fallback_guard.core.guard import Guard
from fallback_guard.core.motion import Motion, MotionKind, SafeMoveKind
from fallback_guard.core.request import PickRequest
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.pilot.planner import SOURCE
from fallback_guard.pilot.ports import Agenda, Refused, Stop, Told

_SPARE_NS: Final = NS_PER_MS
"""How soon spare work is done; on a robot it takes a millisecond or two."""


class Stepped:
    """Carries what is said to the guard and what it says, each `wire_ns` later, and wakes it when it wants to be.

    Commands are handed over in no time, so the guard's margin stays at its least.
    """

    def __init__(  # noqa: PLR0913  # what it stands between
        self,
        *,
        config: GuardConfig,
        warehouse: Warehouse,
        agenda: Agenda,
        wire_ns: int,
        tell: Callable[[Told], None],
        refuse: Callable[[Refused], None],
    ) -> None:
        """Begin with a guard that knows no robot."""
        self.guard = Guard(config=config, warehouse=warehouse)
        self._agenda = agenda
        self._wire_ns = wire_ns
        self._tell = tell
        self._refuse = refuse
        self._woken_at_ns: int | None = None

    def ask(self, request: PickRequest) -> None:
        """Carry a request."""
        self._carry(RequestArrived(request=request, stamp_age_ns=self._wire_ns))

    def fell_due(self, robot_id: str, request_id: str) -> None:
        """Carry that it is due."""
        self._carry(
            RouteFellDue(request_id=request_id, robot_id=robot_id, stamp_age_ns=self._wire_ns)
        )

    def answer(self, candidate: CandidateArrived) -> None:
        """Carry an answer."""
        self._carry(candidate)

    def stand(self, robot_id: str, x: float, y: float, sequence: int) -> None:
        """Carry a position."""
        self._carry(PositionArrived(robot_id=robot_id, x=x, y=y, sequence=sequence))

    def reset(self, robot_id: str) -> None:
        """Carry what an operator says."""
        self._carry(ResetRequested(robot_id=robot_id))

    def _carry(self, event: Event) -> None:
        self._agenda.later(self._wire_ns, partial(self._step, event))

    def _step(self, event: Event) -> None:
        guard, now_ns = self.guard, self._agenda.now_ns
        undone = list(guard.step(event, now_ns))
        while undone:
            effect = undone.pop(0)
            if isinstance(effect, SendMotion):
                self._agenda.later(self._wire_ns, partial(self._tell, _told(effect.motion)))
                told = Dispatched(planned_ns=effect.planned_ns, deadline_ns=effect.deadline_ns)
                undone += guard.step(told, now_ns)
            elif isinstance(effect, ReportDecision) and _tells_planner(effect.decision):
                decision = effect.decision
                refused = Refused(
                    robot_id=decision.robot_id,
                    request_id=decision.request_id,
                    attempt=decision.attempt,
                )
                self._agenda.later(self._wire_ns, partial(self._refuse, refused))
        self._plan_wake(now_ns)

    def _plan_wake(self, now_ns: int) -> None:
        wake_ns = self.guard.next_wake_ns
        if self.guard.has_spare_work:
            wake_ns = now_ns + _SPARE_NS if wake_ns is None else min(wake_ns, now_ns + _SPARE_NS)
        if wake_ns is None:
            return
        if self._woken_at_ns is not None and now_ns < self._woken_at_ns <= wake_ns:
            return
        self._woken_at_ns = wake_ns
        self._agenda.later(wake_ns - now_ns, partial(self._step, TimePassed()))


def _tells_planner(decision: Decision) -> bool:
    return decision.occasion is Occasion.REFUSAL and decision.source == SOURCE


def _told(motion: Motion) -> Told:
    retreats = motion.safe_move is SafeMoveKind.RETREAT
    return Told(
        robot_id=motion.robot_id,
        request_id=motion.request_id,
        is_route=motion.kind is MotionKind.ROUTE,
        sequence=motion.sequence,
        stops=tuple(Stop(stop.bin, stop.sku, stop.quantity) for stop in motion.stops),
        reason=motion.reason.value if motion.reason else "",
        retreat_to=motion.safe_move_target if retreats else 0,
    )
