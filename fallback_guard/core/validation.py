"""Whether a planner's answer may move a robot: one table of rules, tried in order, the first failure wins.

To add a rule, write its check and add its row to `RULES`.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Final

import orjson
from pydantic import ValidationError

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import printable
from fallback_guard.core.json_tokens import STRING_OR_BRACKET, depth_change
from fallback_guard.core.limits import DETAIL_CHARS_MAX, NESTING_MAX, ROUTE_DURATION_NS_MAX
from fallback_guard.core.malformed import malformed_kind
from fallback_guard.core.motion import RouteStop, ValidatedRoute, waypoints_along
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.schema import Route, Stop
from fallback_guard.core.units import seconds_to_ns
from fallback_guard.core.warehouse import Warehouse


class Stage(str, Enum):
    """The stages of validation, in their order; each is timed."""

    ENVELOPE = "envelope"
    SCHEMA = "schema"
    REQUEST = "request"
    MAP = "map"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not accepted.  `detail` is for people and never repeats the payload at length."""

    mode: FailureMode
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Either a route or a refusal, and how long each stage reached took (ns)."""

    route: ValidatedRoute | None
    refusal: Refusal | None
    stage_ns: Mapping[Stage, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a route may cost.

    `reference_m` is the length of the standby route, None where there is none to compare with;
    `robot_speed_mps` is the robot's own limit.
    """

    payload_bytes_max: int
    capacity_pieces: int
    detour_factor: float
    robot_speed_mps: float
    pick_ns: int
    reference_m: float | None = None


@dataclass(slots=True, kw_only=True)
class Case:
    """One answer under validation.  Each stage fills in what the next ones read."""

    request: PickRequest
    warehouse: Warehouse
    paths: Paths
    budget: Budget
    start_node: int
    payload: bytes = b""
    text: str = ""
    route: Route | None = None
    nodes: list[int] = field(default_factory=list)
    stop_indices: list[int] = field(default_factory=list)

    @property
    def stops(self) -> Sequence[Stop]:
        """The stops of the decoded route; none before the schema stage."""
        return self.route.stops if self.route else ()


