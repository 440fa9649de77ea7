# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the pilot is played with: every number, and where it comes from."""

from dataclasses import dataclass
from typing import Final

from fallback_guard.core.config import GUARD_PARAMETERS
from fallback_guard.core.units import seconds_to_ns
from fallback_guard.core.unusable import UnusableError

PICKS_MAX: Final = 10_000_000
"""More than any pilot has picked; a run of that length takes a night."""


class PilotError(UnusableError):
    """Settings that do not make a pilot.  The message says which, and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotSettings:
    """The world of the pilot; the first block is the pilot's own account, the second is assumed (docs/pilot.md).

    Shares are of calls to the planner.  A plan is for `items_min` to `items_max` items, each number as often.
    """

    malformed_share: float = 0.007
    """Answers that are no JSON: the pilot's figure."""
    halt_s: float = 12.0
    """Mean halt after one of them without a guard: the pilot's figure; also how soon an operator comes."""
    item_s: float = 0.9
    """Per item: the pilot's cycle target."""
    deadline_s: float = 0.15
    """From when a robot without a route counts as halted, with or without a guard: the guard's deadline."""
    timeout_share: float = 0.12
    """Calls that time out: another team's service."""
    second_timeout_share: float = 0.25
    """Calls that time out at the second planner as well: 3 % of 12 % in that service."""

    wrong_share: float = 0.002
    """Answers that are JSON and not the plan that was asked for: assumed."""
    malformed_again_share: float = -1.0
    """Answers that are no JSON among those that follow a refused one; negative: as any other."""
    latency_p50_s: float = 0.6
    latency_p95_s: float = 1.2
    """Of answers that come: a lognormal distribution through these two."""
    budget_s: float = 5.0
    """For all calls for one plan: planner_node's planning_timeout_ms."""
    attempts_max: int = 3
    """Calls for one plan at most: planner_node's default."""
    items_min: int = 2
    items_max: int = 4
    item_spread: float = 0.25
    """How much longer or shorter than `item_s` an item may take, each as likely."""
    wire_s: float = 0.00085
    """From publisher to subscriber: half of the 1.7 ms that a staged route takes from due to robot (performance.md)."""
    robots: int = 10
    seed: int = 1

    @property
    def items_mean(self) -> float:
        """Items of a plan, on average."""
        return (self.items_min + self.items_max) / 2

    @property
    def deadline_ns(self) -> int:
        """From when a robot without a route counts as halted."""
        return seconds_to_ns(self.deadline_s)

    @property
    def halt_ns(self) -> int:
        """How long a halt lasts without a guard."""
        return seconds_to_ns(self.halt_s)

    @property
    def lead_ns(self) -> int:
        """How long before it falls due a plan is asked for that follows no other: a plan's usual duration."""
        return seconds_to_ns(self.items_mean * self.item_s)

    @property
    def budget_ns(self) -> int:
        """For all calls for one plan."""
        return seconds_to_ns(self.budget_s)

    @property
    def wire_ns(self) -> int:
        """From publisher to subscriber."""
        return seconds_to_ns(self.wire_s)


ROBOTS_MAX: Final = next(int(row.default) for row in GUARD_PARAMETERS if row.name == "robots_max")
"""What a guard serves as it comes."""

_SHARES: Final = (
    "malformed_share",
    "timeout_share",
    "second_timeout_share",
    "wrong_share",
    "item_spread",
)
_DURATIONS_S: Final = {
    "halt_s": (0.5, 3_600.0),
    "item_s": (0.01, 600.0),
    "latency_p50_s": (0.001, 120.0),
    "latency_p95_s": (0.001, 120.0),
    "budget_s": (0.05, 120.0),
}


def checked(settings: PilotSettings) -> PilotSettings:
    """Return the settings.  Raises PilotError, which names what cannot be and what is allowed."""
    values = {name: getattr(settings, name) for name in (*_SHARES, *_DURATIONS_S)}
    for name in _SHARES:
        # Written so that a NaN is refused as well.
        if not 0.0 <= values[name] <= 1.0:
            raise PilotError(f"{name} is {values[name]}; allowed: 0 to 1")
    for name, (least_s, most_s) in _DURATIONS_S.items():
        if not least_s <= values[name] <= most_s:
            raise PilotError(f"{name} is {values[name]}; allowed: {least_s:g} to {most_s:g} s")
    if not settings.malformed_again_share <= 1.0:
        raise PilotError(
            f"malformed_again_share is {settings.malformed_again_share}; allowed: 0 to 1"
        )
    if settings.malformed_share + settings.wrong_share + settings.timeout_share > 1.0:
        raise PilotError(
            "malformed, wrong and timed-out answers are more than all answers; their shares may add up to 1"
        )
    if settings.latency_p95_s <= settings.latency_p50_s:
        raise PilotError("the 95th percentile of latency has to be above the 50th")
    if not 1 <= settings.robots <= ROBOTS_MAX:
        raise PilotError(f"{settings.robots} robots; allowed: 1 to {ROBOTS_MAX}")
    return settings
