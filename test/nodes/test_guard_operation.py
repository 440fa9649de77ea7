# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What an operator does with a running guard: the latch, the lifecycle, and parameters."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState

import world
from fallback_guard import msg
from fallback_guard.core.effects import Occasion
from fallback_guard.core.failure_modes import Bucket, FailureMode
from fallback_guard.core.motion import MotionKind
from harness import open_scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Scene

ROBOT: Final = "picker_1"
ERROR = b"\2"
LIFE_SIGNS: Final = 4
"""Of the guard: time in which it could have sent something."""


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A guard that knows the robot, for all drills by the command."""
    with open_scene(tmp_path_factory.mktemp("drilled")) as opened:
        opened.start_guard()
        opened.bystander.settle(ROBOT)
        yield opened


def newest_diagnostics(scene: Scene) -> tuple[bytes, str]:
    """Return level and message of what the guard's diagnostics said last."""
    for heard in reversed(scene.bystander.diagnostics):
        for status in heard.message.status:
            if status.name == "/guard_node: decisions":
                return status.level, status.message
    return b"", ""


def silence(scene: Scene, request_id: str, robot_id: str = ROBOT) -> None:
    """Let one request of a robot end in a safe move."""
    scene.bystander.ask(world.pick_request(request_id, robot_id))
    motion = scene.bystander.wait_for_motion(request_id, robot_id).message
    assert motion.kind == MotionKind.SAFE_MOVE


def routes(scene: Scene, request_id: str, robot_id: str = ROBOT) -> bool:
    """Tell whether a request that is answered well ends in a route."""
    decision = scene.bystander.serve(world.pick_request(request_id, robot_id))
    return bool(decision.outcome == MotionKind.ROUTE)


def change_state(scene: Scene, transition: int) -> bool:
    """Ask for a lifecycle transition; tell whether it succeeded."""
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(scene.bystander.call(ChangeState, "guard_node/change_state", request).success)


def lifecycle_state(scene: Scene) -> int:
    """Return the lifecycle state."""
    response = scene.bystander.call(GetState, "guard_node/get_state", GetState.Request())
    return int(response.current_state.id)


def test_a_latch_holds_until_the_operator_resets_it(scene: Scene) -> None:
    scene.start_guard(latch_after=2)
    bystander = scene.bystander
    bystander.settle(ROBOT)
    bystander.settle("other")
    silence(scene, "R-1")
    assert routes(scene, "R-2"), "a route in time ends the row of safe moves"
    silence(scene, "R-3")
    assert not bystander.states[-1].message.latched_robots
    silence(scene, "R-4")
    state = bystander.wait_for_state(msg.GuardState.STATE_LATCHED)
    assert list(state.latched_robots) == [ROBOT]
    bystander.wait_until(
        lambda: newest_diagnostics(scene)[0] == ERROR, "an error in the diagnostics while latched"
    )
    assert ROBOT in newest_diagnostics(scene)[1]

    assert not routes(scene, "R-5")
    assert bystander.wait_for_motion("R-5", ROBOT).message.reason == FailureMode.LATCHED
    assert routes(scene, "R-1", "other"), "the latch of one robot is not that of another"

    wrong = bystander.reset_latch("nobody")
    assert not wrong.success
    assert wrong.message
    assert not bystander.reset_latch("other").success
    assert not routes(scene, "R-6")
    reset = bystander.reset_latch(ROBOT)
    assert reset.success
    assert ROBOT in reset.message
    assert routes(scene, "R-7")
    assert not bystander.wait_for_state(msg.GuardState.STATE_ACTIVE).latched_robots
    # Not OK: two pauses of the machine in the last 100 s are told as well, with a warning.
    bystander.wait_until(
        lambda: newest_diagnostics(scene)[0] != ERROR, "diagnostics without the latch"
    )
    assert not bystander.reset_latch("").success, "nobody is latched any more"


