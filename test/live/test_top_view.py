# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What `fallback-guard top` draws: in any width, with hostile names, and without colour where that is asked for."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from fallback_guard.core.motion import MotionKind
from fallback_guard.live.board import GuardBoard
from fallback_guard.live.frame import GuardFrame, guard_frame
from fallback_guard.live.heard import DRILL, GuardCondition, Level, Part
from fallback_guard.tools import cli
from fallback_guard.tools.top_view import sparkline, top_view
from made import ROUTE, SAFE_MOVE, STATE, S, moved, planner, rung_values, status


def drawn(
    *frames: GuardFrame, columns: int = 100, encoding: str = "utf-8", height: int | None = None
) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=columns)
    console.print(top_view(frames, console=console, sort="robot", height=height))
    file.seek(0)
    return file.read()


def busy_board() -> GuardBoard:
    board = GuardBoard("hall_1")
    latched = frozenset({"picker_2"})
    board.take_state(replace(STATE, condition=GuardCondition.LATCHED, latched=latched), 0)
    board.take_decision(SAFE_MOVE, 0)
    board.take_decision(replace(SAFE_MOVE, robot_id="picker_2"), 0)
    board.take_decision(replace(SAFE_MOVE, robot_id="picker_3", failure_mode=DRILL), 0)
    board.take_decision(ROUTE, 0)
    board.take_motion(moved(MotionKind.SAFE_MOVE, robot_id="picker_2"), 0)
    board.take_status(status(Part.WATCHDOG, Level.ERROR), 0)
    board.take_status(planner(rung_values("a", "OPEN", rest_left_s="7.0")), 0)
    return board


def test_everything_that_matters_is_said() -> None:
    text = drawn(guard_frame(busy_board(), S))
    for said in (
        "hall_1",
        "LATCHED (picker_2)",
        "realtime priority 20",
        "watchdog ERROR said",
        "breaker OPEN for 7 s",
        "usable 70% of 10 calls",
        "148.0 ms",
        "HOLD LATCHED",
        "HOLD DRILL",
        "DRILL (drill)",
        "PLANNER_SILENT",
    ):
        assert said in text, said


def test_what_is_stale_is_shown_as_stale() -> None:
    text = drawn(guard_frame(busy_board(), 60 * S))
    assert "STALE, last heard 60 s ago; it was LATCHED" in text
    assert "watchdog STALE for 60 s" in text
    assert "not heard yet" in drawn(guard_frame(GuardBoard(""), 0))


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 140, 300])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    board = busy_board()
    board.take_decision(replace(SAFE_MOVE, robot_id="r" * 64, request_id="q" * 64), 0)
    text = drawn(guard_frame(board, S), columns=columns)
    assert max(map(len, text.splitlines())) <= columns
    assert ("left" in text) == (columns >= 60)


def test_names_are_no_markup_and_no_control_characters() -> None:
    board = GuardBoard("")
    board.take_state(replace(STATE, latched=frozenset({"[red]x[/red]"})), 0)
    board.take_status(planner(rung_values("a", source="[/]")), 0)
    text = drawn(guard_frame(board, 0))
    assert "[red]x[/red]" in text
    assert "([/])" in text


def test_a_terminal_without_unicode_gets_ascii() -> None:
    drawn(guard_frame(busy_board(), S), encoding="ascii").encode("ascii")


def test_a_long_fleet_leaves_room_in_the_terminal() -> None:
    board = busy_board()
    for count in range(200):
        board.take_decision(replace(ROUTE, robot_id=f"robot_{count}"), 0)
    text = drawn(guard_frame(board, S), height=30)
    assert len(text.splitlines()) <= 32
    assert "more robots" in text


def test_a_long_list_of_latched_robots_is_cut() -> None:
    board = GuardBoard("")
    board.take_state(replace(STATE, latched=frozenset(f"r{count}" for count in range(20))), 0)
    assert "r14, r15 and 12 more)" in drawn(guard_frame(board, 0), columns=200)


def test_no_colour_is_written_to_what_is_no_terminal() -> None:
    assert "\x1b" not in drawn(guard_frame(busy_board(), S))


def test_nothing_found_names_the_remedy() -> None:
    assert "--domain" in drawn()
    assert "--domain" in drawn(height=24)


def test_a_sparkline_shows_what_is_rare_too() -> None:
    assert sparkline((0, 1, 100)) == " ▁█"
    assert sparkline((0, 0)) == "  "


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--namespace", "a b"], "is no namespace"),
        (["--namespace", "a//b"], "is no namespace"),
        (["--domain", "233"], "0 to 232"),
        (["--domain", "one"], "0 to 232"),
        (["--interval", "0"], "0.1 to 600"),
        (["--wait", "nan"], "0 to 600"),
        (["--listen", "-1"], "0 to 600"),
        (["--sort", "colour"], "invalid choice"),
    ],
)
def test_what_cannot_be_used_is_refused(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["top", *arguments])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("domain", ["lots", "233", "-1", "9" * 5_000, "\u0663"])
def test_a_domain_that_is_none_names_the_remedy(
    domain: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", domain)
    assert cli.main(["top", "--once"]) == 2
    assert "--domain" in capsys.readouterr().err
