# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What an endpoint understands of the API, learned from what it refuses.

The words of a call that endpoints differ in are a table.  Each word is given up on its own: where the endpoint's answer
(HTTP 400 or 422) names it, or else by trying without.  Only a call that then succeeds teaches something.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.config import PlannerConfig
from fallback_guard.planning.faults import BadResponseError, HttpError
from fallback_guard.planning.prompt import JsonObject

NOT_UNDERSTOOD: Final = (400, 422)
"""How endpoints refuse a word that they do not know."""

FORMS: Final = ("json_schema", "json_object", "none")
"""Ways to ask for JSON, the strictest first."""


LIKELIHOODS: Final = 20
"""Likely tokens that are asked for; hosted APIs tell no more."""


@dataclass(frozen=True, slots=True)
class Word:
    """One row: how error messages name a word, and what is done without it."""

    named: re.Pattern[str]
    instead: str


def _word(named: str, instead: str) -> Word:
    return Word(re.compile(named, re.IGNORECASE), instead)


_FORM_NAMED: Final = (
    r"response[_ ]format|json[_ ]schema|json[_ ]object|structured[_ ]output|guided|grammar"
)

WORDS: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "stream_options": _word(
            r"stream[_ ]options|include_usage", "streamed answers come without their cost in tokens"
        ),
        "max_tokens": _word(r"max_tokens", "'max_completion_tokens' says the limit of tokens"),
        "max_completion_tokens": _word(r"max_completion_tokens", "no limit of tokens is sent"),
        "temperature": _word(r"temperature", "the model's own temperature holds"),
        "logprobs": _word(r"logprobs", "labels are read off what the model says"),
        "seed": _word(r"\bseed\b", "answers may differ from call to call"),
        "json_schema": _word(_FORM_NAMED, "JSON is asked for in the next looser form"),
        "json_object": _word(_FORM_NAMED, "JSON is asked for in the prompt alone"),
        "stream": _word(r"\bstream(?:ing|ed)?\b", "answers are read whole, and none can be cut"),
    }
)
"""In the order in which they are looked for: the more special names first."""

_GUESSES: Final = (
    ("json_schema",),
    ("json_object",),
    ("stream", "stream_options"),
    ("logprobs",),
    ("seed", "temperature", "max_tokens", "max_completion_tokens"),
)
"""What is left out, step by step, where an endpoint names nothing."""

_THIS_SCHEMA: Final = re.compile(r"invalid schema|schema is (?:too|not)", re.IGNORECASE)
"""A schema that is refused for what it holds: another one may be taken."""

_BEYOND_WORDS: Final = (
    (
        re.compile(r"context[_ ](?:length|size|window)|exceed_context", re.IGNORECASE),
        FailureMode.PLANNER_HTTP_ERROR,
        "prompt and answer are longer than the model's context; give it a larger one, or lower 'max_tokens'",
    ),
    (
        re.compile(r"content[_ ]filter|content management policy", re.IGNORECASE),
        FailureMode.PLANNER_REFUSED,
        "the endpoint's content filter refuses the prompt; look at the request's instructions",
    ),
)
"""Refusals that no choice of words mends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """What a refusal was about: the words to do without, none where that does not help.

    `is_named`: the endpoint named them.  `is_lasting`: they would be refused again.
    """

    words: tuple[str, ...] = ()
    is_named: bool = False
    is_lasting: bool = True


class Dialect:
    """What one endpoint understands, as far as is known.  `refused` are the words that it does not."""

    def __init__(self, config: PlannerConfig) -> None:
        """Begin with everything that is configured."""
        self.refused: set[str] = set()
        self._config = config

    def form(self, wanted: str, without: Sequence[str] = ()) -> str:
        """Return the strictest form not stricter than `wanted` that the endpoint understands."""
        # What is asked for without JSON cannot be said in it.
        if self._config.structured_output != "auto" and wanted != "none":
            return self._config.structured_output
        known = (form for form in FORMS if form not in self.refused and form not in without)
        return next(form for form in known if FORMS.index(form) >= FORMS.index(wanted))

    def words(
        self, form: str, without: Sequence[str] = (), *, is_label: bool = False
    ) -> JsonObject:
        """Return the words of a call beside its model, its messages and its schema, as they are sent.

        For a label: one token, and how likely others were in its place, as many as hosted APIs tell.
        """
        config = self._config
        said: JsonObject = {}
        if is_label:
            said |= {"logprobs": True, "top_logprobs": LIKELIHOODS}
        elif config.streaming != "off":
            said |= {"stream": True, "stream_options": {"include_usage": True}}
        tokens = 1 if is_label else config.max_tokens
        if tokens:
            said |= {"max_tokens": tokens, "max_completion_tokens": tokens}
        if config.temperature >= 0:
            said["temperature"] = config.temperature
        if config.seed >= 0:
            said["seed"] = config.seed
        said = {word: v for word, v in said.items() if word not in {*self.refused, *without}}
        if "max_tokens" in said:
            said.pop("max_completion_tokens", None)
        if "stream" not in said:
            said.pop("stream_options", None)
        if "logprobs" not in said:
            said.pop("top_logprobs", None)
        if form != "none":
            said[form] = True
        return said

    def blame(self, error: HttpError, said: JsonObject) -> Blame:
        """Say which words a refusal is about.

        Raises HttpError for what is no refusal of words, and BadResponseError where it is known what else it is.
        """
        if error.status not in NOT_UNDERSTOOD:
            raise error
        message = error.body.decode("utf-8", "replace")
        for pattern, failure, remedy in _BEYOND_WORDS:
            if pattern.search(message):
                raise BadResponseError(f"HTTP {error.status}: {remedy}", failure)
        may_go = [word for word in said if not self._is_chosen(word)]
        for word, row in WORDS.items():
            if word in may_go and row.named.search(message):
                is_lasting = word not in FORMS or not _THIS_SCHEMA.search(message)
                return Blame(words=(word,), is_named=True, is_lasting=is_lasting)
        for guess in _GUESSES:
            if any(word in may_go for word in guess):
                return Blame(words=tuple(word for word in guess if not self._is_chosen(word)))
        return Blame()

    def learn(self, blames: Sequence[Blame]) -> list[str]:
        """Remember what a call that succeeded had to do without; return what there is to tell of it.

        Of what was left out at a guess only the last is known to have been in the way, and with a form the
        stricter ones, which were refused in a call that was the same otherwise.
        """
        lessons = [
            blame
            for blame in blames
            if blame.is_named or blame is blames[-1] or (_is_form(blame) and _is_form(blames[-1]))
        ]
        words = [word for blame in lessons if blame.is_lasting for word in blame.words]
        new = [word for word in words if word not in self.refused]
        self.refused.update(new)
        return [
            f"the endpoint does not understand '{word}'; from now on {WORDS[word].instead}"
            for word in new
        ]

    def _is_chosen(self, word: str) -> bool:
        """Tell whether a parameter insists on a word, so that the endpoint's refusal stands."""
        config = self._config
        if word in FORMS:
            return config.structured_output != "auto"
        return word == "stream" and config.streaming == "on"


def _is_form(blame: Blame) -> bool:
    return all(word in FORMS for word in blame.words)
