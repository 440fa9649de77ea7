# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The journal keeps every step in order, within its bounds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.core.closures import Closures
from fallback_guard.core.config import guard_config
from fallback_guard.core.events import (
    CandidateArrived,
    ConfigurationChanged,
    Dispatched,
    DrillRequested,
    Event,
    MapChanged,
    PositionArrived,
    RequestArrived,
    ResetRequested,
    RouteFellDue,
    TimePassed,
)
from fallback_guard.core.limits import STOPS_MAX
from fallback_guard.core.punctuality import DispatchMargin
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.recording.journal import (
    FROM_NOBODY,
    KINDS,
    SETUP_NS,
    STEPS_KEPT_MAX,
    TEXT_BYTES_MAX,
    Journal,
    Setup,
    StepKind,
    checksum,
)

if TYPE_CHECKING:
    from fallback_guard.recording.journal import Step

CONFIG: Final = guard_config({})
SETUP: Final = Setup(config=CONFIG, map_sha256="ab" * 32, sequence_base=7)
REQUEST: Final = PickRequest(
    request_id="R-1",
    robot_id="picker_1",
    start_node=1,
    goal_node=2,
    items=(PickItem(bin="A-1", sku="S-1", quantity=3),),
    instructions="hurry",
)


def _journal(margin: DispatchMargin | None = None) -> Journal:
    journal = Journal()
    journal.begin(SETUP, margin or DispatchMargin(CONFIG))
    return journal


def _noted(event: Event, now_ns: int = 5) -> Step:
    """Return the step that is kept of an event."""
    journal = _journal()
    journal.note(event, now_ns, b"abc", 17)
    setup, step = journal.take(10)
    assert (setup.number, setup.kind, step.number, step.now_ns) == (0, StepKind.SETUP, 1, now_ns)
    return step


def test_there_is_a_kind_for_each_event() -> None:
    assert set(KINDS) == set(Event.__args__)
    assert set(KINDS.values()) == set(StepKind) - {StepKind.SETUP, StepKind.UNREADABLE}


def test_what_is_no_message_says_the_whole_event() -> None:
    request = _noted(RequestArrived(request=REQUEST, stamp_age_ns=-3))
    assert request.stamp_age_ns == -3
    assert json.loads(request.text or "")["items"] == [{"bin": "A-1", "sku": "S-1", "quantity": 3}]
    assert "hurry" not in (request.text or ""), "what the guard never reads"
    due = _noted(RouteFellDue(request_id="R-1", robot_id="picker_1", stamp_age_ns=4))
    assert (due.stamp_age_ns, due.text) == (4, '["picker_1","R-1"]')
    assert _noted(ResetRequested(robot_id="a")).text == '"a"'
    assert _noted(DrillRequested(robot_id="a")).text == '"a"'
    assert '"closed_edges":[3,5]' in (
        _noted(MapChanged(closures=Closures(closed_edges=frozenset({5, 3})))).text or ""
    )
    changed = guard_config({"detour_factor": 2.5})
    assert '"detour_factor":2.5' in (_noted(ConfigurationChanged(config=changed)).text or "")
    position = PositionArrived(robot_id="a", x=float("nan"), y=1.0)
    assert _noted(position).position is position
    sent = Dispatched(planned_ns=1)
    assert _noted(sent).dispatched is sent
    assert _noted(TimePassed()).text is None


def test_an_answer_is_kept_by_what_finds_it() -> None:
    answer = CandidateArrived(
        request_id="R-1", robot_id="a", source="s", attempt=1, payload=b"x" * 16_000, planning_ns=0
    )
    step = _noted(answer)
    assert (step.sent_ns, step.checksum, step.text) == (17, checksum(b"abc"), '["a","R-1"]')
    assert _noted(FROM_NOBODY).kind is StepKind.UNREADABLE


@pytest.mark.parametrize("text", ["\ud800", "\x00", "ä" * 300])
def test_names_of_any_kind_can_be_kept(text: str) -> None:
    json.loads(_noted(ResetRequested(robot_id=text)).text or "")


def test_a_text_that_is_too_long_is_left_out() -> None:
    closures = Closures(closed_edges=frozenset(range(100_000)))
    assert _noted(MapChanged(closures=closures)).text == ""
    longest = "x" * 257
    items = (PickItem(bin=longest, sku=longest, quantity=1),) * (STOPS_MAX + 1)
    request = PickRequest(
        request_id=longest, robot_id=longest, start_node=1, goal_node=1, items=items
    )
    text = _noted(RequestArrived(request=request, stamp_age_ns=0)).text
    assert text, "the longest request that is read has room"
    assert len(text) <= TEXT_BYTES_MAX


def test_how_the_guard_is_set_up_is_said_again_with_all_that_changed() -> None:
    margin = DispatchMargin(CONFIG)
    journal = _journal(margin)
    journal.note(ConfigurationChanged(config=guard_config({"detour_factor": 2.5})), 0)
    journal.note(MapChanged(closures=Closures(everything=True)), SETUP_NS - 1)
    margin.observe(Dispatched(planned_ns=0, woke_ns=3), 8)
    journal.note(TimePassed(), SETUP_NS)
    steps = journal.take(10)
    assert [step.kind for step in steps] == [
        StepKind.SETUP,
        StepKind.CONFIGURATION,
        StepKind.MAP,
        StepKind.SETUP,
        StepKind.TIME,
    ]
    said = json.loads(steps[3].text or "")
    assert said["config"]["detour_factor"] == 2.5
    assert said["closures"]["everything"] is True
    assert said["samples"] == [[8], [3]]


def test_a_margin_goes_on_from_anothers_samples() -> None:
    before, after = DispatchMargin(CONFIG), DispatchMargin(CONFIG)
    for late_ns in (9_000_000, 4_000_000, 7_000_000):
        before.observe(Dispatched(planned_ns=0, woke_ns=late_ns // 2), late_ns)
    after.resume(before.samples)
    assert (after.ns, after.lateness_ns, after.samples) == (
        before.ns,
        before.lateness_ns,
        before.samples,
    )


def test_what_is_too_much_is_a_gap_and_never_more_memory() -> None:
    journal = _journal()
    for now_ns in range(STEPS_KEPT_MAX + 100):
        journal.note(TimePassed(), now_ns)
    assert journal.take(1)[0].number == 101, "the setup was dropped as well"
    assert len(journal.take(STEPS_KEPT_MAX)) == STEPS_KEPT_MAX - 1
    assert journal.take(10) == []


def test_nothing_is_kept_before_there_is_a_guard() -> None:
    journal = Journal()
    journal.note(TimePassed(), 1)
    assert journal.take(10) == []


def test_a_new_guard_begins_anew() -> None:
    journal = _journal()
    journal.note(TimePassed(), 1)
    journal.begin(SETUP, DispatchMargin(CONFIG))
    journal.note(TimePassed(), 2)
    assert [(step.number, step.kind) for step in journal.take(10)] == [
        (0, StepKind.SETUP),
        (1, StepKind.TIME),
    ]
