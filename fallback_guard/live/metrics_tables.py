# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is read off a board at a scrape, as tables: one row a metric."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fallback_guard.core.units import ns_to_seconds
from fallback_guard.live.board import GuardBoard
from fallback_guard.live.boards import Boards
from fallback_guard.live.frame import is_stale, level_of
from fallback_guard.live.heard import GuardCondition, Level, Part, StateHeard
from fallback_guard.live.rungs import BREAKERS, RungRead, number, read_rungs

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Label values beyond the guard's, with the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """Where from and when: `clock` returns monotonic nanoseconds."""

    boards: Boards
    clock: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric.  What is not known has no sample."""

    name: str
    help: str
    samples: Callable[[GuardBoard, int], Samples]
    labels: tuple[str, ...] = ()


def _of_state(read: Callable[[StateHeard], float]) -> Callable[[GuardBoard, int], Samples]:
    def samples(board: GuardBoard, _now_ns: int) -> Samples:
        return [] if board.state is None else [((), read(board.state))]

    return samples


def _up(board: GuardBoard, now_ns: int) -> Samples:
    is_up = board.state is not None and not is_stale(board.state, now_ns - board.state_ns)
    return [((), float(is_up))]


def _heartbeat_age(board: GuardBoard, now_ns: int) -> Samples:
    return [] if board.state is None else [((), ns_to_seconds(now_ns - board.state_ns))]


def _condition(board: GuardBoard, _now_ns: int) -> Samples:
    if board.state is None:
        return []
    return [((each.name.lower(),), float(board.state.condition is each)) for each in GuardCondition]


def _levels(board: GuardBoard, now_ns: int) -> Samples:
    """One sample for each part that was ever heard; which parts there are is the launch's business."""
    return [
        ((part.name.lower(),), float(level_of(heard, now_ns)))
        for part, heard in board.statuses.items()
    ]


def _values(part: Part, key: str) -> Callable[[GuardBoard, int], Samples]:
    def samples(board: GuardBoard, _now_ns: int) -> Samples:
        heard = board.statuses.get(part)
        return [] if heard is None else [((), number(heard[0].values.get(key, "")))]

    return samples


def _of_rungs(
    read: Callable[[RungRead], Mapping[tuple[str, ...], float]],
) -> Callable[[GuardBoard, int], Samples]:
    def samples(board: GuardBoard, now_ns: int) -> Samples:
        heard = board.statuses.get(Part.PLANNER)
        if heard is None or level_of(heard, now_ns) is Level.STALE:
            return []
        return [
            ((rung.name, *labels), value)
            for rung in read_rungs(heard[0].values)
            for labels, value in read(rung).items()
        ]

    return samples


