# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: a live table in a terminal, plain lines elsewhere, and a summary at the end."""

import sys
from abc import ABC, abstractmethod
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from typing_extensions import Self

from fallback_guard.core.effects import Occasion
from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode
from fallback_guard.core.motion import MotionKind
from fallback_guard.picking.tally import (
    ACCEPTED,
    PILOT_HALT_S,
    Decided,
    DueMotion,
    Spread,
    Summary,
    Tally,
)

_ROWS_MAX: Final = 14
_OCCASIONS: Final = {
    Occasion.DUE: "due",
    Occasion.RECOVERY: "recovery",
    Occasion.REFUSAL: "refusal",
}


class View(ABC):
    """Decisions may be added from another thread; everything else is called from one."""

    def __init__(self, picks: int, directory: Path, console: Console) -> None:
        """Show `picks` requests; `directory` holds the logs."""
        self.picks = picks
        self.directory = directory
        self.console = console

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(  # noqa: B027  # most views have nothing to put back
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Tell what is going on."""

    @abstractmethod
    def add(self, decided: Decided) -> None:
        """Take a decision."""

    @abstractmethod
    def refresh(self, tally: Tally) -> None:
        """Show what has come in since."""

    def show_summary(self, summary: Summary) -> None:
        """Print what the run came to."""
        self.console.print()
        self.console.print(_decisions_table(summary))
        self.console.print(_times_table(summary))
        self.console.print(_halts_table(summary))
        self.console.print(
            f"late: {summary.late}   unanswered: {summary.unanswered}   "
            f"answers refused: {summary.answers_refused}   logs: {self.directory}",
            soft_wrap=True,
        )


class _LinesView(View):
    """For pipes and logs: one line for each decision, as soon as its motion is known."""

    def __init__(self, picks: int, directory: Path, console: Console) -> None:
        super().__init__(picks, directory, console)
        self._waiting: deque[Decided] = deque()
        self._shown = 0

    def say(self, text: str) -> None:
        self._print(f"-- {text}")

    def add(self, decided: Decided) -> None:
        self._waiting.append(decided)

    def refresh(self, tally: Tally) -> None:
        motions = {(motion.robot_id, motion.request_id): motion for motion in tally.motions}
        while self._waiting:
            decided = self._waiting.popleft()
            self._shown += decided.occasion is Occasion.DUE
            cells = _cells(decided, motions)
            self._print(
                f"[{self._shown:>3}/{self.picks}] " + "  ".join(cell for cell in cells if cell)
            )

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


class _LiveView(View):
    """For people at a terminal: the last decisions as a table, and a progress bar."""

    def __init__(self, picks: int, directory: Path, console: Console) -> None:
        super().__init__(picks, directory, console)
        self._rows: deque[Decided] = deque(maxlen=_ROWS_MAX)
        self._said = ""
        self._progress = Progress(
            TextColumn("picks"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("picks", total=picks)
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        self._said = text
        self._show(Table())

    def add(self, decided: Decided) -> None:
        self._rows.append(decided)

    def refresh(self, tally: Tally) -> None:
        motions = {(motion.robot_id, motion.request_id): motion for motion in tally.motions}
        table = Table(expand=True, box=None, header_style="bold")
        for heading in (
            "request",
            "occasion",
            "outcome",
            "due to motion",
            "failure mode",
            "planner",
            "detail",
        ):
            table.add_column(
                heading, no_wrap=True, overflow="ellipsis", ratio=3 if heading == "detail" else None
            )
        for decided in list(self._rows):
            table.add_row(*_cells(decided, motions), style=_style(decided))
        self._progress.update(self._task, completed=len(tally.decided))
        self._show(table)

    def _show(self, table: Table) -> None:
        self._live.update(Group(table, Text(self._said, style="dim"), self._progress), refresh=True)


def make_view(picks: int, directory: Path) -> View:
    """Return the view that suits standard output."""
    console = Console()
    kind = _LiveView if sys.stdout.isatty() else _LinesView
    return kind(picks, directory, console)


def _cells(decided: Decided, motions: dict[tuple[str, str], DueMotion]) -> tuple[str, ...]:
    motion = motions.get((decided.robot_id, decided.request_id))
    timed = decided.occasion is Occasion.DUE and motion is not None
    outcome = "" if decided.outcome is MotionKind.NONE else decided.outcome.name
    attempt = f" #{decided.attempt}" if decided.attempt else ""
    return (
        decided.request_id,
        _OCCASIONS.get(decided.occasion, ""),
        outcome,
        f"{motion.taken_ms:.1f} ms" if timed and motion is not None else "",
        decided.failure_mode,
        f"{decided.source}{attempt}",
        decided.detail,
    )


def _style(decided: Decided) -> str:
    if decided.occasion is Occasion.REFUSAL:
        return "yellow"
    return "red" if decided.outcome is MotionKind.SAFE_MOVE else "green"


def _decisions_table(summary: Summary) -> Table:
    table = Table(title=f"{summary.decided} decisions by failure mode", title_justify="left")
    table.add_column("failure mode")
    table.add_column("risk")
    table.add_column("decisions", justify="right")
    table.add_column("share", justify="right")
    for mode, count in summary.decisions.items():
        bucket = Bucket.NONE if mode == ACCEPTED else FAILURE_MODES[FailureMode(mode)].bucket
        risk = "" if bucket is Bucket.NONE else bucket.name.lower()
        table.add_row(mode, risk, str(count), f"{count / summary.decided:.0%}")
    return table


def _times_table(summary: Summary) -> Table:
    table = Table(
        title="from due to motion, at a subscriber in another process", title_justify="left"
    )
    for heading in ("", "count", "p50", "p99", "worst"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, times in (
        ("validated route", summary.routes_ms),
        ("safe move", summary.safe_moves_ms),
    ):
        if times is not None:
            table.add_row(name, *_times(times))
    return table


def _times(times: Spread) -> tuple[str, ...]:
    in_ms = (times.p50_ms, times.p99_ms, times.worst_ms)
    return (str(times.count), *(f"{value:.1f} ms" for value in in_ms))


def _halts_table(summary: Summary) -> Table:
    table = Table(title="halts", title_justify="left")
    for heading in ("", "halts", "halted"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("with the guard, measured", str(summary.halts), f"{summary.halted_s:.1f} s")
    table.add_row(
        f"without it, estimated ({PILOT_HALT_S:g} s for each request whose first answer was unusable)",
        str(summary.unguarded_halts),
        f"{summary.unguarded_s:.1f} s",
    )
    return table
