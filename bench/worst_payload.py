# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A hunt for the slowest answer, and for the slowest request, within the guard's limits.

It begins with answers that were made to be slow, one for each idea (`CONSTRUCTIONS`), on one map under several
circumstances (`_circumstances`).  Then it changes and joins what it has, and keeps the slowest of each kind: of an
idea, with the failure mode that came of it (the archive of MAP-Elites; Mouret and Clune 2015).  What counts is the
processor's time for this thread, and the least of several calls, so that what is kept is slow by itself and not by
chance.  Before each call the guard forgets the ways that it has followed.
"""

import gc
import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Final

from fallback_guard.core.closures import Closures
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import (
    IDENTIFIER_CHARS_MAX,
    PAYLOAD_BYTES_MAX,
    STOPS_MAX,
    VIA_NODES_MAX,
)
from fallback_guard.core.openness import openness
from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.validation import Verdict
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.maps.block_warehouse import BlockSpec
from measuring import (
    Goal,
    conclude,
    environment,
    judge_on,
    parser,
    paths_of,
    paths_on,
    said_of,
    show,
    spread,
    table,
    with_long_names,
)

_TRIES: Final = 3
_TRIES_OF_RECORD: Final = 9
_SHOWN: Final = 10
_SIZES: Final = (1_000, 10_000, 100_000)
_SHARE_OF_REQUESTS: Final = 0.25
"""How much of the time goes to the slowest request."""

GOALS: Final[Mapping[str, Goal]] = {
    "worst": Goal(says="slowest verdict within the limits (ms)", at_most=5.0),
}

_Stop = dict[str, object]


# Circumstances

_LONG_BAYS: Final = BlockSpec(aisles=20, cross_aisles=4, bays=80, bay_pitch_m=0.2)
"""9,600 bins, so near to each other that many turns cost little of the detour that is allowed."""

_LOOSEST: Final = {"detour_factor": 10.0, "capacity_pieces": 32_000}
"""Parameters with which the most answers get as far as possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstance:
    """A request under judgement.  `near` are two neighbouring nodes with short ids."""

    name: str
    judge: Judge
    prepared: PreparedRequest
    near: tuple[int, int]

    def verdict(self, payload: bytes) -> Verdict:
        return self.judge.verdict(self.prepared, payload, source="llm:bench")

    def forget(self) -> None:
        """Be as after a change of the map, when no way was followed yet."""
        legs = self.prepared.legs
        legs.waypoints_known = [[None] * len(legs.nodes) for _ in legs.nodes]
        self.judge.paths._waypoints.clear()

    def stops(self, vias: Sequence[Sequence[int]] = ((),)) -> list[_Stop]:
        """Return the right stops in a good order, with these `via` lists in turn."""
        picks = self.prepared.request.items
        return [
            said_of(item) | ({"via": list(via)} if via else {})
            for item, via in zip(picks, cycle(vias), strict=False)
        ]

    def answer(self, stops: Sequence[_Stop], **more: object) -> bytes:
        request = self.prepared.request
        said = {"version": 1, "request_id": request.request_id, "robot_id": request.robot_id}
        return _compact({**said, "stops": stops, **more})


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _circumstances() -> tuple[Circumstance, ...]:
    paths = paths_of(with_long_names(_LONG_BAYS))
    warehouse = paths.warehouse
    closed = openness(warehouse, Closures(everything=True))
    all_closed = Paths(warehouse, closed, network=paths.network)
    skus = [f"SKU-{line:02d}".ljust(IDENTIFIER_CHARS_MAX, "_") for line in range(STOPS_MAX)]
    return (
        _circumstance("all open", paths, _request(warehouse, skus, apart=True)),
        _circumstance("one SKU in 32 bins", paths, _request(warehouse, skus[:1], apart=True)),
        _circumstance("one bin", paths, _request(warehouse, ["S"], apart=False)),
        _circumstance("all closed", all_closed, _request(warehouse, ["S"], apart=False)),
    )


def _request(warehouse: Warehouse, skus: Sequence[str], *, apart: bool) -> PickRequest:
    """Return a request for these SKUs in turn, from bins all over the map or from the first one alone."""
    names = sorted(warehouse.bins)
    step = len(names) // STOPS_MAX if apart else 0
    return PickRequest(
        request_id="R" * IDENTIFIER_CHARS_MAX if apart else "R",
        robot_id="r",
        start_node=warehouse.bins[names[0]],
        goal_node=max(warehouse.nodes),
        items=tuple(
            PickItem(bin=names[line * step], sku=sku, quantity=line % 9 + 1)
            for line, sku in enumerate(islice(cycle(skus), STOPS_MAX))
        ),
    )


