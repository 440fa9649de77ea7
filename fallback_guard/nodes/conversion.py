# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Messages to events, effects to messages.  The only place where both are known."""

from itertools import islice
from struct import Struct
from typing import Final

from builtin_interfaces.msg import Duration, Time
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core import events
from fallback_guard.core.closures import Closures
from fallback_guard.core.effects import Decision
from fallback_guard.core.limits import (
    CLOSURES_MAX,
    IDENTIFIER_CHARS_MAX,
    INSTRUCTIONS_CHARS_MAX,
    STOPS_MAX,
    WAYPOINTS_MAX,
)
from fallback_guard.core.motion import Motion, RouteStop
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.rules import Stage
from fallback_guard.core.units import NS_PER_S
from fallback_guard.core.waypoint import Waypoint
from fallback_guard.driving.errand import Command
from fallback_guard.driving.words import ReportPick
from fallback_guard.nodes.cdr import Layout, Reader
from fallback_guard.nodes.status import Status, Timing

MAP_FRAME = "map"
"""The frame of all coordinates (REP 105)."""


def to_duration(ns: int) -> Duration:
    """Return whole nanoseconds as a message; beyond what its int32 seconds hold, the longest there is."""
    seconds, nanoseconds = _duration(ns)
    return Duration(sec=seconds, nanosec=nanoseconds)


def from_duration(duration: Duration) -> int:
    """Return nanoseconds."""
    return int(duration.sec) * NS_PER_S + int(duration.nanosec)


