# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A bystander: hears the topics of the chain and tallies them, with the time at which they reached it."""

import time
from collections.abc import Callable

from rclpy.node import Node

from fallback_guard import msg
from fallback_guard.nodes import topics
from fallback_guard.nodes.conversion import from_time
from fallback_guard.nodes.hearing import decision_heard, motion_heard
from fallback_guard.picking.tally import Decided, Tally
from fallback_guard.srv import ResetLatch


class Observer(Node):
    """Fills a `Tally`, and can reset the guard's latch as an operator would.

    Times are those of the wall clock, on which the stamps of pick_request and route_due are: right for a
    guard and a robot on one host.
    """

    def __init__(
        self, tally: Tally, *, on_decision: Callable[[Decided], None] = lambda _: None
    ) -> None:
        """Listen to the chain.  `on_decision` is called in the executor's thread."""
        super().__init__("observer")
        self.tally = tally
        self.state: msg.GuardState | None = None
        self._on_new_decision = on_decision
        # The guard learns of these in this order: once its state arrives here, so does all else it says.
        topics.PICK_REQUEST.subscribe(self, self._on_pick_request)
        topics.ROUTE_DUE.subscribe(self, self._on_route_due)
        topics.MOTION.subscribe(self, self._on_motion)
        topics.GUARD_DECISION.subscribe(self, self._on_decision)
        topics.GUARD_STATE.subscribe(self, self._on_state)
        self._reset = self.create_client(ResetLatch, topics.RESET_SERVICE)

    @property
    def listeners(self) -> int:
        """How many nodes have been seen that hear pick_request, this one included."""
        return int(self.count_subscribers(topics.PICK_REQUEST.name))

    def reset_latch(self, robot_id: str = "") -> None:
        """Ask the guard to let routes through again; the answer shows in its state."""
        self._reset.call_async(ResetLatch.Request(robot_id=robot_id))

    def _on_pick_request(self, message: msg.PickRequest) -> None:
        if not message.on_due:
            self.tally.fell_due(
                message.robot_id, message.request_id, from_time(message.header.stamp)
            )

    def _on_route_due(self, message: msg.RouteDue) -> None:
        self.tally.fell_due(message.robot_id, message.request_id, from_time(message.header.stamp))

    def _on_motion(self, message: msg.MotionCommand) -> None:
        self.tally.moved(
            robot_id=message.robot_id,
            request_id=message.request_id,
            kind=motion_heard(message).kind,
            reason=message.reason,
            arrived_ns=time.time_ns(),
        )

    def _on_decision(self, message: msg.GuardDecision) -> None:
        decided = decision_heard(message)
        self.tally.decision(decided)
        self._on_new_decision(decided)

    def _on_state(self, message: msg.GuardState) -> None:
        self.state = message
