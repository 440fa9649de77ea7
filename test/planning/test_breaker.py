# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The breaker as timelines: each threshold one step below, at it and one step above."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.planning import breaker as module
from fallback_guard.planning.breaker import (
    OUTCOMES_MAX,
    TRANSITIONS,
    TRANSITIONS_KEPT,
    Breaker,
    BreakerConfig,
    BreakerState,
    Cause,
    Permit,
    drawing,
)
from fallback_guard.planning.latency import ACCURACY, SAMPLES_MIN

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = BreakerConfig(
    failures_min=3,
    failure_share=0.5,
    window_ns=10 * NS_PER_S,
    latency_window_ns=60 * NS_PER_S,
    latency_ns_max=2 * NS_PER_S,
    rest_ns_min=5 * NS_PER_S,
    rest_ns_max=35 * NS_PER_S,
    health_ns=60 * NS_PER_S,
    probes_min=2,
)
START_NS: Final = 1_234_567_891_011
"""An odd time."""


class Line:
    """A breaker and its clock."""

    def __init__(self, **changes: float) -> None:
        self.config = replace(CONFIG, **changes)  # type: ignore[arg-type]
        self.now_ns = START_NS
        self.breaker = Breaker(self.config)

    @property
    def state(self) -> BreakerState:
        return self.breaker.state

    def wait(self, ns: int) -> Line:
        self.now_ns += ns
        return self

    def answer(self, times: int = 1, *, took_ns: int = 100 * NS_PER_MS) -> Line:
        for _ in range(times):
            began_ns = self.now_ns
            self.wait(took_ns)
            self.breaker.answered(began_ns, self.now_ns)
        return self

    def fail(self, times: int = 1, *, took_ns: int = NS_PER_MS) -> Line:
        for _ in range(times):
            began_ns = self.now_ns
            self.wait(took_ns)
            self.breaker.failed(began_ns, self.now_ns, timed_out=False)
        return self

    def permit(self) -> Permit:
        return self.breaker.permit(self.now_ns)

    def probe(self, *, passes: bool, took_ns: int = NS_PER_MS) -> Line:
        assert self.permit() is Permit.PROBE
        self.breaker.probe_began()
        self.wait(took_ns)
        self.breaker.probe_ended(self.now_ns, passed=passes)
        return self

    def rest(self) -> Line:
        """Wait until the breaker lets a probe through, and not a step longer."""
        left_ns = self.breaker.rest_left_ns(self.now_ns)
        self.wait(left_ns - 1)
        assert self.permit() is Permit.NOTHING
        self.wait(1)
        assert self.permit() is Permit.PROBE
        return self

    def open_again(self) -> int:
        """Fail until it opens; return for how long."""
        self.fail(self.config.failures_min)
        assert self.state is BreakerState.OPEN
        return self.breaker.rest_left_ns(self.now_ns)

    def close_again(self) -> Line:
        self.rest()
        for _ in range(self.config.probes_min):
            self.probe(passes=True)
        assert self.state is BreakerState.CLOSED
        return self


# The table.


@pytest.mark.parametrize(("state", "cause"), [*itertools.product(BreakerState, Cause)])
def test_listed_pairs_move_and_all_others_change_nothing(state: BreakerState, cause: Cause) -> None:
    line = Line()
    line.breaker._state = state
    line.breaker._move(cause, line.now_ns)
    assert line.state is TRANSITIONS.get((state, cause), state)
    assert line.breaker.transitions == ((state, cause) in TRANSITIONS)


def test_every_state_is_reached_and_left_and_every_cause_is_used() -> None:
    assert {before for before, _ in TRANSITIONS} == set(TRANSITIONS.values()) == set(BreakerState)
    assert {cause for _, cause in TRANSITIONS} == set(Cause)


@pytest.mark.parametrize("place", ["the module", "docs/planner.md"])
def test_the_drawing_is_the_table(place: str) -> None:
    text = module.__doc__ if place == "the module" else (ROOT / place).read_text(encoding="utf-8")
    drawn = [line.strip() for line in (text or "").splitlines() if "-->" in line]
    assert drawn == drawing().splitlines()


