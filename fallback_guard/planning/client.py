# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""One call to an OpenAI-compatible endpoint: an answer or a failure mode, in bounded time and memory.

The body is read through openai's streaming response, so that its size is counted while it arrives, and it is taken
apart here (`reading`, `completion`), because the endpoint may send anything.  An answer that can no longer become valid
is cut: its connection is closed, at which a server stops generating.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final, Protocol
from urllib.parse import urlsplit

import openai
from openai.types.chat import ChatCompletionMessageParam

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.parameters import ParameterError
from fallback_guard.planning.completion import Completion, document_in, member
from fallback_guard.planning.config import PlannerConfig, is_loopback, is_private
from fallback_guard.planning.dialect import NOT_UNDERSTOOD, Blame, Dialect
from fallback_guard.planning.faults import (
    BadResponseError,
    BrokenOffError,
    HttpError,
    failed,
    fault_behind,
    timed_out,
)
from fallback_guard.planning.llm import Answer, Question
from fallback_guard.planning.prompt import JsonObject, Message
from fallback_guard.planning.reading import Reading, oversize

NO_KEY: Final = "none"
"""Sent where the environment holds no key; local servers ask for none, but the client insists on one."""

COST_WAIT_S: Final = 0.25
"""For how long a stream whose answer is complete is read on: what it cost comes with the next event or never."""

ERROR_BYTES_MAX: Final = 16_384
"""What is read of an error, to see which word it names; FastAPI's errors repeat some of the call."""

ERROR_WAIT_S: Final = 0.5
"""For how long that is waited for: an error without its reason is an error all the same."""

_HTTP_OK: Final = 200

Tell = Callable[[str], object]
"""Takes a sentence for people, once each.  Has to return at once, and not to raise."""


@dataclass(slots=True, kw_only=True)
class Counters:
    """What has come of the calls so far.  `saved_s` is the sum of the answers' estimates, in seconds."""

    calls: int = 0
    answers: int = 0
    streamed: int = 0
    cut: int = 0
    saved_s: float = 0.0
    structure_ignored: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def said(self) -> str:
        """The totals in a sentence, for a log."""
        return (
            f"{self.answers} answers to {self.calls} calls, {self.streamed} of them streamed; {self.cut} cut, which "
            f"saved about {self.saved_s:.1f} s; {self.structure_ignored} without the structure that was asked for; "
            f"{self.prompt_tokens} + {self.completion_tokens} tokens"
        )


