# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The rules, each by what it refuses and by what it lets through."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import world
from fallback_guard.core import decoding, route_rules
from fallback_guard.core.config import guard_config
from fallback_guard.core.decoding import ANSWER_RULES
from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import (
    DETAIL_CHARS_MAX,
    NESTING_MAX,
    PAYLOAD_BYTES_MAX,
    QUANTITY_MAX,
    ROUTE_DURATION_NS_MAX,
    STOPS_MAX,
    VIA_NODES_MAX,
)
from fallback_guard.core.openness import openness
from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import prepare
from fallback_guard.core.request import PickItem
from fallback_guard.core.route_rules import ROUTE_RULES, Budget
from fallback_guard.core.rule_table import RULES
from fallback_guard.core.rules import Refusal, Stage
from fallback_guard.core.units import NS_PER_S
from fallback_guard.core.validation import Verdict, validate

if TYPE_CHECKING:
    from fallback_guard.core.request import PickRequest

F = FailureMode
REQUEST: Final = world.pick_request()
A, B, C = sorted(REQUEST.items)  # Two from A-1, three from A-2, one from C-1.


@cache
def _paths() -> Paths:
    return Paths(world.warehouse())


@cache
def _judge() -> Judge:
    return Judge(config=guard_config({}), paths=_paths())


def judged(payload: bytes, request: PickRequest = REQUEST) -> Verdict:
    """Return the verdict on a payload, having checked what holds for each."""
    verdict = _judge().verdict(_judge().prepare(request, 1), payload, source="llm:test")
    assert (verdict.route is None) is not (verdict.refusal is None)
    if verdict.refusal:
        assert len(verdict.refusal.detail) <= DETAIL_CHARS_MAX + len("...")
        assert verdict.refusal.detail.isascii()
        assert verdict.refusal.detail.isprintable()
        assert verdict.refusal.detail
    return verdict


def mode_of(payload: bytes, request: PickRequest = REQUEST) -> FailureMode | None:
    """Return why a payload is refused, None where it is accepted."""
    refusal = judged(payload, request).refusal
    return refusal.mode if refusal else None


def stops(*items: PickItem, **changes: object) -> list[dict[str, object]]:
    """Return stops for items, the first with the given keys changed."""
    said = [world.stop(item) for item in items]
    said[0] |= changes
    return said


def said(stops_: object = None, **changes: object) -> bytes:
    """Return an answer to the request."""
    return world.answer(REQUEST, stops_, **changes)


VALID: Final = said()
assert VALID.count(b'"') % 2 == 0


def nested(depth: int, *, open_: bytes = b"[", close: bytes = b"]") -> bytes:
    """Return brackets in brackets."""
    return open_ * depth + close * depth


