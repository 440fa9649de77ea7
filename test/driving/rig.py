# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An execution with its wheels and its driver, as far as they can be told anything: what was said to them last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from fallback_guard.driving.execution import Execution, ExecutionConfig
from fallback_guard.driving.words import (
    CancelDriving,
    DriverAccepted,
    DriverBack,
    DriverFinished,
    DriverHeard,
    GuardHeard,
    LimitSpeed,
    MotionArrived,
    PoseMeasured,
    ReportPick,
    StartDriving,
    Stop,
    Tell,
    TimePassed,
)

if TYPE_CHECKING:
    from fallback_guard.driving.errand import Command
    from fallback_guard.driving.words import Effect, Event

MS: Final = 1_000_000
CONFIG: Final = ExecutionConfig(
    pick_ns=1_000 * MS,
    answer_ns_max=2_000 * MS,
    silence_ns_max=1_500 * MS,
    retry_ns=700 * MS,
    retreat_ns_max=30_000 * MS,
    failures_max=2,
    end_m_max=0.5,
)
Kind = TypeVar("Kind")


@dataclass(slots=True)
class Rig:
    """Steps an execution; a guard that lives is heard in every tick."""

    execution: Execution = field(default_factory=lambda: Execution(CONFIG))
    now_ns: int = 123_457
    heartbeat: int = 0
    effects: list[Effect] = field(default_factory=list)
    newest: list[Effect] = field(default_factory=list)

    def say(self, *events: Event) -> list[Effect]:
        """Let events happen now; return what follows."""
        self.newest = [
            effect for event in events for effect in self.execution.step(event, self.now_ns)
        ]
        self.effects += self.newest
        return self.newest

    def command(self, command: Command) -> list[Effect]:
        """Command something."""
        return self.say(MotionArrived(command=command))

    def wait(self, ms: int, *, guard: bool = True, heard: bool = True, step_ms: int = 50) -> None:
        """Let time pass, with a guard that lives and a driver that is at work unless told otherwise."""
        came: list[Effect] = []
        for _ in range(0, ms, step_ms):
            self.now_ns += step_ms * MS
            if guard:
                self.heartbeat += 1
                came += self.say(GuardHeard(heartbeat=self.heartbeat))
            if heard and self.driving:
                came += self.say(DriverHeard(goal=self.goal))
            came += self.say(TimePassed(robot_ns=self.now_ns))
        self.newest = came

    def ready(self, x: float = 0.0, y: float = 0.0) -> Rig:
        """Have driver and pose."""
        self.say(DriverBack(), PoseMeasured(x=x, y=y), TimePassed(robot_ns=self.now_ns))
        return self

    def reach(self, x: float, y: float = 0.0) -> list[Effect]:
        """Have the driver reach the end of its goal, which is there."""
        goal = self.goal
        return self.say(
            DriverAccepted(goal=goal), PoseMeasured(x=x, y=y), DriverFinished(goal=goal)
        )

    def all(self, kind: type[Kind]) -> list[Kind]:
        """Return all effects of a kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def new(self, kind: type[Kind]) -> list[Kind]:
        """Return those that came last."""
        return [effect for effect in self.newest if isinstance(effect, kind)]

    @property
    def goal(self) -> int:
        """The newest goal; 0: none."""
        starts = self.all(StartDriving)
        return starts[-1].goal if starts else 0

    @property
    def stands(self) -> bool:
        """Whether the wheels are told to stand."""
        return self.all(Stop)[-1].on

    @property
    def driving(self) -> bool:
        """Whether the newest goal was not cancelled."""
        return bool(self.goal) and CancelDriving(goal=self.goal) not in self.effects

    @property
    def picked(self) -> list[tuple[int, int]]:
        """Stop and outcome of each report."""
        return [(report.stop_index, int(report.outcome)) for report in self.all(ReportPick)]

    @property
    def told(self) -> list[str]:
        """What was said to people."""
        return [tell.text for tell in self.all(Tell)]

    @property
    def limits(self) -> list[float | None]:
        """The speed limits that were said."""
        return [limit.limit_mps for limit in self.all(LimitSpeed)]
