# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Faults in the bytes of an answer, and in what JSON they spell."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Final

from answers import Case, Document, escaped, plain, stops_of
from fallback_guard.core.limits import (
    IDENTIFIER_CHARS_MAX,
    NESTING_MAX,
    QUANTITY_MAX,
    STOPS_MAX,
    VIA_NODES_MAX,
)

Make = Callable[[Random, Case], bytes | None]
"""Returns a faulty answer to a case's question, or None where its fault does not apply."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s{}\[\]:,"]+|[{}\[\]:,]')


# Bytes


def cut(random: Random, case: Case) -> bytes:
    return case.payload[: random.randrange(len(case.payload))]


def _at_any_byte(change: Callable[[Random, int], bytes]) -> Make:
    """Put what `change` makes of a byte in its place."""

    def make(random: Random, case: Case) -> bytes:
        place = random.randrange(len(case.payload))
        changed = change(random, case.payload[place])
        return case.payload[:place] + changed + case.payload[place + 1 :]

    return make


flipped_bit: Final = _at_any_byte(lambda random, byte: bytes([byte ^ (1 << random.randrange(8))]))
doubled_byte: Final = _at_any_byte(lambda _random, byte: bytes([byte, byte]))
lost_byte: Final = _at_any_byte(lambda _random, _byte: b"")
any_byte: Final = _at_any_byte(lambda random, _byte: bytes([random.randrange(256)]))
inserted_bracket: Final = _at_any_byte(lambda random, byte: bytes([random.choice(b"{}[]"), byte]))
inserted_nul: Final = _at_any_byte(lambda _random, byte: bytes([0, byte]))


def swapped_bytes(random: Random, case: Case) -> bytes:
    raw = bytearray(case.payload)
    place = random.randrange(len(raw) - 1)
    raw[place : place + 2] = raw[place : place + 2][::-1]
    return bytes(raw)


def lost_piece(random: Random, case: Case) -> bytes:
    first = random.randrange(len(case.payload))
    last = random.randint(first + 1, len(case.payload))
    return case.payload[:first] + case.payload[last:]


def repeated_piece(random: Random, case: Case) -> bytes:
    first = random.randrange(len(case.payload))
    last = random.randint(first + 1, len(case.payload))
    return case.payload[:last] + case.payload[first:]


def byte_order_mark(_random: Random, case: Case) -> bytes:
    return b"\xef\xbb\xbf" + case.payload


def other_encoding(random: Random, case: Case) -> bytes:
    name = random.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
    return case.payload.decode("ascii").encode(name)


def not_utf8(random: Random, case: Case) -> bytes:
    """Put in a letter of Latin-1, a NUL in two bytes, a surrogate in three, or a code point beyond the last."""
    wrong = random.choice([b"\xe9 ", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff"])
    place = random.randrange(len(case.payload))
    return case.payload[:place] + wrong + case.payload[place:]


def too_large(random: Random, case: Case) -> bytes | None:
    return _padded(
        random, case, case.question.config.payload_bytes_max + random.choice([1, 2, 9_999])
    )


def as_large_as_may_be(random: Random, case: Case) -> bytes | None:
    return _padded(random, case, case.question.config.payload_bytes_max)


def _padded(random: Random, case: Case, size: int) -> bytes:
    blanks = b" " * (size - len(case.payload))
    first = random.choice([0, len(blanks), len(blanks) // 2])
    return blanks[:first] + case.payload + blanks[first:]


def nothing(random: Random, _case: Case) -> bytes:
    return random.choice([b"", b" ", b"\n\n", b"\t \r\n"])


# Around the JSON


def _around(*frames: tuple[str, str]) -> Make:
    """Put one of `frames` around the answer."""

    def make(random: Random, case: Case) -> bytes:
        before, after = random.choice(frames)
        return before.encode() + case.payload + after.encode()

    return make


fence: Final = _around(
    ("```json\n", "\n```"), ("```\n", "```\n"), ("~~~\n", "\n~~~"), ("Here:\n```json\n", "\n```\n")
)
prose_before: Final = _around(("Sure! Here is the route: ", ""), ("Route:\n", ""), ("<answer>", ""))
reasoning_before: Final = _around(
    ("<think>\nThe way over B is shorter.\n</think>\n", ""), ("<think></think>", "")
)
prose_after: Final = _around(
    ("", "\nHappy picking!"), ("", " I hope this helps."), ("", "</answer>")
)
in_a_list: Final = _around(("[", "]"), (" [\n", "\n] "))
in_an_object: Final = _around(('{"route":', "}"), ('{"version":1,"stops":[', "]}"))
comma_after: Final = _around(("", ","), ("", " , "))


def twice(random: Random, case: Case) -> bytes:
    return case.payload + random.choice([b"", b"\n", b" ", b","]) + case.payload


def in_a_string(_random: Random, case: Case) -> bytes:
    return json.dumps(case.payload.decode("ascii")).encode("ascii")


def no_object(random: Random, _case: Case) -> bytes:
    return random.choice([b"null", b"true", b"1", b"[]", b'"route"', b"[1,2]", b"-0.5"])


# Tokens of the JSON


def _tokens(case: Case) -> list[str]:
    return _TOKEN.findall(plain(case.answer))


def _is_key(tokens: list[str], place: int) -> bool:
    return tokens[place + 1 : place + 2] == [":"]


def _is_number(tokens: list[str], place: int) -> bool:
    return tokens[place].isdigit()


def _is_string(tokens: list[str], place: int) -> bool:
    return tokens[place].startswith('"')


def _is_value(tokens: list[str], place: int) -> bool:
    return tokens[place][0] in '"0123456789n' and not _is_key(tokens, place)


def _at_tokens(
    accepts: Callable[[list[str], int], bool], change: Callable[[Random, str], str]
) -> Make:
    """Change one of the tokens that `accepts` is true of."""

    def make(random: Random, case: Case) -> bytes | None:
        tokens = _tokens(case)
        places = [place for place in range(len(tokens)) if accepts(tokens, place)]
        if not places:
            return None
        place = random.choice(places)
        tokens[place] = change(random, tokens[place])
        return "".join(tokens).encode("utf-8", "surrogatepass")

    return make


def _one_of(*texts: str) -> Callable[[Random, str], str]:
    return lambda random, _token: random.choice(texts)


def _before(*texts: str) -> Callable[[Random, str], str]:
    return lambda random, token: random.choice(texts) + token


def _inside(*texts: str) -> Callable[[Random, str], str]:
    """Put one of `texts` at the beginning of a string."""
    return lambda random, token: f'"{random.choice(texts)}{token[1:]}'


trailing_comma: Final = _at_tokens(
    lambda tokens, place: tokens[place] in "]}" and tokens[place - 1] not in "[{",
    _before(",", ", "),
)
unquoted_key: Final = _at_tokens(_is_key, lambda _random, token: token[1:-1])
single_quoted: Final = _at_tokens(_is_string, lambda _random, token: f"'{token[1:-1]}'")
python_literal: Final = _at_tokens(_is_value, _one_of("None", "True", "False"))
comment: Final = _at_tokens(
    lambda _tokens, _place: True, _before("// best\n", "/* best */", "/* 1 */ // 2\n")
)
not_finite: Final = _at_tokens(_is_value, _one_of("NaN", "Infinity", "-Infinity", "nan", "+inf"))
number_out_of_range: Final = _at_tokens(
    _is_value, _one_of("1e400", "-1e999", str(2**64), str(-(2**63) - 1), "1e-400", "9" * 4_400)
)
number_not_of_json: Final = _at_tokens(
    _is_number,
    lambda random, token: random.choice(["0{}", "+{}", "{}.", "0x{}", "{}_0", ".{}"]).format(token),
)
lost_token: Final = _at_tokens(lambda _tokens, _place: True, lambda _random, _token: "")
doubled_token: Final = _at_tokens(
    lambda _tokens, _place: True, lambda _random, token: token + token
)
bare_word: Final = _at_tokens(_is_value, _one_of("undefined", "route", "TRUE", "nil"))
typographic_quotes: Final = _at_tokens(
    _is_string, lambda _random, token: f"\u201c{token[1:-1]}\u201d"
)
unseen_character: Final = _at_tokens(
    lambda _tokens, _place: True, _before("\u00a0", "\u200b", "\ufeff", "\f", "\v", "\x7f")
)
control_character: Final = _at_tokens(
    _is_string, lambda random, token: f'"{chr(random.randrange(32))}{token[1:]}'
)
unknown_escape: Final = _at_tokens(
    _is_string, _inside("\\x41", "\\u00g0", "\\U", "\\a", "\\0", "\\u12.")
)
surrogate: Final = _at_tokens(
    _is_string, _inside("\\ud800", "\\uDBFF", "\\udc00", "\\udfff", "\\ude00\\ud83d")
)
too_deep: Final = _at_tokens(
    _is_value,
    lambda random, _token: "[" * (deep := random.choice([NESTING_MAX, 99, 2_000])) + "]" * deep,
)


def all_single_quotes(_random: Random, case: Case) -> bytes:
    return plain(case.answer).replace('"', "'").encode()


def repr_of_python(_random: Random, case: Case) -> bytes:
    return repr(case.answer).encode()


def _key_again(random: Random, case: Case, *, within: str) -> bytes:
    """Say a key again, escaped or not, with the same value or another, before it or behind it."""
    tokens = _tokens(case)
    keys = [place for place in range(len(tokens)) if _is_key(tokens, place)]
    tops = [place for place in keys if tokens[place][1:-1] in case.answer]
    place = random.choice(tops if within == "route" else sorted(set(keys) - set(tops)))
    key = tokens[place]
    again = key if random.random() < 0.5 else escaped(random, key[1:-1], 0.5)
    value = tokens[place + 2]
    other = random.choice(["0", "null", "[]", '"A-1"', *([value] if value[0] not in "[{" else [])])
    if value[0] not in "[{" and random.random() < 0.5:  # half of them
        tokens[place + 2] += f",{again}:{other}"
    else:
        tokens[place] = f"{again}:{other},{key}"
    return "".join(tokens).encode()


def key_again_in_route(random: Random, case: Case) -> bytes:
    return _key_again(random, case, within="route")


def key_again_in_stop(random: Random, case: Case) -> bytes:
    return _key_again(random, case, within="stop")


# The schema

_FIELDS: Final = ("version", "request_id", "robot_id", "stops", "bin", "sku", "quantity")
_WHOLE: Final = ("version", "quantity", "via")
_NAMES: Final = ("request_id", "robot_id", "bin", "sku")


def _with_field(fields: tuple[str, ...], change: Callable[[Random, object], object]) -> Make:
    """Change the value of one field, of the route or of one of its stops; of `via`, one node."""

    def make(random: Random, case: Case) -> bytes | None:
        document, stops = case.copy()
        field = random.choice(fields)
        owner = document if field in document else random.choice(stops)
        if field == "via":
            nodes = owner.get("via")
            if not isinstance(nodes, list) or not nodes:
                return None
            place = random.randrange(len(nodes))
            nodes[place] = change(random, nodes[place])
        else:
            owner[field] = change(random, owner[field])
        return plain(document).encode("utf-8", "surrogatepass")

    return make


def _any_of(*values: object) -> Callable[[Random, object], object]:
    return lambda random, _value: random.choice(values)


def _other_type(random: Random, value: object) -> object:
    others: tuple[object, ...] = (None, True, 1.5, "A-1", 7, [], [1], {}, {"a": 1})
    return random.choice([other for other in others if type(other) is not type(value)])


other_type: Final = _with_field(_FIELDS, _other_type)
float_for_whole: Final = _with_field(_WHOLE, lambda _random, value: float(str(value)))
bool_for_whole: Final = _with_field(_WHOLE, lambda random, _value: random.random() < 0.5)
text_for_whole: Final = _with_field(_WHOLE, lambda _random, value: str(value))
empty_name: Final = _with_field(_NAMES, _any_of(""))
long_name: Final = _with_field(_NAMES, _any_of("A" * (IDENTIFIER_CHARS_MAX + 1), "B" * 5_000))
strange_name: Final = _with_field(
    _NAMES,
    lambda random, value: (
        str(value)[:40] + random.choice(" /\\\n\r\0\"'{}[]\u00e9\u0661\ufffd\u212a")
    ),
)
other_version: Final = _with_field(("version",), _any_of(0, 2, -1, 10, 2**31, 2**63))
quantity_out_of_range: Final = _with_field(
    ("quantity",), _any_of(0, -1, QUANTITY_MAX + 1, 2**31, 2**63 - 1)
)
node_out_of_range: Final = _with_field(("via",), _any_of(-1, 2**32, 2**63))


def _document_with(change: Callable[[Random, Document], None]) -> Make:
    def make(random: Random, case: Case) -> bytes:
        document, _ = case.copy()
        change(random, document)
        return plain(document).encode()

    return make


def _somewhere(random: Random, document: Document) -> Document:
    return random.choice([document, random.choice(stops_of(document))])


def _without_key(random: Random, document: Document) -> None:
    field = random.choice(_FIELDS)
    owner = document if field in document else random.choice(stops_of(document))
    del owner[field]


def _with_more(random: Random, document: Document) -> None:
    key = random.choice(["note", "", "reason", "Bin", "via ", "waypoints", "speed", "__class__"])
    _somewhere(random, document)[key] = random.choice([None, 1, "A-1", [], {}])


def _other_case(random: Random, document: Document) -> None:
    owner = _somewhere(random, document)
    key = random.choice([key for key in owner if key != "via"])
    owner[key.upper()] = owner.pop(key)


missing_key: Final = _document_with(_without_key)
extra_key: Final = _document_with(_with_more)
key_in_capitals: Final = _document_with(_other_case)


def no_stops(_random: Random, case: Case) -> bytes:
    return plain(case.answer | {"stops": []}).encode()


def too_many_stops(random: Random, case: Case) -> bytes:
    document, stops = case.copy()
    while len(stops) <= STOPS_MAX:
        stops.append({key: each for key, each in random.choice(stops).items() if key != "via"})
    for stop in stops:
        stop.pop("via", None)
    return plain(document).encode()


def too_long_via(random: Random, case: Case) -> bytes:
    document, stops = case.copy()
    for stop in stops:
        stop.pop("via", None)
    count = random.choice([VIA_NODES_MAX + 1, 2 * VIA_NODES_MAX])
    random.choice(stops)["via"] = [random.randrange(99) for _ in range(count)]
    return plain(document).encode()
