# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Distributions of times: by nearest rank, and as counts in bins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fallback_guard.core.units import NS_PER_MS

BINS_MAX: Final = 60
"""As many as can be told apart on a page."""

STEPS: Final = (1, 2, 5)
"""Bins are so many, times a power of ten, wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A distribution of milliseconds, by nearest rank: each is a value that was measured."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


def spread(values_ns: Sequence[int] | NDArray[np.float64]) -> Spread | None:
    """Return the distribution; None where there is nothing."""
    if len(values_ns) == 0:
        return None
    ordered = np.sort(np.asarray(values_ns, dtype=np.float64)) / NS_PER_MS

    def rank(share: float) -> float:
        return float(ordered[max(0, int(np.ceil(share * len(ordered))) - 1)])

    return Spread(
        count=len(ordered),
        p50_ms=rank(0.5),
        p90_ms=rank(0.9),
        p99_ms=rank(0.99),
        max_ms=float(ordered[-1]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts in bins of one width from 0 on; the last bin also holds what lies beyond it."""

    width_ms: float
    counts: tuple[int, ...]
    beyond: int

    @property
    def end_ms(self) -> float:
        """Where the last bin ends."""
        return self.width_ms * len(self.counts)


def histogram(values_ns: Sequence[int], *, at_least_ms: float, at_most_ms: float) -> Histogram:
    """Return counts over 0 to the largest value, which is kept within two bounds."""
    values = np.clip(np.asarray(values_ns, dtype=np.float64) / NS_PER_MS, 0, None)
    largest = float(values.max()) if len(values) else 0.0
    end = min(max(largest * 1.0001, at_least_ms), at_most_ms)
    width = _width(end)
    bins = int(np.ceil(end / width - 1e-9))
    inside = np.minimum((values / width).astype(np.int64), bins - 1)
    counts = np.bincount(inside, minlength=bins)
    return Histogram(
        width_ms=width,
        counts=tuple(int(count) for count in counts),
        beyond=int((values >= bins * width).sum()),
    )


def _width(end_ms: float) -> float:
    power = 10.0 ** np.floor(np.log10(end_ms / BINS_MAX))
    steps = [step * power for step in (*STEPS, 10)]
    return float(next(step for step in steps if end_ms / step <= BINS_MAX))
