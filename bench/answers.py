# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Valid answers to pick requests, valid by construction, and written in every way that JSON allows.

Lengths are those of the oracle: an order of stops or a way round is used only where the oracle finds the whole
route within the budget.  Everything follows from a seed, the name of the map and the number of the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from random import Random
from string import ascii_letters, digits
from typing import Final, cast

from fallback_guard.core.config import GuardConfig, guard_config
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import (
    IDENTIFIER_CHARS_MAX,
    QUANTITY_MAX,
    STOPS_MAX,
    VIA_NODES_MAX,
    WAYPOINTS_MAX,
)
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.request_rules import request_defect
from grounds import Ground
from oracle import Circumstances

ANSWERS_EACH: Final = 8
"""Answers to one request."""

ANSWERS_PER_SURVEY: Final = 4_000
"""Answers between the same places; then others are surveyed."""

_TRIES: Final = 400
"""Requests drawn until one has a standby route."""

_PARAMETERS: Final[tuple[dict[str, object], ...]] = (
    {},
    {},
    {"detour_factor": 1.0, "pick_time_s": 0.0},
    {"detour_factor": 3.0, "pick_time_s": 12.5},
    {"detour_factor": 10.0, "robot_speed_mps": 10.0},
    {"detour_factor": 10.0, "robot_speed_mps": 0.1, "pick_time_s": 30.0},
)

CONFIGS: Final = tuple(
    guard_config({"capacity_pieces": STOPS_MAX * QUANTITY_MAX} | changed) for changed in _PARAMETERS
)
"""Parameters: the defaults, no detour at all, room for a few turns, for very many, and a slow robot."""

Document = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request, what the guard has prepared for it, and by what the oracle judges answers to it."""

    ground: Ground
    config: GuardConfig
    judge: Judge
    prepared: PreparedRequest
    given: Circumstances

    @property
    def request(self) -> PickRequest:
        return self.given.request

    @property
    def limit_m(self) -> float:
        """What a route may measure."""
        return self.given.standby_m * self.config.detour_factor

    def places(self, stops: Sequence[Document]) -> list[int]:
        """Return the nodes of a route: its start, those of its stops, its goal."""
        bins = self.ground.oracle.bins
        return [
            self.given.start,
            *(bins[cast("str", stop["bin"])] for stop in stops),
            self.request.goal_node,
        ]

    def shortest_m(self, stops: Sequence[Document]) -> float:
        """Return the length of a route over these stops without any way round."""
        oracle = self.ground.oracle
        return sum(oracle.distance_m(a, b) for a, b in pairwise(self.places(stops)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question with a valid answer to it: as a document, and as the bytes in which it came."""

    question: Question
    answer: Document
    payload: bytes

    def copy(self) -> tuple[Document, list[Document]]:
        """Return the answer and its stops, to be changed."""
        document = deepcopy(self.answer)
        return document, stops_of(document)


def stops_of(document: Document) -> list[Document]:
    """Return the stops of a route."""
    return cast("list[Document]", document["stops"])


# Questions


def identifier(random: Random) -> str:
    """Return any identifier, often one of the shortest or of the longest."""
    chars = random.choice([1, random.randint(2, 12), random.randint(2, 12), IDENTIFIER_CHARS_MAX])
    return "".join(random.choices(f"{ascii_letters}{digits}_.:-", k=chars))


