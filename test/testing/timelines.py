# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Timelines from a script: what a robot does, with known figures, and what is said meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.testing.timeline import (
    Answer,
    Command,
    Decided,
    Due,
    GuardStanding,
    Position,
    State,
    Timeline,
)

ROBOT: Final = "picker_1"
DECELERATION_MPS2: Final = 1.5
PERIOD_NS: Final = 40_000_000


def s(seconds: float) -> int:
    return round(seconds * 10**9)


def ms(milliseconds: float) -> int:
    return round(milliseconds * 10**6)


@dataclass(slots=True, kw_only=True)
class Script:
    """A robot on a line along x, seen 25 times a second from 0 s on, and its guard."""

    deceleration_mps2: float = DECELERATION_MPS2
    stamps: bool = True
    timeline: Timeline = field(default_factory=Timeline)
    now_ns: int = 0
    x: float = 0.0
    speed_mps: float = 0.0
    sequence: int = 0
    taken_over: int = 0
    heartbeat: int = 0

    def drive(self, *, until_ns: int, speed_mps: float, lost: bool = False) -> None:
        self.speed_mps = speed_mps
        while self.now_ns < until_ns:
            self._step(lost=lost)

    def stand(self, *, until_ns: int) -> None:
        self.drive(until_ns=until_ns, speed_mps=0.0)

    def brake(self) -> None:
        while self.speed_mps > 0:
            self.speed_mps = max(0.0, self.speed_mps - self.deceleration_mps2 * PERIOD_NS / 1e9)
            self._step()

    def be_unseen(self, *, until_ns: int) -> None:
        self.now_ns = until_ns

    def takes_over(self) -> None:
        self.taken_over = self.sequence

    def _step(self, *, lost: bool = False) -> None:
        self.now_ns += PERIOD_NS
        self.x += self.speed_mps * PERIOD_NS / 1e9
        self.timeline.add(
            Position(
                robot_id=ROBOT,
                heard_ns=self.now_ns,
                stamp_ns=self.now_ns + 7 * 10**18 if self.stamps else 0,
                x=self.x,
                y=3.0,
                sequence=self.taken_over,
                lost=lost,
            )
        )

    def falls_due(self, request_id: str, *, at_ns: int) -> None:
        self.timeline.add(Due(key=(ROBOT, request_id), heard_ns=at_ns))

    def answer(self, request_id: str, *, at_ns: int, failure: str = "") -> None:
        self.timeline.add(
            Answer(
                key=(ROBOT, request_id),
                heard_ns=at_ns,
                source="llm:test",
                attempt=1,
                payload=b"{}",
                failure=failure,
            )
        )

    def route(
        self, request_id: str, *, at_ns: int, sequence: int | None = None, lease_ns: int = ms(500)
    ) -> None:
        command = self._command(request_id, at_ns, sequence)
        self.timeline.add(replace(command, kind=MotionKind.ROUTE, lease_ns=lease_ns))

    def safe_move(  # noqa: PLR0913  # the fields of one message
        self,
        request_id: str,
        *,
        at_ns: int,
        kind: SafeMoveKind = SafeMoveKind.HOLD,
        reason: str = "PLANNER_SILENT",
        sequence: int | None = None,
        source: str = "",
        refuge_x: float | None = None,
    ) -> None:
        command = self._command(request_id, at_ns, sequence)
        way = () if refuge_x is None else ((1, self.x, 3.0), (2, refuge_x, 3.0))
        self.timeline.add(
            replace(command, safe_move=kind, reason=reason, source=source, waypoints=way)
        )

    def _command(self, request_id: str, at_ns: int, sequence: int | None) -> Command:
        self.sequence = self.sequence + 1 if sequence is None else sequence
        return Command(
            key=(ROBOT, request_id),
            heard_ns=at_ns,
            sequence=self.sequence,
            kind=MotionKind.SAFE_MOVE,
            source="",
            reason="",
            lease_ns=ms(500),
        )

    def decided(
        self,
        request_id: str,
        *,
        at_ns: int,
        source: str = "",
        occasion: Occasion = Occasion.DUE,
    ) -> None:
        self.timeline.add(
            Decided(
                key=(ROBOT, request_id),
                heard_ns=at_ns,
                sequence=self.sequence,
                occasion=occasion,
                outcome=MotionKind.SAFE_MOVE,
                failure_mode="PLANNER_SILENT",
                source=source,
            )
        )

    def lives(self, *, until_ns: int, from_ns: int = 0) -> None:
        """Hear a guard that starts at `from_ns`, with its heartbeat at 1."""
        self.heartbeat = 0
        for at_ns in range(from_ns, until_ns + 1, ms(100)):
            self.heartbeat += 1
            self.timeline.add(
                State(heard_ns=at_ns, heartbeat=self.heartbeat, standing=GuardStanding.ACTIVE)
            )
