# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The Failure-Mode-Latency-Impact matrix, from what was measured alone.

Without the guard there is one figure: in a pilot each malformed plan halted the robot for 12 s on average
(docs/background.md).  It is put beside malformed answers, and beside no others.  An answer in good JSON that is a wrong
route would have been driven.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode
from fallback_guard.core.units import ns_to_seconds
from fallback_guard.picking.tally import PILOT_HALT_S
from fallback_guard.reporting.episodes import Episode, Verdict
from fallback_guard.reporting.facts import DEADLINE_MS, DRILL, Decision
from fallback_guard.reporting.halts import Halt
from fallback_guard.reporting.spread import Spread, spread

MODES_MAX: Final = 200
"""A recording can name as many as it likes; the guard knows fewer."""


def _from_to(first: FailureMode, last: FailureMode) -> frozenset[str]:
    order = list(FailureMode)
    return frozenset(mode.value for mode in order[order.index(first) : order.index(last) + 1])


MALFORMED: Final = _from_to(FailureMode.OVERSIZE, FailureMode.SCHEMA)
"""Answers that cannot be read as a route: these halted the pilot's robots."""

DRIVEN: Final = _from_to(FailureMode.WRONG_REQUEST, FailureMode.TASK_RULE)
"""Answers that can, and are wrong: without the guard a robot drives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One failure mode that was seen.

    `requests` fell due with it, `refusals` are answers and messages that were refused for it.  `decided` is the time to
    those decisions and `refused` to those refusals, from their arrival on.  `pilot_s` is what `plans` bad plans would
    have cost at the pilot's rate; None where the pilot says nothing.  `driven` of them would have been driven.
    """

    mode: str
    bucket: str
    meaning: str
    requests: int
    refusals: int
    budget_ms: int
    decided: Spread | None
    refused: Spread | None
    plans: int
    pilot_s: float | None
    driven: int
    halts: int
    halted_s: float
    halt_mean_s: float | None
    halt_max_s: float | None


@dataclass(slots=True)
class _Seen:
    bucket: int = 0
    decided_ns: list[int] = field(default_factory=list)
    refused_ns: list[int] = field(default_factory=list)
    plans: set[tuple[object, str]] = field(default_factory=set)
    halted_ns: list[int] = field(default_factory=list)
    requests: int = 0


def matrix(
    found: Sequence[Episode], decisions: Sequence[Decision], halts: Sequence[Halt]
) -> list[Row]:
    """Return a row for each mode that was seen, drills left out, in the order of buckets and then of severity."""
    seen: defaultdict[str, _Seen] = defaultdict(_Seen)
    for episode in found:
        decision = episode.decision or episode.by_watchdog
        if episode.verdict is Verdict.DRILL or decision is None or not decision.failure_mode:
            continue
        row = seen[decision.failure_mode]
        row.bucket = decision.bucket
        row.requests += 1
        row.decided_ns.append(decision.taken_ns)
        if decision.attempt:
            row.plans.add((episode.robot, episode.request_id))
    for decision in decisions:
        if decision.occasion == Occasion.REFUSAL and decision.failure_mode not in ("", DRILL):
            row = seen[decision.failure_mode]
            row.bucket = decision.bucket
            # From its arrival: it waited, and then it was judged.
            row.refused_ns.append(decision.stages_ns[1] + decision.stages_ns[8])
            if decision.attempt:
                row.plans.add((decision.robot, decision.request_id))
    for halt in halts:
        if not halt.is_drill and halt.reason:
            seen[halt.reason].halted_ns.append(halt.lasted_ns)
    rows = [_row(mode, each) for mode, each in seen.items()]
    return sorted(rows, key=_severity)[:MODES_MAX]


def _severity(row: Row) -> tuple[str, int, str]:
    order = list(FailureMode)
    known = row.mode in FailureMode.__members__
    return row.bucket, order.index(FailureMode(row.mode)) if known else len(order), row.mode


_BUCKETS: Final = {Bucket.NONE: "none", Bucket.LATENCY: "A latency", Bucket.SAFETY: "B safety"}


def _row(mode: str, seen: _Seen) -> Row:
    known = FAILURE_MODES[FailureMode(mode)] if mode in FailureMode.__members__ else None
    bucket = known.bucket if known else seen.bucket
    halted_s = [ns_to_seconds(lasted) for lasted in seen.halted_ns]
    return Row(
        mode=mode,
        bucket=_BUCKETS.get(Bucket(bucket) if bucket in (0, 1, 2) else Bucket.NONE, "none"),
        meaning=known.meaning if known else "not known to this version",
        requests=seen.requests,
        refusals=len(seen.refused_ns),
        budget_ms=DEADLINE_MS,
        decided=spread(seen.decided_ns),
        refused=spread(seen.refused_ns),
        plans=len(seen.plans),
        pilot_s=len(seen.plans) * PILOT_HALT_S if seen.plans and mode in MALFORMED else None,
        driven=len(seen.plans) if mode in DRIVEN else 0,
        halts=len(halted_s),
        halted_s=sum(halted_s),
        halt_mean_s=sum(halted_s) / len(halted_s) if halted_s else None,
        halt_max_s=max(halted_s, default=None),
    )
