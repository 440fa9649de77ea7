# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What was on the wire, in the order in which it was heard, with the time of each on one steady clock (ns)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind, SafeMoveKind

Key = tuple[str, str]
"""A robot and a request."""


class GuardStanding(IntEnum):
    """How a guard says it is, in order of severity; the values are those of GuardState.msg."""

    ACTIVE = 0
    LATCHED = 1
    INACTIVE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A PickRequest: its items as (bin, SKU, quantity), where it begins and where it ends."""

    key: Key
    heard_ns: int
    items: tuple[tuple[str, str, int], ...]
    start_node: int
    goal_node: int
    on_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The moment at which a request fell due, as the observer heard it."""

    key: Key
    heard_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A RouteCandidate: what a planner answered, untouched; `failure` says why there is no payload."""

    key: Key
    heard_ns: int
    source: str
    attempt: int
    payload: bytes
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A MotionCommand: its stops as (bin, SKU, quantity), its waypoints as (node, x, y) with x and y in m."""

    key: Key
    heard_ns: int
    sequence: int
    kind: MotionKind
    source: str
    reason: str
    stops: tuple[tuple[str, str, int], ...] = ()
    waypoints: tuple[tuple[int, float, float], ...] = ()
    safe_move: SafeMoveKind = SafeMoveKind.NONE
    lease_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A GuardDecision, the guard's or the watchdog's."""

    key: Key
    heard_ns: int
    sequence: int
    occasion: Occasion
    outcome: MotionKind
    failure_mode: str
    source: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A GuardState: a sign of life, and how the guard is."""

    heard_ns: int
    heartbeat: int
    standing: GuardStanding
    latched_robots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A RobotPosition (m); `stamp_ns` is when it was measured, by the robot's own clock."""

    robot_id: str
    heard_ns: int
    stamp_ns: int
    x: float
    y: float
    sequence: int
    lost: bool = False


Record = Asked | Due | Answer | Command | Decided | State | Position
"""Everything that can be heard."""

AboutRequest = TypeVar("AboutRequest", Asked, Due, Answer, Command, Decided)


@dataclass(slots=True, kw_only=True)
class Timeline:
    """Everything that was heard, each kind in the order in which it was heard.

    Between two topics there is no order: a decision may be heard before what it decides on.
    """

    asked: list[Asked] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Timeline":
        """Return the timeline of records of any kind, each kind in order."""
        timeline = cls()
        for record in records:
            timeline.add(record)
        return timeline

    def add(self, record: Record) -> None:
        """Take what was heard last."""
        match record:
            case Asked():
                self.asked.append(record)
            case Due():
                self.due.append(record)
            case Answer():
                self.answers.append(record)
            case Command():
                self.commands.append(record)
            case Decided():
                self.decided.append(record)
            case State():
                self.states.append(record)
            case Position():
                self.positions.append(record)

    @property
    def ends_ns(self) -> int:
        """When the last of all was heard; 0 where there is nothing."""
        lists = (
            self.asked,
            self.due,
            self.answers,
            self.commands,
            self.decided,
            self.states,
            self.positions,
        )
        return max((heard[-1].heard_ns for heard in lists if heard), default=0)

    @property
    def fell_due_ns(self) -> dict[Key, int]:
        """When each request fell due, in that order; one that fell due twice counts once."""
        fell_due: dict[Key, int] = {}
        for due in self.due:
            fell_due.setdefault(due.key, due.heard_ns)
        return fell_due

    def effective(self, robot_id: str | None = None) -> list[Command]:
        """Return the commands that robots take over: those whose number is above all that were heard before."""
        newest: dict[str, int] = {}
        taken_over = []
        for command in self.commands:
            own = command.key[0]
            if command.sequence > newest.get(own, 0):
                newest[own] = command.sequence
                if robot_id in (None, own):
                    taken_over.append(command)
        return taken_over

    def track(self, robot_id: str) -> list[Position]:
        """Return where a robot was, as far as it knew."""
        return [each for each in self.positions if each.robot_id == robot_id and not each.lost]


def about(
    heard: Iterable[AboutRequest], *, robot_id: str | None = None, request_id: str | None = None
) -> list[AboutRequest]:
    """Return what was heard of a robot, a request, or both."""
    return [
        each
        for each in list(heard)
        if robot_id in (None, each.key[0]) and request_id in (None, each.key[1])
    ]


def first(
    heard: Iterable[AboutRequest], *, since_ns: int, such: Callable[[AboutRequest], bool]
) -> AboutRequest | None:
    """Return the first of its kind that was heard at `since_ns` or later; None where there is none."""
    return next((each for each in list(heard) if each.heard_ns >= since_ns and such(each)), None)
