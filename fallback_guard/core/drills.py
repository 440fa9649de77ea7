# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Drills: one fallback that an operator wants to see, of one robot, whatever its planner does.

It is the fallback that the configuration has for a silent planner, and the recovery follows as it always does.  Nothing
of it counts against the planner: a robot is not latched by drills.
"""

from typing import Final

from fallback_guard.core.effects import DrillAnswered
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import DRILL_WAIT_NS
from fallback_guard.core.records import RequestRecord, RobotRecord
from fallback_guard.core.request_states import RequestState
from fallback_guard.core.rules import Refusal
from fallback_guard.core.units import NS_PER_S

DRILL: Final = Refusal(FailureMode.DRILL, "an operator's drill")


def order(robot_id: str, robot: RobotRecord | None, now_ns: int) -> DrillAnswered:
    """Say of which request a drill is now, or why there is none; where none is due, it waits for the next.

    A drill that waits is there once, however often it was ordered.
    """
    name = printable(robot_id)
    if robot is None:
        return DrillAnswered(robot_id=name, obstacle="no such robot has said anything yet")
    if robot.latched:
        return DrillAnswered(robot_id=name, obstacle="it is latched, and holds already")
    due = [key for key, each in robot.requests.items() if each.state is RequestState.DUE]
    if due:
        robot.drill_until_ns = None
        return DrillAnswered(robot_id=name, request_id=due[-1])
    robot.drill_until_ns = now_ns + DRILL_WAIT_NS
    return DrillAnswered(robot_id=name, waits_ns=DRILL_WAIT_NS)


def take(robot: RobotRecord, now_ns: int) -> Refusal | None:
    """Take the drill that waits for what falls due now; None where there is none, or no longer."""
    until_ns, robot.drill_until_ns = robot.drill_until_ns, None
    return DRILL if until_ns is not None and now_ns <= until_ns else None


def halted(record: RequestRecord) -> FailureMode | None:
    """Return the failure mode of a drill where that is what a request is halted by."""
    return FailureMode.DRILL if record.halted_by is FailureMode.DRILL else None


def said(answer: DrillAnswered) -> str:
    """Return what the operator is told."""
    if answer.obstacle:
        return f"no drill of {answer.robot_id}: {answer.obstacle}"
    if answer.request_id:
        return f"drill of {answer.robot_id}: request {answer.request_id} falls back now"
    waits_s = answer.waits_ns // NS_PER_S
    return f"drill of {answer.robot_id}: what falls due within {waits_s} s falls back"
