# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Single keys from a terminal, while something else is shown in it."""

import os
import select
import sys
import termios
import time
import tty
from types import TracebackType

from typing_extensions import Self


class Keys:
    """Reads keys where standard input is a terminal, and puts it back as it was; elsewhere there are none."""

    def __init__(self) -> None:
        """Change nothing yet."""
        self._before: list[int | list[bytes | int]] | None = None
        self._number = -1

    def __enter__(self) -> Self:
        """Take keys one by one, without showing them.  Ctrl-C stays a signal."""
        try:
            self._number = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._number)
            tty.setcbreak(self._number)
        except (OSError, ValueError, AttributeError, termios.error):
            self._before = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Put the terminal back."""
        if self._before is not None:
            termios.tcsetattr(self._number, termios.TCSADRAIN, self._before)

    def wait(self, within_s: float) -> str:
        """Return the next key within a time, or nothing."""
        if self._before is None:
            time.sleep(within_s)
            return ""
        ready, _, _ = select.select([self._number], [], [], within_s)
        key = os.read(self._number, 1) if ready else b""
        if ready and not key:  # The terminal is gone; looking again at once would only burn time.
            self._before = None
        return key.decode("ascii", "ignore")
