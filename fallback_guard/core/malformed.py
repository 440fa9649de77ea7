# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Why an answer could not be decoded: the kinds of malformed JSON, told apart for whoever has to mend the planner.

An answer with several faults gets one kind.  The order is that of mending:

1. size, encoding and nesting, which a reader has to know before it begins;
2. malformed JSON: the *first* fault from the left, where a strict reader stops.  Up to there the text is JSON, so
   that quotation marks, comment signs, fences and brackets within strings can mislead nobody.  What stands
   at that place says which kind it is: `OPENING` where no value has begun, `INSIDE` and `IN_STRING`
   within one, `AFTERWARDS` behind one.  The first row that fits counts, and the last fits everything;
3. faults of a text that is JSON: not an object, a duplicate key, half a surrogate pair, a number out of range.

Encodings are told by their first four bytes (RFC 4627, section 3: JSON begins with two ASCII characters).  A
mark before UTF-8 is BYTE_ORDER_MARK, for without it the answer could be read.  UTF-16 and UTF-32,
marked or not, are NOT_UTF8, for there the mark is the least of it.  A character that the end of the
answer cuts in two is no fault of the encoding where the JSON is cut off as well.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import printable
from fallback_guard.core.json_tokens import JsonReader, NotFiniteError, depth, without_strings
from fallback_guard.core.limits import NESTING_MAX

