# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A planner with a ladder as a process, its rungs given as parameters, heard over DDS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.core.effects import Occasion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind
from fallback_guard.tools.hostile_answers import HostileKind
from fallback_guard.tools.hostile_llm import HostileLlm
from fallback_guard.tools.share import share_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Message, Scene

OK, WARN, ERROR = b"\0", b"\1", b"\2"
STATUS: Final = "/planner_node: models"
ROBOT: Final = "picker_1"
REFUSALS_MIN: Final = 3


class Ladder:
    """A scene with a guard, a planner and two endpoints: the first says prose, the second the right route."""

    def __init__(self, scene: Scene, first: HostileLlm, second: HostileLlm) -> None:
        self.scene, self.first, self.second = scene, first, second
        self._asked = 0

    def plan(self) -> Message:
        """Ask for a route; return the decision."""
        self._asked += 1
        request_id = f"R-{self._asked}"
        self.scene.bystander.ask(world.pick_request(request_id, ROBOT))
        return self.scene.bystander.wait_for_decision(request_id, ROBOT)

    @property
    def newest(self) -> tuple[bytes, str, dict[str, str]]:
        """Level, message and values of what the planner's diagnostics said last."""
        for heard in reversed(self.scene.bystander.diagnostics):
            for status in heard.message.status:
                if status.name == STATUS:
                    return (
                        status.level,
                        status.message,
                        {one.key: one.value for one in status.values},
                    )
        return b"", "", {}

    def wait_for_level(self, level: bytes) -> tuple[str, dict[str, str]]:
        self.scene.bystander.wait_until(lambda: self.newest[0] == level, f"the level {level!r}")
        return self.newest[1:]


@pytest.fixture
def ladder(scene: Scene) -> Iterator[Ladder]:
    """Start everything; the first one's breaker opens after three refusals, and rests for the whole test."""
    with (
        HostileLlm(share=1.0, kinds=(HostileKind.PROSE,), warehouse=world.warehouse()) as first,
        HostileLlm(share=0.0, warehouse=world.warehouse()) as second,
    ):
        scene.start_guard(deadline_ms=5_000)
        rungs: dict[str, object] = {
            "rungs": ["primary", "second"],
            "primary.base_url": first.base_url,
            "primary.model": "talkative",
            "primary.breaker_failures_min": REFUSALS_MIN,
            "primary.rest_ms_min": 300_000,
            "primary.price_prompt": 2.5,
            "primary.attempts_max": 1,
            "second.base_url": second.base_url,
            "second.model": "terse",
        }
        scene.nodes.start_node("planner_node", planning_timeout_ms=4_000, **rungs)
        scene.nodes.wait_for_text("planner_node", "planning with talkative at .*, then terse at ")
        scene.bystander.wait_for_planner()
        scene.bystander.settle(ROBOT)
        yield Ladder(scene, first, second)


def test_the_second_model_s_route_is_driven_and_the_first_is_left_alone(ladder: Ladder) -> None:
    """The guard's refusals reach the right attempt, and they are what opens the breaker."""
    decisions = []
    while len(ladder.first.calls) < REFUSALS_MIN:
        decisions.append(ladder.plan())
        assert len(decisions) < 50, "the first model is never asked"
    message, values = ladder.wait_for_level(WARN)
    assert "left alone: primary (llm:talkative)" in message
    assert values["primary.breaker"] == "OPEN"
    assert values["second.breaker"] == "CLOSED"
    assert values["primary.refusals"] == str(REFUSALS_MIN)
    assert "OPEN: too many failures" in values["primary.breaker_history"]
    ladder.scene.nodes.wait_for_text(
        "planner_node", r"breaker of primary \(llm:talkative\): CLOSED to OPEN, too many failures"
    )
    assert any(
        (decision.outcome, decision.source, decision.attempt) == (MotionKind.ROUTE, "llm:terse", 2)
        for decision in decisions
    )
    said = [
        heard.message
        for heard in ladder.scene.bystander.decisions
        if heard.message.occasion == Occasion.REFUSAL and heard.message.source == "llm:talkative"
    ]
    assert {(one.failure_mode, one.attempt) for one in said} == {(FailureMode.PROSE, 1)}

    calls = len(ladder.first.calls)
    decision = ladder.plan()
    assert (decision.outcome, decision.source, decision.attempt) == (
        MotionKind.ROUTE,
        "llm:terse",
        1,
    )
    assert len(ladder.first.calls) == calls
    ladder.scene.bystander.wait_until(
        lambda: int(ladder.newest[2].get("primary.avoided", "0")) > 0, "an avoided call"
    )


def test_parameters_of_a_rung_are_fixed_and_can_be_read(ladder: Ladder) -> None:
    (result,) = ladder.scene.bystander.set_parameters(
        "planner_node", **{"primary.model": "another"}
    )
    assert not result.successful
    assert "start the node again" in result.reason
    (result,) = ladder.scene.bystander.set_parameters("planner_node", rungs=["second"])
    assert not result.successful


def test_where_nobody_can_be_asked_the_guard_is_told(scene: Scene) -> None:
    scene.start_guard()
    scene.nodes.start_node(
        "planner_node",
        **{
            "rungs": ["only_one"],
            "only_one.base_url": "http://127.0.0.1:9/v1",
            "only_one.attempts_max": 1,
            "only_one.breaker_failures_min": 1,
            "only_one.rest_ms_min": 300_000,
        },
    )
    scene.nodes.wait_for_text("planner_node", "planning with")
    bystander = scene.bystander
    bystander.settle(ROBOT)
    bystander.wait_for_planner()
    for number in range(20):
        bystander.ask(world.pick_request(f"R-{number}", ROBOT))
        decision = bystander.wait_for_decision(f"R-{number}", ROBOT)
        if decision.failure_mode == FailureMode.PLANNER_BREAKER_OPEN:
            break
    else:
        pytest.fail("the planner never said that its models are left alone")
    bystander.wait_until(
        lambda: any(
            status.name == STATUS and status.level == ERROR
            for heard in bystander.diagnostics
            for status in heard.message.status
        ),
        "an error in the diagnostics",
    )


def test_the_example_file_starts_a_planner(scene: Scene) -> None:
    """ROS reads its nested rungs; nobody is asked, and the second one's address is only named."""
    example = share_directory() / "config" / "planner_ladder.yaml"
    scene.nodes.start(
        "planner_node",
        "fallback_guard.nodes.planner_node",
        "--ros-args",
        "--params-file",
        str(example),
    )
    scene.nodes.wait_for_text(
        "planner_node", "planning with large-model at https://.*, then SmolLM2-135M-Instruct at "
    )
