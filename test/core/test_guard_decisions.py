# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The one decision for each due request: when it comes, what it is, and what it says."""

from __future__ import annotations

import pytest

import world
from fallback_guard.core.effects import Clock, Effect, Occasion, SendMotion
from fallback_guard.core.events import PositionArrived
from fallback_guard.core.failure_modes import FAILURE_MODES, PLANNER_REPORTS, Bucket, FailureMode
from fallback_guard.core.limits import STAMP_AGE_NS_MAX
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.core.sequences import SEQUENCE_MAX
from fallback_guard.core.units import NS_PER_MS
from timeline import BEGAN_NS, WINDOW_MS, Timeline

WINDOW_NS = WINDOW_MS * NS_PER_MS
SILENT = FailureMode.PLANNER_SILENT


def test_a_silent_planner_ends_in_a_safe_move_when_the_window_closes() -> None:
    t = Timeline().request().expect_nothing()
    assert t.guard.next_wake_ns == BEGAN_NS + WINDOW_NS
    t.at_ns(WINDOW_NS - 1).expect_nothing()
    decision = t.at_ns(WINDOW_NS).expect_safe_move(SILENT)
    assert decision.time_to_decision_ns == WINDOW_NS
    assert decision.time_left_ns == decision.dispatch_margin_ns == 3 * NS_PER_MS
    assert decision.bucket is Bucket.LATENCY
    assert decision.clock is Clock.STAMP
    t.expect_nothing()
    counters = t.guard.counters
    assert (counters.requests, counters.decisions, counters.routes, counters.safe_moves) == (
        1,
        1,
        0,
        1,
    )
    assert counters.decisions_late == 0


@pytest.mark.parametrize("ns", [0, 1, 20 * NS_PER_MS, WINDOW_NS - 1])
def test_a_valid_answer_before_the_window_closes_is_driven(ns: int) -> None:
    t = Timeline().request().at_ns(ns).answer()
    decision = t.expect_route()
    assert decision.occasion is Occasion.DUE
    assert decision.time_to_decision_ns == ns
    assert decision.planning_ns == 1_234
    t.at_ms(5_000).expect_nothing()
    assert t.guard.counters.decisions == t.guard.counters.routes == 1


@pytest.mark.parametrize("ns", [WINDOW_NS, WINDOW_NS + 1])
def test_a_valid_answer_from_the_closing_on_is_late(ns: int) -> None:
    t = Timeline().request().at_ns(WINDOW_NS - 1)
    t.now_ns = BEGAN_NS + ns  # The timer and the answer come in the same step.
    t.answer()
    t.expect_safe_move(SILENT)
    decision = t.expect_route(FailureMode.PLANNER_LATE)
    assert decision.occasion is Occasion.RECOVERY
    t.at_ms(5_000).expect_nothing()


def test_a_guard_that_woke_late_says_so() -> None:
    t = Timeline(standing_on=None).request()
    t.hang_until_ms(151)
    t.reset().expect_safe_move(SILENT)
    assert t.guard.counters.decisions_late == 1


def test_exactly_at_the_deadline_is_not_late() -> None:
    t = Timeline(standing_on=None).request()
    t.hang_until_ms(150)
    assert t.reset().expect_safe_move(SILENT).time_left_ns == 0
    assert t.guard.counters.decisions_late == 0


def test_an_early_answer_is_staged_and_released_the_moment_the_request_falls_due() -> None:
    t = Timeline().request(world.pick_request(on_due=True)).at_ms(40).answer().expect_nothing()
    t.at_ms(60_003).expect_nothing()
    decision = t.due().expect_route()
    assert decision.time_to_decision_ns == 0
    t.at_ms(70_000).expect_nothing()


def test_the_first_of_two_valid_early_answers_stays() -> None:
    t = Timeline().request(world.pick_request(on_due=True))
    t.answer(source="llm:one").answer(source="llm:two").expect_nothing()
    t.due().expect_route(source="llm:one")
    t.expect_nothing()


def test_a_staged_route_is_not_driven_by_a_robot_that_stands_elsewhere() -> None:
    t = Timeline().request(world.pick_request(on_due=True)).answer().on_node(2)
    t.due().expect_refusal(FailureMode.START_OUT_OF_RANGE)
    t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.START_OUT_OF_RANGE)


