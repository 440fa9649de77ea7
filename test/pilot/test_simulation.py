# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pilot in simulated time: what must hold in every arm, and what the arms are for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.pilot.arms import ARMS, STANDBY, UNGUARDED
from fallback_guard.pilot.figures import defects
from fallback_guard.pilot.ports import Stop, Told
from fallback_guard.pilot.robot import PilotRobot
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.simulation import Fleet, Heap
from fallback_guard.pilot.tally import Cause, RobotTally, cause_of, total
from fleets import BAD, PLANS, book, played

GUARDED_ARMS = [name for name, arm in ARMS.items() if arm.guard is not None]
RIGHT = replace(BAD, malformed_share=0.0, wrong_share=0.0, timeout_share=0.0)


@pytest.mark.parametrize("arm", ARMS)
def test_every_item_and_all_time_is_accounted_for(arm: str) -> None:
    tallies = played(arm)
    assert defects(tallies) == []
    counts = total(tallies)
    assert counts.plans == PLANS * BAD.robots
    assert counts.still_open == 0, "each robot drives all its tours"
    assert counts.plans_halted <= counts.plans


def test_what_does_not_add_up_is_told() -> None:
    """So that the check can fail."""
    assert len(RobotTally(asked=1, total_ns=2, halted_ns=1).defects) == 3


@pytest.mark.parametrize("arm", [UNGUARDED, "guarded"])
def test_the_same_seed_gives_the_same_counts(arm: str) -> None:
    first, again = played(arm), played(arm)
    assert first == again
    assert played(arm, replace(BAD, seed=2)) != first


@pytest.mark.parametrize("arm", GUARDED_ARMS)
def test_with_a_guard_nothing_is_picked_wrong(arm: str) -> None:
    counts = total(played(arm))
    assert counts.wrong_answers or not ARMS[arm].faulty, "the planner tried"
    assert (counts.wrong, counts.missed) == (0, 0)


def test_without_one_it_is() -> None:
    counts = total(played(UNGUARDED))
    assert counts.wrong
    assert counts.missed


def test_the_standby_route_at_the_deadline_leaves_no_halt() -> None:
    counts = total(played(STANDBY))
    assert (counts.halts, counts.halted_ns, counts.late) == (0, 0, 0)
    assert counts.served == counts.plans


def test_without_a_guard_each_unreadable_plan_halts_for_twelve_seconds() -> None:
    settings = replace(BAD, timeout_share=0.0, latency_p50_s=0.01, latency_p95_s=0.02)
    counts = total(played(UNGUARDED, settings))
    assert counts.malformed > 3
    assert counts.halted_unusable_ns == counts.malformed * 12 * NS_PER_S
    assert counts.plans_halted_unusable == counts.plans_halted == counts.malformed
    assert counts.halted_no_answer_ns == 0


def test_with_one_a_second_answer_comes_before_the_plan_is_due() -> None:
    settings = replace(
        BAD, timeout_share=0.0, malformed_again_share=0.0, latency_p50_s=0.01, latency_p95_s=0.02
    )
    counts = total(played("guarded", replace(settings, wrong_share=0.0)))
    assert counts.malformed > 3
    assert counts.halts == 0


def test_where_no_second_answer_is_better_the_guard_halts_for_a_second() -> None:
    settings = replace(BAD, timeout_share=0.0, malformed_again_share=1.0, wrong_share=0.0)
    counts = total(played("guarded", settings))
    assert counts.plans_halted_unusable > 3
    assert counts.halted_unusable_ns >= counts.halts * NS_PER_S
    assert counts.halted_unusable_ns < counts.halts * 12 * NS_PER_S


@pytest.mark.parametrize(
    ("arm", "named"), [("late_route", "asked_anew"), ("operator", "asked_anew")]
)
def test_without_recovery_somebody_comes_after_as_long_as_without_a_guard(
    arm: str, named: str
) -> None:
    counts = total(played(arm))
    assert getattr(counts, named)
    assert counts.still_open == 0


def test_twice_the_time_in_series_costs_five_per_cent() -> None:
    """The pilot's figure, which needs three items of 0.9 s a plan: 2.85 of 3.0 s."""

    def rate(arm: str) -> float:
        counts = total(played(arm, RIGHT, plans=200))
        return counts.picked / counts.total_ns

    assert rate("series_300") / rate("series_150") == pytest.approx(0.95, abs=0.002)


