# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""From a planner's bytes to a route of the schema, or another model's answer, or to the reason why there is none.

The decision comes first and is quick; telling the kinds of malformed answers apart costs more, and is done
only once it is clear that the answer is not used.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import NESTING_MAX, STOPS_MAX
from fallback_guard.core.malformed import Finding, explain_undecoded
from fallback_guard.core.rules import Refusal, RuleRow, Stage
from fallback_guard.core.schema import Route

_ERRORS_NAMED_MAX: Final = 64
"""Violations of the schema of which one is described; to describe any, all have to be written out."""

_QUOTES_OF_ROUTE: Final = 2 * (4 + 2)
"""Quotation marks of a route without stops: around four keys and two strings."""

_QUOTES_OF_STOP: Final = 2 * (3 + 2)
"""Quotation marks of a stop without `via`, likewise."""

_QUOTES_OF_VIA: Final = 2

_QUOTES_READ_MAX: Final = 2 * (_QUOTES_OF_ROUTE + STOPS_MAX * (_QUOTES_OF_STOP + _QUOTES_OF_VIA))
_BRACKETS_READ_MAX: Final = 2 * (2 + 2 * STOPS_MAX)
"""Twice what the longest route has.  With more it cannot be one, and would be costly to find wrong in each place."""

_read: Final[Callable[[bytes], Route]] = Route.__pydantic_validator__.validate_json
"""`model_validate_json` without its check of arguments, a tenth of the time."""

_F = FailureMode

ANSWER_RULES: Final[tuple[RuleRow, ...]] = (
    RuleRow(
        "size",
        Stage.ENVELOPE,
        (_F.OVERSIZE,),
        "bytes of the answer, which is read up to one over the limit",
        "`payload_bytes_max`",
    ),
    RuleRow(
        "encoding",
        Stage.ENVELOPE,
        (_F.BYTE_ORDER_MARK, _F.NOT_UTF8),
        "bytes that are not plain UTF-8",
        "0",
    ),
    RuleRow("nesting", Stage.ENVELOPE, (_F.TOO_DEEP,), "levels of brackets", f"{NESTING_MAX}"),
    RuleRow(
        "json",
        Stage.SCHEMA,
        (
            _F.EMPTY,
            _F.TRUNCATED,
            _F.FENCED,
            _F.PROSE,
            _F.REASONING,
            _F.COMMENT,
            _F.TRAILING_COMMA,
            _F.SINGLE_QUOTES,
            _F.UNQUOTED_KEY,
            _F.PYTHON_LITERAL,
            _F.NOT_FINITE,
            _F.MALFORMED_JSON,
        ),
        "faults that keep the answer from being JSON, of which the first is named",
        "0",
    ),
    RuleRow(
        "one_object",
        Stage.SCHEMA,
        (_F.SEVERAL_DOCUMENTS, _F.NOT_AN_OBJECT),
        "values that are not the one object",
        "0",
    ),
    RuleRow(
        "unique_keys",
        Stage.SCHEMA,
        (_F.DUPLICATE_KEY,),
        "keys that an object says again, of which the first is named",
        "0",
    ),
    RuleRow(
        "exact_values",
        Stage.SCHEMA,
        (_F.SURROGATE, _F.NUMBER_RANGE),
        "values that cannot be held exactly, of which the first is named",
        "0",
    ),
    RuleRow("schema", Stage.SCHEMA, (_F.SCHEMA,), "violations of the route schema", "0"),
)
"""What `decode` finds in one go, in the order in which it tells them apart."""

_ROW_OF: Final = {mode: row for row in ANSWER_RULES for mode in row.modes}


def size_refusal(payload: bytes, *, bytes_max: int) -> Refusal | None:
    """Say that a payload is too large to be looked at; None where it is not."""
    if len(payload) <= bytes_max:
        return None
    finding = explain_undecoded(payload, bytes_max=bytes_max)
    assert finding is not None, "its size is the first thing that is told"
    return _named(finding)


def decode(payload: bytes) -> Route | Refusal:
    """Return the route that `payload` is, in whole and under the schema.  Its size is checked before this."""
    quotes = payload.count(b'"')
    brackets = payload.count(b"{") + payload.count(b"[")
    if quotes > _QUOTES_READ_MAX or brackets > _BRACKETS_READ_MAX:
        return _why_not(payload, None)
    try:
        route = _read(payload)
    except ValidationError as error:
        return _why_not(payload, error)
    # The decoder keeps the last of two equal keys without a word.  No string of the schema can hold a quotation
    # mark, so every key that is said once more shows in their number.
    stops = route.stops
    quotes -= _QUOTES_OF_ROUTE + _QUOTES_OF_STOP * len(stops)
    if quotes and quotes != _QUOTES_OF_VIA * (
        len(stops) - [stop.via for stop in stops].count(None)
    ):
        finding = explain_undecoded(payload, bytes_max=len(payload))
        if finding is not None:
            return _named(finding)
    return route


Answer = TypeVar("Answer", bound=BaseModel)


def exact_decoder(
    model: type[Answer], *, quotes_max: int, brackets_max: int
) -> Callable[[bytes], Answer | Refusal]:
    """Return what `decode` is, for answers of any model: keys that are said twice are looked for one by one.

    The bounds are the quotation marks and the opening brackets of the model's largest answer.
    """
    read: Callable[[bytes], Answer] = model.__pydantic_validator__.validate_json

    def decode_exactly(payload: bytes) -> Answer | Refusal:
        brackets = payload.count(b"{") + payload.count(b"[")
        if payload.count(b'"') > 2 * quotes_max or brackets > 2 * brackets_max:
            return _why_not(payload, None)
        try:
            answer = read(payload)
        except ValidationError as error:
            return _why_not(payload, error)
        finding = explain_undecoded(payload, bytes_max=len(payload))
        return answer if finding is None else _named(finding)

    return decode_exactly


def _why_not(payload: bytes, error: ValidationError | None) -> Refusal:
    """Say what is wrong with a payload: as JSON, else by the violations that the decoder found."""
    finding = explain_undecoded(payload, bytes_max=len(payload))
    if finding is None:
        said = described(error) if error else "more keys or brackets than a route can have"
        violations = error.error_count() if error else 1
        finding = Finding(mode=FailureMode.SCHEMA, detail=said, measured=violations, limit=0)
    return _named(finding)


def _named(finding: Finding) -> Refusal:
    rule = _ROW_OF[finding.mode]
    return Refusal(finding.mode, finding.detail, finding.measured, finding.limit, rule.name)


def stage_of(rule: str) -> Stage:
    """Return the stage of a rule of this module, by its name."""
    return next(row.stage for row in ANSWER_RULES if row.name == rule)


def described(error: ValidationError) -> str:
    """Say in a sentence what breaks a schema, by its first violation unless there are many."""
    count = error.error_count()
    if count > _ERRORS_NAMED_MAX:
        return f"{count} violations of the route schema"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(printable(str(part)) for part in first["loc"])
    more = f" (and {count - 1} more)" if count > 1 else ""
    return f"{place or 'document'}: {first['msg']}{more}"
