# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Server-sent events, as far as an endpoint's stream needs them (HTML Living Standard, section 9.2).

Every byte is looked at a fixed number of times, however the bytes are cut into chunks; what is kept is no more than
the line and the event that have not ended.
"""

from typing import Final

_LINE_ENDS: Final = (b"\n", b"\r")


class EventStream:
    """Turns chunks of bytes into the data of events.  Comments, ids and the names of events are passed over."""

    def __init__(self) -> None:
        """Begin with an empty line."""
        self._line: list[bytes] = []
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that end in this chunk."""
        self._line.append(chunk)
        if not any(end in chunk for end in _LINE_ENDS) and not self._ends_in_return():
            return []
        lines = b"".join(self._line).splitlines(keepends=True)
        # A line that ends in a carriage return may be about to end in a line feed as well.
        self._line = [] if lines[-1].endswith(b"\n") else [lines.pop()]
        return [data for line in lines if (data := self._take(line.rstrip(b"\r\n"))) is not None]

    def end(self) -> list[bytes]:
        """Return the data of the event that the stream ended in, whose blank line is missing."""
        lines = b"".join(self._line).splitlines()
        self._line = []
        told = [data for line in (*lines, b"") if (data := self._take(line)) is not None]
        self._data = []
        return told

    def _ends_in_return(self) -> bool:
        return len(self._line) > 1 and self._line[-2].endswith(b"\r")

    def _take(self, line: bytes) -> bytes | None:
        """Take one line; return the event's data where it ends an event that has some."""
        if not line:
            data, self._data = self._data, []
            return b"\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        return None