@pytest.mark.parametrize(
    ("right_m", "up_m", "is_near"),
    [(0.0, 0.0, True), (0.5, 0.0, True), (0.0, -0.5, True), (0.51, 0.0, False), (0.0, 0.51, False)],
)
def test_how_far_from_its_first_node_a_robot_may_stand(
    right_m: float,
    up_m: float,
    is_near: bool,  # noqa: FBT001
) -> None:
    x, y = world.position_of(5)  # Away from the origin, where a sum is no difference.
    request = world.pick_request(start_node=5)
    t = Timeline().configure(start_tolerance_m=0.5).position(x + right_m, y + up_m)
    t.request(request).at_ms(10).answer()
    if is_near:
        t.expect_route()
    else:
        t.expect_refusal(FailureMode.START_OUT_OF_RANGE)


def test_a_robot_that_reaches_the_start_in_time_is_served_by_the_next_answer() -> None:
    t = Timeline().request(world.pick_request(on_due=True)).answer().on_node(2)
    t.due().expect_refusal(FailureMode.START_OUT_OF_RANGE)
    t.on_node(1).at_ms(100).answer().expect_route()


def test_what_was_wrong_with_the_last_answer_is_the_reason_for_the_safe_move() -> None:
    t = Timeline().request().at_ms(10).answer(b"").answer(b"```json\n{}\n```")
    assert t.expect_refusal(FailureMode.EMPTY).candidates_refused == 1
    assert t.expect_refusal(FailureMode.FENCED).candidates_refused == 2
    decision = t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.FENCED)
    assert decision.source == "llm:test"
    assert decision.attempt == 2
    assert decision.candidates_refused == 2
    assert decision.bucket is Bucket.SAFETY
    assert decision.vda5050_error == "VALIDATION_FAILURE"


def test_a_refused_answer_may_be_mended_in_time() -> None:
    t = Timeline().request().answer(b"{}").at_ms(50).answer()
    t.expect_refusal(FailureMode.SCHEMA)
    assert t.expect_route().candidates_refused == 1


@pytest.mark.parametrize(("failure", "mode"), sorted(PLANNER_REPORTS.items()))
def test_a_planner_may_say_why_it_has_no_answer(failure: str, mode: FailureMode) -> None:
    t = Timeline().request().answer(failure=failure)
    assert t.expect_refusal(mode).bucket is FAILURE_MODES[mode].bucket
    t.at_ms(WINDOW_MS).expect_safe_move(mode)


@pytest.mark.parametrize("failure", ["LATCHED", "INTERNAL_ERROR", "nonsense", "\ud800\x00" * 100])
def test_a_planner_may_not_say_anything_else(failure: str) -> None:
    t = Timeline().request().answer(failure=failure)
    t.expect_refusal(FailureMode.PLANNER_BAD_RESPONSE)


def test_a_failure_report_with_a_valid_route_is_still_a_failure() -> None:
    t = Timeline().request()
    t.answer(world.answer(t.requests["R-1"]), failure="PLANNER_TIMEOUT").expect_refusal(
        FailureMode.PLANNER_TIMEOUT
    )


# The clock


@pytest.mark.parametrize(
    ("stamp_age_ns", "clock", "counted_ns"),
    [
        (-1, Clock.ARRIVAL, 0),
        (0, Clock.STAMP, 0),
        (1, Clock.STAMP, 1),
        (STAMP_AGE_NS_MAX - 1, Clock.STAMP, STAMP_AGE_NS_MAX - 1),
        (STAMP_AGE_NS_MAX, Clock.STAMP, STAMP_AGE_NS_MAX),
        (STAMP_AGE_NS_MAX + 1, Clock.ARRIVAL, 0),
        (10**18, Clock.ARRIVAL, 0),
    ],
)
@pytest.mark.parametrize("on_due", [False, True])
def test_a_believable_stamp_starts_the_clock(
    stamp_age_ns: int, clock: Clock, counted_ns: int, *, on_due: bool
) -> None:
    t = Timeline()
    if on_due:
        t.request(world.pick_request(on_due=True), stamp_age_ns=33).at_ms(3).due(
            stamp_age_ns=stamp_age_ns
        )
    else:
        t.at_ms(3).request(stamp_age_ns=stamp_age_ns)
    closes_ns = 3 * NS_PER_MS + WINDOW_NS - counted_ns
    t.at_ns(closes_ns - 1).expect_nothing()
    decision = t.at_ns(closes_ns).expect_safe_move(SILENT)
    assert decision.clock is clock
    assert decision.time_to_decision_ns == WINDOW_NS


def test_a_clock_that_goes_back_is_taken_for_the_latest_time_seen() -> None:
    t = Timeline().request().at_ms(100)
    t.now_ns -= 90 * NS_PER_MS
    assert t.answer().expect_route().time_to_decision_ns == 100 * NS_PER_MS


