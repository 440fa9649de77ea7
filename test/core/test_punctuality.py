# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How long before the deadline windows close: the margin follows the guard's own lateness, within bounds."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

import world
from fallback_guard.core import fleet
from fallback_guard.core.config import guard_config
from fallback_guard.core.events import Dispatched, TimePassed
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.punctuality import OUTLIERS, SAMPLES, DispatchMargin
from fallback_guard.core.records import RequestRecord
from fallback_guard.core.request_states import TERMINAL
from fallback_guard.core.units import NS_PER_MS
from timeline import BEGAN_NS, WINDOW_MS, Timeline

SILENT = FailureMode.PLANNER_SILENT
LEAST_NS, MOST_NS = 3 * NS_PER_MS, 40 * NS_PER_MS
DEADLINE_NS: Final = 150 * NS_PER_MS
PLANNED_NS: Final = 5_555_555_555
"""When something was to be done: no round number, so that nothing rests on one."""


def new_margin(**parameters: object) -> DispatchMargin:
    """Return a margin of which nothing was measured yet."""
    return DispatchMargin(guard_config(parameters))


def late(
    margin: DispatchMargin, done_ns: int, *, times: int = 1, woke_ns: int | None = None
) -> DispatchMargin:
    """Let something be done so long after its time, and the thread wake so long after it (None: it did not)."""
    for _ in range(times):
        dispatched = Dispatched(
            planned_ns=PLANNED_NS, woke_ns=None if woke_ns is None else PLANNED_NS + woke_ns
        )
        margin.observe(dispatched, PLANNED_NS + done_ns)
    return margin


def test_without_samples_it_is_the_configured_least() -> None:
    margin = new_margin()
    assert (margin.ns, margin.lateness_ns, margin.is_widened) == (LEAST_NS, 0, False)
    assert new_margin(dispatch_margin_ms=7).ns == 7 * NS_PER_MS


def test_so_many_outliers_change_nothing_and_one_more_does() -> None:
    margin = late(new_margin(), MOST_NS - 1, times=OUTLIERS)
    assert (margin.ns, margin.lateness_ns) == (LEAST_NS, 0)
    late(margin, MOST_NS - 1)
    assert (margin.ns, margin.lateness_ns) == (MOST_NS - 1, MOST_NS - 1)


def test_so_do_outliers_among_many_samples() -> None:
    margin = late(new_margin(), 1_000, times=SAMPLES - OUTLIERS - 1)
    late(margin, 20 * NS_PER_MS, times=OUTLIERS)
    assert (margin.ns, margin.lateness_ns) == (LEAST_NS, 1_000)
    late(margin, 10 * NS_PER_MS)
    assert margin.ns == 10 * NS_PER_MS, "the largest that is no outlier"


@pytest.mark.parametrize(
    ("late_ns", "margin_ns", "is_widened"),
    [
        (-1, LEAST_NS, False),  # Another thread was quicker than the time that was planned.
        (0, LEAST_NS, False),
        (LEAST_NS - 1, LEAST_NS, False),
        (LEAST_NS, LEAST_NS, False),
        (LEAST_NS + 1, LEAST_NS + 1, True),
        (MOST_NS - 1, MOST_NS - 1, True),
        (MOST_NS, MOST_NS, True),
        (MOST_NS + 1, MOST_NS, True),
        (10**18, MOST_NS, True),
    ],
)
def test_it_keeps_to_its_bounds(late_ns: int, margin_ns: int, *, is_widened: bool) -> None:
    margin = late(new_margin(), late_ns, times=OUTLIERS + 1)
    assert (margin.ns, margin.is_widened) == (margin_ns, is_widened)
    assert margin.lateness_ns == max(0, late_ns), "how late it is, is told without bounds"


def test_how_late_the_thread_woke_counts_beside_how_late_it_was_done() -> None:
    margin = late(new_margin(), 9_000_000, woke_ns=2_000_000, times=OUTLIERS)
    assert margin.ns == LEAST_NS
    late(margin, 9_000_000, woke_ns=2_000_000)
    assert (margin.ns, margin.lateness_ns) == (11_000_000, 9_000_000)


