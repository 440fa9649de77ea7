# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is kept of what many tell: changes of level, one in a while, and the last."""

from __future__ import annotations

from fallback_guard.core.units import NS_PER_S
from fallback_guard.recording.thinning import PERIOD_NS, TELLERS_MAX, Thinning, Told


def told(at_ns: int, level: int = 0, teller: str = "guard") -> Told:
    return Told(teller=teller, level=level, heard_ns=at_ns, sent_ns=at_ns, data=b"%d" % at_ns)


def test_one_in_a_while_is_kept() -> None:
    thinning = Thinning()
    moments = (0, NS_PER_S, PERIOD_NS - 1, PERIOD_NS, PERIOD_NS + 1, 2 * PERIOD_NS)
    assert [thinning.keeps(told(moment)) for moment in moments] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_a_change_of_level_is_kept_at_once() -> None:
    thinning = Thinning()
    levels = (0, 0, 2, 2, 0)
    kept = [thinning.keeps(told(number, level)) for number, level in enumerate(levels)]
    assert kept == [True, False, True, False, True]


def test_tellers_do_not_keep_each_other_out() -> None:
    thinning = Thinning()
    assert thinning.keeps(told(0, teller="a"))
    assert thinning.keeps(told(1, teller="b"))


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    thinning = Thinning()
    assert thinning.keeps(told(100 * NS_PER_S))
    assert thinning.keeps(told(50 * NS_PER_S))


def test_the_last_of_each_is_there_at_the_end_and_only_once() -> None:
    thinning = Thinning()
    for moment in (0, 1, 2):
        thinning.keeps(told(moment, teller="a"))
    thinning.keeps(told(3, teller="b"))
    assert [each.data for each in thinning.rest()] == [b"2"]


def test_memory_is_bounded() -> None:
    thinning = Thinning()
    kept = [thinning.keeps(told(number, teller=str(number))) for number in range(TELLERS_MAX + 5)]
    assert sum(kept) == TELLERS_MAX
    assert len(thinning.rest()) == 0
