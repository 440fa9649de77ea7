# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The wall clock, set forward and back by an hour under guard and watchdog; and a simulation's clock that stands still.

The processes under test are told another wall time by libfaketime, a library that is loaded before the C library; their
steady clock, and the test's own clocks, stay as they are.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from arena import open_arena

import world
from fallback_guard.core.motion import MotionKind
from harness import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arena import Arena

ROBOT: Final = "picker_1"
HOUR_S: Final = 3_600
LIFE_SIGNS: Final = 5


def _library() -> Path | None:
    package = find_spec("libfaketime")
    found = (
        sorted(Path(package.origin).parent.rglob("libfaketime.so.1"))
        if package and package.origin
        else []
    )
    return found[0] if found else None


class Clock:
    """The wall clock of the processes under test."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "wall_clock"
        self.set_off_by(0)

    def set_off_by(self, seconds: int) -> None:
        """Let it show the time of so many seconds later, or earlier."""
        written = self.file.with_suffix(".new")
        written.write_text(f"{seconds:+d}\n", encoding="ascii")
        written.replace(self.file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def arena(tmp_path: Path, clock: Clock) -> Iterator[Arena]:
    library = _library()
    if library is None:
        pytest.skip("libfaketime is not installed")
    faked = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock.file),
        # It reads the file anew once a second, in the real time.
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    with open_arena(tmp_path, afresh=True, **faked) as opened:
        try:
            yield opened
        finally:
            # libfaketime knows nothing of mutexes that are waited for until a time: what Fast DDS locks so is locked
            # for the hour, or not at all.  Decisions need none of them; an orderly end does.
            for node in opened.scene.nodes.running:
                opened.scene.nodes.end_at_once(node)


def set_clock(arena: Arena, clock: Clock, seconds: int) -> None:
    """Set the wall clock, and wait until the guard's signs of life are stamped by it."""
    clock.set_off_by(seconds)
    bystander = arena.scene.bystander

    def is_set() -> bool:
        newest = bystander.states[-1].message.header.stamp.sec
        return bool(abs(newest - bystander.header().stamp.sec - seconds) < HOUR_S / 2)

    bystander.wait_until(is_set, f"a wall clock {seconds} s off")


def decide(arena: Arena, number: int) -> None:
    """Have a request that nobody answers end in a safe move."""
    bystander = arena.scene.bystander
    silent = world.pick_request(f"R-{number}")
    due_ns = bystander.ask(silent)
    heard = bystander.wait_for_motion(silent.request_id, ROBOT)
    assert heard.message.kind == MotionKind.SAFE_MOVE
    by = heard.message.source or "guard"
    report(f"due to safe move by the {by}: {(heard.arrived_ns - due_ns) / 1e6:.1f} ms")
    bystander.wait_for_states(LIFE_SIGNS)


def test_a_wall_clock_that_is_set_changes_nothing(arena: Arena, clock: Clock) -> None:
    bystander = arena.scene.bystander
    # Among real-time threads libfaketime's own locks spin, and keep all others from running.
    arena.start("watchdog_node", realtime_priority=0)
    arena.start("guard_node", realtime_priority=0)
    arena.wait_for_the_watchdog()
    bystander.settle(ROBOT)
    numbers = count(1)
    for hours in (0, 1, -1, 0):
        set_clock(arena, clock, hours * HOUR_S)
        for _ in range(3):
            decide(arena, next(numbers))

    bystander.leave(ROBOT)
    assert arena.judge().violations == ()


def test_a_simulations_clock_that_stands_still_holds_nobody_up(tmp_path: Path) -> None:
    with open_arena(tmp_path) as arena:
        for node in ("watchdog_node", "guard_node"):
            arena.start(node, use_sim_time=True)
        arena.wait_for_the_watchdog()
        arena.scene.bystander.settle(ROBOT)
        decide(arena, 1)
        arena.scene.bystander.leave(ROBOT)
        assert arena.judge().violations == ()
