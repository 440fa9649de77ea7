# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Every short sequence of events, for each way to recover; `exhaustive.py` goes deeper."""

from __future__ import annotations

import pytest

from exhaustive import ALPHABET, CONFIGS, begin, explore, replay
from fallback_guard.core.config import GuardConfig
from fallback_guard.core.guard import Guard
from fallback_guard.core.request_states import RequestState


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_every_guarantee_holds_after_every_two_events(config: GuardConfig) -> None:
    assert sum(1 for _ in explore(config, 2)) == len(ALPHABET) ** 2


def test_a_copy_goes_the_way_of_what_it_was_copied_from() -> None:
    """What copies share must not change, or one sequence would disturb the next."""
    word = ("ask", "answer badly", "almost the window", "one nanosecond", "the recovery", "ask")
    branch = begin(CONFIGS[0])
    for name in word:
        branch = branch.fork()
        ALPHABET[name](branch)
    branch.simulation.end()
    assert branch.simulation.said == replay(CONFIGS[0], word).said


def test_the_alphabet_reaches_every_state() -> None:
    words = (
        ("ask early",),
        ("ask early", "answer"),
        ("ask",),
        ("ask", "answer"),
        ("ask", "almost the window", "one nanosecond"),
        ("ask", "almost the window", "one nanosecond", "the recovery"),
        ("ask", "ask"),
    )
    reached = set()
    for word in words:
        branch = begin(CONFIGS[0])
        for name in word:
            ALPHABET[name](branch)
        for robot in branch.simulation.guard._fleet:
            reached |= {record.state for record in robot.requests.values()}
    assert reached == set(RequestState)


def test_the_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "_overtake", lambda _guard, _robot: None)
    with pytest.raises(AssertionError, match=r"after \('ask', 'older due'\)"):
        list(explore(CONFIGS[0], 2))
