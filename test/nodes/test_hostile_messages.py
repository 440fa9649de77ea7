# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Messages that a broken or hostile node could send: every field at the extremes of its wire type.

None of them may end the guard, and each has to end in the safe move where it makes a request due.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

import pytest
from builtin_interfaces.msg import Duration, Time
from std_msgs.msg import Header

import world
from fallback_guard import msg
from fallback_guard.core.effects import Clock, Occasion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import (
    DETAIL_CHARS_MAX,
    IDENTIFIER_CHARS_MAX,
    INSTRUCTIONS_CHARS_MAX,
)
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.nodes import topics
from harness import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness import Message, Scene

MEGABYTES_8: Final = 8_000_000
UINT32_MAX: Final = 2**32 - 1
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
ESCAPED_CHARS_MAX: Final = IDENTIFIER_CHARS_MAX + len("...")

BAD_IDS: Final = {
    "empty": "",
    "spaces": "R 1",
    "line_break": "R-1\n",
    "replacement_character": "R\ufffd1",
    "right_to_left": "R\u202e1",
    "one_too_long": "R" * (IDENTIFIER_CHARS_MAX + 1),
    "eight_megabytes": "R" * MEGABYTES_8,
    "eight_megabytes_of_emoji": "\U0001f4e6" * (MEGABYTES_8 // 4),
}


@pytest.fixture
def robot(request: pytest.FixtureRequest, guard_scene: Scene) -> Iterator[str]:
    """Return a robot of this test's own on node 1.  After the test the guard has to serve it as ever."""
    name = re.sub(r"[^A-Za-z0-9_.:-]", ".", request.node.name)[-IDENTIFIER_CHARS_MAX:]
    bystander = guard_scene.bystander
    bystander.settle(name)
    yield name
    assert guard_scene.nodes.running == ["guard_node"]
    bystander.settle(name)
    assert bystander.serve(world.pick_request("good", name)).outcome == MotionKind.ROUTE
    bystander.leave(name)


def refused_with(scene: Scene, mode: FailureMode, say: Callable[[], object]) -> Message:
    """Say something until it is refused for this reason; return the refusal."""
    before = len(scene.bystander.decisions)

    def found() -> list[Message]:
        since = [heard.message for heard in scene.bystander.decisions[before:]]
        return [
            message
            for message in since
            if message.occasion == Occasion.REFUSAL and message.failure_mode == mode
        ]

    scene.bystander.say_until_heard(say, found)
    return found()[0]


@pytest.mark.parametrize("name", BAD_IDS)
def test_a_bad_request_id_gets_a_safe_move_that_names_no_request(
    guard_scene: Scene, robot: str, name: str
) -> None:
    bystander = guard_scene.bystander
    sent_ns = bystander.ask(world.pick_request(BAD_IDS[name], robot))
    heard = bystander.wait_for_motion("", robot)
    report(f"{name}: answered after {(heard.arrived_ns - sent_ns) / 1e6:.1f} ms")
    assert (heard.message.kind, heard.message.reason) == (
        MotionKind.SAFE_MOVE,
        FailureMode.BAD_IDENTIFIER,
    )
    assert len(bystander.wait_for_decision("", robot).detail) <= DETAIL_CHARS_MAX


@pytest.mark.parametrize("name", BAD_IDS)
def test_a_bad_robot_id_is_refused_and_echoed_in_short(
    guard_scene: Scene, robot: str, name: str
) -> None:
    request = world.pick_request("R-1", BAD_IDS[name])
    refusal = refused_with(
        guard_scene, FailureMode.BAD_IDENTIFIER, lambda: guard_scene.bystander.ask(request)
    )
    assert len(refusal.robot_id) <= ESCAPED_CHARS_MAX
    assert refusal.robot_id.isascii()
    assert not any(
        heard.message.robot_id == BAD_IDS[name] for heard in guard_scene.bystander.motions
    )
    assert robot


def test_an_id_with_a_nul_is_cut_on_the_wire_and_is_another_id(
    guard_scene: Scene, robot: str
) -> None:
    """DDS carries C strings: what arrives is the part before the NUL, and that is what is answered."""
    bystander = guard_scene.bystander
    bystander.ask(world.pick_request("R-1\0-evil", robot))
    assert bystander.wait_for_motion("R-1", robot).message.kind == MotionKind.SAFE_MOVE


@pytest.mark.parametrize("name", BAD_IDS)
def test_a_bad_sku_or_bin_makes_a_bad_request(guard_scene: Scene, robot: str, name: str) -> None:
    bystander = guard_scene.bystander
    for field in ("sku", "bin"):
        message = bystander.request_message(world.pick_request(f"R-{field}", robot))
        setattr(message.items[0], field, BAD_IDS[name])
        bystander.publish(topics.PICK_REQUEST, message)
        decision = bystander.wait_for_decision(f"R-{field}", robot)
        assert decision.failure_mode == FailureMode.BAD_REQUEST
        assert len(decision.detail) <= DETAIL_CHARS_MAX
        assert bystander.wait_for_motion(f"R-{field}", robot).message.safe_move == SafeMoveKind.HOLD


@pytest.mark.parametrize(
    "changes",
    [
        {"items": []},
        {"items": [msg.PickItem(bin="A-1", sku="SKU-1", quantity=1)] * 33},
        {"items": [msg.PickItem(bin="A-1", sku="SKU-1", quantity=1)] * 100_000},
        {"items": [msg.PickItem(bin="A-1", sku="SKU-1", quantity=0)]},
        {"items": [msg.PickItem(bin="A-1", sku="SKU-1", quantity=UINT32_MAX)]},
        {"start_node": UINT32_MAX},
        {"goal_node": UINT32_MAX},
        {"start_node": 0},
        {"instructions": "x" * (INSTRUCTIONS_CHARS_MAX + 1)},
        {"instructions": "\U0001f4e6" * (MEGABYTES_8 // 4)},
    ],
    ids=[
        "no_items",
        "33_items",
        "100000_items",
        "quantity_0",
        "quantity_max",
        "start_max",
        "goal_max",
        "start_0",
        "instructions_one_too_long",
        "instructions_8_megabytes",
    ],
)
def test_a_request_out_of_its_limits_is_a_bad_request(
    guard_scene: Scene, robot: str, changes: dict[str, object]
) -> None:
    bystander = guard_scene.bystander
    message = bystander.request_message(world.pick_request("R-1", robot))
    for field, value in changes.items():
        setattr(message, field, value)
    sent_ns = bystander.publish(topics.PICK_REQUEST, message)
    heard = bystander.wait_for_motion("R-1", robot)
    report(f"answered after {(heard.arrived_ns - sent_ns) / 1e6:.1f} ms")
    assert (heard.message.kind, heard.message.reason) == (
        MotionKind.SAFE_MOVE,
        FailureMode.BAD_REQUEST,
    )
    candidate = world.pick_request("R-1", robot)
    bystander.answer(candidate)
    refusal = bystander.wait_for_refused_answer("R-1", robot)
    assert refusal.failure_mode == FailureMode.STALE


def test_instructions_at_their_limit_do_not_matter(guard_scene: Scene, robot: str) -> None:
    bystander = guard_scene.bystander
    request = world.pick_request("R-1", robot, instructions="\U0001f4e6" * INSTRUCTIONS_CHARS_MAX)
    assert bystander.serve(request).outcome == MotionKind.ROUTE


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (math.nan, 0.0),
        (0.0, math.nan),
        (math.inf, 0.0),
        (0.0, -math.inf),
        (1.7e308, 0.0),
        (5e-324, -1e6 - 1),
    ],
)
def test_a_position_that_is_none_is_unknown(
    guard_scene: Scene, robot: str, x: float, y: float
) -> None:
    bystander = guard_scene.bystander
    bystander.leave(robot)
    safe_moves: list[int] = []
    for number in range(50):  # A position may be lost on the way: it is sent again with every try.
        bystander.publish(
            topics.ROBOT_POSITION, msg.RobotPosition(robot_id=robot, x=x, y=y, theta=math.nan)
        )
        bystander.fall_due(f"probe-{number}", robot)
        safe_moves.append(bystander.wait_for_motion(f"probe-{number}", robot).message.safe_move)
        if safe_moves[-1] == SafeMoveKind.CANCEL_AND_HOLD:
            return
    pytest.fail(f"the guard still believes the position before: {safe_moves}")


@pytest.mark.parametrize(
    "stamp",
    [
        Time(sec=0, nanosec=0),
        Time(sec=INT32_MIN, nanosec=0),
        Time(sec=-1, nanosec=UINT32_MAX),
        Time(sec=INT32_MAX, nanosec=UINT32_MAX),
    ],
    ids=["zero", "past", "negative", "future"],
)
def test_a_stamp_that_cannot_be_believed_is_replaced_by_the_arrival(
    guard_scene: Scene, robot: str, stamp: Time
) -> None:
    bystander = guard_scene.bystander
    message = bystander.request_message(world.pick_request("R-1", robot))
    message.header = Header(stamp=stamp, frame_id="\U0001f4e6" * 1_000)
    sent_ns = bystander.publish(topics.PICK_REQUEST, message)
    heard = bystander.wait_for_motion("R-1", robot)
    report(f"due to safe move: {(heard.arrived_ns - sent_ns) / 1e6:.1f} ms")
    decision = bystander.wait_for_decision("R-1", robot)
    assert (decision.clock, decision.failure_mode) == (Clock.ARRIVAL, FailureMode.PLANNER_SILENT)

    due = world.pick_request("R-2", robot, on_due=True)
    bystander.ask(due)
    bystander.publish(
        topics.ROUTE_DUE, msg.RouteDue(header=Header(stamp=stamp), request_id="R-2", robot_id=robot)
    )
    assert bystander.wait_for_decision("R-2", robot).clock == Clock.ARRIVAL


@pytest.mark.parametrize(
    "planning_time",
    [
        Duration(sec=INT32_MIN, nanosec=0),
        Duration(sec=INT32_MAX, nanosec=UINT32_MAX),
        Duration(sec=-1, nanosec=UINT32_MAX),
    ],
)
def test_a_candidate_at_the_extremes_of_its_fields_is_judged_by_its_payload(
    guard_scene: Scene, robot: str, planning_time: Duration
) -> None:
    bystander = guard_scene.bystander
    request = world.pick_request("R-1", robot, on_due=True)
    bystander.ask_surely(request)
    extreme = msg.RouteCandidate(
        request_id="R-1",
        robot_id=robot,
        source="\n\ufffd\U0001f4e6" * 500_000,
        attempt=UINT32_MAX,
        payload=world.answer(request),
        planning_time=planning_time,
    )
    bystander.publish(topics.CANDIDATE_ROUTE, extreme)
    bystander.say_until_heard(  # The second one is refused, and tells that the first one was judged.
        lambda: bystander.publish(topics.CANDIDATE_ROUTE, extreme),
        lambda: bystander.refused_answers("R-1", robot),
    )
    refusal = bystander.wait_for_refused_answer("R-1", robot)
    assert refusal.failure_mode == FailureMode.REPEATED
    bystander.fall_due("R-1", robot)
    decision = bystander.wait_for_decision("R-1", robot)
    assert decision.outcome == MotionKind.ROUTE
    assert decision.attempt == UINT32_MAX
    assert decision.source.isascii()
    assert decision.source.isprintable()
    assert len(decision.source) <= ESCAPED_CHARS_MAX


@pytest.mark.parametrize("name", BAD_IDS)
def test_a_candidate_or_a_due_message_with_bad_ids_moves_nobody(
    guard_scene: Scene, robot: str, name: str
) -> None:
    bystander = guard_scene.bystander
    bad = BAD_IDS[name]
    request = world.pick_request(bad, bad)
    refusal = refused_with(
        guard_scene, FailureMode.BAD_IDENTIFIER, lambda: bystander.answer(request)
    )
    assert len(refusal.request_id) <= ESCAPED_CHARS_MAX

    refused_with(guard_scene, FailureMode.BAD_IDENTIFIER, lambda: bystander.fall_due(bad, bad))
    assert robot


def test_messages_that_nobody_filled_in_move_nobody(guard_scene: Scene, robot: str) -> None:
    bystander = guard_scene.bystander
    bystander.wait_for_states(
        11
    )  # A second has passed, and with it the refusals that count for it.
    before, motions = len(bystander.decisions), len(bystander.motions)
    for topic in (
        topics.PICK_REQUEST,
        topics.ROUTE_DUE,
        topics.CANDIDATE_ROUTE,
        topics.ROBOT_POSITION,
    ):
        bystander.publish(topic, topic.type())
    bystander.wait_until(lambda: len(bystander.decisions) >= before + 3, "three refusals")
    assert {heard.message.failure_mode for heard in bystander.decisions[before:]} == {
        FailureMode.BAD_IDENTIFIER
    }
    assert len(bystander.motions) == motions
    assert robot