PAYLOADS: Final[dict[str, tuple[bytes, FailureMode | None]]] = {
    # Envelope
    "at the size limit": (VALID + b" " * (PAYLOAD_BYTES_MAX - len(VALID)), None),
    "under the size limit": (VALID + b" " * (PAYLOAD_BYTES_MAX - len(VALID) - 1), None),
    "over the size limit": (VALID + b" " * (PAYLOAD_BYTES_MAX - len(VALID) + 1), F.OVERSIZE),
    "far over the size limit": (b"\xff" * 50_000_000, F.OVERSIZE),
    "a lone continuation byte": (b'{"a":"\x80"}', F.NOT_UTF8),
    "an overlong NUL": (b'{"a":"\xc0\x80"}', F.NOT_UTF8),
    "an encoded surrogate": (b'{"a":"\xed\xa0\x80"}', F.NOT_UTF8),
    "UTF-16": (VALID.decode().encode("utf-16"), F.NOT_UTF8),
    "UTF-16 without a mark": (VALID.decode().encode("utf-16-le"), F.NOT_UTF8),
    "Latin-1": ('{"a":"ä"}'.encode("latin-1"), F.NOT_UTF8),
    "nesting at the limit": (nested(NESTING_MAX), F.NOT_AN_OBJECT),
    "nesting over the limit": (nested(NESTING_MAX + 1), F.TOO_DEEP),
    "nesting of 1,024": (nested(1_024), F.TOO_DEEP),
    "nesting of 100,000": (nested(100_000), F.OVERSIZE),
    "nesting up to the size limit": (b"[" * PAYLOAD_BYTES_MAX, F.TOO_DEEP),
    "objects over the limit": (
        nested(9, open_=b'{"a":', close=b"}").replace(b":}", b":1}", 1),
        F.TOO_DEEP,
    ),
    "many brackets that do not nest": (b"[" + b"[]," * 100 + b"[]]", F.NOT_AN_OBJECT),
    "brackets within a string": (b'["' + b"[" * 100 + b'"]', F.NOT_AN_OBJECT),
    "brackets after an escaped quote": (b'["\\"' + b"[" * 100 + b'"]', F.NOT_AN_OBJECT),
    "brackets after an escaped backslash": (b'["\\\\",' + b"[" * 100, F.TOO_DEEP),
    # JSON
    "nothing": (b"", F.EMPTY),
    "blanks": (b" \r\n\t", F.EMPTY),
    "a fence": (b"```json\n" + VALID + b"\n```", F.FENCED),
    "a fence without a language": (b"```\n" + VALID + b"```", F.FENCED),
    "prose and a fence": (b"Here you are:\n```json\n" + VALID, F.FENCED),
    "prose": (b"I cannot help with that.", F.PROSE),
    "reasoning before": (b"<think>A first.</think>" + VALID, F.REASONING),
    "prose before": (b"Sure! " + VALID, F.PROSE),
    "prose after": (VALID + b" Good luck!", F.PROSE),
    "two documents": (VALID + VALID, F.SEVERAL_DOCUMENTS),
    "one bracket too many": (VALID + b"}", F.MALFORMED_JSON),
    "a byte order mark": (b"\xef\xbb\xbf" + VALID, F.BYTE_ORDER_MARK),
    "only an opening bracket": (b"{", F.TRUNCATED),
    "an open string": (b'{"version', F.TRUNCATED),
    "a string open after an escape": (b'{"version\\"', F.TRUNCATED),
    "a string open at an escape": (b'{"version\\', F.TRUNCATED),
    "a trailing comma in an object": (VALID[:-1] + b",}", F.TRAILING_COMMA),
    "a trailing comma in a list": (said().replace(b"}]}", b"},\n ]}"), F.TRAILING_COMMA),
    "NaN": (said(version=float("nan")), F.NOT_FINITE),
    "Infinity": (said(version=float("inf")), F.NOT_FINITE),
    "-Infinity": (said(version=float("-inf")), F.NOT_FINITE),
    "nan in Python's words": (b'{"version": nan}', F.NOT_FINITE),
    "NaN within a string": (said(request_id="NaN, Infinity"), F.SCHEMA),
    "a trailing comma within a string": (said(request_id=",}"), F.SCHEMA),
    "single quotes": (VALID.replace(b'"', b"'"), F.SINGLE_QUOTES),
    "a key without quotes": (VALID.replace(b'"version"', b"version"), F.UNQUOTED_KEY),
    "a comment": (b"{// why not\n" + VALID[1:], F.COMMENT),
    "Python's None": (b'{"version": None}', F.PYTHON_LITERAL),
    "a surrogate escape": (said(request_id="@").replace(b"@", b"\\ud800"), F.SURROGATE),
    "half a surrogate pair": (
        said(request_id="@").replace(b"@", b"\\ude00\\ud83d"),
        F.SURROGATE,
    ),
    "a control character": (said(request_id="@").replace(b"@", b"\x01"), F.MALFORMED_JSON),
    "a leading zero": (said(version="@").replace(b'"@"', b"01"), F.MALFORMED_JSON),
    "hexadecimal": (said(version="@").replace(b'"@"', b"0x1"), F.MALFORMED_JSON),
    "a number without an end": (said(version="@").replace(b'"@"', b"1" * 9_999), F.NUMBER_RANGE),
    "a key twice": (VALID[:-1] + b', "version": 1}', F.DUPLICATE_KEY),
    "a key twice, escaped": (VALID[:-1] + b', "\\u0076ersion": 1}', F.DUPLICATE_KEY),
    "a key twice in a stop": (
        VALID.replace(b'"bin": "C-1"', b'"bin": "A-1", "bin": "C-1"'),
        F.DUPLICATE_KEY,
    ),
    # Schema
    "a list": (b"[]", F.NOT_AN_OBJECT),
    "an empty object": (b"{}", F.SCHEMA),
    "null": (b"null", F.NOT_AN_OBJECT),
    "a string": (b'"route"', F.NOT_AN_OBJECT),
    "a list of routes": (b"[" + VALID + b"]", F.NOT_AN_OBJECT),
    "one key too many": (said(comment="hello"), F.SCHEMA),
    "one key too many in a stop": (said(stops(A, B, C, note="")), F.SCHEMA),
    "thousands of keys": (
        json.dumps({f"k{number}": 1 for number in range(1_300)}).encode(),
        F.SCHEMA,
    ),
    "an unprintable key": (said(**{"\x00\n\u202e" * 40: 1}), F.SCHEMA),
    "a key is missing": (b'{"version": 1, "request_id": "R-1", "robot_id": "picker_1"}', F.SCHEMA),
    "another version": (said(version=2), F.SCHEMA),
    "the version as text": (said(version="1"), F.SCHEMA),
    "the version as a float": (said(version=1.0), F.SCHEMA),
    "the version as a truth": (said(version=True), F.SCHEMA),
    "the version is huge": (said(version=2**64), F.NUMBER_RANGE),
    "the version is 2^63": (said(version=2**63), F.SCHEMA),
    "the version is 1e400": (said(version="@").replace(b'"@"', b"1e400"), F.NUMBER_RANGE),
    "an empty id": (said(request_id=""), F.SCHEMA),
    "an id with a line break": (said(request_id="R-1\n"), F.SCHEMA),
    "an id with a NUL": (said(request_id="R-1\x00"), F.SCHEMA),
    "an id of 65 characters": (said(robot_id="x" * 65), F.SCHEMA),
    "an id that is a number": (said(robot_id=1), F.SCHEMA),
    "no stops": (said([]), F.SCHEMA),
    "stops are an object": (said({}), F.SCHEMA),
    "stops are null": (
        b'{"version":1,"request_id":"R-1","robot_id":"picker_1","stops":null}',
        F.SCHEMA,
    ),
    "too many stops": (said(stops(*[A] * (STOPS_MAX + 1))), F.SCHEMA),
    "a quantity of none": (said(stops(A, B, C, quantity=0)), F.SCHEMA),
    "a negative quantity": (said(stops(A, B, C, quantity=-2)), F.SCHEMA),
    "a quantity over the limit": (said(stops(A, B, C, quantity=QUANTITY_MAX + 1)), F.SCHEMA),
    "a quantity as a float": (said(stops(A, B, C, quantity=2.0)), F.SCHEMA),
    "a quantity as text": (said(stops(A, B, C, quantity="2")), F.SCHEMA),
    "a quantity as a truth": (said(stops(A, B, C, quantity=True)), F.SCHEMA),
    "a huge quantity": (said(stops(A, B, C, quantity=2**64 + 2)), F.NUMBER_RANGE),
    "a negative node": (said(stops(A, B, C, via=[-1])), F.SCHEMA),
    "a node over 32 bit": (said(stops(A, B, C, via=[2**32])), F.SCHEMA),
    "a node as text": (said(stops(A, B, C, via=["2"])), F.SCHEMA),
    "a node as a float": (said(stops(A, B, C, via=[2.0])), F.SCHEMA),
    "via as text": (said(stops(A, B, C, via="2")), F.SCHEMA),
    "too many nodes": (said(stops(A, B, C, via=[2] * (VIA_NODES_MAX + 1))), F.SCHEMA),
    # Request
    "a route for another request": (said(request_id="R-2"), F.WRONG_REQUEST),
    "a route for the same id in small letters": (said(request_id="r-1"), F.WRONG_REQUEST),
    "a route for another robot": (said(robot_id="picker_2"), F.WRONG_ROBOT),
    "an item nobody asked for": (
        said([*stops(A, B, C), world.stop(replace(A, sku="SKU-9"))]),
        F.ITEM_UNKNOWN,
    ),
    "an item twice": (said(stops(A, B, C, A)), F.ITEM_REPEATED),
    "an item less": (said(stops(A, B)), F.ITEM_MISSING),
    "only one item": (said(stops(C)), F.ITEM_MISSING),
    "as many stops as allowed": (said(stops(*[A] * STOPS_MAX)), F.ITEM_REPEATED),
    "another quantity": (said(stops(A, B, C, quantity=3)), F.WRONG_QUANTITY),
    "the highest quantity": (said(stops(A, B, C, quantity=QUANTITY_MAX)), F.WRONG_QUANTITY),
    "a bin that holds something else": (said(stops(A, B, C, bin="B-1")), F.WRONG_BIN),
    "a bin that is not there": (said(stops(A, B, C, bin="Z-9")), F.UNKNOWN_BIN),
    "two bins exchanged": (
        said(stops(replace(A, bin="A-2"), replace(B, bin="A-1"), C)),
        F.WRONG_BIN,
    ),
    # Map
    "the valid one": (VALID, None),
    "another order": (said(stops(C, B, A)), None),
    "the way in full": (said([world.stop(A), world.stop(B), world.stop(C, via=[3])]), None),
    "an empty via": (said(stops(A, B, C, via=[])), None),
    "via null": (said(stops(A, B, C, via=None)), None),
    "another way": (said([world.stop(A), world.stop(B), world.stop(C, via=[6, 5, 3])]), None),
    "a node that is not there": (said(stops(A, B, C, via=[99])), F.UNKNOWN_NODE),
    "the highest node": (said(stops(A, B, C, via=[2**32 - 1])), F.UNKNOWN_NODE),
    "a leap": (said(stops(A, B, C, via=[5])), F.NOT_AN_EDGE),
    "a leap over one node": (
        said([world.stop(A), world.stop(B), world.stop(C, via=[2])]),
        F.NOT_AN_EDGE,
    ),
    "standing still": (said(stops(A, B, C, via=[1])), F.NOT_AN_EDGE),
    "against a one-way edge": (
        said([world.stop(C), world.stop(A, via=[3, 5, 6]), world.stop(B)]),
        F.NOT_AN_EDGE,
    ),
    "over a closed edge": (
        said([world.stop(A), world.stop(B), world.stop(C, via=[3, 4, 7])]),
        F.EDGE_CLOSED,
    ),
    "through the keep-out zone": (said(stops(A, B, C, via=[8, 6, 5, 3])), F.KEEP_OUT),
    # Budget
    "twice around": (
        said([world.stop(A), world.stop(B), world.stop(C, via=[6, 5, 3, 2, 6, 5, 3])]),
        F.DETOUR_TOO_LONG,
    ),
    "to and fro": (
        said([world.stop(A), world.stop(B), world.stop(C, via=[3, 2] * 50 + [3])]),
        F.DETOUR_TOO_LONG,
    ),
}


