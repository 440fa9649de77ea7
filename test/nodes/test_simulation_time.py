# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Deadlines by simulated time: slow motion, a pause, a jump and a reset of the world."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from rosgraph_msgs.msg import Clock

import world
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.nodes import topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Bystander, Message, Scene

LIFE_SIGNS: Final = 5
"""Of the guard, 100 ms apart: more than its deadline, in real time."""

MARGIN_MS: Final = 15
WINDOW_MS: Final = 150 - MARGIN_MS

_SAID_EVERY_S: Final = 0.02


class Simulation:
    """Says what time it is in a world, again and again: the topic is one on which messages may be lost."""

    def __init__(self, bystander: Bystander) -> None:
        self._bystander = bystander
        self._publisher = topics.CLOCK.publisher(bystander.node)
        self._ns = 100 * NS_PER_S
        self._timer = bystander.node.create_timer(_SAID_EVERY_S, self._say)

    def go_on(self, *, by_ms: float) -> None:
        """Let time pass, or go back."""
        self._ns += int(by_ms * NS_PER_MS)

    def _say(self) -> None:
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(self._ns, NS_PER_S)
        self._publisher.publish(message)

    def wait_for_listener(self) -> None:
        """Wait until the guard hears it: its own subscription, and that of its node's ROS clock."""
        self._bystander.wait_until(
            lambda: self._publisher.get_subscription_count() >= 2, "who hears /clock"
        )

    def close(self) -> None:
        """Say nothing any more."""
        self._bystander.node.destroy_timer(self._timer)
        self._bystander.node.destroy_publisher(self._publisher)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Simulation]]:
    """Return a scene with a guard of which the deadlines are on the clock of a simulation."""
    from harness import open_scene  # noqa: PLC0415

    with open_scene(tmp_path_factory.mktemp("simulated")) as scene:
        simulation = Simulation(scene.bystander)
        scene.start_guard(use_sim_time=True, simulation_time=True, dispatch_margin_ms=MARGIN_MS)
        simulation.wait_for_listener()
        yield scene, simulation
        simulation.close()


@contextmanager
def standing(scene: Scene, robot_id: str) -> Iterator[Bystander]:
    scene.bystander.settle(robot_id)
    yield scene.bystander
    scene.bystander.leave(robot_id)


def decided_ms(decision: Message) -> float:
    return float(decision.time_to_decision.nanosec) / NS_PER_MS


def test_a_pause_closes_no_window(simulated: tuple[Scene, Simulation]) -> None:
    scene, simulation = simulated
    with standing(scene, "paused") as bystander:
        bystander.ask_surely(world.pick_request("R-1", "paused"))
        bystander.wait_for_states(LIFE_SIGNS)
        assert not bystander.motions_for("R-1", "paused")
        simulation.go_on(by_ms=WINDOW_MS - 1)
        bystander.wait_for_states(LIFE_SIGNS)
        assert not bystander.motions_for("R-1", "paused")
        simulation.go_on(by_ms=1)
        motion = bystander.wait_for_motion("R-1", "paused").message
        assert (motion.kind, motion.reason) == (MotionKind.SAFE_MOVE, FailureMode.PLANNER_SILENT)
        assert decided_ms(bystander.wait_for_decision("R-1", "paused")) == WINDOW_MS


def test_in_slow_motion_an_answer_has_its_time(simulated: tuple[Scene, Simulation]) -> None:
    scene, simulation = simulated
    with standing(scene, "slow") as bystander:
        request = world.pick_request("R-1", "slow")
        bystander.ask_surely(request)
        for _ in range(LIFE_SIGNS):
            bystander.wait_for_states(1)
            simulation.go_on(by_ms=10)
        bystander.wait_for_states(1)
        bystander.answer(request)
        decision = bystander.wait_for_decision("R-1", "slow")
        assert (decision.outcome, decided_ms(decision)) == (MotionKind.ROUTE, 10 * LIFE_SIGNS)


@pytest.mark.parametrize("back_ms", [1, 99_000])
def test_a_world_that_is_reset_keeps_nobody_waiting(
    simulated: tuple[Scene, Simulation], back_ms: float
) -> None:
    scene, simulation = simulated
    robot_id = f"reset-{back_ms}"
    with standing(scene, robot_id) as bystander:
        bystander.ask_surely(world.pick_request("R-1", robot_id))
        simulation.go_on(by_ms=-back_ms)
        bystander.wait_for_states(LIFE_SIGNS)
        assert not bystander.motions_for("R-1", robot_id)
        simulation.go_on(by_ms=WINDOW_MS)
        first = bystander.wait_for_motion("R-1", robot_id).message
        bystander.ask_surely(world.pick_request("R-2", robot_id))
        simulation.go_on(by_ms=WINDOW_MS)
        second = bystander.wait_for_motion("R-2", robot_id).message
        assert (first.kind, second.kind) == (MotionKind.SAFE_MOVE, MotionKind.SAFE_MOVE)
        assert second.sequence > first.sequence


def test_a_jump_forward_ends_in_a_safe_move(simulated: tuple[Scene, Simulation]) -> None:
    scene, simulation = simulated
    with standing(scene, "jump") as bystander:
        request = world.pick_request("R-1", "jump")
        bystander.ask_surely(request)
        simulation.go_on(by_ms=3_600_000)
        assert bystander.wait_for_motion("R-1", "jump").message.kind == MotionKind.SAFE_MOVE
