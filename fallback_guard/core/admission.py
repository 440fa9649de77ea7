# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Whether an answer is looked at at all, and whether a route may begin where the robot is: two more tables of rules.

To add a rule, write its check and add its row.
"""

from dataclasses import dataclass
from math import hypot
from typing import Final

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.events import CandidateArrived
from fallback_guard.core.failure_modes import PLANNER_REPORTS, FailureMode
from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.judge import STANDBY
from fallback_guard.core.limits import CANDIDATES_PER_REQUEST_MAX, REQUESTS_OPEN_MAX
from fallback_guard.core.records import Position, RequestRecord, RobotRecord
from fallback_guard.core.request_states import MAY_SEND_ROUTE, RequestState
from fallback_guard.core.rules import Refusal, Rule, RuleRow, Stage, first_failure
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.core.warehouse import Node

LATCHED: Final = Refusal(
    FailureMode.LATCHED, "call the reset service once the cause is mended", 1, 0, "not_latched"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An answer, and what is known of its robot and its request; None where nothing is."""

    event: CandidateArrived
    config: GuardConfig
    robot: RobotRecord | None
    record: RequestRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """The first node of a route, and the robot's position, None where it has said nothing lately.

    `age_ns` is the age of the last position, believed or not; negative where there never was one.
    """

    start: Node
    position: Position | None
    age_ns: int
    config: GuardConfig


def _identifiers(arrival: Arrival) -> Refusal | None:
    event = arrival.event
    wrong = [is_identifier(event.robot_id), is_identifier(event.request_id)].count(False)
    if not wrong:
        return None
    said = "request_id or robot_id is not an identifier"
    return Refusal(FailureMode.BAD_IDENTIFIER, said, wrong)


def _known_robot(arrival: Arrival) -> Refusal | None:
    if arrival.robot is not None:
        return None
    said = f"robot {arrival.event.robot_id} has asked for nothing"
    return Refusal(FailureMode.UNKNOWN_ROBOT, said, 1)


def _known_request(arrival: Arrival) -> Refusal | None:
    if arrival.record is not None and arrival.record.request is not None:
        return None
    said = f"robot {arrival.event.robot_id} has not asked for it"
    return Refusal(FailureMode.UNKNOWN_REQUEST, said, 1)


def _still_open(arrival: Arrival) -> Refusal | None:
    record = arrival.record
    if record is None or record.state not in MAY_SEND_ROUTE:
        return Refusal(FailureMode.STALE, "the request is decided", 1)
    if record.state is RequestState.HALTED and arrival.config.recovery == "none":
        return Refusal(FailureMode.STALE, "the request is decided, and recovery is off", 1)
    return None


def _not_latched(arrival: Arrival) -> Refusal | None:
    return LATCHED if arrival.robot is not None and arrival.robot.latched else None


def _own_source(arrival: Arrival) -> Refusal | None:
    if printable(arrival.event.source) != STANDBY:
        return None
    return Refusal(FailureMode.BAD_IDENTIFIER, f"the source {STANDBY!r} is the guard's own", 1)


def _not_seen(arrival: Arrival) -> Refusal | None:
    event, record = arrival.event, arrival.record
    if record is None or (printable(event.source), event.attempt) not in record.answers_seen:
        return None
    return Refusal(FailureMode.REPEATED, f"attempt {event.attempt} came before", 1)


def _not_a_flood(arrival: Arrival) -> Refusal | None:
    answers = len(arrival.record.answers_seen) + 1 if arrival.record else 1
    if answers <= CANDIDATES_PER_REQUEST_MAX:
        return None
    said = f"over {CANDIDATES_PER_REQUEST_MAX} answers to one request"
    return Refusal(FailureMode.CANDIDATE_FLOOD, said, answers, CANDIDATES_PER_REQUEST_MAX)


def _sound_request(arrival: Arrival) -> Refusal | None:
    return arrival.record.defect if arrival.record else None


def _answered(arrival: Arrival) -> Refusal | None:
    failure = arrival.event.failure
    if not failure:
        return None
    mode = PLANNER_REPORTS.get(failure, FailureMode.PLANNER_BAD_RESPONSE)
    return Refusal(mode, f"the planner reports {printable(failure)}", 1)


def queue_overrun(robot: RobotRecord) -> Refusal | None:
    """Say that a robot may open no further request; None where it may."""
    requests = robot.requests_open + 1
    if requests <= REQUESTS_OPEN_MAX:
        return None
    said = f"{requests - 1} requests are open already"
    return Refusal(FailureMode.QUEUE_OVERRUN, said, requests, REQUESTS_OPEN_MAX, "open_requests")


_F = FailureMode

