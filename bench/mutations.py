# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Everything that is done to a valid answer, as one table: what it is, and which failure modes are right for it.

To add a mutation, write its function (`mutations_text.py` for bytes, JSON and schema, `mutations_route.py` for what
a route says) and add its row to `MUTATIONS`.  Whether the outcome is a fault at all is for the oracle to say: a byte
may be changed where it does not matter, and two stops in another order may be as good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import mutations_route as route
import mutations_text as text
from fallback_guard.core.decoding import ANSWER_RULES
from fallback_guard.core.failure_modes import FailureMode as F
from fallback_guard.core.route_rules import ROUTE_RULES
from fallback_guard.core.rules import Stage
from mutations_text import Make

OF_BYTES: Final = frozenset(mode for rule in ANSWER_RULES for mode in rule.modes)
"""Why an answer is no route."""

OF_ITEMS: Final = frozenset(
    mode for rule in ROUTE_RULES if rule.stage is Stage.REQUEST for mode in rule.modes
)
"""Why a route is no answer to the request."""

OF_WAYS: Final = frozenset(
    mode for rule in ROUTE_RULES if rule.stage is Stage.MAP for mode in rule.modes
)
"""Why a route cannot be driven."""

OF_BUDGET: Final = frozenset(
    mode for rule in ROUTE_RULES if rule.stage is Stage.BUDGET for mode in rule.modes
)
"""Why a route is not worth driving."""

ANY: Final = OF_BYTES | OF_ITEMS | OF_WAYS | OF_BUDGET
"""What may come of bytes that are changed anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """What is done to a valid answer.

    `right` are the failure modes that are right for it where it is a fault; none where it never is.  `changed`
    are parameters of the guard that change while the answer is on its way.
    """

    what: str
    make: Make
    right: frozenset[F]
    changed: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


def _row(make: Make, right: F | frozenset[F], what: str, **changed: object) -> Mutation:
    modes = frozenset({right}) if isinstance(right, F) else right
    return Mutation(what=what, make=make, right=modes, changed=MappingProxyType(changed))


def _modes(*modes: F) -> frozenset[F]:
    return frozenset(modes)


def _stops(change: route.Change, right: F | frozenset[F], what: str) -> Mutation:
    return _row(route.stops_changed(change), right, what)


_SAID_WRONG: Final = _modes(F.WRONG_BIN, F.WRONG_QUANTITY, F.ITEM_REPEATED)
"""A stop that is almost one of those asked for, and may turn out to be another's double."""

_OTHER_ORDER: Final = OF_BUDGET | {F.UNREACHABLE}
"""The same stops in another order."""

_NO_WAY: Final = OF_WAYS - {F.UNKNOWN_NODE, F.UNREACHABLE} | {F.DETOUR_TOO_LONG}
"""Another way between the same places: none, a blocked one, or a long one."""

