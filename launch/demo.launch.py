# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The whole chain with a simulated picker: guard, watchdog, planner, picker.

ros2 launch fallback_guard demo.launch.py base_url:=http://127.0.0.1:8080/v1 model:=my-model

The planner needs an OpenAI-compatible endpoint; `fallback-guard demo` brings one along.
"""

from collections.abc import Mapping
from dataclasses import replace

from launch import LaunchDescription
from launch_ros.actions import Node

from fallback_guard.core.parameters import Value
from fallback_guard.launching.actions import description, node, shut_down
from fallback_guard.launching.arguments import Argument, Kind
from fallback_guard.launching.common import MAP_FILE, NAMESPACE, SETTINGS, settings
from fallback_guard.launching.processes import Robot, robot_processes
from fallback_guard.tools.share import share_directory

ARGUMENTS = (
    MAP_FILE,
    replace(NAMESPACE, default="picker_1"),
    Argument(
        name="base_url",
        default="http://127.0.0.1:8080/v1",
        meaning="OpenAI-compatible endpoint of the model; its key comes from OPENAI_API_KEY.",
    ),
    Argument(
        name="model",
        default="SmolLM2-135M-Instruct",
        meaning="The model's name at that endpoint.",
    ),
    Argument(
        name="picks",
        default="20",
        kind=Kind.WHOLE,
        minimum=0,
        maximum=1_000_000,
        meaning="Requests to make before everything ends; 0: never.",
    ),
    Argument(
        name="seed",
        default="1",
        kind=Kind.WHOLE,
        minimum=0,
        maximum=2**31 - 1,
        meaning="Of the requests.",
    ),
    Argument(
        name="time_factor",
        default="1",
        kind=Kind.WHOLE,
        minimum=1,
        maximum=50,
        meaning="How many times faster than real the picker drives.",
    ),
    *SETTINGS,
)


def generate_launch_description() -> LaunchDescription:
    """Start the four nodes; when the picker is done, end the others."""
    return description("demo.launch.py", ARGUMENTS, _start)


def _start(values: Mapping[str, Value]) -> list[Node]:
    robot = Robot(
        namespace=str(values["namespace"]),
        map_file=str(values["map_file"]),
        planner=True,
        picker=True,
        parameters={
            "planner": {"base_url": values["base_url"], "model": values["model"]},
            "picker": {name: values[name] for name in ("picks", "seed", "time_factor")},
        },
    )
    common = settings(values)
    done = shut_down("the picker is done")
    return [
        node(process, common, on_exit=done if process.executable == "picker_sim_node" else None)
        for process in robot_processes(robot, share_directory() / "config", common)
    ]
