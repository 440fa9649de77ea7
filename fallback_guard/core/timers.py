# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""When what is to be done for a request."""

from heapq import heappop, heappush
from typing import Final

from fallback_guard.core.records import RequestRecord
from fallback_guard.core.request_states import TERMINAL
from fallback_guard.core.units import NS_PER_MS

RECOVERY_RETRY_NS: Final = 200 * NS_PER_MS
"""How soon a recovery is tried again while the robot is between nodes or its position is unknown."""

RECOVERY_PATIENCE_NS: Final = 100 * NS_PER_MS
"""For how long a recovery, which may search for ways, lets windows that are about to close go before it."""

SPARE_NS: Final = 5 * NS_PER_MS
"""No spare work is begun so shortly before a window closes; a piece takes one or two milliseconds."""


class Timers:
    """Requests by the time at which they are looked at again; of the same time, the one set first comes first.

    A request has one such time, the one that was set last, and none where its `wakes_ns` is None.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._heap: list[tuple[int, int, RequestRecord]] = []
        self._set = 0

    def __len__(self) -> int:
        """Return how many are set."""
        return len(self._heap)

    @property
    def next_ns(self) -> int | None:
        """The earliest time at which there is something to do; None where there is none."""
        self._drop_what_is_over()
        return self._heap[0][0] if self._heap else None

    def are_quiet(self, now_ns: int) -> bool:
        """Tell whether nothing is to be done so soon that a piece of spare work could be in its way."""
        wake_ns = self.next_ns
        return wake_ns is None or wake_ns - now_ns > SPARE_NS

    def set(self, at_ns: int, record: RequestRecord) -> None:
        """Have a request looked at no earlier than `at_ns`, and not at the time that was set before."""
        self._set += 1
        record.wakes_ns = at_ns
        heappush(self._heap, (at_ns, self._set, record))

    def pop(self, now_ns: int) -> RequestRecord | None:
        """Take the next request whose time has come by `now_ns`; None where there is none."""
        self._drop_what_is_over()
        if not self._heap or self._heap[0][0] > now_ns:
            return None
        record = heappop(self._heap)[2]
        record.wakes_ns = None
        return record

    def _drop_what_is_over(self) -> None:
        while self._heap:
            at_ns, _, record = self._heap[0]
            if at_ns == record.wakes_ns and record.state not in TERMINAL:
                return
            heappop(self._heap)
