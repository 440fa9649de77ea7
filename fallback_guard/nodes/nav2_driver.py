# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Nav2 as the driver: each segment of a route is one goal of one of its actions."""

import time
from functools import partial
from importlib import import_module
from math import cos, sin
from types import ModuleType
from typing import Final

import rclpy
from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from geometry_msgs.msg import PoseStamped, Quaternion
from nav_msgs.msg import Path
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from std_msgs.msg import Header

from fallback_guard.core.units import NS_PER_S
from fallback_guard.driving.config import FOLLOW_PATH
from fallback_guard.driving.path import corner_poses, dense_path
from fallback_guard.driving.way import Way
from fallback_guard.driving.whereabouts import Pose
from fallback_guard.driving.words import (
    DriverAccepted,
    DriverBack,
    DriverFailed,
    DriverFinished,
    DriverGone,
    DriverHeard,
    DriverRefused,
    StartDriving,
)
from fallback_guard.nodes import conversion
from fallback_guard.nodes.process import StartError
from fallback_guard.nodes.robot import RobotNode
from fallback_guard.nodes.topics import Topic

_GOALS_KEPT_MAX: Final = 8
"""Goals that Nav2 never ended, as it ended before them; the newest one counts."""

_ENDING_S_MAX: Final = 0.5
"""How long the node waits at its own end for Nav2 to hear of it."""

_SPEED_LIMIT: Final = "speed_limit"
"""Where Nav2's controller hears of speed limits unless it is told otherwise."""

_SPEED_LIMIT_QOS: Final = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""As Nav2's controller server asks for."""

_LIMIT_AGAIN_NS: Final = NS_PER_S
"""Nav2's ear for limits may be found later than its action's server: it is told again what it has to keep to."""

_IS_OVER: Final = (
    CancelGoal.Response.ERROR_UNKNOWN_GOAL_ID,
    CancelGoal.Response.ERROR_GOAL_TERMINATED,
)


def nav2_messages(part: str) -> ModuleType:
    """Return nav2_msgs.msg or nav2_msgs.action.  Raises StartError where they are not installed."""
    try:
        return import_module(f"nav2_msgs.{part}")
    except ImportError as error:
        raise StartError(
            f"nav2_msgs cannot be imported ({error}). It comes with Nav2: sudo apt install"
            " ros-$ROS_DISTRO-nav2-msgs, then source the distribution; or build it from Nav2's sources. It is not on"
            " PyPI. Without Nav2, follower_node drives by cmd_vel"
        ) from error


