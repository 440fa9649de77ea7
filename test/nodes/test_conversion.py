# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Between messages and the core nothing is lost, field by field, also at the extremes."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final

import pytest
from builtin_interfaces.msg import Duration, Time
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.closures import Closures
from fallback_guard.core.counters import Counters
from fallback_guard.core.effects import Clock, Decision, Occasion
from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode
from fallback_guard.core.limits import (
    CLOSURES_MAX,
    SPEED_LIMIT_MPS_MIN,
    STOPS_MAX,
    WAYPOINTS_MAX,
)
from fallback_guard.core.motion import Motion, MotionKind, RouteStop, SafeMoveKind
from fallback_guard.core.request import PickItem
from fallback_guard.core.rules import Stage
from fallback_guard.core.units import NS_PER_S
from fallback_guard.core.waypoint import Waypoint
from fallback_guard.driving.errand import Errand, errand
from fallback_guard.driving.words import Outcome, ReportPick
from fallback_guard.nodes import conversion
from fallback_guard.nodes.status import Status, Timing

if TYPE_CHECKING:
    from harness import Message

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
UINT32_MAX, UINT64_MAX = 2**32 - 1, 2**64 - 1
STAMP: Final = Time(sec=7, nanosec=8)
NOW_NS: Final = 7 * NS_PER_S + 8
BY_OTHER_NAMES: Final = {"bucket", "vda5050_error", "header"}


def motion_message(motion: Motion) -> Message:
    """Write a motion, and read it as its robot does."""
    return deserialize_message(conversion.motion_bytes(motion, NOW_NS), msg.MotionCommand)


def decision_message(decision: Decision, timing: Timing) -> Message:
    """Write a decision, and read it as those who listen do."""
    data = conversion.decision_bytes(decision, timing, NOW_NS)
    return deserialize_message(data, msg.GuardDecision)


def fields_of(message: Message) -> set[str]:
    """Return the names of a message's fields."""
    return set(type(message).get_fields_and_field_types())


@pytest.mark.parametrize(
    "ns",
    [
        0,
        1,
        -1,
        NS_PER_S - 1,
        NS_PER_S,
        -NS_PER_S,
        -NS_PER_S - 1,
        INT32_MAX * NS_PER_S,
        INT32_MIN * NS_PER_S,
    ],
)
def test_durations_come_back(ns: int) -> None:
    assert conversion.from_duration(conversion.to_duration(ns)) == ns


@pytest.mark.parametrize(
    ("ns", "seconds"), [(2**62, INT32_MAX), (-(2**62), INT32_MIN), (2**100, INT32_MAX)]
)
def test_a_duration_beyond_its_wire_type_is_the_longest_there_is(ns: int, seconds: int) -> None:
    assert conversion.to_duration(ns).sec == seconds


@pytest.mark.parametrize(
    ("message", "ns"),
    [
        (Duration(sec=INT32_MIN, nanosec=0), INT32_MIN * NS_PER_S),
        (Duration(sec=INT32_MAX, nanosec=UINT32_MAX), INT32_MAX * NS_PER_S + UINT32_MAX),
        (Duration(sec=-1, nanosec=999_999_999), -1),
    ],
)
def test_a_duration_may_hold_any_seconds_and_nanoseconds(message: Duration, ns: int) -> None:
    assert conversion.from_duration(message) == ns
    conversion.to_duration(ns)


def test_a_pick_request_is_read_field_by_field() -> None:
    message = msg.PickRequest(
        header=Header(stamp=STAMP),
        request_id="R-1",
        robot_id="picker_1",
        start_node=UINT32_MAX,
        goal_node=3,
        items=[
            msg.PickItem(bin="A-1", sku="SKU-1", quantity=UINT32_MAX),
            msg.PickItem(bin="B", sku="C"),
        ],
        instructions="Heavy first.",
        on_due=True,
    )
    event = conversion.read_request(serialize_message(message), NOW_NS + 100)
    request = event.request
    assert event.stamp_age_ns == 100
    assert {"header", *(name for name in dir(request) if name in fields_of(message))} == fields_of(
        message
    )
    assert request.items == (
        PickItem(bin="A-1", sku="SKU-1", quantity=UINT32_MAX),
        PickItem(bin="B", sku="C", quantity=0),
    )
    for name in fields_of(message) - {"header", "items"}:
        assert getattr(request, name) == getattr(message, name), name
    assert conversion.to_pick_request(message) == request
    again = conversion.from_pick_request(request, message.header)
    assert again == message


