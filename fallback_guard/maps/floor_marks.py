# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is painted on the floor of a simulated warehouse: zones, and the ways between the shelves.

A zone is what its map says when it loads, as on the pictures of `fallback-guard map draw`: one that is in force is
outlined and hatched, one that is not only outlined.  All of it is thin boxes without collision, which any renderer
can show, and which no robot feels.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import atan2, ceil, hypot, pi
from typing import Final

import shapely
from shapely import LineString, Polygon, affinity

from fallback_guard.core.network import build_network
from fallback_guard.core.warehouse import Warehouse, Zone, ZoneKind
from fallback_guard.maps.sdf_elements import Box, Colour, visual

RED: Final = Colour(red=0.8, green=0.1, blue=0.1)
GREEN: Final = Colour(red=0.1, green=0.6, blue=0.3)
YELLOW: Final = Colour(red=0.85, green=0.7, blue=0.1)

_ZONE_COLOURS: Final = {ZoneKind.KEEP_OUT: RED, ZoneKind.REFUGE: GREEN}
_HATCH_TURNED_DEG: Final = {ZoneKind.KEEP_OUT: 45.0, ZoneKind.REFUGE: 0.0}
"""Told apart by more than their colour."""

_LINE_M: Final = 0.08
_WAY_M: Final = 0.05
_STRIPE_M: Final = 0.12
_STRIPES_APART_M: Final = 0.35
_STRIPES_MAX: Final = 100
"""Of one zone; a larger one has them further apart."""

_CORNER_M: Final = 0.02
"""Corners of a zone that turn by less are not drawn."""

_PAINT_M: Final = 0.004
_WAY_Z_M: Final = 0.002
_ZONE_Z_M: Final = 0.006
"""Heights of the paint's middle: apart, so that none flickers through another."""


def floor_marks(warehouse: Warehouse) -> Iterator[str]:
    """Yield a visual for each stroke of paint."""
    for number, stretch in enumerate(build_network(warehouse).stretches):
        first, last = (warehouse.nodes[node] for node in (stretch.nodes[0], stretch.nodes[-1]))
        stroke = _stroke((first.x, first.y), (last.x, last.y), _WAY_M, _WAY_Z_M)
        yield visual(f"way_{number}", stroke, YELLOW, shadows=False)
    for zone in warehouse.zones.values():
        colour = _ZONE_COLOURS[zone.kind]
        for number, stroke in enumerate(_strokes(zone)):
            yield visual(f"{zone.kind.value}_{zone.id}_{number}", stroke, colour, shadows=False)


def _strokes(zone: Zone) -> Iterator[Box]:
    shape = Polygon(zone.corners, zone.holes)
    for ring in (shape.exterior, *shape.interiors):
        for one, other in pairwise(shapely.simplify(ring, _CORNER_M).coords):
            if one != other:
                yield _stroke(one, other, _LINE_M, _ZONE_Z_M)
    if zone.closed is (zone.kind is ZoneKind.KEEP_OUT):
        yield from _hatch(shape, _HATCH_TURNED_DEG[zone.kind])


def _hatch(shape: Polygon, turned_deg: float) -> Iterator[Box]:
    """Yield parallel stripes across an area, as far as they lie within it."""
    middle = shape.envelope.centroid
    level = affinity.rotate(shape, -turned_deg, origin=middle)
    low_x, low_y, high_x, high_y = level.bounds
    count = min(_STRIPES_MAX, ceil((high_y - low_y) / _STRIPES_APART_M))
    for number in range(count):
        y = low_y + (number + 0.5) * (high_y - low_y) / count
        found = level.intersection(LineString([(low_x - 1.0, y), (high_x + 1.0, y)]))
        for piece in shapely.get_parts(found):
            if piece.length > _LINE_M:
                one, other = affinity.rotate(piece, turned_deg, origin=middle).coords
                # No wider than the zone is deep; ending within the outline, and a little lower, so that that is seen.
                stripe = _stroke(one, other, min(_STRIPE_M, high_y - low_y), _ZONE_Z_M)
                length_m = max(piece.length - _STRIPE_M, _LINE_M / 2)
                yield replace(stripe, length_m=length_m, z=stripe.z - _PAINT_M / 4)


def _stroke(
    one: tuple[float, ...], other: tuple[float, ...], width_m: float, height_m: float
) -> Box:
    """Return a line of paint from one point to another, reaching half its width over both."""
    x, y = other[0] - one[0], other[1] - one[1]
    return Box(
        x=(one[0] + other[0]) / 2,
        y=(one[1] + other[1]) / 2,
        z=height_m,
        length_m=hypot(x, y) + width_m,
        depth_m=width_m,
        height_m=_PAINT_M,
        yaw=atan2(y, x) % pi,
    )
