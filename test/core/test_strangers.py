# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Who can command robots, read off the graph."""

from __future__ import annotations

from typing import Final

import pytest

from fallback_guard.core.effects import Occasion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.strangers import (
    NAMES_KNOWN_MAX,
    NAMESAKE_NS_MAX,
    STRANGERS_MAX,
    Strangers,
    stranger_decision,
)

GUARD: Final = "/hall/guard_node"
OWN: Final = "/hall/watchdog_node"


def look(
    strangers: Strangers,
    *others: str,
    guards: tuple[str, ...] = (GUARD,),
    alive: int = 1,
    now_ns: int = 0,
) -> tuple[str, ...]:
    """Look at a graph with the guards, the watchdog and `others` on `motion`."""
    return strangers.look(
        speakers=[*guards, OWN, *others], guards=guards, guards_alive=alive, now_ns=now_ns
    )


def test_one_guard_and_its_watchdog_are_no_strangers() -> None:
    strangers = Strangers(own=OWN)
    assert look(strangers) == look(strangers, now_ns=10**15) == ()


def test_anybody_else_is_told_once_for_as_long_as_it_stays() -> None:
    strangers = Strangers(own=OWN)
    assert not look(strangers, "/joystick", now_ns=1)
    told = look(strangers, "/joystick", now_ns=2)
    assert told == ("/joystick publishes on motion, and is no guard",)
    assert not look(strangers, "/joystick", now_ns=3)
    assert list(strangers.present) == list(told)
    assert not look(strangers, now_ns=4)
    assert list(strangers.present) == []
    assert not look(strangers, "/joystick", now_ns=5)
    assert look(strangers, "/joystick", now_ns=6) == told, "it is back"


def test_a_second_guard_is_told_with_both_names() -> None:
    guards = (GUARD, "/hall/second_guard")
    (told,) = look(Strangers(own=OWN), guards=guards, alive=2)
    assert told == "2 guards give signs of life: /hall/guard_node, /hall/second_guard"


def test_a_guard_that_was_killed_and_started_anew_is_no_second_one() -> None:
    """The dead one stays on the graph for a while, and gives no sign of life."""
    strangers = Strangers(own=OWN)
    for now_ns in range(3):
        assert look(strangers, guards=(GUARD, GUARD), alive=1, now_ns=now_ns) == ()


@pytest.mark.parametrize("name", [GUARD, OWN])
def test_a_second_one_of_a_known_name_is_told_when_no_restart_explains_it(name: str) -> None:
    """The parts of a process that was started anew come to be known one after the other."""
    strangers = Strangers(own=OWN)
    assert not look(strangers, name, now_ns=5)
    assert not look(strangers, name, now_ns=5 + NAMESAKE_NS_MAX)
    assert not look(strangers, now_ns=6 + NAMESAKE_NS_MAX)
    assert not look(strangers, name, now_ns=7 + NAMESAKE_NS_MAX)
    assert not look(strangers, name, now_ns=7 + 2 * NAMESAKE_NS_MAX)
    (told,) = look(strangers, name, now_ns=8 + 2 * NAMESAKE_NS_MAX)
    assert told == f"{name} publishes on motion, and is no guard"


def test_many_strangers_with_strange_names_fit() -> None:
    strangers = Strangers(own=OWN)
    names = [f"/{number}\n{'x' * 500}" for number in range(100)]
    look(strangers, *names, guards=tuple(f"/guard_{number}" for number in range(100)), now_ns=1)
    told = look(strangers, *names, now_ns=2)
    assert len(told) == STRANGERS_MAX
    assert all(one.isprintable() and len(one) < 150 for one in told)
    assert len(strangers._known) <= 101


@pytest.mark.parametrize(("names", "is_known"), [(-2, True), (-1, False)])
def test_a_guard_beyond_those_that_are_remembered_is_a_stranger(
    *, names: int, is_known: bool
) -> None:
    strangers = Strangers(own=OWN)
    look(strangers, guards=tuple(f"/guard_{n}" for n in range(NAMES_KNOWN_MAX + names)))
    look(strangers, guards=("/late",), now_ns=1)
    assert not look(strangers, "/late", now_ns=2)
    assert (look(strangers, "/late", now_ns=3) == ()) is is_known


@pytest.mark.parametrize("what", ["/joystick publishes on motion, and is no guard"])
def test_the_record_moves_nothing(what: str) -> None:
    decision = stranger_decision(what)
    assert (decision.occasion, decision.outcome) == (Occasion.ALARM, MotionKind.NONE)
    assert (decision.failure_mode, decision.detail) == (FailureMode.STRANGER, what)
    assert (decision.request_id, decision.robot_id, decision.sequence) == ("", "", 0)
