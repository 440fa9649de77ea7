# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a guard and its robots, and how a look at it reads."""

from __future__ import annotations

from dataclasses import asdict, replace

import orjson
import pytest

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.live.board import GuardBoard
from fallback_guard.live.boards import Boards
from fallback_guard.live.frame import SORTS, STATE_STALE_NS_MIN, STATUS_STALE_NS, guard_frame
from fallback_guard.live.heard import (
    DRILL,
    NAMESPACES_MAX,
    OTHER,
    ROBOTS_SHOWN_MAX,
    Level,
    Part,
    whose,
)
from fallback_guard.live.rates import SLOT_NS, SLOTS, Rates
from fallback_guard.live.rungs import RUNGS_SHOWN_MAX, number, read_rungs
from made import MS, REFUSAL, ROBOT, ROUTE, SAFE_MOVE, STATE, S, moved, planner, rung_values, status


def test_a_state_is_stale_one_step_after_the_bound() -> None:
    board = GuardBoard("")
    assert guard_frame(board, 0).state == "unheard"
    board.take_state(STATE, 7)
    assert not guard_frame(board, 7 + STATE_STALE_NS_MIN).stale
    assert guard_frame(board, 8 + STATE_STALE_NS_MIN).stale
    slow = replace(STATE, heartbeat=2, period_ns=S)
    board.take_state(slow, 7)
    assert not guard_frame(board, 7 + 3 * S).stale


def test_a_repeated_heartbeat_is_no_sign_of_life() -> None:
    """A guard that hangs in its publishing may say the same again and again."""
    board = GuardBoard("")
    board.take_state(STATE, 0)
    board.take_state(STATE, 10 * S)
    assert guard_frame(board, 10 * S).age_s == 10.0


def test_a_part_that_falls_silent_is_stale() -> None:
    board = GuardBoard("")
    board.take_status(status(Part.WATCHDOG), 0)
    assert guard_frame(board, STATUS_STALE_NS).parts["watchdog"].level == Level.OK.name
    assert guard_frame(board, STATUS_STALE_NS + 1).parts["watchdog"].level == Level.STALE.name
    assert guard_frame(board, 0).parts["planner"].level == "unheard"


def test_a_robot_tells_its_last_decision_with_what_was_left() -> None:
    board = GuardBoard("")
    board.take_decision(ROUTE, 0)
    board.take_decision(SAFE_MOVE, 1 * S)
    board.take_motion(moved(MotionKind.SAFE_MOVE), 1 * S)
    board.take_decision(REFUSAL, 2 * S)
    (robot,) = guard_frame(board, 3 * S).robots
    assert (robot.outcome, robot.safe_move, robot.failure_mode) == (
        "SAFE_MOVE",
        "HOLD",
        "PLANNER_SILENT",
    )
    assert (robot.age_s, robot.left_ms, robot.halted_s) == (2.0, 5.0, 2.0)
    assert (robot.decisions, robot.safe_moves, robot.refusals, robot.halts) == (2, 1, 1, 1)
    board.take_motion(moved(MotionKind.ROUTE), 4 * S)
    (robot,) = guard_frame(board, 5 * S).robots
    assert (robot.halted_s, robot.halted_total_s) == (None, 3.0)


def test_a_drill_is_marked_and_counts_for_nothing() -> None:
    board = GuardBoard("")
    board.take_decision(replace(SAFE_MOVE, failure_mode=DRILL), 0)
    board.take_motion(moved(MotionKind.SAFE_MOVE, reason=DRILL), 0)
    (robot,) = guard_frame(board, 1 * S).robots
    assert robot.drill
    assert (robot.decisions, robot.safe_moves, robot.halts) == (0, 0, 0)
    assert board.halting == 0
    # A real safe move within a drill is a halt from then on.
    board.take_motion(moved(MotionKind.SAFE_MOVE, reason="PLANNER_SILENT"), 2 * S)
    board.take_motion(moved(MotionKind.ROUTE), 5 * S)
    assert (board.halts, board.halted_until(9 * S)) == (1, 3 * S)


