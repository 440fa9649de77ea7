# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Drives a differential-drive robot along a way: regulated pure pursuit.

Coulter, "Implementation of the pure pursuit path tracking algorithm" (1992): steer on the arc that leads to a point
some way ahead.  Macenski, Singh, Martin and Gines, "Regulated pure pursuit for robot path tracking" (2023): look
further ahead at higher speed, slow down where that arc is tight, and before the end.  Added here: a way is cut at
sharp corners into runs, at whose ends the robot stands and turns in place; and every change is bounded by what the
robot can do.
"""

from dataclasses import dataclass
from math import atan2, copysign, cos, hypot, pi, remainder, sin, sqrt
from typing import Final

from fallback_guard.driving.way import Way
from fallback_guard.driving.whereabouts import Pose

_SPEED_MPS_MIN: Final = 0.03
"""So fast it still creeps to a run's end, which braking alone would approach for ever."""

_ALIGNED_RAD: Final = 0.05
"""A robot that turns in place goes on when it is this close to its direction."""

_TURN_RADPS_MIN: Final = 0.05
"""The same for a direction: so fast it still turns to it."""

_SEARCH_M: Final = 1.0
"""How far beyond where it was last the robot is looked for on its way."""

_STEP_S_MAX: Final = 0.25
"""A longer time since the last step says that something was held up; speed is not made up for it."""

