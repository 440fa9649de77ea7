# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A day as facts: what a recording would have yielded, without one.  Times are in ms from a morning on."""

from __future__ import annotations

from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.reporting.episodes import Episode, episodes
from fallback_guard.reporting.facts import (
    DEADLINE_MS,
    STAGES,
    Answer,
    Command,
    Decision,
    Due,
    Material,
    Robot,
    Span,
)

MORNING_NS: Final = 1_790_000_000 * NS_PER_S
ONE: Final = Robot("/", "picker_1")


def at(ms: float) -> int:
    """Return a moment (ns)."""
    return MORNING_NS + int(ms * NS_PER_MS)


class Day:
    """Facts, in whatever order they are told."""

    def __init__(self, *, until_ms: float = 60_000) -> None:
        """Begin a recording that goes on for so long."""
        self.material = Material(spans={"/": [Span(at(0), at(until_ms))]}, files=1, messages=1)

    def due(self, name: str, ms: float, robot: Robot = ONE) -> None:
        self.material.dues.append(Due(robot, name, at(ms)))

    def answered(self, name: str, ms: float, *, failure: str = "", source: str = "llm:a") -> None:
        self.material.answers.append(
            Answer(ONE, name, at(ms), 0, source, 1, 100, 500 * NS_PER_MS, failure)
        )

    def decided(  # noqa: PLR0913  # each is a field that a test varies
        self,
        name: str,
        due_ms: float,
        taken_ms: float,
        *,
        mode: str = "",
        occasion: Occasion = Occasion.DUE,
        source: str = "llm:a",
        bucket: int = 2,
        robot: Robot = ONE,
        is_moved: bool = True,
    ) -> None:
        """Tell a decision, and the command that carries it."""
        kind = MotionKind.SAFE_MOVE if mode and occasion is Occasion.DUE else MotionKind.ROUTE
        if occasion is Occasion.REFUSAL:
            kind = MotionKind.NONE
        ms = due_ms + taken_ms
        left_ns = max(0, int((DEADLINE_MS - taken_ms) * NS_PER_MS))
        stages = [0] * len(STAGES)
        stages[1] = stages[8] = NS_PER_MS
        self.material.decisions.append(
            Decision(
                robot=robot,
                request_id=name,
                at_ns=at(ms),
                sequence=int(ms * 1_000) if kind else 0,
                occasion=occasion,
                outcome=kind,
                source=source,
                attempt=1 if source.startswith("llm") else 0,
                failure_mode=mode,
                detail="",
                rule="",
                measured=0.0,
                limit=0.0,
                bucket=bucket if mode else 0,
                taken_ns=int(taken_ms * NS_PER_MS) if occasion is not Occasion.REFUSAL else 0,
                left_ns=left_ns,
                margin_ns=0,
                planning_ns=0,
                stages_ns=tuple(stages),
            )
        )
        if kind and is_moved:
            self.moved(name, ms, kind, mode, source=source, robot=robot)

    def moved(  # noqa: PLR0913  # each is a field that a test varies
        self,
        name: str,
        ms: float,
        kind: MotionKind,
        reason: str = "",
        *,
        source: str = "llm:a",
        robot: Robot = ONE,
    ) -> None:
        self.material.commands.append(
            Command(robot, name, at(ms), int(ms * 1_000) + 1, kind, reason, source)
        )

    def episodes(self) -> list[Episode]:
        """Join what was told."""
        for kind in (self.material.dues, self.material.decisions, self.material.commands):
            kind.sort(key=lambda fact: fact.at_ns)
        return episodes(self.material, deadline_ns=DEADLINE_MS * NS_PER_MS)
