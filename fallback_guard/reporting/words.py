# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How figures are written: with their unit, and never rounded to look better than they are."""

from datetime import datetime, timezone
from math import floor, isfinite
from typing import Final

from fallback_guard.core.units import NS_PER_S

NOTHING: Final = "\u2013"
_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400
_TENTH: Final = 10
_HUNDRED: Final = 100


def percent(share: float | None, digits: int = 2) -> str:
    """Write a share as per cent, rounded down, so that only what is whole is said to be 100 %."""
    if share is None:
        return NOTHING
    scale = 10**digits
    # 0.29 * 100 is a little less than 29.
    return f"{floor(share * 100 * scale + 1e-9) / scale:,.{digits}f} %"


def share(value: float | None, digits: int = 2) -> str:
    """Write a share of something bad as per cent, never as 0 where there was some."""
    if value is None:
        return NOTHING
    least = 0.1**digits
    if 0 < value * 100 < least:
        return f"< {least:.{digits}f} %"
    return f"{value * 100:,.{digits}f} %"


def count(number: float) -> str:
    """Write a whole number."""
    return f"{number:,.0f}"


def seconds(value: float | None) -> str:
    """Write a length of time."""
    if value is None:
        return NOTHING
    if value < _MINUTE_S:
        return f"{value:.2f} s" if value < _TENTH else f"{value:.1f} s"
    if value < _HOUR_S:
        rest = f"{value % _MINUTE_S:.0f}"
        return f"{int(value // _MINUTE_S)} min" + (f" {rest} s" if rest != "0" else "")
    if value < 2 * _DAY_S:
        return f"{int(value // _HOUR_S)} h {int(value % _HOUR_S // _MINUTE_S)} min"
    return f"{int(value // _DAY_S)} d {int(value % _DAY_S // _HOUR_S)} h"


def milliseconds(value: float | None) -> str:
    """Write a short length of time with three digits that say something."""
    if value is None or not isfinite(value):
        return NOTHING
    if value < 1:
        return f"{value:.3f} ms"
    if value < _TENTH:
        return f"{value:.2f} ms"
    if value < _HUNDRED * _TENTH:
        return f"{value:.1f} ms"
    return f"{value / 1_000:,.2f} s"


def figure(value_ms: float) -> str:
    """Write milliseconds where the unit stands beside."""
    return f"{value_ms:.3f}" if value_ms < 1 else f"{value_ms:,.1f}"


def moment(at_ns: int) -> str:
    """Write a wall-clock time, to the millisecond, in UTC."""
    at = datetime.fromtimestamp(at_ns // NS_PER_S, timezone.utc)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at_ns % NS_PER_S // 1_000_000:03d}"


def minute(at_ns: int) -> str:
    """Write a wall-clock time, to the second, in UTC."""
    return f"{datetime.fromtimestamp(at_ns // NS_PER_S, timezone.utc):%Y-%m-%d %H:%M:%S}"


def iso(at_ns: int) -> str:
    """Write a wall-clock time as ISO 8601."""
    at = datetime.fromtimestamp(at_ns // NS_PER_S, timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns % NS_PER_S // 1_000_000:03d}Z"


def budget(left: float) -> str:
    """Write what is left of the error budget."""
    if left >= 0:
        return percent(left, 1)
    used = 1 - left
    return (
        f"overspent: {used:,.1f} times the budget"
        if used < _HUNDRED
        else f"overspent: {used:,.0f} times the budget"
    )
