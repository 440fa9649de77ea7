# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The watchdog as timelines: it speaks where the guard does not, and never where the guard did."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.core.effects import Clock, Decision, Occasion, ReportDecision, SendMotion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.limits import (
    ANSWERS_REMEMBERED_MAX,
    REQUESTS_WATCHED_MAX,
    ROBOTS_MAX,
    STAMP_AGE_NS_MAX,
)
from fallback_guard.core.motion import Motion, MotionKind, SafeMoveKind
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.core.watchdog import (
    CATCH_UP_NS,
    HELD_UP_NS,
    NUMBERED_AGE_NS_MAX,
    GuardLost,
    MotionHeard,
    NothingHeard,
    RequestFellDue,
    Standing,
    StateHeard,
    Watchdog,
    WatchdogConfig,
    WatchdogEvent,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGAN_NS: Final = 7_777_777_777_777
ROBOT: Final = "picker_1"
CONFIG: Final = WatchdogConfig(
    deadline_ns=150 * NS_PER_MS,
    grace_ns=10 * NS_PER_MS,
    silence_ns_max=300 * NS_PER_MS,
    lease_ns=500 * NS_PER_MS,
)
SPEAKS_NS: Final = CONFIG.deadline_ns + CONFIG.grace_ns
HEARTBEAT_NS: Final = 100 * NS_PER_MS


class Watch:
    """A watchdog, and a guard whose heart beats until it `dies`; times are measured from the beginning."""

    def __init__(self, *, guard: bool = True, decides: bool = True) -> None:
        self.watchdog = Watchdog(CONFIG)
        self.now_ns = BEGAN_NS
        self.effects: list[SendMotion | ReportDecision] = []
        self._beats_ns: int | None = BEGAN_NS if guard else None
        self._heartbeat = 0
        self._decides = decides
        self.at_ns(0)

    def at_ns(self, ns: int) -> Watch:
        """Move on; the guard's heart beats, and the watchdog is woken whenever it asked for that."""
        until_ns = BEGAN_NS + ns
        while True:
            times = [self.watchdog.next_wake_ns, self._beats_ns]
            next_ns = min((time for time in times if time is not None), default=until_ns + 1)
            if next_ns > until_ns:
                break
            self.now_ns = max(next_ns, self.now_ns)
            if next_ns == self._beats_ns:
                self._beats_ns += HEARTBEAT_NS
                self._heartbeat += 1
                self.step(StateHeard(self._heartbeat, self._decides))
            else:
                self.step(NothingHeard())
        self.now_ns = until_ns
        return self

    def at_ms(self, ms: int) -> Watch:
        return self.at_ns(ms * NS_PER_MS)

    def step(self, event: WatchdogEvent) -> Watch:
        self.effects += self.watchdog.step(event, self.now_ns)
        wake_ns = self.watchdog.next_wake_ns
        assert wake_ns is None or wake_ns > self.now_ns, "a wake is over when it was served"
        return self

    def standing(self) -> Standing:
        return self.watchdog.standing

    def dies(self) -> Watch:
        self._beats_ns = None
        return self

    def lives(self) -> Watch:
        self._beats_ns = self.now_ns
        self._heartbeat = 0  # It is a new process.
        return self

    def due(self, request_id: str = "R-1", robot_id: str = ROBOT, *, age_ns: int = 0) -> Watch:
        return self.step(RequestFellDue(request_id, robot_id, age_ns))

    def guard_says(
        self, request_id: str = "R-1", robot_id: str = ROBOT, sequence: int = 1
    ) -> Watch:
        return self.step(MotionHeard(request_id, robot_id, sequence))

    def expect_nothing(self) -> Watch:
        assert self.effects == []
        return self

    def expect_hold(
        self, request_id: str = "R-1", robot_id: str = ROBOT
    ) -> tuple[Motion, Decision]:
        assert len(self.effects) >= 2, self.effects
        sent, reported = self.effects.pop(0), self.effects.pop(0)
        assert isinstance(sent, SendMotion)
        assert isinstance(reported, ReportDecision)
        motion, decision = sent.motion, reported.decision
        assert (motion.request_id, motion.robot_id) == (request_id, robot_id)
        assert (decision.request_id, decision.robot_id) == (request_id, robot_id)
        assert (motion.kind, motion.safe_move) == (
            MotionKind.SAFE_MOVE,
            SafeMoveKind.CANCEL_AND_HOLD,
        )
        assert (motion.source, motion.reason) == ("watchdog", FailureMode.GUARD_SILENT)
        assert (decision.source, decision.failure_mode) == ("watchdog", FailureMode.GUARD_SILENT)
        assert (decision.occasion, decision.outcome) == (Occasion.DUE, MotionKind.SAFE_MOVE)
        assert decision.sequence == motion.sequence
        assert motion.safe_move_target == 0
        return motion, decision


def test_a_guard_that_is_there_and_silent_is_spoken_for_after_the_deadline() -> None:
    w = Watch().due()
    w.at_ns(SPEAKS_NS - 1).expect_nothing()
    _, decision = w.at_ns(SPEAKS_NS).expect_hold()
    assert decision.time_to_decision_ns == SPEAKS_NS
    assert decision.time_left_ns == 0
    assert decision.clock is Clock.STAMP
    assert decision.detail == "the guard said nothing by the deadline"
    w.at_ms(5_000).expect_nothing()


@pytest.mark.parametrize("said_ns", [0, 1, CONFIG.deadline_ns, SPEAKS_NS - 1, SPEAKS_NS])
def test_it_never_speaks_where_the_guard_did(said_ns: int) -> None:
    w = Watch().due()
    w.now_ns = BEGAN_NS + said_ns
    w.guard_says()
    w.at_ms(5_000).expect_nothing()
    assert w.watchdog.spoken == 0


def test_an_answer_may_be_heard_before_its_question() -> None:
    Watch().guard_says().due().at_ms(5_000).expect_nothing()


def test_a_repeat_is_answered_by_nobody() -> None:
    w = Watch().due().at_ms(50).guard_says().at_ms(60).due()
    w.at_ms(5_000).expect_nothing()
    w = Watch().due().at_ms(50).due()
    w.at_ns(SPEAKS_NS).expect_hold()
    w.due().at_ms(5_000).expect_nothing()


@pytest.mark.parametrize(
    ("age_ns", "believed"),
    [(-1, False), (0, True), (1, True), (STAMP_AGE_NS_MAX, True), (STAMP_AGE_NS_MAX + 1, False)],
)
def test_the_clock_begins_where_the_guard_begins_it(age_ns: int, believed: bool) -> None:  # noqa: FBT001
    w = Watch().due(age_ns=age_ns)
    speaks_ns = SPEAKS_NS - (age_ns if believed else 0)
    w.at_ns(speaks_ns - 1).expect_nothing()
    _, decision = w.at_ns(speaks_ns).expect_hold()
    assert decision.clock is (Clock.STAMP if believed else Clock.ARRIVAL)


def test_a_guard_that_died_is_gone_after_its_silence() -> None:
    w = Watch().at_ms(250).dies()
    w.at_ms(499)
    assert w.standing() is Standing.DECIDING
    w.at_ms(500)
    assert w.standing() is Standing.GONE
    w.due()
    motion, decision = w.expect_hold()
    assert decision.time_left_ns == CONFIG.deadline_ns
    assert decision.detail == "the guard is gone"
    assert motion.lease_ns == CONFIG.lease_ns
    w.at_ms(5_000).expect_nothing()


def test_all_that_waits_is_answered_when_the_guard_is_found_gone() -> None:
    w = Watch().at_ms(250).dies().at_ms(450).due("R-1").due("R-1", "picker_2").expect_nothing()
    w.at_ms(500).expect_hold()
    w.expect_hold("R-1", "picker_2")
    w.at_ms(5_000).expect_nothing()


def test_the_middleware_may_know_of_its_end_earlier() -> None:
    w = Watch().at_ms(50).dies().due().step(GuardLost())
    catches_up_ns = 50 * NS_PER_MS + CATCH_UP_NS
    w.at_ns(catches_up_ns - 1).expect_nothing()
    w.at_ns(catches_up_ns).expect_hold()
    assert w.standing() is Standing.GONE


def test_a_sign_of_life_is_worth_more_than_what_the_middleware_says() -> None:
    w = Watch().at_ms(95).due().step(GuardLost())
    w.at_ms(250).expect_nothing()
    assert w.standing() is Standing.DECIDING


def test_the_middleware_cannot_make_an_unheard_guard_worse() -> None:
    w = Watch(guard=False).step(GuardLost())
    assert w.standing() is Standing.UNHEARD


def test_a_guard_that_returns_is_handed_back_to() -> None:
    w = Watch().at_ms(250).dies().at_ms(1_000).lives().at_ms(1_001)
    assert w.standing() is Standing.DECIDING
    w.due().at_ms(1_100).expect_nothing()
    w.guard_says().at_ms(5_000).expect_nothing()


def test_a_heartbeat_that_does_not_change_is_no_sign_of_life() -> None:
    w = Watch().dies()
    for ms in range(10, 300, 10):
        w.at_ms(ms).step(StateHeard(1, decides=True))
    assert w.standing() is Standing.DECIDING
    w.at_ms(300)
    assert w.standing() is Standing.GONE


def test_before_a_guard_is_heard_it_may_be_there_all_the_same() -> None:
    w = Watch(guard=False).due()
    w.at_ns(SPEAKS_NS - 1).expect_nothing()
    _, decision = w.at_ns(SPEAKS_NS).expect_hold()
    assert decision.detail == "no guard has been heard yet"


def test_an_inactive_guard_is_not_waited_for() -> None:
    w = Watch(decides=False).due()
    _, decision = w.expect_hold()
    assert decision.detail == "the guard is inactive"


def test_its_numbers_are_those_of_the_moment_at_which_requests_fell_due() -> None:
    w = Watch().at_ms(5).due("R-1").at_ms(6).due("R-2")
    w.at_ns(SPEAKS_NS + 6 * NS_PER_MS)
    first, _ = w.expect_hold("R-1")
    second, _ = w.expect_hold("R-2")
    assert first.sequence == (BEGAN_NS + 5 * NS_PER_MS) // 1_000
    assert second.sequence == (BEGAN_NS + 6 * NS_PER_MS) // 1_000


@pytest.mark.parametrize(
    ("age_ns", "counted_ns"),
    [
        (-1_000, 0),
        (0, 0),
        (1_000, 1_000),
        (STAMP_AGE_NS_MAX + 1_000, STAMP_AGE_NS_MAX + 1_000),
        (NUMBERED_AGE_NS_MAX, NUMBERED_AGE_NS_MAX),
        (NUMBERED_AGE_NS_MAX + 1, 0),
    ],
)
def test_a_message_that_was_long_under_way_is_numbered_by_its_stamp(
    age_ns: int, counted_ns: int
) -> None:
    w = Watch().due(age_ns=age_ns)
    motion, _ = w.at_ns(SPEAKS_NS).expect_hold()
    assert motion.sequence == (BEGAN_NS - counted_ns) // 1_000


def test_a_watchdog_that_was_held_up_does_not_take_its_own_silence_for_the_guards() -> None:
    w = Watch()
    w.now_ns = BEGAN_NS + 1_000 * NS_PER_MS  # No sign of life was read meanwhile.
    w.due().expect_nothing().step(NothingHeard())
    assert w.standing() is Standing.DECIDING
    w.guard_says().at_ms(5_000).expect_nothing()


def test_its_numbers_are_above_all_that_the_robot_heard_before_the_request_and_below_the_answer() -> (
    None
):
    w = Watch().guard_says("R-0", sequence=10**15).guard_says("R-0", "picker_2", sequence=10**16)
    w.guard_says("R-00", sequence=2**63).due("R-1")
    w.at_ms(10).guard_says("R-0", sequence=10**15 + 7)
    motion, _ = w.at_ns(SPEAKS_NS).expect_hold("R-1")
    assert motion.sequence == 10**15 + 1
    for number in range(2 * ROBOTS_MAX):
        w.guard_says("R-0", f"robot_{number}")
    assert len(w.watchdog._newest) == ROBOTS_MAX


@pytest.mark.parametrize("sequence", [2**62 - 1, 2**62, 2**62 + 1])
def test_a_number_that_nobody_could_go_on_from_is_not_counted_from(sequence: int) -> None:
    w = Watch().guard_says("R-0", sequence=sequence).due("R-1")
    motion, _ = w.at_ns(SPEAKS_NS).expect_hold("R-1")
    assert (motion.sequence == sequence + 1) is (sequence <= 2**62)


def test_a_robot_that_heard_nothing_yet_is_numbered_from_one() -> None:
    w = Watch()
    w.watchdog = Watchdog(CONFIG)
    w.now_ns = 0
    w.due("R-1")
    w.now_ns = SPEAKS_NS
    w.step(NothingHeard()).now_ns += CATCH_UP_NS
    w.step(NothingHeard())
    motion, _ = w.expect_hold("R-1")
    assert motion.sequence == 1


def test_the_highest_number_counts_and_the_oldest_robot_is_forgotten_first() -> None:
    w = Watch().guard_says("R-0", sequence=10**16).guard_says("R-00", sequence=10**15).due("R-1")
    motion, _ = w.at_ns(SPEAKS_NS).expect_hold("R-1")
    assert motion.sequence == 10**16 + 1
    for number in range(ROBOTS_MAX - 1):
        w.guard_says("R-0", f"robot_{number}", sequence=10**17)
    w.guard_says(
        "R-2", sequence=10**16 + 1
    )  # This robot is the newest again, "robot_0" the oldest.
    w.guard_says("R-0", "one_more", sequence=10**17)
    w.at_ms(1_000).due("R-3").due("R-1", "robot_0").due("R-1", "robot_1")
    w.at_ns(1_000 * NS_PER_MS + SPEAKS_NS)
    assert w.expect_hold("R-3")[0].sequence == 10**16 + 2
    assert w.expect_hold("R-1", "robot_0")[0].sequence < 10**17
    assert w.expect_hold("R-1", "robot_1")[0].sequence == 10**17 + 1


def test_the_oldest_answer_is_forgotten_first() -> None:
    w = Watch()
    for number in range(ANSWERS_REMEMBERED_MAX):
        w.guard_says(f"R-{number}")
    w.guard_says("R-0").guard_says("one-more")  # "R-1" is the oldest now.
    w.due("R-0").due("R-1").at_ns(SPEAKS_NS)
    w.expect_hold("R-1")
    w.expect_nothing()


def test_it_counts_how_often_it_spoke() -> None:
    w = Watch().due("R-1").due("R-2").due("R-3").guard_says("R-3").at_ns(SPEAKS_NS)
    assert w.watchdog.spoken == 2


@pytest.mark.parametrize(("late_ns", "listens"), [(HELD_UP_NS, False), (HELD_UP_NS + 1, True)])
def test_a_watchdog_that_was_held_up_listens_before_it_speaks(
    late_ns: int,
    listens: bool,  # noqa: FBT001
) -> None:
    w = Watch().due("R-1").due("R-2")
    w.dies().step(StateHeard(99, decides=True))
    w.now_ns = BEGAN_NS + SPEAKS_NS + late_ns
    w.step(NothingHeard())
    if listens:
        w.expect_nothing().guard_says("R-1")
        w.at_ns(SPEAKS_NS + late_ns + CATCH_UP_NS)
    else:
        w.expect_hold("R-1")
    w.expect_hold("R-2")
    w.expect_nothing()


def test_however_late_it_wakes_it_speaks_at_the_second_time() -> None:
    w = Watch().due("R-1").dies()
    for late_ms in (20, 20 + 21):
        w.expect_nothing()
        w.now_ns = BEGAN_NS + SPEAKS_NS + late_ms * NS_PER_MS
        w.effects += w.watchdog.step(StateHeard(late_ms, decides=True), w.now_ns)
    w.expect_hold("R-1")


def test_names_are_those_that_the_guard_answers() -> None:
    w = Watch().due("bad id!", ROBOT).due("R-1", "no robot\N{REPLACEMENT CHARACTER}")
    w.at_ns(SPEAKS_NS).expect_hold("", ROBOT)
    w.at_ms(5_000).expect_nothing()
    # Of requests without a name each is one of its own, and is waited for anew.
    w.due("", ROBOT).at_ms(5_050).guard_says("", ROBOT)
    w.at_ms(5_060).due("?", ROBOT).at_ns(5_060 * NS_PER_MS + SPEAKS_NS - 1).expect_nothing()
    w.at_ns(5_060 * NS_PER_MS + SPEAKS_NS).expect_hold("", ROBOT)


def test_a_flood_takes_bounded_memory_and_leaves_nobody_without_an_answer() -> None:
    w = Watch()
    for number in range(REQUESTS_WATCHED_MAX):
        w.due(f"R-{number}")
    w.expect_nothing()
    w.due("one-more")
    w.expect_hold("one-more")
    w.at_ns(SPEAKS_NS)
    assert len(w.effects) == 2 * REQUESTS_WATCHED_MAX
    for number in range(2 * ANSWERS_REMEMBERED_MAX):
        w.guard_says(f"F-{number}")
    assert len(w.watchdog._answered) == ANSWERS_REMEMBERED_MAX
    assert (len(w.watchdog._waiting), len(w.watchdog._wakes)) == (0, 0)


@pytest.mark.parametrize("seed", range(200))
def test_every_due_request_has_exactly_one_answer_in_time(seed: int) -> None:
    """Guards that die, return and answer at random: who is not answered by the guard is by the watchdog."""
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    w = Watch(guard=random.random() < 0.8)
    due_ns: dict[str, int] = {}
    answered: dict[str, str] = {}
    now_ms = 0
    for number in range(120):
        now_ms += random.choice([0, 1, 20, 149, 160, 161, 310])
        w.at_ms(now_ms)
        _take(w.effects, answered, due_ns, w.now_ns)
        request_id = f"R-{random.randrange(number + 1)}"
        what = random.choice(["due", "due", "guard says", "dies", "lives", "lost"])
        if what == "due":
            due_ns.setdefault(request_id, w.now_ns)
            w.due(request_id)
        elif what == "guard says" and request_id not in answered:
            answered[request_id] = "guard"
            w.guard_says(request_id)
        elif what == "dies":
            w.dies()
        elif what == "lives":
            w.lives()
        elif what == "lost":
            w.step(GuardLost())
        _take(w.effects, answered, due_ns, w.now_ns)
    w.at_ms(now_ms + 1_000)
    _take(w.effects, answered, due_ns, w.now_ns)
    assert set(due_ns) <= set(answered)


def _take(
    effects: list[SendMotion | ReportDecision],
    answered: dict[str, str],
    due_ns: dict[str, int],
    now_ns: int,
) -> None:
    decisions = [effect.decision for effect in effects if isinstance(effect, ReportDecision)]
    effects.clear()
    for decision in decisions:
        assert decision.request_id not in answered, "one answer"
        assert decision.request_id in due_ns, "and only where one is due"
        assert decision.time_to_decision_ns <= SPEAKS_NS
        answered[decision.request_id] = "watchdog"
    late = [
        request_id
        for request_id, at_ns in due_ns.items()
        if request_id not in answered and now_ns - at_ns > SPEAKS_NS
    ]
    assert not late


def test_the_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Watchdog.step

    def mute(
        watchdog: Watchdog, event: WatchdogEvent, now_ns: int
    ) -> Sequence[SendMotion | ReportDecision]:
        return step(watchdog, event, now_ns)[2:]

    monkeypatch.setattr(Watchdog, "step", mute)
    with pytest.raises(AssertionError):
        test_every_due_request_has_exactly_one_answer_in_time(0)
