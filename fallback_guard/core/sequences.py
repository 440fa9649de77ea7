# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The numbers of commands: of two speakers the later one has the higher number, whichever process it is in."""

from typing import Final

from fallback_guard.core.units import NS_PER_US

SEQUENCE_MAX: Final = 2**62
"""A number beyond this says only that its sender is broken; at one a microsecond it is 146,000 years away."""


class Sequences:
    """Each number is higher than all before it, than all that were heard, and than that of any earlier microsecond.

    A process that was held up can publish a command that it made before another process spoke: its number shows
    that, and the robot ignores it.
    """

    def __init__(self, base: int) -> None:
        """Begin at `base` plus the microseconds of the steady clock.

        With the wall clock's microseconds at the steady clock's 0 for `base` numbers rise over restarts, too.
        """
        self._base = base
        self._last = 0

    def next(self, now_ns: int) -> int:
        """Return the number of a command that is made now."""
        self._last = max(self._last + 1, self._base + now_ns // NS_PER_US)
        return self._last

    def heard(self, sequence: int) -> None:
        """Stay above a number that another speaker used, or that a robot has taken over."""
        if sequence <= SEQUENCE_MAX:
            self._last = max(self._last, sequence)
