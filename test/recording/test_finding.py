# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Recordings are found wherever they are named, each once, and what is none is refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from fallback_guard.core.unusable import UnusableError
from fallback_guard.recording import finding
from fallback_guard.recording.finding import recordings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two recorders' folders, with what else gathers in one."""
    for name in ("b/2.mcap", "b/1.mcap", "a/1.mcap", "a/notes.txt"):
        path = tmp_path / "robots" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "robots/a/folder.mcap").mkdir()
    (tmp_path / "robots/a/lost.mcap").symlink_to("nowhere")
    return tmp_path / "robots"


def test_a_folder_stands_for_all_that_is_below_it_by_name(folder: Path) -> None:
    found = recordings([folder])
    assert [str(path.relative_to(folder)) for path in found] == ["a/1.mcap", "b/1.mcap", "b/2.mcap"]


def test_what_is_named_twice_counts_once(folder: Path) -> None:
    (folder / "again.mcap").symlink_to("a/1.mcap")
    named = [folder / "b/2.mcap", folder / "again.mcap", folder]
    assert [path.name for path in recordings(named)] == ["2.mcap", "1.mcap", "1.mcap"]


def test_a_file_may_have_any_name(folder: Path) -> None:
    assert recordings([folder / "a/notes.txt"]) == [folder / "a/notes.txt"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "is not there; name recordings of recorder_node"),
        ("robots/a/folder.mcap", "holds no recordings (*.mcap); name a directory"),
        ("/dev/null", "is no file and no directory; name recordings"),
    ],
)
def test_what_is_no_recording_is_refused(folder: Path, name: str, said: str) -> None:
    with pytest.raises(UnusableError) as refusal:
        recordings([folder, folder.parent / name])
    assert said in str(refusal.value)


def test_too_many_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "FILES_MAX", 3)
    assert len(recordings([folder])) == 3
    (folder / "one_more.mcap").touch()
    with pytest.raises(UnusableError, match="4 files are more than 3; name fewer"):
        recordings([folder])
