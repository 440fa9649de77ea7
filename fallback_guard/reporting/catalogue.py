# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The one table of what is read: by type of message, its topic, the fields that are wanted, and what becomes of them.

Nothing of a recording is believed: a field that is not there, or is of another type, counts as its type's nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from sys import intern
from types import MappingProxyType
from typing import Final, TypeVar

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

Fields = Mapping[str, Value]
Plain = TypeVar("Plain", bool, int, float, str)

SIGN_EVERY_NS: Final = NS_PER_S
"""A guard gives ten signs of life a second, which say the same: one of them is read."""

STATUSES_MAX: Final = 64
"""In one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row.  `every_ns` thins out; 0 reads every message."""

    topic: str
    wanted: tuple[str, ...]
    take: Callable[[Material, str, Fields, int], None]
    every_ns: int = 0


def _get(fields: Fields, name: str, nothing: Plain) -> Plain:
    value = fields.get(name, nothing)
    return value if type(value) is type(nothing) else nothing


def _name(fields: Fields, name: str) -> str:
    return intern(_get(fields, name, ""))


def _duration_ns(fields: Fields, name: str) -> int:
    return _get(fields, f"{name}.sec", 0) * NS_PER_S + _get(fields, f"{name}.nanosec", 0)


def _robot(namespace: str, fields: Fields) -> Robot:
    return Robot(namespace, _name(fields, "robot_id"))


def _pick_request(material: Material, namespace: str, fields: Fields, at_ns: int) -> None:
    if not _get(fields, "on_due", False):  # noqa: FBT003  # its nothing
        _route_due(material, namespace, fields, at_ns)


def _route_due(material: Material, namespace: str, fields: Fields, at_ns: int) -> None:
    material.dues.append(Due(_robot(namespace, fields), _name(fields, "request_id"), at_ns))


def _answer(material: Material, namespace: str, fields: Fields, at_ns: int) -> None:
    material.answers.append(
        Answer(
            robot=_robot(namespace, fields),
            request_id=_name(fields, "request_id"),
            at_ns=at_ns,
            source=_name(fields, "source"),
            attempt=_get(fields, "attempt", 0),
            size_bytes=_get(fields, "payload#", 0),
            planning_ns=_duration_ns(fields, "planning_time"),
            failure=_name(fields, "failure"),
        )
    )


def _decision(material: Material, namespace: str, fields: Fields, at_ns: int) -> None:
    material.decisions.append(
        Decision(
            robot=_robot(namespace, fields),
            request_id=_name(fields, "request_id"),
            at_ns=at_ns,
            sequence=_get(fields, "sequence", 0),
            occasion=_get(fields, "occasion", 0),
            outcome=_get(fields, "outcome", 0),
            source=_name(fields, "source"),
            attempt=_get(fields, "attempt", 0),
            failure_mode=_name(fields, "failure_mode"),
            detail=_get(fields, "detail", ""),
            rule=_name(fields, "rule"),
            measured=_get(fields, "measured", 0.0),
            limit=_get(fields, "limit", 0.0),
            bucket=_get(fields, "bucket", 0),
            taken_ns=_duration_ns(fields, "time_to_decision"),
            left_ns=_duration_ns(fields, "time_left"),
            margin_ns=_duration_ns(fields, "dispatch_margin"),
            planning_ns=_duration_ns(fields, "planning_time"),
            stages_ns=tuple(_get(fields, f"{stage}_ns", 0) for stage in STAGES),
        )
    )


def _command(material: Material, namespace: str, fields: Fields, at_ns: int) -> None:
    material.commands.append(
        Command(
            robot=_robot(namespace, fields),
            request_id=_name(fields, "request_id"),
            at_ns=at_ns,
            sequence=_get(fields, "sequence", 0),
            kind=_get(fields, "kind", 0),
            reason=_name(fields, "reason"),
            source=_name(fields, "source"),
        )
    )