@pytest.mark.parametrize(("payload", "mode"), PAYLOADS.values(), ids=PAYLOADS.keys())
def test_what_a_planner_may_say(payload: bytes, mode: FailureMode | None) -> None:
    assert mode_of(payload) is mode


ELSEWHERE: Final = {F.OVER_CAPACITY, F.UNREACHABLE, F.TOO_MANY_WAYPOINTS, F.DURATION_TOO_LONG}
"""What no payload brings about here: the request is refused before, or the warehouse is too small."""


def test_every_failure_of_a_payload_is_in_the_table() -> None:
    first, last = list(FailureMode).index(F.OVERSIZE), list(FailureMode).index(F.DURATION_TOO_LONG)
    of_payloads = set(list(FailureMode)[first : last + 1])
    assert of_payloads - ELSEWHERE == {mode for _, mode in PAYLOADS.values()} - {None}
    assert all(FAILURE_MODES[mode].bucket is Bucket.SAFETY for mode in of_payloads)


# Each threshold, one step below, at it, one step above


BUDGET: Final = Budget(
    payload_bytes_max=PAYLOAD_BYTES_MAX,
    capacity_pieces=100,
    detour_factor=1.5,
    robot_speed_mps=1.5,
    pick_ns=0,
)


def _refused(budget: Budget, reference_m: float | None = None) -> Refusal | None:
    """Return the refusal of the valid answer under a budget, beside a standby route of some length."""
    prepared = prepare(REQUEST, _paths(), start_node=1)
    if reference_m is not None:
        standby = _judge().prepare(REQUEST, 1).standby
        assert standby is not None
        prepared = replace(prepared, standby=replace(standby, length_m=reference_m))
    return validate(VALID, prepared, budget, source="llm:test").refusal


