# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Waiting for SIGINT or SIGTERM in a program that does its work in threads."""

import signal
import time
from types import FrameType
from typing import Final

_LOOK_S: Final = 0.05


class Ending:
    """Whether one of the signals has come since this was made.

    Nothing but a flag is set when it comes: a threading.Event would wait for itself for ever where a
    second signal interrupts its `set`.
    """

    def __init__(self) -> None:
        """Take both signals over."""
        self._has_come = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._come)

    def wait(self, within_s: float) -> bool:
        """Wait up to `within_s`; tell whether it has come."""
        until = time.monotonic() + within_s
        while not self._has_come and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return self._has_come

    def _come(self, _number: int, _frame: FrameType | None) -> None:
        self._has_come = True