def _sign(material: Material, namespace: str, fields: Fields, at_ns: int) -> None:
    latched = fields.get("latched_robots", ())
    material.signs.append(
        Sign(
            namespace=namespace,
            at_ns=at_ns,
            standing=_get(fields, "state", 0),
            latched=tuple(str(each) for each in latched) if isinstance(latched, tuple) else (),
            requests=_get(fields, "requests", 0),
            decisions=_get(fields, "decisions", 0),
            decisions_late=_get(fields, "decisions_late", 0),
            drills=_get(fields, "drills", 0),
            margin_ns=_duration_ns(fields, "dispatch_margin"),
            lateness_ns=_duration_ns(fields, "lateness"),
            priority=_get(fields, "realtime_priority", 0),
        )
    )


def _statuses(material: Material, _namespace: str, fields: Fields, at_ns: int) -> None:
    statuses = fields.get("status", ())
    for each in statuses[:STATUSES_MAX] if isinstance(statuses, tuple) else ():
        match each:
            case (int(level), str(name), str(message), str(_), tuple(values)):
                pairs = tuple(
                    (intern(str(pair[0])), str(pair[1]))
                    for pair in values
                    if isinstance(pair, tuple) and len(pair) == 2  # noqa: PLR2004  # a key and a value
                )
                material.statuses.append(Status(at_ns, level, intern(name), message, pairs))
            case _:
                continue


def _duration(name: str) -> tuple[str, str]:
    return f"{name}.sec", f"{name}.nanosec"


_OF_REQUEST: Final = ("request_id", "robot_id")

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "fallback_guard/msg/PickRequest": Kind(
            topic="pick_request", wanted=(*_OF_REQUEST, "on_due"), take=_pick_request
        ),
        "fallback_guard/msg/RouteDue": Kind(topic="route_due", wanted=_OF_REQUEST, take=_route_due),
        "fallback_guard/msg/RouteCandidate": Kind(
            topic="candidate_route",
            wanted=(
                *_OF_REQUEST,
                "source",
                "attempt",
                "payload#",
                *_duration("planning_time"),
                "failure",
            ),
            take=_answer,
        ),
        "fallback_guard/msg/GuardDecision": Kind(
            topic="guard/decision",
            wanted=(
                *_OF_REQUEST,
                "sequence",
                "occasion",
                "outcome",
                "source",
                "attempt",
                "failure_mode",
                "detail",
                "rule",
                "measured",
                "limit",
                "bucket",
                *_duration("time_to_decision"),
                *_duration("time_left"),
                *_duration("dispatch_margin"),
                *_duration("planning_time"),
                *(f"{stage}_ns" for stage in STAGES),
            ),
            take=_decision,
        ),
        "fallback_guard/msg/MotionCommand": Kind(
            topic="motion",
            wanted=(*_OF_REQUEST, "sequence", "kind", "reason", "source"),
            take=_command,
        ),
        "fallback_guard/msg/GuardState": Kind(
            topic="guard/state",
            wanted=(
                "state",
                "latched_robots",
                "requests",
                "decisions",
                "decisions_late",
                "drills",
                *_duration("dispatch_margin"),
                *_duration("lateness"),
                "realtime_priority",
            ),
            take=_sign,
            every_ns=SIGN_EVERY_NS,
        ),
        "diagnostic_msgs/msg/DiagnosticArray": Kind(
            topic="/diagnostics", wanted=("status",), take=_statuses
        ),
    }
)

OPTIONAL: Final = frozenset({"drills"})
"""Fields that older recordings do not have, and that change nothing where they are missing."""


def namespace_of(topic: str, kind: Kind) -> str:
    """Return the namespace that a topic is in: what stands before its name, or its folder where it was renamed."""
    name = f"/{kind.topic.lstrip('/')}"
    before = topic.removesuffix(name) if topic.endswith(name) else topic.rpartition("/")[0]
    return before or "/"
