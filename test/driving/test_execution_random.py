# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Whatever happens, in whatever order: what the last word to the wheels is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands import EAST, LEASE_NS, command, safe_move
from fallback_guard.core.motion import SafeMoveKind
from fallback_guard.driving.errand import Errand, ErrandKind, errand
from fallback_guard.driving.execution import Execution
from fallback_guard.driving.words import (
    CancelDriving,
    DriverAccepted,
    DriverBack,
    DriverFailed,
    DriverFinished,
    DriverGone,
    DriverHeard,
    DriverRefused,
    GuardHeard,
    MotionArrived,
    Outcome,
    PoseLost,
    PoseMeasured,
    ReportPick,
    StartDriving,
    Stop,
    TimePassed,
)
from rig import CONFIG, MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_guard.driving.errand import Command
    from fallback_guard.driving.words import Effect, Event

STEPS_MS: Final = st.sampled_from([0, 1, 49, 50, 500, 501, 700, 1_000, 2_000, 30_000])
GOALS: Final = st.integers(0, 6)
PLACES: Final = st.sampled_from([*EAST, (5.0, 0.2), (9.6, 0.3), (15.0, -3.0)])


def commands() -> st.SearchStrategy[Command]:
    """Return commands: routes, safe moves and nonsense, with sequences that rise, repeat and fall."""
    sequences = st.integers(0, 12)
    routes = st.builds(
        lambda number, picks, lease_ns: command(number, picks_at=sorted(picks), lease_ns=lease_ns),
        sequences,
        st.lists(st.integers(0, 3), max_size=4),
        st.sampled_from([LEASE_NS, LEASE_NS, 60 * LEASE_NS, 0]),
    )
    broken = st.builds(
        lambda number, kind: command(number, kind, places=[]),
        sequences,
        st.sampled_from([0, 1, 2, 77]),
    )
    safe = st.builds(safe_move, sequences, st.sampled_from(list(SafeMoveKind)))
    return routes | routes | safe | broken


EVENTS: Final = st.one_of(
    st.builds(lambda one: MotionArrived(command=one), commands()),
    st.builds(lambda beat: GuardHeard(heartbeat=beat), st.integers(0, 40)),
    st.builds(lambda place: PoseMeasured(x=place[0], y=place[1]), PLACES),
    st.just(PoseLost(why="lost")),
    st.just(DriverBack()),
    st.just(DriverGone()),
    st.builds(lambda goal: DriverAccepted(goal=goal), GOALS),
    st.builds(lambda goal: DriverHeard(goal=goal), GOALS),
    st.builds(lambda goal: DriverRefused(goal=goal, why="no"), GOALS),
    st.builds(lambda goal: DriverFinished(goal=goal), GOALS),
    st.builds(lambda goal: DriverFailed(goal=goal, why="no"), GOALS),
    st.builds(lambda ns: TimePassed(robot_ns=ns), st.integers(-(10**10), 10**10)),
)


