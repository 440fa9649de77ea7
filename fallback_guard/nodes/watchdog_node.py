"""A process beside the guard that says when the guard is gone.

It hears guard/state and nothing else matters to it: a guard that has died and one that hangs are both
silent.
"""

import time
from typing import Final

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from fallback_guard import msg
from fallback_guard.core.parameters import Parameter
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.nodes import topics
from fallback_guard.nodes.diagnostics import diagnostic_array
from fallback_guard.nodes.parameters import declared
from fallback_guard.nodes.process import run

WATCHDOG_PARAMETERS: Final = (
    Parameter(
        name="silence_ms_max",
        default=300,
        unit="ms",
        minimum=50,
        maximum=10_000,
        read_only=True,
        meaning="Silence of guard/state after which the guard counts as gone.",
    ),
    Parameter(
        name="check_period_ms",
        default=50,
        unit="ms",
        minimum=10,
        maximum=1_000,
        read_only=True,
        meaning="How often the silence is measured.",
    ),
)
_DIAGNOSTICS_EVERY_NS: Final = 1_000 * NS_PER_MS


class WatchdogNode(Node):
    """Knows two things: when it last heard a new heartbeat, and whether it has said that the guard is gone."""

    def __init__(self) -> None:
        """Begin to listen.  Raises ParameterError."""
        super().__init__("watchdog_node")
        values = declared(self, WATCHDOG_PARAMETERS)
        self._silence_ns_max = int(values["silence_ms_max"]) * NS_PER_MS
        self._heartbeat: int | None = None
        self._heard_ns = time.monotonic_ns()
        self._gone = False
        self._reported_ns = 0
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        topics.GUARD_STATE.subscribe(self, self._on_state)
        self.create_timer(
            int(values["check_period_ms"]) / 1_000,
            self._check,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self.get_logger().info("waiting for the guard's first sign of life")

    def _on_state(self, message: msg.GuardState) -> None:
        if message.heartbeat == self._heartbeat:
            return
        first = self._heartbeat is None
        self._heartbeat = message.heartbeat
        self._heard_ns = time.monotonic_ns()
        if self._gone or first:
            self._gone = False
            self.get_logger().info("the guard is there" if first else "the guard is back")
            self._report()

    def _check(self) -> None:
        now_ns = time.monotonic_ns()
        silent_ns = now_ns - self._heard_ns
        if self._heartbeat is not None and not self._gone and silent_ns > self._silence_ns_max:
            self._gone = True
            self.get_logger().error(
                f"the guard is gone: no sign of life for {silent_ns // NS_PER_MS} ms; robots stop when their lease ends"
            )
            self._report()
        elif now_ns - self._reported_ns > _DIAGNOSTICS_EVERY_NS:
            self._report()

    def _report(self) -> None:
        self._reported_ns = time.monotonic_ns()
        if self._heartbeat is None:
            level, message = DiagnosticStatus.WARN, "no guard has been heard yet"
        elif self._gone:
            level, message = DiagnosticStatus.ERROR, "the guard is gone"
        else:
            level, message = DiagnosticStatus.OK, "the guard is there"
        status = DiagnosticStatus(
            level=level, name=f"{self.get_fully_qualified_name()}: guard", message=message
        )
        self._diagnostics.publish(diagnostic_array(status, self.get_clock().now().to_msg()))


def main() -> int:
    """Run the watchdog; see process.run for the exit codes."""
    return run(
        WatchdogNode,
        name="watchdog_node",
        does="Says, in the log and on /diagnostics, when the guard is gone and when it is back.",
        parameters=WATCHDOG_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
