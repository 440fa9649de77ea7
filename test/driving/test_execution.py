# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How commands are carried out, as timelines."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from commands import EAST, LEASE_NS, command, points, safe_move
from fallback_guard.core.motion import SafeMoveKind
from fallback_guard.core.waypoint import Waypoint
from fallback_guard.driving.states import TRANSITIONS, Cause, State, after
from fallback_guard.driving.words import (
    CancelDriving,
    DriverAccepted,
    DriverBack,
    DriverFailed,
    DriverFinished,
    DriverGone,
    DriverHeard,
    DriverRefused,
    Event,
    GuardHeard,
    PoseLost,
    PoseMeasured,
    StartDriving,
    Stop,
    TimePassed,
)
from rig import CONFIG, MS, Rig

PICKED, UNREACHED = 1, 2


def driving(sequence: int = 1) -> Rig:
    """Return a rig on the way to the first pick, at x = 10."""
    rig = Rig().ready()
    rig.command(command(sequence))
    rig.say(DriverAccepted(goal=1))
    assert rig.execution.state is State.DRIVING
    return rig


def retreating() -> Rig:
    rig = Rig().ready()
    rig.command(safe_move(1, SafeMoveKind.RETREAT))
    rig.say(DriverAccepted(goal=1))
    assert rig.execution.state is State.DRIVING
    return rig


def test_it_stands_before_the_first_command() -> None:
    rig = Rig()
    assert rig.say(TimePassed(robot_ns=0)) == [Stop(on=True)]
    rig.ready()
    rig.wait(5_000)
    assert rig.effects == [Stop(on=True)]
    assert rig.execution.sequence == 0


def test_a_route_is_driven_from_pick_to_pick() -> None:
    rig = Rig().ready()
    rig.command(command(5))
    (first,) = rig.new(StartDriving)
    assert (first.sequence, first.x, first.y) == (5, 0.0, 0.0)
    assert [(point.x, point.y) for point in first.points] == [(10.0, 0.0)]
    assert rig.stands, "until the driver has said yes"
    assert rig.say(DriverAccepted(goal=first.goal)) == [Stop(on=False)]
    rig.wait(3_000)
    rig.reach(10.0)
    assert rig.stands
    rig.wait(950)
    assert rig.picked == []
    rig.wait(50)
    assert rig.picked == [(0, PICKED)]
    assert rig.new(StartDriving)[0].points[-1].x == 20.0
    rig.reach(20.1)
    rig.wait(1_000)
    rig.reach(29.9)
    assert rig.picked == [(0, PICKED), (1, PICKED)]
    assert rig.execution.state is State.HOLDING
    assert rig.stands
    assert len(rig.all(StartDriving)) == 3
    assert rig.all(CancelDriving) == []
    report = rig.effects[-1]
    assert report is not None
    rig.wait(10_000)
    assert len(rig.all(StartDriving)) == 3


def test_a_report_says_what_was_picked() -> None:
    rig = driving(9)
    rig.reach(10.0)
    rig.wait(1_000)
    (report,) = [effect for effect in rig.effects if type(effect).__name__ == "ReportPick"]
    assert (report.request_id, report.sequence, report.stop_index) == ("R-9", 9, 0)  # type: ignore[union-attr]
    assert report.stop == command(9).stops[0]  # type: ignore[union-attr]


def test_a_first_pick_where_it_stands_needs_no_driving() -> None:
    rig = Rig().ready(0.4, 0.0)
    rig.command(command(1, picks_at=(0, 0)))
    assert rig.all(StartDriving) == []
    assert rig.execution.state is State.PICKING
    rig.wait(1_000)
    assert rig.picked == [(0, PICKED)], "each takes its time"
    rig.wait(1_000)
    assert rig.picked == [(0, PICKED), (1, PICKED)]
    assert rig.goal == 1


@pytest.mark.parametrize("kind", [SafeMoveKind.HOLD, SafeMoveKind.CANCEL_AND_HOLD])
def test_a_safe_move_stops_the_wheels_before_anything_else(kind: SafeMoveKind) -> None:
    rig = driving()
    rig.wait(500)
    assert rig.command(safe_move(2, kind)) == [Stop(on=True), CancelDriving(goal=1)]
    assert rig.execution.sequence == 2
    rig.wait(20_000)
    assert rig.stands
    assert len(rig.all(StartDriving)) == 1