class Nav2Driver:
    """Sends goals, and tells what becomes of them."""

    def __init__(self, robot: RobotNode) -> None:
        """Look for the action's server.  Raises StartError."""
        self._robot = robot
        values = robot.values
        self._action = str(values["action"])
        self._path_step_m = float(values["path_step_m"])
        actions = nav2_messages("action")
        kinds = (actions.FollowPath, actions.NavigateThroughPoses)
        self._type = kinds[self._action != FOLLOW_PATH]
        self._options = {
            name: str(values[name])
            for name in (
                ("controller_id", "goal_checker_id")
                if self._action == FOLLOW_PATH
                else ("behavior_tree",)
            )
        }
        self._limit_type = nav2_messages("msg").SpeedLimit
        self._client = ActionClient(robot, self._type, self._action)
        topic = Topic(name=_SPEED_LIMIT, type=self._limit_type, qos=_SPEED_LIMIT_QOS)
        self._speed_limit = topic.publisher(robot)
        self._handles: dict[int, ClientGoalHandle] = {}
        self._wanted: int | None = None
        self._limit_mps: float | None = None
        self._limited_ns = 0

    def turn(self, _pose: Pose | None) -> None:
        """Tell whether Nav2 is there, and remind it of a limit."""
        self._robot.hear(DriverBack() if self._client.server_is_ready() else DriverGone())
        # That there is none is said once: others may limit it, too, as its speed filter does.
        is_limited = self._wanted is not None and self._limit_mps is not None
        if is_limited and time.monotonic_ns() - self._limited_ns >= _LIMIT_AGAIN_NS:
            self.limit(self._limit_mps)

    def start(self, start: StartDriving) -> None:
        """Send a goal."""
        self._wanted = start.goal
        sent = self._client.send_goal_async(
            self._goal(start), feedback_callback=lambda _: self._hear_from(start.goal)
        )
        sent.add_done_callback(partial(self._on_answer, start.goal))

    def cancel(self, goal: int) -> None:
        """Have Nav2 let a goal be; where it has not answered to it yet, as soon as it does."""
        if goal == self._wanted:
            self._wanted = None
        handle = self._handles.get(goal)
        if handle is not None and self._client.server_is_ready():
            handle.cancel_goal_async().add_done_callback(partial(self._on_cancelled, goal))

    def limit(self, limit_mps: float | None) -> None:
        """Have Nav2's controller drive no faster."""
        self._limit_mps, self._limited_ns = limit_mps, time.monotonic_ns()
        message = self._limit_type(percentage=False, speed_limit=limit_mps or 0.0)
        message.header = Header(
            stamp=self._robot.get_clock().now().to_msg(), frame_id=conversion.MAP_FRAME
        )
        self._speed_limit.publish(message)

    def close(self) -> None:
        """Cancel what is driven, and see to it that Nav2 hears that."""
        asked = [handle.cancel_goal_async() for handle in self._handles.values()]
        for future in asked:
            rclpy.spin_until_future_complete(self._robot, future, timeout_sec=_ENDING_S_MAX)

    # What Nav2 says

    def _hear_from(self, goal: int) -> None:
        self._robot.hear(DriverHeard(goal=goal))

    def _on_answer(self, goal: int, answered: Future) -> None:
        error = answered.exception()
        if error is not None:
            self._robot.hear(DriverRefused(goal=goal, why=f"the goal could not be sent: {error}"))
            return
        handle = answered.result()
        if not handle.accepted:
            self._robot.hear(DriverRefused(goal=goal, why="Nav2 has refused the goal"))
            return
        self._handles[goal] = handle
        while len(self._handles) > _GOALS_KEPT_MAX:
            del self._handles[min(self._handles)]
        handle.get_result_async().add_done_callback(partial(self._on_result, goal))
        if goal == self._wanted:
            self._robot.hear(DriverAccepted(goal=goal))
        else:
            self.cancel(goal)

    def _on_result(self, goal: int, ended: Future) -> None:
        self._handles.pop(goal, None)
        error = ended.exception()
        if error is not None:
            self._robot.hear(DriverFailed(goal=goal, why=f"the result could not be had: {error}"))
            return
        answer = ended.result()
        if answer.status == GoalStatus.STATUS_SUCCEEDED:
            self._robot.hear(DriverFinished(goal=goal))
        elif answer.status == GoalStatus.STATUS_CANCELED:
            self._robot.hear(DriverFailed(goal=goal, why="Nav2 has cancelled the goal"))
        else:
            result = answer.result
            why = f"Nav2 has given up the goal: error {result.error_code} {result.error_msg}"
            self._robot.hear(DriverFailed(goal=goal, why=why.rstrip()))

    def _on_cancelled(self, goal: int, answered: Future) -> None:
        if answered.exception() is not None or answered.result().return_code not in _IS_OVER:
            return  # Its end is still to come, or it is cancelled once more.
        # Nav2 has started anew since, or the goal's end is on its way: it drives nobody any more.
        self._handles.pop(goal, None)
        self._robot.hear(DriverFailed(goal=goal, why="Nav2 does not drive the goal any more"))

    # What Nav2 is told

    def _goal(self, start: StartDriving) -> object:
        way = Way(start.x, start.y, start.points)
        goal = self._type.Goal()
        for name, value in self._options.items():
            setattr(goal, name, value)
        if self._action == FOLLOW_PATH:
            goal.path = Path(header=_HEADER, poses=_stamped(dense_path(way, self._path_step_m)))
        else:
            goal.poses = _stamped(corner_poses(way))
        return goal


def _stamped(poses: list[Pose]) -> list[PoseStamped]:
    return [_pose_stamped(pose) for pose in poses]


def _pose_stamped(pose: Pose) -> PoseStamped:
    message = PoseStamped(header=_HEADER)
    message.pose.position.x, message.pose.position.y = pose.x, pose.y
    message.pose.orientation = Quaternion(z=sin(pose.theta / 2), w=cos(pose.theta / 2))
    return message


# No stamp: what is on the map is where it is at any time, and tf need not know this very moment.
_HEADER: Final = Header(frame_id=conversion.MAP_FRAME)
