# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What stands on one side of the bridges stands on the other: Gazebo's plugins here, ROS there."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]  # its stubs would be one more package

from fallback_guard.nodes.guard_node import NODE_PARAMETERS

ROOT: Final = Path(__file__).parents[2]
MODEL: Final = ET.parse(ROOT / "models/picker/model.sdf").getroot()  # noqa: S314  # our own

Row = dict[str, str]

# As the tables of ros_gz_bridge have them.
PAIRS: Final = {
    "gz.msgs.Clock": {"rosgraph_msgs/msg/Clock"},
    "gz.msgs.Twist": {"geometry_msgs/msg/TwistStamped", "geometry_msgs/msg/Twist"},
    "gz.msgs.Odometry": {"nav_msgs/msg/Odometry"},
    "gz.msgs.Pose_V": {"tf2_msgs/msg/TFMessage"},
    "gz.msgs.LaserScan": {"sensor_msgs/msg/LaserScan"},
    "gz.msgs.IMU": {"sensor_msgs/msg/Imu"},
}


def rows(name: str) -> list[Row]:
    read: list[Row] = yaml.safe_load((ROOT / "config/gazebo" / name).read_text("utf-8"))
    return read


def test_each_row_is_one_that_the_bridge_can_carry() -> None:
    for row in (*rows("bridge.yaml"), *rows("clock_bridge.yaml")):
        assert row.keys() == {
            *("ros_topic_name", "gz_topic_name", "ros_type_name", "gz_type_name", "direction")
        }
        assert row["ros_type_name"] in PAIRS[row["gz_type_name"]]
        assert row["direction"] in ("GZ_TO_ROS", "ROS_TO_GZ")


def test_only_commands_go_to_gazebo() -> None:
    """A clock or a pose that ROS could send would be believed."""
    to_gazebo = [
        row["ros_topic_name"] for row in rows("bridge.yaml") if row["direction"] == "ROS_TO_GZ"
    ]
    assert to_gazebo == ["cmd_vel"]


def test_the_topics_are_those_of_the_model() -> None:
    said = {
        element.text
        for tag in ("topic", "odom_topic", "tf_topic")
        for element in MODEL.iter(tag)
        if not (element.text or "").endswith("_tf")
    }
    assert {row["gz_topic_name"] for row in rows("bridge.yaml")} == said


def test_all_topics_have_the_robot_in_their_name() -> None:
    """So that another robot, under another name, has others."""
    model = MODEL.find("model")
    assert model is not None
    name = model.attrib["name"]
    for tag in ("topic", "odom_topic", "odom_covariance_topic", "tf_topic"):
        for element in MODEL.iter(tag):
            assert (element.text or "").startswith(f"/model/{name}/")


def test_the_clock_is_everybodys_and_the_rest_is_the_robots() -> None:
    assert [row["ros_topic_name"] for row in rows("clock_bridge.yaml")] == ["/clock"]
    assert not [row for row in rows("bridge.yaml") if row["ros_topic_name"].startswith("/")]


def test_the_guard_is_told_what_it_knows() -> None:
    document = yaml.safe_load((ROOT / "config/gazebo/guard.yaml").read_text("utf-8"))
    values = document["/**/guard_node"]["ros__parameters"]
    table = {row.name: row for row in NODE_PARAMETERS}
    for name, value in values.items():
        assert table[name].checked(value) == value
        assert value != table[name].default, "what is as always need not be said"
