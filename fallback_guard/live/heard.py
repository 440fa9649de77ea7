# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a bystander hears, as far as the live views use it, and how much of it they remember at most."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final

from fallback_guard.core import watchdog
from fallback_guard.core.counters import Counters
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import is_identifier
from fallback_guard.core.limits import ROBOTS_MAX
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.picking.tally import ACCEPTED, Decided

DRILL: Final = FailureMode.DRILL.value
"""The failure mode of what an operator forced to try the fallback: shown, and left out of every objective."""

WATCHDOG: Final = watchdog.SOURCE
"""The source of what the watchdog decided."""

OTHER: Final = "other"
"""Stands for whatever has no name of its own here: a name that is none, or one too many."""

NAMESPACES_MAX: Final = 100
"""Guards that are shown at a time: as many as a fleet file has robots."""

ROBOTS_SHOWN_MAX: Final = ROBOTS_MAX
"""Robots of one guard that are remembered; the one that was silent for longest makes room."""

MODES: Final[frozenset[str]] = frozenset({ACCEPTED, *(mode.value for mode in FailureMode)})
"""What a decision may be counted as; all else is OTHER."""


class GuardCondition(IntEnum):
    """The values are those of GuardState.msg."""

    ACTIVE = 0
    LATCHED = 1
    INACTIVE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StateHeard:
    """One GuardState.  Durations in nanoseconds."""

    condition: GuardCondition
    heartbeat: int
    period_ns: int
    latched: frozenset[str]
    edges_blocked: int
    counters: Counters
    margin_ns: int
    lateness_ns: int
    realtime_priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionHeard(Decided):
    """One GuardDecision with its times (ns).  `handed_over_ns` is from falling due to the motion's leaving."""

    safe_move: SafeMoveKind
    handed_over_ns: int
    left_ns: int
    planning_ns: int
    step_ns: int

    @property
    def mode(self) -> str:
        """What it is counted as: its failure mode, or that there was none."""
        return mode_of(self.failure_mode)

    @property
    def is_drill(self) -> bool:
        """Whether an operator forced it."""
        return self.failure_mode == DRILL

    @property
    def is_the_watchdogs(self) -> bool:
        """Whether it was made because the guard made none."""
        return self.source == WATCHDOG


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionHeard:
    """One MotionCommand, without its way."""

    robot_id: str
    request_id: str
    sequence: int
    kind: MotionKind
    safe_move: SafeMoveKind
    reason: str
    source: str


class Part(Enum):
    """Who reports on /diagnostics; the value is what a status's name ends in."""

    GUARD = "guard_node: decisions"
    WATCHDOG = "watchdog_node: guard"
    PLANNER = "planner_node: models"
    RECORDER = "recorder_node: recording"


class Level(IntEnum):
    """How bad a status is; the values are those of DiagnosticStatus.msg, and STALE is an old one of any level."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusHeard:
    """One status of /diagnostics."""

    namespace: str
    part: Part
    level: Level
    message: str
    values: Mapping[str, str]


_PARTS: Final[Mapping[str, Part]] = MappingProxyType({part.value: part for part in Part})


def whose(name: str) -> tuple[str, Part] | None:
    """Return the namespace (without slashes around it) and the part that a status's name tells; None for others'."""
    namespace, _, last = name.rpartition("/")
    part = _PARTS.get(last)
    return None if part is None else (namespace.strip("/"), part)


def mode_of(failure_mode: str) -> str:
    """Return what a failure mode is counted as: one of MODES or OTHER."""
    mode = failure_mode or ACCEPTED
    return mode if mode in MODES else OTHER


def known_id(text: str) -> str:
    """Return a name as it may be shown and counted: itself, or OTHER."""
    return text if is_identifier(text) else OTHER
