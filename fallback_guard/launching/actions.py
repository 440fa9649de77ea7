# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""From checked arguments to actions of the launch system.  Needs launch and launch_ros."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch_ros.actions import LifecycleNode, Node
from launch_ros.parameter_descriptions import ParameterValue

from fallback_guard.core.parameters import Value
from fallback_guard.core.unusable import UnusableError
from fallback_guard.launching.arguments import Argument, checked
from fallback_guard.launching.processes import Process, Settings
from fallback_guard.nodes.process import EXIT_UNUSABLE

OnExit = Callable[[ProcessExited, LaunchContext], list[LaunchDescriptionEntity]]


class CannotStartError(UnusableError):
    """A node could not use what it was given, at its first start."""


def description(
    launch_file: str,
    table: Sequence[Argument],
    start: Callable[[Mapping[str, Value]], Sequence[LaunchDescriptionEntity]],
) -> LaunchDescription:
    """Declare the arguments of a table; start something with their values once all of them were checked.

    `start` raises UnusableError where the values do not go together.
    """

    def check_and_start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
        given = {row.name: context.launch_configurations[row.name] for row in table}
        return list(start(checked(launch_file, table, given)))

    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(
                    row.name, default_value=row.default, description=row.description
                )
                for row in table
            ),
            OpaqueFunction(function=check_and_start),
        ]
    )


def node(process: Process, settings: Settings, *, on_exit: OnExit | None = None) -> Node:
    """Return the action that starts a process.  `on_exit` is asked after each of its ends but an unusable first one."""
    kind = LifecycleNode if process.is_managed else Node
    return kind(
        package="fallback_guard",
        executable=process.executable,
        exec_name=process.label,
        name=process.executable,
        namespace=process.namespace,
        output="screen",
        parameters=[
            *map(str, process.parameter_files),
            {name: _typed(value) for name, value in process.parameters.items()},
        ],
        arguments=[
            "--ros-args",
            *("--log-level", settings.log_level),
            *("--enclave", process.enclave),
        ],
        respawn=process.respawns,
        respawn_delay=settings.respawn_delay_s,
        on_exit=_ends(process, on_exit),
    )


def rviz(namespace: str, config: Path) -> Node:
    """Return the action that opens RViz on a namespace's markers.  Raises UnusableError where there is no RViz."""
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError as error:
        raise UnusableError(
            "argument 'rviz' is true, and rviz2 is not installed. Install ros-$ROS_DISTRO-rviz2, or leave rviz out:"
            " with markers:=true an RViz on another machine shows the same"
        ) from error
    return Node(
        package="rviz2",
        executable="rviz2",
        namespace=namespace,
        arguments=["-d", str(config)],
        # The names in the file are full ones; in a namespace they are that namespace's.
        remappings=[(f"/{name}", name) for name in ("markers", "markers/map")],
        output="screen",
    )


def shut_down(reason: str) -> OnExit:
    """Return what ends everything when a process ends; once that has begun, a second shutdown is an error."""

    def end(_event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return [] if context.is_shutdown else [Shutdown(reason=reason)]

    return end


def _typed(value: Value) -> Value | ParameterValue:
    """Return a value that launch_ros does not take for another type: text is YAML to it."""
    return ParameterValue(value, value_type=str) if isinstance(value, str) else value


def _ends(process: Process, on_exit: OnExit | None) -> OnExit:
    """Return what happens at each end of a process.

    Where it cannot use what it was given the first time, the launch ends with exit code 1: nobody is served by half a
    system.  Later, when a file was spoilt under a running robot, it is only tried again: the others are still of use.
    """
    ends = 0

    def end(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        nonlocal ends
        ends += 1
        if ends == 1 and event.returncode == EXIT_UNUSABLE and not context.is_shutdown:
            raise CannotStartError(
                f"{process.label} cannot use what it was given; it says why above"
            )
        return on_exit(event, context) if on_exit is not None else []

    return end
