# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Edges and zones that are closed and opened while the guard runs.  The map is drawn in world.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.core.closures import AS_ON_THE_MAP, Closures
from fallback_guard.core.effects import SendMotion
from fallback_guard.core.events import TimePassed
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import SafeMoveKind
from fallback_guard.core.openness import Block, openness, unknown_ids
from fallback_guard.core.request import PickItem
from fallback_guard.core.timers import RECOVERY_PATIENCE_NS, SPARE_NS
from fallback_guard.core.units import NS_PER_MS
from timeline import WINDOW_MS, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fallback_guard.core.effects import Effect

ONE_ITEM: Final = (PickItem(bin="B-1", sku="SKU-4", quantity=1),)
SHORT: Final = 101, 108  # Between 2 and 3, one for each direction.
SPUR: Final = 103, 110  # Between 3 and 5.
REFUGE, KEEP_OUT = 900, 901
SILENT = FailureMode.PLANNER_SILENT


def to_bin_b(request_id: str = "R-1", *, on_due: bool = False) -> Timeline:
    """Return a timeline with a request from node 1 to B-1 on node 3 and back."""
    request = world.pick_request(request_id, items=ONE_ITEM, on_due=on_due)
    return Timeline(detour_factor=10.0).request(request)


def edges(ids: Iterable[int]) -> Closures:
    """Return closures of some edges."""
    return Closures(closed_edges=frozenset(ids))


def over(via: list[int] | None) -> bytes:
    """Return an answer to that request, by the given nodes."""
    request = world.pick_request(items=ONE_ITEM)
    return world.answer(request, [world.stop(ONE_ITEM[0], via)])


def way(effects: list[Effect]) -> list[int]:
    """Return the nodes of the one motion among some effects."""
    (motion,) = [effect.motion for effect in effects if isinstance(effect, SendMotion)]
    return [point.node for point in motion.waypoints]


def test_an_answer_is_judged_by_what_is_closed_now() -> None:
    t = to_bin_b().close(edges(SHORT))
    t.answer(over([2])).expect_refusal(FailureMode.EDGE_CLOSED)
    t.answer(over([2, 6, 5])).expect_refusal(FailureMode.UNREACHABLE)  # There is no way back.
    t.close(edges([SHORT[0]])).answer(over([2, 6, 5]))
    t.expect_route()


def test_a_staged_route_over_an_edge_that_closed_is_not_released() -> None:
    t = to_bin_b(on_due=True).answer(over([2])).close(edges([SHORT[0]]))
    t.due().expect_refusal(FailureMode.EDGE_CLOSED)
    t.at_ms(WINDOW_MS).expect_safe_move(FailureMode.EDGE_CLOSED)


def test_a_staged_route_that_left_the_way_open_is_led_around() -> None:
    t = to_bin_b(on_due=True).answer(over(None)).close(edges([SHORT[0]])).due()
    assert way(t.pending) == [1, 2, 6, 5, 3, 2, 1]
    t.expect_route()


def test_a_staged_route_is_looked_at_again_also_where_another_answer_came_since() -> None:
    t = to_bin_b(on_due=True).answer(over([2])).close(edges([SHORT[0]]))
    t.answer(over([2, 6, 5]))
    t.expect_refusal(FailureMode.EDGE_CLOSED)
    t.due()
    assert way(t.pending) == [1, 2, 6, 5, 3, 2, 1], "the second answer took the first one's place"
    t.expect_route()


def test_what_opens_again_may_be_driven_again() -> None:
    t = to_bin_b().close_everything().answer(over([2]))
    t.expect_refusal(FailureMode.EDGE_CLOSED)
    t.close().answer(over([2])).expect_route()


@pytest.mark.parametrize("opened", [True, False])
def test_a_keep_out_zone_can_be_opened(*, opened: bool) -> None:
    t = to_bin_b().close(Closures(opened_zones=frozenset({KEEP_OUT} if opened else ())))
    t.answer(over([8, 6, 5]))
    if opened:
        t.expect_route()
    else:
        t.expect_refusal(FailureMode.KEEP_OUT)


