# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Everything a report says, counted once, for the page, for the JSON beside it and for the health check."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_MS, NS_PER_S, ns_to_seconds
from fallback_guard.reporting.episodes import BAD, COUNTED, Episode, Verdict, episodes
from fallback_guard.reporting.facts import (
    DEADLINE_MS,
    DRILL,
    STAGES,
    WATCHDOG,
    Decision,
    Gap,
    Material,
    Note,
    Robot,
    Span,
)
from fallback_guard.reporting.halts import Halt, halts
from fallback_guard.reporting.matrix import Row, matrix
from fallback_guard.reporting.objective import Objective, objective
from fallback_guard.reporting.planner import PlannerView, planner_view
from fallback_guard.reporting.recorder import RecorderView, recorder_view
from fallback_guard.reporting.spread import Histogram, Spread, histogram, spread
from fallback_guard.reporting.timeline import Timeline, timeline
from fallback_guard.reporting.worst import Worst, worst

PLANNING_MS_MAX: Final = 60_000.0
"""What takes longer is counted in the last bin."""

ALARMS_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Halting:
    """How much was halted, by both definitions, drills left out.

    `plans_share`: due requests that were answered by a safe move, of all that were counted.  `time_share`: halted time,
    of the time for which robots were recorded.
    """

    plans: int
    plans_share: float | None
    halts: int
    halted_s: float
    observed_s: float
    time_share: float | None
    mean_s: float | None
    max_s: float | None
    still_halted: Sequence[str]
    drills: int
    drilled_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long things took.  `stages` leaves out what was not reached."""

    decided: Spread | None
    routes: Spread | None
    safe_moves: Spread | None
    decided_bins: Histogram
    stages: Mapping[str, Spread]
    planning: Spread | None
    planning_bins: Histogram
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotLine:
    """What one robot came to."""

    robot: Robot
    due: int
    bad: int
    availability: float | None
    late: int
    unanswered: int
    halts: int
    halted_s: float
    drills: int
    is_latched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLine:
    """How one guard said it was, last."""

    namespace: str
    recorded_s: float
    margin_ms: float
    lateness_ms: float
    priority: int
    latched: Sequence[str]
    seen_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A report."""

    begin_ns: int
    end_ns: int
    recorded_s: float
    spans: Mapping[str, Sequence[Span]]
    files: int
    objective: Objective
    halting: Halting
    rows: Sequence[Row]
    latency: Latency
    planner: PlannerView
    robots: Sequence[RobotLine]
    guards: Sequence[GuardLine]
    watchdog_spoke: int
    alarms: Sequence[Decision]
    drills: int
    worst: Sequence[Worst]
    timeline: Timeline
    recorder: RecorderView
    gaps: Sequence[Gap]
    notes: Sequence[Note]


def digest(material: Material, paths: Sequence[Path]) -> Digest:
    """Count all of it."""
    begin_ns, end_ns = _stretch(material)
    found = episodes(material, deadline_ns=DEADLINE_MS * NS_PER_MS)
    all_halts = halts(material.commands, material.spans)
    guards = _guards(material)
    return Digest(
        begin_ns=begin_ns,
        end_ns=end_ns,
        recorded_s=sum(line.recorded_s for line in guards),
        spans=material.spans,
        files=material.files,
        objective=objective(found, end_ns=end_ns),
        halting=_halting(found, all_halts, material.spans),
        rows=matrix(found, material.decisions, all_halts),
        latency=_latency(found, material),
        planner=planner_view(material.answers, material.decisions, material.statuses),
        robots=_robots(found, all_halts, guards),
        guards=guards,
        watchdog_spoke=sum(
            decision.source == WATCHDOG
            and decision.occasion == Occasion.DUE
            and not decision.is_drill
            for decision in material.decisions
        ),
        alarms=[decision for decision in material.decisions if decision.occasion == Occasion.ALARM][
            -ALARMS_MAX:
        ],
        drills=sum(episode.verdict is Verdict.DRILL for episode in found),
        worst=worst(found, paths),
        timeline=timeline(found, material.decisions, all_halts, begin_ns=begin_ns, end_ns=end_ns),
        recorder=recorder_view(material.statuses),
        gaps=material.gaps,
        notes=material.notes,
    )


def _stretch(material: Material) -> tuple[int, int]:
    """Return from when to when was recorded."""
    spans = [span for each in material.spans.values() for span in each]
    facts = (material.dues, material.answers, material.decisions, material.commands, material.signs)
    begins = [each[0].at_ns for each in facts if each] + [span.begin_ns for span in spans]
    ends = [each[-1].at_ns for each in facts if each] + [span.end_ns for span in spans]
    begins += [status.at_ns for status in material.statuses[:1]]
    ends += [status.at_ns for status in material.statuses[-1:]]
    return min(begins, default=0), max(ends, default=0)


