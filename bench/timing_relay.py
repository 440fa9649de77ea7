# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The peer: the least that rclpy can do, which is to hand a message on."""

from contextlib import suppress
from typing import Final

import rclpy
from fallback_guard.msg import RouteCandidate
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from fallback_guard.nodes import topics

RELAY_IN: Final = topics.Topic(
    name="timing/relay_in", type=RouteCandidate, qos=topics.CANDIDATE_ROUTE.qos
)
RELAY_OUT: Final = topics.Topic(
    name="timing/relay_out", type=RouteCandidate, qos=topics.CANDIDATE_ROUTE.qos
)


def main() -> int:
    """Relay until the process is ended."""
    rclpy.init()
    node = Node("relay")
    out = RELAY_OUT.publisher(node)
    RELAY_IN.subscribe(node, out.publish)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
