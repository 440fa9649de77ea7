# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a rung cost and what its breaker saved: calls, tokens and money."""

from dataclasses import dataclass
from typing import Final

from fallback_guard.planning.llm import Usage

TOKENS_PER_PRICE: Final = 1_000_000
"""Prices are given for a million tokens, as providers list them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Currency units per million tokens; which currency is the operator's business."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Return what so many tokens cost."""
        return (
            prompt_tokens * self.prompt + completion_tokens * self.completion
        ) / TOKENS_PER_PRICE


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of one rung since the start.

    `hedges` are those of its `calls` that were made because the rung before was slow; `probes` are no calls.
    """

    calls: int = 0
    failures: int = 0
    refusals: int = 0
    hedges: int = 0
    hedges_won: int = 0
    probes: int = 0
    avoided: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls_metered: int = 0
    """Calls and probes of which the endpoint said what they took."""

    def meter(self, usage: Usage) -> None:
        """Add what an endpoint says that a call took; a call that was broken off is in no meter."""
        if usage.prompt_tokens or usage.completion_tokens:
            self.calls_metered += 1
            self.prompt_tokens += usage.prompt_tokens
            self.completion_tokens += usage.completion_tokens

    def spent(self, price: Price) -> float:
        """Return the money that the metered calls cost."""
        return price.of(self.prompt_tokens, self.completion_tokens)

    @property
    def tokens_saved_estimate(self) -> int:
        """What the avoided calls would have taken, had each been like the mean of this rung's metered ones."""
        if not self.calls_metered:
            return 0
        return round(
            self.avoided * (self.prompt_tokens + self.completion_tokens) / self.calls_metered
        )

    def saved_estimate(self, price: Price) -> float:
        """Return the money for that."""
        return self.avoided * self.spent(price) / self.calls_metered if self.calls_metered else 0.0
