# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A run in parts, and the file that keeps those that are done, at its worst."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fallback_guard.pilot.parts import Done, PartsError, parts_of
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.tally import NAMES
from fleets import BAD, played

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = PilotSettings()


@pytest.mark.parametrize("picks", [1, 2, 3, 31, 2_999, 3_000, 3_001, 12_000])
def test_parts_come_to_what_was_asked_for(picks: int) -> None:
    parts = parts_of(picks, SETTINGS)
    plans = sum(part.total for part in parts)
    assert plans == -(-picks // 3)
    assert [part.number for part in parts] == list(range(len(parts)))
    for part in parts:
        assert max(part.plans.values()) - min(part.plans.values()) <= 1
        assert all(each > 0 for each in part.plans.values())


def kept(path: Path) -> Done:
    done = Done(BAD, path)
    done.open()
    return done


def test_what_is_done_is_there_again(tmp_path: Path) -> None:
    path, part = tmp_path / "parts.jsonl", parts_of(60, BAD)[0]
    tallies = played("guarded", plans=5)
    kept(path).add("guarded", part, tallies)
    again = kept(path)
    assert again.has("guarded", part)
    assert again.arms(["guarded"], [part])["guarded"] == tallies
    assert again.arms(["guarded", "unguarded"], [part]) == {"guarded": [], "unguarded": []}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "null",
        "[" * 5_000,
        '{"arm": "guarded"}',
        '{"arm": ["guarded"], "part": 0, "plans": 20, "robots": []}',
        '{"arm": "no_such", "part": 0, "plans": 20, "robots": [[1]]}',
        '{"arm": "guarded", "part": 0, "plans": true, "robots": [[1]]}',
        '{"arm": "guarded", "part": 0, "plans": 20, "robots": 7}',
        '{"arm": "guarded", "part": 0, "plans": 20, "robots": [[1, 2]]}',
        json.dumps({"arm": "guarded", "part": 0, "plans": 20, "robots": [["x"] * len(NAMES)]}),
        json.dumps({"arm": "guarded", "part": 0, "plans": 20, "robots": [[19] * len(NAMES)]}),
    ],
)
def test_a_line_that_is_no_part_is_played_again(tmp_path: Path, line: str) -> None:
    path, part = tmp_path / "parts.jsonl", parts_of(60, BAD)[0]
    kept(path)
    with path.open("a", encoding="utf-8") as file:
        file.write(line)  # Cut off: without an end.
    done = kept(path)
    assert not done.has("guarded", part)
    done.add("guarded", part, played("guarded", plans=5))
    assert kept(path).has("guarded", part), "what is added goes on a line of its own"


@pytest.mark.parametrize("held", [b"", b"\xff\xfe\n", b"{}\n", b"nothing of ours"])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "parts.jsonl"
    path.write_bytes(held)
    with pytest.raises(PartsError, match="--out"):
        kept(path)
    assert path.read_bytes() == held


def test_parts_of_other_settings_are_refused(tmp_path: Path) -> None:
    kept(tmp_path / "parts.jsonl")
    with pytest.raises(PartsError, match="another run"):
        Done(replace(BAD, seed=7), tmp_path / "parts.jsonl").open()
