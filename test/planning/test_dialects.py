# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Endpoints differ in what they understand; each word is given up alone, once, and told of.

The refusals are replayed as their sources have them, for none of these servers runs here:

- OpenAI, `max_tokens` and `temperature` of reasoning models:
  github.com/microsoft/vscode-copilot-release/issues/8065
- Azure, `stream_options` before it was known there: github.com/jamesrochabrun/SwiftOpenAI/issues/67, and as an
  unrecognized argument: github.com/Pythagora-io/gpt-pilot/issues/1022
- Azure, `stream` of o1-preview: github.com/langgenius/dify/issues/13207
- vLLM before 0.6.2, `stream_options`: github.com/modelscope/ms-agent/issues/489
- Mistral, members that it does not know: github.com/editor-code-assistant/eca/issues/231
- LM Studio, `json_object`: github.com/lmstudio-ai/lmstudio-bug-tracker/issues/189
- DeepSeek, `json_schema`: github.com/llm-exe/llm-exe/issues/662
- llama.cpp, a prompt longer than the context: `exceed_context_size_error` in its tools/server
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from endpoint import Asked, Endpoint, completion, endpoint, response
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.llm import Answer
from test_client import QUESTION, answer_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Answering = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]

OPENAI: Final = {"type": "invalid_request_error"}


def openai(message: str, param: str | None = None, code: str | None = None) -> object:
    """Return an error in the form of the OpenAI API."""
    return {"error": {"message": message, **OPENAI, "param": param, "code": code}}


def extra(name: str) -> object:
    """Return an error of Mistral about a member that it does not know."""
    found = {
        "type": "extra_forbidden",
        "loc": ["body", name],
        "msg": "Extra inputs are not permitted",
        "input": 1,
    }
    return {"object": "error", "message": {"detail": [found]}, "type": "invalid_request_error"}


def words(asked: Asked) -> set[str]:
    """Return the words of a call that endpoints differ in; a form of structured output counts as one."""
    form = asked.body.get("response_format", {})
    assert isinstance(form, dict)
    return (asked.body.keys() | {form.get("type", "none")}) - {
        "model",
        "messages",
        "response_format",
    }


def refusing(refusals: dict[str, tuple[int, object]]) -> Answering:
    """Be an endpoint that refuses these words, the first of them that it finds."""

    async def answering(asked: Asked, writer: asyncio.StreamWriter) -> None:
        status, error = next(
            (refusal for word, refusal in refusals.items() if word in words(asked)), (200, None)
        )
        body = completion("{}") if status == 200 else json.dumps(error).encode()
        writer.write(response(body, status=f"{status} So"))
        await writer.drain()

    return answering


def learned(
    answering: Answering, *, calls: int = 2, **parameters: object
) -> tuple[list[Answer], Endpoint, frozenset[str], list[str]]:
    """Return answers to calls in a row, what was asked, what was learned, and what was told."""
    sentences: list[str] = []

    async def run() -> tuple[list[Answer], Endpoint, frozenset[str]]:
        async with endpoint(answering) as here:
            config = planner_config({"base_url": here.base_url, **parameters})
            client = LlmClient(config, environ={}, tell=sentences.append)
            answers = [await client.answer(QUESTION, 5.0) for _ in range(calls)]
            await client.close()
            return answers, here, client.not_understood

    answers, here, refused = asyncio.run(run())
    return answers, here, refused, [text for text in sentences if "understand" in text]


Refusals = dict[str, tuple[int, object]]

