# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A point that a robot drives to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Waypoint:
    """A node to drive to in a straight line (m), and the speed limit on the way to it (m/s, None: none)."""

    node: int
    x: float
    y: float
    speed_limit_mps: float | None
