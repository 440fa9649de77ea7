# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Ways to get a route out of a language model: what each asks for, and what it makes of the answers.

The guard judges what comes of all of them alike.  The farther down in the table, the less is left to the model.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import STOPS_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.rules import Refusal
from fallback_guard.core.schema import Route
from fallback_guard.planning.beginnings import route_beginning
from fallback_guard.planning.labels import LabelReader
from fallback_guard.planning.llm import Answer, Ask, Question, never_hopeless
from fallback_guard.planning.ordering import route_payload, tour_payload
from fallback_guard.planning.prompt import (
    Message,
    answer_json_schema,
    chat_messages,
    order_messages,
    order_schema,
    route_text,
    wishes_messages,
    wishes_schema,
)
from fallback_guard.planning.wishes import NO_WISHES, Wishes, aisle_of

EXAMPLES_MAX: Final = 2
"""Accepted routes that are shown to the model; each is as long as an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What there is to plan with: the guard's `refusal` of the last answer, routes it accepted, the map's ways."""

    request: PickRequest
    task: CheckedTask = ROUTES
    refusal: Refusal | None = None
    examples: Sequence[tuple[PickRequest, bytes]] = ()
    paths: Paths | None = None


Plan = Callable[[Brief, Ask], Awaitable[Answer]]
"""Returns what is published of one attempt, or the failure that kept the model from answering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way.  `start` makes a plan that may remember what it learns of a model from one request to the next.

    `writes_routes`: its answers are routes of the package's own schema, whatever the task.
    """

    about: str
    start: Callable[[], Plan]
    needs_map: bool = False
    writes_routes: bool = False


def request_question(brief: Brief) -> Question:
    """Ask for a whole route, in a schema made for the request."""
    is_route = brief.task is ROUTES
    return Question(
        messages=chat_messages(brief.request, brief.refusal, brief.task),
        schema=answer_json_schema(brief.request, brief.task),
        hopeless=route_beginning(brief.request) if is_route else never_hopeless,
        answer_bytes=len(route_text(brief.request)) if is_route else 0,
    )


def _free_question(brief: Brief) -> Question:
    return replace(request_question(brief), form="none")


def _json_question(brief: Brief) -> Question:
    return replace(request_question(brief), form="json_object")


def _fixed_question(brief: Brief) -> Question:
    model = Route if brief.task is ROUTES else brief.task.answer
    return replace(request_question(brief), schema=dict(model.model_json_schema()))


def _example_question(brief: Brief) -> Question:
    question = request_question(brief)
    shown: list[Message] = []
    for request, payload in brief.examples[-EXAMPLES_MAX:]:
        shown.append(chat_messages(request, None, brief.task)[-1])
        shown.append(Message(role="assistant", content=payload.decode("utf-8", "replace")))
    return replace(question, messages=(question.messages[0], *shown, *question.messages[1:]))


def _whole(question: Callable[[Brief], Question]) -> Callable[[], Plan]:
    """Ask once, and hand on what the model says."""

    async def plan(brief: Brief, ask: Ask) -> Answer:
        return await ask(question(brief))

    return lambda: plan


async def _plan_order(brief: Brief, ask: Ask) -> Answer:
    """Ask for the order alone.  What is no order is handed on as it is, for the guard to say what it is."""
    question = Question(
        messages=order_messages(brief.request, brief.refusal), schema=order_schema(brief.request)
    )
    answer = await ask(question)
    numbers = _member(answer.payload, "order")
    items = sorted(brief.request.items[:STOPS_MAX])
    if answer.failure is not None or not isinstance(numbers, list) or len(numbers) > STOPS_MAX:
        return answer
    if not all(type(number) is int and 1 <= number <= len(items) for number in numbers):
        return answer
    return replace(
        answer, payload=route_payload(brief.request, [items[number - 1] for number in numbers])
    )


async def _plan_wishes(brief: Brief, ask: Ask) -> Answer:
    """Ask what the instructions wish, and compute the shortest route that fulfils it."""
    if not brief.request.instructions.strip():
        return _computed(brief, NO_WISHES, Answer())
    answer = await ask(
        Question(
            messages=wishes_messages(brief.request),
            schema=wishes_schema(brief.request, aisles_of(brief.paths)),
        )
    )
    if answer.failure is not None:
        return answer
    return _computed(brief, _wishes_of(brief.request, answer.payload), answer)


def _start_labels() -> Plan:
    reader = LabelReader()

    async def plan(brief: Brief, ask: Ask) -> Answer:
        wishes, answer = await reader.wishes(brief.request, ask)
        return answer if answer.failure is not None else _computed(brief, wishes, answer)

    return plan


def _computed(brief: Brief, wishes: Wishes, answer: Answer) -> Answer:
    """Write the route that fulfils the wishes, or the plainest one where the guard refused that as too long."""
    assert brief.paths is not None, "a method that needs the map has it"
    too_long = brief.refusal is not None and brief.refusal.mode is FailureMode.DETOUR_TOO_LONG
    wishes = NO_WISHES if too_long else wishes
    items = sorted(brief.request.items)
    payload = tour_payload(brief.request, brief.paths, wishes) or route_payload(
        brief.request, items
    )
    return replace(answer, payload=payload)


def aisles_of(paths: Paths | None) -> tuple[str, ...]:
    """Return the aisles of a map by the names of its bins, in ascending order."""
    bins = paths.warehouse.bins if paths else ()
    return tuple(sorted({aisle_of(name) for name in bins} - {""}))


def _wishes_of(request: PickRequest, payload: bytes) -> Wishes:
    """Read wishes from an answer; what it says of anything else is passed over."""

    def named(key: str) -> set[str]:
        said = _member(payload, key)
        return {one for one in said if isinstance(one, str)} if isinstance(said, list) else set()

    def items(names: set[str]) -> frozenset[PickItem]:
        return frozenset(item for item in request.items if names & {item.sku, item.bin})

    first = items(named("first"))
    return Wishes(
        first=first,
        last=items(named("last")) - first,
        avoid=frozenset(name.strip().upper() for name in named("avoid_aisles")),
    )


def _member(payload: bytes, key: str) -> object:
    try:
        document: object = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return document.get(key) if isinstance(document, dict) else None


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "free_text": Method(
            about="the prompt alone; what is said around the JSON is the guard's to refuse",
            start=_whole(_free_question),
        ),
        "json_mode": Method(
            about="any JSON object", start=_whole(_json_question)
        ),
        "fixed_schema": Method(
            about="the route schema, the same for every request", start=_whole(_fixed_question)
        ),
        "request_schema": Method(
            about="a schema made for the request: its ids, and its items as the only stops",
            start=_whole(request_question),
        ),
        "examples": Method(
            about="the same, after routes that the guard accepted lately",
            start=_whole(_example_question),
        ),
        "order": Method(
            about="the numbers of the items in driving order; code writes the route",
            start=lambda: _plan_order,
            writes_routes=True,
        ),
        "wishes": Method(
            about="what the instructions wish; code computes the shortest route that fulfils it",
            start=lambda: _plan_wishes,
            needs_map=True,
            writes_routes=True,
        ),
        "labels": Method(
            about="the same; plain words are read by code, others by how likely the model makes a label",
            start=_start_labels,
            needs_map=True,
            writes_routes=True,
        ),
    }
)  # fmt: skip
"""Name -> method."""