# Opening.


@pytest.mark.parametrize(
    ("failures", "state"),
    [(2, BreakerState.CLOSED), (3, BreakerState.OPEN), (4, BreakerState.OPEN)],
)
def test_so_many_failures_open_it(failures: int, state: BreakerState) -> None:
    assert Line().fail(failures).state is state


@pytest.mark.parametrize(
    ("answers", "state"), [(2, BreakerState.OPEN), (3, BreakerState.OPEN), (4, BreakerState.CLOSED)]
)
def test_failures_have_to_be_a_share_of_the_calls(answers: int, state: BreakerState) -> None:
    """Three of six are half."""
    assert Line().answer(answers).fail(3).state is state


@pytest.mark.parametrize(
    ("step_ns", "state"),
    [(-1, BreakerState.OPEN), (0, BreakerState.CLOSED), (1, BreakerState.CLOSED)],
)
def test_failures_count_within_the_window(step_ns: int, state: BreakerState) -> None:
    line = Line().fail(2, took_ns=0)
    line.wait(CONFIG.window_ns + step_ns).fail(took_ns=0)
    assert line.state is state


def test_a_refusal_of_the_guard_turns_an_answer_into_a_failure() -> None:
    line = Line()
    for refused in range(3):
        assert line.state is BreakerState.CLOSED, refused
        began_ns = line.now_ns
        line.answer()
        line.breaker.refused(began_ns, line.now_ns)
    assert line.state is BreakerState.OPEN
    assert line.breaker.history[-1].cause is Cause.TOO_MANY_FAILURES


def test_a_refusal_that_comes_after_the_window_counts_all_the_same() -> None:
    line = Line()
    began_ns = line.now_ns
    line.answer().wait(CONFIG.window_ns).fail(2, took_ns=0)
    line.breaker.refused(began_ns, line.now_ns)
    assert line.state is BreakerState.OPEN


@pytest.mark.parametrize(
    ("slow", "state"), [(5, BreakerState.CLOSED), (6, BreakerState.OPEN), (7, BreakerState.OPEN)]
)
def test_one_call_in_twenty_may_be_slow(slow: int, state: BreakerState) -> None:
    line = Line(failures_min=99).answer(100 - slow)
    line.answer(slow, took_ns=4 * NS_PER_S)
    assert line.state is state


@pytest.mark.parametrize(
    ("share", "state"),
    [(1 - 2 * ACCURACY, BreakerState.CLOSED), (1 + 2 * ACCURACY, BreakerState.OPEN)],
)
def test_slow_is_over_the_budget_as_exactly_as_the_sketch_can_tell(
    share: float, state: BreakerState
) -> None:
    line = Line().answer(SAMPLES_MIN, took_ns=round(CONFIG.latency_ns_max * share))
    assert line.state is state


@pytest.mark.parametrize("samples", [SAMPLES_MIN - 1, SAMPLES_MIN, SAMPLES_MIN + 1])
def test_a_few_slow_calls_are_no_percentile(samples: int) -> None:
    line = Line().answer(samples, took_ns=2 * CONFIG.latency_ns_max)
    assert (line.state is BreakerState.OPEN) == (samples >= SAMPLES_MIN)
    if samples >= SAMPLES_MIN:
        assert line.breaker.history[-1].cause is Cause.TOO_SLOW


def test_a_call_that_timed_out_is_slow_and_one_that_failed_at_once_is_not_quick() -> None:
    line = Line(failures_min=99)
    for _ in range(SAMPLES_MIN - 1):
        line.fail()
        line.breaker.failed(line.now_ns - 3 * NS_PER_S, line.now_ns, timed_out=True)
    assert line.state is BreakerState.CLOSED
    line.breaker.overtaken(line.now_ns - 3 * NS_PER_S, line.now_ns)
    assert line.breaker.history[-1].cause is Cause.TOO_SLOW


# Open.


def test_nothing_is_asked_until_the_rest_is_over() -> None:
    line = Line().fail(3)
    for _ in range(5):
        assert line.permit() is Permit.NOTHING
        line.wait(NS_PER_S - 1)
    line.wait(4)
    assert (line.permit(), line.state) == (Permit.NOTHING, BreakerState.OPEN)
    line.wait(1)
    assert (line.permit(), line.state) == (Permit.PROBE, BreakerState.HALF_OPEN)


