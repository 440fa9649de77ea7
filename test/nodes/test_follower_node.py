# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The follower as a process, with wheels that turn: a guard, a task system and a robot over DDS."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING, Final

import pytest
from geometry_msgs.msg import PoseWithCovarianceStamped, Twist, TwistStamped
from nav_msgs.msg import Odometry

import world
from fallback_guard import msg
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.nodes import topics
from fallback_guard.nodes.pose_sources import yaw
from fallback_guard.tools.share import share_directory
from played_guard import ROBOT, PlayedGuard

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import Message, Scene

SAMPLE_MAP: Final = share_directory() / "config" / "sample_warehouse.geojson"
FOLLOWER: Final[dict[str, object]] = {
    "pose_source": "odometry",
    "pose_frame": "odom",
    # A machine under load may hold a process up.
    "pose_age_ms_max": 5_000,
    "speed_mps": 2.0,
    "acceleration_mps2": 1.5,
    "turn_radps": 2.0,
    "turn_acceleration_radps2": 6.0,
    "goal_tolerance_m": 0.3,
    "pick_time_s": 0.2,
}
WORDS: Final = 5
"""So many words in a row, after which nothing that was under way comes any more."""


class Ears:
    """What the bystander hears of the robot beside the chain."""

    def __init__(self, scene: Scene, *, stamped: bool = True) -> None:
        self.scene = scene
        self.words: list[Message] = []
        self.reports: list[Message] = []
        self.poses: list[Message] = []
        node = scene.bystander.node
        kind = TwistStamped if stamped else Twist
        node.create_subscription(kind, "cmd_vel", self.words.append, 50)
        node.create_subscription(Odometry, "odom", self.poses.append, 5)
        topics.PICK_REPORT.subscribe(node, self.reports.append)

    def wait(self, condition: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
        self.scene.bystander.wait_until(condition, what, timeout_s)

    @property
    def place(self) -> tuple[float, float]:
        """Where the wheels are."""
        if not self.poses:
            return 0.0, 0.0
        position = self.poses[-1].pose.pose.position
        return position.x, position.y

    def wait_for_x_beyond(self, x: float) -> None:
        self.wait(lambda: self.place[0] > x, f"the robot beyond x = {x:.2f}")

    def wait_for_zeros(self) -> None:
        """Wait until the wheels are told to stand, and nothing else, and do."""
        said = len(self.words)

        def zeros() -> bool:
            newest = self.words[said:][-WORDS:]
            return len(newest) == WORDS and all(is_zero(word) for word in newest)

        self.wait(zeros, "the wheels told to stand")
        self.wait(
            lambda: (
                len({(p.pose.pose.position.x, p.pose.pose.position.y) for p in self.poses[-WORDS:]})
                == 1
            ),
            "wheels that stand",
        )

    def position(self) -> Message:
        """Return the newest robot_position."""
        return self.scene.bystander.positions[-1].message

    def wait_for_position(self, condition: Callable[[Message], object], what: str) -> None:
        positions = self.scene.bystander.positions
        self.wait(lambda: positions and condition(positions[-1].message), what)


def is_zero(word: Message) -> bool:
    twist = getattr(word, "twist", word)
    return bool(twist.linear.x == 0.0 and twist.angular.z == 0.0)


def start(scene: Scene, **parameters: object) -> Ears:
    """Start a follower with wheels on the small warehouse, at its origin."""
    ears = Ears(scene)
    scene.nodes.start("unicycle", "unicycle")
    scene.nodes.start_node(
        "follower_node", map_file=str(scene.map_file), **{**FOLLOWER, **parameters}
    )
    ears.wait_for_position(lambda message: not message.lost, "a robot that knows where it is")
    scene.bystander.wait_for_subscribers(topics.MOTION, topics.GUARD_STATE)
    return ears


def test_three_tours_are_driven_over_dds_and_a_dead_guard_stops_the_wheels(scene: Scene) -> None:
    bystander, ears = scene.bystander, Ears(scene)
    scene.start_guard(
        map_file=str(SAMPLE_MAP),
        standby_at_deadline=True,
        latch_after=100,
        start_tolerance_m=1.6,
        position_age_ms_max=5_000,
        lease_ms=2_000,
        robot_speed_mps=3.0,
    )
    # The sample map's first node is at (0, -2), and odometry begins at 0.
    scene.nodes.start("unicycle", "unicycle")
    scene.nodes.start_node("follower_node", map_file=str(SAMPLE_MAP), frame_y_m=-2.0, **FOLLOWER)
    scene.nodes.start_node(
        "picker_sim_node",
        map_file=str(SAMPLE_MAP),
        drives=False,
        picks=0,
        items_max=1,
        lead_time_s=0.1,
        listeners_min=2,
    )
    ears.wait(
        lambda: len({report.request_id for report in ears.reports}) >= 3, "three tours", 110.0
    )
    routes = {
        heard.message.request_id: heard.message
        for heard in bystander.motions
        if heard.message.robot_id == ROBOT and heard.message.kind == MotionKind.ROUTE
    }
    for report in ears.reports[:3]:
        stop = routes[report.request_id].stops[report.stop_index]
        assert (report.bin, report.sku, report.quantity) == (stop.bin, stop.sku, stop.quantity)
        assert report.outcome == msg.PickReport.OUTCOME_PICKED
        assert report.robot_id == ROBOT
        assert report.sequence == routes[report.request_id].sequence
    assert len({(report.sequence, report.stop_index) for report in ears.reports}) == len(
        ears.reports
    )
    assert not [heard for heard in bystander.positions if heard.message.lost][10:], (
        "it was never lost"
    )
    names = bystander.node.get_publishers_info_by_topic("/robot_position")
    assert {info.node_name for info in names} == {"follower_node", "bystander"}

    ears.wait(lambda: not is_zero(ears.words[-1]), "a robot that drives")
    scene.nodes.end_at_once("guard_node")
    scene.nodes.wait_for_text("follower_node", "no sign of life from the guard: holding")
    ears.wait_for_zeros()


def test_safe_moves_stop_the_wheels_and_a_retreat_is_driven(scene: Scene) -> None:
    ears = start(scene)
    ears.wait_for_zeros()
    guard = PlayedGuard(scene)
    guard.route_east(100)
    ears.wait_for_x_beyond(0.5)
    guard.safe_move(101)
    ears.wait_for_zeros()
    held_at = ears.place
    assert held_at[0] < 29
    ears.wait_for_position(lambda message: message.sequence == 101, "the newest sequence told")
    guard.route_east(100)
    guard.route_east(102, robot_id="picker_2")
    guard.retreat(103, (2, 1))
    ears.wait(lambda: hypot(*ears.place) < 0.4, "the robot at the end of its retreat")
    ears.wait_for_zeros()
    guard.route_east(104)
    ears.wait_for_x_beyond(1.0)
    guard.safe_move(105, SafeMoveKind.CANCEL_AND_HOLD)
    ears.wait_for_zeros()
    assert ears.reports == []


BROKEN: Final[dict[str, dict[str, object]]] = {
    "no kind": {"kind": 0},
    "unknown kind": {"kind": 77},
    "unknown safe move": {"kind": 2, "safe_move": 77},
    "nothing to drive": {"kind": 1, "waypoints": []},
    "not a number": {"kind": 1, "waypoints": [msg.Waypoint(x=float("nan"), y=0.0)]},
    "infinite": {"kind": 1, "waypoints": [msg.Waypoint(x=0.0, y=float("inf"))]},
    "negative limit": {"kind": 1, "waypoints": [msg.Waypoint(x=9.0, speed_limit=-1.0)]},
    "limit that is no number": {
        "kind": 1,
        "waypoints": [msg.Waypoint(x=9.0, speed_limit=float("nan"))],
    },
    "stop beyond the way": {
        "kind": 1,
        "waypoints": [msg.Waypoint(x=9.0)],
        "stops": [msg.RouteStop(waypoint_index=1)],
    },
    "too long": {"kind": 1, "waypoints": [msg.Waypoint(x=9.0)] * 1_025},
    "a retreat to nowhere": {"kind": 2, "safe_move": 2},
}
"""What may come on `motion` at its worst."""


def test_a_command_that_cannot_be_carried_out_stops_the_wheels(scene: Scene) -> None:
    ears = start(scene)
    guard = PlayedGuard(scene)
    sequence = 100
    for name, fields in BROKEN.items():
        guard.route_there_and_back(sequence)
        ears.wait(
            lambda: ears.words and not is_zero(ears.words[-1]), f"a robot that drives: {name}"
        )
        guard.send(sequence + 1, ROBOT, **fields)
        ears.wait_for_zeros()
        ears.wait_for_position(lambda message: message.sequence == sequence + 1, name)  # noqa: B023  # called here
        sequence += 2
    assert scene.nodes.text("follower_node").count("is not carried out") == len(BROKEN)
    # A number that no guard could ever say a higher one than is no command.
    guard.send(2**63, ROBOT, kind=1, waypoints=[msg.Waypoint(x=9.0)])
    guard.route_there_and_back(sequence)
    ears.wait_for_position(lambda message: message.sequence == sequence, "the next command")


POSES: Final[dict[str, dict[str, float]]] = {
    "off the graph": {"y": 3.0},
    "not a number": {"x": float("nan")},
    "infinite": {"y": float("inf")},
    "far away": {"x": 1e300},
    "no rotation": {"w": 0.0},
    "a rotation that is no number": {"z": float("nan")},
    "old": {"age_s": 60.0},
    "of the future": {"age_s": -60.0},
}
"""What may come from a localiser at its worst."""


def test_a_pose_that_cannot_be_believed_is_lost(scene: Scene) -> None:
    scene.nodes.start_node(
        "follower_node", map_file=str(scene.map_file), pose_source="pose", pose_age_ms_max=3_000
    )
    node = scene.bystander.node
    publisher = node.create_publisher(PoseWithCovarianceStamped, "amcl_pose", 5)
    spoken: list[Message] = []

    def repeat() -> None:
        for message in spoken:
            publisher.publish(message)

    node.create_timer(0.05, repeat)

    def speak(frame: str = "map", **fields: float) -> None:
        said = {"x": 5.0, "y": 0.2, "z": 0.0, "w": 1.0, "age_s": 0.0, **fields}
        header = scene.bystander.header(age_ns=round(said["age_s"] * 1e9))
        message = PoseWithCovarianceStamped(header=header)
        message.header.frame_id = frame
        pose = message.pose.pose
        pose.position.x, pose.position.y = said["x"], said["y"]
        pose.orientation.z, pose.orientation.w = said["z"], said["w"]
        spoken[:] = [message]

    ears = Ears(scene)
    ears.wait_for_position(lambda message: message.lost, "a robot that has not heard where it is")
    for name, fields in POSES.items():
        speak()
        ears.wait_for_position(
            lambda m: not m.lost and (m.x, m.y) == (5.0, 0.0), f"known before {name}"
        )
        speak("map", **fields)
        ears.wait_for_position(lambda m: m.lost, name)
    speak()
    ears.wait_for_position(lambda m: not m.lost, "known again")
    speak("odom")
    ears.wait_for_position(lambda m: m.lost, "the wrong frame")
    speak()
    ears.wait_for_position(lambda m: not m.lost, "known again")
    spoken.clear()
    ears.wait_for_position(lambda m: m.lost, "silence")


def test_without_a_pose_the_wheels_stand(scene: Scene) -> None:
    ears = start(scene, pose_age_ms_max=1_000)
    guard = PlayedGuard(scene)
    guard.route_east(100)
    ears.wait_for_x_beyond(0.5)
    scene.nodes.end_at_once("unicycle")
    ears.wait_for_position(lambda message: message.lost, "a lost robot")
    said = len(ears.words)
    ears.wait(lambda: len(ears.words) > said + WORDS, "words to the wheels")
    assert all(is_zero(word) for word in ears.words[-WORDS:])


@pytest.mark.parametrize("rate", [0.3, 3.0])
def test_simulated_time_changes_no_way(scene: Scene, rate: float) -> None:
    """A simulation that is slower or faster than real: the robot stops where it should on its own clock."""
    ears = Ears(scene)
    scene.nodes.start("unicycle", "unicycle", "--ros-args", "-p", f"rate:={rate}")
    scene.nodes.start_node(
        "follower_node",
        map_file=str(scene.map_file),
        use_sim_time=True,
        **{**FOLLOWER, "speed_mps": 1.0, "acceleration_mps2": 1.0},
    )
    ears.wait_for_position(lambda message: not message.lost, "a robot that knows where it is")
    guard = PlayedGuard(scene, lease_ms=5_000)
    scene.bystander.wait_for_subscribers(topics.MOTION, topics.GUARD_STATE)
    points = [msg.Waypoint(x=x) for x in (0.0, 2.0)]
    guard.send(
        100, ROBOT, kind=1, waypoints=points, stops=[msg.RouteStop(waypoint_index=1, bin="A-1")]
    )
    ears.wait(lambda: ears.reports, "a pick", 60.0)
    assert abs(ears.place[0] - 2.0) < 0.3
    by_simulated_time = [
        (after.twist.linear.x - before.twist.linear.x, seconds_between(before, after))
        for before, after in zip(ears.words, ears.words[1:], strict=False)
        if after.twist.linear.x > before.twist.linear.x > 0.0
    ]
    assert by_simulated_time
    rise = sum(change for change, _ in by_simulated_time)
    took_s = sum(seconds for _, seconds in by_simulated_time)
    assert rise <= 1.0 * took_s * 1.25 + 0.05, (
        "no harder than it may, on the clock on which it moves"
    )


def seconds_between(before: Message, after: Message) -> float:
    stamps = [m.header.stamp.sec + m.header.stamp.nanosec * 1e-9 for m in (before, after)]
    return float(stamps[1] - stamps[0])


def test_a_plain_twist_where_the_wheels_want_one(scene: Scene) -> None:
    ears = Ears(scene, stamped=False)
    scene.nodes.start_node(
        "follower_node", map_file=str(scene.map_file), pose_source="pose", stamped_twist=False
    )
    ears.wait(lambda: len(ears.words) >= WORDS, "words to the wheels")
    assert all(is_zero(word) for word in ears.words)


def test_it_leaves_wheels_that_stand(scene: Scene) -> None:
    ears = start(scene)
    guard = PlayedGuard(scene)
    guard.route_east(100)
    ears.wait_for_x_beyond(0.5)
    scene.nodes.signal("follower_node", 15)
    assert scene.nodes.wait_for_end("follower_node") == 0
    ears.wait(lambda: is_zero(ears.words[-1]), "a last word")
    assert ears.words[-1].header.frame_id == "base_link"


def test_the_direction_of_a_rotation() -> None:
    pose = PoseWithCovarianceStamped().pose.pose
    pose.orientation.z = pose.orientation.w = 0.5**0.5
    assert yaw(pose.orientation) == pytest.approx(1.5707963)
    assert world.position_of(1) == (0.0, 0.0)
