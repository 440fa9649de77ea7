# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Guard and planner with a task of one's own, over DDS, as a site would run them."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

import cold
import world
from cold import FROZEN, GLASS, HEAVY, pick, plan
from endpoint import completion, endpoint, response
from fallback_guard.core.failure_modes import FAILURE_MODES, FailureMode
from fallback_guard.core.motion import MotionKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from endpoint import Asked, Endpoint
    from harness import Scene

TASK: Final = "cold_chain:COLD_CHAIN"
F = FailureMode
FROZEN_FIRST: Final = (pick(FROZEN), pick(HEAVY), pick(GLASS))


@pytest.fixture(scope="module")
def cold_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a scene with a guard of the task."""
    from harness import open_scene  # noqa: PLC0415  # imports rclpy, which reads the environment

    with open_scene(tmp_path_factory.mktemp("cold")) as opened:
        opened.start_guard(task=TASK, deadline_ms=1_000)
        opened.nodes.wait_for_text("guard_node", "task cold_chain")
        yield opened


def test_a_plan_is_driven_and_its_rules_are_timed(cold_scene: Scene) -> None:
    bystander = cold_scene.bystander
    bystander.settle("cold_1")
    decision = bystander.serve(cold.request(robot_id="cold_1"), plan(robot_id="cold_1"))
    assert decision.outcome == MotionKind.ROUTE
    assert min(decision.schema_ns, decision.budget_ns, decision.task_ns) > 0
    motion = bystander.wait_for_motion("R-1", "cold_1").message
    assert [stop.sku for stop in motion.stops] == [HEAVY.sku, GLASS.sku, FROZEN.sku]
    bystander.leave("cold_1")


@pytest.mark.parametrize(
    ("name", "payload", "mode", "rule"),
    [
        ("frozen_first", plan(*FROZEN_FIRST, robot_id="ROBOT"), F.TASK_RULE, "frozen_last"),
        ("package_shape", world.answer(cold.request(robot_id="ROBOT")), F.SCHEMA, "schema"),
        ("extra_field", plan(robot_id="ROBOT", tote=7), F.SCHEMA, "schema"),
        ("item_left_out", plan(pick(HEAVY), robot_id="ROBOT"), F.ITEM_MISSING, "every_item"),
        (
            "key_twice",
            plan(robot_id="ROBOT").replace(b"{", b'{"order": "R-1", ', 1),
            F.DUPLICATE_KEY,
            "unique_keys",
        ),
    ],
)
def test_a_plan_is_refused_by_the_rule_that_it_breaks(
    cold_scene: Scene, name: str, payload: bytes, mode: FailureMode, rule: str
) -> None:
    bystander = cold_scene.bystander
    bystander.settle(name)
    decision = bystander.serve(
        cold.request(robot_id=name), payload.replace(b"ROBOT", name.encode())
    )
    refusal = bystander.wait_for_refused_answer("R-1", name)
    assert (refusal.failure_mode, refusal.rule) == (mode, rule)
    assert (refusal.measured, refusal.limit) == (2 if mode is F.TASK_RULE else refusal.measured, 0)
    assert refusal.vda5050_error == FAILURE_MODES[mode].vda5050_error
    assert decision.outcome == MotionKind.SAFE_MOVE
    assert (decision.failure_mode, decision.rule) == (mode, rule)
    bystander.leave(name)


def test_a_rule_that_leaves_the_program_refuses_and_the_guard_goes_on(scene: Scene) -> None:
    scene.start_guard(task="odd_tasks:LEAVING", deadline_ms=1_000)
    bystander = scene.bystander
    bystander.settle("picker_1")
    for name in ("R-1", "R-2"):
        decision = bystander.serve(cold.request(name), plan(request_id=name))
        assert decision.outcome == MotionKind.SAFE_MOVE
        assert (decision.failure_mode, decision.rule) == (F.INTERNAL_ERROR, "site_labels")
    assert scene.nodes.running == ["guard_node"]


# The planner


def _request_in(body: Mapping[str, object]) -> dict[str, str]:
    """Return the request that the model is asked about."""
    messages = body["messages"]
    assert isinstance(messages, list)
    request: dict[str, str] = json.loads(messages[-1]["content"].splitlines()[1])
    return request


@contextmanager
def scripted(*answers: bytes) -> Iterator[Endpoint]:
    """Serve a model's answers in this order, the last again and again, with the ids that it was asked for."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    served: list[Endpoint] = []
    calls: list[str] = []

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        request = _request_in(asked.body)
        text = answers[min(calls.count(request["request_id"]), len(answers) - 1)].decode()
        calls.append(request["request_id"])
        said = text.replace("R-0", request["request_id"]).replace("ROBOT", request["robot_id"])
        writer.write(response(completion(said)))
        await writer.drain()

    async def serve() -> None:
        async with endpoint(answer) as here:
            served.append(here)
            ready.set()
            await stopped.wait()

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="endpoint")
    thread.start()
    assert ready.wait(15.0), "the endpoint listens"
    try:
        yield served[0]
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()


def _asked_and_driven(scene: Scene, task: str, here: Endpoint) -> str:
    """Start guard and planner, ask until both know each other, and return the request that was driven."""
    # A slow machine must not turn a good answer into a late one here.
    scene.start_guard(task=task, deadline_ms=5_000)
    scene.nodes.start_node("planner_node", base_url=here.base_url, model="scripted", task=task)
    scene.nodes.wait_for_text("planner_node", "planning with scripted")
    bystander = scene.bystander
    bystander.wait_for_planner()
    for number in range(1, 20):
        robot, name = f"picker_{number}", f"R-{number}"
        bystander.settle(robot)
        bystander.ask(cold.request(name, robot))
        decision = bystander.wait_for_decision(name, robot)
        bystander.leave(robot)
        if decision.outcome == MotionKind.ROUTE:
            assert decision.attempt == 2
            assert decision.candidates_refused == 1
            refusal = bystander.wait_for_refused_answer(name, robot)
            assert (refusal.failure_mode, refusal.rule) == (F.TASK_RULE, "frozen_last")
            return name
    pytest.fail("no request was driven")


@pytest.mark.parametrize("task", [TASK, "odd_tasks:LOST"])
def test_the_model_is_told_of_the_task_and_asked_again_with_the_reason(
    scene: Scene, task: str
) -> None:
    wrong = plan(*FROZEN_FIRST, request_id="R-0", robot_id="ROBOT")
    right = plan(request_id="R-0", robot_id="ROBOT")
    with scripted(wrong, right) as here:
        name = _asked_and_driven(scene, task, here)
        bodies = [asked.body for asked in here.asked]
    about = [body for body in bodies if _request_in(body)["request_id"] == name]
    first, again = (json.dumps(body) for body in about[:2])
    for told in (first, again):
        assert "Everything frozen comes last" in told
        assert "route schema version 1" not in told
    assert "TASK_RULE: AMB-1-H comes after a frozen article" not in first
    assert "TASK_RULE: AMB-1-H comes after a frozen article" in again
    form = about[0]["response_format"]
    assert isinstance(form, dict)
    assert form["json_schema"]["schema"] == json.loads(
        json.dumps(cold.TASK.answer.model_json_schema())
    )
