# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An operator's drills: one fallback, of one robot, that counts against nobody."""

from __future__ import annotations

import pytest

import world
from fallback_guard.core.effects import DrillAnswered, Occasion
from fallback_guard.core.failure_modes import Bucket, FailureMode
from fallback_guard.core.limits import DRILL_WAIT_NS
from fallback_guard.core.units import NS_PER_MS
from timeline import WINDOW_MS, Timeline

DRILL = FailureMode.DRILL
RECOVERY_MS = 1_000
ARMED = DrillAnswered(robot_id=world.ROBOT, waits_ns=DRILL_WAIT_NS)


def _armed(*, standing_on: int = 1, **parameters: object) -> Timeline:
    """Return a timeline on which a drill waits for the next request of the robot."""
    t = Timeline(standing_on=standing_on, **parameters).drill()
    assert t.pending.pop(0) == ARMED
    return t


def test_a_request_that_is_due_falls_back_at_once_and_recovers_after_the_delay() -> None:
    t = Timeline().request().at_ms(40).drill()
    decision = t.expect_safe_move(DRILL)
    assert decision.time_to_decision_ns == 40 * NS_PER_MS
    assert (decision.bucket, decision.detail) == (Bucket.NONE, "an operator's drill")
    assert t.pending.pop(0) == DrillAnswered(robot_id=world.ROBOT, request_id="R-1")
    # The window that was open closes, and nothing comes of that: the recovery has its own time.
    t.at_ns((40 + RECOVERY_MS) * NS_PER_MS - 1).expect_nothing()
    recovery = t.at_ms(40 + RECOVERY_MS).expect_standby(DRILL)
    assert recovery.occasion is Occasion.RECOVERY
    t.at_ms(60_000).expect_nothing()
    counters = t.guard.counters
    assert (counters.drills, counters.decisions, counters.safe_moves) == (1, 1, 1)


@pytest.mark.parametrize("recovery", ["late_route", "none"])
def test_the_window_that_a_drill_closed_does_not_recover_when_its_time_comes(recovery: str) -> None:
    t = Timeline(recovery=recovery).request().at_ms(40).drill()
    t.expect_safe_move(DRILL)
    t.pending.clear()
    t.at_ms(60_000).expect_nothing()


def test_the_margin_learns_nothing_of_a_window_that_a_drill_closed() -> None:
    t = Timeline().request().at_ms(40)
    margin_ns, t.hand_over_ns = t.guard.margin.ns, 30 * NS_PER_MS
    for number in range(2, 40):
        t.drill().request(world.pick_request(f"R-{number}"))
    assert t.guard.margin.ns == margin_ns


@pytest.mark.parametrize("waited_ns", [0, DRILL_WAIT_NS - 1, DRILL_WAIT_NS])
def test_a_drill_waits_for_the_next_request_that_falls_due(waited_ns: int) -> None:
    t = _armed().at_ns(waited_ns).request()
    assert t.expect_safe_move(DRILL).time_to_decision_ns == 0
    t.request(world.pick_request("R-2")).answer(request_id="R-2").expect_route(request_id="R-2")


def test_a_drill_that_nobody_can_look_at_any_more_is_over() -> None:
    _armed().at_ns(DRILL_WAIT_NS + 1).request().answer().expect_route()


def test_a_drill_takes_the_place_of_a_route_that_is_staged() -> None:
    request = world.pick_request(on_due=True)
    t = Timeline().request(request).answer().drill()
    assert t.pending.pop(0) == ARMED
    t.due().expect_safe_move(DRILL)
    t.at_ms(RECOVERY_MS).expect_standby(DRILL)


def test_where_the_standby_route_is_the_fallback_it_is_what_a_drill_shows() -> None:
    t = _armed(standby_at_deadline=True).request()
    decision = t.expect_standby(DRILL)
    assert decision.occasion is Occasion.DUE
    t.at_ms(60_000).expect_nothing()
    assert t.guard.counters.drills == 1


def test_a_late_answer_recovers_from_a_drill_and_is_not_called_late() -> None:
    t = _armed(recovery="late_route").request()
    t.expect_safe_move(DRILL)
    assert t.answer().expect_route(DRILL).occasion is Occasion.RECOVERY


@pytest.mark.parametrize("standby_at_deadline", [False, True])
def test_drills_neither_latch_a_robot_nor_clear_what_counts_for_the_latch(
    *, standby_at_deadline: bool
) -> None:
    t = Timeline(latch_after=2, recovery="none", standby_at_deadline=standby_at_deadline)
    t.position(0.0, 0.0, lost=True)
    t.request().at_ms(WINDOW_MS).expect_safe_move(FailureMode.PLANNER_SILENT)
    t.on_node(1)
    for number in range(2, 6):
        t.drill().pending.clear()
        t.request(world.pick_request(f"R-{number}")).pending.clear()
        assert not t.guard.latched_robots
    assert t.guard.counters.drills == 4
    t.position(0.0, 0.0, lost=True)
    t.request(world.pick_request("R-9")).at_ms(2 * WINDOW_MS)
    t.expect_safe_move(FailureMode.PLANNER_SILENT, request_id="R-9")
    assert t.guard.latched_robots == (world.ROBOT,)


def test_a_latched_robot_is_not_drilled() -> None:
    t = Timeline(latch_after=1).request().at_ms(WINDOW_MS)
    t.expect_safe_move(FailureMode.PLANNER_SILENT)
    t.drill()
    answer = t.pending.pop(0)
    assert isinstance(answer, DrillAnswered)
    assert answer.obstacle
    t.expect_nothing().request(world.pick_request("R-2"))
    t.expect_safe_move(FailureMode.LATCHED, request_id="R-2")


@pytest.mark.parametrize("robot_id", ["", "nobody", "\x00", "\ud800", "x" * 1000])
def test_a_drill_of_a_robot_that_nobody_knows_does_nothing(robot_id: str) -> None:
    t = Timeline().drill(robot_id)
    answer = t.pending.pop(0)
    assert isinstance(answer, DrillAnswered)
    assert answer.obstacle
    assert len(answer.robot_id) < 100
    t.request().answer().expect_route()


def test_other_robots_are_not_drilled() -> None:
    t = Timeline().on_node(1, robot_id="picker_2").drill("picker_2")
    t.pending.clear()
    t.request().answer().expect_route()
