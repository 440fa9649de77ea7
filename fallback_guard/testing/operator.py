# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What people and a task system do to a running guard: ask for routes, reset the latch, change its state."""

import time
from dataclasses import dataclass
from typing import Final

from lifecycle_msgs.msg import State as LifecycleState
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.parameter import Parameter as RosParameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.task import Future
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.request import PickRequest
from fallback_guard.nodes import topics
from fallback_guard.nodes.conversion import from_pick_request
from fallback_guard.srv import Drill, ResetLatch
from fallback_guard.testing.participant import Participant

WAIT_S: Final = 120.0
"""Bound of every wait, for a busy machine that has to start something first."""

_POLL_S: Final = 0.005

TRANSITIONS: Final = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}
"""What `change_state` takes, beside "shutdown", which is one transition for each state."""

_SHUTDOWNS: Final = {
    LifecycleState.PRIMARY_STATE_UNCONFIGURED: Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
    LifecycleState.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_INACTIVE_SHUTDOWN,
    LifecycleState.PRIMARY_STATE_ACTIVE: Transition.TRANSITION_ACTIVE_SHUTDOWN,
}


class NoAnswerError(AssertionError):
    """A node has no such service, nobody listens, or no answer came; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The guard's answer to a reset of the latch, or to a drill."""

    success: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A node's answer to a change of a parameter."""

    success: bool
    reason: str


class Operator(Participant):
    """Speaks where an observer only listens.  `namespace` is that of the robot's guard."""

    def __init__(self, namespace: str = "", *, domain: int | None = None) -> None:
        """Open the topics on which robots ask."""
        super().__init__("operator", namespace=namespace, domain=domain)
        self._pick_request = topics.PICK_REQUEST.publisher(self.node)
        self._route_due = topics.ROUTE_DUE.publisher(self.node)
        self.start()

    # As a robot's task system

    def wait_for_listeners(self, count: int = 1, *, timeout_s: float = WAIT_S) -> None:
        """Wait until so many nodes hear what is asked and what falls due.  Raises NoAnswerError."""
        until = time.monotonic() + timeout_s
        for publisher in (self._pick_request, self._route_due):
            while publisher.get_subscription_count() < count:
                if time.monotonic() > until:
                    raise NoAnswerError(
                        f"{publisher.topic_name} is heard by {publisher.get_subscription_count()} nodes after "
                        f"{timeout_s:g} s, not by {count}"
                    )
                time.sleep(_POLL_S)

    def ask(self, request: PickRequest) -> None:
        """Ask for a route: it falls due now, or with `fall_due` where the request says `on_due`."""
        self._pick_request.publish(from_pick_request(request, self._header()))

    def fall_due(self, request: PickRequest) -> None:
        """Say that the route of an earlier request is needed now."""
        self._route_due.publish(
            msg.RouteDue(
                header=self._header(), request_id=request.request_id, robot_id=request.robot_id
            )
        )

    # As people

    def reset_latch(self, robot_id: str = "") -> Reset:
        """Reset the latch of one robot, or of all.  Raises NoAnswerError."""
        answer = self._call(ResetLatch, topics.RESET_SERVICE, ResetLatch.Request(robot_id=robot_id))
        return Reset(success=bool(answer.success), message=str(answer.message))

    def drill(self, robot_id: str) -> Reset:
        """Let one robot fall back once, whatever its planner does.  Raises NoAnswerError."""
        answer = self._call(Drill, topics.DRILL_SERVICE, Drill.Request(robot_id=robot_id))
        return Reset(success=bool(answer.success), message=str(answer.message))

    def lifecycle_state(self, node: str = "guard_node") -> str:
        """Return the lifecycle state of a node, such as `inactive`.  Raises NoAnswerError."""
        return str(self._current_state(node).label)

    def change_state(self, transition: str, node: str = "guard_node") -> bool:
        """Ask a node for `configure`, `activate`, `deactivate`, `cleanup` or `shutdown`; tell whether it succeeded.

        Raises NoAnswerError.
        """
        if transition == "shutdown":
            state = self._current_state(node)
            if state.id not in _SHUTDOWNS:
                return False
            number = _SHUTDOWNS[state.id]
        else:
            number = TRANSITIONS[transition]
        request = ChangeState.Request(transition=Transition(id=number))
        return bool(self._call(ChangeState, f"{node}/change_state", request).success)

    def set_parameter(self, node: str, name: str, value: float | str) -> Change:
        """Set a parameter of a running node.  Raises NoAnswerError."""
        client = AsyncParameterClient(self.node, node)
        if not client.wait_for_services(WAIT_S):
            raise NoAnswerError(f"{node} has no parameter services after {WAIT_S:g} s")
        future = client.set_parameters([RosParameter(name, value=value)])
        answer = self._result_of(future, f"parameters of {node}").results[0]
        return Change(success=bool(answer.successful), reason=str(answer.reason))

    def _current_state(self, node: str) -> LifecycleState:
        return self._call(GetState, f"{node}/get_state", GetState.Request()).current_state

    def _call(
        self, service: type[ResetLatch], name: str, request: ResetLatch.Request
    ) -> ResetLatch.Response:
        client = self.node.create_client(service, name)
        try:
            if not client.wait_for_service(WAIT_S):
                raise NoAnswerError(f"there is no service {name} after {WAIT_S:g} s")
            return self._result_of(client.call_async(request), name)
        finally:
            self.node.destroy_client(client)

    def _result_of(self, future: Future, what: str) -> ResetLatch.Response:
        until = time.monotonic() + WAIT_S
        while not future.done():
            if time.monotonic() > until:
                raise NoAnswerError(f"{what} did not answer within {WAIT_S:g} s")
            time.sleep(_POLL_S)
        return future.result()

    def _header(self) -> Header:
        return Header(stamp=self.node.get_clock().now().to_msg())
