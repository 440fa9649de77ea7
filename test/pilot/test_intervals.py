# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Confidence intervals: known values, edges, and whether they cover what they are to cover."""

from __future__ import annotations

from math import inf, isinf

import numpy as np
import pytest

from fallback_guard.pilot.intervals import factor, quotient, share

RUNS = 400
COVERED = (0.92, 0.98)
"""Within which 95 % come out of so many runs; the seed is fixed."""


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # From R: prop.test(count, of, correct = FALSE).
        (10, 100, 0.05523, 0.17437),
        (0, 100, 0.0, 0.03699),
        (100, 100, 0.96301, 1.0),
    ],
)
def test_shares_are_wilsons(count: int, of: int, low: float, high: float) -> None:
    found = share(count, of)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_shares_cover() -> None:
    random = np.random.default_rng(1)
    counts = random.binomial(1_000, 0.02, RUNS)
    covered = np.mean([share(int(each), 1_000).holds(0.02) for each in counts])
    assert COVERED[0] <= covered <= COVERED[1]


def test_quotients_cover() -> None:
    """Of robots that halt now and then for a long time."""
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(RUNS):
        below = random.integers(80, 120, 60)
        above = random.binomial(below, 0.1) * 10
        covered += quotient(above.tolist(), below.tolist()).holds(1.0)
    assert COVERED[0] <= covered / RUNS <= COVERED[1]


def test_factors_cover() -> None:
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(RUNS):
        below = random.integers(800, 1_200, 60)
        many, few = random.binomial(below, 0.3), random.binomial(below, 0.1)
        found = factor((many.tolist(), below.tolist()), (few.tolist(), below.tolist()))
        covered += found.holds(3.0)
    assert COVERED[0] <= covered / RUNS <= COVERED[1]


def test_nothing_is_claimed_of_nothing() -> None:
    assert share(0, 0).high == inf
    assert quotient([], []).high == inf
    assert quotient([1], [2]).high == inf
    assert quotient([1, 0], [2, 0]).high == inf
    assert isinf(factor(([1, 1], [2, 2]), ([0, 0], [2, 2])).value)
    assert factor(([1, 1], [2, 2]), ([0, 1], [0, 2])).high == inf
