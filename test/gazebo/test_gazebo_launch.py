# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""gazebo.launch.py, executed as far as it goes without Gazebo: what it would start, and what it tells whom.

Where `launch` and `launch_ros` are, which is on any ROS 2 distribution.  ros_gz_sim and ros_gz_bridge are stood in for
by packages that hold nothing but a launch file.
"""

from __future__ import annotations

import os
import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs would be one more package

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch import LaunchDescriptionEntity
    from launch_ros.actions import Node

pytestmark = pytest.mark.skipif(
    not all(find_spec(name) for name in ("launch", "launch_ros", "ament_index_python")),
    reason="launch and launch_ros come with a ROS 2 distribution, not from PyPI",
)

FILE: Final = Path(__file__).parents[2] / "launch" / "gazebo.launch.py"
GZ_SIM: Final = """\
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
def generate_launch_description():
    return LaunchDescription([DeclareLaunchArgument("gz_args"), DeclareLaunchArgument("on_exit_shutdown")])
"""


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prefix with the two packages that have to be there, before those that are."""
    for package in ("ros_gz_sim", "ros_gz_bridge"):
        mark = tmp_path / "share/ament_index/resource_index/packages" / package
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        for program in ("create", "parameter_bridge"):
            file = tmp_path / "lib" / package / program
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(0o755)
        (tmp_path / "share" / package / "launch").mkdir(parents=True)
    (tmp_path / "share/ros_gz_sim/launch/gz_sim.launch.py").write_text(GZ_SIM, "utf-8")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    there = os.environ.get("AMENT_PREFIX_PATH", "") or sys.prefix
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}{os.pathsep}{there}")
    return tmp_path


class Started:
    """What the launch file would start with these arguments."""

    def __init__(self, **arguments: str) -> None:
        """Visit all that the file describes; processes are only looked at."""
        from launch import LaunchContext  # noqa: PLC0415  # where it is installed
        from launch_ros.actions import Node  # noqa: PLC0415

        self.context = LaunchContext(argv=[])
        self.context.launch_configurations.update(arguments)
        self.nodes: dict[str, Node] = {}
        self._node = Node
        self._visit(runpy.run_path(str(FILE))["generate_launch_description"]())

    def _visit(self, entity: LaunchDescriptionEntity) -> None:
        if isinstance(entity, self._node):
            if entity.condition is None or entity.condition.evaluate(self.context):
                entity._perform_substitutions(self.context)
                name = entity.node_name.rsplit("/", 1)[-1]
                assert name not in self.nodes
                self.nodes[name] = entity
            return
        for inside in entity.visit(self.context) or []:
            self._visit(inside)

    def parameters(self, name: str) -> dict[str, object]:
        """Return what a node is given by name, not by file."""
        given: dict[str, object] = {}
        for argument, is_file in self.nodes[name]._Node__expanded_parameter_arguments or []:
            if is_file:
                read = yaml.safe_load(Path(argument).read_text("utf-8"))
                (section,) = read.values()
                given |= section["ros__parameters"]
        return given

    def words(self, name: str) -> list[str]:
        """Return the arguments that a node is given here: not its program, nor what launch_ros adds at the start."""
        from launch.substitutions import LocalSubstitution  # noqa: PLC0415
        from launch.utilities import perform_substitutions  # noqa: PLC0415

        return [
            perform_substitutions(self.context, word)
            for word in self.nodes[name].cmd[1:]
            if not any(isinstance(part, LocalSubstitution) for part in word)
        ]

    def said(self, name: str) -> str:
        """Return a launch configuration."""
        return str(self.context.launch_configurations[name])


CHAIN: Final = {"guard_node", "watchdog_node", "planner_node", "picker_sim_node", "follower_node"}
ROBOT: Final = {"spawn", "gazebo_bridge", "odom_frame", "lidar_link_frame", "imu_link_frame"}


@pytest.mark.usefixtures("prefix")
def test_everything_is_started() -> None:
    started = Started()
    assert started.nodes.keys() == CHAIN | ROBOT | {"clock_bridge"}
    for name in CHAIN | ROBOT:
        assert started.nodes[name].expanded_node_namespace == "/picker_1"
    arguments = started.said("gz_args").split()
    assert arguments[0] == "-r"
    assert Path(arguments[-1]).read_text("utf-8").startswith("<?xml")


@pytest.mark.usefixtures("prefix")
def test_a_second_robot_comes_into_the_world_that_runs() -> None:
    started = Started(world="false", robot_id="picker_2", namespace="hall/picker_2", start_node="2")
    assert started.nodes.keys() == CHAIN | ROBOT
    assert started.nodes["follower_node"].expanded_node_namespace == "/hall/picker_2"
    words = started.words("spawn")
    assert words[words.index("-name") + 1] == "picker_2"
    assert (words[words.index("-x") + 1], words[words.index("-y") + 1]) == ("3.0", "-2.0")
    for file in ("model_file", "bridge_file"):
        text = Path(started.said(file)).read_text("utf-8")
        assert "picker_2" in text
        assert "picker_1" not in text
    assert started.parameters("follower_node")["robot_id"] == "picker_2"
    assert started.parameters("picker_sim_node")["robot_id"] == "picker_2"
    assert started.parameters("picker_sim_node")["start_node"] == 2


