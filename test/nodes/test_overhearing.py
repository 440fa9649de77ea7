# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the watchdog reads of others' messages is what rclpy would read, and broken ones are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from builtin_interfaces.msg import Duration, Time
from rclpy.serialization import serialize_message
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.watchdog import MotionHeard, RequestFellDue, StateHeard, WatchdogEvent
from fallback_guard.nodes import overhearing
from fallback_guard.nodes.cdr import UndecodableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import Message

NOW_NS: Final = 5_000_000_123
HEADER: Final = Header(stamp=Time(sec=5, nanosec=23), frame_id="map")
NAMES: Final = {"header": HEADER, "request_id": "R-17", "robot_id": "picker_1"}
ITEMS: Final = [msg.PickItem(bin="A-03", sku="SKU-9", quantity=2)] * 3

Read = "Callable[[bytes, int], WatchdogEvent | None]"
CASES: Final[list[tuple[Read, Message, WatchdogEvent | None]]] = [  # type: ignore[valid-type]
    (
        overhearing.read_motion,
        msg.MotionCommand(**NAMES, sequence=2**63, kind=1, waypoints=[msg.Waypoint()]),
        MotionHeard("R-17", "picker_1", 2**63),
    ),
    (
        overhearing.read_route_due,
        msg.RouteDue(**NAMES),
        RequestFellDue("R-17", "picker_1", 100),
    ),
    (
        overhearing.read_request,
        msg.PickRequest(**NAMES, start_node=1, goal_node=2, items=ITEMS),
        RequestFellDue("R-17", "picker_1", 100),
    ),
    (
        overhearing.read_request,
        msg.PickRequest(**NAMES, start_node=1, goal_node=2, items=ITEMS, on_due=True),
        None,
    ),
    (
        overhearing.read_state,
        msg.GuardState(header=HEADER, heartbeat=9, period=Duration(nanosec=1)),
        StateHeard(9, decides=True),
    ),
    (
        overhearing.read_state,
        msg.GuardState(header=HEADER, heartbeat=2**64 - 1, state=msg.GuardState.STATE_INACTIVE),
        StateHeard(2**64 - 1, decides=False),
    ),
]


@pytest.mark.parametrize(("read", "message", "event"), CASES)
def test_heads_are_read(
    read: Callable[[bytes, int], WatchdogEvent | None],
    message: Message,
    event: WatchdogEvent | None,
) -> None:
    assert read(serialize_message(message), NOW_NS) == event


@pytest.mark.parametrize(("read", "message", "event"), CASES)
def test_a_message_that_ends_too_early_is_none(
    read: Callable[[bytes, int], WatchdogEvent | None],
    message: Message,
    event: WatchdogEvent | None,
) -> None:
    data = serialize_message(message)
    undecodable = 0
    for end in range(len(data)):
        try:
            assert read(data[:end], NOW_NS) == event, "the head is all there"
        except UndecodableError:
            undecodable = end
    assert undecodable >= 4 + 8
    with pytest.raises(UndecodableError):
        read(b"\0\1\0\0" + b"\xff" * 40, NOW_NS)
    with pytest.raises(UndecodableError):
        read(b"", NOW_NS)
