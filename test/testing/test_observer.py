# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An observer hears real nodes, with a clock of its own, and says what it heard instead of what was waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard import msg
from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.nodes import topics
from fallback_guard.testing import checks
from fallback_guard.testing.observer import NotHeardError, Observer
from fallback_guard.testing.operator import NoAnswerError, Operator
from fallback_guard.testing.timeline import GuardStanding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Scene

ROBOT: Final = "picker_1"
HEARD_S_MAX: Final = 15.0


@pytest.fixture
def observer(scene: Scene) -> Iterator[Observer]:
    with Observer(domain=scene.domain) as observer:
        yield observer


@pytest.fixture
def operator(scene: Scene) -> Iterator[Operator]:
    with Operator(domain=scene.domain) as operator:
        yield operator


def test_the_constants_are_those_of_the_message() -> None:
    for standing in GuardStanding:
        assert getattr(msg.GuardState, f"STATE_{standing.name}") == standing


def test_it_hears_the_whole_chain(scene: Scene, observer: Observer, operator: Operator) -> None:
    scene.start_guard()
    began_ns = time.monotonic_ns()
    observer.wait_for_guard()
    scene.bystander.settle(ROBOT)
    operator.wait_for_listeners(2)
    request = world.pick_request("R-1")
    operator.ask(request)
    decision = observer.wait_for_decision("R-1", robot_id=ROBOT)
    command = observer.wait_for_command("R-1", kind=MotionKind.SAFE_MOVE)
    assert decision.sequence == command.sequence
    assert decision.failure_mode == command.reason == "PLANNER_SILENT"
    assert command.safe_move is SafeMoveKind.HOLD
    assert command.lease_ns == 500_000_000
    due = observer.wait_for_due(
        robot_id=ROBOT, since_ns=observer.timeline.fell_due_ns[ROBOT, "R-1"]
    )
    assert began_ns < due.heard_ns <= time.monotonic_ns()
    (asked,) = [each for each in observer.timeline.asked if each.key == (ROBOT, "R-1")]
    assert asked.items == tuple((item.bin, item.sku, item.quantity) for item in request.items)
    scene.bystander.answer(request)
    observer.wait_for(
        lambda: [each for each in observer.timeline.answers if each.key == (ROBOT, "R-1")],
        "the answer",
    )
    assert observer.timeline.answers[-1].payload == world.answer(request)
    observer.wait_for(lambda: observer.timeline.track(ROBOT), "where the robot is")
    assert (observer.timeline.track(ROBOT)[-1].x, observer.timeline.track(ROBOT)[-1].y) == (
        world.position_of(1)
    )
    checks.assert_sequences_rise(observer.timeline)
    assert observer.timeline.effective(ROBOT)[-1] == command
    assert observer.not_understood == []


def test_it_says_what_came_instead(scene: Scene, observer: Observer) -> None:
    with pytest.raises(
        NotHeardError, match=r"not within 0\.1 s: a guard that is ACTIVE.* not heard"
    ):
        observer.wait_for_guard(timeout_s=0.1)
    scene.start_guard()
    observer.wait_for_guard()
    scene.bystander.settle(ROBOT)
    observer.wait_for_decision()
    with pytest.raises(NotHeardError, match=r"decision on R-9 of picker_1, occasion DUE; .*probe"):
        observer.wait_for_decision("R-9", robot_id=ROBOT, timeout_s=0.1)
    with pytest.raises(NotHeardError, match="any occasion"):
        observer.wait_for_decision("R-9", occasion=None, timeout_s=0.1)
    with pytest.raises(NotHeardError, match="occasion RECOVERY"):
        observer.wait_for_decision(occasion=Occasion.RECOVERY, timeout_s=0.1)
    with pytest.raises(NotHeardError, match="a command for any request to any robot, ROUTE by llm"):
        observer.wait_for_command(kind=MotionKind.ROUTE, source="llm", timeout_s=0.1)
    with pytest.raises(NotHeardError, match="a due request of nobody"):
        observer.wait_for_due(robot_id="nobody", timeout_s=0.1)
    with pytest.raises(NotHeardError, match="99 decided requests"):
        observer.wait_for_decisions(99, timeout_s=0.1)
    with pytest.raises(NotHeardError, match=r"picker_1 at 0\.5 m/s"):
        observer.wait_until_it_drives(ROBOT, timeout_s=0.1)


def test_what_no_definition_knows_is_kept_apart(scene: Scene, observer: Observer) -> None:
    """At its worst a sender puts any number where constants are."""
    bystander = scene.bystander
    bystander.wait_until(
        lambda: all(
            bystander.publishers[topic.name].get_subscription_count() > 0
            for topic in (topics.MOTION, topics.GUARD_DECISION, topics.GUARD_STATE)
        ),
        "an observer that listens",
    )
    # The bystander hears these topics as well, so a subscriber may be itself: it says them until they are heard.
    until = time.monotonic() + HEARD_S_MAX
    while len(observer.not_understood) < 3 and time.monotonic() < until:
        bystander.publish(topics.MOTION, msg.MotionCommand(kind=200))
        bystander.publish(topics.GUARD_DECISION, msg.GuardDecision(occasion=200))
        bystander.publish(topics.GUARD_STATE, msg.GuardState(state=200))
        time.sleep(0.1)
    assert len(observer.not_understood) >= 3
    assert not observer.timeline.states
    bystander.publish(topics.GUARD_STATE, msg.GuardState(state=0, heartbeat=1))
    assert observer.wait_for_guard().heartbeat == 1, "it still listens"


def test_an_operator_changes_the_state(
    scene: Scene, observer: Observer, operator: Operator
) -> None:
    scene.start_guard(autostart=False)
    observer.wait_for_guard(GuardStanding.INACTIVE)
    assert operator.lifecycle_state() == "unconfigured"
    assert not operator.change_state("activate")
    assert operator.change_state("configure")
    assert operator.change_state("activate")
    assert operator.lifecycle_state() == "active"
    observer.wait_for_guard(GuardStanding.ACTIVE)
    reset = operator.reset_latch(ROBOT)
    assert not reset.success
    assert reset.message
    changed = operator.set_parameter("guard_node", "detour_factor", 1.2)
    assert (changed.success, changed.reason) == (True, "")
    assert "start the node again" in operator.set_parameter("guard_node", "deadline_ms", 200).reason
    assert operator.change_state("shutdown")
    assert operator.lifecycle_state() == "finalized"
    assert not operator.change_state("shutdown"), "a second time"


def test_an_operator_says_who_does_not_answer(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fallback_guard.testing.operator.WAIT_S", 0.1)
    with pytest.raises(NoAnswerError, match="pick_request is heard by"):
        operator.wait_for_listeners(9, timeout_s=0.1)
    with pytest.raises(NoAnswerError, match="there is no service guard/reset"):
        operator.reset_latch()
    with pytest.raises(NoAnswerError, match="nobody has no parameter services"):
        operator.set_parameter("nobody", "x", 1)
