# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reading a response, chunk by chunk, in bounded time and memory: a chat completion, or a stream of its pieces.

Which of the two it is, the response says by how it begins: endpoints answer a call for a stream with a whole
completion, and name the type of either in every way.
"""

from typing import Final

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.completion import Completion, document_in
from fallback_guard.planning.event_stream import EventStream
from fallback_guard.planning.faults import BadResponseError
from fallback_guard.planning.llm import Hopeless, never_hopeless

_FIELDS: Final = (b"data", b"event", b"id", b"retry", b":")
"""How the lines of a stream begin."""

_FIELD_BYTES_MAX: Final = max(map(len, _FIELDS))
_BLANKS: Final = b"\xef\xbb\xbf \t\r\n"
_DONE: Final = b"[DONE]"


class Reading:
    """One response as far as it has come.

    `is_whole`: its end has been read.  `has_answer`: all of the answer has, and what follows is about its cost.
    `hopeless`: why the answer was cut, empty where it was not.
    """

    def __init__(
        self, *, bytes_max: int, hopeless: Hopeless = never_hopeless, is_label: bool = False
    ) -> None:
        """Begin with nothing.  A label is complete after its first token."""
        self.completion = Completion()
        self.is_whole = False
        self.has_answer = False
        self.hopeless = ""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._why_hopeless = hopeless
        self._is_label = is_label
        self._beginning = b""
        self._body: list[bytes] = []
        self._events: EventStream | None = None

    @property
    def is_streamed(self) -> bool:
        """Whether the response is a stream."""
        return self._events is not None

    def feed(self, chunk: bytes) -> None:
        """Take a chunk.  Raises BadResponseError.  After that, or once `hopeless` says why, none may come."""
        self._bytes += len(chunk)
        if self._bytes > self._bytes_max:
            raise oversize(self._bytes_max)
        if self._events is not None:
            self._take(self._events.feed(chunk))
        elif self._body:
            self._body.append(chunk)
        else:
            self._begin(chunk)

    def end(self) -> Completion:
        """Return the answer, now that no more comes.  Raises BadResponseError."""
        if self._events is None:
            body = b"".join(self._body) or self._beginning
            self.completion.take(document_in(body, "the response"), "message")
        elif not (self.is_whole or self.hopeless):
            self._finish(self._events.end())
        if not (self.hopeless or self._is_label):
            self.completion.check()
        return self.completion

    def _finish(self, events: list[bytes]) -> None:
        self._take(events)
        if not (self.is_whole or self.has_answer or self.hopeless):
            raise BadResponseError("the stream ends before the answer does")

    def _begin(self, chunk: bytes) -> None:
        """Tell by its first letters what the response is."""
        self._beginning = (self._beginning + chunk).lstrip(_BLANKS)
        if len(self._beginning) < _FIELD_BYTES_MAX:
            return
        if self._beginning.startswith(_FIELDS):
            self._events = EventStream()
            self._take(self._events.feed(self._beginning))
        else:
            self._body = [self._beginning]

    def _take(self, events: list[bytes]) -> None:
        pieces = self.completion.pieces
        for data in events:
            if self.is_whole:
                break
            if data.strip() == _DONE:
                self.is_whole = True
            elif not self.has_answer:
                self.completion.take(document_in(data, "an event of the stream"), "delta")
                self.has_answer = bool(self.completion.finish_reason)
            else:
                self._take_cost(data)
        # An answer that is complete is the guard's to judge: it knows better what is wrong with it.
        is_open = self.completion.pieces > pieces and not (self.is_whole or self.has_answer)
        if is_open and self._why_hopeless is not never_hopeless:
            self.hopeless = self._why_hopeless(self.completion.text)

    def _take_cost(self, data: bytes) -> None:
        """Take what follows the answer, of which nothing can spoil it any more but another one."""
        try:
            self.completion.take(document_in(data, "an event of the stream"), "delta")
        except BadResponseError as error:
            if error.failure is FailureMode.PLANNER_SEVERAL_CHOICES:
                raise


def oversize(bytes_max: int) -> BadResponseError:
    """Say that a response is too large."""
    return BadResponseError(
        f"the response is larger than {bytes_max} bytes ('response_bytes_max')",
        FailureMode.PLANNER_OVERSIZE,
    )
