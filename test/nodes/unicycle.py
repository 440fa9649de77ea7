# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A robot for tests, as a process: integrates cmd_vel on its own clock and publishes its odometry.

Its wheels stand where nobody has said anything for a while, as those of most robots do.  With `rate` other than 1 it
publishes /clock, on which it is that much faster or slower than real.
"""

from __future__ import annotations

import sys
import time
from math import cos, sin
from typing import Final

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage

from fallback_guard.core.parameters import Parameter
from fallback_guard.nodes.parameters import declared
from fallback_guard.nodes.process import run

_PERIOD_S: Final = 0.02
_SILENCE_S_MAX: Final = 0.5
_NS_PER_S: Final = 1_000_000_000

PARAMETERS: Final = tuple(
    Parameter(name=name, default=default, meaning="For tests.")
    for name, default in (("x", 0.0), ("y", 0.0), ("theta", 0.0), ("rate", 1.0))
)


class Unicycle(Node):
    """Drives as it is told."""

    def __init__(self) -> None:
        """Stand somewhere."""
        super().__init__("unicycle")
        values = declared(self, PARAMETERS)
        self._x, self._y, self._theta = (float(values[name]) for name in ("x", "y", "theta"))
        self._rate = float(values["rate"])
        self._began_s = self._stepped_s = time.monotonic()
        self._heard_s = 0.0
        self._linear = self._angular = 0.0
        self._odometry = self.create_publisher(Odometry, "odom", 5)
        self._clock = self.create_publisher(ClockMessage, "/clock", 5)
        self.create_subscription(TwistStamped, "cmd_vel", self._on_twist, 5)
        self.create_timer(_PERIOD_S, self._step, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_twist(self, message: TwistStamped) -> None:
        self._linear, self._angular = message.twist.linear.x, message.twist.angular.z
        self._heard_s = time.monotonic()

    def _step(self) -> None:
        now_s = time.monotonic()
        seconds, self._stepped_s = (now_s - self._stepped_s) * self._rate, now_s
        if now_s - self._heard_s > _SILENCE_S_MAX:
            self._linear = self._angular = 0.0
        middle = self._theta + self._angular * seconds / 2
        self._x += self._linear * seconds * cos(middle)
        self._y += self._linear * seconds * sin(middle)
        self._theta += self._angular * seconds
        message = Odometry()
        now_ns = time.time_ns()
        if self._rate != 1.0:
            now_ns = int((now_s - self._began_s) * self._rate * _NS_PER_S) + _NS_PER_S
            clock = ClockMessage()
            clock.clock.sec, clock.clock.nanosec = divmod(now_ns, _NS_PER_S)
            self._clock.publish(clock)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(now_ns, _NS_PER_S)
        message.header.frame_id, message.child_frame_id = "odom", "base_link"
        message.pose.pose.position.x, message.pose.pose.position.y = self._x, self._y
        message.pose.pose.orientation.z = sin(self._theta / 2)
        message.pose.pose.orientation.w = cos(self._theta / 2)
        message.twist.twist.linear.x, message.twist.twist.angular.z = self._linear, self._angular
        self._odometry.publish(message)


def main() -> int:
    """Run it until it is interrupted."""
    return run(Unicycle, name="unicycle", does="Drives.", parameters=PARAMETERS)


if __name__ == "__main__":
    sys.exit(main())
