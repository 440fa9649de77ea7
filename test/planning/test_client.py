# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""One call to an endpoint that may do anything: an answer or a failure mode, in time, and the key stays secret."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from typing import TYPE_CHECKING, Final

import pytest

from endpoint import Asked, Endpoint, always, completion, endpoint, response
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.parameters import ParameterError
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.llm import Answer
from fallback_guard.planning.methods import Brief, request_question
from fallback_guard.planning.prompt import route_json_schema

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Answering = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]

KEY: Final = "sk-a-key-nobody-may-see"
REQUEST: Final = PickRequest(
    request_id="R-1",
    robot_id="picker_1",
    start_node=1,
    goal_node=3,
    items=(PickItem(bin="A-03", sku="SKU-9", quantity=2),),
)
QUESTION: Final = request_question(Brief(request=REQUEST))
TIMEOUT_S: Final = 5.0
"""For calls that end by themselves."""


async def ask(
    base_url: str, *, timeout_s: float = TIMEOUT_S, calls: int = 1, **parameters: object
) -> Answer:
    """Return the answer to the last of some calls in a row."""
    config = planner_config({"base_url": base_url, **parameters})
    client = LlmClient(config, environ={"OPENAI_API_KEY": KEY})
    try:
        answers = [await client.answer(QUESTION, timeout_s) for _ in range(calls)]
    finally:
        await client.close()
    return answers[-1]


def answer_of(
    answering: Answering, *, timeout_s: float = TIMEOUT_S, calls: int = 1, **parameters: object
) -> tuple[Answer, Endpoint]:
    """Return what the client makes of an endpoint, and the endpoint."""

    async def run() -> tuple[Answer, Endpoint]:
        async with endpoint(answering) as here:
            return await ask(here.base_url, timeout_s=timeout_s, calls=calls, **parameters), here

    return asyncio.run(run())


def answer_of_plain_words(answering: Answering) -> tuple[Answer, Endpoint]:
    """Return the same of a call without a word that an endpoint could not understand."""
    return answer_of(
        answering,
        structured_output="none",
        streaming="off",
        max_tokens=0,
        temperature=-1.0,
        seed=-1,
    )


# Answers.


@pytest.mark.parametrize(
    "content",
    [
        '{"version": 1}',
        "no JSON at all",
        "```json\n{}\n```",
        " \n\t",
        "\N{SNOWMAN} \N{WORLD MAP}",
        "\0",
    ],
)
def test_the_model_s_text_comes_back_untouched(content: str) -> None:
    """Judging it is the guard's work."""
    answer, _ = answer_of(always(completion(content)))
    assert answer == Answer(payload=content.encode("utf-8"), structured_output="json_schema")


def test_an_answer_that_ends_without_a_word_comes_back_as_it_is() -> None:
    """The guard calls it TRUNCATED."""
    answer, _ = answer_of(always(completion('{"version": 1, "sto')))
    assert (answer.failure, answer.payload) == (None, b'{"version": 1, "sto')


def test_a_lone_surrogate_comes_back_as_bytes_that_are_not_utf8() -> None:
    """JSON can escape what UTF-8 cannot hold; the guard calls it NOT_UTF8."""
    answer, _ = answer_of(always(completion('{"a\ud800": 1}')))
    assert (answer.failure, answer.payload) == (None, b'{"a\xed\xa0\x80": 1}')


# Answers that are none.


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><title>Sign in</title>",
        b"",
        b"[]",
        b"null",
        b'"choices"',
        b"[" * 60_000,
        b"1" * 60_000,
        b"{}",
        b'{"choices": {}}',
        b'{"choices": []}',
        b'{"choices": [null]}',
        b'{"choices": [[]]}',
        b'{"choices": [{"message": "text"}]}',
        b'{"choices": [{"text": "not a chat"}]}',
        b'{"error": {"message": "overloaded"}}',
        completion(7),
        completion([{"type": "text", "text": "{}"}]),
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_a_response_of_another_shape_is_a_bad_response(body: bytes) -> None:
    """Whatever stands in a body with status 200, nothing is raised, and nothing of it is repeated."""
    answer, _ = answer_of(always(body))
    assert (answer.failure, answer.payload) == (FailureMode.PLANNER_BAD_RESPONSE, b"")
    assert answer.detail


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 408, 409, 413, 418, 422, 429, 500, 502, 503, 504]
)
def test_an_error_status_is_an_http_error_and_is_not_tried_again(status: int) -> None:
    """Trying again is for whoever keeps the budget."""
    answer, here = answer_of_plain_words(always(b'{"error": "no"}', status=f"{status} No"))
    assert answer.failure is FailureMode.PLANNER_HTTP_ERROR
    assert answer.detail.startswith(f"HTTP {status}")
    assert len(here.asked) == 1


