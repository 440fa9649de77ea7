# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A one-shot timer on the steady clock, in a thread of its own.

The executor's timers wait their turn behind the executor's callbacks and by default run on ROS time, which stops and
jumps in simulations.  Those on a steady clock are no better where the middleware was built against an old C library:
it waits on the wall clock then, and an hour's step back holds every timer up for an hour.  So does a condition
variable of Python 3.10.  `select` waits on the kernel's steady clock everywhere.
"""

import os
import select
import threading
import time
from collections.abc import Callable

from fallback_guard.core.units import ns_to_seconds


class DeadlineTimer:
    """Calls `on_deadline` in its own thread, once for each time it was set, no earlier than that time."""

    def __init__(self, on_deadline: Callable[[], None]) -> None:
        """Start the thread; nothing is called before `set`."""
        self._on_deadline = on_deadline
        self._lock = threading.Lock()
        self._at_ns: int | None = None
        self._asleep_until_ns: int | None = None
        self._closed = False
        self._fault: Exception | None = None
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="deadline", daemon=True)
        self._thread.start()

    @property
    def thread_id(self) -> int | None:
        """The kernel's number of the thread."""
        return self._thread.native_id

    def set(self, at_ns: int | None) -> None:
        """Replace the deadline; `at_ns` is on time.monotonic_ns, None means none."""
        with self._lock:
            if self._closed:
                return
            self._at_ns = at_ns
            # A thread that wakes before it is needed looks at the clock and sleeps on: cheaper than to wake it now.
            if at_ns is not None and (
                self._asleep_until_ns is None or at_ns < self._asleep_until_ns
            ):
                self._asleep_until_ns = at_ns
                os.eventfd_write(self._bell, 1)

    def check(self) -> None:
        """Raise what `on_deadline` raised, after which nothing is called any more."""
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """End the thread, which calls nothing after this returns."""
        with self._lock:
            was_closed, self._closed = self._closed, True
            if not was_closed:
                os.eventfd_write(self._bell, 1)
        if threading.current_thread() is not self._thread:
            self._thread.join()
            with self._lock:
                bell, self._bell = self._bell, -1
            if bell >= 0:
                os.close(bell)

    def _run(self) -> None:
        try:
            while not self._closed:
                with self._lock:
                    at_ns = self._asleep_until_ns = self._at_ns
                    is_due = at_ns is not None and time.monotonic_ns() >= at_ns
                    if is_due:
                        self._at_ns = None
                if is_due:
                    self._on_deadline()
                else:
                    self._sleep(at_ns)
        except Exception as fault:  # noqa: BLE001  # `check` hands it to a thread that is heard
            self._fault = fault

    def _sleep(self, until_ns: int | None) -> None:
        timeout_s = None
        if until_ns is not None:
            timeout_s = max(0.0, ns_to_seconds(until_ns - time.monotonic_ns()))
        if select.select([self._bell], [], [], timeout_s)[0]:
            os.eventfd_read(self._bell)
