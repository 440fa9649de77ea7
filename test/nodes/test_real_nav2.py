# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The adapter with Nav2's own controller server.  Runs where that is installed; the rest of Nav2 is not needed."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from lifecycle_msgs.msg import State, Transition

import world
from fallback_guard import msg
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from harness import report
from played_guard import ROBOT, PlayedGuard
from real_nav2 import RealRobot, controller_server

if TYPE_CHECKING:
    from harness import Scene

pytestmark = pytest.mark.skipif(
    controller_server() is None,
    reason="Nav2's controller server or tf2_ros is not installed: they come with Nav2, and are not on PyPI",
)
PICKED, UNREACHED = 1, 2
STOP_MS_MAX: Final = 400.0
"""From a command to wheels that stand, on a busy machine."""
STOPS: Final = 5


def route(guard: PlayedGuard, sequence: int, *picks_at: int, limit_mps: float = 0.0) -> None:
    """Send the robot 30 m east."""
    points = [msg.Waypoint(x=x, speed_limit=limit_mps) for x in (0.0, 10.0, 20.0, 30.0)]
    stops = [
        msg.RouteStop(bin=f"A-{index}", sku="SKU-1", quantity=1, waypoint_index=index)
        for index in picks_at
    ]
    guard.send(sequence, ROBOT, request_id=f"R-{sequence}", kind=1, waypoints=points, stops=stops)


def test_a_route_is_driven_pick_by_pick(scene: Scene) -> None:
    robot = RealRobot(scene)
    guard = PlayedGuard(scene)
    nav2 = robot.start_nav2()
    began_s = time.monotonic()
    route(guard, 100, 1, 2)
    robot.wait(lambda: len(robot.picked) == 2, "two picks")
    robot.wait(lambda: robot.place[0] > 29.5, "the end of the route")
    robot.stop_ms(0)
    assert robot.picked == [(0, PICKED), (1, PICKED)]
    assert scene.nodes.text(nav2).count("Reached the goal!") == 3
    assert abs(robot.place[1]) < 0.1
    report(f"route of 30 m with 2 picks: {time.monotonic() - began_s:.1f} s, ends at {robot.place}")


@pytest.mark.parametrize("kind", [SafeMoveKind.HOLD, SafeMoveKind.CANCEL_AND_HOLD])
def test_a_safe_move_stops_the_robot(scene: Scene, kind: SafeMoveKind) -> None:
    robot = RealRobot(scene)
    guard = PlayedGuard(scene)
    nav2 = robot.start_nav2()
    took_ms = []
    for number in range(STOPS):
        guard.route_there_and_back(100 + 2 * number)
        robot.wait_for_speed(1.5)
        since_ns = time.monotonic_ns()
        guard.safe_move(101 + 2 * number, kind)
        took_ms.append(robot.stop_ms(since_ns))
    report(f"stops after {kind.name} (ms): {[round(one) for one in took_ms]}")
    assert max(took_ms) < STOP_MS_MAX
    assert scene.nodes.text(nav2).count("Cancellation was successful") == STOPS


def test_the_lease_ends_a_goal(scene: Scene) -> None:
    robot = RealRobot(scene)
    guard = PlayedGuard(scene)
    nav2 = robot.start_nav2()
    route(guard, 100)
    robot.wait_for_speed(1.5)
    since_ns = time.monotonic_ns()
    guard.fall_silent()
    report(f"the guard silent, lease 1000 ms: stands after {robot.stop_ms(since_ns):.0f} ms")
    scene.nodes.wait_for_text(nav2, "Cancellation was successful")


def test_a_guard_that_hangs_or_falls_back_stops_nav2(scene: Scene) -> None:
    """The real guard: a planner that says nothing, the way it recovers, and its process stopped while it drives."""
    robot = RealRobot(scene)
    nav2 = robot.start_nav2()
    scene.start_guard(recovery="standby", recovery_delay_ms=1_000)
    robot.wait(lambda: scene.bystander.positions, "a robot that says where it is")
    request = replace(world.pick_request(), request_id="R-1")
    scene.bystander.wait_for_state(int(msg.GuardState.STATE_ACTIVE))
    scene.bystander.wait_for_states(10)  # in which it hears where the robot is
    scene.bystander.ask(request)
    motion = scene.bystander.wait_for_motion("R-1", ROBOT, MotionKind.SAFE_MOVE)
    report(f"planner silent: {motion.message.safe_move=}")
    scene.bystander.wait_for_motion("R-1", ROBOT, MotionKind.ROUTE)
    robot.wait_for_speed(0.9)
    robot.wait(lambda: len(robot.picked) >= 2, "the picks at the first bin")
    robot.wait_for_speed(0.9)
    since_ns = time.monotonic_ns()
    scene.nodes.signal("guard_node", signal.SIGSTOP)
    took_ms = robot.stop_ms(since_ns)
    scene.nodes.signal("guard_node", signal.SIGCONT)
    lease = scene.bystander.motions[-1].message.lease
    report(
        f"guard stopped: stands after {took_ms:.0f} ms of a lease of {lease.sec}.{lease.nanosec:09d}"
    )
    scene.nodes.wait_for_text(nav2, "Cancellation was successful")


