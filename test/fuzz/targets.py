# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is fuzzed: each entrance with what may come of bytes there, and nothing else may.

A target's `check` returns in a word what came of an input, and raises whatever should not have come of it.  An
AssertionError is a broken promise, any other exception one that escaped.  The same bytes come out the same each time.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import dist, isfinite
from random import Random
from typing import Final

import cold
import orders
import world
from fallback_guard.core.config import GUARD_PARAMETERS, GuardConfig, guard_config
from fallback_guard.core.effects import Decision, Effect, Occasion, ReportDecision, SendMotion
from fallback_guard.core.events import (
    CandidateArrived,
    PositionArrived,
    RequestArrived,
    RouteFellDue,
    TimePassed,
)
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.guard import Guard
from fallback_guard.core.identifiers import is_identifier
from fallback_guard.core.judge import Judge
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.parameters import ParameterError
from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.schema import Route
from fallback_guard.core.validation import Verdict
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.maps.geojson import MapError, parse_warehouse, read_map
from fallback_guard.maps.lif import read_lif
from fallback_guard.maps.map_warnings import map_warnings
from fallback_guard.vda5050.reading import OrderRead, OrderRefusal
from grammar import Document, Grammar, read, written

DETAIL: Final = re.compile(r"[ -~]{0,243}")
"""What a refusal may say: printable, bounded, with three dots where it was cut."""

WORDS: Final = (
    "A-1", "A-2", "B-1", "C-1", "X-1", "Z-9", "SKU-1", "SKU-2", "SKU-3", "SKU-9", "R-1", "R-2", "R-3", world.ROBOT,
)  # fmt: skip

BEGAN_NS: Final = 7_777_777_777_777


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An entrance.  `grammar` is what its documents are made of, None where its bytes are no JSON."""

    about: str
    check: Callable[[bytes], str]
    bytes_max: int
    grammar: Grammar | None = None
    mutate: Callable[[bytes, Random], bytes] | None = None

    def mutated(self, data: bytes, other: bytes, chance: Random) -> bytes | None:
        """Return the input changed by its structure; None where it has none."""
        if self.mutate is not None:
            return self.mutate(data, chance)
        if self.grammar is None:
            return None
        try:
            document: Document = read(data)
        except (ValueError, RecursionError):
            if chance.random() < 0.5:
                return None
            document = self.grammar.value(chance)
        try:
            lender: Document = read(other)
        except (ValueError, RecursionError):
            lender = document
        try:
            return written(self.grammar.changed(document, lender, chance), chance)
        except (ValueError, RecursionError):
            return None


# Payloads of planners

OPEN_EDGES: Final = frozenset(
    {(1, 2), (2, 1), (2, 3), (3, 2), (3, 4), (4, 3), (3, 5), (5, 3), (2, 6), (6, 5)}
)
"""The open edges in the picture of `world`, read off by hand."""

NODE_OF_BIN: Final = {"A-1": 2, "A-2": 2, "B-1": 3, "C-1": 4}

REQUESTS: Final[Mapping[str, PickRequest]] = {
    "R-1": world.pick_request(),
    "R-2": world.pick_request(
        "R-2",
        items=(
            PickItem(bin="B-1", sku="SKU-2", quantity=7),
            PickItem(bin="B-1", sku="SKU-2", quantity=7),
            PickItem(bin="A-1", sku="SKU-2", quantity=1),
        ),
        goal_node=5,
    ),
    "R-3": world.pick_request(
        "R-3", items=(PickItem(bin="C-1", sku="SKU-1", quantity=1),), start_node=3, goal_node=3
    ),
}
"""What is asked: a payload is judged as an answer to the last of these that it names, else to the first."""

OF_ANSWERS: Final = frozenset(FailureMode) - {
    FailureMode.INTERNAL_ERROR,
    FailureMode.GUARD_SILENT,
    FailureMode.STRANGER,
    FailureMode.PLANNER_SILENT,
    FailureMode.PLANNER_LATE,
    FailureMode.BAD_REQUEST,
    FailureMode.TASK_RULE,
}


@cache
def _judge() -> Judge:
    # With room for detours, so that more than the shortest ways are accepted.
    return Judge(config=guard_config({"detour_factor": 4.0}), paths=Paths(world.warehouse()))


@cache
def _prepared(request_id: str) -> PreparedRequest:
    request = REQUESTS[request_id]
    return _judge().prepare(request, request.start_node)


def payload(data: bytes) -> str:
    """Judge a planner's answer."""
    named = [name for name in REQUESTS if f'"{name}"'.encode() in data]
    prepared = _prepared(named[-1] if named else "R-1")
    verdict = _judge().verdict(prepared, data, source="llm:fuzz")
    assert (verdict.route is None) is (verdict.refusal is not None), "either, and not both"
    if verdict.refusal is not None:
        assert verdict.refusal.mode in OF_ANSWERS, verdict.refusal
        assert DETAIL.fullmatch(verdict.refusal.detail), verdict.refusal
        assert verdict.refusal.rule, verdict.refusal
        assert isfinite(verdict.refusal.measured), verdict.refusal
        return verdict.refusal.mode.value
    _is_what_was_asked(verdict, prepared.request, data)
    return "accepted"


