# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A way as a line of straight legs: how far along it something is, and what comes next."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import atan2, hypot, inf
from typing import Final

from fallback_guard.core.waypoint import Waypoint

_SHORT_M: Final = 1e-6
"""Two points this close are one: no direction leads from one to the other."""


class Way:
    """At least one point, and the legs between each and the next, with their speed limits (m/s).

    Places on it are said as metres along it from its beginning.
    """

    def __init__(self, x: float, y: float, points: Sequence[Waypoint]) -> None:
        """Lead from a place (m) through `points`, each with the limit on the way to it."""
        self.points: list[tuple[float, float]] = [(x, y)]
        self._limits_mps: list[float] = []
        for point in points:
            last_x, last_y = self.points[-1]
            if hypot(point.x - last_x, point.y - last_y) > _SHORT_M:
                self.points.append((point.x, point.y))
                self._limits_mps.append(point.speed_limit_mps or inf)
        lengths = (hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(self.points))
        self.at_m = [0.0, *accumulate(lengths)]
        """How far along each point is."""

    @property
    def length_m(self) -> float:
        """Its whole length."""
        return self.at_m[-1]

    def leg(self, along_m: float) -> int:
        """Return the number of the leg there; -1 where there is no leg at all."""
        return min(bisect_right(self.at_m, along_m), len(self.at_m) - 1) - 1

    def heading(self, leg: int) -> float:
        """Return where a leg leads (rad)."""
        (x0, y0), (x1, y1) = self.points[leg], self.points[leg + 1]
        return atan2(y1 - y0, x1 - x0)

    def at(self, along_m: float) -> tuple[float, float]:
        """Return the place there (m); beyond the end, straight on."""
        leg = self.leg(along_m)
        if leg < 0:
            return self.points[0]
        (x0, y0), (x1, y1) = self.points[leg], self.points[leg + 1]
        share = (along_m - self.at_m[leg]) / (self.at_m[leg + 1] - self.at_m[leg])
        return x0 + share * (x1 - x0), y0 + share * (y1 - y0)

    def nearest(self, x: float, y: float, *, from_m: float, to_m: float) -> tuple[float, float]:
        """Return how far along the place nearest to a point (m) is, and how far off it the point is.

        Only between `from_m` and `to_m`, because a way may come past itself.  Of two equally near the first.
        """
        first = self.leg(from_m)
        if first < 0:
            return 0.0, hypot(x - self.points[0][0], y - self.points[0][1])
        best = (inf, from_m)
        for leg in range(first, len(self.points) - 1):
            begin_m, end_m = self.at_m[leg], self.at_m[leg + 1]
            if begin_m > to_m:
                break
            (x0, y0), (x1, y1) = self.points[leg], self.points[leg + 1]
            length_m = end_m - begin_m
            forward_m = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length_m
            along_m = max(from_m, begin_m, min(to_m, end_m, begin_m + forward_m))
            place_x, place_y = self.at(along_m) if along_m < end_m else (x1, y1)
            best = min(best, (hypot(x - place_x, y - place_y), along_m))
        return best[1], best[0]

    def limit_mps(self, from_m: float, to_m: float) -> float:
        """Return the lowest speed limit of the legs between two places; infinity where there is none."""
        if not self._limits_mps:
            return inf
        return min(self._limits_mps[self.leg(from_m) : self.leg(to_m) + 1])

    def rest(self, along_m: float) -> tuple[Waypoint, ...]:
        """Return the points after a place; the last one where there are none after it."""
        number = min(bisect_right(self.at_m, along_m), len(self.points) - 1)
        return tuple(
            Waypoint(node=0, x=x, y=y, speed_limit_mps=self._limit(place - 1))
            for place, (x, y) in enumerate(self.points[number:], start=number)
        )

    def _limit(self, leg: int) -> float | None:
        if leg < 0:
            return None
        limit_mps = self._limits_mps[leg]
        return None if limit_mps == inf else limit_mps
