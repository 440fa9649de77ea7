# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Messages as records of a timeline."""

from collections.abc import Callable, Iterable
from typing import Final

from fallback_guard import msg
from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.nodes import topics
from fallback_guard.nodes.conversion import from_duration, from_time
from fallback_guard.testing.timeline import (
    Answer,
    Asked,
    Command,
    Decided,
    Due,
    GuardStanding,
    Position,
    Record,
    State,
)


def request_records(message: msg.PickRequest, heard_ns: int) -> list[Record]:
    """Return a request, and that it fell due where it does so on arrival."""
    key = (message.robot_id, message.request_id)
    asked = Asked(
        key=key,
        heard_ns=heard_ns,
        items=tuple((item.bin, item.sku, item.quantity) for item in message.items),
        start_node=message.start_node,
        goal_node=message.goal_node,
        on_due=message.on_due,
    )
    return [asked] if message.on_due else [asked, Due(key=key, heard_ns=heard_ns)]


def due_records(message: msg.RouteDue, heard_ns: int) -> list[Record]:
    """Return that a request fell due."""
    return [Due(key=(message.robot_id, message.request_id), heard_ns=heard_ns)]


def answer_records(message: msg.RouteCandidate, heard_ns: int) -> list[Record]:
    """Return a planner's answer."""
    return [
        Answer(
            key=(message.robot_id, message.request_id),
            heard_ns=heard_ns,
            source=message.source,
            attempt=message.attempt,
            payload=bytes(message.payload),
            failure=message.failure,
        )
    ]


def command_records(message: msg.MotionCommand, heard_ns: int) -> list[Record]:
    """Return a command."""
    return [
        Command(
            key=(message.robot_id, message.request_id),
            heard_ns=heard_ns,
            sequence=message.sequence,
            kind=MotionKind(message.kind),
            source=message.source,
            reason=message.reason,
            stops=tuple((stop.bin, stop.sku, stop.quantity) for stop in message.stops),
            waypoints=tuple((point.node, point.x, point.y) for point in message.waypoints),
            safe_move=SafeMoveKind(message.safe_move),
            lease_ns=from_duration(message.lease),
        )
    ]


def decision_records(message: msg.GuardDecision, heard_ns: int) -> list[Record]:
    """Return a decision."""
    return [
        Decided(
            key=(message.robot_id, message.request_id),
            heard_ns=heard_ns,
            sequence=message.sequence,
            occasion=Occasion(message.occasion),
            outcome=MotionKind(message.outcome),
            failure_mode=message.failure_mode,
            source=message.source,
            detail=message.detail,
        )
    ]


def state_records(message: msg.GuardState, heard_ns: int) -> list[Record]:
    """Return a sign of life."""
    return [
        State(
            heard_ns=heard_ns,
            heartbeat=message.heartbeat,
            standing=GuardStanding(message.state),
            latched_robots=tuple(message.latched_robots),
        )
    ]


def position_records(message: msg.RobotPosition, heard_ns: int) -> list[Record]:
    """Return where a robot is."""
    return [
        Position(
            robot_id=message.robot_id,
            heard_ns=heard_ns,
            stamp_ns=from_time(message.header.stamp),
            x=message.x,
            y=message.y,
            sequence=message.sequence,
            lost=message.lost,
        )
    ]


Told = Callable[[msg.PickRequest, int], Iterable[Record]]
"""Makes records of a message and of the steady time (ns) at which it was heard.  Raises ValueError for a constant that
the message definition does not have."""

ON_THE_WIRE: Final[tuple[tuple[topics.AnyTopic, Told, type[Record]], ...]] = (
    (topics.PICK_REQUEST, request_records, Asked),
    (topics.ROUTE_DUE, due_records, Due),
    (topics.MOTION, command_records, Command),
    (topics.GUARD_DECISION, decision_records, Decided),
    (topics.CANDIDATE_ROUTE, answer_records, Answer),
    (topics.GUARD_STATE, state_records, State),
    (topics.ROBOT_POSITION, position_records, Position),
)
"""What an observer hears, what makes records of it, and the kind of those records."""
