# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Counting what came over the wire: decisions, times and halts, as a bystander sees them."""

from collections import Counter
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import ns_to_ms, ns_to_seconds

PILOT_HALT_S: Final = 12.0
"""Mean halt after an unusable plan in a pilot without a guard (docs/background.md)."""

ACCEPTED: Final = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMotion:
    """The answer to one due request: when it fell due and when its motion arrived, on one clock (ns)."""

    request_id: str
    robot_id: str
    due_ns: int
    arrived_ns: int
    kind: MotionKind
    reason: str

    @property
    def taken_ms(self) -> float:
        """From falling due to the arrival of the motion."""
        return ns_to_ms(self.arrived_ns - self.due_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One GuardDecision, as far as it is counted."""

    request_id: str
    robot_id: str
    occasion: Occasion
    outcome: MotionKind
    failure_mode: str
    source: str
    attempt: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A distribution of milliseconds, by nearest rank."""

    count: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


def spread(values_ms: list[float]) -> Spread | None:
    """Return the distribution of `values_ms`; None where there are none."""
    if not values_ms:
        return None
    ordered = sorted(values_ms)

    def rank(share: float) -> float:
        return ordered[ceil(share * len(ordered)) - 1]

    return Spread(count=len(ordered), p50_ms=rank(0.5), p99_ms=rank(0.99), worst_ms=ordered[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run came to.

    `decisions` counts due requests by failure mode, `accepted` for a route in time.  `unguarded_s` is an
    estimate: every request whose first answer was unusable would have halted the robot for PILOT_HALT_S.
    """

    decisions: dict[str, int]
    routes_ms: Spread | None
    safe_moves_ms: Spread | None
    late: int
    unanswered: int
    halts: int
    halted_s: float
    unguarded_halts: int
    unguarded_s: float
    answers_refused: int

    @property
    def decided(self) -> int:
        """How many due requests were decided."""
        return sum(self.decisions.values())


@dataclass(slots=True)
class Tally:
    """Collects messages in the order in which they arrive."""

    deadline_ms: float
    due: dict[tuple[str, str], int] = field(default_factory=dict)
    first_motions: dict[tuple[str, str], tuple[MotionKind, str, int]] = field(default_factory=dict)
    decided: list[Decided] = field(default_factory=list)
    refusals: list[Decided] = field(default_factory=list)
    unusable_first: set[tuple[str, str]] = field(default_factory=set)
    halted_since_ns: dict[str, int] = field(default_factory=dict)
    halts: int = 0
    halted_ns: int = 0

    def fell_due(self, robot_id: str, request_id: str, due_ns: int) -> None:
        """Take a due request with its stamp."""
        self.due.setdefault((robot_id, request_id), due_ns)

    def moved(
        self, *, robot_id: str, request_id: str, kind: MotionKind, reason: str, arrived_ns: int
    ) -> None:
        """Take a motion command.  The first one for a due request is its answer."""
        if kind is MotionKind.SAFE_MOVE and robot_id not in self.halted_since_ns:
            self.halted_since_ns[robot_id] = arrived_ns
            self.halts += 1
        elif kind is MotionKind.ROUTE and robot_id in self.halted_since_ns:
            self.halted_ns += arrived_ns - self.halted_since_ns.pop(robot_id)
        self.first_motions.setdefault((robot_id, request_id), (kind, reason, arrived_ns))

    @property
    def motions(self) -> list[DueMotion]:
        """The answers to due requests, in the order of falling due.

        Joined late, because the answer may reach a bystander before the question does.
        """
        return [
            DueMotion(
                request_id=request_id,
                robot_id=robot_id,
                due_ns=due_ns,
                arrived_ns=arrived_ns,
                kind=kind,
                reason=reason,
            )
            for (robot_id, request_id), due_ns in self.due.items()
            if (robot_id, request_id) in self.first_motions
            for kind, reason, arrived_ns in [self.first_motions[robot_id, request_id]]
        ]

    def decision(self, decided: Decided) -> None:
        """Take a decision."""
        key = (decided.robot_id, decided.request_id)
        if decided.occasion is Occasion.DUE:
            self.decided.append(decided)
            if decided.failure_mode:
                self.unusable_first.add(key)
        elif decided.occasion is Occasion.REFUSAL:
            self.refusals.append(decided)
            if decided.attempt == 1:
                self.unusable_first.add(key)

    def summary(self, now_ns: int) -> Summary:
        """Add it up; a robot that still halts has halted until now."""
        motions = self.motions
        halted_ns = self.halted_ns + sum(now_ns - since for since in self.halted_since_ns.values())
        return Summary(
            decisions=dict(
                Counter(entry.failure_mode or ACCEPTED for entry in self.decided).most_common()
            ),
            routes_ms=spread([m.taken_ms for m in motions if m.kind is MotionKind.ROUTE]),
            safe_moves_ms=spread([m.taken_ms for m in motions if m.kind is MotionKind.SAFE_MOVE]),
            late=sum(motion.taken_ms > self.deadline_ms for motion in motions),
            unanswered=len(self.due) - len(motions),
            halts=self.halts,
            halted_s=ns_to_seconds(halted_ns),
            unguarded_halts=len(self.unusable_first),
            unguarded_s=len(self.unusable_first) * PILOT_HALT_S,
            answers_refused=len(self.refusals),
        )