def _mode(budget: Budget, reference_m: float | None = None) -> FailureMode | None:
    refusal = _refused(budget, reference_m)
    return refusal.mode if refusal else None


@pytest.mark.parametrize(("limit", "mode"), [(-1, F.OVERSIZE), (0, None), (1, None)])
def test_size(limit: int, mode: FailureMode | None) -> None:
    assert _mode(replace(BUDGET, payload_bytes_max=len(VALID) + limit)) is mode


@pytest.mark.parametrize(("pieces", "mode"), [(5, F.OVER_CAPACITY), (6, None), (7, None)])
def test_capacity(pieces: int, mode: FailureMode | None) -> None:
    assert _mode(replace(BUDGET, capacity_pieces=pieces)) is mode


@pytest.mark.parametrize(
    ("reference_m", "factor", "mode"),
    [
        (world.STANDBY_M, 1.0, None),
        (world.STANDBY_M - 1e-6, 1.0, F.DETOUR_TOO_LONG),
        (40.0, 1.5, None),
        (40.0, 1.499_999, F.DETOUR_TOO_LONG),
        (0.0, 10.0, F.DETOUR_TOO_LONG),
        (None, 1.0, None),
    ],
)
def test_detour(reference_m: float | None, factor: float, mode: FailureMode | None) -> None:
    assert _mode(replace(BUDGET, detour_factor=factor), reference_m) is mode


