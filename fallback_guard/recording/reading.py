# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reads recordings, also those that nobody finished: every complete record, and where and how it ends.

The library's own reader takes the summary at the end, or raises out of the middle of a record that is not all there.
Chunks are read as the recorder writes them, uncompressed and with a CRC; any other counts as damaged.
"""

import struct
import zlib
from collections.abc import Iterator
from enum import Enum
from io import BytesIO
from typing import IO, Final

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Message, Schema

from fallback_guard.recording import records
from fallback_guard.recording.file import QOS_KEY

MAGIC: Final = b"\x89MCAP0\r\n"
_HEAD: Final = struct.Struct("<BQ")
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

    def __init__(self, stream: IO[bytes]) -> None:
        """Read from a seekable stream of bytes, from its beginning."""
        self._stream = stream
        self._size_bytes = stream.seek(0, 2)
        stream.seek(0)
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        self.complete_bytes = 0
        """How many bytes from the beginning on are complete records."""
        self.ending: Ending | None = None
        """How it ended; None before all was read."""

    @property
    def channels(self) -> list[records.Channel]:
        """The channels that were met so far."""
        return [
            records.Channel(
                topic=channel.topic,
                type_name=self._schemas[channel.schema_id].name,
                definition=self._schemas[channel.schema_id].data.decode(),
                qos_profiles=channel.metadata.get(QOS_KEY, ""),
            )
            for channel in self._channels.values()
        ]

    def __iter__(self) -> Iterator[records.Recorded]:
        """Yield each message of each complete record, in the order of the file."""
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[records.Recorded]]:
        """Yield the messages of each complete chunk."""
        for opcode, body in self._records():
            if opcode == Opcode.CHUNK:
                messages = self._chunk(body)
                if messages is None:
                    self.ending = Ending.DAMAGED
                    return
                yield messages
            self.complete_bytes = self._stream.tell()

    def _records(self) -> Iterator[tuple[Opcode, bytes]]:
        """Yield each complete record of the file itself: its opcode and its body."""
        magic = self._stream.read(len(MAGIC))
        if magic != MAGIC:
            self.ending = Ending.CUT_OFF if MAGIC.startswith(magic) else Ending.DAMAGED
            return
        self.complete_bytes = len(MAGIC)
        while True:
            head = self._stream.read(_HEAD.size)
            if len(head) < _HEAD.size:
                self.ending = Ending.CUT_OFF
                return
            code, length = _HEAD.unpack(head)
            if code not in _OPCODES:
                self.ending = Ending.DAMAGED
                return
            if length > self._size_bytes - self._stream.tell():
                self.ending = Ending.CUT_OFF
                return
            body = self._stream.read(length)
            yield Opcode(code), body
            if code == Opcode.FOOTER:
                is_whole = self._stream.read() == MAGIC
                self.ending = Ending.COMPLETE if is_whole else Ending.CUT_OFF
                return

    def _chunk(self, body: bytes) -> list[records.Recorded] | None:
        """Return a chunk's messages; None where its bytes are not those that were written."""
        try:
            chunk: Chunk = Chunk.read(ReadDataStream(BytesIO(body)))
            if chunk.compression or zlib.crc32(chunk.data) != chunk.uncompressed_crc:
                return None
            stream = ReadDataStream(BytesIO(chunk.data))
            messages = []
            while stream.count < len(chunk.data):
                code, size = _HEAD.unpack(stream.read(_HEAD.size))
                record = ReadDataStream(BytesIO(stream.read(size)))
                if code == Opcode.SCHEMA:
                    schema: Schema = Schema.read(record)
                    self._schemas[schema.id] = schema
                elif code == Opcode.CHANNEL:
                    channel: Channel = Channel.read(record)
                    self._schemas[channel.schema_id].data.decode()  # It has to be text.
                    self._channels[channel.id] = channel
                elif code == Opcode.MESSAGE:
                    messages.append(self._message(Message.read(record, size)))
        except _UNREADABLE:
            return None
        return messages

    def _message(self, message: Message) -> records.Recorded:
        channel = self._channels[message.channel_id]
        return records.Recorded(
            topic=channel.topic,
            sequence=message.sequence,
            log_ns=message.log_time,
            publish_ns=message.publish_time,
            data=message.data,
        )
