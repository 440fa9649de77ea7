# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The robot's wheels: `cmd_vel`."""

from typing import Final

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from fallback_guard.core.units import NS_PER_MS
from fallback_guard.driving.pursuit import Velocity
from fallback_guard.nodes.topics import Topic

_QOS: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
_HEARD_NS_MAX: Final = 500 * NS_PER_MS
_LOOK_S: Final = 2.0
_STAMPED: Final = Topic(name="cmd_vel", type=TwistStamped, qos=_QOS)
_UNSTAMPED: Final = Topic(name="cmd_vel", type=Twist, qos=_QOS)


class Wheels:
    """Says to the wheels how fast to turn."""

    def __init__(self, node: Node, *, stamped: bool, frame: str) -> None:
        """Publish TwistStamped in the robot's frame, or Twist."""
        self._node = node
        self._frame = frame
        self._stamped = stamped
        topic = _STAMPED if stamped else _UNSTAMPED
        self._publisher = topic.publisher(node)
        # What it is called on the graph, as message files name it.
        self._type = f"geometry_msgs/msg/{topic.type.__name__}"
        self._told: set[str] = set()
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._looking = node.create_timer(_LOOK_S, self._look_for_other_types, clock=clock)

    def _look_for_other_types(self) -> None:
        """Say once where others use `cmd_vel` with another type: they hear no stop, and DDS does not say so."""
        node, name = self._node, self._publisher.topic_name
        infos = [
            *node.get_subscriptions_info_by_topic(name),
            *node.get_publishers_info_by_topic(name),
        ]
        others = {info.topic_type for info in infos} - {self._type}
        if others - self._told:
            self._told |= others
            node.get_logger().error(
                f"{name} is also used with {', '.join(sorted(others))}, and this node says {self._type}: who hears the"
                f" other one hears no stop. Set stamped_twist to {str(not self._stamped).lower()} here, or"
                " enable_stamped_cmd_vel in Nav2, of which Jazzy's default is Twist"
            )

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
