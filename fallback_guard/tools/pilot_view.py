# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pilot's result for people and programs: tables, JSON and CSV."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Final

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from fallback_guard.pilot.arms import ARMS
from fallback_guard.pilot.figures import FIGURES, PLANS_HALTED, TIME_HALTED, defects, measured
from fallback_guard.pilot.goals import reached
from fallback_guard.pilot.intervals import Interval
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.tally import RobotTally, total

DEFINITIONS: Final = (
    f"plans halted: {FIGURES[PLANS_HALTED].says}.  time halted: {FIGURES[TIME_HALTED].says}.  Neither stands for the"
    " other.  A halt lasts from a SAFE_MOVE to the robot's next ROUTE; without a guard, from the unreadable answer, or"
    " from 150 ms without a route, to the next route."
)
_WITH_INTERVALS: Final = {
    "throughput": "picks/h",
    "plans_halted": "plans halted, %",
    "time_halted": "time halted, %",
    "served": "served, %",
}
_WHY: Final = {
    "plans_halted_unusable": "plans halted: unusable, %",
    "plans_halted_no_answer": "no answer, %",
    "time_halted_unusable": "time halted: unusable, %",
    "time_halted_no_answer": "no answer, %",
    "halt": "mean halt, s",
    "wrong": "items wrong, %",
}
_COUNTS: Final = {
    "plans": "plans",
    "halts": "halts",
    "asked": "items asked",
    "picked": "= picked",
    "wrong": "+ wrong",
    "missed": "+ missed",
    "still_open": "+ open",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to: each arm's robots, in the same order in all of them."""

    settings: PilotSettings
    arms: Mapping[str, Sequence[RobotTally]]

    @property
    def defects(self) -> list[str]:
        """What does not add up."""
        return sorted({defect for tallies in self.arms.values() for defect in defects(tallies)})

    def interval(self, arm: str, figure: str) -> Interval:
        """Return a figure of an arm."""
        return measured(figure, self.arms[arm], self.settings)

    def document(self) -> dict[str, object]:
        """Return it as JSON; nothing in it depends on when or how quickly it was run."""
        return {
            "definitions": DEFINITIONS,
            "settings": asdict(self.settings),
            "figures": {
                name: {"says": row.says, "unit": row.unit} for name, row in FIGURES.items()
            },
            "arms": {
                name: {
                    "says": ARMS[name].says,
                    "figures": {figure: _bounds(self.interval(name, figure)) for figure in FIGURES},
                    "counts": total(tallies).as_dict(),
                }
                for name, tallies in self.arms.items()
            },
            "goals": [
                {
                    "says": each.goal.says,
                    "wanted": each.wanted,
                    "met": each.is_met,
                    **_bounds(each.interval),
                }
                for each in reached(self.arms, self.settings)
            ],
        }


def _bounds(interval: Interval) -> dict[str, float | None]:
    """Return an interval for JSON, which has no infinity."""
    return {
        name: value if isfinite(value) else None
        for name, value in (
            ("value", interval.value),
            ("low", interval.low),
            ("high", interval.high),
        )
    }


def show(result: Result, console: Console) -> None:
    """Print the arms and the goals as tables, with what the words mean."""
    settings = result.settings
    table = _table("the pilot, played again: 95 % intervals below", _WITH_INTERVALS.values())
    for arm in result.arms:
        table.add_row(arm, *(_cell(result.interval(arm, name)) for name in _WITH_INTERVALS))
    console.print(table)
    console.print(DEFINITIONS, highlight=False)
    table = _table("why they halt, and what else goes wrong", _WHY.values())
    for arm in result.arms:
        table.add_row(arm, *(_number(result.interval(arm, name).value) for name in _WHY))
    console.print(table)
    show_goals(result, console)
    table = _table("every item accounted for", _COUNTS.values())
    for arm in result.arms:
        counts = total(result.arms[arm])
        table.add_row(arm, *(f"{getattr(counts, name):,}" for name in _COUNTS))
    console.print(table)
    for arm in result.arms:
        console.print(f"{arm}: {ARMS[arm].says}", highlight=False)
    console.print(
        f"seed {settings.seed}; of calls {settings.malformed_share:.2%} malformed, {settings.wrong_share:.2%} wrong,"
        f" {settings.timeout_share:.0%} timed out; answers after {settings.latency_p50_s:g} s at p50 and"
        f" {settings.latency_p95_s:g} s at p95; {settings.items_mean:g} items a plan",
        highlight=False,
    )


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column("arm", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right")
    return table


def show_goals(result: Result, console: Console) -> None:
    """Print what was to be reached and what was."""
    found = reached(result.arms, result.settings)
    if not found:
        return
    table = Table(title="goals", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    for name in ("", "wanted", "measured", "95 % interval", "met"):
        table.add_column(name)
    for each in found:
        interval = each.interval
        table.add_row(
            each.goal.says,
            each.wanted,
            _number(interval.value),
            f"{_number(interval.low)} to {_number(interval.high)}",
            "yes" if each.is_met else "NO",
        )
    console.print(table)


def _cell(interval: Interval) -> str:
    if not isfinite(interval.high):
        return _number(interval.value)
    return f"{_number(interval.value)}\n{_number(interval.low)}..{_number(interval.high)}"


def _number(value: float) -> str:
    """Return a number with three or four digits that count."""
    if not isfinite(value):
        return "unknown"
    if value and abs(value) < 1:
        return f"{value:.2g}"
    return f"{value:,.1f}" if abs(value) < 1_000 else f"{value:,.0f}"  # noqa: PLR2004


def write(result: Result, directory: Path) -> None:
    """Write pilot.json and pilot.csv."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    (directory / "pilot.json").write_bytes(orjson.dumps(result.document(), option=options))
    with (directory / "pilot.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(("arm", "figure", "says", "unit", "value", "low", "high"))
        for arm in result.arms:
            for name, row in FIGURES.items():
                bounds = _bounds(result.interval(arm, name)).values()
                lines.writerow((arm, name, row.says, row.unit, *bounds))