def test_calls_that_come_back_while_it_is_open_change_nothing() -> None:
    line = Line()
    began_ns = line.now_ns
    line.fail(3).wait(NS_PER_S)
    rest_ns = line.breaker.rest_left_ns(line.now_ns)
    line.breaker.answered(began_ns, line.now_ns)
    line.breaker.failed(began_ns, line.now_ns, timed_out=True)
    line.breaker.refused(began_ns, line.now_ns)
    line.breaker.overtaken(began_ns, line.now_ns)
    assert line.breaker.rest_left_ns(line.now_ns) == rest_ns
    assert line.breaker.transitions == 1


# Probes.


def test_probes_go_one_at_a_time_and_enough_of_them_close_it() -> None:
    line = Line().fail(3)
    line.rest()
    line.breaker.probe_began()
    assert line.permit() is Permit.NOTHING
    line.breaker.probe_ended(line.now_ns, passed=True)
    assert (line.permit(), line.state) == (Permit.PROBE, BreakerState.HALF_OPEN)
    line.probe(passes=True)
    assert (line.permit(), line.state) == (Permit.CALL, BreakerState.CLOSED)


def test_one_probe_that_fails_opens_it_again() -> None:
    line = Line().fail(3)
    line.rest().probe(passes=True).probe(passes=False)
    assert line.breaker.history[-1].cause is Cause.PROBE_FAILED
    line.rest().probe(passes=True)
    assert line.permit() is Permit.PROBE, "the probe before does not count any more"


def test_a_probe_that_was_broken_off_leaves_room_for_another() -> None:
    line = Line().fail(3)
    line.rest()
    line.breaker.probe_began()
    line.breaker.probe_lost()
    assert (line.permit(), line.state) == (Permit.PROBE, BreakerState.HALF_OPEN)


def test_calls_from_before_it_closed_say_nothing_afterwards() -> None:
    line = Line()
    began_ns = line.now_ns
    line.fail(3)
    line.close_again()
    for _ in range(9):
        line.breaker.failed(began_ns, line.now_ns, timed_out=False)
    assert line.state is BreakerState.CLOSED
    assert line.fail(3).state is BreakerState.OPEN


def test_what_was_slow_before_is_forgotten_when_it_closes() -> None:
    line = Line().answer(SAMPLES_MIN, took_ns=3 * NS_PER_S)
    assert line.close_again().answer(SAMPLES_MIN).state is BreakerState.CLOSED


# How long it is left alone.


def test_each_relapse_doubles_the_rest_up_to_a_bound() -> None:
    line = Line().fail(3)
    rests_s = []
    for _ in range(6):
        rests_s.append(line.breaker.rest_left_ns(line.now_ns) / NS_PER_S)
        line.rest().probe(passes=False, took_ns=0)
    assert rests_s == [5, 10, 20, 35, 35, 35]


def test_an_endpoint_that_flaps_is_left_alone_for_longer_and_longer() -> None:
    """It passes its probes each time, and answers a while, and fails again before it has proved its health."""
    line = Line()
    rests_s = []
    for _ in range(5):
        rests_s.append(line.open_again() / NS_PER_S)
        line.close_again().answer(9, took_ns=5 * NS_PER_S)
        line.breaker.latency_ns(line.now_ns)
    assert rests_s == [5, 10, 20, 35, 35]


def test_an_endpoint_that_never_answers_is_hardly_asked() -> None:
    """Of an hour's requests, one a second, it gets those until it opens, and then one a rest."""
    line, asked = Line(), 0
    for _ in range(3_600):
        permit = line.permit()
        if permit is Permit.CALL:
            line.fail(took_ns=0)
        elif permit is Permit.PROBE:
            line.probe(passes=False, took_ns=0)
        asked += permit is not Permit.NOTHING
        line.wait(NS_PER_S)
    growing = 3  # rests of 5, 10 and 20 s
    assert asked == CONFIG.failures_min + growing + (3_600 - 2 - 5 - 10 - 20) // 35


