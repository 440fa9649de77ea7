"""What /diagnostics says."""

from dataclasses import fields

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.outbox import Counters


def diagnostic_array(status: DiagnosticStatus, stamp: Time) -> DiagnosticArray:
    """Return the message that carries one status."""
    array = DiagnosticArray(status=[status])
    array.header.stamp = stamp
    return array


def guard_status(
    *,
    name: str,
    active: bool,
    latched: tuple[str, ...],
    counters: Counters,
    config: GuardConfig,
) -> DiagnosticStatus:
    """Return one status: ERROR for a latched robot, WARN for late decisions or an inactive guard."""
    level, message = DiagnosticStatus.OK, f"{counters.decisions} decisions, none late"
    if counters.decisions_late:
        level = DiagnosticStatus.WARN
        message = f"{counters.decisions_late} of {counters.decisions} decisions were late"
    if not active:
        level, message = DiagnosticStatus.WARN, "inactive: no route is let through"
    if latched:
        level, message = (
            DiagnosticStatus.ERROR,
            f"latched, waiting for a reset: {', '.join(latched)}",
        )
    values = [
        KeyValue(key=field.name, value=str(getattr(counters, field.name)))
        for field in fields(counters)
    ]
    values.append(KeyValue(key="deadline_ms", value=str(config.deadline_ms)))
    values.append(KeyValue(key="dispatch_margin_ms", value=str(config.dispatch_margin_ms)))
    return DiagnosticStatus(level=level, name=name, message=message, hardware_id="", values=values)
