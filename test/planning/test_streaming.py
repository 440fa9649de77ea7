# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Answers that are read as they come: cut when they are hopeless, and never lost when they are complete."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import pytest

from endpoint import (
    COST,
    DONE,
    END,
    STREAM_HEAD,
    Asked,
    always,
    completion,
    endpoint,
    event,
    piece,
    streaming,
)
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.client import Counters, LlmClient
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.llm import Answer, Usage
from fallback_guard.planning.prompt import route_text
from test_client import KEY, QUESTION, REQUEST, answer_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Answering = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]

GOOD: Final = route_text(REQUEST)
LONG_S: Final = 30.0
"""Longer than a test may take: who waits for it fails."""


def told(
    answering: Answering, *, calls: int = 1, **parameters: object
) -> tuple[list[Answer], list[str], Counters]:
    """Return what came of some calls in a row, what was told of them, and what was counted."""
    sentences: list[str] = []

    async def run() -> tuple[list[Answer], Counters]:
        async with endpoint(answering) as here:
            config = planner_config({"base_url": here.base_url, **parameters})
            client = LlmClient(config, environ={}, tell=sentences.append)
            answers = [await client.answer(QUESTION, 5.0) for _ in range(calls)]
            await client.close()
            return answers, client.counters

    answers, counters = asyncio.run(run())
    return answers, sentences, counters


def test_an_answer_is_put_together_from_its_pieces() -> None:
    pieces = [piece(GOOD[at : at + 3]) for at in range(0, len(GOOD), 3)]
    answer, here = answer_of(streaming(piece("", role="assistant"), *pieces, END, COST, DONE))
    assert answer == Answer(
        payload=GOOD.encode(),
        structured_output="json_schema",
        usage=Usage(prompt_tokens=7, completion_tokens=3),
        is_streamed=True,
    )
    assert here.asked[0].body["stream"] is True
    assert here.asked[0].body["stream_options"] == {"include_usage": True}


def test_streaming_can_be_switched_off() -> None:
    answer, here = answer_of(always(completion(GOOD)), streaming="off")
    assert (answer.payload, answer.is_streamed) == (GOOD.encode(), False)
    assert not {"stream", "stream_options"} & here.asked[0].body.keys()


def test_an_endpoint_that_answers_whole_all_the_same_is_understood_and_told_of_once() -> None:
    answers, sentences, counters = told(always(completion(GOOD)), calls=2)
    assert [answer.payload for answer in answers] == [GOOD.encode()] * 2
    assert sentences == ["the endpoint answers whole where a stream was asked for; none can be cut"]
    assert (counters.answers, counters.streamed) == (2, 0)


# Cutting.


def test_a_hopeless_answer_is_cut_and_the_server_sees_it() -> None:
    """At once, although the server would go on for a minute, and with the reason and what was saved."""
    ended = asyncio.Event()

    async def babbling(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + piece('{"version":1,'))
        await asyncio.sleep(0.05)
        writer.write(piece('"request_id":"R-2",'))
        await asyncio.sleep(0.5)
        try:
            while True:
                writer.write(piece(" and so on"))
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            ended.set()

    async def run() -> Answer:
        async with endpoint(babbling) as here:
            client = LlmClient(planner_config({"base_url": here.base_url}), environ={})
            answer = await client.answer(QUESTION, LONG_S)
            await asyncio.wait_for(ended.wait(), 5)
            await client.close()
            counters = client.counters
            assert (counters.cut, counters.saved_s) == (1, answer.saved_s)
            return answer

    answer = asyncio.run(run())
    assert (answer.failure, answer.payload) == (FailureMode.PLANNER_CUT, b"")
    assert "request_id is not R-1" in answer.detail
    assert answer.usage.completion_tokens >= 2, "at least the pieces"
    # 13 of the bytes took 0.05 s or more, and the rest of the route was still to come.
    assert answer.saved_s > 0.02


def test_prose_is_cut_at_its_first_word_and_told_as_structure_ignored() -> None:
    answers, sentences, counters = told(
        streaming(piece("Sure"), piece("! Here is"), ends=False), calls=2
    )
    assert [answer.failure for answer in answers] == [FailureMode.PLANNER_CUT] * 2
    assert "PROSE" in answers[0].detail
    assert (counters.cut, counters.structure_ignored) == (2, 2)
    assert len(sentences) == 1
    assert "ignores structured output" in sentences[0]


@pytest.mark.parametrize("answering", [always, streaming])
@pytest.mark.parametrize(
    ("content", "is_ignored"),
    [
        ("Sure! Here is your route.", True),
        (f"```json\n{GOOD}\n```", True),
        (f"[{GOOD}]", True),
        ("null", True),
        (GOOD, False),
        ('{"another": "object"}', False),
    ],
)
def test_an_endpoint_that_ignores_the_schema_is_told_of(
    answering: object, content: str, *, is_ignored: bool
) -> None:
    """It took the schema with HTTP 200: only the answer shows it."""
    stub = (
        streaming(piece(content), END, DONE)
        if answering is streaming
        else always(completion(content))
    )
    _, sentences, counters = told(stub)
    assert (counters.structure_ignored == 1) is is_ignored
    assert any("ignores structured output" in text for text in sentences) is is_ignored


def test_without_structured_output_nothing_is_ignored() -> None:
    _, sentences, _ = told(always(completion("Sure!")), structured_output="none", streaming="off")
    assert sentences == []


