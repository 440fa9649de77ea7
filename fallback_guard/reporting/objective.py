# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Availability against its objective, and the error budget: how much of it is left, and how quickly it is used up.

The budget is the share of due requests that may go unserved; a burn rate of 1 uses it up in exactly the objective's
period (Google's Site Reliability Workbook, chapter 5, also for the lengths of the windows).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fallback_guard.core.objective import OBJECTIVE, PERIOD_DAYS
from fallback_guard.core.units import NS_PER_S
from fallback_guard.reporting.episodes import BAD, COUNTED, Episode

BUDGET: Final = 1 - OBJECTIVE

BINS_MAX: Final = 96
"""Of the budget's course: a day in quarters of an hour."""

_HOUR_NS: Final = 3_600 * NS_PER_S
WINDOWS_NS: Final[Mapping[str, int]] = {
    "1 h": _HOUR_NS,
    "6 h": 6 * _HOUR_NS,
    "24 h": 24 * _HOUR_NS,
    "3 d": 72 * _HOUR_NS,
    "28 d": PERIOD_DAYS * 24 * _HOUR_NS,
}
"""Windows for burn rates, which end where the recording does."""

PERIODS_NS: Final = tuple(
    seconds * NS_PER_S
    for seconds in (1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800)
)
"""What a bin of the course may be long: what clocks and calendars have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A piece of time: how many requests fell due in it, how many of them were bad, and the budget left at its end."""

    begin_ns: int
    due: int
    bad: int
    budget_left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """How many times as quickly as it may the budget was used up in a window; None where nothing fell due."""

    window: str
    due: int
    bad: int
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """How well due requests were served.

    `availability` is None where nothing fell due.  `budget_left` is a share of the budget for the requests that fell
    due: 1 untouched, 0 used up, less than 0 overspent.
    """

    due: int
    verdicts: Mapping[str, int]
    bad: int
    availability: float | None
    budget_allowed: float
    budget_left: float
    burns: Sequence[Burn]
    bin_ns: int
    bins: Sequence[Bin]


def objective(found: Sequence[Episode], *, end_ns: int) -> Objective:
    """Judge due requests, which are in the order of falling due; `end_ns` is when the recording ends."""
    counted = [episode for episode in found if episode.verdict in COUNTED]
    bad = sum(episode.verdict in BAD for episode in counted)
    allowed = BUDGET * len(counted)
    bin_ns, bins = _course(counted, allowed)
    return Objective(
        due=len(counted),
        verdicts={
            verdict.name: count
            for verdict, count in sorted(Counter(episode.verdict for episode in found).items())
        },
        bad=bad,
        availability=1 - bad / len(counted) if counted else None,
        budget_allowed=allowed,
        budget_left=1 - bad / allowed if counted else 1.0,
        burns=[_burn(name, length, counted, end_ns) for name, length in WINDOWS_NS.items()],
        bin_ns=bin_ns,
        bins=bins,
    )


def _burn(name: str, length_ns: int, counted: Sequence[Episode], end_ns: int) -> Burn:
    inside = [episode for episode in counted if episode.due_ns > end_ns - length_ns]
    bad = sum(episode.verdict in BAD for episode in inside)
    return Burn(
        window=name,
        due=len(inside),
        bad=bad,
        rate=bad / len(inside) / BUDGET if inside else None,
    )


def _course(counted: Sequence[Episode], allowed: float) -> tuple[int, list[Bin]]:
    if not counted:
        return PERIODS_NS[0], []
    begin_ns, end_ns = counted[0].due_ns, counted[-1].due_ns
    length = next(
        (each for each in PERIODS_NS if (end_ns - begin_ns) // each < BINS_MAX), PERIODS_NS[-1]
    )
    due: Counter[int] = Counter()
    bad: Counter[int] = Counter()
    for episode in counted:
        number = episode.due_ns // length
        due[number] += 1
        bad[number] += episode.verdict in BAD
    bins, total = [], 0
    for number in range(begin_ns // length, min(end_ns // length, begin_ns // length + 10_000) + 1):
        total += bad[number]
        bins.append(
            Bin(
                begin_ns=number * length,
                due=due[number],
                bad=bad[number],
                budget_left=1 - total / allowed,
            )
        )
    return length, bins
