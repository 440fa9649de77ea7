# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A breaker: while an endpoint fails or is slow it is left alone, and only probes find out when it is well again.

    CLOSED --too many failures, too slow--> OPEN
    OPEN --rested--> HALF_OPEN
    HALF_OPEN --a probe failed--> OPEN
    HALF_OPEN --enough probes passed--> CLOSED

Pure: time is an argument.  Every opening doubles the rest, up to a bound.  Only health takes a doubling back: a stated
time without a failure, with an answer at its end.  So an endpoint that comes and goes cannot reset its own timer, and
one that nobody asked has proved nothing (after PX4's failsafe, where a flapping cause does not restart its delay).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final

from fallback_guard.planning.latency import RecentLatency

OUTCOMES_MAX: Final = 256
"""Outcomes in a window; of more than these the newest count.  A window of a minute holds four calls a second."""

NEVER: Final = 2**62
"""A threshold that nothing reaches: of a breaker that only measures."""

TRANSITIONS_KEPT: Final = 16
"""Of each breaker's history."""

SLOW_QUANTILE: Final = 0.95
"""Of the latency, for opening and for hedging: one call in twenty may be slower."""


class BreakerState(IntEnum):
    """In order of severity."""

    CLOSED = 0
    """Calls are made."""
    HALF_OPEN = 1
    """Probes are made, one at a time, whose answers nobody uses."""
    OPEN = 2
    """Nothing is asked."""


class Cause(Enum):
    """What changes that; the values are for people."""

    TOO_MANY_FAILURES = "too many failures"
    TOO_SLOW = "too slow"
    RESTED = "rested"
    PROBE_FAILED = "a probe failed"
    PROBES_PASSED = "enough probes passed"


_S, _C = BreakerState, Cause

TRANSITIONS: Final[Mapping[tuple[BreakerState, Cause], BreakerState]] = MappingProxyType(
    {
        (_S.CLOSED, _C.TOO_MANY_FAILURES): _S.OPEN,
        (_S.CLOSED, _C.TOO_SLOW): _S.OPEN,
        (_S.OPEN, _C.RESTED): _S.HALF_OPEN,
        (_S.HALF_OPEN, _C.PROBE_FAILED): _S.OPEN,
        (_S.HALF_OPEN, _C.PROBES_PASSED): _S.CLOSED,
    }
)
"""A pair that is not listed changes nothing."""


class Permit(Enum):
    """What may be done with an endpoint now."""

    CALL = "call"
    PROBE = "probe"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerConfig:
    """When it opens and closes; `planning.rungs` has the rows with their reasons."""

    failures_min: int
    failure_share: float
    window_ns: int
    latency_window_ns: int
    latency_ns_max: int
    rest_ns_min: int
    rest_ns_max: int
    health_ns: int
    probes_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One entry of the history, with the rest that it begins (0 where it begins none)."""

    at_ns: int
    before: BreakerState
    after: BreakerState
    cause: Cause
    rest_ns: int = 0


@dataclass(slots=True, kw_only=True)
class _Outcome:
    began_ns: int
    ended_ns: int
    failed: bool


class Breaker:
    """Learns from calls what may be asked.  Calls are named by when they began."""

    def __init__(self, config: BreakerConfig) -> None:
        """Begin closed, with the shortest rest."""
        assert 0 < config.rest_ns_min <= config.rest_ns_max, "rests grow"
        self._config = config
        self._state = BreakerState.CLOSED
        self._outcomes: deque[_Outcome] = deque(maxlen=OUTCOMES_MAX)
        self._latency = RecentLatency(config.latency_window_ns)
        self._closed_since_ns: int | None = None
        self._rested_at_ns = 0
        self._doublings = 0
        self._well_since_ns: int | None = None
        self._probes_passed = 0
        self._probing = False
        self._history: deque[Transition] = deque(maxlen=TRANSITIONS_KEPT)
        self._transitions = 0

    @property
    def state(self) -> BreakerState:
        """What it is; that a rest is over shows when somebody asks for a permit."""
        return self._state

    @property
    def history(self) -> tuple[Transition, ...]:
        """The last transitions, oldest first."""
        return tuple(self._history)

    @property
    def transitions(self) -> int:
        """How many there were."""
        return self._transitions

    @property
    def rest_ns(self) -> int:
        """How long the next opening lasts."""
        return min(self._config.rest_ns_min << self._doublings, self._config.rest_ns_max)

    def rest_left_ns(self, now_ns: int) -> int:
        """Return for how long nothing is asked yet."""
        return max(0, self._rested_at_ns - now_ns) if self._state is BreakerState.OPEN else 0

    def latency_ns(self, now_ns: int) -> int | None:
        """Return the 95th percentile of recent latency; None where there were too few calls to say."""
        return self._latency.quantile_ns(SLOW_QUANTILE, now_ns)

    def permit(self, now_ns: int) -> Permit:
        """Say what may be done now."""
        if self._state is BreakerState.OPEN and now_ns >= self._rested_at_ns:
            self._move(Cause.RESTED, now_ns)
        if self._state is BreakerState.CLOSED:
            return Permit.CALL
        if self._state is BreakerState.HALF_OPEN and not self._probing:
            return Permit.PROBE
        return Permit.NOTHING

    # Calls

    def answered(self, began_ns: int, now_ns: int) -> None:
        """Take note of an answer."""
        if self._is_news(began_ns):
            self._note(began_ns, now_ns, failed=False)
            self._latency.add(now_ns - began_ns, now_ns)
            self._heal(now_ns)
            self._judge(now_ns)

    def failed(self, began_ns: int, now_ns: int, *, timed_out: bool) -> None:
        """Take note of a call that came to nothing.  One that failed at once says nothing of the latency."""
        if self._is_news(began_ns):
            self._note(began_ns, now_ns, failed=True)
            if timed_out:
                self._latency.add(now_ns - began_ns, now_ns)
            self._judge(now_ns)

    def refused(self, began_ns: int, now_ns: int) -> None:
        """Take note that the answer to a call was no good after all."""
        if not self._is_news(began_ns):
            return
        for outcome in reversed(self._outcomes):
            if outcome.began_ns == began_ns and not outcome.failed:
                outcome.failed = True
                self._well_since_ns = now_ns
                break
        else:
            self._note(began_ns, now_ns, failed=True)
        self._judge(now_ns)

    def overtaken(self, began_ns: int, now_ns: int) -> None:
        """Take note of a call that was broken off because another answer was quicker: it took at least so long."""
        if self._is_news(began_ns):
            self._latency.add(now_ns - began_ns, now_ns)
            self._judge(now_ns)

    # Probes

    def probe_began(self) -> None:
        """Take note of a probe; there is no other one until it ends."""
        assert self._state is BreakerState.HALF_OPEN, "a probe needs a permit"
        assert not self._probing, "one at a time"
        self._probing = True

    def probe_ended(self, now_ns: int, *, passed: bool) -> None:
        """Take note of how a probe ended."""
        self._probing = False
        if not passed:
            self._move(Cause.PROBE_FAILED, now_ns)
            return
        self._probes_passed += 1
        if self._probes_passed >= self._config.probes_min:
            self._move(Cause.PROBES_PASSED, now_ns)

    def probe_lost(self) -> None:
        """Take note of a probe that was broken off, and told nothing."""
        self._probing = False

    # Inside

    def _is_news(self, began_ns: int) -> bool:
        """Tell whether a call counts: one from before the breaker closed speaks of a time that is over."""
        since_ns = self._closed_since_ns
        return self._state is BreakerState.CLOSED and (since_ns is None or began_ns >= since_ns)

    def _note(self, began_ns: int, now_ns: int, *, failed: bool) -> None:
        self._outcomes.append(_Outcome(began_ns=began_ns, ended_ns=now_ns, failed=failed))
        if failed or self._well_since_ns is None:
            self._well_since_ns = now_ns

    def _heal(self, now_ns: int) -> None:
        """Take one doubling back for each stated time of health."""
        assert self._well_since_ns is not None, "an answer was noted"
        if self._doublings and now_ns - self._well_since_ns >= self._config.health_ns:
            self._doublings -= 1
            self._well_since_ns = now_ns

    def _judge(self, now_ns: int) -> None:
        """Open where the window holds too many failures, or calls took too long."""
        while self._outcomes and now_ns - self._outcomes[0].ended_ns >= self._config.window_ns:
            self._outcomes.popleft()
        failures = sum(outcome.failed for outcome in self._outcomes)
        if failures >= self._config.failures_min and failures >= self._config.failure_share * len(
            self._outcomes
        ):
            self._move(Cause.TOO_MANY_FAILURES, now_ns)
            return
        latency_ns = self.latency_ns(now_ns)
        if latency_ns is not None and latency_ns > self._config.latency_ns_max:
            self._move(Cause.TOO_SLOW, now_ns)

    def _move(self, cause: Cause, now_ns: int) -> None:
        before, after = self._state, TRANSITIONS.get((self._state, cause))
        if after is None:
            return
        self._state = after
        rest_ns = 0
        if after is BreakerState.OPEN:
            rest_ns = self.rest_ns
            self._rested_at_ns = now_ns + rest_ns
            if rest_ns < self._config.rest_ns_max:
                self._doublings += 1
        self._probes_passed = 0
        self._outcomes.clear()
        self._latency.forget(now_ns)
        self._closed_since_ns = self._well_since_ns = now_ns
        self._transitions += 1
        self._history.append(
            Transition(at_ns=now_ns, before=before, after=after, cause=cause, rest_ns=rest_ns)
        )


def drawing() -> str:
    """Return the table of transitions as lines, for the documentation."""
    ways: dict[tuple[BreakerState, BreakerState], list[str]] = {}
    for (before, cause), after in TRANSITIONS.items():
        ways.setdefault((before, after), []).append(cause.value)
    return "\n".join(
        f"{before.name} --{', '.join(causes)}--> {after.name}"
        for (before, after), causes in ways.items()
    )
