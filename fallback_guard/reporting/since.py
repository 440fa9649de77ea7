# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How far back is looked: `7d`, `12h`, `30min`, or a time in ISO 8601."""

import re
from datetime import datetime, timedelta, timezone
from typing import Final

from fallback_guard.core.units import NS_PER_S
from fallback_guard.core.unusable import UnusableError

_SPAN: Final = re.compile(r"(\d{1,6})\s*(min|s|m|h|d|w)", re.ASCII)
_SECONDS: Final = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def since_ns(text: str, now_ns: int) -> int:
    """Return the wall-clock time (ns) from which on is looked; a time without a zone is this machine's.

    Raises UnusableError.
    """
    if span := _SPAN.fullmatch(text.strip()):
        return max(0, now_ns - int(span[1]) * _SECONDS[span[2]] * NS_PER_S)
    try:
        # Python 3.10 knows no Z.
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
        from_epoch = moment.astimezone(timezone.utc) - datetime.fromtimestamp(0, timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise UnusableError(
            f"--since {text[:40]!r} is no time; write 7d, 12h, 30min, or one such as 2026-11-20T06:00:00Z"
        ) from None
    return max(0, from_epoch // timedelta(microseconds=1) * 1_000)
