# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The adapter as a process, with a Nav2 that is played: everything that Nav2 may do to it.

Runs where nav2_msgs can be imported: with Nav2 installed, or its messages built from source.
"""

from __future__ import annotations

import signal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import pytest
from geometry_msgs.msg import TwistStamped

from fallback_guard import msg
from fallback_guard.core.motion import SafeMoveKind
from fallback_guard.nodes import topics
from harness import WAIT_S, ros_arguments, run_to_end
from played_guard import ROBOT, PlayedGuard

if TYPE_CHECKING:
    from harness import Message, Scene

HAS_NAV2: Final = find_spec("nav2_msgs") is not None
needs_nav2 = pytest.mark.skipif(
    not HAS_NAV2, reason="nav2_msgs cannot be imported: it comes with Nav2, and is not on PyPI"
)
PICKED, UNREACHED = 1, 2
WORDS: Final = 5
ACTIONS: Final = ("follow_path", "navigate_through_poses")


class Robot:
    """The adapter and a Nav2, and what they say."""

    def __init__(self, scene: Scene, **parameters: object) -> None:
        """Start the adapter on the small warehouse."""
        self.scene = scene
        self.words: list[Message] = []
        self.moves: list[Message] = []
        self.reports: list[Message] = []
        node = scene.bystander.node
        node.create_subscription(TwistStamped, "cmd_vel", self.words.append, 50)
        node.create_subscription(TwistStamped, "nav2_moves", self.moves.append, 50)
        topics.PICK_REPORT.subscribe(node, self.reports.append)
        self.fakes = 0
        scene.nodes.start_node(
            "nav2_adapter_node",
            map_file=str(scene.map_file),
            pose_source="pose",
            **{"pose_age_ms_max": 5_000, "pick_time_s": 0.2, "retry_s": 0.3, **parameters},
        )
        scene.nodes.wait_for_text("nav2_adapter_node", "standing until the guard")
        scene.bystander.wait_for_subscribers(topics.MOTION, topics.GUARD_STATE)
        self.guard = PlayedGuard(scene, lease_ms=3_000)

    def start_nav2(self, **parameters: object) -> str:
        """Start a Nav2 that behaves in some way; return its name as a process."""
        self.fakes += 1
        name = f"nav2_{self.fakes}"
        self.scene.nodes.start(name, "nav2_fake", *ros_arguments(parameters))
        self.scene.nodes.wait_for_text(name, "here")
        self.wait_for_position(lambda message: not message.lost, "a robot that knows where it is")
        return name

    def wait(self, condition: object, what: str) -> None:
        self.scene.bystander.wait_until(condition, what, 2 * WAIT_S)  # type: ignore[arg-type]

    def wait_for_position(self, condition: object, what: str) -> None:
        positions = self.scene.bystander.positions
        self.wait(lambda: positions and condition(positions[-1].message), what)  # type: ignore[operator]

    @property
    def x(self) -> float:
        """Where it is."""
        return float(self.scene.bystander.positions[-1].message.x)

    def wait_for_stop(self) -> None:
        """Wait until the wheels are told to stand, again and again; nobody else ever speaks there."""
        said = len(self.words)
        self.wait(lambda: len(self.words) >= said + WORDS, "the wheels told to stand")
        for word in self.words:
            twist = word.twist
            assert (twist.linear.x, twist.linear.y, twist.angular.z) == (0.0, 0.0, 0.0)
            assert word.header.frame_id == "base_link"

    def wait_for_silence(self) -> None:
        """Wait until Nav2 has the wheels alone."""

        def silent() -> bool:
            moved, said = len(self.moves), len(self.words)
            self.wait(lambda: len(self.moves) > moved + 20, "a robot that Nav2 drives")
            return len(self.words) == said

        self.wait(silent, "wheels that are left to Nav2")

    def route(self, sequence: int, *picks_at: int) -> None:
        """Send it 30 m east."""
        points = [msg.Waypoint(x=x) for x in (0.0, 10.0, 20.0, 30.0)]
        stops = [
            msg.RouteStop(bin=f"A-{index}", sku="SKU-1", quantity=1, waypoint_index=index)
            for index in picks_at
        ]
        self.guard.send(
            sequence, ROBOT, request_id=f"R-{sequence}", kind=1, waypoints=points, stops=stops
        )

    @property
    def picked(self) -> list[tuple[int, int, int]]:
        return [(one.sequence, one.stop_index, one.outcome) for one in self.reports]


@needs_nav2
@pytest.mark.parametrize("action", ACTIONS)
def test_a_route_is_driven_pick_by_pick(scene: Scene, action: str) -> None:
    robot = Robot(scene, action=action)
    robot.wait_for_stop()
    nav2 = robot.start_nav2()
    robot.route(100, 1, 2)
    robot.wait_for_silence()
    robot.wait(lambda: len(robot.picked) == 2, "two picks")
    robot.wait(lambda: robot.x > 29.5, "the end of the route")
    robot.wait_for_stop()
    assert robot.picked == [(100, 0, PICKED), (100, 1, PICKED)]
    assert [one.bin for one in robot.reports] == ["A-1", "A-2"]
    text = scene.nodes.text(nav2)
    assert text.count("reached") == 3
    assert "cancel" not in text
    poses = {
        "follow_path": "drives 101 poses in map",
        "navigate_through_poses": "drives 1 poses in map",
    }
    assert poses[action] in text
    assert "limit 0.00 False" in text


@needs_nav2
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("kind", [SafeMoveKind.HOLD, SafeMoveKind.CANCEL_AND_HOLD])
def test_a_safe_move_cancels_and_stops(scene: Scene, action: str, kind: SafeMoveKind) -> None:
    robot = Robot(scene, action=action)
    nav2 = robot.start_nav2()
    robot.route(100, 2)
    robot.wait_for_silence()
    robot.guard.safe_move(101, kind)
    robot.wait_for_stop()
    scene.nodes.wait_for_text(nav2, "cancelled")
    robot.wait_for_position(lambda message: message.sequence == 101, "the sequence told")
    robot.route(102, 3)
    robot.wait(lambda: robot.picked == [(102, 0, PICKED)], "the next route")


@needs_nav2
def test_a_stop_does_not_depend_on_nav2(scene: Scene) -> None:
    """It hears nothing of a cancel, and the wheels are told to stand all the same."""
    robot = Robot(scene, answer_s_max=0.3)
    nav2 = robot.start_nav2(deaf=True, speed_mps=1.0)
    robot.route(100)
    robot.wait_for_silence()
    robot.guard.safe_move(101)
    robot.wait_for_stop()
    robot.wait(
        lambda: scene.nodes.text(nav2).count("cancel refused") >= 3, "cancelled again and again"
    )
    assert "reached" not in scene.nodes.text(nav2)


@needs_nav2
def test_the_lease_ends_a_goal(scene: Scene) -> None:
    robot = Robot(scene)
    nav2 = robot.start_nav2(speed_mps=1.0)
    robot.route(100)
    robot.wait_for_silence()
    robot.guard.fall_silent()
    scene.nodes.wait_for_text("nav2_adapter_node", "no sign of life from the guard: holding")
    scene.nodes.wait_for_text(nav2, "cancelled")
    robot.wait_for_stop()
    robot.guard.live()
    robot.wait_for_stop()
    assert scene.nodes.text(nav2).count("accepted") == 2, "one goal, one cancel"


@needs_nav2
def test_nav2_starts_anew_while_it_drives(scene: Scene) -> None:
    robot = Robot(scene, silence_s_max=0.5, answer_s_max=1.0)
    first = robot.start_nav2(speed_mps=2.0)
    robot.route(100, 1)
    robot.wait(lambda: robot.x > 2.0, "a robot on its way")
    scene.nodes.signal(first, signal.SIGKILL)
    scene.nodes.wait_for_end(first)
    scene.nodes.wait_for_text("nav2_adapter_node", "stopped, and will go on: the driver is silent")
    robot.wait_for_stop()
    stood_at = robot.x
    second = robot.start_nav2(x=stood_at, speed_mps=5.0)
    robot.wait(lambda: robot.picked == [(100, 0, PICKED)], "the pick")
    poses = round((10.0 - stood_at) / 0.1) + 1
    text = scene.nodes.text(second)
    assert any(f"drives {number} poses" in text for number in range(poses - 8, poses + 9)), text


@needs_nav2
@pytest.mark.parametrize("trouble", ["aborts", "lies"])
def test_what_nav2_cannot_reach_is_reported(scene: Scene, trouble: str) -> None:
    robot = Robot(scene, failures_max=2)
    nav2 = robot.start_nav2(**{trouble: True})
    robot.route(100, 1, 2)
    robot.wait(lambda: robot.picked, "a report")
    robot.wait_for_stop()
    assert robot.picked == [(100, 0, UNREACHED)]
    assert scene.nodes.text(nav2).count("goal ") == 3, "once, and twice more"
    assert "given up, and holding" in scene.nodes.text("nav2_adapter_node")
    assert robot.x == 0.0


@needs_nav2
def test_nav2_that_is_not_active_yet_is_waited_for(scene: Scene) -> None:
    """It refuses goals until then, which says nothing of whether it can reach the pick."""
    robot = Robot(scene, failures_max=1, retry_s=0.2)
    nav2 = robot.start_nav2(inactive_s=3.0)
    robot.route(100, 1)
    robot.wait(lambda: robot.picked, "a report")
    assert robot.picked == [(100, 0, PICKED)]
    assert scene.nodes.text(nav2).count("refused") > 2


@needs_nav2
@pytest.mark.parametrize("trouble", ["gone", "refuses", "aborts", "silent", "slow"])
def test_a_retreat_that_does_not_work_is_a_stop(scene: Scene, trouble: str) -> None:
    robot = Robot(scene, retreat_s_max=2.0, silence_s_max=0.5)
    nav2 = robot.start_nav2(
        **({"speed_mps": 0.5} if trouble in ("slow", "gone", "silent") else {}),
        **({trouble: True} if trouble in ("refuses", "aborts", "silent") else {}),
    )
    robot.guard.retreat(100, (1, 2, 3, 4))
    if trouble == "gone":
        robot.wait_for_silence()
        scene.nodes.signal(nav2, signal.SIGKILL)
        scene.nodes.wait_for_end(nav2)
    scene.nodes.wait_for_text("nav2_adapter_node", "given up, and holding")
    robot.wait_for_stop()
    if trouble in ("silent", "slow"):
        scene.nodes.wait_for_text(nav2, "cancelled")
    assert robot.picked == []


@needs_nav2
def test_a_retreat_is_driven(scene: Scene) -> None:
    robot = Robot(scene)
    nav2 = robot.start_nav2()
    robot.guard.retreat(100, (1, 2))
    scene.nodes.wait_for_text(nav2, "reached")
    robot.wait_for_stop()
    assert "given up" not in scene.nodes.text("nav2_adapter_node")


@needs_nav2
def test_a_stop_that_others_cannot_hear_is_said(scene: Scene) -> None:
    """Nav2 of Jazzy says Twist, and DDS keeps quiet about one topic that has two types."""
    Robot(scene).start_nav2(unstamped=True)
    scene.nodes.wait_for_text(
        "nav2_adapter_node", r"/cmd_vel is also used with geometry_msgs/msg/Twist, .* stamped_twist"
    )


@needs_nav2
def test_speed_limits_are_told(scene: Scene) -> None:
    robot = Robot(scene)
    nav2 = robot.start_nav2()
    points = [msg.Waypoint(x=0.0), msg.Waypoint(x=10.0, speed_limit=0.5)]
    robot.guard.send(100, ROBOT, kind=1, waypoints=points)
    scene.nodes.wait_for_text(nav2, "limit 0.50 False")
    scene.nodes.wait_for_text(nav2, "reached")
    scene.nodes.wait_for_text(nav2, r"limit 0.50 False[\s\S]*limit 0.00 False")


@needs_nav2
def test_nav2_is_told_its_limit_however_late_it_hears_it(scene: Scene) -> None:
    """Its action's server may be found before its subscription to limits."""
    robot = Robot(scene)
    nav2 = robot.start_nav2(hears_limits_s=2.0, speed_mps=1.0)
    robot.guard.send(100, ROBOT, kind=1, waypoints=[msg.Waypoint(x=20.0, speed_limit=0.5)])
    robot.wait_for_silence()
    scene.nodes.wait_for_text(nav2, r"drives [\s\S]*limit 0.50 False")
    assert "reached" not in scene.nodes.text(nav2)


