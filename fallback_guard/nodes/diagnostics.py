# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What /diagnostics says."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.units import ns_to_ms
from fallback_guard.core.watchdog import Standing as GuardStanding
from fallback_guard.nodes.realtime import Standing
from fallback_guard.nodes.status import Status

NAMES_MAX: Final = 8
"""Robots that a message names."""

NO_NAMESPACE: Final = "fallback_guard"
"""The hardware id of what is in no namespace: viewers sort by it, and an empty one is nobody's."""


def diagnostic_array(status: DiagnosticStatus, stamp: Time) -> DiagnosticArray:
    """Return the message that carries one status, which gets its hardware id here: the namespace in its name."""
    status.hardware_id = hardware_id(status.name)
    array = DiagnosticArray(status=[status])
    array.header.stamp = stamp
    return array


def hardware_id(name: str) -> str:
    """Return whose a status is, by its name (`/picker_1/guard_node: decisions` is `picker_1`'s)."""
    return name.rpartition("/")[0].strip("/") or NO_NAMESPACE


def guard_status(
    *, name: str, status: Status, standing: Standing, config: GuardConfig
) -> DiagnosticStatus:
    """Return one status.

    ERROR for a latched robot; WARN for late decisions, for a margin that had to be widened, and for an inactive
    guard.
    """
    counters = status.counters
    margin_ms, lateness_ms = ns_to_ms(status.margin_ns), ns_to_ms(status.lateness_ns)
    level, message = DiagnosticStatus.OK, f"{counters.decisions} decisions, none late"
    if status.margin_is_widened:
        level = DiagnosticStatus.WARN
        message = (
            f"up to {lateness_ms:.1f} ms late: windows close {margin_ms:.1f} ms before the deadline instead of "
            f"{config.dispatch_margin_ms}; {counters.decisions_late} of {counters.decisions} decisions were late"
        )
    elif counters.decisions_late:
        level = DiagnosticStatus.WARN
        message = f"{counters.decisions_late} of {counters.decisions} decisions were late"
    if not status.is_active:
        level, message = DiagnosticStatus.WARN, "inactive: no route is let through"
    if status.latched:
        level, message = (
            DiagnosticStatus.ERROR,
            f"latched, waiting for a reset: {_some(status.latched)}",
        )
    values = {field.name: getattr(counters, field.name) for field in fields(counters)}
    values |= {
        "deadline_ms": config.deadline_ms,
        "dispatch_margin_ms": f"{margin_ms:.3f}",
        "lateness_ms": f"{lateness_ms:.3f}",
        "realtime_priority": standing.priority,
        "memory_locked": standing.is_memory_locked,
    }
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )


def _some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are: a message is one line of a viewer's."""
    more = len(names) - NAMES_MAX
    return ", ".join(names[:NAMES_MAX]) + (f" and {more} more" if more > 0 else "")


def watchdog_status(
    *, name: str, standing: GuardStanding, spoken: int, strangers: Sequence[str]
) -> DiagnosticStatus:
    """Return what the watchdog tells.

    ERROR for a stranger and for a guard that is gone; WARN for one that does not decide.
    """
    levels = {
        GuardStanding.DECIDING: DiagnosticStatus.OK,
        GuardStanding.INACTIVE: DiagnosticStatus.WARN,
        GuardStanding.UNHEARD: DiagnosticStatus.WARN,
        GuardStanding.GONE: DiagnosticStatus.ERROR,
    }
    return DiagnosticStatus(
        level=DiagnosticStatus.ERROR if strangers else levels[standing],
        name=name,
        message="; ".join([*strangers, standing.value]),
        values=[
            KeyValue(key="spoken_for_the_guard", value=str(spoken)),
            KeyValue(key="strangers", value=str(len(strangers))),
        ],
    )