GAUGES: Final = (
    Row(
        name="fallback_guard_up",
        help="1 while the guard gives signs of life, 0 once three of its periods and a second have passed without.",
        samples=_up,
    ),
    Row(
        name="fallback_guard_heartbeat_age_seconds",
        help="Since the guard's last sign of life.",
        samples=_heartbeat_age,
    ),
    Row(
        name="fallback_guard_state",
        help="1 for the state that the guard was last heard in, 0 for the others.",
        samples=_condition,
        labels=("state",),
    ),
    Row(
        name="fallback_guard_latched_robots",
        help="Robots that wait for an operator's reset.",
        samples=_of_state(lambda state: float(len(state.latched))),
    ),
    Row(
        name="fallback_guard_edges_blocked",
        help="Edges of the map that may not be driven at the moment, one for each direction.",
        samples=_of_state(lambda state: float(state.edges_blocked)),
    ),
    Row(
        name="fallback_guard_realtime_priority",
        help="SCHED_FIFO priority of the guard's threads; 0: none was granted.",
        samples=_of_state(lambda state: float(state.realtime_priority)),
    ),
    Row(
        name="fallback_guard_dispatch_margin_seconds",
        help="How long before their deadlines the guard closes windows at present.",
        samples=_of_state(lambda state: ns_to_seconds(state.margin_ns)),
    ),
    Row(
        name="fallback_guard_lateness_seconds",
        help="How late the guard itself has been lately, outliers left out.",
        samples=_of_state(lambda state: ns_to_seconds(state.lateness_ns)),
    ),
    Row(
        name="fallback_guard_robots_halted",
        help="Robots whose last command was a safe move; drills left out.",
        samples=lambda board, _now_ns: [((), float(board.halting))],
    ),
    Row(
        name="fallback_guard_status_level",
        help="Level on /diagnostics of guard, watchdog, planner, recorder: 0 OK, 1 WARN, 2 ERROR, 3 silent for 5 s.",
        samples=_levels,
        labels=("part",),
    ),
    Row(
        name="fallback_guard_strangers",
        help="Nodes beside one guard and its watchdog that can command robots, as the watchdog counts them.",
        samples=_values(Part.WATCHDOG, "strangers"),
    ),
    Row(
        name="fallback_guard_planner_breaker",
        help="1 for the state that the breaker of a model is in, 0 for the others.",
        samples=_of_rungs(
            lambda rung: {(state.lower(),): float(rung.breaker == state) for state in BREAKERS}
        ),
        labels=("rung", "state"),
    ),
    Row(
        name="fallback_guard_planner_latency_p95_seconds",
        help="95th percentile of a model's latency within its window.",
        samples=_of_rungs(
            lambda rung: {} if rung.latency_p95_ms is None else {(): rung.latency_p95_ms / 1_000.0}
        ),
        labels=("rung",),
    ),
)

GUARD_COUNTERS: Final = (
    *(
        Row(
            name=f"fallback_guard_{name}",
            help=f"{meaning}, by the guard's own count since it was activated.",
            samples=_of_state(lambda state, name=name: float(getattr(state.counters, name))),  # type: ignore[misc]
        )
        for name, meaning in (
            ("requests", "Requests accepted"),
            ("routes", "Routes in time"),
            ("safe_moves", "Safe moves"),
            ("recoveries", "Routes that followed a safe move"),
            ("refusals", "Candidates and messages refused"),
            ("decisions_late", "Decisions handed to the middleware after the deadline"),
        )
    ),
    Row(
        name="fallback_guard_halts",
        help="Halts that began: from a safe move to the next route; drills left out.",
        samples=lambda board, _now_ns: [((), float(board.halts))],
    ),
    Row(
        name="fallback_guard_halted_seconds",
        help="Time that robots have halted, all robots together; drills left out.",
        samples=lambda board, now_ns: [((), ns_to_seconds(board.halted_until(now_ns)))],
    ),
    Row(
        name="fallback_guard_watchdog_spoken",
        help="Times that the watchdog spoke for the guard.",
        samples=_values(Part.WATCHDOG, "spoken_for_the_guard"),
    ),
    Row(
        name="fallback_guard_recorder_dropped_messages",
        help="Messages that the recorder could not keep.",
        samples=_values(Part.RECORDER, "messages_dropped"),
    ),
)

RUNG_COUNTERS: Final = (
    Row(
        name="fallback_guard_planner_calls",
        help="Calls of a model.",
        samples=_of_rungs(lambda rung: {(): float(rung.calls)}),
        labels=("rung",),
    ),
    Row(
        name="fallback_guard_planner_unusable_answers",
        help="Calls of a model without an answer (failed), and answers that the guard refused.",
        samples=_of_rungs(
            lambda rung: {
                ("failed",): float(rung.failures),
                ("refused",): float(rung.refusals),
            }
        ),
        labels=("rung", "kind"),
    ),
    Row(
        name="fallback_guard_planner_tokens",
        help="Tokens that a model read and wrote.",
        samples=_of_rungs(
            lambda rung: {
                ("prompt",): float(rung.prompt_tokens),
                ("completion",): float(rung.completion_tokens),
            }
        ),
        labels=("rung", "kind"),
    ),
    Row(
        name="fallback_guard_planner_spent",
        help="What a model has cost, in the currency of its price parameters.",
        samples=_of_rungs(lambda rung: {(): rung.spent}),
        labels=("rung",),
    ),
)
