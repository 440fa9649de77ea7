# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How a picker drives along waypoints: bounded speed and acceleration, a stop at every pick.

A point mass on a polyline with a trapezoidal speed profile; corners cost nothing.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import atan2, hypot, inf, sqrt
from typing import Final

_NEAR_M: Final = 1e-3
"""A picker this close to a place is at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """What the picker can do: m/s, m/s^2, and seconds for one pick."""

    speed_mps: float
    acceleration_mps2: float
    pick_time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A point to drive to (m), the speed limit on the way there (m/s), and the picks to do there."""

    x: float
    y: float
    speed_limit_mps: float = inf
    picks: int = 0


class Picker:
    """A picker somewhere on the plane, on its way along legs or at rest."""

    def __init__(self, ability: Ability, *, x: float, y: float) -> None:
        """Stand at a point (m)."""
        self._ability = ability
        self.x, self.y, self.theta = x, y, 0.0
        self.speed_mps = 0.0
        self._braking = False
        self._along_m = 0.0
        self._picking_s = 0.0
        self._follow([])

    @property
    def picks_done(self) -> int:
        """How many of the picks of the present way are done."""
        return self._picks_done

    @property
    def at_rest(self) -> bool:
        """Whether it neither moves nor picks nor has anywhere to go."""
        return self.speed_mps == 0.0 and (self._braking or self._arrived) and self._picking_s <= 0.0

    def follow(self, legs: Sequence[Leg]) -> None:
        """Drive along `legs` from where it is, at the speed it has."""
        self._braking = False
        self._follow(legs)

    def put(self, x: float, y: float) -> None:
        """Be moved to a point (m) by somebody else, and stand there."""
        self.x, self.y, self.speed_mps = x, y, 0.0
        self.follow([])

    def brake(self) -> None:
        """Stop as quickly as it can, and forget where it was going."""
        self._braking = True
        self._picking_s = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass: drive, brake or pick."""
        if self._picking_s > 0.0:
            self._picking_s -= seconds
            if self._picking_s <= 0.0:
                self._picks_done += self._picks
            return
        self.speed_mps = self._next_speed(seconds)
        self._along_m = min(self._along_m + self.speed_mps * seconds, self._next_stop_m)
        self._place()
        if self._stops and not self._braking and self._next_stop_m - self._along_m < _NEAR_M:
            self._stop_here()

    def _follow(self, legs: Sequence[Leg]) -> None:
        self._points = [(self.x, self.y), *((leg.x, leg.y) for leg in legs)]
        lengths = (hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(self._points))
        self._at_m = [0.0, *accumulate(lengths)]
        self._limits_mps = [leg.speed_limit_mps for leg in legs]
        self._stops = [
            (self._at_m[i], leg.picks) for i, leg in enumerate(legs, start=1) if leg.picks
        ]
        if legs:
            self._stops.append((self._at_m[-1], 0))
        self._along_m = 0.0
        self._picking_s = 0.0
        self._picks = self._picks_done = 0

    @property
    def _arrived(self) -> bool:
        return not self._stops

    @property
    def _next_stop_m(self) -> float:
        return self._stops[0][0] if self._stops else self._at_m[-1]

    def _next_speed(self, seconds: float) -> float:
        step = self._ability.acceleration_mps2 * seconds
        if self._braking or self._arrived:
            return max(0.0, self.speed_mps - step)
        rest_m = max(0.0, self._next_stop_m - self._along_m)
        # v^2 = 2 a s, with one step kept back because speed only changes from step to step.
        can_stop_mps = sqrt(2 * self._ability.acceleration_mps2 * rest_m)
        allowed = min(
            self._ability.speed_mps,
            self._limits_mps[self._segment()],
            max(can_stop_mps - step, step),
        )
        return (
            min(self.speed_mps + step, allowed)
            if allowed >= self.speed_mps
            else max(allowed, self.speed_mps - 2 * step)
        )

    def _segment(self) -> int:
        return min(bisect_right(self._at_m, self._along_m), len(self._at_m) - 1) - 1

    def _place(self) -> None:
        if len(self._points) < 2:  # noqa: PLR2004  # one point is no way
            return
        segment = self._segment()
        (x0, y0), (x1, y1) = self._points[segment], self._points[segment + 1]
        length_m = self._at_m[segment + 1] - self._at_m[segment]
        share = (self._along_m - self._at_m[segment]) / length_m if length_m else 1.0
        self.x, self.y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
        if length_m:
            self.theta = atan2(y1 - y0, x1 - x0)

    def _stop_here(self) -> None:
        _, self._picks = self._stops.pop(0)
        self.speed_mps = 0.0
        self._picking_s = self._picks * self._ability.pick_time_s
        if not self._picking_s:
            self._picks_done += self._picks