def _circumstance(name: str, paths: Paths, request: PickRequest) -> Circumstance:
    judge = judge_on(paths, **_LOOSEST)
    start = request.start_node
    near = next(
        end for here, end in sorted(paths.warehouse.edges) if here == start and end != start
    )
    prepared = judge.prepare(request, start)
    return Circumstance(name=name, judge=judge, prepared=prepared, near=(start, near))


# Constructions: one idea each of what may be slow

Construction = Callable[[Circumstance], bytes]


def _filled(beginning: bytes, piece: bytes, end: bytes = b"") -> bytes:
    """Return as many pieces as a payload has room for, between a beginning and an end."""
    room = PAYLOAD_BYTES_MAX - len(beginning) - len(end)
    return beginning + piece * (room // len(piece)) + end


def _everywhere(via: Sequence[int], nodes: int = VIA_NODES_MAX) -> Construction:
    """Return an answer that repeats `via` on the way to every stop."""
    return lambda case: case.answer(case.stops([list(islice(cycle(via), nodes))]))


def _to_and_fro(case: Circumstance) -> bytes:
    here, there = case.near
    return case.answer(case.stops([[there, here] * (VIA_NODES_MAX // 2 - 1) + [there]]))


def _whole_ways(case: Circumstance) -> bytes:
    prepared, stops, here = case.prepared, case.stops(), case.prepared.start_place
    for stop, item in zip(stops, prepared.request.items, strict=True):
        there = prepared.place_of_bin[item.bin]
        stop["via"] = list((prepared.legs.way(here, there) or ())[1:-1][:VIA_NODES_MAX])
        here = there
    return case.answer(stops)


def _wrong_bins(case: Circumstance) -> bytes:
    stops = case.stops()
    other = max(case.judge.paths.warehouse.bins)
    return case.answer([{**stop, "bin": other} for stop in stops])


def _repeated_keys(case: Circumstance) -> bytes:
    text = case.answer(case.stops())
    return text.replace(b'"quantity"', b'"quantity":1,' * 24 + b'"quantity"')[:-1] + b"}"


CONSTRUCTIONS: Final[Mapping[str, Construction]] = {
    "right": lambda case: case.answer(case.stops()),
    "right, reversed": lambda case: case.answer(case.stops()[::-1]),
    "whole ways in via": _whole_ways,
    "to and fro": _to_and_fro,
    "unknown nodes": _everywhere([0]),
    "unknown large nodes": _everywhere([2**32 - 1], 40),
    "hops without an edge": _everywhere([11, 99]),
    "hops on the spot": _everywhere([12]),
    "one wrong node at the end": lambda case: _to_and_fro(case).replace(b"]}]", b",0]}]"),
    "all bins wrong": _wrong_bins,
    "all bins unknown": lambda case: case.answer([{**s, "bin": "b" * 64} for s in case.stops()]),
    "all SKUs unknown": lambda case: case.answer([{**s, "sku": "s" * 64} for s in case.stops()]),
    "all quantities wrong": lambda case: case.answer([{**s, "quantity": 9} for s in case.stops()]),
    "one stop again and again": lambda case: case.answer(case.stops()[:1] * STOPS_MAX),
    "all but one missing": lambda case: case.answer(case.stops()[:1]),
    "keys repeated": _repeated_keys,
    "truncated": lambda case: _to_and_fro(case)[:-1],
    "second document": lambda case: (_to_and_fro(case) * 2)[:PAYLOAD_BYTES_MAX],
    "via of wrong type": lambda case: case.answer(case.stops([[""] * VIA_NODES_MAX])),  # type: ignore[list-item]
    "64 violations": lambda case: case.answer([{"bin": "?" * 200, "x": 0}] * 12 + [{}]),
    "stops of wrong type": lambda _: _filled(b'{"stops":[', b"0,", b"0]}"),
    "empty stops": lambda _: _filled(b'{"stops":[', b"{},", b"{}]}"),
    "unknown keys": lambda _: _compact({f"{n:x}": 0 for n in range(1_900)}),
    "unknown keys in stops": lambda case: case.answer([{f"{n}": 0 for n in range(50)}] * STOPS_MAX),
    "one key again and again": lambda _: _filled(b'{"a":0', b',"a":0', b"}"),
    "last key repeated": lambda _: _compact({f"{n:x}": 0 for n in range(1_900)})[:-1] + b',"0":0}',
    "objects with repeated keys": lambda _: _filled(b'{"stops":[', b'{"":0,"":0},', b"0]}"),
    "nested arrays": lambda _: b"[" * (PAYLOAD_BYTES_MAX // 2) + b"]" * (PAYLOAD_BYTES_MAX // 2),
    "nested objects": lambda _: _filled(b"", b'{"":'),
    "nested as far as allowed": lambda _: _filled(b'{"":[', b"[[[[[[]]]]]],", b"0]}"),
    "one long string": lambda _: _filled(b'{"version":"', b"x", b'"}'),
    "string without end": lambda _: _filled(b'{"version":"', b"x"),
    "escapes": lambda _: _filled(b'{"version":"', b"\\u0041", b'"}'),
    "backslashes": lambda _: _filled(b'{"version":"', b"\\\\", b'"}'),
    "escaped quotes": lambda _: _filled(b'{"version":"', b'\\"', b'"}'),
    "quotes": lambda _: _filled(b"", b'"'),
    "empty strings": lambda _: _filled(b'{"":[', b'"",', b'""]}'),
    "surrogate pairs, one half": lambda _: _filled(b'{"a":"', b"\\ud83d\\ude00", b'\\ud800"}'),
    "halves of surrogate pairs": lambda _: _filled(b'{"a":"', b"\\ud800", b'"}'),
    "one long number": lambda _: _filled(b'{"version":', b"9", b"}"),
    "one long fraction": lambda _: _filled(b'{"version":0.', b"3", b"}"),
    "small numbers": lambda _: _filled(b'{"a":[', b"1e-999,", b"1]}"),
    "numbers just too large": lambda _: _filled(b'{"a":[', b"18446744073709551616,", b"1]}"),
    "a number within others": lambda _: _filled(
        b'{"a":[', b"99999999999999999999.0,", b"99999999999999999999]}"
    ),
    "NaN at the end": lambda _: _filled(b'{"a":[', b"0,", b"NaN]}"),
    "comma at the end": lambda _: _filled(b'{"a":[', b"0,", b"]}"),
    "characters of four bytes": lambda _: _filled(b'{"a":"', "\U0001f916".encode(), b'"}'),
    "cut within a character": lambda _: _filled(b'{"a":"', "\U0001f916".encode(), b"\xf0\x9f"),
    "not UTF-8 at the end": lambda _: _filled(b'{"a":"', b"x", b'\xff"}'),
    "blanks before": lambda case: case.answer(case.stops()).rjust(PAYLOAD_BYTES_MAX),
    "blanks behind": lambda case: case.answer(case.stops()).ljust(PAYLOAD_BYTES_MAX),
    "blanks and prose behind": lambda case: _filled(case.answer(case.stops()), b" ", b"."),
    "prose": lambda _: _filled(b"", b"Here is the route. "),
    "single quotes": lambda _: _filled(b"", b"'"),
    "fences": lambda _: _filled(b"", b"``"),
    "tag": lambda _: _filled(b"[A", b"a", b"] x"),
    "lines": lambda _: _filled(b'{"a":[', b"0,\n", b"x"),
}


# Changes

_TOKENS: Final = (
    *rb"""{ } [ ] , : " \ ' ` // - 0 1e999 18446744073709551616 NaN None \ud800 \u0041""".split(),
    *b'"via":[ "bin":" "sku":" "quantity": "stops":[ {}, "":0,'.split(),
    *(b" ", b"\n", b"\xff", "\U0001f916".encode()),
)
_CHANGED_BYTES_MAX: Final = 2_048


def _changed(parent: bytes, other: bytes, case: Circumstance, chance: random.Random) -> bytes:
    """Return a payload made from one or two others, no longer than is allowed."""
    made = _changed_route(parent, case, chance) if chance.random() < 0.5 else None
    return (made or _changed_text(parent, other, chance))[:PAYLOAD_BYTES_MAX]


def _changed_text(parent: bytes, other: bytes, chance: random.Random) -> bytes:
    first, last = sorted(chance.randrange(len(parent) + 1) for _ in "ab")
    last = min(last, first + _CHANGED_BYTES_MAX)
    token = chance.choice(_TOKENS) * chance.choice((1, 1, 8, 256))
    match chance.randrange(6):
        case 0:
            return parent[:first] + token + parent[first:]
        case 1:
            return parent[:first] + parent[last:]
        case 2:
            return parent[:first] + token + parent[last:]
        case 3:
            return parent[:last] + parent[first:last] * chance.choice((1, 4, 64)) + parent[last:]
        case 4:
            return parent[:first] + other[chance.randrange(len(other) + 1) :]
        case _:
            return parent[: chance.randrange(len(parent) + 1)]


def _changed_route(parent: bytes, case: Circumstance, chance: random.Random) -> bytes | None:
    """Change an answer that has stops as a planner would say it; None where there is none."""
    try:
        said = json.loads(parent)
        stops = said["stops"]
        stop = stops[chance.randrange(len(stops))]
        stop["via"] = _some_via(case, chance)
    except (ValueError, KeyError, TypeError, RecursionError, IndexError, AttributeError):
        return None
    match chance.randrange(5):
        case 0:
            chance.shuffle(stops)
        case 1:
            stops.append(stop)
        case 2:
            stops.remove(stop)
        case 3:
            stop[chance.choice(("bin", "sku", "quantity", "x"))] = chance.choice(
                ("x" * 64, 1, None)
            )
        case _:
            said[chance.choice(("request_id", "robot_id", "version"))] = chance.choice(("x", 1))
    return _compact(said)


def _some_via(case: Circumstance, chance: random.Random) -> list[int]:
    edges = list(islice(case.judge.paths.warehouse.edges, 400))
    kinds = (case.near[::-1], chance.choice(edges), (0,), tuple(chance.choices(range(99), k=9)))
    return list(islice(cycle(chance.choice(kinds)), chance.randrange(VIA_NODES_MAX + 1)))


# The hunt for an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A payload, how long its verdict takes (ns), where it comes from and what came of it."""

    case: Circumstance
    construction: str
    changes: int
    payload: bytes
    mode: str
    taken_ns: int

    @property
    def kind(self) -> tuple[str, str]:
        return self.construction, self.mode


class Hunt:
    """Keeps the slowest payload of each kind."""

    def __init__(self, seed: int) -> None:
        self.finds: dict[tuple[str, str], Find] = {}
        self.looked_at = 0
        self._chance = random.Random(seed)  # noqa: S311  # a hunt that can be told again
        for case in _circumstances():
            for name, construct in CONSTRUCTIONS.items():
                self._look(case, name, 0, construct(case)[:PAYLOAD_BYTES_MAX])

    def go_on(self, seconds: float) -> None:
        """Change and join what is there, for so long."""
        chance, began_s = self._chance, time.perf_counter()
        while time.perf_counter() < began_s + seconds:
            ranked = self.slowest()
            if chance.random() < 0.5:
                ranked = ranked[: 2 * _SHOWN]
            for _ in range(64):
                parent, other = chance.choice(ranked), chance.choice(ranked)
                payload = _changed(parent.payload, other.payload, parent.case, chance)
                self._look(parent.case, parent.construction, parent.changes + 1, payload)

    def slowest(self) -> list[Find]:
        return sorted(self.finds.values(), key=lambda find: -find.taken_ns)

    def _look(self, case: Circumstance, construction: str, changes: int, payload: bytes) -> None:
        self.looked_at += 1
        verdict, taken_ns = _timed(case, payload)
        find = Find(
            case=case,
            construction=construction,
            changes=changes,
            payload=payload,
            mode=verdict.refusal.mode.value if verdict.refusal else "accepted",
            taken_ns=taken_ns,
        )
        known = self.finds.get(find.kind)
        known_ns = known.taken_ns if known else 0
        # A look that was quick by luck misses nothing much; one that was slow by chance is found out.
        for tries in (_TRIES, _TRIES_OF_RECORD):
            if find.taken_ns <= known_ns:
                return
            taken_ns = min(find.taken_ns, _least_ns(case, payload, tries))
            find = replace(find, taken_ns=taken_ns)
        if find.taken_ns > known_ns:
            self.finds[find.kind] = find


def _timed(case: Circumstance, payload: bytes) -> tuple[Verdict, int]:
    case.forget()
    began_ns = time.thread_time_ns()
    verdict = case.verdict(payload)
    return verdict, time.thread_time_ns() - began_ns


def _least_ns(case: Circumstance, payload: bytes, tries: int) -> int:
    return min(_timed(case, payload)[1] for _ in range(tries))


# The hunt for a request


def _slowest_request(judge: Judge, seconds: float, seed: int) -> tuple[PickRequest, list[int]]:
    """Return the request that takes longest to prepare, and how long each one took (ns)."""
    chance = random.Random(seed)  # noqa: S311
    warehouse = judge.paths.warehouse
    bins, nodes = sorted(warehouse.bins), sorted(warehouse.nodes)

    def item() -> PickItem:
        return PickItem(bin=chance.choice(bins), sku=f"SKU-{chance.randrange(99)}", quantity=1)

    def any_request() -> PickRequest:
        return PickRequest(
            request_id="R-17",
            robot_id="picker_1",
            start_node=chance.choice(nodes),
            goal_node=chance.choice(nodes),
            items=tuple(item() for _ in range(STOPS_MAX)),
        )

    worst, worst_ns = any_request(), 0
    taken: list[int] = []
    began_s = time.perf_counter()
    while not taken or time.perf_counter() < began_s + seconds:
        request = any_request()
        if worst_ns and chance.random() < 0.7:
            changed = list(worst.items)
            for _ in range(chance.choice((1, 2, 8))):
                changed[chance.randrange(STOPS_MAX)] = item()
            request = replace(worst, items=tuple(changed))
        taken.append(_least_prepare_ns(judge, request, _TRIES))
        if taken[-1] > worst_ns:
            certain_ns = _least_prepare_ns(judge, request, _TRIES_OF_RECORD)
            if certain_ns > worst_ns:
                worst, worst_ns = request, certain_ns
    return worst, [*taken, worst_ns]


def _least_prepare_ns(judge: Judge, request: PickRequest, tries: int) -> int:
    taken = []
    for _ in range(tries):
        began_ns = time.thread_time_ns()
        judge.prepare(request, request.start_node)
        taken.append(time.thread_time_ns() - began_ns)
    return min(taken)


def _requests(seconds: float, seed: int) -> dict[str, object]:
    """Hunt on maps of each size for so long, print, and return what was found."""
    found: dict[str, object] = {}
    made = table(f"Judge.prepare, {STOPS_MAX} items", "", "tried", "median (ms)", "slowest (ms)")
    for bins in _SIZES:
        worst, taken_ns = _slowest_request(judge_on(paths_on(bins)), seconds, seed)
        median_ms = spread(taken_ns[:-1]).median / 1e6
        tried, slowest = f"{len(taken_ns) - 1:,}", f"{taken_ns[-1] / 1e6:.2f}"
        made.add_row(f"{bins:,} bins", tried, f"{median_ms:.2f}", slowest)
        nodes, names = (worst.start_node, worst.goal_node), [item.bin for item in worst.items]
        found[f"{bins}"] = {"start, goal": nodes, "bins": names, "ns": taken_ns}
    show(made)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt, print, and return 1 where the goal is missed."""
    options = parser(
        "Hunt for the slowest answer and the slowest request within the guard's limits.",
        "bench/worst_payload.py --seconds 300 --seed 3 --json worst.json",
    )
    options.add_argument("--seconds", type=float, default=60.0, help="default: %(default)s")
    options.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    given = options.parse_args(arguments)
    facts = environment()
    hunt = Hunt(given.seed)
    gc.collect()
    gc.disable()
    hunt.go_on(given.seconds * (1 - _SHARE_OF_REQUESTS))
    gc.enable()
    shown = hunt.slowest()[:_SHOWN]
    title = f"The slowest of {hunt.looked_at:,} answers, one of each kind (seed {given.seed})"
    made = table(title, "construction", "circumstance", "changes", "bytes", "failure mode", "ms")
    for find in shown:
        size, ms = f"{len(find.payload):,}", f"{find.taken_ns / 1e6:.2f}"
        made.add_row(find.construction, find.case.name, f"{find.changes}", size, find.mode, ms)
    show(made)
    seconds = given.seconds * _SHARE_OF_REQUESTS / len(_SIZES)
    samples = {
        "answers": [
            {
                "kind": [*find.kind, find.case.name],
                "ns": find.taken_ns,
                "payload": find.payload.decode("latin-1"),
            }
            for find in shown
        ],
        "requests": _requests(seconds, given.seed),
    }
    measured = {"worst": shown[0].taken_ns / 1e6}
    return conclude(GOALS, measured, facts=facts, samples=samples, json_file=given.json)


if __name__ == "__main__":
    sys.exit(main())
