# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the guard wants done.  The set is closed: `Effect` lists every kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode
from fallback_guard.core.limits import STAMP_AGE_NS_MAX
from fallback_guard.core.motion import Motion, MotionKind, SafeMoveKind
from fallback_guard.core.rules import Stage


class Occasion(IntEnum):
    """What was decided on; the values are those of GuardDecision.msg."""

    NONE = 0
    DUE = 1
    RECOVERY = 2
    REFUSAL = 3
    ALARM = 4


class Clock(IntEnum):
    """Where a request's clock started; the values are those of GuardDecision.msg."""

    NONE = 0
    STAMP = 1
    ARRIVAL = 2


def believable_due(now_ns: int, stamp_age_ns: int) -> tuple[int, Clock]:
    """Return when a request fell due that is heard of now: at its stamp where that is believable."""
    if 0 <= stamp_age_ns <= STAMP_AGE_NS_MAX:
        return now_ns - stamp_age_ns, Clock.STAMP
    return now_ns, Clock.ARRIVAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The record of one decision; the fields are those of GuardDecision.msg."""

    request_id: str
    robot_id: str
    occasion: Occasion
    outcome: MotionKind = MotionKind.NONE
    sequence: int = 0
    safe_move: SafeMoveKind = SafeMoveKind.NONE
    source: str = ""
    attempt: int = 0
    failure_mode: FailureMode | None = None
    detail: str = ""
    rule: str = ""
    measured: float = 0.0
    limit: float = 0.0
    clock: Clock = Clock.NONE
    time_to_decision_ns: int = 0
    time_left_ns: int = 0
    dispatch_margin_ns: int = 0
    planning_ns: int = 0
    stage_ns: Mapping[Stage, int] = field(default_factory=dict)
    candidates_refused: int = 0

    @property
    def bucket(self) -> Bucket:
        """The risk of the failure mode."""
        return FAILURE_MODES[self.failure_mode].bucket if self.failure_mode else Bucket.NONE

    @property
    def vda5050_error(self) -> str:
        """The error type of VDA 5050 that says the same; empty if there is none."""
        return (FAILURE_MODES[self.failure_mode].vda5050_error or "") if self.failure_mode else ""


@dataclass(frozen=True, slots=True)
class SendMotion:
    """Publish a command on `motion`, before anything else is done, and say so with `Dispatched`.

    `planned_ns` is when that was to be done, None where the motion is an answer to what just happened;
    `deadline_ns` when a decision in time has to be with the robot, None for any other.
    """

    motion: Motion
    planned_ns: int | None = None
    deadline_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ReportDecision:
    """Publish a record on `guard/decision`."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class LatchReset:
    """Tell the operator which robots were latched and no longer are."""

    robot_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillAnswered:
    """Tell the operator what became of a drill.

    `obstacle` says why there is none, and is empty where there is one: of `request_id` at once, or where that is
    empty, of the robot's next request that falls due within `waits_ns`.
    """

    robot_id: str
    obstacle: str = ""
    request_id: str = ""
    waits_ns: int = 0


Effect = SendMotion | ReportDecision | LatchReset | DrillAnswered
