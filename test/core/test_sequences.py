# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Numbers of commands: higher than all before, in whichever process."""

from __future__ import annotations

import pytest

from fallback_guard.core.sequences import SEQUENCE_MAX, Sequences

NOW_NS = 5_000_000_999


def test_a_number_is_the_base_and_the_time_in_microseconds() -> None:
    assert Sequences(1_000).next(NOW_NS) == 5_001_000


def test_numbers_rise_within_a_microsecond() -> None:
    sequences = Sequences(0)
    assert [sequences.next(NOW_NS) for _ in range(3)] == [5_000_000, 5_000_001, 5_000_002]


def test_of_two_processes_the_later_speaker_has_the_higher_number() -> None:
    guard, watchdog = Sequences(7), Sequences(7)
    early = guard.next(NOW_NS)
    held_up = guard.next(NOW_NS + 1_000)
    spoken = watchdog.next(NOW_NS + 160_000_000)
    assert early < held_up < spoken < guard.next(NOW_NS + 160_001_000)


def test_what_was_heard_is_passed_and_nothing_goes_back() -> None:
    sequences = Sequences(0)
    sequences.heard(9_000_000)
    assert sequences.next(NOW_NS) == 9_000_001
    sequences.heard(17)
    assert sequences.next(NOW_NS) == 9_000_002


@pytest.mark.parametrize(
    ("said", "follows"),
    [
        (SEQUENCE_MAX - 1, SEQUENCE_MAX),
        (SEQUENCE_MAX, SEQUENCE_MAX + 1),
        (SEQUENCE_MAX + 1, 5_000_000),
    ],
)
def test_a_number_that_no_time_explains_is_not_believed(said: int, follows: int) -> None:
    sequences = Sequences(0)
    sequences.heard(said)
    assert sequences.next(NOW_NS) == follows
