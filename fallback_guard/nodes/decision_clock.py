# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The clock that decisions are made by: a steady one, or for simulations that do not run in real time, theirs.

Threads sleep, leases run and signs of life come by the steady clock in any case.  A robot in slow motion is owed its
decision within 150 ms of its own time; that its guard lives is a matter of real time.
"""

from typing import Protocol


class DecisionClock(Protocol):
    """What the dispatcher asks of a clock.  Its time never goes back."""

    def at(self, steady_ns: int) -> int:
        """Return this clock's time at a moment of the steady clock, which is now or a moment ago."""

    def wake_ns(self, at_ns: int) -> int | None:
        """Return the steady time at which to wake for a time of this clock; None where that cannot be told yet."""


class SteadyClock:
    """The steady clock itself."""

    def at(self, steady_ns: int) -> int:
        """Return the same."""
        return steady_ns

    def wake_ns(self, at_ns: int) -> int | None:
        """Return the same."""
        return at_ns


class SimulatedClock:
    """How far a simulation has gone: it stands while nothing is `heard`, and each step forward counts.

    Set back, as by a reset of the world, it goes on from where it is: a request that waits then still gets its
    decision, and numbers made from this time still rise.
    """

    def __init__(self, start_ns: int) -> None:
        """Begin at a time of the steady clock, so that the numbers of a later process begin higher."""
        self._now_ns = start_ns
        self._heard_ns: int | None = None

    def heard(self, simulated_ns: int) -> None:
        """Take over what the simulation says of its time."""
        if self._heard_ns is not None:
            self._now_ns += max(0, simulated_ns - self._heard_ns)
        self._heard_ns = simulated_ns

    def at(self, steady_ns: int) -> int:  # noqa: ARG002  # it knows no other time than now
        """Return the time that was heard last."""
        return self._now_ns

    def wake_ns(self, at_ns: int) -> int | None:
        """Return at once where the time has come, and None where it has to be heard first."""
        return 0 if at_ns <= self._now_ns else None
