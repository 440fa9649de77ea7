# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Faults in what an answer says: other items than were asked for, ways that are none, ways that are too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Final, cast

from answers import Case, Document, identifier, plain, there_and_back
from fallback_guard.core.limits import QUANTITY_MAX, STOPS_MAX, VIA_NODES_MAX, WAYPOINTS_MAX
from grounds import Ground
from mutations_text import Make
from oracle_map import Pair

Change = Callable[[Random, Case, list[Document]], list[Document] | None]
"""Returns the stops of a faulty route, made of the valid ones, or None where its fault does not apply."""


def stops_changed(change: Change) -> Make:
    """Write a route with other stops."""

    def make(random: Random, case: Case) -> bytes | None:
        document, stops = case.copy()
        changed = change(random, case, stops)
        if changed is None:
            return None
        document["stops"] = changed
        return plain(document).encode()

    return make


def _without_ways(stops: Sequence[Document]) -> None:
    """Leave every way to the guard, so that nothing else is wrong with it."""
    for stop in stops:
        stop.pop("via", None)


# The request


def _other_name(random: Random, name: str) -> str:
    """Return another identifier: any, or one that looks much the same."""
    near = [name.swapcase(), name[:-1], f"{name}0"[-64:], name[::-1], identifier(random)]
    return random.choice([other for other in near if other and other != name] or ["other"])


def _with_name(key: str) -> Make:
    def make(random: Random, case: Case) -> bytes:
        name = _other_name(random, str(case.answer[key]))
        return plain(case.answer | {key: name}).encode()

    return make


other_request: Final = _with_name("request_id")
other_robot: Final = _with_name("robot_id")


def dropped_stop(random: Random, _case: Case, stops: list[Document]) -> list[Document] | None:
    if len(stops) == 1:
        return None
    del stops[random.randrange(len(stops))]
    return stops


def repeated_stop(random: Random, _case: Case, stops: list[Document]) -> list[Document] | None:
    if len(stops) == STOPS_MAX:
        return None
    stops.insert(random.randint(0, len(stops)), dict(random.choice(stops), via=None))
    return stops


def one_for_another(random: Random, _case: Case, stops: list[Document]) -> list[Document] | None:
    """Leave out one stop and make another twice."""
    if len(stops) == 1:
        return None
    _without_ways(stops)
    gone, kept = random.sample(range(len(stops)), 2)
    stops[gone] = dict(stops[kept])
    return stops


def _swapped(key: str) -> Change:
    """Exchange what two stops say."""

    def change(random: Random, _case: Case, stops: list[Document]) -> list[Document] | None:
        if len({stop[key] for stop in stops}) == 1:
            return None
        _without_ways(stops)
        one = random.choice(stops)
        other = random.choice([stop for stop in stops if stop[key] != one[key]])
        one[key], other[key] = other[key], one[key]
        return stops

    return change


swapped_bins: Final = _swapped("bin")
swapped_skus: Final = _swapped("sku")
swapped_quantities: Final = _swapped("quantity")


def other_quantity(random: Random, _case: Case, stops: list[Document]) -> list[Document]:
    stop = random.choice(stops)
    asked = cast("int", stop["quantity"])
    near = [asked + 1, asked - 1, 10 * asked, random.randint(1, QUANTITY_MAX)]
    allowed = [count for count in near if 1 <= count <= QUANTITY_MAX and count != asked]
    stop["quantity"] = random.choice(allowed or [1 + asked % 2])
    return stops


def split_line(random: Random, _case: Case, stops: list[Document]) -> list[Document] | None:
    """Pick one line in two goes."""
    large = [place for place, stop in enumerate(stops) if cast("int", stop["quantity"]) > 1]
    if not large or len(stops) == STOPS_MAX:
        return None
    place = random.choice(large)
    whole = cast("int", stops[place]["quantity"])
    part = random.randint(1, whole - 1)
    rest = dict(stops[place], quantity=whole - part, via=None)
    stops[place]["quantity"] = part
    return [*stops[: place + 1], rest, *stops[place + 1 :]]


def other_sku(random: Random, _case: Case, stops: list[Document]) -> list[Document]:
    stop = random.choice(stops)
    stop["sku"] = _other_name(random, str(stop["sku"]))
    return stops


def unknown_bin(random: Random, case: Case, stops: list[Document]) -> list[Document]:
    stop = random.choice(stops)
    name = _other_name(random, str(stop["bin"]))
    stop["bin"] = name if name not in case.question.ground.oracle.bins else "NO-SUCH-BIN"
    return stops


def other_bin(random: Random, case: Case, stops: list[Document]) -> list[Document]:
    """Send the robot to a bin that is on the map, and often at the same node."""
    stop = random.choice(stops)
    bins = case.question.ground.oracle.bins
    here = bins[str(stop["bin"])]
    beside = [name for name in _some_bins(random, case) if name != stop["bin"]]
    same_node = [name for name in beside if bins[name] == here]
    stop["bin"] = random.choice(random.choice([beside, same_node or beside]))
    return stops


