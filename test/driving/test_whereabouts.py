# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Where the robot is: on the graph within a tolerance, and lost where that cannot be believed."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan, pi

import pytest

import world
from fallback_guard.core.warehouse import Node, build_warehouse
from fallback_guard.driving.snapping import Graph
from fallback_guard.driving.whereabouts import Measured, Pose, Whereabouts, WhereaboutsConfig

MS = 1_000_000
NOW_NS = 77 * MS
CONFIG = WhereaboutsConfig(
    frame="map", origin=Pose(x=0.0, y=0.0, theta=0.0), age_ns_max=500 * MS, tolerance_m=0.5
)


def measured(
    x: float = 5.0, y: float = 0.0, theta: float = 0.0, *, frame: str = "map", age_ns: int = 0
) -> Measured:
    return Measured(frame=frame, stamp_age_ns=age_ns, pose=Pose(x=x, y=y, theta=theta))


def whereabouts(config: WhereaboutsConfig = CONFIG) -> Whereabouts:
    return Whereabouts(config, Graph(world.warehouse()))


def test_nobody_knows_before_the_first_pose() -> None:
    where = whereabouts().at(NOW_NS)
    assert where.pose is where.place is None
    assert where.why


def test_a_pose_beside_an_edge_is_on_it() -> None:
    there = whereabouts()
    there.measured(measured(5.0, 0.3, 1.0), NOW_NS)
    where = there.at(NOW_NS)
    assert where.pose == Pose(x=5.0, y=0.3, theta=1.0), "the wheels need it as it is"
    assert where.place == Pose(x=5.0, y=0.0, theta=1.0)
    assert where.why == ""


@pytest.mark.parametrize(
    ("y", "lost"), [(-0.499, False), (-0.5, False), (-0.501, True), (-40, True)]
)
def test_the_tolerance(y: float, lost: bool) -> None:  # noqa: FBT001
    there = whereabouts()
    there.measured(measured(5.0, y), NOW_NS)
    where = there.at(NOW_NS)
    assert (where.place is None) is lost
    assert where.pose is not None, "off the graph is somewhere"


@pytest.mark.parametrize(
    ("stamp_age_ms", "later_ms", "known"),
    [
        (0, 499, True),
        (0, 500, True),
        (0, 501, False),
        (200, 300, True),
        (200, 301, False),
        (500, 0, True),
        (501, 0, False),
        (-500, 500, True),
        (-500, 501, False),
        (-501, 0, False),
        (10**12, 0, False),
    ],
)
def test_the_age(stamp_age_ms: int, later_ms: int, known: bool) -> None:  # noqa: FBT001
    there = whereabouts()
    there.measured(measured(age_ns=stamp_age_ms * MS), NOW_NS)
    where = there.at(NOW_NS + later_ms * MS)
    assert (where.place is not None) is known
    assert (where.pose is not None) is known


@pytest.mark.parametrize(
    "bad",
    [
        measured(nan),
        measured(5.0, inf),
        measured(theta=nan),
        measured(theta=inf),
        measured(1e300, 1e300),
        measured(frame=""),
        measured(frame="/map"),
        measured(frame="odom\x00\ufffd" * 100),
    ],
)
def test_what_cannot_be_believed_is_worse_than_nothing(bad: Measured) -> None:
    there = whereabouts()
    there.measured(measured(), NOW_NS)
    assert there.at(NOW_NS).place is not None
    there.measured(bad, NOW_NS + 1)
    where = there.at(NOW_NS + 1)
    assert where.pose is where.place is None
    assert where.why.isprintable()
    assert len(where.why) < 300
    there.measured(measured(), NOW_NS + 2)
    assert there.at(NOW_NS + 2).place is not None


def test_the_origin_of_the_frame_on_the_map() -> None:
    origin = Pose(x=10.0, y=2.0, theta=pi / 2)
    there = whereabouts(replace(CONFIG, frame="odom", origin=origin))
    there.measured(measured(3.0, 0.1, 0.5, frame="odom"), NOW_NS)
    pose = there.at(NOW_NS).pose
    assert pose is not None
    assert (pose.x, pose.y, pose.theta) == pytest.approx((9.9, 5.0, pi / 2 + 0.5))
    assert there.at(NOW_NS).place is not None, "on the edge from 2 to 6"


def test_snapping_at_nodes_edges_and_beyond_them() -> None:
    graph = Graph(world.warehouse())
    assert graph.snap(-3.0, -4.0) == pytest.approx((0.0, 0.0, 5.0))
    assert graph.snap(10.0, 4.0) == pytest.approx((10.0, 4.0, 0.0)), "the one-way edge counts"
    assert graph.snap(30.0, 6.0) == pytest.approx((30.0, 6.0, 0.0)), "and so does a closed one"


def test_a_node_without_edges_is_on_the_graph() -> None:
    nodes = [Node(id=1, x=0.0, y=0.0), Node(id=2, x=5.0, y=0.0)]
    graph = Graph(build_warehouse(nodes=nodes, edges=[], zones=[]))
    assert graph.snap(4.0, 0.0) == pytest.approx((5.0, 0.0, 1.0))
