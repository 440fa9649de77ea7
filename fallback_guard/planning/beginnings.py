# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Why an answer that begins so can no longer become a route for its request, told while it still comes.

An answer is read up to its last complete value, closed with the brackets that are still open, and compared with
the request; what comes after that place is looked at letter by letter only.  Two promises, which tests try on
many answers: no beginning of an answer that the guard would let through is called hopeless, and whatever is called
hopeless is refused, however it goes on.
"""

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import orjson

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import PAYLOAD_BYTES_MAX, VIA_NODES_MAX
from fallback_guard.core.malformed import explain_undecoded
from fallback_guard.core.request import PickRequest
from fallback_guard.core.schema import NODE_ID_MAX, VERSION
from fallback_guard.planning.llm import Hopeless

_BLANKS: Final = b" \t\r\n"
_ROUTE_KEYS: Final = ("version", "request_id", "robot_id", "stops")
_STOP_KEYS: Final = ("bin", "sku", "quantity")
_VIA: Final = "via"

_CLOSING: Final[Mapping[tuple[int, int], bytes]] = MappingProxyType(
    {(0, 0): b"", (1, 0): b"}", (1, 1): b"]}", (2, 1): b"}]}", (2, 2): b"]}]}"}
)
"""Braces and square brackets that are open in a route, and what closes them: nothing, the route, its stops, one stop
and its `via`.  No string of a route holds a bracket, so that counting is enough."""

_STOP_IS_OPEN: Final = ((2, 1), (2, 2))

_Item = tuple[str, str, int]
"""Bin, SKU and quantity."""

_LETTER: Final = rb"(?:[A-Za-z0-9_.:-]|\\u00[0-7][0-9A-Fa-f])"
_STRING: Final = rb'"' + _LETTER + rb'{1,64}"'
_TOKENS: Final = re.compile(
    rb"(?:[ \t\r\n,:{\[]|" + _STRING + rb"|-?[0-9]{1,10}(?![A-Za-z0-9\".+-])|null)*"
    rb'(?:"' + _LETTER + rb"{0,64}(?:\\(?:u(?:0(?:0[0-7]?)?)?)?)?|-|n(?:u(?:l)?)?)?"
)
"""What stands behind the last complete value of a route: tokens of which the last may be a part of one."""

_TAG_BEGINS: Final = re.compile(rb"<[a-z:]{0,9}\Z")
"""Perhaps the tag before a model's reasoning, which is worth waiting for to be called by its name."""


def route_beginning(request: PickRequest) -> Hopeless:
    """Return what says why an answer to `request` is hopeless.  It never raises."""
    return _RouteBeginning(request)


class _RouteBeginning:
    """Says the same of the same bytes each time.

    It remembers the last complete part of an answer, so that an answer is not read anew for each of its letters.
    """

    def __init__(self, request: PickRequest) -> None:
        self._items = Counter((item.bin, item.sku, item.quantity) for item in request.items)
        self._constants: Mapping[str, object] = {
            "version": VERSION,
            "request_id": request.request_id,
            "robot_id": request.robot_id,
        }
        self._head = b""
        self._fault = ""

    def __call__(self, beginning: bytes) -> str:
        if len(beginning) > PAYLOAD_BYTES_MAX:
            return f"it is longer than {PAYLOAD_BYTES_MAX} bytes"
        text = beginning.strip(_BLANKS)
        if not text or _TAG_BEGINS.match(text):
            return ""
        if text[:1] != b"{":
            return _malformed(beginning, "it does not begin with a brace")
        end = max(text.rfind(b","), text.rfind(b"}") + 1, text.rfind(b"]") + 1)
        head, tail = text[:end], text[end:]
        is_open = _open_brackets(head)
        if is_open not in _CLOSING or _open_brackets(text) not in _CLOSING:
            return _malformed(beginning, "its brackets are not those of a route")
        is_ended = bool(head) and not any(is_open)
        if tail if is_ended else not _TOKENS.fullmatch(tail):
            return _malformed(beginning, "it holds a word or a sign that no route has there")
        return self._fault_of(head, is_open) if head else ""

    def _fault_of(self, head: bytes, is_open: tuple[int, int]) -> str:
        if head == self._head:
            return self._fault
        closed = head + _CLOSING[is_open]
        try:
            document: object = orjson.loads(closed)
        except ValueError:
            fault = _malformed(closed, "it is not JSON")
        else:
            fault = _fault(document, self._constants, self._items, is_open)
            fault = fault or _said_twice(document, head)
        self._head, self._fault = head, fault
        return fault