def from_time(stamp: Time) -> int:
    """Return nanoseconds since the clock's epoch."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def to_pick_request(message: msg.PickRequest) -> PickRequest:
    """Read a request.  Items are read up to one more than the limit: enough to see that there are too many."""
    return PickRequest(
        request_id=message.request_id,
        robot_id=message.robot_id,
        start_node=message.start_node,
        goal_node=message.goal_node,
        items=tuple(
            PickItem(bin=item.bin, sku=item.sku, quantity=item.quantity)
            for item in islice(message.items, STOPS_MAX + 1)
        ),
        instructions=message.instructions,
        on_due=message.on_due,
    )


def from_pick_request(request: PickRequest, header: Header) -> msg.PickRequest:
    """Write a request."""
    return msg.PickRequest(
        header=header,
        request_id=request.request_id,
        robot_id=request.robot_id,
        start_node=request.start_node,
        goal_node=request.goal_node,
        items=[
            msg.PickItem(bin=item.bin, sku=item.sku, quantity=item.quantity)
            for item in request.items
        ],
        instructions=request.instructions,
        on_due=request.on_due,
    )


# What comes in


def read_request(data: bytes, ros_now_ns: int) -> events.RequestArrived:
    """Read a PickRequest; `ros_now_ns` is on the clock of its stamp.  Raises UndecodableError.

    Items are read up to one more than the limit: enough to see that there are too many.  Nothing after them is
    read then.
    """
    reader = Reader(data)
    stamp_age_ns = ros_now_ns - stamp_ns(reader)
    request_id, robot_id = reader.text(ID_BYTES_MAX), reader.text(ID_BYTES_MAX)
    start_node, goal_node = reader.primitives(_TWO_U32, 4)
    (on_due,) = reader.primitives(_BOOLEAN, 1)
    count = reader.u32()
    items = tuple(_item(reader) for _ in range(min(count, STOPS_MAX + 1)))
    instructions = reader.text(_INSTRUCTIONS_BYTES_MAX) if count <= STOPS_MAX else ""
    request = PickRequest(
        request_id=request_id,
        robot_id=robot_id,
        start_node=start_node,
        goal_node=goal_node,
        items=items,
        instructions=instructions,
        on_due=bool(on_due),
    )
    return events.RequestArrived(request=request, stamp_age_ns=stamp_age_ns)


def _item(reader: Reader) -> PickItem:
    bin_name, sku = reader.text(ID_BYTES_MAX), reader.text(ID_BYTES_MAX)
    return PickItem(bin=bin_name, sku=sku, quantity=reader.u32())


def read_route_due(data: bytes, ros_now_ns: int) -> events.RouteFellDue:
    """Read a RouteDue; `ros_now_ns` is on the clock of its stamp.  Raises UndecodableError."""
    reader = Reader(data)
    stamp_age_ns = ros_now_ns - stamp_ns(reader)
    return events.RouteFellDue(
        request_id=reader.text(ID_BYTES_MAX),
        robot_id=reader.text(ID_BYTES_MAX),
        stamp_age_ns=stamp_age_ns,
    )


def read_candidate(data: bytes, bytes_max: int) -> events.CandidateArrived:
    """Read a RouteCandidate, its payload up to one byte more than the limit: enough to see that it is over it.

    Raises UndecodableError.
    """
    reader = Reader(data)
    stamp_ns(reader)
    request_id, robot_id = reader.text(ID_BYTES_MAX), reader.text(ID_BYTES_MAX)
    source, attempt = reader.text(ID_BYTES_MAX), reader.u32()
    payload = reader.octets(bytes_max + 1)
    planning_ns = _time_ns(reader)
    return events.CandidateArrived(
        request_id=request_id,
        robot_id=robot_id,
        source=source,
        attempt=attempt,
        payload=payload,
        planning_ns=planning_ns,
        failure=reader.text(ID_BYTES_MAX),
    )


def read_position(data: bytes) -> events.PositionArrived:
    """Read a RobotPosition.  Raises UndecodableError."""
    reader = Reader(data)
    stamp_ns(reader)
    robot_id = reader.text(ID_BYTES_MAX)
    x, y, _ = reader.primitives(_POSE, 8)
    (lost,) = reader.primitives(_BOOLEAN, 1)
    (sequence,) = reader.primitives(_U64, 8)
    return events.PositionArrived(robot_id=robot_id, x=x, y=y, lost=bool(lost), sequence=sequence)


def read_clock(data: bytes) -> int:
    """Read a Clock: nanoseconds of simulated time.  Raises UndecodableError."""
    return _time_ns(Reader(data))


def stamp_ns(reader: Reader) -> int:
    """Read a header; return its stamp.  No frame_id is used."""
    stamp = _time_ns(reader)
    reader.octets(0)
    return stamp


def _time_ns(reader: Reader) -> int:
    """Read a time or a duration."""
    seconds, nanoseconds = reader.primitives(_TIME, 4)
    return seconds * NS_PER_S + nanoseconds


ID_BYTES_MAX: Final = 4 * (IDENTIFIER_CHARS_MAX + 1)
"""Bytes of a name that are looked at: enough to see that it is too long, whatever its characters."""

_INSTRUCTIONS_BYTES_MAX: Final = 4 * (INSTRUCTIONS_CHARS_MAX + 1)
"""Likewise of the instructions."""

_TIME: Final = Struct("<iI")
_TWO_U32: Final = Struct("<II")
_POSE: Final = Struct("<ddd")
_U64: Final = Struct("<Q")
_BOOLEAN: Final = Struct("<B")


def to_closures(message: msg.MapClosures) -> Closures:
    """Read what is closed; a list over the limit closes everything."""
    lists = (
        message.closed_edges,
        message.opened_edges,
        message.closed_zones,
        message.opened_zones,
    )
    if message.everything or any(len(ids) > CLOSURES_MAX for ids in lists):
        return Closures(everything=True)
    closed_edges, opened_edges, closed_zones, opened_zones = (
        frozenset(int(number) for number in ids) for ids in lists
    )
    return Closures(
        closed_edges=closed_edges,
        opened_edges=opened_edges,
        closed_zones=closed_zones,
        opened_zones=opened_zones,
    )


def to_command(message: msg.MotionCommand) -> Command:
    """Read a command as a robot does.  Lists are read up to one more than their limit: enough to see that."""
    return Command(
        request_id=message.request_id,
        sequence=message.sequence,
        kind=message.kind,
        safe_move=message.safe_move,
        lease_ns=from_duration(message.lease),
        stops=tuple(
            RouteStop(stop.bin, stop.sku, stop.quantity, stop.node, stop.waypoint_index)
            for stop in islice(message.stops, STOPS_MAX + 1)
        ),
        waypoints=tuple(
            Waypoint(
                node=point.node, x=point.x, y=point.y, speed_limit_mps=point.speed_limit or None
            )
            for point in islice(message.waypoints, WAYPOINTS_MAX + 1)
        ),
    )


# What goes out


def from_pick_report(report: ReportPick, robot_id: str, header: Header) -> msg.PickReport:
    """Write how a pick ended."""
    return msg.PickReport(
        header=header,
        request_id=report.request_id,
        robot_id=robot_id,
        sequence=report.sequence,
        stop_index=report.stop_index,
        bin=report.stop.bin,
        sku=report.stop.sku,
        quantity=report.stop.quantity,
        outcome=int(report.outcome),
    )


def motion_bytes(motion: Motion, ros_now_ns: int) -> bytes:
    """Write a MotionCommand, field by field from what was validated."""
    return _MOTION.write(
        (
            *divmod(ros_now_ns, NS_PER_S),
            MAP_FRAME,
            motion.request_id,
            motion.robot_id,
            motion.sequence,
            motion.kind,
            motion.reason.value if motion.reason else "",
            motion.source,
            motion.stops,
            [
                (point.node, point.x, point.y, point.speed_limit_mps or 0.0)
                for point in motion.waypoints
            ],
            motion.safe_move,
            motion.safe_move_target,
            *divmod(motion.lease_ns, NS_PER_S),
        )
    )


def decision_bytes(decision: Decision, timing: Timing, ros_now_ns: int) -> bytes:
    """Write a GuardDecision."""
    left_ns = decision.time_left_ns
    if decision.outcome:
        left_ns = max(0, left_ns - timing.decision_ns - timing.dispatch_ns)
    return _DECISION.write(
        (
            *divmod(ros_now_ns, NS_PER_S),
            "",
            decision.request_id,
            decision.robot_id,
            decision.sequence,
            decision.occasion,
            decision.outcome,
            decision.safe_move,
            decision.source,
            decision.attempt,
            decision.failure_mode.value if decision.failure_mode else "",
            decision.detail,
            decision.rule,
            decision.measured,
            decision.limit,
            decision.bucket,
            decision.vda5050_error,
            decision.clock,
            *_duration(decision.time_to_decision_ns),
            *_duration(left_ns),
            *_duration(decision.dispatch_margin_ns),
            *_duration(decision.planning_ns),
            max(0, timing.transport_ns),
            timing.waiting_ns,
            *(decision.stage_ns.get(stage, 0) for stage in Stage),
            timing.decision_ns,
            timing.dispatch_ns,
            decision.candidates_refused,
        )
    )


def _duration(ns: int) -> tuple[int, int]:
    """Return seconds and nanoseconds; beyond what the message's int32 seconds hold, the longest there is."""
    seconds, nanoseconds = divmod(ns, NS_PER_S)
    return max(-(2**31), min(2**31 - 1, seconds)), nanoseconds