def test_a_cancel_is_repeated_until_the_driver_answers() -> None:
    rig = driving()
    rig.command(safe_move(2))
    rig.wait(1_950)
    assert rig.new(CancelDriving) == []
    rig.wait(50)
    assert rig.new(CancelDriving) == [CancelDriving(goal=1)]
    rig.wait(2_000)
    assert rig.new(CancelDriving) == [CancelDriving(goal=1)]
    rig.say(DriverFailed(goal=1, why="cancelled"))
    rig.wait(10_000)
    assert rig.new(CancelDriving) == []


def test_a_new_route_waits_until_the_old_goal_has_ended() -> None:
    rig = driving()
    assert rig.command(command(2)) == [Stop(on=True), CancelDriving(goal=1)]
    rig.wait(1_000)
    assert rig.new(StartDriving) == []
    rig.say(DriverFailed(goal=1, why="cancelled"))
    (start,) = rig.new(StartDriving)
    assert start.sequence == 2
    assert rig.execution.state is State.STARTING


def test_a_new_route_does_not_wait_for_ever_for_the_old_goal() -> None:
    rig = driving()
    rig.command(command(2))
    rig.wait(1_950)
    assert rig.new(StartDriving) == []
    rig.wait(50)
    (start,) = rig.new(StartDriving)
    assert (start.goal, start.sequence) == (2, 2)
    rig.say(DriverFinished(goal=1), DriverAccepted(goal=1), DriverFailed(goal=1, why="late"))
    assert rig.newest == [], "what an old goal says means nothing any more"


def test_a_command_that_does_not_rise_changes_nothing() -> None:
    rig = driving(5)
    for sequence in (0, 4, 5, 2**63):
        assert rig.command(safe_move(sequence)) == []
    assert rig.execution.state is State.DRIVING
    assert rig.execution.sequence == 5


@pytest.mark.parametrize(
    "broken",
    [
        command(2, 77),
        command(2, 0),
        replace(command(2), waypoints=()),
        command(2, places=[(nan, 0.0)], picks_at=()),
        safe_move(2, SafeMoveKind.NONE),
        replace(command(2), lease_ns=0),
        replace(command(2), lease_ns=-5),
    ],
)
def test_a_command_that_cannot_be_carried_out_is_a_stop(broken: object) -> None:
    rig = driving()
    rig.command(broken)  # type: ignore[arg-type]
    assert rig.newest[-2:] == [Stop(on=True), CancelDriving(goal=1)]
    assert rig.execution.sequence == 2
    rig.say(DriverFailed(goal=1, why="cancelled"))
    rig.wait(5_000)
    assert rig.goal == 1


# The lease


def test_the_end_of_the_lease_stops_and_is_said_once() -> None:
    rig = driving()
    rig.wait(1_000)
    rig.wait(500, guard=False)
    assert rig.driving
    rig.wait(50, guard=False)
    assert "no sign of life from the guard: holding" in rig.told
    assert rig.stands
    assert rig.all(CancelDriving) == [CancelDriving(goal=1)]
    rig.say(DriverFailed(goal=1, why="cancelled"))
    rig.wait(5_000)
    assert rig.goal == 1, "a guard that is back renews nothing"
    assert len([text for text in rig.told if "sign of life" in text]) == 1
    rig.command(command(2))
    assert rig.goal == 2


def test_any_event_shows_that_the_lease_has_run_out() -> None:
    rig = driving()
    rig.now_ns += LEASE_NS + 1
    rig.say(GuardHeard(heartbeat=999))
    assert rig.stands
    assert not rig.driving


def test_the_lease_runs_out_while_picking_and_while_waiting() -> None:
    rig = driving()
    rig.reach(10.0)
    rig.wait(1_000, guard=False)
    assert rig.picked == []
    assert rig.execution.state is State.HOLDING
    rig = Rig()
    rig.command(command(1))
    rig.wait(1_000, guard=False)
    rig.ready()
    assert rig.goal == 0


