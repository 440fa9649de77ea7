# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What an endpoint says in a chat completion, whole or in the pieces of a stream.

The reader believes nothing: every member may be absent or of another kind, and what the endpoint sent is repeated
nowhere.  `reasoning_content` and `reasoning`, in which servers with a reasoning parser keep what the model thought, are
passed over.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final

import orjson

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.faults import BadResponseError
from fallback_guard.planning.llm import Usage

_TOKENS_MAX: Final = 10**9
"""A number of tokens beyond this is not believed."""

_LIKELIHOODS_MAX: Final = 100
_LIKELIHOOD_MIN: Final = -1_000.0
"""The logarithm of a likelihood that is as good as none."""

_ROUNDING: Final = 1e-3
"""What a logarithm of a likelihood may be above zero; more is no such thing, but a likelihood, say."""

_FILTERED: Final = "content_filter"
_LENGTH: Final = "length"
_OF_TOOLS: Final = ("tool_calls", "function_call")
_REASONING: Final = ("reasoning_content", "reasoning")
_NO_ANSWER_BUT_REASONING: Final = "the model thought, and gave no answer: "


@dataclass(slots=True, kw_only=True)
class Completion:
    """An answer as far as it has come.  `pieces` are those with text in them.

    `likelihoods` are those of the first token and of what stood beside it, where the endpoint tells them.
    """

    usage: Usage = field(default_factory=Usage)
    pieces: int = 0
    finish_reason: str = ""
    has_reasoned: bool = False
    likelihoods: Mapping[str, float] = field(default_factory=dict)
    _texts: list[bytes] = field(default_factory=list)

    @property
    def text(self) -> bytes:
        """The model's text so far, untouched."""
        if len(self._texts) > 1:
            self._texts = [b"".join(self._texts)]
        return self._texts[0] if self._texts else b""

    def take(self, document: object, part: str) -> None:
        """Take a whole completion (`part` is "message") or one piece ("delta").  Raises BadResponseError."""
        if member(document, "error"):
            raise BadResponseError("the endpoint says that it failed, in place of an answer")
        self._take_usage(member(document, "usage"))
        choices = member(document, "choices")
        is_piece = part == "delta"
        if not isinstance(choices, list) or not (choices or is_piece):
            raise BadResponseError("the response has no choices")
        if len(choices) > 1 or any(member(choice, "index") not in (None, 0) for choice in choices):
            raise BadResponseError(
                "the endpoint gives several choices, of which none is asked for",
                FailureMode.PLANNER_SEVERAL_CHOICES,
            )
        for choice in choices:
            self._take_choice(choice, part)

    def _take_choice(self, choice: object, part: str) -> None:
        said = member(choice, part)
        reason = member(choice, "finish_reason")
        if isinstance(reason, str):
            self.finish_reason = reason
        if not isinstance(said, dict):
            if part == "delta" and self.finish_reason:
                return
            raise BadResponseError("the response has a choice without a message")
        if said.get("refusal") or self.finish_reason == _FILTERED:
            what = "a content filter held" if self.finish_reason == _FILTERED else "the model held"
            raise BadResponseError(f"{what} the answer back", FailureMode.PLANNER_REFUSED)
        if said.get("tool_calls") or said.get("function_call") or self.finish_reason in _OF_TOOLS:
            raise BadResponseError(
                "the model called a tool, and none was offered", FailureMode.PLANNER_TOOL_CALL
            )
        self.has_reasoned |= any(bool(said.get(name)) for name in _REASONING)
        self.likelihoods = self.likelihoods or _likelihoods(member(choice, "logprobs"))
        content = said.get("content")
        if content is not None and not isinstance(content, str):
            raise BadResponseError("the response has a choice whose content is no text")
        if content:
            self.pieces += 1
            self._texts.append(content.encode("utf-8", "surrogatepass"))

    def _take_usage(self, usage: object) -> None:
        if isinstance(usage, dict):
            self.usage = Usage(
                prompt_tokens=_tokens(usage.get("prompt_tokens")),
                completion_tokens=_tokens(usage.get("completion_tokens")),
            )

    def check(self) -> None:
        """Raise BadResponseError where the answer, which is complete now, is none."""
        reasoned = _NO_ANSWER_BUT_REASONING if self.has_reasoned and not self.text else ""
        if self.finish_reason == _LENGTH and not _is_whole(self.text):
            raise BadResponseError(
                f"{reasoned}the answer ends at its limit of tokens; raise 'max_tokens', or the model's context",
                FailureMode.PLANNER_LENGTH,
            )
        if not self.text:
            raise BadResponseError(
                f"{reasoned}the answer is empty" + ("; switch reasoning off" if reasoned else ""),
                FailureMode.PLANNER_EMPTY,
            )


def document_in(text: bytes, what: str) -> object:
    """Return the JSON document that `text` is.  Raises BadResponseError, which says of `what` what is wrong."""
    try:
        # Unlike quicker parsers this one accepts a lone surrogate, which is the guard's to refuse.
        document: object = json.loads(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadResponseError(f"{what} is not UTF-8", FailureMode.PLANNER_NOT_UTF8) from None
    except (ValueError, RecursionError):
        shape = "an HTML page" if text.lstrip()[:1] == b"<" else "not JSON"
        raise BadResponseError(f"{what} is {shape}, but no chat completion") from None
    return document


def member(document: object, key: str) -> object:
    """Return what an object says under a key; None where it says nothing, or is no object."""
    return document.get(key) if isinstance(document, dict) else None


def _likelihoods(logprobs: object) -> Mapping[str, float]:
    """Return how likely each first token was, by its text in small letters; empty where that is not told."""
    tokens = member(logprobs, "content")
    tops = member(tokens[0], "top_logprobs") if isinstance(tokens, list) and tokens else None
    found: dict[str, float] = {}
    for one in tops[:_LIKELIHOODS_MAX] if isinstance(tops, list) else ():
        token, value = member(one, "token"), member(one, "logprob")
        if not isinstance(token, str) or not isinstance(value, float | int):
            continue
        # Compared as it came: an integer may be too large for a float, and a NaN is not within.
        if not isinstance(value, bool) and -inf < value < _ROUNDING:
            text, likelihood = token.strip().lower(), float(max(_LIKELIHOOD_MIN, value))
            found[text] = max(min(0.0, likelihood), found.get(text, -inf))
    return found


def _tokens(count: object) -> int:
    return count if type(count) is int and 0 <= count <= _TOKENS_MAX else 0


def _is_whole(text: bytes) -> bool:
    """Tell whether an answer is JSON to its end: some models never stop at the blanks behind it."""
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True
