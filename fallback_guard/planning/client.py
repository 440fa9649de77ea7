"""One call to an OpenAI-compatible endpoint: an answer or a failure mode, in bounded time and memory.

The body is read through openai's streaming response, so that its size is counted while it arrives,
and it is taken apart here, because the endpoint may send anything.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Final, Protocol

import openai
from openai.types.chat import ChatCompletionMessageParam

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.parameters import ParameterError
from fallback_guard.planning.config import PlannerConfig, is_private
from fallback_guard.planning.llm import Answer, Question, Usage
from fallback_guard.planning.prompt import JsonObject, Message

NO_KEY: Final = "none"
"""Sent where the environment holds no key; local servers ask for none, but the client insists on one."""

_LADDER: Final = ("json_schema", "json_object", "none")
_HTTP_OK: Final = 200
_NOT_UNDERSTOOD: Final = (400, 422)
"""How endpoints refuse a form of structured output that they do not know."""

_REMEDIES: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "check the key in the environment variable of 'api_key_env'",
        403: "check the key in the environment variable of 'api_key_env'",
        404: "check 'base_url' and 'model'",
        413: "the prompt is too long for the endpoint",
        429: "the endpoint limits the rate of calls",
    }
)


class LlmClient:
    """Calls the endpoint of a `PlannerConfig`."""

    def __init__(self, config: PlannerConfig, *, environ: Mapping[str, str] = os.environ) -> None:
        """Prepare connections, and open none.  Raises ParameterError for a key that no header can hold."""
        self._config = config
        self._strictest = 0
        self._key = _key_from(environ, config.api_key_env)
        self._client = openai.AsyncOpenAI(
            base_url=config.base_url,
            api_key=self._key,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(
                follow_redirects=False,
                event_hooks={"response": [self._check_head]},
            ),
        )

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

    async def answer(self, question: Question, timeout_s: float) -> Answer:
        """Ask once.  The whole call, however it is spread out, takes no longer than `timeout_s`."""
        try:
            return await asyncio.wait_for(self._first_understood(question, timeout_s), timeout_s)
        except (asyncio.TimeoutError, openai.APITimeoutError):
            return Answer(
                failure=FailureMode.PLANNER_TIMEOUT,
                detail=f"no complete answer within {timeout_s * 1_000:.0f} ms",
            )
        except Exception as error:  # noqa: BLE001  # whatever it is, the guard is told that there is no answer
            return _failed(error)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _first_understood(self, question: Question, timeout_s: float) -> Answer:
        """Ask in the strictest form of structured output that the endpoint understands."""
        forms = self._forms(question.form)
        for step, form in enumerate(forms):
            try:
                body = await self._body(
                    question.messages,
                    _response_format(form, question.schema) | _labels(question),
                    timeout_s,
                )
            except openai.OpenAIError as error:
                fault = _fault_behind(error)
                is_last = step == len(forms) - 1
                if (
                    is_last
                    or not isinstance(fault, _HttpError)
                    or fault.status not in _NOT_UNDERSTOOD
                ):
                    raise
                continue
            if step:
                self._strictest = _LADDER.index(form)
            payload = _content(body)
            if self._key != NO_KEY and self._key.encode("ascii") in payload:
                raise _BadResponseError("the answer repeats the key that it was asked with")
            return Answer(
                payload=payload,
                structured_output=form,
                usage=_usage(body),
                likelihoods=_likelihoods(body) if question.labels else {},
            )
        raise AssertionError("there is always a form to ask in")

    def _forms(self, wanted: str) -> tuple[str, ...]:
        if self._config.structured_output == "auto":
            return _LADDER[max(self._strictest, _LADDER.index(wanted)) :]
        return (self._config.structured_output,)

    async def _body(
        self, messages: Sequence[Message], response_format: JsonObject, timeout_s: float
    ) -> bytes:
        body = bytearray()
        async with self._client.chat.completions.with_streaming_response.create(
            model=self._config.model,
            messages=[_as_param(message) for message in messages],
            # Compressed, a small response could grow past any limit in one step.
            extra_headers={"Accept-Encoding": "identity"},
            extra_body={**self._sampling(), **response_format},
            timeout=timeout_s,
        ) as response:
            async for chunk in _unbroken(response.iter_bytes()):
                body += chunk
                if len(body) > self._config.response_bytes_max:
                    raise self._oversize()
        return bytes(body)

    def _sampling(self) -> JsonObject:
        config = self._config
        values: JsonObject = {
            "max_tokens": config.max_tokens,
            "temperature": config.temperature,
            "seed": config.seed,
        }
        left_out = {
            "max_tokens": config.max_tokens == 0,
            "temperature": config.temperature < 0,
            "seed": config.seed < 0,
        }
        return {name: value for name, value in values.items() if not left_out[name]}

    async def _check_head(self, response: "_Head") -> None:
        """Refuse a response by its head, so that the body of an error or a redirect is never read."""
        if response.status_code != _HTTP_OK:
            raise _HttpError(response.status_code)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _BadResponseError("the response is compressed, which was not asked for")
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._config.response_bytes_max:
            raise self._oversize()

    def _oversize(self) -> "_BadResponseError":
        return _BadResponseError(
            f"the response is larger than {self._config.response_bytes_max} bytes ('response_bytes_max')"
        )


class _Head(Protocol):
    """What is read of a response before its body: httpx's Response, whose package openai 3 renamed."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class _HttpError(openai.OpenAIError):
    """A status other than 200.  An OpenAIError, because the openai client hands those on as they are."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class _BadResponseError(openai.OpenAIError):
    """A response that is no chat completion.  The message is ours and names what is wrong."""


class _BrokenOffError(openai.OpenAIError):
    """The connection ended before the response did."""


def _key_from(environ: Mapping[str, str], name: str) -> str:
    key = environ.get(name, "") or NO_KEY
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ParameterError(
            f"the environment variable {name!r} (parameter 'api_key_env') holds a character that cannot "
            "stand in a key, such as a line break; export it again without"
        )
    return key


async def _unbroken(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Hand `chunks` on.  Raises _BrokenOffError where the HTTP library raises an exception of its own."""
    try:
        async for chunk in chunks:
            yield chunk
    except Exception as error:
        raise _BrokenOffError("the connection broke off") from error