# The driver


def test_it_goes_on_from_where_it_is_when_the_driver_is_back() -> None:
    rig = driving()
    rig.say(PoseMeasured(x=1.9, y=0.1), PoseMeasured(x=3.5, y=0.1))
    rig.say(DriverGone())
    assert rig.stands
    assert not rig.driving
    rig.wait(60_000)
    assert rig.goal == 1
    rig.say(DriverBack())
    rig.say(DriverFailed(goal=1, why="unknown"))
    (start,) = rig.new(StartDriving)
    assert start.x == pytest.approx(3.5)
    assert start.y == 0.0
    assert [point.x for point in start.points] == [10.0]
    rig.reach(10.0)
    rig.wait(1_000)
    assert rig.picked == [(0, PICKED)]


def test_a_driver_that_is_back_is_told_again_what_was_cancelled() -> None:
    rig = driving()
    rig.command(safe_move(2))
    rig.say(DriverGone())
    assert rig.say(DriverBack()) == [CancelDriving(goal=1)]


def test_waypoints_that_were_passed_are_not_driven_to_again() -> None:
    rig = Rig().ready()
    rig.command(command(1, places=[(0, 0), (1, 0), (1, 1), (2, 1), (3, 1)], picks_at=(4,)))
    rig.say(DriverAccepted(goal=1))
    for place in ((0.9, 0.0), (1.0, 0.8), (1.2, 1.0), (2.4, 1.1)):
        rig.say(PoseMeasured(x=place[0], y=place[1]))
    rig.say(DriverFailed(goal=1, why="given up"))
    rig.wait(700)
    (start,) = rig.new(StartDriving)
    assert (start.x, start.y) == pytest.approx((2.4, 1.0))
    assert [(point.x, point.y) for point in start.points] == [(3, 1)]


@pytest.mark.parametrize(("ms", "stands"), [(1_450, False), (1_500, True)])
def test_a_silent_driver_is_not_trusted(ms: int, stands: bool) -> None:  # noqa: FBT001
    rig = driving()
    rig.wait(ms, heard=False)
    assert rig.stands is stands
    assert rig.driving is not stands


def test_a_driver_that_does_not_answer_is_asked_again_for_as_long_as_it_takes() -> None:
    rig = Rig().ready()
    rig.command(command(1))
    rig.wait(60_000, heard=False)
    assert rig.goal > 5
    assert rig.stands
    cancelled = {cancel.goal for cancel in rig.all(CancelDriving)}
    assert cancelled >= set(range(1, rig.goal))
    while not rig.driving:
        rig.wait(50, heard=False)
    rig.say(DriverAccepted(goal=rig.goal))
    assert not rig.stands


def test_a_driver_that_takes_no_goals_is_waited_for() -> None:
    """It has tried nothing, so that it cannot say whether the pick can be reached."""
    rig = driving()
    rig.say(DriverFailed(goal=1, why="deactivated"))
    rig.wait(700, heard=False)
    for attempt in range(2, 50):
        assert rig.goal == attempt
        assert rig.stands
        rig.say(DriverRefused(goal=attempt, why="inactive"))
        rig.wait(650, heard=False)
        assert rig.goal == attempt
        rig.wait(50, heard=False)
    assert rig.picked == []
    rig.say(DriverAccepted(goal=rig.goal))
    assert not rig.stands
    rig.reach(10.0)
    rig.wait(1_000)
    assert rig.picked == [(0, PICKED)]


def test_failures_are_tried_again_so_often_and_then_given_up() -> None:
    rig = driving()
    for attempt in (1, 2):
        rig.say(DriverFailed(goal=attempt, why="an obstacle"))
        assert rig.stands
        rig.wait(650)
        assert rig.goal == attempt
        rig.wait(50)
        assert rig.goal == attempt + 1
    rig.say(DriverFailed(goal=3, why="an obstacle"))
    assert rig.picked == [(0, UNREACHED)]
    assert rig.execution.state is State.HOLDING
    rig.wait(20_000)
    assert rig.goal == 3
    assert rig.picked == [(0, UNREACHED)]


