# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Finding out what an endpoint can do for the planner, by asking it small questions one after the other."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.completion import document_in
from fallback_guard.planning.config import MODEL_CHARS_MAX, PlannerConfig
from fallback_guard.planning.faults import BadResponseError
from fallback_guard.planning.llm import Answer, Question
from fallback_guard.planning.prompt import JsonObject, Message

MODELS_SHOWN_MAX: Final = 5
TOKENS_MAX: Final = 64
"""Enough for the small answers below; a model that reasons first may need more, and then says so."""


class Verdict(Enum):
    """What came of one question.  `LESS`: the planner does without.  `UNTRIED`: useless after one before it."""

    YES = "yes"
    NO = "no"
    LESS = "less"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row."""

    asked: str
    verdict: Verdict
    found: str = ""
    remedy: str = ""


_WORD: Final = "ready"
_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {"state": {"type": "string", "const": _WORD}},
    "required": ["state"],
    "additionalProperties": False,
}
_SMALL_TALK: Final = Question(
    messages=(Message(role="user", content="Say hello in one word."),), schema=_SCHEMA, form="none"
)
_STRUCTURED: Final = Question(
    # Only who is held to the schema answers this in JSON of this form; JSON mode wants the word to be said.
    messages=(
        Message(role="user", content="Greet me in a short sentence, or in JSON if you must."),
    ),
    schema=_SCHEMA,
)
_ROWS: Final = (
    "a small answer",
    "structured output: json_schema",
    "structured output: json_object",
    "streaming",
    "tokens counted",
    "seed",
    "temperature",
    "limit of tokens",
)


async def probe(
    config: PlannerConfig,
    *,
    model_given: bool,
    timeout_s: float,
    monotonic_s: Callable[[], float] = time.monotonic,
) -> list[Finding]:
    """Return what there is to say.  Without a model given, the first that is listed is asked.

    Each question takes no longer than `timeout_s`.  Raises ParameterError where the environment's key or proxy
    cannot be used.
    """
    config = replace(config, max_tokens=TOKENS_MAX)
    findings, config = await _listed(config, model_given=model_given, timeout_s=timeout_s)
    began_s = monotonic_s()
    plain = await _Try.of(replace(config, streaming="off"), _SMALL_TALK, timeout_s)
    took_ms = (monotonic_s() - began_s) * 1_000
    if not plain.is_understood:
        findings.append(_row(0, Verdict.NO, plain.failure, _REMEDY))
        return findings + [Finding(asked=asked, verdict=Verdict.UNTRIED) for asked in _ROWS[1:]]
    findings.append(_row(0, Verdict.YES, f"{took_ms:.0f} ms, model {config.model}"))
    schema = await _Try.of(
        replace(config, streaming="off", structured_output="json_schema"), _STRUCTURED, timeout_s
    )
    loose = await _Try.of(
        replace(config, streaming="off", structured_output="json_object"), _STRUCTURED, timeout_s
    )
    stream = await _Try.of(config, _SMALL_TALK, timeout_s)
    return [
        *findings,
        *_structure(schema, loose),
        *_stream(stream),
        *_words(plain),
    ]


_REMEDY: Final = "see the failure mode in docs/failure-modes.md, and docs/llm.md for the server"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """One question's answer, and what the endpoint did not understand of it."""

    answer: Answer
    not_understood: frozenset[str]

    @classmethod
    async def of(cls, config: PlannerConfig, question: Question, timeout_s: float) -> "_Try":
        client = LlmClient(config)
        try:
            answer = await client.answer(question, timeout_s)
            return cls(answer=answer, not_understood=client.not_understood)
        finally:
            await client.close()

    @property
    def is_understood(self) -> bool:
        return self.answer.failure is None

    @property
    def failure(self) -> str:
        mode = self.answer.failure
        return f"{mode.value}: {self.answer.detail}" if mode else ""

    @property
    def document(self) -> object:
        try:
            return document_in(self.answer.payload, "the answer")
        except BadResponseError:
            return None


