# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guarantees, in simulated worlds: random events around every boundary, and what must hold after each.

A failing seed stands in the name of the test, and a failing example is printed; both replay.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback_guard.core.config import RECOVERIES, GuardConfig, guard_config
from fallback_guard.core.effects import (
    Effect,
    SendMotion,
)
from fallback_guard.core.events import (
    Event,
)
from fallback_guard.core.guard import Guard
from simulation import (
    AGES_NS,
    HAND_OVERS_NS,
    KINDS,
    REQUEST_IDS,
    ROBOTS,
    VARIANTS,
    WAITS_NS,
    Simulation,
    Step,
    random_step,
)

STEPS: Final = st.builds(
    Step,
    kind=st.sampled_from(KINDS),
    robot_id=st.sampled_from(ROBOTS),
    request_id=st.sampled_from(REQUEST_IDS),
    age_ns=st.sampled_from(AGES_NS),
    wait_ns=st.sampled_from(WAITS_NS),
    variant=st.integers(0, VARIANTS - 1),
)
CONFIGS: Final = st.builds(
    lambda recovery, delay_ms, latch_after, at_deadline: guard_config(
        {
            "recovery": recovery,
            "recovery_delay_ms": delay_ms,
            "latch_after": latch_after,
            "standby_at_deadline": at_deadline,
        }
    ),
    st.sampled_from(RECOVERIES),
    st.sampled_from([0, 1, 1_000]),
    st.sampled_from([1, 2, 100]),
    st.booleans(),
)


def simulate(config: GuardConfig, steps: list[Step], *, hangs: bool, hand_over_ns: int) -> None:
    """Run, and run again: the same events give the same bytes (G4)."""
    first, second = (Simulation(config, hangs=hangs, hand_over_ns=hand_over_ns) for _ in range(2))
    first.run(steps)
    second.run(steps)
    assert first.said == second.said


@settings(max_examples=150, deadline=None, print_blob=True)
@given(
    config=CONFIGS,
    steps=st.lists(STEPS, max_size=30),
    hangs=st.booleans(),
    hand_over_ns=st.sampled_from(HAND_OVERS_NS),
)
def test_the_guarantees_hold_for_any_events(
    config: GuardConfig, steps: list[Step], *, hangs: bool, hand_over_ns: int
) -> None:
    simulate(config, steps, hangs=hangs, hand_over_ns=hand_over_ns)


@pytest.mark.parametrize("seed", range(40))
def test_the_guarantees_hold_in_long_runs(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    config = guard_config(
        {
            "recovery": random.choice(RECOVERIES),
            "recovery_delay_ms": random.choice([0, 1, 1_000]),
            "latch_after": random.choice([1, 3, 100]),
            "standby_at_deadline": random.random() < 0.3,
        }
    )
    steps = [random_step(random) for _ in range(150)]
    hangs, hand_over_ns = random.random() < 0.3, random.choice(HAND_OVERS_NS)
    simulate(config, steps, hangs=hangs, hand_over_ns=hand_over_ns)


def test_the_simulation_sees_every_kind_of_decision() -> None:
    """A simulation in which nothing happens proves nothing."""
    seen: Counter[str] = Counter()
    for seed in range(60):
        random = Random(seed)  # noqa: S311  # reproducible, not secret
        simulation = Simulation(guard_config({"latch_after": 100}), hangs=False)
        simulation.run([random_step(random) for _ in range(100)])
        seen += simulation._counted
    assert min(seen[kind] for kind in ("route", "safe move", "recovery", "refused")) >= 20, seen
    assert seen["late"] == 0


def test_the_simulation_sees_the_margin_follow() -> None:
    """Likewise one in which the guard is never late."""
    margins_ns: set[int] = set()
    seen: Counter[str] = Counter()
    config = guard_config({"latch_after": 100})
    for seed, hand_over_ns in enumerate(HAND_OVERS_NS):
        random = Random(seed)  # noqa: S311  # reproducible, not secret
        simulation = Simulation(config, hangs=False, hand_over_ns=hand_over_ns)
        simulation.run([random_step(random) for _ in range(100)])
        margins_ns |= simulation.margins_ns
        seen += simulation._counted
    assert {config.dispatch_margin_ns, config.dispatch_margin_ns_max} < margins_ns
    assert seen["late"] >= 5, seen


@pytest.mark.parametrize("broken", ["twice", "never", "no record", "old sequence"])
def test_the_simulation_catches_a_guard_that_breaks_them(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Guard.step

    def lie(guard: Guard, event: Event, now_ns: int) -> tuple[Effect, ...]:
        effects = step(guard, event, now_ns)
        if not any(isinstance(effect, SendMotion) for effect in effects):
            return effects
        if broken == "twice":
            return effects + effects
        if broken == "no record":
            return tuple(effect for effect in effects if isinstance(effect, SendMotion))
        if broken == "old sequence":
            return tuple(
                replace(effect, motion=replace(effect.motion, sequence=1))
                if isinstance(effect, SendMotion)
                else effect
                for effect in effects
            )
        return ()

    monkeypatch.setattr(Guard, "step", lie)
    random = Random(1)  # noqa: S311  # reproducible, not secret
    with pytest.raises((AssertionError, IndexError)):
        Simulation(guard_config({}), hangs=False).run([random_step(random) for _ in range(100)])


def test_the_simulation_catches_a_guard_that_is_deaf_to_closures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Guard, "_on_map", lambda _guard, _event: None)
    random = Random(1)  # noqa: S311  # reproducible, not secret
    with pytest.raises(AssertionError, match="closed now"):
        for _ in range(20):
            steps = [random_step(random) for _ in range(100)]
            Simulation(guard_config({"latch_after": 100}), hangs=False).run(steps)