def _is_what_was_asked(verdict: Verdict, request: PickRequest, data: bytes) -> None:
    """Find that an accepted route picks exactly what was asked for, over open edges, and is what the payload says."""
    route = verdict.route
    assert route is not None
    assert Counter(route.picks) == Counter(
        (item.bin, item.sku, item.quantity) for item in request.items
    )
    way = [route.waypoints[0].node]
    for before, after in pairwise(route.waypoints):
        nodes = world.nodes_between(before, after)
        assert nodes[0] == before.node
        assert nodes[-1] == after.node
        way += nodes[1:]
    assert set(pairwise(way)) <= OPEN_EDGES, way
    assert (way[0], way[-1]) == (request.start_node, request.goal_node)
    places = [world.position_of(node) for node in way]
    assert abs(sum(dist(*hop) for hop in pairwise(places)) - route.length_m) < 1e-6
    assert list(route.pick_waypoints) == sorted(route.pick_waypoints)
    for stop in route.stops:
        assert NODE_OF_BIN[stop.bin] == stop.node
    said = json.loads(data, object_pairs_hook=_once)
    assert (said["request_id"], said["robot_id"]) == (request.request_id, request.robot_id)
    assert [(one["bin"], one["sku"], one["quantity"]) for one in said["stops"]] == list(route.picks)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len(dict(pairs)) == len(pairs), "a key twice in what was accepted"
    return dict(pairs)


@cache
def _cold() -> tuple[Judge, PreparedRequest]:
    judge = Judge(
        config=guard_config({"detour_factor": 4.0}),
        paths=Paths(world.warehouse()),
        task=cold.TASK,
    )
    return judge, judge.prepare(cold.request(), 1)


def own_task(data: bytes) -> str:
    """Judge an answer to a task of one's own: what it accepts, the package accepts in its own shape."""
    judge, prepared = _cold()
    verdict = judge.verdict(prepared, data, source="llm:fuzz")
    assert (verdict.route is None) is (verdict.refusal is not None), "either, and not both"
    if verdict.refusal is not None:
        assert verdict.refusal.mode in OF_ANSWERS | {FailureMode.TASK_RULE}, verdict.refusal
        assert DETAIL.fullmatch(verdict.refusal.detail), verdict.refusal
        assert verdict.refusal.rule, verdict.refusal
        assert isfinite(verdict.refusal.measured), verdict.refusal
        return verdict.refusal.mode.value
    said = json.loads(data, object_pairs_hook=_once)
    stops = [
        {"bin": one["location"], "sku": one["article"], "quantity": one["pieces"]}
        | ({"via": one["past"]} if one.get("past") else {})
        for one in said["picks"]
    ]
    same = world.answer(prepared.request, stops, request_id=said["order"], robot_id=said["vehicle"])
    plain = _judge().verdict(prepared, same, source="llm:fuzz")
    assert plain.route == verdict.route
    _is_what_was_asked(plain, prepared.request, same)
    assert [one["article"].startswith("FRZ-") for one in said["picks"]] == [False, False, True]
    return "accepted"


# Maps


def _usable(warehouse: Warehouse) -> None:
    """Find that a guard can work on a map, for it was accepted."""
    for text in map_warnings(warehouse):
        assert text.isprintable()
    guard = Guard(config=guard_config({}), warehouse=warehouse)
    nodes = sorted(warehouse.nodes)
    items = tuple(
        PickItem(bin=name, sku="SKU-1", quantity=1) for name in sorted(warehouse.bins)[:4]
    )
    request = PickRequest(
        request_id="R-1",
        robot_id=world.ROBOT,
        start_node=nodes[0],
        goal_node=nodes[-1],
        items=items,
    )
    start = warehouse.nodes[nodes[0]]
    steps = Steps(guard)
    steps.take(PositionArrived(robot_id=world.ROBOT, x=start.x, y=start.y))
    steps.take(RequestArrived(request=request, stamp_age_ns=0))
    steps.take(_answer(request))
    steps.wait(2_000)
    assert len(steps.motions) in (1, 2), steps.motions


def geojson(data: bytes) -> str:
    """Read a map, and serve a request on it."""
    try:
        found = read_map(data, source="fuzz.geojson")
    except MapError as error:
        is_said_well(error)
        return "refused"
    for note in found.notes:
        assert note.isprintable()
    _usable(found.warehouse)
    return "accepted"


