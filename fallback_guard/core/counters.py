# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a guard has done, counted."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Counters:
    """What the guard has done; the fields are those of GuardState.msg."""

    requests: int = 0
    decisions: int = 0
    routes: int = 0
    safe_moves: int = 0
    recoveries: int = 0
    refusals: int = 0
    decisions_late: int = 0
    drills: int = 0
