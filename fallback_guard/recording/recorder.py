# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The recorder itself: takes messages at any time, writes them when told to, and outlives every fault of the disk.

It has no clock and no thread of its own: `offer` is called by whoever takes messages, `turn` by whoever may wait for
the disk.
"""

import errno
import fcntl
import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from fallback_guard.core.units import NS_PER_MS, NS_PER_S, ns_to_seconds
from fallback_guard.core.unusable import UnusableError
from fallback_guard.recording.config import MESSAGE_MARGIN_BYTES, RecorderConfig
from fallback_guard.recording.file import INDEX_BYTES_PER_MESSAGE, RecordingFile
from fallback_guard.recording.finishing import finish_recording, is_finished
from fallback_guard.recording.records import Channel
from fallback_guard.recording.waiting import Waiting

RETRY_NS: Final = 500 * NS_PER_MS
"""After a fault: often enough that little is lost, and seldom enough to cost nothing."""

BATCH_BYTES_MAX: Final = 4_194_304
"""One write and one sync.  A longer message goes alone."""

_NAME: Final = re.compile(r"recording_(\d{6,})_\d{8}T\d{6}Z\.mcap")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Faults that pass when somebody makes room."""


class DirectoryError(UnusableError):
    """The directory cannot be recorded into; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the recording is on disk, since the recorder began.

    `synced`, by topic, is what it vouches for: the first so many of the topic's messages that were not dropped are on
    disk.  `fault` says what keeps it from writing; empty while nothing does.
    """

    taken: dict[str, int] = field(default_factory=dict)
    synced: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    synced_bytes: int = 0
    file: str = ""
    files_begun: int = 0
    files_removed: int = 0
    last_removed: str = ""
    faults: int = 0
    fault: str = ""

    @property
    def messages_waiting(self) -> int:
        """How many messages are not on disk yet."""
        return sum(self.taken.values()) - sum(self.synced.values()) - sum(self.dropped.values())


