# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard and its watchdog, on a robot, and a recorder, metrics and markers where they are wanted.

ros2 launch fallback_guard guard.launch.py map_file:=/maps/hall_1.geojson namespace:=picker_1
"""

from collections.abc import Mapping
from pathlib import Path

from launch import LaunchDescription
from launch_ros.actions import Node

from fallback_guard.core.parameters import Value
from fallback_guard.launching.actions import description, node, rviz
from fallback_guard.launching.arguments import Argument, Kind
from fallback_guard.launching.common import LISTENERS, MAP_FILE, NAMESPACE, SETTINGS, settings
from fallback_guard.launching.processes import Robot, robot_processes
from fallback_guard.tools.share import share_directory

CONFIG = share_directory() / "config"
ARGUMENTS = (
    MAP_FILE,
    NAMESPACE,
    Argument(
        name="params_file",
        default=str(CONFIG / "guard.yaml"),
        kind=Kind.FILE,
        meaning="ROS parameter file of the guard.",
    ),
    Argument(
        name="autostart",
        default="true",
        kind=Kind.BOOLEAN,
        meaning="Configure and activate the guard at start; false leaves that to a lifecycle manager.",
    ),
    Argument(
        name="watchdog",
        default="true",
        kind=Kind.BOOLEAN,
        meaning="Start the watchdog beside the guard.",
    ),
    Argument(
        name="watchdog_params_file",
        default=str(CONFIG / "watchdog.yaml"),
        kind=Kind.FILE,
        meaning="ROS parameter file of the watchdog; its deadline_ms and lease_ms have to be the guard's.",
    ),
    Argument(
        name="record",
        default="",
        kind=Kind.FOLDER,
        meaning="Folder to record every message of the chain into; nothing: record nothing.",
    ),
    Argument(
        name="recorder_params_file",
        default=str(CONFIG / "recorder.yaml"),
        kind=Kind.FILE,
        meaning="ROS parameter file of the recorder.",
    ),
    Argument(
        name="simulation_time",
        default="false",
        kind=Kind.BOOLEAN,
        meaning="Take the guard's deadlines and stamps from /clock, for simulations that do not run in real time.",
    ),
    *LISTENERS,
    *SETTINGS,
)


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; once all were checked, start each node in a process of its own."""
    return description("guard.launch.py", ARGUMENTS, _start)


def _start(values: Mapping[str, Value]) -> list[Node]:
    robot = Robot(
        namespace=str(values["namespace"]),
        map_file=str(values["map_file"]),
        watchdog=bool(values["watchdog"]),
        record=str(values["record"]),
        metrics_port=int(values["metrics_port"]),
        markers=bool(values["markers"] or values["rviz"]),
        parameters={
            "guard": {
                "autostart": values["autostart"],
                "simulation_time": values["simulation_time"],
                "use_sim_time": values["simulation_time"] or values["use_sim_time"],
            }
        },
        files={
            "guard": Path(str(values["params_file"])),
            "watchdog": Path(str(values["watchdog_params_file"])),
            "recorder": Path(str(values["recorder_params_file"])),
        },
    )
    common = settings(values)
    nodes = [node(process, common) for process in robot_processes(robot, CONFIG, common)]
    if values["rviz"]:
        nodes.append(rviz(robot.namespace, CONFIG / "fallback_guard.rviz"))
    return nodes
