# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is drawn in a 3D view, before it becomes visualization_msgs/Marker: plain data with the same meaning."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Final

from fallback_guard.core.limits import COORDINATE_M_MAX

Point = tuple[float, float, float]
"""Metres in the map frame."""

Color = tuple[float, float, float, float]
"""Red, green, blue and opacity, 0 to 1."""


class ShapeKind(IntEnum):
    """The values are those of Marker.msg."""

    ARROW = 0
    CYLINDER = 3
    LINE_STRIP = 4
    LINE_LIST = 5
    CUBE_LIST = 6
    SPHERE_LIST = 7
    TEXT = 9
    TRIANGLE_LIST = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One marker.  `folder` and `number` are its name: a later one with the same name takes its place.

    `scale` is width alone for lines, height alone for text (in z), and the size otherwise (m).  A `lifetime_s` of 0 is
    for ever.
    """

    folder: str
    number: int
    kind: ShapeKind
    color: Color
    scale: Point
    position: Point = (0.0, 0.0, 0.0)
    heading_rad: float = 0.0
    points: tuple[Point, ...] = ()
    text: str = ""
    lifetime_s: float = 0.0


GREY: Final[Color] = (0.55, 0.55, 0.58, 0.9)
GREEN: Final[Color] = (0.15, 0.7, 0.25, 1.0)
BLUE: Final[Color] = (0.2, 0.45, 0.9, 1.0)
CYAN: Final[Color] = (0.1, 0.7, 0.75, 1.0)
ORANGE: Final[Color] = (0.95, 0.55, 0.1, 1.0)
RED: Final[Color] = (0.9, 0.15, 0.15, 1.0)
MAGENTA: Final[Color] = (0.8, 0.2, 0.8, 1.0)
WHITE: Final[Color] = (0.95, 0.95, 0.95, 1.0)


def faded(color: Color, opacity: float) -> Color:
    """Return a colour with another opacity."""
    return (*color[:3], opacity)


def width(m: float) -> Point:
    """Return the scale of lines; what is no width is ignored, and a viewer says so where it is not 0."""
    return (m, 0.0, 0.0)


def height(m: float) -> Point:
    """Return the scale of text."""
    return (0.0, 0.0, m)


def is_drawable(*values: float) -> bool:
    """Tell whether coordinates may be drawn: a viewer throws away the whole marker for one that is not finite."""
    return all(isfinite(value) and abs(value) <= COORDINATE_M_MAX for value in values)


def lifted(points: Iterable[tuple[float, float]], z: float) -> tuple[Point, ...]:
    """Return points of the plane at a height."""
    return tuple((x, y, z) for x, y in points)
