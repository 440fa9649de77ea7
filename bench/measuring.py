# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: interleaved rounds, spreads, goals, and the warehouse that they measure on.

A machine that others use as well gives no absolute times.  Contenders therefore take turns within each round, in
an order that changes, and a ratio is that of two samples of the same round.  What is taken is the processor's time for
this thread: the time for which it had to wait for others is not its own.
"""

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from fallback_guard.core.config import guard_config
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import IDENTIFIER_CHARS_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.warehouse import Warehouse, build_warehouse
from fallback_guard.maps.block_warehouse import BlockSpec, block_warehouse, spec_for_bins
from fallback_guard.maps.geojson import parse_warehouse

EXIT_MISSED: Final = 1
"""A stated goal was missed."""

DEPOT: Final = 1
"""Node of the first depot of a block warehouse: where the measured routes begin and end."""

NS_PER_US: Final = 1_000

Call = Callable[[], object]

_PACKAGES: Final = ("pydantic", "pydantic_core", "orjson", "numpy", "scipy", "shapely")
_DECILES: Final = 10
_CONSOLE: Final = Console(width=None if sys.stdout.isatty() else 120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Something to be timed.  `calls` makes one round's calls, outside the time that is taken.

    With `collecting`, the garbage collector runs as it does in a node; else it waits until the round is over.
    """

    calls: Callable[[], Sequence[Call]]
    collecting: bool = False


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some samples, their 10th and their 90th percentile."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a benchmark states about itself, in the unit of its name."""

    says: str
    at_least: float = -inf
    at_most: float = inf

    def met(self, measured: float) -> bool:
        """Tell whether a figure keeps the goal; what is not a number does not."""
        return self.at_least <= measured <= self.at_most


def interleaved(
    contenders: Mapping[str, Contender], *, rounds: int, seed: int = 0
) -> dict[str, list[float]]:
    """Return of each contender the microseconds of processor time for one call, a sample for each round.

    Every call is made once before the first round.
    """
    for contender in contenders.values():
        contender.calls()[0]()
    gc.collect()
    gc.freeze()
    names, chance = list(contenders), random.Random(seed)  # noqa: S311  # an order, no secret
    samples: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        chance.shuffle(names)
        for name in names:
            samples[name].append(_sample_us(contenders[name]))
        gc.collect()
    gc.unfreeze()
    return samples


def _sample_us(contender: Contender) -> float:
    calls = contender.calls()
    if not contender.collecting:
        gc.disable()
    began_ns = time.thread_time_ns()
    for call in calls:
        call()
    taken_ns = time.thread_time_ns() - began_ns
    gc.enable()
    return taken_ns / len(calls) / NS_PER_US


def spread(samples: Sequence[float]) -> Spread:
    """Return the spread of one sample or more."""
    if len(samples) == 1:
        return Spread(samples[0], samples[0], samples[0])
    cuts = statistics.quantiles(samples, n=_DECILES, method="inclusive")
    return Spread(statistics.median(samples), cuts[0], cuts[-1])


def ratio(samples: Sequence[float], base: Sequence[float]) -> Spread:
    """Return how many times as much as `base` one took, round by round."""
    return spread([one / other for one, other in zip(samples, base, strict=True)])


def told(values: Spread, digits: int = 2) -> str:
    """Return a spread as text: the median, and the two percentiles in brackets."""
    return f"{values.median:.{digits}f} ({values.low:.{digits}f} to {values.high:.{digits}f})"


# Programs


