# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Block-layout warehouses of any size, for tests, benchmarks and simulation.

The layout is the usual one of order-picking research (de Koster, Le-Duc, Roodbergen 2007): parallel aisles with
bins on both sides, joined by a front and a back cross aisle; further cross aisles between them part the
aisles into blocks.

    y ^   R-o--o--o--o--o-R     back cross aisle       o  a crossing
      |     |  |  |  |  |                              |  an aisle: a node at every bay, bins on both sides
      |     o--o--o--o--o                              D  a depot
      |     |  |  |  |  |                              R  a refuge, on a spur at the end of a cross aisle
      |   R-o--o--o--o--o-R     front cross aisle
      |     D     D             (first aisle at x = 0, front cross aisle at y = 0)
      +-------------------> x
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final

from fallback_guard.core.limits import SPEED_LIMIT_MPS_MIN
from fallback_guard.core.warehouse import Edge, Node, ZoneKind
from fallback_guard.maps.geojson_features import SPEED_LIMIT_MPS_MAX
from fallback_guard.maps.geojson_writing import (
    Point,
    collection,
    edge_feature,
    node_feature,
    zone_feature,
)

SIDES: Final = 2
"""An aisle has bins to its left and to its right."""

BINS_MAX: Final = 200_000
"""Twice the largest map that is measured."""

_BLOCK_DEPTH_M: Final = 60.0
"""An aisle longer than this gets a further cross aisle."""

_BLOCKS_MAX: Final = 4

_REFUGE_HALF_M: Final = 0.6
"""Half the side of a refuge: room for one picker."""

_WIDTH_MIN: Final = 3
"""Digits of an aisle's and a bay's number in a bin's name at least."""