def test_what_another_thread_did_says_nothing_of_waking() -> None:
    margin = late(new_margin(), 9_000_000, woke_ns=2_000_000, times=OUTLIERS)
    late(margin, 9_000_000, times=10)
    assert margin.ns == 9_000_000, "there are still too few samples of waking"
    late(margin, 9_000_000, woke_ns=2_000_000)
    assert margin.ns == 11_000_000


def test_a_thread_that_woke_before_the_time_takes_nothing_away() -> None:
    margin = late(new_margin(), 9_000_000, woke_ns=-5_000_000, times=OUTLIERS + 1)
    assert margin.ns == 9_000_000


def test_it_falls_again_when_the_last_late_sample_but_the_outliers_has_left() -> None:
    margin = late(new_margin(), 9_000_000, woke_ns=1_000_000, times=OUTLIERS + 1)
    late(margin, 1_000, woke_ns=0, times=SAMPLES - OUTLIERS - 1)
    assert margin.ns == 10_000_000, "as long as all of them are remembered"
    late(margin, 1_000, woke_ns=0)
    assert (margin.ns, margin.lateness_ns, margin.is_widened) == (LEAST_NS, 1_000, False)


def test_it_is_what_the_plainest_count_makes_of_any_samples() -> None:
    random = Random(1)  # noqa: S311  # reproducible, not secret
    margin = new_margin(dispatch_margin_ms=1)
    done: list[int] = []
    woken: list[int] = []
    for _ in range(5 * SAMPLES):
        # Few values, so that equal ones leave and stay.
        done.append(random.choice([0, 1, 500_000, 4_000_000, 30_000_000]))
        woke_ns = random.choice([None, 0, 700_000, 3_000_000])
        if woke_ns is not None:
            woken.append(woke_ns)
        late(margin, done[-1], woke_ns=woke_ns)
        most = [
            sorted(samples[-SAMPLES:])[-1 - OUTLIERS] if len(samples) > OUTLIERS else 0
            for samples in (done, woken)
        ]
        assert margin.lateness_ns == most[0]
        assert margin.ns == min(MOST_NS, max(NS_PER_MS, sum(most)))


def test_other_bounds_hold_at_once_and_what_was_measured_stays() -> None:
    margin = late(new_margin(), 20 * NS_PER_MS, times=OUTLIERS + 1)
    margin.configure(guard_config({"dispatch_margin_ms_max": 15}))
    assert (margin.ns, margin.is_widened) == (15 * NS_PER_MS, True)
    margin.configure(guard_config({"dispatch_margin_ms": 25}))
    assert (margin.ns, margin.is_widened) == (25 * NS_PER_MS, False)
    margin.configure(guard_config({}))
    assert margin.ns == 20 * NS_PER_MS


# In the guard


def widened(t: Timeline, late_ns: int) -> Timeline:
    """Let the guard measure that it is late, by signs of life as the node reports them."""
    for _ in range(OUTLIERS + 1):
        t.step(Dispatched(planned_ns=t.now_ns - late_ns))
    return t


def test_a_window_closes_by_the_margin_in_force_when_it_opened() -> None:
    t = widened(Timeline(), 10 * NS_PER_MS).request()
    closes_ns = DEADLINE_NS - 10 * NS_PER_MS
    assert t.guard.next_wake_ns == BEGAN_NS + closes_ns
    t.at_ms(100)
    widened(t, 30 * NS_PER_MS)  # Too late for the window that is open.
    t.at_ns(closes_ns - 1).expect_nothing()
    decision = t.at_ns(closes_ns).expect_safe_move(SILENT)
    assert decision.dispatch_margin_ns == decision.time_left_ns == 10 * NS_PER_MS
    t.request(world.pick_request("R-2"))
    assert t.guard.next_wake_ns == t.now_ns + DEADLINE_NS - 30 * NS_PER_MS


def test_decisions_record_the_margin_in_force_also_where_the_planner_was_in_time() -> None:
    t = widened(Timeline(), 10 * NS_PER_MS).request().at_ms(20).answer()
    assert t.expect_route().dispatch_margin_ns == 10 * NS_PER_MS


def test_so_does_the_recovery() -> None:
    t = widened(Timeline(), 10 * NS_PER_MS).request().at_ms(140)
    t.expect_safe_move(SILENT)
    widened(t, 30 * NS_PER_MS).answer()
    assert t.expect_route(FailureMode.PLANNER_LATE).dispatch_margin_ns == 10 * NS_PER_MS


