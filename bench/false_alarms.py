# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How often the guard refuses a valid answer, and how often it accepts a faulty one.  Both have to be never.

Valid answers are made on several maps (`answers.py`), and faulty ones out of them (`mutations.py`); an oracle that
shares no code with the guard (`oracle.py`) says which are which.

    python bench/false_alarms.py                         100,000 valid answers, 1,000 faulty ones of each kind
    python bench/false_alarms.py --routes 5000 --maps yard sample
    python bench/false_alarms.py --seed 7 --replay yard:944            one answer again
    python bench/false_alarms.py --seed 7 --replay yard:944:too_slow   what a mutation makes of it

Exit code 0: none was wrong, 1: some were, 2: unusable arguments.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from answers import Answers
from grounds import MAPS, load_ground
from mutations import MUTATIONS
from trials import Outcome, Trial, try_mutation, try_valid

if TYPE_CHECKING:
    from answers import Case
    from grounds import Ground

SHOWN_MAX: Final = 20
"""Mistakes that are printed; the others are counted."""

_CONSOLE: Final = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
_EXIT_WRONG: Final = 1


@dataclass(slots=True)
class Tally:
    """What came of the trials so far: of valid answers by map, of each mutation, and why they were refused."""

    seed: int
    valid: dict[str, Counter[Outcome]] = field(default_factory=dict)
    taken_s: dict[str, float] = field(default_factory=dict)
    mutated: dict[str, Counter[Outcome]] = field(
        default_factory=lambda: {name: Counter() for name in MUTATIONS}
    )
    modes: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in MUTATIONS}
    )
    routes: int = 0
    wrong: int = 0

    def complain(self, place: str, complaint: str) -> None:
        """Count a mistake, and say what it is and how to see it again."""
        self.wrong += 1
        if self.wrong <= SHOWN_MAX:
            _CONSOLE.print(
                f"WRONG {complaint}\n      --seed {self.seed} --replay {place}", markup=False
            )

    def tried(self, name: str) -> int:
        """Return how many answers were made by a mutation."""
        return self.mutated[name].total() - self.mutated[name][Outcome.NOT_APPLIED]


def _try_mutations(tally: Tally, answers: Answers, case: Case, number: int, due: float) -> None:
    """Put `case` through every mutation of which fewer than `due` were made."""
    for name, mutation in MUTATIONS.items():
        if tally.tried(name) >= due:
            continue
        trial = try_mutation(mutation, answers.random(name, number), case)
        tally.mutated[name][trial.outcome] += 1
        if trial.mode:
            tally.modes[name][trial.mode.value] += 1
        if trial.outcome is Outcome.WRONG:
            tally.complain(f"{answers.ground.name}:{number}:{name}", trial.complaint)


def _try_ground(
    tally: Tally, ground: Ground, routes: int, mutants_per_route: float, progress: Progress
) -> None:
    """Try `routes` valid answers on a map, and now and then a mutation of them."""
    task = progress.add_task(ground.name, total=routes)
    answers = Answers(ground, tally.seed)
    counts = tally.valid[ground.name] = Counter()
    began = time.perf_counter()
    for number in range(routes):
        try:
            case = answers.case(number)
            trial = try_valid(case)
        except AssertionError as error:
            case, trial = None, Trial(outcome=Outcome.WRONG, complaint=str(error))
        counts[trial.outcome] += 1
        if trial.outcome is Outcome.WRONG:
            tally.complain(f"{ground.name}:{number}", trial.complaint)
        if case is not None:
            tally.routes += 1
            _try_mutations(tally, answers, case, number, tally.routes * mutants_per_route)
        tally.taken_s[ground.name] = time.perf_counter() - began
        progress.update(task, advance=1)


