# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The shortest tour of a picker through one block of aisles.

The dynamic programme of H. D. Ratliff and A. S. Rosenthal, "Order-Picking in a Rectangular Warehouse:
A Solvable Case of the Traveling Salesman Problem", Operations Research 31(3), 1983.  It goes from aisle
to aisle and keeps, for every way in which the walk so far can be continued, the shortest walk of that
kind.  The work is in proportion to the aisles and the picks.

A walk is told by how often it takes each stretch of the block: 0, 1 or 2 times.  It can be walked as
one tour if every place has an even degree (the stretches that end there, each as often as it is taken)
and all of it hangs together.  So that is all the states keep: the degrees of the front and the back end
of the aisle reached, and whether these are joined yet.  Ratliff and Rosenthal wrote the steps from state
to state down in tables; here they are derived from that rule, which also holds for tours that end
elsewhere than they start: there the degrees of start and goal are odd.

Of walks that are equally long, the one found first is taken.  They are looked for in a fixed order, and
the order in which places are given is not looked at: the same places always give the same tour.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import inf
from typing import Final, NamedTuple

from fallback_guard.core.block_layout import BlockLayout, Part, Spot

_ZERO, _ODD, _EVEN = range(3)
"""The degree of a place, as far as it matters; that of a stretch taken 0, 1 or 2 times at its ends as well."""

_PLUS: Final = ((_ZERO, _ODD, _EVEN), (_ODD, _EVEN, _ODD), (_EVEN, _ODD, _EVEN))
"""The sum of two degrees."""

_State = tuple[int, int, bool]
"""The degrees of front and back, and whether the two are joined: by the walk so far, or by one aisle."""

_NOTHING: Final[_State] = (_ZERO, _ZERO, False)
_DONE: Final[_State] = (_ZERO, _ZERO, True)
"""Before the first stretch, and after the last."""


def _after_aisle(before: _State, aisle: _State) -> _State | None:
    """Return the state after an aisle."""
    if before == _DONE:
        return _DONE if aisle == _NOTHING else None
    return _PLUS[before[0]][aisle[0]], _PLUS[before[1]][aisle[1]], before[2] or aisle[2]


def _onward(before: _State, needed: tuple[bool, bool]) -> Iterator[tuple[tuple[int, int], _State]]:
    """Yield how often the front and the back segment can be taken next, and the state at their end.

    `needed` tells whether the front and the back end have to be visited; else no walk starts there.
    """
    front, back, joined = before
    if before == _DONE or (before == _NOTHING and not any(needed)):
        if not any(needed):
            yield (0, 0), before
        return
    for times in product(range(3), range(3)):
        met = _PLUS[front][times[0]], _PLUS[back][times[1]]
        if _ODD in met:
            continue
        if (not front and bool(times[0]) != needed[0]) or (
            not back and bool(times[1]) != needed[1]
        ):
            continue
        if all(met) and not joined and not all(times):
            continue  # One of two parts would be left behind.
        yield times, (*times, joined and all(times)) if any(times) else _DONE


_STATES: Final = (*product(range(3), range(3), (False,)), *product((1, 2), (1, 2), (True,)), _DONE)
_AFTER_AISLE: Final = {
    before: {aisle: _after_aisle(before, aisle) for aisle in _STATES} for before in _STATES
}
_AFTER_SEGMENTS: Final = {
    (before, needed): tuple(_onward(before, needed))
    for before in _STATES
    for needed in product((False, True), (False, True))
}

_Passes = tuple[int, ...]
"""How often the stretches of an aisle are taken, from the front to the back."""

_Choices = dict[_State, tuple[float, _Passes]]
"""The shortest way to visit the places of an aisle, for each state in which that can leave its ends."""

_Place = tuple[Part, int, float]
"""A place of the block: the first three fields of a `Spot`."""


class _Column(NamedTuple):
    """An aisle, or a place on a segment, which is an aisle that cannot be gone through.

    `needed` tells whether its front and its back have to be visited; `places` are all of its places,
    from its front to its back, None where there is nothing to do.
    """

    places: list[_Place | None]
    needed: tuple[bool, bool]
    choices: _Choices


class _Block(NamedTuple):
    """Every column that can matter, and the lengths of the two segments between neighbours (m)."""

    columns: list[_Column]
    segments_m: list[tuple[float, float]]


class _Walk(NamedTuple):
    """Its length, the stretches taken in each column, and the segments between neighbours."""

    length_m: float
    aisles: list[_Passes]
    segments: list[tuple[int, int]]


