# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A node that only listens: to what guards publish, each in its namespace, and to /diagnostics.

It hears no more than an operator may (docs/security.md), so it needs no enclave of its own beside one.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from fallback_guard import msg
from fallback_guard.live.boards import Boards
from fallback_guard.live.heard import (
    DecisionHeard,
    MotionHeard,
    StateHeard,
    StatusHeard,
)
from fallback_guard.nodes import topics
from fallback_guard.nodes.hearing import (
    decision_heard,
    motion_heard,
    state_heard,
    statuses_heard,
)

LOOK_S: Final = 1.0
"""Between two looks for guards that nobody named."""

_STATE_TYPE: Final = "fallback_guard/msg/GuardState"
_DEPTH: Final = 1_000
"""Room for a burst: a bystander has no priority, and a decision that it missed would be missing from its counts."""


class Hears(Protocol):
    """Who is told what was heard, in the executor's thread."""

    def on_state(self, namespace: str, state: StateHeard, now_ns: int) -> None:
        """Take a sign of life."""

    def on_decision(self, namespace: str, decision: DecisionHeard, now_ns: int) -> None:
        """Take a decision."""

    def on_motion(self, namespace: str, motion: MotionHeard, now_ns: int) -> None:
        """Take a command."""

    def on_status(self, status: StatusHeard, now_ns: int) -> None:
        """Take a status."""


def listen(node: Node, namespaces: Sequence[str], ear: Hears) -> None:
    """Let `node` hear the guards of these namespaces (without slashes around them), and /diagnostics."""
    for namespace in namespaces:
        listen_to_guard(node, namespace, ear)

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in statuses_heard(message.status):
            ear.on_status(status, time.monotonic_ns())

    _deep(topics.DIAGNOSTICS).subscribe(node, on_diagnostics)


def listen_to_guard(node: Node, namespace: str, ear: Hears) -> None:
    """Let `node` hear one guard."""

    def on_decision(message: msg.GuardDecision) -> None:
        ear.on_decision(namespace, decision_heard(message), time.monotonic_ns())

    def on_motion(message: msg.MotionCommand) -> None:
        ear.on_motion(namespace, motion_heard(message), time.monotonic_ns())

    def on_state(message: msg.GuardState) -> None:
        ear.on_state(namespace, state_heard(message), time.monotonic_ns())

    within(topics.MOTION, namespace).subscribe(node, on_motion)
    within(topics.GUARD_DECISION, namespace).subscribe(node, on_decision)
    within(topics.GUARD_STATE, namespace).subscribe(node, on_state)


def within(topic: topics.AnyTopic, namespace: str) -> topics.AnyTopic:
    """Return a topic by its full name in a namespace, with room for a burst."""
    prefix = f"/{namespace}" if namespace else ""
    return replace(_deep(topic), name=f"{prefix}/{topic.name}")


def _deep(topic: topics.AnyTopic) -> topics.AnyTopic:
    """Return a topic of which every message counts with room for more; of the others the newest one does."""
    qos = topic.qos
    if qos.durability is DurabilityPolicy.TRANSIENT_LOCAL:
        return topic
    if qos.reliability is ReliabilityPolicy.BEST_EFFORT:
        return topic
    return replace(topic, qos=topics.deepened(qos, max(qos.depth, _DEPTH)))


class Bystander(Node):
    """Fills boards.  With no namespaces given it looks for guards by itself, and adds each that it finds."""

    def __init__(self, boards: Boards, *, on_found: Callable[[str], None] = lambda _: None) -> None:
        """Begin to listen."""
        super().__init__(
            "top",
            enable_rosout=False,
            start_parameter_services=False,
            parameter_overrides=[RosParameter("start_type_description_service", value=False)],
        )
        self._boards = boards
        self._on_found = on_found
        listen(self, tuple(boards.by_namespace), boards)
        if not boards.by_namespace:
            self._look()
            self.create_timer(LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _look(self) -> None:
        ending = f"/{topics.GUARD_STATE.name}"
        for name, types in self.get_topic_names_and_types():
            namespace = name.removesuffix(ending).strip("/")
            is_guard = name.endswith(ending) and _STATE_TYPE in types
            if is_guard and self.count_publishers(name) and self._boards.add(namespace):
                listen_to_guard(self, namespace, self._boards)
                self._on_found(namespace)
