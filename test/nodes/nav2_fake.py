# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A Nav2 for tests, as a process: the two actions that the adapter uses, of which parameters decide how they go.

It drives nothing by itself: it publishes a pose on `amcl_pose` that moves along each goal's poses, as Nav2's robot
would, and says on `cmd_vel` that it moves.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from math import dist
from typing import TYPE_CHECKING, Final

import rclpy
from geometry_msgs.msg import PoseWithCovarianceStamped, Twist, TwistStamped
from nav2_msgs.action import FollowPath, NavigateThroughPoses
from nav2_msgs.msg import SpeedLimit
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from fallback_guard.core.parameters import Parameter
from fallback_guard.nodes.parameters import declared

if TYPE_CHECKING:
    from rclpy.action.server import ServerGoalHandle

    from harness import Message

_PERIOD_S: Final = 0.02
PARAMETERS: Final = (
    Parameter(name="x", default=0.0, meaning="Where it stands."),
    Parameter(name="speed_mps", default=5.0, meaning="For tests."),
    Parameter(name="refuses", default=False, meaning="Refuse every goal."),
    Parameter(name="aborts", default=False, meaning="Give up every goal at once."),
    Parameter(name="lies", default=False, meaning="Succeed at once, without driving."),
    Parameter(name="silent", default=False, meaning="Send no feedback."),
    Parameter(name="inactive_s", default=0.0, meaning="So long it refuses every goal at first."),
    Parameter(name="hears_limits_s", default=0.0, meaning="So long it hears no limits at first."),
    Parameter(
        name="unstamped", default=False, meaning="Have the wheels in Twist, as Jazzy's does."
    ),
    Parameter(name="deaf", default=False, meaning="Do not heed that a goal is cancelled."),
)


class FakeNav2(Node):
    """Takes goals."""

    def __init__(self) -> None:
        """Serve."""
        super().__init__("fake_nav2")
        self._values = declared(self, PARAMETERS)
        self._place = (float(self._values["x"]), 0.0)
        self._speed_mps = float(self._values["speed_mps"])
        self._goals = 0
        group = ReentrantCallbackGroup()
        self._pose = self.create_publisher(PoseWithCovarianceStamped, "amcl_pose", 5)
        self._wheels = self.create_publisher(TwistStamped, "nav2_moves", 50)
        if self._values["unstamped"]:
            self.create_publisher(Twist, "cmd_vel", 1)
        self._began_s = time.monotonic()
        self._hearing = self.create_timer(float(self._values["hears_limits_s"]), self._hear_limits)
        self.create_timer(_PERIOD_S, self._say_pose, callback_group=group)
        for kind, name in (
            (FollowPath, "follow_path"),
            (NavigateThroughPoses, "navigate_through_poses"),
        ):
            ActionServer(
                self,
                kind,
                name,
                execute_callback=self._execute,
                goal_callback=self._on_goal,
                cancel_callback=self._on_cancel,
                callback_group=group,
            )
        self.get_logger().info("here")

    def _hear_limits(self) -> None:
        self._hearing.cancel()
        self.create_subscription(SpeedLimit, "speed_limit", self._on_limit, 10)

    def _on_limit(self, message: SpeedLimit) -> None:
        self.get_logger().info(f"limit {message.speed_limit:.2f} {message.percentage}")

    def _on_goal(self, _goal: Message) -> GoalResponse:
        self._goals += 1
        age_s = time.monotonic() - self._began_s
        refuses = self._values["refuses"] or age_s < float(self._values["inactive_s"])
        self.get_logger().info(f"goal {self._goals} {'refused' if refuses else 'accepted'}")
        return GoalResponse.REJECT if refuses else GoalResponse.ACCEPT

    def _on_cancel(self, _handle: ServerGoalHandle) -> CancelResponse:
        deaf = self._values["deaf"]
        self.get_logger().info(f"cancel {'refused' if deaf else 'accepted'}")
        return CancelResponse.REJECT if deaf else CancelResponse.ACCEPT

    def _execute(self, handle: ServerGoalHandle) -> Message:
        request = handle.request
        is_path = hasattr(request, "path")
        kind = FollowPath if is_path else NavigateThroughPoses
        poses = request.path.poses if is_path else request.poses
        frames = {pose.header.frame_id for pose in poses}
        self.get_logger().info(f"drives {len(poses)} poses in {','.join(sorted(frames))}")
        if self._values["aborts"]:
            handle.abort()
            return kind.Result(error_code=105, error_msg="no progress")
        if not self._values["lies"]:
            for pose in poses:
                if not self._drive_to((pose.pose.position.x, pose.pose.position.y), handle, kind):
                    self.get_logger().info("cancelled")
                    handle.canceled()
                    return kind.Result()
        self.get_logger().info("reached")
        handle.succeed()
        return kind.Result()

    def _drive_to(
        self, place: tuple[float, float], handle: ServerGoalHandle, kind: Message
    ) -> bool:
        """Move to a place; return False where the goal was cancelled on the way."""
        while (left_m := dist(self._place, place)) > 0.0:
            if handle.is_cancel_requested:
                return False
            share = min(1.0, self._speed_mps * _PERIOD_S / left_m)
            x, y = self._place
            self._place = x + share * (place[0] - x), y + share * (place[1] - y)
            if not self._values["silent"]:
                handle.publish_feedback(kind.Feedback())
            moves = TwistStamped()
            moves.twist.linear.x = self._speed_mps
            self._wheels.publish(moves)
            time.sleep(_PERIOD_S)
        return True

    def _say_pose(self) -> None:
        message = PoseWithCovarianceStamped()
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = "map"
        message.pose.pose.position.x, message.pose.pose.position.y = self._place
        message.pose.pose.orientation.w = 1.0
        self._pose.publish(message)


def main() -> int:
    """Run it until it is interrupted; goals that it drives are left as they are."""
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    executor = MultiThreadedExecutor(num_threads=4)
    executor.add_node(FakeNav2())
    executor.spin()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
