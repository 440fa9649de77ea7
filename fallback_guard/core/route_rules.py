# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a route has to be: one table of rules, tried in order, the first failure wins.

To add a rule, write its check and add its row to `ROUTE_RULES`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from typing import Final

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import ROUTE_DURATION_NS_MAX, WAYPOINTS_MAX
from fallback_guard.core.prepared import PreparedRequest, Said
from fallback_guard.core.rules import Refusal, Rule, Stage
from fallback_guard.core.schema import Route
from fallback_guard.core.travel import Faults, Travel
from fallback_guard.core.units import NS_PER_S, seconds_to_ns
from fallback_guard.core.waypoint import Waypoint

_ROUNDING: Final = 1.0 + 1e-9
"""Two sums of the same lengths in another order differ by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a route may cost.

    `detour_factor` is None for the guard's own route; `robot_speed_mps` is the robot's own limit.
    """

    payload_bytes_max: int
    capacity_pieces: int
    detour_factor: float | None
    robot_speed_mps: float
    pick_ns: int


@dataclass(slots=True)
class Case:
    """One answer under validation.  Each stage fills in what the next ones read.

    `picks` are bin, SKU and quantity of each stop, `vias` the nodes that it says to pass on the way to it.
    """

    prepared: PreparedRequest
    budget: Budget
    route: Route
    picks: Sequence[Said]
    vias: Sequence[Sequence[int] | None]
    item_faults: Faults | None = None
    travel: Travel | None = None
    waypoints: Sequence[Waypoint] = ()
    pick_waypoints: Sequence[int] = ()


def as_case(route: Route, prepared: PreparedRequest, budget: Budget) -> Case:
    """Lay out a decoded route for the rules."""
    stops = route.stops
    picks = [(stop.bin, stop.sku, stop.quantity) for stop in stops]
    return Case(prepared, budget, route, picks, [stop.via for stop in stops])


# Request: whether the route answers what was asked.


def _same_request(case: Case) -> Refusal | None:
    said, asked = case.route.request_id, case.prepared.request.request_id
    if said == asked:
        return None
    return Refusal(FailureMode.WRONG_REQUEST, f"request_id is {said!r}, asked was {asked!r}", 1)


def _same_robot(case: Case) -> Refusal | None:
    said, asked = case.route.robot_id, case.prepared.request.robot_id
    if said == asked:
        return None
    return Refusal(FailureMode.WRONG_ROBOT, f"robot_id is {said!r}, asked was {asked!r}", 1)


def _only_items_asked(case: Case) -> Refusal | None:
    picks, once = case.picks, case.prepared.asked_once
    if once == set(picks) and len(picks) == len(once):
        return None
    case.item_faults = _item_faults(case)
    return _fault(case.item_faults, FailureMode.ITEM_UNKNOWN)


def _item_faults(case: Case) -> Faults:
    """Say of each stop what is wrong with it, if anything is, and of each item whether it is missing."""
    faults = Faults()
    asked = Counter(case.prepared.asked)
    bins_of: dict[str, list[str]] = {}
    for bin_name, sku, _ in sorted(asked):
        bins_of.setdefault(sku, []).append(bin_name)
    picked: Counter[tuple[str, str, int]] = Counter()
    for number, item in enumerate(case.picks, start=1):
        bin_name, sku, quantity = item
        picked[item] += 1
        if picked[item] <= asked[item]:
            continue
        what = f"stop {number} ({sku} from {bin_name})"
        if asked[item]:
            faults.add(FailureMode.ITEM_REPEATED, f"{what} was picked before")
        elif sku not in bins_of:
            faults.add(FailureMode.ITEM_UNKNOWN, f"{what} was not asked for")
        elif bin_name not in case.prepared.paths.warehouse.bins:
            faults.add(FailureMode.UNKNOWN_BIN, f"{what}: there is no such bin")
        elif bin_name not in bins_of[sku]:
            held = ", ".join(dict.fromkeys(bins_of[sku]))
            faults.add(FailureMode.WRONG_BIN, f"{what}: {sku} is in {held}")
        else:
            said = f"{what}: quantity {quantity} was not asked for"
            faults.add(FailureMode.WRONG_QUANTITY, said)
    for bin_name, sku, quantity in sorted((asked - picked).elements()):
        said = f"{quantity} x {sku} from {bin_name} is not picked"
        faults.add(FailureMode.ITEM_MISSING, said)
    return faults


