# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the planner says on /diagnostics, apart from what a watchdog imports, which has to be small."""

from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from fallback_guard.core.units import ns_to_ms, ns_to_seconds
from fallback_guard.planning.breaker import BreakerState
from fallback_guard.planning.standing import RungStanding, history_line


def planner_status(*, name: str, rungs: Sequence[RungStanding], now_ns: int) -> DiagnosticStatus:
    """Return what the planner tells of its models.

    ERROR where none of them may be asked; WARN where one may not.
    """
    resting = [rung for rung in rungs if rung.state is not BreakerState.CLOSED]
    level, message = DiagnosticStatus.OK, f"asking {rungs[0].source}"
    if resting:
        level = DiagnosticStatus.WARN if len(resting) < len(rungs) else DiagnosticStatus.ERROR
        message = "left alone: " + ", ".join(
            f"{rung.name} ({rung.source}) for {ns_to_seconds(rung.rest_left_ns):.0f} s"
            for rung in resting
        )
    values = {f"{rung.name}.{key}": value for rung in rungs for key, value in _told(rung, now_ns)}
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def _told(rung: RungStanding, now_ns: int) -> list[tuple[str, str]]:
    """Return one rung's values, with their units in their names."""
    tally = rung.tally
    latency = "" if rung.latency_p95_ns is None else f"{ns_to_ms(rung.latency_p95_ns):.0f}"
    return [
        ("source", rung.source),
        ("breaker", rung.state.name),
        ("breaker_transitions", str(rung.transitions)),
        ("breaker_history", history_line(rung.history, now_ns)),
        ("rest_left_s", f"{ns_to_seconds(rung.rest_left_ns):.1f}"),
        ("latency_p95_ms", latency),
        ("calls", str(tally.calls)),
        ("failures", str(tally.failures)),
        ("refusals", str(tally.refusals)),
        ("hedges", str(tally.hedges)),
        ("hedges_won", str(tally.hedges_won)),
        ("probes", str(tally.probes)),
        ("avoided", str(tally.avoided)),
        ("prompt_tokens", str(tally.prompt_tokens)),
        ("completion_tokens", str(tally.completion_tokens)),
        ("spent", f"{tally.spent(rung.price):.6f}"),
        ("tokens_saved_estimate", str(tally.tokens_saved_estimate)),
        ("saved_estimate", f"{tally.saved_estimate(rung.price):.6f}"),
    ]