@pytest.mark.parametrize(("via", "mode"), [([2, 6, 5], None), ([2, 1, 2, 6, 5], F.DETOUR_TOO_LONG)])
def test_without_a_standby_route_the_detour_is_measured_beside_the_stops(
    via: list[int], mode: FailureMode | None
) -> None:
    item = PickItem(bin="B-1", sku="S", quantity=1)
    request = world.pick_request(items=(item,))
    prepared = prepare(request, _paths(), start_node=1)
    assert prepared.standby is None
    payload = world.answer(request, [world.stop(item, via)])
    refusal = validate(payload, prepared, BUDGET, source="llm:test").refusal
    assert (refusal.mode if refusal else None) is mode  # 60 m of 40 m x 1.5, and 80 m.


@pytest.mark.parametrize(("limit", "mode"), [(6, F.TOO_MANY_WAYPOINTS), (7, None), (8, None)])
def test_waypoints(limit: int, mode: FailureMode | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_rules, "WAYPOINTS_MAX", limit)
    assert _mode(BUDGET) is mode


@pytest.mark.parametrize(("more_ns", "mode"), [(-1, None), (0, None), (1, F.DURATION_TOO_LONG)])
def test_duration(more_ns: int, mode: FailureMode | None) -> None:
    driving_s = 60  # At the 1 m/s of the robot here; the edge with a limit allows as much.
    pick_ns = (ROUTE_DURATION_NS_MAX - driving_s * NS_PER_S) // 3
    assert _mode(replace(BUDGET, robot_speed_mps=1.0, pick_ns=pick_ns + more_ns)) is mode


def test_the_duration_of_a_way_that_turns() -> None:
    # Its way leads along both axes, away from the origin.
    request = world.pick_request(start_node=5, goal_node=5)
    prepared = _judge().prepare(request, 5)
    route = _judge().verdict(prepared, world.answer(request), source="x").route
    assert route is not None
    pick_ns = (ROUTE_DURATION_NS_MAX - round(route.length_m * NS_PER_S)) // 3

    def mode(pick_ns: int) -> FailureMode | None:
        budget = replace(BUDGET, robot_speed_mps=1.0, pick_ns=pick_ns)
        refusal = validate(world.answer(request), prepared, budget, source="x").refusal
        return refusal.mode if refusal else None

    assert mode(pick_ns) is None
    assert mode(pick_ns + 1) is F.DURATION_TOO_LONG


def test_the_speed_limit_of_an_edge_counts() -> None:
    # 40 m at 2 m/s and 20 m at 1 m/s are 40 s.
    pick_ns = (ROUTE_DURATION_NS_MAX - 40 * NS_PER_S) // 3
    assert _mode(replace(BUDGET, robot_speed_mps=2.0, pick_ns=pick_ns)) is None
    assert _mode(replace(BUDGET, robot_speed_mps=2.0, pick_ns=pick_ns + 1)) is F.DURATION_TOO_LONG
    assert _mode(replace(BUDGET, robot_speed_mps=1.9, pick_ns=pick_ns)) is F.DURATION_TOO_LONG