def test_a_drill_is_marked_everywhere_and_counts_against_nobody(scene: Scene) -> None:
    scene.start_guard(recovery="standby", recovery_delay_ms=50, latch_after=1)
    bystander = scene.bystander
    bystander.settle(ROBOT)
    assert not bystander.drill("nobody").success
    ordered = bystander.drill(ROBOT)
    assert ordered.success
    assert "within 60 s" in ordered.message
    assert not routes(scene, "R-1"), "it would have been let through"
    safe_move = bystander.wait_for_motion("R-1", ROBOT, MotionKind.SAFE_MOVE).message
    decision = bystander.wait_for_decision("R-1", ROBOT)
    assert safe_move.reason == decision.failure_mode == FailureMode.DRILL
    assert decision.bucket == Bucket.NONE
    recovery = bystander.wait_for_decision("R-1", ROBOT, Occasion.RECOVERY)
    route = bystander.wait_for_motion("R-1", ROBOT, MotionKind.ROUTE).message
    assert recovery.failure_mode == route.reason == FailureMode.DRILL
    bystander.wait_for_states(2)
    state = bystander.wait_for_state(msg.GuardState.STATE_ACTIVE)
    assert (state.drills, list(state.latched_robots)) == (1, [])
    assert routes(scene, "R-2"), "one drill, one fallback"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([ROBOT], 0, "falls back"),
        (["nobody"], 1, "no such robot"),
        (["no robot"], 2, "is no robot's id"),
        ([ROBOT, "--namespace", "1/"], 2, "--namespace '1/' cannot be one"),
        ([ROBOT, "--namespace", "/elsewhere", "--timeout-s", "0.2"], 2, "/elsewhere/guard/drill"),
        ([ROBOT, "--timeout-s", "nan"], 2, "--timeout-s is nan"),
    ],
)
def test_a_drill_by_the_command(drilled: Scene, arguments: list[str], code: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fallback_guard.tools.cli", "drill", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=drilled.directory,  # Where no sources are: they would be taken for the package.
        env=os.environ | {"ROS_DOMAIN_ID": str(drilled.domain)},
    )
    assert done.returncode == code, done.stderr
    assert said in (done.stderr if code == 2 else done.stdout)


def test_the_counters_add_up(scene: Scene) -> None:
    scene.start_guard()
    bystander = scene.bystander
    bystander.settle(ROBOT)
    bystander.wait_for_states(2)  # The first one may be older than the last probe.
    known = len(bystander.states)
    before = bystander.states[-1].message
    silence(scene, "R-1")
    assert routes(scene, "R-2")
    bystander.wait_until(
        lambda: bystander.states[-1].message.refusals >= before.refusals + 2, "the refusals counted"
    )
    after = bystander.states[-1].message
    assert (after.requests, after.routes, after.recoveries) == (2, 1, 0)
    assert after.safe_moves - before.safe_moves == 1
    assert after.decisions == after.routes + after.safe_moves
    # The newest alone is kept, for late joiners: one who is held up may miss some, and hears none twice.
    beats = [heard.message.heartbeat for heard in bystander.states[known - 1 :]]
    assert beats == sorted(set(beats)), "each sign of life rises"
    assert after.period.nanosec == 100 * 10**6


def test_the_lifecycle_by_its_services(scene: Scene) -> None:
    scene.start_guard(autostart=False)
    bystander = scene.bystander
    bystander.wait_for_state(msg.GuardState.STATE_INACTIVE)
    assert lifecycle_state(scene) == State.PRIMARY_STATE_UNCONFIGURED

    def stays_silent(request_id: str) -> None:
        request = world.pick_request(request_id)
        bystander.ask(request)
        bystander.answer(request)
        bystander.fall_due(request_id, ROBOT)
        bystander.wait_for_states(LIFE_SIGNS)
        assert not bystander.motions
        assert not bystander.decisions

    stays_silent("unconfigured")
    assert not bystander.reset_latch().success
    assert change_state(scene, Transition.TRANSITION_CONFIGURE)
    assert lifecycle_state(scene) == State.PRIMARY_STATE_INACTIVE
    stays_silent("configured")
    # Taken over by the guard that is configured already.
    assert bystander.set_parameters("guard_node", detour_factor=1.0)[0].successful
    assert change_state(scene, Transition.TRANSITION_ACTIVATE)
    bystander.wait_for_state(msg.GuardState.STATE_ACTIVE)
    bystander.settle(ROBOT)
    assert routes(scene, "R-1")
    bystander.serve(world.pick_request("R-2"), detouring_answer("R-2"))
    assert bystander.wait_for_motion("R-2", ROBOT).message.reason == FailureMode.DETOUR_TOO_LONG
    last_sequence = bystander.motions_for("R-2", ROBOT)[0].message.sequence

    # Deactivated with a window open.
    bystander.ask(world.pick_request("R-3"))
    assert change_state(scene, Transition.TRANSITION_DEACTIVATE)
    bystander.wait_for_state(msg.GuardState.STATE_INACTIVE)
    bystander.motions.clear()
    bystander.decisions.clear()
    stays_silent("deactivated")

    assert change_state(scene, Transition.TRANSITION_CLEANUP)
    stays_silent("cleaned up")
    scene.map_file.write_bytes(b'{"type": "FeatureCollection", "features": []}')
    assert not change_state(scene, Transition.TRANSITION_CONFIGURE)
    assert lifecycle_state(scene) == State.PRIMARY_STATE_UNCONFIGURED
    assert "it has no nodes" in scene.nodes.text("guard_node")
    stays_silent("broken map")

    scene.map_file.write_bytes(world.collection(world.features()))
    assert change_state(scene, Transition.TRANSITION_CONFIGURE)
    assert change_state(scene, Transition.TRANSITION_ACTIVATE)
    bystander.wait_for_state(msg.GuardState.STATE_ACTIVE)
    bystander.settle(ROBOT)
    assert routes(scene, "R-1"), "after a cleanup nothing of before is remembered"
    assert bystander.wait_for_motion("R-1", ROBOT).message.sequence > last_sequence


