# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A ROS node of a test: in a context and a thread of its own, so that it disturbs nothing and nothing disturbs it."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Final

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from typing_extensions import Self

_LOOK_S: Final = 0.5
"""How often it looks whether it is to end, where it is not woken."""


class Participant:
    """Opens a context and a node in it; subclasses add what it hears and says, then call `start`.

    The domain is that of the environment (ROS_DOMAIN_ID) unless one is given.  Close it, or use it in a `with` block.
    """

    def __init__(self, name: str, *, namespace: str = "", domain: int | None = None) -> None:
        """Open the context.  The default one belongs to whoever runs the test, such as the launch system."""
        self._context = rclpy.Context()
        rclpy.init(
            args=[],
            context=self._context,
            domain_id=domain,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self.node = Node(
            name,
            context=self._context,
            namespace=namespace,
            use_global_arguments=False,
            enable_rosout=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)

    def start(self) -> None:
        """Begin to hear."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and leave the domain."""
        # A spinning executor that is shut down from outside may fail on what it is just about to wait for.
        self._closing.set()
        self._executor.wake()
        if self._thread.is_alive():
            self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def __enter__(self) -> Self:
        """Return itself; it hears already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            while not self._closing.is_set():
                self._executor.spin_once(timeout_sec=_LOOK_S)
