# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the guard was told, kept step by step until it is published: all that its decisions follow from.

Answers of planners are long and recorded already, so of those it keeps how to find them.  Where the guard began is said
again from time to time, for recordings that begin later.
"""

import hashlib
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

import orjson

from fallback_guard.core.closures import AS_ON_THE_MAP, Closures
from fallback_guard.core.config import GuardConfig
from fallback_guard.core.events import (
    CandidateArrived,
    ConfigurationChanged,
    Dispatched,
    DrillRequested,
    Event,
    MapChanged,
    PositionArrived,
    RequestArrived,
    ResetRequested,
    RouteFellDue,
    TimePassed,
)
from fallback_guard.core.punctuality import DispatchMargin
from fallback_guard.core.units import NS_PER_S

STEPS_KEPT_MAX: Final = 20_000
"""Steps that wait to be published: a flood of some seconds.  The oldest are dropped beyond that."""

TEXT_BYTES_MAX: Final = 65_536
"""Longest text of a step; closures of some thousand ways fit."""

CHECKED_BYTES: Final = 4_096
"""Of a message, for the checksum that finds it: a message of megabytes must not cost the time to read it."""

SETUP_NS: Final = 10 * NS_PER_S
"""Between two accounts of how the guard is set up; a recording that begins later replays from there on."""


class StepKind(IntEnum):
    """The values are those of GuardEvent.msg."""

    SETUP = 0
    REQUEST = 1
    ROUTE_DUE = 2
    CANDIDATE = 3
    POSITION = 4
    UNREADABLE = 5
    RESET = 6
    DRILL = 7
    MAP = 8
    CONFIGURATION = 9
    DISPATCHED = 10
    TIME = 11


KINDS: Final[Mapping[type[Event], StepKind]] = MappingProxyType(
    {
        RequestArrived: StepKind.REQUEST,
        RouteFellDue: StepKind.ROUTE_DUE,
        CandidateArrived: StepKind.CANDIDATE,
        PositionArrived: StepKind.POSITION,
        ResetRequested: StepKind.RESET,
        DrillRequested: StepKind.DRILL,
        MapChanged: StepKind.MAP,
        ConfigurationChanged: StepKind.CONFIGURATION,
        Dispatched: StepKind.DISPATCHED,
        TimePassed: StepKind.TIME,
    }
)

FROM_NOBODY: Final = CandidateArrived(
    request_id="", robot_id="", source="", attempt=0, payload=b"", planning_ns=0
)
"""What bytes say that are no message: nothing, and in nobody's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a guard is set up.  `map_sha256` is that of the map's file, `sequence_base` is the guard's.

    `samples` are what its dispatch margin rests on.
    """

    config: GuardConfig
    map_sha256: str
    sequence_base: int
    closures: Closures = AS_ON_THE_MAP
    samples: tuple[Sequence[int], Sequence[int]] = ((), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; see GuardEvent.msg, and GuardJournal.msg for what stands beside it."""

    number: int
    kind: StepKind
    now_ns: int
    sent_ns: int = 0
    stamp_age_ns: int = 0
    checksum: int = 0
    position: PositionArrived | None = None
    dispatched: Dispatched | None = None
    text: str | None = None


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; empty where it cannot be read any more."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def checksum(data: bytes) -> int:
    """Return what finds a message among those that were sent at the same time."""
    return zlib.crc32(data[:CHECKED_BYTES])


@dataclass(slots=True)
class Journal:
    """Takes steps from the thread that has the guard, and gives them to one other."""

    _steps: deque[Step] = field(default_factory=lambda: deque(maxlen=STEPS_KEPT_MAX))
    _number: int = 0
    _setup: Setup | None = None
    _margin: DispatchMargin | None = None
    _setup_ns: int | None = None

    def begin(self, setup: Setup, margin: DispatchMargin) -> None:
        """Begin with a new guard, and its margin."""
        self._steps.clear()
        self._number = 0
        self._setup_ns = None
        self._setup, self._margin = setup, margin

    def note(self, event: Event, now_ns: int, data: bytes = b"", sent_ns: int = 0) -> None:
        """Keep a step: `data` is the message that the event was read from, `sent_ns` when it was sent."""
        if self._setup is None or self._margin is None:
            return
        if self._setup_ns is None or now_ns - self._setup_ns >= SETUP_NS:
            self._setup_ns = now_ns
            text = setup_text(replace(self._setup, samples=self._margin.samples))
            self._keep(Step(number=self._number, kind=StepKind.SETUP, now_ns=now_ns, text=text))
        number = self._number
        if event is FROM_NOBODY:
            step = Step(number=number, kind=StepKind.UNREADABLE, now_ns=now_ns)
        elif isinstance(event, CandidateArrived):
            step = Step(
                number=number,
                kind=StepKind.CANDIDATE,
                now_ns=now_ns,
                sent_ns=sent_ns,
                checksum=checksum(data),
                text=_bounded([event.robot_id, event.request_id]),
            )
        else:
            step = Step(
                number=number,
                kind=KINDS[type(event)],
                now_ns=now_ns,
                stamp_age_ns=event.stamp_age_ns
                if isinstance(event, RequestArrived | RouteFellDue)
                else 0,
                position=event if isinstance(event, PositionArrived) else None,
                dispatched=event if isinstance(event, Dispatched) else None,
                text=self._text(event),
            )
        self._keep(step)

    def take(self, count_max: int) -> list[Step]:
        """Return the oldest steps, with no gap between them, and forget them."""
        steps: list[Step] = []
        while self._steps and len(steps) < count_max:
            step = self._steps.popleft()
            if steps and step.number != steps[-1].number + 1:
                self._steps.appendleft(step)
                break
            steps.append(step)
        return steps

    def _keep(self, step: Step) -> None:
        self._steps.append(step)
        self._number += 1

    def _text(self, event: Event) -> str | None:
        """Return what an event says that is in no message, and remember what stays."""
        assert self._setup is not None, "it has begun"
        match event:
            case RequestArrived():
                # What planners are told is nothing to the guard, and may be long.
                return _bounded(replace(event.request, instructions=""))
            case RouteFellDue():
                return _bounded([event.robot_id, event.request_id])
            case ResetRequested() | DrillRequested():
                return _bounded(event.robot_id)
            case MapChanged():
                self._setup = replace(self._setup, closures=event.closures)
                return closures_text(event.closures)
            case ConfigurationChanged():
                self._setup = replace(self._setup, config=event.config)
                return _bounded(asdict(event.config))
            case _:
                return None


def setup_text(setup: Setup) -> str:
    """Return a setup as JSON."""
    return _bounded(
        asdict(replace(setup, closures=AS_ON_THE_MAP)) | {"closures": _lists(setup.closures)}
    )


def closures_text(closures: Closures) -> str:
    """Return closures as JSON."""
    return _bounded(_lists(closures))


def _lists(closures: Closures) -> dict[str, object]:
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in asdict(closures).items()
    }


def _bounded(value: object) -> str:
    """Return JSON; nothing where it is too long.  Whatever is no Unicode becomes U+FFFD."""
    try:
        data = orjson.dumps(value)
    except orjson.JSONEncodeError:
        data = orjson.dumps(str(value).encode("utf-8", "replace").decode())
    return data.decode() if len(data) <= TEXT_BYTES_MAX else ""
