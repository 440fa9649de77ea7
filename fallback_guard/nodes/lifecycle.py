# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle requests that cannot be granted are refused."""

from collections.abc import Callable

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode


def refuse_impossible_changes(node: LifecycleNode) -> None:
    """Have a node answer a transition that its state does not have with `success: false`.

    rclpy raises out of the service's callback there, and so out of the executor: whoever asks an unconfigured guard
    to activate, or names a transition that does not exist, would end its process.
    """
    for service in node.services:
        if service.srv_type is ChangeState:
            service.callback = _refusing(node, service.callback)


Answer = Callable[[ChangeState.Request, ChangeState.Response], ChangeState.Response]


def _refusing(node: LifecycleNode, change: Answer) -> Answer:
    def change_or_refuse(
        request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        try:
            return change(request, response)
        except RuntimeError as error:  # What rcl raises has no public name.
            node.get_logger().warning(f"a lifecycle transition was refused: {error}")
            response.success = False
            return response

    return change_or_refuse
