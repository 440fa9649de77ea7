# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Faults of the guard itself: whatever breaks inside, a due request still gets its one safe move."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import world
from fallback_guard.core import validation
from fallback_guard.core.effects import Clock, Effect, Occasion, ReportDecision, SendMotion
from fallback_guard.core.events import Event, TimePassed
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.route_rules import ROUTE_RULES, Case
from fallback_guard.core.rules import Rule
from fallback_guard.core.units import NS_PER_MS
from timeline import WINDOW_MS, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

BROKEN = FailureMode.INTERNAL_ERROR


class Bug(Exception):  # noqa: N818  # what it stands for is no error of the environment
    """What no code expects."""


def broken(*_args: object, **_named: object) -> None:
    """Stand for any function with a bug."""
    raise Bug("secret")


def _due_at_once(t: Timeline) -> None:
    t.request()


def _due_later(t: Timeline) -> None:
    t.request(world.pick_request(on_due=True)).due()


def _staged(t: Timeline) -> None:
    t.request(world.pick_request(on_due=True)).answer().due()


def _answered(t: Timeline) -> None:
    t.request().at_ms(10).answer()


def _answered_badly(t: Timeline) -> None:
    t.request().at_ms(10).answer(b"{")


def _cannot_be_served(t: Timeline) -> None:
    t.request(world.pick_request(items=()))


def _never_asked(t: Timeline) -> None:
    t.due()