@pytest.mark.parametrize(
    ("count", "read"),
    [
        (STOPS_MAX - 1, STOPS_MAX - 1),
        (STOPS_MAX, STOPS_MAX),
        (STOPS_MAX + 1, STOPS_MAX + 1),
        (STOPS_MAX + 2, STOPS_MAX + 1),
        (10_000, STOPS_MAX + 1),
    ],
)
def test_of_too_many_items_one_too_many_is_read(count: int, read: int) -> None:
    message = msg.PickRequest(items=[msg.PickItem()] * count, instructions="last")
    request = conversion.read_request(serialize_message(message), 0).request
    assert len(request.items) == len(conversion.to_pick_request(message).items) == read
    # What cannot be served is not read to its end.
    assert request.instructions == ("last" if count <= STOPS_MAX else "")


def test_a_due_message_is_read_field_by_field() -> None:
    message = msg.RouteDue(header=Header(stamp=STAMP), request_id="R-1", robot_id="picker_1")
    assert fields_of(message) == {"header", "request_id", "robot_id"}
    event = conversion.read_route_due(serialize_message(message), 0)
    assert (event.request_id, event.robot_id) == ("R-1", "picker_1")
    assert event.stamp_age_ns == -(7 * NS_PER_S + 8), "a stamp from the future is younger than now"


@pytest.mark.parametrize("seconds", [INT32_MIN, -1, 0, INT32_MAX])
def test_a_stamp_may_be_anything(seconds: int) -> None:
    message = msg.RouteDue(header=Header(stamp=Time(sec=seconds, nanosec=UINT32_MAX)))
    event = conversion.read_route_due(serialize_message(message), 5)
    assert event.stamp_age_ns == 5 - (seconds * NS_PER_S + UINT32_MAX)


def test_a_candidate_is_read_field_by_field() -> None:
    message = msg.RouteCandidate(
        request_id="R-1",
        robot_id="picker_1",
        source="llm:some",
        attempt=UINT32_MAX,
        payload=bytes(range(256)),
        planning_time=Duration(sec=-3, nanosec=4),
        failure="PLANNER_TIMEOUT",
    )
    event = conversion.read_candidate(serialize_message(message), 256)
    for name in fields_of(message) - {"header", "payload", "planning_time"}:
        assert getattr(event, name) == getattr(message, name), name
    assert event.payload == bytes(range(256))
    assert event.planning_ns == -3 * NS_PER_S + 4


@pytest.mark.parametrize(("size", "read"), [(9, 9), (10, 10), (11, 11), (12, 11), (1_000, 11)])
def test_of_a_payload_one_byte_over_the_limit_is_read(size: int, read: int) -> None:
    message = msg.RouteCandidate(payload=b"x" * size, failure="PLANNER_TIMEOUT")
    event = conversion.read_candidate(serialize_message(message), 10)
    assert event.payload == b"x" * read
    assert event.failure == "PLANNER_TIMEOUT", "what stands behind the payload is found"


def test_a_position_is_read_field_by_field() -> None:
    message = msg.RobotPosition(robot_id="picker_1", x=-1e308, y=math.inf, theta=1.0, lost=True)
    event = conversion.read_position(serialize_message(message))
    assert (event.robot_id, event.x, event.y, event.lost) == ("picker_1", -1e308, math.inf, True)


def test_closures_are_read_field_by_field() -> None:
    message = msg.MapClosures(
        closed_edges=[3, 1, 3], opened_edges=[0], closed_zones=[UINT32_MAX], opened_zones=[7, 8]
    )
    closures = conversion.to_closures(message)
    for name in fields_of(message) - {"header", "everything"}:
        assert getattr(closures, name) == frozenset(getattr(message, name)), name
    assert not closures.everything
    assert conversion.to_closures(msg.MapClosures()) == Closures()
    assert conversion.to_closures(msg.MapClosures(everything=True)) == Closures(everything=True)


