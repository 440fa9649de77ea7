# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Where poses of the robot come from: tf, odometry, or a localiser's topic.  Each says them alike."""

import time
from collections.abc import Callable
from importlib import import_module
from math import atan2, nan
from typing import Final

from builtin_interfaces.msg import Time as Stamp
from geometry_msgs.msg import PoseWithCovarianceStamped, Quaternion
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time

from fallback_guard.driving.config import ODOMETRY, POSE, TF
from fallback_guard.driving.whereabouts import Measured, Pose
from fallback_guard.nodes.clocks import ros_now_ns
from fallback_guard.nodes.conversion import from_time
from fallback_guard.nodes.process import StartError
from fallback_guard.nodes.topics import Topic

# The newest one counts.  Best effort hears reliable publishers, too.
_QOS: Final = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
_ODOMETRY: Final = Topic(name="odom", type=Odometry, qos=_QOS)
_POSE: Final = Topic(name="amcl_pose", type=PoseWithCovarianceStamped, qos=_QOS)

_NORM_ERROR_MAX: Final = 0.1
"""A quaternion whose squared length is further from 1 is no rotation; one that nobody filled in has 0."""

Take = Callable[[Measured, int], None]
"""Takes a pose, and the steady time at which it came (ns)."""
Poll = Callable[[], None]
"""Asks for a new pose, where it does not come by itself."""


def pose_source(node: Node, source: str, take: Take, *, frame: str, base_frame: str) -> Poll:
    """Have `node` hear a source.  Raises StartError where it needs what is not installed."""
    return _SOURCES[source](node, take, frame, base_frame)


def yaw(rotation: Quaternion) -> float:
    """Return the direction (rad) of a rotation about the vertical; NaN where it is none."""
    x, y, z, w = rotation.x, rotation.y, rotation.z, rotation.w
    if not abs(x * x + y * y + z * z + w * w - 1.0) <= _NORM_ERROR_MAX:
        return nan
    return atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def _measured(  # noqa: PLR0913, PLR0917  # the parts of three kinds of messages
    node: Node, frame: str, stamp: Stamp, x: float, y: float, rotation: Quaternion
) -> Measured:
    return Measured(
        frame=frame,
        stamp_age_ns=ros_now_ns(node) - from_time(stamp),
        pose=Pose(x=x, y=y, theta=yaw(rotation)),
    )


def _hear_poses(topic: Topic[Odometry]) -> Callable[[Node, Take, str, str], Poll]:
    """Return a source of messages with a header and a pose with covariance."""

    def listen(node: Node, take: Take, _frame: str, _base_frame: str) -> Poll:
        def on_pose(message: Odometry) -> None:
            header, pose = message.header, message.pose.pose
            place = pose.position
            measured = _measured(
                node, header.frame_id, header.stamp, place.x, place.y, pose.orientation
            )
            take(measured, time.monotonic_ns())

        topic.subscribe(node, on_pose)
        return lambda: None

    return listen


def _look_up(node: Node, take: Take, frame: str, base_frame: str) -> Poll:
    try:
        tf2_ros = import_module("tf2_ros")
    except ImportError as error:
        raise StartError(
            f"parameter 'pose_source' is 'tf', and tf2_ros cannot be imported ({error}). Install it"
            " (sudo apt install ros-$ROS_DISTRO-tf2-ros-py, then source the distribution; it is not on PyPI),"
            " or take the source 'odometry' or 'pose'"
        ) from error
    buffer = tf2_ros.Buffer()
    listener = tf2_ros.TransformListener(buffer, node)
    last: Stamp | None = None

    def poll() -> None:
        nonlocal last
        assert listener is not None, "it hears as long as this does"
        try:
            transform = buffer.lookup_transform(frame, base_frame, Time())
        except tf2_ros.TransformException:
            return  # What is known grows old meanwhile.
        stamp = transform.header.stamp
        if stamp == last:
            return
        last = stamp
        place, rotation = transform.transform.translation, transform.transform.rotation
        measured = _measured(node, transform.header.frame_id, stamp, place.x, place.y, rotation)
        take(measured, time.monotonic_ns())

    return poll


_SOURCES: Final = {
    TF: _look_up,
    ODOMETRY: _hear_poses(_ODOMETRY),
    POSE: _hear_poses(_POSE),
}
