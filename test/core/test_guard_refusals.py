# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the guard turns away: repeats, floods, strangers, bad names, bad requests; and what that costs."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import world
from fallback_guard.core.effects import Decision, Effect, Occasion, ReportDecision, SendMotion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import (
    CANDIDATES_PER_REQUEST_MAX,
    DETAIL_CHARS_MAX,
    IDENTIFIER_CHARS_MAX,
    INSTRUCTIONS_CHARS_MAX,
    QUANTITY_MAX,
    REFUSALS_REPORTED_PER_S_MAX,
    REQUESTS_OPEN_MAX,
    REQUESTS_REMEMBERED_MAX,
    STOPS_MAX,
)
from fallback_guard.core.motion import SafeMoveKind
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.rule_table import RULES
from fallback_guard.core.units import NS_PER_S
from timeline import WINDOW_MS, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

BAD_IDENTIFIERS = {
    "empty": "",
    "a space": "R 1",
    "a NUL": "R-1\x00",
    "only a NUL": "\x00",
    "what DDS leaves of broken UTF-8": "R-\ufffd",
    "a line break at the end": "R-1\n",
    "a surrogate": "\ud800",
    "a letter that is not ASCII": "Ä",
    "a digit that is not ASCII": "\u0663",
    "emoji": "\U0001f600" * IDENTIFIER_CHARS_MAX,
    "one character too many": "x" * (IDENTIFIER_CHARS_MAX + 1),
    "8 MB": "x" * (8 * 1024 * 1024),
}
bad_identifiers = pytest.mark.parametrize(
    "name", BAD_IDENTIFIERS.values(), ids=BAD_IDENTIFIERS.keys()
)


def _reports(effects: list[Effect]) -> list[Decision]:
    return [effect.decision for effect in effects if isinstance(effect, ReportDecision)]


def _assert_bounded(effects: list[Effect]) -> None:
    for decision in _reports(effects):
        assert len(decision.detail) <= DETAIL_CHARS_MAX
        assert decision.detail.isprintable()
        for name in (decision.request_id, decision.robot_id, decision.source):
            assert len(name) <= IDENTIFIER_CHARS_MAX + len("...")
            assert name.isascii()
            assert name.isprintable()


# Names


@bad_identifiers
def test_a_request_with_a_bad_id_is_answered_without_it(name: str) -> None:
    t = Timeline().request(world.pick_request(name))
    _assert_bounded(t.pending)
    t.expect_safe_move(FailureMode.BAD_IDENTIFIER, request_id="")
    t.request(world.pick_request(name, on_due=True))
    _assert_bounded(t.pending)
    t.expect_refusal(FailureMode.BAD_IDENTIFIER)


@bad_identifiers
def test_a_due_with_a_bad_id_is_answered_without_it(name: str) -> None:
    t = Timeline().due(name)
    _assert_bounded(t.pending)
    t.expect_safe_move(FailureMode.UNKNOWN_REQUEST, request_id="")


@bad_identifiers
def test_nothing_is_said_to_a_robot_without_a_name(name: str) -> None:
    t = Timeline().request(world.pick_request("R-1", name)).due("R-1", robot_id=name)
    t.position(0.0, 0.0, robot_id=name).answer(b"", robot_id=name)
    _assert_bounded(t.pending)
    for _ in range(4):
        t.expect_refusal(FailureMode.BAD_IDENTIFIER)
    t.expect_nothing()


@bad_identifiers
def test_an_answer_with_a_bad_id_is_refused(name: str) -> None:
    t = Timeline().request().answer(b"", request_id=name)
    _assert_bounded(t.pending)
    t.expect_refusal(FailureMode.BAD_IDENTIFIER)


@bad_identifiers
def test_an_answer_may_come_from_a_planner_with_any_name(name: str) -> None:
    t = Timeline().request().answer(source=name)
    _assert_bounded(t.pending)
    assert len(t.pending) == 2


@pytest.mark.parametrize(
    "name", ["x", "x" * (IDENTIFIER_CHARS_MAX - 1), "x" * IDENTIFIER_CHARS_MAX, "A-z_0.:9", "."]
)
def test_good_names_are_served(name: str) -> None:
    t = Timeline(standing_on=None).on_node(1, robot_id=name)
    request = world.pick_request(name, name)
    t.request(request).answer(world.answer(request), request_id=name, robot_id=name)
    t.expect_route(request_id=name)


# Strangers and repeats


