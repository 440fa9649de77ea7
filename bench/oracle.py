# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a valid route is, said a second time: from the route schema and the rules of docs, not from the guard's code.

Each stage looks at the whole route in the plainest way there is.  Of two answers to the same question, the guard's
and this one, at least one is wrong where they differ.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from math import hypot, inf, isinf
from typing import TYPE_CHECKING, Final, NoReturn, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_guard.core.config import GuardConfig
    from fallback_guard.core.request import PickRequest
    from oracle_map import OracleMap

VALID: Final = "valid"
STAGES: Final = ("envelope", "schema", "request", "map", "budget")

ROUNDING: Final = 1.0 + 1e-9
"""Two sums of the same lengths, in another order, may differ by so much."""

_NESTING_MAX: Final = 8
WAYPOINTS_MAX: Final = 1_024
DURATION_S_MAX: Final = 3_600.0
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_ROUTE_KEYS: Final = {"version", "request_id", "robot_id", "stops"}
_STOP_KEYS: Final = {"bin", "sku", "quantity"}

Stop = tuple[str, str, int, tuple[int, ...]]
"""Bin, SKU, quantity, and the nodes on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is right to say of an answer: VALID, or the stage at which it fails; both where that cannot be told.

    `length_m` and `picks` are those of a route that can be driven.
    """

    right: frozenset[str]
    length_m: float = inf
    picks: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What an answer is judged by.  `start` is where the robot is, `standby_m` the standby route's length."""

    request: PickRequest
    start: int
    standby_m: float
    config: GuardConfig
    ground: OracleMap


def _fails(*stages: str) -> Judgement:
    return Judgement(right=frozenset(stages))


def judge(payload: bytes, given: Circumstances) -> Judgement:
    """Say what is right to say of an answer."""
    if len(payload) > given.config.payload_bytes_max:
        return _fails("envelope")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end == len(payload):  # Perhaps a character that was cut in two.
            return _fails("envelope", "schema")
        return _fails("envelope")
    try:
        document: object = json.loads(
            text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite
        )
    except (ValueError, RecursionError):
        return _fails("envelope", "schema")  # Which one depends on why.
    if _depth(text) > _NESTING_MAX:
        return _fails("envelope")
    stops = _route(document)
    if stops is None:
        return _fails("schema")
    route = cast("dict[str, str]", document)
    if not _answers(route["request_id"], route["robot_id"], stops, given):
        return _fails("request")
    return _driven(stops, given)


# JSON and the schema


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(literal: str) -> float:
    if isinf(float(literal)):
        raise ValueError(literal)
    return float(literal)


def _depth(text: str) -> int:
    deepest = level = 0
    for sign in _STRING.sub("", text):
        level += (sign in "[{") - (sign in "]}")
        deepest = max(deepest, level)
    return deepest


def _is_identifier(value: object) -> bool:
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _route(document: object) -> list[Stop] | None:
    """Return the stops of a route that follows the schema."""
    if not isinstance(document, dict) or set(document) != _ROUTE_KEYS:
        return None
    if not _is_whole(document["version"], 1, 1):
        return None
    if not _is_identifier(document["request_id"]) or not _is_identifier(document["robot_id"]):
        return None
    stops = document["stops"]
    if not isinstance(stops, list) or not 1 <= len(stops) <= 32:  # the schema's
        return None
    read = [_stop(stop) for stop in stops]
    return None if None in read else cast("list[Stop]", read)


def _stop(stop: object) -> Stop | None:
    if not isinstance(stop, dict) or set(stop) - {"via"} != _STOP_KEYS:
        return None
    if not _is_identifier(stop["bin"]) or not _is_identifier(stop["sku"]):
        return None
    if not _is_whole(stop["quantity"], 1, 1_000):
        return None
    via = stop.get("via")
    if via is None:
        via = []
    if not isinstance(via, list) or len(via) > 128:  # the schema's
        return None
    if not all(_is_whole(node, 0, 2**32 - 1) for node in via):
        return None
    return stop["bin"], stop["sku"], stop["quantity"], tuple(via)


# The request


def _answers(request_id: str, robot_id: str, stops: Sequence[Stop], given: Circumstances) -> bool:
    request = given.request
    if (request_id, robot_id) != (request.request_id, request.robot_id):
        return False
    asked = Counter((item.bin, item.sku, item.quantity) for item in request.items)
    if Counter(stop[:3] for stop in stops) != asked:
        return False
    return sum(stop[2] for stop in stops) <= given.config.capacity_pieces


# The map and the budget


def _driven(stops: Sequence[Stop], given: Circumstances) -> Judgement:
    """Drive the route in mind, hop by hop.

    Where a leg is left to the guard, nobody says which of several equally short paths it takes, so that its
    time and its turns are only known within bounds.
    """
    ground = given.ground
    robot_mps = given.config.robot_speed_mps
    slowest_mps = min(robot_mps, ground.slowest_mps)
    legs = [(ground.bins[stop[0]], stop[3]) for stop in stops] + [(given.request.goal_node, ())]
    here = given.start
    length_m = least_s = most_s = 0.0
    least_turns = most_turns = 1
    for there, via in legs:
        if via:
            nodes = (here, *via, there)
            hops = [ground.hops.get(pair) for pair in pairwise(nodes)]
            if not all(hop is not None and hop.open for hop in hops):
                return _fails("map")
            driven = [hop for hop in hops if hop is not None]
            leg_m = sum(hop.length_m for hop in driven)
            leg_s = sum(hop.length_m / min(hop.limit_mps or inf, robot_mps) for hop in driven)
            turns = 1 + _turns(ground, nodes)
            least_s, most_s = least_s + leg_s, most_s + leg_s
            least_turns, most_turns = least_turns + turns, most_turns + turns
        else:
            leg_m = ground.distance_m(here, there)
            if isinf(leg_m):
                return _fails("map")
            least_s, most_s = least_s + leg_m / robot_mps, most_s + leg_m / slowest_mps
            least_turns += here != there
            most_turns += len(ground.path(here, there) or ()) - 1
        length_m += leg_m
        here = there
    picking_s = given.config.pick_time_s * len(stops)
    if length_m > given.standby_m * given.config.detour_factor * ROUNDING:
        return _fails("budget")
    if least_turns > WAYPOINTS_MAX or picking_s + least_s > DURATION_S_MAX * ROUNDING:
        return _fails("budget")
    told = most_turns <= WAYPOINTS_MAX and picking_s + most_s <= DURATION_S_MAX
    return Judgement(
        right=frozenset({VALID}) if told else frozenset({VALID, "budget"}),
        length_m=length_m,
        picks=tuple(stop[:3] for stop in stops),
    )


def _turns(ground: OracleMap, nodes: Sequence[int]) -> int:
    """Count the nodes between the first and the last at which direction or speed limit changes."""
    count = 0
    for a, b, c in zip(nodes, nodes[1:], nodes[2:], strict=False):
        (x1, y1), (x2, y2), (x3, y3) = ground.nodes[a], ground.nodes[b], ground.nodes[c]
        cross = (x2 - x1) * (y3 - y2) - (y2 - y1) * (x3 - x2)
        along = (x2 - x1) * (x3 - x2) + (y2 - y1) * (y3 - y2)
        straight = along > 0 and abs(cross) <= 1e-6 * hypot(x2 - x1, y2 - y1) * hypot(
            x3 - x2, y3 - y2
        )
        count += not straight or ground.hops[a, b].limit_mps != ground.hops[b, c].limit_mps
    return count
