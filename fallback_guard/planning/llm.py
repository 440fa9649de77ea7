# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a planner asks a language model, and what comes of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.prompt import JsonObject, Message

Hopeless = Callable[[bytes], str]
"""Says why an answer that begins like this can no longer become valid; empty where it still can."""


def never_hopeless(_beginning: bytes) -> str:
    """Give every answer until its end."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call's content.

    `form` is the strictest form of structured output that helps: an endpoint that does not know it is asked in the
    next looser one.  `schema` is only sent with `json_schema`.  `answer_bytes` is how long a whole answer will
    about be, by which the time is estimated that cutting one saves; 0: not known.
    """

    messages: Sequence[Message]
    schema: JsonObject
    form: str = "json_schema"
    hopeless: Hopeless = never_hopeless
    answer_bytes: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a call cost, in tokens as the endpoint counts them; 0 where it does not say.

    Of an answer that was cut the endpoint says nothing: `completion_tokens` are then the pieces that came, each of
    at least one token.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return what both cost."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one call.

    `payload` holds the bytes of the model's answer, untouched, where `failure` is None.  `detail` is for
    people; it never repeats what the endpoint sent beyond a few printable characters.  `structured_output` is
    the form that was asked for, `is_streamed` whether the answer came piece by piece.  `saved_s` estimates how
    much longer an answer that was cut would have taken: the bytes that were still to come by
    `Question.answer_bytes`, at the time per byte seen of this endpoint.  `likelihoods`, where labels were asked for,
    leads from tokens (in small letters, without blanks) to the natural logarithm of their likelihood; it is empty where
    the endpoint does not tell.
    """

    payload: bytes = b""
    failure: FailureMode | None = None
    detail: str = ""
    structured_output: str = "none"
    usage: Usage = Usage()
    is_streamed: bool = False
    saved_s: float = 0.0
    likelihoods: Mapping[str, float] = field(default_factory=dict)


Ask = Callable[[Question], Awaitable[Answer]]
"""Asks the model once, within what is left of the budget.  Raises nothing but CancelledError."""


class Llm(Protocol):
    """Whoever answers: an endpoint, a ladder of them, or a script in a test."""

    async def answer(self, question: Question, timeout_s: float) -> Answer:
        """Return within `timeout_s`.  Raises nothing but CancelledError."""
