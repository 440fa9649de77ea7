# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a robot goes through, counted; every figure is a quotient of two of these counts (figures.py)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Final

from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode


class Cause(Enum):
    """Why a robot halts."""

    UNUSABLE = "unusable"
    """The planner's answer: malformed, or not the plan that was asked for."""
    NO_ANSWER = "no_answer"
    """None in time: silent, late, timed out."""
    OTHER = "other"
    """Neither: the latch, the robot's position, the guard itself."""


_OTHER_MODES: Final = frozenset(
    {
        FailureMode.START_OUT_OF_RANGE,
        FailureMode.POSITION_UNKNOWN,
        FailureMode.BAD_REQUEST,
        FailureMode.LATCHED,
        FailureMode.INTERNAL_ERROR,
        FailureMode.GUARD_SILENT,
        FailureMode.STRANGER,
    }
)


def cause_of(reason: str) -> Cause:
    """Return why a robot halts by the reason of its safe move, which a guard of another version may have given."""
    try:
        mode = FailureMode(reason)
    except ValueError:
        return Cause.OTHER
    if mode in _OTHER_MODES:
        return Cause.OTHER
    return Cause.NO_ANSWER if FAILURE_MODES[mode].bucket is Bucket.LATENCY else Cause.UNUSABLE


@dataclass(slots=True, kw_only=True)
class RobotTally:
    """One robot's counts.  Times are in ns; a plan is one tour's, however often it is asked for.

    `asked` items are `picked` as asked, `wrong` (from another bin, another article or number), `missed` (left out of
    the plan), or `still_open`.  The time is spent `touring`, `waiting` (standing without a route for less than the
    deadline) and `halted`.  `served` plans were decided within the deadline, and driven within 2 s of falling due.
    """

    plans: int = 0
    asked: int = 0
    picked: int = 0
    wrong: int = 0
    missed: int = 0
    still_open: int = 0
    halts: int = 0
    plans_halted: int = 0
    plans_halted_unusable: int = 0
    plans_halted_no_answer: int = 0
    plans_halted_other: int = 0
    halted_ns: int = 0
    halted_unusable_ns: int = 0
    halted_no_answer_ns: int = 0
    halted_other_ns: int = 0
    waiting_ns: int = 0
    touring_ns: int = 0
    total_ns: int = 0
    served: int = 0
    late: int = 0
    asked_anew: int = 0
    calls: int = 0
    malformed: int = 0
    wrong_answers: int = 0
    timeouts: int = 0
    first_malformed: int = 0
    first_timeouts: int = 0

    def add(self, other: "RobotTally") -> None:
        """Add another robot's."""
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def count(self, name: str, by: int = 1) -> None:
        """Count something by its name."""
        setattr(self, name, getattr(self, name) + by)

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)

    @property
    def defects(self) -> list[str]:
        """What does not add up; empty where all of it does."""
        found = []
        if self.asked != self.picked + self.wrong + self.missed + self.still_open:
            found.append("items asked are not those picked, wrong, missed and still open")
        if self.total_ns != self.touring_ns + self.waiting_ns + self.halted_ns:
            found.append("the time is not that of touring, waiting and halting")
        by_cause = self.halted_unusable_ns + self.halted_no_answer_ns + self.halted_other_ns
        if self.halted_ns != by_cause:
            found.append("the halts are not those of their causes")
        return found


NAMES: Final = tuple(row.name for row in fields(RobotTally))


def total(tallies: Iterable[RobotTally]) -> RobotTally:
    """Add up tallies."""
    added = RobotTally()
    for tally in tallies:
        added.add(tally)
    return added