def _row(number: int, verdict: Verdict, found: str = "", remedy: str = "") -> Finding:
    return Finding(asked=_ROWS[number], verdict=verdict, found=found, remedy=remedy)


async def _listed(
    config: PlannerConfig, *, model_given: bool, timeout_s: float
) -> tuple[list[Finding], PlannerConfig]:
    client = LlmClient(config)
    try:
        models = await client.models(timeout_s)
    finally:
        await client.close()
    if isinstance(models, Answer):
        said = f"{models.failure.value}: {models.detail}" if models.failure else ""
        remedy = "not every server lists its models; name yours with --model"
        return [Finding(asked="models", verdict=Verdict.LESS, found=said, remedy=remedy)], config
    names = [name for name in models if 1 <= len(name) <= MODEL_CHARS_MAX]
    shown = ", ".join(names[:MODELS_SHOWN_MAX]) + (", ..." if len(names) > MODELS_SHOWN_MAX else "")
    if not model_given and names:
        config = replace(config, model=names[0])
    if config.model in names or not names:
        return [Finding(asked="models", verdict=Verdict.YES, found=shown or "none named")], config
    remedy = f"{config.model} is not among them: check the name"
    return [Finding(asked="models", verdict=Verdict.LESS, found=shown, remedy=remedy)], config


def _structure(schema: _Try, loose: _Try) -> list[Finding]:
    is_obeyed = schema.document == {"state": _WORD}
    is_json = isinstance(loose.document, dict)
    findings = []
    if is_obeyed:
        findings.append(_row(1, Verdict.YES, "enforced"))
    elif schema.is_understood:
        found = "taken, and ignored: the answer follows another form"
        remedy = "look how the server enforces a schema; until then answers may be prose"
        findings.append(_row(1, Verdict.NO, found, remedy))
    else:
        verdict = Verdict.LESS if is_json else Verdict.NO
        remedy = "structured_output: auto asks for the next looser form by itself"
        findings.append(_row(1, verdict, schema.failure, remedy))
    if is_json:
        findings.append(_row(2, Verdict.YES, "the answer is a JSON object"))
    else:
        found = loose.failure or "taken, and ignored: the answer is no JSON object"
        remedy = "" if is_obeyed else "answers may be prose: use a server that enforces JSON"
        findings.append(_row(2, Verdict.LESS if is_obeyed else Verdict.NO, found, remedy))
    return findings


def _stream(stream: _Try) -> list[Finding]:
    usage = stream.answer.usage
    counted = f"{usage.prompt_tokens} in, {usage.completion_tokens} out"
    if stream.answer.is_streamed:
        findings = [_row(3, Verdict.YES, "answers that become invalid are cut")]
    else:
        found = stream.failure or "the endpoint answers whole"
        findings = [_row(3, Verdict.LESS, found, "none: answers are read whole, and none is cut")]
    if usage.completion_tokens:
        findings.append(_row(4, Verdict.YES, counted))
    else:
        remedy = "none: costs are not known"
        findings.append(_row(4, Verdict.LESS, "the endpoint does not say", remedy))
    return findings


def _words(plain: _Try) -> list[Finding]:
    gone = plain.not_understood
    limit = next((word for word in ("max_tokens", "max_completion_tokens") if word not in gone), "")
    rows = (
        (5, "seed" not in gone, "taken", "seed: -1 leaves it out"),
        (6, "temperature" not in gone, "taken", "temperature: -1 leaves it out"),
        (7, bool(limit), limit, "max_tokens: 0 leaves it out"),
    )
    return [
        _row(number, Verdict.YES, found)
        if is_taken
        else _row(number, Verdict.LESS, "refused", f"the planner learns it; {remedy}")
        for number, is_taken, found, remedy in rows
    ]
