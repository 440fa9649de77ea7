# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is known of one guard: its state, its robots, and those who work beside it.  Time is an argument."""

from dataclasses import dataclass, field
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.live.heard import (
    DRILL,
    ROBOTS_SHOWN_MAX,
    DecisionHeard,
    MotionHeard,
    Part,
    StateHeard,
    StatusHeard,
    known_id,
)
from fallback_guard.live.rates import Rates

DECIDES: Final = frozenset({Occasion.DUE, Occasion.RECOVERY})
"""Occasions on which a robot is told what to do."""


@dataclass(slots=True, kw_only=True)
class RobotRow:
    """One robot.  Times are when something arrived (ns); `halted_since_ns` is None while it may drive."""

    robot_id: str
    heard_ns: int
    last: DecisionHeard | None = None
    last_ns: int = 0
    decisions: int = 0
    safe_moves: int = 0
    refusals: int = 0
    drills: int = 0
    halts: int = 0
    halted_ns: int = 0
    halted_since_ns: int | None = None
    halted_by_drill: bool = False


@dataclass(slots=True)
class GuardBoard:
    """Takes messages in the order in which they arrive.  The totals are of halts of all robots."""

    namespace: str
    state: StateHeard | None = None
    state_ns: int = 0
    robots: dict[str, RobotRow] = field(default_factory=dict)
    statuses: dict[Part, tuple[StatusHeard, int]] = field(default_factory=dict)
    modes: Rates = field(default_factory=Rates)
    halts: int = 0
    halted_ns: int = 0

    def take_state(self, state: StateHeard, now_ns: int) -> None:
        """Take a sign of life.  One that repeats a heartbeat is none."""
        if self.state is not None and self.state.heartbeat == state.heartbeat:
            return
        self.state, self.state_ns = state, now_ns

    def take_status(self, status: StatusHeard, now_ns: int) -> None:
        """Take what somebody says of itself."""
        self.statuses[status.part] = (status, now_ns)

    def take_decision(self, decision: DecisionHeard, now_ns: int) -> None:
        """Take a decision.  What concerns no robot is counted alone."""
        if decision.occasion is not Occasion.RECOVERY:
            self.modes.count(decision.mode, now_ns)
        if decision.occasion is Occasion.ALARM:
            return
        row = self._row(decision.robot_id, now_ns)
        if decision.occasion is Occasion.REFUSAL:
            row.refusals += 1
        if decision.occasion not in DECIDES:
            return
        row.last, row.last_ns = decision, now_ns
        if decision.occasion is not Occasion.DUE:
            return
        row.drills += decision.is_drill
        if not decision.is_drill:
            row.decisions += 1
            row.safe_moves += decision.outcome is MotionKind.SAFE_MOVE

    def take_motion(self, motion: MotionHeard, now_ns: int) -> None:
        """Take a command: a safe move begins a halt, the next route ends it.  A halt of a drill counts for nothing."""
        row = self._row(motion.robot_id, now_ns)
        is_drill = motion.reason == DRILL
        begins = row.halted_since_ns is None or (row.halted_by_drill and not is_drill)
        if motion.kind is MotionKind.SAFE_MOVE and begins:
            row.halted_since_ns, row.halted_by_drill = now_ns, is_drill
            row.halts += not is_drill
            self.halts += not is_drill
        elif motion.kind is MotionKind.ROUTE:
            self._end_halt(row, now_ns)

    def halted_until(self, now_ns: int) -> int:
        """Return for how long robots have halted together, the halts that go on included."""
        return self.halted_ns + sum(
            now_ns - row.halted_since_ns
            for row in self.robots.values()
            if row.halted_since_ns is not None and not row.halted_by_drill
        )

    @property
    def halting(self) -> int:
        """How many robots halt, those in a drill left out."""
        rows = self.robots.values()
        return sum(row.halted_since_ns is not None and not row.halted_by_drill for row in rows)

    def _end_halt(self, row: RobotRow, now_ns: int) -> None:
        if row.halted_since_ns is not None and not row.halted_by_drill:
            row.halted_ns += now_ns - row.halted_since_ns
            self.halted_ns += now_ns - row.halted_since_ns
        row.halted_since_ns = None

    def _row(self, robot_id: str, now_ns: int) -> RobotRow:
        """Return a robot's row, as the newest one; a new robot takes the place of the one silent for longest."""
        name = known_id(robot_id)
        row = self.robots.pop(name, None) or RobotRow(robot_id=name, heard_ns=now_ns)
        if len(self.robots) >= ROBOTS_SHOWN_MAX:
            self._end_halt(self.robots.pop(next(iter(self.robots))), now_ns)
        row.heard_ns = now_ns
        self.robots[name] = row
        return row