@pytest.mark.parametrize("status", [201, 204, 301, 302, 303, 307, 308])
def test_any_status_but_200_is_an_http_error_and_redirects_are_not_followed(status: int) -> None:
    """A redirect could carry the request, and its key, to another host."""

    async def run() -> tuple[Answer, Endpoint]:
        async with endpoint(always(completion("{}"))) as elsewhere:
            redirect = always(
                b"", status=f"{status} Away", Location=f"{elsewhere.base_url}/chat/completions"
            )
            async with endpoint(redirect) as here:
                return await ask(here.base_url), elsewhere

    answer, elsewhere = asyncio.run(run())
    assert answer.failure is FailureMode.PLANNER_HTTP_ERROR
    assert elsewhere.asked == []


# Too much.


@pytest.mark.parametrize(
    ("excess", "failure"), [(-1, None), (0, None), (1, FailureMode.PLANNER_OVERSIZE)]
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_response_is_read_up_to_its_limit(
    excess: int, failure: FailureMode | None, *, declared: bool
) -> None:
    """The limit holds whether or not the response says its length beforehand."""
    limit = 4_096
    content = "x" * (limit + excess - len(completion("")))

    async def answering(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = completion(content)
        writer.write(
            response(body) if declared else b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body
        )
        await writer.drain()

    answer, _ = answer_of(answering, response_bytes_max=limit)
    assert answer.failure is failure


@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
def test_a_body_without_end_is_broken_off(status: str) -> None:
    """Also that of an error, which nobody needs to read."""

    async def flood(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()

    began_s = time.monotonic()
    answer, _ = answer_of(flood, timeout_s=10.0)
    assert answer.failure in (FailureMode.PLANNER_OVERSIZE, FailureMode.PLANNER_HTTP_ERROR)
    assert time.monotonic() - began_s < 5.0


def test_a_compressed_response_is_refused() -> None:
    """A kilobyte could unpack into a gigabyte; it is not asked for either."""
    answer, here = answer_of(always(b"\x1f\x8b", Content_Encoding="gzip"))
    assert answer.failure is FailureMode.PLANNER_BAD_RESPONSE
    assert here.asked[0].headers["accept-encoding"] == "identity"


# Too slow.


async def _never(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _drip(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    for byte in response(completion("{}")):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def _drip_body(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    head, _, body = response(completion("x" * 200)).partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("answering", [_never, _drip, _drip_body])
def test_the_time_is_for_the_whole_call(answering: Answering) -> None:
    """A read that succeeds now and then does not prolong it."""
    began_s = time.monotonic()
    answer, _ = answer_of(answering, timeout_s=0.3)
    assert answer.failure is FailureMode.PLANNER_TIMEOUT
    assert 0.29 < time.monotonic() - began_s < 1.0


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
def test_no_time_left_is_a_timeout(timeout_s: float) -> None:
    """Without a call."""
    answer, here = answer_of(always(completion("{}")), timeout_s=timeout_s)
    assert answer.failure is FailureMode.PLANNER_TIMEOUT
    assert here.asked == []


def test_a_cancelled_call_raises_only_that() -> None:
    """The planner stops a plan by cancelling it."""

    async def run() -> None:
        asked = asyncio.Event()

        async def never(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
            asked.set()
            await asyncio.sleep(60)

        async with endpoint(never) as here:
            call = asyncio.ensure_future(ask(here.base_url))
            await asked.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(run())


# Nobody there.


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


@pytest.mark.parametrize(
    "base_url",
    [f"http://127.0.0.1:{_free_port()}/v1", "http://no-such-host.invalid/v1"],
    ids=["refused", "no such host"],
)
def test_an_endpoint_that_is_not_there_is_unreachable(base_url: str) -> None:
    """The detail says what to look at."""
    answer = asyncio.run(ask(base_url))
    assert answer.failure is FailureMode.PLANNER_UNREACHABLE
    assert "base_url" in answer.detail


def test_an_endpoint_that_speaks_no_tls_is_unreachable() -> None:
    """As is one with a certificate that nobody vouches for."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response(b"", status="400 Bad Request"))
        writer.close()

    async def run() -> Answer:
        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with server:
            return await ask(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")

    assert asyncio.run(run()).failure is FailureMode.PLANNER_UNREACHABLE


@pytest.mark.parametrize("sent", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", response(b"0123456789")[:-3]])
def test_a_connection_that_ends_early_is_unreachable(sent: bytes) -> None:
    """Before the response, or in the middle of it."""

    async def hang_up(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    answer, _ = answer_of(hang_up)
    assert answer.failure is FailureMode.PLANNER_UNREACHABLE


# What is sent.


def test_the_call_carries_the_sampling_and_the_schema() -> None:
    """As chat/completions has them."""
    _, here = answer_of(always(completion("{}")), model="m", temperature=0.5, seed=7, max_tokens=99)
    body = here.asked[0].body
    assert here.asked[0].line == "POST /v1/chat/completions HTTP/1.1"
    assert (body["model"], body["temperature"], body["seed"], body["max_tokens"]) == (
        "m",
        0.5,
        7,
        99,
    )
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "route", "strict": True, "schema": route_json_schema(REQUEST)},
    }


def test_sampling_that_is_switched_off_is_not_sent() -> None:
    """Some models refuse a temperature or max_tokens."""
    _, here = answer_of_plain_words(always(completion("{}")))
    assert set(here.asked[0].body) == {"model", "messages"}


def _knows(*forms: str) -> Answering:
    """Be an endpoint that knows only some forms of structured output."""

    async def answering(asked: Asked, writer: asyncio.StreamWriter) -> None:
        response_format = asked.body.get("response_format", {"type": "none"})
        assert isinstance(response_format, dict)
        known = response_format["type"] in forms
        writer.write(
            response(completion("{}")) if known else response(b"{}", status="400 Bad Request")
        )
        await writer.drain()

    return answering


@pytest.mark.parametrize(
    ("forms", "form", "calls"),
    [
        (("json_schema", "json_object", "none"), "json_schema", 2),
        (("json_object", "none"), "json_object", 3),
        (("none",), "none", 4),
    ],
)
def test_auto_finds_the_strictest_form_once(forms: tuple[str, ...], form: str, calls: int) -> None:
    """The second request begins with the form that the first one found."""
    answer, here = answer_of(_knows(*forms), calls=2)
    assert (answer.failure, answer.structured_output) == (None, form)
    assert len(here.asked) == calls


def test_auto_forgets_nothing_over_an_error_that_has_other_causes() -> None:
    """An endpoint that refuses every form is asked for the strictest one again."""
    answer, here = answer_of(_knows(), calls=2)
    assert answer.failure is FailureMode.PLANNER_HTTP_ERROR
    asked_first, asked_next = here.asked[:5], here.asked[5:]
    assert [call.body for call in asked_first] == [call.body for call in asked_next]
    assert set(asked_first[-1].body) == {"model", "messages"}


def test_a_form_that_was_chosen_is_not_weakened() -> None:
    """Without `auto` the endpoint's refusal stands."""
    answer, here = answer_of(_knows("none"), structured_output="json_schema")
    assert answer.failure is FailureMode.PLANNER_HTTP_ERROR
    assert all("response_format" in call.body for call in here.asked)


# The key.


async def _echo_key(asked: Asked, writer: asyncio.StreamWriter) -> None:
    key = asked.headers["authorization"]
    writer.write(response(key.encode(), status=f"401 {key}", Content_Type=key, X_Request_Id=key))
    await writer.drain()


async def _echo_key_as_page(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(response(asked.headers["authorization"].encode()))
    await writer.drain()


@pytest.mark.parametrize(
    "answering", [_echo_key_as_page, _never, always(b"<html>"), always(b"", status="500 No")]
)
def test_the_key_is_sent_and_shown_nowhere(
    answering: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in an answer, not in a representation, not in a log of any level, of this package or another's."""
    caplog.set_level(logging.DEBUG)
    answer, here = answer_of(answering, timeout_s=0.3)
    assert here.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert answer.failure is not None
    assert KEY not in repr(answer) + caplog.text


def test_a_key_that_the_endpoint_repeats_is_not_handed_on() -> None:
    """Not even from the status line of an error."""
    answer, _ = answer_of(_echo_key)
    assert (answer.failure, KEY in repr(answer)) == (FailureMode.PLANNER_HTTP_ERROR, False)
    assert "api_key_env" in answer.detail


def test_a_client_shows_its_endpoint_and_not_its_key() -> None:
    """In tracebacks, debuggers and logs."""
    client = LlmClient(planner_config({}), environ={"OPENAI_API_KEY": KEY})
    assert (
        repr(client)
        == "LlmClient(base_url='http://127.0.0.1:8080/v1', model='SmolLM2-135M-Instruct')"
    )


@pytest.mark.parametrize(
    "key", [f"{KEY}\n", f"{KEY}\r\nX-Other: 1", f" {KEY}", f"{KEY}\N{SNOWMAN}", f"{KEY}\0"]
)
def test_a_key_that_no_header_can_hold_is_refused_by_name(key: str) -> None:
    """A key read from a file often ends with a line break; the header's error message would repeat it."""
    with pytest.raises(ParameterError, match="'MY_KEY'") as caught:
        LlmClient(planner_config({"api_key_env": "MY_KEY"}), environ={"MY_KEY": key})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": ""}])
def test_without_a_key_a_local_server_is_asked_all_the_same(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no other key of this environment is taken instead."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)

    async def run() -> Endpoint:
        async with endpoint(always(completion("{}"))) as here:
            client = LlmClient(planner_config({"base_url": here.base_url}), environ=environ)
            await client.answer(QUESTION, TIMEOUT_S)
            await client.close()
            return here

    here = asyncio.run(run())
    assert here.asked[0].headers["authorization"] == "Bearer none"
    assert KEY not in json.dumps(dict(here.asked[0].headers))


# Parameters.


@pytest.mark.parametrize(
    ("base_url", "problem"),
    [
        ("", "neither http"),
        ("127.0.0.1:8080/v1", "neither http"),
        ("ftp://host/v1", "neither http"),
        ("file:///etc/passwd", "neither http"),
        ("http://", "no host"),
        ("http:///v1", "no host"),
        ("http://host:0/v1", "no host"),
        ("http://ho st/v1", "no host"),
        ("http://host:99999/v1", "not a URL"),
        ("http://[::1/v1", "not a URL"),
        (f"http://user:{KEY}@host/v1", "user name or a password"),
        (f"http://host/v1?key={KEY}", "a query"),
        ("http://host/v1#x", "a fragment"),
    ],
)
def test_a_base_url_that_cannot_be_used_is_refused_by_name(base_url: str, problem: str) -> None:
    """With what is wrong and what would be right, and without a secret that stands in it."""
    with pytest.raises(ParameterError, match=f"'base_url'.*{problem}.*such as http") as caught:
        planner_config({"base_url": base_url})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", ""),
        ("model", "m" * 129),
        ("model", "m\n"),
        ("api_key_env", ""),
        ("api_key_env", KEY),
        ("structured_output", "xml"),
        ("planning_timeout_ms", 49),
        ("attempts_max", 0),
        ("attempts_max", 17),
        ("temperature", float("nan")),
        ("seed", 2**31),
        ("concurrent_requests_max", 0),
        ("response_bytes_max", 1_023),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    """And a key given in place of its name is not repeated."""
    with pytest.raises(ParameterError, match=f"'{name}'") as caught:
        planner_config({name: value})
    assert KEY not in str(caught.value)
