# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An event loop whose time goes on only where everybody waits, and then at once: timelines without sleeping."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING

from fallback_guard.core.units import seconds_to_ns

if TYPE_CHECKING:
    from collections.abc import Coroutine

START_S = 1_000.125


class _Selector(selectors.SelectSelector):
    """Instead of waiting, moves the clock."""

    now_s = START_S

    def select(  # type: ignore[explicit-any]  # what a key holds is anybody's
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits, and for nothing"
        self.now_s += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._virtual.now_s


_loops: list[VirtualLoop] = []


def now_ns() -> int:
    """Return the time of the newest timeline, for who counts in nanoseconds."""
    return seconds_to_ns(_loops[-1].time() if _loops else START_S)


def run(main: Coroutine[object, object, None]) -> None:
    """Run a timeline; the time that it takes is none."""
    loop = VirtualLoop()
    _loops[:] = [loop]
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()