def test_an_answer_for_a_robot_that_asked_for_nothing() -> None:
    Timeline(standing_on=None).answer(b"").expect_refusal(FailureMode.UNKNOWN_ROBOT)


def test_an_answer_to_what_was_not_asked() -> None:
    Timeline().answer(b"").expect_refusal(FailureMode.UNKNOWN_REQUEST)


def test_an_answer_for_another_robots_request() -> None:
    t = Timeline().on_node(1, robot_id="picker_2").request()
    t.answer(robot_id="picker_2").expect_refusal(FailureMode.UNKNOWN_REQUEST)


def test_a_due_that_comes_before_its_request_is_a_safe_move_at_once_and_the_request_comes_too_late() -> (
    None
):
    t = Timeline().due()
    assert t.expect_safe_move(FailureMode.UNKNOWN_REQUEST).time_to_decision_ns == 0
    t.request(world.pick_request(on_due=True)).expect_refusal(FailureMode.REPEATED)
    t.due().expect_refusal(FailureMode.REPEATED)
    t.answer().expect_refusal(FailureMode.UNKNOWN_REQUEST)
    t.at_ms(60_000).expect_nothing()
    t.due("R-2").expect_safe_move(FailureMode.UNKNOWN_REQUEST, request_id="R-2")


def test_a_repeated_request_changes_nothing() -> None:
    t = Timeline().request().at_ms(100).request(world.pick_request(items=()))
    t.expect_refusal(FailureMode.REPEATED)
    t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.PLANNER_SILENT)
    t.request().expect_refusal(FailureMode.REPEATED)


def test_a_repeated_due_changes_nothing() -> None:
    t = Timeline().request(world.pick_request(on_due=True)).due().at_ms(100).due()
    t.expect_refusal(FailureMode.REPEATED)
    t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.PLANNER_SILENT)


def test_a_due_for_a_request_that_fell_due_on_arrival_changes_nothing() -> None:
    t = Timeline().request().due()
    t.expect_refusal(FailureMode.REPEATED)
    t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.PLANNER_SILENT)


def test_a_repeated_answer_is_not_looked_at() -> None:
    t = Timeline().request().answer(b"{}", attempt=1).answer(attempt=1)
    t.expect_refusal(FailureMode.SCHEMA)
    t.expect_refusal(FailureMode.REPEATED)
    t.answer(attempt=1, source="llm:other").expect_route(source="llm:other")


def test_an_answer_to_a_decided_request_is_stale() -> None:
    t = Timeline().request().answer()
    t.expect_route()
    t.answer().expect_refusal(FailureMode.STALE)


# Floods


def test_so_many_answers_to_one_request_and_no_more_are_looked_at() -> None:
    t = Timeline().request()
    for _ in range(CANDIDATES_PER_REQUEST_MAX - 1):
        t.answer(b"{}").expect_refusal(FailureMode.SCHEMA)
    t.answer(b"").expect_refusal(FailureMode.EMPTY)
    for _ in range(3):
        t.answer().expect_refusal(FailureMode.CANDIDATE_FLOOD)
    assert (
        t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.EMPTY).candidates_refused
        == CANDIDATES_PER_REQUEST_MAX
    )


def test_the_last_answer_that_is_looked_at_may_be_the_good_one() -> None:
    t = Timeline().request()
    for _ in range(CANDIDATES_PER_REQUEST_MAX - 1):
        t.answer(b"{}").expect_refusal(FailureMode.SCHEMA)
    t.answer().expect_route()


def test_a_flood_is_counted_and_not_echoed() -> None:
    t = Timeline()
    began_ns = t.now_ns = (t.now_ns // NS_PER_S + 1) * NS_PER_S
    for _ in range(REFUSALS_REPORTED_PER_S_MAX + 100):
        t.now_ns += 1
        t.answer(b"")
    assert len(t.pending) == REFUSALS_REPORTED_PER_S_MAX
    assert t.guard.counters.refusals == REFUSALS_REPORTED_PER_S_MAX + 100
    t.pending.clear()
    t.now_ns = began_ns + NS_PER_S - 1
    t.answer(b"").expect_nothing()
    t.now_ns = began_ns + NS_PER_S
    t.answer(b"").expect_refusal(FailureMode.UNKNOWN_REQUEST)


def test_a_flood_silences_no_decision() -> None:
    t = Timeline().request()
    for _ in range(10 * REFUSALS_REPORTED_PER_S_MAX):
        t.answer(b"", request_id="X")
    t.pending.clear()
    t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.PLANNER_SILENT)


