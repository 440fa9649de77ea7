# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a timeline shows: for each robot counts in bins, and what is rare one by one.

A day of a fleet has a hundred thousand decisions, nearly all of them routes in time: those are counted, in bins that a
reader can zoom into.  Halts, refusals and what was late are told singly, up to a bound, the gravest first.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.reporting.episodes import Episode, Verdict
from fallback_guard.reporting.facts import DRILL, Decision, Robot
from fallback_guard.reporting.halts import Halt

BINS: Final = 3_000
"""About one for each pixel of a wide screen, and twenty to zoom into."""

EVENTS_MAX: Final = 8_000
"""Of all robots together; what is beyond is in the bins alone."""

ROBOTS_MAX: Final = 100


class Mark(IntEnum):
    """What is marked, in order of gravity.  A drill is never grave."""

    ROUTE = 0
    DRILL = 1
    RECOVERY = 2
    REFUSAL = 3
    SAFE_MOVE = 4
    LATE = 5
    UNANSWERED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that is shown by itself: from when on (ms since the timeline's beginning), and for how long (ms)."""

    at_ms: int
    lasted_ms: int
    mark: Mark
    request_id: str
    mode: str
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One robot: its events, and counts by mark in each bin that has any, as (bin, count) pairs."""

    robot: Robot
    bins: dict[Mark, list[tuple[int, int]]]
    """Beyond what is told one by one, for whoever counts."""
    halted_bins: list[tuple[int, int]]
    """How many ms of each bin the robot halted."""
    events: list[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All robots over one stretch of time; `events_left_out` were too many to be told."""

    begin_ns: int
    end_ns: int
    bin_ms: float
    lanes: list[Lane]
    events_left_out: int
    robots_left_out: int


def timeline(
    found: Sequence[Episode],
    decisions: Sequence[Decision],
    halts: Sequence[Halt],
    *,
    begin_ns: int,
    end_ns: int,
) -> Timeline:
    """Lay out what happened between two times."""
    end_ns = max(end_ns, begin_ns + BINS * NS_PER_MS // 10)
    bin_ns = (end_ns - begin_ns) / BINS
    counts: defaultdict[Robot, defaultdict[Mark, Counter[int]]] = defaultdict(
        lambda: defaultdict(Counter)
    )
    events: defaultdict[Robot, list[Event]] = defaultdict(list)

    def add(robot: Robot, mark: Mark, at_ns: int, event: Event | None) -> None:
        number = min(BINS - 1, max(0, int((at_ns - begin_ns) / bin_ns)))
        counts[robot][mark][number] += 1
        if event is not None:
            events[robot].append(event)

    def event(at_ns: int, mark: Mark, request_id: str, mode: str, lasted_ns: int = 0) -> Event:
        return Event(
            at_ms=max(0, (at_ns - begin_ns) // NS_PER_MS),
            lasted_ms=lasted_ns // NS_PER_MS,
            mark=mark,
            request_id=request_id,
            mode=mode,
        )

    for each in found:
        mark = _mark(each)
        if mark is not None:
            told = None
            if mark not in (Mark.ROUTE, Mark.SAFE_MOVE, Mark.DRILL):
                told = event(each.due_ns, mark, each.request_id, each.mode)
            add(each.robot, mark, each.due_ns, told)
    for decision in decisions:
        kind = {Occasion.REFUSAL: Mark.REFUSAL, Occasion.RECOVERY: Mark.RECOVERY}.get(
            Occasion(decision.occasion) if decision.occasion in (2, 3) else Occasion.NONE
        )
        if kind is not None and not decision.is_drill:
            told = event(decision.at_ns, kind, decision.request_id, decision.failure_mode)
            add(decision.robot, kind, decision.at_ns, told)
    for halt in halts:
        mark = Mark.DRILL if halt.is_drill else Mark.SAFE_MOVE
        shown = event(halt.begin_ns, mark, halt.request_id, halt.reason, halt.lasted_ns)
        events[halt.robot].append(shown if halt.is_over else _open(shown))
    robots = sorted({*counts, *events})
    kept, left_out = _gravest(events, robots[:ROBOTS_MAX])
    return Timeline(
        begin_ns=begin_ns,
        end_ns=end_ns,
        bin_ms=bin_ns / NS_PER_MS,
        lanes=[
            Lane(
                robot=robot,
                bins={mark: sorted(each.items()) for mark, each in sorted(counts[robot].items())},
                halted_bins=_halted(
                    [halt for halt in halts if halt.robot == robot and not halt.is_drill],
                    begin_ns,
                    bin_ns,
                ),
                events=kept[robot],
            )
            for robot in robots[:ROBOTS_MAX]
        ],
        events_left_out=left_out,
        robots_left_out=max(0, len(robots) - ROBOTS_MAX),
    )


def _mark(episode: Episode) -> Mark | None:
    if episode.verdict is Verdict.DRILL:
        return Mark.DRILL
    if episode.verdict is Verdict.UNANSWERED:
        return Mark.UNANSWERED
    if episode.verdict is Verdict.LATE:
        return Mark.LATE
    if episode.decision is None:
        return None
    return Mark.SAFE_MOVE if episode.is_stop else Mark.ROUTE


def _open(event: Event) -> Event:
    return Event(
        at_ms=event.at_ms,
        lasted_ms=event.lasted_ms,
        mark=event.mark,
        request_id=event.request_id,
        mode=event.mode,
        is_open=True,
    )


def _gravest(
    events: dict[Robot, list[Event]], robots: Sequence[Robot]
) -> tuple[dict[Robot, list[Event]], int]:
    """Keep the gravest and longest events of all robots, in the order of time."""
    every = [(event, robot) for robot in robots for event in events.get(robot, [])]
    if len(every) > EVENTS_MAX:
        every.sort(key=lambda pair: (-pair[0].mark, -pair[0].lasted_ms, pair[0].at_ms))
    kept: dict[Robot, list[Event]] = {robot: [] for robot in robots}
    for event, robot in every[:EVENTS_MAX]:
        kept[robot].append(event)
    for own in kept.values():
        own.sort(key=lambda event: (event.at_ms, -event.mark))
    return kept, max(0, len(every) - EVENTS_MAX)


def _halted(halts: Sequence[Halt], begin_ns: int, bin_ns: float) -> list[tuple[int, int]]:
    """Return how many milliseconds of each bin were halted."""
    halted: Counter[int] = Counter()
    for halt in halts:
        first = max(0, int((halt.begin_ns - begin_ns) / bin_ns))
        last = min(BINS - 1, int((halt.end_ns - begin_ns) / bin_ns))
        for number in range(first, last + 1):
            from_ns = max(halt.begin_ns, begin_ns + number * bin_ns)
            to_ns = min(halt.end_ns, begin_ns + (number + 1) * bin_ns)
            halted[number] += max(0, round((to_ns - from_ns) / NS_PER_MS))
    return sorted(halted.items())


assert Mark.DRILL.name == DRILL, "one word for one thing"
