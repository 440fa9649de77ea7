# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Writing motions and decisions: what one step of the guard sends, counts and explains."""

from dataclasses import replace

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.counters import Counters
from fallback_guard.core.effects import Decision, Effect, Occasion, ReportDecision, SendMotion
from fallback_guard.core.events import Dispatched
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import REFUSALS_REPORTED_PER_S_MAX
from fallback_guard.core.motion import Motion, MotionKind, SafeMoveKind, ValidatedRoute
from fallback_guard.core.records import Judged, RequestRecord
from fallback_guard.core.rules import Refusal
from fallback_guard.core.safe_moves import SafeMove
from fallback_guard.core.sequences import Sequences
from fallback_guard.core.units import NS_PER_S


class Outbox:
    """Collects the effects of one step.  Decides nothing; each motion gets the next sequence number."""

    def __init__(self, *, config: GuardConfig, sequences: Sequences) -> None:
        """Begin with nothing to send."""
        self.counters = Counters()
        self.config = config
        self._sequences = sequences
        self._now_ns = 0
        self._effects: list[Effect] = []
        self._refusals_second = 0
        self._refusals_in_second = 0

    def open(self, now_ns: int) -> None:
        """Begin a step."""
        self._now_ns = now_ns
        self._effects = []

    def effects(self) -> tuple[Effect, ...]:
        """Return what the step has put in, in order."""
        return tuple(self._effects)

    def put(self, effect: Effect) -> None:
        """Add an effect that needs no bookkeeping."""
        self._effects.append(effect)

    def dispatched(self, event: Dispatched) -> None:
        """Count a decision that was in time when it was made, and is late now that it was handed over."""
        if event.deadline_ns is not None and self._now_ns > event.deadline_ns:
            self.counters.decisions_late += 1

    def route_when_due(
        self,
        record: RequestRecord,
        route: ValidatedRoute,
        *,
        judged: Judged | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        """Send the decision ROUTE.  `refusal` says why it is the standby route, where it is."""
        mode = refusal.mode if refusal else None
        motion = self._send_route(record, route, mode, self._count_decision(record, mode))
        self.counters.routes += 1
        self._report(record, motion, Occasion.DUE, refusal, judged)

    def safe_move_when_due(
        self, record: RequestRecord, safe_move: SafeMove, refusal: Refusal
    ) -> None:
        """Send the decision SAFE_MOVE, and why."""
        record.halted_by = refusal.mode
        motion = self._send(
            record,
            Motion(
                kind=MotionKind.SAFE_MOVE,
                request_id=record.request_id,
                robot_id=record.robot_id,
                sequence=self._sequences.next(self._now_ns),
                reason=refusal.mode,
                source="",
                stops=(),
                waypoints=safe_move.waypoints,
                safe_move=safe_move.kind,
                safe_move_target=safe_move.target,
                lease_ns=self.config.lease_ns,
            ),
            planned_ns=record.closes_ns,
            deadline_ns=self._count_decision(record, refusal.mode),
        )
        self.counters.safe_moves += 1
        self._report(record, motion, Occasion.DUE, refusal, record.last_judged)

    def recovery(
        self,
        record: RequestRecord,
        route: ValidatedRoute,
        mode: FailureMode | None,
        judged: Judged | None = None,
    ) -> None:
        """Send the one route that may follow a safe move; `mode` is what made it necessary."""
        motion = self._send_route(record, route, mode)
        self.counters.recoveries += 1
        refusal = Refusal(mode, f"recovered by {route.source}") if mode else None
        self._report(record, motion, Occasion.RECOVERY, refusal, judged)

    def refuse(
        self,
        request_id: str,
        robot_id: str,
        refusal: Refusal,
        *,
        judged: Judged | None = None,
        answers_refused: int = 0,
    ) -> None:
        """Count a refusal and, within the budget of this second, report it.  Nothing moves."""
        self.counters.refusals += 1
        second = self._now_ns // NS_PER_S
        if second != self._refusals_second:
            self._refusals_second, self._refusals_in_second = second, 0
        self._refusals_in_second += 1
        if self._refusals_in_second > REFUSALS_REPORTED_PER_S_MAX:
            return
        self._effects.append(
            ReportDecision(
                Decision(
                    request_id=printable(request_id),
                    robot_id=printable(robot_id),
                    occasion=Occasion.REFUSAL,
                    source=judged.source if judged else "",
                    attempt=judged.attempt if judged else 0,
                    failure_mode=refusal.mode,
                    detail=refusal.detail,
                    rule=refusal.rule,
                    measured=refusal.measured,
                    limit=refusal.limit,
                    planning_ns=judged.planning_ns if judged else 0,
                    stage_ns=judged.verdict.stage_ns if judged else {},
                    candidates_refused=answers_refused,
                )
            )
        )

    def refuse_answer(self, record: RequestRecord, judged: Judged, refusal: Refusal) -> None:
        """Remember why an answer was refused, for the decision, and tell the planner."""
        judged = replace(judged, verdict=judged.verdict.refused(refusal))
        record.answers_refused += 1
        record.last_refusal, record.last_judged = refusal, judged
        self.refuse(
            record.request_id,
            record.robot_id,
            refusal,
            judged=judged,
            answers_refused=record.answers_refused,
        )

    def _count_decision(self, record: RequestRecord, mode: FailureMode | None) -> int | None:
        """Count a decision; return by when it has to be with the robot, None where it is counted as late already."""
        self.counters.decisions += 1
        self.counters.drills += mode is FailureMode.DRILL
        deadline_ns = record.due_ns + self.config.deadline_ns
        if self._now_ns <= deadline_ns:
            return deadline_ns
        self.counters.decisions_late += 1
        return None

    def _send(
        self,
        record: RequestRecord,
        motion: Motion,
        *,
        planned_ns: int | None = None,
        deadline_ns: int | None = None,
    ) -> Motion:
        record.sequence = motion.sequence
        self._effects.append(SendMotion(motion, planned_ns, deadline_ns))
        return motion

    def _send_route(
        self,
        record: RequestRecord,
        route: ValidatedRoute,
        reason: FailureMode | None,
        deadline_ns: int | None = None,
    ) -> Motion:
        return self._send(
            record,
            Motion(
                kind=MotionKind.ROUTE,
                request_id=record.request_id,
                robot_id=record.robot_id,
                sequence=self._sequences.next(self._now_ns),
                reason=reason,
                source=route.source,
                stops=route.stops,
                waypoints=route.waypoints,
                safe_move=SafeMoveKind.NONE,
                safe_move_target=0,
                lease_ns=self.config.lease_ns,
            ),
            deadline_ns=deadline_ns,
        )

    def _report(
        self,
        record: RequestRecord,
        motion: Motion,
        occasion: Occasion,
        refusal: Refusal | None,
        judged: Judged | None,
    ) -> None:
        taken_ns = self._now_ns - record.due_ns
        self._effects.append(
            ReportDecision(
                Decision(
                    request_id=record.request_id,
                    robot_id=record.robot_id,
                    occasion=occasion,
                    outcome=motion.kind,
                    sequence=motion.sequence,
                    safe_move=motion.safe_move,
                    source=judged.source if judged else motion.source,
                    attempt=judged.attempt if judged else 0,
                    failure_mode=refusal.mode if refusal else None,
                    detail=refusal.detail if refusal else "",
                    rule=refusal.rule if refusal else "",
                    measured=refusal.measured if refusal else 0.0,
                    limit=refusal.limit if refusal else 0.0,
                    clock=record.clock,
                    time_to_decision_ns=taken_ns,
                    time_left_ns=max(0, self.config.deadline_ns - taken_ns),
                    dispatch_margin_ns=record.margin_ns,
                    planning_ns=judged.planning_ns if judged else 0,
                    stage_ns=judged.verdict.stage_ns if judged else {},
                    candidates_refused=record.answers_refused,
                )
            )
        )
        record.tidy()