def shortest_tour(
    layout: BlockLayout, places: Sequence[int], start: int, goal: int
) -> tuple[int, ...] | None:
    """Return `places` in the order in which the shortest tour from `start` to `goal` visits them.

    The order in which they are given says nothing, and a node may be among them more than once.
    None where the block does not hold all of them; also where start and goal differ, and one of them
    is on a blind way on which something else has to be visited.
    """
    spots: dict[int, Spot] = {}
    for node in sorted({start, goal, *places}):
        spot = layout.spot(node)
        if spot is None:
            return None
        spots[node] = spot
    groups: dict[_Place, list[tuple[int, int]]] = {spot[:3]: [] for spot in spots.values()}
    for node, spot in spots.items():
        if start == goal or node not in (start, goal):
            groups[spot[:3]].append((spot.depth_first, node))
    if start != goal:
        for spot in (spots[start], spots[goal]):
            if spot.depth_first and any(depth for depth, _ in groups[spot[:3]]):
                return None
    route = _route(layout, sorted(groups, key=_in_order), spots[start][:3], spots[goal][:3])
    visits = [node for place in route for _, node in sorted(groups[place])]
    if start == goal:
        first = visits.index(start)
        visits = [*visits[first:], *visits[:first]]
    else:
        visits = [start, *visits, goal]
    times = Counter(places)
    return tuple(node for node in visits for _ in range(times[node]))


def _in_order(place: _Place) -> tuple[int, float, str]:
    part, number, along_m = place
    return number, along_m, part.value


def _route(layout: BlockLayout, places: list[_Place], start: _Place, goal: _Place) -> list[_Place]:
    """Return the places in the order in which the shortest walk from `start` to `goal` visits them."""
    block = _needed(layout, places, {start} ^ {goal})
    walk = _shortest_walk(block)
    if len({place[:2] for place in places}) == 1 and places[0][0] is Part.AISLE:
        length_m, route = _within_aisle(places, start, goal)
        if length_m <= walk.length_m:
            return route
    return _followed(block, walk, start)


def _within_aisle(places: list[_Place], start: _Place, goal: _Place) -> tuple[float, list[_Place]]:
    """Return the shortest walk that never leaves the aisle in which all places are: its length and order."""
    lowest_m, highest_m = places[0][2], places[-1][2]
    before = [place for place in places if place[2] < start[2]]
    after = [place for place in places if place[2] > start[2]]
    once_m = highest_m - lowest_m
    return min(
        (start[2] - lowest_m + once_m + highest_m - goal[2], [start, *before[::-1], *after]),
        (highest_m - start[2] + once_m + goal[2] - lowest_m, [start, *after, *before[::-1]]),
        key=lambda walk: walk[0],
    )


def _needed(layout: BlockLayout, places: list[_Place], odd: set[_Place]) -> _Block:
    """Return the aisles from the lowest to the highest of use, with the places on segments between.

    The walk begins at one of the places `odd` and ends at the other; a closed one has none.
    """
    found: dict[tuple[Part, int], list[_Place]] = {}
    for place in places:
        found.setdefault(place[:2], []).append(place)
    first = layout.first_needed[min(number for _, number in found)]
    last = layout.last_needed[max(number + (part is not Part.AISLE) for part, number in found)]
    block = _Block([], [])
    for number in range(first, last):
        block.columns.append(
            _aisle(found.get((Part.AISLE, number), []), layout.aisle_m[number], odd)
        )
        front_m = back_m = 0.0
        for place in found.get((Part.FRONT, number), ()):
            block.segments_m.append((place[2] - front_m, 0.0))
            block.columns.append(_on_segment(place, odd))
            front_m = place[2]
        for place in found.get((Part.BACK, number), ()):
            block.segments_m.append((0.0, place[2] - back_m))
            block.columns.append(_on_segment(place, odd))
            back_m = place[2]
        block.segments_m.append((layout.front_m[number] - front_m, layout.back_m[number] - back_m))
    block.columns.append(_aisle(found.get((Part.AISLE, last), []), layout.aisle_m[last], odd))
    return block


def _on_segment(place: _Place, odd: set[_Place]) -> _Column:
    degree = _ODD if place in odd else _ZERO
    if place[0] is Part.FRONT:
        return _Column([place, None], (True, False), {(degree, _ZERO, False): (0.0, (0,))})
    return _Column([None, place], (False, True), {(_ZERO, degree, False): (0.0, (0,))})


def _aisle(found: list[_Place], aisle_m: float, odd: set[_Place]) -> _Column:
    """Return an aisle in which the places `found` are visited."""
    between = [place for place in found if 0.0 < place[2] < aisle_m]
    front = next((place for place in found if place[2] <= 0.0), None)
    back = next((place for place in found if place[2] >= aisle_m > 0.0), None)
    places = [front, *between, back]
    at_m = [0.0, *(place[2] for place in between), aisle_m]
    degrees = [_ODD if place in odd else _ZERO for place in places]
    return _Column(places, (front is not None, back is not None), _choices(at_m, degrees))