def _some_bins(random: Random, case: Case) -> list[str]:
    bins = list(case.question.ground.oracle.bins)
    return random.sample(bins, min(40, len(bins)))


def strangers_item(random: Random, case: Case, stops: list[Document]) -> list[Document] | None:
    """Add an item of another request."""
    if len(stops) == STOPS_MAX:
        return None
    bin_name = random.choice(_some_bins(random, case))
    stop: Document = {"bin": bin_name, "sku": identifier(random), "quantity": 1}
    return [*stops, stop]


def as_it_was(_random: Random, case: Case) -> bytes:
    return case.payload


# The map


def _vias(stops: Sequence[Document]) -> list[int]:
    """Return the places of the stops that say how to get there."""
    return [place for place, stop in enumerate(stops) if stop.get("via")]


def _say_shortest_ways(case: Case, stops: list[Document]) -> None:
    oracle = case.question.ground.oracle
    for stop, (here, there) in zip(stops, pairwise(case.question.places(stops)), strict=False):
        via = list(oracle.path(here, there) or ())[1:-1]
        if len(via) <= VIA_NODES_MAX:
            stop["via"] = via


def _edited(edit: Callable[[Random, Case, list[int]], list[int] | None]) -> Change:
    """Change what one stop says of the way to it; where none says anything, say one first."""

    def change(random: Random, case: Case, stops: list[Document]) -> list[Document] | None:
        said = _vias(stops)
        if not said:
            _say_shortest_ways(case, stops)
            said = _vias(stops)
        if not said:
            return None
        stop = stops[random.choice(said)]
        via = edit(random, case, cast("list[int]", stop["via"]))
        if via is None or len(via) > VIA_NODES_MAX:
            return None
        stop["via"] = via
        return stops

    return change


def _with_unknown(random: Random, case: Case, via: list[int]) -> list[int]:
    nodes = case.question.ground.oracle.nodes
    unknown = random.choice([max(nodes) + 1, 2**32 - 1, *(n for n in (0,) if n not in nodes)])
    via.insert(random.randint(0, len(via)), unknown)
    return via


def _without_one(random: Random, _case: Case, via: list[int]) -> list[int]:
    del via[random.randrange(len(via))]
    return via


def _jump(random: Random, case: Case, via: list[int]) -> list[int]:
    via.insert(random.randint(0, len(via)), random.choice(list(case.question.ground.oracle.nodes)))
    return via


def _turned_round(_random: Random, _case: Case, via: list[int]) -> list[int] | None:
    return via[::-1] if len(via) > 1 else None


def _exchanged(random: Random, _case: Case, via: list[int]) -> list[int] | None:
    if len(via) == 1:
        return None
    place = random.randrange(len(via) - 1)
    via[place], via[place + 1] = via[place + 1], via[place]
    return via


def _stuttered(random: Random, _case: Case, via: list[int]) -> list[int]:
    place = random.randrange(len(via))
    return via[: place + 1] + via[place:]


unknown_node: Final = _edited(_with_unknown)
skipped_node: Final = _edited(_without_one)
jump: Final = _edited(_jump)
reversed_via: Final = _edited(_turned_round)
exchanged_nodes: Final = _edited(_exchanged)
node_twice: Final = _edited(_stuttered)


def ends_in_via(random: Random, case: Case, stops: list[Document]) -> list[Document]:
    """Name the places that a leg joins among the nodes between them."""
    place = random.randrange(len(stops))
    here, there = case.question.places(stops)[place : place + 2]
    nodes = list(case.question.ground.oracle.path(here, there) or ())
    stops[place]["via"] = random.choice([nodes, nodes[:-1], nodes[1:]])[:VIA_NODES_MAX]
    return stops


def _over(pairs: Callable[[Ground], Sequence[Pair]]) -> Change:
    """Lead the way to a stop over one of these pairs of nodes, there and from there on by open paths if there are."""

    def change(random: Random, case: Case, stops: list[Document]) -> list[Document] | None:
        ground = case.question.ground
        places = case.question.places(stops)
        wanted = pairs(ground)
        for first, last in random.sample(wanted, min(3, len(wanted))):
            place = random.randrange(len(stops))
            out = ground.oracle.any_path(places[place], first)
            back = ground.oracle.any_path(last, places[place + 1])
            if len(out) + len(back) <= VIA_NODES_MAX + 2 and out and back:
                stops[place]["via"] = [*out, *back][1:-1]
                return stops
        return None

    return change


against_one_way: Final = _over(lambda ground: ground.against)
closed_edge: Final = _over(lambda ground: ground.closed)
kept_out_edge: Final = _over(lambda ground: ground.kept_out)


