# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The watchdog as a node of a process of its own, so that nothing that ends or holds up the guard touches it.

One thread takes messages, one waits for deadlines; both do nothing that can be held up.  What can be is the third
one's: it writes the log, which may be a full pipe, tells diagnostics, and looks at who can speak on `motion`.  The
executor has liveliness alone, for what it waits on is the wall clock.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from rclpy.event_handler import QoSLivelinessChangedInfo

from fallback_guard.core.config import GUARD_PARAMETERS
from fallback_guard.core.effects import Decision, SendMotion
from fallback_guard.core.parameters import Parameter
from fallback_guard.core.strangers import Strangers, stranger_decision
from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.core.watchdog import (
    GuardLost,
    NothingHeard,
    Standing,
    Watchdog,
    WatchdogConfig,
    WatchdogEvent,
)
from fallback_guard.nodes import conversion, overhearing, topics
from fallback_guard.nodes.cdr import UndecodableError
from fallback_guard.nodes.clocks import ros_now_ns, sequence_base
from fallback_guard.nodes.deadline_timer import DeadlineTimer
from fallback_guard.nodes.diagnostics import diagnostic_array, watchdog_status
from fallback_guard.nodes.intake import Inlet, Intake, Taken
from fallback_guard.nodes.parameters import Explaining, declared
from fallback_guard.nodes.process import run
from fallback_guard.nodes.realtime import REALTIME_PRIORITY, claim
from fallback_guard.nodes.status import Timing

_GUARDS: Final = {
    row.name: replace(row, meaning=f"The guard's {row.name}.") for row in GUARD_PARAMETERS
}
WATCHDOG_PARAMETERS: Final = (
    _GUARDS["deadline_ms"],
    Parameter(
        name="grace_ms",
        default=10,
        unit="ms",
        minimum=1,
        maximum=1_000,
        read_only=True,
        meaning="How long after the deadline the watchdog speaks where the guard did not.",
    ),
    Parameter(
        name="silence_ms_max",
        default=300,
        unit="ms",
        minimum=50,
        maximum=10_000,
        read_only=True,
        meaning="Silence of guard/state after which the guard is gone, and requests are answered at once.",
    ),
    _GUARDS["lease_ms"],
    REALTIME_PRIORITY,
)
_REPORT_NS: Final = NS_PER_S
_PATROL_NS: Final = 250 * NS_PER_MS
"""Between two looks at the graph: a stranger has to be found within a second."""


