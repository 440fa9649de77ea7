# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How the follower drives: along its way, never too fast, never too hard, and it stops where it should."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import cos, hypot, nan, pi, remainder, sin

import pytest

from commands import points
from fallback_guard.core.waypoint import Waypoint
from fallback_guard.driving.pursuit import Pursuit, PursuitConfig, Velocity
from fallback_guard.driving.way import Way
from fallback_guard.driving.whereabouts import Pose

CONFIG = PursuitConfig(
    speed_mps=1.0,
    acceleration_mps2=0.5,
    turn_radps=1.0,
    turn_acceleration_radps2=2.0,
    lookahead_s=0.8,
    lookahead_m_min=0.4,
    lookahead_m_max=1.2,
    turn_in_place_rad=0.6,
    end_m=0.1,
    off_m_max=0.8,
)
STEP_S = 0.05
LONG_S = 300.0


@dataclass(frozen=True)
class Moment:
    pose: Pose
    said: Velocity
    off_m: float


def move(pose: Pose, velocity: Velocity, seconds: float) -> Pose:
    """Move a unicycle on its arc."""
    middle = pose.theta + velocity.angular_radps * seconds / 2
    way_m = velocity.linear_mps * seconds
    return Pose(
        x=pose.x + way_m * cos(middle),
        y=pose.y + way_m * sin(middle),
        theta=pose.theta + velocity.angular_radps * seconds,
    )


def drive(
    way: Way, pose: Pose, config: PursuitConfig = CONFIG, *, delay_steps: int = 0
) -> tuple[Pursuit, list[Moment]]:
    """Drive until it is done or off; with a delay the wheels hear each word so many steps later."""
    pursuit = Pursuit(config, way)
    under_way = [Velocity()] * delay_steps
    moments = []
    for _ in range(round(LONG_S / STEP_S)):
        said = pursuit.step(pose, STEP_S)
        moments.append(Moment(pose, said, pursuit.off_m))
        if pursuit.is_done or pursuit.is_off:
            break
        under_way.append(said)
        pose = move(pose, under_way.pop(0), STEP_S)
    return pursuit, moments


WAYS = {
    "straight": [(10.0, 0.0)],
    "corner": [(6.0, 0.0), (6.0, 6.0)],
    "zigzag": [(4.0, 0.0), (4.0, 3.0), (8.0, 3.0), (8.0, -3.0), (0.0, -3.0)],
    "there and back": [(5.0, 0.0), (1.0, 0.0)],
    "gentle": [(4.0, 0.0), (8.0, 1.0), (12.0, 3.0)],
    "short legs": [(0.3, 0.0), (0.3, 0.3), (0.6, 0.3), (0.6, 0.6)],
    "behind": [(-5.0, 0.0)],
}


@pytest.mark.parametrize("delay_steps", [0, 2])
@pytest.mark.parametrize("name", WAYS)
def test_it_comes_to_the_end_and_keeps_to_its_way(name: str, delay_steps: int) -> None:
    way = Way(0.0, 0.0, points(WAYS[name]))
    pursuit, moments = drive(way, Pose(x=0.0, y=0.0, theta=0.3), delay_steps=delay_steps)
    assert pursuit.is_done
    assert moments[-1].said == Velocity()
    last = moments[-1].pose
    assert hypot(last.x - way.points[-1][0], last.y - way.points[-1][1]) < 0.15
    assert max(moment.off_m for moment in moments) < 0.25


@pytest.mark.parametrize("name", WAYS)
def test_it_is_never_too_fast_and_never_too_hard(name: str) -> None:
    _, moments = drive(Way(0.0, 0.0, points(WAYS[name])), Pose(x=0.0, y=0.0, theta=-2.0))
    tiny = 1e-9
    for before, after in pairwise(moment.said for moment in moments):
        assert 0.0 <= after.linear_mps <= CONFIG.speed_mps + tiny
        assert abs(after.angular_radps) <= CONFIG.turn_radps + tiny
        assert abs(after.linear_mps - before.linear_mps) <= CONFIG.acceleration_mps2 * STEP_S + tiny
        change = abs(after.angular_radps - before.angular_radps)
        assert change <= CONFIG.turn_acceleration_radps2 * STEP_S + tiny


def test_a_straight_way_is_driven_at_full_speed() -> None:
    _, moments = drive(Way(0.0, 0.0, points([(10.0, 0.0)])), Pose(x=0.0, y=0.0, theta=0.0))
    assert max(moment.said.linear_mps for moment in moments) == CONFIG.speed_mps
    # 2 s to rise, 2 s to brake, and 8 m between.
    assert len(moments) * STEP_S == pytest.approx(12.0, abs=1.0)


