# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard as a process: what reaches a robot in answer to a due request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import world
from fallback_guard.core.effects import Clock, Occasion
from fallback_guard.core.failure_modes import Bucket, FailureMode
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from harness import report

if TYPE_CHECKING:
    from fallback_guard.core.request import PickRequest
    from harness import Message, Scene

LIFE_SIGNS = 5
"""Of the guard, 100 ms apart: time in which it could have sent something else."""

WAY = [1, 2, 3, 4, 3, 2, 1]
"""The nodes of the route for `world.pick_request()`."""


def assert_drives_the_map(motion: Message, request: PickRequest) -> None:
    """Assert that a command is the route for `request`, with places that only the map knows."""
    assert motion.kind == MotionKind.ROUTE
    assert [point.node for point in motion.waypoints] == WAY
    for point in motion.waypoints:
        assert (point.x, point.y) == world.position_of(point.node)
    assert [point.speed_limit for point in motion.waypoints] == [0, 0, 1, 0, 0, 1, 0]
    stops = [(stop.bin, stop.sku, stop.quantity) for stop in motion.stops]
    assert stops == [(item.bin, item.sku, item.quantity) for item in sorted(request.items)]
    for stop in motion.stops:
        assert motion.waypoints[stop.waypoint_index].node == stop.node


def test_silence_ends_in_one_safe_move_and_nothing_else(guard_scene: Scene) -> None:
    bystander = guard_scene.bystander
    bystander.settle("silent")
    due_ns = bystander.ask(world.pick_request("R-1", "silent"))
    heard = bystander.wait_for_motion("R-1", "silent")
    decision = bystander.wait_for_decision("R-1", "silent")
    report(f"due to safe move: {(heard.arrived_ns - due_ns) / 1e6:.1f} ms")
    motion = heard.message
    assert motion.kind == MotionKind.SAFE_MOVE
    assert motion.safe_move == SafeMoveKind.HOLD
    assert motion.reason == decision.failure_mode == FailureMode.PLANNER_SILENT
    assert decision.outcome == MotionKind.SAFE_MOVE
    assert decision.sequence == motion.sequence
    assert decision.bucket == Bucket.LATENCY
    assert decision.clock != Clock.NONE
    assert decision.time_to_decision.nanosec > 0
    assert (motion.source, len(motion.stops), len(motion.waypoints)) == ("", 0, 0)
    assert motion.lease.nanosec == 500 * 10**6
    bystander.wait_for_states(LIFE_SIGNS)
    assert len(bystander.motions_for("R-1", "silent")) == 1
    assert len(bystander.decisions_for("R-1", "silent")) == 1
    bystander.leave("silent")


def test_a_staged_route_is_driven_when_it_falls_due(guard_scene: Scene) -> None:
    bystander = guard_scene.bystander
    bystander.settle("staged")
    request = world.pick_request("R-1", "staged")
    bystander.stage(request)
    assert not bystander.motions_for("R-1", "staged"), "a route must not be driven before it is due"
    due_ns = bystander.fall_due("R-1", "staged")
    heard = bystander.wait_for_motion("R-1", "staged")
    decision = bystander.wait_for_decision("R-1", "staged")
    report(f"due to staged route: {(heard.arrived_ns - due_ns) / 1e6:.1f} ms")
    assert_drives_the_map(heard.message, request)
    assert (heard.message.reason, heard.message.source) == ("", "test")
    assert decision.outcome == MotionKind.ROUTE
    assert (decision.failure_mode, decision.source, decision.attempt) == ("", "test", 1)
    assert decision.sequence == heard.message.sequence
    assert min(decision.envelope_ns, decision.schema_ns, decision.map_ns) > 0, (
        "each stage is measured"
    )
    bystander.fall_due("R-1", "staged")
    bystander.wait_until(
        lambda: any(
            heard.message.detail == "it fell due before"
            for heard in bystander.decisions_for("R-1", "staged", Occasion.REFUSAL)
        ),
        "the refusal of a second due message",
    )
    assert len(bystander.motions_for("R-1", "staged")) == 1
    bystander.leave("staged")