class SpecError(ValueError):
    """A specification that no warehouse can follow.  The message names the field and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSpec:
    """A block-layout warehouse.

    `bays` counts the picking positions in an aisle between two cross aisles, `levels` the bins above one
    another on each side of a bay; `bins` leaves the bins after so many without a name (None: all have one).
    With `one_way`, picking aisles are driven up and down in turn.  `keep_outs` closes that many pieces of the
    back cross aisle.  Refuges lie at the ends of the cross aisles, the front one's first.
    """

    aisles: int
    cross_aisles: int = 2
    bays: int
    levels: int = 1
    bins: int | None = None
    aisle_pitch_m: float = 3.0
    bay_pitch_m: float = 1.0
    one_way: bool = False
    depots: int = 1
    refuges: int = 2
    no_waiting: bool = False
    aisle_speed_limit_mps: float | None = None
    keep_outs: int = 0

    def __post_init__(self) -> None:
        """Raise SpecError for what cannot be built."""
        for field, at_least, at_most in (
            ("aisles", 2, 1_000),
            ("cross_aisles", 2, 20),
            ("bays", 1, 1_000),
            ("levels", 1, 20),
            ("depots", 1, self.aisles),
            ("refuges", 0, 2 * self.cross_aisles),
            ("keep_outs", 0, max(0, (self.aisles - 2) // 2)),
            ("aisle_pitch_m", 1.5, 50.0),
            ("bay_pitch_m", 0.2, 50.0),
        ):
            if not at_least <= getattr(self, field) <= at_most:
                raise SpecError(
                    f"{field} is {getattr(self, field)}. Choose one from {at_least} to {at_most}"
                )
        limit_mps = self.aisle_speed_limit_mps
        if limit_mps is not None and not SPEED_LIMIT_MPS_MIN <= limit_mps <= SPEED_LIMIT_MPS_MAX:
            raise SpecError(
                f"aisle_speed_limit_mps is {limit_mps}. "
                f"Choose one from {SPEED_LIMIT_MPS_MIN} to {SPEED_LIMIT_MPS_MAX:.0f}"
            )
        positions = self.aisles * self.locations
        if positions > BINS_MAX:
            raise SpecError(
                f"it has {positions} picking positions. Choose fewer aisles, cross aisles or bays, "
                f"for {BINS_MAX} at most"
            )
        if self.bins is None and self.places > BINS_MAX:
            raise SpecError(
                f"it has room for {self.places} bins. Choose fewer aisles, cross aisles, bays or "
                f"levels, for {BINS_MAX} at most"
            )
        bins_max = min(self.places, BINS_MAX)
        if self.bins is not None and not 1 <= self.bins <= bins_max:
            raise SpecError(f"bins is {self.bins}. Choose one from 1 to {bins_max}, its places")

    @property
    def locations(self) -> int:
        """Picking positions in one aisle, all blocks together."""
        return self.bays * (self.cross_aisles - 1)

    @property
    def places(self) -> int:
        """Bins for which there is room."""
        return self.aisles * self.locations * SIDES * self.levels


def spec_for_bins(bins: int, *, one_way: bool = False) -> BlockSpec:
    """Return a warehouse about as wide as deep with exactly so many bins.  Raises SpecError."""
    if not 1 <= bins <= BINS_MAX:
        raise SpecError(f"bins is {bins}. Choose one from 1 to {BINS_MAX}")
    pitch_m, bay_m = 3.0, 1.0
    locations = ceil(bins / SIDES)
    aisles = max(2, round(sqrt(locations * bay_m / pitch_m)))
    depth = ceil(locations / aisles)
    blocks = min(_BLOCKS_MAX, max(1, round(depth * bay_m / _BLOCK_DEPTH_M)))
    bays = ceil(depth / blocks)
    aisles = max(2, ceil(locations / (bays * blocks)))
    return BlockSpec(
        aisles=aisles,
        cross_aisles=blocks + 1,
        bays=bays,
        bins=bins,
        aisle_pitch_m=pitch_m,
        bay_pitch_m=bay_m,
        one_way=one_way,
        depots=min(aisles, max(1, aisles // 20)),
        refuges=2 * (blocks + 1),
    )


def block_warehouse(spec: BlockSpec) -> bytes:
    """Return the warehouse as a map file.  The same specification gives the same bytes.

    Node 1 is the first depot.  Node ids go on with the refuges' and the aisles' nodes, edge ids with the next
    power of ten, zone ids after the edges'.
    """
    return collection(_Builder(spec).features(), name="block_warehouse")


class _Builder:
    """Numbers and places what a specification asks for."""

    def __init__(self, spec: BlockSpec) -> None:
        self._spec = spec
        self._depth_m = (spec.bays + 1) * spec.bay_pitch_m
        self._nodes: list[Node] = []
        self._pairs: list[tuple[int, int, bool]] = []  # start, end, in a picking aisle
        self._crossings: dict[tuple[int, int], int] = {}
        self._refuges: list[int] = []
        self._bins_left = spec.places if spec.bins is None else spec.bins
        self._widths = tuple(
            max(_WIDTH_MIN, len(str(most))) for most in (spec.aisles, spec.locations)
        )

    def features(self) -> Iterator[dict[str, object]]:
        spec = self._spec
        depots = [self._depot(number) for number in range(spec.depots)]
        spurs = [self._spur(number) for number in range(spec.refuges)]
        for aisle in range(spec.aisles):
            self._aisle(aisle)
        for cross in range(spec.cross_aisles):
            for aisle in range(spec.aisles - 1):
                ends = self._crossings[aisle, cross], self._crossings[aisle + 1, cross]
                self._both_ways(*ends)
        for node, crossing in (*depots, *spurs):
            self._both_ways(node, self._crossings[crossing])
        yield from (node_feature(node) for node in self._nodes)
        first_edge = 10 ** len(str(len(self._nodes)))
        yield from self._edges(first_edge)
        yield from self._zones(first_edge + len(self._pairs))

    def _node(self, x: float, y: float, bins: tuple[str, ...] = (), **more: bool) -> int:
        node = Node(id=len(self._nodes) + 1, x=round(x, 6), y=round(y, 6), bins=bins, **more)
        self._nodes.append(node)
        return node.id

    def _depot(self, number: int) -> tuple[int, tuple[int, int]]:
        aisle = number * self._spec.aisles // self._spec.depots
        pitch_m = self._spec.aisle_pitch_m
        return self._node(aisle * pitch_m, -pitch_m), (aisle, 0)

    def _spur(self, number: int) -> tuple[int, tuple[int, int]]:
        spec = self._spec
        cross, right = divmod(number, 2)
        x = spec.aisles * spec.aisle_pitch_m if right else -spec.aisle_pitch_m
        node = self._node(x, cross * self._depth_m)
        self._refuges.append(node)
        return node, (spec.aisles - 1 if right else 0, cross)

    def _aisle(self, aisle: int) -> None:
        spec = self._spec
        x = aisle * spec.aisle_pitch_m
        before = self._crossings[aisle, 0] = self._node(x, 0.0)
        for block in range(spec.cross_aisles - 1):
            for bay in range(1, spec.bays + 1):
                y = block * self._depth_m + bay * spec.bay_pitch_m
                bins = self._bin_names(aisle, block * spec.bays + bay)
                node = self._node(x, y, bins, no_waiting=spec.no_waiting)
                self._aisle_piece(aisle, before, node)
                before = node
            node = self._crossings[aisle, block + 1] = self._node(x, (block + 1) * self._depth_m)
            self._aisle_piece(aisle, before, node)
            before = node

    def _bin_names(self, aisle: int, location: int) -> tuple[str, ...]:
        count = min(self._bins_left, SIDES * self._spec.levels)
        self._bins_left -= count
        wide, deep = self._widths
        high = len(str(SIDES * self._spec.levels))
        place = f"A{aisle + 1:0{wide}d}-L{location:0{deep}d}"
        return tuple(f"{place}-{number:0{high}d}" for number in range(1, count + 1))

    def _aisle_piece(self, aisle: int, low: int, high: int) -> None:
        down = self._spec.one_way and aisle % 2 == 1
        if not down:
            self._pairs.append((low, high, True))
        if down or not self._spec.one_way:
            self._pairs.append((high, low, True))

    def _both_ways(self, one: int, other: int) -> None:
        self._pairs += [(one, other, False), (other, one, False)]

    def _at(self, node: int) -> Point:
        return self._nodes[node - 1].x, self._nodes[node - 1].y

    def _edges(self, first: int) -> Iterator[dict[str, object]]:
        limit_mps = self._spec.aisle_speed_limit_mps
        for number, (start, end, in_aisle) in enumerate(self._pairs, start=first):
            ends = self._at(start), self._at(end)
            length_m = abs(ends[0][0] - ends[1][0]) + abs(ends[0][1] - ends[1][1])
            yield edge_feature(
                Edge(
                    id=number,
                    start=start,
                    end=end,
                    length_m=length_m,
                    speed_limit_mps=limit_mps if in_aisle else None,
                ),
                ends,
            )

    def _zones(self, first: int) -> Iterator[dict[str, object]]:
        spec = self._spec
        number = first
        half_m = min(_REFUGE_HALF_M, spec.aisle_pitch_m / 4)
        for node in self._refuges:
            yield zone_feature(number, ZoneKind.REFUGE, self._at(node), (half_m, half_m))
            number += 1
        back_m = (spec.cross_aisles - 1) * self._depth_m
        half_y_m = min(half_m, spec.bay_pitch_m / 2)
        for closed in range(spec.keep_outs):
            # Between a down and an up aisle: each pair of them stays joined at the back, so that aisles of
            # both directions can still be left.
            centre = (2 * closed + 1.5) * spec.aisle_pitch_m, back_m
            size_m = spec.aisle_pitch_m / 4, half_y_m
            yield zone_feature(number, ZoneKind.KEEP_OUT, centre, size_m)
            number += 1
