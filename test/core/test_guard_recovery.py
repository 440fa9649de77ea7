# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""After the safe move: late routes, the standby route, newer requests, the latch."""

from __future__ import annotations

import pytest

import world
from fallback_guard.core.effects import LatchReset, Occasion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import REQUESTS_REMEMBERED_MAX
from fallback_guard.core.motion import SafeMoveKind
from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from timeline import WINDOW_MS, Timeline

RECOVERY_MS = WINDOW_MS + 1_000
SILENT = FailureMode.PLANNER_SILENT


def _halted(*, standing_on: int = 1, **parameters: object) -> Timeline:
    """Return a timeline on which request R-1 has just been answered with the safe move."""
    t = Timeline(standing_on=standing_on, **parameters).request().at_ms(WINDOW_MS)
    t.expect_safe_move(SILENT)
    return t


def _next(t: Timeline, request_id: str) -> Timeline:
    """Let another request arrive, and its window close."""
    t.request(world.pick_request(request_id))
    return t.at_ms(t.elapsed_ns() // NS_PER_MS + WINDOW_MS)


def test_the_standby_route_follows_after_the_delay() -> None:
    t = _halted().at_ns(RECOVERY_MS * NS_PER_MS - 1).expect_nothing()
    decision = t.at_ns(RECOVERY_MS * NS_PER_MS).expect_standby(SILENT)
    assert decision.occasion is Occasion.RECOVERY
    assert decision.time_to_decision_ns == RECOVERY_MS * NS_PER_MS
    t.at_ms(60_000).expect_nothing()
    assert t.guard.counters.recoveries == 1
    assert t.guard.counters.decisions == 1


@pytest.mark.parametrize("delay_ms", [0, 1, 60_000])
def test_the_delay_is_a_parameter(delay_ms: int) -> None:
    t = Timeline(recovery_delay_ms=delay_ms).request().at_ms(WINDOW_MS)
    t.expect_safe_move(SILENT)
    t.expect_nothing()  # Never in the step of a decision, which must not wait for it.
    if delay_ms:
        t.at_ns((WINDOW_MS + delay_ms) * NS_PER_MS - 1).expect_nothing()
    t.at_ms(WINDOW_MS + max(1, delay_ms)).expect_standby(SILENT)
    t.at_ms(WINDOW_MS + delay_ms + 10_000).expect_nothing()


def test_a_late_route_comes_first_where_it_can() -> None:
    t = _halted().at_ms(RECOVERY_MS - 1).answer()
    assert t.expect_route(FailureMode.PLANNER_LATE).occasion is Occasion.RECOVERY
    t.at_ms(60_000).answer().expect_refusal(FailureMode.STALE)
    t.expect_nothing()


def test_a_late_bad_answer_does_not_keep_the_standby_route_away() -> None:
    t = _halted().answer(b"{")
    t.expect_refusal(FailureMode.TRUNCATED)
    t.at_ms(RECOVERY_MS).expect_standby(SILENT)


@pytest.mark.parametrize(
    ("recovery", "accepted"), [("standby", True), ("late_route", True), ("none", False)]
)
def test_which_recoveries_take_a_late_route(recovery: str, *, accepted: bool) -> None:
    t = _halted(recovery=recovery).at_ms(WINDOW_MS + 1).answer()
    if accepted:
        t.expect_route(FailureMode.PLANNER_LATE)
    else:
        t.expect_refusal(FailureMode.STALE)
    t.expect_nothing()


@pytest.mark.parametrize("recovery", ["late_route", "none"])
def test_which_recoveries_never_send_the_standby_route(recovery: str) -> None:
    _halted(recovery=recovery).at_ms(120_000).expect_nothing()


def test_a_recovery_waits_until_the_robot_stands_on_a_node() -> None:
    t = _halted().position(5.0, 0.0).at_ms(RECOVERY_MS).expect_nothing()
    t.position(5.0, 0.0, lost=True).at_ms(RECOVERY_MS + 3_000).expect_nothing()
    t.on_node(2).at_ms(RECOVERY_MS + 3_199).expect_nothing()
    t.at_ms(RECOVERY_MS + 3_200).expect_standby(SILENT)


def test_a_recovery_starts_where_the_retreat_ended() -> None:
    t = Timeline(standing_on=3).request().at_ms(WINDOW_MS)
    t.expect_safe_move_kind(SILENT, SafeMoveKind.RETREAT)
    t.on_node(5).at_ms(RECOVERY_MS).expect_standby(SILENT)


def test_a_robot_that_no_way_leads_from_recovers_once_it_stands_elsewhere() -> None:
    t = _halted().on_node(7).at_ms(60_000).expect_nothing()
    t.on_node(1).at_ms(60_999).expect_nothing()
    t.at_ms(61_000).expect_standby(SILENT)


# Newer requests


def test_no_recovery_once_a_newer_request_was_accepted() -> None:
    t = _halted().at_ms(500).request(world.pick_request("R-2", on_due=True))
    t.at_ms(501).answer(request_id="R-1").expect_refusal(FailureMode.STALE)
    t.at_ms(60_000).expect_nothing()


def test_nor_where_the_newer_one_was_accepted_while_the_window_was_open() -> None:
    t = Timeline().request().at_ms(100).request(world.pick_request("R-2", on_due=True))
    t.at_ms(WINDOW_MS).expect_safe_move(SILENT)
    t.answer(request_id="R-1").expect_refusal(FailureMode.STALE)
    t.at_ms(60_000).expect_nothing()


def test_nor_where_a_fault_closed_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    t = Timeline().request().at_ms(100).request(world.pick_request("R-2", on_due=True))
    with monkeypatch.context() as patch:
        patch.setattr(t.guard._ground, "safe_move", None)
        t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.INTERNAL_ERROR)
    t.answer(request_id="R-1").expect_refusal(FailureMode.STALE)