class Witness:
    """Keeps its own account of what holds, by the words of the interface alone, and of what was said."""

    def __init__(self) -> None:
        self.newest: Command | None = None
        self.until_ns = -1
        self.heartbeat = 0
        self.renewable = False
        self.stands: bool | None = None
        self.moving: set[int] = set()
        self.goals: list[int] = []
        self.reports: list[ReportPick] = []

    def hear(self, event: Event, now_ns: int) -> None:
        if isinstance(event, MotionArrived):
            if self.newest is None or event.command.sequence > self.newest.sequence:
                if event.command.sequence == 0:
                    return
                self.newest = event.command
                self.until_ns = now_ns + event.command.lease_ns
                self.renewable = event.command.lease_ns > 0
        elif isinstance(event, GuardHeard):
            if event.heartbeat < self.heartbeat:
                self.renewable = False
            elif event.heartbeat > self.heartbeat and self.renewable and now_ns <= self.until_ns:
                assert self.newest is not None
                self.until_ns = now_ns + self.newest.lease_ns
            self.heartbeat = event.heartbeat
        elif isinstance(event, DriverFailed | DriverRefused | DriverFinished):
            self.moving.discard(event.goal)

    @property
    def may_move(self) -> bool:
        """Whether the newest command can be carried out and is to be driven."""
        if self.newest is None or self.newest.lease_ns <= 0:
            return False
        found = errand(self.newest)
        return isinstance(found, Errand) and found.kind is not ErrandKind.HOLD

    def see(self, effects: list[Effect], now_ns: int) -> None:
        for effect in effects:
            if isinstance(effect, Stop):
                self.stands = effect.on
            elif isinstance(effect, StartDriving):
                assert self.newest is not None
                assert effect.sequence == self.newest.sequence, "nothing of an older command"
                assert self.goals == [] or effect.goal > self.goals[-1]
                assert not self.moving, "one goal at a time"
                self.goals.append(effect.goal)
                self.moving.add(effect.goal)
            elif isinstance(effect, CancelDriving):
                self.moving.discard(effect.goal)
            elif isinstance(effect, ReportPick):
                self.reports.append(effect)
        if not self.may_move or now_ns > self.until_ns:
            assert self.stands, "the last word to the wheels"
            assert not self.moving, "the last word to the driver"
        if not self.stands:
            assert self.moving, "wheels that nobody drives are told to stand"

    def check_reports(self) -> None:
        keys = [(report.sequence, report.stop_index) for report in self.reports]
        assert keys == sorted(set(keys)), "once, and in order"
        for before, after in zip(self.reports, self.reports[1:], strict=False):
            if before.outcome is Outcome.UNREACHED:
                assert after.sequence > before.sequence, "nothing follows what was given up"


def run(timeline: list[tuple[int, Event]]) -> Witness:
    """Run a timeline of steps (ms) and events."""
    execution, witness, now_ns = Execution(CONFIG), Witness(), 77
    for step_ms, event in timeline:
        now_ns += step_ms * MS
        witness.hear(event, now_ns)
        witness.see(execution.step(event, now_ns), now_ns)
        assert execution.sequence == (witness.newest.sequence if witness.newest else 0)
    witness.check_reports()
    return witness


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(STEPS_MS, EVENTS), max_size=60))
def test_the_last_word(timeline: list[tuple[int, Event]]) -> None:
    run(timeline)


def plausible(draws: st.DataObject) -> Iterator[tuple[int, Event]]:
    """Yield a timeline on which the driver mostly works, so that all of a route is come to."""
    goal, beat = 0, 0
    yield 0, DriverBack()
    yield 0, PoseMeasured(x=0.0, y=0.0)
    for sequence in range(1, draws.draw(st.integers(1, 4)) + 1):
        yield (
            50,
            MotionArrived(
                command=command(
                    sequence, picks_at=sorted(draws.draw(st.lists(st.integers(0, 3), max_size=4)))
                )
            ),
        )
        for _ in range(draws.draw(st.integers(0, 12))):
            goal += draws.draw(st.sampled_from([0, 1]))
            beat += 1
            yield 20, GuardHeard(heartbeat=beat)
            yield 0, DriverAccepted(goal=goal)
            place = draws.draw(PLACES)
            yield 0, PoseMeasured(x=place[0], y=place[1])
            yield 0, DriverFinished(goal=goal)
            yield 0, TimePassed(robot_ns=beat * 1_000 * MS)
            if draws.draw(st.integers(0, 5)) == 0:
                yield draws.draw(STEPS_MS), draws.draw(EVENTS)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_last_word_on_the_way(draws: st.DataObject) -> None:
    run(list(plausible(draws)))


def test_the_timelines_come_to_picks_and_the_witness_can_object() -> None:
    timeline: list[tuple[int, Event]] = [
        (0, DriverBack()),
        (0, PoseMeasured(x=0.0, y=0.0)),
        (0, MotionArrived(command=command(1, picks_at=(1,)))),
        (0, DriverAccepted(goal=1)),
        (0, PoseMeasured(x=10.0, y=0.0)),
        (0, DriverFinished(goal=1)),
        (0, TimePassed(robot_ns=0)),
        (0, TimePassed(robot_ns=10**9)),
    ]
    witness = run(timeline)
    assert [(report.stop_index, report.outcome) for report in witness.reports] == [
        (0, Outcome.PICKED)
    ]
    witness.newest = safe_move(2)
    try:
        witness.see([Stop(on=False)], 0)
    except AssertionError:
        return
    raise AssertionError("moving wheels under a safe move were not seen")
