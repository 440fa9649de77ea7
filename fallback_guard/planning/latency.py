# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How long an endpoint took of late, in bounded memory."""

from typing import Final

from ddsketch import LogCollapsingLowestDenseDDSketch

from fallback_guard.core.units import NS_PER_S

ACCURACY: Final = 0.01
"""A quantile is off by no more than this share of itself: DDSketch (Masson, Rim and Lee, VLDB 2019)."""

_BINS_MAX: Final = 1_024
"""Bounds the memory: at this accuracy the bins span a factor of e^20; what is shorter still shares one bin."""

SAMPLES_MIN: Final = 20
"""With fewer samples the 95th percentile is no more than the slowest of them."""


class RecentLatency:
    """Quantiles over the last one to two windows: two sketches take turns, and the older one is dropped."""

    def __init__(self, window_ns: int) -> None:
        """Begin empty."""
        assert window_ns > 0, "a window has a length"
        self._window_ns = window_ns
        self._present, self._past = _sketch(), _sketch()
        self._began_ns = 0

    def add(self, latency_ns: int, now_ns: int) -> None:
        """Take a latency that became known now."""
        self._turn(now_ns)
        self._present.add(max(0, latency_ns) / NS_PER_S)

    def samples(self, now_ns: int) -> int:
        """Return how many latencies the quantiles stand on."""
        self._turn(now_ns)
        return round(float(self._present.count + self._past.count))

    def quantile_ns(self, share: float, now_ns: int) -> int | None:
        """Return the latency that this share of recent ones did not exceed; None where there are too few to say."""
        if self.samples(now_ns) < SAMPLES_MIN:
            return None
        both = _sketch()
        both.merge(self._past)
        both.merge(self._present)
        value_s = both.get_quantile_value(share)
        return None if value_s is None else round(value_s * NS_PER_S)

    def forget(self, now_ns: int) -> None:
        """Begin anew."""
        self._present, self._past = _sketch(), _sketch()
        self._began_ns = now_ns

    def _turn(self, now_ns: int) -> None:
        """Let the older sketch go once the newer one is a window old."""
        windows = (now_ns - self._began_ns) // self._window_ns
        if windows >= 1:
            self._past = self._present if windows == 1 else _sketch()
            self._present = _sketch()
            self._began_ns += windows * self._window_ns


def _sketch() -> LogCollapsingLowestDenseDDSketch:
    return LogCollapsingLowestDenseDDSketch(relative_accuracy=ACCURACY, bin_limit=_BINS_MAX)