def test_a_newer_request_does_not_take_an_older_ones_decision_away() -> None:
    t = Timeline().request().at_ms(100).request(world.pick_request("R-2", on_due=True))
    t.at_ms(WINDOW_MS - 1).answer(request_id="R-1").expect_route()
    t.at_ms(60_000).expect_nothing()


@pytest.mark.parametrize("newer", ["new", "staged", "unknown", "bad"])
def test_requests_are_decided_in_the_order_in_which_they_fall_due(newer: str) -> None:
    """What still waits is decided first: a robot that wants something newer must not be sent after it."""
    t = Timeline(standby_at_deadline=True)
    if newer == "staged":
        t.request(world.pick_request("R-2", on_due=True)).answer(request_id="R-2")
    t.request().at_ms(100)
    if newer in ("staged", "unknown"):
        t.due("R-2")
    else:
        items = () if newer == "bad" else None
        t.request(world.pick_request("R-2", items=items))
    t.expect_safe_move(FailureMode.OVERTAKEN)
    if newer == "staged":
        t.expect_route(request_id="R-2")
    elif newer == "new":
        t.answer(request_id="R-1").expect_refusal(FailureMode.STALE)
        t.answer(request_id="R-2").expect_route(request_id="R-2")
    else:
        mode = FailureMode.UNKNOWN_REQUEST if newer == "unknown" else FailureMode.BAD_REQUEST
        t.expect_safe_move(mode, request_id="R-2")
    t.at_ms(60_000).expect_nothing()
    assert t.guard.counters.decisions == 2


def test_what_was_overtaken_does_not_latch() -> None:
    t = Timeline(latch_after=1).request().request(world.pick_request("R-2"))
    t.expect_safe_move(FailureMode.OVERTAKEN)
    assert t.guard.latched_robots == ()
    t.answer(request_id="R-2").expect_route(request_id="R-2")


def test_another_robots_request_overtakes_nothing() -> None:
    t = Timeline().request().at_ms(100).request(world.pick_request("R-2", "picker_2"))
    t.answer(request_id="R-1").expect_route()


def test_a_request_that_cannot_be_served_supersedes_too() -> None:
    t = _halted().request(world.pick_request("R-2", items=()))
    t.expect_safe_move(FailureMode.BAD_REQUEST, request_id="R-2")
    t.at_ms(60_000).expect_nothing()


def test_a_due_request_that_never_came_supersedes_too() -> None:
    t = _halted().due("R-2")
    t.expect_safe_move(FailureMode.UNKNOWN_REQUEST, request_id="R-2")
    t.at_ms(60_000).expect_nothing()


def test_another_robots_request_supersedes_nothing() -> None:
    t = _halted().request(world.pick_request("R-2", "picker_2", on_due=True))
    t.at_ms(RECOVERY_MS).expect_standby(SILENT)


def test_a_forgotten_request_is_not_recovered() -> None:
    t = _halted(recovery_delay_ms=60_000)
    for number in range(REQUESTS_REMEMBERED_MAX):
        t.due(f"X-{number}").expect_safe_move(FailureMode.UNKNOWN_REQUEST, request_id=f"X-{number}")
    t.request(world.pick_request("R-2", on_due=True))
    t.at_ms(120_000).expect_nothing()


# The latch


def _latched(*, standing_on: int = 1, **parameters: object) -> Timeline:
    """Return a timeline after two safe moves in a row, the number that latches it."""
    t = _halted(standing_on=standing_on, latch_after=2, **parameters)
    assert not t.guard.latched_robots
    _next(t, "R-2").expect_safe_move(SILENT, request_id="R-2")
    assert t.guard.latched_robots == (world.ROBOT,)
    return t


@pytest.mark.parametrize("latch_after", [1, 2, 5])
def test_the_latch_falls_with_exactly_so_many_safe_moves_in_a_row(latch_after: int) -> None:
    t = Timeline(latch_after=latch_after)
    for number in range(1, latch_after + 1):
        assert not t.guard.latched_robots
        _next(t, f"R-{number}").expect_safe_move(SILENT, request_id=f"R-{number}")
    assert t.guard.latched_robots == (world.ROBOT,)