def test_an_answer_within_the_window_is_driven(patient_scene: Scene) -> None:
    bystander = patient_scene.bystander
    bystander.settle("quick")
    request = world.pick_request("R-1", "quick")
    due_ns = bystander.ask(request)
    bystander.answer(request)
    heard = bystander.wait_for_motion("R-1", "quick")
    report(f"due to route: {(heard.arrived_ns - due_ns) / 1e6:.1f} ms")
    assert_drives_the_map(heard.message, request)
    decision = bystander.wait_for_decision("R-1", "quick")
    assert (decision.outcome, decision.failure_mode) == (MotionKind.ROUTE, "")
    assert len(bystander.decisions_for("R-1", "quick")) == 1
    bystander.leave("quick")


def test_a_second_answer_may_mend_a_refused_one(patient_scene: Scene) -> None:
    bystander = patient_scene.bystander
    bystander.settle("mended")
    request = world.pick_request("R-1", "mended")
    bystander.ask(request)
    bystander.answer(request, b"Sure!")
    bystander.answer(request, attempt=2)
    decision = bystander.wait_for_decision("R-1", "mended")
    assert (decision.outcome, decision.attempt, decision.candidates_refused) == (
        MotionKind.ROUTE,
        2,
        1,
    )
    bystander.leave("mended")


def test_a_robot_that_never_said_where_it_is_drops_its_order(guard_scene: Scene) -> None:
    bystander = guard_scene.bystander
    request = world.pick_request("R-1", "nowhere")
    bystander.ask(request)
    bystander.answer(request)
    motion = bystander.wait_for_motion("R-1", "nowhere").message
    assert (motion.kind, motion.safe_move) == (MotionKind.SAFE_MOVE, SafeMoveKind.CANCEL_AND_HOLD)
    assert motion.reason == FailureMode.POSITION_UNKNOWN


def test_a_robot_where_waiting_is_forbidden_retreats(guard_scene: Scene) -> None:
    bystander = guard_scene.bystander
    bystander.settle("blocking", node=3)
    bystander.ask(world.pick_request("R-1", "blocking", start_node=3))
    motion = bystander.wait_for_motion("R-1", "blocking").message
    bystander.leave("blocking")
    assert (motion.kind, motion.safe_move) == (MotionKind.SAFE_MOVE, SafeMoveKind.RETREAT)
    assert motion.safe_move_target == 5
    assert [(point.node, point.x, point.y) for point in motion.waypoints] == [
        (3, 20.0, 0.0),
        (5, 20.0, 10.0),
    ]


def test_two_robots_on_one_guard_do_not_mix(patient_scene: Scene) -> None:
    bystander = patient_scene.bystander
    bystander.settle("first")
    bystander.settle("other")
    first, second = world.pick_request("R-1", "first"), world.pick_request("R-1", "other")
    bystander.ask(first)
    bystander.ask(second)
    bystander.answer(first, world.answer(second))
    bystander.answer(second)
    assert bystander.wait_for_decision("R-1", "other").outcome == MotionKind.ROUTE
    motion = bystander.wait_for_motion("R-1", "first").message
    bystander.leave("other")
    assert (motion.kind, motion.reason) == (MotionKind.SAFE_MOVE, FailureMode.WRONG_ROBOT)
    bystander.leave("first")


def test_by_default_one_standby_route_follows_a_safe_move(scene: Scene) -> None:
    scene.start_guard(recovery="standby", recovery_delay_ms=300)
    bystander = scene.bystander
    bystander.settle("picker_1")
    request = world.pick_request("R-1")
    bystander.ask(request)
    safe_move = bystander.wait_for_motion("R-1", "picker_1").message
    route = bystander.wait_for_motion("R-1", "picker_1", MotionKind.ROUTE).message
    decision = bystander.wait_for_decision("R-1", "picker_1", Occasion.RECOVERY)
    assert safe_move.kind == MotionKind.SAFE_MOVE
    assert_drives_the_map(route, request)
    assert (route.source, route.reason) == ("standby", FailureMode.PLANNER_SILENT)
    assert route.sequence > safe_move.sequence
    assert (decision.outcome, decision.source, decision.sequence) == (
        MotionKind.ROUTE,
        "standby",
        route.sequence,
    )
    bystander.answer(request)
    refusal = bystander.wait_for_decision("R-1", "picker_1", Occasion.REFUSAL)
    assert refusal.failure_mode == FailureMode.STALE, "after its recovery a request is closed"
    bystander.wait_for_states(LIFE_SIGNS)
    assert len(bystander.motions_for("R-1", "picker_1")) == 2