def _open_brackets(text: bytes) -> tuple[int, int]:
    return text.count(b"{") - text.count(b"}"), text.count(b"[") - text.count(b"]")


def _malformed(text: bytes, otherwise: str) -> str:
    """Say in the guard's words what is wrong with a text that is no beginning of a route."""
    finding = explain_undecoded(text, bytes_max=len(text))
    if finding is None or finding.mode is FailureMode.TRUNCATED:
        return otherwise
    return f"{finding.mode.value}: {finding.detail}"


def _fault(
    document: object,
    constants: Mapping[str, object],
    items: Counter[_Item],
    is_open: tuple[int, int],
) -> str:
    """Say what keeps the document, as far as it has come, from becoming a route for the request."""
    assert isinstance(document, dict), "it begins with a brace"
    for key, value in document.items():
        if key not in _ROUTE_KEYS:
            return f"key {printable(key)!r} is not one of a route"
        if key in constants and not _is(value, constants[key]):
            return f"{key} is not {printable(str(constants[key]))}"
    stops: object = document.get("stops", [])
    if not isinstance(stops, list):
        return "stops is not a list"
    fault = _fault_of_stops(stops, items, last_is_open=is_open in _STOP_IS_OPEN)
    if fault or any(is_open):
        return fault
    missing = [key for key in _ROUTE_KEYS if key not in document]
    if missing:
        return f"it ends without {missing[0]}"
    if len(stops) < items.total():
        return f"it ends after {len(stops)} of {items.total()} stops"
    return ""


def _fault_of_stops(stops: list[object], items: Counter[_Item], *, last_is_open: bool) -> str:
    left = items.copy()
    for number, stop in enumerate(stops, start=1):
        if not isinstance(stop, dict):
            return f"stop {number} is not an object"
        unknown = [key for key in stop if key not in _STOP_KEYS and key != _VIA]
        if unknown:
            return f"stop {number}: key {printable(unknown[0])!r} is not one of a stop"
        fault = _fault_of_via(stop.get(_VIA))
        if fault:
            return f"stop {number}: {fault}"
        item = _item_left(stop, left)
        if item is None:
            return f"stop {number} is none of the items that are left to pick"
        if all(key in stop for key in _STOP_KEYS):
            left[item] -= 1
        elif number < len(stops) or not last_is_open:
            return f"stop {number} lacks bin, sku or quantity"
    return ""


def _item_left(stop: Mapping[str, object], left: Counter[_Item]) -> _Item | None:
    """Return an item still to be picked that a stop says, or may yet say; None where there is none."""
    bin_name, sku, quantity = (stop.get(key) for key in _STOP_KEYS)
    if isinstance(bin_name, str) and isinstance(sku, str) and type(quantity) is int:
        whole = bin_name, sku, quantity
        return whole if left[whole] > 0 else None
    said = [(place, stop[key]) for place, key in enumerate(_STOP_KEYS) if key in stop]
    for item, count in left.items():
        if count > 0 and all(_is(value, item[place]) for place, value in said):
            return item
    return None


def _fault_of_via(via: object) -> str:
    if via is None:
        return ""
    if not isinstance(via, list):
        return "via is not a list"
    if len(via) > VIA_NODES_MAX:
        return f"via has more than {VIA_NODES_MAX} nodes"
    if not all(type(node) is int and 0 <= node <= NODE_ID_MAX for node in via):
        return "via holds something other than nodes"
    return ""


def _is(value: object, expected: object) -> bool:
    """Tell whether two values are the same, of which true and 1.0 are not 1."""
    return type(value) is type(expected) and value == expected


def _said_twice(document: object, head: bytes) -> str:
    """Tell a key that an object says again, of which a reader keeps the last, by its quotation marks.

    No key and no value of what has been compared with the request holds a quotation mark itself.
    """
    assert isinstance(document, dict), "it begins with a brace"
    stops: list[dict[str, object]] = document.get("stops", [])
    strings = len(document) + _strings(document) + sum(len(stop) + _strings(stop) for stop in stops)
    return "" if head.count(b'"') == 2 * strings else "an object says a key twice"


def _strings(values: Mapping[str, object]) -> int:
    return sum(isinstance(value, str) for value in values.values())
