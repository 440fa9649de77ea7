# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard's timer by itself, without ROS."""

from __future__ import annotations

import threading
import time
from typing import Final

import pytest

from fallback_guard.core.units import NS_PER_MS
from fallback_guard.nodes.deadline_timer import DeadlineTimer
from harness import wait_until

FAR_NS: Final = 3_600_000 * NS_PER_MS


def test_it_calls_once_and_not_before_its_time() -> None:
    called: list[int] = []
    timer = DeadlineTimer(lambda: called.append(time.monotonic_ns()))
    at_ns = time.monotonic_ns() + 20 * NS_PER_MS
    timer.set(at_ns)
    wait_until(lambda: called, "the deadline")
    assert called[0] >= at_ns
    timer.set(time.monotonic_ns())
    wait_until(lambda: len(called) > 1, "the second deadline")
    timer.close()
    assert len(called) == 2


def test_the_newest_deadline_holds() -> None:
    called = threading.Event()
    timer = DeadlineTimer(called.set)
    timer.set(time.monotonic_ns() + FAR_NS)
    timer.set(time.monotonic_ns())
    wait_until(called.is_set, "the nearer deadline")
    called.clear()
    timer.set(time.monotonic_ns() + FAR_NS)
    timer.set(None)
    timer.close()
    assert not called.is_set()


def test_after_closing_nothing_is_called() -> None:
    called = threading.Event()
    timer = DeadlineTimer(called.set)
    timer.close()
    timer.set(time.monotonic_ns())
    timer.close()
    assert not called.is_set()


def test_a_deadline_may_set_the_next_one_and_close_the_timer() -> None:
    called: list[int] = []
    closed = threading.Event()

    def again() -> None:
        called.append(time.monotonic_ns())
        if len(called) < 3:
            timer.set(time.monotonic_ns())
        else:
            timer.close()
            closed.set()

    timer = DeadlineTimer(again)
    timer.set(time.monotonic_ns())
    wait_until(closed.is_set, "the third deadline")
    assert len(called) == 3


def test_what_a_deadline_raises_is_raised_where_somebody_asks() -> None:
    """A guard whose deadlines have died must not look alive: its sign of life asks."""
    ended = threading.Event()

    def fail() -> None:
        ended.set()
        raise RuntimeError("no middleware")

    timer = DeadlineTimer(fail)
    timer.check()
    timer.set(time.monotonic_ns())
    wait_until(ended.is_set, "the deadline")

    def raises() -> bool:
        try:
            timer.check()
        except RuntimeError:
            return True
        return False

    wait_until(raises, "the fault handed on")
    with pytest.raises(RuntimeError, match="no middleware"):
        timer.check()
    timer.close()
