# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a command comes to, and each reason why it cannot be carried out."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from commands import EAST, command, points, safe_move, stops
from fallback_guard.core.limits import (
    COORDINATE_M_MAX,
    SPEED_LIMIT_MPS_MIN,
    STOPS_MAX,
    WAYPOINTS_MAX,
)
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.driving.errand import RULES, Command, Errand, ErrandKind, errand

LONG = [(float(place), 0.0) for place in range(WAYPOINTS_MAX + 1)]


def route(**changes: object) -> Command:
    return replace(command(1), **changes)  # type: ignore[arg-type]


def test_a_route_is_cut_at_its_picks() -> None:
    found = errand(command(7))
    assert isinstance(found, Errand)
    assert (found.kind, found.request_id, found.sequence) == (ErrandKind.ROUTE, "R-7", 7)
    ends = [
        (segment.points[-1].x, [number for number, _ in segment.picks])
        for segment in found.segments
    ]
    assert ends == [(10.0, [0]), (20.0, [1]), (30.0, [])]
    assert [len(segment.points) for segment in found.segments] == [2, 1, 1]


def test_picks_at_one_place_are_one_stop_and_the_last_one_ends_the_way() -> None:
    found = errand(command(1, picks_at=(0, 0, 3)))
    assert isinstance(found, Errand)
    assert [[n for n, _ in segment.picks] for segment in found.segments] == [[0, 1], [2]]


def test_a_retreat_is_driven_without_picks() -> None:
    found = errand(replace(safe_move(1, SafeMoveKind.RETREAT), stops=stops(0, 0)))
    assert isinstance(found, Errand)
    assert found.kind is ErrandKind.RETREAT
    (segment,) = found.segments
    assert len(segment.points) == len(EAST)
    assert segment.picks == ()


@pytest.mark.parametrize("kind", [SafeMoveKind.HOLD, SafeMoveKind.CANCEL_AND_HOLD])
def test_a_hold_needs_nothing_and_minds_nothing(kind: SafeMoveKind) -> None:
    broken = replace(safe_move(3, kind), waypoints=points([(nan, inf)]), stops=stops(99))
    assert errand(broken) == Errand(kind=ErrandKind.HOLD, request_id="R-3", sequence=3)


@pytest.mark.parametrize(
    "broken",
    [
        route(waypoints=()),
        route(waypoints=points(LONG), stops=()),
        route(stops=stops(*[0] * (STOPS_MAX + 1))),
        *(
            route(waypoints=points([(0.0, 0.0), place, (20.0, 0.0)]))
            for place in ((nan, 0.0), (0.0, inf), (-inf, nan), (0.0, COORDINATE_M_MAX * 1.001))
        ),
        *(
            route(waypoints=points(EAST, limit))
            for limit in (nan, inf, -1.0, SPEED_LIMIT_MPS_MIN * 0.99)
        ),
        route(stops=stops(2, 1)),
        route(stops=stops(0, 4)),
        route(stops=stops(-1)),
        command(1, MotionKind.NONE),
        command(1, 77),
        command(1, MotionKind.SAFE_MOVE),
        command(1, MotionKind.SAFE_MOVE, safe_move=77),
        replace(safe_move(1, SafeMoveKind.RETREAT), waypoints=()),
    ],
)
def test_what_cannot_be_carried_out_is_said(broken: Command) -> None:
    assert isinstance(errand(broken), str)


@pytest.mark.parametrize(
    "good",
    [
        route(waypoints=points(LONG[:-1]), stops=()),
        route(stops=stops(*[0] * STOPS_MAX)),
        route(waypoints=points([(COORDINATE_M_MAX, -COORDINATE_M_MAX)]), stops=()),
        route(waypoints=points(EAST, SPEED_LIMIT_MPS_MIN)),
        route(stops=stops(3)),
        route(stops=()),
        # The other field means nothing in a route.
        route(safe_move=77),
    ],
)
def test_at_its_limits_a_route_is_driven(good: Command) -> None:
    assert isinstance(errand(good), Errand)


def test_every_rule_has_a_command_that_breaks_it_alone() -> None:
    broken = {
        errand(case)
        for case in (
            route(waypoints=()),
            route(waypoints=points(LONG)),
            route(stops=stops(*[0] * (STOPS_MAX + 1))),
            route(waypoints=points([(nan, nan)] * 4)),
            route(waypoints=points(EAST, nan)),
            route(stops=stops(1, 0)),
        )
    }
    assert broken == set(RULES)