def _fault(faults: Faults, mode: FailureMode) -> Refusal | None:
    if mode not in faults.counts:
        return None
    count = faults.counts[mode]
    more = f" (and {count - 1} more)" if count > 1 else ""
    return Refusal(mode, faults.details[mode] + more, count)


def _no_item_fault(mode: FailureMode) -> Callable[[Case], Refusal | None]:
    def check(case: Case) -> Refusal | None:
        return None if case.item_faults is None else _fault(case.item_faults, mode)

    return check


def _capacity(case: Case) -> Refusal | None:
    pieces = sum([quantity for _, _, quantity in case.picks])
    limit = case.budget.capacity_pieces
    if pieces <= limit:
        return None
    said = f"{pieces} pieces, the robot carries {limit}"
    return Refusal(FailureMode.OVER_CAPACITY, said, pieces, limit)


# Map: whether the robot can drive it.


def _known_nodes(case: Case) -> Refusal | None:
    if not any(case.vias):
        return None
    nodes = case.prepared.paths.warehouse.nodes
    if nodes.keys() >= set().union(*[via for via in case.vias if via]):
        return None
    faults = Faults()
    for number, via in enumerate(case.vias, start=1):
        for node in via or ():
            if node not in nodes:
                said = f"stop {number}: via names node {node}, which is not on the map"
                faults.add(FailureMode.UNKNOWN_NODE, said)
    return _fault(faults, FailureMode.UNKNOWN_NODE)


def _edges_exist(case: Case) -> Refusal | None:
    case.travel = Travel(case.prepared, [name for name, _, _ in case.picks], case.vias)
    faults = case.travel.faults
    return None if faults is None else _fault(faults, FailureMode.NOT_AN_EDGE)


def _no_way_fault(mode: FailureMode) -> Callable[[Case], Refusal | None]:
    def check(case: Case) -> Refusal | None:
        faults = case.travel.faults if case.travel else None
        return None if faults is None else _fault(faults, mode)

    return check


def travelled(case: Case) -> Travel:
    """Return the way of the case's route, once the map stage has followed it."""
    assert case.travel is not None, "the first rule of the map stage has followed the way"
    return case.travel


# Budget: whether it is worth driving.


def _detour(case: Case) -> Refusal | None:
    factor = case.budget.detour_factor
    if factor is None:
        return None
    travel, standby = travelled(case), case.prepared.standby
    # Without a standby route, what can be said is how long the ways between its own stops have to be.
    reference_m = standby.length_m if standby else travel.shortest_m
    limit_m = reference_m * factor
    if travel.length_m <= limit_m * _ROUNDING:
        return None
    beside = "the standby route" if standby else "the shortest way over its stops"
    said = f"{travel.length_m:.1f} m, allowed are {limit_m:.1f} m ({factor:g} times {beside})"
    return Refusal(FailureMode.DETOUR_TOO_LONG, said, travel.length_m, limit_m)


def _waypoints(case: Case) -> Refusal | None:
    case.waypoints, case.pick_waypoints = travelled(case).waypoints()
    count = len(case.waypoints)
    if count <= WAYPOINTS_MAX:
        return None
    said = f"{count} waypoints, a command holds {WAYPOINTS_MAX}"
    return Refusal(FailureMode.TOO_MANY_WAYPOINTS, said, count, WAYPOINTS_MAX)


def _duration(case: Case) -> Refusal | None:
    robot_mps = case.budget.robot_speed_mps
    picking_ns = case.budget.pick_ns * len(case.picks)
    slowest_mps = min(robot_mps, case.prepared.paths.network.slowest_mps)
    if picking_ns + seconds_to_ns(travelled(case).length_m / slowest_mps) <= ROUTE_DURATION_NS_MAX:
        return None  # Even at the lowest speed limit on the map.
    duration_ns = picking_ns + seconds_to_ns(_driving_s(case.waypoints, robot_mps))
    if duration_ns <= ROUTE_DURATION_NS_MAX:
        return None
    duration_s, limit_s = duration_ns / NS_PER_S, ROUTE_DURATION_NS_MAX / NS_PER_S
    said = f"{duration_s:.0f} s, the limit is {limit_s:.0f} s"
    return Refusal(FailureMode.DURATION_TOO_LONG, said, duration_s, limit_s)