def test_more_requests_than_are_planned_ahead() -> None:
    t = Timeline()
    for number in range(REQUESTS_OPEN_MAX):
        t.request(world.pick_request(f"R-{number}", on_due=True)).expect_nothing()
    t.request(world.pick_request("R-a", on_due=True)).expect_refusal(FailureMode.QUEUE_OVERRUN)
    t.request(world.pick_request("R-b")).expect_safe_move(
        FailureMode.QUEUE_OVERRUN, request_id="R-b"
    )
    t.answer(request_id="R-0").due("R-0").expect_route(request_id="R-0")
    t.request(world.pick_request("R-c", on_due=True)).expect_nothing()


def test_more_robots_than_are_served() -> None:
    t = Timeline(robots_max=2).on_node(1, robot_id="picker_2").expect_nothing()
    t.request(world.pick_request("R-1", "picker_2")).step_answer_for("picker_2").expect_route()
    t.position(0.0, 0.0, robot_id="picker_3").expect_refusal(FailureMode.UNKNOWN_ROBOT)
    t.request(world.pick_request("R-1", "picker_3", on_due=True)).expect_refusal(
        FailureMode.UNKNOWN_ROBOT
    )
    t.answer(b"", robot_id="picker_3").expect_refusal(FailureMode.UNKNOWN_ROBOT)
    t.due("R-1", robot_id="picker_3")
    t.expect_safe_move_kind(FailureMode.UNKNOWN_ROBOT, SafeMoveKind.CANCEL_AND_HOLD)
    t.request(world.pick_request("R-2", "picker_3"))
    t.expect_safe_move_kind(FailureMode.UNKNOWN_ROBOT, SafeMoveKind.CANCEL_AND_HOLD)
    t.expect_nothing()


# Requests that cannot be served

_ITEM = PickItem(bin="A-1", sku="SKU-1", quantity=1)
_GOOD = world.pick_request()
BAD_REQUESTS: dict[str, PickRequest] = {
    "no items": replace(_GOOD, items=()),
    "too many items": replace(_GOOD, items=(_ITEM,) * (STOPS_MAX + 1)),
    "a million items": replace(_GOOD, items=(_ITEM,) * 1_000_000),
    "long instructions": replace(_GOOD, instructions="x" * (INSTRUCTIONS_CHARS_MAX + 1)),
    "unknown start": replace(_GOOD, start_node=99),
    "unknown goal": replace(_GOOD, goal_node=2**32 - 1),
    "unknown bin": replace(_GOOD, items=(replace(_ITEM, bin="Z-9"),)),
    "bin is no name": replace(_GOOD, items=(replace(_ITEM, bin="\x00"),)),
    "sku is no name": replace(_GOOD, items=(_ITEM, replace(_ITEM, sku="\U0001f600" * 1000))),
    "no pieces": replace(_GOOD, items=(replace(_ITEM, quantity=0),)),
    "too many pieces of one": replace(_GOOD, items=(replace(_ITEM, quantity=QUANTITY_MAX + 1),)),
    "more than the robot carries": replace(_GOOD, items=(replace(_ITEM, quantity=101),)),
    "more than it carries together": replace(
        _GOOD, items=(replace(_ITEM, quantity=51), replace(_ITEM, quantity=50))
    ),
}
GOOD_REQUESTS: dict[str, PickRequest] = {
    "one item": replace(_GOOD, items=(_ITEM,)),
    "as many items as allowed": replace(_GOOD, items=(_ITEM,) * STOPS_MAX),
    "as much as it carries": replace(_GOOD, items=(replace(_ITEM, quantity=100),)),
    "as long instructions as allowed": replace(_GOOD, instructions="x" * INSTRUCTIONS_CHARS_MAX),
    "unprintable instructions": replace(_GOOD, instructions="\ud800\x00"),
    "starts at the bin": replace(_GOOD, start_node=1, goal_node=2, items=(_ITEM,)),
}


