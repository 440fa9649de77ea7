# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is promised, as docs/policy.md states it: the share of due requests that are served, and what served is."""

from typing import Final

from fallback_guard.core.units import NS_PER_S

OBJECTIVE: Final = 0.999
"""The share of due requests that are served."""

PERIOD_DAYS: Final = 28
"""Over so many days."""

ROUTE_NS_MAX: Final = 2 * NS_PER_S
"""Within so much of falling due a robot has to be on a route.

The deadline, the usual recovery_delay_ms of a second, and room for a route to be found: a fallback that works is within
it.
"""
