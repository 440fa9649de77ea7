# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""One trial: an answer is put to the guard and to the oracle, and their words are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING, Final

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.judge import Judge
from fallback_guard.core.rule_table import RULES
from oracle import DURATION_S_MAX, ROUNDING, VALID, WAYPOINTS_MAX, Circumstances, Judgement, judge

if TYPE_CHECKING:
    from random import Random

    from answers import Case
    from fallback_guard.core.motion import ValidatedRoute
    from fallback_guard.core.rules import Refusal
    from mutations import Mutation

_RULE: Final = {rule.name: rule for rule in RULES}
_SOURCE: Final = "llm:trial"


class Outcome(Enum):
    """What came of a trial.  WRONG is the guard's mistake, or the oracle's, or the table's."""

    REFUSED = "refused"
    VALID = "still valid"
    WRONG = "WRONG"
    NOT_APPLIED = "does not apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one answer.  `complaint` says what is wrong, where something is; `mode` why it was refused."""

    outcome: Outcome
    payload: bytes = b""
    mode: FailureMode | None = None
    complaint: str = ""


def try_valid(case: Case) -> Trial:
    """Put a valid answer to both; to refuse it is a false alarm."""
    trial = _compared(case.question.judge, case, case.question.given, case.payload)
    if trial.outcome is Outcome.REFUSED:
        return replace(trial, outcome=Outcome.WRONG, complaint=f"false alarm {trial.mode}")
    return trial


def try_mutation(mutation: Mutation, random: Random, case: Case) -> Trial:
    """Change a valid answer, and put it to both; to accept a fault is a miss."""
    payload = mutation.make(random, case)
    if payload is None:
        return Trial(outcome=Outcome.NOT_APPLIED)
    question = case.question
    given, guard = question.given, question.judge
    if mutation.changed:
        config = replace(question.config, **mutation.changed)  # type: ignore[arg-type]
        given = replace(given, config=config)
        guard = Judge(config=config, paths=question.ground.paths)
    trial = _compared(guard, case, given, payload)
    if trial.outcome is Outcome.REFUSED:
        too_large = len(payload) > question.config.payload_bytes_max
        right = {FailureMode.OVERSIZE} if too_large else mutation.right
        if trial.mode not in right:
            said = f"refused as {trial.mode}, which is not right for this mutation"
            return replace(trial, outcome=Outcome.WRONG, complaint=said)
    return trial


def _compared(guard: Judge, case: Case, given: Circumstances, payload: bytes) -> Trial:
    verdict = guard.verdict(case.question.prepared, payload, source=_SOURCE)
    judgement = judge(payload, given)
    refusal, route = verdict.refusal, verdict.route
    if (route is None) == (refusal is None):
        complaint = "neither a route nor a refusal, or both"
    elif refusal is not None:
        complaint = _about_refusal(refusal, judgement)
    else:
        assert route is not None
        complaint = _about_route(route, judgement, given)
    mode = refusal.mode if refusal else None
    if complaint:
        return Trial(outcome=Outcome.WRONG, payload=payload, mode=mode, complaint=complaint)
    outcome = Outcome.REFUSED if refusal else Outcome.VALID
    return Trial(outcome=outcome, payload=payload, mode=mode)


def _about_refusal(refusal: Refusal, judgement: Judgement) -> str:
    rule = _RULE.get(refusal.rule)
    right = " or ".join(sorted(judgement.right))
    if rule is None or refusal.mode not in rule.modes:
        return f"{refusal.mode} is no failure of rule {refusal.rule!r}: {refusal.detail}"
    if rule.stage.value not in judgement.right:
        return f"{refusal.mode} at stage {rule.stage.value}, right is {right}: {refusal.detail}"
    if not refusal.measured > refusal.limit:
        return f"{refusal.mode} of {refusal.measured}, which is within {refusal.limit}"
    if not refusal.detail.isascii() or not refusal.detail.isprintable():
        return f"{refusal.mode} with a detail that cannot be printed"
    return ""


def _about_route(route: ValidatedRoute, judgement: Judgement, given: Circumstances) -> str:
    if VALID not in judgement.right:
        return f"accepted, right is {' or '.join(sorted(judgement.right))}"
    if tuple(route.picks) != judgement.picks:
        return "accepted, with other picks than it says"
    if abs(route.length_m - judgement.length_m) > 1e-6 * (1.0 + judgement.length_m):
        return f"accepted with {route.length_m} m, right is {judgement.length_m} m"
    nodes = [point.node for point in route.waypoints]
    bins = given.ground.bins
    if (nodes[0], nodes[-1]) != (given.start, given.request.goal_node):
        return f"accepted, and leads from {nodes[0]} to {nodes[-1]}"
    if [nodes[place] for place in route.pick_waypoints] != [bins[pick[0]] for pick in route.picks]:
        return "accepted, and picks somewhere else"
    # Where the guard chose the way, only its own waypoints tell how many turns and how much time that takes.
    robot_mps = given.config.robot_speed_mps
    length_m, taken_s = 0.0, given.config.pick_time_s * len(route.picks)
    for a, b in pairwise(route.waypoints):
        step_m = hypot(b.x - a.x, b.y - a.y)
        length_m += step_m
        taken_s += step_m / min(b.speed_limit_mps or robot_mps, robot_mps)
    if abs(length_m - judgement.length_m) > 1e-6 * (1.0 + judgement.length_m):
        return f"accepted, and its waypoints are {length_m} m long, right is {judgement.length_m} m"
    if len(nodes) > WAYPOINTS_MAX or taken_s > DURATION_S_MAX * ROUNDING:
        return f"accepted, with {len(nodes)} waypoints, taking {taken_s} s"
    return ""
