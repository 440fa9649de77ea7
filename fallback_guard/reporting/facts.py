# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is taken out of a recording: the few fields of each message that a report counts.

Times are wall-clock nanoseconds of publishing.  Named tuples, for there are hundreds of thousands.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from fallback_guard.core import watchdog
from fallback_guard.core.failure_modes import FailureMode

DRILL: Final = FailureMode.DRILL.value
"""The failure mode of an operator's forced fallback: shown, and left out of every objective and count of halts."""

WATCHDOG: Final = watchdog.SOURCE
"""The source of what the watchdog says because the guard did not."""

STANDBY: Final = "standby"
"""The source of the guard's own routes."""

DEADLINE_MS: Final = 150
"""Within which a due request has to be decided (docs/deadline.md)."""

STAGES: Final = (
    "transport",
    "waiting",
    "envelope",
    "schema",
    "request",
    "map",
    "budget",
    "task",
    "decision",
    "dispatch",
)
"""Of GuardDecision's stage times, in their order there."""


class Robot(NamedTuple):
    """A robot of one guard: the guard's namespace, "/" for none, and the robot's id."""

    namespace: str
    robot_id: str


class Due(NamedTuple):
    """A request fell due."""

    robot: Robot
    request_id: str
    at_ns: int


class Answer(NamedTuple):
    """A planner's answer; `file` is the number of the file it is in, `failure` says why there is none."""

    robot: Robot
    request_id: str
    at_ns: int
    file: int
    source: str
    attempt: int
    size_bytes: int
    planning_ns: int
    failure: str


class Decision(NamedTuple):
    """A GuardDecision.  `stages_ns` are in the order of STAGES, `left_ns` is -1 where it was not recorded."""

    robot: Robot
    request_id: str
    at_ns: int
    sequence: int
    occasion: int
    outcome: int
    source: str
    attempt: int
    failure_mode: str
    detail: str
    rule: str
    measured: float
    limit: float
    bucket: int
    taken_ns: int
    left_ns: int
    margin_ns: int
    planning_ns: int
    stages_ns: tuple[int, ...]

    @property
    def is_drill(self) -> bool:
        """Whether an operator forced it."""
        return self.failure_mode == DRILL


class Command(NamedTuple):
    """A MotionCommand."""

    robot: Robot
    request_id: str
    at_ns: int
    sequence: int
    kind: int
    reason: str
    source: str


class Sign(NamedTuple):
    """A GuardState, one of each second.  Counters are since the guard was activated."""

    namespace: str
    at_ns: int
    standing: int
    latched: tuple[str, ...]
    requests: int
    decisions: int
    decisions_late: int
    drills: int
    margin_ns: int
    lateness_ns: int
    priority: int


class Status(NamedTuple):
    """What somebody told on /diagnostics."""

    at_ns: int
    level: int
    name: str
    message: str
    values: tuple[tuple[str, str], ...]


class Span(NamedTuple):
    """From when to when."""

    begin_ns: int
    end_ns: int


class Gap(NamedTuple):
    """Messages of a topic that reached the recorder and are not in the files, by the sequence that it counts."""

    topic: str
    missing: int
    after_ns: int
    before_ns: int
    is_between_files: bool


class NoteKind(IntEnum):
    """How much a note matters."""

    INFO = 0
    WARNING = 1


class Note(NamedTuple):
    """Something the reader of a report has to know about what it was made from."""

    kind: NoteKind
    text: str


@dataclass(slots=True)
class Material:
    """All that was read."""

    dues: list[Due] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    spans: dict[str, list[Span]] = field(default_factory=dict)
    """By namespace: when anything was recorded."""
    gaps: list[Gap] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    files: int = 0
    messages: int = 0
