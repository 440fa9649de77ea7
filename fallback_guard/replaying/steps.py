# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Steps of a journal as events, and the guards that they were told to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from fallback_guard.core.closures import Closures
from fallback_guard.core.config import GuardConfig, guard_config
from fallback_guard.core.events import (
    ConfigurationChanged,
    DrillRequested,
    Event,
    MapChanged,
    RequestArrived,
    ResetRequested,
    RouteFellDue,
    TimePassed,
)
from fallback_guard.core.guard import Guard
from fallback_guard.core.identifiers import printable
from fallback_guard.core.parameters import ParameterError
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.nodes.cdr import UndecodableError
from fallback_guard.nodes.conversion import read_candidate
from fallback_guard.recording.journal import FROM_NOBODY, Setup, Step, StepKind, file_sha256
from fallback_guard.replaying.tape import TapeError
from fallback_guard.tasks.loading import load_task

SHOWN_CHARS_MAX: Final = 200


class UnknownEventError(Exception):
    """What happened in a step is not in the recording.

    The message says what is missing; `concerns` is the robot and the request that it was about, where that is known.
    """

    def __init__(self, message: str, concerns: tuple[str, str] | None = None) -> None:
        """Say so."""
        super().__init__(message)
        self.concerns = concerns


def event_of(step: Step, answer: bytes | None, payload_bytes_max: int) -> Event:
    """Return what happened in a step; `answer` is the RouteCandidate it was about.  Raises UnknownEventError."""
    for own in (step.position, step.dispatched):
        if own is not None:
            return own
    if step.kind not in _TOLD:
        return TimePassed() if step.kind is StepKind.TIME else FROM_NOBODY
    if not step.text:
        raise UnknownEventError(f"what a step {step.kind.name} said was too long for the journal")
    try:
        told: object = orjson.loads(step.text)
        if step.kind is StepKind.CANDIDATE:
            return _candidate(told, answer, payload_bytes_max)
        return _TOLD[step.kind](told, step.stamp_age_ns)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        said = printable(str(error), chars_max=SHOWN_CHARS_MAX)
        raise UnknownEventError(f"a step {step.kind.name} cannot be read: {said}") from error


def _candidate(told: object, answer: bytes | None, payload_bytes_max: int) -> Event:
    if answer is None:
        robot_id, request_id = _names(told)
        raise UnknownEventError(
            "a planner's answer is not in the recording", (robot_id, request_id)
        )
    try:
        return read_candidate(answer, payload_bytes_max)
    except UndecodableError:
        return FROM_NOBODY


def _names(told: object) -> tuple[str, str]:
    robot_id, request_id = told if isinstance(told, list) else [None]
    return str(robot_id), str(request_id)


def _request(told: object, stamp_age_ns: int) -> Event:
    fields = dict(told) if isinstance(told, dict) else {}
    items = tuple(PickItem(**item) for item in fields.pop("items"))
    return RequestArrived(request=PickRequest(**fields, items=items), stamp_age_ns=stamp_age_ns)


def _route_due(told: object, stamp_age_ns: int) -> Event:
    robot_id, request_id = _names(told)
    return RouteFellDue(robot_id=robot_id, request_id=request_id, stamp_age_ns=stamp_age_ns)


_TOLD: Final[Mapping[StepKind, Callable[[object, int], Event]]] = {
    StepKind.REQUEST: _request,
    StepKind.ROUTE_DUE: _route_due,
    StepKind.CANDIDATE: lambda told, _: _candidate(told, None, 0),
    StepKind.RESET: lambda told, _: ResetRequested(robot_id=str(told)),
    StepKind.DRILL: lambda told, _: DrillRequested(robot_id=str(told)),
    StepKind.MAP: lambda told, _: MapChanged(closures=_closures(told)),
    StepKind.CONFIGURATION: lambda told, _: ConfigurationChanged(config=_config(told)),
}


def read_setup(text: str | None) -> Setup:
    """Read a setup.  Raises UnknownEventError."""
    if not text:
        raise UnknownEventError("how the guard was set up was too long for the journal")
    try:
        fields = orjson.loads(text)
        return Setup(
            config=_config(fields["config"]),
            map_sha256=str(fields["map_sha256"]),
            sequence_base=int(fields["sequence_base"]),
            closures=_closures(fields["closures"]),
            samples=(_times(fields["samples"][0]), _times(fields["samples"][1])),
        )
    except (ValueError, TypeError, KeyError) as error:
        said = printable(str(error), chars_max=SHOWN_CHARS_MAX)
        raise UnknownEventError(f"how the guard was set up cannot be read: {said}") from error


def _times(told: object) -> list[int]:
    return [int(ns) for ns in told] if isinstance(told, list) else []


def _config(told: object) -> GuardConfig:
    """Return a configuration.  Raises ValueError."""
    try:
        return guard_config(told if isinstance(told, dict) else {})
    except ParameterError as error:
        raise ValueError(str(error)) from error


def _closures(told: object) -> Closures:
    lists = told if isinstance(told, dict) else {}
    ids = {
        name: frozenset(int(number) for number in value)
        for name, value in lists.items()
        if isinstance(value, list)
    }
    return Closures(**ids, everything=bool(lists["everything"]))


@dataclass(slots=True)
class Maps:
    """Finds the maps that guards were set up with.  `given` stands for all of them, where it is."""

    given: Path | None = None
    _loaded: dict[Path, Warehouse] = field(default_factory=dict)

    def of(self, setup: Setup, *, strict: bool = True) -> Warehouse:
        """Return a guard's map.  Raises TapeError where it is another one and `strict`, MapError where it is broken."""
        path = self.given or Path(setup.config.map_file)
        if path not in self._loaded:
            found = file_sha256(path)
            if strict and not found:
                raise TapeError(
                    f"{path}: the recorded guard's map cannot be read. Name a copy of it with --map"
                )
            if strict and setup.map_sha256 and found != setup.map_sha256:
                raise TapeError(
                    f"{path}: its SHA-256 is {found[:12]}..., the recorded guard's map had"
                    f" {setup.map_sha256[:12]}.... Name the map as it was with --map"
                )
            self._loaded[path] = load_warehouse(path)
        return self._loaded[path]


def make_guard(setup: Setup, warehouse: Warehouse) -> Guard:
    """Return a guard as it was set up.  Raises TaskError."""
    return Guard(
        config=setup.config,
        warehouse=warehouse,
        sequence_base=setup.sequence_base,
        task=load_task(setup.config.task),
    )