# Which safe move


def _safe_move_of(t: Timeline, kind: SafeMoveKind) -> tuple[int, ...]:
    t.request()
    t.silent_robot().at_ms(t.elapsed_ns() // NS_PER_MS + WINDOW_MS)
    motion = t.expect_safe_move_kind(SILENT, kind)
    assert motion.safe_move_target == (motion.waypoints[-1].node if motion.waypoints else 0)
    return tuple(point.node for point in motion.waypoints)


def test_where_waiting_is_allowed_the_robot_holds() -> None:
    assert _safe_move_of(Timeline(standing_on=1), SafeMoveKind.HOLD) == ()


def test_where_waiting_blocks_others_the_robot_retreats() -> None:
    assert _safe_move_of(Timeline(standing_on=3), SafeMoveKind.RETREAT) == (3, 5)


def test_between_nodes_the_robot_holds() -> None:
    assert _safe_move_of(Timeline().position(20.0, 0.51), SafeMoveKind.HOLD) == ()


def test_within_the_tolerance_it_is_on_the_node() -> None:
    assert _safe_move_of(Timeline().position(20.0, 0.5), SafeMoveKind.RETREAT) == (3, 5)


@pytest.mark.parametrize(
    ("x", "y", "lost"),
    [
        (0.0, 0.0, True),
        (float("nan"), 0.0, False),
        (0.0, float("nan"), False),
        (float("nan"), float("nan"), False),
        (float("inf"), 0.0, False),
        (0.0, float("-inf"), False),
        (1_000_000.1, 0.0, False),
        (0.0, 1e160, False),
        (1.7e308, -1.7e308, False),
    ],
)
def test_a_position_that_means_nothing_replaces_a_good_one(
    x: float, y: float, *, lost: bool
) -> None:
    t = Timeline(standing_on=1).position(x, y, lost=lost).expect_nothing()
    assert _safe_move_of(t, SafeMoveKind.CANCEL_AND_HOLD) == ()


def test_a_position_that_cannot_be_used_is_no_position(monkeypatch: pytest.MonkeyPatch) -> None:
    t = Timeline(standing_on=1)
    with monkeypatch.context() as patch:
        patch.setattr("fallback_guard.core.network.Network.nearest_node", _broken)
        t.position(0.0, 0.0).expect_refusal(FailureMode.INTERNAL_ERROR)
    assert _safe_move_of(t, SafeMoveKind.CANCEL_AND_HOLD) == ()


def _broken(*_args: object, **_named: object) -> None:
    raise ZeroDivisionError("broken for the test")


def test_a_robot_that_never_said_where_it_is_cancels() -> None:
    assert _safe_move_of(Timeline(standing_on=None), SafeMoveKind.CANCEL_AND_HOLD) == ()


@pytest.mark.parametrize(
    ("age_ns", "kind"),
    [
        (999_999_999, SafeMoveKind.HOLD),
        (10**9, SafeMoveKind.HOLD),
        (10**9 + 1, SafeMoveKind.CANCEL_AND_HOLD),
    ],
)
def test_a_position_is_believed_up_to_its_age(age_ns: int, kind: SafeMoveKind) -> None:
    t = Timeline(standing_on=1).silent_robot().at_ns(age_ns - WINDOW_NS).request().at_ns(age_ns)
    t.expect_safe_move_kind(SILENT, kind)


@pytest.mark.parametrize(
    ("node", "mode"), [(None, FailureMode.POSITION_UNKNOWN), (2, FailureMode.START_OUT_OF_RANGE)]
)
def test_a_route_from_elsewhere_is_refused(node: int | None, mode: FailureMode) -> None:
    t = Timeline(standing_on=node).request().answer()
    t.expect_refusal(mode)
    t.at_ms(WINDOW_MS).expect_safe_move(mode)


@pytest.mark.parametrize(("y", "accepted"), [(0.49, True), (0.5, True), (0.51, False)])
def test_how_far_from_the_start_a_robot_may_stand(y: float, *, accepted: bool) -> None:
    t = Timeline().position(0.0, y).request().answer()
    if accepted:
        t.expect_route()
    else:
        t.expect_refusal(FailureMode.START_OUT_OF_RANGE)


# The standby route at the deadline


def test_the_standby_route_may_be_driven_at_the_deadline_instead() -> None:
    t = Timeline(standby_at_deadline=True).request().at_ns(WINDOW_NS - 1).expect_nothing()
    decision = t.at_ns(WINDOW_NS).expect_standby(SILENT)
    assert (decision.occasion, decision.outcome) == (Occasion.DUE, MotionKind.ROUTE)
    t.at_ms(5_000).expect_nothing()
    assert t.guard.counters.safe_moves == 0


def test_but_only_by_a_robot_that_stands_at_its_start() -> None:
    t = Timeline(standby_at_deadline=True, standing_on=2).request()
    t.at_ms(WINDOW_MS).expect_safe_move(SILENT)


def test_and_not_for_a_request_that_cannot_be_served() -> None:
    t = Timeline(standby_at_deadline=True).request(world.pick_request(items=()))
    t.expect_safe_move(FailureMode.BAD_REQUEST)


# What configures it


def test_a_shorter_window_follows_from_the_parameters() -> None:
    t = Timeline(deadline_ms=100, dispatch_margin_ms=40, dispatch_margin_ms_max=40).request()
    t.at_ms(59).expect_nothing()
    assert t.at_ms(60).expect_safe_move(SILENT).time_left_ns == 40 * NS_PER_MS


def test_parameters_that_change_hold_from_the_next_decision_on() -> None:
    t = Timeline().request().configure(standby_at_deadline=True)
    t.at_ms(WINDOW_MS).expect_standby(SILENT)


def test_a_capacity_that_shrank_is_kept() -> None:
    t = Timeline().request().configure(capacity_pieces=5).answer()
    t.expect_refusal(FailureMode.OVER_CAPACITY)


def test_sequence_numbers_rise_with_time() -> None:
    from fallback_guard.core.guard import Guard  # noqa: PLC0415  # only here is one made by hand

    t = Timeline()
    t.guard = Guard(config=t.config, warehouse=world.warehouse(), sequence_base=41)
    t.step(PositionArrived(robot_id=world.ROBOT, x=0.0, y=0.0))
    assert t.request().answer().expect_route().sequence == 41 + BEGAN_NS // 1_000
    t.at_ms(500).request(world.pick_request("R-2")).answer(request_id="R-2")
    assert t.expect_route(request_id="R-2").sequence == 41 + (BEGAN_NS + 500 * NS_PER_MS) // 1_000


def test_sequence_numbers_stay_above_what_the_robot_has_taken_over() -> None:
    t = Timeline()
    t.step(PositionArrived(robot_id=world.ROBOT, x=0.0, y=0.0, sequence=10**17))
    assert t.request().answer().expect_route().sequence == 10**17 + 1


@pytest.mark.parametrize("absurd", [SEQUENCE_MAX + 1, 2**64 - 1])
def test_an_absurd_number_from_a_robot_is_ignored(absurd: int) -> None:
    t = Timeline()
    t.step(PositionArrived(robot_id=world.ROBOT, x=0.0, y=0.0, sequence=absurd))
    assert t.request().answer().expect_route().sequence == BEGAN_NS // 1_000


def test_the_lease_and_the_way_are_in_the_motion() -> None:
    t = Timeline(lease_ms=321).request().answer()
    motion = _only_motion(t.pending)
    assert motion.motion.lease_ns == 321 * NS_PER_MS
    assert [point.node for point in motion.motion.waypoints] == [1, 2, 3, 4, 3, 2, 1]
    assert [point.speed_limit_mps for point in motion.motion.waypoints] == [
        None,
        None,
        1.0,
        None,
        None,
        1.0,
        None,
    ]
    assert [(stop.bin, stop.node, stop.waypoint_index) for stop in motion.motion.stops] == [
        ("A-1", 2, 1),
        ("A-2", 2, 1),
        ("C-1", 4, 3),
    ]


def _only_motion(effects: list[Effect]) -> SendMotion:
    (motion,) = (effect for effect in effects if isinstance(effect, SendMotion))
    return motion


@pytest.mark.parametrize(
    ("changed", "mode"),
    [
        ({"capacity_pieces": 5}, FailureMode.OVER_CAPACITY),
        ({"capacity_pieces": 6}, None),
        ({"pick_time_s": 600.0, "detour_factor": 1.0}, None),
    ],
)
def test_a_staged_route_is_judged_again_by_parameters_that_changed(
    changed: dict[str, object], mode: FailureMode | None
) -> None:
    t = Timeline().request(world.pick_request(on_due=True)).answer().configure(**changed).due()
    if mode is None:
        t.expect_route()
    else:
        t.expect_refusal(mode)
        t.at_ms(WINDOW_MS).expect_safe_move(mode)