def test_a_transition_that_cannot_be_is_refused(scene: Scene) -> None:
    """Also what is no transition at all: the worst that can be asked for ends no guard."""
    scene.start_guard(autostart=False)
    possible = {
        Transition.TRANSITION_CONFIGURE,
        Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
    }
    for transition in set(range(12)) - possible | {
        Transition.TRANSITION_ON_CONFIGURE_SUCCESS,
        Transition.TRANSITION_CALLBACK_ERROR,
        Transition.TRANSITION_DESTROY,
        255,
    }:
        assert not change_state(scene, transition), transition
    request = ChangeState.Request(transition=Transition(label="no such transition"))
    answer = scene.bystander.call(ChangeState, "guard_node/change_state", request)
    assert not answer.success
    assert lifecycle_state(scene) == State.PRIMARY_STATE_UNCONFIGURED
    assert change_state(scene, Transition.TRANSITION_CONFIGURE)
    assert not change_state(scene, Transition.TRANSITION_CONFIGURE), "it is configured already"
    assert change_state(scene, Transition.TRANSITION_ACTIVATE)
    assert not change_state(scene, Transition.TRANSITION_CLEANUP), "it has to be inactive for that"
    scene.bystander.settle(ROBOT)
    assert routes(scene, "R-1")


def detouring_answer(request_id: str) -> bytes:
    """Return an answer that goes once more to and fro between two nodes: 80 m instead of 60 m."""
    c1, a1, a2 = world.pick_request().items
    stops = [world.stop(a1), world.stop(a2, via=[3]), world.stop(c1)]
    return world.answer(world.pick_request(request_id), stops)


def test_parameters_while_it_runs(guard_scene: Scene) -> None:
    bystander = guard_scene.bystander
    bystander.settle("tuned")

    def outcome_of_a_detour(request_id: str) -> str:
        request = world.pick_request(request_id, "tuned")
        payload = detouring_answer(request_id).replace(b"picker_1", b"tuned")
        return str(bystander.serve(request, payload).failure_mode)

    assert outcome_of_a_detour("R-1") == "", "80 m are within 1.5 times 60 m"
    assert bystander.set_parameters("guard_node", detour_factor=1.2)[0].successful
    assert outcome_of_a_detour("R-2") == FailureMode.DETOUR_TOO_LONG

    for name, value, said in (
        ("detour_factor", 0.5, "detour_factor"),
        ("detour_factor", float("nan"), "detour_factor"),
        ("detour_factor", "wide", "type"),
        ("capacity_pieces", 0, "capacity_pieces"),
        ("deadline_ms", 5_000, "read-only"),
        ("map_file", "/tmp/other.geojson", "read-only"),  # noqa: S108  # it is refused
        ("latch_after", 100, "read-only"),
        ("no_such_parameter", 1, "undeclared"),
    ):
        (result,) = bystander.set_parameters("guard_node", **{name: value})
        assert not result.successful, f"{name} was set to {value!r}"
        assert said in result.reason, result.reason
    assert outcome_of_a_detour("R-3") == FailureMode.DETOUR_TOO_LONG, (
        "a refused change changes nothing"
    )

    assert bystander.set_parameters("guard_node", detour_factor=1.5)[0].successful
    assert outcome_of_a_detour("R-4") == ""
    bystander.leave("tuned")