def _driving_s(waypoints: Sequence[Waypoint], robot_mps: float) -> float:
    seconds = 0.0
    for a, b in pairwise(waypoints):
        seconds += hypot(b.x - a.x, b.y - a.y) / min(b.speed_limit_mps or robot_mps, robot_mps)
    return seconds


ROUTE_RULES: Final[tuple[Rule[Case], ...]] = (
    Rule(
        "same_request",
        Stage.REQUEST,
        (FailureMode.WRONG_REQUEST,),
        "request ids that differ",
        "0",
        _same_request,
    ),
    Rule(
        "same_robot",
        Stage.REQUEST,
        (FailureMode.WRONG_ROBOT,),
        "robot ids that differ",
        "0",
        _same_robot,
    ),
    Rule(
        "only_items_asked",
        Stage.REQUEST,
        (FailureMode.ITEM_UNKNOWN,),
        "stops for a SKU that was not asked for",
        "0",
        _only_items_asked,
    ),
    Rule(
        "known_bins",
        Stage.REQUEST,
        (FailureMode.UNKNOWN_BIN,),
        "stops at a bin that is not on the map",
        "0",
        _no_item_fault(FailureMode.UNKNOWN_BIN),
    ),
    Rule(
        "right_bins",
        Stage.REQUEST,
        (FailureMode.WRONG_BIN,),
        "stops at a bin that does not hold the SKU",
        "0",
        _no_item_fault(FailureMode.WRONG_BIN),
    ),
    Rule(
        "right_quantities",
        Stage.REQUEST,
        (FailureMode.WRONG_QUANTITY,),
        "stops with another quantity than asked",
        "0",
        _no_item_fault(FailureMode.WRONG_QUANTITY),
    ),
    Rule(
        "each_item_once",
        Stage.REQUEST,
        (FailureMode.ITEM_REPEATED,),
        "stops for an item that was picked before",
        "0",
        _no_item_fault(FailureMode.ITEM_REPEATED),
    ),
    Rule(
        "every_item",
        Stage.REQUEST,
        (FailureMode.ITEM_MISSING,),
        "items that are not picked",
        "0",
        _no_item_fault(FailureMode.ITEM_MISSING),
    ),
    Rule(
        "capacity",
        Stage.REQUEST,
        (FailureMode.OVER_CAPACITY,),
        "pieces picked",
        "`capacity_pieces`",
        _capacity,
    ),
    Rule(
        "known_nodes",
        Stage.MAP,
        (FailureMode.UNKNOWN_NODE,),
        "nodes in `via` that are not on the map",
        "0",
        _known_nodes,
    ),
    Rule(
        "edges_exist",
        Stage.MAP,
        (FailureMode.NOT_AN_EDGE,),
        "hops without an edge in their direction",
        "0",
        _edges_exist,
    ),
    Rule(
        "keep_out",
        Stage.MAP,
        (FailureMode.KEEP_OUT,),
        "edges on the way that touch a closed keep-out zone",
        "0",
        _no_way_fault(FailureMode.KEEP_OUT),
    ),
    Rule(
        "open_edges",
        Stage.MAP,
        (FailureMode.EDGE_CLOSED,),
        "closed edges on the way",
        "0",
        _no_way_fault(FailureMode.EDGE_CLOSED),
    ),
    Rule(
        "reachable",
        Stage.MAP,
        (FailureMode.UNREACHABLE,),
        "legs, from stop to stop or to the goal, without an open path",
        "0",
        _no_way_fault(FailureMode.UNREACHABLE),
    ),
    Rule(
        "detour",
        Stage.BUDGET,
        (FailureMode.DETOUR_TOO_LONG,),
        "length of the way (m)",
        "`detour_factor` x the standby route (without one: the shortest way over its own stops)",
        _detour,
    ),
    Rule(
        "waypoints",
        Stage.BUDGET,
        (FailureMode.TOO_MANY_WAYPOINTS,),
        "points of the way: start, picks, turns, changes of speed limit, goal",
        f"{WAYPOINTS_MAX:,}",
        _waypoints,
    ),
    Rule(
        "duration",
        Stage.BUDGET,
        (FailureMode.DURATION_TOO_LONG,),
        "time for driving within the speed limits and for picking (s)",
        f"{ROUTE_DURATION_NS_MAX // NS_PER_S:,}",
        _duration,
    ),
)
