# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a due request was served, one step below a threshold, at it, and one above."""

from __future__ import annotations

import pytest

from day import Day, at
from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_S
from fallback_guard.reporting.episodes import Verdict
from fallback_guard.reporting.facts import DRILL, WATCHDOG, Robot, Span
from fallback_guard.reporting.halts import halts
from fallback_guard.reporting.objective import objective


def verdict(day: Day) -> Verdict:
    (episode,) = day.episodes()
    return episode.verdict


@pytest.mark.parametrize(
    ("taken_ms", "expected"),
    [(0.1, Verdict.SERVED), (149.9, Verdict.SERVED), (150, Verdict.LATE), (150.1, Verdict.LATE)],
)
def test_a_route_is_served_where_time_was_left(taken_ms: float, expected: Verdict) -> None:
    day = Day()
    day.due("R-1", 1_000)
    day.decided("R-1", 1_000, taken_ms)
    assert verdict(day) is expected


@pytest.mark.parametrize(
    ("route_ms", "expected"),
    [(1_999, Verdict.SERVED), (2_000, Verdict.SERVED), (2_001, Verdict.HALTED)],
)
def test_a_halt_is_served_where_a_route_follows_within_two_seconds(
    route_ms: float, expected: Verdict
) -> None:
    day = Day()
    day.due("R-1", 1_000)
    day.decided("R-1", 1_000, 140, mode="TRUNCATED")
    day.decided(
        "R-1", 1_000, route_ms, mode="TRUNCATED", occasion=Occasion.RECOVERY, source="standby"
    )
    assert verdict(day) is expected


def test_a_newer_requests_route_serves_as_well() -> None:
    day = Day()
    day.due("R-1", 1_000)
    day.decided("R-1", 1_000, 5, mode="OVERTAKEN", bucket=1)
    day.due("R-2", 1_001)
    day.decided("R-2", 1_001, 50)
    assert [each.verdict for each in day.episodes()] == [Verdict.SERVED, Verdict.SERVED]


def test_who_is_answered_by_the_watchdog_or_by_nobody_is_unanswered() -> None:
    day = Day()
    day.due("R-1", 1_000)
    day.decided("R-1", 1_000, 160, mode="GUARD_SILENT", source=WATCHDOG)
    day.due("R-2", 5_000)
    assert [each.verdict for each in day.episodes()] == [Verdict.UNANSWERED] * 2


def test_where_the_watchdog_spoke_first_the_guards_own_decision_changes_nothing() -> None:
    day = Day()
    day.due("R-1", 1_000)
    day.decided("R-1", 1_000, 160, mode="GUARD_SILENT", source=WATCHDOG)
    day.decided("R-1", 1_000, 170, mode="PLANNER_SILENT", bucket=1)
    assert verdict(day) is Verdict.UNANSWERED


def test_a_drill_counts_in_nothing() -> None:
    day = Day()
    day.due("R-1", 1_000)
    day.decided("R-1", 1_000, 5, mode=DRILL, bucket=0)
    day.due("R-2", 20_000)
    day.decided("R-2", 20_000, 5)
    found = day.episodes()
    assert [each.verdict for each in found] == [Verdict.DRILL, Verdict.SERVED]
    judged = objective(found, end_ns=at(60_000))
    assert (judged.due, judged.bad, judged.availability) == (1, 0, 1.0)


@pytest.mark.parametrize(
    ("due_ms", "expected"), [(59_500, Verdict.OPEN), (58_000, Verdict.UNANSWERED)]
)
def test_what_the_end_of_the_recording_leaves_open_is_not_judged(
    due_ms: float, expected: Verdict
) -> None:
    day = Day()
    day.due("R-1", due_ms)
    assert verdict(day) is expected


def test_a_decision_whose_due_was_not_recorded_is_an_episode_too() -> None:
    day = Day()
    day.decided("R-1", 1_000, 5)
    (episode,) = day.episodes()
    assert (episode.due_ns, episode.verdict) == (at(1_000), Verdict.SERVED)


def test_a_stranger_that_the_guard_refused_was_not_due() -> None:
    day = Day()
    day.due("R-1", 1_000, Robot("/", "somebody"))
    day.decided(
        "R-1",
        1_000,
        0,
        mode="UNKNOWN_ROBOT",
        occasion=Occasion.REFUSAL,
        source="",
        robot=Robot("/", "somebody"),
    )
    assert verdict(day) is Verdict.REFUSED


def test_an_id_that_comes_again_is_another_request() -> None:
    day = Day(until_ms=600_000)
    for due_ms in (1_000, 300_000):
        day.due("R-1", due_ms)
        day.decided("R-1", due_ms, 5)
        day.answered("R-1", due_ms - 500)
    found = day.episodes()
    assert [len(each.answers) for each in found] == [1, 1]
    assert [each.command.at_ns for each in found if each.command] == [at(1_005), at(300_005)]


