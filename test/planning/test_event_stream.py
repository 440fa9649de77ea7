# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Streams as endpoints send them, and as they should not: read the same however the network cuts them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint import COST, DONE, END, event, piece
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.event_stream import EventStream
from fallback_guard.planning.faults import BadResponseError
from fallback_guard.planning.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LIMIT: Final = 100_000


def read(chunks: Iterable[bytes], *, bytes_max: int = LIMIT) -> Reading:
    """Read a response to its end, or as far as it is needed."""
    reading = Reading(bytes_max=bytes_max)
    for chunk in chunks:
        if reading.is_whole:
            break
        reading.feed(chunk)
    reading.end()
    return reading


def failure_of(chunks: Iterable[bytes], *, bytes_max: int = LIMIT) -> FailureMode:
    """Return what is wrong with a response."""
    with pytest.raises(BadResponseError) as caught:
        read(chunks, bytes_max=bytes_max)
    assert str(caught.value).isprintable()
    return caught.value.failure


def cut_at(stream: bytes, places: Sequence[int]) -> list[bytes]:
    """Return a stream in chunks."""
    ends = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[a:b] for a, b in pairwise(ends)]


# Good streams.

LINE_ENDS: Final = (b"\n", b"\r\n", b"\r")
STREAM: Final = b"".join(
    (
        b": ping\n\n",
        piece("", role="assistant"),
        b"event: message\nid: 7\nretry: 100\n" + piece('{"ver'),
        b":\n\n",
        piece("", reasoning_content="Let me think."),
        piece('sion": \u00e9}'),
        END,
        COST,
        DONE,
    )
)


@pytest.mark.parametrize("line_end", LINE_ENDS)
@given(places=st.lists(st.integers(0, 2_000), max_size=30))
def test_a_stream_is_the_same_however_it_is_cut(line_end: bytes, places: list[int]) -> None:
    """Between any two bytes: within a line end, a name or a character."""
    reading = read(cut_at(STREAM.replace(b"\n", line_end), places))
    assert reading.is_streamed
    assert reading.completion.text.decode() == '{"version": \u00e9}'
    usage = reading.completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (7, 3)


@pytest.mark.parametrize(
    "stream",
    [
        piece("{}") + END + COST + DONE,
        piece("{}", finish_reason="stop") + DONE,
        piece("{}") + DONE,
        piece("{}") + END,
        piece("{}") + b"data:[DONE]",
        b"\xef\xbb\xbf" + piece("{}") + END,
        b"\n\n" + piece("{}") + END + b"data: {broken\n\n",
        piece("{}") + END + event({"error": {"message": "too late"}}) + DONE,
        event({"choices": [], "prompt_filter_results": []}) + piece("{}") + END,
        piece("{}") + event({"choices": [{"index": 0, "finish_reason": "stop"}]}) + DONE,
        piece("{}", tool_calls=[], refusal=None) + END,
        b"data: {\ndata:" + piece("{}")[7:] + END,
        piece("{}") + END + DONE + b"data: {after the end\n\n",
    ],
)
def test_a_stream_may_be_of_many_forms(stream: bytes) -> None:
    assert read([stream]).completion.text == b"{}"


# Bad ones.