STORIES = [
    _due_at_once,
    _due_later,
    _staged,
    _answered,
    _answered_badly,
    _cannot_be_served,
    _never_asked,
]
PLACES = [
    "fallback_guard.core.guard.request_defect",
    "fallback_guard.core.guard.Guard._start_refusal",
    "fallback_guard.core.ground.Ground.safe_move",
    "fallback_guard.core.guard.Guard._verdict",
    "fallback_guard.core.guard.Guard._close_window",
    "fallback_guard.core.guard.Guard._accept",
    "fallback_guard.core.guard.Guard._send_planned",
    "fallback_guard.core.records.RobotRecord.believed",
    "fallback_guard.core.judge.Judge.prepare",
    "fallback_guard.core.judge.Judge.verdict",
    "fallback_guard.core.judge.validate",
    "fallback_guard.core.outbox.Outbox.route_when_due",
    "fallback_guard.core.outbox.Outbox._send_route",
    "fallback_guard.core.paths.Paths.legs",
    "fallback_guard.core.records.RobotRecord.remember",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("story", STORIES)
def test_one_decision_and_fail_closed(
    story: Callable[[Timeline], None], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    t = Timeline(recovery="none")
    monkeypatch.setattr(place, broken)
    story(t)
    t.at_ms(10_000)
    decided = [
        effect.decision
        for effect in _reports(t.pending)
        if effect.decision.occasion is Occasion.DUE
    ]
    motions = [effect.motion for effect in t.pending if isinstance(effect, SendMotion)]
    assert len(motions) == len(decided) == 1, t.pending
    assert decided[0].sequence == motions[0].sequence
    assert decided[0].request_id == motions[0].request_id == "R-1"
    assert decided[0].time_to_decision_ns <= WINDOW_MS * NS_PER_MS
    assert t.guard.counters.decisions_late == 0
    if motions[0].kind is MotionKind.ROUTE:  # The story does not come through that place.
        assert not any(effect.decision.failure_mode for effect in _reports(t.pending))
    assert "secret" not in repr(t.pending)


def _reports(effects: list[Effect]) -> list[ReportDecision]:
    return [effect for effect in effects if isinstance(effect, ReportDecision)]


@pytest.mark.parametrize("rule", ROUTE_RULES, ids=[rule.name for rule in ROUTE_RULES])
def test_a_rule_that_raises_lets_nothing_through(
    rule: Rule[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    t = Timeline().request()
    stages = tuple(
        (stage, tuple(replace(row, check=broken) if row is rule else row for row in rules))
        for stage, rules in validation.STAGES
    )
    monkeypatch.setattr(validation, "STAGES", stages)
    t.answer()
    t.expect_refusal(BROKEN)
    t.at_ms(WINDOW_MS).expect_safe_move(BROKEN)


def test_a_recovery_that_raises_sends_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # Prepared in spare time, before anything breaks.
    t = Timeline().request().at_ms(1).at_ms(WINDOW_MS).on_node(2)
    t.expect_safe_move(FailureMode.PLANNER_SILENT)
    monkeypatch.setattr("fallback_guard.core.judge.Judge.prepare", broken)
    t.at_ms(2_000).expect_refusal(BROKEN)
    t.at_ms(60_000).expect_nothing()


def test_a_late_route_that_cannot_be_sent_is_not_followed_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    t = Timeline().request().at_ms(WINDOW_MS)
    t.expect_safe_move(FailureMode.PLANNER_SILENT)
    monkeypatch.setattr("fallback_guard.core.outbox.Outbox.recovery", broken)
    t.answer().expect_refusal(BROKEN)
    t.at_ms(60_000).expect_nothing()


def test_an_event_of_an_unknown_kind_changes_nothing() -> None:
    t = Timeline().request()
    unknown: Event = object()  # type: ignore[assignment]
    t.step(unknown).expect_refusal(BROKEN)
    t.step(TimePassed()).expect_nothing()
    t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.PLANNER_SILENT)


def test_one_broken_request_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    t = Timeline(standby_at_deadline=True).request()
    with monkeypatch.context() as patch:
        patch.setattr("fallback_guard.core.judge.Judge.prepare", broken)
        t.request(world.pick_request("R-2")).expect_safe_move(BROKEN, request_id="R-2")
        t.request(world.pick_request("R-2")).expect_refusal(FailureMode.REPEATED)
    t.at_ms(WINDOW_MS - 1).answer().expect_route()


def test_a_request_that_could_not_be_prepared_in_spare_time_is_prepared_for_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    t = Timeline().request()
    with monkeypatch.context() as patch:
        patch.setattr("fallback_guard.core.judge.Judge.prepare", broken)
        t.at_ms(10).expect_refusal(BROKEN)
        t.at_ms(20).expect_nothing()
        t.answer().expect_refusal(BROKEN)
    t.at_ms(WINDOW_MS - 1).answer().expect_route()


def test_a_recovery_that_cannot_be_planned_leaves_the_one_safe_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    t = Timeline().request()
    with monkeypatch.context() as patch:
        patch.setattr("fallback_guard.core.recovery.Recoveries.plan", broken)
        t.at_ms(WINDOW_MS)
    t.expect_safe_move(FailureMode.PLANNER_SILENT)
    t.expect_refusal(BROKEN)
    t.at_ms(60_000).expect_nothing()


@pytest.mark.parametrize("is_known", [False, True])
def test_a_request_that_a_fault_decided_stays_decided(
    *, is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    t = Timeline()
    if is_known:
        t.request(world.pick_request(on_due=True))
    with monkeypatch.context() as patch:
        patch.setattr("fallback_guard.core.guard.Guard._on_due", broken)
        decision = t.due().expect_safe_move(BROKEN)
    assert decision.clock is Clock.ARRIVAL
    if is_known:
        t.answer().expect_refusal(FailureMode.STALE)
    t.due().expect_refusal(FailureMode.REPEATED)
    t.at_ms(5_000).expect_nothing()


def test_a_fault_before_the_robot_is_known_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    t = Timeline(standing_on=None)
    monkeypatch.setattr("fallback_guard.core.guard.Guard._admitted", broken)
    t.due().expect_safe_move(BROKEN)
    t.due("R 1").expect_safe_move(BROKEN, request_id="")
    t.due(robot_id="").expect_refusal(BROKEN)
