# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A participant of its own for a topic on which a flood has to be expected.

A DDS participant receives everything through one socket a transport: messages, and the acknowledgements of those that
it sent itself.  Where a flood on one topic fills that socket's buffer, the kernel drops whatever comes next, be it
another robot's request or the word that a command was lost on its way.  So what planners send comes in elsewhere.
"""

import sys
from collections.abc import Sequence
from itertools import pairwise

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions


class Entrance:
    """A context with one node, for subscriptions alone: no parameters, no services, no log topic."""

    def __init__(self, beside: Node, name: str) -> None:
        """Open it in the domain, the namespace and the security enclave of another node, and name it after that."""
        context = Context()
        rclpy.init(
            args=_enclave(sys.argv),
            context=context,
            domain_id=beside.context.get_domain_id(),
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self._context = context
        self.node = Node(
            f"{beside.get_name()}_{name}",
            context=context,
            namespace=beside.get_namespace(),
            # Those are the other node's; with a name among them there would be two nodes of that name.
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )

    def close(self) -> None:
        """Close it.  Nothing may wait on its subscriptions any more."""
        self.node.destroy_node()
        self._context.try_shutdown()


def _enclave(arguments: Sequence[str]) -> list[str]:
    """Return the arguments that name the security enclave of this process, the last one; none where it has none."""
    given = [name for option, name in pairwise(arguments) if option in ("--enclave", "-e")]
    return ["--ros-args", "--enclave", given[-1]] if given else []