# Truncation and other damage


@pytest.mark.parametrize("length", range(len(VALID)))
def test_every_truncation_is_named(length: int) -> None:
    assert mode_of(VALID[:length]) is (F.TRUNCATED if length else F.EMPTY)


def test_every_suffix_is_refused() -> None:
    for start in range(1, len(VALID)):
        assert mode_of(VALID[start:]) is not None


def test_every_flipped_bit_is_judged() -> None:
    for place in range(len(VALID)):
        for bit in range(8):
            damaged = bytearray(VALID)
            damaged[place] ^= 1 << bit
            verdict = judged(bytes(damaged))
            assert verdict.refusal is None or verdict.refusal.mode is not F.INTERNAL_ERROR
            if verdict.route:  # Only blanks may change, never what the route says.
                assert json.loads(bytes(damaged)) == json.loads(VALID)


@settings(max_examples=150, deadline=None, print_blob=True)
@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_arbitrary_bytes_are_refused(payload: bytes) -> None:
    mode = mode_of(payload)
    assert mode is not None
    assert mode is not F.INTERNAL_ERROR


JSON_VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["R-1", "picker_1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["version", "request_id", "robot_id", "stops", "bin", "sku", "quantity", "via"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, print_blob=True)
@given(JSON_VALUES)
def test_arbitrary_json_is_refused(value: object) -> None:
    mode = mode_of(json.dumps(value).encode())
    assert mode is not None
    assert mode is not F.INTERNAL_ERROR


@settings(max_examples=100, deadline=None, print_blob=True)
@given(
    st.permutations([A, B, C]),
    st.lists(st.lists(st.integers(1, 9), max_size=4), min_size=3, max_size=3),
)
def test_whatever_is_accepted_can_be_driven(order: list[PickItem], ways: list[list[int]]) -> None:
    verdict = judged(said([world.stop(item, via) for item, via in zip(order, ways, strict=True)]))
    if verdict.route is None:
        return
    warehouse = world.warehouse()
    nodes = [point.node for point in verdict.route.waypoints]
    assert (nodes[0], nodes[-1]) == (REQUEST.start_node, REQUEST.goal_node)
    blocked = openness(warehouse).blocked
    assert not any(pair in blocked for pair in pairwise(nodes))
    assert [(stop.bin, stop.sku, stop.quantity) for stop in verdict.route.stops] == [
        (item.bin, item.sku, item.quantity) for item in order
    ]
    for stop in verdict.route.stops:
        assert nodes[stop.waypoint_index] == stop.node == warehouse.bins[stop.bin]
    assert verdict.route.length_m <= 1.5 * world.STANDBY_M


# What a verdict says beside its mode


def test_the_rules_of_a_route_stand_in_the_order_of_their_stages() -> None:
    order = list(Stage)
    places = [order.index(rule.stage) for rule in (*ANSWER_RULES, *ROUTE_RULES)]
    assert places == sorted(places)
    assert {rule.stage for rule in RULES} == set(Stage) - {Stage.TASK}


def test_the_stages_that_were_reached_are_timed() -> None:
    ticks = iter(range(0, 10_000, 5))
    judge = Judge(config=guard_config({}), paths=_paths(), stopwatch=lambda: next(ticks))
    prepared = judge.prepare(REQUEST, 1)
    verdict = judge.verdict(prepared, VALID, source="llm:test")
    assert verdict.stage_ns == {stage: 5 for stage in Stage if stage is not Stage.TASK}
    verdict = judge.verdict(prepared, said(request_id="R-2"), source="llm:test")
    assert list(verdict.stage_ns) == [Stage.ENVELOPE, Stage.SCHEMA, Stage.REQUEST]
    verdict = judge.verdict(prepared, b"", source="llm:test")
    assert list(verdict.stage_ns) == [Stage.ENVELOPE, Stage.SCHEMA]


@pytest.mark.parametrize(
    ("payload", "taken_ns"),
    [
        (VALID, [1, 2, 8, 16, 32]),
        (said(request_id="R-2"), [1, 2, 8]),
        (said(stops(A, B, C, via=[99])), [1, 2, 8, 16]),
        (b"", [1, 2]),
        (b"\xff", [1 + 2]),
        (b" " * (PAYLOAD_BYTES_MAX + 1), [1 + 2]),
    ],
)
def test_each_stage_is_timed_by_itself(payload: bytes, taken_ns: list[int]) -> None:
    """Each look at the watch is twice as late as the one before, so that every difference is another."""
    looks = iter(2**number for number in range(20))
    budget = Judge(config=guard_config({}), paths=_paths()).budget
    prepared = _judge().prepare(REQUEST, 1)
    verdict = validate(payload, prepared, budget, source="x", stopwatch=lambda: next(looks))
    assert list(verdict.stage_ns.values()) == taken_ns


@pytest.mark.parametrize(
    ("payload", "rule", "measured", "limit"),
    [
        (b"[" * 9 + b"]" * 9, "nesting", 9, NESTING_MAX),
        (b"{" + b" " * PAYLOAD_BYTES_MAX + b"}", "size", PAYLOAD_BYTES_MAX + 2, PAYLOAD_BYTES_MAX),
        (said(extra=1, more=2), "schema", 2, 0),
        (said(stops(A, B)), "every_item", 1, 0),
        (said(request_id="R-2"), "same_request", 1, 0),
        (said(robot_id="picker_2"), "same_robot", 1, 0),
        (said([]), "schema", 1, 0),
        (said([world.stop(A, [99, 98]), world.stop(B), world.stop(C)]), "known_nodes", 2, 0),
        (said([world.stop(A, [3, 1]), world.stop(B), world.stop(C)]), "edges_exist", 2, 0),
        (said([world.stop(A), world.stop(B), world.stop(C, [3, 4, 3])]), None, 0, 0),
    ],
)
def test_a_refusal_says_what_was_measured_and_what_it_may_be(
    payload: bytes, rule: str | None, measured: float, limit: float
) -> None:
    refusal = judged(payload).refusal
    assert (refusal.rule if refusal else None) == rule
    if refusal is not None:
        assert (refusal.measured, refusal.limit) == (measured, limit)
        assert refusal.mode in next(row for row in RULES if row.name == rule).modes


def test_lengths_and_durations_are_measured_in_their_units() -> None:
    detour = _refused(replace(BUDGET, detour_factor=1.25), reference_m=40.0)
    assert detour is not None
    assert (detour.rule, detour.measured, detour.limit) == ("detour", world.STANDBY_M, 50.0)
    slow = _refused(replace(BUDGET, pick_ns=1_300 * NS_PER_S))
    assert slow is not None
    assert (slow.rule, slow.limit) == ("duration", 3_600)
    assert slow.measured == pytest.approx(3 * 1_300 + 40 / 1.5 + 20 / 1.0)


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        (1, "k0: Extra inputs are not permitted"),
        (2, "k0: Extra inputs are not permitted (and 1 more)"),
        (64, "k0: Extra inputs are not permitted (and 63 more)"),
        (65, "65 violations of the route schema"),
    ],
)
def test_one_violation_is_described_unless_there_are_many(more: int, detail: str) -> None:
    refusal = judged(said(**{f"k{number}": 1 for number in range(more)})).refusal
    assert refusal is not None
    assert (refusal.mode, refusal.detail, refusal.measured) == (F.SCHEMA, detail, more)


