# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Each assertion holds where it has to, and fails where it has to, with a message that helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fallback_guard.core.effects import Occasion
from fallback_guard.testing import checks
from fallback_guard.testing.checks import CheckError
from fallback_guard.testing.measures import NothingToMeasureError
from fallback_guard.testing.timeline import Timeline
from timelines import ROBOT, Script, ms, s


@pytest.fixture
def stopped() -> Script:
    """Return a robot at 1.5 m/s that is told to hold at 2 s, does so, and is released at 6 s."""
    script = Script()
    script.falls_due("R-1", at_ns=s(2))
    script.drive(until_ns=s(2) + ms(160), speed_mps=1.5)
    script.safe_move("R-1", at_ns=s(2) + ms(149))
    script.decided("R-1", at_ns=s(2) + ms(150))
    script.brake()
    script.takes_over()
    script.stand(until_ns=s(6))
    script.route("R-1", at_ns=s(6))
    script.decided("R-1", at_ns=s(6), occasion=Occasion.RECOVERY)
    script.takes_over()
    script.drive(until_ns=s(7), speed_mps=1.0)
    return script


def test_a_good_run_passes_everything(stopped: Script) -> None:
    timeline = stopped.timeline
    fault = checks.the_fault_of(timeline, ROBOT, "R-1")
    checks.assert_one_decision_each(timeline)
    checks.assert_sequences_rise(timeline)
    checks.assert_answered_within(timeline)
    assert 0.1 < checks.assert_stops(timeline, fault, deceleration_mps2=1.5) < 0.25
    assert checks.assert_holds(timeline, fault) == 1.0
    assert checks.assert_resumes(timeline, fault, s(5) + ms(500)) == pytest.approx(0.5, abs=0.1)
    assert checks.assert_no_false_stops(timeline, lambda _: True) == 0


def test_stopping_late_fails(stopped: Script) -> None:
    fault = checks.the_fault_of(stopped.timeline, ROBOT, "R-1")
    with pytest.raises(CheckError, match=r"picker_1 \(R-1 fell due .*\) took 0\.\d+ s to stop"):
        checks.assert_stops(stopped.timeline, fault, deceleration_mps2=1.5, s_max=0.1)


def test_creeping_fails(stopped: Script) -> None:
    fault = checks.the_fault_of(stopped.timeline, ROBOT, "R-1")
    for number, position in enumerate(stopped.timeline.positions):
        if s(5) < position.heard_ns < s(5.5):
            stopped.timeline.positions[number] = replace(
                position, x=position.x + 0.01 * (number - 125)
            )
    with pytest.raises(
        CheckError, match=r"held 8\d\.\d+% .* at least 99.*: 3\.\d\d to 3\.\d\d s at 0\.25 m/s"
    ):
        checks.assert_holds(stopped.timeline, fault)


def test_resuming_late_fails(stopped: Script) -> None:
    fault = checks.the_fault_of(stopped.timeline, ROBOT, "R-1")
    with pytest.raises(CheckError, match=r"took 2\.\d+ s to resume"):
        checks.assert_resumes(stopped.timeline, fault, s(4))


def test_a_valid_answer_that_is_stopped_fails(stopped: Script) -> None:
    stopped.answer("R-1", at_ns=s(1))
    with pytest.raises(CheckError, match=r"1 of 1 .* R-1 of picker_1"):
        checks.assert_no_false_stops(stopped.timeline, lambda _: True)
    assert checks.assert_no_false_stops(stopped.timeline, lambda _: True, share_max=1.0) == 1


