# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The dispatcher with a real guard and its real deadlines, without ROS: what it hands to whom, and in which order."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.core.config import guard_config
from fallback_guard.core.effects import Occasion
from fallback_guard.core.events import PositionArrived, RequestArrived
from fallback_guard.core.guard import Guard
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.nodes.dispatcher import Dispatcher, Outlets
from harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_guard.core.effects import Decision
    from fallback_guard.core.motion import Motion
    from fallback_guard.nodes.status import Timing

PULSE_NS: Final = 20 * NS_PER_MS


class Ends:
    """What came out, in order, and a dispatcher that it came out of."""

    def __init__(self) -> None:
        self.out: list[Motion | Decision | str] = []
        self.timings: list[Timing] = []
        self.broken = False
        self.dispatcher = Dispatcher(
            Outlets(motion=self._motion, decision=self._decision, pulse=self._pulse),
            pulse_ns=PULSE_NS,
        )

    def _motion(self, motion: Motion) -> None:
        self.out.append(motion)

    def _decision(self, decision: Decision, timing: Timing) -> None:
        self.out.append(decision)
        self.timings.append(timing)

    def _pulse(self) -> None:
        if self.broken:
            raise RuntimeError("no middleware")
        self.out.append("pulse")

    def activate(self, **parameters: object) -> None:
        config = guard_config({"recovery": "none", "position_age_ms_max": 10_000, **parameters})
        self.dispatcher.activate(Guard(config=config, warehouse=world.warehouse()))

    def ask(self, robot_id: str) -> None:
        self.dispatcher.step(PositionArrived(robot_id=robot_id, x=0.0, y=0.0))
        request = world.pick_request("R-1", robot_id)
        self.dispatcher.step(RequestArrived(request=request, stamp_age_ns=0))

    @property
    def said(self) -> list[Motion | Decision]:
        return [one for one in self.out if not isinstance(one, str)]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Return a dispatcher without a guard."""
    made = Ends()
    yield made
    made.dispatcher.close()


def test_it_gives_signs_of_life_without_a_guard_and_decides_nothing(ends: Ends) -> None:
    ends.ask("picker_1")
    wait_until(lambda: len(ends.out) >= 3, "three pulses")
    assert ends.said == []
    assert not ends.dispatcher.status().is_active


def test_a_silent_request_ends_in_a_safe_move_and_then_its_record(ends: Ends) -> None:
    ends.activate(deadline_ms=100)
    ends.ask("picker_1")
    wait_until(lambda: len(ends.said) == 2, "the decision")
    motion, decision = ends.said
    assert motion.kind is MotionKind.SAFE_MOVE  # type: ignore[union-attr]
    assert decision.occasion is Occasion.DUE  # type: ignore[union-attr]
    assert motion.sequence == decision.sequence
    assert ends.timings[0].dispatch_ns > 0
    assert ends.dispatcher.status().counters.decisions == 1


def test_every_robot_is_told_before_any_record_is_written(ends: Ends) -> None:
    """Windows that close together: the records of the first ones must not keep the last ones waiting."""
    ends.activate(deadline_ms=100)
    names = [f"picker_{number}" for number in range(8)]
    hold = threading.Event()
    publish = ends._motion

    def slow(motion: Motion) -> None:
        publish(motion)
        if not hold.is_set():
            hold.set()
            time.sleep(0.1)  # Meanwhile every other window closes.

    ends.dispatcher._outlets = Outlets(motion=slow, decision=ends._decision, pulse=ends._pulse)
    for name in names:
        ends.ask(name)
    wait_until(lambda: len(ends.said) == 2 * len(names), "every decision")
    kinds = [type(one).__name__ for one in ends.said]
    assert kinds == ["Motion"] * len(names) + ["Decision"] * len(names)


def test_an_inactive_guard_decides_nothing_and_is_remembered(ends: Ends) -> None:
    ends.activate(deadline_ms=100)
    ends.ask("picker_1")
    wait_until(lambda: len(ends.said) == 2, "the decision")
    ends.dispatcher.deactivate()
    ends.ask("picker_2")
    before = len(ends.out)
    wait_until(lambda: len(ends.out) >= before + 10, "ten pulses")
    assert len(ends.said) == 2
    status = ends.dispatcher.status()
    assert (status.is_active, status.counters.decisions) == (False, 1)
    ends.dispatcher.forget()
    assert ends.dispatcher.status().counters.decisions == 0


def test_signs_of_life_that_cannot_be_sent_end_them_and_say_why(ends: Ends) -> None:
    ends.broken = True

    def raises() -> bool:
        try:
            ends.dispatcher.check()
        except RuntimeError:
            return True
        return False

    wait_until(raises, "the fault handed on")