DIALECTS: Final[dict[str, Refusals]] = {
    "OpenAI's reasoning models": {
        "max_tokens": (
            400,
            openai(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                "max_tokens",
                "unsupported_parameter",
            ),
        ),
        "temperature": (
            400,
            openai(
                "Unsupported value: 'temperature' does not support 0 with this model.",
                "temperature",
                "unsupported_value",
            ),
        ),
    },
    "Azure of 2024": {
        "stream_options": (
            400,
            openai("Unknown parameter: 'stream_options'.", "stream_options", "unknown_parameter"),
        ),
    },
    "Azure behind a gateway": {
        "stream_options": (
            400,
            openai("Unrecognized request argument supplied: stream_options."),
        ),
    },
    "Azure's o1-preview": {
        "stream": (
            400,
            openai("Unsupported value: 'stream' does not support true with this model.", "stream"),
        ),
    },
    "vLLM before 0.6.2": {
        "stream_options": (
            400,
            {
                "object": "error",
                "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), "
                "'msg': 'Extra inputs are not permitted', 'input': {}}]",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
    },
    "Mistral": {
        "seed": (422, extra("seed")),
        "stream_options": (422, extra("stream_options")),
    },
    "LM Studio": {
        "json_object": (400, {"error": "'response_format.type' must be 'json_schema' or 'text'"}),
    },
    "DeepSeek": {
        "json_schema": (400, openai("This response_format type is unavailable now")),
    },
    "an endpoint without a word": {
        "json_schema": (400, {}),
        "json_object": (422, {}),
    },
}


@pytest.mark.parametrize("name", DIALECTS)
def test_what_an_endpoint_refuses_is_given_up_alone_and_once(name: str) -> None:
    """The second call is understood at once, in all the words that the first found to be understood."""
    refusals = DIALECTS[name]
    met = {word for word in refusals if word != "json_object" or "json_schema" in refusals}
    answers, here, refused, sentences = learned(refusing(refusals))
    assert [answer.failure for answer in answers] == [None, None]
    assert refused == met
    assert len(here.asked) == len(met) + 2
    assert len(sentences) == len(met), "each is told once"
    full = words(here.asked[0])
    given_up = met | ({"stream_options"} if "stream" in met else set())
    instead = {
        "max_completion_tokens" if "max_tokens" in met else "",
        "json_object" if met >= {"json_schema"} and "json_object" not in refusals else "",
        "none" if met >= {"json_schema", "json_object"} else "",
    } - {""}
    assert words(here.asked[-1]) == (full - given_up) | instead


def test_json_object_is_given_up_without_json_schema() -> None:
    """As an endpoint such as LM Studio needs it, where a method asks for the looser form."""
    asked_for: list[str] = []

    async def run() -> frozenset[str]:
        async with endpoint(refusing(DIALECTS["LM Studio"])) as here:
            client = LlmClient(planner_config({"base_url": here.base_url}), environ={})
            for form in ("json_object", "json_schema", "json_object"):
                answer = await client.answer(replace(QUESTION, form=form), 5.0)
                asked_for.append(answer.structured_output)
            await client.close()
            assert len(here.asked) == 4
            return client.not_understood

    assert asyncio.run(run()) == {"json_object"}
    assert asked_for == ["none", "json_schema", "none"]


def test_a_schema_that_is_refused_for_what_it_holds_may_be_taken_another_time() -> None:
    """So OpenAI refuses one that its strict mode does not cover."""
    error = openai("Invalid schema for response_format 'route': ...", "response_format")
    answers, here, refused, sentences = learned(refusing({"json_schema": (400, error)}))
    assert [answer.structured_output for answer in answers] == ["json_object", "json_object"]
    assert (len(here.asked), refused, sentences) == (4, frozenset(), [])


@pytest.mark.parametrize(
    ("error", "failure", "remedy"),
    [
        (
            {
                "error": {
                    "code": 400,
                    "message": "the request exceeds the available context size, try increasing it",
                    "type": "exceed_context_size_error",
                }
            },
            FailureMode.PLANNER_HTTP_ERROR,
            "max_tokens",
        ),
        (
            openai("'max_tokens' is too large: 1536. This model's maximum context length is 1024"),
            FailureMode.PLANNER_HTTP_ERROR,
            "context",
        ),
        (
            openai("The prompt triggered the content management policy.", code="content_filter"),
            FailureMode.PLANNER_REFUSED,
            "filter",
        ),
    ],
)
def test_a_refusal_that_no_words_mend_is_not_asked_again(
    error: object, failure: FailureMode, remedy: str
) -> None:
    """It says what does."""
    answers, here, refused, _ = learned(
        refusing({"model": (400, error), "none": (400, error), "json_schema": (400, error)}),
        calls=1,
    )
    assert (answers[0].failure, len(here.asked), refused) == (failure, 1, frozenset())
    assert remedy in answers[0].detail


def test_what_a_parameter_insists_on_is_not_given_up() -> None:
    """The endpoint's refusal stands."""
    stub = refusing(DIALECTS["Azure's o1-preview"])
    answer, here = answer_of(stub, streaming="on")
    assert answer.failure is FailureMode.PLANNER_HTTP_ERROR
    assert all(call.body["stream"] is True for call in here.asked)


@pytest.mark.parametrize("body", [b"", b"\xff" * 99, b"{" * 99, b"seed" * 20_000_000])
def test_an_error_may_say_anything(body: bytes) -> None:
    """It is read up to a limit, and repeated nowhere."""

    async def refuse(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(body, status="400 Bad Request"))
        await writer.drain()

    answer, here = answer_of(refuse)
    assert (answer.failure, answer.detail) == (FailureMode.PLANNER_HTTP_ERROR, "HTTP 400")
    assert len(here.asked) <= 8


def test_an_error_without_its_reason_is_an_error_all_the_same() -> None:
    """Some never send the body that they announce; the budget is not spent on it."""

    async def refuse(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n")
        await asyncio.sleep(60)

    answer, _ = answer_of(refuse, timeout_s=20.0)
    assert answer.failure is FailureMode.PLANNER_HTTP_ERROR
