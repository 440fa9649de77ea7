# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A simulated fleet, a short while of several seeds; `fleet.py` runs a million picks."""

from __future__ import annotations

from collections import Counter

import pytest

from fallback_guard.core.guard import Guard
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.core.watchdog import Watchdog
from fleet import Faults, Simulation

PICKS = 600


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_guarantees_hold_whatever_fails(seed: int) -> None:
    Simulation(seed, robots=6).run(PICKS)


def test_everything_that_can_fail_does() -> None:
    """A simulation in which nothing happens proves nothing."""
    counted = Counter[str]()
    for seed in range(1, 6):
        simulation = Simulation(seed, robots=6)
        simulation.run(PICKS)
        counted += simulation.counted
    for seen in ("accepted", "SAFE_MOVE", "lost", "guard held up", "guard killed", "asked again"):
        assert counted[seen], f"nothing was {seen}"
    for seen in ("watchdog spoke", "too old to be taken over", "PLANNER_SILENT", "NOT_UTF8"):
        assert counted[seen], f"no {seen}"


def test_the_same_seed_is_the_same_run() -> None:
    first, second = (Simulation(7, robots=4) for _ in range(2))
    first.run(PICKS // 2)
    second.run(PICKS // 2)
    assert (first.now_ns, first.counted) == (second.now_ns, second.counted)


def test_processes_that_never_run_stop_a_fleet_and_move_nobody_wrongly() -> None:
    faults = Faults(between_deaths_s=2.0, between_hangs_s=1.0, silent=0.5, damaged=0.5)
    simulation = Simulation(1, robots=4, faults=faults)
    simulation.run(PICKS // 4)
    assert simulation.counted["watchdog spoke"]


SLOW_NETWORK = Faults(late_ns_mean=1_000 * NS_PER_MS, between_hangs_s=2.0)
"""On which requests of one robot come close together, and in any order."""


def test_a_guard_that_forgets_the_order_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    Simulation(0, robots=6, faults=SLOW_NETWORK).run(PICKS // 2)
    monkeypatch.setattr(Guard, "_overtake", lambda _guard, _robot: None)
    # Recoveries too, for as long as anything newer waits.
    monkeypatch.setattr("fallback_guard.core.records.RobotRecord.supersede_all", lambda _r: None)
    with pytest.raises(AssertionError, match="G6: a route for"):
        Simulation(0, robots=6, faults=SLOW_NETWORK).run(PICKS // 2)


def test_a_watchdog_that_is_deaf_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watchdog, "step", lambda _watchdog, _event, _now_ns: ())
    with pytest.raises(AssertionError, match="G7"):
        for seed in range(20):
            Simulation(seed, robots=6, faults=Faults(between_deaths_s=20.0)).run(PICKS)
