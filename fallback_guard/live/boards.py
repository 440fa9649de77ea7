# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The boards of several guards, by namespace, filled in one thread and read in another."""

import threading
from collections.abc import Iterable

from fallback_guard.live.board import GuardBoard
from fallback_guard.live.heard import (
    NAMESPACES_MAX,
    DecisionHeard,
    MotionHeard,
    StateHeard,
    StatusHeard,
)


class Boards:
    """Whoever reads holds `lock` meanwhile."""

    def __init__(self, namespaces: Iterable[str] = ()) -> None:
        """Begin with these namespaces, without slashes around them."""
        self.lock = threading.Lock()
        self.by_namespace = {name: GuardBoard(name) for name in namespaces}

    def add(self, namespace: str) -> bool:
        """Begin to watch another one; tell whether there was room, and it is new."""
        with self.lock:
            if namespace in self.by_namespace or len(self.by_namespace) >= NAMESPACES_MAX:
                return False
            self.by_namespace[namespace] = GuardBoard(namespace)
            return True

    def on_state(self, namespace: str, state: StateHeard, now_ns: int) -> None:
        """Take a sign of life."""
        with self.lock:
            self.by_namespace[namespace].take_state(state, now_ns)

    def on_decision(self, namespace: str, decision: DecisionHeard, now_ns: int) -> None:
        """Take a decision."""
        with self.lock:
            self.by_namespace[namespace].take_decision(decision, now_ns)

    def on_motion(self, namespace: str, motion: MotionHeard, now_ns: int) -> None:
        """Take a command."""
        with self.lock:
            self.by_namespace[namespace].take_motion(motion, now_ns)

    def on_status(self, status: StatusHeard, now_ns: int) -> None:
        """Take a status; one of a namespace that is not watched concerns nobody here."""
        with self.lock:
            board = self.by_namespace.get(status.namespace)
            if board is not None:
                board.take_status(status, now_ns)
