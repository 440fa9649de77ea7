# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Shapes of the map, of robots and of refused answers: bounded, finite, and nothing from a hostile payload."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import world
from fallback_guard.core.closures import AS_ON_THE_MAP, Closures
from fallback_guard.core.limits import PAYLOAD_BYTES_MAX
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.live.heard import DRILL
from fallback_guard.live.map_shapes import closed_now, left_out, map_shapes
from fallback_guard.live.refused_route import POINTS_MAX, refused_way
from fallback_guard.live.scene import (
    POSITION_OLD_NS,
    REFUSED_NS_MAX,
    ROBOTS_DRAWN_MAX,
    CandidateDrawn,
    MotionDrawn,
    PositionDrawn,
    Scene,
)
from fallback_guard.live.shapes import GREY, MAGENTA, RED, Shape, ShapeKind
from made import REFUSAL, ROBOT, STATE, S

if TYPE_CHECKING:
    from fallback_guard.core.warehouse import Warehouse

MAP: Final[Warehouse] = world.warehouse()
WAY: Final = ((0.0, 0.0), (10.0, 0.0), (20.0, 0.0))
ROUTE: Final = MotionDrawn(
    robot_id=ROBOT,
    request_id="R-1",
    kind=MotionKind.ROUTE,
    safe_move=SafeMoveKind.NONE,
    target=0,
    reason="",
    source="llm:m",
    way=WAY,
    picks=((1, "A-1"),),
)
RETREAT: Final = replace(
    ROUTE,
    kind=MotionKind.SAFE_MOVE,
    safe_move=SafeMoveKind.RETREAT,
    target=5,
    reason="PLANNER_SILENT",
    picks=(),
)
STANDS: Final = PositionDrawn(robot_id=ROBOT, x=0.0, y=0.0, theta=0.0, lost=False)
ANSWER: Final = {"stops": [{"bin": "B-1", "via": [2]}, {"bin": "C-1"}]}


def candidate(payload: bytes) -> CandidateDrawn:
    return CandidateDrawn(
        robot_id=ROBOT, request_id="R-1", source="llm:m", attempt=1, payload=payload
    )


def folders(shapes: list[Shape]) -> dict[str, Shape]:
    return {shape.folder.removeprefix(f"{ROBOT}/"): shape for shape in shapes}


def scene() -> Scene:
    made = Scene(MAP)
    made.take_state(STATE, 0)
    made.take_position(STANDS, 0)
    return made


# The map.


def test_every_edge_is_drawn_once_by_how_it_may_be_driven() -> None:
    shapes = folders(map_shapes(MAP, closed_now(MAP, [AS_ON_THE_MAP])))
    drawn = [name for name in shapes if name.startswith("map/edges")]
    # Each edge is one line, and two more for the head that shows its direction.
    assert sum(len(shapes[name].points) for name in drawn) == 6 * len(MAP.edges)
    assert len(shapes["map/nodes"].points) == len(MAP.nodes)
    assert {"map/keep_out", "map/refuge", "map/bins", "map/bin_names"} <= set(shapes)


def test_what_is_closed_changes() -> None:
    before = folders(map_shapes(MAP, closed_now(MAP, [AS_ON_THE_MAP])))
    pair = next(iter(MAP.edges))
    closures = Closures(closed_edges=frozenset({MAP.edges[pair].id}))
    after = folders(map_shapes(MAP, closed_now(MAP, [AS_ON_THE_MAP, closures])))
    assert len(after["map/edges"].points) == len(before["map/edges"].points) - 6
    nothing = folders(map_shapes(MAP, closed_now(MAP, [Closures(everything=True)])))
    assert "map/edges" not in nothing
    assert nothing["map/refuge"].color[3] < before["map/refuge"].color[3]
    assert left_out(MAP) == ""


# Robots.


def test_a_route_is_drawn_with_its_picks_and_a_safe_move_with_its_target() -> None:
    made = scene()
    made.take_motion(ROUTE)
    shapes = folders(made.shapes(0))
    assert [point[:2] for point in shapes["route"].points] == list(WAY)
    assert shapes["picks"].points[0][:2] == WAY[1]
    made.take_motion(RETREAT)
    shapes = folders(made.shapes(0))
    assert "route" not in shapes
    assert shapes["safe_move_target"].position[:2] == (MAP.nodes[5].x, MAP.nodes[5].y)
    assert "RETREAT: PLANNER_SILENT" in shapes["state"].text
    made.take_motion(replace(RETREAT, target=4_711, way=()))
    assert "safe_move_target" not in folders(made.shapes(0))


def test_a_drill_has_a_colour_of_its_own() -> None:
    made = scene()
    made.take_motion(replace(RETREAT, reason=DRILL))
    assert folders(made.shapes(0))["safe_move"].color == MAGENTA
    assert "DRILL" in folders(made.shapes(0))["state"].text


