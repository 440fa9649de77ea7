# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard health`: the weekly check of what was recorded: all within budget, or what is not and who acts."""

import argparse
import sys
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fallback_guard.reporting import texts, words
from fallback_guard.reporting.facts import NoteKind
from fallback_guard.reporting.tiles import State, tiles
from fallback_guard.tools.recorded import add_recordings, digested

DOES: Final = "Check recordings against the objective: what is not within budget, and who acts."
EXAMPLE: Final = """\
  fallback-guard health recordings --since 7d
  fallback-guard health recordings/picker_1 recordings/picker_2 --since 2026-01-01T00:00:00Z

exit codes: 0 all within budget, 1 something is not, 2 unusable arguments or recordings"""

NOTES_MAX: Final = 10
_WIDTH: Final = 110
_SIGNS: Final[dict[State, str]] = {"good": "ok", "warn": "LOOK", "bad": "ACT"}
_STYLES: Final[dict[State, str]] = {"good": "green", "warn": "yellow", "bad": "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take recordings."""
    add_recordings(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    found = digested(options.recordings, options.since)
    checks = tiles(found)
    console = Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH, highlight=False
    )
    table = Table(
        title=f"{words.minute(found.begin_ns)} to {words.minute(found.end_ns)} UTC,"
        f" {len(found.robots)} robots, {found.files} files",
        title_justify="left",
    )
    for name in ("", "check", "value", "what it says"):
        table.add_column(name)
    for check in checks:
        table.add_row(
            Text(_SIGNS[check.state], style=_STYLES[check.state]),
            check.name,
            check.value,
            Text(texts.line(check.told)),
        )
    console.print(table)
    for check in checks:
        if check.acts:
            console.print(
                Text(f"{_SIGNS[check.state]}: {check.name}: {texts.line(check.acts)}"),
                soft_wrap=True,
            )
    for note in [note for note in found.notes if note.kind is NoteKind.WARNING][:NOTES_MAX]:
        console.print(Text(f"note: {texts.line(note.text)}"), soft_wrap=True)
    is_well = all(check.state != "bad" for check in checks)
    console.print("all within budget" if is_well else "not within budget", soft_wrap=True)
    return 0 if is_well else 1
