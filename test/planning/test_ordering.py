# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Routes by our own hand: as short as they can be, as wished as far as that goes, and accepted by the guard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, permutations
from math import inf
from random import Random
from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import world
from fallback_guard.core.config import guard_config
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import STOPS_MAX
from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.standby import shortest_through
from fallback_guard.core.warehouse import Node
from fallback_guard.core.waypoint import Waypoint
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.planning.ordering import route_payload, tour_payload
from fallback_guard.planning.wishes import NO_WISHES, Wishes, aisle_of

WAREHOUSE: Final = load_warehouse(world.SAMPLE)
PATHS: Final = Paths(WAREHOUSE)
JUDGE: Final = Judge(
    config=guard_config({"detour_factor": 10.0, "capacity_pieces": 1_000}), paths=PATHS
)
AISLES: Final = ("A", "B", "C", "D")

BINS: Final = st.sampled_from(sorted(WAREHOUSE.bins))
SHARES: Final = st.sampled_from(["first", "last", "any"])
REACHED: Final = sorted(
    node
    for node in WAREHOUSE.nodes
    if max(PATHS.distance_m(1, node), PATHS.distance_m(node, 1)) < inf
)
NODES: Final = st.sampled_from(REACHED)
CORRIDORS: Final = st.sampled_from([node for node in REACHED if not WAREHOUSE.nodes[node].bins])


def asked(
    bins: list[str], *, start: int = 1, goal: int = 30, quantity: int = 1, sku: str = "S-{}"
) -> PickRequest:
    """Return a request for one item of each of these bins."""
    items = tuple(
        PickItem(bin=name, sku=sku.format(number), quantity=quantity)
        for number, name in enumerate(bins)
    )
    return PickRequest(
        request_id="R-1", robot_id="picker_1", start_node=start, goal_node=goal, items=items
    )


def wishing(request: PickRequest, shares: list[str], avoid: set[str] | None = None) -> Wishes:
    """Return wishes that say one of `shares` of each item."""
    of = {
        share: frozenset(
            item for item, said in zip(request.items, shares, strict=False) if said == share
        )
        for share in ("first", "last")
    }
    return Wishes(first=of["first"], last=of["last"], avoid=frozenset(avoid or ()))


def driven(request: PickRequest, wishes: Wishes, paths: Paths = PATHS) -> ValidatedRoute:
    """Return what the guard makes of the tour, which it has to accept."""
    payload = tour_payload(request, paths, wishes)
    assert payload is not None
    judge = (
        JUDGE
        if paths is PATHS
        else Judge(config=guard_config({"detour_factor": 10.0}), paths=paths)
    )
    verdict = judge.verdict(judge.prepare(request, request.start_node), payload, source="tour")
    assert verdict.route is not None, verdict.refusal
    return verdict.route


def rank_of(item: PickItem, wishes: Wishes) -> int:
    return 0 if item in wishes.first else 2 if item in wishes.last else 1


def ranks(route: ValidatedRoute, request: PickRequest, wishes: Wishes) -> list[int]:
    """Return when each pick of a route is wished to come: 0 first, 2 last."""
    of = {(item.bin, item.sku): rank_of(item, wishes) for item in request.items}
    return [of[name, sku] for name, sku, _ in route.picks]


def aisles_between(points: Sequence[Waypoint | Node]) -> set[str]:
    """Return the aisles in which one drives from one bin's node to another."""
    found: set[str] = set()
    for here, there in pairwise((point.x, point.y) for point in points):
        inside = [
            aisle_of(node.bins[0])
            for node in WAREHOUSE.nodes.values()
            if node.bins
            and min(here[0], there[0]) <= node.x <= max(here[0], there[0])
            and min(here[1], there[1]) <= node.y <= max(here[1], there[1])
        ]
        found |= {aisle for aisle in inside if inside.count(aisle) > 1}
    return found


def best_m(request: PickRequest, wishes: Wishes) -> float:
    """Return the length of the shortest tour over all orders that fulfil the wishes of what comes when."""
    shortest = inf
    for order in permutations(request.items):
        said = [rank_of(item, wishes) for item in order]
        if said == sorted(said):
            nodes = [
                request.start_node,
                *(WAREHOUSE.bins[item.bin] for item in order),
                request.goal_node,
            ]
            shortest = min(shortest, sum(PATHS.distance_m(a, b) for a, b in pairwise(nodes)))
    return shortest


# Tours on the sample map.


@settings(max_examples=60)
@given(
    st.lists(BINS, min_size=1, max_size=5), st.lists(SHARES, min_size=5, max_size=5), NODES, NODES
)
def test_a_tour_is_the_shortest_one_that_fulfils_the_wishes(
    bins: list[str], shares: list[str], start: int, goal: int
) -> None:
    request = asked(bins, start=start, goal=goal)
    wishes = wishing(request, shares)
    route = driven(request, wishes)
    said = ranks(route, request, wishes)
    assert said == sorted(said)
    assert route.length_m == pytest.approx(best_m(request, wishes))


