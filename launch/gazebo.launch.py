# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The whole chain in Gazebo: a warehouse made from the map, a picker in it, guard, watchdog, planner and task system.

ros2 launch fallback_guard gazebo.launch.py map_file:=/maps/hall_1.geojson start_node:=3 headless:=true
ros2 launch fallback_guard gazebo.launch.py world:=false robot_id:=picker_2 namespace:=picker_2 start_node:=2

The second line puts one more picker into the world that runs. docs/gazebo.md tells more.

Who takes the time from Gazebo, and who does not:

follower_node     always: the poses that it hears are stamped with simulated time
guard_node        with simulation_time alone; its deadlines otherwise stay on the steady clock, and its stamps on the
                  system's, as on a robot
picker_sim_node   as the guard: the guard measures the age of a request by its stamp, so both have to go by one clock
planner_node      as the guard: its stamps stand beside theirs. The model answers in real time whatever Gazebo does
watchdog_node     never. It knows the steady clock alone, so with simulation_time it is not started: in slow motion it
                  would answer what the guard has all the time in the world for
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnShutdown
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = (
    ("map_file", None, None, "GeoJSON map of the warehouse, from which the world is made."),
    ("namespace", "picker_1", None, "Namespace of the robot."),
    ("robot_id", "picker_1", None, "Name of the robot, also in Gazebo."),
    ("start_node", "1", None, "Node of the map on which the robot is put."),
    (
        "headless",
        "false",
        ["true", "false"],
        "Simulate without a window; the lidar needs EGL then.",
    ),
    (
        "world",
        "true",
        ["true", "false"],
        "Start Gazebo; false puts the robot into the world that runs already.",
    ),
    ("real_time_factor", "1.0", None, "How fast simulated time is to pass; 0.5: half as fast."),
    (
        "simulation_time",
        "false",
        ["true", "false"],
        "Deadlines by Gazebo's clock, for simulations that pause or do not run in real time; without the watchdog.",
    ),
    (
        "pose_source",
        "ground_truth",
        ["ground_truth", "odometry"],
        "What the robot takes its position from: Gazebo itself, or its wheels, which drift.",
    ),
    (
        "stamped_twist",
        "true",
        ["true", "false"],
        "cmd_vel is TwistStamped, as in Jazzy and later; false: Twist.",
    ),
    (
        "base_url",
        "http://127.0.0.1:8080/v1",
        None,
        "OpenAI-compatible endpoint of the model; its key comes from OPENAI_API_KEY.",
    ),
    ("model", "SmolLM2-135M-Instruct", None, "The model's name at that endpoint."),
    ("picks", "20", None, "Requests to make before everything ends; 0: never."),
    ("seed", "1", None, "Of the requests, and of the looks of the goods."),
    ("watchdog", "true", ["true", "false"], "Start the watchdog beside the guard."),
    ("log_level", "info", None, "Of guard and watchdog: debug, info, warn, error or fatal."),
)

NEEDED = ("ros_gz_sim", "ros_gz_bridge")
WORLD_NAME = "warehouse"
MODEL_NAME = "picker_1"
"""As models/picker and config/gazebo/bridge.yaml have it; the robot's name takes its place."""

DROP_M = 0.01
"""A robot that is put into the floor would be thrown out of it."""

