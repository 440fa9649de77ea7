# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The robots of a fleet file, each in a namespace of its own: guard, watchdog, and what else the file says.

ros2 launch fallback_guard fleet.launch.py fleet_file:=/etc/warehouse/fleet.yaml
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from launch import LaunchDescription
from launch_ros.actions import Node

from fallback_guard.core.parameters import Value
from fallback_guard.launching.actions import description, node, rviz
from fallback_guard.launching.arguments import Argument, Kind
from fallback_guard.launching.common import LISTENERS, SETTINGS, settings
from fallback_guard.launching.fleet_file import read_fleet
from fallback_guard.launching.processes import listeners, robot_processes
from fallback_guard.tools.share import share_directory

CONFIG = share_directory() / "config"
ARGUMENTS = (
    Argument(
        name="fleet_file",
        default=str(CONFIG / "fleet.yaml"),
        kind=Kind.FILE,
        meaning="YAML file of the robots; docs/fleet.md describes it.",
    ),
    Argument(
        name="record",
        default="",
        kind=Kind.FOLDER,
        meaning="Folder to record into, each robot into one of its name; nothing: record nothing.",
    ),
    *LISTENERS,
    *SETTINGS,
)


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; once these and the file were checked, start every robot."""
    return description("fleet.launch.py", ARGUMENTS, _start)


def _start(values: Mapping[str, Value]) -> list[Node]:
    common = settings(values)
    record = str(values["record"])
    nodes = []
    robots = read_fleet(Path(str(values["fleet_file"])))
    for robot in robots:
        recorded = replace(robot, record=str(Path(record, robot.label)) if record else "")
        # In a keystore, too, each robot has a place of its own.
        own = replace(
            common, enclaves=f"{common.enclaves}/{robot.label}" if common.enclaves else ""
        )
        nodes += [node(process, own) for process in robot_processes(recorded, CONFIG, own)]
    shared = listeners(
        robots,
        CONFIG,
        common,
        metrics_port=int(values["metrics_port"]),
        markers=bool(values["markers"] or values["rviz"]),
    )
    nodes += [node(process, common) for process in shared]
    if values["rviz"]:
        nodes.append(rviz("", CONFIG / "fallback_guard.rviz"))
    return nodes