def into_nowhere(random: Random, case: Case, stops: list[Document]) -> list[Document] | None:
    """Visit first what nobody gets away from."""
    oracle = case.question.ground.oracle
    places = case.question.places(stops)[1:]
    final = [
        place
        for place, node in enumerate(places[:-1])
        if any(oracle.path(node, other) is None for other in places)
    ]
    if not final:
        return None
    _without_ways(stops)
    stops.insert(0, stops.pop(random.choice(final)))
    return stops


# The budget


def other_order(random: Random, _case: Case, stops: list[Document]) -> list[Document] | None:
    if len(stops) == 1:
        return None
    _without_ways(stops)
    random.shuffle(stops)
    return stops


def worst_order(random: Random, case: Case, stops: list[Document]) -> list[Document] | None:
    """Go to the furthest stop next, over and over."""
    if len(stops) == 1:
        return None
    oracle, bins = case.question.ground.oracle, case.question.ground.oracle.bins
    here, order = case.question.given.start, []
    random.shuffle(stops)
    while stops:
        stop = max(stops, key=lambda one: oracle.distance_m(here, bins[str(one["bin"])]))
        stops.remove(stop)
        stop.pop("via", None)
        order.append(stop)
        here = bins[str(stop["bin"])]
    return order


def _padded_way(
    times: Callable[[Random, float, float], int],
) -> Change:
    """Drive to and fro between two nodes, `times(random, room_m, turn_m)` times in all.

    `room_m` is what the budget leaves, and `turn_m` what one turn measures.
    """

    def change(random: Random, case: Case, stops: list[Document]) -> list[Document] | None:
        question = case.question
        oracle = question.ground.oracle
        places = question.places(stops)
        _without_ways(stops)
        first = random.randrange(len(stops))
        turn = there_and_back(question.ground, places[first], 1)
        if not turn:
            return None
        turn_m = oracle.length_m((places[first], *turn))
        left = times(random, question.limit_m - question.shortest_m(stops), turn_m)
        for place, stop in enumerate(stops):
            here, there = places[place : place + 2]
            turn = there_and_back(question.ground, here, 1)
            if here != places[first] or not turn:
                continue
            shortest = list(oracle.path(here, there) or ())
            count = min(left, (VIA_NODES_MAX + 1 - max(0, len(shortest) - 1)) // 2)
            if count > 0:
                stop["via"] = [here, *turn * count, *shortest[1:]][1:-1]
                left -= count
        return stops if left <= 0 else None

    return change


there_and_back_too_often: Final = stops_changed(
    _padded_way(lambda random, room_m, turn_m: int(room_m / turn_m) + random.choice([1, 1, 2, 9]))
)
"""From the shortest way that is over the budget on."""

there_and_back_within: Final = stops_changed(
    _padded_way(
        lambda random, room_m, turn_m: max(0, int(room_m / turn_m) - random.choice([0, 0, 1]))
    )
)
"""Up to the longest way that is in the budget, unless it has too many turns or takes too long."""


def too_many_turns(_random: Random, case: Case) -> bytes | None:
    """Turn until no command holds it, within the budget: on the shortest edges."""
    question = case.question
    document, stops = case.copy()
    _without_ways(stops)
    oracle = question.ground.oracle
    legs = []
    for stop, (here, there) in zip(stops, pairwise(question.places(stops)), strict=False):
        turn = there_and_back(question.ground, here, 1)
        shortest = list(oracle.path(here, there) or ())
        if turn and len(shortest) < VIA_NODES_MAX:
            legs.append((oracle.length_m((here, *turn)), stop, [here, *turn], shortest))
    room_m, turns = question.limit_m - question.shortest_m(stops), 0
    for turn_m, stop, (here, *turn), shortest in sorted(legs, key=lambda leg: leg[0]):
        count = min((VIA_NODES_MAX + 2 - len(shortest)) // 2, int(room_m / turn_m))
        if count > 0:
            stop["via"] = [here, *turn * count, *shortest[1:]][1:-1]
            room_m -= count * turn_m
            turns += 2 * count - 1
    payload = plain(document).encode()
    fits = len(payload) <= question.config.payload_bytes_max
    return payload if turns > WAYPOINTS_MAX and fits else None


def too_slow(random: Random, case: Case) -> bytes | None:
    """Turn until the hour is over, within the budget."""
    config = case.question.config

    def times(_random: Random, room_m: float, turn_m: float) -> int:
        shortest_m = case.question.limit_m - room_m
        hour_m = config.robot_speed_mps * (3_600 - config.pick_time_s * len(stops))
        count = max(0, int((hour_m - shortest_m) / turn_m)) + 1
        return count if count * turn_m <= room_m else 10_000  # More than there is room for.

    stops = case.copy()[1]
    return stops_changed(_padded_way(times))(random, case)