def test_what_the_guard_costs_is_the_way_there_and_back() -> None:
    bare, guarded = total(played("faultless")), total(played("faultless_guarded"))
    assert guarded.waiting_ns == guarded.plans * 2 * round(PilotSettings().wire_s * NS_PER_S)
    assert guarded.touring_ns == bare.touring_ns
    assert bare.waiting_ns == 0


def test_a_second_planner_leaves_fewer_without_an_answer() -> None:
    settings = replace(BAD, timeout_share=0.3, second_timeout_share=0.25)
    first, second = (total(played(arm, settings)) for arm in ("guarded", "second_planner"))
    assert 0 < second.plans_halted_no_answer < first.plans_halted_no_answer / 2


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("TRUNCATED", Cause.UNUSABLE),
        ("WRONG_BIN", Cause.UNUSABLE),
        ("PLANNER_TIMEOUT", Cause.NO_ANSWER),
        ("PLANNER_SILENT", Cause.NO_ANSWER),
        ("LATCHED", Cause.OTHER),
        ("OF_ANOTHER_VERSION", Cause.OTHER),
        ("", Cause.OTHER),
    ],
)
def test_why_a_robot_halts(reason: str, cause: Cause) -> None:
    assert cause_of(reason) is cause


class Alone:
    """One robot whose guard says nothing by itself."""

    def __init__(self) -> None:
        self.heap = Heap()
        fleet = Fleet(RIGHT, ARMS["guarded"], agenda=self.heap, book=book())
        fleet.join(Mute(), part=0, plans={0: 3})
        self.robot: PilotRobot = fleet.robots["picker_0"]
        while self.robot.tally.plans == 0:
            assert self.heap.happen()

    def hear(self, request_id: str, *, is_route: bool, sequence: int) -> None:
        stops = (Stop("A-01", "SKU-1", 1),) if is_route else ()
        self.robot.hear(
            Told(
                robot_id="picker_0",
                request_id=request_id,
                is_route=is_route,
                sequence=sequence,
                stops=stops,
                reason="" if is_route else "PLANNER_SILENT",
            )
        )

    def pass_ms(self, ms: int) -> None:
        self.heap.now_ns += ms * NS_PER_MS


class Mute:
    """Hears everything and says nothing."""

    def ask(self, request: object) -> None: ...
    def fell_due(self, robot_id: str, request_id: str) -> None: ...
    def answer(self, candidate: object) -> None: ...
    def stand(self, robot_id: str, x: float, y: float, sequence: int) -> None: ...
    def reset(self, robot_id: str) -> None: ...


def test_a_halt_lasts_from_the_safe_move_to_the_next_route() -> None:
    alone = Alone()
    alone.pass_ms(150)
    alone.hear("R-1", is_route=False, sequence=1)
    alone.pass_ms(1_700)
    alone.hear("R-1", is_route=False, sequence=2)
    alone.pass_ms(300)
    alone.hear("R-1", is_route=True, sequence=3)
    tally = alone.robot.tally
    assert (tally.halts, tally.plans_halted, tally.halted_ns) == (1, 1, 2_000 * NS_PER_MS)
    assert tally.waiting_ns == 150 * NS_PER_MS
    assert (tally.late, tally.served) == (0, 0), "driven later than the objective allows for"


@pytest.mark.parametrize(("waited_ms", "late"), [(149, 0), (150, 0), (151, 1)])
def test_a_decision_is_late_after_the_deadline(waited_ms: int, late: int) -> None:
    alone = Alone()
    alone.pass_ms(waited_ms)
    alone.hear("R-1", is_route=True, sequence=1)
    assert (alone.robot.tally.late, alone.robot.tally.served) == (late, 1 - late)


def test_old_commands_and_those_for_others_change_nothing() -> None:
    alone = Alone()
    alone.hear("R-9", is_route=False, sequence=1)
    assert alone.robot.tally.halts == 0
    alone.hear("R-1", is_route=True, sequence=5)
    alone.hear("R-1", is_route=False, sequence=4)
    alone.hear("R-1", is_route=False, sequence=6)
    assert alone.robot.tally.halts == 0, "it has its route"


def test_what_is_not_picked_at_the_end_is_still_open() -> None:
    alone = Alone()
    alone.pass_ms(100)
    alone.robot.close()
    tally = alone.robot.tally
    assert tally.still_open == tally.asked > 0
    assert tally.defects == []
    before = tally.as_dict()
    alone.hear("R-1", is_route=True, sequence=1)
    assert tally.as_dict() == before