def test_an_answer_that_comes_late_fails(stopped: Script) -> None:
    with pytest.raises(CheckError, match=r"R-1 of picker_1 took 149\.0 ms"):
        checks.assert_answered_within(stopped.timeline, 148.0)
    stopped.falls_due("R-2", at_ns=s(7))
    with pytest.raises(CheckError, match="R-2 of picker_1 has no command"):
        checks.assert_answered_within(stopped.timeline)
    checks.assert_answered_within(stopped.timeline, may_be_open=[(ROBOT, "R-2")])


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (lambda script: script.decided("R-1", at_ns=s(7)), "R-1 of picker_1 has DUE .*; DUE"),
        (lambda script: script.decided("R-1", at_ns=s(7), source="watchdog"), "by watchdog"),
        (lambda script: script.decided("R-9", at_ns=s(7)), "R-9 .* did not fall due"),
        (lambda script: script.falls_due("R-2", at_ns=s(7)), "R-2 of picker_1 has none"),
    ],
)
def test_not_one_decision_fails(
    stopped: Script, spoilt: Callable[[Script], object], says: str
) -> None:
    spoilt(stopped)
    with pytest.raises(CheckError, match=says):
        checks.assert_one_decision_each(stopped.timeline)


def test_what_may_be_is_not_counted(stopped: Script) -> None:
    stopped.decided("R-1", at_ns=s(7), source="watchdog")
    stopped.falls_due("R-2", at_ns=s(7))
    checks.assert_one_decision_each(
        stopped.timeline, may_be_open=[(ROBOT, "R-2")], may_be_doubled=True
    )
    stopped.decided("R-1", at_ns=s(7), source="watchdog")
    with pytest.raises(CheckError, match="R-1"):
        checks.assert_one_decision_each(
            stopped.timeline, may_be_open=[(ROBOT, "R-2")], may_be_doubled=True
        )


def test_an_open_request_that_was_decided_twice_fails(stopped: Script) -> None:
    stopped.decided("R-1", at_ns=s(7))
    with pytest.raises(CheckError, match="R-1"):
        checks.assert_one_decision_each(stopped.timeline, may_be_open=[(ROBOT, "R-1")])


def test_nothing_heard_is_not_nothing_wrong() -> None:
    with pytest.raises(CheckError, match="no request fell due"):
        checks.assert_one_decision_each(Timeline())
    with pytest.raises(CheckError, match="no command was heard"):
        checks.assert_sequences_rise(Timeline())


@pytest.mark.parametrize(("number", "says"), [(2, "has 2, after 2 of R-1"), (1, "used 2 times")])
def test_numbers_that_do_not_rise_fail(stopped: Script, number: int, says: str) -> None:
    stopped.safe_move("R-2", at_ns=s(7), sequence=number)
    with pytest.raises(CheckError, match=says):
        checks.assert_sequences_rise(stopped.timeline)


def test_the_watchdog_numbers_by_when_requests_fell_due(stopped: Script) -> None:
    stopped.route("R-2", at_ns=s(7), sequence=100)
    stopped.safe_move("R-2", at_ns=s(7), sequence=50, source="watchdog")
    checks.assert_sequences_rise(stopped.timeline)
    stopped.safe_move("R-3", at_ns=s(7), sequence=100, source="watchdog")
    with pytest.raises(CheckError, match="100 of picker_1 is used 2 times"):
        checks.assert_sequences_rise(stopped.timeline)


def test_a_route_is_no_fault() -> None:
    script = Script()
    with pytest.raises(NothingToMeasureError, match="was not due and was told none"):
        checks.the_fault_of(script.timeline, ROBOT, "R-1")
    script.falls_due("R-1", at_ns=s(1))
    script.route("R-1", at_ns=s(1))
    with pytest.raises(NothingToMeasureError, match="it fell due and was told ROUTE"):
        checks.the_fault_of(script.timeline, ROBOT, "R-1")


def test_a_long_list_is_cut() -> None:
    script = Script()
    for number in range(50):
        script.falls_due(f"R-{number}", at_ns=s(number + 1))
    with pytest.raises(
        CheckError, match="50, the last of them R-45 of picker_1 has none"
    ) as caught:
        checks.assert_one_decision_each(script.timeline)
    assert len(str(caught.value)) < 400