def _choices(at_m: list[float], degrees: list[int]) -> _Choices:
    """Return the choices in an aisle with places `at_m` that have the `degrees` to begin with."""
    reached: _Choices = {(degrees[0], degrees[0], True): (0.0, ())}
    for stretch, (a_m, b_m) in enumerate(pairwise(at_m)):
        before, reached = reached, {}
        for ((front, here, joined), (length_m, passes)), times in product(before.items(), range(3)):
            met = _PLUS[here][times]
            if stretch and (met != _EVEN or not (times or joined)):
                continue  # A place within the aisle would be left behind.
            after = (
                front if stretch else met,
                _PLUS[times][degrees[stretch + 1]],
                joined and times > 0,
            )
            total_m = length_m + times * (b_m - a_m)
            if after not in reached or total_m < reached[after][0]:
                reached[after] = total_m, (*passes, times)
    return reached


def _shortest_walk(block: _Block) -> _Walk:
    """Return the shortest walk that visits every place of the columns."""
    lengths_m: dict[_State, float] = {_NOTHING: 0.0}
    in_aisle: list[dict[_State, tuple[_State, _Passes]]] = []
    between: list[dict[_State, tuple[_State, tuple[int, int]]]] = []
    for column, segments_m in zip(block.columns, [*block.segments_m, (0.0, 0.0)], strict=True):
        lengths_m, aisle_steps = _across_aisle(lengths_m, column)
        in_aisle.append(aisle_steps)
        lengths_m, segment_steps = _along_segments(lengths_m, column.needed, *segments_m)
        between.append(segment_steps)
    walk = _Walk(lengths_m[_DONE], [], [])
    state = _DONE
    while between:
        state, segments = between.pop()[state]
        walk.segments.append(segments)
        state, passes = in_aisle.pop()[state]
        walk.aisles.append(passes)
    walk.segments.reverse()
    walk.aisles.reverse()
    return walk


def _across_aisle(
    before_m: dict[_State, float], column: _Column
) -> tuple[dict[_State, float], dict[_State, tuple[_State, _Passes]]]:
    """Return the shortest lengths in each state after an aisle, and from where and how it is reached."""
    after_m: dict[_State, float] = {}
    steps: dict[_State, tuple[_State, _Passes]] = {}
    for before, length_m in before_m.items():
        reachable = _AFTER_AISLE[before]
        for choice, (choice_m, passes) in column.choices.items():
            after = reachable[choice]
            if after is not None and length_m + choice_m < after_m.get(after, inf):
                after_m[after] = length_m + choice_m
                steps[after] = before, passes
    return after_m, steps


def _along_segments(
    before_m: dict[_State, float], needed: tuple[bool, bool], front_m: float, back_m: float
) -> tuple[dict[_State, float], dict[_State, tuple[_State, tuple[int, int]]]]:
    """Return the same at the end of the two segments after an aisle of which the ends are `needed`."""
    after_m: dict[_State, float] = {}
    steps: dict[_State, tuple[_State, tuple[int, int]]] = {}
    for before, length_m in before_m.items():
        for times, after in _AFTER_SEGMENTS[before, needed]:
            total_m = length_m + times[0] * front_m + times[1] * back_m
            if total_m < after_m.get(after, inf):
                after_m[after] = total_m
                steps[after] = before, times
    return after_m, steps


def _followed(block: _Block, walk: _Walk, start: _Place) -> list[_Place]:
    """Return the places in the order in which one comes by on the walk from `start` (Hierholzer 1873)."""
    places = [place for column in block.columns for place in column.places]
    ways: list[list[int]] = [[] for _ in places]

    def join(a: int, b: int, times: int) -> None:
        ways[a] += [b] * times
        ways[b] += [a] * times

    ends: list[tuple[int, int]] = []
    for column in block.columns:
        front = ends[-1][1] + 1 if ends else 0
        ends.append((front, front + len(column.places) - 1))
    for (front, _), passes in zip(ends, walk.aisles, strict=True):
        for here, times in enumerate(passes, start=front):
            join(here, here + 1, times)
    for (a, b), (at_front, at_back) in zip(pairwise(ends), walk.segments[:-1], strict=True):
        join(a[0], b[0], at_front)
        join(a[1], b[1], at_back)
    ahead = [places.index(start)]
    visited: list[_Place | None] = []
    while ahead:
        here = ahead[-1]
        if ways[here]:
            there = ways[here].pop()
            ways[there].remove(here)
            ahead.append(there)
        else:
            visited.append(places[ahead.pop()])
    return [place for place in dict.fromkeys(reversed(visited)) if place is not None]