MUTATIONS: Final[Mapping[str, Mutation]] = MappingProxyType(
    {
        # Bytes
        "cut": _row(text.cut, _modes(F.TRUNCATED, F.EMPTY), "ends at any byte"),
        "flipped_bit": _row(text.flipped_bit, ANY, "one bit of any byte is turned"),
        "any_byte": _row(text.any_byte, ANY, "any byte becomes any other"),
        "doubled_byte": _row(text.doubled_byte, ANY, "any byte is there twice"),
        "lost_byte": _row(text.lost_byte, ANY, "any byte is gone"),
        "swapped_bytes": _row(text.swapped_bytes, ANY, "any two bytes in a row change places"),
        "lost_piece": _row(text.lost_piece, ANY, "any run of bytes is gone"),
        "repeated_piece": _row(text.repeated_piece, ANY, "any run of bytes is there twice"),
        "inserted_bracket": _row(text.inserted_bracket, OF_BYTES, "a bracket before any byte"),
        "inserted_nul": _row(text.inserted_nul, F.MALFORMED_JSON, "NUL before any byte"),
        "not_utf8": _row(text.not_utf8, F.NOT_UTF8, "a byte that no UTF-8 has, anywhere"),
        "byte_order_mark": _row(text.byte_order_mark, F.BYTE_ORDER_MARK, "begins with a mark"),
        "other_encoding": _row(text.other_encoding, F.NOT_UTF8, "is UTF-16 or UTF-32"),
        "too_large": _row(text.too_large, F.OVERSIZE, "blanks make it larger than the limit"),
        "as_large_as_may_be": _row(
            text.as_large_as_may_be, frozenset(), "blanks make it exactly as large as the limit"
        ),
        "nothing": _row(text.nothing, F.EMPTY, "nothing but blanks"),
        # Around the JSON
        "fence": _row(text.fence, F.FENCED, "a Markdown fence around it"),
        "prose_before": _row(text.prose_before, F.PROSE, "text before it"),
        "reasoning_before": _row(
            text.reasoning_before, F.REASONING, "the model's reasoning before it"
        ),
        "prose_after": _row(text.prose_after, F.PROSE, "text after it"),
        "comma_after": _row(text.comma_after, F.TRAILING_COMMA, "a comma after it"),
        "twice": _row(text.twice, F.SEVERAL_DOCUMENTS, "the whole answer is there twice"),
        "in_a_list": _row(text.in_a_list, F.NOT_AN_OBJECT, "a list around it"),
        "in_an_object": _row(text.in_an_object, F.SCHEMA, "an object around it"),
        "in_a_string": _row(text.in_a_string, F.NOT_AN_OBJECT, "JSON within a JSON string"),
        "no_object": _row(text.no_object, F.NOT_AN_OBJECT, "some other JSON"),
        # JSON
        "trailing_comma": _row(
            text.trailing_comma, F.TRAILING_COMMA, "a comma before a closing bracket"
        ),
        "unquoted_key": _row(text.unquoted_key, F.UNQUOTED_KEY, "a key without quotes"),
        "single_quoted": _row(text.single_quoted, F.SINGLE_QUOTES, "one string in single quotes"),
        "all_single_quotes": _row(text.all_single_quotes, F.SINGLE_QUOTES, "all of them"),
        "repr_of_python": _row(text.repr_of_python, F.SINGLE_QUOTES, "written as Python's repr"),
        "typographic_quotes": _row(
            text.typographic_quotes, F.MALFORMED_JSON, "one string in typographic quotes"
        ),
        "python_literal": _row(
            text.python_literal, F.PYTHON_LITERAL, "None, True or False for a value"
        ),
        "bare_word": _row(text.bare_word, F.MALFORMED_JSON, "a bare word for a value"),
        "comment": _row(text.comment, F.COMMENT, "a comment before any token"),
        "not_finite": _row(text.not_finite, F.NOT_FINITE, "NaN or Infinity for a value"),
        "number_out_of_range": _row(
            text.number_out_of_range, F.NUMBER_RANGE, "a number that nobody can hold, for a value"
        ),
        "number_not_of_json": _row(
            text.number_not_of_json, F.MALFORMED_JSON, "a number in a form that JSON lacks"
        ),
        "lost_token": _row(text.lost_token, OF_BYTES | OF_WAYS, "any token is gone"),
        "doubled_token": _row(text.doubled_token, ANY, "any token is there twice"),
        "unseen_character": _row(
            text.unseen_character,
            _modes(F.MALFORMED_JSON, F.BYTE_ORDER_MARK),
            "a blank that JSON does not know before any token",
        ),
        "control_character": _row(
            text.control_character, F.MALFORMED_JSON, "a line break or the like in a string"
        ),
        "unknown_escape": _row(
            text.unknown_escape, F.MALFORMED_JSON, "an escape that JSON does not know"
        ),
        "surrogate": _row(text.surrogate, F.SURROGATE, "half a surrogate pair in a string"),
        "too_deep": _row(text.too_deep, F.TOO_DEEP, "lists within lists for a value"),
        "key_again_in_route": _row(
            text.key_again_in_route, F.DUPLICATE_KEY, "a key of the route twice"
        ),
        "key_again_in_stop": _row(text.key_again_in_stop, F.DUPLICATE_KEY, "a key of a stop twice"),
        # Schema
        "missing_key": _row(text.missing_key, F.SCHEMA, "a key is missing"),
        "extra_key": _row(text.extra_key, F.SCHEMA, "a key too many"),
        "key_in_capitals": _row(text.key_in_capitals, F.SCHEMA, "a key in capitals"),
        "other_type": _row(text.other_type, F.SCHEMA, "a field of another type"),
        "float_for_whole": _row(text.float_for_whole, F.SCHEMA, "2.0 for 2"),
        "bool_for_whole": _row(text.bool_for_whole, F.SCHEMA, "true for 1"),
        "text_for_whole": _row(text.text_for_whole, F.SCHEMA, '"2" for 2'),
        "empty_name": _row(text.empty_name, F.SCHEMA, "an empty identifier"),
        "long_name": _row(text.long_name, F.SCHEMA, "an identifier of 65 characters or more"),
        "strange_name": _row(
            text.strange_name, F.SCHEMA, "an identifier with a character it must not have"
        ),
        "other_version": _row(text.other_version, F.SCHEMA, "another version of the schema"),
        "quantity_out_of_range": _row(
            text.quantity_out_of_range, F.SCHEMA, "no pieces, or more than a line may have"
        ),
        "node_out_of_range": _row(text.node_out_of_range, F.SCHEMA, "a node id that is no uint32"),
        "no_stops": _row(text.no_stops, F.SCHEMA, "no stops"),
        "too_many_stops": _row(text.too_many_stops, F.SCHEMA, "33 stops"),
        "too_long_via": _row(text.too_long_via, F.SCHEMA, "129 nodes or more on the way to a stop"),
        # Request
        "other_request": _row(route.other_request, F.WRONG_REQUEST, "another request's id"),
        "other_robot": _row(route.other_robot, F.WRONG_ROBOT, "another robot's id"),
        "dropped_stop": _stops(route.dropped_stop, F.ITEM_MISSING, "a stop is left out"),
        "repeated_stop": _stops(route.repeated_stop, F.ITEM_REPEATED, "a stop is there twice"),
        "one_for_another": _stops(
            route.one_for_another,
            _OTHER_ORDER | {F.ITEM_REPEATED},
            "a stop is there in place of another",
        ),
        "swapped_bins": _stops(
            route.swapped_bins, _SAID_WRONG | _OTHER_ORDER, "two stops exchange bins"
        ),
        "swapped_skus": _stops(
            route.swapped_skus, _SAID_WRONG | _OTHER_ORDER, "two stops exchange SKUs"
        ),
        "swapped_quantities": _stops(
            route.swapped_quantities,
            _SAID_WRONG | _OTHER_ORDER,
            "two stops exchange quantities",
        ),
        "other_quantity": _stops(
            route.other_quantity,
            _modes(F.WRONG_QUANTITY, F.ITEM_REPEATED),
            "another quantity",
        ),
        "split_line": _stops(
            route.split_line,
            _modes(F.WRONG_QUANTITY, F.ITEM_REPEATED),
            "one line in two goes",
        ),
        "other_sku": _stops(
            route.other_sku, _SAID_WRONG | {F.ITEM_UNKNOWN}, "another SKU, often a similar one"
        ),
        "unknown_bin": _stops(route.unknown_bin, F.UNKNOWN_BIN, "a bin that is not on the map"),
        "other_bin": _stops(route.other_bin, _SAID_WRONG, "another bin of the map"),
        "strangers_item": _stops(
            route.strangers_item,
            _SAID_WRONG | {F.ITEM_UNKNOWN},
            "an item that nobody asked for as well",
        ),
        "lower_capacity": _row(
            route.as_it_was, F.OVER_CAPACITY, "the robot carries 1 piece now", capacity_pieces=1
        ),
        # Map
        "unknown_node": _stops(
            route.unknown_node, F.UNKNOWN_NODE, "a node on the way that is not on the map"
        ),
        "skipped_node": _stops(route.skipped_node, _NO_WAY, "a node on the way is left out"),
        "jump": _stops(route.jump, _NO_WAY, "any node of the map on the way"),
        "reversed_via": _stops(route.reversed_via, _NO_WAY, "the way to a stop, backwards"),
        "exchanged_nodes": _stops(
            route.exchanged_nodes, _NO_WAY, "two nodes on the way change places"
        ),
        "node_twice": _stops(route.node_twice, F.NOT_AN_EDGE, "a node twice in a row"),
        "ends_in_via": _stops(
            route.ends_in_via, F.NOT_AN_EDGE, "a stop's own node on the way to it"
        ),
        "against_one_way": _stops(
            route.against_one_way, F.NOT_AN_EDGE, "against the direction of an edge"
        ),
        "closed_edge": _stops(
            route.closed_edge, _modes(F.EDGE_CLOSED, F.KEEP_OUT), "over a closed edge"
        ),
        "kept_out_edge": _stops(route.kept_out_edge, F.KEEP_OUT, "through a closed keep-out zone"),
        "into_nowhere": _stops(
            route.into_nowhere, F.UNREACHABLE, "first to where nobody gets away from"
        ),
        # Budget
        "other_order": _stops(route.other_order, _OTHER_ORDER, "the stops in any order"),
        "worst_order": _stops(route.worst_order, _OTHER_ORDER, "always to the furthest stop next"),
        "there_and_back_too_often": _row(
            route.there_and_back_too_often, F.DETOUR_TOO_LONG, "to and fro, over the budget"
        ),
        "there_and_back_within": _row(
            route.there_and_back_within, OF_BUDGET, "to and fro, as often as the budget lets"
        ),
        "too_many_turns": _row(
            route.too_many_turns,
            F.TOO_MANY_WAYPOINTS,
            "to and fro on short edges, within the budget",
        ),
        "too_slow": _row(
            route.too_slow,
            _modes(F.DURATION_TOO_LONG, F.TOO_MANY_WAYPOINTS),
            "to and fro until the hour is over, within the budget",
        ),
    }
)