_MOTION: Final = Layout(msg.MotionCommand)
_DECISION: Final = Layout(msg.GuardDecision)


def to_guard_state(  # noqa: PLR0913  # the fields of the message
    *,
    stamp: Time,
    heartbeat: int,
    period_ns: int,
    closures: Time,
    status: Status,
    realtime_priority: int,
) -> msg.GuardState:
    """Write the sign of life."""
    counters = status.counters
    return msg.GuardState(
        header=Header(stamp=stamp),
        heartbeat=heartbeat,
        period=to_duration(period_ns),
        state=_state(status),
        latched_robots=list(status.latched),
        closures=closures,
        edges_blocked=status.edges_blocked,
        requests=counters.requests,
        decisions=counters.decisions,
        routes=counters.routes,
        safe_moves=counters.safe_moves,
        recoveries=counters.recoveries,
        refusals=counters.refusals,
        decisions_late=counters.decisions_late,
        drills=counters.drills,
        dispatch_margin=to_duration(status.margin_ns),
        lateness=to_duration(status.lateness_ns),
        realtime_priority=realtime_priority,
    )


def _state(status: Status) -> int:
    if not status.is_active:
        return int(msg.GuardState.STATE_INACTIVE)
    return int(msg.GuardState.STATE_LATCHED if status.latched else msg.GuardState.STATE_ACTIVE)