_VEHICLES: Final = ("picker", "tugger")
"""The types of the kept layouts with several, of which one has to be chosen."""


def lif(data: bytes) -> str:
    """Convert a layout, and read the map that comes of it."""
    chosen = next((name for name in _VEHICLES if f'"{name}"'.encode() in data), None)
    refuges = ["PARK"] if b'"PARK"' in data else []
    try:
        converted = read_lif(
            data, source="fuzz.lif.json", vehicle_type=chosen, refuge_stations=refuges
        )
    except MapError as error:
        is_said_well(error)
        return "refused"
    for note in converted.notes:
        assert note.isprintable()
    try:
        warehouse = parse_warehouse(converted.geojson, source="converted")
    except MapError as error:
        is_said_well(error)
        return "converted into what is refused"
    _usable(warehouse)
    return "accepted"


def is_said_well(error: Exception) -> None:
    """Find that a refusal is one line of text, and not at length."""
    assert str(error).isprintable(), "a message is one line of text"
    assert len(str(error)) < 2_000


# Orders


def order(data: bytes) -> str:
    """Read an order of VDA 5050, and judge the route that it is."""
    said = orders.read_bytes(data)
    if isinstance(said, OrderRefusal):
        assert said.errors, "a refusal says why"
        for error in said.errors:
            assert error.error_type
            assert error.description.isprintable()
            assert len(error.description) < 2_000
        return "refused"
    assert isinstance(said, OrderRead)
    route = json.dumps(said.as_route(world.ROBOT)).encode()
    verdict = _judge().verdict(_prepared("R-1"), route, source="order")
    assert verdict.refusal is None or verdict.refusal.mode in OF_ANSWERS, verdict
    for hop in pairwise(said.way):
        assert hop in world.warehouse().edges, "an order that is read drives over edges of the map"
    return f"read, {verdict.refusal.mode.value if verdict.refusal else 'accepted'}"


# Requests and parameters


class Steps:
    """A guard, woken when it asks for that, with everything that it sends."""

    def __init__(self, guard: Guard) -> None:
        """Begin at an odd time."""
        self.guard, self.now_ns = guard, BEGAN_NS
        self.motions: list[SendMotion] = []
        self.decisions: list[Decision] = []

    def take(self, event: object) -> None:
        """Let something happen."""
        self._keep(self.guard.step(event, self.now_ns))  # type: ignore[arg-type]  # an event

    def wait(self, ms: int) -> None:
        """Let time pass."""
        end_ns = self.now_ns + ms * 1_000_000
        for _ in range(10_000):
            wake_ns = self.guard.next_wake_ns
            spare_ns = self.now_ns + 1_000_000 if self.guard.has_spare_work else end_ns
            self.now_ns = max(self.now_ns, min(end_ns, wake_ns or end_ns, spare_ns))
            self.take(TimePassed())
            if self.now_ns >= end_ns:
                return
        raise AssertionError("the guard asks to be woken again and again")

    def _keep(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, SendMotion):
                self.motions.append(effect)
            elif isinstance(effect, ReportDecision):
                self.decisions.append(effect.decision)
                assert effect.decision.failure_mode is not FailureMode.INTERNAL_ERROR, effect
                assert DETAIL.fullmatch(effect.decision.detail), effect


def _answer(request: PickRequest) -> CandidateArrived:
    return CandidateArrived(
        request_id=request.request_id,
        robot_id=request.robot_id,
        source="llm:fuzz",
        attempt=1,
        payload=json.dumps(world.document(request)).encode(),
        planning_ns=1,
    )


def request(data: bytes) -> str:
    """Configure a guard and ask it: JSON with `parameters` and the fields of a pick request."""
    try:
        document = read(data)
    except (ValueError, RecursionError):
        return "no document"
    given = document if isinstance(document, dict) else {}
    parameters = given.get("parameters", {})
    try:
        config = guard_config(parameters if isinstance(parameters, dict) else {})
    except ParameterError as error:
        is_said_well(error)
        return "parameters refused"
    assert isinstance(config, GuardConfig)
    asked = _as_on_the_wire(given.get("request"))
    steps = Steps(Guard(config=config, warehouse=world.warehouse()))
    steps.take(PositionArrived(robot_id=asked.robot_id, x=0.0, y=0.0))
    steps.take(RequestArrived(request=asked, stamp_age_ns=0))
    if asked.on_due:
        assert steps.motions == [], "it is not due yet"
        steps.take(
            RouteFellDue(request_id=asked.request_id, robot_id=asked.robot_id, stamp_age_ns=0)
        )
    steps.take(_answer(asked))
    steps.wait(config.deadline_ms)
    names_somebody = is_identifier(asked.robot_id)
    due = [one for one in steps.decisions if one.occasion is Occasion.DUE]
    assert len(due) == names_somebody, "one decision in time, where anybody can be meant"
    followed = [one.motion.kind for one in steps.motions[1:]]
    assert followed in ([], [MotionKind.ROUTE]), "at most one route follows, soon as it may be"
    if not names_somebody:
        return "nobody is meant"
    motion = steps.motions[0].motion
    if motion.kind is MotionKind.ROUTE:
        assert Counter(stop[:3] for stop in motion.stops) == Counter(
            (item.bin, item.sku, item.quantity) for item in asked.items
        )
        return "route"
    assert motion.reason is not None
    return motion.reason.value


