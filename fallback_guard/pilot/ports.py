# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the pilot's world stands on: a clock with an agenda, and whoever answers for its robots' plans."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fallback_guard.core.events import CandidateArrived
from fallback_guard.core.request import PickRequest


class Agenda(Protocol):
    """A clock, and what is to happen later: simulated or real."""

    @property
    def now_ns(self) -> int:
        """The time."""

    def later(self, delay_ns: int, do: Callable[[], None]) -> None:
        """Have something done."""


class Stop(NamedTuple):
    """What a robot picks at one stop."""

    bin: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a robot hears on `motion`: a route with its `stops`, or a safe move with its `reason`.

    `retreat_to` is the node of a refuge; 0 where the robot stays.  `sequence` is the command's.
    """

    robot_id: str
    request_id: str
    is_route: bool
    sequence: int = 0
    stops: Sequence[Stop] = ()
    reason: str = ""
    retreat_to: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What the planner hears on `guard/decision`: an answer of its own was refused."""

    robot_id: str
    request_id: str
    attempt: int


class Answering(Protocol):
    """Who stands between planner and robots: a guard, simulated or real, or nobody."""

    def ask(self, request: PickRequest) -> None:
        """Hear a request."""

    def fell_due(self, robot_id: str, request_id: str) -> None:
        """Hear that one falls due."""

    def answer(self, candidate: CandidateArrived) -> None:
        """Hear an answer of the planner, or that there is none."""

    def stand(self, robot_id: str, x: float, y: float, sequence: int) -> None:
        """Hear where a robot stands (m), and which command it has taken over."""

    def reset(self, robot_id: str) -> None:
        """Hear an operator, who lets a robot's routes through again."""