_REGULATED_M: Final = 0.9
"""Radius below which an arc is driven slower in proportion: the paper's implementation begins with the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PursuitConfig:
    """What the robot can do, and how it is steered.

    The point ahead is as far away as it drives in `lookahead_s`, within the two bounds.  A corner of more than
    `turn_in_place_rad` is turned standing.  `end_m` before an end it brakes to a stand.  Further than `off_m_max` from
    its way it is not on it any more.
    """

    speed_mps: float
    acceleration_mps2: float
    turn_radps: float
    turn_acceleration_radps2: float
    lookahead_s: float
    lookahead_m_min: float
    lookahead_m_max: float
    turn_in_place_rad: float
    end_m: float
    off_m_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Velocity:
    """Forward (m/s) and counter-clockwise (rad/s)."""

    linear_mps: float = 0.0
    angular_radps: float = 0.0


class Pursuit:
    """One goal: a way to its end.  `is_done` and `is_off` tell how it ended; it then says to stand."""

    def __init__(self, config: PursuitConfig, way: Way) -> None:
        """Begin at the way's beginning, standing."""
        self._config = config
        self._way = way
        self._along_m = 0.0
        self._runs_m = _run_ends(way, config.turn_in_place_rad)
        self._turning = True  # To where the way leads, if it has to.
        self._velocity = Velocity()
        self._seconds = 0.0
        self.is_done = not self._runs_m
        self.off_m = 0.0
        self.is_off = False

    def step(self, pose: Pose, seconds: float) -> Velocity:
        """Return what the wheels shall do, `seconds` after the last step on the robot's clock."""
        if self.is_done or self.is_off:
            self._velocity = Velocity()
            return self._velocity
        seconds = max(0.0, min(_STEP_S_MAX, seconds))
        self._along_m, self.off_m = self._way.nearest(
            pose.x,
            pose.y,
            from_m=self._along_m,
            to_m=min(self._runs_m[0], self._along_m + _SEARCH_M),
        )
        self._seconds = seconds
        self._velocity = self._bounded(self._wanted(pose), seconds)
        # Written so that NaN is off.
        self.is_off = not self.off_m <= self._config.off_m_max
        if self.is_off:
            self._velocity = Velocity()
        elif self._is_at_end and self._velocity == Velocity():
            self._end_run()
        return self._velocity

    @property
    def _is_at_end(self) -> bool:
        """Whether the robot is so near the end of its run that braking leads there."""
        return self._runs_m[0] - self._along_m <= self._config.end_m

    def _end_run(self) -> None:
        """Begin the next run, by turning; or be done."""
        self._along_m = self._runs_m.pop(0)
        self._turning = True
        self.is_done = not self._runs_m

    def _wanted(self, pose: Pose) -> Velocity:
        if self._is_at_end:
            return Velocity()
        x, y = self._ahead()
        dx, dy = x - pose.x, y - pose.y
        bearing_rad = remainder(atan2(dy, dx) - pose.theta, 2 * pi)
        if self._turning or abs(bearing_rad) > self._config.turn_in_place_rad:
            self._turning = abs(bearing_rad) > _ALIGNED_RAD
            if self._turning:
                return self._turn(bearing_rad)
        distance_m = max(hypot(dx, dy), 1e-3)
        curvature = 2.0 * sin(bearing_rad) / distance_m
        speed_mps = self._regulated(curvature)
        return Velocity(linear_mps=speed_mps, angular_radps=speed_mps * curvature)

    def _ahead(self) -> tuple[float, float]:
        """Return the point to drive to; beyond the run's end straight on, so that its direction stays a good one."""
        config = self._config
        lookahead_m = max(
            config.lookahead_m_min,
            min(config.lookahead_m_max, self._velocity.linear_mps * config.lookahead_s),
        )
        beyond_m = self._along_m + lookahead_m - self._runs_m[0]
        if beyond_m <= 0.0:
            return self._way.at(self._along_m + lookahead_m)
        heading_rad = self._way.heading(self._way.leg(self._runs_m[0] - 1e-9))
        x, y = self._way.at(self._runs_m[0])
        return x + beyond_m * cos(heading_rad), y + beyond_m * sin(heading_rad)

    def _turn(self, bearing_rad: float) -> Velocity:
        # w^2 = 2 a s: so fast that it can stop there.
        can_stop = sqrt(2.0 * self._config.turn_acceleration_radps2 * abs(bearing_rad))
        return Velocity(
            angular_radps=copysign(
                max(_TURN_RADPS_MIN, min(self._config.turn_radps, can_stop)), bearing_rad
            )
        )

    def _regulated(self, curvature: float) -> float:
        config = self._config
        # What it says now takes effect until it says the next.
        left_m = max(
            0.0,
            self._runs_m[0] - self._along_m - self._velocity.linear_mps * self._seconds,
        )
        brakes_in_m = self._velocity.linear_mps**2 / (2.0 * config.acceleration_mps2)
        speed_mps = min(
            config.speed_mps,
            self._slower_ahead(brakes_in_m),
            # v^2 = 2 a s
            max(_SPEED_MPS_MIN, sqrt(2.0 * config.acceleration_mps2 * left_m)),
        )
        tight = abs(curvature) * _REGULATED_M
        if tight > 1.0:
            speed_mps /= tight
        if abs(curvature) * speed_mps > config.turn_radps:
            speed_mps = config.turn_radps / abs(curvature)
        return speed_mps

    def _slower_ahead(self, brakes_in_m: float) -> float:
        """Return the limit of the leg it is on, or of one that it has to brake for now."""
        return self._way.limit_mps(
            self._along_m, min(self._way.length_m, self._along_m + brakes_in_m)
        )

    def _bounded(self, wanted: Velocity, seconds: float) -> Velocity:
        """Return what can be done of what is wanted, from the speeds it has."""
        config, now = self._config, self._velocity
        linear_mps = _towards(now.linear_mps, wanted.linear_mps, config.acceleration_mps2 * seconds)
        angular_radps = _towards(
            now.angular_radps, wanted.angular_radps, config.turn_acceleration_radps2 * seconds
        )
        return Velocity(linear_mps=linear_mps, angular_radps=angular_radps)


def _towards(now: float, wanted: float, change_max: float) -> float:
    return now + max(-change_max, min(change_max, wanted - now))


def _run_ends(way: Way, corner_rad: float) -> list[float]:
    """Return how far along the ends of its runs are: sharp corners, and the end."""
    corners = [
        way.at_m[leg]
        for leg in range(1, len(way.points) - 1)
        if abs(remainder(way.heading(leg) - way.heading(leg - 1), 2 * pi)) > corner_rad
    ]
    return [*corners, way.length_m] if len(way.points) > 1 else []
