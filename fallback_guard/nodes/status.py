# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is told of a running guard beside its decisions: how it is, and where the time went."""

from dataclasses import dataclass

from fallback_guard.core.counters import Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a guard is, for its signs of life; all zero where there is none."""

    is_active: bool = False
    latched: tuple[str, ...] = ()
    edges_blocked: int = 0
    counters: Counters
    margin_ns: int = 0
    lateness_ns: int = 0
    margin_is_widened: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long what the core does not see has taken (ns); see GuardDecision.msg."""

    transport_ns: int = 0
    waiting_ns: int = 0
    decision_ns: int = 0
    dispatch_ns: int = 0
