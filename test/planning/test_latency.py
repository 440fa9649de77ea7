# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Quantiles of recent latency: how exact, how recent, and in how much memory."""

from __future__ import annotations

import random

import pytest

from fallback_guard.core.units import NS_PER_S
from fallback_guard.planning.latency import _BINS_MAX, ACCURACY, SAMPLES_MIN, RecentLatency

WINDOW_NS = 60 * NS_PER_S


def test_a_quantile_is_as_exact_as_it_says() -> None:
    chance = random.Random(7)  # noqa: S311  # a sample, not a secret
    values_ns = [round(chance.lognormvariate(20, 0.7)) for _ in range(2_000)]
    latency = RecentLatency(WINDOW_NS)
    for value_ns in values_ns:
        latency.add(value_ns, 1)
    for share in (0.5, 0.95, 0.99):
        exact_ns = sorted(values_ns)[int(share * (len(values_ns) - 1))]
        found_ns = latency.quantile_ns(share, 1)
        assert found_ns == pytest.approx(exact_ns, rel=1.1 * ACCURACY)
        assert found_ns == latency.quantile_ns(share, 1), "asking changes nothing"


@pytest.mark.parametrize("samples", [0, SAMPLES_MIN - 1, SAMPLES_MIN, SAMPLES_MIN + 1])
def test_a_few_samples_say_nothing(samples: int) -> None:
    latency = RecentLatency(WINDOW_NS)
    for _ in range(samples):
        latency.add(NS_PER_S, 1)
    assert (latency.quantile_ns(0.95, 1) is None) == (samples < SAMPLES_MIN)


@pytest.mark.parametrize(
    ("age_ns", "samples"),
    [
        (WINDOW_NS - 1, 30),
        (WINDOW_NS, 30),
        (2 * WINDOW_NS - 1, 30),
        (2 * WINDOW_NS, 0),
        (9 * WINDOW_NS, 0),
    ],
)
def test_what_is_two_windows_old_is_forgotten(age_ns: int, samples: int) -> None:
    latency = RecentLatency(WINDOW_NS)
    for _ in range(30):
        latency.add(NS_PER_S, 0)
    assert latency.samples(age_ns) == samples


def test_what_is_newer_counts_beside_what_is_older() -> None:
    latency = RecentLatency(WINDOW_NS)
    for _ in range(30):
        latency.add(NS_PER_S, 0)
    for _ in range(30):
        latency.add(3 * NS_PER_S, WINDOW_NS)
    assert latency.samples(WINDOW_NS) == 60
    assert latency.quantile_ns(0.25, WINDOW_NS) == pytest.approx(NS_PER_S, rel=ACCURACY)
    assert latency.quantile_ns(0.75, WINDOW_NS) == pytest.approx(3 * NS_PER_S, rel=ACCURACY)
    latency.forget(WINDOW_NS)
    assert latency.samples(WINDOW_NS) == 0


def test_memory_is_bounded_whatever_comes() -> None:
    latency = RecentLatency(WINDOW_NS)
    for exponent in range(60):
        for digit in range(1, 10):
            latency.add(digit * 2**exponent, 1)
    latency.add(-5, 1)
    latency.add(0, 1)
    assert len(latency._present._store.bins) <= _BINS_MAX
    assert latency.quantile_ns(0.0, 1) == 0
    assert latency.quantile_ns(1.0, 1) == pytest.approx(9 * 2**59, rel=ACCURACY)
    assert latency.quantile_ns(0.5, 1) is not None
