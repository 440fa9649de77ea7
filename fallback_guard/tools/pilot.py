# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard pilot`: the figures that this package was made for, played again, with and without the guard."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from fallback_guard.pilot.arms import ARMS, GUARDED
from fallback_guard.pilot.parts import Done, Part, parts_of
from fallback_guard.pilot.settings import PICKS_MAX, PilotSettings, checked
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.pilot_run import OnPart, book_of, map_of, run_parts
from fallback_guard.tools.pilot_view import Result, show, write

DOES: Final = "Play the pilot again, simulated or over real nodes: throughput and halts, with and without the guard."
EXAMPLE: Final = """\
  fallback-guard pilot                             every arm, 12000 picks each: a minute or two
  fallback-guard pilot --picks 1000000 --arms unguarded guarded --out figures
  fallback-guard pilot --timeouts 0                the pilot's own faults alone
  fallback-guard pilot --nodes --picks 200         over real nodes, beside what the simulation says

--out keeps each part that is done: the same command goes on where it was interrupted.

exit codes: 0 done, 1 the two disagree or a process failed, 2 unusable arguments, 130 interrupted"""

EXIT_INTERRUPTED: Final = 130
_DEFAULTS: Final = PilotSettings()
_PROCESSORS_MAX: Final = 256
_SEED_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Option:
    """A number of the settings that can be given: the option's name, and what it is in the option's unit."""

    option: str
    setting: str
    says: str
    metavar: str = "X"
    per_unit: float = 1.0


_OPTIONS: Final = (
    _Option(option="--malformed", setting="malformed_share", says="share of malformed answers"),
    _Option(
        option="--malformed-again",
        setting="malformed_again_share",
        says="the same of answers that follow a refused one; negative: as any other",
    ),
    _Option(option="--wrong", setting="wrong_share", says="share of wrong answers in right JSON"),
    _Option(option="--timeouts", setting="timeout_share", says="share of calls that time out"),
    _Option(
        option="--second-timeouts",
        setting="second_timeout_share",
        says="the same of the second planner's",
    ),
    _Option(option="--halt-s", setting="halt_s", says="halt without a guard", metavar="S"),
    _Option(option="--item-s", setting="item_s", says="time for an item", metavar="S"),
    _Option(option="--budget-s", setting="budget_s", says="time-out of the planner", metavar="S"),
    _Option(
        option="--latency-p50-ms",
        setting="latency_p50_s",
        says="median latency of answers",
        metavar="MS",
        per_unit=1_000.0,
    ),
    _Option(
        option="--latency-p95-ms",
        setting="latency_p95_s",
        says="95th percentile of it",
        metavar="MS",
        per_unit=1_000.0,
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what may be varied."""
    parser.add_argument(
        "--picks",
        type=_whole(1, PICKS_MAX),
        default=12_000,
        metavar="N",
        help="items for each arm to pick, about (default %(default)s)",
    )
    parser.add_argument(
        "--arms",
        nargs="+",
        choices=tuple(ARMS),
        metavar="ARM",
        help=f"of {', '.join(ARMS)} (default: all; with --nodes: {GUARDED})",
    )
    parser.add_argument(
        "--robots",
        type=int,
        default=_DEFAULTS.robots,
        metavar="N",
        help="robots of a guard (default %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=_whole(0, _SEED_MAX),
        default=_DEFAULTS.seed,
        metavar="N",
        help="of everything that is drawn (default %(default)s)",
    )
    for row in _OPTIONS:
        value = getattr(_DEFAULTS, row.setting) * row.per_unit
        parser.add_argument(
            row.option,
            type=float,
            default=value,
            metavar=row.metavar,
            help=f"{row.says} (default {value:g})",
        )
    parser.add_argument(
        "--map", type=Path, metavar="FILE", help="GeoJSON map (default: the sample)"
    )
    parser.add_argument(
        "--processors",
        type=_whole(1, _PROCESSORS_MAX),
        default=min(_PROCESSORS_MAX, os.cpu_count() or 1),
        metavar="N",
        help="processes that simulate beside one another (default %(default)s)",
    )
    parser.add_argument(
        "--nodes", action="store_true", help="play over real nodes, and compare with the simulation"
    )
    parser.add_argument(
        "--domain-id",
        type=_whole(0, 232),
        metavar="N",
        help="ROS domain of --nodes (default: one of its own)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write JSON, CSV, a picture and the parts there"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def settings_of(options: argparse.Namespace) -> PilotSettings:
    """Return the settings that were given.  Raises PilotError."""
    given = {
        row.setting: getattr(options, row.option.lstrip("-").replace("-", "_")) / row.per_unit
        for row in _OPTIONS
    }
    return checked(PilotSettings(seed=options.seed, robots=options.robots, **given))


def run(options: argparse.Namespace) -> int:
    """Play.  Every process that was started has ended when this returns."""
    settings = settings_of(options)
    if options.domain_id is not None and not options.nodes:
        raise UsageError("--domain-id is for --nodes: leave it out, or add --nodes")
    names = list(dict.fromkeys(options.arms or ([GUARDED] if options.nodes else ARMS)))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    book_of(
        map_of(options.map), settings
    )  # What is wrong with a map is better said once, and here.
    if options.nodes:
        from fallback_guard.tools.pilot_nodes import run_nodes  # noqa: PLC0415  # needs ROS

        return run_nodes(options, settings, names)
    parts = parts_of(options.picks, settings)
    done = Done(settings, options.out / "parts.jsonl" if options.out else None)
    done.open()
    try:
        with _progress(names, parts, done) as on_part:
            finished = run_parts(
                settings=settings,
                map_file=map_of(options.map),
                arms=names,
                parts=parts,
                done=done,
                processors=options.processors,
                on_part=on_part,
            )
    except BrokenProcessPool:
        sys.stderr.write(
            "fallback-guard pilot: a process that simulated was ended from outside; the same command with --out goes"
            " on from the parts that are done\n"
        )
        return 1
    result = Result(settings=settings, arms=done.arms(names, parts))
    assert not result.defects, result.defects
    tell(options, result)
    if not finished:
        kept = "; the same command goes on from here" if options.out else ""
        sys.stderr.write(f"interrupted: these are the parts that every arm has done{kept}\n")
        return EXIT_INTERRUPTED
    return 0


def tell(options: argparse.Namespace, result: Result) -> None:
    """Print the result, and write it where that was asked for."""
    if options.json:
        text = orjson.dumps(result.document(), option=orjson.OPT_INDENT_2).decode()
        sys.stdout.write(f"{text}\n")
    else:
        show(result, Console())
    if options.out is not None:
        from fallback_guard.tools.pilot_picture import draw  # noqa: PLC0415  # takes a second

        write(result, options.out)
        draw(result, options.out / "pilot.png")


@contextmanager
def _progress(names: list[str], parts: list[Part], done: Done) -> Iterator[OnPart]:
    """Show on standard error how far it is, where somebody looks at that."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        ready = sum(done.has(name, part) for name in names for part in parts)
        task = progress.add_task("parts", total=len(names) * len(parts), completed=ready)
        yield lambda _arm, _part: progress.advance(task)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not within {least} to {most}")
        return value

    whole.__name__ = "whole number"
    return whole