_NEARBY_CHARS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with an answer.

    `detail` is for people: printable ASCII that says where and what.  `measured` and `limit` are bytes for
    OVERSIZE and levels for TOO_DEEP.  For every other kind one fault was found, and none is allowed.
    """

    mode: FailureMode
    detail: str
    measured: float = 1.0
    limit: float = 0.0


@dataclass(frozen=True, slots=True)
class Sign:
    """One row: a kind, how to recognise it from the place of the fault on, and how to say it.

    Where `after` is given, the last character before the fault that is not blank has to be one of these.
    """

    mode: FailureMode
    pattern: re.Pattern[str]
    what: str
    after: str = ""


_ENCODINGS: Final = tuple(
    (mode, re.compile(beginning), what)
    for mode, beginning, what in (
        (
            FailureMode.BYTE_ORDER_MARK,
            rb"\xef\xbb\xbf",
            "begins with the byte order mark of UTF-8",
        ),
        (FailureMode.NOT_UTF8, rb"\xff\xfe\0\0|[^\0]\0\0\0", "is UTF-32, little endian"),
        (FailureMode.NOT_UTF8, rb"\0\0\xfe\xff|\0\0\0[^\0]", "is UTF-32, big endian"),
        (FailureMode.NOT_UTF8, rb"\xff\xfe|[^\0]\0[^\0]\0", "is UTF-16, little endian"),
        (FailureMode.NOT_UTF8, rb"\xfe\xff|\0[^\0]\0[^\0]", "is UTF-16, big endian"),
    )
)
"""Encodings by how an answer begins."""


def _sign(mode: FailureMode, pattern: str, what: str, after: str = "") -> Sign:
    return Sign(mode, re.compile(pattern), what, after)


_F: Final = FailureMode
_WORD: Final = r"(?:[^\W\d]|\$)[\w$-]{0,63}"
_NOT_FINITE: Final = r"[+-]?(?i:nan|inf|infinity)\b"
_PYTHON: Final = r"(?:None|True|False)\b"
_REASONING: Final = (
    r"<(?:[a-z]+:)?(?:think|thinking|thoughts?|reasoning|reflection)\b|\[THINK\]|<\|channel\|>"
)
_UNSEEN: Final = r"[\0-\x1f\x7f-\xa0\u200b-\u200f\u2028-\u202f\u2060\u3000\ufeff]"
_SCALAR: Final = (
    r'(?:"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true\b|false\b|null\b)'
)
_VALUE_BEFORE: Final = ":[,"

OPENING: Final[tuple[Sign, ...]] = (
    _sign(_F.FENCED, r"`|~~~", "a Markdown fence"),
    _sign(_F.COMMENT, r"//|/\*", "a comment before the JSON"),
    _sign(_F.SINGLE_QUOTES, r"'+\s*[{\[]|'[^']*'\s*\Z", "single quotes around the answer"),
    _sign(_F.PYTHON_LITERAL, _PYTHON + r"\s*\Z", "a literal of Python"),
    _sign(_F.NOT_FINITE, _NOT_FINITE + r"\s*\Z", "not a finite number"),
    _sign(_F.MALFORMED_JSON, r"[}\],:]", "nothing is open here"),
    _sign(_F.MALFORMED_JSON, _UNSEEN, "an invisible character before the JSON"),
    _sign(_F.REASONING, _REASONING, "the model's reasoning before the JSON"),
    _sign(
        _F.REASONING,
        r"(?s:.*?)</think(?:ing)?>",
        "the end of the model's reasoning before the JSON",
    ),
    _sign(_F.FENCED, r"[^{]*?(?:```|~~~)", "text before a Markdown fence"),
    _sign(_F.PROSE, r"[^{]*\{", "text before the JSON"),
    _sign(_F.PROSE, "", "text without a JSON object"),
)
"""Where a value should begin and none does."""

INSIDE: Final[tuple[Sign, ...]] = (
    _sign(_F.TRUNCATED, r"\s*\Z", "the text ends before the JSON does"),
    _sign(_F.FENCED, r"```|~~~", "a Markdown fence within the JSON"),
    _sign(_F.COMMENT, r"//|/\*|#", "a comment"),
    _sign(_F.TRAILING_COMMA, r",\s*[}\]]", "a comma before a closing bracket"),
    _sign(_F.SINGLE_QUOTES, "'", "single quotes", "{" + _VALUE_BEFORE),
    _sign(_F.UNQUOTED_KEY, rf"(?:{_WORD}|\d[\d.]*)\s*:", "a key without double quotes", "{,"),
    _sign(_F.PYTHON_LITERAL, _PYTHON, "a literal of Python", _VALUE_BEFORE),
    _sign(_F.NOT_FINITE, _NOT_FINITE, "not a finite number", _VALUE_BEFORE),
    _sign(_F.TRUNCATED, rf"(?:-|{_WORD})\s*\Z", "the text ends within a word or a number"),
    _sign(_F.TRUNCATED, r"(?<=\d)(?:\.|[eE][+-]?)\s*\Z", "the text ends within a number"),
    _sign(_F.MALFORMED_JSON, r"(?<=\d)[.\w]|[+.-]\.?\d", "a number in a form that JSON lacks"),
    _sign(_F.MALFORMED_JSON, r"[}\]]", "this bracket does not belong here, or a value is missing"),
    _sign(_F.MALFORMED_JSON, r'["{\[\d-]', "a comma, a colon or a key is missing before this"),
    _sign(_F.MALFORMED_JSON, _WORD, "a bare word"),
    _sign(_F.MALFORMED_JSON, r"\\", "a backslash outside a string"),
    _sign(_F.MALFORMED_JSON, "[\u2018-\u201f\u00ab\u00bb]", "a typographic quotation mark"),
    _sign(_F.MALFORMED_JSON, "", "a character that does not belong here"),
)
"""Within an array or an object, outside its strings."""

IN_STRING: Final[tuple[Sign, ...]] = (
    _sign(_F.TRUNCATED, '"', "the text ends within the string that begins here"),
    _sign(_F.TRUNCATED, r"\\?(?:u[0-9a-fA-F]{0,4})?\s*\Z", "the text ends within a string"),
    _sign(_F.MALFORMED_JSON, r"[\0-\x1f]", "a control character in a string"),
    _sign(_F.MALFORMED_JSON, "", "an escape that JSON does not know"),
)
"""Within a string; the place of one that never ends is its beginning."""

AFTERWARDS: Final[tuple[Sign, ...]] = (
    _sign(_F.FENCED, r"`|~~~", "a Markdown fence after the JSON"),
    _sign(_F.COMMENT, r"//|/\*", "a comment after the JSON"),
    _sign(_F.TRAILING_COMMA, r",\s*\Z", "a comma after the JSON"),
    _sign(_F.SEVERAL_DOCUMENTS, r",?\s*[{\[]", "another document begins"),
    _sign(_F.SEVERAL_DOCUMENTS, _SCALAR + r"[ \t]*(?:\r?\n|\Z)", "another document begins"),
    _sign(_F.MALFORMED_JSON, r'[}\]:]|,\s*["\d-]', "the JSON has ended before this"),
    _sign(_F.MALFORMED_JSON, _UNSEEN, "an invisible character after the JSON"),
    _sign(_F.PROSE, "", "text after the JSON"),
)
"""Behind a complete value."""

_TAG: Final = re.compile(r"\s*\[[/ ]?[^\W\d][^\[\]{}\"':,]*\]\s*\S")
"""A word in square brackets before the answer, such as [INST]: prose, not an array."""

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_NOT_FINITE_IN_JSON: Final = re.compile(rb"-?Infinity|NaN")
_SURROGATE_PAIR: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_IN_STRING_MESSAGES: Final = ("Unterminated", "Invalid")
"""How the messages of json.JSONDecodeError begin for faults of a string."""


def explain_undecoded(payload: bytes, *, bytes_max: int) -> Finding | None:
    """Say why a strict decoder refused `payload`; None: it is one JSON object, and only its schema can be wrong.

    Never raises.  Linear in the length of `payload`, of which no more than `bytes_max` bytes are looked at.
    """
    if len(payload) > bytes_max:
        return Finding(
            mode=FailureMode.OVERSIZE,
            detail=f"{len(payload)} bytes, the limit is {bytes_max}",
            measured=float(len(payload)),
            limit=float(bytes_max),
        )
    for mode, beginning, what in _ENCODINGS:
        if beginning.match(payload):
            return Finding(mode=mode, detail=what)
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        return _explain_undecodable(payload, error)
    return _explain_text(payload, text)


def _explain_undecodable(payload: bytes, error: UnicodeDecodeError) -> Finding:
    readable = payload[: error.start]
    if error.end == len(payload) and error.reason == "unexpected end of data":
        finding = _explain_text(readable, readable.decode("utf-8"))
        if finding and finding.mode is FailureMode.TRUNCATED:
            return finding
    return Finding(
        mode=FailureMode.NOT_UTF8,
        detail=f"byte {error.start} (0x{payload[error.start]:02x}): {error.reason}",
    )


def _explain_text(payload: bytes, text: str) -> Finding | None:
    if not text.strip():
        what = "nothing but blanks" if text else "no bytes"
        return Finding(mode=FailureMode.EMPTY, detail=what)
    bare = without_strings(payload)
    levels = depth(bare)
    if levels > NESTING_MAX:
        return Finding(
            mode=FailureMode.TOO_DEEP,
            detail=f"nests {levels} deep, the limit is {NESTING_MAX}",
            measured=float(levels),
            limit=float(NESTING_MAX),
        )
    start = _end_of_blanks(text, 0)
    reader = JsonReader()
    try:
        end = reader.end_of_value(text, start)
    except json.JSONDecodeError as error:
        return _at_fault(text, start, error.pos, error.msg)
    except NotFiniteError:
        found = _NOT_FINITE_IN_JSON.search(bare)
        byte = found.start() if found else 0
        return _at_fault(text, start, _char(payload, byte))
    rest = _end_of_blanks(text, end)
    if rest < len(text):
        return _recognise(AFTERWARDS, text, rest)
    return _explain_json(payload, text, bare, reader)


def _at_fault(text: str, start: int, place: int, message: str = "") -> Finding:
    """Say what is wrong where a strict reader that began at `start` stopped."""
    if message.startswith(_IN_STRING_MESSAGES):
        return _recognise(IN_STRING, text, place)
    if place == start:
        return _recognise(OPENING, text, place)
    tag = _TAG.match(text)
    if tag and place < tag.end():
        if text.startswith("[THINK]", start):
            return _recognise(OPENING, text, start)
        return _found(FailureMode.PROSE, "text before the JSON", text, start)
    before = text[:place].rstrip()
    if before.endswith(",") and text[place : place + 1] in ("}", "]"):
        place = len(before) - 1
    return _recognise(INSIDE, text, place)


def _recognise(signs: Sequence[Sign], text: str, place: int) -> Finding:
    before = text[:place].rstrip()[-1:]
    sign = next(
        sign
        for sign in signs
        if (not sign.after or before in sign.after) and sign.pattern.match(text, place)
    )
    return _found(sign.mode, sign.what, text, place)


def _found(mode: FailureMode, what: str, text: str, place: int) -> Finding:
    line = text.count("\n", 0, place) + 1
    column = place - text.rfind("\n", 0, place)
    nearby = printable(text[place : place + _NEARBY_CHARS], chars_max=_NEARBY_CHARS)
    near = f", at {nearby!r}" if nearby else ""
    return Finding(mode=mode, detail=f"line {line} column {column}: {what}{near}")


def _explain_json(payload: bytes, text: str, bare: bytes, reader: JsonReader) -> Finding | None:
    """Find what is wrong with a text that is JSON."""
    start = _end_of_blanks(text, 0)
    if text[start] != "{":
        return _found(FailureMode.NOT_AN_OBJECT, "not an object", text, start)
    if reader.duplicates:
        key = printable(reader.duplicates[0])
        return Finding(
            mode=FailureMode.DUPLICATE_KEY, detail=f"key {key!r} stands twice in one object"
        )
    unpaired = _SURROGATE.search(_SURROGATE_PAIR.sub(" " * 12, text.replace("\\\\", "  ")))
    if unpaired:
        return _found(FailureMode.SURROGATE, "half a surrogate pair", text, unpaired.start())
    if reader.out_of_range:
        place = _char(payload, _place_of_number(bare, reader.out_of_range[0].encode("ascii")))
        return _found(FailureMode.NUMBER_RANGE, "a number out of range", text, place)
    return None


def _place_of_number(bare: bytes, literal: bytes) -> int:
    """Return the first place of a number that is written as `literal` and is not part of a longer one."""
    place = bare.find(literal)
    while place >= 0 and (_in_number(bare, place - 1) or _in_number(bare, place + len(literal))):
        place = bare.find(literal, place + 1)
    return max(place, 0)


def _in_number(bare: bytes, place: int) -> bool:
    return 0 <= place < len(bare) and bare[place] in b"0123456789.eE+-"


def _end_of_blanks(text: str, place: int) -> int:
    match = _BLANKS.match(text, place)
    return match.end() if match else place


def _char(payload: bytes, byte: int) -> int:
    """Return which character of a UTF-8 payload begins at `byte`."""
    return len(payload[:byte].decode("utf-8"))
