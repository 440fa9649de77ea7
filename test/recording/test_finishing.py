# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A recording that was cut off anywhere can be finished, and then opens everywhere."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import mcap.reader
import pytest

from fallback_guard.recording.finishing import finish_recording, is_finished
from fallback_guard.recording.reading import Ending
from fallback_guard.recording.recorder import RETRY_NS, Recorder
from tapes import BATCHES, CHANNELS, ENDS, FILE, HEAD_BYTES, RIGHT, config, read_bytes

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_cut_off_anywhere_can_be_finished_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "recording.mcap"
    # Each costs a sync of the disk: every third, and around each batch's end.
    ends = (end + beside for end in ENDS for beside in (-1, 0, 1))
    for size in sorted({*range(HEAD_BYTES, len(FILE), 3), *ends}):
        path.write_bytes(FILE[:size])
        before, _ = read_bytes(FILE[:size])
        assert not is_finished(path)
        assert finish_recording(path), size
        assert is_finished(path)
        assert read_bytes(path.read_bytes()) == (before, Ending.COMPLETE), size
        with path.open("rb") as stream:
            reader = mcap.reader.make_reader(stream, validate_crcs=True)
            read = [each.data for _, _, each in reader.iter_messages(log_time_order=False)]
            of_one = sum(1 for _ in reader.iter_messages(topics=[RIGHT.topic]))
        assert read == [each.data for each in before], size
        assert of_one == sum(each.topic == RIGHT.topic for each in before), size
        if len(before) == sum(map(len, BATCHES)):
            assert path.read_bytes() == FILE, "as if it had never been cut off"


def test_what_is_finished_damaged_or_foreign_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "recording.mcap"
    foreign = FILE.replace(b"fallback_guard recorder", b"a recorder of somebody ")
    for data, is_complete in (
        (FILE, True),
        (b"", False),
        (FILE[:5], False),
        (b"something else", False),
        (FILE[: ENDS[0]] + b"\0" * 100, False),
        (foreign[: len(FILE) // 2], False),
    ):
        path.write_bytes(data)
        assert finish_recording(path) is is_complete
        assert path.read_bytes() == data


def test_a_fault_while_finishing_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "recording.mcap"
    path.write_bytes(FILE[: len(FILE) // 2])
    before, _ = read_bytes(path.read_bytes())

    def fail(fd: int, data: bytes, at: int) -> int:  # noqa: ARG001  # os.pwrite's
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        with pytest.raises(OSError, match="No space"):
            finish_recording(path)
    assert read_bytes(path.read_bytes()) == (before, Ending.CUT_OFF)
    assert finish_recording(path)


def test_a_recorder_finishes_what_the_last_one_left(tmp_path: Path) -> None:
    path = tmp_path / "recording_000001_20260101T000000Z.mcap"
    path.write_bytes(FILE[: len(FILE) // 2])
    before, _ = read_bytes(path.read_bytes())
    recorder = Recorder(config(tmp_path), CHANNELS)
    recorder.turn(RETRY_NS, 0)
    recorder.close(RETRY_NS, 0)
    assert read_bytes(path.read_bytes()) == (before, Ending.COMPLETE)
