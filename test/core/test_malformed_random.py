# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The kinds of undecodable answer: a route corrupted at random places, and anything at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, NoReturn

from hypothesis import given, settings
from hypothesis import strategies as st

import world
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import NESTING_MAX, PAYLOAD_BYTES_MAX
from fallback_guard.core.malformed import explain_undecoded

F = FailureMode
ROUTE: Final = json.dumps(json.loads(world.answer(world.pick_request())), separators=(",", ":"))
DEEP: Final = 2 * NESTING_MAX
OF_BYTES: Final = tuple(FailureMode)[
    tuple(FailureMode).index(F.OVERSIZE) : tuple(FailureMode).index(F.SCHEMA)
]


def kind(payload: str | bytes) -> FailureMode | None:
    """Return the kind that is found."""
    raw = payload.encode() if isinstance(payload, str) else payload
    finding = explain_undecoded(raw, bytes_max=PAYLOAD_BYTES_MAX)
    assert finding is None or re.fullmatch(r"[ -~]{1,240}", finding.detail)
    return finding.mode if finding else None


# Corruption at random places

TOKENS: Final = re.findall(r'"[^"]*"|\d+|[{}\[\]:,]', ROUTE)
assert "".join(TOKENS) == ROUTE

Corruption = Callable[[list[str], int], str | bytes]
"""Makes a broken answer out of the route's tokens; the number is the chosen place."""


def _places(accepts: Callable[[list[str], int], bool]) -> list[int]:
    return [place for place in range(len(TOKENS)) if accepts(TOKENS, place)]


EVERY: Final = _places(lambda _tokens, _place: True)
CLOSERS: Final = _places(lambda tokens, place: tokens[place] in "}]")
STRINGS: Final = _places(lambda tokens, place: tokens[place].startswith('"'))
KEYS: Final = _places(lambda tokens, place: tokens[place + 1 : place + 2] == [":"])
NUMBERS: Final = _places(lambda tokens, place: tokens[place].isdigit())
VALUES: Final = sorted({*STRINGS, *NUMBERS} - {*KEYS})


def _instead(new: str) -> Corruption:
    return lambda tokens, place: "".join([*tokens[:place], new, *tokens[place + 1 :]])


def _before(new: str) -> Corruption:
    return lambda tokens, place: "".join([*tokens[:place], new, *tokens[place:]])


def _changed(change: Callable[[str], str]) -> Corruption:
    return lambda tokens, place: _instead(change(tokens[place]))(tokens, place)


def _not_utf8(tokens: list[str], place: int) -> bytes:
    return "".join(tokens[:place]).encode() + b"\xff" + "".join(tokens[place:]).encode()


def _said_twice(tokens: list[str], place: int) -> str:
    return "".join([*tokens[:place], f"{tokens[place]}:0,", *tokens[place:]])


CORRUPTIONS: Final[dict[str, tuple[Corruption, list[int], set[FailureMode]]]] = {
    "cut": (lambda tokens, place: "".join(tokens[:place]), EVERY[1:], {F.TRUNCATED}),
    "byte": (_not_utf8, EVERY, {F.NOT_UTF8}),
    "deep": (_instead("[" * DEEP + "]" * DEEP), VALUES, {F.TOO_DEEP}),
    "fence": (_before("```"), EVERY, {F.FENCED}),
    "comment": (_before("// so\n"), EVERY, {F.COMMENT}),
    "block comment": (_before("/* so */"), EVERY, {F.COMMENT}),
    # Before the JSON it may as well be a heading.
    "hash": (_before("# so\n"), EVERY, {F.COMMENT, F.PROSE}),
    "trailing comma": (_before(","), CLOSERS, {F.TRAILING_COMMA}),
    "single quotes": (_changed(lambda token: f"'{token[1:-1]}'"), STRINGS, {F.SINGLE_QUOTES}),
    "unquoted key": (_changed(lambda token: token[1:-1]), KEYS, {F.UNQUOTED_KEY}),
    "None": (_instead("None"), VALUES, {F.PYTHON_LITERAL}),
    "True": (_instead("True"), VALUES, {F.PYTHON_LITERAL}),
    "NaN": (_instead("NaN"), VALUES, {F.NOT_FINITE}),
    "-inf": (_instead("-inf"), VALUES, {F.NOT_FINITE}),
    "range": (_instead("1e999"), VALUES, {F.NUMBER_RANGE}),
    "2**64": (_instead(str(2**64)), VALUES, {F.NUMBER_RANGE}),
    "said twice": (_said_twice, KEYS, {F.DUPLICATE_KEY}),
    "surrogate": (_changed(lambda token: f'"\\udbff{token[1:]}'), STRINGS, {F.SURROGATE}),
    "bare word": (_instead("undefined"), VALUES, {F.MALFORMED_JSON}),
    "line break": (_changed(lambda token: f'"\n{token[1:]}'), STRINGS, {F.MALFORMED_JSON}),
    "colon": (_instead(";"), _places(lambda tokens, place: tokens[place] == ":"), {F.MALFORMED_JSON}),
    "prose": (lambda tokens, _: f"Sure: {''.join(tokens)} Done.", EVERY[:1], {F.PROSE}),
    "prose after": (lambda tokens, _: f"{''.join(tokens)} Done.", EVERY[:1], {F.PROSE}),
    "mark": (lambda tokens, _: "\ufeff" + "".join(tokens), EVERY[:1], {F.BYTE_ORDER_MARK}),
    "twice": (lambda tokens, _: "\n".join(["".join(tokens)] * 2), EVERY[:1], {F.SEVERAL_DOCUMENTS}),
    "in a list": (lambda tokens, _: f"[{''.join(tokens)}]", EVERY[:1], {F.NOT_AN_OBJECT}),
}  # fmt: skip