def test_robots_of_two_guards_with_one_name_are_two() -> None:
    day = Day()
    for namespace in ("/left", "/right"):
        day.material.spans[namespace] = [Span(at(0), at(60_000))]
        day.due("R-1", 1_000, Robot(namespace, "picker_1"))
    day.decided("R-1", 1_000, 5, robot=Robot("/left", "picker_1"))
    found = {each.robot.namespace: each.verdict for each in day.episodes()}
    assert found == {"/left": Verdict.SERVED, "/right": Verdict.UNANSWERED}


def test_a_route_whose_command_was_not_recorded_is_one_all_the_same() -> None:
    day = Day()
    day.due("R-1", 1_000)
    day.decided("R-1", 1_000, 5, is_moved=False)
    assert verdict(day) is Verdict.SERVED


def test_a_version_that_tells_no_time_left_is_judged_by_the_time_it_took() -> None:
    day = Day()
    for name, due_ms, taken_ms in (("R-1", 1_000, 5), ("R-2", 5_000, 151)):
        day.due(name, due_ms)
        day.decided(name, due_ms, taken_ms)
    told = [decision._replace(left_ns=-1) for decision in day.material.decisions]
    day.material.decisions[:] = told
    assert [each.verdict for each in day.episodes()] == [Verdict.SERVED, Verdict.LATE]


# Halts


def test_a_safe_move_that_was_sent_a_moment_before_the_recording_began_is_a_halt() -> None:
    day = Day()
    day.moved("R-1", -2, MotionKind.SAFE_MOVE, "TRUNCATED")
    day.moved("R-1", 998, MotionKind.ROUTE)
    day.material.commands[0] = day.material.commands[0]._replace(sequence=0)
    (halt,) = halts(day.material.commands, day.material.spans)
    assert (halt.lasted_ns, halt.is_over) == (NS_PER_S, True)


def test_a_halt_lasts_from_the_first_safe_move_to_the_next_route() -> None:
    day = Day()
    day.moved("R-1", 1_000, MotionKind.SAFE_MOVE, "TRUNCATED")
    day.moved("R-2", 2_000, MotionKind.SAFE_MOVE, "FENCED")
    day.moved("R-2", 4_000, MotionKind.ROUTE)
    (halt,) = halts(day.material.commands, day.material.spans)
    assert (halt.reason, halt.lasted_ns, halt.is_over) == ("TRUNCATED", 3 * NS_PER_S, True)


def test_a_halt_ends_where_nothing_more_was_recorded() -> None:
    day = Day()
    day.material.spans["/"] = [Span(at(0), at(5_000)), Span(at(50_000), at(60_000))]
    day.moved("R-1", 1_000, MotionKind.SAFE_MOVE, "TRUNCATED")
    day.moved("R-2", 55_000, MotionKind.ROUTE)
    (halt,) = halts(day.material.commands, day.material.spans)
    assert (halt.lasted_ns, halt.is_over) == (4 * NS_PER_S, False)


def test_a_failure_during_a_drill_is_a_halt_from_there_on() -> None:
    day = Day()
    day.moved("R-1", 1_000, MotionKind.SAFE_MOVE, DRILL)
    day.moved("R-2", 2_000, MotionKind.SAFE_MOVE, "TRUNCATED")
    day.moved("R-2", 2_500, MotionKind.ROUTE)
    first, second = halts(day.material.commands, day.material.spans)
    assert (first.is_drill, first.lasted_ns) == (True, NS_PER_S)
    assert (second.is_drill, second.lasted_ns) == (False, NS_PER_S // 2)


def test_a_command_that_the_robot_ignores_ends_no_halt() -> None:
    day = Day()
    day.moved("R-1", 2_000, MotionKind.SAFE_MOVE, "TRUNCATED")
    old = day.material.commands[0]._replace(kind=MotionKind.ROUTE, sequence=1, at_ns=at(3_000))
    day.material.commands.append(old)
    (halt,) = halts(day.material.commands, day.material.spans)
    assert not halt.is_over


# The objective


def test_the_budget_is_used_up_by_one_in_a_thousand() -> None:
    day = Day(until_ms=2_000_000)
    for number in range(1_000):
        day.due(f"R-{number}", 1_000 * number)
        day.decided(f"R-{number}", 1_000 * number, 160 if number == 500 else 5)
    judged = objective(day.episodes(), end_ns=at(2_000_000))
    assert judged.availability == pytest.approx(0.999)
    assert judged.budget_left == pytest.approx(0.0)
    assert judged.bins[-1].budget_left == pytest.approx(0.0)
    assert sum(each.bad for each in judged.bins) == 1
    rates = {each.window: each.rate for each in judged.burns}
    assert rates["28 d"] == pytest.approx(1.0)


def test_nothing_due_is_judged_as_nothing() -> None:
    judged = objective([], end_ns=at(0))
    assert (judged.availability, judged.budget_left, judged.bins) == (None, 1.0, [])
