# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is measured on timelines whose figures are known."""

from __future__ import annotations

import pytest

from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.testing import measures
from fallback_guard.testing.measures import Fault, NothingToMeasureError
from fallback_guard.testing.timeline import Answer, Timeline
from timelines import DECELERATION_MPS2, ROBOT, Script, ms, s


def stopping(script: Script, speed_mps: float, reaction_s: float) -> Fault:
    """Drive, let a request fall due at 2 s, brake after a while, and be released at 6 s."""
    script.drive(until_ns=s(2) + s(reaction_s), speed_mps=speed_mps)
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    script.brake()
    script.stand(until_ns=s(6))
    script.route("R-1", at_ns=s(6))
    (fault,) = measures.faults(script.timeline)
    return fault


@pytest.mark.parametrize("speed_mps", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("reaction_s", [0.16, 0.2, 0.6])
def test_the_time_to_stop_is_that_of_reacting_whatever_the_speed(
    speed_mps: float, reaction_s: float
) -> None:
    script = Script()
    fault = stopping(script, speed_mps, reaction_s)
    taken_s = measures.time_to_stop_s(script.timeline, fault, deceleration_mps2=DECELERATION_MPS2)
    assert taken_s == pytest.approx(reaction_s, abs=0.07)


def test_a_robot_that_brakes_gently_takes_longer() -> None:
    script = Script(deceleration_mps2=DECELERATION_MPS2 / 2)
    fault = stopping(script, 1.5, 0.16)
    taken_s = measures.time_to_stop_s(script.timeline, fault, deceleration_mps2=DECELERATION_MPS2)
    assert taken_s == pytest.approx(0.16 + 1.0, abs=0.08)


@pytest.mark.parametrize("released_s", [2.4, 2.8])
def test_a_robot_that_is_released_before_it_stands_is_timed_until_then(released_s: float) -> None:
    script = Script()
    script.falls_due("R-1", at_ns=s(2))
    script.drive(until_ns=s(2.2), speed_mps=2.0)
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    script.brake()
    script.drive(until_ns=s(5), speed_mps=1.0)
    script.route("R-1", at_ns=s(released_s))
    (fault,) = measures.faults(script.timeline)
    taken_s = measures.time_to_stop_s(script.timeline, fault, deceleration_mps2=DECELERATION_MPS2)
    assert taken_s == pytest.approx(0.2, abs=0.07)


def test_a_robot_that_is_released_and_has_not_braked_took_all_that_time() -> None:
    script = Script()
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    script.drive(until_ns=s(5), speed_mps=1.0)
    script.route("R-1", at_ns=s(4))
    (fault,) = measures.faults(script.timeline)
    taken_s = measures.time_to_stop_s(script.timeline, fault, deceleration_mps2=DECELERATION_MPS2)
    assert taken_s == pytest.approx(2.0, abs=0.07)


def test_a_robot_that_stands_has_taken_no_time() -> None:
    script = Script()
    script.stand(until_ns=s(2))
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    script.stand(until_ns=s(4))
    (fault,) = measures.faults(script.timeline)
    assert fault.until_ns is None
    assert measures.time_to_stop_s(script.timeline, fault, deceleration_mps2=1.5) == 0.0
    assert measures.hold_share(script.timeline, fault) == 1.0


def test_a_robot_that_never_stands_cannot_be_timed() -> None:
    script = Script()
    script.drive(until_ns=s(4), speed_mps=1.0)
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    (fault,) = measures.faults(script.timeline)
    with pytest.raises(NothingToMeasureError, match=f"{ROBOT} after R-1 .* not seen to stand"):
        measures.time_to_stop_s(script.timeline, fault, deceleration_mps2=1.5)
    with pytest.raises(NothingToMeasureError, match="not seen to hold"):
        measures.hold_share(script.timeline, fault)


def test_a_robot_that_creeps_does_not_hold() -> None:
    script = Script()
    script.stand(until_ns=s(2))
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    script.stand(until_ns=s(3))
    script.drive(until_ns=s(4), speed_mps=0.1)
    script.route("R-1", at_ns=s(4))
    (fault,) = measures.faults(script.timeline)
    assert measures.hold_share(script.timeline, fault) == pytest.approx(0.5, abs=0.05)


def test_what_nobody_saw_is_not_held() -> None:
    script = Script()
    script.stand(until_ns=s(2))
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    script.stand(until_ns=s(3))
    script.be_unseen(until_ns=s(4))
    script.stand(until_ns=s(4) + ms(80))
    (fault,) = measures.faults(script.timeline)
    assert measures.hold_share(script.timeline, fault) == pytest.approx(0.5, abs=0.05)


def test_a_retreat_is_obeyed_and_then_held_in_the_refuge() -> None:
    script = Script()
    script.stand(until_ns=s(2))
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150), kind=SafeMoveKind.RETREAT, refuge_x=2.0)
    script.stand(until_ns=s(2) + ms(200))
    script.takes_over()
    script.drive(until_ns=s(4) + ms(200), speed_mps=1.0)
    script.stand(until_ns=s(6))
    (fault,) = measures.faults(script.timeline)
    taken_s = measures.time_to_stop_s(script.timeline, fault, deceleration_mps2=1.5)
    assert taken_s == pytest.approx(0.24, abs=0.05)
    assert measures.hold_share(script.timeline, fault) == 1.0


