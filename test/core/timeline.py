# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Tests as timelines: say what happens when, and what the guard has to have done by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import world
from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.closures import AS_ON_THE_MAP, Closures
from fallback_guard.core.config import guard_config
from fallback_guard.core.effects import Decision, Effect, Occasion, ReportDecision, SendMotion
from fallback_guard.core.events import (
    CandidateArrived,
    ConfigurationChanged,
    Dispatched,
    DrillRequested,
    Event,
    MapChanged,
    PositionArrived,
    RequestArrived,
    ResetRequested,
    RouteFellDue,
    TimePassed,
)
from fallback_guard.core.guard import Guard
from fallback_guard.core.motion import Motion, MotionKind, SafeMoveKind
from fallback_guard.core.units import NS_PER_MS

if TYPE_CHECKING:
    from fallback_guard.core.failure_modes import FailureMode
    from fallback_guard.core.request import PickRequest

BEGAN_NS: Final = 7_777_777_777_777
"""When a timeline begins on the guard's clock: no round number, so that nothing rests on one."""

WINDOW_MS: Final = guard_config({}).deadline_ms - guard_config({}).dispatch_margin_ms
"""From falling due to the closing of the window, by a punctual guard with the usual parameters."""

SPARE_PAUSE_NS: Final = NS_PER_MS
"""Between two pieces of spare work, as in the node."""

_REPORTS_NS: Final = 500 * NS_PER_MS


