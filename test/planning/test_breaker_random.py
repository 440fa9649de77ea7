# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A breaker under whatever an endpoint does: what holds for all timelines."""

from __future__ import annotations

import itertools
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.planning.breaker import Breaker, BreakerConfig, BreakerState, Permit

REQUEST_NS: Final = NS_PER_S
"""Between two requests, where an endpoint is watched for long."""


def configs() -> st.SearchStrategy[BreakerConfig]:
    return st.builds(
        BreakerConfig,
        failures_min=st.integers(1, 5),
        failure_share=st.floats(0.05, 1.0),
        window_ns=st.integers(1, 60).map(lambda s: s * NS_PER_S),
        latency_window_ns=st.integers(1, 60).map(lambda s: s * NS_PER_S),
        latency_ns_max=st.integers(100, 5_000).map(lambda ms: ms * NS_PER_MS),
        rest_ns_min=st.integers(1, 10).map(lambda s: s * NS_PER_S),
        rest_ns_max=st.integers(10, 100).map(lambda s: s * NS_PER_S),
        health_ns=st.integers(1, 100).map(lambda s: s * NS_PER_S),
        probes_min=st.integers(1, 4),
    )


class AnyEndpoint(RuleBasedStateMachine):
    """Requests come and are answered in time, late, wrongly or not at all, in every order."""

    @initialize(config=configs(), start_ns=st.integers(0, 10**15))
    def begin(self, config: BreakerConfig, start_ns: int) -> None:
        self.config = config
        self.now_ns = start_ns
        self.breaker = Breaker(config)
        self.opened_ns = -1
        self.asked_while_open = 0
        self.began_ns = start_ns
        self.openings: list[int] = []
        self.seen = 0

    def request(self, *, well: bool, took_ns: int, refused: bool = False) -> None:
        """Serve one request as the ladder does."""
        permit = self.breaker.permit(self.now_ns)
        if self.breaker.state is BreakerState.OPEN:
            assert permit is Permit.NOTHING
        self.began_ns = self.now_ns
        if permit is Permit.CALL:
            self.now_ns += took_ns
            if well:
                self.breaker.answered(self.began_ns, self.now_ns)
                if refused:
                    self.breaker.refused(self.began_ns, self.now_ns)
            else:
                self.breaker.failed(self.began_ns, self.now_ns, timed_out=took_ns > NS_PER_S)
        elif permit is Permit.PROBE:
            self.breaker.probe_began()
            self.now_ns += took_ns
            self.breaker.probe_ended(self.now_ns, passed=well)

    @rule(took_ms=st.integers(0, 10_000), refused=st.booleans())
    def answer(self, took_ms: int, *, refused: bool) -> None:
        self.request(well=True, took_ns=took_ms * NS_PER_MS, refused=refused)

    @rule(took_ms=st.integers(0, 10_000), times=st.integers(1, 6))
    def fail(self, took_ms: int, times: int) -> None:
        for _ in range(times):
            self.request(well=False, took_ns=took_ms * NS_PER_MS)

    @rule(ms=st.integers(0, 200_000))
    def wait(self, ms: int) -> None:
        self.now_ns += ms * NS_PER_MS

    @rule(
        age_ms=st.integers(0, 100_000),
        what=st.sampled_from(["answered", "refused", "failed", "overtaken"]),
    )
    def hear_late(self, age_ms: int, what: str) -> None:
        """A call that began some time ago comes back, in whatever state."""
        before = self.breaker.state
        began_ns = max(0, self.now_ns - age_ms * NS_PER_MS)
        if what == "failed":
            self.breaker.failed(began_ns, self.now_ns, timed_out=False)
        else:
            getattr(self.breaker, what)(began_ns, self.now_ns)
        if before is not BreakerState.CLOSED:
            assert self.breaker.state is before

    @rule()
    def lose_a_probe(self) -> None:
        if self.breaker.permit(self.now_ns) is Permit.PROBE:
            self.breaker.probe_began()
            self.breaker.probe_lost()
            assert self.breaker.permit(self.now_ns) is Permit.PROBE

    @rule()
    def become_well(self) -> None:
        """Once it answers again, calls are made within a bound that the configuration says."""
        bound_ns = self.config.rest_ns_max + (self.config.probes_min + 1) * REQUEST_NS
        until_ns = self.now_ns + bound_ns
        while self.breaker.permit(self.now_ns) is not Permit.CALL:
            assert self.now_ns <= until_ns
            self.request(well=True, took_ns=0)
            self.now_ns += REQUEST_NS
        assert self.breaker.state is BreakerState.CLOSED

    @rule(requests=st.integers(1, 300))
    def stay_broken(self, requests: int) -> None:
        """An endpoint that always fails is asked a few times until it opens, and then once a rest."""
        began_ns, asked = self.now_ns, 0
        rest_ns = self.breaker.rest_ns
        transitions = self.breaker.transitions
        for _ in range(requests):
            asked += self.breaker.permit(self.now_ns) is not Permit.NOTHING
            self.request(well=False, took_ns=0)
            self.now_ns += REQUEST_NS
        if self.breaker.transitions == transitions:
            return  # It is open all the time, or too few fail within its window.
        took_ns = self.now_ns - began_ns
        allowed_until_open = self.until_open()
        assert asked <= allowed_until_open + 1 + took_ns // min(rest_ns, self.config.rest_ns_min)

    def until_open(self) -> int:
        """Return how many failures in a row open it, whatever was before."""
        kept = 256
        share = self.config.failure_share
        return max(self.config.failures_min, min(kept, round(kept * share) + 1))

    @invariant()
    def rests_are_bounded(self) -> None:
        if not hasattr(self, "breaker"):
            return
        rest_ns = self.breaker.rest_ns
        assert self.config.rest_ns_min <= rest_ns <= self.config.rest_ns_max
        assert 0 <= self.breaker.rest_left_ns(self.now_ns) <= self.config.rest_ns_max

    @invariant()
    def while_open_nothing_is_asked(self) -> None:
        if hasattr(self, "breaker") and self.breaker.rest_left_ns(self.now_ns) > 0:
            assert self.breaker.permit(self.now_ns) is Permit.NOTHING

    @invariant()
    def relapses_without_health_never_shorten_a_rest(self) -> None:
        if not hasattr(self, "breaker"):
            return
        openings = [entry for entry in self.breaker.history if entry.rest_ns]
        for before, after in itertools.pairwise(openings):
            if after.at_ns - before.at_ns - before.rest_ns < self.config.health_ns:
                expected_ns = min(2 * before.rest_ns, self.config.rest_ns_max)
                assert after.rest_ns == expected_ns


AnyEndpoint.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestAnyEndpoint = AnyEndpoint.TestCase