def test_the_key_is_kept_back_from_a_stream_too() -> None:
    """In an answer that is cut, and in one whose key comes in two pieces."""
    for text in (f"Your key is {KEY}", f'{{"version":1,"request_id":"{KEY}",'):
        answer, _ = answer_of(streaming(piece(text[:-4]), piece(text[-4:]), ends=False))
        assert answer.failure in (FailureMode.PLANNER_CUT, FailureMode.PLANNER_BAD_RESPONSE)
        assert KEY not in repr(answer)
        assert KEY[:12] not in repr(answer)


# Streams that end badly, or not at all.


@pytest.mark.parametrize("after", [b"", COST, b": still here\n\n", b"data: {broken\n\n"])
def test_a_complete_answer_is_not_lost_to_a_stream_that_does_not_end(after: bytes) -> None:
    """What follows is only its cost, which is waited for a moment."""
    began_s = time.monotonic()
    answer, _ = answer_of(streaming(piece(GOOD), END, after, ends=False), timeout_s=LONG_S)
    assert (answer.failure, answer.payload) == (None, GOOD.encode())
    assert time.monotonic() - began_s < LONG_S / 3


def test_comments_that_drip_on_do_not_keep_a_complete_answer() -> None:
    stub = streaming(piece(GOOD), END, *[b": ping\n\n"] * 1_000, pause_s=0.03)
    answer, _ = answer_of(stub, timeout_s=LONG_S)
    assert answer.payload == GOOD.encode()


@pytest.mark.parametrize(
    ("sent", "failure"),
    [
        ((piece(GOOD[:20]),), FailureMode.PLANNER_BAD_RESPONSE),
        ((piece(GOOD[:20]), event({"error": {"message": "no"}})), FailureMode.PLANNER_BAD_RESPONSE),
        ((b"data: \xff\n\n",), FailureMode.PLANNER_NOT_UTF8),
        ((b": ping\n\n",) * 3, FailureMode.PLANNER_BAD_RESPONSE),
        ((piece(GOOD[:20]), b"data: " + b"x" * 5_000_000), FailureMode.PLANNER_OVERSIZE),
        ((b":" + b"x" * 50_000_000,), FailureMode.PLANNER_OVERSIZE),
        ((piece(tool_calls=[{}]),), FailureMode.PLANNER_TOOL_CALL),
        ((piece(reasoning_content="Hm."), END), FailureMode.PLANNER_EMPTY),
    ],
    ids=range(8),
)
def test_a_stream_that_goes_wrong_is_named(sent: tuple[bytes, ...], failure: FailureMode) -> None:
    answer, _ = answer_of(streaming(*sent))
    assert (answer.failure, answer.payload) == (failure, b"")


def test_a_stream_that_breaks_off_is_unreachable() -> None:
    """Where the response says that more was to come."""

    async def broken(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        head = STREAM_HEAD.replace(b"Connection: close", b"Content-Length: 9999")
        writer.write(head + piece(GOOD[:20]))
        await writer.drain()

    answer, _ = answer_of(broken)
    assert answer.failure is FailureMode.PLANNER_UNREACHABLE


@pytest.mark.parametrize(
    "sent", [(b": ping\n\n",) * 1_000, tuple(piece(" ") for _ in range(1_000))]
)
def test_a_stream_that_drips_takes_no_longer_than_the_budget(sent: tuple[bytes, ...]) -> None:
    answer, _ = answer_of(streaming(*sent, pause_s=0.02), timeout_s=0.4)
    assert answer.failure is FailureMode.PLANNER_TIMEOUT


# The same in a whole answer.


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (completion(GOOD[:9], finish_reason="length"), FailureMode.PLANNER_LENGTH),
        (completion(None, finish_reason="length", reasoning="Hm."), FailureMode.PLANNER_LENGTH),
        (completion(GOOD, finish_reason="content_filter"), FailureMode.PLANNER_REFUSED),
        (completion(None, refusal="I cannot help."), FailureMode.PLANNER_REFUSED),
        (completion("{}", refusal="I cannot help."), FailureMode.PLANNER_REFUSED),
        (completion(None, tool_calls=[{"id": "1"}]), FailureMode.PLANNER_TOOL_CALL),
        (completion("", finish_reason="tool_calls"), FailureMode.PLANNER_TOOL_CALL),
        (completion(None), FailureMode.PLANNER_EMPTY),
        (completion(""), FailureMode.PLANNER_EMPTY),
        (completion(None, reasoning_content="Hm."), FailureMode.PLANNER_EMPTY),
        (b'{"choices": [{}, {}]}', FailureMode.PLANNER_SEVERAL_CHOICES),
        (completion("caf?").replace(b"?", b"\xe9"), FailureMode.PLANNER_NOT_UTF8),
        (b"\xff\xfe\xfd", FailureMode.PLANNER_NOT_UTF8),
        (b" " * 50_000_000, FailureMode.PLANNER_OVERSIZE),
    ],
    ids=range(14),
)
def test_a_completion_without_an_answer_is_named(body: bytes, failure: FailureMode) -> None:
    """With what to do about it, and without a word of what the endpoint sent."""
    answer, _ = answer_of(always(body))
    assert (answer.failure, answer.payload) == (failure, b"")
    assert "cannot help" not in answer.detail
    if failure is FailureMode.PLANNER_LENGTH:
        assert "max_tokens" in answer.detail


def test_what_a_model_thought_beside_its_answer_is_passed_over() -> None:
    """As servers with a reasoning parser send it; within the answer the guard calls it REASONING."""
    answer, _ = answer_of(always(completion(GOOD, reasoning_content="Aisle A first.")))
    assert (answer.failure, answer.payload) == (None, GOOD.encode())


def test_a_call_is_counted() -> None:
    _, _, counters = told(streaming(piece(GOOD), END, COST, DONE), calls=3)
    assert counters == Counters(
        calls=3, answers=3, streamed=3, prompt_tokens=21, completion_tokens=9
    )
