# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How the simulated picker moves: never too fast, never too hard, and it stops where it should."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from fallback_guard.picking.kinematics import Ability, Leg, Picker

ABILITY = Ability(speed_mps=2.0, acceleration_mps2=1.5, pick_time_s=0.8)
STEP_S = 0.02
LONG_S = 120.0


def drive(picker: Picker, seconds: float = LONG_S) -> list[tuple[float, float, float]]:
    """Let time pass until the picker rests; return x, y and speed after each step."""
    trace = []
    for _ in range(round(seconds / STEP_S)):
        picker.advance(STEP_S)
        trace.append((picker.x, picker.y, picker.speed_mps))
        if picker.at_rest:
            break
    return trace


def picker_at_origin() -> Picker:
    return Picker(ABILITY, x=0.0, y=0.0)


def test_a_new_picker_rests() -> None:
    picker = picker_at_origin()
    assert picker.at_rest
    drive(picker, 1.0)
    assert (picker.x, picker.y, picker.speed_mps) == (0.0, 0.0, 0.0)


def test_it_arrives_exactly_and_faces_its_way() -> None:
    picker = picker_at_origin()
    picker.follow([Leg(x=5.0, y=0.0), Leg(x=5.0, y=4.0)])
    drive(picker)
    assert picker.at_rest
    assert (picker.x, picker.y) == pytest.approx((5.0, 4.0), abs=0.01)
    assert picker.theta == pytest.approx(math.pi / 2)


def test_it_keeps_to_every_limit() -> None:
    picker = picker_at_origin()
    picker.follow([Leg(x=9.0, y=0.0), Leg(x=18.0, y=0.0, speed_limit_mps=1.0), Leg(x=27.0, y=0.0)])
    trace = drive(picker)
    slowest_change = ABILITY.acceleration_mps2 * STEP_S
    for (_, _, before), (x, _, after) in pairwise(trace):
        assert after <= ABILITY.speed_mps
        assert after - before <= slowest_change + 1e-9
        if 9.5 < x < 18.0:
            assert after <= 1.0 + 1e-9
    assert max(speed for _, _, speed in trace) == ABILITY.speed_mps


def test_it_stops_for_every_pick() -> None:
    """Two picks at one place take twice as long as one."""
    durations = []
    for picks in (0, 1, 2):
        picker = picker_at_origin()
        picker.follow([Leg(x=4.0, y=0.0, picks=picks), Leg(x=8.0, y=0.0)])
        durations.append(len(drive(picker)) * STEP_S)
    assert durations[1] > durations[0] + ABILITY.pick_time_s
    assert durations[2] - durations[1] == pytest.approx(ABILITY.pick_time_s, abs=2 * STEP_S)


def test_braking_stops_within_the_braking_distance_and_forgets_the_way() -> None:
    picker = picker_at_origin()
    picker.follow([Leg(x=50.0, y=0.0)])
    drive(picker, 5.0)
    began_x = picker.x
    picker.brake()
    trace = drive(picker)
    distance_m = ABILITY.speed_mps**2 / (2 * ABILITY.acceleration_mps2)
    assert picker.at_rest
    assert picker.x - began_x <= distance_m + ABILITY.speed_mps * STEP_S
    assert all(b <= a for (_, _, a), (_, _, b) in pairwise(trace))
    drive(picker, 1.0)
    assert picker.speed_mps == 0.0


def test_a_new_way_begins_where_it_is() -> None:
    picker = picker_at_origin()
    picker.follow([Leg(x=50.0, y=0.0)])
    drive(picker, 3.0)
    picker.follow([Leg(x=0.0, y=0.0)])
    drive(picker)
    assert (picker.x, picker.y) == pytest.approx((0.0, 0.0), abs=0.01)


def test_picking_is_interrupted_by_braking() -> None:
    picker = picker_at_origin()
    picker.follow([Leg(x=0.1, y=0.0, picks=100), Leg(x=5.0, y=0.0)])
    drive(picker, 2.0)
    assert not picker.at_rest
    picker.brake()
    assert picker.at_rest


@pytest.mark.parametrize(
    "legs", [[], [Leg(x=0.0, y=0.0)], [Leg(x=0.0, y=0.0, picks=1), Leg(x=0.0, y=0.0)]]
)
def test_ways_without_length(legs: list[Leg]) -> None:
    picker = picker_at_origin()
    picker.follow(legs)
    drive(picker)
    assert picker.at_rest
    assert (picker.x, picker.y) == (0.0, 0.0)
