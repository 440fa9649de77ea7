# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Guard and watchdog, killed and held up in every state of a request: what the robot hears of it in the end."""

from __future__ import annotations

from itertools import count, product
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.core.motion import MotionKind
from harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arena import Arena

    from fallback_guard.core.request import PickRequest

HELD_UP_S: Final = 0.4
"""Longer than a deadline, and longer than the silence after which a guard counts as gone."""

STATES: Final = ("planning", "staged", "due", "halted", "recovered")
NUMBERS: Final = count(1)


@pytest.fixture(scope="module")
def arena(shared_arena: Arena) -> Iterator[Arena]:
    shared_arena.start("watchdog_node")
    shared_arena.start("guard_node", recovery="standby", recovery_delay_ms=300)
    shared_arena.wait_for_the_watchdog()
    yield shared_arena
    findings = shared_arena.judge()
    assert findings.violations == ()
    assert findings.due > len(STATES) * 4
    assert findings.by_watchdog > 0
    assert findings.recoveries > 0


def bring_to(arena: Arena, state: str, request: PickRequest) -> None:
    """Bring a request to a state of `core.request_states`."""
    bystander, robot_id = arena.scene.bystander, request.robot_id
    if state == "planning":
        bystander.ask_surely(request)
    elif state == "staged":
        bystander.stage(request)
    else:
        bystander.ask(request)
    if state in ("halted", "recovered"):
        bystander.wait_for_motion(request.request_id, robot_id, MotionKind.SAFE_MOVE)
    if state == "recovered":
        bystander.wait_for_motion(request.request_id, robot_id, MotionKind.ROUTE)


@pytest.mark.parametrize(
    ("state", "node", "harm"),
    list(product(STATES, ("guard_node", "watchdog_node"), ("killed", "held up"))),
)
def test_the_robot_is_answered_and_served_again(
    arena: Arena, state: str, node: str, harm: str
) -> None:
    bystander, robot_id = arena.scene.bystander, f"robot_{next(NUMBERS)}"
    bystander.settle(robot_id)
    bystander.leave(robot_id)
    bystander.stand(robot_id)
    request = world.pick_request("R-1", robot_id, on_due=state in ("planning", "staged"))
    bring_to(arena, state, request)
    harming = arena.meanwhile(harm, node, HELD_UP_S)
    if request.on_due:
        bystander.fall_due("R-1", robot_id)
    answer = bystander.wait_for_motion("R-1", robot_id).message
    harming.join()
    # With neither of them there nobody would hear the next request.
    arena.wait_for_the_watchdog()
    asks = count(2)

    def served_again() -> bool:
        number = f"R-{next(asks)}"
        again = world.pick_request(number, robot_id)
        bystander.ask(again)
        bystander.answer(again)
        motion = bystander.wait_for_motion(number, robot_id).message
        return bool(motion.kind == MotionKind.ROUTE)

    wait_until(served_again, f"a route for {robot_id}")
    bystander.leave(robot_id)
    if state == "staged" and node == "watchdog_node":
        assert answer.kind == MotionKind.ROUTE, "the guard needs nobody"
