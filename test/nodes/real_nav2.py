# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Nav2's own controller server for tests, where it is installed, on a robot whose wheels are played.

It follows paths by regulated pure pursuit, in a rolling costmap that sees nothing.  Everything about it that no test
asks for is as Nav2 delivers it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from functools import partial
from importlib.util import find_spec
from math import hypot
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from geometry_msgs.msg import TransformStamped
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile

from fallback_guard.nodes import topics
from fallback_guard.tools.processes import end_with_parent
from harness import WAIT_S, ros_arguments, wait_until

if TYPE_CHECKING:
    from harness import Message, Scene

LONG_S: Final = 4 * WAIT_S
STANDS_MPS: Final = 0.001
_SERVER: Final = "controller_server"


def controller_server() -> Path | None:
    """Return where Nav2's controller server is; None where it is not, or tf is not."""
    try:
        prefix = Path(get_package_prefix("nav2_controller"))
    except (
        PackageNotFoundError,
        OSError,
    ):  # OSError: no prefix is named at all, as in an environment of wheels
        return None
    program = prefix / "lib" / "nav2_controller" / _SERVER
    return program if program.exists() and find_spec("tf2_ros") is not None else None


def _parameters(speed_mps: float, changes: dict[str, object]) -> dict[str, object]:
    return {
        "/controller_server": {
            "ros__parameters": {
                "enable_stamped_cmd_vel": True,
                "progress_checker_plugins": ["progress_checker"],
                "goal_checker_plugins": ["goal_checker"],
                "controller_plugins": ["FollowPath"],
                "progress_checker": {
                    "plugin": "nav2_controller::SimpleProgressChecker",
                    "required_movement_radius": 0.5,
                    "movement_time_allowance": 10.0,
                },
                "goal_checker": {
                    "plugin": "nav2_controller::SimpleGoalChecker",
                    "xy_goal_tolerance": 0.25,
                    "yaw_goal_tolerance": 0.25,
                    "stateful": True,
                },
                "FollowPath": {
                    "plugin": "nav2_regulated_pure_pursuit_controller::RegulatedPurePursuitController",
                    "desired_linear_vel": speed_mps,
                },
                **changes,
            }
        },
        "/local_costmap/local_costmap": {
            "ros__parameters": {
                "global_frame": "odom",
                "robot_base_frame": "base_link",
                "rolling_window": True,
                "width": 6,
                "height": 6,
                "resolution": 0.1,
                "robot_radius": 0.3,
                "plugins": ["inflation_layer"],
                "inflation_layer": {"plugin": "nav2_costmap_2d::InflationLayer"},
            }
        },
    }


class RealRobot:
    """The adapter, Nav2's controller server and the wheels, and what they say."""

    def __init__(self, scene: Scene, *, speed_mps: float = 2.0, **parameters: object) -> None:
        """Start the wheels and the adapter on the small warehouse; Nav2 is started when it is asked for."""
        from tf2_msgs.msg import TFMessage  # noqa: PLC0415  # there where tf2_ros is

        self.scene = scene
        self.servers = 0
        self.reports: list[Message] = []
        self.stood_since_ns: int | None = None
        self.speed_mps = 0.0
        self.place = (0.0, 0.0)
        self._speed_mps = speed_mps
        node = scene.bystander.node
        self._frames = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=50))
        self._message = TFMessage
        node.create_subscription(Odometry, "odom", self._on_odometry, 50)
        topics.PICK_REPORT.subscribe(node, self.reports.append)
        scene.nodes.start("unicycle", "unicycle", *ros_arguments({}))
        scene.nodes.start_node(
            "nav2_adapter_node",
            map_file=str(scene.map_file),
            **{"pick_time_s": 0.2, "pose_age_ms_max": 2_000, **parameters},
        )
        scene.nodes.wait_for_text("nav2_adapter_node", "standing until the guard")
        scene.bystander.wait_for_subscribers(topics.MOTION, topics.GUARD_STATE)

    def _on_odometry(self, message: Message) -> None:
        at = message.pose.pose.position
        self.place = (at.x, at.y)
        twist = message.twist.twist
        self.speed_mps = hypot(twist.linear.x, twist.angular.z)
        if self.speed_mps > STANDS_MPS:
            self.stood_since_ns = None
        elif self.stood_since_ns is None:
            self.stood_since_ns = time.monotonic_ns()
        on_map = TransformStamped(child_frame_id="odom")
        on_map.header.stamp, on_map.header.frame_id = message.header.stamp, "map"
        moved = TransformStamped(child_frame_id="base_link")
        moved.header.stamp, moved.header.frame_id = message.header.stamp, "odom"
        moved.transform.translation.x, moved.transform.translation.y = at.x, at.y
        moved.transform.rotation = message.pose.pose.orientation
        self._frames.publish(self._message(transforms=[on_map, moved]))

    # Nav2

    def start_nav2(self, *, activate: bool = True, **changes: object) -> str:
        """Start a controller server, and wait until it takes goals."""
        self.servers += 1
        name = f"{_SERVER}_{self.servers}"
        file = self.scene.directory / f"{name}.yaml"
        file.write_text(json.dumps(_parameters(self._speed_mps, changes)), encoding="utf-8")
        program = controller_server()
        assert program is not None, "who asks for it has looked"
        self.scene.nodes.take(name, self._started(name, program, "--params-file", str(file)))
        if activate:
            self.change(Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE)
            self.change(Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE)
        return name

    def _started(self, name: str, program: Path, *arguments: str) -> subprocess.Popen[bytes]:
        nodes = self.scene.nodes
        with nodes.log(name).open("wb") as log:
            return subprocess.Popen(
                [str(program), "--ros-args", *arguments],
                cwd=self.scene.directory,
                env=nodes.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509  # one system call
            )

    def change(self, transition: int, state: int) -> None:
        """Have the controller server change its state, as a lifecycle manager would."""
        request = ChangeState.Request()
        request.transition.id = transition
        until = time.monotonic() + LONG_S
        while (
            time.monotonic() < until
        ):  # One that was killed is known for a while, and answers nothing.
            try:
                self.scene.bystander.call(ChangeState, f"{_SERVER}/change_state", request)
                now = self.scene.bystander.call(
                    GetState, f"{_SERVER}/get_state", GetState.Request()
                )
            except AssertionError:
                continue
            if now.current_state.id == state:
                return
        raise AssertionError(f"the controller server has not come to state {state}")

    # The robot

    @property
    def picked(self) -> list[tuple[int, int]]:
        return [(one.stop_index, one.outcome) for one in self.reports]

    def wait(self, condition: object, what: str) -> None:
        self.scene.bystander.wait_until(condition, what, LONG_S)  # type: ignore[arg-type]

    def wait_for_speed(self, mps: float) -> None:
        """Wait until it is driven so fast."""
        self.wait(lambda: self.speed_mps >= mps, f"a robot at {mps} m/s")

    def stop_ms(self, since_ns: int) -> float:
        """Wait until it stands and goes on standing; return how long that took (ms)."""
        still_ns = 500_000_000

        def stands() -> bool:
            since = self.stood_since_ns
            return since is not None and time.monotonic_ns() - since > still_ns

        wait_until(stands, "a robot that stands", LONG_S)
        assert self.stood_since_ns is not None
        return (self.stood_since_ns - since_ns) / 1e6