@pytest.mark.parametrize("request_", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_a_request_that_cannot_be_served_is_decided_at_once(request_: PickRequest) -> None:
    t = Timeline().request(request_)
    _assert_bounded(t.pending)
    assert t.expect_safe_move(FailureMode.BAD_REQUEST).time_to_decision_ns == 0
    assert t.guard.counters.requests == 0
    t.at_ms(60_000).expect_nothing()


@pytest.mark.parametrize("request_", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_or_as_soon_as_it_falls_due(request_: PickRequest) -> None:
    t = Timeline().request(replace(request_, on_due=True))
    t.expect_refusal(FailureMode.BAD_REQUEST)
    t.answer(world.answer(_GOOD)).expect_refusal(FailureMode.BAD_REQUEST)
    t.due().expect_safe_move(FailureMode.BAD_REQUEST)


@pytest.mark.parametrize("request_", GOOD_REQUESTS.values(), ids=GOOD_REQUESTS.keys())
def test_a_request_at_every_limit_is_served(request_: PickRequest) -> None:
    t = Timeline().request(request_).answer()
    t.expect_route()


def test_a_request_for_what_no_way_leads_to_has_no_standby_and_no_route() -> None:
    request = world.pick_request(items=(PickItem(bin="X-1", sku="SKU-X", quantity=1),))
    t = Timeline().request(request).answer()
    t.expect_refusal(FailureMode.UNREACHABLE)
    t.at_ms(60_000).expect_safe_move(FailureMode.UNREACHABLE)
    t.expect_nothing()


# Memory


def _weight(value: object, seen: set[int]) -> int:
    """Return the bytes of what the guard remembers of its robots, without the map that all share."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(_weight(each, seen) for pair in value.items() for each in pair)
    if isinstance(value, tuple | list | set):
        return size + sum(_weight(each, seen) for each in value)
    names = getattr(type(value), "__slots__", ())
    return size + sum(_weight(getattr(value, name), seen) for name in names if hasattr(value, name))


def test_what_is_large_is_not_remembered() -> None:
    t = Timeline()
    large = 1024 * 1024
    t.request(world.pick_request("R-0", on_due=True, instructions="x" * INSTRUCTIONS_CHARS_MAX))
    for number in range(2 * REQUESTS_REMEMBERED_MAX):
        t.request(
            world.pick_request(f"B-{number}", instructions="x" * large, items=(_ITEM,) * 10_000)
        )
        t.request(world.pick_request(f"R-{number}", on_due=True))
        for _ in range(3):
            t.answer(b"\xff" * large, request_id=f"R-{number}", source="y" * 100)
        t.answer(b"", request_id=f"R-{number}", failure="z" * large, source="y" * 100)
        t.due(f"R-{number}").due(f"X-{number}")
        t.pending.clear()
        t.at_ms(200 * (number + 1)).reset()
    t.pending.clear()
    robots = t.guard._fleet._robots  # what is remembered is not public
    assert len(robots[world.ROBOT].requests) == REQUESTS_REMEMBERED_MAX
    assert _weight(robots, set()) < 8 * large // 10


def test_requests_are_forgotten_only_when_they_are_decided() -> None:
    t = Timeline().request(world.pick_request("R-0", on_due=True)).answer(request_id="R-0")
    for number in range(3 * REQUESTS_REMEMBERED_MAX):
        t.due(f"X-{number}")
    t.pending.clear()
    t.due("R-0").expect_route(request_id="R-0")


def test_a_refusal_moves_nothing_and_says_no_sequence() -> None:
    t = Timeline().answer(b"")
    assert not [effect for effect in t.pending if isinstance(effect, SendMotion)]
    assert [decision.occasion for decision in _reports(t.pending)] == [Occasion.REFUSAL]


@pytest.mark.parametrize(
    ("arrive", "rule", "measured", "limit"),
    [
        (lambda t: t.request(), "new_request", 1, 0),
        (lambda t: t.due("R-9"), "known_request", 1, 0),
        (lambda t: t.request(world.pick_request("R 9", on_due=True)), "identifiers", 1, 0),
        (lambda t: t.answer(request_id="R-1", source="standby"), "own_source", 1, 0),
        (lambda t: t.answer(failure="PLANNER_TIMEOUT"), "answered", 1, 0),
        (lambda t: t.answer(b"", robot_id="picker_9"), "known_robot", 1, 0),
        (lambda t: t.answer(b"", request_id="R-9"), "known_request", 1, 0),
        (lambda t: t.answer(b"", request_id="R 9"), "identifiers", 1, 0),
        (lambda t: t.answer(b"", request_id="R 9", robot_id=""), "identifiers", 2, 0),
        (lambda t: t.answer().answer(), "still_open", 1, 0),
        (lambda t: t.answer(b"", attempt=7).answer(b"", attempt=7), "not_seen", 1, 0),
        (lambda t: t.due(), "due_once", 1, 0),
        (
            lambda t: t.request(world.pick_request("R-9", items=(), on_due=True)),
            "sound_request",
            1,
            0,
        ),
    ],
)
def test_a_refusal_names_its_rule(
    arrive: Callable[[Timeline], Timeline], rule: str, measured: float, limit: float
) -> None:
    t = arrive(Timeline().request())
    decision = next(e.decision for e in reversed(t.pending) if isinstance(e, ReportDecision))
    assert (decision.rule, decision.measured, decision.limit) == (rule, measured, limit)
    assert decision.failure_mode in next(row.modes for row in RULES if row.name == rule)


def test_what_is_off_or_latched_is_refused_by_its_rule() -> None:
    t = Timeline(recovery="none").request().at_ms(WINDOW_MS)
    t.expect_safe_move(FailureMode.PLANNER_SILENT)
    decision = t.answer().expect_refusal(FailureMode.STALE)
    assert (decision.rule, decision.measured, decision.limit) == ("still_open", 1, 0)
    t = Timeline(latch_after=1).request().at_ms(WINDOW_MS)
    t.expect_safe_move(FailureMode.PLANNER_SILENT)
    decision = t.answer().expect_refusal(FailureMode.LATCHED)
    assert (decision.rule, decision.measured, decision.limit) == ("not_latched", 1, 0)


def test_what_was_not_measured_is_nothing() -> None:
    decision = Timeline().request().answer(attempt=3).expect_route()
    assert (decision.rule, decision.detail) == ("", "")
    assert (decision.measured, decision.limit, decision.candidates_refused) == (0, 0, 0)
    assert (decision.attempt, decision.planning_ns) == (3, 1_234)
    t = Timeline().request(world.pick_request(on_due=True)).due("R-9")
    t.expect_safe_move(FailureMode.UNKNOWN_REQUEST, request_id="R-9")
    decision = t.request(world.pick_request(on_due=True)).expect_refusal(FailureMode.REPEATED)
    assert (decision.attempt, decision.planning_ns, decision.candidates_refused) == (0, 0, 0)
    assert (decision.time_to_decision_ns, decision.time_left_ns) == (0, 0)


def test_a_flood_says_how_many_answers_there_were() -> None:
    t = Timeline().request(world.pick_request(on_due=True))
    for _ in range(CANDIDATES_PER_REQUEST_MAX):
        t.answer(b"").expect_refusal(FailureMode.EMPTY)
    decision = t.answer().expect_refusal(FailureMode.CANDIDATE_FLOOD)
    assert (decision.rule, decision.measured, decision.limit) == (
        "not_a_flood",
        CANDIDATES_PER_REQUEST_MAX + 1,
        CANDIDATES_PER_REQUEST_MAX,
    )


def test_a_robot_too_many_says_how_many_are_served() -> None:
    t = Timeline(robots_max=1)
    decision = t.request(world.pick_request("R-1", "picker_2", on_due=True)).expect_refusal(
        FailureMode.UNKNOWN_ROBOT
    )
    assert (decision.rule, decision.measured, decision.limit) == ("known_robot", 2, 1)


def test_a_queue_that_overruns_says_by_how_much() -> None:
    t = Timeline()
    for number in range(REQUESTS_OPEN_MAX + 1):
        t.request(world.pick_request(f"R-{number}", on_due=True))
    decision = t.expect_refusal(FailureMode.QUEUE_OVERRUN)
    assert (decision.rule, decision.measured, decision.limit) == (
        "open_requests",
        REQUESTS_OPEN_MAX + 1,
        REQUESTS_OPEN_MAX,
    )


@pytest.mark.parametrize(
    ("age_ms", "rule"), [(None, "position_said"), (1_000, None), (1_001, "position_fresh")]
)
def test_a_position_is_missing_or_too_old(age_ms: int | None, rule: str | None) -> None:
    t = Timeline(standing_on=None, recovery="none")
    if age_ms is not None:
        t.position(0.0, 0.0)
    t.request(world.pick_request(on_due=True)).answer().hang_until_ms(age_ms or 0).due()
    if rule is None:
        t.expect_route()
        return
    decision = t.expect_refusal(FailureMode.POSITION_UNKNOWN)
    assert (decision.rule, decision.measured) == (rule, age_ms or 1)
    assert decision.measured > decision.limit
