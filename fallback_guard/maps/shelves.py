# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Where shelves stand in a simulated warehouse: along the aisles from which bins are picked, clear of every way.

A map says where pickers drive and which bins they reach from there, and nothing of racks.  So each node with bins
gets a piece of shelf on both sides of its aisle, as deep as the next aisle leaves room for:

      aisle       aisle         |  the way of an aisle, o a node with bins
    #   |   # #   |   #         #  a shelf; two of them stand back to back
    #   o   # #   o   #
    #   |   # #   |   #
    -----------------------     a cross aisle: shelves end before it

What would stand in the way of an edge, in a refuge or in another shelf is left out, slice by slice, and what is left
and touches is joined again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from math import atan2, ceil, cos, hypot, inf, pi, sin
from typing import Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, Polygon, STRtree

from fallback_guard.core.warehouse import Node, Pair, Warehouse, ZoneKind

ROBOT_WIDTH_M: Final = 0.5
"""Over its wheels, of the picker in models/picker."""

MARGIN_M: Final = 0.2
"""From a picker on its way to a shelf, at the least: it may stray so far, and turn where it stands."""

CLEARANCE_M: Final = ROBOT_WIDTH_M / 2 + MARGIN_M
"""From any way to any shelf."""

DEPTH_M_MAX: Final = 0.7
DEPTH_M_MIN: Final = 0.2
"""What is less deep holds nothing, and is left out."""

_AISLE_HALF_M_MAX: Final = 0.75
"""From an aisle's middle to its shelves, where there is room."""

_BACK_GAP_M: Final = 0.1
"""Between two shelves that stand back to back."""

_HALF_BAY_M_MAX: Final = 1.5
_HALF_BAY_M_ALONE: Final = 0.5
"""How far a node's piece of shelf reaches along the aisle: half way to its neighbour, and so far without one."""

_LEVELS_MAX: Final = 5
"""Bins above one another; more stand beside them."""

_LEVELS_MIN: Final = 3
"""Of any shelf, used or not: what is lower looks like a bench."""

_SLICES: Final = 4
"""Of a node's piece of shelf; each stands or is left out as a whole."""

_PARALLEL: Final = 0.35
"""Tangent of the angle up to which another way counts as the next aisle."""

_TOUCH_M: Final = 1e-4