class Recorder:
    """Writes what it was offered into the files of one directory, which is its own while it lives."""

    def __init__(self, config: RecorderConfig, channels: Sequence[Channel]) -> None:
        """Take the directory.  Raises DirectoryError where it cannot be used; a full disk is no reason for that."""
        self._config = config
        self._directory = Path(config.directory).expanduser().absolute()
        self._channels = tuple(channels)
        self._head_bytes = MESSAGE_MARGIN_BYTES + sum(
            2 * len(channel.definition) for channel in channels
        )
        self._waiting = Waiting(
            [channel.topic for channel in channels],
            bytes_max=config.queue_bytes_max,
            messages_max=config.queue_messages_max,
            message_bytes_max=config.message_bytes_max,
        )
        self._file: RecordingFile | None = None
        self._unfinished: list[Path] = []
        self._lock_fd = -1
        self._retry_ns = 0
        self._progress = Progress()
        self._lock = threading.Lock()
        self._begin()

    @property
    def directory(self) -> Path:
        """Where the files go."""
        return self._directory

    @property
    def progress(self) -> Progress:
        """How far it is, from any thread."""
        with self._lock:
            progress = self._progress
        taken, synced, dropped = self._waiting.counts
        return replace(progress, taken=taken, synced=synced, dropped=dropped)

    def offer(self, topic: str, data: bytes, *, log_ns: int, publish_ns: int) -> bool:
        """Take a message, from any thread, without waiting for the disk; False where it had to be dropped."""
        return self._waiting.offer(topic, data, log_ns=log_ns, publish_ns=publish_ns)

    def turn(self, now_ns: int, wall_ns: int) -> None:
        """Write and sync all that waits.  `now_ns` is on a steady clock; `wall_ns` goes into the names of files.

        A fault of the disk is told by `progress`, and tried again in a later turn.
        """
        if now_ns < self._retry_ns:
            return
        try:
            self._rotate_by_age(now_ns)
            while batch := self._waiting.first(
                min(BATCH_BYTES_MAX, self._config.message_bytes_max)
            ):
                size = sum(len(message.data) + INDEX_BYTES_PER_MESSAGE for message in batch)
                self._file_for(size, now_ns, wall_ns).append(batch)
                self._waiting.settle(len(batch))
                self._tell(synced_bytes=self._progress.synced_bytes + size, fault="")
            if self._progress.fault:
                # Nothing waits: find out whether it could be written.
                self._file_for(0, now_ns, wall_ns)
                self._tell(fault="")
            self._finish_one_that_was_cut_off()
        except OSError as error:
            self._stumble(error, now_ns)

    def close(self, now_ns: int, wall_ns: int) -> None:
        """Write what waits, finish the file, and leave the directory; what could not be written counts as dropped."""
        self._retry_ns = 0
        self.turn(now_ns, wall_ns)
        self._waiting.give_up()
        file, self._file = self._file, None
        if file is not None:
            try:
                file.finish()
                if file.messages == 0:
                    file.path.unlink()
            except OSError as error:
                self._tell(fault=self._said(error), faults=self._progress.faults + 1)
        self._release()

    # Files

    def _begin(self) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._hold()
            probe = self._directory / f".probe_{os.getpid()}"
            probe.touch()
            probe.unlink()
            self._unfinished = [path for _, path, _ in self._files() if not is_finished(path)]
        except OSError as error:
            if error.errno not in _FULL:
                self._release()
                raise DirectoryError(
                    f"parameter 'directory' names {self._directory}, which cannot be written to: {error.strerror};"
                    " name a directory that this user may write to"
                ) from error
            self._stumble(error, 0)

    def _hold(self) -> None:
        """Be the one recorder of the directory: two would each remove the other's files."""
        self._release()
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise DirectoryError(
                f"another recorder writes to {self._directory}; give each its own parameter 'directory'"
            ) from None
        except OSError:
            os.close(fd)
            raise
        self._lock_fd = fd

    def _release(self) -> None:
        fd, self._lock_fd = self._lock_fd, -1
        if fd >= 0:
            os.close(fd)

    def _rotate_by_age(self, now_ns: int) -> None:
        file = self._file
        age_s_max = self._config.file_s_max
        if file and file.messages and ns_to_seconds(now_ns - file.opened_ns) >= age_s_max:
            self._finish()

    def _file_for(self, size_bytes: int, now_ns: int, wall_ns: int) -> RecordingFile:
        """Return the file that has room for so many bytes.  Raises OSError."""
        file = self._file
        bytes_max = self._config.file_bytes_max - self._head_bytes
        if file is not None and file.messages and file.size_bytes + size_bytes > bytes_max:
            self._finish()
        if self._file is None:
            if not self._is_held():
                self._hold_again()
            number = self._make_room()
            stamp = datetime.fromtimestamp(wall_ns // NS_PER_S, timezone.utc)
            path = self._directory / f"recording_{number:06}_{stamp:%Y%m%dT%H%M%SZ}.mcap"
            self._file = RecordingFile(path, self._channels, opened_ns=now_ns)
            self._tell(file=path.name, files_begun=self._progress.files_begun + 1)
        return self._file

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._unfinished.append(file.path)
            file.finish()
            self._unfinished.pop()

    def _finish_one_that_was_cut_off(self) -> None:
        """Finish what an earlier recorder, or a fault, left.  It can be read as it is, so one try is enough."""
        if self._unfinished:
            with suppress(OSError):
                finish_recording(self._unfinished.pop(0))

    def _make_room(self) -> int:
        """Remove the oldest files until one more has room; return its number.  Raises OSError."""
        files = self._files()
        number = files[-1][0] + 1 if files else 1
        total = sum(size for _, _, size in files) + self._config.file_bytes_max
        for _, path, size in files:
            if total <= self._config.directory_bytes_max:
                break
            path.unlink()
            total -= size
            self._tell(files_removed=self._progress.files_removed + 1, last_removed=path.name)
        return number

    def _files(self) -> list[tuple[int, Path, int]]:
        """Return the number, path and size of each recording that is there, the oldest first.  Raises OSError."""
        return sorted(
            (int(found[1]), path, path.stat().st_size)
            for path in self._directory.iterdir()
            if (found := _NAME.fullmatch(path.name)) and path.is_file()
        )

    def _is_held(self) -> bool:
        """Whether the directory is still the one that was taken."""
        if self._lock_fd < 0:
            return False
        held, there = os.fstat(self._lock_fd), self._directory.stat()
        return (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)

    def _hold_again(self) -> None:
        """Take a directory that came back.  Raises OSError."""
        try:
            self._hold()
        except DirectoryError as error:
            raise OSError(errno.EBUSY, str(error)) from error

    # Faults

    def _stumble(self, error: OSError, now_ns: int) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.abandon()
            if file.messages == 0:
                # Or every try would leave an empty file behind.
                with suppress(OSError):
                    file.path.unlink()
            else:
                self._unfinished.append(file.path)
        self._retry_ns = now_ns + RETRY_NS
        self._tell(fault=self._said(error), faults=self._progress.faults + 1, file="")

    def _said(self, error: OSError) -> str:
        said = error.strerror or str(error)
        if error.errno in _FULL:
            return f"{said}: make room for {self._directory}, or lower directory_mib_max"
        return f"{said}: look after {self._directory}"

    def _tell(self, **news: int | str) -> None:
        with self._lock:
            self._progress = replace(self._progress, **news)  # type: ignore[arg-type]  # names of its fields
