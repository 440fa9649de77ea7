# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The bytes of messages as a target: what guard and watchdog read of them, and what they do then.

The first byte chooses the message, the others are the message as DDS carries it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

import world
from fallback_guard.core.config import guard_config
from fallback_guard.core.events import Event, RequestArrived
from fallback_guard.core.guard import Guard
from fallback_guard.core.limits import PAYLOAD_BYTES_MAX
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.core.watchdog import (
    NothingHeard,
    StateHeard,
    Watchdog,
    WatchdogConfig,
    WatchdogEvent,
)
from fallback_guard.nodes import conversion, overhearing
from fallback_guard.nodes.cdr import UndecodableError
from targets import BEGAN_NS, Steps, Target, is_said_well

ROS_NOW_NS: Final = 5_000_000_123

_ReadForGuard = Callable[[bytes], Event]
_ReadForWatchdog = Callable[[bytes, int], WatchdogEvent | None]

GUARD_READS: Final[tuple[_ReadForGuard, ...]] = (
    partial(conversion.read_request, ros_now_ns=ROS_NOW_NS),
    partial(conversion.read_route_due, ros_now_ns=ROS_NOW_NS),
    partial(conversion.read_candidate, bytes_max=PAYLOAD_BYTES_MAX),
    conversion.read_position,
)
WATCHDOG_READS: Final[tuple[_ReadForWatchdog, ...]] = (
    overhearing.read_motion,
    overhearing.read_route_due,
    overhearing.read_request,
    overhearing.read_state,
)
KINDS: Final = len(GUARD_READS) + len(WATCHDOG_READS)

_CONFIG: Final = WatchdogConfig(
    deadline_ns=150 * NS_PER_MS,
    grace_ns=10 * NS_PER_MS,
    silence_ns_max=300 * NS_PER_MS,
    lease_ns=500 * NS_PER_MS,
)
_LENGTHS: Final = (0, 1, 2, 3, 64, 65, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1)


def message(data: bytes) -> str:
    """Read a message, and let the guard or the watchdog handle it."""
    if not data:
        return "no message"
    kind, wire = data[0] % KINDS, data[1:]
    if kind < len(GUARD_READS):
        return _to_guard(GUARD_READS[kind], wire)
    return _to_watchdog(WATCHDOG_READS[kind - len(GUARD_READS)], wire)


def _to_guard(read: _ReadForGuard, wire: bytes) -> str:
    try:
        event = read(wire)
    except UndecodableError as error:
        is_said_well(error)
        return "undecodable"
    steps = Steps(Guard(config=guard_config({}), warehouse=world.warehouse()))
    # Something for it to be about.
    steps.take(RequestArrived(request=world.pick_request(on_due=True), stamp_age_ns=0))
    steps.take(event)
    steps.wait(200)
    assert len(steps.motions) <= 1, steps.motions
    return type(event).__name__


def _to_watchdog(read: _ReadForWatchdog, wire: bytes) -> str:
    try:
        event = read(wire, ROS_NOW_NS)
    except UndecodableError as error:
        is_said_well(error)
        return "undecodable"
    watchdog = Watchdog(_CONFIG)
    now_ns = BEGAN_NS
    watchdog.step(StateHeard(0, decides=True), now_ns)
    if event is not None:
        watchdog.step(event, now_ns)
    for _ in range(8):
        wake_ns = watchdog.next_wake_ns
        if wake_ns is None:
            break
        now_ns = max(now_ns, wake_ns)
        watchdog.step(NothingHeard(), now_ns)
    else:
        raise AssertionError("the watchdog asks to be woken again and again")
    assert watchdog.spoken <= 1
    return type(event).__name__


def changed(data: bytes, chance: Random) -> bytes:
    """Put a length or a number where one may stand: at a multiple of four from the first field."""
    if not data or chance.random() < 0.1:
        return bytes([chance.randrange(KINDS)]) + data[1:]
    at = 5 + 4 * chance.randrange(max(1, len(data) // 4))
    if chance.random() < 0.3:
        return data[:at]
    number = chance.choice((*_LENGTHS, len(data), chance.randrange(2**32)))
    return data[:at] + number.to_bytes(4, "little") + data[at + 4 :]


_MESSAGE: Final = Target(
    about="the bytes of a message: handled, or UndecodableError",
    check=message,
    bytes_max=4_000,
    mutate=changed,
)

TARGETS: Final[dict[str, Target]] = {"message": _MESSAGE}
