# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How often things happened lately, in slots of time: what a sparkline is drawn from."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fallback_guard.core.units import NS_PER_S

SLOT_NS: Final = 10 * NS_PER_S
SLOTS: Final = 30
"""Five minutes: what a person who comes to a screen wants to see of before."""

_MINUTE_SLOTS: Final = 60 * NS_PER_S // SLOT_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often one thing happened: by slot, oldest first, and in the last minute, the running slot included."""

    slots: tuple[int, ...]
    per_minute: int


class Rates:
    """Counts by name; the names have to be bounded by who counts."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._slots: deque[tuple[int, Counter[str]]] = deque(maxlen=SLOTS)

    def count(self, name: str, now_ns: int) -> None:
        """Count one."""
        number = now_ns // SLOT_NS
        if not self._slots or self._slots[-1][0] < number:
            self._slots.append((number, Counter()))
        self._slots[-1][1][name] += 1

    def rates(self, now_ns: int) -> Mapping[str, Rate]:
        """Return the rate of everything that happened within the slots."""
        newest = now_ns // SLOT_NS
        by_number = dict(self._slots)
        numbers = range(newest - SLOTS + 1, newest + 1)
        names = {name for number in numbers for name in by_number.get(number, ())}
        found: dict[str, Rate] = {}
        for name in sorted(names):
            slots = tuple(
                by_number[number][name] if number in by_number else 0 for number in numbers
            )
            found[name] = Rate(slots=slots, per_minute=sum(slots[-_MINUTE_SLOTS:]))
        return found
