# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Joins what was recorded into due requests: what was decided, when the robot was on a route, and what that is worth.

The objective: of all due requests, the share that was decided within the deadline with the robot on a ROUTE, in time,
standby or recovery, within ROUTE_NS_MAX of falling due.  Between topics of a recording there is no order, so they are
joined by robot and request, and by time where an id comes again.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.objective import ROUTE_NS_MAX
from fallback_guard.core.units import NS_PER_S
from fallback_guard.reporting.facts import (
    DRILL,
    WATCHDOG,
    Answer,
    Command,
    Decision,
    Due,
    Material,
    Robot,
    Span,
)

SAME_NS: Final = 60 * NS_PER_S
"""An id that comes again after so long is another request: ids may start anew with whoever gives them."""


class Verdict(IntEnum):
    """Whether a due request was served, in order of severity."""

    SERVED = 0
    DRILL = 1
    """An operator forced the fallback: in no count."""
    OPEN = 2
    """The recording ends before it can be told: in no count."""
    REFUSED = 3
    """No request that this guard can serve, and said so: in no count."""
    HALTED = 4
    """Decided in time, and without a route for longer than ROUTE_NS_MAX."""
    LATE = 5
    UNANSWERED = 6
    """The guard did not decide: the watchdog did, or nobody."""


COUNTED: Final = frozenset({Verdict.SERVED, Verdict.HALTED, Verdict.LATE, Verdict.UNANSWERED})
BAD: Final = COUNTED - {Verdict.SERVED}


@dataclass(slots=True)
class Episode:
    """One due request.  `due_ns` is on the wall clock; `routed_ns` and `halted_ns` are from there on."""

    robot: Robot
    request_id: str
    due_ns: int
    decision: Decision | None = None
    by_watchdog: Decision | None = None
    refusals: list[Decision] = field(default_factory=list)
    recoveries: list[Decision] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    command: Command | None = None
    verdict: Verdict = Verdict.OPEN
    routed_ns: int | None = None
    """From falling due to the robot's next route; None where none came."""

    @property
    def is_stop(self) -> bool:
        """Whether it was answered by a safe move."""
        if self.command is not None:
            return self.command.kind == MotionKind.SAFE_MOVE
        first = self.decision or self.by_watchdog
        return first is not None and first.outcome == MotionKind.SAFE_MOVE

    @property
    def mode(self) -> str:
        """The failure mode of its decision; empty where nothing failed."""
        first = self.decision or self.by_watchdog
        return first.failure_mode if first is not None else ""


Key = tuple[Robot, str]


def episodes(material: Material, *, deadline_ns: int) -> list[Episode]:
    """Return every due request, in the order of falling due."""
    joined = _Joining(material)
    routes = _routes(material.commands)
    ends = {name: spans[-1].end_ns for name, spans in material.spans.items()}
    found = sorted(joined.all, key=lambda episode: episode.due_ns)
    for episode in found:
        episode.routed_ns = _routed(episode, routes)
        end_ns = _recorded_until(material.spans, episode, ends)
        episode.verdict = _verdict(episode, end_ns=end_ns, deadline_ns=deadline_ns)
    return found