class LlmClient:
    """Calls the endpoint of a `PlannerConfig`."""

    def __init__(
        self,
        config: PlannerConfig,
        *,
        environ: Mapping[str, str] = os.environ,
        tell: Tell = lambda _: None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare connections, and open none.

        Raises ParameterError for a key that no header can hold, and for a proxy or an authority of the environment
        that cannot be used.
        """
        self._config = config
        self._dialect = Dialect(config)
        self._key = _key_from(environ, config.api_key_env)
        self._tell = tell
        self._told: set[str] = set()
        self._now_s = monotonic_s
        self._counters = Counters()
        self._pace = _Pace()
        try:
            self._client = openai.AsyncOpenAI(
                base_url=config.base_url,
                api_key=self._key,
                max_retries=0,
                default_query={"api-version": config.api_version} if config.api_version else None,
                http_client=openai.DefaultAsyncHttpxClient(
                    follow_redirects=False,
                    mounts=_without_proxy(config.base_url),
                    event_hooks={"request": [self._sign], "response": [self._check_head]},
                ),
            )
        except Exception as error:  # noqa: BLE001  # libraries raise much for a URL that is none, or a missing file
            # The message of the HTTP library may hold the proxy's password.
            raise ParameterError(
                f"the way to 'base_url' cannot be used ({type(error).__name__}); check the environment variables "
                "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE"
            ) from None

    def __repr__(self) -> str:
        """Name the endpoint, never the key."""
        return f"LlmClient(base_url={self._config.base_url!r}, model={self._config.model!r})"

    @property
    def exposure(self) -> str:
        """Say how the key can be read on its way; empty where it cannot, or there is none."""
        if self._key == NO_KEY or is_private(self._config.base_url):
            return ""
        return (
            "the key goes over the network in the clear: 'base_url' begins with http:// and names "
            "another host; use https://"
        )

    @property
    def counters(self) -> Counters:
        """What has come of the calls so far; a copy."""
        return replace(self._counters)

    @property
    def not_understood(self) -> frozenset[str]:
        """Words of the API that the endpoint was found not to understand."""
        return frozenset(self._dialect.refused)

    async def answer(self, question: Question, timeout_s: float) -> Answer:
        """Ask once.  The whole call, however it is spread out, takes no longer than `timeout_s`."""
        self._counters.calls += 1
        try:
            answer = await asyncio.wait_for(self._first_understood(question, timeout_s), timeout_s)
        except (asyncio.TimeoutError, openai.APITimeoutError):
            return timed_out(timeout_s)
        except Exception as error:  # noqa: BLE001  # whatever it is, the guard is told that there is no answer
            return failed(error)
        self._count(answer)
        return answer

    async def models(self, timeout_s: float) -> tuple[str, ...] | Answer:
        """Return the names under /models, or an answer that says why there are none."""
        try:
            return await asyncio.wait_for(self._models(timeout_s), timeout_s)
        except (asyncio.TimeoutError, openai.APITimeoutError):
            return timed_out(timeout_s)
        except Exception as error:  # noqa: BLE001  # as above
            return failed(error)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _first_understood(self, question: Question, timeout_s: float) -> Answer:
        """Ask in the words that the endpoint understands, giving up those that it refuses."""
        blames: list[Blame] = []
        while True:
            without = [word for blame in blames for word in blame.words]
            form = self._dialect.form(question.form, without)
            said = self._dialect.words(form, without, is_label=bool(question.labels))
            try:
                answer = await self._ask(question, form, said, timeout_s)
            except openai.OpenAIError as error:
                fault = fault_behind(error)
                if not isinstance(fault, HttpError):
                    raise
                blames.append(self._dialect.blame(fault, said))
                if not blames[-1].words:
                    raise
                continue
            for sentence in self._dialect.learn(blames):
                self._tell_once(sentence)
            return answer

    async def _ask(
        self, question: Question, form: str, said: JsonObject, timeout_s: float
    ) -> Answer:
        reading = Reading(
            bytes_max=self._config.response_bytes_max,
            hopeless=question.hopeless,
            is_label=bool(question.labels),
        )
        words = {word: value for word, value in said.items() if word != form}
        took_s = 0.0
        async with self._client.chat.completions.with_streaming_response.create(
            model=self._config.model,
            messages=[_as_param(message) for message in question.messages],
            # Compressed, a small response could grow past any limit in one step.
            extra_headers={"Accept-Encoding": "identity"},
            extra_body={**words, **_response_format(form, question.schema)},
            timeout=timeout_s,
        ) as response:
            took_s = await self._read(response.iter_bytes(), reading)
        completion = reading.end()
        if self._key != NO_KEY and self._key.encode("ascii") in completion.text:
            raise BadResponseError("the answer repeats the key that it was asked with")
        if reading.is_streamed and completion.pieces > 1:
            self._pace.learn(len(completion.text), took_s)
        elif "stream" in said and not reading.is_streamed:
            self._tell_once(
                "the endpoint answers whole where a stream was asked for; none can be cut"
            )
        if form != "none" and not _is_object(completion.text, is_whole=not reading.hopeless):
            self._counters.structure_ignored += 1
            self._tell_once(
                f"the endpoint ignores structured output: it took '{form}' and answered no JSON object; set "
                "'structured_output', or look how the server enforces it"
            )
        return self._answer(question, form, reading, completion)

    def _answer(
        self, question: Question, form: str, reading: Reading, completion: Completion
    ) -> Answer:
        whole = Answer(
            payload=completion.text,
            structured_output=form,
            usage=completion.usage,
            is_streamed=reading.is_streamed,
            likelihoods=completion.likelihoods,
        )
        if not reading.hopeless:
            return whole
        left_bytes = max(0, question.answer_bytes - len(completion.text))
        return replace(
            whole,
            payload=b"",
            failure=FailureMode.PLANNER_CUT,
            detail=f"cut after {len(completion.text)} bytes: {reading.hopeless}",
            usage=replace(completion.usage, completion_tokens=completion.pieces),
            saved_s=left_bytes * self._pace.s_per_byte,
        )

    async def _read(self, chunks: AsyncIterator[bytes], reading: Reading) -> float:
        """Feed a reading until it needs no more; return how long the text took to come, from its first piece on."""
        began_s = ended_s = self._now_s()
        end_s: float | None = None
        async with aclosing(_unbroken(chunks)) as unbroken:
            while not (reading.is_whole or reading.hopeless):
                wait_s = None if end_s is None else max(0.0, end_s - self._now_s())
                try:
                    reading.feed(await asyncio.wait_for(anext(unbroken), wait_s))
                except StopAsyncIteration:
                    break
                except (asyncio.TimeoutError, BrokenOffError):
                    if not reading.has_answer:
                        raise
                    break
                ended_s = self._now_s()
                if not reading.completion.pieces:
                    began_s = ended_s
                if reading.has_answer and end_s is None:
                    end_s = ended_s + COST_WAIT_S
        return ended_s - began_s

    async def _models(self, timeout_s: float) -> tuple[str, ...]:
        body = bytearray()
        async with self._client.models.with_streaming_response.list(
            extra_headers={"Accept-Encoding": "identity"}, timeout=timeout_s
        ) as response:
            async for chunk in _unbroken(response.iter_bytes()):
                body += chunk
                if len(body) > self._config.response_bytes_max:
                    raise oversize(self._config.response_bytes_max)
        rows = member(document_in(bytes(body), "the list of models"), "data")
        names = [member(row, "id") for row in rows] if isinstance(rows, list) else []
        return tuple(name for name in names if isinstance(name, str))

    def _count(self, answer: Answer) -> None:
        counters = self._counters
        counters.answers += answer.failure is None
        counters.streamed += answer.is_streamed
        counters.cut += answer.failure is FailureMode.PLANNER_CUT
        counters.saved_s += answer.saved_s
        counters.prompt_tokens += answer.usage.prompt_tokens
        counters.completion_tokens += answer.usage.completion_tokens

    def _tell_once(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._tell(sentence)

    async def _sign(self, request: "_Signed") -> None:
        """Put the key where the endpoint looks for it."""
        if self._config.auth == "api-key":
            del request.headers["Authorization"]
            request.headers["api-key"] = self._key

    async def _check_head(self, response: "_Head") -> None:
        """Refuse a response by its head, so that the body of an error or a redirect is not read to its end."""
        if response.status_code != _HTTP_OK:
            body = b""
            if response.status_code in NOT_UNDERSTOOD:
                body = await _beginning_of(response)
            raise HttpError(response.status_code, body)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise BadResponseError("the response is compressed, which was not asked for")
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._config.response_bytes_max:
            raise oversize(self._config.response_bytes_max)


class _Pace:
    """How long an endpoint takes for a byte of an answer, over all that it streamed."""

    def __init__(self) -> None:
        self._bytes = 0
        self._s = 0.0

    def learn(self, count: int, took_s: float) -> None:
        self._bytes += count
        self._s += took_s

    @property
    def s_per_byte(self) -> float:
        return self._s / self._bytes if self._bytes else 0.0


class _Signed(Protocol):
    """What is changed of a request before it leaves: httpx's Request, whose package openai 3 renamed."""

    @property
    def headers(self) -> "_Headers": ...


class _Headers(Protocol):
    def __delitem__(self, name: str) -> None: ...
    def __setitem__(self, name: str, value: str) -> None: ...


class _Head(Protocol):
    """What is read of a response before its body: httpx's Response, likewise."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    def aiter_raw(self) -> AsyncIterator[bytes]: ...


def _key_from(environ: Mapping[str, str], name: str) -> str:
    key = environ.get(name, "") or NO_KEY
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ParameterError(
            f"the environment variable {name!r} (parameter 'api_key_env') holds a character that cannot "
            "stand in a key, such as a line break; export it again without"
        )
    return key


def _without_proxy(base_url: str) -> dict[str, None]:
    """Say that this machine is not reached through a proxy, which the environment may not have thought of."""
    host = urlsplit(base_url).hostname or ""
    if not is_loopback(host):
        return {}
    return {f"all://[{host}]" if ":" in host else f"all://{host}": None}


async def _unbroken(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Hand `chunks` on.  Raises BrokenOffError where the HTTP library raises an exception of its own."""
    try:
        async for chunk in chunks:
            yield chunk
    except Exception as error:
        raise BrokenOffError("the connection broke off") from error


async def _beginning_of(response: _Head) -> bytes:
    """Read what an error says, up to a limit of bytes and of time; what went wrong with that does not matter."""
    body = bytearray()

    async def read() -> None:
        async for chunk in response.aiter_raw():
            body.extend(chunk[:ERROR_BYTES_MAX])
            if len(body) >= ERROR_BYTES_MAX:
                return

    try:
        await asyncio.wait_for(read(), ERROR_WAIT_S)
    except Exception:  # noqa: BLE001  # the error itself is told
        return bytes(body)
    return bytes(body)


def _is_object(text: bytes, *, is_whole: bool) -> bool:
    """Tell whether an answer is a JSON object; one that was cut, whether it began as one."""
    if not is_whole:
        return text.lstrip()[:1] == b"{"
    try:
        return isinstance(document_in(text, "the answer"), dict)
    except BadResponseError:
        return False


def _response_format(form: str, schema: JsonObject) -> JsonObject:
    if form == "none":
        return {}
    if form == "json_object":
        return {"response_format": {"type": "json_object"}}
    named_schema = {"name": "route", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named_schema}}


def _as_param(message: Message) -> ChatCompletionMessageParam:
    if message.role == "system":
        return {"role": "system", "content": message.content}
    if message.role == "assistant":
        return {"role": "assistant", "content": message.content}
    return {"role": "user", "content": message.content}