def test_robots_are_bounded_and_no_halt_is_lost() -> None:
    board = GuardBoard("")
    for count in range(ROBOTS_SHOWN_MAX + 5):
        board.take_motion(moved(MotionKind.SAFE_MOVE, robot_id=f"R{count}"), 0)
    assert len(board.robots) == ROBOTS_SHOWN_MAX
    assert board.halts == ROBOTS_SHOWN_MAX + 5
    before = board.halted_until(S)
    board.take_motion(moved(MotionKind.NONE, robot_id="one more"), S)
    assert board.halted_until(S) == before
    assert OTHER in board.robots


@pytest.mark.parametrize("sort", SORTS)
def test_robots_can_be_sorted(sort: str) -> None:
    board = GuardBoard("")
    board.take_decision(replace(ROUTE, robot_id="b"), 1)
    board.take_decision(replace(SAFE_MOVE, robot_id="a"), 2)
    board.take_decision(replace(ROUTE, robot_id="c", occasion=Occasion.RECOVERY), 3)
    board.take_motion(moved(MotionKind.SAFE_MOVE, robot_id="b"), 4)
    order = "".join(robot.robot_id for robot in guard_frame(board, 9, sort=sort).robots)
    assert (
        order == {"robot": "abc", "age": "cab", "left": "abc", "mode": "abc", "halted": "bac"}[sort]
    )


def test_a_look_is_json() -> None:
    board = GuardBoard("hall_1")
    board.take_state(STATE, 0)
    board.take_decision(SAFE_MOVE, 0)
    board.take_status(planner(rung_values("a")), 0)
    read = orjson.loads(orjson.dumps(asdict(guard_frame(board, 5 * MS))))
    assert read["rungs"][0]["breaker"] == "CLOSED"
    assert read["modes"][0] == {
        "mode": "PLANNER_SILENT",
        "bucket": "latency",
        "per_minute": 1,
        "slots": [0] * (SLOTS - 1) + [1],
    }


def test_rates_forget_what_is_over() -> None:
    rates = Rates()
    rates.count("a", 0)
    rates.count("a", SLOT_NS)
    assert rates.rates(SLOT_NS)["a"].per_minute == 2
    assert rates.rates(6 * SLOT_NS)["a"].per_minute == 1
    assert rates.rates((SLOTS - 1) * SLOT_NS)["a"].slots[:2] == (1, 1)
    assert rates.rates((SLOTS + 1) * SLOT_NS) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/guard_node: decisions", ("", Part.GUARD)),
        ("/hall/picker_1/planner_node: models", ("hall/picker_1", Part.PLANNER)),
        ("/guard_node: decisions/", None),
        ("guard_node", None),
        ("", None),
    ],
)
def test_a_status_belongs_to_a_guard_by_its_name(
    name: str, expected: tuple[str, Part] | None
) -> None:
    assert whose(name) == expected


def test_rungs_are_read_leniently_and_bounded() -> None:
    values = {"": "x", ".breaker": "OPEN", "no rung": "", "x.breaker": "BURNT"}
    for count in range(9):
        values |= rung_values(f"r{count}", calls="nan", latency_p95_ms="1e999", spent="-1")
    rungs = read_rungs(values)
    assert 0 < len(rungs) <= RUNGS_SHOWN_MAX
    assert {(rung.calls, rung.spent, rung.latency_p95_ms, rung.answered) for rung in rungs} == {
        (0, 0.0, 0.0, None)
    }
    (rung,) = read_rungs(rung_values("a"))
    assert rung.answered == 0.7
    assert [number(text) for text in ("1e15", "inf", "-0.1", "zero", "7.5")] == [0, 0, 0, 0, 7.5]


def test_guards_are_bounded() -> None:
    boards = Boards()
    added = [boards.add(f"n{count}") for count in range(NAMESPACES_MAX + 1)]
    assert added == [True] * NAMESPACES_MAX + [False]
    assert not boards.add("n0")
    boards.on_status(status(Part.GUARD, namespace="elsewhere"), 0)
    boards.on_decision("n0", ROUTE, 0)
    assert list(boards.by_namespace["n0"].robots) == [ROBOT]