class _Joining:
    def __init__(self, material: Material) -> None:
        self.all: list[Episode] = []
        self._by_key: defaultdict[Key, list[Episode]] = defaultdict(list)
        for due in material.dues:
            self._due(due)
        for decision in material.decisions:
            if decision.occasion == Occasion.DUE:
                self._decided(decision)
        for decision in material.decisions:
            if decision.occasion in (Occasion.REFUSAL, Occasion.RECOVERY):
                self._beside(decision)
        for answer in material.answers:
            if episode := self._near(answer.robot, answer.request_id, answer.at_ns):
                episode.answers.append(answer)
        for command in material.commands:
            episode = self._near(command.robot, command.request_id, command.at_ns)
            if episode is not None and episode.command is None:
                episode.command = command

    def _due(self, due: Due) -> None:
        if self._near(due.robot, due.request_id, due.at_ns, is_due=True) is None:
            self._add(Episode(due.robot, due.request_id, due.at_ns))

    def _decided(self, decision: Decision) -> None:
        due_ns = decision.at_ns - decision.taken_ns
        episode = self._near(decision.robot, decision.request_id, due_ns, is_due=True)
        if episode is None:
            episode = self._add(Episode(decision.robot, decision.request_id, due_ns))
        if decision.source == WATCHDOG:
            episode.by_watchdog = episode.by_watchdog or decision
        else:
            episode.decision = episode.decision or decision

    def _beside(self, decision: Decision) -> None:
        episode = self._near(decision.robot, decision.request_id, decision.at_ns)
        if episode is None:
            return
        if decision.occasion == Occasion.REFUSAL:
            episode.refusals.append(decision)
        else:
            episode.recoveries.append(decision)

    def _add(self, episode: Episode) -> Episode:
        self._by_key[episode.robot, episode.request_id].append(episode)
        self.all.append(episode)
        return episode

    def _near(
        self, robot: Robot, request_id: str, at_ns: int, *, is_due: bool = False
    ) -> Episode | None:
        """Return the episode of an id that is nearest in time, if it is the same request.

        `is_due` is for what tells when it fell due.  All else may come long before or after that.
        """
        known = self._by_key.get((robot, request_id))
        if not known:
            return None
        nearest = known[0]
        if len(known) > 1:
            nearest = min(known[-8:], key=lambda episode: abs(episode.due_ns - at_ns))
        is_near = abs(nearest.due_ns - at_ns) <= SAME_NS
        return nearest if is_near or (len(known) == 1 and not is_due) else None


def _routes(commands: Sequence[Command]) -> Mapping[Robot, list[int]]:
    """Return when each robot was given a route, in order."""
    routes: defaultdict[Robot, list[int]] = defaultdict(list)
    for command in commands:
        if command.kind == MotionKind.ROUTE:
            routes[command.robot].append(command.at_ns)
    return routes


def _routed(episode: Episode, routes: Mapping[Robot, list[int]]) -> int | None:
    """Return how long after falling due the robot had a route: by its commands, or by the decisions to send them."""
    own = routes.get(episode.robot, [])
    since_ns, first = episode.due_ns, episode.command
    if first is not None and first.kind == MotionKind.ROUTE:
        # The stamp of falling due may be of another host's clock.
        since_ns = min(since_ns, first.at_ns)
    index = bisect_left(own, since_ns)
    found = [own[index] - episode.due_ns] if index < len(own) else []
    decided = [episode.decision] if episode.decision is not None else []
    found += [
        each.at_ns - episode.due_ns
        for each in (*decided, *episode.recoveries)
        if each.outcome == MotionKind.ROUTE
    ]
    return max(0, min(found)) if found else None


def _recorded_until(
    spans: Mapping[str, Sequence[Span]], episode: Episode, ends: Mapping[str, int]
) -> int:
    """Return until when was recorded what came of a request."""
    for span in spans.get(episode.robot.namespace, ()):
        if episode.due_ns <= span.end_ns:
            return span.end_ns
    return ends.get(episode.robot.namespace, episode.due_ns)


def _verdict(episode: Episode, *, end_ns: int, deadline_ns: int) -> Verdict:
    decision = episode.decision
    if DRILL in (episode.mode, episode.command.reason if episode.command else ""):
        return Verdict.DRILL
    seen_ns = end_ns - episode.due_ns
    if decision is None and episode.by_watchdog is None:
        if episode.command is not None and episode.routed_ns is not None:
            # The recording lacks the decision and has what came of it.
            is_late = episode.command.at_ns - episode.due_ns > deadline_ns
            if is_late:
                return Verdict.LATE
            return Verdict.SERVED if episode.routed_ns <= ROUTE_NS_MAX else Verdict.HALTED
        if any(refusal.attempt == 0 and not refusal.source for refusal in episode.refusals):
            return Verdict.REFUSED
        return Verdict.OPEN if seen_ns < ROUTE_NS_MAX else Verdict.UNANSWERED
    if episode.by_watchdog is not None:
        return Verdict.UNANSWERED
    assert decision is not None
    if decision.taken_ns > deadline_ns or (decision.sequence and decision.left_ns == 0):
        return Verdict.LATE
    if episode.routed_ns is not None and episode.routed_ns <= ROUTE_NS_MAX:
        return Verdict.SERVED
    if episode.routed_ns is None and seen_ns < ROUTE_NS_MAX:
        return Verdict.OPEN
    return Verdict.HALTED