REQUEST_RULES: Final[tuple[RuleRow, ...]] = (
    RuleRow(
        "new_request",
        Stage.ENVELOPE,
        (_F.REPEATED,),
        "pick requests of the same id that came before",
        "0",
    ),
    RuleRow(
        "open_requests",
        Stage.ENVELOPE,
        (_F.QUEUE_OVERRUN,),
        "pick requests of the robot that are open",
        f"{REQUESTS_OPEN_MAX}",
    ),
    RuleRow("due_once", Stage.ENVELOPE, (_F.REPEATED,), "times it fell due before", "0"),
)
"""Whether a pick request is opened and falls due; the guard asks them itself."""

ADMISSION_RULES: Final[tuple[Rule[Arrival], ...]] = (
    Rule(
        "identifiers",
        Stage.ENVELOPE,
        (_F.BAD_IDENTIFIER,),
        "ids of request and robot that are no identifiers",
        "0",
        _identifiers,
    ),
    Rule(
        "known_robot",
        Stage.ENVELOPE,
        (_F.UNKNOWN_ROBOT,),
        "robots that asked for nothing",
        "0",
        _known_robot,
    ),
    Rule(
        "known_request",
        Stage.ENVELOPE,
        (_F.UNKNOWN_REQUEST,),
        "requests that nobody made",
        "0",
        _known_request,
    ),
    Rule("still_open", Stage.ENVELOPE, (_F.STALE,), "requests that are decided", "0", _still_open),
    Rule(
        "not_latched",
        Stage.ENVELOPE,
        (_F.LATCHED,),
        "robots that wait for an operator's reset",
        "0",
        _not_latched,
    ),
    Rule(
        "own_source",
        Stage.ENVELOPE,
        (_F.BAD_IDENTIFIER,),
        "sources that claim to be the guard",
        "0",
        _own_source,
    ),
    Rule(
        "not_seen",
        Stage.ENVELOPE,
        (_F.REPEATED,),
        "attempts of the same source that came before",
        "0",
        _not_seen,
    ),
    Rule(
        "not_a_flood",
        Stage.ENVELOPE,
        (_F.CANDIDATE_FLOOD,),
        "answers to the request",
        f"{CANDIDATES_PER_REQUEST_MAX}",
        _not_a_flood,
    ),
    Rule(
        "sound_request",
        Stage.ENVELOPE,
        (_F.BAD_REQUEST,),
        "defects of the pick request itself",
        "0",
        _sound_request,
    ),
)
"""Whether anybody looks at an answer to a request of this guard."""

REPORT_RULE: Final[Rule[Arrival]] = Rule(
    "answered",
    Stage.ENVELOPE,
    tuple(PLANNER_REPORTS.values()),
    "failures that the planner reports of itself",
    "0",
    _answered,
)
"""Whether there is an answer to look at.  It counts as one that was looked at."""


def _position_said(departure: Departure) -> Refusal | None:
    if departure.age_ns >= 0:
        return None
    return Refusal(FailureMode.POSITION_UNKNOWN, "the robot does not say where it is", 1)


def _position_fresh(departure: Departure) -> Refusal | None:
    if departure.position is not None:
        return None
    age_ms, limit_ms = departure.age_ns / NS_PER_MS, departure.config.position_age_ms_max
    said = f"the last position is {age_ms:.0f} ms old, believed for {limit_ms} ms"
    return Refusal(FailureMode.POSITION_UNKNOWN, said, age_ms, limit_ms)


def _start_in_range(departure: Departure) -> Refusal | None:
    start, position = departure.start, departure.position
    assert position is not None, "the rule before this one"
    distance_m = hypot(position.x - start.x, position.y - start.y)
    limit_m = departure.config.start_tolerance_m
    if distance_m <= limit_m:
        return None
    said = f"the route starts on node {start.id}, the robot is {distance_m:.2f} m from it"
    return Refusal(FailureMode.START_OUT_OF_RANGE, said, distance_m, limit_m)


START_RULES: Final[tuple[Rule[Departure], ...]] = (
    Rule(
        "position_said",
        Stage.MAP,
        (_F.POSITION_UNKNOWN,),
        "positions that are missing",
        "0",
        _position_said,
    ),
    Rule(
        "position_fresh",
        Stage.MAP,
        (_F.POSITION_UNKNOWN,),
        "age of the robot's last position (ms)",
        "`position_age_ms_max`",
        _position_fresh,
    ),
    Rule(
        "start_in_range",
        Stage.MAP,
        (_F.START_OUT_OF_RANGE,),
        "distance of the robot from the route's first node (m)",
        "`start_tolerance_m`",
        _start_in_range,
    ),
)
"""Whether a valid route begins where the robot is, asked when the robot is to drive it."""


def start_refusal(
    robot: RobotRecord, start: Node, now_ns: int, config: GuardConfig
) -> Refusal | None:
    """Say why a robot must not begin to drive from `start` now; None where it may."""
    departure = Departure(
        start=start,
        position=robot.believed(now_ns, config),
        age_ns=now_ns - robot.position.at_ns if robot.position else -1,
        config=config,
    )
    return first_failure(START_RULES, departure)
