# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Who else can command a robot than one guard and its watchdog: read off the names on the ROS graph.

This finds the mistaken second launch, the left-over test node and the careless tool.  Who takes a guard's name and
gives its signs of life is kept out by access control alone (SROS2).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from fallback_guard.core.effects import Decision, Occasion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import DETAIL_CHARS_MAX
from fallback_guard.core.units import NS_PER_S

NAMESAKE_NS_MAX: Final = 30 * NS_PER_S
"""A process that was killed stays on the graph for as long as its participant's lease, which is 20 s by default, and
of one that was started anew a part may be known before the rest."""

NAMES_KNOWN_MAX: Final = 64
"""Names of guards that are remembered."""

STRANGERS_MAX: Final = 16
"""Strangers that are told apart at a time; more are as bad."""


class Strangers:
    """What is wrong about who can speak on `motion`, as of the last two looks at the graph."""

    def __init__(self, *, own: str) -> None:
        """Begin with nobody.  `own` is the full name of the watchdog's node."""
        self.present: tuple[str, ...] = ()
        self._known = {own}
        self._own = own
        self._since_ns: dict[str, int] = {}

    def look(
        self, *, speakers: Sequence[str], guards: Sequence[str], guards_alive: int, now_ns: int
    ) -> tuple[str, ...]:
        """Take the nodes that publish on `motion` and those on `guard/state`; return what is wrong now and was not.

        The names are full ones, one for each publisher.  `guards_alive` is how many guards give signs of life.
        A stranger is told at the second look at which it is there, one by the name of a guard or of the watchdog
        itself after `NAMESAKE_NS_MAX`.
        """
        if len(self._known) < NAMES_KNOWN_MAX:
            self._known.update(guards)
        allowed = Counter(guards)
        allowed[self._own] += 1
        extra = Counter(speakers) - allowed
        self._since_ns = {name: self._since_ns.get(name, now_ns) for name in sorted(extra)}
        found = [
            f"{printable(name)} publishes on motion, and is no guard"
            for name, since_ns in self._since_ns.items()
            if now_ns - since_ns > (NAMESAKE_NS_MAX if name in self._known else 0)
        ]
        if guards_alive > 1:
            names = ", ".join(printable(name) for name in sorted(set(guards)))
            found.append(f"{guards_alive} guards give signs of life: {names}"[:DETAIL_CHARS_MAX])
        before, self.present = self.present, tuple(found[:STRANGERS_MAX])
        return tuple(one for one in self.present if one not in before)


def stranger_decision(what: str) -> Decision:
    """Return the record of a stranger; no request is concerned, and nothing moves because of it."""
    return Decision(
        request_id="",
        robot_id="",
        occasion=Occasion.ALARM,
        source="watchdog",
        failure_mode=FailureMode.STRANGER,
        detail=what,
    )