_SIDES: Final = (1.0, -1.0)
"""Left and right of the way along an aisle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BinPlace:
    """Where a bin is in its shelf: `along_m` from the shelf's middle, `width_m` wide, on a level from 0."""

    name: str
    along_m: float
    width_m: float
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A box on the floor.  `x` and `y` are its middle (m), `yaw` (rad) turns its long side.

    Its front looks to the right of its long side, at -y in its own frame; that is where the aisle is.
    """

    x: float
    y: float
    yaw: float
    length_m: float
    depth_m: float
    levels: int
    bins: tuple[BinPlace, ...]

    @property
    def outline(self) -> Polygon:
        """Return the floor that it stands on."""
        half_x, half_y = self.length_m / 2, self.depth_m / 2
        c, s = cos(self.yaw), sin(self.yaw)
        corners = ((-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y))
        return Polygon([(self.x + c * i - s * j, self.y + s * i + c * j) for i, j in corners])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelving:
    """All shelves of a warehouse, and the bins (by name) for which there is no room beside their node."""

    shelves: tuple[Shelf, ...]
    without: tuple[str, ...]


class _Cell(NamedTuple):
    """A node's piece of shelf on one side, in the frame of a shelf that looks at the aisle.

    `yaw` is the shelf's.  In that frame the piece reaches from `low_m` to `high_m` along the aisle, and from
    `front_m` on across it.
    """

    node: Node
    yaw: float
    low_m: float
    high_m: float
    front_m: float
    depth_m: float


class _Slice(NamedTuple):
    cell: int
    low_m: float
    high_m: float


def shelving(warehouse: Warehouse) -> Shelving:
    """Return the shelves of a map.  The same map gives the same shelves, in the same order."""
    ways = _Ways(warehouse)
    cells = [cell for node in _with_bins(warehouse) for cell in _cells(node, ways)]
    slices = [
        _Slice(
            number,
            cell.low_m + part * (cell.high_m - cell.low_m) / _SLICES,
            cell.low_m + (part + 1) * (cell.high_m - cell.low_m) / _SLICES,
        )
        for number, cell in enumerate(cells)
        for part in range(_SLICES)
    ]
    free = _free(cells, slices, ways, warehouse)
    rows = list(_joined(cells, [one for one, stands in zip(slices, free, strict=True) if stands]))
    places, without = _places(warehouse, cells, rows)
    return Shelving(
        shelves=tuple(_shelf(cells, row, placed) for row, placed in zip(rows, places, strict=True)),
        without=without,
    )


def _with_bins(warehouse: Warehouse) -> list[Node]:
    return [warehouse.nodes[number] for number in sorted(set(warehouse.bins.values()))]


class _Ways:
    """The ways of a map without their direction, and who is whose neighbour."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._nodes = warehouse.nodes
        pairs: list[Pair] = sorted({(min(pair), max(pair)) for pair in warehouse.edges})
        self._ends = [
            ((a.x, a.y), (b.x, b.y))
            for a, b in ((self._nodes[one], self._nodes[other]) for one, other in pairs)
        ]
        self.tree = STRtree([LineString(ends) for ends in self._ends])
        self._neighbours: dict[int, list[int]] = {}
        for one, other in pairs:
            self._neighbours.setdefault(one, []).append(other)
            self._neighbours.setdefault(other, []).append(one)

    def aisle(self, node: Node) -> tuple[float, float, float] | None:
        """Return the direction (rad) of the aisle on which a node is, and how far (m) it goes ahead and back.

        Of several ways it is one that goes straight on at the node, and one to other bins.  None without any.
        """
        others = [self._nodes[number] for number in self._neighbours.get(node.id, [])]
        if not others:
            return None
        away = {other.id: (other.x - node.x, other.y - node.y) for other in others}

        def straight_on(one: int) -> int | None:
            x, y = away[one]
            return next(
                (
                    other
                    for other, (i, j) in away.items()
                    if x * i + y * j < 0 and abs(x * j - y * i) <= _TOUCH_M * hypot(x, y)
                ),
                None,
            )

        first = max(
            others,
            key=lambda other: (straight_on(other.id) is not None, bool(other.bins), -other.id),
        )
        x, y = away[first.id]
        onward = straight_on(first.id)
        ahead_m = hypot(x, y)
        back_m = ahead_m if onward is None else hypot(*away[onward])
        yaw = atan2(y, x)
        # One direction for there and back, so that pieces of one aisle are known as such.
        if not -_TOUCH_M < yaw < pi - _TOUCH_M:
            return yaw % pi, back_m, ahead_m
        return yaw, ahead_m, back_m

    def room_m(self, node: Node, yaw: float, low_m: float, high_m: float) -> float:
        """Return how far the next way beside a piece of aisle is, on the left of `yaw`; infinity without one."""
        reach_m = 2 * (_AISLE_HALF_M_MAX + DEPTH_M_MAX + _BACK_GAP_M)
        c, s = cos(yaw), sin(yaw)
        along = c * node.x + s * node.y
        strip = _rectangle(yaw, (low_m, high_m), (c * node.y - s * node.x + _TOUCH_M * 10, reach_m))
        nearest_m = inf
        for index in self.tree.query(strip, predicate="intersects").tolist():
            (x1, y1), (x2, y2) = (
                (c * (x - node.x) + s * (y - node.y), c * (y - node.y) - s * (x - node.x))
                for x, y in self._ends[index]
            )
            if abs(y2 - y1) > _PARALLEL * abs(x2 - x1):
                continue
            # Where it enters and leaves the strip.
            for at in (max(min(x1, x2), low_m - along), min(max(x1, x2), high_m - along)):
                across = y1 + (at - x1) / (x2 - x1) * (y2 - y1)
                if across > _TOUCH_M * 10:
                    nearest_m = min(nearest_m, across)
        return nearest_m


def _rectangle(
    yaw: float, along_m: tuple[float, float], front_and_depth_m: tuple[float, float]
) -> Polygon:
    """Return a rectangle that is told in a frame turned by `yaw`."""
    c, s = cos(yaw), sin(yaw)
    (low, high), (front, depth) = along_m, front_and_depth_m
    corners = ((low, front), (high, front), (high, front + depth), (low, front + depth))
    return Polygon([(c * i - s * j, s * i + c * j) for i, j in corners])


def _cells(node: Node, ways: _Ways) -> Iterator[_Cell]:
    """Yield a node's piece of shelf on either side, where there is room between its aisle and the next."""
    aisle = ways.aisle(node)
    if aisle is None:
        return
    direction, ahead_m, back_m = aisle
    for side in _SIDES:
        yaw = direction if side > 0 else direction + pi
        ahead, back = (ahead_m, back_m) if side > 0 else (back_m, ahead_m)
        along = cos(yaw) * node.x + sin(yaw) * node.y
        across = cos(yaw) * node.y - sin(yaw) * node.x
        low_m, high_m = along - _half_bay_m(back), along + _half_bay_m(ahead)
        room_m = ways.room_m(node, yaw, low_m, high_m)
        half_m = min(max(room_m / 4, CLEARANCE_M), _AISLE_HALF_M_MAX)
        depth_m = min(DEPTH_M_MAX, (room_m - _BACK_GAP_M) / 2 - half_m)
        if depth_m >= DEPTH_M_MIN:
            yield _Cell(node, yaw, low_m, high_m, across + half_m, depth_m)