def _response_format(form: str, schema: JsonObject) -> JsonObject:
    if form == "none":
        return {}
    if form == "json_object":
        return {"response_format": {"type": "json_object"}}
    named_schema = {"name": "route", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named_schema}}


def _labels(question: Question) -> JsonObject:
    """Return what asks for one token, and for how likely others were in its place; 20 is all that hosted APIs tell."""
    if not question.labels:
        return {}
    return {"max_tokens": 1, "logprobs": True, "top_logprobs": 20}


def _likelihoods(body: bytes) -> Mapping[str, float]:
    """Return how likely each first token was, by its text in small letters; empty where the endpoint does not tell."""
    document: object = json.loads(body)
    choices = _member(document, "choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    tokens = _member(_member(first, "logprobs"), "content")
    tops = _member(tokens[0], "top_logprobs") if isinstance(tokens, list) and tokens else None
    found: dict[str, float] = {}
    for one in tops if isinstance(tops, list) else ():
        token, value = _member(one, "token"), _member(one, "logprob")
        if isinstance(token, str) and isinstance(value, float | int):
            text = token.strip().lower()
            found[text] = max(float(value), found.get(text, -inf))
    return found


def _usage(body: bytes) -> Usage:
    usage = _member(json.loads(body), "usage")
    prompt, completion = _member(usage, "prompt_tokens"), _member(usage, "completion_tokens")
    return Usage(
        prompt_tokens=prompt if isinstance(prompt, int) else 0,
        completion_tokens=completion if isinstance(completion, int) else 0,
    )


def _as_param(message: Message) -> ChatCompletionMessageParam:
    if message.role == "system":
        return {"role": "system", "content": message.content}
    if message.role == "assistant":
        return {"role": "assistant", "content": message.content}
    return {"role": "user", "content": message.content}


def _content(body: bytes) -> bytes:
    """Take the model's text out of a chat completion.  Raises _BadResponseError."""
    try:
        # Unlike quicker parsers this one accepts a lone surrogate, which is the guard's to refuse.
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        shape = "an HTML page" if body.lstrip()[:1] == b"<" else "not JSON"
        raise _BadResponseError(f"the response is {shape}, but no chat completion") from None
    choices = _member(document, "choices")
    if not isinstance(choices, list) or not choices:
        raise _BadResponseError("the response has no choices")
    message = _member(choices[0], "message")
    content = _member(message, "content")
    if _member(message, "refusal"):
        raise _BadResponseError("the model refused to answer")
    if not isinstance(content, str):
        raise _BadResponseError("the response has a choice without text")
    return content.encode("utf-8", "surrogatepass")


def _member(document: object, key: str) -> object:
    return document.get(key) if isinstance(document, dict) else None


def _fault_behind(error: BaseException) -> BaseException:
    """Return what our own hook raised; before its version 3 the openai client wraps that."""
    cause = error.__cause__
    return cause if isinstance(cause, _HttpError | _BadResponseError) else error


def _failed(error: Exception) -> Answer:
    """Name a fault.  Messages of other libraries are left out: one of them repeats the request's header."""
    fault = _fault_behind(error)
    if isinstance(fault, _HttpError):
        remedy = _REMEDIES.get(fault.status)
        return Answer(
            failure=FailureMode.PLANNER_HTTP_ERROR,
            detail=f"HTTP {fault.status}" + (f": {remedy}" if remedy else ""),
        )
    if isinstance(fault, _BadResponseError):
        return Answer(failure=FailureMode.PLANNER_BAD_RESPONSE, detail=str(fault))
    name = _innermost_name(error)
    if isinstance(error, openai.APIConnectionError | _BrokenOffError):
        return Answer(
            failure=FailureMode.PLANNER_UNREACHABLE,
            detail=f"{name}: is the endpoint of 'base_url' running, and can it be reached from here?",
        )
    return Answer(
        failure=FailureMode.PLANNER_BAD_RESPONSE, detail=f"{name} while reading the response"
    )


def _innermost_name(error: BaseException) -> str:
    cause = error.__cause__ or error.__context__
    return _innermost_name(cause) if cause is not None else type(error).__name__
