"""A one-shot timer on the steady clock, in a thread of its own.

The executor's timers wait their turn behind the executor's callbacks, and by default run on ROS time,
which stops and jumps in simulations.  A deadline does neither.
"""

import threading
import time
from collections.abc import Callable

from fallback_guard.core.units import ns_to_seconds


class DeadlineTimer:
    """Calls `on_deadline` in its own thread, once for each time it was set, no earlier than that time."""

    def __init__(self, on_deadline: Callable[[], None]) -> None:
        """Start the thread; nothing is called before `set`."""
        self._on_deadline = on_deadline
        self._condition = threading.Condition()
        self._at_ns: int | None = None
        self._closed = False
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="deadline", daemon=True)
        self._thread.start()

    def set(self, at_ns: int | None) -> None:
        """Replace the deadline; `at_ns` is on time.monotonic_ns, None means none."""
        with self._condition:
            if at_ns != self._at_ns:
                self._at_ns = at_ns
                self._condition.notify()

    def check(self) -> None:
        """Raise what `on_deadline` raised, after which nothing is called any more."""
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """End the thread, which calls nothing after this returns."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._closed and not self._has_passed():
                    self._condition.wait(self._timeout_s())
                if self._closed:
                    return
                self._at_ns = None
            try:
                self._on_deadline()
            except Exception as fault:  # noqa: BLE001  # `check` hands it to a thread that is heard
                self._fault = fault
                return

    def _has_passed(self) -> bool:
        return self._at_ns is not None and time.monotonic_ns() >= self._at_ns

    def _timeout_s(self) -> float | None:
        if self._at_ns is None:
            return None
        return max(0.0, ns_to_seconds(self._at_ns - time.monotonic_ns()))
