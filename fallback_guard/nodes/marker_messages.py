# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Shapes as visualization_msgs, the topics they go to, and messages as what is drawn.

These topics are not in topics.py: it is imported by guard and watchdog, which have no use for the messages.
"""

from collections.abc import Iterable
from itertools import islice
from math import cos, sin
from typing import Final

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from fallback_guard import msg
from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import PAYLOAD_BYTES_MAX, STOPS_MAX, WAYPOINTS_MAX
from fallback_guard.core.units import seconds_to_ns
from fallback_guard.live.scene import CandidateDrawn, MotionDrawn, PositionDrawn
from fallback_guard.live.shapes import Shape
from fallback_guard.nodes import topics
from fallback_guard.nodes.conversion import MAP_FRAME, to_duration
from fallback_guard.nodes.hearing import motion_heard

MARKERS: Final = topics.Topic(
    name="markers", type=MarkerArray, qos=topics.deepened(topics.MOTION.qos, 10)
)
MAP_MARKERS: Final = topics.Topic(name="markers/map", type=MarkerArray, qos=topics.GUARD_STATE.qos)
"""Kept for late joiners, as guard/state is, for it is published anew only when something closes or opens."""

Name = tuple[str, int]
"""A marker's: its namespace and its id."""


def marker_array(shapes: Iterable[Shape], *, gone: Iterable[Name] = ()) -> MarkerArray:
    """Return what shows `shapes`, and removes what is gone."""
    return MarkerArray(
        markers=[
            *(_gone(folder, number) for folder, number in gone),
            *(_marker(shape) for shape in shapes),
        ]
    )


def name_of(shape: Shape) -> Name:
    """Return a shape's name."""
    return (shape.folder, shape.number)


def _marker(shape: Shape) -> Marker:
    marker = Marker(ns=shape.folder, id=shape.number, type=int(shape.kind), action=Marker.ADD)
    # A stamp of 0 asks for the newest transform, so that no view waits for one of just now.
    marker.header.frame_id = MAP_FRAME
    x, y, z = shape.position
    half = shape.heading_rad / 2
    marker.pose = Pose(
        position=Point(x=x, y=y, z=z), orientation=Quaternion(z=sin(half), w=cos(half))
    )
    marker.scale = Vector3(x=shape.scale[0], y=shape.scale[1], z=shape.scale[2])
    red, green, blue, alpha = shape.color
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
    marker.lifetime = _duration(shape.lifetime_s)
    marker.points = [Point(x=px, y=py, z=pz) for px, py, pz in shape.points]
    marker.text = shape.text
    return marker


def _gone(folder: str, number: int) -> Marker:
    marker = Marker(ns=folder, id=number, action=Marker.DELETE)
    marker.header.frame_id = MAP_FRAME
    marker.pose.orientation.w = 1.0
    return marker


def _duration(seconds: float) -> Duration:
    return to_duration(seconds_to_ns(seconds))


def position_drawn(message: msg.RobotPosition) -> PositionDrawn:
    """Read where a robot is."""
    return PositionDrawn(
        robot_id=message.robot_id,
        x=message.x,
        y=message.y,
        theta=message.theta,
        lost=message.lost,
    )


def motion_drawn(message: msg.MotionCommand) -> MotionDrawn:
    """Read a command with its way.  A pick that points beside the way is left out."""
    heard = motion_heard(message)
    way = tuple((point.x, point.y) for point in islice(message.waypoints, WAYPOINTS_MAX))
    return MotionDrawn(
        robot_id=message.robot_id,
        request_id=heard.request_id,
        kind=heard.kind,
        safe_move=heard.safe_move,
        target=message.safe_move_target,
        reason=heard.reason,
        source=heard.source,
        way=way,
        picks=tuple(
            (stop.waypoint_index, printable(stop.bin))
            for stop in islice(message.stops, STOPS_MAX)
            if stop.waypoint_index < len(way)
        ),
    )


def candidate_drawn(message: msg.RouteCandidate) -> CandidateDrawn:
    """Read an answer; of one over the limit nothing is kept, as the guard looks at nothing of it."""
    is_small = len(message.payload) <= PAYLOAD_BYTES_MAX
    return CandidateDrawn(
        robot_id=message.robot_id,
        request_id=printable(message.request_id),
        source=printable(message.source),
        attempt=message.attempt,
        payload=bytes(message.payload) if is_small else b"",
    )