def survey(random: Random, ground: Ground) -> tuple[int, ...]:
    """Choose the places between which answers lead for a while, and have the oracle find their distances."""
    oracle = ground.oracle
    if len(oracle.nodes) <= ground.places:
        places = sorted(oracle.nodes)
    else:
        chosen = {
            node
            for pairs in (ground.closed, ground.kept_out, ground.against)
            for pair in random.sample(pairs, min(1, len(pairs)))
            for node in pair
        }
        with_bins = sorted(set(oracle.bins.values()))
        chosen.update(random.sample(with_bins, ground.places * 3 // 4))
        nodes = sorted(oracle.nodes)
        while len(chosen) < ground.places:
            chosen.add(random.choice(nodes))
        places = sorted(chosen)
    oracle.survey(places)
    return tuple(places)


def _items(random: Random, bins: Sequence[str]) -> tuple[PickItem, ...]:
    """Draw lines: also of one bin, of one SKU in several bins, and the same line again."""
    count = random.choice([1, 2, 3, 5, 8, 13, STOPS_MAX, random.randint(1, STOPS_MAX)])
    few = random.sample(bins, min(len(bins), random.randint(1, count)))
    skus = [identifier(random) for _ in range(random.randint(1, count))]
    most = random.choice([1, 9, QUANTITY_MAX])
    items: list[PickItem] = []
    while len(items) < count:
        if items and random.random() < 0.1:  # now and then
            items.append(random.choice(items))
        else:
            bin_name, sku = random.choice(few), random.choice(skus)
            items.append(PickItem(bin=bin_name, sku=sku, quantity=random.randint(1, most)))
    return tuple(items)


def ask(random: Random, ground: Ground, places: Sequence[int]) -> Question:
    """Draw a request that has a standby route."""
    oracle = ground.oracle
    surveyed = set(places)
    bins = [name for name, node in oracle.bins.items() if node in surveyed]
    for _ in range(_TRIES):
        config = random.choice(CONFIGS)
        items = _items(random, bins)
        request = PickRequest(
            request_id=identifier(random),
            robot_id=identifier(random),
            start_node=random.choice(places),
            goal_node=random.choice([*random.choices(places, k=2), oracle.bins[items[-1].bin]]),
            items=items,
        )
        assert request_defect(request, ground.paths.warehouse, config) is None
        start = random.choice([request.start_node, random.choice(places)])
        judge = Judge(config=config, paths=ground.paths)
        prepared = judge.prepare(request, start)
        standby = prepared.standby
        given = Circumstances(
            request=request, start=start, standby_m=inf, config=config, ground=oracle
        )
        question = Question(
            ground=ground, config=config, judge=judge, prepared=prepared, given=given
        )
        if standby is not None:
            stops: list[Document] = [{"bin": bin_name} for bin_name, _, _ in standby.picks]
            standby_m = question.shortest_m(stops)
            assert abs(standby.length_m - standby_m) <= 1e-6 * (1.0 + standby_m), (
                f"the standby route says {standby.length_m} m, its shortest way is {standby_m} m"
            )
            return replace(question, given=replace(given, standby_m=standby_m))
        _check_that_there_is_none(question)
    raise RuntimeError(f"{ground.name}: none of {_TRIES} requests had a standby route")


def _check_that_there_is_none(question: Question) -> None:
    """Try to drive a request that has no standby route.

    From where one still gets to the most places one has to go first, so that this order is open if any is.
    """
    oracle = question.ground.oracle
    names = sorted({item.bin for item in question.request.items})
    places = [oracle.bins[name] for name in names]

    def reached(name: str) -> int:
        return sum(oracle.path(oracle.bins[name], other) is not None for other in places)

    stops: list[Document] = [{"bin": name} for name in sorted(names, key=reached, reverse=True)]
    way = list(pairwise(question.places(stops)))
    if any(oracle.path(*leg) is None for leg in way):
        return
    nodes = sum(len(oracle.path(*leg) or ()) for leg in way)
    in_time = _in_time(question, stops, len(question.request.items))
    assert nodes > WAYPOINTS_MAX or not in_time, f"no standby route, though {stops} can be driven"


# Answers


def document_of(question: Question, stops: Sequence[Document]) -> Document:
    """Return a route with these stops."""
    request = question.request
    return {
        "version": 1,
        "request_id": request.request_id,
        "robot_id": request.robot_id,
        "stops": list(stops),
    }


def plain_stops(question: Question) -> list[Document]:
    """Return the standby route's stops, without a word on the way."""
    standby = question.prepared.standby
    assert standby is not None
    return [{"bin": name, "sku": sku, "quantity": count} for name, sku, count in standby.picks]


def _shuffled(random: Random, question: Question, stops: list[Document]) -> list[Document]:
    """Return the stops in another order that is within the budget, or in theirs."""
    for _ in range(3):
        other = list(stops)
        first = random.randrange(len(other))
        last = random.randrange(first, len(other)) + 1
        piece = other[first:last]
        random.shuffle(piece)
        other[first:last] = piece
        if question.shortest_m(other) <= question.limit_m:
            return other
    return stops


def there_and_back(ground: Ground, node: int, times: int) -> list[int]:
    """Return the nodes from a node to its nearest neighbour and back, so often; none where nobody comes back."""
    graph = ground.oracle.graph
    neighbours = [near for near in graph.successors(node) if graph.has_edge(near, node)]
    if not neighbours:
        return []
    nearest = min(neighbours, key=lambda near: (ground.oracle.hops[node, near].length_m, near))
    return [nearest, node] * times


def _ways(question: Question, here: int, there: int, random: Random) -> Iterator[list[int]]:
    """Yield ways from one place to another, the most wanted first; the last is the shortest."""
    oracle = question.ground.oracle
    shortest = list(oracle.path(here, there) or ())
    if random.random() < 0.3:  # some
        turns = there_and_back(question.ground, here, random.choice([1, 1, 2, 9]))
        yield [here, *turns, *shortest[1:]]
    if random.random() < 0.3:  # some
        between = random.choice(question.places(plain_stops(question)))
        out, back = oracle.path(here, between), oracle.path(between, there)
        if out and back:
            yield [*out, *back[1:]]
    yield shortest


def _say_ways(random: Random, question: Question, stops: list[Document], share: float) -> None:
    """Say for about a `share` of the stops how to get there, sometimes with a way round in the budget."""
    oracle = question.ground.oracle
    left_m = question.limit_m - question.shortest_m(stops)
    for stop, (here, there) in zip(stops, pairwise(question.places(stops)), strict=False):
        if random.random() >= share:
            if random.random() < 0.3:  # some
                stop["via"] = random.choice([None, []])
            continue
        for nodes in _ways(question, here, there, random):
            extra_m = oracle.length_m(nodes) - oracle.distance_m(here, there)
            if extra_m <= left_m and len(nodes) - 2 <= VIA_NODES_MAX:
                left_m -= max(0.0, extra_m)
                stop["via"] = nodes[1:-1]
                break


def _in_time(question: Question, stops: Sequence[Document], picks: int) -> bool:
    """Tell whether a route is driven in an hour even at the lowest speed limit anywhere."""
    oracle, config = question.ground.oracle, question.config
    length_m = 0.0
    for stop, (here, there) in zip([*stops, {}], pairwise(question.places(stops)), strict=True):
        via = cast("list[int]", stop.get("via") or [])
        length_m += oracle.length_m((here, *via, there)) if via else oracle.distance_m(here, there)
    slowest_mps = min(config.robot_speed_mps, oracle.slowest_mps)
    return length_m / slowest_mps + config.pick_time_s * picks <= 3_600  # s


def answer(random: Random, question: Question) -> Case:
    """Return a valid answer: order, ways and writing at random."""
    stops = plain_stops(question)
    for share in (random.choice([0.0, 0.2, 0.5, 1.0]), 0.1, 0.0):
        if random.random() < 0.7:  # mostly
            stops = _shuffled(random, question, stops)
        _say_ways(random, question, stops, share)
        document = document_of(question, stops)
        payload = written(random, document)
        if len(payload) <= question.config.payload_bytes_max and _in_time(
            question, stops, len(stops)
        ):
            return Case(question=question, answer=document, payload=payload)
        stops = plain_stops(question)
    document = document_of(question, stops)
    return Case(question=question, answer=document, payload=plain(document).encode())


# Writing


def plain(value: object) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def _shuffled_keys(random: Random, value: object) -> object:
    if isinstance(value, dict):
        keys = random.sample(list(value), len(value))
        return {key: _shuffled_keys(random, value[key]) for key in keys}
    if isinstance(value, list):
        return [_shuffled_keys(random, each) for each in value]
    return value


def _tokens(value: object, text: Callable[[str], str]) -> Iterator[str]:
    """Yield the tokens of a JSON text, strings as `text` writes them."""
    if isinstance(value, str):
        yield text(value)
    elif isinstance(value, dict):
        yield "{"
        for number, (key, each) in enumerate(value.items()):
            yield from ([","] if number else [])
            yield text(key)
            yield ":"
            yield from _tokens(each, text)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for number, each in enumerate(value):
            yield from ([","] if number else [])
            yield from _tokens(each, text)
        yield "]"
    else:
        yield json.dumps(value)


def escaped(random: Random, text: str, share: float) -> str:
    r"""Return a string as JSON with about a `share` of its characters as \uXXXX."""
    chars = [
        f"\\u{ord(char):0{random.choice(['4x', '4X'])}}" if random.random() < share else char
        for char in text
    ]
    return f'"{"".join(chars)}"'


def _loosely(random: Random, value: object) -> str:
    """Write white space of all four kinds between tokens, and letters as escapes."""
    share = random.choice([0.0, 0.1, 1.0]) if len(plain(value)) < 2_000 else 0.0
    blanks = random.choice(["", " ", "\n", "\r\n", "\t", " \t\r\n"])
    tokens = _tokens(value, lambda text: escaped(random, text, share))
    return "".join(
        token + "".join(random.choices(blanks, k=random.randint(0, 2)) if blanks else [])
        for token in ["", *tokens]
    )


STYLES: Final[tuple[Callable[[Random, object], str], ...]] = (
    lambda _random, value: plain(value),
    lambda _random, value: json.dumps(value),
    lambda _random, value: json.dumps(value, indent=2),
    lambda _random, value: json.dumps(value, indent="\t") + "\n",
    lambda random, value: plain(_shuffled_keys(random, value)),
    _loosely,
    lambda random, value: _loosely(random, _shuffled_keys(random, value)),
)
"""Ways to write the same document."""


def written(random: Random, document: Document) -> bytes:
    """Return a document in one of the `STYLES`."""
    text = random.choice(STYLES)(random, document)
    return (text + random.choice(["", "", "\n", "\r\n", " "])).encode("ascii")


class Answers:
    """The valid answers of a seed on a map, by number; those in a row are made the fastest."""

    def __init__(self, ground: Ground, seed: int) -> None:
        """Begin with no place surveyed."""
        self.ground = ground
        self._seed = seed
        self._surveyed = -1
        self._places: tuple[int, ...] = ()
        self._asked = -1
        self._question: Question | None = None

    def random(self, what: str, number: int) -> Random:
        """Return the source of chance for one thing."""
        return Random(f"{self._seed} {self.ground.name} {what} {number}")  # noqa: S311  # not secret

    def case(self, number: int) -> Case:
        """Return answer `number` (from 0) with its question."""
        around = number // ANSWERS_PER_SURVEY
        if around != self._surveyed:
            self._places = survey(self.random("survey", around), self.ground)
            self._surveyed = around
        asked = number // ANSWERS_EACH
        if asked != self._asked or self._question is None:
            random = self.random("question", asked)
            self._question = ask(random, self.ground, self._places)
            self._asked = asked
        return answer(self.random("answer", number), self._question)