def test_the_guard_measures_its_own_hand_overs() -> None:
    t = Timeline(recovery="none", latch_after=100)
    t.hand_over_ns = 5 * NS_PER_MS
    for number in range(OUTLIERS + 2):
        began_ns = t.elapsed_ns()
        assert t.guard.margin.is_widened is (number > OUTLIERS)
        t.request(world.pick_request(f"R-{number}")).at_ns(began_ns + DEADLINE_NS)
        margin_ns = LEAST_NS if number <= OUTLIERS else 5 * NS_PER_MS
        decision = t.expect_safe_move(SILENT, request_id=f"R-{number}")
        assert decision.dispatch_margin_ns == margin_ns
    assert t.guard.margin.lateness_ns == 5 * NS_PER_MS
    # The first ones came after the deadline, the last one, for which the guard had learnt, exactly at it.
    assert t.guard.counters.decisions_late == OUTLIERS + 1


def test_what_answers_an_event_is_no_sample() -> None:
    """Nobody planned when it was to be done."""
    t = Timeline()
    t.hand_over_ns = 20 * NS_PER_MS
    for number in range(2 * OUTLIERS + 2):
        t.request(world.pick_request(f"R-{number}")).answer(request_id=f"R-{number}")
        t.expect_route(request_id=f"R-{number}")
    assert (t.guard.margin.ns, t.guard.margin.lateness_ns) == (LEAST_NS, 0)


def test_the_bounds_follow_the_parameters() -> None:
    t = widened(Timeline(), 30 * NS_PER_MS).configure(dispatch_margin_ms_max=20).request()
    assert t.guard.next_wake_ns == BEGAN_NS + 130 * NS_PER_MS


# Late decisions


@pytest.mark.parametrize(("after_ns", "is_late"), [(-1, 0), (0, 0), (1, 1)])
def test_a_hand_over_after_the_deadline_is_late(after_ns: int, is_late: int) -> None:
    t = Timeline(recovery="none").request()
    t.hand_over_ns = LEAST_NS + after_ns
    assert t.at_ms(WINDOW_MS).expect_safe_move(SILENT).time_left_ns == LEAST_NS
    assert t.guard.counters.decisions_late == is_late
    t.at_ms(1_000).expect_nothing()
    assert t.guard.counters.decisions_late == is_late


@pytest.mark.parametrize(("after_ns", "is_late"), [(-1, 0), (0, 0), (1, 1)])
def test_a_decision_after_the_deadline_is_late(after_ns: int, is_late: int) -> None:
    t = Timeline(standing_on=None, recovery="none").request()
    t.now_ns = BEGAN_NS + DEADLINE_NS + after_ns
    t.reset().expect_safe_move(SILENT)
    assert t.guard.counters.decisions_late == is_late


@pytest.mark.parametrize("after_ns", [-1_000, 0, 1])
def test_what_is_late_at_its_decision_or_at_its_hand_over_is_counted_once(after_ns: int) -> None:
    t = Timeline(standing_on=None, recovery="none").request()
    t.hand_over_ns = 1_001
    t.now_ns = BEGAN_NS + DEADLINE_NS + after_ns
    t.reset().expect_safe_move(SILENT)
    assert t.guard.counters.decisions_late == 1


@pytest.mark.parametrize(("after_ns", "is_late"), [(-1, 0), (0, 0), (1, 1)])
def test_a_route_in_time_may_be_handed_over_late(after_ns: int, is_late: int) -> None:
    t = Timeline().request().at_ms(WINDOW_MS - 1)
    t.hand_over_ns = LEAST_NS + NS_PER_MS + after_ns
    t.answer().expect_route()
    assert t.guard.counters.decisions_late == is_late


def test_a_recovery_is_never_late() -> None:
    t = Timeline().request().at_ms(WINDOW_MS)
    t.expect_safe_move(SILENT)
    t.hand_over_ns = 10 * DEADLINE_NS
    t.answer().expect_route(FailureMode.PLANNER_LATE)
    assert t.guard.counters.decisions_late == 0


