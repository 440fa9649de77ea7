# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A run in parts: what each plays, and the file that keeps those that are done, so that a run can be gone on with."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from pathlib import Path
from typing import Final

from fallback_guard.core.unusable import UnusableError
from fallback_guard.pilot.arms import ARMS
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.tally import NAMES, RobotTally

_PLANS_OF_ROBOT: Final = 100
"""Plans of one robot in a part: a part of 10 robots takes a core about 2 s."""

_FORMAT: Final = 1


class PartsError(UnusableError):
    """A file of parts that cannot be gone on with; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """So many plans for each of a fleet's robots, by their numbers."""

    number: int
    plans: Mapping[int, int]

    @property
    def total(self) -> int:
        """All its plans."""
        return sum(self.plans.values())


def parts_of(picks: int, settings: PilotSettings) -> list[Part]:
    """Share out the plans that come to so many picks, as evenly as whole plans are."""
    plans = ceil(picks / settings.items_mean)
    parts = []
    for number in range(ceil(plans / (settings.robots * _PLANS_OF_ROBOT))):
        here = min(plans, settings.robots * _PLANS_OF_ROBOT)
        plans -= here
        each, more = divmod(here, settings.robots)
        shared = {robot: each + (robot < more) for robot in range(settings.robots)}
        parts.append(Part(number=number, plans={k: v for k, v in shared.items() if v}))
    return parts


Key = tuple[str, int, int]
"""An arm, the number of a part, and its plans."""


@dataclass(slots=True)
class Done:
    """The parts that are done, in memory and, where there is a file, there as well."""

    settings: PilotSettings
    path: Path | None = None
    tallies: dict[Key, list[RobotTally]] = field(default_factory=dict)

    def open(self) -> None:
        """Read what the file holds already, or begin it.  Raises PartsError."""
        if self.path is None:
            return
        header = {"format": _FORMAT, "settings": asdict(self.settings), "counts": list(NAMES)}
        if not self.path.exists():
            self._write(header)
            return
        text = self.path.read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines()
        if not lines or _object(lines[0]) != header:
            raise PartsError(
                f"{self.path} holds another run's parts. Name another --out, or take its settings and seed again"
            )
        for line in lines[1:]:
            self._take(_object(line))
        if not text.endswith(
            "\n"
        ):  # It ended in the middle of a line; the next one is not to go on with that.
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n")

    def add(self, arm: str, part: Part, tallies: list[RobotTally]) -> None:
        """Keep a part that is done."""
        self.tallies[arm, part.number, part.total] = tallies
        counts = [list(tally.as_dict().values()) for tally in tallies]
        self._write({"arm": arm, "part": part.number, "plans": part.total, "robots": counts})

    def has(self, arm: str, part: Part) -> bool:
        """Tell whether a part is done."""
        return (arm, part.number, part.total) in self.tallies

    def arms(self, names: Sequence[str], parts: Sequence[Part]) -> dict[str, list[RobotTally]]:
        """Return each arm's robots, of those parts alone that all of them have done: these met the same faults."""
        common = [part for part in parts if all(self.has(name, part) for name in names)]
        return {
            name: [
                tally for part in common for tally in self.tallies[name, part.number, part.total]
            ]
            for name in names
        }

    def _take(self, entry: Mapping[str, object]) -> None:
        """Take a line; one that is cut off, or not a part, is played again."""
        arm, part, plans = entry.get("arm"), entry.get("part"), entry.get("plans")
        if not isinstance(arm, str) or arm not in ARMS:
            return
        if type(part) is not int or type(plans) is not int:
            return
        tallies = list(_tallies(entry.get("robots")))
        if tallies and sum(tally.plans for tally in tallies) == plans:
            self.tallies[arm, part, plans] = tallies

    def _write(self, entry: Mapping[str, object]) -> None:
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


def _object(line: str) -> Mapping[str, object]:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _tallies(robots: object) -> Iterator[RobotTally]:
    if not isinstance(robots, list):
        return
    for counts in robots:
        if not isinstance(counts, list) or len(counts) != len(NAMES):
            return
        if not all(type(value) is int for value in counts):
            return
        yield RobotTally(**dict(zip(NAMES, counts, strict=True)))
