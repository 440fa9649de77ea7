# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A ROS node in a thread of its own, for commands that show what it hears."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rclpy.node import Node

Listening = TypeVar("Listening", bound="Node")


@contextmanager
def listening(make_node: Callable[[], Listening]) -> Iterator[Listening]:
    """Make a node and let it listen while the block runs.  Signals stay with whoever calls this."""
    import rclpy  # noqa: PLC0415  # commands that need no ROS work without
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor  # noqa: PLC0415
    from rclpy.signals import SignalHandlerOptions  # noqa: PLC0415

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make_node()
        executor = SingleThreadedExecutor()
        executor.add_node(node)

        def spin() -> None:
            with suppress(ExternalShutdownException):
                executor.spin()

        thread = threading.Thread(target=spin, name="listening", daemon=True)
        thread.start()
        try:
            yield node
        finally:
            executor.shutdown()
            thread.join()
            node.destroy_node()
    finally:
        rclpy.try_shutdown()