class WatchdogNode(Explaining):
    """Hears what robots hear, and answers them where the guard does not."""

    def __init__(self) -> None:
        """Begin to listen.  Raises ParameterError."""
        super().__init__("watchdog_node")
        values = declared(self, WATCHDOG_PARAMETERS)
        self._config = WatchdogConfig(
            deadline_ns=int(values["deadline_ms"]) * NS_PER_MS,
            grace_ns=int(values["grace_ms"]) * NS_PER_MS,
            silence_ns_max=int(values["silence_ms_max"]) * NS_PER_MS,
            lease_ns=int(values["lease_ms"]) * NS_PER_MS,
        )
        self._lock = threading.Lock()
        self._watchdog = Watchdog(self._config, sequence_base=sequence_base())
        self._strangers = Strangers(own=self.get_fully_qualified_name())
        self._guards_alive = 0
        self._told = self._watchdog.standing
        self._told_spoken = 0
        self._report_ns = 0
        self._motion = topics.MOTION.publisher(self)
        self._decision = topics.GUARD_DECISION.publisher(self)
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        self._hear_liveliness()
        self._timer = DeadlineTimer(self._on_time)
        self._patrol = DeadlineTimer(self._patrol_once)
        self._intake = Intake(
            self,
            [
                Inlet(topics.MOTION, self._handling(overhearing.read_motion)),
                Inlet(topics.ROUTE_DUE, self._handling(overhearing.read_route_due)),
                Inlet(topics.PICK_REQUEST, self._handling(overhearing.read_request)),
                Inlet(topics.GUARD_STATE, self._handling(overhearing.read_state)),
            ],
        )
        # So that nothing is published on a node that is gone.
        for thread in (self._patrol, self._timer, self._intake):
            self.at_the_end(thread.close)
        self._intake.start()
        standing = claim(int(values[REALTIME_PRIORITY.name]), urgent_thread=self._timer.thread_id)
        if standing.refusal:
            self.get_logger().warning(standing.refusal)
        self.get_logger().info("waiting for the guard's first sign of life")
        self._patrol.set(time.monotonic_ns())

    # What comes in

    def _hear_liveliness(self) -> None:
        """Hear of the guard's end from the middleware too, which may know it before the heartbeat is missed."""
        topics.GUARD_STATE.watch_liveliness(
            self, self._on_liveliness, lease_ns=self._config.silence_ns_max
        )

    def _on_liveliness(self, changed: QoSLivelinessChangedInfo) -> None:
        self._guards_alive = changed.alive_count
        if changed.alive_count == 0:
            self._step(GuardLost())

    def _handling(
        self, read: Callable[[bytes, int], WatchdogEvent | None]
    ) -> Callable[[Taken], None]:
        """Return what hands on what has to be known of a message; bytes that are none say nothing."""

        def handle(taken: Taken) -> None:
            try:
                event = read(taken.data, ros_now_ns(self))
            except UndecodableError:
                return
            if event is not None:
                self._step(event)

        return handle

    # What goes out

    def _on_time(self) -> None:
        self._step(NothingHeard())

    def _step(self, event: WatchdogEvent) -> None:
        with self._lock:
            before = self._watchdog.standing, self._watchdog.spoken
            for effect in self._watchdog.step(event, time.monotonic_ns()):
                if isinstance(effect, SendMotion):
                    self._motion.publish(conversion.motion_bytes(effect.motion, ros_now_ns(self)))
                else:
                    self._publish_decision(effect.decision)
            self._timer.set(self._watchdog.next_wake_ns)
            has_news = before != (self._watchdog.standing, self._watchdog.spoken)
        if has_news:
            self._patrol.set(time.monotonic_ns())

    def _publish_decision(self, decision: Decision) -> None:
        self._decision.publish(conversion.decision_bytes(decision, Timing(), ros_now_ns(self)))

    # What may take its time

    def _patrol_once(self) -> None:
        now_ns = time.monotonic_ns()
        self._patrol.set(now_ns + _PATROL_NS)
        has_news = self._tell_standing() | self._tell_spoken() | self._tell_strangers(now_ns)
        if has_news or now_ns >= self._report_ns:
            self._report_ns = now_ns + _REPORT_NS
            status = watchdog_status(
                name=f"{self.get_fully_qualified_name()}: guard",
                standing=self._watchdog.standing,
                spoken=self._watchdog.spoken,
                strangers=self._strangers.present,
            )
            self._diagnostics.publish(diagnostic_array(status, self.get_clock().now().to_msg()))

    def _tell_standing(self) -> bool:
        standing, told = self._watchdog.standing, self._told
        if standing is told:
            return False
        self._told = standing
        if standing is Standing.GONE:
            self.get_logger().error("the guard is gone: every robot that asks is told to hold")
        elif told is Standing.GONE:
            self.get_logger().info("the guard is back")
        else:
            self.get_logger().info(standing.value)
        return True

    def _tell_spoken(self) -> bool:
        spoken, told = self._watchdog.spoken, self._told_spoken
        if spoken == told:
            return False
        self._told_spoken = spoken
        self.get_logger().error(
            f"spoke for the guard {spoken - told} times: guard/decision tells for whom and why"
        )
        return True

    def _tell_strangers(self, now_ns: int) -> bool:
        present = self._strangers.present
        new = self._strangers.look(
            speakers=topics.MOTION.publishers_seen(self),
            guards=topics.GUARD_STATE.publishers_seen(self),
            guards_alive=self._guards_alive,
            now_ns=now_ns,
        )
        for what in new:
            self.get_logger().error(what)
            self._publish_decision(stranger_decision(what))
        return present != self._strangers.present


def main() -> int:
    """Run the watchdog; see process.run for the exit codes."""
    return run(
        WatchdogNode,
        name="watchdog_node",
        does="Answers due requests with a safe move where the guard does not, and says who else can command robots.",
        parameters=WATCHDOG_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