@pytest.mark.parametrize(("over", "is_read"), [(-1, True), (0, True), (1, False)])
def test_more_brackets_than_twice_a_routes_are_not_read(*, over: int, is_read: bool) -> None:
    brackets = sum(map(said(more=[]).count, (b"{", b"[")))
    lists = decoding._BRACKETS_READ_MAX + over - brackets
    refusal = judged(said(more=[[]] * lists)).refusal
    assert refusal is not None
    assert (refusal.mode, refusal.measured) == (F.SCHEMA, 1)
    assert (refusal.detail == "more keys or brackets than a route can have") is not is_read


@pytest.mark.parametrize(("over", "is_read"), [(-2, True), (0, True), (2, False)])
def test_more_quotes_than_twice_a_routes_are_not_read(*, over: int, is_read: bool) -> None:
    quotes = said(more=[]).count(b'"')
    texts = (decoding._QUOTES_READ_MAX + over - quotes) // 2
    refusal = judged(said(more=[""] * texts)).refusal
    assert refusal is not None
    assert (refusal.mode, refusal.measured) == (F.SCHEMA, 1)
    assert (refusal.detail == "more keys or brackets than a route can have") is not is_read


@pytest.mark.parametrize(
    ("pick_s", "measured_s"), [(1_184, None), (1_185, 3 * 1_185 + 40 / 1.5 + 20)]
)
def test_picking_and_driving_add_up(pick_s: int, measured_s: float | None) -> None:
    """Neither takes too long by itself, and at the map's lowest speed limit even the first would."""
    refusal = _refused(replace(BUDGET, pick_ns=pick_s * NS_PER_S))
    if measured_s is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.mode is F.DURATION_TOO_LONG
        assert refusal.measured == pytest.approx(measured_s)


