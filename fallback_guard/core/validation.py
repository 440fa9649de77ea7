# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a planner's answer may move a robot.

Its bytes are decoded under the schema (`decoding.py`), then the route goes through the table of rules
(`route_rules.py`), and what has passed these through the rules of the task, if it has any; the first failure wins.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.decoding import size_refusal, stage_of
from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import DETAIL_CHARS_MAX
from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.route_rules import ROUTE_RULES, Budget, as_case, travelled
from fallback_guard.core.rules import Refusal, Stage, internal_error
from fallback_guard.core.schema import Route

STAGES: Final = tuple(
    (stage, tuple(rules)) for stage, rules in groupby(ROUTE_RULES, key=lambda rule: rule.stage)
)

Stopwatch = Callable[[], int]
"""Returns nanoseconds from any fixed start.  What it says is reported, and never decided on."""


def stopped() -> int:
    """Be the stopwatch that measures nothing, for replays that must come out byte for byte the same."""
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Either a route or a refusal, and how long each stage reached took (ns).

    `answer` is what was decoded, where anything was.
    """

    route: ValidatedRoute | None
    refusal: Refusal | None
    stage_ns: Mapping[Stage, int]
    answer: BaseModel | None = None

    def refused(self, refusal: Refusal) -> "Verdict":
        """Return the verdict that refuses all the same, without what is large."""
        return Verdict(route=None, refusal=refusal, stage_ns=self.stage_ns)


def validate(  # noqa: PLR0913  # what a verdict rests on
    payload: bytes,
    prepared: PreparedRequest,
    budget: Budget,
    *,
    source: str,
    stopwatch: Stopwatch = stopped,
    task: CheckedTask = ROUTES,
) -> Verdict:
    """Judge a planner's answer.  Never raises: a fault of a rule itself is the refusal INTERNAL_ERROR."""
    stage_ns: dict[Stage, int] = {}
    try:
        began_ns = stopwatch()
        read: BaseModel | Refusal | None = size_refusal(payload, bytes_max=budget.payload_bytes_max)
        size_ns = stopwatch()
        stage_ns[Stage.ENVELOPE] = size_ns - began_ns
        read = read or task.read(payload)
        decoded_ns = stopwatch()
    except Exception as error:  # noqa: BLE001  # what cannot be read must not be let through
        return Verdict(
            route=None, refusal=internal_error(error, "the validation"), stage_ns=stage_ns
        )
    if isinstance(read, Refusal):
        stage = stage_of(read.rule)
        stage_ns[stage] = stage_ns.get(stage, 0) + decoded_ns - size_ns
        return Verdict(route=None, refusal=_bounded(read), stage_ns=stage_ns)
    stage_ns[Stage.SCHEMA] = decoded_ns - size_ns
    return validate_decoded(
        read, prepared, budget, source=source, stopwatch=stopwatch, stage_ns=stage_ns, task=task
    )


def validate_decoded(  # noqa: PLR0913  # what a verdict rests on
    answer: BaseModel,
    prepared: PreparedRequest,
    budget: Budget,
    *,
    source: str,
    stopwatch: Stopwatch = stopped,
    stage_ns: Mapping[Stage, int] = MappingProxyType({}),
    task: CheckedTask = ROUTES,
) -> Verdict:
    """Judge an answer that need not be decoded: the guard's own route, or what was decoded before.

    `stage_ns` is how long the stages took that lie behind it.
    """
    taken_ns = dict(stage_ns)
    try:
        began_ns = stopwatch()
        route: BaseModel | Refusal = answer
        if task.route_of is not None:
            route = task.route_of(answer, prepared.request)
            now_ns = stopwatch()
            taken_ns[Stage.SCHEMA] = taken_ns.get(Stage.SCHEMA, 0) + now_ns - began_ns
            began_ns = now_ns
        if isinstance(route, Refusal):
            return Verdict(route=None, refusal=route, stage_ns=taken_ns)
        assert isinstance(route, Route), "what it was read as, or made into"
        case = as_case(route, prepared, budget)
        for stage, rules in STAGES:
            for rule in rules:
                refusal = rule.check(case)
                if refusal is not None:
                    taken_ns[stage] = stopwatch() - began_ns
                    refusal = replace(_bounded(refusal), rule=rule.name)
                    return Verdict(route=None, refusal=refusal, stage_ns=taken_ns)
            now_ns = stopwatch()
            taken_ns[stage] = now_ns - began_ns
            began_ns = now_ns
        validated = ValidatedRoute(
            source=source,
            picks=case.picks,
            pick_waypoints=case.pick_waypoints,
            waypoints=case.waypoints,
            length_m=travelled(case).length_m,
        )
        if task.own_refusal is not None:
            refusal = task.own_refusal(answer, prepared, _shown(validated), budget)
            taken_ns[Stage.TASK] = stopwatch() - began_ns
            if refusal is not None:
                return Verdict(route=None, refusal=refusal, stage_ns=taken_ns)
        return Verdict(route=validated, refusal=None, stage_ns=taken_ns, answer=answer)
    except Exception as error:  # noqa: BLE001  # a rule that fails must not let anything through
        return Verdict(
            route=None, refusal=internal_error(error, "the validation"), stage_ns=taken_ns
        )


def _shown(route: ValidatedRoute) -> ValidatedRoute:
    """Return a copy for code of somebody else's, which can change nothing of what is driven."""
    return replace(
        route,
        picks=tuple(route.picks),
        pick_waypoints=tuple(route.pick_waypoints),
        waypoints=tuple(route.waypoints),
    )


def _bounded(refusal: Refusal) -> Refusal:
    return replace(refusal, detail=printable(refusal.detail, chars_max=DETAIL_CHARS_MAX))
