# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a large map costs: time and memory to load it, and the time that a closure takes while running.

Each size is measured in a process of its own, which is told a size and prints its figures, so that the most memory it
ever held is that of one map.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fallback_guard.core.closures import Closures
from fallback_guard.core.config import guard_config
from fallback_guard.core.guard import Guard
from fallback_guard.core.openness import openness
from fallback_guard.core.paths import Paths
from fallback_guard.maps.block_warehouse import block_warehouse, spec_for_bins
from fallback_guard.maps.geojson import parse_warehouse
from measuring import (
    DEPOT,
    Goal,
    conclude,
    environment,
    judge_on,
    parser,
    request_on,
    show,
    table,
)

_SIZES: Final = (1_000, 10_000, 100_000)
_ITEMS: Final = 32
_KIB_PER_MIB: Final = 1_024

GOALS: Final[Mapping[str, Goal]] = {
    "load": Goal(says="100,000 bins: seconds until a guard can answer", at_most=10.0),
    "memory": Goal(says="100,000 bins: MiB at most meanwhile", at_most=1_024.0),
}

_MEASURES: Final = {
    "file (MB)": 1,
    "memory, only the file loaded (MiB)": 0,
    "parse_warehouse (s)": 3,
    "Paths and warm (s)": 3,
    "Guard (s)": 3,
    "parsing and Guard (s)": 3,
    "memory, most of all (MiB)": 0,
    "closure: openness (ms)": 2,
    "closure: Paths (ms)": 2,
    "closure: first prepare (ms)": 2,
    "closure: together (ms)": 2,
    "prepare again (ms)": 2,
}
"""What is measured of each map, and how many digits of it mean something."""


class _Watch:
    """Takes the time since it was asked before (s)."""

    def __init__(self) -> None:
        self._then_s = time.perf_counter()

    def lap_s(self) -> float:
        before_s, self._then_s = self._then_s, time.perf_counter()
        return self._then_s - before_s


def _peak_mib() -> float:
    """Return the most memory that this process ever held.

    Linux says so for the program that runs; getrusage (in KiB there) goes on with what the process held that
    started it, and stands in where there is no /proc.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MIB
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / _KIB_PER_MIB


def _measure(file: bytes) -> dict[str, float]:
    """Load a map as a guard does, then close an edge as a running guard does."""
    found = {"file (MB)": len(file) / 1e6, "memory, only the file loaded (MiB)": _peak_mib()}
    watch = _Watch()
    warehouse = parse_warehouse(file, source="the measured map")
    found["parse_warehouse (s)"] = watch.lap_s()
    guard = Guard(config=guard_config({}), warehouse=warehouse)
    found["Guard (s)"] = watch.lap_s()
    found["parsing and Guard (s)"] = found["parse_warehouse (s)"] + found["Guard (s)"]
    found["memory, most of all (MiB)"] = _peak_mib()
    del guard
    watch.lap_s()
    paths = Paths(warehouse)
    paths.warm()
    found["Paths and warm (s)"] = watch.lap_s()
    request = request_on(paths, items=_ITEMS, seed=1)
    closures = Closures(closed_edges=frozenset({min(warehouse.edge_pairs)}))
    watch.lap_s()
    opened = openness(warehouse, closures)
    found["closure: openness (ms)"] = watch.lap_s() * 1e3
    judge = judge_on(Paths(warehouse, opened, network=paths.network))
    found["closure: Paths (ms)"] = watch.lap_s() * 1e3
    judge.prepare(request, DEPOT)
    found["closure: first prepare (ms)"] = watch.lap_s() * 1e3
    judge.prepare(request, DEPOT)
    found["prepare again (ms)"] = watch.lap_s() * 1e3
    found["closure: together (ms)"] = sum(
        found[f"closure: {part} (ms)"] for part in ("openness", "Paths", "first prepare")
    )
    return found


def _in_a_process(bins: int) -> dict[str, float]:
    """Return the figures of a process that has nothing else to do.  It reads the map's file from its input."""
    file = block_warehouse(spec_for_bins(bins))
    told = subprocess.run(
        [sys.executable, __file__, "--only-input"], input=file, stdout=subprocess.PIPE, check=True
    )
    figures: dict[str, float] = json.loads(told.stdout)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 where a goal is missed."""
    options = parser(
        "Measure loading, memory and closures on maps of growing size.",
        "bench/large_maps.py --json large_maps.json",
    )
    options.add_argument("--only-input", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args(arguments)
    if given.only_input:
        json.dump(_measure(sys.stdin.buffer.read()), sys.stdout)
        return 0
    facts = environment()
    found = {bins: _in_a_process(bins) for bins in _SIZES}
    made = table(
        f"Maps of growing size, requests of {_ITEMS} items",
        "",
        *(f"{bins:,} bins" for bins in _SIZES),
    )
    for name, digits in _MEASURES.items():
        made.add_row(name, *(f"{found[bins][name]:,.{digits}f}" for bins in _SIZES))
    show(made)
    largest = found[_SIZES[-1]]
    measured = {
        "load": largest["parsing and Guard (s)"],
        "memory": largest["memory, most of all (MiB)"],
    }
    samples = {f"{bins}": figures for bins, figures in found.items()}
    return conclude(GOALS, measured, facts=facts, samples=samples, json_file=given.json)


if __name__ == "__main__":
    sys.exit(main())
