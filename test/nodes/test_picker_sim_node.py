# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The simulated picker as a process: it drives what the guard lets through, and nothing else."""

from __future__ import annotations

import signal
from math import hypot
from typing import TYPE_CHECKING, Final

from fallback_guard import msg
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.nodes import topics
from fallback_guard.tools.share import share_directory
from played_guard import ROBOT, PlayedGuard

if TYPE_CHECKING:
    from harness import Message, Scene

SAMPLE_MAP: Final = share_directory() / "config" / "sample_warehouse.geojson"
QUICK: Final[dict[str, object]] = {
    "speed_mps": 20.0,
    "acceleration_mps2": 100.0,
    "time_factor": 20,
    "lead_time_s": 0.1,
}
SLOW: Final[dict[str, object]] = {"speed_mps": 2.0, "acceleration_mps2": 20.0, "lead_time_s": 0.1}
POSITIONS_AT_REST: Final = 5


def place(scene: Scene) -> tuple[float, float]:
    """Return where the picker was last."""
    positions = scene.bystander.positions
    return (positions[-1].message.x, positions[-1].message.y) if positions else (0.0, 0.0)


def wait_for_rest(scene: Scene) -> tuple[float, float]:
    """Wait until the picker says the same place again and again; return it."""

    def at_rest() -> bool:
        newest = [heard.message for heard in scene.bystander.positions[-POSITIONS_AT_REST:]]
        return len({(message.x, message.y) for message in newest}) == 1 < len(newest)

    scene.bystander.wait_until(at_rest, "the picker at rest")
    return place(scene)


def wait_for_x_beyond(scene: Scene, x: float) -> None:
    """Wait until the picker has driven past `x`."""
    scene.bystander.wait_until(lambda: place(scene)[0] > x, f"the picker beyond x = {x:.2f}")


def start_picker(scene: Scene) -> None:
    """Start a picker on the small warehouse and wait until it asks for a route."""
    scene.nodes.start_node("picker_sim_node", map_file=str(scene.map_file), **SLOW)
    bystander = scene.bystander
    motion = bystander.publishers[topics.MOTION.name]
    bystander.wait_until(
        lambda: motion.get_subscription_count() > 1, "the picker"
    )  # and the bystander
    bystander.wait_until(lambda: bystander.due, "a request that falls due")


def test_it_drives_its_routes_and_ends_when_all_are_done(scene: Scene) -> None:
    bystander = scene.bystander
    scene.start_guard(map_file=str(SAMPLE_MAP), standby_at_deadline=True)
    bystander.settle("bystander")
    bystander.leave("bystander")
    scene.nodes.start_node(
        "picker_sim_node", map_file=str(SAMPLE_MAP), picks=2, listeners_min=2, **QUICK
    )
    assert scene.nodes.wait_for_end("picker_sim_node") == 0
    assert "all 2 requests are done" in scene.nodes.text("picker_sim_node")
    first, second = (
        heard.message for heard in bystander.requests if heard.message.robot_id == ROBOT
    )
    assert first.start_node == 1
    assert second.start_node == first.goal_node
    assert first.on_due
    motions = [heard.message for heard in bystander.motions if heard.message.robot_id == ROBOT]
    assert [motion.kind for motion in motions] == [MotionKind.ROUTE] * 2
    places = {(heard.message.x, heard.message.y) for heard in bystander.positions}
    assert len(places) > 10, "it moved"
    goal = motions[0].waypoints[-1]
    assert goal.node == first.goal_node
    assert min(hypot(x - goal.x, y - goal.y) for x, y in places) < 0.1, "it was on its goal"
    assert bystander.positions[-1].message.header.frame_id == "map"


def test_it_holds_when_the_guard_dies(scene: Scene) -> None:
    bystander = scene.bystander
    scene.start_guard(map_file=str(SAMPLE_MAP), standby_at_deadline=True)
    bystander.settle("bystander")
    bystander.leave("bystander")
    scene.nodes.start_node(
        "picker_sim_node", map_file=str(SAMPLE_MAP), speed_mps=0.5, lead_time_s=0.1
    )
    bystander.wait_until(
        lambda: len({(heard.message.x, heard.message.y) for heard in bystander.positions}) > 5,
        "a picker that drives",
    )
    scene.nodes.signal("guard_node", signal.SIGKILL)
    scene.nodes.wait_for_text("picker_sim_node", "no sign of life from the guard: holding")
    wait_for_rest(scene)
    assert scene.nodes.running == ["picker_sim_node"]