@pytest.mark.usefixtures("prefix")
@pytest.mark.parametrize("simulated", [False, True])
def test_who_takes_the_time_from_gazebo(simulated: bool) -> None:  # noqa: FBT001  # a case
    started = Started(simulation_time=str(simulated).lower())
    for name in ("guard_node", "planner_node", "picker_sim_node"):
        assert started.parameters(name)["use_sim_time"] is simulated
    assert started.parameters("guard_node")["simulation_time"] is simulated
    assert started.parameters("follower_node")["use_sim_time"] is True
    assert ("watchdog_node" in started.nodes) is not simulated


@pytest.mark.usefixtures("prefix")
def test_the_robot_drives_and_the_task_system_does_not() -> None:
    started = Started(pose_source="ground_truth", start_node="3")
    assert started.parameters("picker_sim_node")["drives"] is False
    follower = started.parameters("follower_node")
    assert (follower["pose_source"], follower["pose_frame"]) == ("odometry", "map")
    assert (follower["frame_x_m"], follower["frame_y_m"]) == (0.0, 0.0)
    assert ("odom", "ground_truth") in started.nodes["follower_node"].expanded_remapping_rules
    started = Started(pose_source="odometry", start_node="3")
    follower = started.parameters("follower_node")
    assert follower["pose_frame"] == "odom"
    assert (follower["frame_x_m"], follower["frame_y_m"]) == (9.0, -2.0)
    assert ("odom", "odom") in started.nodes["follower_node"].expanded_remapping_rules


@pytest.mark.usefixtures("prefix")
def test_frames_that_do_not_move() -> None:
    started = Started(start_node="3")
    words = started.words("odom_frame")
    assert words[words.index("--x") + 1] == "9.0"
    assert words[words.index("--frame-id") + 1] == "map"
    words = started.words("lidar_link_frame")
    assert words[words.index("--z") + 1] == "0.3"
    assert words[words.index("--frame-id") + 1] == "base_link"


@pytest.mark.usefixtures("prefix")
def test_arguments_reach_what_they_are_about() -> None:
    started = Started(
        headless="true", real_time_factor="0.25", stamped_twist="false", picks="3", watchdog="false"
    )
    assert started.said("gz_args").split()[:3] == ["-r", "-s", "--headless-rendering"]
    world = Path(started.said("gz_args").split()[-1]).read_text("utf-8")
    assert "<real_time_factor>0.25</real_time_factor>" in world
    assert "geometry_msgs/msg/Twist\n" in Path(started.said("bridge_file")).read_text("utf-8")
    assert started.parameters("follower_node")["stamped_twist"] is False
    assert started.parameters("picker_sim_node")["picks"] == 3
    assert "watchdog_node" not in started.nodes


@pytest.mark.usefixtures("prefix")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"map_file": "/nowhere/map.geojson"}, "no world could be made: .*/nowhere/map.geojson"),
        ({"start_node": "4711"}, "start_node is 4711; .* has no such node"),
        ({"start_node": ""}, "start_node is ; .* has no such node"),
        ({"robot_id": "a::b"}, "robot_id is 'a::b'"),
        ({"robot_id": ""}, "robot_id is ''"),
        ({"robot_id": "a b; rm"}, "robot_id is"),
        ({"real_time_factor": "0"}, "real_time_factor is 0.0. Choose one from"),
        ({"real_time_factor": "quick"}, "invalid float value"),
        ({"seed": "-1"}, "seed is -1"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_starts(
    arguments: dict[str, str], said: str, prefix: Path
) -> None:
    with pytest.raises(RuntimeError, match=said):
        Started(**arguments)
    assert not list(prefix.glob("fallback_guard_gazebo_*")), "nothing is left behind"


@pytest.mark.parametrize("package", ["ros_gz_sim", "ros_gz_bridge"])
def test_a_package_that_is_missing_is_named_with_the_remedy(
    package: str, prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (prefix / "share/ament_index/resource_index/packages" / package).unlink()
    if _is_there(package):
        pytest.skip(f"{package} is installed")
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    with pytest.raises(
        RuntimeError, match=rf"not found: {package}\. .*apt install ros-jazzy-ros-gz"
    ):
        Started()


def _is_there(package: str) -> bool:
    from ament_index_python.packages import (  # noqa: PLC0415
        PackageNotFoundError,
        get_package_prefix,
    )

    prefix_of: Callable[[str], str] = get_package_prefix
    try:
        prefix_of(package)
    except PackageNotFoundError:
        return False
    return True


@pytest.mark.usefixtures("prefix")
def test_files_go_when_the_launch_ends(prefix: Path) -> None:
    started = Started()
    (folder,) = prefix.glob("fallback_guard_gazebo_*")
    from launch.events import Shutdown  # noqa: PLC0415

    for handler in started.context._event_handlers:
        event = Shutdown(reason="the end")
        if handler.matches(event):
            handler.handle(event, started.context)
    assert not folder.exists()


@pytest.mark.usefixtures("prefix")
def test_every_argument_is_described_and_used() -> None:
    text = FILE.read_text("utf-8")
    for name, _, _, description in runpy.run_path(str(FILE))["ARGUMENTS"]:
        assert description.endswith(".")
        assert len(re.findall(rf'"{name}"', text)) >= 2, f"{name} is declared and never read"
