# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Counting, on messages written by hand."""

from __future__ import annotations

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.picking.tally import PILOT_HALT_S, Decided, Tally, spread

ROUTE, SAFE_MOVE = MotionKind.ROUTE, MotionKind.SAFE_MOVE


def moved(tally: Tally, request_id: str, kind: MotionKind, at_ms: float) -> None:
    """Let a motion arrive."""
    tally.moved(
        robot_id="r",
        request_id=request_id,
        kind=kind,
        reason="",
        arrived_ns=round(at_ms * NS_PER_MS),
    )


def decided(
    request_id: str, occasion: Occasion, failure_mode: str = "", attempt: int = 1
) -> Decided:
    """Return a decision."""
    return Decided(
        request_id=request_id,
        robot_id="r",
        occasion=occasion,
        outcome=MotionKind.NONE,
        failure_mode=failure_mode,
        source="",
        attempt=attempt,
        detail="",
    )


def test_a_route_and_a_safe_move_with_its_recovery() -> None:
    """Halted from the safe move to the next route; the recovery is no second answer."""
    tally = Tally(deadline_ms=150.0)
    tally.fell_due("r", "R-1", 0)
    moved(tally, "R-1", ROUTE, 2)
    tally.decision(decided("R-1", Occasion.DUE))
    tally.fell_due("r", "R-2", 1_000 * NS_PER_MS)
    moved(tally, "R-2", SAFE_MOVE, 1_146)
    tally.decision(decided("R-2", Occasion.DUE, "PLANNER_SILENT"))
    moved(tally, "R-2", ROUTE, 2_146)
    tally.decision(decided("R-2", Occasion.RECOVERY, "PLANNER_SILENT"))

    summary = tally.summary(now_ns=9 * NS_PER_S)
    assert summary.decisions == {"accepted": 1, "PLANNER_SILENT": 1}
    assert summary.decided == 2
    assert (summary.halts, summary.halted_s) == (1, 1.0)
    assert (summary.unguarded_halts, summary.unguarded_s) == (1, PILOT_HALT_S)
    assert (summary.late, summary.unanswered) == (0, 0)
    assert summary.safe_moves_ms is not None
    assert summary.safe_moves_ms.worst_ms == 146.0


def test_an_answer_may_arrive_before_its_question() -> None:
    """Two topics have no common order at a bystander."""
    tally = Tally(deadline_ms=150.0)
    moved(tally, "R-1", ROUTE, 2)
    tally.fell_due("r", "R-1", 0)
    assert [motion.taken_ms for motion in tally.motions] == [2.0]


def test_late_unanswered_and_still_halted() -> None:
    """At the deadline is in time, one nanosecond after it is not; a halt lasts until now."""
    tally = Tally(deadline_ms=150.0)
    for number, taken_ns in enumerate((150 * NS_PER_MS, 150 * NS_PER_MS + 1)):
        tally.fell_due("r", f"R-{number}", 0)
        tally.moved(
            robot_id="r", request_id=f"R-{number}", kind=SAFE_MOVE, reason="", arrived_ns=taken_ns
        )
    tally.fell_due("r", "R-9", 0)
    summary = tally.summary(now_ns=2 * NS_PER_S)
    assert (summary.late, summary.unanswered) == (1, 1)
    assert (summary.halts, summary.halted_s) == (1, 1.85)


def test_a_refused_first_answer_counts_as_unguarded_halt_once() -> None:
    """Even where the second answer was in time; refusals of later answers add nothing."""
    tally = Tally(deadline_ms=150.0)
    tally.decision(decided("R-1", Occasion.REFUSAL, "FENCED", attempt=1))
    tally.decision(decided("R-1", Occasion.REFUSAL, "FENCED", attempt=2))
    tally.decision(decided("R-1", Occasion.DUE))
    summary = tally.summary(now_ns=0)
    assert (summary.unguarded_halts, summary.answers_refused) == (1, 2)


def test_spread_is_by_nearest_rank() -> None:
    """No value is made up."""
    assert spread([]) is None
    hundred = spread([float(value) for value in range(1, 101)])
    assert hundred is not None
    assert (hundred.p50_ms, hundred.p99_ms, hundred.worst_ms) == (50.0, 99.0, 100.0)
    one = spread([7.0])
    assert one is not None
    assert (one.p50_ms, one.p99_ms, one.worst_ms) == (7.0, 7.0, 7.0)
