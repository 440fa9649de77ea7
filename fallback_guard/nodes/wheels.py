# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The robot's wheels: `cmd_vel`."""

from typing import Final

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from fallback_guard.core.units import NS_PER_MS
from fallback_guard.driving.pursuit import Velocity
from fallback_guard.nodes.topics import Topic

_QOS: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
_HEARD_NS_MAX: Final = 500 * NS_PER_MS
_STAMPED: Final = Topic(name="cmd_vel", type=TwistStamped, qos=_QOS)
_UNSTAMPED: Final = Topic(name="cmd_vel", type=Twist, qos=_QOS)


class Wheels:
    """Says to the wheels how fast to turn."""

    def __init__(self, node: Node, *, stamped: bool, frame: str) -> None:
        """Publish TwistStamped in the robot's frame, or Twist."""
        self._node = node
        self._frame = frame
        self._stamped = stamped
        self._publisher = (_STAMPED if stamped else _UNSTAMPED).publisher(node)

    def leave(self) -> None:
        """Say a last time that they stand, and wait until that was heard: what ends at once may take it along."""
        self.say(Velocity())
        self._publisher.wait_for_all_acked(Duration(nanoseconds=_HEARD_NS_MAX))

    def say(self, velocity: Velocity) -> None:
        """Say a velocity."""
        twist = Twist()
        twist.linear.x = velocity.linear_mps
        twist.angular.z = velocity.angular_radps
        if not self._stamped:
            self._publisher.publish(twist)
            return
        message = TwistStamped(twist=twist)
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id = self._frame
        self._publisher.publish(message)
