# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pilot's figures, as a table: what is counted over what.  Simulation and real nodes use the same one.

A halt is told of in two ways, and neither stands for the other: as the share of plans that end in one, and as the
share of their time that robots spend in one.  With a guard it lasts from a SAFE_MOVE on `motion` to the robot's next
ROUTE.  Without one it lasts from the answer that cannot be read, or from when the robot has stood without a route for
the guard's deadline, to the robot's next route.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fallback_guard.core.units import NS_PER_S
from fallback_guard.pilot.intervals import Interval, factor, quotient, share
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.tally import RobotTally, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row: `above` over `below`, both counts of RobotTally, times `scale`.

    `is_share`: each of what is below is counted above or not.  `is_time`: time in halts, over time.
    """

    says: str
    above: str
    below: str
    unit: str = "%"
    scale: float = 100.0
    is_share: bool = False
    is_time: bool = False


THROUGHPUT: Final = "throughput"
PLANS_HALTED: Final = "plans_halted"
TIME_HALTED: Final = "time_halted"
TIME_HALTED_UNUSABLE: Final = "time_halted_unusable"

FIGURES: Final[Mapping[str, Figure]] = MappingProxyType(
    {
        THROUGHPUT: Figure(
            says="items picked as asked, per robot and hour",
            above="picked",
            below="total_ns",
            unit="picks/h",
            scale=3_600.0 * NS_PER_S,
        ),
        PLANS_HALTED: Figure(
            says="share of plans that end in a halt",
            above="plans_halted",
            below="plans",
            is_share=True,
        ),
        "plans_halted_unusable": Figure(
            says="the same, of those whose answer was unusable",
            above="plans_halted_unusable",
            below="plans",
            is_share=True,
        ),
        "plans_halted_no_answer": Figure(
            says="the same, of those without an answer in time",
            above="plans_halted_no_answer",
            below="plans",
            is_share=True,
        ),
        TIME_HALTED: Figure(
            says="share of time halted", above="halted_ns", below="total_ns", is_time=True
        ),
        TIME_HALTED_UNUSABLE: Figure(
            says="the same, for unusable answers",
            above="halted_unusable_ns",
            below="total_ns",
            is_time=True,
        ),
        "time_halted_no_answer": Figure(
            says="the same, for want of an answer in time",
            above="halted_no_answer_ns",
            below="total_ns",
            is_time=True,
        ),
        "halt": Figure(
            says="mean halt", above="halted_ns", below="halts", unit="s", scale=1 / NS_PER_S
        ),
        "wrong": Figure(
            says="items picked wrong, or left out by a wrong plan",
            above="not_as_asked",
            below="asked",
            is_share=True,
        ),
        "served": Figure(
            says="plans decided within the deadline and driven within 2 s of falling due",
            above="served",
            below="plans",
            is_share=True,
        ),
        "first_malformed": Figure(
            says="plans whose first answer was malformed",
            above="first_malformed",
            below="plans",
            is_share=True,
        ),
        "first_timeouts": Figure(
            says="plans whose first call timed out",
            above="first_timeouts",
            below="plans",
            is_share=True,
        ),
    }
)


def count(tally: RobotTally, name: str) -> int:
    """Return one count of a tally, or what is made of two."""
    if name == "not_as_asked":
        return tally.wrong + tally.missed
    value = getattr(tally, name)
    assert isinstance(value, int)
    return value


def measured(name: str, tallies: Sequence[RobotTally], settings: PilotSettings) -> Interval:
    """Return a figure of robots with its interval."""
    figure = FIGURES[name]
    above = [count(tally, figure.above) for tally in tallies]
    below = [count(tally, figure.below) for tally in tallies]
    if figure.is_share:
        return share(sum(above), sum(below)).scaled(figure.scale)
    found = quotient(above, below)
    if figure.is_time and not any(above) and any(below):
        # That nothing was seen says how seldom it is at most: a plan, each time for as long as an operator takes.
        plans = sum(tally.plans for tally in tallies)
        high = share(0, plans).high * plans * settings.halt_ns / sum(below)
        found = Interval(value=0.0, low=0.0, high=min(1.0, high))
    return found.scaled(figure.scale)


def times(name: str, above: Sequence[RobotTally], below: Sequence[RobotTally]) -> Interval:
    """Return how many times as large a figure is in one arm as in another, robot by robot."""
    figure = FIGURES[name]

    def counts(tallies: Sequence[RobotTally]) -> tuple[list[int], list[int]]:
        return (
            [count(tally, figure.above) for tally in tallies],
            [count(tally, figure.below) for tally in tallies],
        )

    return factor(counts(above), counts(below))


def defects(tallies: Sequence[RobotTally]) -> list[str]:
    """Return what does not add up, of any robot and of all together."""
    return sorted({defect for tally in (*tallies, total(tallies)) for defect in tally.defects})
