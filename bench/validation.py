# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What validating an answer costs, beside what other libraries need for its schema alone.

A route of 20 stops is timed in three ways of saying it: in the standby route's order; in the reverse order, no leg
of which the guard has followed before; and with every node of the way in `via`.  The peers only decode the same bytes
and check the same constraints (none of them sees a duplicate key); the guard's figures are for the whole verdict.

In the standby route's order a verdict finds no more than what `Judge.prepare` had left, however often it is asked, so
that it is timed like its peers, the same call over and over; what a request that is new to the processor's cache adds
stands beside it.  Of the other two each call gets a request of its own.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Annotated, Final

import jsonschema_rs
import msgspec
import orjson
from jsonschema import Draft202012Validator

from fallback_guard.core.decoding import ANSWER_RULES, decode
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import IDENTIFIER_PATTERN
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import (
    IDENTIFIER_CHARS_MAX,
    PAYLOAD_BYTES_MAX,
    QUANTITY_MAX,
    STOPS_MAX,
    VIA_NODES_MAX,
)
from fallback_guard.core.openness import Block, Openness
from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.route_rules import ROUTE_RULES
from fallback_guard.core.schema import NODE_ID_MAX, VERSION, Route
from fallback_guard.core.validation import Verdict
from measuring import (
    DEPOT,
    Call,
    Contender,
    Goal,
    answer,
    conclude,
    environment,
    interleaved,
    judge_on,
    parser,
    paths_on,
    ratio,
    request_on,
    said_of,
    show,
    spread,
    table,
    told,
)

_STOPS: Final = 20
_BINS: Final = 10_000
_SIZES: Final = (10, 100, 1_000, 10_000, 100_000)
_SEED: Final = 17
_TURNS_MAX: Final = 32
"""Turns before a stop that leave room for those before the others."""

_SLOW_CALLS_MAX: Final = 5
"""Calls in a round of what takes a millisecond."""

_F: Final = FailureMode
_OURS, _MSGSPEC, _SLOWEST = "fallback_guard, whole verdict", "msgspec", "json + jsonschema"

GOALS: Final[Mapping[str, Goal]] = {
    **{
        f"{said}: {peer}": Goal(says=f"{said}: {says}", at_least=at_least, at_most=at_most)
        for said in ("standby order", "reverse order", "with via")
        for peer, says, at_least, at_most in (
            ("msgspec", "times what msgspec needs to decode", 0.0, 2.0),
            ("jsonschema", "times faster than json + jsonschema", 15.0, float("inf")),
        )
    },
    **{
        f"{said}: size": Goal(says=f"{said}: 100,000 bins, times what 1,000 bins take", at_most=1.5)
        for said in ("standby order", "reverse order")
    },
}


# The peers

_Identifier = Annotated[
    str, msgspec.Meta(min_length=1, max_length=IDENTIFIER_CHARS_MAX, pattern=IDENTIFIER_PATTERN)
]
_NodeId = Annotated[int, msgspec.Meta(ge=0, le=NODE_ID_MAX)]


class _Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bin: _Identifier
    sku: _Identifier
    quantity: Annotated[int, msgspec.Meta(ge=1, le=QUANTITY_MAX)]
    via: Annotated[list[_NodeId], msgspec.Meta(max_length=VIA_NODES_MAX)] | None = None


class _Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[int, msgspec.Meta(ge=VERSION, le=VERSION)]
    request_id: _Identifier
    robot_id: _Identifier
    stops: Annotated[list[_Stop], msgspec.Meta(min_length=1, max_length=STOPS_MAX)]


def _peers() -> dict[str, Callable[[bytes], object]]:
    """Return what each peer does with an answer; each raises where it breaks the schema."""
    schema = Route.model_json_schema()
    in_rust, in_python = jsonschema_rs.validator_for(schema), Draft202012Validator(schema)

    def with_rust(payload: bytes) -> None:
        in_rust.validate(orjson.loads(payload))

    def with_python(payload: bytes) -> None:
        in_python.validate(json.loads(payload))

    return {
        _MSGSPEC: msgspec.json.Decoder(_Route).decode,
        "pydantic (our Route)": Route.model_validate_json,
        "orjson + jsonschema_rs": with_rust,
        _SLOWEST: with_python,
        "fallback_guard, decoding only": decode,
    }


# Ours


def _verdict(judge: Judge, prepared: PreparedRequest, payload: bytes) -> Verdict:
    return judge.verdict(prepared, payload, source="llm:bench")


