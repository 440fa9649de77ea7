# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Ways: how far along them things are."""

from __future__ import annotations

import itertools
from math import inf, pi

import pytest

from commands import points
from fallback_guard.core.waypoint import Waypoint
from fallback_guard.driving.path import POSES_MAX, corner_poses, dense_path
from fallback_guard.driving.way import Way


def corner() -> Way:
    """Return 10 m east, then 10 m north."""
    return Way(0.0, 0.0, points([(10.0, 0.0), (10.0, 10.0)]))


def test_places_along_it() -> None:
    way = corner()
    assert way.length_m == 20.0
    assert way.at(0.0) == (0.0, 0.0)
    assert way.at(4.0) == (4.0, 0.0)
    assert way.at(10.0) == (10.0, 0.0)
    assert way.at(13.0) == (10.0, 3.0)
    assert way.at(20.0) == (10.0, 10.0)
    assert way.at(21.0) == (10.0, 11.0), "straight on beyond the end"
    assert [way.heading(leg) for leg in (0, 1)] == pytest.approx([0.0, pi / 2])


@pytest.mark.parametrize(
    ("x", "y", "along_m", "off_m"),
    [
        (4.0, 1.0, 4.0, 1.0),
        (-3.0, 4.0, 0.0, 5.0),
        (9.0, 5.0, 15.0, 1.0),
        (10.0, 12.0, 20.0, 2.0),
        (9.0, 1.0, 9.0, 1.0),
    ],
)
def test_the_nearest_place(x: float, y: float, along_m: float, off_m: float) -> None:
    assert corner().nearest(x, y, from_m=0.0, to_m=20.0) == pytest.approx((along_m, off_m))


def test_a_way_that_comes_past_itself_is_looked_at_in_part() -> None:
    there_and_back = Way(0.0, 0.0, points([(10.0, 0.0), (0.0, 0.0)]))
    assert there_and_back.nearest(4.0, 0.0, from_m=0.0, to_m=20.0) == (4.0, 0.0)
    assert there_and_back.nearest(4.0, 0.0, from_m=11.0, to_m=20.0) == (16.0, 0.0)
    assert there_and_back.nearest(4.0, 0.0, from_m=5.0, to_m=7.0) == (5.0, 1.0)


def test_points_at_one_place_are_one() -> None:
    way = Way(1.0, 1.0, points([(1.0, 1.0), (1.0, 1.0), (2.0, 1.0), (2.0, 1.0)]))
    assert way.points == [(1.0, 1.0), (2.0, 1.0)]
    assert way.length_m == 1.0


def test_a_way_without_length() -> None:
    way = Way(1.0, 2.0, points([(1.0, 2.0)]))
    assert way.length_m == 0.0
    assert way.at(0.0) == way.at(5.0) == (1.0, 2.0)
    assert way.nearest(1.0, 3.0, from_m=0.0, to_m=9.0) == (0.0, 1.0)
    assert way.limit_mps(0.0, 1.0) == inf
    assert [(point.x, point.y) for point in way.rest(0.0)] == [(1.0, 2.0)]
    assert [(pose.x, pose.y) for pose in dense_path(way, 0.1)] == [(1.0, 2.0)]
    assert [(pose.x, pose.y) for pose in corner_poses(way)] == [(1.0, 2.0)]


def test_limits_of_the_legs() -> None:
    limits = (None, 0.5, 1.0)
    places = ((10.0, 0.0), (20.0, 0.0), (30.0, 0.0))
    way = Way(
        0.0,
        0.0,
        [
            Waypoint(node=0, x=x, y=y, speed_limit_mps=limit)
            for (x, y), limit in zip(places, limits, strict=True)
        ],
    )
    assert way.limit_mps(0.0, 9.9) == inf
    assert way.limit_mps(0.0, 10.0) == 0.5
    assert way.limit_mps(15.0, 25.0) == 0.5
    assert way.limit_mps(20.0, 99.0) == 1.0
    rest = way.rest(12.0)
    assert [(point.x, point.speed_limit_mps) for point in rest] == [(20.0, 0.5), (30.0, 1.0)]
    again = Way(*way.at(12.0), rest)
    assert again.limit_mps(0.0, 1.0) == 0.5
    assert again.length_m == 18.0


@pytest.mark.parametrize(("along_m", "left"), [(0.0, 2), (9.9, 2), (10.0, 1), (20.0, 1), (99.0, 1)])
def test_what_is_left(along_m: float, left: int) -> None:
    rest = corner().rest(along_m)
    assert len(rest) == left
    assert (rest[-1].x, rest[-1].y) == (10.0, 10.0)


def test_a_dense_path_has_every_corner_and_no_gap() -> None:
    poses = dense_path(corner(), 0.3)
    places = [(pose.x, pose.y) for pose in poses]
    assert places[0] == (0.0, 0.0)
    assert (10.0, 0.0) in places
    assert places[-1] == (10.0, 10.0)
    steps = [abs(b[0] - a[0]) + abs(b[1] - a[1]) for a, b in itertools.pairwise(places)]
    assert 0.0 < min(steps) <= max(steps) <= 0.3 + 1e-9
    assert poses[0].theta == 0.0
    assert poses[places.index((10.0, 0.0))].theta == pytest.approx(pi / 2)
    assert poses[-1].theta == pytest.approx(pi / 2)


def test_a_long_path_is_bounded() -> None:
    way = Way(-1e6, 0.0, points([(1e6, 0.0), (1e6, 1e6)]))
    assert len(dense_path(way, 0.02)) <= POSES_MAX + 3


def test_corners_look_where_the_way_leads_on() -> None:
    poses = corner_poses(corner())
    assert [(pose.x, pose.y) for pose in poses] == [(10.0, 0.0), (10.0, 10.0)]
    assert [pose.theta for pose in poses] == pytest.approx([pi / 2, pi / 2])