def test_a_sharp_corner_is_turned_standing() -> None:
    _, moments = drive(
        Way(0.0, 0.0, points([(6.0, 0.0), (6.0, 6.0)])), Pose(x=0.0, y=0.0, theta=0.0)
    )
    at_corner = [m for m in moments if hypot(m.pose.x - 6.0, m.pose.y) < 0.11]
    turning = [m for m in at_corner if abs(m.said.angular_radps) > 0.5]
    assert turning
    assert all(m.said.linear_mps == 0.0 for m in turning)


def test_a_gentle_bend_is_driven_through() -> None:
    _, moments = drive(Way(0.0, 0.0, points(WAYS["gentle"])), Pose(x=0.0, y=0.0, theta=0.0))
    middle = [m.said.linear_mps for m in moments if 2.0 < m.pose.x < 10.0]
    assert min(middle) > 0.5


@pytest.mark.parametrize("limit_mps", [0.05, 0.3, 0.9])
def test_speed_limits_of_legs_are_kept_from_their_beginning(limit_mps: float) -> None:
    limits = ((5.0, None), (10.0, limit_mps), (15.0, None))
    way = Way(
        0.0, 0.0, [Waypoint(node=0, x=x, y=0.0, speed_limit_mps=limit) for x, limit in limits]
    )
    pursuit, moments = drive(way, Pose(x=0.0, y=0.0, theta=0.0))
    assert pursuit.is_done
    slow = [m.said.linear_mps for m in moments if 5.0 <= m.pose.x <= 10.0]
    assert max(slow) <= limit_mps + CONFIG.acceleration_mps2 * STEP_S
    assert max(m.said.linear_mps for m in moments if m.pose.x > 11.0) > limit_mps


def test_away_from_its_way_it_stops_for_good() -> None:
    pursuit = Pursuit(CONFIG, Way(0.0, 0.0, points([(10.0, 0.0)])))
    pose = Pose(x=0.0, y=0.0, theta=0.0)
    for _ in range(60):
        pose = move(pose, pursuit.step(pose, STEP_S), STEP_S)
    assert pursuit.step(pose, STEP_S).linear_mps > 0.5
    pushed = replace(pose, y=pose.y + 0.81)
    assert pursuit.step(pushed, STEP_S) == Velocity()
    assert pursuit.is_off
    assert pursuit.step(pose, STEP_S) == Velocity(), "it does not find back by itself"
    assert not pursuit.is_done


@pytest.mark.parametrize("pose", [Pose(x=nan, y=0.0, theta=0.0), Pose(x=0.0, y=nan, theta=0.0)])
def test_a_pose_that_is_no_number_moves_nothing(pose: Pose) -> None:
    pursuit = Pursuit(CONFIG, Way(0.0, 0.0, points([(10.0, 0.0)])))
    assert pursuit.step(pose, STEP_S) == Velocity()
    assert pursuit.is_off


def test_time_that_stands_still_changes_no_speed() -> None:
    """A simulation that is paused goes on at the speed it had, and one that jumps does not."""
    pursuit = Pursuit(CONFIG, Way(0.0, 0.0, points([(10.0, 0.0)])))
    pose, said = Pose(x=0.0, y=0.0, theta=0.0), Velocity()
    for _ in range(20):
        said = pursuit.step(pose, STEP_S)
        pose = move(pose, said, STEP_S)
    assert pursuit.step(pose, 0.0).linear_mps == said.linear_mps > 0.0
    assert pursuit.step(pose, -3.0).linear_mps == said.linear_mps
    assert pursuit.step(pose, 100.0).linear_mps <= said.linear_mps + 0.25 * 0.5 + 1e-9


def test_the_same_way_at_other_periods_takes_the_same_time() -> None:
    """The law goes by the time that has passed, not by how often it is asked."""
    took_s = []
    for step_s in (0.02, 0.05, 0.1):
        pursuit = Pursuit(CONFIG, Way(0.0, 0.0, points(WAYS["corner"])))
        pose, passed_s = Pose(x=0.0, y=0.0, theta=0.0), 0.0
        while not pursuit.is_done and passed_s < LONG_S:
            pose = move(pose, pursuit.step(pose, step_s), step_s)
            passed_s += step_s
        took_s.append(passed_s)
    assert max(took_s) / min(took_s) < 1.1


def test_a_way_without_length_is_done() -> None:
    pursuit = Pursuit(CONFIG, Way(1.0, 1.0, points([(1.0, 1.0)])))
    assert pursuit.step(Pose(x=1.0, y=1.0, theta=0.0), STEP_S) == Velocity()
    assert pursuit.is_done


def test_turning_takes_the_shorter_way_round() -> None:
    for theta in (-3.0, -1.0, 1.0, 3.0, 9.0):
        pursuit = Pursuit(CONFIG, Way(0.0, 0.0, points([(10.0, 0.0)])))
        said = Velocity()
        for _ in range(3):
            said = pursuit.step(Pose(x=0.0, y=0.0, theta=theta), STEP_S)
        assert said.angular_radps * remainder(theta, 2 * pi) < 0
        assert said.linear_mps == 0.0
