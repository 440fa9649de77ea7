# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A call for a label: one token, how likely others were in its place, and endpoints that tell no such thing."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint import DONE, END, STREAM_HEAD, always, completion, endpoint, piece, response
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.completion import Completion
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.llm import Answer, Question
from fallback_guard.planning.prompt import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from endpoint import Asked, Endpoint

    Answering = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]

LABEL: Final = Question(
    messages=[Message(role="user", content="X is blue.")],
    schema={},
    form="none",
    labels=("first", "last", "any"),
)
TIMEOUT_S: Final = 5.0


def top(*pairs: tuple[object, object]) -> dict[str, object]:
    """Return likelihoods as OpenAI writes them, of the first token and of one that follows."""
    tops = [{"token": token, "logprob": value, "bytes": None} for token, value in pairs]
    other = {"token": "!", "logprob": 0.0, "top_logprobs": [{"token": "no", "logprob": 0.0}]}
    return {"content": [{"token": "x", "logprob": -9.0, "top_logprobs": tops}, other]}


def said(word: str, logprobs: object) -> bytes:
    choice = {
        "finish_reason": "length",
        "logprobs": logprobs,
        "message": {"role": "assistant", "content": word},
    }
    return json.dumps({"choices": [choice]}).encode()


def asked(
    answering: Answering, calls: int = 1, **parameters: object
) -> tuple[list[Answer], Endpoint]:
    """Return what a client makes of some calls in a row, and the endpoint."""

    async def run() -> tuple[list[Answer], Endpoint]:
        async with endpoint(answering) as here:
            client = LlmClient(
                planner_config({"base_url": here.base_url, **parameters}), environ={}
            )
            try:
                return [await client.answer(LABEL, TIMEOUT_S) for _ in range(calls)], here
            finally:
                await client.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    "parameters", [{}, {"max_tokens": 0}, {"streaming": "on"}, {"structured_output": "json_schema"}]
)
def test_a_label_is_one_token_with_what_else_was_likely(parameters: dict[str, object]) -> None:
    """Whatever is configured for routes: a label is read whole, and is no JSON."""
    answering = always(said(" First", top((" First", -0.5), ("last", -2))))
    [answer], here = asked(answering, 1, **parameters)
    assert answer == Answer(payload=b" First", likelihoods={"first": -0.5, "last": -2.0})
    body = here.asked[0].body
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)
    assert not {"stream", "stream_options", "response_format", "max_completion_tokens"} & set(body)


def test_a_route_is_asked_for_without_likelihoods() -> None:
    """They would make each answer many times as long."""
    route = Question(messages=LABEL.messages, schema={})

    async def run() -> Endpoint:
        async with endpoint(always(completion("{}"))) as here:
            client = LlmClient(planner_config({"base_url": here.base_url}), environ={})
            await client.answer(route, TIMEOUT_S)
            await client.close()
            return here

    body = asyncio.run(run()).asked[0].body
    assert not {"logprobs", "top_logprobs"} & set(body)
    assert body["max_tokens"] == 1_536


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
@pytest.mark.parametrize(
    "message",
    ["Unknown parameter: 'top_logprobs'", "logprobs are not supported by this model", "bad"],
)
def test_an_endpoint_that_refuses_likelihoods_is_asked_without(status: str, message: str) -> None:
    """From then on: the second call is one call."""

    async def refuse_likelihoods(call: Asked, writer: asyncio.StreamWriter) -> None:
        error = json.dumps({"error": {"message": message}}).encode()
        refused = response(error, status=status)
        writer.write(refused if "logprobs" in call.body else response(said("last", None)))
        await writer.drain()

    answers, here = asked(refuse_likelihoods, calls=2)
    assert answers == [Answer(payload=b"last")] * 2
    assert ["logprobs" in call.body for call in here.asked] == [True, False, False]
    assert ["top_logprobs" in call.body for call in here.asked] == [True, False, False]
    assert all(call.body["max_tokens"] == 1 for call in here.asked)


def test_a_label_may_come_as_a_stream_that_nobody_asked_for() -> None:
    async def stream(_call: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + piece("last") + END + DONE)
        await writer.drain()

    [answer], _ = asked(stream)
    assert (answer.failure, answer.payload, dict(answer.likelihoods)) == (None, b"last", {})


def test_no_word_at_all_is_no_failure_of_a_label() -> None:
    """Its likelihoods say what it would have been."""
    [answer], _ = asked(always(said("", top(("any", -1.0)))))
    assert (answer.failure, answer.likelihoods) == (None, {"any": -1.0})


@pytest.mark.parametrize(
    ("pairs", "likely"),
    [
        ([("First", -1.0), (" first", -0.5), ("FIRST", -2.0)], {"first": -0.5}),
        ([("a", 0), ("b", 1e-9)], {"a": 0.0, "b": 0.0}),
        ([("a", 0.7), ("b", 10**400), ("c", True), ("d", None), ("e", "-1"), ("f", [])], {}),
        ([("a", -(10**400)), ("b", -3.4e38)], {"a": -1_000.0, "b": -1_000.0}),
        ([("a", float("nan")), ("b", float("inf")), ("c", float("-inf"))], {}),
        ([(None, -1.0), (7, -1.0), ([], -1.0), ("x", -1.0)], {"x": -1.0}),
        ([(f"t{number}", -1.0) for number in range(1_000)], {f"t{number}": -1.0 for number in range(100)}),
    ],
    ids=lambda some: str(some)[:30],
)  # fmt: skip
def test_what_is_no_likelihood_is_passed_over(
    pairs: list[tuple[object, object]], likely: dict[str, float]
) -> None:
    """Logarithms of likelihoods are at most 0, up to rounding."""
    taken = Completion()
    taken.take(json.loads(said("x", top(*pairs))), "message")
    assert dict(taken.likelihoods) == likely


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda some: (
        st.lists(some, max_size=4)
        | st.dictionaries(st.sampled_from(["content", "top_logprobs", "token", "logprob"]), some)
    ),
    max_leaves=12,
)


@given(JSON | JSON.map(lambda some: {"content": [{"top_logprobs": some}]}))
def test_likelihoods_of_any_shape_raise_nothing(logprobs: object) -> None:
    """And spoil no answer."""
    taken = Completion()
    taken.take(
        {"choices": [{"logprobs": logprobs, "message": {"content": "any"}}]},
        "message",
    )
    assert taken.text == b"any"
    assert all(-1_000.0 <= value <= 0.0 for value in taken.likelihoods.values())


@pytest.mark.parametrize(
    "logprobs",
    [
        "[[[]]]",
        '{"content": [{"top_logprobs": [{"token": "a", "logprob": -1' + "0" * 500 + "}]}]}",
        "{}",
    ],
    ids=["nested", "huge", "empty"],
)
def test_the_client_reads_a_label_beside_malformed_likelihoods(logprobs: str) -> None:
    body = '{"choices": [{"message": {"content": "any"}, "logprobs": ' + logprobs + "}]}"
    [answer], _ = asked(always(body.encode()))
    assert (answer.failure, answer.payload) == (None, b"any")


def test_a_failure_of_the_endpoint_is_one_of_a_label() -> None:
    [answer], _ = asked(always(b"", status="500 Internal Server Error"))
    assert answer.failure is FailureMode.PLANNER_HTTP_ERROR
