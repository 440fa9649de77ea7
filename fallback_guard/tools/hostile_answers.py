# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The ways in which a language model's endpoint goes wrong, as a table, and who meets which.

Each kind is made from the right route, so that nothing but its fault can be what the guard refuses.
To add a kind, add a member and its row.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Final

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import NESTING_MAX, PAYLOAD_BYTES_MAX, STOPS_MAX
from fallback_guard.core.request import PickItem, PickRequest


class HostileKind(str, Enum):
    """What an endpoint does instead of answering well."""

    SILENCE = "silence"
    SLOW_DRIP = "slow_drip"
    DISCONNECT = "disconnect"
    HTTP_ERROR = "http_error"
    REDIRECT = "redirect"
    HTML_PAGE = "html_page"
    HUGE_BODY = "huge_body"
    NOT_UTF8 = "not_utf8"
    SEVERAL_CHOICES = "several_choices"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    TOOL_CALL = "tool_call"
    LENGTH = "length"
    NO_TEXT = "no_text"
    OVERSIZE = "oversize"
    LONE_SURROGATE = "lone_surrogate"
    BYTE_ORDER_MARK = "byte_order_mark"
    TOO_DEEP = "too_deep"
    EMPTY = "empty"
    MALFORMED = "malformed"
    FENCED = "fenced"
    PROSE = "prose"
    REASONING = "reasoning"
    SEVERAL_DOCUMENTS = "several_documents"
    COMMENT = "comment"
    TRAILING_COMMA = "trailing_comma"
    SINGLE_QUOTES = "single_quotes"
    UNQUOTED_KEY = "unquoted_key"
    PYTHON_LITERAL = "python_literal"
    NAN = "nan"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEY = "duplicate_key"
    SURROGATE_ESCAPE = "surrogate_escape"
    NUMBER_RANGE = "number_range"
    WRONG_REQUEST = "wrong_request"
    WRONG_ITEM = "wrong_item"
    REPEATED_ITEM = "repeated_item"
    MISSING_ITEM = "missing_item"
    WRONG_QUANTITY = "wrong_quantity"
    WRONG_BIN = "wrong_bin"
    UNKNOWN_BIN = "unknown_bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes over the wire.  `disconnect`: nothing, and an end; `hang`: nothing, and no end.

    `bytes_per_s` of 0 sends the body at once.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    location: str = ""
    bytes_per_s: int = 0
    hang: bool = False
    disconnect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request, the items in the right order, and every bin of the map (none where there is no map)."""

    request: PickRequest
    order: tuple[PickItem, ...]
    bins: tuple[str, ...] = ()

    def route(self, order: Sequence[PickItem] | None = None) -> dict[str, object]:
        """Return the right route, or the one with other stops, as a JSON object."""
        return {
            "version": 1,
            "request_id": self.request.request_id,
            "robot_id": self.request.robot_id,
            "stops": [
                {"bin": item.bin, "sku": item.sku, "quantity": item.quantity}
                for item in (self.order if order is None else order)
            ],
        }

    def text(self, order: Sequence[PickItem] | None = None) -> str:
        """Return `route` as compact JSON."""
        return json.dumps(self.route(order), separators=(",", ":"))


MODEL_NAME: Final = "hostile"
HUGE_BYTES: Final = 32 * 1024 * 1024
"""Larger than the largest `response_bytes_max`."""

DRIP_BYTES_PER_S: Final = 2

_HEAD: Final[Mapping[str, object]] = MappingProxyType(
    {"id": "chatcmpl-0", "created": 0, "model": MODEL_NAME}
)
_PIECE_CHARS: Final = 4
"""Of a streamed answer, which is about a token."""


def completion(
    content: str | None, *, finish_reason: str = "stop", choices: int = 1, **said: object
) -> Reply:
    """Return a chat completion that says `content`, and whatever else a message may hold."""
    message = {"role": "assistant", "content": content, **said}
    document = {
        **_HEAD,
        "object": "chat.completion",
        "choices": [
            {"index": index, "finish_reason": finish_reason, "message": message}
            for index in range(choices)
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": len(content or "")},
    }
    return Reply(body=json.dumps(document).encode("ascii"))


def streamed(reply: Reply) -> Reply:
    """Return what `reply` is where a stream was asked for; what is no completion stays as it is."""
    try:
        document = json.loads(reply.body)
        choices, usage = document["choices"], document["usage"]
    except (ValueError, LookupError, TypeError):
        return reply
    text: str = choices[0]["message"].get("content") or ""
    pieces = [text[at : at + _PIECE_CHARS] for at in range(0, len(text), _PIECE_CHARS)]
    first = {**choices[0]["message"], "content": ""}
    events: list[object] = [
        _event([{"index": 0, "delta": delta, "finish_reason": None}])
        for delta in (first, *({"content": piece} for piece in pieces))
    ]
    ends = [{**choice, "delta": {}, "message": None} for choice in choices]
    events += [_event(ends), {**_event([]), "usage": usage}]
    lines = [*(json.dumps(event) for event in events), "[DONE]"]
    body = "".join(f"data: {line}\n\n" for line in lines).encode("ascii")
    return replace(reply, body=body, content_type="text/event-stream")


def _event(choices: Sequence[object]) -> dict[str, object]:
    return {**_HEAD, "object": "chat.completion.chunk", "choices": choices}


def error(status: int, message: str) -> Reply:
    """Return an error in the form of the OpenAI API."""
    return Reply(status=status, body=json.dumps({"error": {"message": message}}).encode("ascii"))


def _silence(_question: Question) -> Reply:
    return Reply(hang=True)


def _slow_drip(question: Question) -> Reply:
    return Reply(body=completion(question.text()).body, bytes_per_s=DRIP_BYTES_PER_S)


def _disconnect(_question: Question) -> Reply:
    return Reply(disconnect=True)


def _http_error(_question: Question) -> Reply:
    return error(503, "the model is loading")


def _redirect(_question: Question) -> Reply:
    return Reply(status=307, location="http://127.0.0.1:9/v1/chat/completions")


def _html_page(_question: Question) -> Reply:
    page = b"<!DOCTYPE html><html><title>Sign in</title><body>Please sign in.</body></html>"
    return Reply(body=page, content_type="text/html")


def _huge_body(_question: Question) -> Reply:
    return Reply(body=b" " * HUGE_BYTES)


def _not_utf8(question: Question) -> Reply:
    body = completion(question.text()).body
    return Reply(body=body.replace(b"version", b"version\xff", 1))


def _several_choices(question: Question) -> Reply:
    return completion(question.text(), choices=2)


def _content_filter(question: Question) -> Reply:
    return completion(question.text()[:-3], finish_reason="content_filter")


def _refusal(_question: Question) -> Reply:
    return completion(None, refusal="I cannot plan this route.")


def _tool_call(question: Question) -> Reply:
    function = {"name": "publish_route", "arguments": question.text()}
    call = {"id": "call_0", "type": "function", "function": function}
    return completion(None, finish_reason="tool_calls", tool_calls=[call])


def _length(question: Question) -> Reply:
    return completion(question.text()[:-3], finish_reason="length")


def _no_text(_question: Question) -> Reply:
    return completion(None)


def _oversize(question: Question) -> Reply:
    return completion(question.text() + " " * PAYLOAD_BYTES_MAX)


def _lone_surrogate(question: Question) -> Reply:
    return completion(question.text().replace('"version"', '"\ud800version"', 1))


def _byte_order_mark(question: Question) -> Reply:
    return completion(f"\ufeff{question.text()}")


def _too_deep(question: Question) -> Reply:
    deep = "[" * NESTING_MAX + "]" * NESTING_MAX
    return completion(question.text().replace('"stops":[', f'"stops":[{deep},', 1))


def _empty(_question: Question) -> Reply:
    return completion(" \n")


def _malformed(question: Question) -> Reply:
    return completion(question.text()[:-3])


def _fenced(question: Question) -> Reply:
    return completion(f"```json\n{question.text()}\n```")


def _prose(question: Question) -> Reply:
    return completion(f"Sure! Here is the best route: {question.text()} Happy picking!")


def _reasoning(question: Question) -> Reply:
    return completion(f"<think>\nFirst aisle A, then B.\n</think>\n{question.text()}")


def _several_documents(question: Question) -> Reply:
    return completion(f"{question.text()}\n{question.text()}")


def _comment(question: Question) -> Reply:
    return completion(question.text().replace("{", "{ // the best route\n", 1))


def _trailing_comma(question: Question) -> Reply:
    return completion(f"{question.text()[:-1]},}}")


def _single_quotes(question: Question) -> Reply:
    return completion(question.text().replace('"', "'"))


def _unquoted_key(question: Question) -> Reply:
    return completion(question.text().replace('"version"', "version", 1))


def _version(question: Question, version: str) -> Reply:
    """Return the right route with another version, as it is written."""
    return completion(question.text().replace('"version":1', f'"version":{version}', 1))


def _python_literal(question: Question) -> Reply:
    return _version(question, "None")


def _nan(question: Question) -> Reply:
    return _version(question, "NaN")


def _number_range(question: Question) -> Reply:
    return _version(question, "1e999")


def _not_an_object(question: Question) -> Reply:
    return completion(f"[{question.text()}]")


def _surrogate_escape(question: Question) -> Reply:
    return completion(question.text().replace('"version"', r'"\ud800version"', 1))


def _duplicate_key(question: Question) -> Reply:
    return completion(question.text().replace("{", '{"version":1,', 1))


def _wrong_request(question: Question) -> Reply:
    route = question.route()
    route["request_id"] = f"not-{question.request.request_id[:32]}"
    return completion(json.dumps(route))


def _with_first(question: Question, **changes: object) -> Reply:
    """Return the right route with another first stop."""
    route = deepcopy(question.route())
    stops = route["stops"]
    assert isinstance(stops, list)
    stops[0] |= changes
    return completion(json.dumps(route))


def _wrong_item(question: Question) -> Reply:
    return _with_first(question, sku="SKU-NOBODY-ASKED-FOR")


def _repeated_item(question: Question) -> Reply:
    return completion(question.text((*question.order, question.order[0])))


def _missing_item(question: Question) -> Reply:
    return completion(question.text(question.order[:-1]))


def _wrong_quantity(question: Question) -> Reply:
    asked = {item.quantity for item in question.order}
    return _with_first(question, quantity=min(set(range(1, STOPS_MAX + 2)) - asked))


def _wrong_bin(question: Question) -> Reply:
    """Send the first item to a bin that does not hold it; where there is none, to one that does not exist."""
    sku = question.order[0].sku
    asked = {item.bin for item in question.order}
    holding = {item.bin for item in question.order if item.sku == sku}
    others = sorted((name for name in question.bins if name not in holding), key=asked.__contains__)
    return _with_first(question, bin=others[0]) if others else _unknown_bin(question)


def _unknown_bin(question: Question) -> Reply:
    return _with_first(question, bin="NO-SUCH-BIN")


@dataclass(frozen=True, slots=True)
class HostileRow:
    """What is known about one kind: how it is made and what the guard calls it.

    `one_item_failure` and `full_list_failure` are what it calls it where the request has only one item,
    or the most that there may be.
    """

    make: Callable[[Question], Reply]
    failure: FailureMode
    one_item_failure: FailureMode | None = None
    full_list_failure: FailureMode | None = None
    needs_map: bool = False


HOSTILE_KINDS: Final[Mapping[HostileKind, HostileRow]] = MappingProxyType(
    {
        HostileKind.SILENCE: HostileRow(_silence, FailureMode.PLANNER_TIMEOUT),
        HostileKind.SLOW_DRIP: HostileRow(_slow_drip, FailureMode.PLANNER_TIMEOUT),
        HostileKind.DISCONNECT: HostileRow(_disconnect, FailureMode.PLANNER_UNREACHABLE),
        HostileKind.HTTP_ERROR: HostileRow(_http_error, FailureMode.PLANNER_HTTP_ERROR),
        HostileKind.REDIRECT: HostileRow(_redirect, FailureMode.PLANNER_HTTP_ERROR),
        HostileKind.HTML_PAGE: HostileRow(_html_page, FailureMode.PLANNER_BAD_RESPONSE),
        HostileKind.HUGE_BODY: HostileRow(_huge_body, FailureMode.PLANNER_OVERSIZE),
        HostileKind.NOT_UTF8: HostileRow(_not_utf8, FailureMode.PLANNER_NOT_UTF8),
        HostileKind.SEVERAL_CHOICES: HostileRow(
            _several_choices, FailureMode.PLANNER_SEVERAL_CHOICES
        ),
        HostileKind.CONTENT_FILTER: HostileRow(_content_filter, FailureMode.PLANNER_REFUSED),
        HostileKind.REFUSAL: HostileRow(_refusal, FailureMode.PLANNER_REFUSED),
        HostileKind.TOOL_CALL: HostileRow(_tool_call, FailureMode.PLANNER_TOOL_CALL),
        HostileKind.LENGTH: HostileRow(_length, FailureMode.PLANNER_LENGTH),
        HostileKind.NO_TEXT: HostileRow(_no_text, FailureMode.PLANNER_EMPTY),
        HostileKind.OVERSIZE: HostileRow(_oversize, FailureMode.OVERSIZE),
        HostileKind.LONE_SURROGATE: HostileRow(_lone_surrogate, FailureMode.NOT_UTF8),
        HostileKind.BYTE_ORDER_MARK: HostileRow(_byte_order_mark, FailureMode.BYTE_ORDER_MARK),
        HostileKind.TOO_DEEP: HostileRow(_too_deep, FailureMode.TOO_DEEP),
        HostileKind.EMPTY: HostileRow(_empty, FailureMode.EMPTY),
        HostileKind.MALFORMED: HostileRow(_malformed, FailureMode.TRUNCATED),
        HostileKind.FENCED: HostileRow(_fenced, FailureMode.FENCED),
        HostileKind.PROSE: HostileRow(_prose, FailureMode.PROSE),
        HostileKind.REASONING: HostileRow(_reasoning, FailureMode.REASONING),
        HostileKind.SEVERAL_DOCUMENTS: HostileRow(
            _several_documents, FailureMode.SEVERAL_DOCUMENTS
        ),
        HostileKind.COMMENT: HostileRow(_comment, FailureMode.COMMENT),
        HostileKind.TRAILING_COMMA: HostileRow(_trailing_comma, FailureMode.TRAILING_COMMA),
        HostileKind.SINGLE_QUOTES: HostileRow(_single_quotes, FailureMode.SINGLE_QUOTES),
        HostileKind.UNQUOTED_KEY: HostileRow(_unquoted_key, FailureMode.UNQUOTED_KEY),
        HostileKind.PYTHON_LITERAL: HostileRow(_python_literal, FailureMode.PYTHON_LITERAL),
        HostileKind.NAN: HostileRow(_nan, FailureMode.NOT_FINITE),
        HostileKind.NOT_AN_OBJECT: HostileRow(_not_an_object, FailureMode.NOT_AN_OBJECT),
        HostileKind.DUPLICATE_KEY: HostileRow(_duplicate_key, FailureMode.DUPLICATE_KEY),
        HostileKind.SURROGATE_ESCAPE: HostileRow(_surrogate_escape, FailureMode.SURROGATE),
        HostileKind.NUMBER_RANGE: HostileRow(_number_range, FailureMode.NUMBER_RANGE),
        HostileKind.WRONG_REQUEST: HostileRow(_wrong_request, FailureMode.WRONG_REQUEST),
        HostileKind.WRONG_ITEM: HostileRow(_wrong_item, FailureMode.ITEM_UNKNOWN),
        HostileKind.REPEATED_ITEM: HostileRow(
            _repeated_item, FailureMode.ITEM_REPEATED, full_list_failure=FailureMode.SCHEMA
        ),
        HostileKind.MISSING_ITEM: HostileRow(
            _missing_item, FailureMode.ITEM_MISSING, one_item_failure=FailureMode.SCHEMA
        ),
        HostileKind.WRONG_QUANTITY: HostileRow(_wrong_quantity, FailureMode.WRONG_QUANTITY),
        HostileKind.WRONG_BIN: HostileRow(_wrong_bin, FailureMode.WRONG_BIN, needs_map=True),
        HostileKind.UNKNOWN_BIN: HostileRow(_unknown_bin, FailureMode.UNKNOWN_BIN),
    }
)

assert list(HOSTILE_KINDS) == list(HostileKind), "one row for each kind, in its order"

KINDS_WITHOUT_MAP: Final = tuple(kind for kind, row in HOSTILE_KINDS.items() if not row.needs_map)


def expected_failure(kind: HostileKind, *, items: int) -> FailureMode:
    """Return what planner and guard together call `kind` in answer to a request of `items` items."""
    row = HOSTILE_KINDS[kind]
    if items == 1 and row.one_item_failure is not None:
        return row.one_item_failure
    if items == STOPS_MAX and row.full_list_failure is not None:
        return row.full_list_failure
    return row.failure


def fate(  # noqa: PLR0913  # a hash of everything that tells one call from another
    *,
    seed: int,
    share: float,
    kinds: Sequence[HostileKind],
    request_id: str,
    robot_id: str,
    call: int,
) -> HostileKind | None:
    """Return what call number `call` (from 1) for a request meets; None: the right answer.

    A pure function, so that whoever knows the seed can tell afterwards what each planner was up against.
    """
    if not kinds:
        return None
    key = json.dumps([seed, request_id, robot_id, call]).encode("ascii")
    digest = hashlib.sha256(key).digest()
    chance, choice = (int.from_bytes(digest[i : i + 8], "big") for i in (0, 8))
    return kinds[choice % len(kinds)] if chance < share * 2**64 else None
