# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Messages that wait for the disk: bounded in number and in bytes, and counted by topic."""

import threading
from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from fallback_guard.recording.records import Recorded

OVERHEAD_BYTES: Final = 256
"""What a message takes in memory, and at most in a file, beside its data: short ones are not free."""


class Waiting:
    """A queue of one thread that offers and one that writes.

    A message stays until it is `settled`, so that a write that failed can be tried again.  Offering never waits for
    the disk: what does not fit is dropped, the newest first, and counted.
    """

    def __init__(
        self, topics: Iterable[str], *, bytes_max: int, messages_max: int, message_bytes_max: int
    ) -> None:
        """Begin empty."""
        self._bytes_max = bytes_max
        self._messages_max = messages_max
        self._message_bytes_max = message_bytes_max
        self._lock = threading.Lock()
        self._queue: deque[Recorded] = deque()
        self._bytes = 0
        self._taken = Counter(dict.fromkeys(topics, 0))
        self._settled = Counter(dict.fromkeys(topics, 0))
        self._dropped = Counter(dict.fromkeys(topics, 0))

    def offer(self, topic: str, data: bytes, *, log_ns: int, publish_ns: int) -> bool:
        """Let a message wait; False where it was dropped.  One without data is none, and is dropped."""
        size = len(data) + OVERHEAD_BYTES
        with self._lock:
            self._taken[topic] += 1
            fits = (
                0 < len(data) <= self._message_bytes_max
                and len(self._queue) < self._messages_max
                # One alone always fits, or the longest message allowed might never.
                and (not self._queue or self._bytes + size <= self._bytes_max)
            )
            if not fits:
                self._dropped[topic] += 1
                return False
            self._bytes += size
            self._queue.append(
                Recorded(
                    topic=topic,
                    sequence=self._taken[topic] & 0xFFFF_FFFF,
                    log_ns=log_ns,
                    publish_ns=publish_ns,
                    data=data,
                )
            )
            return True

    def first(self, bytes_max: int) -> list[Recorded]:
        """Return the oldest messages, at least one where there is one, up to `bytes_max` with what goes beside data."""
        batch: list[Recorded] = []
        total = 0
        with self._lock:
            for message in self._queue:
                total += len(message.data) + OVERHEAD_BYTES
                if batch and total > bytes_max:
                    break
                batch.append(message)
        return batch

    def settle(self, count: int) -> None:
        """Let the oldest `count` messages go: they are on disk."""
        with self._lock:
            for _ in range(count):
                message = self._queue.popleft()
                self._bytes -= len(message.data) + OVERHEAD_BYTES
                self._settled[message.topic] += 1

    def give_up(self) -> None:
        """Drop all that waits."""
        with self._lock:
            self._dropped.update(message.topic for message in self._queue)
            self._queue.clear()
            self._bytes = 0

    @property
    def counts(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """How many messages of each topic were taken, are on disk, and were dropped."""
        with self._lock:
            return dict(self._taken), dict(self._settled), dict(self._dropped)
