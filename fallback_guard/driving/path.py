# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A way as Nav2 wants it: a row of poses."""

from math import ceil
from typing import Final

from fallback_guard.driving.way import Way
from fallback_guard.driving.whereabouts import Pose

POSES_MAX: Final = 20_000
"""Poses of one path: 2 km at 0.1 m.  On a longer way they stand further apart."""


def dense_path(way: Way, step_m: float) -> list[Pose]:
    """Return poses from the way's beginning to its end, none further than about `step_m` from the next.

    Each looks where its leg leads, at a corner where the next one does.
    """
    step_m = max(step_m, way.length_m / POSES_MAX)
    poses: list[Pose] = []
    for leg in range(len(way.points) - 1):
        begin_m, end_m = way.at_m[leg], way.at_m[leg + 1]
        count = max(1, ceil((end_m - begin_m) / step_m))
        theta = way.heading(leg)
        (x0, y0), (x1, y1) = way.points[leg], way.points[leg + 1]
        poses += [
            Pose(x=x0 + (x1 - x0) * place / count, y=y0 + (y1 - y0) * place / count, theta=theta)
            for place in range(count)
        ]
    return [*poses, _end(way)]


def corner_poses(way: Way) -> list[Pose]:
    """Return a pose at each point after the way's beginning, looking where the way leads on."""
    between = [
        Pose(x=x, y=y, theta=way.heading(leg))
        for leg, (x, y) in enumerate(way.points[1:-1], start=1)
    ]
    return [*between, _end(way)]


def _end(way: Way) -> Pose:
    x, y = way.points[-1]
    last = len(way.points) - 2
    return Pose(x=x, y=y, theta=way.heading(last) if last >= 0 else 0.0)
