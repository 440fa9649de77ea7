# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reads recordings, also those that nobody finished: every complete record, and where and how it ends.

The library's own reader takes the summary at the end, or raises out of the middle of a record that is not all there.
Chunks are read as the recorder writes them, uncompressed and with a CRC; any other counts as damaged.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from io import BytesIO
from typing import IO, Final

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Schema

from fallback_guard.recording import records
from fallback_guard.recording.file import QOS_KEY

MAGIC: Final = b"\x89MCAP0\r\n"
_HEAD: Final = struct.Struct("<BQ")
_MESSAGE: Final = struct.Struct("<HIQQ")
"""A message's channel, sequence and its times, before its data."""

_WHOLE: Final = struct.Struct("<BQHIQQ")
"""The same with the head of its record."""

_CHUNK: Final = struct.Struct("<QQQII")
"""A chunk's first and last time, its size, its CRC, and how long the name of its compression is."""

_CHUNK_LENGTH: Final = struct.Struct("<Q")
_A_CHUNK, _A_FOOTER = int(Opcode.CHUNK), int(Opcode.FOOTER)
_READ: Final = frozenset({_A_CHUNK, _A_FOOTER})
_A_MESSAGE, _A_SCHEMA, _A_CHANNEL = int(Opcode.MESSAGE), int(Opcode.SCHEMA), int(Opcode.CHANNEL)
_OPCODES: Final = frozenset(Opcode)
_UNREADABLE: Final = (McapError, struct.error, ValueError, KeyError, OverflowError)
"""What comes of bytes that are no record."""


class Ending(Enum):
    """How a recording ends."""

    COMPLETE = "it was finished"
    CUT_OFF = "it was cut off: nobody finished it"
    DAMAGED = "it is damaged: bytes that are no record follow"