def parser(does: str, example: str) -> argparse.ArgumentParser:
    """Return the parser that every benchmark begins with."""
    made = argparse.ArgumentParser(
        description=does,
        epilog=f"example:\n  .venv/bin/python {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    return made


def table(title: str, *columns: str) -> Table:
    """Return an empty table: names on the left, figures on the right."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left", overflow="fold")
    return made


def show(what: Table | str) -> None:
    """Print a table or a line."""
    _CONSOLE.print(what, highlight=False, markup=False)


def load_average() -> str:
    """Return how many processes wanted to run, over 1, 5 and 15 minutes."""
    return ", ".join(f"{load:.2f}" for load in os.getloadavg())


def environment(*packages: str) -> dict[str, str]:
    """Print and return what the figures depend on: machine, load, and versions of the packages in use."""
    facts = {
        "processor": f"{_processor()}, {os.cpu_count()} logical cores",
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(
            f"{name} {importlib.metadata.version(name)}" for name in (*_PACKAGES, *packages)
        ),
        "load before": load_average(),
    }
    for name, fact in facts.items():
        show(f"{name}: {fact}")
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def conclude(
    goals: Mapping[str, Goal],
    measured: Mapping[str, float],
    *,
    facts: Mapping[str, str],
    samples: Mapping[str, object],
    json_file: Path | None,
) -> int:
    """Print each goal beside its figure, write the samples, and return the exit code.

    A goal without a figure is missed.
    """
    facts = {**facts, "load after": load_average()}
    show(f"load after: {facts['load after']}")
    made = table("Goals", "goal", "measured", "stated", "")
    missed = 0
    for name, goal in goals.items():
        figure = measured.get(name, float("nan"))
        stated = f"<= {goal.at_most:g}" if goal.at_most < inf else f">= {goal.at_least:g}"
        met = goal.met(figure)
        missed += not met
        made.add_row(goal.says, f"{figure:.2f}", stated, "met" if met else "MISSED")
    show(made)
    if json_file is not None:
        written = {"facts": facts, "measured": dict(measured), "samples": dict(samples)}
        json_file.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
        show(f"samples written to {json_file}")
    return EXIT_MISSED if missed else 0


# What is measured on


def paths_on(bins: int) -> Paths:
    """Return the shortest paths of a block warehouse with so many bins, computed ahead like a guard's."""
    return paths_of(parse_warehouse(block_warehouse(spec_for_bins(bins)), source=f"{bins:,} bins"))


def paths_of(warehouse: Warehouse) -> Paths:
    """Return the shortest paths of a map, likewise."""
    paths = Paths(warehouse)
    paths.warm()
    return paths


def with_long_names(spec: BlockSpec) -> Warehouse:
    """Return a block warehouse whose bins have the longest names that there may be."""
    plain = parse_warehouse(block_warehouse(spec), source="a block warehouse")
    return build_warehouse(
        nodes=[
            replace(node, bins=tuple(name.ljust(IDENTIFIER_CHARS_MAX, "_") for name in node.bins))
            for node in plain.nodes.values()
        ],
        edges=plain.edges.values(),
        zones=plain.zones.values(),
    )


def judge_on(paths: Paths, **parameters: object) -> Judge:
    """Return a guard's judge, which takes the time of each stage as the guard node's does."""
    return Judge(config=guard_config(parameters), paths=paths, stopwatch=time.perf_counter_ns)


def request_on(paths: Paths, *, items: int, seed: int) -> PickRequest:
    """Return a request for so many lines, each of its own SKU, from bins drawn by chance, depot to depot."""
    chance = random.Random(seed)  # noqa: S311  # the same draw in every run
    names = sorted(paths.warehouse.bins)
    return PickRequest(
        request_id="R-17",
        robot_id="picker_1",
        start_node=DEPOT,
        goal_node=DEPOT,
        items=tuple(
            PickItem(bin=chance.choice(names), sku=f"SKU-{1000 + line}", quantity=line % 3 + 1)
            for line in range(items)
        ),
    )


def said_of(item: PickItem) -> dict[str, object]:
    """Return a line of a request as a stop of an answer."""
    return {"bin": item.bin, "sku": item.sku, "quantity": item.quantity}


def answer(request: PickRequest, stops: Sequence[Mapping[str, object]]) -> bytes:
    """Return an answer to a request, spaced as language models space JSON."""
    return json.dumps(
        {
            "version": 1,
            "request_id": request.request_id,
            "robot_id": request.robot_id,
            "stops": list(stops),
        }
    ).encode()
