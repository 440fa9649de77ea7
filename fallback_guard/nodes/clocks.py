"""What one clock says by another."""

import time

from fallback_guard.core.units import NS_PER_US


def sequence_base() -> int:
    """Return the wall clock's microseconds at the steady clock's 0; see `core.sequences`."""
    return (time.time_ns() - time.monotonic_ns()) // NS_PER_US
