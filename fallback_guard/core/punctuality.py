# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How long before a deadline its window closes: the margin that dispatching takes, measured while running."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import Final

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.events import Dispatched

SAMPLES: Final = 1_024
"""Remembered of each kind: 100 s of an idle guard's signs of life, 10 s at a hundred decisions a second."""

OUTLIERS: Final = 1
"""Of these so many may be larger than what counts: one pause of the machine's widens nothing, and a second one does.

With more of them left out, so many more decisions are late where a machine pauses again and again.
"""


class _Recent:
    """The latest samples (ns), and what all but the outliers among them keep to."""

    def __init__(self) -> None:
        self._in_order: deque[int] = deque()
        self._sorted: list[int] = []

    def add(self, sample_ns: int) -> None:
        if len(self._in_order) == SAMPLES:
            del self._sorted[bisect_left(self._sorted, self._in_order.popleft())]
        self._in_order.append(sample_ns)
        insort(self._sorted, sample_ns)

    @property
    def in_order(self) -> tuple[int, ...]:
        return tuple(self._in_order)

    @property
    def most_ns(self) -> int:
        return self._sorted[-1 - OUTLIERS] if len(self._sorted) > OUTLIERS else 0


class DispatchMargin:
    """A margin within the configured bounds that follows the guard's own lateness.

    It is what the guard loses, from the planned time until a message is handed to the middleware, and once more
    what it loses until its thread has a processor: the robot's process has to wait for one like the guard's.
    """

    def __init__(self, config: GuardConfig) -> None:
        """Begin with the configured least."""
        self._dispatch, self._wake = _Recent(), _Recent()
        self.configure(config)

    def configure(self, config: GuardConfig) -> None:
        """Keep to other bounds from now on."""
        self._least_ns, self._most_ns = config.dispatch_margin_ns, config.dispatch_margin_ns_max
        self._update()

    def observe(self, event: Dispatched, done_ns: int) -> None:
        """Take a sample from what was done at `done_ns`, where it was planned for a time."""
        if event.planned_ns is None:
            return
        self._dispatch.add(max(0, done_ns - event.planned_ns))
        if event.woke_ns is not None:
            self._wake.add(max(0, event.woke_ns - event.planned_ns))
        self._update()

    @property
    def samples(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What it rests on (ns), oldest first: how late messages were handed over, and how late the thread woke."""
        return self._dispatch.in_order, self._wake.in_order

    def resume(self, samples: tuple[Sequence[int], Sequence[int]]) -> None:
        """Go on from the `samples` of another one."""
        for recent, given in zip((self._dispatch, self._wake), samples, strict=True):
            for sample_ns in given:
                recent.add(max(0, sample_ns))
        self._update()

    def _update(self) -> None:
        self.lateness_ns = self._dispatch.most_ns
        wanted_ns = self.lateness_ns + self._wake.most_ns
        self.ns = min(self._most_ns, max(self._least_ns, wanted_ns))

    @property
    def is_widened(self) -> bool:
        """Whether the machine keeps the guard from being as punctual as it was configured to be."""
        return self.ns > self._least_ns