def test_a_retreat_that_does_not_arrive_holds_nowhere() -> None:
    script = Script()
    script.stand(until_ns=s(2))
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150), kind=SafeMoveKind.RETREAT, refuge_x=20.0)
    script.stand(until_ns=s(4))
    (fault,) = measures.faults(script.timeline)
    with pytest.raises(NothingToMeasureError, match="not seen to hold"):
        measures.hold_share(script.timeline, fault)
    with pytest.raises(NothingToMeasureError, match="taken the command over"):
        measures.time_to_stop_s(script.timeline, fault, deceleration_mps2=1.5)


@pytest.mark.parametrize("says_numbers", [True, False])
def test_the_time_to_resume_is_until_the_robot_follows_a_route(*, says_numbers: bool) -> None:
    script = Script()
    script.stand(until_ns=s(2))
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    script.stand(until_ns=s(4))
    script.route("R-1", at_ns=s(4))
    if says_numbers:
        script.takes_over()
    script.stand(until_ns=s(4) + ms(400))
    script.drive(until_ns=s(5), speed_mps=1.0)
    (fault,) = measures.faults(script.timeline)
    taken_s = measures.time_to_resume_s(script.timeline, fault, s(3))
    assert taken_s == pytest.approx(1.0 if says_numbers else 1.4, abs=0.09)
    assert measures.time_to_resume_s(script.timeline, fault, s(9)) == 0.0, "before the cause's end"


def test_a_robot_that_is_not_released_has_not_resumed() -> None:
    script = Script()
    script.stand(until_ns=s(2))
    script.route("R-0", at_ns=s(1))
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    script.takes_over()
    script.stand(until_ns=s(4))
    (fault,) = measures.faults(script.timeline)
    with pytest.raises(NothingToMeasureError, match="no route has released it"):
        measures.time_to_resume_s(script.timeline, fault, s(2))
    script.route("R-2", at_ns=s(4))
    script.stand(until_ns=s(5))
    with pytest.raises(NothingToMeasureError, match="not seen to follow"):
        measures.time_to_resume_s(script.timeline, fault, s(2))


def test_a_silent_guard_is_a_fault_from_the_end_of_the_lease_on() -> None:
    script = Script()
    script.route("R-1", at_ns=s(1), lease_ns=ms(500))
    script.lives(until_ns=s(2))
    script.lives(from_ns=s(5), until_ns=s(6))
    script.route("R-2", at_ns=s(6))
    fault = measures.fault_of_silence(script.timeline, ROBOT, s(2))
    assert fault.since_ns == s(2) + ms(500)
    assert fault.until_ns == s(6)
    assert fault.safe_move is SafeMoveKind.NONE


def test_a_silence_without_a_guard_or_a_command_before_is_none() -> None:
    script = Script()
    script.lives(until_ns=s(2))
    with pytest.raises(NothingToMeasureError, match="no command was heard"):
        measures.fault_of_silence(script.timeline, ROBOT, s(2))
    with pytest.raises(NothingToMeasureError, match="no sign of life"):
        measures.fault_of_silence(Timeline(), ROBOT, s(2))


