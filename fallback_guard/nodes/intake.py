# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Takes messages as they came, in a thread of its own: most urgent topic first, one message of each at a time.

rclpy's executors build a wait set of all that a node has for every message, and unpack a message before its size can
be checked.  Here the wait set holds nothing but the topics that the deadline rests on, and a flood on one of them
keeps no other waiting.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from rclpy.callback_groups import CallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message

from fallback_guard.nodes.cdr import LITTLE_ENDIAN
from fallback_guard.nodes.topics import AnyTopic

FOREIGN_BYTES_MAX: Final = 1_048_576
"""A message in another representation than plain little-endian CDR is rewritten up to this size, and then read."""

_FOREVER: Final = -1


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as it came.  `sent_ns` is when its sender published it, on the wall clock; 0 where that is unknown.

    `taken_ns` is when it was taken, on the steady clock, and `transport_ns` how long it was under way, by the wall
    clocks of both ends.
    """

    data: bytes
    taken_ns: int
    transport_ns: int
    sent_ns: int


@dataclass(frozen=True, slots=True)
class Inlet:
    """A topic, what is done with each of its messages, and the node that hears it (None: that of the intake)."""

    topic: AnyTopic
    handle: Callable[[Taken], None]
    node: Node | None = None


class Intake:
    """Calls each inlet's `handle` in one thread of its own from `start` until `close`.

    The order of `inlets` is that of urgency.  What `handle` raises ends the thread, and is raised by `check`.
    """

    def __init__(self, node: Node, inlets: Sequence[Inlet]) -> None:
        """Subscribe to every topic; nothing is taken before `start`."""
        elsewhere = _TakenElsewhere()
        self._context = node.context
        self._inlets = [
            (
                (inlet.node or node).create_subscription(
                    inlet.topic.type,
                    # As `node` sees it, with what it is remapped to.
                    node.resolve_topic_name(inlet.topic.name),
                    inlet.handle,
                    inlet.topic.qos,
                    callback_group=elsewhere,
                    raw=True,
                ),
                inlet,
            )
            for inlet in inlets
        ]
        self._wake = node.create_guard_condition(lambda: None, callback_group=elsewhere)
        self._closed = False
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Begin to take."""
        self._thread.start()

    def check(self) -> None:
        """Raise what a `handle` raised, after which nothing is taken any more."""
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """End the thread, which takes nothing after this returns."""
        self._closed = True
        self._wake.trigger()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            with ExitStack() as held:
                for subscription, _ in self._inlets:
                    held.enter_context(subscription.handle)
                held.enter_context(self._wake.handle)
                held.enter_context(self._context.handle)
                self._take_until_closed()
        except Exception as fault:  # noqa: BLE001  # `check` hands it to a thread that is heard
            self._fault = fault

    def _take_until_closed(self) -> None:
        wait_set = _rclpy.WaitSet(len(self._inlets), 1, 0, 0, 0, 0, self._context.handle)
        handles = [subscription.handle for subscription, _ in self._inlets]
        takes = [
            (subscription.handle.take_message, inlet.topic.type, inlet.handle)
            for subscription, inlet in self._inlets
        ]
        while not self._closed:
            wait_set.clear_entities()
            for handle in handles:
                wait_set.add_subscription(handle)
            wait_set.add_guard_condition(self._wake.handle)
            wait_set.wait(_FOREVER)
            is_something = True
            while is_something and not self._closed:
                is_something = False
                # To ask a topic that has nothing costs about a microsecond; to wait anew costs fifty.
                for take, kind, handle_message in takes:
                    message = take(kind, True)  # noqa: FBT003  # rclpy's own signature: raw
                    if message is not None:
                        is_something = True
                        handle_message(_taken(message, kind))


def _taken(message: tuple[bytes, dict[str, int]], kind: type) -> Taken:
    taken_ns = time.monotonic_ns()
    data, info = message
    sent_ns = info["source_timestamp"]
    if not data.startswith(LITTLE_ENDIAN):
        data = _rewritten(data, kind)
    return Taken(data, taken_ns, time.time_ns() - sent_ns if sent_ns else 0, sent_ns)


def _rewritten(data: bytes, kind: type) -> bytes:
    """Return a message of another representation as plain little-endian CDR; nothing where that cannot be done."""
    if len(data) > FOREIGN_BYTES_MAX:
        return b""
    try:
        rewritten: bytes = serialize_message(deserialize_message(data, kind))
    except Exception:  # noqa: BLE001  # whatever the middleware raises, it is no message
        return b""
    return rewritten


class _TakenElsewhere(CallbackGroup):
    """Keeps a node's executor from what is taken here."""

    def can_execute(self, entity: object) -> bool:  # noqa: ARG002  # rclpy's signature
        """Let no executor wait for it."""
        return False

    def beginning_execution(self, entity: object) -> bool:  # noqa: ARG002  # rclpy's signature
        """Let no executor begin."""
        return False

    def ending_execution(self, entity: object) -> None:
        """Nothing began."""
