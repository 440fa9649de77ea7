# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The recorder on a timeline: what it keeps, what it drops and says so, and how it comes back after a fault."""

from __future__ import annotations

import errno
import os
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.core.parameters import ParameterError
from fallback_guard.core.units import NS_PER_S
from fallback_guard.recording.config import BYTES_PER_MIB, MESSAGE_MARGIN_BYTES
from fallback_guard.recording.reading import Ending
from fallback_guard.recording.recorder import RETRY_NS, DirectoryError, Recorder
from fallback_guard.recording.waiting import OVERHEAD_BYTES, Waiting
from tapes import CHANNELS, LEFT, RIGHT, config, read_all, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WALL_NS: Final = 1_790_000_000 * NS_PER_S
START_NS: Final = 77_777


class Tape:
    """A recorder with a clock of its own."""

    def __init__(self, directory: Path, **given: object) -> None:
        self.directory = directory
        self.recorder = Recorder(config(directory, **given), CHANNELS)
        self.now_ns = START_NS
        self.offered: list[bytes] = []

    def offer(self, data: bytes, topic: str = LEFT.topic) -> bool:
        if taken := self.recorder.offer(topic, data, log_ns=WALL_NS, publish_ns=WALL_NS - 1):
            self.offered.append(data)
        return taken

    def turn(self, later_ns: int = 0) -> None:
        self.now_ns += later_ns
        self.recorder.turn(self.now_ns, WALL_NS)

    def close(self) -> None:
        self.recorder.close(self.now_ns, WALL_NS)

    @property
    def synced(self) -> int:
        return sum(self.recorder.progress.synced.values())

    @property
    def on_disk(self) -> list[bytes]:
        return [each.data for each in read_all(self.directory)]


@pytest.fixture
def tape(tmp_path: Path) -> Iterator[Tape]:
    """Return a recorder into an empty directory."""
    opened = Tape(tmp_path)
    yield opened
    opened.close()


def test_what_is_vouched_for_is_on_disk(tape: Tape) -> None:
    for number in range(10):
        tape.offer(b"%d" % number, LEFT.topic if number % 2 else RIGHT.topic)
        assert tape.synced == number
        tape.turn()
        assert tape.synced == number + 1
        assert tape.on_disk == tape.offered
    assert tape.recorder.progress.messages_waiting == 0


