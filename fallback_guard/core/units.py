# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The one converter between the units people write and the integer nanoseconds the core counts in."""

from typing import Final

NS_PER_US: Final = 1_000
NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000


def seconds_to_ns(seconds: float) -> int:
    """Return whole nanoseconds, rounded to the nearest."""
    return round(seconds * NS_PER_S)


def ns_to_seconds(ns: int) -> float:
    """Return seconds."""
    return ns / NS_PER_S


def ns_to_ms(ns: int) -> float:
    """Return milliseconds."""
    return ns / NS_PER_MS
