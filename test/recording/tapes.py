# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Channels and messages for the tests of recordings."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from fallback_guard.recording.config import RecorderConfig, recorder_config
from fallback_guard.recording.file import RecordingFile
from fallback_guard.recording.reading import Ending, RecordingReader
from fallback_guard.recording.records import Channel, Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

LEFT: Final = Channel(topic="/left", type_name="test/msg/Left", definition="uint8[] data\n")
RIGHT: Final = Channel(topic="/right", type_name="test/msg/Right", definition="string text\n")
CHANNELS: Final = (LEFT, RIGHT)


def message(number: int, data: bytes, topic: str = LEFT.topic) -> Recorded:
    """Return a message that tells its number by each of its fields."""
    return Recorded(
        topic=topic, sequence=number, log_ns=1_000 + number, publish_ns=900 + number, data=data
    )


def read_bytes(data: bytes) -> tuple[list[Recorded], Ending]:
    """Read a recording to its end."""
    reader = RecordingReader(BytesIO(data))
    messages = list(reader)
    assert reader.ending is not None, "a reading has an end"
    assert 0 <= reader.complete_bytes <= len(data)
    return messages, reader.ending


def read_all(directory: Path) -> list[Recorded]:
    """Read every file of a directory, in the order of their names."""
    return [
        read
        for path in sorted(directory.glob("*.mcap"))
        for read in read_bytes(path.read_bytes())[0]
    ]


def config(folder: Path, **given: object) -> RecorderConfig:
    """Return a configuration with small files."""
    usual = {"directory": str(folder), "file_mib_max": 1, "directory_mib_max": 4}
    return recorder_config({**usual, **given})


BATCHES: Final = (
    [message(1, b"a"), message(2, b"", RIGHT.topic)],
    [message(3, b"ccc" * 20)],
    [message(4, bytes(range(256))), message(5, b"\0"), message(6, b"\x89MCAP0\r\n", RIGHT.topic)],
)


def written(batches: Sequence[list[Recorded]]) -> tuple[bytes, list[int]]:
    """Return a finished file, and its size when each batch was acknowledged."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recording.mcap"
        file = RecordingFile(path, CHANNELS, opened_ns=0)
        ends = []
        for batch in batches:
            file.append(batch)
            ends.append(path.stat().st_size)
        file.finish()
        return path.read_bytes(), ends


FILE, ENDS = written(BATCHES)
HEAD_BYTES: Final = FILE.index(b"\x06")
"""Where the first chunk begins."""
