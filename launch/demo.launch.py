"""The whole chain with a simulated picker: guard, watchdog, planner, picker.

ros2 launch fallback_guard demo.launch.py base_url:=http://127.0.0.1:8080/v1 model:=my-model

The planner needs an OpenAI-compatible endpoint; `fallback-guard demo` brings one along.
"""

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, Shutdown
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription, LaunchDescriptionEntity

ARGUMENTS = (
    ("namespace", "picker_1", "Namespace of the robot."),
    (
        "base_url",
        "http://127.0.0.1:8080/v1",
        "OpenAI-compatible endpoint of the model; its key comes from OPENAI_API_KEY.",
    ),
    ("model", "SmolLM2-135M-Instruct", "The model's name at that endpoint."),
    ("picks", "20", "Requests to make before everything ends; 0: never."),
    ("seed", "1", "Of the requests."),
    ("time_factor", "1", "How many times faster than real the picker drives, 1 to 50."),
)


def generate_launch_description() -> LaunchDescription:
    """Start the four nodes; when the picker is done, end the others."""
    share = FindPackageShare("fallback_guard")
    map_file = PathJoinSubstitution([share, "config", "sample_warehouse.geojson"])
    namespace = LaunchConfiguration("namespace")
    guard = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", "guard.launch.py"])),
        launch_arguments={"namespace": namespace, "map_file": map_file}.items(),
    )
    planner = Node(
        package="fallback_guard",
        executable="planner_node",
        name="planner_node",
        namespace=namespace,
        output="screen",
        parameters=[
            PathJoinSubstitution([share, "config", "planner.yaml"]),
            {
                "base_url": ParameterValue(LaunchConfiguration("base_url"), value_type=str),
                "model": ParameterValue(LaunchConfiguration("model"), value_type=str),
            },
        ],
    )
    picker = Node(
        package="fallback_guard",
        executable="picker_sim_node",
        name="picker_sim_node",
        namespace=namespace,
        output="screen",
        on_exit=_end_unless_ending,
        parameters=[
            PathJoinSubstitution([share, "config", "picker_sim.yaml"]),
            {
                "map_file": ParameterValue(map_file, value_type=str),
                "picks": ParameterValue(LaunchConfiguration("picks"), value_type=int),
                "seed": ParameterValue(LaunchConfiguration("seed"), value_type=int),
                "time_factor": ParameterValue(LaunchConfiguration("time_factor"), value_type=int),
                "listeners_min": 2,
            },
        ],
    )
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, default, description in ARGUMENTS
            ),
            guard,
            planner,
            picker,
        ]
    )


def _end_unless_ending(
    _event: ProcessExited, context: LaunchContext
) -> list[LaunchDescriptionEntity]:
    """End everything when the picker is done; once that has begun, a second shutdown is an error."""
    return [] if context.is_shutdown else [Shutdown(reason="the picker is done")]
