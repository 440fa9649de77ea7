# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a process takes of the machine while it runs: memory, file descriptors, threads, processor time."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SETTLED_SHARE: Final = 0.1
"""Of a run, after which everything that is remembered has been filled once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """At one moment.  `at_s` is on the steady clock."""

    at_s: float
    rss_mib: float
    descriptors: int
    threads: int

    def __str__(self) -> str:
        """Say it to people."""
        return f"{self.rss_mib:.1f} MiB, {self.descriptors} descriptors, {self.threads} threads"


def footprint(pid: int, at_s: float) -> Footprint:
    """Look at a process."""
    return Footprint(
        at_s=at_s,
        rss_mib=rss_mib(pid),
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=len(list(Path(f"/proc/{pid}/task").iterdir())),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """From when a run had settled to its end: memory as a ratio, the others as differences."""

    rss: float
    descriptors: int
    threads: int


def growth(footprints: Sequence[Footprint]) -> Growth | None:
    """Return how much a process grew; None where it was not looked at often enough to tell."""
    if len(footprints) < 3:  # the beginning, the settled state and the end
        return None
    first, last = footprints[0], footprints[-1]
    settled_s = first.at_s + _SETTLED_SHARE * (last.at_s - first.at_s)
    settled = next(each for each in footprints[1:] if each.at_s >= settled_s)
    return Growth(
        rss=last.rss_mib / settled.rss_mib,
        descriptors=last.descriptors - settled.descriptors,
        threads=last.threads - settled.threads,
    )


def cpu_s(pid: int) -> float:
    """Return the processor time of a process (s)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process (MiB)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (resident,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(resident) / 1_024


def free_mib() -> float:
    """Return the memory that this machine could still give (MiB)."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    (free,) = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return int(free) / 1_024