def _route_with(notes: str, blank: str) -> list[str]:
    """Return the route's tokens behind a string that may mislead, with white space around the signs."""
    tokens = ["{", '"notes"', ":", f'"{notes}"', ",", *TOKENS[1:]]
    return [token if token[0] in '"0123456789' else f"{blank}{token}{blank}" for token in tokens]


@settings(max_examples=600, deadline=None, print_blob=True)
@given(
    st.sampled_from(sorted(CORRUPTIONS)),
    st.sampled_from(["", "```", "//", "it's", "{'a': None,}", "NaN", "\\\\", '\\"', "[" * DEEP]),
    st.sampled_from(["", " ", "\n", "\r\n  ", "\t"]),
    st.data(),
)
def test_a_corrupted_route_is_called_by_what_was_done_to_it(
    name: str, notes: str, blank: str, data: st.DataObject
) -> None:
    corrupt, places, allowed = CORRUPTIONS[name]
    place = data.draw(st.sampled_from(places))
    tokens = _route_with(notes, blank)
    assert kind("".join(tokens)) is None
    assert kind(corrupt(tokens, place + len(tokens) - len(TOKENS) if place else 0)) in allowed


# Anything at all


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _is_strict_object(payload: bytes) -> bool:
    """Ask the standard library."""
    try:
        value: object = json.loads(
            payload.decode(),
            object_pairs_hook=_refuse_duplicates,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict)


READABLE_BUT_REFUSED: Final = (F.OVERSIZE, F.TOO_DEEP, F.SURROGATE, F.NUMBER_RANGE)
"""What the standard library would let pass."""


def _agrees_with_the_standard_library(payload: bytes) -> None:
    found = kind(payload)
    assert found is None or found in OF_BYTES
    if found is None:
        assert _is_strict_object(payload)
    elif found not in READABLE_BUT_REFUSED:
        assert not _is_strict_object(payload)


@settings(max_examples=300, deadline=None, print_blob=True)
@given(st.binary(max_size=200))
def test_any_bytes_have_a_kind(payload: bytes) -> None:
    _agrees_with_the_standard_library(payload)


PIECES: Final = (
    *'{}[]:,"\\\'`/*#.-+eE01_ \n\r\t~', "a", "ä", "\ufeff", "\0", "\u00a0",
    "```", "//", '"a"', '"a":', "null", "true", "None", "NaN", "-Infinity", "1e400", "\\u", "d800",
    "18446744073709551616", '{"a":1}', "\U0001f600", "\u201c",
)  # fmt: skip


@settings(max_examples=500, deadline=None, print_blob=True)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_of_tokens_has_a_kind(text: str) -> None:
    _agrees_with_the_standard_library(text.encode())


@settings(max_examples=500, deadline=None, print_blob=True)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(ROUTE)), st.integers(0, 8), st.sampled_from(PIECES) | st.binary(max_size=3)
        ),
        min_size=1,
        max_size=4,
    )
)  # fmt: skip
def test_any_mutation_of_a_route_has_a_kind(edits: list[tuple[int, int, str | bytes]]) -> None:
    payload = ROUTE.encode()
    for place, removed, new in edits:
        raw = new.encode() if isinstance(new, str) else new
        payload = payload[:place] + raw + payload[place + removed :]
    _agrees_with_the_standard_library(payload)