def test_failures_are_counted_for_each_pick() -> None:
    rig = driving()
    for _ in range(2):
        rig.say(DriverFailed(goal=rig.goal, why="an obstacle"))
        rig.wait(700)
    rig.reach(10.0)
    rig.wait(1_000)
    for _ in range(2):
        rig.say(DriverFailed(goal=rig.goal, why="an obstacle"))
        rig.wait(700)
    rig.reach(20.0)
    rig.wait(1_000)
    assert rig.picked == [(0, PICKED), (1, PICKED)]


def test_an_end_without_picks_that_is_not_reached_is_reported_for_nothing() -> None:
    rig = Rig().ready()
    rig.command(command(1, picks_at=()))
    for _ in range(3):
        rig.say(DriverFailed(goal=rig.goal, why="no"))
        rig.wait(700)
    assert rig.execution.state is State.HOLDING
    assert rig.picked == []


@pytest.mark.parametrize(
    ("x", "reached"), [(9.49, False), (9.5, True), (10.5, True), (10.51, False)]
)
def test_an_arrival_is_believed_where_it_is_true(x: float, reached: bool) -> None:  # noqa: FBT001
    rig = driving()
    rig.reach(x)
    assert (rig.execution.state is State.PICKING) is reached
    rig.wait(1_000)
    assert (rig.picked == [(0, PICKED)]) is reached


def test_an_end_that_was_missed_is_driven_to_from_where_it_is() -> None:
    rig = driving()
    for x in (1.9, 3.8, 5.7, 7.6, 9.5):
        rig.say(PoseMeasured(x=x, y=0.0))
    rig.reach(10.7, 0.1)
    rig.wait(700)
    (start,) = rig.new(StartDriving)
    assert (start.x, start.y) == (10.7, 0.1)
    assert [(point.x, point.y) for point in start.points] == [(10.0, 0.0)]
    rig.reach(10.1)
    rig.wait(1_000)
    assert rig.picked == [(0, PICKED)]


# The pose


def test_without_a_pose_it_stands_and_goes_on_with_one() -> None:
    rig = driving()
    rig.say(PoseLost(why="no pose has come yet"))
    assert rig.stands
    rig.say(DriverFailed(goal=1, why="cancelled"))
    rig.wait(5_000)
    assert rig.goal == 1
    rig.say(PoseMeasured(x=2.0, y=0.0))
    assert rig.goal == 2


def test_a_pose_that_is_no_number_is_none() -> None:
    rig = driving()
    rig.say(PoseMeasured(x=nan, y=0.0))
    assert rig.stands
    assert not rig.driving


# Retreats


def test_a_retreat_is_driven_and_then_held() -> None:
    rig = retreating()
    (start,) = rig.all(StartDriving)
    assert start.points[-1].x == EAST[-1][0]
    rig.wait(3_000)
    rig.reach(30.0)
    assert rig.execution.state is State.HOLDING
    assert rig.stands
    assert rig.picked == []


@pytest.mark.parametrize(
    "trouble",
    [
        DriverRefused(goal=1, why="no"),
        DriverFailed(goal=1, why="no"),
        DriverFinished(goal=1),  # far from the refuge
        DriverGone(),
        PoseLost(why="no"),
    ],
)
def test_a_retreat_that_does_not_work_is_a_stop(trouble: Event) -> None:
    rig = retreating()
    rig.say(trouble)
    assert rig.stands
    assert rig.execution.state is State.HOLDING
    rig.say(DriverFailed(goal=1, why="cancelled"), DriverBack(), PoseMeasured(x=0.0, y=0.0))
    rig.wait(5_000)
    assert rig.goal == 1


def test_a_retreat_without_driver_or_pose_is_a_stop_at_once() -> None:
    for missing in (DriverGone(), PoseLost(why="no")):
        rig = Rig().ready()
        rig.say(missing)
        rig.command(safe_move(1, SafeMoveKind.RETREAT))
        assert rig.execution.state is State.HOLDING
        rig.ready()
        rig.wait(2_000)
        assert rig.goal == 0


