# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard matrix`: the Failure-Mode-Latency-Impact matrix of recordings, as Markdown."""

import argparse
import sys
from collections.abc import Iterable
from typing import Final

from fallback_guard.reporting import texts, words
from fallback_guard.reporting.matrix import Row
from fallback_guard.tools.recorded import add_recordings, digested

DOES: Final = "Print the Failure-Mode-Latency-Impact matrix of recordings, as Markdown."
EXAMPLE: Final = """\
  fallback-guard matrix recordings --since 7d

Every figure is measured, but for the impact without a guard, which is the pilot's: 12 s for each malformed plan. A
wrong route in good JSON would have been driven. fallback-guard report shows the same with all that belongs to it.

exit codes: 0 printed, 2 unusable arguments or recordings"""

COLUMNS: Final = (
    "failure mode",
    "bucket",
    "requests",
    "refusals",
    "latency budget",
    "to decision, p50 / p99 / max",
    "without guard",
    "with guard",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take recordings."""
    add_recordings(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    lines = [_line(COLUMNS), _line("---" for _ in COLUMNS)]
    lines += [_line(_cells(row)) for row in digested(options.recordings, options.since).rows]
    sys.stdout.write("".join(lines))
    return 0


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _cells(row: Row) -> tuple[str, ...]:
    taken = row.decided
    return (
        f"`{texts.line(row.mode)}`",
        row.bucket,
        words.count(row.requests),
        words.count(row.refusals),
        f"{row.budget_ms} ms",
        f"{taken.p50_ms:.1f} / {taken.p99_ms:.1f} / {taken.max_ms:.1f} ms" if taken else "",
        _without(row),
        f"{words.count(row.halts)} halts, {row.halted_s:.1f} s" if row.halts else "none halted",
    )


def _without(row: Row) -> str:
    if row.driven:
        return f"{words.count(row.driven)} driven"
    return "" if row.pilot_s is None else f"{row.pilot_s:.0f} s halted"
