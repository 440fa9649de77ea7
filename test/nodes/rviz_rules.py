# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What RViz asks of a marker before it draws it: a marker that breaks one of these is thrown away or not seen.

From visualization_msgs/msg/Marker.msg and RViz's user guide to markers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import hypot, isfinite
from typing import TYPE_CHECKING, Final

from visualization_msgs.msg import Marker

if TYPE_CHECKING:
    from harness import Message


def problems(markers: Iterable[Message]) -> list[str]:
    """Return what is wrong with the markers of one message."""
    found: list[str] = []
    names: set[tuple[str, int]] = set()
    for marker in markers:
        name = (marker.ns, marker.id)
        if name in names:
            found.append(f"{name}: twice in one message")
        names.add(name)
        found += [f"{name}: {what}" for what in _problems(marker)]
    return found


def _problems(marker: Message) -> Iterable[str]:
    if not marker.header.frame_id:
        yield "no frame"
    turn = marker.pose.orientation
    if abs(hypot(turn.x, turn.y, turn.z, turn.w) - 1.0) > 1e-3:
        yield "its quaternion is not normalised"
    if marker.action == Marker.DELETE:
        return
    if marker.action != Marker.ADD:
        yield f"action {marker.action}"
    if not 0.0 < marker.color.a <= 1.0:
        yield "it cannot be seen"
    points, scale, position = marker.points, marker.scale, marker.pose.position
    numbers = [position.x, position.y, position.z, scale.x, scale.y, scale.z]
    numbers += [value for point in points for value in (point.x, point.y, point.z)]
    if not all(map(isfinite, numbers)):
        yield "a number is not finite"
    yield from _shape_problems(marker, (scale.x, scale.y, scale.z))


def _shape_problems(marker: Message, scale: tuple[float, float, float]) -> Iterable[str]:
    kind, count = marker.type, len(marker.points)
    if kind not in RULES:
        yield f"type {kind}"
    elif not RULES[kind](marker, count, scale):
        yield f"{count} points, scale {scale}, text {marker.text!r}"


def _is_line(_marker: Message, count: int, scale: tuple[float, float, float]) -> bool:
    """Of lines the width alone is looked at, and RViz warns of the rest."""
    return count >= 2 and scale[0] > 0 and not scale[1] and not scale[2]


def _is_line_list(marker: Message, count: int, scale: tuple[float, float, float]) -> bool:
    return _is_line(marker, count, scale) and count % 2 == 0


def _is_list(_marker: Message, count: int, scale: tuple[float, float, float]) -> bool:
    return count > 0 and min(scale) > 0


def _is_triangles(marker: Message, count: int, scale: tuple[float, float, float]) -> bool:
    return _is_list(marker, count, scale) and count % 3 == 0


def _is_text(marker: Message, _count: int, scale: tuple[float, float, float]) -> bool:
    return bool(marker.text) and scale[2] > 0


def _is_solid(_marker: Message, count: int, scale: tuple[float, float, float]) -> bool:
    return count == 0 and min(scale) > 0


Rule = Callable[["Message", int, tuple[float, float, float]], bool]
RULES: Final[dict[int, Rule]] = {
    Marker.ARROW: _is_solid,
    Marker.CYLINDER: _is_solid,
    Marker.LINE_STRIP: _is_line,
    Marker.LINE_LIST: _is_line_list,
    Marker.CUBE_LIST: _is_list,
    Marker.SPHERE_LIST: _is_list,
    Marker.TEXT_VIEW_FACING: _is_text,
    Marker.TRIANGLE_LIST: _is_triangles,
}
"""By type; one that is not here is not drawn by us."""
