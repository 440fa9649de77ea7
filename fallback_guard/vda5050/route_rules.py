# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""When an order of VDA 5050 can be said as a pick route on the map: one table of rules.

To add a rule, write its check and add its row to `ROUTE_RULES`.
"""

import re
from math import dist
from typing import Final

from pydantic import ValidationError

from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import STOPS_MAX, VIA_NODES_MAX
from fallback_guard.core.request import PickItem
from fallback_guard.core.schema import NODE_ID_MAX
from fallback_guard.vda5050.case import Case, OrderRule, OrderStop, Violation
from fallback_guard.vda5050.document import Pick, first_problem
from fallback_guard.vda5050.errors import (
    ACTION,
    MALFORMED,
    TOO_LARGE,
    UNKNOWN_MAP,
    UNREACHABLE,
    UNSUPPORTED,
)
from fallback_guard.vda5050.order import DIALECTS, PICK, PICK_BLOCKING, PickParameter

POSITION_TOLERANCE_M: Final = 0.1
"""How far a node may be from where the map has it: positions are often rounded to centimetres."""

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,9}")


# The map: every node and edge is one of the warehouse's.


def _nodes_on_the_map(case: Case) -> Violation | None:
    for node in case.order.nodes:
        number = int(node.node_id) if _NUMBER.fullmatch(node.node_id) else NODE_ID_MAX + 1
        if number not in case.warehouse.nodes:
            return Violation(f"{node.called} is not", (node.reference,))
        case.way.append(number)
    return None


def _map_id(case: Case) -> Violation | None:
    for node in case.order.nodes:
        if node.node_position is None or case.map_id is None:
            continue
        said = node.node_position.map_id
        if said != case.map_id:
            return Violation(
                f"{node.called} is on {printable(said)!r}",
                (("mapId", printable(said)), node.reference),
            )
    return None


def _edges_on_the_map(case: Case) -> Violation | None:
    for edge, (start, end) in case.hops:
        if (start, end) not in case.warehouse.edges:
            return Violation(f"none leads from node {start} to node {end}", (edge.reference,))
    return None


def _positions(case: Case) -> Violation | None:
    for said, number in zip(case.order.nodes, case.way, strict=True):
        position, node = said.node_position, case.warehouse.nodes[number]
        if position is None:
            continue
        off_m = dist((position.x, position.y), (node.x, node.y))
        if off_m > POSITION_TOLERANCE_M:
            return Violation(f"{said.called} is {off_m:.3g} m from it", (said.reference,))
    return None


def _allowed_deviations(case: Case) -> Violation | None:
    for node in case.order.nodes:
        said_m = None if node.node_position is None else node.node_position.deviation_m
        if said_m is not None and said_m < case.allowed_deviation_m:
            return Violation(
                f"{node.called} has {said_m:g} m, start_tolerance_m is {case.allowed_deviation_m:g} m",
                (("parameter", "allowedDeviationXY"), node.reference),
            )
    return None


def _edge_ids(case: Case) -> Violation | None:
    for edge, pair in case.hops:
        # Twin edges are one on the map, and each of their ids leads to it.
        number = int(edge.edge_id) if _NUMBER.fullmatch(edge.edge_id) else -1
        if case.warehouse.edge_pairs.get(number) != pair:
            due = case.warehouse.edges[pair].id
            return Violation(
                f"{edge.called} stands where the map has edge {due}", (edge.reference,)
            )
    return None


def _speed_limits(case: Case) -> Violation | None:
    for edge, pair in case.hops:
        limit_mps, known_mps = edge.speed_limit_mps, case.warehouse.edges[pair].speed_limit_mps
        if limit_mps is not None and (known_mps is None or limit_mps < known_mps):
            on_map = "none" if known_mps is None else f"{known_mps:g} m/s"
            return Violation(
                f"{edge.called} is limited to {limit_mps:g} m/s, the map has {on_map}",
                (("parameter", DIALECTS[case.version].speed), edge.reference),
            )
    return None


# The picks.


def _no_actions_on_edges(case: Case) -> Violation | None:
    for edge in case.order.edges:
        for action in edge.actions:
            return Violation(f"{edge.called} has one", (action.reference, edge.reference))
    return None


def _only_picks(case: Case) -> Violation | None:
    for _, action in case.actions:
        if (action.action_type, action.blocking_type) != (PICK, PICK_BLOCKING):
            return Violation(
                f"there is {printable(action.action_type)!r}, {printable(action.blocking_type)}",
                (action.reference,),
            )
    return None


def _a_pick(case: Case) -> Violation | None:
    return None if any(case.actions) else Violation("it has none")


def _not_too_many_picks(case: Case) -> Violation | None:
    count = sum(1 for _ in case.actions)
    return None if count <= STOPS_MAX else Violation(f"it has {count}")


def _pick_parameters(case: Case) -> Violation | None:
    for place, action in case.actions:
        keys = [parameter.key for parameter in action.action_parameters]
        if len(set(keys)) < len(keys):
            return Violation("a parameter stands twice", (action.reference,))
        said = {parameter.key: parameter.value for parameter in action.action_parameters}
        try:
            pick = Pick.model_validate(said)
        except ValidationError as error:
            name, problem = first_problem(error)
            return Violation(problem, (action.reference, ("parameter", name)))
        case.picks.append((place, PickItem(bin=pick.bin, sku=pick.sku, quantity=pick.quantity)))
    return None


def _picked_at_the_bin(case: Case) -> Violation | None:
    for (place, item), (_, action) in zip(case.picks, case.actions, strict=True):
        if case.warehouse.bins.get(item.bin) != case.way[place]:
            return Violation(
                f"bin {item.bin} is not at node {case.way[place]}", (action.reference,)
            )
    return None


# The way: what a route can say.


def _way_to_each_pick(case: Case) -> Violation | None:
    here = 0
    for place, item in case.picks:
        leg = tuple(case.way[here : place + 1])
        shortest = case.shortest_path(leg[0], leg[-1])
        via = leg[1:-1]
        if shortest is not None and tuple(shortest) == leg:
            via = ()
        elif not 1 <= len(via) <= VIA_NODES_MAX:
            return Violation(
                f"to bin {item.bin} it passes {len(via)} nodes, and not on the shortest open path",
                (case.order.nodes[place].reference,),
            )
        case.stops.append(OrderStop(item=item, via=via))
        here = place
    return None


def _way_to_the_end(case: Case) -> Violation | None:
    leg = tuple(case.way[case.picks[-1][0] :])
    shortest = case.shortest_path(leg[0], leg[-1])
    if shortest is None or tuple(shortest) != leg:
        return Violation(
            f"from node {leg[0]} to node {leg[-1]} it takes another way",
            (case.order.nodes[-1].reference,),
        )
    return None


ROUTE_RULES: Final[tuple[tuple[OrderRule, ...], ...]] = (
    (
        OrderRule(_nodes_on_the_map, UNREACHABLE, "every node is on the map"),
        OrderRule(_map_id, UNKNOWN_MAP, "every position is on the map that is loaded"),
    ),
    (
        OrderRule(_edges_on_the_map, UNREACHABLE, "every edge is on the map"),
        OrderRule(
            _positions,
            MALFORMED,
            f"a node is at most {POSITION_TOLERANCE_M} m from where the map has it",
        ),
    ),
    (
        OrderRule(
            _allowed_deviations,
            UNSUPPORTED,
            "no allowedDeviationXY is less than the guard's, since a route says none",
        ),
        OrderRule(_edge_ids, MALFORMED, "an edgeId is that of the map's edge there"),
        OrderRule(
            _speed_limits,
            UNSUPPORTED,
            "no speed limit is lower than the map's, since a route says no speeds",
        ),
        OrderRule(_no_actions_on_edges, ACTION, "no edge has an action"),
        OrderRule(_only_picks, ACTION, f"every action is a {PICK} and {PICK_BLOCKING}"),
        OrderRule(_a_pick, ACTION, "an order picks something"),
        OrderRule(_not_too_many_picks, TOO_LARGE, f"an order has at most {STOPS_MAX} picks"),
    ),
    (
        OrderRule(
            _pick_parameters,
            ACTION,
            f"a pick says {', '.join(parameter.value for parameter in PickParameter)} and no more",
        ),
    ),
    (OrderRule(_picked_at_the_bin, ACTION, "a pick is at the node of the bin it names"),),
    (
        OrderRule(
            _way_to_each_pick,
            UNSUPPORTED,
            f"the way to a pick is the shortest open path, or passes 1 to {VIA_NODES_MAX} nodes",
        ),
        OrderRule(
            _way_to_the_end,
            UNSUPPORTED,
            "the way from the last pick to the end is the shortest open path",
        ),
    ),
)
"""The rules for what the message says to drive and to pick."""
