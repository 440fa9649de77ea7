"""The guard and its watchdog, on a robot.

ros2 launch fallback_guard guard.launch.py map_file:=/maps/hall_1.geojson namespace:=picker_1
"""

from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode, Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

ARGUMENTS = (
    ("map_file", None, "GeoJSON map of the warehouse."),
    ("namespace", "", "Namespace of the robot; all topics are relative to it."),
    ("params_file", None, "ROS parameter file of the guard."),
    (
        "autostart",
        "true",
        "Configure and activate the guard at start; false leaves that to a lifecycle manager.",
    ),
    ("respawn", "true", "Start the guard and the watchdog again when they end."),
    ("watchdog", "true", "Start the watchdog beside the guard."),
    (
        "enclaves",
        "",
        "Where in the SROS2 keystore the enclaves guard and watchdog are, such as /picker_1.",
    ),
    (
        "simulation_time",
        "false",
        "Take deadlines and stamps from /clock, for simulations that do not run in real time.",
    ),
    ("log_level", "info", "debug, info, warn, error or fatal."),
)


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the two nodes, each in a process of its own."""
    defaults = {
        "map_file": _installed("config", "sample_warehouse.geojson"),
        "params_file": _installed("config", "guard.yaml"),
    }
    simulated = ParameterValue(LaunchConfiguration("simulation_time"), value_type=bool)
    common = {
        "package": "fallback_guard",
        "namespace": LaunchConfiguration("namespace"),
        "output": "screen",
        "respawn": LaunchConfiguration("respawn"),
        "respawn_delay": 0.5,
    }
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(
                    name, default_value=defaults.get(name, default), description=description
                )
                for name, default, description in ARGUMENTS
            ),
            LifecycleNode(
                executable="guard_node",
                name="guard_node",
                arguments=_ros_arguments("guard"),
                parameters=[
                    LaunchConfiguration("params_file"),
                    {
                        "map_file": ParameterValue(LaunchConfiguration("map_file"), value_type=str),
                        "autostart": ParameterValue(
                            LaunchConfiguration("autostart"), value_type=bool
                        ),
                        "simulation_time": simulated,
                        "use_sim_time": simulated,
                    },
                ],
                **common,
            ),
            Node(
                executable="watchdog_node",
                name="watchdog_node",
                arguments=_ros_arguments("watchdog"),
                parameters=[_installed("config", "watchdog.yaml")],
                condition=IfCondition(LaunchConfiguration("watchdog")),
                **common,
            ),
        ]
    )


def _ros_arguments(enclave: str) -> list[object]:
    """Return what a process is told: an enclave is one process, so each has its own."""
    return [
        "--ros-args",
        "--log-level",
        LaunchConfiguration("log_level"),
        "--enclave",
        [LaunchConfiguration("enclaves"), f"/{enclave}"],
    ]


def _installed(*parts: str) -> PathJoinSubstitution:
    return PathJoinSubstitution([FindPackageShare("fallback_guard"), *parts])
