# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the guard says of every kind of unusable answer, on real topics.

Each case is one robot's first request; the second one has to be answered with a route, by the same process.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.core.failure_modes import FAILURE_MODES, PLANNER_REPORTS, FailureMode
from fallback_guard.core.limits import DETAIL_CHARS_MAX, PAYLOAD_BYTES_MAX, STOPS_MAX
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.request import PickItem
from harness import NotSeenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Scene

C1, A1, A2 = world.pick_request().items
F = FailureMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An answer to the request of `robot`, and what the guard calls it."""

    name: str
    payload: bytes
    expected: FailureMode
    failure: str = ""


def _case(name: str, payload: bytes | str, expected: FailureMode, failure: str = "") -> Case:
    raw = payload.encode() if isinstance(payload, str) else payload
    return Case(name=name, payload=raw, expected=expected, failure=failure)


def _saying(stops: object = None, **changes: object) -> str:
    """Return a right answer with changes.  `ROBOT` stands for the case's robot."""
    return world.answer(world.pick_request("R-1", "ROBOT"), stops, **changes).decode()


def _picking(first: dict[str, object]) -> str:
    """Return a right answer with changes to its first stop."""
    return _saying([world.stop(A1) | first, world.stop(A2), world.stop(C1)])


def _cases() -> Iterator[Case]:
    yield from _broken_texts()
    yield from _wrong_documents()
    yield from _wrong_routes()
    for report in PLANNER_REPORTS.values():
        yield _case(f"reports_{report.value}", b"", report, failure=report.value)
    bad = F.PLANNER_BAD_RESPONSE
    yield _case("reports_nonsense", b"", bad, failure="OUT_OF_COFFEE")
    yield _case("reports_a_verdict", _saying(), bad, failure="OVERSIZE")
    yield _case("reports_at_length", _saying(), bad, failure="X" * 1_000_000)


def _broken_texts() -> Iterator[Case]:
    good = _saying()
    yield _case("over_the_limit", good + " " * PAYLOAD_BYTES_MAX, F.OVERSIZE)
    yield _case("eight_megabytes", b"[" * 8_000_000, F.OVERSIZE)
    yield _case("not_utf8", b"\xff" + good.encode(), F.NOT_UTF8)
    yield _case("surrogate", b"\xed\xa0\x80" + good.encode(), F.NOT_UTF8)
    yield _case("deep", "[" * 9 + "]" * 9, F.TOO_DEEP)
    yield _case("very_deep", '{"a":' * 3_000, F.TOO_DEEP)
    yield _case("nothing", b"", F.EMPTY)
    yield _case("blank", " \n\t ", F.EMPTY)
    yield _case("truncated", good[:-3], F.TRUNCATED)
    yield _case("fenced", f"```json\n{good}\n```", F.FENCED)
    yield _case("prose_before", f"Sure! Here is your route: {good}", F.PROSE)
    yield _case("prose_after", f"{good} Happy picking!", F.PROSE)
    yield _case("reasoning", f"<think>Aisle A first.</think>{good}", F.REASONING)
    yield _case("only_prose", "I cannot help with that.", F.PROSE)
    yield _case("trailing_comma", good[:-1] + ",}", F.TRAILING_COMMA)
    yield _case("nan", _picking({"quantity": "NaN"}).replace('"NaN"', "NaN"), F.NOT_FINITE)
    yield _case(
        "infinity", _picking({"quantity": "Inf"}).replace('"Inf"', "-Infinity"), F.NOT_FINITE
    )
    yield _case("single_quotes", good.replace('"', "'"), F.SINGLE_QUOTES)
    yield _case("unquoted_key", good.replace('"version"', "version"), F.UNQUOTED_KEY)
    yield _case("python_literal", good[:-1] + ', "note": None}', F.PYTHON_LITERAL)
    yield _case("comment", good.replace("{", "{// my plan\n", 1), F.COMMENT)
    yield _case("byte_order_mark", b"\xef\xbb\xbf" + good.encode(), F.BYTE_ORDER_MARK)
    yield _case("two_documents", good + good, F.SEVERAL_DOCUMENTS)
    yield _case("surrogate_escape", good.replace("A-1", "\\ud800"), F.SURROGATE)
    yield _case("nul", good.replace("A-1", "A\0-1"), F.MALFORMED_JSON)
    yield _case("duplicate_key", good.replace("{", '{"version": 1, ', 1), F.DUPLICATE_KEY)


