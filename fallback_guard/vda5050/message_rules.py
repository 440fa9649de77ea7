# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""When a message is an order of VDA 5050 that can be taken over as a whole: one table of rules.

Sources: VDA 5050, 2.1.0 (6.6.1 and 6.6.4) and 3.0.0 (6.1.1 and 6.1.4).  To add a rule, write its check and
add its row to `MESSAGE_RULES`.
"""

import re
from collections.abc import Collection, Iterator
from itertools import chain, pairwise
from typing import Final

import orjson
from pydantic import ValidationError

from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.json_tokens import JsonReader, depth, without_strings
from fallback_guard.core.limits import IDENTIFIER_CHARS_MAX
from fallback_guard.vda5050.case import Case, OrderRule, Violation
from fallback_guard.vda5050.document import (
    ORDER_MODELS,
    Order,
    OrderElement,
    OrderNode,
    OrderObject,
    first_problem,
)
from fallback_guard.vda5050.errors import MALFORMED, TOO_LARGE, UNSUPPORTED
from fallback_guard.vda5050.order import Version

ORDER_BYTES_MAX: Final = 4 * 1024 * 1024
"""STOPS_MAX stops with VIA_NODES_MAX nodes before each are 4,128 nodes and edges: 2 MB where lines are indented."""

ORDER_NESTING_MAX: Final = 16
"""An action parameter is the seventh object or array, counted from the order; its value may nest as well."""

ORDER_VALUES_MAX: Final = 131_072
"""Objects, arrays, numbers and texts; those nodes and edges with their positions have 83,000."""

_PROTOCOL: Final = re.compile(r"([0-9]{1,4}\.[0-9]{1,4})\.[0-9]{1,4}")


# The document: what can be said before any field is looked at.


def _size(case: Case) -> Violation | None:
    size = len(case.data)
    return None if size <= ORDER_BYTES_MAX else Violation(f"{size} bytes")


def _utf8(case: Case) -> Violation | None:
    try:
        case.text = case.data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Violation(f"byte {error.start} is not UTF-8")
    return None


def _json(case: Case) -> Violation | None:
    try:
        document: object = orjson.loads(case.text)
    except orjson.JSONDecodeError as error:
        return Violation(f"{error.msg} at character {error.pos}")
    if not isinstance(document, dict):
        return Violation("it is another JSON value")
    case.document = document
    return None


def _nesting(case: Case) -> Violation | None:
    # Of the text, not of the document, in which the last of two equal keys hides the first.
    found = depth(without_strings(case.data))
    return Violation("it nests deeper") if found > ORDER_NESTING_MAX else None


def _values(case: Case) -> Violation | None:
    count = 1 + sum(len(_within(value)) for level in _levels(case.document) for value in level)
    return Violation(f"it has {count}") if count > ORDER_VALUES_MAX else None


def _levels(document: object) -> Iterator[list[object]]:
    """Yield the values that stand in no object or array, in one, in two, as long as any is one itself."""
    level = [document]
    while any(isinstance(value, dict | list) for value in level):
        yield level
        level = [inner for value in level for inner in _within(value)]


def _within(value: object) -> Collection[object]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
    return ()


def _duplicate_keys(case: Case) -> Violation | None:
    # orjson keeps the last of two equal keys without a word.
    reader = JsonReader()
    reader.end_of_value(case.text, len(case.text) - len(case.text.lstrip()))
    for key in reader.duplicates:
        return Violation(f"key {printable(key)!r} stands twice in one object")
    return None


def _version(case: Case) -> Violation | None:
    said = case.document.get("version")
    match = _PROTOCOL.fullmatch(said) if isinstance(said, str) else None
    for version in Version:
        if match is not None and match[1] == version.value:
            case.version = version
            return None
    if "version" not in case.document:
        found = "it says none"
    elif isinstance(said, str):
        found = f"it says {printable(said)!r}"
    else:
        found = f"it says {printable(orjson.dumps(said).decode())}, which is no text"
    return Violation(found, (("parameter", "version"),))


def _fields(case: Case) -> Violation | None:
    try:
        case.read = ORDER_MODELS[case.version].model_validate(case.document)
    except ValidationError as error:
        place, problem = first_problem(error)
        return Violation(problem, (("parameter", place),) if place else ())
    return None


# The graph: one sequence of nodes and edges, all of it released.


def _has_a_node(case: Case) -> Violation | None:
    return None if case.order.nodes else Violation("it has none")


def _edge_count(case: Case) -> Violation | None:
    nodes, edges = len(case.order.nodes), len(case.order.edges)
    if nodes and edges != nodes - 1:
        return Violation(f"{nodes} nodes and {edges} edges")
    return None


def _sequence(case: Case) -> Violation | None:
    order = case.order
    first = order.nodes[0].sequence_id if order.nodes else 0
    if first % 2 or (first and order.order_update_id == 0):
        return Violation(f"the first node has {first}", (order.nodes[0].reference,))
    for elements, offset in ((order.nodes, 0), (order.edges, 1)):
        for number, element in enumerate(elements):
            due = first + 2 * number + offset
            if element.sequence_id != due:
                return Violation(
                    f"{element.called} has {element.sequence_id} where {due} is due",
                    (element.reference, ("sequenceId", str(element.sequence_id))),
                )
    return None


def _edges_join_neighbours(case: Case) -> Violation | None:
    for edge, (before, after) in zip(case.order.edges, pairwise(case.order.nodes), strict=False):
        if edge.ends not in (None, (before.node_id, after.node_id)):
            return Violation(
                f"{edge.called} says other ends than {before.called} and {after.called}",
                (edge.reference,),
            )
    return None


def _first_node_released(case: Case) -> Violation | None:
    first = next(iter(case.order.nodes), None)
    if first is None or first.released:
        return None
    return Violation(f"{first.called} is not", (first.reference,))


def _released_edge_ends(case: Case) -> Violation | None:
    for edge, ends in zip(case.order.edges, pairwise(case.order.nodes), strict=False):
        for end in ends:
            if edge.released and not end.released:
                return Violation(
                    f"{edge.called} is, {end.called} is not",
                    (edge.reference, end.reference),
                )
    return None


def _base_before_horizon(case: Case) -> Violation | None:
    unreleased: OrderElement | None = None
    for element in case.elements:
        if not element.released:
            unreleased = unreleased or element
        elif unreleased is not None:
            return Violation(f"{element.called} follows {unreleased.called}", (element.reference,))
    return None


def _no_horizon(case: Case) -> Violation | None:
    for element in case.elements:
        if not element.released:
            return Violation(
                f"{element.called} is horizon", (("parameter", "released"), element.reference)
            )
    return None


def _order_id(case: Case) -> Violation | None:
    said = case.order.order_id
    return None if is_identifier(said) else Violation(f"it is {printable(said)!r}")


def _fields_are_read(case: Case) -> Violation | None:
    for part in _parts(case.order):
        for name in part.model_extra or ():
            return Violation(f"{printable(name)} is not", (("parameter", printable(name)),))
    return None


def _action_ids(case: Case) -> Violation | None:
    seen: set[str] = set()
    for element in case.elements:
        for action in element.actions:
            if action.action_id in seen:
                return Violation(
                    f"{printable(action.action_id)!r} stands twice", (action.reference,)
                )
            seen.add(action.action_id)
    return None


def _parts(order: Order) -> Iterator[OrderObject]:
    """Yield every object of an order that has fields."""
    yield order
    for element in chain(order.nodes, order.edges):
        yield element
        if isinstance(element, OrderNode) and element.node_position is not None:
            yield element.node_position
            if element.node_position.ellipse is not None:
                yield element.node_position.ellipse
        for action in element.actions:
            yield action
            yield from action.action_parameters


MESSAGE_RULES: Final[tuple[tuple[OrderRule, ...], ...]] = (
    (OrderRule(_size, TOO_LARGE, f"an order has at most {ORDER_BYTES_MAX} bytes"),),
    (OrderRule(_utf8, MALFORMED, "an order is UTF-8"),),
    (OrderRule(_json, MALFORMED, "an order is a JSON object"),),
    (OrderRule(_nesting, MALFORMED, f"an order nests at most {ORDER_NESTING_MAX} deep"),),
    (OrderRule(_values, TOO_LARGE, f"an order has at most {ORDER_VALUES_MAX} values"),),
    (OrderRule(_duplicate_keys, MALFORMED, "an object says each key once"),),
    (
        OrderRule(
            _version,
            MALFORMED,
            f"the versions read are {' and '.join(f'{version.value}.x' for version in Version)}",
        ),
    ),
    (
        OrderRule(
            _fields,
            MALFORMED,
            "every required field is there, and every field is of its type",
        ),
    ),
    (
        OrderRule(_has_a_node, MALFORMED, "an order has at least one node"),
        OrderRule(_edge_count, MALFORMED, "there is one edge less than there are nodes"),
        OrderRule(
            _sequence,
            MALFORMED,
            "sequenceIds count nodes and edges in turn without a gap, from 0 in a new order, "
            "from an even number in an update",
        ),
        OrderRule(
            _edges_join_neighbours,
            MALFORMED,
            "an edge that names its ends names the nodes before and after it",
        ),
        OrderRule(_first_node_released, MALFORMED, "the first node is released"),
        OrderRule(
            _released_edge_ends,
            MALFORMED,
            "an edge is released only if both its ends are",
        ),
        OrderRule(
            _base_before_horizon,
            MALFORMED,
            "nothing released follows what is not released",
        ),
        OrderRule(
            _no_horizon,
            UNSUPPORTED,
            "everything is released, since a route is validated as a whole",
        ),
        OrderRule(
            _order_id,
            MALFORMED,
            f"the orderId has 1 to {IDENTIFIER_CHARS_MAX} characters of A-Z a-z 0-9 _ . : -",
        ),
        OrderRule(_fields_are_read, UNSUPPORTED, "every optional field is one that is read"),
        OrderRule(_action_ids, MALFORMED, "an actionId stands once"),
    ),
)
"""The rules for the message and for its sequence of nodes and edges."""
