# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Keeps what many tell again and again from filling a recording: what is new, and of the rest one in a while."""

from dataclasses import dataclass, replace
from typing import Final

from fallback_guard.core.units import NS_PER_S

PERIOD_NS: Final = 5 * NS_PER_S
"""Of what does not change: statuses come once a second, with counters that only rise."""

TELLERS_MAX: Final = 256
"""Everybody on a robot tells on /diagnostics; those who come after so many are not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message: who tells (a status's name), how bad it is, when it was sent and heard (ns), and its bytes."""

    teller: str
    level: int
    heard_ns: int
    sent_ns: int
    data: bytes
    is_kept: bool = False


class Thinning:
    """Says which messages are kept.  Memory: the newest message of each teller."""

    def __init__(self, *, period_ns: int = PERIOD_NS) -> None:
        """Begin with nobody known."""
        self._period_ns = period_ns
        self._newest: dict[str, Told] = {}
        self._kept: dict[str, Told] = {}

    def keeps(self, told: Told) -> bool:
        """Tell whether this one is kept: its teller is new, or says another level, or was kept long ago."""
        before = self._kept.get(told.teller)
        if before is None and len(self._kept) >= TELLERS_MAX:
            return False
        keeps = (
            before is None
            or told.level != before.level
            or not 0 <= told.heard_ns - before.heard_ns < self._period_ns
        )
        self._newest[told.teller] = replace(told, is_kept=keeps)
        if keeps:
            self._kept[told.teller] = told
        return keeps

    def rest(self) -> list[Told]:
        """Return each teller's newest message where that was not kept: for the end."""
        return [told for told in self._newest.values() if not told.is_kept]