def _wrong_documents() -> Iterator[Case]:
    good = _saying()
    yield _case("two_to_the_64", _picking({"quantity": 2**64}), F.NUMBER_RANGE)
    yield _case("huge_exponent", good.replace('"version": 1', '"version": 1e999'), F.NUMBER_RANGE)
    yield _case("quantity_as_text", _picking({"quantity": "2"}), F.SCHEMA)
    yield _case("quantity_as_float", _picking({"quantity": 2.0}), F.SCHEMA)
    yield _case("quantity_true", _picking({"quantity": True}), F.SCHEMA)
    yield _case("null", "null", F.NOT_AN_OBJECT)
    yield _case("a_list", "[]", F.NOT_AN_OBJECT)
    yield _case("extra_field", _saying(speed=9.0), F.SCHEMA)
    yield _case("version_2", _saying(version=2), F.SCHEMA)
    yield _case("no_stops", _saying([]), F.SCHEMA)
    yield _case("too_many_stops", _saying([world.stop(A1)] * (STOPS_MAX + 1)), F.SCHEMA)
    yield _case("someone_elses_request", _saying(request_id="R-2"), F.WRONG_REQUEST)
    yield _case("someone_elses_robot", _saying(robot_id="picker_1"), F.WRONG_ROBOT)


def _wrong_routes() -> Iterator[Case]:
    yield _case("item_not_asked_for", _picking({"sku": "SKU-99"}), F.ITEM_UNKNOWN)
    yield _case(
        "item_twice", _saying([world.stop(item) for item in (A1, A1, A2, C1)]), F.ITEM_REPEATED
    )
    yield _case("item_left_out", _saying([world.stop(A1), world.stop(A2)]), F.ITEM_MISSING)
    yield _case("other_quantity", _picking({"quantity": 3}), F.WRONG_QUANTITY)
    yield _case("other_bin", _picking({"bin": "B-1"}), F.WRONG_BIN)
    yield _case("no_such_bin", _picking({"bin": "Z-9"}), F.UNKNOWN_BIN)
    yield _case("no_such_node", _picking({"via": [99]}), F.UNKNOWN_NODE)
    yield _case("no_such_edge", _picking({"via": [4]}), F.NOT_AN_EDGE)
    yield _case("keep_out", _picking({"via": [8, 6, 5, 3]}), F.KEEP_OUT)
    closed = [world.stop(A1), world.stop(A2), world.stop(C1, via=[3, 4, 7])]
    yield _case("closed_edge", _saying(closed), F.EDGE_CLOSED)
    detour = [world.stop(A1), world.stop(A2, via=[3, 4, 3]), world.stop(C1)]
    yield _case("detour", _saying(detour), F.DETOUR_TOO_LONG)