GENERATION_S_MAX = 300


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, make the files, and start Gazebo, the robot and the chain."""
    share = FindPackageShare("fallback_guard")
    defaults = {"map_file": PathJoinSubstitution([share, "config", "sample_warehouse.geojson"])}
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(
                    name,
                    default_value=defaults.get(name, default),
                    choices=choices,
                    description=description,
                )
                for name, default, choices, description in ARGUMENTS
            ),
            OpaqueFunction(function=_prepare),
            *_gazebo(),
            *_robot(),
            *_chain(share),
        ]
    )


def _gazebo() -> list[LaunchDescriptionEntity]:
    """Return the simulator and its clock; once for a world."""
    started = IfCondition(LaunchConfiguration("world"))
    launch_file = [FindPackageShare("ros_gz_sim"), "launch", "gz_sim.launch.py"]
    return [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(PathJoinSubstitution(launch_file)),
            launch_arguments={
                "gz_args": LaunchConfiguration("gazebo_arguments"),
                "on_exit_shutdown": "true",
            }.items(),
            condition=started,
        ),
        Node(
            package="ros_gz_bridge",
            executable="parameter_bridge",
            name="clock_bridge",
            output="screen",
            parameters=[{"config_file": _text("clock_bridge_file")}],
            condition=started,
        ),
    ]


def _robot() -> list[LaunchDescriptionEntity]:
    """Return what a robot of its own would bring along: itself, its topics, its frames, its driver."""
    namespace = LaunchConfiguration("namespace")
    return [
        Node(
            package="ros_gz_sim",
            executable="create",
            name="spawn",
            namespace=namespace,
            output="screen",
            arguments=[
                *("-world", WORLD_NAME, "-name", LaunchConfiguration("robot_id")),
                *("-file", LaunchConfiguration("model_file")),
                *("-x", LaunchConfiguration("start_x_m"), "-y", LaunchConfiguration("start_y_m")),
                *("-z", str(DROP_M)),
            ],
        ),
        Node(
            package="ros_gz_bridge",
            executable="parameter_bridge",
            name="gazebo_bridge",
            namespace=namespace,
            output="screen",
            parameters=[{"config_file": _text("bridge_file")}],
        ),
        OpaqueFunction(function=_frames),
        Node(
            package="fallback_guard",
            executable="follower_node",
            name="follower_node",
            namespace=namespace,
            output="screen",
            parameters=[
                _config("follower.yaml"),
                {
                    "use_sim_time": True,
                    "map_file": _text("map_file"),
                    "robot_id": _text("robot_id"),
                    "pose_source": "odometry",
                    "pose_frame": _text("pose_frame"),
                    "frame_x_m": _number("frame_x_m"),
                    "frame_y_m": _number("frame_y_m"),
                    "stamped_twist": _truth("stamped_twist"),
                },
            ],
            remappings=[
                ("odom", LaunchConfiguration("pose_topic")),
                ("/tf", "tf"),
                ("/tf_static", "tf_static"),
            ],
        ),
    ]


def _chain(share: FindPackageShare) -> list[LaunchDescriptionEntity]:
    """Return the guard, its watchdog, the planner and the task system: what a robot would have as well."""
    namespace = LaunchConfiguration("namespace")
    clock = {"use_sim_time": _truth("simulation_time")}
    return [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(
                PathJoinSubstitution([share, "launch", "guard.launch.py"])
            ),
            launch_arguments={
                "namespace": namespace,
                "map_file": LaunchConfiguration("map_file"),
                "params_file": _config("gazebo", "guard.yaml"),
                "watchdog": LaunchConfiguration("watchdog"),
                "simulation_time": LaunchConfiguration("simulation_time"),
                "use_sim_time": LaunchConfiguration("simulation_time"),
                "log_level": LaunchConfiguration("log_level"),
            }.items(),
        ),
        Node(
            package="fallback_guard",
            executable="planner_node",
            name="planner_node",
            namespace=namespace,
            output="screen",
            parameters=[
                _config("planner.yaml"),
                {"base_url": _text("base_url"), "model": _text("model")} | clock,
            ],
        ),
        Node(
            package="fallback_guard",
            executable="picker_sim_node",
            name="picker_sim_node",
            namespace=namespace,
            output="screen",
            on_exit=_end_unless_ending,
            parameters=[
                _config("picker_sim.yaml"),
                {
                    "drives": False,
                    "map_file": _text("map_file"),
                    "robot_id": _text("robot_id"),
                    "start_node": _whole("start_node"),
                    "picks": _whole("picks"),
                    "seed": _whole("seed"),
                    "listeners_min": 2,
                }
                | clock,
            ],
        ),
    ]


def _prepare(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Make the world, the model and the bridges of this launch; say where they are.

    Raises RuntimeError with the remedy for what is missing or cannot be used.
    """
    _check_packages()
    given = context.launch_configurations
    robot = given["robot_id"]
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", robot):
        raise RuntimeError(
            f"robot_id is {robot!r}; in Gazebo a name has letters, digits, '_', '.' and '-' alone"
        )
    share = Path(get_package_prefix("fallback_guard"), "share", "fallback_guard")
    folder = Path(tempfile.mkdtemp(prefix="fallback_guard_gazebo_"))
    try:
        return [
            RegisterEventHandler(
                OnShutdown(on_shutdown=lambda *_: shutil.rmtree(folder, ignore_errors=True))
            ),
            *(
                SetLaunchConfiguration(name, value)
                for name, value in _files(folder, share, given).items()
            ),
        ]
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _files(folder: Path, share: Path, given: dict[str, str]) -> dict[str, str]:
    """Write the files; return the configurations that the other entities read."""
    world = folder / "world.sdf"
    _generate(given["map_file"], world, given["seed"], given["real_time_factor"])
    x_m, y_m = _place_of(given["map_file"], given["start_node"])
    robot = given["robot_id"]
    model = folder / "model.sdf"
    model.write_text(
        (share / "models/picker/model.sdf").read_text("utf-8").replace(MODEL_NAME, robot), "utf-8"
    )
    bridge = (share / "config/gazebo/bridge.yaml").read_text("utf-8").replace(MODEL_NAME, robot)
    if given["stamped_twist"] == "false":
        bridge = bridge.replace("geometry_msgs/msg/TwistStamped", "geometry_msgs/msg/Twist")
    (folder / "bridge.yaml").write_text(bridge, "utf-8")
    by_wheels = given["pose_source"] == "odometry"
    headless = ["-s", "--headless-rendering"] if given["headless"] == "true" else []
    return {
        "gazebo_arguments": " ".join(["-r", *headless, shlex.quote(str(world))]),
        "model_file": str(model),
        "bridge_file": str(folder / "bridge.yaml"),
        "clock_bridge_file": str(share / "config/gazebo/clock_bridge.yaml"),
        "start_x_m": str(x_m),
        "start_y_m": str(y_m),
        # An odometry begins at 0 where the robot was put; the truth is in the map's frame already.
        "pose_topic": "odom" if by_wheels else "ground_truth",
        "pose_frame": "odom" if by_wheels else "map",
        "frame_x_m": str(x_m if by_wheels else 0.0),
        "frame_y_m": str(y_m if by_wheels else 0.0),
        "watchdog": "false" if given["simulation_time"] == "true" else given["watchdog"],
    }