def test_a_slow_robot_takes_longer() -> None:
    """Even where the map's limits would let another be quick enough."""
    slow = replace(BUDGET, robot_speed_mps=0.5, pick_ns=1_170 * NS_PER_S)
    refusal = _refused(slow)
    assert refusal is not None
    assert refusal.mode is F.DURATION_TOO_LONG
    assert refusal.measured == pytest.approx(3 * 1_170 + 60 / 0.5)


def test_the_first_failure_wins() -> None:
    assert (
        mode_of(said(stops(replace(A, bin="Z-9"), via=[99]), robot_id="picker_2", request_id="R-2"))
        is F.WRONG_REQUEST
    )
    assert (
        mode_of(said(stops(replace(A, bin="Z-9"), via=[99]), robot_id="picker_2")) is F.WRONG_ROBOT
    )
    assert mode_of(said(stops(A, B, C, via=[99, 5]))) is F.UNKNOWN_NODE


def test_the_same_item_asked_for_twice_is_picked_twice() -> None:
    request = world.pick_request(items=(A, A, C))
    assert mode_of(world.answer(request), request) is None
    assert mode_of(world.answer(request, stops(A, C)), request) is F.ITEM_MISSING
    assert mode_of(world.answer(request, stops(A, A, A, C)), request) is F.ITEM_REPEATED


def test_no_detail_repeats_the_payload() -> None:
    phrase = "ignore_all_previous_instructions"
    for payload in (
        said(**{phrase * 60: 1}),
        said(request_id=phrase * 2 + "!"),
        b"Sure: " + phrase.encode() * 100,
    ):
        refusal = judged(payload).refusal
        assert refusal is not None
        assert refusal.detail.count(phrase) <= 2


def test_a_goal_that_no_open_path_reaches() -> None:
    request = world.pick_request(goal_node=7)
    assert mode_of(world.answer(request), request) is F.UNREACHABLE


@pytest.mark.parametrize(
    ("stops_", "detail"),
    [
        (stops(A, B, replace(C, sku="SKU-9")), "stop 3 (SKU-9 from C-1) was not asked for"),
        (
            stops(replace(A, sku="SKU-8"), replace(B, sku="SKU-9"), C),
            f"stop 1 (SKU-8 from {A.bin}) was not asked for (and 1 more)",
        ),
        (stops(A), f"{B.quantity} x {B.sku} from {B.bin} is not picked (and 1 more)"),
        (
            [world.stop(A), world.stop(B, [99]), world.stop(C)],
            "stop 2: via names node 99, which is not on the map",
        ),
        (
            [world.stop(A, [98, 99]), world.stop(B), world.stop(C)],
            "stop 1: via names node 98, which is not on the map (and 1 more)",
        ),
    ],
)
def test_a_detail_names_the_stop_and_how_many_more_there_are(
    stops_: list[dict[str, object]], detail: str
) -> None:
    refusal = judged(said(stops_)).refusal
    assert refusal is not None
    assert refusal.detail == detail


def test_a_fault_while_an_answer_is_read_lets_nothing_through() -> None:
    def broken() -> int:
        raise RuntimeError("this clock is broken")

    prepared = _judge().prepare(REQUEST, 1)
    verdict = validate(VALID, prepared, BUDGET, source="x", stopwatch=broken)
    assert (verdict.route, dict(verdict.stage_ns)) == (None, {})
    assert verdict.refusal is not None
    assert verdict.refusal.mode is F.INTERNAL_ERROR