def _accepted(judge: Judge, request: PickRequest, payload: bytes) -> bytes:
    """Return an answer that is one to the request, as the program takes for granted."""
    verdict = _verdict(judge, judge.prepare(request, DEPOT), payload)
    assert verdict.refusal is None, verdict.refusal
    return payload


def _fresh(judge: Judge, request: PickRequest, payload: bytes, calls: int) -> list[Call]:
    """Return calls for a verdict each, none of which finds what another one left behind."""
    return [partial(_verdict, judge, judge.prepare(request, DEPOT), payload) for _ in range(calls)]


def _standby_items(prepared: PreparedRequest) -> list[PickItem]:
    assert prepared.standby is not None, "everything is open"
    return [PickItem(bin=name, sku=sku, quantity=pcs) for name, sku, pcs in prepared.standby.picks]


def _orders(judge: Judge, request: PickRequest) -> dict[str, bytes]:
    """Return right answers to a request that leave the ways to the guard."""
    items = _standby_items(judge.prepare(request, DEPOT))
    said = {
        "standby order": answer(request, [said_of(item) for item in items]),
        "reverse order": answer(request, [said_of(item) for item in reversed(items)]),
    }
    return {name: _accepted(judge, request, payload) for name, payload in said.items()}


def _answers(judge: Judge, request: PickRequest) -> dict[str, bytes]:
    """Return the three ways of answering a request rightly."""
    prepared = judge.prepare(request, DEPOT)
    payload = answer(request, _with_via(prepared, _standby_items(prepared)))
    return {**_orders(judge, request), "with via": _accepted(judge, request, payload)}


def _with_via(prepared: PreparedRequest, items: Sequence[PickItem]) -> list[dict[str, object]]:
    places = [prepared.start_place, *(prepared.place_of_bin[item.bin] for item in items)]
    stops = []
    for item, (here, there) in zip(items, pairwise(places), strict=True):
        way = prepared.legs.way(here, there) or ()
        stops.append(said_of(item) | ({"via": way[1:-1]} if way[1:-1] else {}))
    return stops


# Sections: each prints a table, and returns its samples


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effort:
    rounds: int
    calls: int


Samples = dict[str, list[float]]


def _beside_peers(effort: _Effort, measured: dict[str, float]) -> dict[str, Samples]:
    judge = judge_on(paths_on(_BINS))
    request = request_on(judge.paths, items=_STOPS, seed=_SEED)
    found = {}
    for said, payload in _answers(judge, request).items():
        ours = partial(_fresh, judge, request, payload, effort.calls)
        contenders = {}
        if said == "standby order":
            contenders[f"{_OURS}, other requests between"] = Contender(calls=ours)
            again = partial(_verdict, judge, judge.prepare(request, DEPOT), payload)
            ours = partial(_repeated, again, effort.calls)
            contenders[f"{_OURS}, collecting garbage"] = Contender(calls=ours, collecting=True)
        contenders[_OURS] = Contender(calls=ours)
        for name, does in _peers().items():
            calls = min(effort.calls, _SLOW_CALLS_MAX) if name == _SLOWEST else effort.calls
            contenders[name] = Contender(calls=partial(_repeated, partial(does, payload), calls))
        samples = found[said] = interleaved(contenders, rounds=effort.rounds)
        to_msgspec = ratio(samples[_OURS], samples[_MSGSPEC])
        measured[f"{said}: msgspec"] = to_msgspec.median
        measured[f"{said}: jsonschema"] = ratio(samples[_SLOWEST], samples[_OURS]).median
        _show_peers(f"{said}, {len(payload):,} bytes, {_BINS:,} bins", samples)
    return found


def _repeated(call: Call, calls: int) -> list[Call]:
    return [call] * calls


def _show_peers(title: str, samples: Samples) -> None:
    made = table(title, "", "us (10 % to 90 %)", "times msgspec", "jsonschema takes times")
    for name, taken_us in sorted(samples.items(), key=lambda row: spread(row[1]).median):
        made.add_row(
            name,
            told(spread(taken_us), 1),
            told(ratio(taken_us, samples[_MSGSPEC])),
            told(ratio(samples[_SLOWEST], taken_us), 1),
        )
    show(made)


