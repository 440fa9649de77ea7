# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a planner's call meets: a right answer, a malformed one, a wrong one, or none in time."""

import json
from dataclasses import dataclass
from enum import Enum
from math import exp, log
from random import Random
from statistics import NormalDist
from typing import Final

from fallback_guard.core.units import seconds_to_ns
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.tools.hostile_answers import HOSTILE_KINDS, HostileKind, Question

MALFORMED_KINDS: Final = (
    HostileKind.EMPTY,
    HostileKind.MALFORMED,
    HostileKind.FENCED,
    HostileKind.PROSE,
    HostileKind.REASONING,
    HostileKind.SEVERAL_DOCUMENTS,
    HostileKind.COMMENT,
    HostileKind.TRAILING_COMMA,
    HostileKind.SINGLE_QUOTES,
    HostileKind.UNQUOTED_KEY,
    HostileKind.PYTHON_LITERAL,
)
"""What a robot cannot read as JSON: each stops it where there is no guard.  One is as likely as another."""

WRONG_KINDS: Final = (
    HostileKind.WRONG_BIN,
    HostileKind.WRONG_QUANTITY,
    HostileKind.WRONG_ITEM,
    HostileKind.MISSING_ITEM,
)
"""What a robot reads and drives, and should not have: nothing stops it where there is no guard."""

_P95_SIGMAS: Final = NormalDist().inv_cdf(0.95)
_UNIFORM_MIN: Final = 1e-12
"""The inverse of the normal distribution has no value at 0."""


class Fate(Enum):
    """What a call meets."""

    RIGHT = "right"
    MALFORMED = "malformed"
    WRONG = "wrong"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """One call: what it meets, in which way, and after how long an answer comes (ns; 0: never)."""

    fate: Fate
    kind: HostileKind | None
    latency_ns: int


class Mix:
    """Draws what calls meet.  A pure function of the seed and of which call it is, so that arms meet the same."""

    def __init__(self, settings: PilotSettings) -> None:
        """Compute the distribution of latency: lognormal, cut off where the budget ends."""
        self._settings = settings
        self._normal = NormalDist(
            log(settings.latency_p50_s),
            log(settings.latency_p95_s / settings.latency_p50_s) / _P95_SIGMAS,
        )
        self._within_budget = self._normal.cdf(log(settings.budget_s))

    def met(self, key: str, *, follows_refused: bool = False, second: bool = False) -> Met:
        """Return what the call named `key` meets.  `second`: the planner that is asked where the first is slow."""
        settings = self._settings
        chance = Random(f"{settings.seed}/{key}")  # noqa: S311  # reproducible, not secret
        draw, kind_draw, latency_draw = chance.random(), chance.random(), chance.random()
        malformed = settings.malformed_share
        if follows_refused and settings.malformed_again_share >= 0.0:
            malformed = settings.malformed_again_share
        timeout = settings.second_timeout_share if second else settings.timeout_share
        left = max(0.0, 1.0 - timeout)
        limits = (
            (timeout, Fate.TIMEOUT),
            (timeout + min(malformed, left), Fate.MALFORMED),
            (timeout + min(malformed + settings.wrong_share, left), Fate.WRONG),
            (1.0, Fate.RIGHT),
        )
        fate = next(fate for limit, fate in limits if draw < limit)
        kinds = {Fate.MALFORMED: MALFORMED_KINDS, Fate.WRONG: WRONG_KINDS}.get(fate)
        kind = kinds[int(kind_draw * len(kinds))] if kinds else None
        return Met(fate=fate, kind=kind, latency_ns=self._latency_ns(fate, latency_draw))

    def _latency_ns(self, fate: Fate, uniform: float) -> int:
        if fate is Fate.TIMEOUT:
            return 0
        share = max(_UNIFORM_MIN, uniform * self._within_budget)
        return max(1, seconds_to_ns(exp(self._normal.inv_cdf(share))))


def payload(question: Question, kind: HostileKind | None) -> bytes:
    """Return what a model says: the right route, or what is wrong with it by `kind`."""
    if kind is None:
        return question.text().encode("ascii")
    said = json.loads(HOSTILE_KINDS[kind].make(question).body)["choices"][0]["message"]["content"]
    assert isinstance(said, str)
    return said.encode("utf-8")
