# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Edges and zones that are closed and opened while the guard process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import Transition
from std_msgs.msg import Header

import world
from fallback_guard import msg
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.request import PickItem
from fallback_guard.nodes import topics
from test_guard_operation import change_state

if TYPE_CHECKING:
    from harness import Message, Scene

ITEMS: Final = (PickItem(bin="C-1", sku="SKU-3", quantity=1),)
TO_C_AND_BACK: Final = [1, 2, 3, 4, 3, 2, 1]
AROUND: Final = [1, 2, 6, 5, 3, 4, 3, 2, 1]
SHORT: Final = 101
"""The edge from 2 to 3, on the shortest way."""

BLOCKED_ON_MAP: Final = 6
"""Edges of the small warehouse that are closed or touch a keep-out zone."""


def close(scene: Scene, stamp_s: int, **closures: object) -> Message:
    """Say what is closed, and return the first state of the guard by which it is in force."""
    stamp = Time(sec=stamp_s)
    message = msg.MapClosures(header=Header(stamp=stamp), **closures)
    scene.bystander.publish(topics.MAP_CLOSURES, message)
    return in_force(scene, stamp_s)


def in_force(scene: Scene, stamp_s: int) -> Message:
    """Wait until the closures of a stamp are in force, and return the state that says so."""

    def states() -> list[Message]:
        heard = [one.message for one in scene.bystander.states]
        return [state for state in heard if state.closures.sec == stamp_s]

    scene.bystander.wait_until(states, f"closures of {stamp_s} s")
    return states()[-1]


def way(scene: Scene, request_id: str) -> list[int]:
    """Return the nodes of the route that a request gets, whose answer leaves the way open."""
    request = world.pick_request(request_id, items=ITEMS)
    decision = scene.bystander.serve(request)
    assert decision.outcome == MotionKind.ROUTE, decision.detail
    motion = scene.bystander.wait_for_motion(request_id, world.ROBOT).message
    return [point.node for point in motion.waypoints]


def test_routes_lead_around_what_is_closed_and_back_when_it_opens(scene: Scene) -> None:
    scene.start_guard(detour_factor=3.0)
    scene.bystander.settle(world.ROBOT)
    assert way(scene, "R-1") == TO_C_AND_BACK
    state = close(scene, 1, closed_edges=[SHORT, 4_711])
    assert state.edges_blocked == BLOCKED_ON_MAP + 1
    scene.nodes.wait_for_text("guard_node", "edges not on the map: 4711")
    assert way(scene, "R-2") == AROUND
    request = world.pick_request("R-3", items=ITEMS)
    payload = world.answer(request, [world.stop(ITEMS[0], [2, 3])])
    decision = scene.bystander.serve(request, payload)
    assert decision.outcome == MotionKind.SAFE_MOVE
    assert decision.failure_mode == FailureMode.EDGE_CLOSED
    assert (decision.rule, decision.measured, decision.limit) == ("open_edges", 1.0, 0.0)
    assert close(scene, 2).edges_blocked == BLOCKED_ON_MAP
    assert way(scene, "R-4") == TO_C_AND_BACK


def test_who_starts_later_hears_what_is_closed(scene: Scene) -> None:
    """Also a guard that was not active when something was closed."""
    message = msg.MapClosures(header=Header(stamp=Time(sec=9)), everything=True)
    scene.bystander.publish(topics.MAP_CLOSURES, message)
    scene.start_guard(autostart=False)
    in_force(scene, 9)
    assert change_state(scene, Transition.TRANSITION_CONFIGURE)
    assert change_state(scene, Transition.TRANSITION_ACTIVATE)
    scene.bystander.settle(world.ROBOT)
    decision = scene.bystander.serve(world.pick_request("R-1", items=ITEMS))
    assert decision.failure_mode == FailureMode.UNREACHABLE
    assert decision.outcome == MotionKind.SAFE_MOVE
