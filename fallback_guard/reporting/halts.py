# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Halts: from a SAFE_MOVE on `motion` to the same robot's next ROUTE, as far as it was recorded.

Both definitions of how much is halted are given, for they answer different questions: the share of plans that end in a
halt says how often the planner fails the robot, the share of time says what that costs.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fallback_guard.core.motion import MotionKind
from fallback_guard.reporting.facts import DRILL, Command, Robot, Span


class Halt(NamedTuple):
    """One halt.  `is_over` tells whether a route ended it; else it was still on where the recording ends."""

    robot: Robot
    request_id: str
    reason: str
    source: str
    begin_ns: int
    end_ns: int
    is_over: bool

    @property
    def lasted_ns(self) -> int:
        """How long it was."""
        return self.end_ns - self.begin_ns

    @property
    def is_drill(self) -> bool:
        """Whether an operator forced it."""
        return self.reason == DRILL


def halts(commands: Sequence[Command], spans: Mapping[str, Sequence[Span]]) -> list[Halt]:
    """Return every halt, drills too, in the order of their beginning; commands are in the order of time."""
    by_robot: defaultdict[Robot, list[Command]] = defaultdict(list)
    for command in commands:
        by_robot[command.robot].append(command)
    found = [
        halt
        for robot, own in by_robot.items()
        for halt in _of_robot(own, spans.get(robot.namespace, ()))
    ]
    return sorted(found, key=lambda halt: halt.begin_ns)


def _of_robot(commands: Sequence[Command], spans: Sequence[Span]) -> list[Halt]:
    found: list[Halt] = []
    since: Command | None = None
    newest = 0
    for command in commands:
        if command.sequence and command.sequence <= newest:
            continue  # The robot ignores it: it was made before a later one.
        newest = command.sequence
        if since is not None:
            end_ns = _recorded_until(spans, since.at_ns)
            is_route = command.kind == MotionKind.ROUTE
            # A failure during a drill is no drill.
            is_worse = since.reason == DRILL and command.reason != DRILL
            if command.at_ns > end_ns:
                found.append(_halt(since, end_ns, is_over=False))
                since = None
            elif is_route or is_worse:
                found.append(_halt(since, command.at_ns, is_over=is_route))
                since = None
        if since is None and command.kind == MotionKind.SAFE_MOVE:
            since = command
    if since is not None:
        found.append(_halt(since, _recorded_until(spans, since.at_ns), is_over=False))
    return found


def _halt(since: Command, end_ns: int, *, is_over: bool) -> Halt:
    return Halt(
        robot=since.robot,
        request_id=since.request_id,
        reason=since.reason,
        source=since.source,
        begin_ns=since.at_ns,
        end_ns=max(end_ns, since.at_ns),
        is_over=is_over,
    )


def _recorded_until(spans: Sequence[Span], at_ns: int) -> int:
    # It was recorded, so it is of the piece that ends next, even where it was sent a moment before that began.
    return next((span.end_ns for span in spans if at_ns <= span.end_ns), at_ns)