def test_nav2_is_killed_while_it_drives(scene: Scene) -> None:
    robot = RealRobot(scene)
    guard = PlayedGuard(scene)
    first = robot.start_nav2()
    route(guard, 100, 1, 2)
    robot.wait(lambda: robot.place[0] > 2.0, "a robot on its way")
    since_ns = time.monotonic_ns()
    scene.nodes.end_at_once(first)
    took_ms = robot.stop_ms(since_ns)
    scene.nodes.wait_for_text("nav2_adapter_node", "stopped, and will go on")
    robot.start_nav2()
    began_s = time.monotonic()
    robot.wait_for_speed(1.5)
    report(
        f"killed: stands after {took_ms:.0f} ms; new one drives {time.monotonic() - began_s:.1f} s after it is active"
    )
    robot.wait(lambda: len(robot.picked) == 2, "two picks")
    assert robot.picked == [(0, PICKED), (1, PICKED)]


def test_nav2_that_takes_no_goals_yet_is_waited_for(scene: Scene) -> None:
    """A controller server refuses every goal until it is active, and that may take a while."""
    robot = RealRobot(scene, failures_max=1, retry_s=0.3)
    guard = PlayedGuard(scene)
    robot.start_nav2()
    route(guard, 100, 1, 2)
    robot.wait(lambda: robot.place[0] > 2.0, "a robot on its way")
    since_ns = time.monotonic_ns()
    robot.change(Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE)
    report(f"deactivated: stands after {robot.stop_ms(since_ns):.0f} ms, with the call")
    log = scene.nodes.text
    robot.wait(lambda: log("nav2_adapter_node").count("Nav2 has refused the goal") >= 4, "refusals")
    assert robot.picked == []
    robot.change(Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE)
    robot.wait(lambda: len(robot.picked) == 2, "two picks")
    assert robot.picked == [(0, PICKED), (1, PICKED)]


def test_a_goal_that_nav2_gives_up_is_reported(scene: Scene) -> None:
    robot = RealRobot(scene, failures_max=1, retry_s=0.3, controller_id="Nobody")
    guard = PlayedGuard(scene)
    robot.start_nav2()
    route(guard, 100, 1, 2)
    robot.wait(lambda: robot.picked, "a report")
    assert robot.picked == [(0, UNREACHED)]
    scene.nodes.wait_for_text("nav2_adapter_node", "given up, and holding: .* error 101")


def test_a_retreat_is_driven(scene: Scene) -> None:
    robot = RealRobot(scene)
    guard = PlayedGuard(scene)
    robot.start_nav2()
    guard.retreat(100, (1, 2, 6, 5))
    robot.wait(lambda: robot.place[0] > 19.5 and robot.place[1] > 9.5, "a robot in the refuge")
    robot.stop_ms(0)
    assert "given up" not in scene.nodes.text("nav2_adapter_node")
    report(f"retreat ends at {robot.place}")


def test_a_speed_limit_is_kept_also_by_a_new_nav2(scene: Scene) -> None:
    robot = RealRobot(scene)
    guard = PlayedGuard(scene)
    first = robot.start_nav2()
    route(guard, 100, limit_mps=0.5)
    fastest = 0.0

    def drives_to(x: float) -> bool:
        nonlocal fastest
        fastest = max(fastest, robot.speed_mps)
        return robot.place[0] > x

    robot.wait(lambda: drives_to(2.0), "2 m")
    report(f"limit 0.5 m/s: fastest {fastest:.2f} m/s")
    assert fastest < 0.6
    scene.nodes.end_at_once(first)
    robot.stop_ms(0)
    robot.start_nav2()
    fastest, x = 0.0, robot.place[0]
    robot.wait(lambda: drives_to(x + 2.0), "2 m more")
    report(f"the same of a new one: fastest {fastest:.2f} m/s")
    assert fastest < 0.6


def test_it_leaves_a_robot_that_stands(scene: Scene) -> None:
    robot = RealRobot(scene)
    guard = PlayedGuard(scene)
    nav2 = robot.start_nav2()
    route(guard, 100)
    robot.wait_for_speed(1.5)
    since_ns = time.monotonic_ns()
    scene.nodes.signal("nav2_adapter_node", signal.SIGINT)
    report(f"the adapter ends: stands after {robot.stop_ms(since_ns):.0f} ms")
    assert scene.nodes.wait_for_end("nav2_adapter_node") == 0
    scene.nodes.wait_for_text(nav2, "Cancellation was successful")
