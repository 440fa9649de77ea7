# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Where the robot is, by one source of poses: in the map's frame, fresh, finite and on the map's graph, or lost.

Two questions with two answers.  What drives the wheels needs the pose as it was measured, also beside the graph, where
an obstacle may have led it.  The guard needs the place on the graph, and is told `lost` where the robot is off it.
"""

from dataclasses import dataclass
from math import cos, hypot, isfinite, sin

from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import COORDINATE_M_MAX
from fallback_guard.core.units import ns_to_seconds
from fallback_guard.driving.snapping import Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """A place (m) and a direction (rad, 0 along x, counter-clockwise)."""

    x: float
    y: float
    theta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A pose as a source said it: in which frame, and how old its stamp was when it came (ns, on the stamp's clock)."""

    frame: str
    stamp_age_ns: int
    pose: Pose


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereaboutsConfig:
    """What is believed: poses in `frame`, whose origin lies at `origin` on the map, up to an age and off the graph."""

    frame: str
    origin: Pose
    age_ns_max: int
    tolerance_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabout:
    """Where the robot is now.

    `pose` is None where nothing can be believed; `place` is on the graph, and None where the robot is lost; `why`
    says why it is.
    """

    pose: Pose | None = None
    place: Pose | None = None
    why: str = ""


class Whereabouts:
    """Takes poses as they come, and says where the robot is at any time."""

    def __init__(self, config: WhereaboutsConfig, graph: Graph) -> None:
        """Begin lost."""
        self._config = config
        self._graph = graph
        self._known = Whereabout(why="no pose has come yet")
        self._stamped_ns = 0

    def measured(self, measured: Measured, now_ns: int) -> None:
        """Take a pose; what cannot be believed is worse than none."""
        self._known = self._judged(measured)
        # A stamp of the future says no more than that it is of now.
        self._stamped_ns = now_ns - max(0, measured.stamp_age_ns)

    def at(self, now_ns: int) -> Whereabout:
        """Return where the robot is."""
        if self._known.pose is None:
            return self._known
        age_ns = now_ns - self._stamped_ns
        if age_ns > self._config.age_ns_max:
            return Whereabout(why=f"the last pose is {ns_to_seconds(age_ns):.1f} s old")
        return self._known

    def _judged(self, measured: Measured) -> Whereabout:
        config, pose = self._config, measured.pose
        if measured.frame != config.frame:
            said = printable(measured.frame)
            return Whereabout(why=f"poses are in frame {said!r}, and not in {config.frame!r}")
        if abs(measured.stamp_age_ns) > config.age_ns_max:
            age_s = ns_to_seconds(measured.stamp_age_ns)
            return Whereabout(why=f"a pose came with a stamp {age_s:.1f} s old")
        if not (
            hypot(pose.x, pose.y) <= COORDINATE_M_MAX and isfinite(pose.theta)
        ):  # Written so that NaN fails it.
            return Whereabout(why="a pose is not finite, or nowhere near any map")
        on_map = _moved(pose, config.origin)
        snapped = self._graph.snap(on_map.x, on_map.y)
        if snapped.off_m > config.tolerance_m:
            return Whereabout(pose=on_map, why=f"it is {snapped.off_m:.2f} m off the map's graph")
        return Whereabout(pose=on_map, place=Pose(x=snapped.x, y=snapped.y, theta=on_map.theta))


def _moved(pose: Pose, origin: Pose) -> Pose:
    """Return a pose that is said from `origin`."""
    c, s = cos(origin.theta), sin(origin.theta)
    return Pose(
        x=origin.x + c * pose.x - s * pose.y,
        y=origin.y + s * pose.x + c * pose.y,
        theta=pose.theta + origin.theta,
    )