@pytest.mark.parametrize(
    ("stream", "failure"),
    [
        (b"data: {broken\n\n", FailureMode.PLANNER_BAD_RESPONSE),
        (b"data: <html>\n\n", FailureMode.PLANNER_BAD_RESPONSE),
        (b"data: []\n\n", FailureMode.PLANNER_BAD_RESPONSE),
        (b'data: {"a": 1}\n\n', FailureMode.PLANNER_BAD_RESPONSE),
        (b"data: " + b"[" * 50_000 + b"\n\n", FailureMode.PLANNER_BAD_RESPONSE),
        (b"data: caf\xe9\n\n", FailureMode.PLANNER_NOT_UTF8),
        (b"event: error\n" + event({"error": "no room"}), FailureMode.PLANNER_BAD_RESPONSE),
        (piece("{}") + event({"error": {"code": 500}}), FailureMode.PLANNER_BAD_RESPONSE),
        (piece("{}"), FailureMode.PLANNER_BAD_RESPONSE),
        (piece('{"a":') + b"data: ", FailureMode.PLANNER_BAD_RESPONSE),
        (b": nothing but comments\n\n" * 9, FailureMode.PLANNER_BAD_RESPONSE),
        (DONE, FailureMode.PLANNER_EMPTY),
        (END + DONE, FailureMode.PLANNER_EMPTY),
        (piece("{}") + piece(finish_reason="content_filter"), FailureMode.PLANNER_REFUSED),
        (piece(refusal="I will not."), FailureMode.PLANNER_REFUSED),
        (piece(tool_calls=[{"index": 0}]), FailureMode.PLANNER_TOOL_CALL),
        (piece(function_call={"name": "f"}), FailureMode.PLANNER_TOOL_CALL),
        (piece('{"a":') + piece(finish_reason="length"), FailureMode.PLANNER_LENGTH),
        (piece(reasoning="x") + piece(finish_reason="length"), FailureMode.PLANNER_LENGTH),
        (piece(7), FailureMode.PLANNER_BAD_RESPONSE),
        (event({"choices": [{"index": 1}]}), FailureMode.PLANNER_SEVERAL_CHOICES),
        (event({"choices": [{}, {}]}), FailureMode.PLANNER_SEVERAL_CHOICES),
        (piece("{}") + b"data: " + b"x" * LIMIT, FailureMode.PLANNER_OVERSIZE),
        (piece(" ") * 10_000, FailureMode.PLANNER_OVERSIZE),
        (b"\n" * (LIMIT + 1), FailureMode.PLANNER_OVERSIZE),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [7, 10**6])
def test_a_bad_stream_is_named(stream: bytes, failure: FailureMode, chunk_bytes: int) -> None:
    chunks = (stream[at : at + chunk_bytes] for at in range(0, len(stream), chunk_bytes))
    assert failure_of(chunks) is failure


def test_an_answer_that_is_whole_but_for_its_blanks_is_taken_at_its_limit() -> None:
    """In JSON mode some models write blanks until they are stopped."""
    stream = piece('{"a": 1}') + piece("\n" * 99) + piece(finish_reason="length") + DONE
    assert read([stream]).completion.text == b'{"a": 1}' + b"\n" * 99


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_a_response_or_a_named_failure(chunks: list[bytes]) -> None:
    for before in (b"", b"data: ", piece("{}"), b'{"choices": [{"message": '):
        try:
            read([before, *chunks])
        except BadResponseError as error:
            assert error.failure.value.startswith("PLANNER_")  # noqa: PT017


def test_a_line_without_end_is_not_looked_through_again_for_each_chunk() -> None:
    """The pieces are kept as they came; only an end of a line joins them."""
    stream = EventStream()
    assert not any(stream.feed(b"data: " + b"x" * 1_000) for _ in range(1_000))
    [data] = stream.feed(b"\n\n")
    assert len(data) == 1_006_000 - len(b"data: ")


def test_a_whole_answer_is_told_from_a_stream_by_how_it_begins() -> None:
    """Also where it comes letter by letter; a database error is neither."""
    body = b' \n{"choices": [{"message": {"content": "{}"}}]}'
    assert not read(bytes([byte]) for byte in body).is_streamed
    assert read(bytes([byte]) for byte in piece("{}") + END).is_streamed
    assert failure_of([b"database error"]) is FailureMode.PLANNER_BAD_RESPONSE
    assert failure_of([b"ok"]) is FailureMode.PLANNER_BAD_RESPONSE
    assert failure_of([]) is FailureMode.PLANNER_BAD_RESPONSE
