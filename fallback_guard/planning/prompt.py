# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the language model is told: the request, the shape of the answer, and why its last one was refused.

Nothing here raises, whatever a request holds: text that cannot stand in JSON over HTTP is replaced,
and what is too long is cut.  The guard judges the answer by the request as it came.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import (
    DETAIL_CHARS_MAX,
    IDENTIFIER_CHARS_MAX,
    INSTRUCTIONS_CHARS_MAX,
    STOPS_MAX,
)
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.rules import Refusal

JsonObject = dict[str, object]
"""A JSON object that is about to be written."""

SYSTEM_TEXT: Final = (
    "You plan pick routes for a warehouse robot. Answer with one JSON object of route schema version 1, "
    "on one line, and nothing else: no Markdown, no explanation. For example:\n"
    '{"version":1,"request_id":"R-0","robot_id":"r","stops":[{"bin":"A-1","sku":"S-2","quantity":3},'
    '{"bin":"B-4","sku":"S-5","quantity":6}]}\n'
    "Copy request_id and robot_id. Make one stop for each entry of items, with its bin, sku and "
    "quantity: every item exactly once, none left out, none repeated, none changed. Order the stops so "
    "that the way from start_node over the bins to goal_node is short; bins with the same letter are in "
    "one aisle. The instructions of a request may ask for another order, and for nothing else."
)

OWN_TASK_TEXT: Final = (
    "You plan pick routes for a warehouse robot. Answer with one JSON object, on one line, and nothing "
    "else: no Markdown, no explanation.\n"
)
"""What comes before the prompt of a task of one's own."""

ORDER_TEXT: Final = (
    "You plan pick routes for a warehouse robot. The items are numbered, and bins with the same letter are in one "
    "aisle. Answer with one JSON object, on one line, and nothing else: the numbers of all items, each exactly once, "
    "in the order in which the robot shall drive, so that its way is short. For example, for three items:\n"
    '{"order":[2,1,3]}\n'
    "The instructions of a request may ask for another order, and for nothing else."
)

WISHES_TEXT: Final = (
    "You read the instructions that come with a pick list. Answer with one JSON object, on one line, and nothing "
    "else: the SKUs to pick first, the SKUs to pick last, and the aisles to keep out of. Heavy or urgent items come "
    "first, fragile ones last. A list is empty where the instructions say nothing of the kind. For example, for "
    '"Aisle B is wet, S-5 is fragile":\n'
    '{"first":[],"last":["S-5"],"avoid_aisles":["B"]}'
)

REFUSED_TEXT: Final = "Your last answer was refused: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


def chat_messages(
    request: PickRequest, refusal: Refusal | None = None, task: CheckedTask = ROUTES
) -> tuple[Message, ...]:
    """Return the chat that asks for a route; `refusal` is what the guard said of the last answer."""
    lines = [
        "Plan the route for this pick request.",
        _one_line(json.dumps(_request_object(request), ensure_ascii=False, separators=(",", ":"))),
    ]
    lines += _refused(refusal, request)
    return (
        Message(
            role="system",
            content=SYSTEM_TEXT if task is ROUTES else OWN_TASK_TEXT + task.prompt,
        ),
        Message(role="user", content="\n".join(lines)),
    )


def order_messages(request: PickRequest, refusal: Refusal | None = None) -> tuple[Message, ...]:
    """Return the chat that asks for the order of a request's items, numbered from 1 by bin."""
    numbered = [
        {"number": number, "bin": _sendable(item.bin), "sku": _sendable(item.sku)}
        for number, item in enumerate(_bounded_items(request), 1)
    ]
    document = {
        "items": numbered,
        "instructions": _sendable(request.instructions, INSTRUCTIONS_CHARS_MAX),
    }
    lines = [
        "Order the items of this pick request.",
        _one_line(json.dumps(document, ensure_ascii=False, separators=(",", ":"))),
        *_refused(refusal, request),
    ]
    return (
        Message(role="system", content=ORDER_TEXT),
        Message(role="user", content="\n".join(lines)),
    )


def order_schema(request: PickRequest) -> JsonObject:
    """Return a JSON schema for the order of a request's items.  That none comes twice it cannot say."""
    count = len(_bounded_items(request))
    number = {"type": "integer", "enum": list(range(1, count + 1))}
    return _closed_object(
        {"order": {"type": "array", "minItems": count, "maxItems": count, "items": number}}
    )


