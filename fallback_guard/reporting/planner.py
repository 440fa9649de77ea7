# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What planners yielded, by source, and what their models cost, by what they told on /diagnostics."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_S
from fallback_guard.reporting.facts import STANDBY, Answer, Decision, Status
from fallback_guard.reporting.spread import Spread, spread

SOURCES_MAX: Final = 50
"""Of those that said most; a source is text that anybody can send."""

RUNGS_MAX: Final = 50
CHANGES_MAX: Final = 200
"""Of breakers: the newest."""

_MODELS: Final = re.compile(r"^(?P<node>.+): models$")
_CHANGE: Final = re.compile(r"(\d{1,12}) s ago (CLOSED|HALF_OPEN|OPEN): ([a-z ]{1,60})")
_COUNTS: Final = (
    "calls",
    "failures",
    "refusals",
    "hedges",
    "hedges_won",
    "probes",
    "avoided",
    "prompt_tokens",
    "completion_tokens",
    "tokens_saved_estimate",
)
_MONEY: Final = ("spent", "saved_estimate")
_SAME_NS: Final = 2 * NS_PER_S
"""Times in a history are whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """What came of one source's answers.

    `timely` and `late` were driven, as the answer to a due request and as a recovery; `refused` by failure mode;
    `silent` by what the planner said kept it from answering.
    """

    source: str
    answers: int
    timely: int
    late: int
    refused: Mapping[str, int]
    silent: Mapping[str, int]
    planning: Spread | None

    @property
    def accepted(self) -> int:
        """How many answers were driven."""
        return self.timely + self.late


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A breaker went to another state."""

    at_ns: int
    node: str
    rung: str
    state: str
    cause: str


@dataclass(slots=True)
class Rung:
    """A model of a planner: what it told last, and what its counters rose by in the time that was looked at."""

    node: str
    rung: str
    source: str = ""
    breaker: str = ""
    latency_p95_ms: float | None = None
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    money: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_MONEY, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerView:
    """Planners: their yield, and what they told of their models."""

    yields: Sequence[Yield]
    rungs: Sequence[Rung]
    changes: Sequence[Change]
    has_diagnostics: bool


def planner_view(
    answers: Sequence[Answer], decisions: Sequence[Decision], statuses: Sequence[Status]
) -> PlannerView:
    """Count; statuses are in the order of time."""
    models = [status for status in statuses if _MODELS.match(status.name)]
    rungs, changes = _rungs(models)
    return PlannerView(
        yields=_yields(answers, decisions),
        rungs=rungs,
        changes=changes,
        has_diagnostics=bool(models),
    )


def _yields(answers: Sequence[Answer], decisions: Sequence[Decision]) -> list[Yield]:
    total: Counter[str] = Counter()
    silent: defaultdict[str, Counter[str]] = defaultdict(Counter)
    planning: defaultdict[str, list[int]] = defaultdict(list)
    for answer in answers:
        total[answer.source] += 1
        if answer.failure:
            silent[answer.source][answer.failure] += 1
        elif answer.planning_ns > 0:
            planning[answer.source].append(answer.planning_ns)
    routes: Counter[tuple[str, int]] = Counter()
    refused: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for decision in decisions:
        if decision.is_drill:
            continue
        if decision.outcome == MotionKind.ROUTE and decision.source != STANDBY:
            routes[decision.source, decision.occasion] += 1
        elif (
            decision.occasion == Occasion.REFUSAL
            and decision.attempt
            # What a planner reports is refused as well, and counted as silence above.
            and decision.failure_mode not in silent[decision.source]
        ):
            refused[decision.source][decision.failure_mode] += 1
    return [
        Yield(
            source=source,
            answers=count,
            timely=routes[source, Occasion.DUE],
            late=routes[source, Occasion.RECOVERY],
            refused=dict(refused[source].most_common()),
            silent=dict(silent[source].most_common()),
            planning=spread(planning[source]),
        )
        for source, count in total.most_common(SOURCES_MAX)
    ]


def _rungs(models: Sequence[Status]) -> tuple[list[Rung], list[Change]]:
    rungs: dict[tuple[str, str], Rung] = {}
    before: dict[tuple[str, str], dict[str, float]] = {}
    changes: defaultdict[tuple[str, str], list[Change]] = defaultdict(list)
    for status in models:
        found = _MODELS.match(status.name)
        assert found is not None, "it was looked for"
        by_rung: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for key, value in status.values:
            prefix, _, name = key.rpartition(".")
            by_rung[prefix][name] = value
        for name, told in by_rung.items():
            own = (str(found["node"]), name)
            if own not in rungs and len(rungs) >= RUNGS_MAX:
                continue
            rung = rungs.setdefault(own, Rung(*own))
            _add(rung, told, before.setdefault(own, {}))
            _changed(changes[own], rung, told.get("breaker_history", ""), status.at_ns)
    newest = sorted(
        (each for known in changes.values() for each in known), key=lambda each: each.at_ns
    )
    return list(rungs.values()), newest[-CHANGES_MAX:]


def _add(rung: Rung, told: Mapping[str, str], before: dict[str, float]) -> None:
    """Add what counters rose by.  One that fell began anew with its planner, so that all of it is new."""
    rung.source = told.get("source", rung.source)
    rung.breaker = told.get("breaker", rung.breaker)
    rung.latency_p95_ms = _number(told.get("latency_p95_ms", ""))
    for name in (*_COUNTS, *_MONEY):
        now = _number(told.get(name, ""))
        if now is None:
            continue
        # What was counted before the first status was recorded may be of before the time that is looked at.
        last = before.get(name, now if before.get("#", 0) == 0 else 0.0)
        rose = now - last if now >= last else now
        if name in rung.counts:
            rung.counts[name] += round(rose)
        else:
            rung.money[name] += rose
        before[name] = now
    before["#"] = 1


def _number(text: str) -> float | None:
    if not re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text, re.ASCII):
        return None
    return float(text)


def _changed(known: list[Change], rung: Rung, history: str, at_ns: int) -> None:
    """Add what a history tells that is not known yet; it is told again with every status, as seconds ago."""
    for ago, state, cause in reversed(_CHANGE.findall(history)):
        when_ns = at_ns - int(ago) * NS_PER_S
        is_known = any(
            each.state == state and abs(each.at_ns - when_ns) <= _SAME_NS for each in known[-32:]
        )
        if not is_known:
            known.append(
                Change(at_ns=when_ns, node=rung.node, rung=rung.rung, state=state, cause=cause)
            )