def _by_size(effort: _Effort, measured: dict[str, float]) -> dict[str, Samples]:
    verdicts: dict[str, Contender] = {}
    preparing: dict[str, Contender] = {}
    orders = ("standby order", "reverse order")
    for bins in _SIZES:
        judge = judge_on(paths_on(bins))
        request = request_on(judge.paths, items=_STOPS, seed=_SEED)
        answers = _orders(judge, request)
        for said in orders:
            calls = partial(_fresh, judge, request, answers[said], effort.calls)
            verdicts[f"{said}, {bins:,} bins"] = Contender(calls=calls)
        prepare = partial(judge.prepare, request, DEPOT)
        calls = partial(_repeated, prepare, min(effort.calls, _SLOW_CALLS_MAX))
        preparing[f"{bins:,} bins"] = Contender(calls=calls)
    samples = interleaved(verdicts, rounds=effort.rounds)
    made = table(f"{_STOPS} stops by size of the map", "", "us (10 % to 90 %)", "times 1,000 bins")
    for said in orders:
        base = samples[f"{said}, 1,000 bins"]
        for bins in _SIZES:
            name = f"{said}, {bins:,} bins"
            made.add_row(name, told(spread(samples[name]), 1), told(ratio(samples[name], base)))
        largest = samples[f"{said}, {_SIZES[-1]:,} bins"]
        measured[f"{said}: size"] = ratio(largest, base).median
    show(made)
    prepared = interleaved(preparing, rounds=effort.rounds)
    made = table(f"Judge.prepare, {_STOPS} items (no goal)", "", "us (10 % to 90 %)")
    for name, taken_us in prepared.items():
        made.add_row(name, told(spread(taken_us), 0))
    show(made)
    return {"verdict": samples, "prepare": prepared}


# Refusals: one answer for each failure mode, wrong in nothing else

Stops = list[dict[str, object]]

_FAULTY_TEXT: Final[Mapping[FailureMode, Callable[[bytes], bytes]]] = {
    _F.OVERSIZE: lambda text: text + b" " * PAYLOAD_BYTES_MAX,
    _F.BYTE_ORDER_MARK: lambda text: b"\xef\xbb\xbf" + text,
    _F.NOT_UTF8: lambda text: text.replace(b"picker_1", b"picker_\xff"),
    _F.TOO_DEEP: lambda text: text.replace(b"1", b"[" * 9 + b"1" + b"]" * 9, 1),
    _F.EMPTY: lambda _: b"",
    _F.TRUNCATED: lambda text: text[:-3],
    _F.FENCED: lambda text: b"```json\n" + text + b"\n```",
    _F.PROSE: lambda text: b"This is the route: " + text,
    _F.COMMENT: lambda text: text[:-1] + b" // done\n}",
    _F.TRAILING_COMMA: lambda text: text[:-1] + b",}",
    _F.SINGLE_QUOTES: lambda text: text.replace(b'"', b"'"),
    _F.UNQUOTED_KEY: lambda text: text.replace(b'"version"', b"version"),
    _F.PYTHON_LITERAL: lambda text: text[:-1] + b', "goal": None}',
    _F.NOT_FINITE: lambda text: text[:-1] + b', "length": NaN}',
    _F.MALFORMED_JSON: lambda text: text[:-1] + b"]",
    _F.SEVERAL_DOCUMENTS: lambda text: text + b"\n" + text,
    _F.NOT_AN_OBJECT: lambda text: b"[" + text + b"]",
    _F.DUPLICATE_KEY: lambda text: text[:-1] + b', "version": 1}',
    _F.SURROGATE: lambda text: text.replace(b"picker_1", b"\\ud800"),
    _F.NUMBER_RANGE: lambda text: text[:-1] + b', "length": 1e999}',
    _F.SCHEMA: lambda text: text.replace(b'"quantity"', b'"count"'),
    _F.WRONG_REQUEST: lambda text: text.replace(b"R-17", b"R-18"),
    _F.WRONG_ROBOT: lambda text: text.replace(b"picker_1", b"picker_2"),
}

_FAULTY_STOPS: Final[Mapping[FailureMode, Callable[[Stops], Stops]]] = {
    _F.ITEM_UNKNOWN: lambda stops: [{**stops[0], "sku": "SKU-0"}, *stops[1:]],
    _F.UNKNOWN_BIN: lambda stops: [{**stops[0], "bin": "nowhere"}, *stops[1:]],
    _F.WRONG_BIN: lambda stops: [{**stops[0], "bin": stops[1]["bin"]}, *stops[1:]],
    _F.WRONG_QUANTITY: lambda stops: [{**stops[0], "quantity": 99}, *stops[1:]],
    _F.ITEM_REPEATED: lambda stops: [*stops, stops[0]],
    _F.ITEM_MISSING: lambda stops: stops[:-1],
    _F.UNKNOWN_NODE: lambda stops: [{**stops[0], "via": [0]}, *stops[1:]],
    _F.NOT_AN_EDGE: lambda stops: [{**stops[0], "via": [DEPOT]}, *stops[1:]],
    _F.DETOUR_TOO_LONG: lambda stops: sorted(stops, key=lambda stop: str(stop["bin"])[::-1]),
}