CASES: Final = tuple(_cases())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_bad_answer_is_refused_and_ends_in_a_safe_move(guard_scene: Scene, case: Case) -> None:
    bystander = guard_scene.bystander
    robot = f"bad_{case.name}"[:64]
    bystander.settle(robot)
    try:
        first = world.pick_request("R-1", robot, on_due=True)
        bystander.ask_surely(first)
        payload = case.payload.replace(b"ROBOT", robot.encode())
        bystander.answer(first, payload, failure=case.failure)
        with suppress(NotSeenError):
            bystander.wait_for_refused_answer("R-1", robot)
        if not bystander.refused_answers("R-1", robot):
            # A reader that was just found may not have found its writer yet, and hears nothing of what was said before.
            bystander.answer(first, payload, failure=case.failure)
        refusal = bystander.wait_for_refused_answer("R-1", robot)
        bystander.fall_due("R-1", robot)
        decision = bystander.wait_for_decision("R-1", robot)
        motion = bystander.wait_for_motion("R-1", robot).message

        assert refusal.failure_mode == case.expected, refusal.detail
        assert (refusal.outcome, refusal.sequence, refusal.attempt) == (MotionKind.NONE, 0, 1)
        assert refusal.detail, "the planner is told what was wrong"
        assert len(refusal.detail) <= DETAIL_CHARS_MAX + len("...")
        assert refusal.vda5050_error == (FAILURE_MODES[case.expected].vda5050_error or "")
        assert refusal.bucket == FAILURE_MODES[case.expected].bucket
        assert (motion.kind, motion.reason) == (MotionKind.SAFE_MOVE, case.expected)
        assert (decision.outcome, decision.failure_mode) == (MotionKind.SAFE_MOVE, case.expected)
        assert decision.candidates_refused == 1
        assert decision.sequence == motion.sequence

        second = world.pick_request("R-2", robot)
        assert bystander.serve(second).outcome == MotionKind.ROUTE
    finally:
        bystander.leave(robot)
    assert len(bystander.motions_for("R-1", robot)) == 1


def test_every_kind_of_answer_is_tried() -> None:
    """Fail when a failure mode of answers is added without a case here."""
    about_requests = {
        F.DRILL,
        F.PLANNER_SILENT,
        F.PLANNER_LATE,
        F.OVERTAKEN,
        F.QUEUE_OVERRUN,
        F.CANDIDATE_FLOOD,
        F.REPEATED,
        F.STALE,
        F.UNKNOWN_REQUEST,
        F.UNKNOWN_ROBOT,
        F.BAD_IDENTIFIER,
        F.START_OUT_OF_RANGE,
        F.POSITION_UNKNOWN,
        F.BAD_REQUEST,
        F.LATCHED,
        F.INTERNAL_ERROR,
        F.GUARD_SILENT,
        F.STRANGER,
        # Only a task of one's own can bring this about; test_own_task_nodes.py does.
        F.TASK_RULE,
        # Only a request can bring these about; test/core does.
        F.OVER_CAPACITY,
        F.UNREACHABLE,
        F.TOO_MANY_WAYPOINTS,
        F.DURATION_TOO_LONG,
    }
    assert {case.expected for case in CASES} == set(FailureMode) - about_requests


def test_sixteen_answers_are_looked_at_and_no_more(guard_scene: Scene) -> None:
    bystander = guard_scene.bystander
    bystander.settle("flooded")
    bystander.wait_for_states(
        11
    )  # A second has passed, and with it the refusals that count for it.
    request = world.pick_request("R-1", "flooded", on_due=True)
    bystander.ask_surely(request)
    for attempt in range(1, 18):
        bystander.answer(request, json.dumps({"attempt": attempt}).encode(), attempt=attempt)
    bystander.answer(request, attempt=18)

    def refused() -> list[str]:
        heard = bystander.refused_answers("R-1", "flooded")
        return [entry.message.failure_mode for entry in heard]

    bystander.wait_until(lambda: len(refused()) == 18, "eighteen refusals")
    assert refused() == [F.SCHEMA] * 16 + [F.CANDIDATE_FLOOD] * 2
    bystander.fall_due("R-1", "flooded")
    assert bystander.wait_for_motion("R-1", "flooded").message.reason == F.SCHEMA
    bystander.leave("flooded")


def test_a_route_to_where_no_way_leads_is_refused(guard_scene: Scene) -> None:
    bystander = guard_scene.bystander
    bystander.settle("walled_off")
    request = world.pick_request(
        "R-1", "walled_off", items=(PickItem(bin="X-1", sku="SKU-1", quantity=1),)
    )
    bystander.serve(request)
    motion = bystander.wait_for_motion("R-1", "walled_off").message
    assert (motion.kind, motion.reason) == (MotionKind.SAFE_MOVE, F.UNREACHABLE)
    bystander.leave("walled_off")
