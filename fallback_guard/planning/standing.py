# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a planner tells of its rungs: the breaker, what was asked, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from fallback_guard.core.units import NS_PER_S, ns_to_seconds
from fallback_guard.planning.breaker import BreakerState, Transition
from fallback_guard.planning.prices import Price, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class RungStanding:
    """One rung at one moment.  `tally` is a copy that counts no further."""

    name: str
    source: str
    state: BreakerState
    rest_left_ns: int
    latency_p95_ns: int | None
    tally: Tally
    price: Price
    transitions: int
    history: Sequence[Transition]


def transition_line(name: str, source: str, transition: Transition) -> str:
    """Say in one line what happened to a breaker."""
    rest = (
        f"; it is left alone for {ns_to_seconds(transition.rest_ns):g} s"
        if transition.rest_ns
        else ""
    )
    return (
        f"breaker of {name} ({source}): {transition.before.name} to {transition.after.name}, "
        f"{transition.cause.value}{rest}"
    )


def history_line(history: Sequence[Transition], now_ns: int) -> str:
    """Say when a breaker went where, newest first."""
    return ", ".join(
        f"{(now_ns - transition.at_ns) // NS_PER_S} s ago {transition.after.name}: {transition.cause.value}"
        for transition in reversed(history)
    )