def _refused(judge: Judge, request: PickRequest) -> dict[FailureMode, tuple[Judge, bytes]]:
    """Return an answer for each failure mode, and the judge who refuses it."""
    paths, prepared = judge.paths, judge.prepare(request, DEPOT)
    items = _standby_items(prepared)
    stops = [said_of(item) for item in items]
    text, ways = answer(request, stops), _with_via(prepared, items)
    with_ways = answer(request, ways)

    def blocked(why: Block) -> Judge:
        everything = Openness(blocked=dict.fromkeys(paths.warehouse.edges, why), refuges=())
        return judge_on(Paths(paths.warehouse, everything, network=paths.network))

    return {
        **{mode: (judge, spoil(text)) for mode, spoil in _FAULTY_TEXT.items()},
        **{mode: (judge, answer(request, spoil(stops))) for mode, spoil in _FAULTY_STOPS.items()},
        _F.OVER_CAPACITY: (judge_on(paths, capacity_pieces=1), text),
        _F.KEEP_OUT: (blocked(Block.KEEP_OUT), with_ways),
        _F.EDGE_CLOSED: (blocked(Block.CLOSED), with_ways),
        _F.UNREACHABLE: (blocked(Block.CLOSED), text),
        _F.TOO_MANY_WAYPOINTS: (judge_on(paths, detour_factor=10.0), _to_and_fro(request, ways)),
        _F.DURATION_TOO_LONG: (judge_on(paths, robot_speed_mps=0.1), text),
    }


def _to_and_fro(request: PickRequest, ways: Sequence[Mapping[str, object]]) -> bytes:
    """Return an answer that turns around at each stop again and again, as often as it has room to say so."""
    stops = []
    for stop in ways:
        via = stop.get("via")
        if isinstance(via, tuple) and len(via) > 1:
            turns = min(_TURNS_MAX, (VIA_NODES_MAX - len(via)) // 2)
            stops.append({**stop, "via": via + via[-2:] * turns})
        else:
            stops.append({**stop})
    return answer(request, stops).replace(b" ", b"")


def _refusals(effort: _Effort) -> Samples:
    judge = judge_on(paths_on(_BINS))
    request = request_on(judge.paths, items=_STOPS, seed=_SEED)
    refused = _refused(judge, request)
    named = {mode for rule in (*ANSWER_RULES, *ROUTE_RULES) for mode in rule.modes}
    assert refused.keys() == named, f"not timed: {sorted(named ^ refused.keys())}"
    contenders = {}
    for mode, (its_judge, payload) in refused.items():
        prepared = its_judge.prepare(request, DEPOT)
        verdict = _verdict(its_judge, prepared, payload)
        assert verdict.refusal is not None, f"{mode.value} is let through"
        assert verdict.refusal.mode is mode, f"{mode.value} is taken for {verdict.refusal}"
        call = partial(_verdict, its_judge, prepared, payload)
        contenders[mode.value] = Contender(calls=partial(_repeated, call, effort.calls))
    samples = interleaved(contenders, rounds=effort.rounds)
    made = table("Refusals, the dearest first", "failure mode", "us (10 % to 90 %)")
    for name, taken_us in sorted(samples.items(), key=lambda row: -spread(row[1]).median):
        made.add_row(name, told(spread(taken_us), 1))
    show(made)
    return samples


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 where a goal is missed."""
    options = parser(
        "Time the validation of answers beside msgspec, pydantic and two JSON schema validators.",
        "bench/validation.py --rounds 50 --json validation.json",
    )
    options.add_argument("--rounds", type=int, default=200, help="default: %(default)s")
    options.add_argument("--calls", type=int, default=20, help="in a round; default: %(default)s")
    given = options.parse_args(arguments)
    effort = _Effort(rounds=given.rounds, calls=given.calls)
    facts = environment("msgspec", "jsonschema", "jsonschema_rs")
    show(
        f"{effort.rounds} rounds of {effort.calls} calls, no garbage collected but where it says so"
    )
    measured: dict[str, float] = {}
    samples: dict[str, object] = {
        "peers": _beside_peers(effort, measured),
        "sizes": _by_size(effort, measured),
        "refusals": _refusals(effort),
    }
    return conclude(GOALS, measured, facts=facts, samples=samples, json_file=given.json)


if __name__ == "__main__":
    sys.exit(main())
