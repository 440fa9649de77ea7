# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What /diagnostics says of a guard, in order of severity."""

from __future__ import annotations

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from fallback_guard.core.config import guard_config
from fallback_guard.core.counters import Counters
from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.nodes.diagnostics import diagnostic_array, guard_status
from fallback_guard.nodes.planner_diagnostics import planner_status
from fallback_guard.nodes.realtime import Standing
from fallback_guard.nodes.status import Status
from fallback_guard.planning.breaker import BreakerState, Cause, Transition
from fallback_guard.planning.prices import Price, Tally
from fallback_guard.planning.standing import RungStanding, transition_line

HEALTHY = Counters(decisions=7, routes=7)
LATE = Counters(decisions=7, routes=7, decisions_late=2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/guard_node: decisions", "fallback_guard"),
        ("/hall/picker_1/guard_node: decisions", "hall/picker_1"),
    ],
)
def test_a_status_is_its_namespaces(name: str, expected: str) -> None:
    array = diagnostic_array(DiagnosticStatus(name=name), Time())
    assert array.status[0].hardware_id == expected


def test_a_message_names_so_many_robots() -> None:
    latched = tuple(f"picker_{count}" for count in range(1_000))
    told = guard_status(
        name="guard",
        status=Status(is_active=True, latched=latched, counters=HEALTHY),
        standing=Standing(priority=20),
        config=guard_config({}),
    )
    assert told.message.endswith("picker_7 and 992 more")


@pytest.mark.parametrize(
    ("status", "level", "said"),
    [
        (Status(is_active=True, counters=HEALTHY), DiagnosticStatus.OK, "none late"),
        (Status(is_active=True, counters=LATE), DiagnosticStatus.WARN, "2 of 7"),
        (
            Status(
                is_active=True,
                counters=HEALTHY,
                margin_ns=12 * NS_PER_MS,
                lateness_ns=7 * NS_PER_MS,
                margin_is_widened=True,
            ),
            DiagnosticStatus.WARN,
            "up to 7.0 ms late: windows close 12.0 ms before the deadline instead of 3",
        ),
        (Status(counters=LATE), DiagnosticStatus.WARN, "inactive"),
        (
            Status(is_active=True, latched=("picker_1",), counters=LATE, margin_is_widened=True),
            DiagnosticStatus.ERROR,
            "picker_1",
        ),
    ],
)
def test_the_worst_is_said(status: Status, level: bytes, said: str) -> None:
    told = guard_status(
        name="guard", status=status, standing=Standing(priority=20), config=guard_config({})
    )
    assert told.level == level
    assert said in told.message
    values = {value.key: value.value for value in told.values}
    assert values["dispatch_margin_ms"] == f"{status.margin_ns / NS_PER_MS:.3f}"
    assert values["lateness_ms"] == f"{status.lateness_ns / NS_PER_MS:.3f}"
    assert (values["realtime_priority"], values["memory_locked"]) == ("20", "False")
    assert values["decisions_late"] == str(status.counters.decisions_late)


OPENED = Transition(
    at_ns=7 * NS_PER_S,
    before=BreakerState.CLOSED,
    after=BreakerState.OPEN,
    cause=Cause.TOO_SLOW,
    rest_ns=5 * NS_PER_S,
)


def rung(name: str, state: BreakerState = BreakerState.CLOSED) -> RungStanding:
    resting = state is BreakerState.OPEN
    return RungStanding(
        name=name,
        source=f"llm:{name}",
        state=state,
        rest_left_ns=3 * NS_PER_S if resting else 0,
        latency_p95_ns=None if resting else 1_234 * NS_PER_MS,
        tally=Tally(calls=9, avoided=3, calls_metered=2, prompt_tokens=600, completion_tokens=200),
        price=Price(prompt=10.0, completion=20.0),
        transitions=1 if resting else 0,
        history=(OPENED,) if resting else (),
    )


@pytest.mark.parametrize(
    ("states", "level", "said"),
    [
        ((0, 0), DiagnosticStatus.OK, "asking llm:a"),
        ((2, 0), DiagnosticStatus.WARN, "left alone: a (llm:a) for 3 s"),
        ((0, 1), DiagnosticStatus.WARN, "left alone: b (llm:b) for 0 s"),
        ((2, 1), DiagnosticStatus.ERROR, "a (llm:a) for 3 s, b (llm:b)"),
    ],
)
def test_models_that_are_left_alone_are_said(
    states: tuple[int, int], level: bytes, said: str
) -> None:
    rungs = [rung(name, BreakerState(state)) for name, state in zip("ab", states, strict=True)]
    told = planner_status(name="models", rungs=rungs, now_ns=9 * NS_PER_S)
    assert (told.level, said in told.message) == (level, True)


def test_what_a_rung_cost_and_saved_is_said_with_units() -> None:
    told = planner_status(
        name="models", rungs=[rung("a"), rung("b", BreakerState.OPEN)], now_ns=9 * NS_PER_S
    )
    values = {value.key: value.value for value in told.values}
    assert (values["a.breaker"], values["b.breaker"]) == ("CLOSED", "OPEN")
    assert (values["a.latency_p95_ms"], values["b.latency_p95_ms"]) == ("1234", "")
    assert values["b.breaker_history"] == "2 s ago OPEN: too slow"
    assert (values["a.calls"], values["a.spent"]) == ("9", "0.010000")
    assert (values["a.tokens_saved_estimate"], values["a.saved_estimate"]) == ("1200", "0.015000")


def test_a_transition_is_one_line() -> None:
    assert transition_line("a", "llm:m", OPENED) == (
        "breaker of a (llm:m): CLOSED to OPEN, too slow; it is left alone for 5 s"
    )