def _halting(
    found: Sequence[Episode], all_halts: Sequence[Halt], spans: Mapping[str, Sequence[Span]]
) -> Halting:
    counted = [episode for episode in found if episode.verdict in COUNTED]
    plans = sum(episode.is_stop for episode in counted)
    own = [halt for halt in all_halts if not halt.is_drill]
    drills = [halt for halt in all_halts if halt.is_drill]
    robots = {episode.robot for episode in found} | {halt.robot for halt in all_halts}
    observed_s = sum(
        ns_to_seconds(span.end_ns - span.begin_ns)
        for robot in robots
        for span in spans.get(robot.namespace, ())
    )
    halted_s = sum(ns_to_seconds(halt.lasted_ns) for halt in own)
    return Halting(
        plans=plans,
        plans_share=plans / len(counted) if counted else None,
        halts=len(own),
        halted_s=halted_s,
        observed_s=observed_s,
        time_share=min(1.0, halted_s / observed_s) if observed_s else None,
        mean_s=halted_s / len(own) if own else None,
        max_s=max((ns_to_seconds(halt.lasted_ns) for halt in own), default=None),
        still_halted=sorted({label(halt.robot) for halt in own if not halt.is_over}),
        drills=len(drills),
        drilled_s=sum(ns_to_seconds(halt.lasted_ns) for halt in drills),
    )


def _latency(found: Sequence[Episode], material: Material) -> Latency:
    decided = [
        episode.decision
        for episode in found
        if episode.decision is not None and episode.verdict in COUNTED
    ]
    taken = [decision.taken_ns for decision in decided]
    spent = np.array(
        [decision.stages_ns for decision in material.decisions if not decision.is_drill],
        dtype=np.float64,
    ).reshape(-1, len(STAGES))
    planning = [answer.planning_ns for answer in material.answers if answer.planning_ns > 0]
    spreads = {
        stage: spread(column[column > 0]) for stage, column in zip(STAGES, spent.T, strict=True)
    }
    return Latency(
        decided=spread(taken),
        routes=spread([each.taken_ns for each in decided if each.outcome == MotionKind.ROUTE]),
        safe_moves=spread(
            [each.taken_ns for each in decided if each.outcome == MotionKind.SAFE_MOVE]
        ),
        decided_bins=histogram(taken, at_least_ms=DEADLINE_MS * 1.1, at_most_ms=DEADLINE_MS * 4.0),
        stages={stage: each for stage, each in spreads.items() if each is not None},
        planning=spread(planning),
        planning_bins=histogram(planning, at_least_ms=10, at_most_ms=PLANNING_MS_MAX),
        late=sum(value > DEADLINE_MS * NS_PER_MS for value in taken),
    )


def _guards(material: Material) -> list[GuardLine]:
    newest = {sign.namespace: sign for sign in material.signs}
    lines = []
    for namespace, spans in material.spans.items():
        sign = newest.get(namespace)
        if sign is None and not any(
            decision.robot.namespace == namespace for decision in material.decisions
        ):
            continue  # /diagnostics is everybody's
        lines.append(
            GuardLine(
                namespace=namespace,
                recorded_s=sum((span.end_ns - span.begin_ns) / NS_PER_S for span in spans),
                margin_ms=sign.margin_ns / NS_PER_MS if sign else 0.0,
                lateness_ms=sign.lateness_ns / NS_PER_MS if sign else 0.0,
                priority=sign.priority if sign else 0,
                latched=sign.latched if sign else (),
                seen_ns=sign.at_ns if sign else 0,
            )
        )
    return lines


def _robots(
    found: Sequence[Episode], all_halts: Sequence[Halt], guards: Sequence[GuardLine]
) -> list[RobotLine]:
    verdicts: defaultdict[Robot, Counter[Verdict]] = defaultdict(Counter)
    for episode in found:
        verdicts[episode.robot][episode.verdict] += 1
    own: defaultdict[Robot, list[Halt]] = defaultdict(list)
    for halt in all_halts:
        if not halt.is_drill:
            own[halt.robot].append(halt)
    latched = {Robot(line.namespace, name) for line in guards for name in line.latched}
    lines = []
    for robot in sorted({*verdicts, *own, *latched}):
        count = verdicts[robot]
        due = sum(count[verdict] for verdict in COUNTED)
        bad = sum(count[verdict] for verdict in BAD)
        lines.append(
            RobotLine(
                robot=robot,
                due=due,
                bad=bad,
                availability=1 - bad / due if due else None,
                late=count[Verdict.LATE],
                unanswered=count[Verdict.UNANSWERED],
                halts=len(own[robot]),
                halted_s=sum(ns_to_seconds(halt.lasted_ns) for halt in own[robot]),
                drills=count[Verdict.DRILL],
                is_latched=robot in latched,
            )
        )
    return lines


def label(robot: Robot) -> str:
    """Name a robot, with its guard's namespace where it has one."""
    return robot.robot_id if robot.namespace == "/" else f"{robot.namespace}/{robot.robot_id}"


assert Verdict.DRILL.name == DRILL, "one word for one thing"