def test_a_route_in_time_begins_the_count_anew() -> None:
    t = _halted(latch_after=2)
    t.request(world.pick_request("R-2")).answer(request_id="R-2").expect_route(request_id="R-2")
    _next(t, "R-3").expect_safe_move(SILENT, request_id="R-3")
    assert not t.guard.latched_robots


def test_a_recovery_does_not() -> None:
    t = _halted(latch_after=2).answer()
    t.expect_route(FailureMode.PLANNER_LATE)
    _next(t, "R-2").expect_safe_move(SILENT, request_id="R-2")
    assert t.guard.latched_robots == (world.ROBOT,)


def test_a_latched_robot_gets_no_route_of_any_kind() -> None:
    t = _latched(standby_at_deadline=False)
    t.answer(request_id="R-2").expect_refusal(FailureMode.LATCHED)
    t.at_ms(10_000).expect_nothing()
    t.request(world.pick_request("R-3")).expect_safe_move(FailureMode.LATCHED, request_id="R-3")
    t.answer(request_id="R-3").expect_refusal(FailureMode.LATCHED)
    t.at_ms(20_000).expect_nothing()


def test_not_even_the_standby_route_at_the_deadline() -> None:
    t = _latched(standing_on=2, standby_at_deadline=True, recovery="none")
    t.on_node(1).request(world.pick_request("R-3")).expect_safe_move(
        FailureMode.LATCHED, request_id="R-3"
    )


def test_nor_one_that_was_staged_before() -> None:
    t = (
        _halted(latch_after=2)
        .request(world.pick_request("R-2", on_due=True))
        .answer(request_id="R-2")
    )
    t.expect_nothing()
    t.request(world.pick_request("R-3")).at_ms(500).expect_safe_move(SILENT, request_id="R-3")
    t.due("R-2").expect_safe_move(FailureMode.LATCHED, request_id="R-2")


def test_other_robots_are_not_latched() -> None:
    t = _latched().on_node(1, robot_id="picker_2")
    t.request(world.pick_request("R-1", "picker_2"))
    t.step_answer_for("picker_2").expect_route()


@pytest.mark.parametrize("robot_id", ["", world.ROBOT])
def test_a_reset_lets_routes_through_again_and_the_standby_route_follows(robot_id: str) -> None:
    t = _latched().at_ms(30_000).reset(robot_id)
    assert t.pending.pop(0) == LatchReset((world.ROBOT,))
    assert not t.guard.latched_robots
    t.at_ns(31 * NS_PER_S - 1).expect_nothing()
    t.at_ns(31 * NS_PER_S).expect_standby(SILENT, request_id="R-2")
    t.request(world.pick_request("R-3")).answer(request_id="R-3").expect_route(request_id="R-3")


def test_the_count_begins_anew_after_a_reset() -> None:
    t = _latched().reset()
    t.pending.clear()
    _next(t, "R-3").expect_safe_move(SILENT, request_id="R-3")
    assert not t.guard.latched_robots


@pytest.mark.parametrize("robot_id", ["picker_2", "nobody", "\x00", "x" * 1000])
def test_a_reset_for_another_robot_resets_nothing(robot_id: str) -> None:
    t = _latched().reset(robot_id)
    assert t.pending.pop(0) == LatchReset(())
    assert t.guard.latched_robots == (world.ROBOT,)


def test_a_flapping_latch_sends_no_second_recovery() -> None:
    t = _halted(latch_after=1)
    for _ in range(5):  # Every reset plans the same recovery.
        t.reset()
    t.pending.clear()
    t.at_ms(RECOVERY_MS + RECOVERY_MS).expect_standby(SILENT)
    t.at_ms(60_000).expect_nothing()


def test_a_robot_that_was_latched_is_recovered_after_the_reset() -> None:
    t = _halted(latch_after=1)
    t.at_ms(60_000).expect_nothing()
    t.reset()
    assert t.pending.pop(0) == LatchReset((world.ROBOT,))
    t.at_ms(61_000).expect_standby(SILENT)


@pytest.mark.parametrize("standby_at_deadline", [False, True])
def test_a_route_in_time_begins_the_count_of_safe_moves_anew(*, standby_at_deadline: bool) -> None:
    """The planner's as well as the standby route that is released at the deadline."""
    t = Timeline(latch_after=2, recovery="none", standby_at_deadline=standby_at_deadline)
    t.position(0.0, 0.0, lost=True)
    t.request(world.pick_request("R-1")).at_ms(WINDOW_MS)
    t.expect_safe_move(FailureMode.PLANNER_SILENT, request_id="R-1")
    t.on_node(1).request(world.pick_request("R-2"))
    if standby_at_deadline:
        t.at_ms(2 * WINDOW_MS).expect_standby(FailureMode.PLANNER_SILENT, request_id="R-2")
    else:
        t.answer(request_id="R-2").expect_route(request_id="R-2")
    t.position(0.0, 0.0, lost=True)
    for number, latched in ((3, ()), (4, (world.ROBOT,))):
        t.request(world.pick_request(f"R-{number}")).at_ms(number * WINDOW_MS)
        t.expect_safe_move(FailureMode.PLANNER_SILENT, request_id=f"R-{number}")
        assert t.guard.latched_robots == latched