def test_it_takes_only_its_own_newer_commands(scene: Scene) -> None:
    guard = PlayedGuard(scene)
    start_picker(scene)
    guard.route_east(100)
    wait_for_x_beyond(scene, 0.2)
    guard.safe_move(200, robot_id="picker_2")
    guard.safe_move(99)
    guard.safe_move(100)
    guard.route_east(50)
    wait_for_x_beyond(scene, place(scene)[0] + 1.0)
    guard.safe_move(101)
    held_at = wait_for_rest(scene)
    guard.route_east(101)
    scene.bystander.wait_for_motion("", ROBOT)
    assert wait_for_rest(scene) == held_at, "a command with an old sequence moves nothing"
    guard.route_east(102)
    wait_for_x_beyond(scene, held_at[0] + 0.5)
    guard.safe_move(103, SafeMoveKind.CANCEL_AND_HOLD)
    wait_for_rest(scene)


def test_a_new_guard_does_not_renew_the_lease_of_the_old_ones_command(scene: Scene) -> None:
    guard = PlayedGuard(scene)
    start_picker(scene)
    guard.route_east(100)
    wait_for_x_beyond(scene, 0.2)
    guard.heartbeat = 0
    scene.nodes.wait_for_text("picker_sim_node", "the guard has started anew")
    scene.nodes.wait_for_text("picker_sim_node", "no sign of life from the guard: holding")
    held_at = wait_for_rest(scene)
    assert held_at[0] < 29, "it holds on its way"
    guard.route_east(101)
    wait_for_x_beyond(scene, held_at[0] + 0.5)


def test_it_reports_its_picks_in_order(scene: Scene) -> None:
    """And the task system alone goes by what another robot reports, and by where that is."""
    reports: list[Message] = []
    topics.PICK_REPORT.subscribe(scene.bystander.node, reports.append)
    scene.start_guard(map_file=str(SAMPLE_MAP), standby_at_deadline=True)
    bystander = scene.bystander
    bystander.settle("bystander")
    bystander.leave("bystander")
    scene.nodes.start_node(
        "picker_sim_node", map_file=str(SAMPLE_MAP), picks=3, listeners_min=2, **QUICK
    )
    assert scene.nodes.wait_for_end("picker_sim_node") == 0
    routes = [heard.message for heard in bystander.motions if heard.message.robot_id == ROBOT]
    wanted = [
        (route.request_id, route.sequence, number, stop.bin, stop.sku, stop.quantity)
        for route in routes
        for number, stop in enumerate(route.stops)
    ]
    bystander.wait_until(lambda: len(reports) == len(wanted), "a report of every pick")
    assert [
        (one.request_id, one.sequence, one.stop_index, one.bin, one.sku, one.quantity)
        for one in reports
    ] == wanted
    assert {one.outcome for one in reports} == {msg.PickReport.OUTCOME_PICKED}


def start_task_system(scene: Scene, *, patience_s: float) -> None:
    """Start what asks for routes alone: another node drives."""
    scene.nodes.start_node(
        "picker_sim_node",
        map_file=str(scene.map_file),
        drives=False,
        lead_time_s=0.1,
        patience_s=patience_s,
    )
    scene.bystander.wait_for_subscribers(topics.MOTION, topics.GUARD_STATE)