def test_what_is_old_or_lost_or_unguarded_is_grey_and_says_so() -> None:
    made = scene()
    made.take_motion(ROUTE)
    shown = folders(made.shapes(POSITION_OLD_NS + 1))
    assert shown["robot"].color == GREY
    assert "position 2 s old" in shown["state"].text
    assert "guard silent" in shown["state"].text
    made.take_position(replace(STANDS, lost=True), 0)
    assert "lost" in folders(made.shapes(0))["state"].text


@pytest.mark.parametrize("x", [float("nan"), float("inf"), 1e7])
def test_a_place_that_cannot_be_is_not_drawn(x: float) -> None:
    made = Scene(MAP)
    made.take_position(replace(STANDS, x=x), 0)
    made.take_motion(replace(ROUTE, way=(*WAY, (x, 0.0))))
    assert made.shapes(0) == []


def test_robots_are_bounded_and_have_to_have_a_name() -> None:
    made = Scene(MAP)
    for count in range(ROBOTS_DRAWN_MAX + 9):
        made.take_position(replace(STANDS, robot_id=f"r{count}"), 0)
    made.take_position(replace(STANDS, robot_id="no name"), 0)
    made.take_motion(replace(ROUTE, robot_id=""))
    names = {shape.folder for shape in made.shapes(0) if shape.kind is ShapeKind.ARROW}
    assert len(names) == ROBOTS_DRAWN_MAX
    assert "r0/robot" not in names


# Refused answers.


@pytest.mark.parametrize("answer_first", [True, False])
def test_a_refused_answer_is_drawn_in_red_for_a_while(*, answer_first: bool) -> None:
    made = scene()
    answer = candidate(json.dumps(ANSWER).encode())
    if answer_first:
        made.take_candidate(answer, 0)
    made.take_decision(REFUSAL, 0)
    assert ("refused" in folders(made.shapes(0))) == answer_first
    if not answer_first:
        made.take_candidate(answer, 0)
    shapes = folders(made.shapes(REFUSED_NS_MAX))
    assert [point[:2] for point in shapes["refused"].points] == [
        (0.0, 0.0),
        (10.0, 0.0),
        (20.0, 0.0),
        (30.0, 0.0),
    ]
    assert shapes["refused"].color[:3] == RED[:3]
    assert "WRONG_BIN" in shapes["refused_mode"].text
    assert "refused" not in folders(made.shapes(REFUSED_NS_MAX + 1))


def test_a_route_in_time_takes_a_refused_one_away() -> None:
    made = scene()
    made.take_candidate(candidate(json.dumps(ANSWER).encode()), 0)
    made.take_decision(REFUSAL, 0)
    made.take_motion(ROUTE)
    assert "refused" not in folders(made.shapes(S))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff{\xfe}",
        b"{" * 9_000 + b"}" * 9_000,
        b'{"stops":' * 2_000 + b"[" * 2_000 + b"}",
        b'{"stops": {"bin": "B-1"}}',
        b'{"stops": [["B-1"], "B-1", 7, null, {"bin": ["B-1"]}, {"via": {"2": 2}}]}',
        b'{"stops": [{"bin": "NOWHERE", "via": [true, 2.0, "2", -1, 99999999999999999999, [2]]}]}',
        b'{"stops": NaN}',
        json.dumps({"stops": [{"bin": "B-1"}], "x": "y" * PAYLOAD_BYTES_MAX}).encode(),
        b"}{",
    ],
)
def test_a_hostile_answer_draws_nothing(payload: bytes) -> None:
    made = scene()
    made.take_candidate(candidate(payload), 0)
    made.take_decision(REFUSAL, 0)
    assert "refused" not in folders(made.shapes(0))


def test_an_answer_in_prose_is_drawn_and_a_long_one_cut() -> None:
    fenced = b"Sure!\n```json\n" + json.dumps(ANSWER).encode() + b"\n```"
    assert len(refused_way(fenced, MAP)) == 3
    stop = {"via": [2, 3] * 64}
    long = json.dumps({"stops": [stop] * 32}, separators=(",", ":")).encode()
    assert len(long) <= PAYLOAD_BYTES_MAX
    assert len(refused_way(long, MAP)) == POINTS_MAX


JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(list(MAP.bins)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("stops", "bin", "via", "x")), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=30)
@given(
    st.one_of(
        st.binary(max_size=200), JSON.map(lambda value: json.dumps({"stops": value}).encode())
    )
)
def test_whatever_an_answer_is_only_the_maps_own_places_are_drawn(payload: bytes) -> None:
    places = {(node.x, node.y) for node in MAP.nodes.values()}
    assert set(refused_way(payload, MAP)) <= places
