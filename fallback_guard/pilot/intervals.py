# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Confidence intervals of the pilot's figures, two-sided at 95 %.

Shares of plans and items: the score interval of Wilson (1927), which holds at 0 and near it; each plan draws for
itself.  Quotients of sums, such as time halted over time: the jackknife over robots (Tukey 1958; Miller 1974), which
asks no more than that robots are alike, with Student's t.  Quotients of such quotients, arm against arm: the same, of
the logarithm, robot by robot, because a robot of one arm has met the same faults as in the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from typing import Final

import numpy as np
from scipy.stats import norm, t

CONFIDENCE: Final = 0.95
_TAIL: Final = (1.0 + CONFIDENCE) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with the bounds of its interval."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Tell whether a value is within the bounds."""
        return self.low <= value <= self.high

    def scaled(self, factor: float) -> "Interval":
        """Return it in another unit, by a factor above 0."""
        return Interval(value=self.value * factor, low=self.low * factor, high=self.high * factor)


NOTHING: Final = Interval(value=0.0, low=0.0, high=inf)
"""What is known where nothing was counted."""


def share(count: int, of: int) -> Interval:
    """Return a share by Wilson's score interval."""
    if of <= 0:
        return NOTHING
    z = float(norm.ppf(_TAIL))
    value = count / of
    middle = (value + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(value * (1 - value) / of + z * z / (4 * of * of))
    low = 0.0 if count == 0 else max(0.0, middle - half)
    high = 1.0 if count == of else min(1.0, middle + half)
    return Interval(value=value, low=low, high=high)


def quotient(above: Sequence[int], below: Sequence[int]) -> Interval:
    """Return sum(above) / sum(below), with one value of each for each robot."""
    a, b = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    if b.sum() <= 0.0:
        return NOTHING
    value = float(a.sum() / b.sum())
    if len(a) < 2:  # noqa: PLR2004  # of one robot, nothing is known of how robots differ
        return Interval(value=value, low=0.0, high=inf)
    left = b.sum() - b
    if not left.all():
        return Interval(value=value, low=0.0, high=inf)
    half = _half_width((a.sum() - a) / left)
    return Interval(value=value, low=max(0.0, value - half), high=value + half)


def factor(
    above: tuple[Sequence[int], Sequence[int]], below: tuple[Sequence[int], Sequence[int]]
) -> Interval:
    """Return how many times the quotient `below` the quotient `above` is; both have the same robots in one order."""
    (a, b), (c, d) = (
        tuple(np.asarray(each, dtype=float) for each in pair) for pair in (above, below)
    )
    if not a.sum() or not b.sum() or not c.sum() or not d.sum():
        return Interval(value=0.0 if c.sum() else inf, low=0.0, high=inf)
    value = float(a.sum() / b.sum() / (c.sum() / d.sum()))
    rest = [each.sum() - each for each in (a, b, c, d)]
    if len(a) < 2 or len(a) != len(c) or not all(each.all() for each in rest):  # noqa: PLR2004  # as above
        return Interval(value=value, low=0.0, high=inf)
    half = _half_width(np.log(rest[0] / rest[1]) - np.log(rest[2] / rest[3]))
    return Interval(value=value, low=exp(log(value) - half), high=exp(log(value) + half))


def _half_width(left_out: "np.typing.NDArray[np.float64]") -> float:
    """Return half the interval's width from the estimates that leave one robot out each."""
    n = len(left_out)
    variance = (n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum())
    return float(t.ppf(_TAIL, n - 1)) * sqrt(variance)