def test_the_task_system_alone_moves_nothing_and_believes_what_is_reported(scene: Scene) -> None:
    bystander, guard = scene.bystander, PlayedGuard(scene)
    report = bystander.publishers[topics.PICK_REPORT.name]
    position = bystander.publishers[topics.ROBOT_POSITION.name]
    start_task_system(scene, patience_s=0.5)

    def stand(x: float) -> None:
        position.publish(msg.RobotPosition(robot_id=ROBOT, x=x))

    guard_states = len(bystander.states)
    bystander.wait_until(lambda: len(bystander.states) > guard_states + 5, "a guard that lives")
    assert not bystander.requests, "it asks for nothing before it knows where the robot is"
    places = [0.0]
    bystander.node.create_timer(0.05, lambda: stand(places[-1]))
    bystander.wait_until(lambda: len(bystander.due) == 1, "the first request to fall due")
    first = bystander.due[0].message.request_id

    points = [msg.Waypoint(x=x) for x in (0.0, 10.0, 30.0)]
    stops = [msg.RouteStop(waypoint_index=index, bin="A-1") for index in (1, 2)]
    guard.send(100, ROBOT, request_id=first, kind=1, waypoints=points, stops=stops)
    bystander.wait_until(lambda: len(bystander.requests) == 2, "the request for the next route")
    places.append(30.0)

    def say(sequence: int, stop_index: int, outcome: int = 1, robot_id: str = ROBOT) -> None:
        report.publish(
            msg.PickReport(
                robot_id=robot_id, sequence=sequence, stop_index=stop_index, outcome=outcome
            )
        )

    # None of this is the end of the route.
    say(100, 0)
    say(99, 1)
    say(101, 1)
    say(100, 1, robot_id="picker_2")
    states = len(bystander.states)
    bystander.wait_until(lambda: len(bystander.states) > states + 10, "half a second")
    assert len(bystander.due) == 1
    say(100, 1)
    bystander.wait_until(lambda: len(bystander.due) == 2, "the next request to fall due")

    # What could not be reached is asked for once more, from where the robot is.
    second = bystander.due[1].message.request_id
    guard.send(200, ROBOT, request_id=second, kind=1, waypoints=points, stops=stops)
    bystander.wait_until(lambda: len(bystander.requests) == 3, "the request after that")
    say(200, 0, msg.PickReport.OUTCOME_UNREACHED)
    bystander.wait_until(lambda: len(bystander.requests) >= 4, "the same tour asked for once more")
    again = bystander.requests[3].message
    assert again.request_id == f"{second}.1"
    assert again.start_node == 4
    assert {
        info.node_name for info in bystander.node.get_publishers_info_by_topic("/robot_position")
    } == {"bystander"}


def test_the_task_system_alone_lets_a_robot_finish_that_has_heard_the_guard_better(
    scene: Scene,
) -> None:
    """Its own ears may have been stopped; what it sees of the robot counts, and it asks anew where that stands."""
    bystander, guard = scene.bystander, PlayedGuard(scene)
    position = bystander.publishers[topics.ROBOT_POSITION.name]
    start_task_system(scene, patience_s=1.0)
    x, step_m = 0.0, 0.0

    def drive() -> None:
        nonlocal x
        x = min(30.0, x + step_m)
        position.publish(msg.RobotPosition(robot_id=ROBOT, x=x))

    bystander.node.create_timer(0.05, drive)
    bystander.wait_until(lambda: len(bystander.due) == 1, "the first request to fall due")
    points = [msg.Waypoint(x=at) for at in (0.0, 30.0)]
    stops = [msg.RouteStop(waypoint_index=1, bin="A-1")]
    first = bystander.due[0].message.request_id
    guard.send(100, ROBOT, request_id=first, kind=1, waypoints=points, stops=stops)
    bystander.wait_until(lambda: len(bystander.requests) == 2, "the request for the next route")
    step_m = 0.5
    guard.fall_silent()
    scene.nodes.wait_for_text("picker_sim_node", "no sign of life from the guard")
    guard.live()
    bystander.wait_until(lambda: x == 30.0, "the robot at its end, longer than its patience later")
    bystander.publishers[topics.PICK_REPORT.name].publish(
        msg.PickReport(robot_id=ROBOT, sequence=100, stop_index=0, outcome=1)
    )
    bystander.wait_until(lambda: len(bystander.due) == 2, "the next request to fall due")
    assert [heard.message.request_id for heard in bystander.requests] == [
        heard.message.request_id for heard in bystander.due
    ]
    # Of a robot that holds it does ask anew.
    second = bystander.due[1].message.request_id
    guard.send(200, ROBOT, request_id=second, kind=1, waypoints=points[::-1], stops=stops)
    bystander.wait_until(lambda: len(bystander.requests) == 3, "the request after that")
    guard.fall_silent()
    bystander.wait_until(lambda: len(bystander.requests) == 4, "the same tour asked for once more")
    assert bystander.requests[3].message.request_id == f"{second}.1"


def test_a_guard_that_is_inactive_renews_no_lease(scene: Scene) -> None:
    guard = PlayedGuard(scene)
    start_picker(scene)
    guard.route_east(100)
    wait_for_x_beyond(scene, 0.2)
    guard.state = int(msg.GuardState.STATE_LATCHED)
    wait_for_x_beyond(scene, place(scene)[0] + 4.0)  # two leases on
    guard.state = int(msg.GuardState.STATE_INACTIVE)
    scene.nodes.wait_for_text("picker_sim_node", "no sign of life from the guard: holding")
    held_at = wait_for_rest(scene)
    assert held_at[0] < 29, "it holds on its way"
    guard.state = int(msg.GuardState.STATE_ACTIVE)
    guard.route_east(101)
    wait_for_x_beyond(scene, held_at[0] + 0.5)
