# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is checked every week, and who acts where it is not well: the tiles of a page, and the health check's table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fallback_guard.core.objective import OBJECTIVE
from fallback_guard.reporting import words
from fallback_guard.reporting.digest import Digest
from fallback_guard.reporting.facts import DEADLINE_MS

State = Literal["good", "warn", "bad"]

PLANNER_YIELD_MIN: Final = 0.88
"""Share of due requests with a planner's route in time.  Another team's service lost 12 % before it had a fallback."""

BURN_RATE_MAX: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One thing that is checked.  `acts` is who does something where it is bad, and what; empty where it is good."""

    key: str
    name: str
    value: str
    told: str
    state: State
    acts: str = ""


def tiles(digest: Digest) -> Sequence[Tile]:
    """Return every check with its state, those that matter most first."""
    return [check(digest) for check in _CHECKS]


def _availability(digest: Digest) -> Tile:
    found = digest.objective
    if found.availability is None:
        return Tile(
            key="availability",
            name="Availability",
            value=words.NOTHING,
            told="nothing fell due",
            state="warn",
            acts="operations: no robot asked for a route, or nobody recorded it",
        )
    is_good = found.budget_left >= 0
    return Tile(
        key="availability",
        name="Availability",
        value=words.percent(found.availability, 3),
        told=f"objective {words.percent(OBJECTIVE, 1)}; {words.count(found.bad)} of {words.count(found.due)} were not",
        state="good" if is_good else "bad",
        acts=""
        if is_good
        else "on call: the error budget's policy says what stops until it has recovered",
    )


def _budget(digest: Digest) -> Tile:
    left = digest.objective.budget_left
    state: State = "good" if left >= 0.25 else "warn" if left >= 0 else "bad"  # noqa: PLR2004  # a week of four
    return Tile(
        key="error_budget",
        name="Error budget",
        value=words.percent(left, 1) if left >= 0 else f"{1 - left:,.1f}x used",
        told=f"{words.count(digest.objective.bad)} used of {digest.objective.budget_allowed:,.1f} allowed",
        state=state,
        acts=""
        if state == "good"
        else "the planner's owner: no change of model or prompt until it has recovered",
    )


def _halts(digest: Digest) -> Tile:
    halting = digest.halting
    still = ", ".join(halting.still_halted[:5])
    return Tile(
        key="halts",
        name="Halts",
        value=words.count(halting.halts),
        told=f"{words.share(halting.plans_share)} of plans, {words.share(halting.time_share)} of the time"
        + (f"; not over: {still}" if still else ""),
        state="warn" if still else "good",
        acts=f"operations: look after {still}" if still else "",
    )


def _late(digest: Digest) -> Tile:
    late = digest.objective.verdicts.get("LATE", 0)
    decided = digest.latency.decided
    return Tile(
        key="late",
        name="Late decisions",
        value=words.count(late),
        told=f"deadline {DEADLINE_MS} ms; the slowest took {words.milliseconds(decided.max_ms if decided else None)}",
        state="bad" if late else "good",
        acts="whoever runs the robot's computer: real-time priority and load (docs/deadline.md)"
        if late
        else "",
    )


def _watchdog(digest: Digest) -> Tile:
    spoke, unanswered = digest.watchdog_spoke, digest.objective.verdicts.get("UNANSWERED", 0)
    is_bad = bool(spoke or unanswered)
    return Tile(
        key="watchdog",
        name="Watchdog",
        value=words.count(spoke),
        told=f"times it spoke for the guard; {words.count(unanswered)} requests without the guard's decision",
        state="bad" if is_bad else "good",
        acts="on call: the guard was down, held up, or not heard (docs/troubleshooting.md)"
        if is_bad
        else "",
    )


def _planner(digest: Digest) -> Tile:
    due = digest.objective.due
    timely = sum(each.timely for each in digest.planner.yields)
    share = min(1.0, timely / due) if due else None
    is_good = share is None or share >= PLANNER_YIELD_MIN
    return Tile(
        key="planner_yield",
        name="Planner",
        value=words.percent(share, 1),
        told=f"of due requests got its route in time; {words.percent(PLANNER_YIELD_MIN, 0)} are expected",
        state="good" if is_good else "warn",
        acts="" if is_good else "the planner's owner: see which failure modes prevail",
    )


def _recorder(digest: Digest) -> Tile:
    missing = sum(gap.missing for gap in digest.gaps)
    dropped = digest.recorder.dropped
    is_bad = bool(missing or dropped)
    return Tile(
        key="recorder",
        name="Recorder",
        value="whole" if not is_bad else f"{words.count(max(missing, dropped))} missing",
        told=f"{words.count(dropped)} dropped as it told, gaps in its numbers: {words.count(len(digest.gaps))}",
        state="warn" if is_bad else "good",
        acts="whoever runs the robot's computer: disk and directory of the recorder"
        if is_bad
        else "",
    )


def _latched(digest: Digest) -> Tile:
    latched = [
        name if line.namespace == "/" else f"{line.namespace}/{name}"
        for line in digest.guards
        for name in line.latched
    ]
    return Tile(
        key="latched",
        name="Latched robots",
        value=words.count(len(latched)),
        told=", ".join(latched[:5]) or "none waits for a reset",
        state="bad" if latched else "good",
        acts="an operator on the floor: look, then reset (guard/reset)" if latched else "",
    )


_CHECKS: Final[Sequence[Callable[[Digest], Tile]]] = (
    _availability,
    _budget,
    _halts,
    _late,
    _watchdog,
    _planner,
    _recorder,
    _latched,
)
