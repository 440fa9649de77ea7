# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Finishes what was cut off, so that tools which look for the summary at the end open it too.

The recording is encoded again from what can be read of it.  Where that comes to the very bytes which are there, only
what is missing is written behind them, so that nothing anybody vouched for is touched.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from mcap.opcode import Opcode

from fallback_guard.recording.file import Encoder
from fallback_guard.recording.reading import MAGIC, Ending, RecordingReader

_FOOTER_BYTES: Final = 20
_FOOTER_HEAD: Final = struct.pack("<BQ", Opcode.FOOTER, _FOOTER_BYTES)


def is_finished(path: Path) -> bool:
    """Whether a file ends as a finished recording does.  Raises OSError."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - len(_FOOTER_HEAD) - _FOOTER_BYTES - len(MAGIC)))
        end = stream.read()
    # The magic alone may also be the end of a message.
    return end.startswith(_FOOTER_HEAD) and end.endswith(MAGIC)


def finish_recording(path: Path) -> bool:
    """Finish a recording that was cut off; whether it is complete now.

    One that is damaged, or was not written by this recorder, stays as it is.  Raises OSError, after which the file is
    no shorter than its complete records.
    """
    with path.open("r+b") as stream:
        reader = RecordingReader(stream)
        for _ in reader.batches():
            pass
        if reader.ending is not Ending.CUT_OFF or reader.complete_bytes == 0:
            return reader.ending is Ending.COMPLETE
        encoder, fd = Encoder(reader.channels), stream.fileno()
        missing, at = _missing(encoder.head(), fd, 0)
        for batch in RecordingReader(stream).batches():
            if missing != b"":
                return False
            missing, at = _missing(encoder.batch(batch), fd, at)
        if missing is None:
            return False
        try:
            os.ftruncate(fd, at)
            _write_at(fd, missing + encoder.end(), at)
            os.fsync(fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(fd, at)
            raise
    return True


def _missing(encoded: bytes, fd: int, at: int) -> tuple[bytes | None, int]:
    """Return what a file lacks of some bytes at a place, and where that begins; None where it has others."""
    there = os.pread(fd, len(encoded), at)
    if not encoded.startswith(there):
        return None, at
    return encoded[len(there) :], at + len(there)


def _write_at(fd: int, data: bytes, at: int) -> None:
    left = memoryview(data)
    while left:
        count = os.pwrite(fd, left, at)
        left, at = left[count:], at + count