@needs_nav2
def test_it_leaves_a_robot_that_stands(scene: Scene) -> None:
    robot = Robot(scene)
    nav2 = robot.start_nav2(speed_mps=1.0)
    robot.route(100)
    robot.wait_for_silence()
    said = len(robot.words)
    scene.nodes.signal("nav2_adapter_node", signal.SIGINT)
    assert scene.nodes.wait_for_end("nav2_adapter_node") == 0
    scene.nodes.wait_for_text(nav2, "cancelled")
    robot.wait(lambda: len(robot.words) > said, "a last word to the wheels")


@pytest.mark.skipif(HAS_NAV2, reason="nav2_msgs is there")
def test_without_nav2_it_says_what_is_missing(scene: Scene) -> None:
    arguments = ros_arguments({"map_file": str(scene.map_file), "pose_source": "pose"})
    ended = run_to_end(scene.directory, "fallback_guard.nodes.nav2_adapter_node", *arguments)
    assert ended.returncode == 2
    assert "nav2_adapter_node: nav2_msgs cannot be imported" in ended.stderr
    for said in ("apt install", "not on PyPI", "follower_node"):
        assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(find_spec("tf2_ros") is not None, reason="tf2_ros is there")
def test_without_tf_it_says_what_else_there_is(scene: Scene) -> None:
    arguments = ros_arguments({"map_file": str(scene.map_file)})
    ended = run_to_end(scene.directory, "fallback_guard.nodes.follower_node", *arguments)
    assert ended.returncode == 2
    for said in ("tf2_ros", "apt install", "'odometry'", "'pose'"):
        assert said in ended.stderr
    assert "Traceback" not in ended.stderr
