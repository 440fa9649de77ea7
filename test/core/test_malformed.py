# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The kinds of undecodable answer, each by examples, and every possible cut."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest

import world
from fallback_guard.core import malformed
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import DETAIL_CHARS_MAX, NESTING_MAX, PAYLOAD_BYTES_MAX
from fallback_guard.core.malformed import Finding, explain_undecoded

F = FailureMode
ROUTE: Final = json.dumps(json.loads(world.answer(world.pick_request())), separators=(",", ":"))
DEEP: Final = 2 * NESTING_MAX

KINDS: Final[dict[FailureMode, tuple[str | bytes, ...]]] = {
    F.OVERSIZE: (
        ROUTE + " " * (PAYLOAD_BYTES_MAX + 1 - len(ROUTE)),
        " " * (PAYLOAD_BYTES_MAX + 1),
        "[" * 1_000_000,
        b"\xff" * (PAYLOAD_BYTES_MAX + 1),
        b"\xef\xbb\xbf" + b" " * PAYLOAD_BYTES_MAX,
        "ä" * (PAYLOAD_BYTES_MAX // 2 + 1),
    ),
    F.BYTE_ORDER_MARK: (
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf" + ROUTE.encode(),
        ROUTE.encode("utf-8-sig"),
        b"\xef\xbb\xbf\xff",
        b"\xef\xbb\xbf```json\n{}\n```",
        b"\xef\xbb\xbf" + b"[" * 100,
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
    ),
    F.NOT_UTF8: (
        b"\x80",
        b"\xc3",
        b'{"a":"\xe4"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}',
        b'{"a":"\xf4\x90\x80\x80"}',
        b'{"a":1}\xe2\x82',
        b"I cannot help with that, caf\xe9",
        ROUTE.encode("utf-16"),
        ROUTE.encode("utf-16-le"),
        ROUTE.encode("utf-16-be"),
        b"\xfe\xff" + ROUTE.encode("utf-16-be"),
        ROUTE.encode("utf-32"),
        ROUTE.encode("utf-32-le"),
        ROUTE.encode("utf-32-be"),
        b"\0\0\xfe\xff" + ROUTE.encode("utf-32-be"),
        "{}".encode("utf-16-le"),
    ),
    F.TOO_DEEP: (
        "[" * (NESTING_MAX + 1),
        "[" * (NESTING_MAX + 1) + "]" * (NESTING_MAX + 1),
        '{"a":' * (NESTING_MAX + 1) + "1" + "}" * (NESTING_MAX + 1),
        "[" * PAYLOAD_BYTES_MAX,
        '["\\\\",' + "[" * DEEP,
        "```json\n" + "[" * DEEP,
        "See " + "[" * DEEP,
    ),
    F.EMPTY: ("", " ", "\n", "\r\n\r\n", " \t\r\n", "\u00a0", "\u3000\u2028", "\f\v"),
    F.TRUNCATED: (
        "{",
        "[",
        " {\r\n",
        '{"',
        '"abc',
        '{"a"',
        '{"a":',
        '{"a":1,',
        '{"a":1, \n',
        '{"a":t',
        '{"a":fals',
        '{"a":nul\n',
        '{"a":-',
        '{"a":1.',
        '{"a":1e',
        '{"a":1.5E+',
        '{"a":"\\',
        '{"a":"\\u',
        '{"a":"\\u12',
        '{"a":"\\ud83d\\u',
        '{"a":"cut here\n',
        '{"a":"```json',
        '{"a":"it\'s // not {a: None,}',
        '{"a":{"b":[1,2]}',
        '{"a":"ä'.encode()[:-1],
    ),
    F.FENCED: (
        f"```json\n{ROUTE}\n```",
        f"```\n{ROUTE}```",
        f"```json\r\n{ROUTE}\r\n```",
        f"```{ROUTE}```",
        f"`{ROUTE}`",
        f"~~~\n{ROUTE}\n~~~",
        f"Here you are:\n```json\n{ROUTE}\n```\nHappy picking!",
        f"For robot [picker_1]: ```json\n{ROUTE}",
        f"{ROUTE}\n```",
        f"```json\n{ROUTE[:40]}",
        "```",
        "``",
        '{"a":1,\n```\n"b":2}',
    ),
    F.REASONING: (
        f"<think>short</think>{ROUTE}",
        f"<think>\nA, or B? {{}}\n</think>\n\n{ROUTE}",
        "<think>and on and on",
        f"<thinking>{ROUTE}",
        f"<seed:think>{ROUTE}",
        f"\n<thought>A first.</thought>{ROUTE}",
        f"[THINK]A first.[/THINK]{ROUTE}",
        f"<|channel|>analysis<|message|>A first.<|end|>{ROUTE}",
        f"A first, then {{B}}.\n</think>\n{ROUTE}",
    ),
    F.PROSE: (
        f"<thinker>{ROUTE}",
        "I cannot help with that.",
        "I can't do that.",
        "'Tis impossible.",
        f"Sure! {ROUTE}",
        f"{ROUTE} Happy picking!",
        f"{ROUTE}\nHappy picking!\n",
        'Mind the "```" in: {"a":"```"}'.replace("```", "``", 1),
        'The note says: {"a":"```"}',
        f"# Route\n\n{ROUTE}",
        f"1. Go to A-1\n2. {ROUTE}",
        f"json\n{ROUTE}",
        f"route = {ROUTE}",
        f"[INST]{ROUTE}[/INST]",
        f"True, this is it: {ROUTE}",
        f"NaN bread is not on the list: {ROUTE}",
        '"A-1" comes first',
        "{} # done",
        "null and void",
        "Error: {'a': None,}",
    ),
    F.SEVERAL_DOCUMENTS: (
        ROUTE + ROUTE,
        f"{ROUTE}\n{ROUTE}",
        f"{ROUTE}\r\n{ROUTE}\r\n",
        f"{ROUTE},{ROUTE}",
        f"{ROUTE}\n\n[]",
        f'{ROUTE}\n{{"version":1,"requ',
        f"[]\n{ROUTE}",
        f"{ROUTE}\n{{'a': None}}",
        f'{ROUTE}\n"done"',
        f"{ROUTE} null",
        "1\n2\n3\n",
        '{"a":"}{"}{"a":"}{"}',
    ),
    F.COMMENT: (
        '{"a":1 // the first\n}',
        '{"a":1, # the first\n"b":2}',
        "{/* nothing */}",
        '{"a"/**/:1}',
        '{"a":1,// and no more\n}',
        "[1,2/*,3]",
        "{#",
        f"// the route\n{ROUTE}",
        f"/* the route */ {ROUTE}",
        f"{ROUTE} // the route",
        '{"a":"http://x",//\r\n"b":1}',
    ),
    F.TRAILING_COMMA: (
        '{"a":1,}',
        '{"a":[1,2,]}',
        '{"a":1 , \r\n\t}',
        "[,]",
        "{,}",
        '{"a":1,]',
        f"{ROUTE},",
        f"{ROUTE},\n",
        '{"a":",}","b":[",]",]}',
        '{"a":1,}, None]',
    ),
    F.SINGLE_QUOTES: (
        "{'a':1}",
        "{'a': 'it\\'s'}",
        "{ 'None': None}",
        "{\"a\":'b'}",
        '{"a":["b",\'c\']}',
        "{'say \"hello\"': 1,}",
        f"'{ROUTE}'",
        f"'''\n{ROUTE}\n'''",
        "'route'",
        "{'",
        ROUTE.replace('"', "'"),
        "{\"it's\":\"it's\",'it':1}",
    ),
    F.UNQUOTED_KEY: (
        "{a:1}",
        '{"a":1,b:2}',
        "{ version : 1 }",
        "{None:1}",
        "{true:1}",
        "{NaN:1}",
        "{1:2}",
        '{"a":1,\r\n$b_2:2}',
        "{größe:1}",
        "{a-b:'c'}",
        '{"a":{b:None}}',
    ),
    F.PYTHON_LITERAL: (
        '{"a":None}',
        '{"a":True}',
        "[False]",
        '{"a":[1,None]}',
        '{"None":None}',
        '{"a":True',
        "None",
        " False\n",
        '{"a":None,}',
        '{"a":"None, True","b":False}',
    ),
    F.NOT_FINITE: (
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        '{"a":[1,NaN],"b":\'c\'}',
        '{"a":nan}',
        '{"a":+inf}',
        '{"a":-Inf}',
        "NaN",
        "-Infinity",
        '{"NaN":"NaN","a":NaN',
        '{"ä":"\\"NaN","b":NaN}',
    ),
    F.MALFORMED_JSON: (
        f"{ROUTE}}}",
        "}",
        "]",
        '{"a":1]',
        '{"a" "b"}',
        '{"a":1 "b":2}',
        '{"a":}',
        '{"a":1,,"b":2}',
        '{"a"=1}',
        '{"a":undefined}',
        '{"a":http://example.com}',
        '{"a":01}',
        '{"a":+1}',
        '{"a":.5}',
        '{"a":0x1F}',
        '{"a":1.}',
        '{"a":1_000}',
        '{"a":"x"y"}',
        '{"a":"x\ny"}',
        '{"a":"\0"}',
        '{"a":"\\q"}',
        '{"a":"it\\\'s"}',
        '{"a":"\\u12G4"}',
        '{\\"a\\":1}',
        "{\u201ca\u201d:1}",
        '{"a":1;"b":2}',
        '{"a":[...]}',
        '{"a":(1,2)}',
        '{{"a":1}}',
        '"version":1,"stops":[]',
        '{"a":1},"b":2',
        "\u00a0{}",
        "{}\0",
        "\x1e{}\n",
        " \ufeff{}",
        '{"a":1\u00a0}',
    ),
    F.NOT_AN_OBJECT: (
        "[]",
        f"[{ROUTE}]",
        "null",
        "true",
        "42",
        "-1e400",
        json.dumps(ROUTE),
        ' "it\'s" \n',
        '[{"a":1,"a":2}]',
        '["\\ud800"]',
    ),
    F.DUPLICATE_KEY: (
        '{"a":1,"a":1}',
        '{"a":1,"b":2,"a":3}',
        '{"a":1,"\\u0061":2}',
        '{"":1,"":2}',
        '{"s":[{"b":1,"b":2}]}',
        '{"\\ud800":1,"\\ud800":1e400}',
        '{"a":"a","b":{"a":{"a":1,"a":2}}}',
        ROUTE.replace("{", '{"version":1,', 1),
    ),
    F.SURROGATE: (
        '{"a":"\\ud800"}',
        '{"a":"\\uDFFF"}',
        '{"\\udc00":1}',
        '{"a":"\\ud83d\\ud83d\\ude00"}',
        '{"a":"\\ude00\\ud83d"}',
        '{"a":"\\ud83d","b":"\\ude00"}',
        '{"a":"\\\\\\ud800"}',
        '{"a":"\\ud83d\\\\ude00"}',
        '{"a":"\\ud800","b":1e400}',
    ),
    F.NUMBER_RANGE: (
        '{"a":1e400}',
        '{"a":-1E+400}',
        '{"a":18446744073709551616}',
        '{"a":-9223372036854775809}',
        '{"a":1e-400}',
        '{"a":0.' + "0" * 400 + "1}",
        '{"a":' + "9" * 5_000 + "}",
        '{"a":"1e400","b":[1,1e400]}',
    ),
}

FINE: Final[tuple[str | bytes, ...]] = (
    ROUTE,
    ROUTE + " " * (PAYLOAD_BYTES_MAX - len(ROUTE)),
    f"\r\n{ROUTE}\r\n",
    "{}",
    '{"a":"```json","b":"// # /* \' ,} NaN None {[","c":"it\'s"}',
    '{"a":"\\"","b":"\\\\","c":"\\\\\\"[[[[[[[[[["}',
    '{"a":"\\ud83d\\ude00\\\\ud800"}',
    '{"a":18446744073709551615,"b":-9223372036854775808}',
    '{"a":1.7976931348623157e308,"b":5e-324,"c":0e-999,"d":-0.0,"e":0E999}',
    '{"a":1,"b":{"a":1}}',
    '{"a":' * NESTING_MAX + "1" + "}" * NESTING_MAX,
    '{"a":"\ufeff\ud7ff\U0001f600"}',
)


def explained(payload: str | bytes) -> Finding | None:
    """Return what is found, having checked what holds for each."""
    raw = payload.encode() if isinstance(payload, str) else payload
    finding = explain_undecoded(raw, bytes_max=PAYLOAD_BYTES_MAX)
    assert finding == explain_undecoded(raw, bytes_max=PAYLOAD_BYTES_MAX)
    if finding:
        assert re.fullmatch(r"[ -~]+", finding.detail)
        assert len(finding.detail) <= DETAIL_CHARS_MAX
        assert finding.measured > finding.limit >= 0.0
    return finding


def kind(payload: str | bytes) -> FailureMode | None:
    """Return the kind that is found."""
    finding = explained(payload)
    return finding.mode if finding else None


def _shown(payload: object) -> str:
    return repr(payload)[:40] if isinstance(payload, str | bytes) else str(payload)


@pytest.mark.parametrize(
    ("payload", "mode"),
    [(payload, mode) for mode, payloads in KINDS.items() for payload in payloads],
    ids=_shown,
)
def test_what_each_is_called(payload: str | bytes, mode: FailureMode) -> None:
    assert kind(payload) is mode


@pytest.mark.parametrize("payload", FINE, ids=_shown)
def test_nothing_is_said_of_an_object(payload: str | bytes) -> None:
    assert kind(payload) is None


def test_each_kind_has_its_examples() -> None:
    first, last = list(FailureMode).index(F.OVERSIZE), list(FailureMode).index(F.SCHEMA)
    assert set(KINDS) == set(list(FailureMode)[first:last])
    assert all(len(payloads) >= 6 for payloads in KINDS.values())


def test_each_sign_is_seen() -> None:
    """A row that another one always comes before says nothing."""
    tables = (malformed.OPENING, malformed.INSIDE, malformed.IN_STRING, malformed.AFTERWARDS)
    said = {
        finding.detail
        for payloads in KINDS.values()
        for payload in payloads
        if (finding := explained(payload))
    }
    for sign in (sign for table in tables for sign in table):
        assert any(f": {sign.what}" in detail for detail in said), sign


@pytest.mark.parametrize(
    ("payload", "detail", "measured", "limit"),
    [
        (
            b" " * (PAYLOAD_BYTES_MAX + 1),
            f"{PAYLOAD_BYTES_MAX + 1} bytes, the limit is {PAYLOAD_BYTES_MAX}",
            PAYLOAD_BYTES_MAX + 1,
            PAYLOAD_BYTES_MAX,
        ),
        (b"[" * (NESTING_MAX + 1), "nests 9 deep, the limit is 8", NESTING_MAX + 1, NESTING_MAX),
        (b'{"a":"\xff"}', "byte 6 (0xff): invalid start byte", 1, 0),
        (b"\xef\xbb\xbf{}", "begins with the byte order mark of UTF-8", 1, 0),
        ("{}".encode("utf-16-be"), "is UTF-16, big endian", 1, 0),
        (b"", "no bytes", 1, 0),
        (b" ", "nothing but blanks", 1, 0),
        (b'{\n  "a": None}', "line 2 column 8: a literal of Python, at 'None}'", 1, 0),
        ('{"ä":\r\n"ö", b:1}'.encode(), "line 2 column 6: a key without double quotes, at 'b:1}'", 1, 0),
        ('{"ä":"ö","b":NaN}'.encode(), "line 1 column 14: not a finite number, at 'NaN}'", 1, 0),
        (
            '{"ä":"1e400","b":2.1e400e0,"c":1}'.replace("e0", "").encode(),
            "line 1 column 18: a number out of range, at '2.1e400,\"c\":1}'",
            1,
            0,
        ),
        (b'{"a":1e-400,"b":11e-4000}', "line 1 column 6: a number out of range, at '1e-400,\"b\":11e-4'", 1, 0),
        (b'{"a":"b\x1b[31m"}', "line 1 column 8: a control character in a string, at '\\\\x1b[31m\"}'", 1, 0),
        (b'{"a":1,\n"b":"', "line 2 column 5: the text ends within the string that begins here, at '\"'", 1, 0),
        (b'{"a":1,\n"b":', "line 2 column 5: the text ends before the JSON does", 1, 0),
        (b'{"a":1,"a\\n":2,"a\\n":3}', "key 'a\\\\x0a' stands twice in one object", 1, 0),
    ],
)  # fmt: skip
def test_the_detail_says_where_and_what(
    payload: bytes, detail: str, measured: int, limit: int
) -> None:
    finding = explained(payload)
    assert finding is not None
    assert finding.detail == detail
    assert (finding.measured, finding.limit) == (measured, limit)


def test_every_cut_of_a_route_is_a_truncation() -> None:
    assert kind(ROUTE[:0]) is F.EMPTY
    assert {kind(ROUTE[:cut]) for cut in range(1, len(ROUTE))} == {F.TRUNCATED}
    assert kind(ROUTE) is None
    assert {kind(f"{ROUTE} \r\n\t"[:cut]) for cut in range(len(ROUTE), len(ROUTE) + 5)} == {None}


def test_every_cut_of_an_object_with_everything_is_a_truncation() -> None:
    everything = (
        '{"ä\\u00e4\\ud83d\\ude00":[-1.5e+3,true,false,null,{},"\\\\\\"\U0001f600"]}'.encode()
    )
    assert kind(everything) is None
    assert {kind(everything[:cut]) for cut in range(1, len(everything))} == {F.TRUNCATED}
