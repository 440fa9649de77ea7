# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pilot's fleet and planner over DDS, in real time: it speaks as robots, task system and planner together.

picker_sim_node is not used: its tours take as long as its map is large, and the pilot's take 0.9 s an item.
"""

import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Final

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.events import CandidateArrived
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.core.request import PickRequest
from fallback_guard.core.units import NS_PER_MS, ns_to_seconds
from fallback_guard.nodes import conversion, topics
from fallback_guard.pilot.planner import SOURCE
from fallback_guard.pilot.ports import Refused, Stop, Told
from fallback_guard.srv import ResetLatch

_POLL_NS: Final = 20 * NS_PER_MS
"""How long it listens at most before it looks around."""

_OTHERS: Final = 2
"""Guard and watchdog: both hear requests, and both may speak on motion."""


class PilotNode(Node):
    """An agenda on the steady clock, and the topics as who answers for the robots."""

    def __init__(self) -> None:
        """Listen.  What is heard comes to nobody before `serve`."""
        super().__init__("pilot_fleet")
        self._tell: Callable[[Told], None] = _ignore
        self._refuse: Callable[[Refused], None] = _ignore
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._guard_active = False
        self._request = topics.PICK_REQUEST.publisher(self)
        self._due = topics.ROUTE_DUE.publisher(self)
        self._candidate = topics.CANDIDATE_ROUTE.publisher(self)
        self._position = topics.ROBOT_POSITION.publisher(self)
        topics.MOTION.subscribe(self, self._on_motion)
        topics.GUARD_DECISION.subscribe(self, self._on_decision)
        topics.GUARD_STATE.subscribe(self, self._on_state)
        self._reset = self.create_client(ResetLatch, topics.RESET_SERVICE)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def serve(self, tell: Callable[[Told], None], refuse: Callable[[Refused], None]) -> None:
        """Have commands come to `tell` and refused answers to `refuse`, in the thread that calls `live`."""
        self._tell, self._refuse = tell, refuse

    # The agenda

    @property
    def now_ns(self) -> int:
        """The steady clock."""
        return time.monotonic_ns()

    def later(self, delay_ns: int, do: Callable[[], None]) -> None:
        """Have something done from `live`."""
        heapq.heappush(self._agenda, (self.now_ns + max(0, delay_ns), next(self._numbers), do))

    def live(self) -> None:
        """Do what is due, and hear messages until the next thing is or a moment has passed."""
        while self._agenda and self._agenda[0][0] <= self.now_ns:
            heapq.heappop(self._agenda)[2]()
        next_ns = self._agenda[0][0] - self.now_ns if self._agenda else _POLL_NS
        self._executor.spin_once(timeout_sec=ns_to_seconds(max(0, min(next_ns, _POLL_NS))))

    @property
    def is_heard(self) -> bool:
        """Whether a guard and a watchdog hear all that is said, and are heard; the guard decides."""
        heard = (
            self._request.get_subscription_count() >= _OTHERS,
            self._due.get_subscription_count() >= _OTHERS,
            self._candidate.get_subscription_count() >= 1,
            self._position.get_subscription_count() >= 1,
            self.count_publishers(topics.MOTION.name) >= _OTHERS,
            self._guard_active,
        )
        return all(heard)

    def close(self) -> None:
        """Hear nothing more."""
        self._executor.shutdown()
        self.destroy_node()

    # Who answers for the robots

    def ask(self, request: PickRequest) -> None:
        """Publish a request."""
        self._request.publish(conversion.from_pick_request(request, self._header()))

    def fell_due(self, robot_id: str, request_id: str) -> None:
        """Publish that it is due."""
        self._due.publish(
            msg.RouteDue(header=self._header(), request_id=request_id, robot_id=robot_id)
        )

    def answer(self, candidate: CandidateArrived) -> None:
        """Publish an answer, as planner_node does."""
        self._candidate.publish(
            msg.RouteCandidate(
                header=self._header(),
                request_id=candidate.request_id,
                robot_id=candidate.robot_id,
                source=candidate.source,
                attempt=candidate.attempt,
                payload=candidate.payload,
                planning_time=conversion.to_duration(candidate.planning_ns),
                failure=candidate.failure,
            )
        )

    def stand(self, robot_id: str, x: float, y: float, sequence: int) -> None:
        """Publish a position."""
        self._position.publish(
            msg.RobotPosition(
                header=self._header(conversion.MAP_FRAME),
                robot_id=robot_id,
                x=x,
                y=y,
                sequence=sequence,
            )
        )

    def reset(self, robot_id: str) -> None:
        """Ask the guard to let routes through again."""
        self._reset.call_async(ResetLatch.Request(robot_id=robot_id))

    def _header(self, frame_id: str = "") -> Header:
        return Header(stamp=self.get_clock().now().to_msg(), frame_id=frame_id)

    # What is heard

    def _on_motion(self, message: msg.MotionCommand) -> None:
        command = conversion.to_command(message)
        retreats = command.safe_move == SafeMoveKind.RETREAT
        self._tell(
            Told(
                robot_id=message.robot_id,
                request_id=command.request_id,
                is_route=command.kind == MotionKind.ROUTE,
                sequence=command.sequence,
                stops=tuple(Stop(stop.bin, stop.sku, stop.quantity) for stop in command.stops),
                reason=message.reason,
                retreat_to=message.safe_move_target if retreats else 0,
            )
        )

    def _on_decision(self, message: msg.GuardDecision) -> None:
        refused = message.occasion == msg.GuardDecision.OCCASION_REFUSAL
        if refused and message.source == SOURCE:
            self._refuse(
                Refused(
                    robot_id=message.robot_id,
                    request_id=message.request_id,
                    attempt=message.attempt,
                )
            )

    def _on_state(self, message: msg.GuardState) -> None:
        self._guard_active = message.state != msg.GuardState.STATE_INACTIVE


def _ignore(_said: object) -> None:
    """Take no note."""