def test_what_falls_due_during_a_hand_over_is_decided_right_after_it() -> None:
    t = Timeline(recovery="none").on_node(1, robot_id="picker_2").request()
    t.at_ms(1).request(world.pick_request("R-1", "picker_2"))
    t.hand_over_ns = 2 * NS_PER_MS
    t.at_ms(WINDOW_MS)
    assert t.expect_safe_move(SILENT).time_to_decision_ns == WINDOW_MS * NS_PER_MS
    second = t.expect_safe_move(SILENT)
    assert (second.robot_id, second.time_to_decision_ns) == (
        "picker_2",
        (WINDOW_MS + 1) * NS_PER_MS,
    )
    t.expect_nothing()


# Requests that nothing was prepared for


def test_a_request_that_is_answered_before_any_spare_work_is_judged_rightly() -> None:
    t = Timeline().request()
    assert t.guard.has_spare_work
    t.answer(b"{}").expect_refusal(FailureMode.SCHEMA)
    t.answer().expect_route()


def test_so_is_one_whose_answer_is_staged() -> None:
    t = Timeline().request(world.pick_request(on_due=True)).answer().expect_nothing()
    t.due().expect_route()


def test_a_recovery_needs_no_spare_work_before() -> None:
    t = Timeline(recovery_delay_ms=0).request().hang_until_ms(WINDOW_MS)
    t.on_node(1).expect_safe_move(SILENT)
    t.hang_until_ms(WINDOW_MS + 1).step(TimePassed()).expect_standby(SILENT)


def test_silent_requests_leave_what_is_to_be_prepared_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where there is never time, every request ends as one that nobody needs prepared any more."""
    monkeypatch.setattr(fleet, "_OUTDATED_MAX", 16)
    t = Timeline(recovery="none", latch_after=100)
    t.request(world.pick_request("R-1", "picker_2", on_due=True))
    kept, lengths = t.guard._fleet._outdated[-1], []
    for number in range(100):
        # Whenever the guard could have worked ahead, something else happens.
        t.request(world.pick_request(f"R-{number}"))
        t.now_ns += WINDOW_MS * NS_PER_MS
        t.reset().pending.clear()
        lengths.append(len(t.guard._fleet._outdated))
    assert max(lengths) == 17
    assert kept in t.guard._fleet._outdated, "what is still wanted is not dropped with them"
    # It is the first one there is time for.
    t.step(TimePassed())
    assert isinstance(kept, RequestRecord)
    assert kept.prepared is not None


def test_what_is_still_wanted_may_be_more_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "_OUTDATED_MAX", 16)
    t = Timeline(robots_max=100)
    for number in range(99):
        t.request(world.pick_request("R-1", f"robot_{number}", on_due=True))
    assert len(t.guard._fleet._outdated) == 99


# What is kept


@pytest.mark.parametrize("recovery", ["standby", "none"])
def test_of_a_request_that_is_over_and_reported_little_is_kept(recovery: str) -> None:
    t = Timeline(recovery=recovery).request().answer(b"{}").answer(b"").at_ms(WINDOW_MS)
    (robot,) = t.guard._fleet
    record = robot.requests["R-1"]
    t.expect_refusal(FailureMode.SCHEMA)
    t.expect_refusal(FailureMode.EMPTY)
    decision = t.expect_safe_move(FailureMode.EMPTY)
    # It was told before it was forgotten.
    assert (decision.outcome, decision.attempt) == (MotionKind.SAFE_MOVE, 2)
    assert decision.candidates_refused == 2
    if recovery == "standby":
        assert record.answers_seen, "a late route may still come, and must not come twice"
        t.at_ms(WINDOW_MS + 1_000).expect_standby(FailureMode.EMPTY)
    else:
        t.request(world.pick_request("R-2", on_due=True))
    assert record.state in TERMINAL
    assert not record.answers_seen
    assert (record.last_refusal, record.last_judged) == (None, None)
    assert (record.prepared, record.staged) == (None, None)
    assert record.request is not None
    assert record.request.items == ()
    # What tells a repeat is still there.
    t.request().expect_refusal(FailureMode.REPEATED)
    t.answer().expect_refusal(FailureMode.STALE)


def test_of_a_superseded_one_what_its_decision_has_to_tell_is_kept_until_then() -> None:
    t = Timeline().request().answer(b"{}")
    t.expect_refusal(FailureMode.SCHEMA)
    t.at_ms(100).request(world.pick_request("R-2", on_due=True))
    decision = t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.SCHEMA)
    assert (decision.attempt, decision.candidates_refused) == (1, 1)
    (robot,) = t.guard._fleet
    assert robot.requests["R-1"].last_judged is None
