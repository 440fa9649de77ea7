# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the watchdog reads of messages that are meant for others: their heads.

Each function takes a message's bytes and the time on the clock of its stamp, and raises UndecodableError.
"""

from struct import Struct
from typing import Final

from fallback_guard.core.watchdog import MotionHeard, RequestFellDue, StateHeard
from fallback_guard.msg import GuardState
from fallback_guard.nodes.cdr import Reader
from fallback_guard.nodes.conversion import ID_BYTES_MAX, stamp_ns

_U64: Final = Struct("<Q")
_DURATION: Final = Struct("<iI")
_U8: Final = Struct("<B")
_NODES: Final = Struct("<II")


def read_motion(data: bytes, _ros_now_ns: int) -> MotionHeard:
    """Read whom a MotionCommand is for."""
    reader = Reader(data)
    stamp_ns(reader)
    request_id, robot_id = reader.text(ID_BYTES_MAX), reader.text(ID_BYTES_MAX)
    (sequence,) = reader.primitives(_U64, 8)
    return MotionHeard(request_id, robot_id, sequence)


def read_route_due(data: bytes, ros_now_ns: int) -> RequestFellDue:
    """Read a RouteDue."""
    reader = Reader(data)
    age_ns = ros_now_ns - stamp_ns(reader)
    return RequestFellDue(reader.text(ID_BYTES_MAX), reader.text(ID_BYTES_MAX), age_ns)


def read_request(data: bytes, ros_now_ns: int) -> RequestFellDue | None:
    """Read a PickRequest; None where it does not fall due yet."""
    reader = Reader(data)
    age_ns = ros_now_ns - stamp_ns(reader)
    due = RequestFellDue(reader.text(ID_BYTES_MAX), reader.text(ID_BYTES_MAX), age_ns)
    reader.primitives(_NODES, 4)
    (on_due,) = reader.primitives(_U8, 1)
    return None if on_due else due


def read_state(data: bytes, _ros_now_ns: int) -> StateHeard:
    """Read a GuardState."""
    reader = Reader(data)
    stamp_ns(reader)
    (heartbeat,) = reader.primitives(_U64, 8)
    reader.primitives(_DURATION, 4)
    (state,) = reader.primitives(_U8, 1)
    return StateHeard(heartbeat, decides=state != GuardState.STATE_INACTIVE)