def test_a_robot_that_hears_a_route_before_the_observer_does_is_released() -> None:
    script = Script()
    script.stand(until_ns=s(2))
    script.falls_due("R-1", at_ns=s(2))
    script.safe_move("R-1", at_ns=s(2) + ms(150))
    script.takes_over()
    script.stand(until_ns=s(3))
    script.safe_move("R-2", at_ns=s(3), source="watchdog")
    script.takes_over()
    script.stand(until_ns=s(4))
    script.sequence += 1
    script.takes_over()
    script.drive(until_ns=s(5), speed_mps=1.0)
    (fault,) = measures.faults(script.timeline)
    assert fault.until_ns == s(4) + ms(40)
    assert measures.hold_share(script.timeline, fault) == 1.0


def test_a_request_that_was_answered_by_a_route_is_no_fault() -> None:
    script = Script()
    script.falls_due("R-1", at_ns=s(1))
    script.route("R-1", at_ns=s(1) + ms(20))
    script.falls_due("R-2", at_ns=s(2))
    assert measures.faults(script.timeline) == []


def test_a_safe_move_that_robots_ignore_is_no_fault() -> None:
    script = Script()
    script.falls_due("R-1", at_ns=s(1))
    script.route("R-1", at_ns=s(1) + ms(20), sequence=100)
    script.safe_move("R-1", at_ns=s(1) + ms(160), sequence=99)
    assert measures.faults(script.timeline) == []


def test_false_stops_are_those_of_valid_answers_in_time() -> None:
    script = Script()
    for number, heard_ms in enumerate((-500, 89, 90, 91, 149), 1):
        script.falls_due(f"R-{number}", at_ns=s(number))
        script.answer(f"R-{number}", at_ns=s(number) + ms(heard_ms))
        script.safe_move(f"R-{number}", at_ns=s(number) + ms(150))
    stops = measures.false_stops(script.timeline, valid)
    assert [key[1] for key in stops.stopped] == ["R-1", "R-2", "R-3"]
    assert stops.share == 1.0
    assert measures.false_stops(script.timeline, lambda _: False).answered == ()


def test_what_is_excused_or_failed_or_open_is_no_false_stop() -> None:
    script = Script()
    for name in ("latched", "failed", "open", "served"):
        script.falls_due(name, at_ns=script.now_ns + s(1))
        script.answer(name, at_ns=script.now_ns, failure="PLANNER_TIMEOUT" * (name == "failed"))
        script.now_ns += s(1)
    script.safe_move("latched", at_ns=s(5), reason="LATCHED")
    script.safe_move("failed", at_ns=s(5))
    script.route("served", at_ns=s(5))
    stops = measures.false_stops(script.timeline, valid)
    assert [key[1] for key in stops.answered] == ["served"]
    assert stops.share == 0.0
    assert measures.false_stops(Timeline(), valid).share == 0.0


def valid(answer: Answer) -> bool:
    assert not answer.failure, "only answers are judged"
    return True


def test_clocks_that_stand_still_or_go_back_do_no_harm() -> None:
    script = Script(stamps=False)
    fault = stopping(script, 1.5, 0.2)
    assert fault.safe_move is SafeMoveKind.HOLD
    taken_s = measures.time_to_stop_s(script.timeline, fault, deceleration_mps2=DECELERATION_MPS2)
    assert taken_s == pytest.approx(0.2, abs=0.07)


def test_a_lost_robot_is_not_where_it_says() -> None:
    script = Script()
    script.drive(until_ns=s(1), speed_mps=1.0, lost=True)
    assert list(measures.legs(script.timeline, ROBOT)) == []


def test_kinds_of_commands_are_told_apart() -> None:
    script = Script()
    script.route("R-1", at_ns=s(1))
    script.safe_move("R-2", at_ns=s(2))
    assert [each.kind for each in script.timeline.effective()] == [
        MotionKind.ROUTE,
        MotionKind.SAFE_MOVE,
    ]