def test_a_closed_recording_is_complete(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.offer(b"last words")
    tape.close()
    (path,) = tmp_path.glob("*.mcap")
    messages, ending = read_bytes(path.read_bytes())
    assert [each.data for each in messages] == [b"last words"]
    assert ending is Ending.COMPLETE
    assert (messages[0].log_ns, messages[0].publish_ns) == (WALL_NS, WALL_NS - 1)


def test_nothing_recorded_leaves_nothing(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.turn()
    tape.close()
    assert list(tmp_path.iterdir()) == []


Fault = int
"""The number of an error of the operating system."""


def failing(number: Fault, partly: int = 0) -> Callable[[int, bytes], int]:
    """Return a system call that writes a part at the first call, and then fails."""
    write, calls = os.write, count(1)

    def fail(fd: int, data: bytes = b"", *_: object) -> int:
        if next(calls) == 1 and partly:
            return write(fd, data[:partly])
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("partly", [0, 1, 30])
def test_a_failed_write_is_cut_off_and_made_good_in_a_fresh_file(
    tape: Tape, monkeypatch: pytest.MonkeyPatch, number: Fault, partly: int
) -> None:
    tape.offer(b"before")
    tape.turn()
    (first,) = tape.directory.glob("*.mcap")
    size_before = first.stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing(number, partly))
        tape.offer(b"meanwhile")
        tape.turn()
        progress = tape.recorder.progress
        assert os.strerror(number) in progress.fault
        assert str(tape.directory) in progress.fault
        assert tape.synced == 1
        assert first.stat().st_size == size_before
        tape.turn(RETRY_NS)
        assert tape.recorder.progress.faults == 2
        assert len(list(tape.directory.iterdir())) == 1, "a try leaves nothing behind"
    tape.turn(RETRY_NS - 1)
    assert tape.recorder.progress.fault, "not tried again before its time"
    tape.turn(1)
    assert tape.recorder.progress.fault == ""
    assert tape.on_disk == [b"before", b"meanwhile"]
    assert len(list(tape.directory.glob("*.mcap"))) == 2
    assert sum(tape.recorder.progress.dropped.values()) == 0


def test_a_failed_sync_vouches_for_nothing(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    tape.offer(b"before")
    tape.turn()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(errno.EIO))
        tape.offer(b"meanwhile")
        tape.turn()
        assert tape.synced == 1
        assert tape.on_disk == [b"before"]
    tape.turn(RETRY_NS)
    assert tape.synced == 2
    assert tape.on_disk == tape.offered


def test_it_says_that_it_can_write_again_before_anything_comes(
    tape: Tape, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape.offer(b"before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing(errno.ENOSPC))
        tape.turn()
    assert "make room" in tape.recorder.progress.fault
    tape.turn(RETRY_NS)
    assert tape.recorder.progress.fault == ""


def test_what_does_not_fit_while_nothing_can_be_written_is_counted_by_topic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = Tape(tmp_path, queue_messages_max=100)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing(errno.ENOSPC))
        for number in range(130):
            tape.offer(b"%d" % number, LEFT.topic if number < 110 else RIGHT.topic)
            tape.turn()
        assert tape.recorder.progress.dropped == {LEFT.topic: 10, RIGHT.topic: 20}
    tape.turn(RETRY_NS)
    tape.offer(b"after", RIGHT.topic)
    tape.close()
    read = read_all(tmp_path)
    assert [each.data for each in read] == tape.offered
    assert read[-1].sequence == 21, "a gap in the numbers shows where the dropped ones were"


def test_a_file_or_a_directory_that_somebody_removed_is_replaced(tape: Tape) -> None:
    tape.offer(b"one")
    tape.turn()
    (path,) = tape.directory.glob("*.mcap")
    path.unlink()
    tape.offer(b"two")
    tape.turn()
    assert "removed" in tape.recorder.progress.fault
    tape.turn(RETRY_NS)
    assert tape.on_disk == [b"two"]

    gone = tape.directory.with_name("gone")
    tape.directory.rename(gone)
    for path in gone.iterdir():
        path.unlink()
    tape.offer(b"three")
    tape.turn(1)
    assert tape.recorder.progress.fault
    tape.turn(RETRY_NS)
    assert tape.recorder.progress.fault, "it is not made again: it may be where a disk was"
    tape.directory.mkdir()
    tape.turn(RETRY_NS)
    assert tape.recorder.progress.fault == ""
    assert tape.on_disk == [b"three"]


def test_files_rotate_by_size_and_the_directory_is_bounded(tmp_path: Path) -> None:
    foreign = tmp_path / "recording_of_mine.mcap"
    foreign.write_bytes(b"x")
    tape = Tape(tmp_path)
    for number in range(60):
        tape.offer(number.to_bytes(2, "little") * 100_000)
        tape.turn()
        sizes = [path.stat().st_size for path in tmp_path.glob("recording_0*.mcap")]
        assert max(sizes) <= BYTES_PER_MIB
        assert sum(sizes) <= 4 * BYTES_PER_MIB
    tape.close()
    progress = tape.recorder.progress
    assert progress.files_begun == 15
    assert progress.files_removed == progress.files_begun - len(
        list(tmp_path.glob("recording_0*.mcap"))
    )
    assert foreign.exists(), "only its own files are removed"
    read = [each.data for each in read_all(tmp_path)]
    assert read == tape.offered[-len(read) :]
    assert all(
        read_bytes(path.read_bytes())[1] is Ending.COMPLETE
        for path in tmp_path.glob("recording_0*.mcap")
    )


def test_many_short_messages_keep_to_the_bound_too(tmp_path: Path) -> None:
    tape = Tape(tmp_path, queue_messages_max=100_000)
    for number in range(50_000):
        assert tape.offer(b"%d" % number)
    tape.turn()
    assert tape.synced == 50_000
    tape.close()
    assert max(path.stat().st_size for path in tmp_path.glob("*.mcap")) <= BYTES_PER_MIB


def test_files_rotate_by_age(tape: Tape) -> None:
    age_ns_max = 3_600 * NS_PER_S
    tape.offer(b"one")
    tape.turn()
    tape.turn(age_ns_max - 1)
    tape.offer(b"two")
    tape.turn()
    assert len(list(tape.directory.glob("*.mcap"))) == 1
    tape.turn(1)
    (path,) = tape.directory.glob("*.mcap")
    assert read_bytes(path.read_bytes())[1] is Ending.COMPLETE
    tape.offer(b"three")
    tape.turn()
    assert len(list(tape.directory.glob("*.mcap"))) == 2
    assert tape.on_disk == tape.offered


def test_a_recorder_goes_on_after_the_files_that_are_there(tmp_path: Path) -> None:
    for number in range(3):
        tape = Tape(tmp_path)
        tape.offer(b"%d" % number)
        tape.close()
    assert [each.data for each in read_all(tmp_path)] == [b"0", b"1", b"2"]


def test_a_directory_has_one_recorder(tape: Tape) -> None:
    with pytest.raises(DirectoryError, match="another recorder"):
        Recorder(config(tape.directory), CHANNELS)


def test_a_directory_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DirectoryError, match=r"'directory'.*name a directory"):
            Recorder(config(path), CHANNELS)


def test_a_disk_that_is_full_at_the_start_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing(errno.ENOSPC))
        tape = Tape(tmp_path)
        assert "make room" in tape.recorder.progress.fault
    tape.offer(b"now")
    tape.turn(RETRY_NS)
    assert tape.on_disk == [b"now"]
    tape.close()


def test_sizes_and_numbers_at_their_limits() -> None:
    waiting = Waiting([LEFT.topic], bytes_max=3_000, messages_max=3, message_bytes_max=2_000)

    def offer(size: int) -> bool:
        return waiting.offer(LEFT.topic, bytes(size), log_ns=0, publish_ns=0)

    assert not offer(0)
    assert not offer(2_001)
    assert offer(2_000)
    room = 3_000 - 2_000 - 2 * OVERHEAD_BYTES
    assert not offer(room + 1)
    assert offer(room)
    waiting.settle(2)
    assert [offer(1) for _ in range(4)] == [True, True, True, False]
    assert waiting.counts == ({LEFT.topic: 9}, {LEFT.topic: 2}, {LEFT.topic: 4})


def test_the_longest_message_fits_into_a_file(tape: Tape) -> None:
    longest = BYTES_PER_MIB - MESSAGE_MARGIN_BYTES
    assert not tape.offer(bytes(longest + 1))
    assert tape.offer(bytes(longest))
    tape.turn()
    assert tape.synced == 1
    (path,) = tape.directory.glob("*.mcap")
    assert path.stat().st_size <= BYTES_PER_MIB


def test_parameters_have_to_fit_together(tmp_path: Path) -> None:
    assert config(tmp_path, file_mib_max=2).directory_mib_max == 4
    with pytest.raises(ParameterError, match=r"'directory_mib_max' is 3.*4 MiB"):
        config(tmp_path, file_mib_max=2, directory_mib_max=3)
    with pytest.raises(ParameterError, match="'directory' is empty"):
        config(tmp_path, directory="")
