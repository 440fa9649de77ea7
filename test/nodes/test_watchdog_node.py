# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The watchdog as a process: it says when a guard has died or hangs, speaks for it, and hands back."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from rclpy.node import Node

import world
from fallback_guard import msg
from fallback_guard.core.effects import Occasion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.nodes import topics
from harness import report, ros_arguments

if TYPE_CHECKING:
    from pathlib import Path

    from harness import Message, Scene

ROBOT: Final = "picker_1"

OK, WARN, ERROR = b"\0", b"\1", b"\2"
STATUS: Final = "/watchdog_node: guard"
LIFE_SIGNS: Final = 5


def wait_for_status(scene: Scene, level: bytes, message: str) -> None:
    """Wait until the newest diagnostics of the watchdog say this."""

    def newest() -> tuple[bytes, str]:
        for heard in reversed(scene.bystander.diagnostics):
            for status in heard.message.status:
                if status.name == STATUS:
                    return status.level, status.message
        return b"", ""

    scene.bystander.wait_until(lambda: newest() == (level, message), f"diagnostics {message!r}")


def test_death_and_hang_are_told_and_so_is_the_return(scene: Scene) -> None:
    nodes = scene.nodes
    nodes.start_node("watchdog_node")
    wait_for_status(scene, WARN, "no guard has been heard yet")
    scene.start_guard()
    nodes.wait_for_text("watchdog_node", "the guard is there")
    wait_for_status(scene, OK, "the guard is there")

    nodes.signal("guard_node", signal.SIGKILL)
    nodes.wait_for_end("guard_node")
    nodes.wait_for_text("watchdog_node", r"\[ERROR\].*the guard is gone")
    wait_for_status(scene, ERROR, "the guard is gone")
    scene.start_guard()
    nodes.wait_for_text("watchdog_node", "the guard is back")
    wait_for_status(scene, OK, "the guard is there")

    # A hang: the process is there, and says nothing.
    nodes.signal("guard_node", signal.SIGSTOP)
    try:
        wait_for_status(scene, ERROR, "the guard is gone")
    finally:
        nodes.signal("guard_node", signal.SIGCONT)
    wait_for_status(scene, OK, "the guard is there")
    said = nodes.text("watchdog_node")
    # A pause of the machine is told like a hang, so there may be more; each end is told as well.
    assert said.count("the guard is gone") == said.count("the guard is back") >= 2


def expect_spoken_for(scene: Scene, request_id: str, due_ns: int) -> Message:
    """Expect the watchdog's safe move for a request, and its record; return the motion."""
    bystander = scene.bystander
    heard = bystander.wait_for_motion(request_id, ROBOT)
    decision = bystander.wait_for_decision(request_id, ROBOT)
    report(f"due to the watchdog's safe move: {(heard.arrived_ns - due_ns) / 1e6:.1f} ms")
    motion = heard.message
    assert (motion.kind, motion.safe_move) == (MotionKind.SAFE_MOVE, SafeMoveKind.CANCEL_AND_HOLD)
    assert (motion.source, motion.reason) == ("watchdog", FailureMode.GUARD_SILENT)
    assert (decision.source, decision.failure_mode) == ("watchdog", FailureMode.GUARD_SILENT)
    assert decision.sequence == motion.sequence
    return motion


def taken_over(scene: Scene, request_id: str) -> list[Message]:
    """Return the commands for a request that a robot takes over: those whose numbers rise."""
    newest, taken = 0, []
    for heard in scene.bystander.motions:
        motion = heard.message
        if motion.robot_id == ROBOT and motion.sequence > newest:
            newest = motion.sequence
            taken += [motion] if motion.request_id == request_id else []
    return taken