class RecordingReader:
    """Yields the messages of one recording, once.

    Bytes of whatever kind never raise: what is no complete record ends the reading, and `ending` says so.  OSError of
    the stream itself is passed on.  Memory: one chunk at a time.
    """

    def __init__(
        self,
        stream: IO[bytes],
        *,
        wanted: Callable[[records.Channel], int | None] = lambda _: 0,
        passes: Callable[[int, int], bool] = lambda _begin_ns, _end_ns: False,
    ) -> None:
        """Read from a seekable stream of bytes, from its beginning.

        `wanted` says of a channel how far apart the messages that are read have to be at least (ns), None for none of
        them; `passes` passes over chunks of a recorder's own file, by when their messages were heard (ns).
        """
        self._stream = stream
        self._size_bytes = stream.seek(0, 2)
        stream.seek(0)
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        self._wanted, self._passes = wanted, passes
        self._topics: dict[int, str | None] = {}
        self._apart_ns: dict[int, int] = {}
        self._next_ns: dict[int, int] = {}
        self.span_ns = (0, 0)
        """When the first and the last message of the newest chunk were heard, by the chunk's own account."""
        self._at = 0
        self.complete_bytes = 0
        """How many bytes from the beginning on are complete records."""
        self.ending: Ending | None = None
        """How it ended; None before all was read."""

    @property
    def channels(self) -> list[records.Channel]:
        """The channels that were met so far."""
        return [self._described(channel) for channel in self._channels.values()]

    def __iter__(self) -> Iterator[records.Recorded]:
        """Yield each message of each complete record, in the order of the file."""
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[records.Recorded]]:
        """Yield the messages of each complete chunk."""
        for code, body in self._records():
            if code == _A_CHUNK:
                messages = self._chunk(body)
                if messages is None:
                    self.ending = Ending.DAMAGED
                    return
                yield messages
            self.complete_bytes = self._at

    def _records(self) -> Iterator[tuple[int, bytes]]:
        """Yield each chunk and the footer, if they are complete: their opcodes and bodies."""
        magic = self._stream.read(len(MAGIC))
        if magic != MAGIC:
            self.ending = Ending.CUT_OFF if MAGIC.startswith(magic) else Ending.DAMAGED
            return
        self.complete_bytes = self._at = len(MAGIC)
        # A recorder that syncs five times a second writes millions of records a day.
        read, unpack, size_bytes = self._stream.read, _HEAD.unpack, self._size_bytes
        while True:
            head = read(_HEAD.size)
            if len(head) < _HEAD.size:
                self.ending = Ending.CUT_OFF
                return
            code, length = unpack(head)
            if code not in _OPCODES:
                self.ending = Ending.DAMAGED
                return
            if length > size_bytes - self._at - _HEAD.size:
                self.ending = Ending.CUT_OFF
                return
            body = read(length)
            self._at += _HEAD.size + length
            if code not in _READ:
                self.complete_bytes = self._at
                continue
            yield code, body
            if code == _A_FOOTER:
                is_whole = read() == MAGIC
                self.ending = Ending.COMPLETE if is_whole else Ending.CUT_OFF
                return

    def _chunk(self, body: bytes) -> list[records.Recorded] | None:
        """Return a chunk's messages; None where its bytes are not those that were written."""
        try:
            begin_ns, end_ns, _, crc, compression_bytes = _CHUNK.unpack_from(body)
            if compression_bytes:
                return None
            (length,) = _CHUNK_LENGTH.unpack_from(body, _CHUNK.size)
            data_at = _CHUNK.size + _CHUNK_LENGTH.size
            data = body[data_at : data_at + length]
            if len(data) != length or zlib.crc32(data) != crc:
                return None
            self.span_ns = (begin_ns, end_ns)
            if self._topics and self._passes(begin_ns, end_ns):
                return []
            return self._messages(data)
        except _UNREADABLE:
            return None

    def _messages(self, data: bytes) -> list[records.Recorded]:
        """Return the messages among the records of a chunk, and remember its channels."""
        messages = []
        at, size_all = 0, len(data)
        topics, apart_ns, next_ns = self._topics, self._apart_ns, self._next_ns
        while at < size_all:
            # One step for head and message: most of a day's messages are positions, which hardly anybody wants.
            if size_all - at >= _WHOLE.size:
                code, size, channel_id, sequence, log_ns, publish_ns = _WHOLE.unpack_from(data, at)
            else:
                (code, size), channel_id = _HEAD.unpack_from(data, at), 0
                sequence = log_ns = publish_ns = 0
            at += _HEAD.size
            end = at + size
            if end > size_all or (code == _A_MESSAGE and size < _MESSAGE.size):
                raise ValueError("a record is longer than its chunk, or a message than its record")
            if code == _A_MESSAGE:
                topic = topics[channel_id]
                if topic is not None:
                    if apart_ns[channel_id]:
                        if (
                            next_ns[channel_id] - apart_ns[channel_id]
                            <= log_ns
                            < next_ns[channel_id]
                        ):
                            at = end
                            continue
                        next_ns[channel_id] = log_ns + apart_ns[channel_id]
                    messages.append(
                        records.Recorded(
                            topic=topic,
                            sequence=sequence,
                            log_ns=log_ns,
                            publish_ns=publish_ns,
                            data=data[at + _MESSAGE.size : end],
                        )
                    )
            elif code == _A_SCHEMA:
                schema: Schema = Schema.read(ReadDataStream(BytesIO(data[at:end])))
                self._schemas[schema.id] = schema
            elif code == _A_CHANNEL:
                channel: Channel = Channel.read(ReadDataStream(BytesIO(data[at:end])))
                described = self._described(channel)  # It has to be text.
                self._channels[channel.id] = channel
                apart = self._wanted(described)
                self._topics[channel.id] = None if apart is None else channel.topic
                self._apart_ns[channel.id], self._next_ns[channel.id] = apart or 0, 0
            at = end
        return messages

    def _described(self, channel: Channel) -> records.Channel:
        schema = self._schemas[channel.schema_id]
        return records.Channel(
            topic=channel.topic,
            type_name=schema.name,
            definition=schema.data.decode(),
            qos_profiles=channel.metadata.get(QOS_KEY, ""),
        )
