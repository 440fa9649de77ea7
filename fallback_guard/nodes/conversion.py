"""Messages to events, effects to messages.  The only place where both are known."""

from itertools import islice

from builtin_interfaces.msg import Duration, Time
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core import events
from fallback_guard.core.effects import Decision
from fallback_guard.core.limits import CLOSURES_MAX, STOPS_MAX
from fallback_guard.core.motion import Motion
from fallback_guard.core.openness import Closures
from fallback_guard.core.outbox import Counters
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.rules import Stage
from fallback_guard.core.units import NS_PER_S

MAP_FRAME = "map"
"""The frame of all coordinates (REP 105)."""


def to_duration(ns: int) -> Duration:
    """Return whole nanoseconds as a message; beyond what its int32 seconds hold, the longest there is."""
    seconds, nanoseconds = divmod(ns, NS_PER_S)
    return Duration(sec=max(-(2**31), min(2**31 - 1, seconds)), nanosec=nanoseconds)


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


def to_request_arrived(message: msg.PickRequest, ros_now_ns: int) -> events.RequestArrived:
    """`ros_now_ns` is on the clock of the message's stamp."""
    return events.RequestArrived(
        request=to_pick_request(message), stamp_age_ns=ros_now_ns - from_time(message.header.stamp)
    )


def to_route_fell_due(message: msg.RouteDue, ros_now_ns: int) -> events.RouteFellDue:
    """`ros_now_ns` is on the clock of the message's stamp."""
    return events.RouteFellDue(
        request_id=message.request_id,
        robot_id=message.robot_id,
        stamp_age_ns=ros_now_ns - from_time(message.header.stamp),
    )


def to_candidate_arrived(message: msg.RouteCandidate, bytes_max: int) -> events.CandidateArrived:
    """Read an answer, up to one byte more than the limit: enough to see that it is over it."""
    return events.CandidateArrived(
        request_id=message.request_id,
        robot_id=message.robot_id,
        source=message.source,
        attempt=message.attempt,
        payload=bytes(message.payload[: bytes_max + 1]),
        planning_ns=from_duration(message.planning_time),
        failure=message.failure,
    )


def to_position_arrived(message: msg.RobotPosition) -> events.PositionArrived:
    """Read a position."""
    return events.PositionArrived(
        robot_id=message.robot_id, x=message.x, y=message.y, lost=message.lost
    )


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


def to_motion_command(motion: Motion, stamp: Time) -> msg.MotionCommand:
    """Write a motion, field by field from what was validated."""
    return msg.MotionCommand(
        header=Header(stamp=stamp, frame_id=MAP_FRAME),
        request_id=motion.request_id,
        robot_id=motion.robot_id,
        sequence=motion.sequence,
        kind=int(motion.kind),
        reason=motion.reason.value if motion.reason else "",
        source=motion.source,
        stops=[
            msg.RouteStop(
                bin=stop.bin,
                sku=stop.sku,
                quantity=stop.quantity,
                node=stop.node,
                waypoint_index=stop.waypoint_index,
            )
            for stop in motion.stops
        ],
        waypoints=[
            msg.Waypoint(
                node=point.node, x=point.x, y=point.y, speed_limit=point.speed_limit_mps or 0.0
            )
            for point in motion.waypoints
        ],
        safe_move=int(motion.safe_move),
        safe_move_target=motion.safe_move_target,
        lease=to_duration(motion.lease_ns),
    )


def to_guard_decision(decision: Decision, stamp: Time) -> msg.GuardDecision:
    """Write a decision."""
    message = msg.GuardDecision(
        header=Header(stamp=stamp),
        request_id=decision.request_id,
        robot_id=decision.robot_id,
        sequence=decision.sequence,
        occasion=int(decision.occasion),
        outcome=int(decision.outcome),
        safe_move=int(decision.safe_move),
        source=decision.source,
        attempt=decision.attempt,
        failure_mode=decision.failure_mode.value if decision.failure_mode else "",
        detail=decision.detail,
        rule=decision.rule,
        # An int in a float64 field is taken for the bits of a double.
        measured=float(decision.measured),
        limit=float(decision.limit),
        bucket=int(decision.bucket),
        vda5050_error=decision.vda5050_error,
        clock=int(decision.clock),
        time_to_decision=to_duration(decision.time_to_decision_ns),
        time_left=to_duration(decision.time_left_ns),
        planning_time=to_duration(decision.planning_ns),
        candidates_refused=decision.candidates_refused,
    )
    for stage in Stage:
        setattr(message, f"{stage.value}_ns", decision.stage_ns.get(stage, 0))
    return message


def to_guard_state(  # noqa: PLR0913  # the fields of the message
    *,
    stamp: Time,
    heartbeat: int,
    period_ns: int,
    state: int,
    latched_robots: tuple[str, ...],
    closures: Time,
    edges_blocked: int,
    counters: Counters,
) -> msg.GuardState:
    """Write the sign of life."""
    return msg.GuardState(
        header=Header(stamp=stamp),
        heartbeat=heartbeat,
        period=to_duration(period_ns),
        state=state,
        latched_robots=list(latched_robots),
        closures=closures,
        edges_blocked=edges_blocked,
        requests=counters.requests,
        decisions=counters.decisions,
        routes=counters.routes,
        safe_moves=counters.safe_moves,
        recoveries=counters.recoveries,
        refusals=counters.refusals,
        decisions_late=counters.decisions_late,
    )