@pytest.mark.parametrize("name", ["closed_edges", "opened_edges", "closed_zones", "opened_zones"])
@pytest.mark.parametrize("count", [CLOSURES_MAX, CLOSURES_MAX + 1])
def test_who_closes_too_much_closes_everything(name: str, count: int) -> None:
    closures = conversion.to_closures(msg.MapClosures(**{name: [5] * count}))
    assert closures.everything is (count > CLOSURES_MAX)


def test_a_motion_is_written_field_by_field() -> None:
    motion = Motion(
        kind=MotionKind.ROUTE,
        request_id="R-1",
        robot_id="picker_1",
        sequence=UINT64_MAX,
        reason=FailureMode.PLANNER_LATE,
        source="standby",
        stops=(RouteStop(bin="A-1", sku="S", quantity=1_000, node=UINT32_MAX, waypoint_index=1),),
        waypoints=(
            Waypoint(node=UINT32_MAX, x=-1e6, y=1e6, speed_limit_mps=None),
            Waypoint(node=0, x=0.1, y=0.2, speed_limit_mps=1.5),
        ),
        safe_move=SafeMoveKind.RETREAT,
        safe_move_target=UINT32_MAX,
        lease_ns=500_000_001,
    )
    message = motion_message(motion)
    assert (message.header.stamp, message.header.frame_id) == (STAMP, "map")
    assert message.reason == "PLANNER_LATE"
    assert conversion.from_duration(message.lease) == 500_000_001
    for name in fields_of(message) - {"header", "reason", "lease", "stops", "waypoints"}:
        assert getattr(message, name) == getattr(motion, name), name
    for written, stop in zip(message.stops, motion.stops, strict=True):
        for name in fields_of(written):
            assert getattr(written, name) == getattr(stop, name), name
    points = [(point.node, point.x, point.y, point.speed_limit) for point in message.waypoints]
    assert points == [(UINT32_MAX, -1e6, 1e6, 0.0), (0, 0.1, 0.2, 1.5)]


@pytest.mark.parametrize("kind", SafeMoveKind)
def test_a_safe_move_without_a_way_is_written(kind: SafeMoveKind) -> None:
    motion = Motion(
        kind=MotionKind.SAFE_MOVE,
        request_id="",
        robot_id="picker_1",
        sequence=1,
        reason=None,
        source="",
        stops=(),
        waypoints=(),
        safe_move=kind,
        safe_move_target=0,
        lease_ns=0,
    )
    message = motion_message(motion)
    assert (message.kind, message.safe_move, message.reason) == (2, int(kind), "")


def test_a_command_is_read_as_it_was_written() -> None:
    motion = Motion(
        kind=MotionKind.ROUTE,
        request_id="R-1",
        robot_id="picker_1",
        sequence=UINT64_MAX,
        reason=None,
        source="",
        stops=(RouteStop(bin="A-1", sku="S", quantity=2, node=4, waypoint_index=1),),
        waypoints=(
            Waypoint(node=3, x=-1e6, y=1e6, speed_limit_mps=None),
            # The slowest that a map may say, which is a little less on the wire.
            Waypoint(node=4, x=0.1, y=0.2, speed_limit_mps=SPEED_LIMIT_MPS_MIN),
        ),
        safe_move=SafeMoveKind.NONE,
        safe_move_target=0,
        lease_ns=500_000_001,
    )
    command = conversion.to_command(motion_message(motion))
    for name in ("kind", "request_id", "sequence", "safe_move", "lease_ns", "stops"):
        assert getattr(command, name) == getattr(motion, name), name
    first, second = command.waypoints
    assert first == motion.waypoints[0]
    assert second.speed_limit_mps == pytest.approx(SPEED_LIMIT_MPS_MIN)
    assert isinstance(errand(command), Errand)