def _check_packages() -> None:
    missing = []
    for package in NEEDED:
        try:
            get_package_prefix(package)
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        release = os.environ.get("ROS_DISTRO", "jazzy")
        raise RuntimeError(
            f"gazebo.launch.py needs {' and '.join(NEEDED)}; not found: {', '.join(missing)}. "
            f"Install them: sudo apt install ros-{release}-ros-gz  (docs/gazebo.md says more)"
        )


def _generate(map_file: str, world: Path, seed: str, real_time_factor: str) -> None:
    """Run `fallback-guard map world`, with the Python that the nodes have and this process may not."""
    program = Path(get_package_prefix("fallback_guard"), "lib", "fallback_guard", "fallback-guard")
    done = subprocess.run(
        [
            *(str(program), "map", "world", map_file, str(world)),
            *("--seed", seed, "--real-time-factor", real_time_factor),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=GENERATION_S_MAX,
    )
    if done.returncode != 0:
        raise RuntimeError(f"no world could be made: {done.stderr.strip()}")


def _place_of(map_file: str, start_node: str) -> tuple[float, float]:
    """Return where a node is (m), of a map that was just read without a complaint."""
    for feature in json.loads(Path(map_file).read_bytes())["features"]:
        geometry, properties = feature["geometry"], feature["properties"]
        if geometry["type"] == "Point" and f"{properties['id']:.0f}" == start_node:
            x, y = geometry["coordinates"][:2]
            return float(x), float(y)
    raise RuntimeError(f"start_node is {start_node}; {map_file} has no such node")


def _frames(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the publishers of frames that do not move: where odometry begins, and what is bolted to the robot."""
    given = context.launch_configurations
    frames = [("map", "odom", (given["start_x_m"], given["start_y_m"], *"0000"))]
    # The file is our own.
    for frame in ET.parse(given["model_file"]).iter("frame"):  # noqa: S314
        pose = (frame.findtext("pose") or "0 0 0 0 0 0").split()
        frames.append((frame.attrib["attached_to"], frame.attrib["name"], tuple(pose)))
    axes = ("--x", "--y", "--z", "--roll", "--pitch", "--yaw")
    return [
        Node(
            package="tf2_ros",
            executable="static_transform_publisher",
            name=f"{child}_frame",
            namespace=LaunchConfiguration("namespace"),
            arguments=[
                *(word for pair in zip(axes, pose, strict=True) for word in pair),
                *("--frame-id", parent, "--child-frame-id", child),
            ],
            remappings=[("/tf_static", "tf_static")],
        )
        for parent, child, pose in frames
    ]


def _config(*parts: str) -> PathJoinSubstitution:
    return PathJoinSubstitution([FindPackageShare("fallback_guard"), "config", *parts])


def _text(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=str)


def _number(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=float)


def _whole(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=int)


def _truth(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=bool)


def _end_unless_ending(
    _event: ProcessExited, context: LaunchContext
) -> list[LaunchDescriptionEntity]:
    """End everything when the picker is done; once that has begun, a second shutdown is an error."""
    return [] if context.is_shutdown else [Shutdown(reason="the picker is done")]