def _as_on_the_wire(document: object) -> PickRequest:
    """Return what a message can hold: its types are the middleware's to keep."""
    given = document if isinstance(document, dict) else {}
    items = given.get("items")
    return PickRequest(
        request_id=_text(given.get("request_id", "R-1")),
        robot_id=_text(given.get("robot_id", world.ROBOT)),
        start_node=_u32(given.get("start_node", 1)),
        goal_node=_u32(given.get("goal_node", 1)),
        items=tuple(
            PickItem(
                bin=_text(item.get("bin")),
                sku=_text(item.get("sku")),
                quantity=_u32(item.get("quantity")),
            )
            for item in (items if isinstance(items, list) else [])
            if isinstance(item, dict)
        ),
        instructions=_text(given.get("instructions", "")),
        on_due=given.get("on_due") is True,
    )


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


def _u32(value: object) -> int:
    return value % 2**32 if isinstance(value, int) else 1


_NODES: Final = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)

_REQUEST_SCHEMA: Final[Mapping[str, object]] = {
    "type": "object",
    "required": ["request"],
    "properties": {
        "parameters": {
            "type": "object",
            "properties": {
                row.name: {
                    "type": {bool: "boolean", int: "integer", float: "number", str: "string"}[
                        type(row.default)
                    ],
                    "minimum": row.minimum,
                    "maximum": row.maximum,
                }
                for row in GUARD_PARAMETERS
            },
        },
        "request": {
            "type": "object",
            "required": ["request_id", "robot_id", "start_node", "goal_node", "items"],
            "properties": {
                "request_id": {"type": "string"},
                "robot_id": {"type": "string"},
                "start_node": {"type": "integer", "minimum": 0, "maximum": 9},
                "goal_node": {"type": "integer", "minimum": 0, "maximum": 9},
                "items": {
                    "type": "array",
                    "maxItems": 33,
                    "items": {
                        "type": "object",
                        "required": ["bin", "sku", "quantity"],
                        "properties": {
                            "bin": {"type": "string"},
                            "sku": {"type": "string"},
                            "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
                        },
                    },
                },
                "instructions": {"type": "string"},
                "on_due": {"type": "boolean"},
            },
        },
    },
}

TARGETS: Final[dict[str, Target]] = {
    "payload": Target(
        about="a planner's answer: accepted, or refused with a failure mode",
        check=payload,
        bytes_max=20_000,
        grammar=Grammar(Route.model_json_schema(), WORDS, (*_NODES, 2**32 - 1)),
    ),
    "task": Target(
        about="an answer to a task of one's own: accepted, or refused with a failure mode",
        check=own_task,
        bytes_max=20_000,
        grammar=Grammar(
            cold.TASK.answer.model_json_schema(),
            (
                *WORDS,
                "AMB-1-H",
                "CHL-2-G",
                "FRZ-3",
                "ambient",
                "chilled",
                "frozen",
                "heavy",
                "sturdy",
                "fragile",
            ),
            _NODES,
        ),
    ),
    "geojson": Target(
        about="a map: loaded, and then a guard works on it, or MapError",
        check=geojson,
        bytes_max=8_000,
        grammar=Grammar(words=("Point", "LineString", "Polygon", "keep_out", "refuge", "A-1")),
    ),
    "lif": Target(
        about="a layout of VDMA LIF: converted, or MapError",
        check=lif,
        bytes_max=8_000,
        grammar=Grammar(words=("A", "B", "C", "lifter", "ground", "S-1")),
    ),
    "order": Target(
        about="an order of VDA 5050: read, or refused with errors",
        check=order,
        bytes_max=20_000,
        grammar=Grammar(words=(*WORDS, "2.1.0", "3.0.0", "pick", "NONE", "HARD"), numbers=_NODES),
    ),
    "request": Target(
        about="a pick request and parameters: ParameterError, or one decision in time",
        check=request,
        bytes_max=8_000,
        grammar=Grammar(_REQUEST_SCHEMA, (*WORDS, "standby", "late_route", "none"), _NODES),
    ),
}