def test_of_a_long_command_one_more_than_the_limits_is_read() -> None:
    message = msg.MotionCommand(
        stops=[msg.RouteStop()] * (STOPS_MAX + 9), waypoints=[msg.Waypoint()] * (WAYPOINTS_MAX + 9)
    )
    command = conversion.to_command(message)
    assert (len(command.stops), len(command.waypoints)) == (STOPS_MAX + 1, WAYPOINTS_MAX + 1)


def test_a_pick_report_is_written_field_by_field() -> None:
    report = ReportPick(
        request_id="R-1",
        sequence=UINT64_MAX,
        stop_index=UINT32_MAX,
        stop=RouteStop(bin="A-1", sku="S", quantity=UINT32_MAX, node=4, waypoint_index=1),
        outcome=Outcome.UNREACHED,
    )
    message = conversion.from_pick_report(report, "picker_1", Header(stamp=STAMP))
    message = deserialize_message(serialize_message(message), msg.PickReport)
    assert (message.header.stamp, message.robot_id) == (STAMP, "picker_1")
    for name in ("request_id", "sequence", "stop_index", "outcome"):
        assert getattr(message, name) == getattr(report, name), name
    for name in ("bin", "sku", "quantity"):
        assert getattr(message, name) == getattr(report.stop, name), name


TIMING: Final = Timing(transport_ns=UINT64_MAX, waiting_ns=20, decision_ns=300, dispatch_ns=4_000)


@pytest.mark.parametrize("mode", [None, *FailureMode])
def test_a_decision_is_written_field_by_field(mode: FailureMode | None) -> None:
    decision = Decision(
        request_id="R-1",
        robot_id="picker_1",
        occasion=Occasion.RECOVERY,
        outcome=MotionKind.SAFE_MOVE,
        sequence=UINT64_MAX,
        safe_move=SafeMoveKind.CANCEL_AND_HOLD,
        source="llm:some",
        attempt=UINT32_MAX,
        failure_mode=mode,
        detail="what was wrong",
        rule="detour",
        measured=61.5,
        limit=-1e300,
        clock=Clock.ARRIVAL,
        time_to_decision_ns=145_000_001,
        time_left_ns=4_999_999,
        dispatch_margin_ns=5_000_001,
        planning_ns=2**70,
        stage_ns={stage: number for number, stage in enumerate(Stage, start=2**63)},
        candidates_refused=UINT32_MAX,
    )
    message = decision_message(decision, TIMING)
    durations = {"time_to_decision", "time_left", "dispatch_margin", "planning_time"}
    stages = {f"{stage.value}_ns" for stage in Stage}
    timing = {field.name for field in fields(Timing)}
    assert stages | timing | durations | BY_OTHER_NAMES < fields_of(message)
    others = stages | timing | durations | BY_OTHER_NAMES | {"failure_mode"}
    for name in fields_of(message) - others:
        assert getattr(message, name) == getattr(decision, name), name
    assert message.failure_mode == (mode.value if mode else "")
    assert message.bucket == (FAILURE_MODES[mode].bucket if mode else Bucket.NONE)
    assert message.vda5050_error == ((FAILURE_MODES[mode].vda5050_error if mode else None) or "")
    assert message.header.stamp == STAMP
    assert conversion.from_duration(message.time_to_decision) == 145_000_001
    assert conversion.from_duration(message.time_left) == 4_999_999 - 300 - 4_000
    assert conversion.from_duration(message.dispatch_margin) == 5_000_001
    for name in timing:
        assert getattr(message, name) == getattr(TIMING, name), name
    assert message.planning_time.sec == INT32_MAX
    for stage in Stage:
        assert getattr(message, f"{stage.value}_ns") == decision.stage_ns[stage]


@pytest.mark.parametrize(
    ("left_ns", "told_ns"), [(4_301, 1), (4_300, 0), (4_299, 0), (0, 0), (10**9, 10**9 - 4_300)]
)
def test_the_time_left_is_that_at_the_hand_over(left_ns: int, told_ns: int) -> None:
    decision = Decision(
        request_id="R-1",
        robot_id="picker_1",
        occasion=Occasion.DUE,
        outcome=MotionKind.ROUTE,
        time_left_ns=left_ns,
    )
    told = decision_message(decision, TIMING).time_left
    assert conversion.from_duration(told) == told_ns
    # Where nothing moves, nothing is handed over.
    refusal = replace(decision, occasion=Occasion.REFUSAL, outcome=MotionKind.NONE)
    told = decision_message(refusal, TIMING).time_left
    assert conversion.from_duration(told) == left_ns


