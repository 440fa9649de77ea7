# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A route by our own hand: the shortest tour that fulfils what was wished, as a planner's answer."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Final

from fallback_guard.core.limits import STOPS_MAX, VIA_NODES_MAX
from fallback_guard.core.openness import Block, Openness
from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import PreparedRequest, prepare
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.schema import VERSION
from fallback_guard.core.standby import shortest_through
from fallback_guard.planning.wishes import NO_WISHES, Wishes, aisle_of

_INTO_AN_AISLE_M: Final = 1e5
"""What a last leg through an aisle to avoid costs: more than any tour of a warehouse."""

_OUT_OF_TURN_M: Final = 1e6
"""What a leg against the order that is wished costs: more than an aisle, less than no way at all."""


def route_payload(
    request: PickRequest, items: Sequence[PickItem], via: Sequence[Sequence[int]] = ()
) -> bytes:
    """Return the answer of a planner that picks `items` in this order, on the way to each over the nodes of `via`."""
    ways = via or ((),) * len(items)
    stops = [
        {"bin": item.bin, "sku": item.sku, "quantity": item.quantity}
        | ({"via": list(way)} if 0 < len(way) <= VIA_NODES_MAX else {})
        for item, way in zip(items, ways, strict=True)
    ]
    ids = {"request_id": request.request_id, "robot_id": request.robot_id}
    # Not by the schema's model: a request that no route can serve is the guard's to refuse.
    return json.dumps({"version": VERSION, **ids, "stops": stops}, separators=(",", ":")).encode()


def tour_payload(request: PickRequest, paths: Paths, wishes: Wishes = NO_WISHES) -> bytes | None:
    """Return the answer that drives the shortest tour which fulfils the wishes; None where there is no tour.

    A wish that cannot be fulfilled is fulfilled as far as it can be: an aisle is driven through only for the items
    that lie in it, and where the robot starts or ends there.
    """
    known = paths.warehouse.bins
    ends = {request.start_node, request.goal_node}
    if (
        len(request.items) > STOPS_MAX
        or not ends <= paths.warehouse.nodes.keys()
        or not all(item.bin in known for item in request.items)
    ):
        return None
    needed = [item.bin for item in request.items]
    needed += [name for node in ends for name in paths.warehouse.nodes[node].bins]
    around = _around(paths, wishes.avoid - {aisle_of(name) for name in needed})
    for ways in dict.fromkeys((around, paths)):
        prepared = prepare(request, ways, start_node=request.start_node)
        order = _order(prepared, wishes, paths)
        if order is not None:
            via = () if ways is paths else _via(prepared, order)
            return route_payload(request, order, via)
    return None


def _around(paths: Paths, aisles: frozenset[str]) -> Paths:
    """Return the ways that are left without the edges between two nodes of one of `aisles`, if there are any."""
    nodes = paths.warehouse.nodes
    inside = {
        node.id: here
        for node in nodes.values()
        if (here := {aisle_of(name) for name in node.bins} & (aisles - {""}))
    }
    if not inside:
        return paths
    blocked = {
        pair: Block.CLOSED
        for pair in paths.warehouse.edges
        if inside.get(pair[0], set()) & inside.get(pair[1], set())
    }
    opened: Openness = replace(paths.openness, blocked={**blocked, **paths.openness.blocked})
    return Paths(paths.warehouse, opened, network=paths.network)


def _order(prepared: PreparedRequest, wishes: Wishes, usual: Paths) -> tuple[PickItem, ...] | None:
    """Return the items in the shortest order that goes from the first ones over the others to the last ones."""
    items = sorted(prepared.request.items)
    rank = [0 if item in wishes.first else 2 if item in wishes.last else 1 for item in items]
    places = [
        prepared.start_place,
        *(prepared.place_of_bin[item.bin] for item in items),
        prepared.goal_place,
    ]
    ranks = [-1, *rank, 3]
    table = [[prepared.legs.distance_m[a][b] for b in places] for a in places]
    for row, here in zip(table, ranks, strict=True):
        for column, there in enumerate(ranks):
            row[column] += _OUT_OF_TURN_M * (there < here)
    # The last leg is the guard's to fill in, by the shortest way of all: of two as short, it may be the one not wished.
    goal = len(places) - 1
    legs, blocked = usual.legs(prepared.legs.nodes), prepared.paths.openness.blocked
    for place, row in zip(places, table, strict=True):
        way = legs.way(place, prepared.goal_place) or ()
        row[goal] += _INTO_AN_AISLE_M * any(pair in blocked for pair in pairwise(way))

    def length_m(order: Sequence[int]) -> float:
        return sum(table[a][b] for a, b in pairwise((0, *order, goal)))

    found = shortest_through(table)
    # A long tour is improved step by step, which may end before the last wish is fulfilled.
    order = min((found, sorted(found, key=ranks.__getitem__)), key=length_m)
    return None if length_m(order) == inf else tuple(items[number - 1] for number in order)


def _via(prepared: PreparedRequest, order: Sequence[PickItem]) -> list[tuple[int, ...]]:
    """Return the nodes between each two places of a tour, but for the way to the goal."""
    places = (prepared.start_place, *(prepared.place_of_bin[item.bin] for item in order))
    return [(prepared.legs.way(a, b) or ())[1:-1] for a, b in pairwise(places)]
