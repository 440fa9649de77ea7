"""What /diagnostics says of a guard, in order of severity."""

from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from fallback_guard.core.config import guard_config
from fallback_guard.core.counters import Counters
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.nodes.diagnostics import guard_status
from fallback_guard.nodes.realtime import Standing
from fallback_guard.nodes.status import Status

HEALTHY = Counters(decisions=7, routes=7)
LATE = Counters(decisions=7, routes=7, decisions_late=2)


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
