# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What was on the wire, and what has to hold of it: the guarantees, judged without asking any of the nodes.

A robot takes over a command only where its number is above all before it, so a command is *effective* only then.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_MS, NS_PER_S, ns_to_ms
from fallback_guard.picking.tally import Spread, spread
from fallback_guard.testing.timeline import Asked, Command, Decided, Due, Key, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fallback_guard.core.warehouse import Warehouse

DEADLINE_NS: Final = 150 * NS_PER_MS
GRACE_NS: Final = 20 * NS_PER_MS
"""How long after the deadline a watchdog has to have spoken."""

OVERTAKING_NS: Final = NS_PER_S
"""Messages on two topics have no order: who heard of a newer request so much earlier has heard of it first."""


HEARD: Final = (Asked, Due, Command, Decided)
"""What an observer writes down."""

_READ: Final[Mapping[str, TypeAdapter[Asked | Due | Command | Decided]]] = {
    kind.__name__: TypeAdapter(kind) for kind in HEARD
}


def read(path: Path) -> Timeline:
    """Read what an observer wrote, one JSON object a line; the last line of a killed one may be cut."""
    timeline = Timeline()
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            break
        timeline.add(_READ[said.pop("what")].validate_python(said))
    return timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found: `violations` has to be empty, the others say what the run came to."""

    violations: tuple[str, ...]
    due: int
    routes: int
    safe_moves: int
    by_watchdog: int
    recoveries: int
    repeated_safe_moves: int
    ignored: int
    unrecorded: int
    late: int
    taken: Spread | None

    def __str__(self) -> str:
        """Return it for people."""
        taken = self.taken
        times = (
            f"due to answer p50 {taken.p50_ms:.1f}, p99 {taken.p99_ms:.1f}, worst {taken.worst_ms:.1f} ms"
            if taken
            else "nothing fell due"
        )
        return (
            f"{self.due} due requests: {self.routes} routes, {self.safe_moves} safe moves "
            f"({self.by_watchdog} of the watchdog), {self.recoveries} recoveries; {times}; {self.late} later than "
            f"170 ms; {self.repeated_safe_moves} safe moves said twice, {self.ignored} commands too old to be taken "
            f"over, {self.unrecorded} without a record"
        )


def judge(
    wire: Timeline, warehouse: Warehouse, *, kills: int, may_be_open: Iterable[Key] = ()
) -> Findings:
    """Check the guarantees.

    `kills` is how many processes were killed: each can take one record with it.  `may_be_open` are requests that
    fell due too shortly before the end to be answered.
    """
    asked = {request.key: request for request in reversed(wire.asked)}
    due_ns: dict[Key, int] = {}
    for due in wire.due:
        due_ns.setdefault(due.key, due.heard_ns)
    effective = wire.effective()
    answers: dict[Key, list[Command]] = defaultdict(list)
    for command in effective:
        answers[command.key].append(command)

    violations = [
        f"G1: {key} fell due and was not answered"
        for key in due_ns
        if key not in answers and key not in set(may_be_open)
    ]
    violations += [f"G1: {key} was answered and not due" for key in answers if key not in due_ns]
    repeated = 0
    for key, commands in answers.items():
        kinds = [command.kind for command in commands]
        if MotionKind.ROUTE in kinds[:-1]:
            violations.append(f"G6: {key} was told {[kind.name for kind in kinds]}")
        holds = [command for command in commands if command.kind is MotionKind.SAFE_MOVE]
        repeated += max(0, len(holds) - 1)
        if len(holds) > 1 and not any(hold.source == "watchdog" for hold in holds):
            violations.append(f"G1: {key} was told to hold {len(holds)} times by the guard")
    violations += _overtaken(wire, answers)
    for command in effective:
        if command.kind is MotionKind.ROUTE:
            violations += _wrong_route(command, asked.get(command.key), warehouse)
    unrecorded = _unrecorded(wire)
    if unrecorded > kills:
        violations.append(f"G8: {unrecorded} commands have no record, after {kills} kills")
    unheard = _unheard(wire)
    if len(unheard) > kills:
        violations.append(f"G8: {unheard} have a record and no command, after {kills} kills")

    firsts = {key: commands[0] for key, commands in answers.items() if key in due_ns}
    taken_ms = [ns_to_ms(first.heard_ns - due_ns[key]) for key, first in firsts.items()]
    counted = Counter(first.kind for first in firsts.values())
    return Findings(
        violations=tuple(violations),
        due=len(due_ns),
        routes=counted[MotionKind.ROUTE],
        safe_moves=counted[MotionKind.SAFE_MOVE],
        by_watchdog=sum(first.source == "watchdog" for first in firsts.values()),
        recoveries=sum(
            len(commands) > 1 and commands[-1].kind is MotionKind.ROUTE
            for commands in answers.values()
        ),
        repeated_safe_moves=repeated,
        ignored=len(wire.commands) - len(effective),
        unrecorded=unrecorded,
        late=sum(ms > ns_to_ms(DEADLINE_NS + GRACE_NS) for ms in taken_ms),
        taken=spread(taken_ms),
    )


def _overtaken(wire: Timeline, answers: Mapping[Key, list[Command]]) -> list[str]:
    """Return the routes that followed a safe move although a newer request had been made (G6)."""
    of_robot: dict[str, list[Asked]] = defaultdict(list)
    for request in wire.asked:
        of_robot[request.key[0]].append(request)
    violations = []
    for key, commands in answers.items():
        if len(commands) < 2 or commands[-1].kind is not MotionKind.ROUTE:
            continue
        requests = of_robot[key[0]]
        own_ns = min((each.heard_ns for each in requests if each.key == key), default=0)
        newer = [
            each.key[1]
            for each in requests
            if own_ns < each.heard_ns < commands[-1].heard_ns - OVERTAKING_NS
        ]
        if newer:
            violations.append(f"G6: {key} was recovered although {newer} came after it")
    return violations


def _wrong_route(command: Command, asked: Asked | None, warehouse: Warehouse) -> list[str]:
    """Return what of a route is not as it was asked for, or not on the map (G2)."""
    if asked is None:
        return [f"G2: {command.key} has a route, and nobody asked"]
    wrong = []
    if sorted(command.stops) != sorted(asked.items):
        wrong.append(f"G2: {command.key} picks {command.stops}, asked was {asked.items}")
    begins, ends = command.waypoints[0][0], command.waypoints[-1][0]
    # A recovery begins where the retreat has brought the robot.
    if ends != asked.goal_node or (begins != asked.start_node and command.source != "standby"):
        wrong.append(f"G2: {command.key} leads from {begins} to {ends}")
    for node, x, y in command.waypoints:
        place = warehouse.nodes.get(node)
        if place is None or (place.x, place.y) != (x, y):
            wrong.append(f"G2: {command.key} passes {node} at ({x}, {y}), which the map has not")
    wrong += [
        f"G2: {command.key} stays on {before[0]}"
        for before, after in pairwise(command.waypoints)
        if before[0] == after[0]
    ]
    return wrong


def _unrecorded(wire: Timeline) -> int:
    """Return how many commands have no decision with their number (G8)."""
    recorded = Counter((each.key[0], each.sequence) for each in wire.decided if each.outcome)
    commanded = Counter((each.key[0], each.sequence) for each in wire.commands)
    return (commanded - recorded).total()


def _unheard(wire: Timeline) -> list[tuple[str, int]]:
    """Return the robots and numbers of commands of which only the record was heard (G8).

    Of a process that was started anew, one topic may be discovered a little before the other.
    """
    commanded = Counter((each.key[0], each.sequence) for each in wire.commands)
    recorded = Counter((each.key[0], each.sequence) for each in wire.decided if each.outcome)
    return sorted(recorded - commanded)
