# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""One MCAP file as it is written: whatever was synced survives the writer, and what failed is cut off again.

Each sync ends one chunk, which carries a CRC and stands in the file as a whole or not at all.  Chunks are not
compressed: what is small enough to be synced five times a second hardly becomes smaller, the size of a write is known
before it begins, and reading the rest of a damaged file takes no decompressor.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Final

from mcap.writer import CompressionType, IndexType, Writer

from fallback_guard.recording.records import Channel, Recorded

PROFILE: Final = "ros2"
LIBRARY: Final = "fallback_guard recorder"
QOS_KEY: Final = "offered_qos_profiles"
"""Where rosbag2 looks for it."""

INDEX_BYTES_PER_CHUNK: Final = 256
INDEX_BYTES_PER_MESSAGE: Final = 48
"""Of the file's own records, at most: a message's head and its place in the index; a chunk's in the summary."""

_CHUNK_BYTES_NEVER: Final = 2**62
"""The library itself ends no chunk: a sync does."""


class _Buffer(BytesIO):
    """What the library writes into: keeps the position in the whole file."""

    def __init__(self) -> None:
        super().__init__()
        self._before = 0

    def tell(self) -> int:
        return self._before + super().tell()

    def drain(self) -> bytes:
        """Return what was written since the last time."""
        data = self.getvalue()
        self._before += len(data)
        self.seek(0)
        self.truncate()
        return data


class Encoder:
    """The bytes of a file, piece by piece: the same channels and batches always come to the same bytes."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        """Begin a file with these channels; their topics differ."""
        self._buffer = _Buffer()
        self._writer = Writer(
            self._buffer,
            chunk_size=_CHUNK_BYTES_NEVER,
            compression=CompressionType.NONE,
            index_types=IndexType.CHUNK | IndexType.MESSAGE,
        )
        self._writer.start(profile=PROFILE, library=LIBRARY)
        self._ids: dict[str, int] = {}
        for channel in channels:
            schema = self._writer.register_schema(
                channel.type_name, "ros2msg", channel.definition.encode()
            )
            self._ids[channel.topic] = self._writer.register_channel(
                channel.topic, "cdr", schema, {QOS_KEY: channel.qos_profiles}
            )

    def head(self) -> bytes:
        """Return what stands before the first batch.  The definitions come with that one."""
        return self._buffer.drain()

    def batch(self, messages: Iterable[Recorded]) -> bytes:
        """Return a chunk of at least one message, and its index."""
        for message in messages:
            self._writer.add_message(
                self._ids[message.topic],
                log_time=message.log_ns,
                data=message.data,
                publish_time=message.publish_ns,
                sequence=message.sequence,
            )
        self._writer.flush()  # type: ignore[no-untyped-call]  # the library's
        return self._buffer.drain()

    def end(self) -> bytes:
        """Return the summary, which ends the file."""
        self._writer.finish()  # type: ignore[no-untyped-call]  # the library's
        return self._buffer.drain()


class RecordingFile:
    """A file that grows by whole batches.  After an OSError nothing more can be written to it."""

    def __init__(self, path: Path, channels: Sequence[Channel], *, opened_ns: int) -> None:
        """Make the file and sync its head.  Raises OSError, after which there is no file."""
        self.path = path
        self.opened_ns = opened_ns
        self.messages = 0
        self._chunks = 0
        self._synced_bytes = 0
        self._encoder = Encoder(channels)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            self._write_out(self._encoder.head())
            _sync_directory(path.parent)
        except OSError:
            self.abandon()
            with suppress(OSError):
                path.unlink()
            raise

    @property
    def size_bytes(self) -> int:
        """What the file comes to when it is finished now, and a little more."""
        return self._synced_bytes + self._chunks * INDEX_BYTES_PER_CHUNK

    def append(self, batch: Sequence[Recorded]) -> None:
        """Write a batch and sync it.  Raises OSError, after which the file ends with the batch before."""
        self._write_out(self._encoder.batch(batch))
        self._chunks += 1
        self.messages += len(batch)

    def finish(self) -> None:
        """Write the summary and close.  Raises OSError, after which the file has none, and all its messages."""
        self._write_out(self._encoder.end())
        self.abandon()

    def abandon(self) -> None:
        """Close without a summary, as it stands on disk."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def _write_out(self, data: bytes) -> None:
        try:
            _write_all(self._fd, data)
            os.fsync(self._fd)
            if os.fstat(self._fd).st_nlink == 0:
                # The bytes would be gone with the process.
                raise FileNotFoundError(f"{self.path} has been removed")
        except OSError:
            # A sync is not tried again: after one that failed the kernel may take lost pages for written.
            with suppress(OSError):
                os.ftruncate(self._fd, self._synced_bytes)
                os.fsync(self._fd)
            self.abandon()
            raise
        self._synced_bytes += len(data)


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _sync_directory(directory: Path) -> None:
    """Have the name of a new file on disk as well."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
