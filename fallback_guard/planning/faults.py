# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a call to an endpoint, and how it is told.

The exceptions are OpenAIErrors, because the openai client hands those on as they are, or as the cause of its own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import openai

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.llm import Answer

_REMEDIES: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "check the key in the environment variable of 'api_key_env', and 'auth'",
        403: "check the key in the environment variable of 'api_key_env', and 'auth'",
        404: "check 'base_url' and 'model', and on Azure 'api_version'",
        407: "the proxy of HTTPS_PROXY or HTTP_PROXY asks for a user and a password",
        413: "the prompt is too long for the endpoint",
        429: "the endpoint limits the rate of calls",
    }
)


class HttpError(openai.OpenAIError):
    """A status other than 200.  `body` begins what came with it: to look words up in, and never told."""

    def __init__(self, status: int, body: bytes = b"") -> None:
        """Hold both."""
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


class BadResponseError(openai.OpenAIError):
    """A response that holds no answer.  The message is ours and names what is wrong."""

    def __init__(
        self, message: str, failure: FailureMode = FailureMode.PLANNER_BAD_RESPONSE
    ) -> None:
        """Hold both."""
        super().__init__(message)
        self.failure = failure


class BrokenOffError(openai.OpenAIError):
    """The connection ended before the response did."""


def fault_behind(error: BaseException) -> BaseException:
    """Return what our own hook raised; before its version 3 the openai client wraps that."""
    cause = error.__cause__
    return cause if isinstance(cause, HttpError | BadResponseError) else error


def failed(error: Exception) -> Answer:
    """Name a fault.  Messages of other libraries are left out: one of them repeats the request's header."""
    fault = fault_behind(error)
    if isinstance(fault, HttpError):
        remedy = _REMEDIES.get(fault.status)
        return Answer(
            failure=FailureMode.PLANNER_HTTP_ERROR,
            detail=f"HTTP {fault.status}" + (f": {remedy}" if remedy else ""),
        )
    if isinstance(fault, BadResponseError):
        return Answer(failure=fault.failure, detail=str(fault))
    name = _innermost_name(error)
    if isinstance(error, openai.APIConnectionError | BrokenOffError):
        return Answer(
            failure=FailureMode.PLANNER_UNREACHABLE,
            detail=f"{name}: is the endpoint of 'base_url' running, and can it be reached from here?",
        )
    return Answer(
        failure=FailureMode.PLANNER_BAD_RESPONSE, detail=f"{name} while reading the response"
    )


def timed_out(timeout_s: float) -> Answer:
    """Say that the time was up."""
    return Answer(
        failure=FailureMode.PLANNER_TIMEOUT,
        detail=f"no complete answer within {timeout_s * 1_000:.0f} ms",
    )


def _innermost_name(error: BaseException) -> str:
    cause = error.__cause__ or error.__context__
    return _innermost_name(cause) if cause is not None else type(error).__name__