@pytest.mark.parametrize(("step_ns", "rest_s"), [(-1, 20), (0, 10), (1, 10)])
def test_health_takes_one_doubling_back(step_ns: int, rest_s: int) -> None:
    line = Line()
    for _ in range(2):
        line.open_again()
        line.close_again()
    line.answer(took_ns=0).wait(CONFIG.health_ns + step_ns).answer(took_ns=0)
    assert line.open_again() == rest_s * NS_PER_S


def test_each_doubling_takes_a_time_of_health_of_its_own() -> None:
    line = Line()
    for _ in range(2):
        line.open_again()
        line.close_again()
    line.answer(took_ns=0).wait(CONFIG.health_ns).answer(3, took_ns=0)
    assert line.breaker.rest_ns == 10 * NS_PER_S
    line.wait(CONFIG.health_ns - 1).answer(took_ns=0)
    assert line.breaker.rest_ns == 10 * NS_PER_S
    line.wait(1).answer(took_ns=0)
    assert line.breaker.rest_ns == 5 * NS_PER_S


def test_relapses_beyond_the_bound_are_not_owed() -> None:
    """However often it failed while it rested the longest, one time of health shortens the rest."""
    line = Line()
    for _ in range(50):
        line.open_again()
        line.close_again()
    assert line.breaker.rest_ns == 35 * NS_PER_S
    line.answer(took_ns=0).wait(CONFIG.health_ns).answer(took_ns=0)
    assert line.breaker.rest_ns == 20 * NS_PER_S


def test_a_failure_begins_the_time_of_health_anew() -> None:
    line = Line()
    line.open_again()
    line.close_again().answer(9)
    line.wait(CONFIG.health_ns - NS_PER_S).fail()
    line.wait(CONFIG.health_ns - 1).answer(took_ns=0)
    assert line.breaker.rest_ns == 10 * NS_PER_S
    line.wait(1).answer(took_ns=0)
    assert line.breaker.rest_ns == 5 * NS_PER_S


def test_a_refusal_begins_it_anew_as_well() -> None:
    line = Line()
    line.open_again()
    line.close_again()
    line.wait(CONFIG.health_ns - NS_PER_S)
    began_ns = line.now_ns
    line.answer(took_ns=0)
    line.breaker.refused(began_ns, line.now_ns)
    line.wait(NS_PER_S).answer(took_ns=0)
    assert line.breaker.rest_ns == 10 * NS_PER_S


def test_a_long_time_in_which_nobody_asked_proves_little() -> None:
    """However long it was, one answer after it takes back no more than one doubling."""
    line = Line()
    for _ in range(3):
        line.open_again()
        line.close_again()
    assert line.breaker.rest_ns == 35 * NS_PER_S
    line.wait(100 * CONFIG.health_ns)
    assert line.breaker.rest_ns == 35 * NS_PER_S
    line.answer(took_ns=0)
    assert line.breaker.rest_ns == 20 * NS_PER_S


# What is kept.


def test_what_is_kept_is_bounded() -> None:
    line = Line(failures_min=10**9)
    line.answer(3 * OUTCOMES_MAX, took_ns=1).fail(3 * OUTCOMES_MAX, took_ns=1)
    assert len(line.breaker._outcomes) == OUTCOMES_MAX
    line = Line()
    for _ in range(3 * TRANSITIONS_KEPT):
        line.open_again()
        line.close_again()
    assert len(line.breaker.history) == TRANSITIONS_KEPT
    assert line.breaker.transitions == 9 * TRANSITIONS_KEPT


def test_the_history_tells_what_happened_when_and_why() -> None:
    line = Line().fail(3)
    line.close_again()
    history = line.breaker.history
    assert [entry.cause for entry in history] == [
        Cause.TOO_MANY_FAILURES,
        Cause.RESTED,
        Cause.PROBES_PASSED,
    ]
    assert [entry.rest_ns for entry in history] == [CONFIG.rest_ns_min, 0, 0]
    assert history[1].at_ns - history[0].at_ns == CONFIG.rest_ns_min