class Timeline:
    """One guard with an ideal timer and, unless told otherwise, a robot that reports where it stands.

    Motions are handed over as soon as they are decided, and the guard hears of it, as the node tells it.
    `hand_over_ns` is how long that takes.

    Everything but `expect_...` happens at the present moment; `at_ms` and `at_ns` move it on, measured from
    the beginning, and wake the guard on the way whenever it asked for that, and once a millisecond for spare work.
    """

    answers: CheckedTask = ROUTES
    """What answers are; derived timelines say otherwise."""

    def __init__(self, *, standing_on: int | None = 1, **parameters: object) -> None:
        """Begin with the small warehouse, the given parameters, and the robot on a node (None: silent)."""
        self.config = guard_config(parameters)
        self.guard = Guard(config=self.config, warehouse=world.warehouse(), task=self.answers)
        self.requests: dict[str, PickRequest] = {}
        self.pending: list[Effect] = []
        self.now_ns = BEGAN_NS
        self.hand_over_ns = 0
        self._standing_on = standing_on
        self._reported_ns = BEGAN_NS
        self._attempt = 0
        self._sequence = 0
        if standing_on is not None:
            self.on_node(standing_on)

    # What happens

    def step(self, event: Event) -> Timeline:
        """Let anything happen, and hand over what comes of it."""
        woke_ns = self.now_ns if isinstance(event, TimePassed) else None
        undone = list(self.guard.step(event, self.now_ns))
        while undone:
            effect = undone.pop(0)
            self.pending.append(effect)
            if isinstance(effect, SendMotion):
                self.now_ns += self.hand_over_ns
                dispatched = Dispatched(
                    planned_ns=effect.planned_ns, woke_ns=woke_ns, deadline_ns=effect.deadline_ns
                )
                # What has fallen due meanwhile comes after what was decided before it.
                undone += self.guard.step(dispatched, self.now_ns)
        return self

    def request(self, request: PickRequest | None = None, *, stamp_age_ns: int = 0) -> Timeline:
        """Let a request arrive."""
        request = request or world.pick_request()
        self.requests.setdefault(request.request_id, request)
        return self.step(RequestArrived(request=request, stamp_age_ns=stamp_age_ns))

    def due(
        self, request_id: str = "R-1", *, robot_id: str = world.ROBOT, stamp_age_ns: int = 0
    ) -> Timeline:
        """Let an earlier request fall due."""
        return self.step(
            RouteFellDue(request_id=request_id, robot_id=robot_id, stamp_age_ns=stamp_age_ns)
        )

    def answer(  # noqa: PLR0913  # what a candidate has
        self,
        payload: bytes | None = None,
        *,
        request_id: str = "R-1",
        robot_id: str = world.ROBOT,
        attempt: int | None = None,
        source: str = "llm:test",
        failure: str = "",
    ) -> Timeline:
        """Let the planner answer: with a valid route, unless a payload or a failure is given."""
        self._attempt += 1
        if payload is None:
            payload = b"" if failure else world.answer(self.requests[request_id])
        return self.step(
            CandidateArrived(
                request_id=request_id,
                robot_id=robot_id,
                source=source,
                attempt=self._attempt if attempt is None else attempt,
                payload=payload,
                planning_ns=1_234,
                failure=failure,
            )
        )

    def step_answer_for(self, robot_id: str, request_id: str = "R-1") -> Timeline:
        """Let the planner answer the default request of another robot."""
        return self.answer(
            world.answer(world.pick_request(request_id, robot_id)),
            request_id=request_id,
            robot_id=robot_id,
        )

    def position(
        self, x: float, y: float, *, robot_id: str = world.ROBOT, lost: bool = False
    ) -> Timeline:
        """Let the robot say once where it is (m), and nothing more after that."""
        self._standing_on = None
        return self.step(PositionArrived(robot_id=robot_id, x=x, y=y, lost=lost))

    def on_node(self, node: int, *, robot_id: str = world.ROBOT) -> Timeline:
        """Let the robot stand on a node, and keep saying so."""
        x, y = world.position_of(node)
        self.position(x, y, robot_id=robot_id)
        self._standing_on, self._reported_ns = node, self.now_ns
        return self

    def silent_robot(self) -> Timeline:
        """Let the robot say no more where it is."""
        self._standing_on = None
        return self

    def reset(self, robot_id: str = "") -> Timeline:
        """Let an operator reset the latch."""
        return self.step(ResetRequested(robot_id=robot_id))

    def drill(self, robot_id: str = world.ROBOT) -> Timeline:
        """Let an operator ask for a fallback."""
        return self.step(DrillRequested(robot_id=robot_id))

    def configure(self, **parameters: object) -> Timeline:
        """Change the parameters while running."""
        return self.step(ConfigurationChanged(config=guard_config(parameters)))

    def close(self, closures: Closures = AS_ON_THE_MAP) -> Timeline:
        """Close and open edges and zones; nothing: all is as on the map."""
        return self.step(MapChanged(closures=closures))

    def close_everything(self) -> Timeline:
        """Close the whole warehouse."""
        return self.step(MapChanged(closures=Closures(everything=True)))

    # When

    def at_ms(self, ms: int) -> Timeline:
        """Go on to `ms` after the beginning."""
        return self.at_ns(ms * NS_PER_MS)

    def at_ns(self, ns: int) -> Timeline:
        """Go on to `ns` after the beginning."""
        target_ns = BEGAN_NS + ns
        while True:
            moments = [target_ns]
            if self.guard.next_wake_ns is not None:
                moments.append(self.guard.next_wake_ns)
            if self.guard.has_spare_work:
                moments.append(self.now_ns + SPARE_PAUSE_NS)
            if self._standing_on is not None:
                moments.append(self._reported_ns + _REPORTS_NS)
            self.now_ns = max(self.now_ns, min(moments))
            if self._standing_on is not None and self.now_ns >= self._reported_ns + _REPORTS_NS:
                self.on_node(self._standing_on)
            self.step(TimePassed())
            if self.now_ns >= target_ns:
                return self

    def hang_until_ms(self, ms: int) -> Timeline:
        """Go on to `ms` after the beginning without waking the guard."""
        self.now_ns = BEGAN_NS + ms * NS_PER_MS
        return self

    # What has to have come of it

    def expect_nothing(self) -> Timeline:
        """Find that nothing was done since the last expectation."""
        assert self.pending == [], self.pending
        return self

    def expect_route(
        self,
        reason: FailureMode | None = None,
        *,
        source: str = "llm:test",
        request_id: str = "R-1",
    ) -> Decision:
        """Take a route and its record; return the record."""
        motion, decision = self._motion()
        assert (motion.kind, motion.request_id) == (MotionKind.ROUTE, request_id)
        assert (motion.source, motion.reason) == (source, reason)
        assert motion.stops, motion
        assert motion.waypoints, motion
        assert (motion.safe_move, motion.safe_move_target) == (SafeMoveKind.NONE, 0), motion
        return decision

    def expect_standby(self, reason: FailureMode, *, request_id: str = "R-1") -> Decision:
        """Take the standby route and its record; return the record."""
        decision = self.expect_route(reason, source="standby", request_id=request_id)
        assert (decision.attempt, decision.planning_ns) == (0, 0), "nobody planned it"
        return decision

    def expect_safe_move(self, reason: FailureMode, *, request_id: str = "R-1") -> Decision:
        """Take a safe move and its record; return the record."""
        motion, decision = self._motion()
        assert (motion.kind, motion.request_id) == (MotionKind.SAFE_MOVE, request_id)
        assert motion.reason is reason, motion
        assert (decision.occasion, decision.failure_mode) == (Occasion.DUE, reason)
        assert not motion.stops
        assert not motion.source
        return decision

    def expect_safe_move_kind(self, reason: FailureMode, kind: SafeMoveKind) -> Motion:
        """Take a safe move of this kind and its record; return the safe move."""
        effect = self.pending[0]
        assert isinstance(effect, SendMotion)
        self.expect_safe_move(reason, request_id=effect.motion.request_id)
        assert effect.motion.safe_move is kind, effect
        return effect.motion

    def expect_refusal(self, mode: FailureMode) -> Decision:
        """Take the record of a refusal, with which nothing moves; return it."""
        effect = self.pending.pop(0)
        assert isinstance(effect, ReportDecision), effect
        decision = effect.decision
        assert decision.occasion is Occasion.REFUSAL, decision
        assert decision.failure_mode is mode, decision
        assert (decision.outcome, decision.sequence) == (MotionKind.NONE, 0), decision
        return decision

    def elapsed_ns(self) -> int:
        """Return the present moment, from the beginning."""
        return self.now_ns - BEGAN_NS

    def _motion(self) -> tuple[Motion, Decision]:
        """Take the next two effects: a motion, and the record of it."""
        assert len(self.pending) >= 2, self.pending
        sent, reported = self.pending.pop(0), self.pending.pop(0)
        assert isinstance(sent, SendMotion), sent
        assert isinstance(reported, ReportDecision), reported
        motion, decision = sent.motion, reported.decision
        assert motion.sequence > self._sequence, "sequence numbers rise"
        self._sequence = motion.sequence
        assert decision.outcome is motion.kind
        assert decision.sequence == motion.sequence
        assert decision.failure_mode is motion.reason
        assert (decision.request_id, decision.robot_id) == (motion.request_id, motion.robot_id)
        return motion, decision
