# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The one table of what is read: by type of message, its topic, the fields that are wanted, and what becomes of them.

Nothing of a recording is believed: a field that is not there, or is of another type, counts as its type's nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from sys import intern
from types import MappingProxyType
from typing import Final, NamedTuple

from fallback_guard.core.units import NS_PER_S
from fallback_guard.recording.fields import Value
from fallback_guard.reporting.facts import (
    STAGES,
    Answer,
    Command,
    Decision,
    Due,
    Material,
    Robot,
    Sign,
    Status,
)

Fields = tuple[Value, ...]
"""The wanted fields of a message, in their order."""

SIGN_EVERY_NS: Final = NS_PER_S
"""A guard gives ten signs of life a second, which say the same: one of them is read."""

STATUSES_MAX: Final = 64
"""In one message."""


class Place(NamedTuple):
    """Where a message was: when it was published (ns), and in which file, by its number."""

    at_ns: int
    file: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row.  `wanted` are the fields with their types' nothing; `every_ns` thins out, 0 reads every message."""

    topic: str
    wanted: Mapping[str, Value]
    take: Callable[[Material, str, Fields, Place], None]
    every_ns: int = 0


def _robot(namespace: str, robot_id: Value) -> Robot:
    return Robot(namespace, intern(str(robot_id)))


def _pick_request(material: Material, namespace: str, fields: Fields, place: Place) -> None:
    if not fields[2]:
        _route_due(material, namespace, fields, place)


def _route_due(material: Material, namespace: str, fields: Fields, place: Place) -> None:
    request_id, robot_id = fields[:2]
    material.dues.append(Due(_robot(namespace, robot_id), intern(str(request_id)), place.at_ns))


def _answer(material: Material, namespace: str, fields: Fields, place: Place) -> None:
    request_id, robot_id, source, attempt, size, planning_ns, failure = fields
    known = (intern(str(request_id)), place.at_ns, place.file, intern(str(source)))
    others = (attempt, size, planning_ns, intern(str(failure)))
    material.answers.append(Answer._make((_robot(namespace, robot_id), *known, *others)))


def _decision(material: Material, namespace: str, fields: Fields, place: Place) -> None:
    request_id, robot_id, *others = fields
    names = (_robot(namespace, robot_id), intern(str(request_id)), place.at_ns)
    stages = len(STAGES)
    material.decisions.append(Decision._make((*names, *others[:-stages], tuple(others[-stages:]))))


def _command(material: Material, namespace: str, fields: Fields, place: Place) -> None:
    request_id, robot_id, *others = fields
    names = (_robot(namespace, robot_id), intern(str(request_id)), place.at_ns)
    material.commands.append(Command._make((*names, *others)))


def _sign(material: Material, namespace: str, fields: Fields, place: Place) -> None:
    standing, latched, *others = fields
    robots = tuple(str(each) for each in latched) if isinstance(latched, tuple) else ()
    material.signs.append(Sign._make((namespace, place.at_ns, standing, robots, *others)))


def _statuses(material: Material, _namespace: str, fields: Fields, place: Place) -> None:
    (statuses,) = fields
    for each in statuses[:STATUSES_MAX] if isinstance(statuses, tuple) else ():
        match each:
            case (int(level), str(name), str(message), str(_), tuple(values)):
                pairs = tuple(
                    (intern(str(pair[0])), str(pair[1]))
                    for pair in values
                    if isinstance(pair, tuple) and len(pair) == 2  # noqa: PLR2004  # a key and a value
                )
                material.statuses.append(Status(place.at_ns, level, intern(name), message, pairs))
            case _:
                continue


_OF_REQUEST: Final[Mapping[str, Value]] = {"request_id": "", "robot_id": ""}

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "fallback_guard/msg/PickRequest": Kind(
            topic="pick_request", wanted={**_OF_REQUEST, "on_due": False}, take=_pick_request
        ),
        "fallback_guard/msg/RouteDue": Kind(topic="route_due", wanted=_OF_REQUEST, take=_route_due),
        "fallback_guard/msg/RouteCandidate": Kind(
            topic="candidate_route",
            wanted={
                **_OF_REQUEST,
                "source": "",
                "attempt": 0,
                "payload#": 0,
                "planning_time~": 0,
                "failure": "",
            },
            take=_answer,
        ),
        "fallback_guard/msg/GuardDecision": Kind(
            topic="guard/decision",
            wanted={
                **_OF_REQUEST,
                "sequence": 0,
                "occasion": 0,
                "outcome": 0,
                "source": "",
                "attempt": 0,
                "failure_mode": "",
                "detail": "",
                "rule": "",
                "measured": 0.0,
                "limit": 0.0,
                "bucket": 0,
                "time_to_decision~": 0,
                "time_left~": -1,
                "dispatch_margin~": 0,
                "planning_time~": 0,
                **{f"{stage}_ns": 0 for stage in STAGES},
            },
            take=_decision,
        ),
        "fallback_guard/msg/MotionCommand": Kind(
            topic="motion",
            wanted={**_OF_REQUEST, "sequence": 0, "kind": 0, "reason": "", "source": ""},
            take=_command,
        ),
        "fallback_guard/msg/GuardState": Kind(
            topic="guard/state",
            wanted={
                "state": 0,
                "latched_robots": (),
                "requests": 0,
                "decisions": 0,
                "decisions_late": 0,
                "drills": 0,
                "dispatch_margin~": 0,
                "lateness~": 0,
                "realtime_priority": 0,
            },
            take=_sign,
            every_ns=SIGN_EVERY_NS,
        ),
        "diagnostic_msgs/msg/DiagnosticArray": Kind(
            topic="/diagnostics", wanted={"status": ()}, take=_statuses
        ),
    }
)
"""In the order of the facts' own fields, behind what is said of every one of them."""

OPTIONAL: Final = frozenset({"drills"})
"""Fields that older recordings do not have, and that change nothing where they are missing."""


def namespace_of(topic: str, kind: Kind) -> str:
    """Return the namespace that a topic is in: what stands before its name, or its folder where it was renamed."""
    name = f"/{kind.topic.lstrip('/')}"
    before = topic.removesuffix(name) if topic.endswith(name) else topic.rpartition("/")[0]
    return before or "/"