def test_it_speaks_for_a_guard_that_is_held_up_and_then_for_one_that_is_gone(scene: Scene) -> None:
    bystander, nodes = scene.bystander, scene.nodes
    nodes.start_node("watchdog_node")
    scene.start_guard()
    wait_for_status(scene, OK, "the guard is there")
    bystander.settle(ROBOT)
    bystander.ask(world.pick_request("R-1"))
    by_guard = bystander.wait_for_motion("R-1", ROBOT).message
    assert by_guard.source == ""

    nodes.signal("guard_node", signal.SIGSTOP)
    try:
        held_up = expect_spoken_for(scene, "R-2", bystander.ask(world.pick_request("R-2")))
        wait_for_status(scene, ERROR, "the guard is gone")
        gone = expect_spoken_for(scene, "R-3", bystander.ask(world.pick_request("R-3")))
    finally:
        nodes.signal("guard_node", signal.SIGCONT)
    wait_for_status(scene, OK, "the guard is there")
    bystander.settle(ROBOT)
    bystander.ask(world.pick_request("R-4"))
    by_guard_again = bystander.wait_for_motion("R-4", ROBOT).message
    assert by_guard_again.source == ""
    bystander.wait_for_states(LIFE_SIGNS)
    # A watchdog that did not hear the guard yet may have spoken, too, under a number that no robot takes over.
    assert taken_over(scene, "R-1") == [by_guard]
    assert taken_over(scene, "R-4") == [by_guard_again]
    numbers = [each.sequence for each in (by_guard, held_up, gone, by_guard_again)]
    assert numbers == sorted(set(numbers)), "numbers rise across both processes"
    bystander.leave(ROBOT)


def test_requests_are_answered_while_there_is_no_guard_at_all(scene: Scene) -> None:
    bystander = scene.bystander
    scene.nodes.start_node("watchdog_node")
    bystander.wait_for_subscribers(topics.PICK_REQUEST, topics.ROUTE_DUE)
    expect_spoken_for(scene, "R-1", bystander.ask(world.pick_request("R-1")))
    bystander.ask(world.pick_request("R-2", on_due=True))
    expect_spoken_for(scene, "R-2", bystander.fall_due("R-2", ROBOT))
    assert len(bystander.motions_for("R-1", ROBOT)) == 1


def test_a_stranger_and_a_second_guard_are_told(scene: Scene) -> None:
    """The bystander, which can also publish guard/state, counts as a guard, but gives no signs of life."""
    nodes, bystander = scene.nodes, scene.bystander
    nodes.start_node("watchdog_node")
    scene.start_guard()
    wait_for_status(scene, OK, "the guard is there")
    joystick = Node("joystick", context=bystander.node.context, enable_rosout=False)
    topics.MOTION.publisher(joystick)
    opened_ns = time.monotonic_ns()
    wait_for_status(
        scene, ERROR, "/joystick publishes on motion, and is no guard; the guard is there"
    )
    report(f"a stranger was told after {(time.monotonic_ns() - opened_ns) / 1e6:.0f} ms")
    joystick.destroy_node()
    wait_for_status(scene, OK, "the guard is there")
    nodes.start(
        "second_guard",
        "fallback_guard.nodes.guard_node",
        *ros_arguments({"map_file": str(scene.map_file)}),
        "-r",
        "__node:=second_guard",
    )
    told = "2 guards give signs of life: /bystander, /guard_node, /second_guard"
    nodes.wait_for_text("watchdog_node", told)

    def alarms() -> list[str]:
        return [
            heard.message.detail
            for heard in bystander.decisions
            if heard.message.occasion == Occasion.ALARM
        ]

    bystander.wait_until(lambda: told in alarms(), "the record of the second guard")
    nodes.signal("second_guard", signal.SIGKILL)
    nodes.wait_for_end("second_guard")
    wait_for_status(scene, OK, "the guard is there")
    assert "/joystick publishes on motion, and is no guard" in alarms()


def test_it_imports_nothing_of_the_planners_and_little_of_the_guards(tmp_path: Path) -> None:
    """What is not there cannot hang, and takes no memory: a watchdog has to be small."""
    program = "import sys, fallback_guard.nodes.watchdog_node; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60.0,
        cwd=tmp_path,
    )
    heavy = {"pydantic", "orjson", "scipy", "shapely", "openai", "httpx", "asyncio"}
    loaded = set(ended.stdout.split())
    assert "rclpy" in loaded
    assert heavy & loaded <= {"asyncio"}, "rclpy itself takes asyncio"
    assert "fallback_guard.core.guard" not in loaded


def test_a_heartbeat_that_does_not_rise_is_no_sign_of_life(scene: Scene) -> None:
    bystander = scene.bystander
    scene.nodes.start_node("watchdog_node")
    state = bystander.publishers[topics.GUARD_STATE.name]
    bystander.wait_until(lambda: state.get_subscription_count() > 1, "the watchdog")  # and itself
    repeating = bystander.node.create_timer(
        0.02, lambda: state.publish(msg.GuardState(heartbeat=7))
    )
    wait_for_status(scene, ERROR, "the guard is gone")
    bystander.node.destroy_timer(repeating)
