# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The planner's models, read back from the status that it publishes: keys of the form `rung.key`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fallback_guard.core.identifiers import is_identifier

RUNGS_SHOWN_MAX: Final = 4
"""As many as a planner may have."""

KEYS_MAX: Final = 256
"""Of one status; a planner with four rungs has 72."""

_NUMBER_MAX: Final = 1e15

BREAKERS: Final = ("CLOSED", "HALF_OPEN", "OPEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class RungRead:
    """One model, as its planner tells of it."""

    name: str
    source: str
    breaker: str
    calls: int
    failures: int
    refusals: int
    prompt_tokens: int
    completion_tokens: int
    spent: float
    rest_left_s: float
    latency_p95_ms: float | None

    @property
    def answered(self) -> float | None:
        """The yield: the share of its calls that gave an answer which nobody refused; None before the first."""
        if not self.calls:
            return None
        return max(0.0, self.calls - self.failures - self.refusals) / self.calls


def read_rungs(values: Mapping[str, str]) -> tuple[RungRead, ...]:
    """Return the rungs that a planner's status tells of; what cannot be read is left out or 0."""
    by_rung: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        rung, _, name = key.rpartition(".")
        if rung in by_rung or (is_identifier(rung) and len(by_rung) < RUNGS_SHOWN_MAX):
            by_rung.setdefault(rung, {})[name] = value
    return tuple(
        _rung(name, said) for name, said in by_rung.items() if said.get("breaker") in BREAKERS
    )


def _rung(name: str, said: Mapping[str, str]) -> RungRead:
    p95 = said.get("latency_p95_ms", "")
    return RungRead(
        name=name,
        source=said.get("source", ""),
        breaker=said["breaker"],
        calls=int(number(said.get("calls", ""))),
        failures=int(number(said.get("failures", ""))),
        refusals=int(number(said.get("refusals", ""))),
        prompt_tokens=int(number(said.get("prompt_tokens", ""))),
        completion_tokens=int(number(said.get("completion_tokens", ""))),
        spent=number(said.get("spent", "")),
        rest_left_s=number(said.get("rest_left_s", "")),
        latency_p95_ms=number(p95) if p95 else None,
    )


def number(text: str) -> float:
    """Return a number of a status that is not below zero and below 10^15; 0 for all else."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value < _NUMBER_MAX else 0.0
