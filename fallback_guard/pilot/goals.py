# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the guard has to reach in the pilot, as a table, measured arm against arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from fallback_guard.pilot.arms import FAULTLESS, FAULTLESS_GUARDED, GUARDED, STANDBY, UNGUARDED
from fallback_guard.pilot.figures import (
    PLANS_HALTED,
    THROUGHPUT,
    TIME_HALTED,
    TIME_HALTED_UNUSABLE,
    measured,
    times,
)
from fallback_guard.pilot.intervals import Interval
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.tally import RobotTally

Arms = Mapping[str, Sequence[RobotTally]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One row: a figure of one arm in terms of another's (`against`), or by itself.

    `lost`: what counts is by how many per cent it is below the other's.
    """

    says: str
    figure: str
    arm: str
    against: str = ""
    lost: bool = False
    at_least: float = -inf
    at_most: float = inf
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A goal as it was measured."""

    goal: Goal
    interval: Interval

    @property
    def is_met(self) -> bool:
        """Whether the estimate is as it has to be."""
        return self.goal.at_least <= self.interval.value <= self.goal.at_most

    @property
    def wanted(self) -> str:
        """What it has to be, for people."""
        goal = self.goal
        if goal.at_least > -inf:
            return f"at least {goal.at_least:g}{goal.unit}"
        return f"at most {goal.at_most:g}{goal.unit}"


GOALS: Final = (
    Goal(
        says="time halted for unusable answers: without a guard over with it",
        figure=TIME_HALTED_UNUSABLE,
        arm=UNGUARDED,
        against=GUARDED,
        at_least=50.0,
        unit=" times",
    ),
    Goal(
        says="time halted for any cause: without a guard over with it",
        figure=TIME_HALTED,
        arm=UNGUARDED,
        against=GUARDED,
        at_least=50.0,
        unit=" times",
    ),
    Goal(
        says="plans that end in a halt, with the standby route at the deadline",
        figure=PLANS_HALTED,
        arm=STANDBY,
        at_most=0.0,
        unit=" %",
    ),
    Goal(
        says="throughput that the guard costs beside a planner without fault",
        figure=THROUGHPUT,
        arm=FAULTLESS_GUARDED,
        against=FAULTLESS,
        lost=True,
        at_most=0.5,
        unit=" %",
    ),
    Goal(
        says="throughput lost to all faults and the guard, with the guard as it comes",
        figure=THROUGHPUT,
        arm=GUARDED,
        against=FAULTLESS,
        lost=True,
        at_most=0.5,
        unit=" %",
    ),
    Goal(
        says="the same, with the standby route at the deadline",
        figure=THROUGHPUT,
        arm=STANDBY,
        against=FAULTLESS,
        lost=True,
        at_most=0.5,
        unit=" %",
    ),
)


def reached(arms: Arms, settings: PilotSettings) -> list[Reached]:
    """Return every goal that these arms say something about."""
    found = []
    for goal in GOALS:
        if goal.arm not in arms or (goal.against and goal.against not in arms):
            continue
        if not goal.against:
            interval = measured(goal.figure, arms[goal.arm], settings)
        else:
            interval = times(goal.figure, arms[goal.arm], arms[goal.against])
        if goal.lost:
            interval = Interval(
                value=100.0 * (1.0 - interval.value),
                low=100.0 * (1.0 - interval.high),
                high=100.0 * (1.0 - interval.low),
            )
        found.append(Reached(goal=goal, interval=interval))
    return found