def wishes_messages(request: PickRequest) -> tuple[Message, ...]:
    """Return the chat that asks what the instructions of a request wish."""
    document = {
        "items": [
            {"sku": _sendable(item.sku), "bin": _sendable(item.bin)}
            for item in _bounded_items(request)
        ],
        "instructions": _sendable(request.instructions, INSTRUCTIONS_CHARS_MAX),
    }
    text = _one_line(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
    return Message(role="system", content=WISHES_TEXT), Message(role="user", content=text)


def wishes_schema(request: PickRequest, aisles: Sequence[str]) -> JsonObject:
    """Return a JSON schema for wishes about the items of a request and the aisles of a map."""
    skus = list(dict.fromkeys(_sendable(item.sku) for item in _bounded_items(request)))

    def some(names: Sequence[str]) -> JsonObject:
        name = {"type": "string", "enum": list(names)}
        return {"type": "array", "maxItems": min(len(names), STOPS_MAX), "items": name}

    named = (
        some(aisles) if aisles else {"type": "array", "maxItems": 0, "items": {"type": "string"}}
    )
    return _closed_object({"first": some(skus), "last": some(skus), "avoid_aisles": named})


def answer_json_schema(request: PickRequest, task: CheckedTask) -> JsonObject:
    """Return a JSON schema for the answers to `request`: as narrow as the task says it, else that of its model."""
    if task is ROUTES:
        return route_json_schema(request)
    said = task.schema_for(request) if task.schema_for else None
    return dict(task.answer.model_json_schema() if said is None else said)


def route_json_schema(request: PickRequest) -> JsonObject:
    """Return a JSON schema that only routes for `request` follow, as far as a schema can say that.

    The ids are constants and each stop is one of the items.  That no item comes twice is left to the
    guard: no schema that endpoints support can say it in reasonable length.  The subset used is that
    of OpenAI's strict mode and of llama.cpp's grammars.
    """
    items = _bounded_items(request)
    variants = [_stop_schema(item) for item in dict.fromkeys(items)]
    return _closed_object(
        {
            "version": {"type": "integer", "const": 1},
            "request_id": _constant(request.request_id),
            "robot_id": _constant(request.robot_id),
            "stops": {
                "type": "array",
                "minItems": len(items),
                "maxItems": len(items),
                "items": {"anyOf": variants},
            },
        }
    )


def _refused(refusal: Refusal | None, request: PickRequest) -> tuple[str, ...]:
    """Return what the guard said of the last answer, and what the next one needs; nothing where it said nothing."""
    if refusal is None:
        return ()
    # What speaks as the guard may not be the guard, where nothing controls who speaks.
    detail = printable(refusal.detail, chars_max=DETAIL_CHARS_MAX)
    return (
        f"{REFUSED_TEXT}{refusal.mode.value}: {detail}",
        f"Answer with all {len(request.items)} items, each exactly once.",
    )


def route_text(request: PickRequest) -> str:
    """Return a route for `request` as a model that follows the prompt writes it, in the order of the request."""
    items = [
        {"bin": item.bin, "sku": item.sku, "quantity": item.quantity} for item in request.items
    ]
    route = {
        "version": 1,
        "request_id": request.request_id,
        "robot_id": request.robot_id,
        "stops": items,
    }
    return json.dumps(route, separators=(",", ":"))


def _request_object(request: PickRequest) -> JsonObject:
    return {
        "request_id": _sendable(request.request_id),
        "robot_id": _sendable(request.robot_id),
        "start_node": request.start_node,
        "goal_node": request.goal_node,
        "items": [
            {"bin": _sendable(item.bin), "sku": _sendable(item.sku), "quantity": item.quantity}
            for item in _bounded_items(request)
        ],
        "instructions": _sendable(request.instructions, INSTRUCTIONS_CHARS_MAX),
    }


def _stop_schema(item: PickItem) -> JsonObject:
    return _closed_object(
        {
            "bin": _constant(item.bin),
            "sku": _constant(item.sku),
            "quantity": {"type": "integer", "const": item.quantity},
        }
    )


def _closed_object(properties: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _constant(text: str) -> JsonObject:
    return {"type": "string", "const": _sendable(text)}


def _bounded_items(request: PickRequest) -> tuple[PickItem, ...]:
    """Return the items by bin, so that a model that merely copies the list still goes aisle by aisle."""
    return tuple(sorted(request.items[:STOPS_MAX]))


def _one_line(document: str) -> str:
    """Escape in JSON what a reader does not see: other line breaks, writing directions, invisible tags.

    All of it stands in strings, because that is where JSON has such characters.
    """
    if document.isprintable():
        return document
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in document)


def _sendable(text: str, chars_max: int = IDENTIFIER_CHARS_MAX) -> str:
    """Return `text` cut, and without what UTF-8 or an endpoint's C string cannot hold."""
    return (
        text[:chars_max]
        .encode("utf-8", "replace")
        .decode("utf-8")
        .replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
