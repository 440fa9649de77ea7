# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Ending what a node has begun."""

from collections.abc import Callable
from contextlib import ExitStack

from rclpy.node import Node


class Ending(Node):
    """A node that ends what it has begun, also where its constructor did not come to its end.

    rclpy since Kilted destroys such nodes, too, when it shuts down.
    """

    def __init__(self, name: str) -> None:
        """Begin with nothing to end."""
        self._endings = ExitStack()
        super().__init__(name)

    def at_the_end(self, end: Callable[[], None]) -> None:
        """Have something done before the node goes: what was given last comes first."""
        self._endings.callback(end)

    def destroy_node(self) -> None:
        """End everything, and then the node."""
        self._endings.close()
        super().destroy_node()