def test_an_edge_that_the_map_has_closed_can_be_opened() -> None:
    request = world.pick_request(items=(PickItem(bin="X-1", sku="SKU-5", quantity=1),))
    t = Timeline().request(request).close(Closures(opened_edges=frozenset({104, 111})))
    t.answer().expect_route()


@pytest.mark.parametrize(
    ("closures", "kind", "nodes"),
    [
        (AS_ON_THE_MAP, SafeMoveKind.RETREAT, [3, 5]),
        (Closures(closed_zones=frozenset({REFUGE})), SafeMoveKind.HOLD, []),
        (edges(SPUR), SafeMoveKind.RETREAT, [3, 2, 6, 5]),
        (edges((*SPUR, 114)), SafeMoveKind.HOLD, []),
    ],
)
def test_a_retreat_leads_where_it_is_open(
    closures: Closures, kind: SafeMoveKind, nodes: list[int]
) -> None:
    t = Timeline(standing_on=3).request().close(closures).at_ms(WINDOW_MS)
    motion = t.expect_safe_move_kind(SILENT, kind)
    assert [point.node for point in motion.waypoints] == nodes


def test_recovery_waits_for_a_way() -> None:
    t = to_bin_b().close_everything().at_ms(WINDOW_MS)
    t.expect_safe_move(SILENT)
    t.at_ms(5_000).expect_nothing()
    t.close().at_ms(5_999).expect_nothing()
    t.at_ms(6_000).expect_standby(SILENT)
    t.at_ms(60_000).expect_nothing()


def test_the_standby_route_leads_around_what_closed_since() -> None:
    t = to_bin_b().at_ms(WINDOW_MS)
    t.expect_safe_move(SILENT)
    t.close(edges([SHORT[0]])).at_ms(WINDOW_MS + 999).expect_nothing()
    t.at_ms(WINDOW_MS + 1_000)
    assert way(t.pending) == [1, 2, 6, 5, 3, 2, 1]
    t.expect_standby(SILENT)


def test_a_latched_robot_stays_where_it_is_when_something_opens() -> None:
    t = Timeline(latch_after=1).request().at_ms(WINDOW_MS)
    t.expect_safe_move(SILENT)
    t.close().at_ms(60_000).expect_nothing()


def test_what_is_open() -> None:
    warehouse = world.warehouse()
    on_map = openness(warehouse)
    assert on_map == openness(warehouse, AS_ON_THE_MAP)
    assert on_map.blocked[4, 7] is Block.CLOSED
    assert on_map.blocked[1, 8] is Block.KEEP_OUT
    assert on_map.refuges == (5,)
    closures = Closures(closed_edges=frozenset({105, 999}), opened_edges=frozenset({105}))
    assert openness(warehouse, closures).blocked[1, 8] is Block.KEEP_OUT, "the worse of the two"
    assert (1, 8) not in openness(warehouse, Closures(opened_zones=frozenset({KEEP_OUT}))).blocked
    both = Closures(closed_edges=frozenset({100}), opened_edges=frozenset({100}))
    assert openness(warehouse, both).blocked[1, 2] is Block.CLOSED
    everything = openness(warehouse, Closures(everything=True))
    assert (set(everything.blocked), everything.refuges) == (set(warehouse.edges), ())


def test_ids_that_the_map_does_not_know() -> None:
    closures = Closures(
        closed_edges=frozenset({100, 7}),
        opened_edges=frozenset({3}),
        closed_zones=frozenset({REFUGE, 2}),
        opened_zones=frozenset({1}),
    )
    assert unknown_ids(world.warehouse(), closures) == ([3, 7], [1, 2])


def test_a_closure_that_cannot_be_taken_over_closes_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    t = to_bin_b()
    with monkeypatch.context() as patch:
        patch.setattr("fallback_guard.core.ground.Paths", None)
        t.close(edges([SHORT[0]])).expect_refusal(FailureMode.INTERNAL_ERROR)
    t.answer(over([2])).expect_refusal(FailureMode.EDGE_CLOSED)
    t.close(edges([SHORT[0]])).answer(over([2, 6, 5])).expect_route()


def test_the_same_closures_again_change_nothing() -> None:
    t = to_bin_b().close(edges([SHORT[0]]))
    spare(t)
    paths = t.guard._ground.paths
    t.close(edges([SHORT[0]]))
    assert t.guard._ground.paths is paths
    assert not t.guard.has_spare_work