@pytest.mark.parametrize(("ms", "stands"), [(29_950, False), (30_000, True)])
def test_a_retreat_that_takes_too_long_is_a_stop(ms: int, stands: bool) -> None:  # noqa: FBT001
    rig = retreating()
    rig.wait(ms)
    assert rig.stands is stands
    assert rig.driving is not stands


def test_a_retreat_whose_goal_is_not_answered_or_silent_is_a_stop() -> None:
    rig = Rig().ready()
    rig.command(safe_move(1, SafeMoveKind.RETREAT))
    rig.wait(2_000, heard=False)
    assert rig.execution.state is State.HOLDING
    assert not rig.driving
    rig = retreating()
    rig.wait(1_500, heard=False)
    assert rig.execution.state is State.HOLDING


# Clocks and limits


def test_a_pick_takes_the_robots_time() -> None:
    """A simulation at a tenth of real time takes ten times as long; one that jumps is not done by that."""
    rig = driving()
    rig.reach(10.0)
    robot_ns = rig.now_ns
    for step in range(1, 200):
        rig.now_ns += 50 * MS
        rig.heartbeat += 1
        robot_ns += 5 * MS
        rig.say(GuardHeard(heartbeat=rig.heartbeat), TimePassed(robot_ns=robot_ns))
        if step < 199:
            assert rig.picked == []
    rig.say(TimePassed(robot_ns=robot_ns - 10**12))
    assert rig.picked == []
    rig.say(TimePassed(robot_ns=robot_ns))
    assert rig.picked == [(0, PICKED)], "no step counts for more than a second"


def test_speed_limits_are_told_before_their_legs_and_taken_back_at_the_end() -> None:
    places = ((10.0, 0.0, None), (20.0, 0.0, 0.5), (30.0, 0.0, None))
    way = tuple(Waypoint(node=0, x=x, y=y, speed_limit_mps=limit) for x, y, limit in places)
    rig = Rig().ready()
    rig.command(replace(command(1, picks_at=()), waypoints=way))
    rig.say(DriverAccepted(goal=1))
    for x in (1.9, 3.8, 5.7, 7.6, 8.9):
        rig.say(PoseMeasured(x=x, y=0.0))
    assert rig.limits == [None]
    rig.say(PoseMeasured(x=9.1, y=0.0))
    assert rig.limits == [None, 0.5]
    for x in (11.0, 12.9, 14.8, 16.7, 18.6, 19.9):
        rig.say(PoseMeasured(x=x, y=0.0))
    assert rig.limits == [None, 0.5]
    rig.command(safe_move(2))
    assert rig.limits == [None, 0.5, None]


def test_a_driver_that_starts_anew_is_told_the_limit_again() -> None:
    rig = Rig().ready()
    rig.command(replace(command(1, picks_at=()), waypoints=points(EAST, 0.3)))
    rig.say(DriverAccepted(goal=1), DriverGone(), DriverBack(), DriverFailed(goal=1, why="gone"))
    rig.wait(700)
    assert rig.goal == 2
    assert rig.limits == [0.3, 0.3]


# The table


def test_every_state_can_be_reached_and_left_for_holding() -> None:
    reached = {State.HOLDING} | set(TRANSITIONS.values())
    assert reached == set(State)
    for state in State:
        assert after(state, Cause.TOLD_TO_HOLD) is State.HOLDING


def test_nothing_but_a_command_leads_out_of_holding() -> None:
    leaves = {
        cause
        for (state, cause), after_it in TRANSITIONS.items()
        if state is State.HOLDING and after_it is not State.HOLDING
    }
    assert leaves == {Cause.TOLD_TO_DRIVE}


def test_the_wheels_move_by_the_drivers_word_alone() -> None:
    assert [pair for pair, state in TRANSITIONS.items() if state is State.DRIVING] == [
        (State.STARTING, Cause.ACCEPTED)
    ]


def test_events_that_mean_nothing_change_nothing() -> None:
    rig = driving()
    for event in (
        DriverHeard(goal=0),
        DriverAccepted(goal=7),
        DriverFinished(goal=0),
        DriverFailed(goal=-1, why=""),
    ):
        assert rig.say(event) == []
    assert rig.execution.state is State.DRIVING
    assert CONFIG.failures_max == 2