def run(tally: Tally, names: list[str], routes: int, mutants: int) -> None:
    """Try valid answers, as many on each map, and mutations of them."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=_CONSOLE) as progress:
        for place, name in enumerate(names):
            share = routes // len(names) + (place < routes % len(names))
            _try_ground(tally, load_ground(name), share, mutants / routes, progress)


def _valid_table(tally: Tally) -> Table:
    table = Table(title="Valid answers")
    for heading in ("map", "tried", "accepted", "false alarms", "per s"):
        table.add_column(heading, justify="left" if heading == "map" else "right")
    for name, counts in tally.valid.items():
        rate = counts.total() / max(1e-9, tally.taken_s.get(name, 0.0))
        table.add_row(
            name,
            f"{counts.total():,}",
            f"{counts[Outcome.VALID]:,}",
            f"{counts[Outcome.WRONG]:,}",
            f"{rate:,.0f}",
        )
    total = sum(tally.valid.values(), start=Counter[Outcome]())
    table.add_section()
    table.add_row(
        "all",
        f"{total.total():,}",
        f"{total[Outcome.VALID]:,}",
        f"{total[Outcome.WRONG]:,}",
        f"{total.total() / max(1e-9, sum(tally.taken_s.values())):,.0f}",
    )
    return table


def _mutations_table(tally: Tally) -> Table:
    table = Table(title="Faulty answers")
    for heading in ("mutation", "tried", "refused", "still valid", "WRONG"):
        table.add_column(heading, justify="left" if heading == "mutation" else "right")
    table.add_column("refused as", max_width=70, no_wrap=True)
    for name, counts in tally.mutated.items():
        table.add_row(
            name,
            f"{tally.tried(name):,}",
            *(f"{counts[one]:,}" for one in (Outcome.REFUSED, Outcome.VALID, Outcome.WRONG)),
            ", ".join(mode for mode, _ in tally.modes[name].most_common()),
        )
    total = sum(tally.mutated.values(), start=Counter[Outcome]())
    table.add_section()
    table.add_row(
        f"all {len(tally.mutated)}",
        f"{total.total() - total[Outcome.NOT_APPLIED]:,}",
        *(f"{total[one]:,}" for one in (Outcome.REFUSED, Outcome.VALID, Outcome.WRONG)),
        f"{len(set().union(*tally.modes.values()))} failure modes",
    )
    return table


def replay(seed: int, place: str) -> Trial:
    """Try one answer again, MAP:NUMBER, or what a mutation makes of it, MAP:NUMBER:MUTATION; print all about it."""
    name, number, *mutation = place.split(":")
    answers = Answers(load_ground(name), seed)
    case = answers.case(int(number))
    if mutation:
        random = answers.random(mutation[0], int(number))
        trial = try_mutation(MUTATIONS[mutation[0]], random, case)
        _CONSOLE.print(f"{mutation[0]}: {MUTATIONS[mutation[0]].what}", markup=False)
    else:
        trial = try_valid(case)
    question = case.question
    _CONSOLE.print(question.request, f"starts at node {question.given.start}", markup=False)
    _CONSOLE.print(
        f"standby route {question.given.standby_m:.2f} m, limit {question.limit_m:.2f} m, "
        f"{question.config.robot_speed_mps} m/s, {question.config.pick_time_s} s a pick",
        markup=False,
    )
    _CONSOLE.print(trial.payload, markup=False)
    _CONSOLE.print(trial.outcome.value, trial.mode, trial.complaint, markup=False)
    return trial


def _place(text: str) -> str:
    name, _, rest = text.partition(":")
    number, _, mutation = rest.partition(":")
    if name not in MAPS or not number.isdigit() or (mutation and mutation not in MUTATIONS):
        raise argparse.ArgumentTypeError(f"{text!r} is not MAP:NUMBER or MAP:NUMBER:MUTATION")
    return text


def main() -> int:
    """Run from the command line."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--routes", type=int, default=100_000, help="valid answers in all")
    parser.add_argument("--mutants", type=int, default=1_000, help="faulty answers of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--maps", nargs="+", choices=tuple(MAPS), default=list(MAPS), metavar="MAP")
    parser.add_argument("--replay", type=_place, metavar="MAP:NUMBER[:MUTATION]")
    options = parser.parse_args()
    if options.replay:
        return _EXIT_WRONG if replay(options.seed, options.replay).outcome is Outcome.WRONG else 0
    tally = Tally(options.seed)
    try:
        run(tally, options.maps, options.routes, options.mutants)
    except KeyboardInterrupt:
        _CONSOLE.print("interrupted; what was done so far:")
    _CONSOLE.print(_valid_table(tally))
    _CONSOLE.print(_mutations_table(tally))
    return _EXIT_WRONG if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