@pytest.mark.parametrize(("transport_ns", "told_ns"), [(-1, 0), (-(10**18), 0), (0, 0), (1, 1)])
def test_a_message_from_a_clock_that_goes_ahead_was_not_under_way(
    transport_ns: int, told_ns: int
) -> None:
    decision = Decision(request_id="R-1", robot_id="picker_1", occasion=Occasion.REFUSAL)
    message = decision_message(decision, Timing(transport_ns=transport_ns))
    assert message.transport_ns == told_ns


def test_a_state_is_written_field_by_field() -> None:
    counters = Counters(
        requests=1,
        decisions=2,
        routes=3,
        safe_moves=4,
        recoveries=5,
        refusals=6,
        decisions_late=UINT64_MAX,
    )
    status = Status(
        is_active=True,
        latched=("a", "b"),
        edges_blocked=UINT32_MAX,
        counters=counters,
        margin_ns=40_000_001,
        lateness_ns=2**70,
        margin_is_widened=True,
    )
    message = state_message(status)
    others = {"header", "heartbeat", "period", "state", "latched_robots", "closures"}
    others |= {"edges_blocked", "dispatch_margin", "lateness", "realtime_priority"}
    for name in fields_of(message) - others:
        assert getattr(message, name) == getattr(counters, name), name
    assert (message.header.stamp, message.heartbeat) == (STAMP, UINT64_MAX)
    assert message.latched_robots == ["a", "b"]
    assert (message.closures.sec, message.edges_blocked) == (5, UINT32_MAX)
    assert conversion.from_duration(message.period) == 100_000_000
    assert conversion.from_duration(message.dispatch_margin) == 40_000_001
    assert message.lateness.sec == INT32_MAX
    assert message.realtime_priority == 99


def state_message(status: Status) -> Message:
    """Write a sign of life."""
    return conversion.to_guard_state(
        stamp=STAMP,
        heartbeat=UINT64_MAX,
        period_ns=100_000_000,
        closures=Time(sec=5),
        status=status,
        realtime_priority=99,
    )


@pytest.mark.parametrize(
    ("is_active", "latched", "state"),
    [
        (False, (), msg.GuardState.STATE_INACTIVE),
        (False, ("a",), msg.GuardState.STATE_INACTIVE),
        (True, (), msg.GuardState.STATE_ACTIVE),
        (True, ("a",), msg.GuardState.STATE_LATCHED),
    ],
)
def test_which_state_is_told(latched: tuple[str, ...], state: int, *, is_active: bool) -> None:
    status = Status(is_active=is_active, latched=latched, counters=Counters())
    assert state_message(status).state == state


@pytest.mark.parametrize(
    ("message", "prefix", "members"),
    [
        (msg.MotionCommand, "KIND_", MotionKind),
        (msg.MotionCommand, "SAFE_MOVE_", SafeMoveKind),
        (msg.GuardDecision, "OCCASION_", Occasion),
        (msg.GuardDecision, "OUTCOME_", MotionKind),
        (msg.GuardDecision, "BUCKET_", Bucket),
        (msg.GuardDecision, "CLOCK_", Clock),
        (msg.PickReport, "OUTCOME_", Outcome),
    ],
)
def test_the_constants_of_the_messages_are_those_of_the_core(
    message: type[Message], prefix: str, members: type[Occasion]
) -> None:
    constants = {
        name.removeprefix(prefix): getattr(message, name)
        for name in dir(message)
        if name.startswith(prefix) and not name.endswith("__DEFAULT")
    }
    assert constants == {
        member.name: member.value for member in members if member.name in constants
    }
    assert len(constants) >= len(
        [member for member in members if prefix != "OUTCOME_" or member.value < 3]
    )
