# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The robot's pose from tf, with the real tf2.  Runs where tf2_ros can be imported: with ROS 2 installed, or built."""

from __future__ import annotations

from importlib.util import find_spec
from math import cos, sin
from typing import TYPE_CHECKING, Final

import pytest
from geometry_msgs.msg import TransformStamped

if TYPE_CHECKING:
    from harness import Message, Scene

pytestmark = pytest.mark.skipif(
    find_spec("tf2_ros") is None,
    reason="tf2_ros cannot be imported: it comes with ROS 2, and is not on PyPI",
)
LONG_S: Final = 60.0


def test_the_pose_is_that_of_the_chain_of_frames(scene: Scene) -> None:
    from tf2_msgs.msg import TFMessage  # noqa: PLC0415  # there where tf2_ros is

    scene.nodes.start_node(
        "follower_node", map_file=str(scene.map_file), pose_source="tf", pose_age_ms_max=3_000
    )
    bystander = scene.bystander
    publisher = bystander.node.create_publisher(TFMessage, "/tf", 10)
    frames: dict[str, tuple[str, float, float, float]] = {}

    def speak() -> None:
        message = TFMessage()
        for child, (parent, x, y, theta) in frames.items():
            transform = TransformStamped(header=bystander.header(), child_frame_id=child)
            transform.header.frame_id = parent
            transform.transform.translation.x, transform.transform.translation.y = x, y
            transform.transform.rotation.z = sin(theta / 2)
            transform.transform.rotation.w = cos(theta / 2)
            message.transforms.append(transform)
        publisher.publish(message)

    bystander.node.create_timer(0.05, speak)

    def wait_for(condition: object, what: str) -> Message:
        positions = bystander.positions
        bystander.wait_until(
            lambda: positions and condition(positions[-1].message),  # type: ignore[operator]
            what,
            LONG_S,
        )
        return positions[-1].message

    wait_for(lambda message: message.lost, "a robot that has heard nothing")
    frames["base_link"] = ("odom", 3.0, 0.0, 0.0)
    until = len(bystander.positions) + 20
    bystander.wait_until(lambda: len(bystander.positions) > until, "a second", LONG_S)
    assert bystander.positions[-1].message.lost, "odom is nowhere on the map yet"
    frames["odom"] = ("map", 10.0, 1.0, 1.5707963)
    known = wait_for(lambda message: not message.lost, "a robot that knows where it is")
    assert (known.x, known.y, known.theta) == pytest.approx((10.0, 4.0, 1.5707963), abs=1e-3)
    frames["odom"] = ("map", 10.0, 2.0, 1.5707963)
    wait_for(lambda message: abs(message.y - 5.0) < 1e-3, "the robot where it is now")
    frames.clear()
    wait_for(lambda message: message.lost, "a robot of which tf says nothing any more")