Check = Callable[[Case], Refusal | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the stage it belongs to, and its check."""

    stage: Stage
    check: Check

    @property
    def name(self) -> str:
        """The check's name, for people."""
        return self.check.__name__.lstrip("_")


# Envelope: what can be said of the bytes alone.


def _size(case: Case) -> Refusal | None:
    size = len(case.payload)
    if size > case.budget.payload_bytes_max:
        limit = case.budget.payload_bytes_max
        return Refusal(FailureMode.OVERSIZE, f"{size} bytes, the limit is {limit}")
    return None


def _utf8(case: Case) -> Refusal | None:
    try:
        case.text = case.payload.decode("utf-8")
    except UnicodeDecodeError as error:
        return Refusal(FailureMode.NOT_UTF8, f"byte {error.start} is not UTF-8")
    return None


def _nesting(case: Case) -> Refusal | None:
    if case.text.count("[") + case.text.count("{") <= NESTING_MAX:
        return None
    depth = 0
    for match in STRING_OR_BRACKET.finditer(case.text):
        depth += depth_change(match.group())
        if depth > NESTING_MAX:
            return Refusal(FailureMode.TOO_DEEP, f"nests deeper than {NESTING_MAX}")
    return None


# Schema: what the text says.


def _json_and_schema(case: Case) -> Refusal | None:
    try:
        document = orjson.loads(case.text)
    except orjson.JSONDecodeError as error:
        return Refusal(malformed_kind(case.text), f"{error.msg} at character {error.pos}")
    try:
        case.route = Route.model_validate(document)
    except ValidationError as error:
        return Refusal(FailureMode.SCHEMA, _schema_detail(error))
    return None


def _schema_detail(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(printable(str(part)) for part in first["loc"])
    more = error.error_count() - 1
    return f"{place or 'document'}: {first['msg']}" + (f" (and {more} more)" if more else "")


class _DuplicateKeyError(Exception):
    pass


def _refuse_duplicate_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _DuplicateKeyError(next(key for key, count in counts.items() if count > 1))
    return document


def _duplicate_keys(case: Case) -> Refusal | None:
    # orjson keeps the last of two equal keys without a word; the standard library can be asked.
    try:
        json.loads(case.text, object_pairs_hook=_refuse_duplicate_keys)
    except _DuplicateKeyError as error:
        return Refusal(
            FailureMode.DUPLICATE_KEY, f"key {printable(str(error))!r} stands twice in one object"
        )
    return None


# Request: whether the route answers what was asked.


def _same_request(case: Case) -> Refusal | None:
    if case.route is None or case.route.request_id != case.request.request_id:
        said = printable(case.route.request_id) if case.route else "none"
        return Refusal(
            FailureMode.WRONG_REQUEST,
            f"request_id is {said!r}, asked was {case.request.request_id!r}",
        )
    return None


def _same_robot(case: Case) -> Refusal | None:
    if case.route is None or case.route.robot_id != case.request.robot_id:
        said = printable(case.route.robot_id) if case.route else "none"
        return Refusal(
            FailureMode.WRONG_ROBOT, f"robot_id is {said!r}, asked was {case.request.robot_id!r}"
        )
    return None


def _items(case: Case) -> Refusal | None:
    asked = Counter(case.request.items)
    bins_of: dict[str, list[str]] = {}
    for item in case.request.items:
        bins_of.setdefault(item.sku, []).append(item.bin)
    picked: Counter[PickItem] = Counter()
    for number, stop in enumerate(case.stops, start=1):
        item = PickItem(bin=stop.bin, sku=stop.sku, quantity=stop.quantity)
        picked[item] += 1
        if picked[item] <= asked[item]:
            continue
        what = f"stop {number} ({stop.sku} from {stop.bin})"
        if asked[item]:
            return Refusal(FailureMode.ITEM_REPEATED, f"{what} was picked before")
        if stop.sku not in bins_of:
            return Refusal(FailureMode.ITEM_UNKNOWN, f"{what} was not asked for")
        if stop.bin not in case.warehouse.bins:
            return Refusal(FailureMode.UNKNOWN_BIN, f"{what}: there is no such bin")
        if stop.bin not in bins_of[stop.sku]:
            held = ", ".join(bins_of[stop.sku])
            return Refusal(FailureMode.WRONG_BIN, f"{what}: {stop.sku} is in {held}")
        return Refusal(
            FailureMode.WRONG_QUANTITY, f"{what}: quantity {stop.quantity} was not asked for"
        )
    missing = asked - picked
    if missing:
        item = min(missing)
        return Refusal(
            FailureMode.ITEM_MISSING,
            f"{item.quantity} x {item.sku} from {item.bin} is not picked ({missing.total()} missing)",
        )
    return None


def _capacity(case: Case) -> Refusal | None:
    pieces = sum(stop.quantity for stop in case.stops)
    if pieces > case.budget.capacity_pieces:
        return Refusal(
            FailureMode.OVER_CAPACITY,
            f"{pieces} pieces, the robot carries {case.budget.capacity_pieces}",
        )
    return None


# Map: whether the robot can drive it.


def _known_nodes(case: Case) -> Refusal | None:
    for number, stop in enumerate(case.stops, start=1):
        for node in stop.via or ():
            if node not in case.warehouse.nodes:
                return Refusal(
                    FailureMode.UNKNOWN_NODE,
                    f"stop {number}: via names node {node}, which is not on the map",
                )
    return None


def _fill_in_the_way(case: Case) -> Refusal | None:
    case.nodes = [case.start_node]
    for number, stop in enumerate(case.stops, start=1):
        target = case.warehouse.bins[stop.bin]
        way = (
            (case.nodes[-1], *stop.via, target)
            if stop.via
            else case.paths.path(case.nodes[-1], target)
        )
        if way is None:
            return Refusal(
                FailureMode.UNREACHABLE,
                f"stop {number}: no open path from node {case.nodes[-1]} to bin {stop.bin}",
            )
        case.nodes.extend(way[1:])
        case.stop_indices.append(len(case.nodes) - 1)
    home = case.paths.path(case.nodes[-1], case.request.goal_node)
    if home is None:
        return Refusal(
            FailureMode.UNREACHABLE,
            f"no open path from node {case.nodes[-1]} to the goal {case.request.goal_node}",
        )
    case.nodes.extend(home[1:])
    return None


def _open_edges(case: Case) -> Refusal | None:
    for pair in pairwise(case.nodes):
        edge = case.warehouse.edges.get(pair)
        if edge is None:
            return Refusal(
                FailureMode.NOT_AN_EDGE, f"no edge leads from node {pair[0]} to node {pair[1]}"
            )
        if edge.keep_out:
            return Refusal(
                FailureMode.KEEP_OUT,
                f"edge {edge.id} ({pair[0]} to {pair[1]}) crosses a keep-out zone",
            )
        if edge.closed:
            return Refusal(
                FailureMode.EDGE_CLOSED, f"edge {edge.id} ({pair[0]} to {pair[1]}) is closed"
            )
    return None


# Budget: whether it is worth driving.


def _detour(case: Case) -> Refusal | None:
    if case.budget.reference_m is None:
        return None
    length_m = case.paths.length_m(case.nodes)
    allowed_m = case.budget.reference_m * case.budget.detour_factor
    if length_m > allowed_m:
        return Refusal(
            FailureMode.DETOUR_TOO_LONG,
            f"{length_m:.1f} m, allowed are {allowed_m:.1f} m ({case.budget.detour_factor:g} times the standby route)",
        )
    return None


def _duration(case: Case) -> Refusal | None:
    seconds = 0.0
    for pair in pairwise(case.nodes):
        edge = case.warehouse.edges[pair]
        limit_mps = edge.speed_limit_mps or case.budget.robot_speed_mps
        seconds += edge.length_m / min(limit_mps, case.budget.robot_speed_mps)
    duration_ns = seconds_to_ns(seconds) + case.budget.pick_ns * len(case.stops)
    if duration_ns > ROUTE_DURATION_NS_MAX:
        return Refusal(
            FailureMode.DURATION_TOO_LONG,
            f"{duration_ns // 10**9} s, the limit is {ROUTE_DURATION_NS_MAX // 10**9} s",
        )
    return None


RULES: Final[tuple[Rule, ...]] = (
    Rule(Stage.ENVELOPE, _size),
    Rule(Stage.ENVELOPE, _utf8),
    Rule(Stage.ENVELOPE, _nesting),
    Rule(Stage.SCHEMA, _json_and_schema),
    Rule(Stage.SCHEMA, _duplicate_keys),
    Rule(Stage.REQUEST, _same_request),
    Rule(Stage.REQUEST, _same_robot),
    Rule(Stage.REQUEST, _items),
    Rule(Stage.REQUEST, _capacity),
    Rule(Stage.MAP, _known_nodes),
    Rule(Stage.MAP, _fill_in_the_way),
    Rule(Stage.MAP, _open_edges),
    Rule(Stage.BUDGET, _detour),
    Rule(Stage.BUDGET, _duration),
)

_AFTER_DECODING: Final = tuple(
    rule for rule in RULES if rule.stage not in (Stage.ENVELOPE, Stage.SCHEMA)
)

Stopwatch = Callable[[], int]
"""Returns nanoseconds from any fixed start.  What it says is reported, and never decided on."""


def stopped() -> int:
    """Be the stopwatch that measures nothing, for replays that must come out byte for byte the same."""
    return 0


def validate(case: Case, *, source: str, stopwatch: Stopwatch = stopped) -> Verdict:
    """Judge `case.payload`.  Never raises: a fault of a rule itself is the refusal INTERNAL_ERROR."""
    return _judge(case, RULES, source=source, stopwatch=stopwatch)


def validate_decoded(case: Case, *, source: str, stopwatch: Stopwatch = stopped) -> Verdict:
    """Judge `case.route`, which was not decoded from bytes: the guard's own standby route."""
    return _judge(case, _AFTER_DECODING, source=source, stopwatch=stopwatch)


def _judge(case: Case, rules: Sequence[Rule], *, source: str, stopwatch: Stopwatch) -> Verdict:
    stage_ns: dict[Stage, int] = {}
    try:
        for rule in rules:
            began_ns = stopwatch()
            refusal = rule.check(case)
            stage_ns[rule.stage] = stage_ns.get(rule.stage, 0) + stopwatch() - began_ns
            if refusal is not None:
                return Verdict(route=None, refusal=_bounded(refusal), stage_ns=stage_ns)
        return Verdict(route=_validated(case, source), refusal=None, stage_ns=stage_ns)
    except Exception as error:  # noqa: BLE001  # a rule that fails must not let anything through
        refusal = Refusal(FailureMode.INTERNAL_ERROR, f"{type(error).__name__} in the validation")
        return Verdict(route=None, refusal=refusal, stage_ns=stage_ns)


def _bounded(refusal: Refusal) -> Refusal:
    return Refusal(refusal.mode, printable(refusal.detail, chars_max=DETAIL_CHARS_MAX))


def _validated(case: Case, source: str) -> ValidatedRoute:
    stops = tuple(
        RouteStop(
            bin=stop.bin,
            sku=stop.sku,
            quantity=stop.quantity,
            node=case.nodes[index],
            waypoint_index=index,
        )
        for stop, index in zip(case.stops, case.stop_indices, strict=True)
    )
    return ValidatedRoute(
        source=source,
        stops=stops,
        waypoints=waypoints_along(case.warehouse, case.nodes),
        length_m=case.paths.length_m(case.nodes),
    )
