"""The one table of topics: name, type and quality of service.

All names are relative, so that a namespace holds a robot and everything can be remapped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from fallback_guard.msg import (
    GuardDecision,
    GuardState,
    MapClosures,
    MotionCommand,
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

    def publisher(self, node: Node) -> Publisher:
        """Return a publisher of `node` on this topic."""
        return node.create_publisher(self.type, self.name, self.qos)

    def subscribe(self, node: Node, callback: Callable[[Message], None]) -> None:
        """Let `node` hear this topic for as long as it lives."""
        node.create_subscription(self.type, self.name, callback, self.qos)


AnyTopic = Topic[MotionCommand]
"""A topic of whatever type: the generated classes carry no types, so to a type checker each is like every other."""


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
MOTION: Final = Topic(name="motion", type=MotionCommand, qos=_reliable(50))
GUARD_DECISION: Final = Topic(name="guard/decision", type=GuardDecision, qos=_reliable(500))
GUARD_STATE: Final = Topic(name="guard/state", type=GuardState, qos=_reliable(1, latched=True))
DIAGNOSTICS: Final = Topic(name="/diagnostics", type=DiagnosticArray, qos=_reliable(10))

RESET_SERVICE: Final = "guard/reset"