def spare(t: Timeline) -> int:
    """Let the guard do its spare work; return in how many steps."""
    steps = 0
    while t.guard.has_spare_work:
        t.step(TimePassed())
        steps += 1
    return steps


def test_what_a_closure_outdates_is_prepared_anew_in_spare_time_one_at_a_time() -> None:
    t = to_bin_b(on_due=True).answer(over([2])).request(world.pick_request("R-2", on_due=True))
    t.close(edges([SHORT[0]])).expect_nothing()
    assert spare(t) == 3, "the robot and its two requests"
    t.expect_refusal(FailureMode.EDGE_CLOSED)
    t.answer(over(None)).due()
    assert way(t.pending) == [1, 2, 6, 5, 3, 2, 1]


@pytest.mark.parametrize(
    ("before_ns", "spare_work"),
    [(SPARE_NS + 1, True), (SPARE_NS, False), (SPARE_NS - 1, False), (1, False)],
)
def test_no_spare_work_is_done_shortly_before_a_window_closes(
    before_ns: int, *, spare_work: bool
) -> None:
    t = to_bin_b().close(edges([SHORT[0]])).at_ns(WINDOW_MS * NS_PER_MS - before_ns)
    t.guard._fleet.renew()
    assert t.guard.has_spare_work is spare_work
    t.at_ms(WINDOW_MS).expect_safe_move(SILENT)
    assert spare(t) > 0


def test_recoveries_that_fall_due_together_are_driven_one_a_step() -> None:
    robots = [f"picker_{number}" for number in range(3)]
    t = Timeline()
    for robot_id in robots:
        t.position(0.0, 0.0, robot_id=robot_id).request(world.pick_request("R-1", robot_id))
    t.at_ms(WINDOW_MS)
    t.pending.clear()
    for robot_id in robots:
        t.at_ms(1_000).position(0.0, 0.0, robot_id=robot_id)
    for number in range(3):
        t.at_ms(WINDOW_MS + 1_000 + number).expect_standby(SILENT)
        t.expect_nothing()


def closing_at(t: Timeline, robot_id: str, ms: int) -> Timeline:
    """Let another robot's silent request arrive whose window closes `ms` after the beginning."""
    return t.at_ms(ms - WINDOW_MS).request(world.pick_request("R-1", robot_id))


@pytest.mark.parametrize(("before_ms", "gives_way"), [(6, False), (5, True), (1, True)])
def test_a_recovery_gives_way_to_a_window_that_is_about_to_close(
    before_ms: int, *, gives_way: bool
) -> None:
    t = Timeline().request().at_ms(WINDOW_MS)
    t.expect_safe_move(SILENT)
    recovers_ms = WINDOW_MS + 1_000
    closing_at(t, "picker_2", recovers_ms + before_ms).at_ms(recovers_ms)
    if gives_way:
        t.expect_nothing()
        t.at_ms(recovers_ms + before_ms).expect_safe_move(SILENT)
        t.expect_nothing()  # Never in the step of a decision, which must not wait for it.
        t.at_ms(recovers_ms + before_ms + 1)
    assert t.expect_standby(SILENT).robot_id == world.ROBOT


def test_but_not_for_longer_than_its_patience() -> None:
    t = Timeline(robots_max=100).request().at_ms(WINDOW_MS)
    t.expect_safe_move(SILENT)
    recovers_ms = WINDOW_MS + 1_000
    # One window after the other, each so soon that there is never time.
    closings_ms = range(recovers_ms + 1, recovers_ms + 350, 4)
    for number, closes_ms in enumerate(closings_ms):
        closing_at(t, f"robot_{number}", closes_ms)
    before = sum(
        ms * NS_PER_MS <= recovers_ms * NS_PER_MS + RECOVERY_PATIENCE_NS for ms in closings_ms
    )
    # The step in which its patience ends is that of a decision, which must not wait for it.
    for _ in range(before + 1):
        assert t.expect_safe_move(SILENT).robot_id != world.ROBOT
    assert t.expect_standby(SILENT).robot_id == world.ROBOT
