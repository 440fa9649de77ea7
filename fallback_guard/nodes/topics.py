# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The one table of topics: name, type and quality of service.

All names are relative, so that a namespace holds a robot and everything can be remapped.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.duration import Duration
from rclpy.event_handler import QoSLivelinessChangedInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from fallback_guard.msg import (
    GuardDecision,
    GuardJournal,
    GuardState,
    MapClosures,
    MotionCommand,
    PickReport,
    PickRequest,
    RobotPosition,
    RouteCandidate,
    RouteDue,
)

Message = TypeVar("Message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic(Generic[Message]):
    """One row.  Publishers and subscriptions take name, type and quality of service from here."""

    name: str
    type: type[Message]
    qos: QoSProfile

    def publisher(self, node: Node, *, alive_ns: int | None = None) -> Publisher:
        """Return a publisher of `node` on this topic.

        With `alive_ns` it counts as dead when it has published nothing for so long (MANUAL_BY_TOPIC).
        """
        qos = self.qos if alive_ns is None else _alive(self.qos, alive_ns)
        return node.create_publisher(self.type, self.name, qos)

    def subscribe(self, node: Node, callback: Callable[[Message], None]) -> None:
        """Let `node` hear this topic for as long as it lives."""
        node.create_subscription(self.type, self.name, callback, self.qos)

    def watch_liveliness(
        self, node: Node, callback: Callable[[QoSLivelinessChangedInfo], None], *, lease_ns: int
    ) -> None:
        """Let `node` hear when publishers of this topic come to life or die, by the middleware's account.

        Of those alone that promise to publish at least every `lease_ns`; the others are not matched.
        """
        node.create_subscription(
            self.type,
            self.name,
            lambda _message: None,
            _alive(self.qos, lease_ns),
            event_callbacks=SubscriptionEventCallbacks(liveliness=callback),
        )

    def publishers_seen(self, node: Node) -> list[str]:
        """Return the full name of the node of each publisher that is on the graph."""
        return [
            f"{info.node_namespace.rstrip('/')}/{info.node_name}"
            for info in node.get_publishers_info_by_topic(node.resolve_topic_name(self.name))
        ]


AnyTopic = Topic[MotionCommand]
"""A topic of whatever type: the generated classes carry no types, so to a type checker each is like every other."""


def _alive(qos: QoSProfile, lease_ns: int) -> QoSProfile:
    alive = copy(qos)
    alive.liveliness = LivelinessPolicy.MANUAL_BY_TOPIC
    alive.liveliness_lease_duration = Duration(nanoseconds=lease_ns)
    return alive


def deepened(qos: QoSProfile, depth: int) -> QoSProfile:
    """Return the same with room for `depth` messages, for who must not miss any."""
    deep = copy(qos)
    deep.depth = depth
    return deep


def _reliable(depth: int, *, latched: bool = False) -> QoSProfile:
    # No deadline or lifespan is requested: a subscription that asks for one hears nothing from a
    # publisher that offers none.
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


PICK_REQUEST: Final = Topic(name="pick_request", type=PickRequest, qos=_reliable(50))
ROUTE_DUE: Final = Topic(name="route_due", type=RouteDue, qos=_reliable(50))
CANDIDATE_ROUTE: Final = Topic(name="candidate_route", type=RouteCandidate, qos=_reliable(50))
ROBOT_POSITION: Final = Topic(
    name="robot_position",
    type=RobotPosition,
    # The newest one counts, and a lost one is followed by the next.
    qos=QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT),
)
MAP_CLOSURES: Final = Topic(name="map_closures", type=MapClosures, qos=_reliable(1, latched=True))
PICK_REPORT: Final = Topic(name="pick_report", type=PickReport, qos=_reliable(50))
MOTION: Final = Topic(name="motion", type=MotionCommand, qos=_reliable(50))
GUARD_DECISION: Final = Topic(name="guard/decision", type=GuardDecision, qos=_reliable(500))
GUARD_JOURNAL: Final = Topic(
    name="guard/journal",
    type=GuardJournal,
    # For a recorder that starts together with the guard, and finds it seconds later.
    qos=_reliable(100, latched=True),
)
GUARD_STATE: Final = Topic(name="guard/state", type=GuardState, qos=_reliable(1, latched=True))
CLOCK: Final = Topic(
    name="/clock",
    type=Clock,
    # As rclpy hears it: the newest one counts.
    qos=QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
)
DIAGNOSTICS: Final = Topic(name="/diagnostics", type=DiagnosticArray, qos=_reliable(10))

RESET_SERVICE: Final = "guard/reset"
DRILL_SERVICE: Final = "guard/drill"