@settings(max_examples=60)
@given(
    st.lists(BINS, min_size=1, max_size=6),
    st.lists(SHARES, min_size=6, max_size=6),
    st.sets(st.sampled_from(AISLES), max_size=2),
    CORRIDORS,
    CORRIDORS,
)
def test_an_aisle_is_driven_through_only_for_what_lies_there(
    bins: list[str], shares: list[str], avoid: set[str], start: int, goal: int
) -> None:
    request = asked(bins, start=start, goal=goal)
    wishes = wishing(request, shares, avoid)
    route = driven(request, wishes)
    said = ranks(route, request, wishes)
    assert said == sorted(said)
    avoided = avoid - {aisle_of(name) for name in bins}
    last_pick = route.pick_waypoints[-1]
    assert not aisles_between(route.waypoints[: last_pick + 1]) & avoided
    # From the last pick on the guard drives as it likes: only what comes last can be chosen.
    latest = max(rank_of(item, wishes) for item in request.items)
    lasts = [item for item in request.items if rank_of(item, wishes) == latest]
    ends = [PATHS.path(WAREHOUSE.bins[item.bin], goal) or () for item in lasts]
    drives = [aisles_between([WAREHOUSE.nodes[node] for node in end]) & avoided for end in ends]
    assert not aisles_between(route.waypoints[last_pick:]) & avoided or all(drives)


@pytest.mark.parametrize(("start", "goal"), [(33, 30), (1, 33), (33, 35)])
def test_who_starts_or_ends_in_an_aisle_stays_out_of_the_others(start: int, goal: int) -> None:
    request = asked(["A-12", "D-12"], start=start, goal=goal)
    route = driven(request, Wishes(avoid=frozenset({"B", "C"})))
    assert "B" not in aisles_between(route.waypoints)


@pytest.mark.parametrize("seed", range(20))
def test_a_long_list_is_driven_as_wished(seed: int) -> None:
    """Beyond ten items the tour is a short one, and the shortest one by luck."""
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    count = random.randint(11, STOPS_MAX)
    request = asked(random.sample(sorted(WAREHOUSE.bins), count))
    wishes = wishing(request, random.choices(["first", "last", "any"], k=count))
    said = ranks(driven(request, wishes), request, wishes)
    assert said == sorted(said)


# Maps and requests without a tour, or with few.


@pytest.mark.parametrize(
    ("request_", "is_there"),
    [
        (asked(["A-1", "C-1"], goal=1), True),
        (asked([], goal=4), True),
        (asked(["A-1", "A-1", "A-2"], goal=4), True),
        (asked(["A-1"], goal=4, quantity=0), True),
        (asked(["A-1"], goal=4, sku="\ud800\0 {}"), True),
        (asked(["A-1"], goal=2**70), False),
        (asked(["A-1"], start=-1, goal=4), False),
        (asked(["NO-1"], goal=4), False),
        (asked(["X-1"], goal=4), False),
        (asked(["A-1"] * (STOPS_MAX + 1), goal=4), False),
        (asked([""], goal=4), False),
    ],
)
@pytest.mark.parametrize("avoid", [frozenset[str](), frozenset({"B"}), frozenset({"", "?", "ZZ"})])
def test_any_request_has_a_tour_or_none(
    request_: PickRequest, *, is_there: bool, avoid: frozenset[str]
) -> None:
    """On the small map, where no open path leads to X-1."""
    payload = tour_payload(request_, Paths(world.warehouse()), Wishes(avoid=avoid))
    assert (payload is not None) == is_there
    stops = json.loads(payload)["stops"] if payload else []
    assert len(stops) == (len(request_.items) if payload else 0)


def test_a_tour_goes_with_a_one_way_aisle() -> None:
    """From 2 to 6 to 5 leads a way in one direction; through it a tour from 2 may go, and not back."""
    paths = Paths(world.warehouse())
    request = asked(["A-1", "B-1", "C-1"], start=1, goal=1)
    for shares in (["first", "any", "any"], ["last", "any", "first"], ["any", "last", "any"]):
        wishes = wishing(request, shares)
        said = ranks(driven(request, wishes, paths), request, wishes)
        assert said == sorted(said)


@given(
    st.lists(
        st.lists(st.floats(0, 100) | st.just(inf), min_size=6, max_size=6), min_size=6, max_size=6
    )
)
def test_any_table_of_distances_has_its_shortest_order(table: list[list[float]]) -> None:
    """Directed, with gaps: as short as the best of all orders."""

    def length_m(order: tuple[int, ...]) -> float:
        return sum(table[a][b] for a, b in pairwise((0, *order, 5)))

    order = tuple(shortest_through(table))
    assert sorted(order) == [1, 2, 3, 4]
    best = min(length_m(one) for one in permutations(range(1, 5)))
    assume(best < inf)
    assert length_m(order) == pytest.approx(best)


# Writing it down.


def test_a_route_names_the_ids_of_its_request_and_its_stops_in_order() -> None:
    request = replace(asked(["B-1", "A-1"]), request_id="R-\N{SNOWMAN}")
    ways = [(5, 6), ()]
    assert json.loads(route_payload(request, request.items, ways)) == {
        "version": 1,
        "request_id": "R-\N{SNOWMAN}",
        "robot_id": "picker_1",
        "stops": [
            {"bin": "B-1", "sku": "S-0", "quantity": 1, "via": [5, 6]},
            {"bin": "A-1", "sku": "S-1", "quantity": 1},
        ],
    }


def test_without_a_wish_nothing_is_said_of_the_way() -> None:
    """The guard fills in the shortest ways itself."""
    for wishes in (NO_WISHES, Wishes(avoid=frozenset({"A"}))):
        payload = tour_payload(asked(["A-01", "C-01"]), PATHS, wishes)
        assert payload is not None
        assert b"via" not in payload
