# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Which command a robot follows, and for how long: the one rule for every robot.

A command is taken over if its sequence rises, and holds for its lease after the last sign of life: a guard/state
with a higher heartbeat than the one before, of a guard that is not inactive.  Another guard has started where the
heartbeat falls; what the old one said is not renewed by it.
"""

from fallback_guard.core.sequences import SEQUENCE_MAX


class Lease:
    """The newest command's hold.  `sequence` is its number, 0 before the first."""

    def __init__(self) -> None:
        """Begin without a command and without a guard."""
        self.sequence = 0
        self._heartbeat = 0
        self._lease_ns = 0
        self._until_ns: int | None = None
        self._renewable = False

    def take_over(self, sequence: int, lease_ns: int, now_ns: int) -> bool:
        """Follow a command from now on; False where it is not to be followed, which changes nothing.

        A number beyond SEQUENCE_MAX is not taken: no guard could ever say a higher one.
        """
        if not self.sequence < sequence <= SEQUENCE_MAX:
            return False
        self.sequence = sequence
        self._lease_ns = lease_ns
        self._until_ns = now_ns + lease_ns
        self._renewable = True
        return True

    def heard(self, heartbeat: int, now_ns: int, *, decides: bool = True) -> bool:
        """Take a sign of life; return whether it is that of a guard that has started anew.

        One that decides nothing, because the guard is inactive, renews nothing.
        What has run out stays so, whenever that is noticed.
        """
        anew = heartbeat < self._heartbeat
        if anew:
            self._renewable = False
        elif heartbeat > self._heartbeat and decides and self._renewable and self.holds(now_ns):
            self._until_ns = now_ns + self._lease_ns
        self._heartbeat = heartbeat
        return anew

    def holds(self, now_ns: int) -> bool:
        """Tell whether the newest command may be followed now."""
        return self._lease_ns > 0 and self._until_ns is not None and now_ns <= self._until_ns

    def has_run_out(self, now_ns: int) -> bool:
        """Tell once for each command that it holds no longer."""
        if self._until_ns is None or self.holds(now_ns):
            return False
        self._until_ns = None
        return True