def _half_bay_m(way_m: float) -> float:
    return min(way_m / 2, _HALF_BAY_M_MAX) if way_m else _HALF_BAY_M_ALONE


def _free(
    cells: list[_Cell], slices: list[_Slice], ways: _Ways, warehouse: Warehouse
) -> NDArray[np.bool_]:
    """Tell which slices stand clear of ways, refuges and the slices before them."""
    if not slices:
        return np.zeros(0, dtype=np.bool_)
    boxes = np.array(
        [
            _rectangle(
                cells[one.cell].yaw,
                (one.low_m, one.high_m),
                (cells[one.cell].front_m, cells[one.cell].depth_m),
            )
            for one in slices
        ]
    )
    free = np.ones(len(slices), dtype=np.bool_)
    near = ways.tree.query(boxes, predicate="dwithin", distance=CLEARANCE_M - _TOUCH_M / 100)
    free[near[0]] = False
    refuges = [
        Polygon(zone.corners, zone.holes)
        for zone in warehouse.zones.values()
        if zone.kind is ZoneKind.REFUGE
    ]
    free[STRtree(refuges).query(boxes, predicate="intersects")[0]] = False
    smaller = shapely.buffer(boxes, -_TOUCH_M * 10, join_style="mitre")
    pairs = STRtree(smaller).query(smaller, predicate="intersects")
    for later, earlier in sorted(zip(pairs[0].tolist(), pairs[1].tolist(), strict=True)):
        if earlier < later and free[earlier]:
            free[later] = False
    return free


def _joined(cells: list[_Cell], slices: list[_Slice]) -> Iterator[list[_Slice]]:
    """Yield rows of slices that touch, look at the same aisle and are equally deep."""

    def line(one: _Slice) -> tuple[int, int, int]:
        cell = cells[one.cell]
        return (
            round(cell.yaw / _TOUCH_M),
            round(cell.front_m / _TOUCH_M),
            round(cell.depth_m / _TOUCH_M),
        )

    for _, on_line in groupby(sorted(slices, key=lambda one: (line(one), one.low_m)), key=line):
        row: list[_Slice] = []
        for one in on_line:
            if row and one.low_m - row[-1].high_m > _TOUCH_M:
                yield row
                row = []
            row.append(one)
        yield row


def _places(
    warehouse: Warehouse, cells: list[_Cell], rows: list[list[_Slice]]
) -> tuple[list[list[BinPlace]], tuple[str, ...]]:
    """Return the bins in each row, and those without a place: a node's bins are dealt out left, right, left, ..."""
    standing: dict[int, list[tuple[int, float, float]]] = {}
    for number, row in enumerate(rows):
        for cell, parts in groupby(sorted(row, key=lambda one: one.cell), key=lambda one: one.cell):
            spans = list(parts)
            low_m, high_m = min(one.low_m for one in spans), max(one.high_m for one in spans)
            standing.setdefault(cells[cell].node.id, []).append((number, low_m, high_m))
    places: list[list[BinPlace]] = [[] for _ in rows]
    without: list[str] = []
    for node in _with_bins(warehouse):
        beside = sorted(standing.get(node.id, []))
        if not beside:
            without += node.bins
        for turn, (number, low_m, high_m) in enumerate(beside):
            middle_m = (rows[number][0].low_m + rows[number][-1].high_m) / 2
            span_m = (low_m - middle_m, high_m - middle_m)
            places[number] += _stacked(node.bins[turn :: len(beside)], *span_m)
    return places, tuple(without)


def _stacked(names: tuple[str, ...], low_m: float, high_m: float) -> Iterator[BinPlace]:
    levels = min(len(names), _LEVELS_MAX)
    columns = ceil(len(names) / levels) if levels else 0
    for number, name in enumerate(names):
        column, level = divmod(number, levels)
        width_m = (high_m - low_m) / columns
        yield BinPlace(
            name=name, along_m=low_m + (column + 0.5) * width_m, width_m=width_m, level=level
        )


def _shelf(cells: list[_Cell], row: list[_Slice], bins: list[BinPlace]) -> Shelf:
    cell = cells[row[0].cell]
    along = (row[0].low_m + row[-1].high_m) / 2
    across = cell.front_m + cell.depth_m / 2
    c, s = cos(cell.yaw), sin(cell.yaw)
    return Shelf(
        x=c * along - s * across,
        y=s * along + c * across,
        yaw=cell.yaw,
        length_m=row[-1].high_m - row[0].low_m,
        depth_m=cell.depth_m,
        levels=max(_LEVELS_MIN, *(place.level + 1 for place in bins), 0),
        bins=tuple(bins),
    )
