# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Nothing of a stranger's text is unseen, nor without end."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_guard.reporting import texts, words


@given(st.text(max_size=400))
def test_a_line_is_one_and_holds_nothing_unseen(text: str) -> None:
    shown = texts.line(text, 100)
    assert shown.encode().decode() == shown
    assert not [
        char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    assert len(shown) <= 100 * len("⟨U+10FFFF⟩") + 40


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\0b", "a⟨U+0000⟩b"),
        ("\u202egnp", "⟨U+202E⟩gnp"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("\ud800", "⟨U+D800⟩"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("a\nb", "a⟨U+000A⟩b"),
        ("Käse 倉庫", "Käse 倉庫"),
    ],
)
def test_what_cannot_be_seen_is_named(text: str, shown: str) -> None:
    assert texts.line(text) == shown


def test_marks_do_not_climb() -> None:
    assert texts.line("a" + "\u0301" * 9).count("⟨") == 5


def test_a_payload_keeps_its_lines_and_tells_what_is_left_out() -> None:
    assert texts.payload(b"a\n\tb", 4) == "a\n\tb"
    assert texts.payload(b"\xff\xfe", 2) == "\\xff\\xfe"
    shown = texts.payload(b"x" * 4_096, 1_000_000)
    assert shown.startswith("x" * 2_000)
    assert "998,000" in shown.replace("998000", "998,000")
    assert len(shown) < 2_100


def test_a_cut_through_a_character_is_no_fault_of_the_payloads() -> None:
    assert "\\x" not in texts.payload("ä".encode() * 10 + b"\xc3", 999)


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (1.0, "100.000 %"),
        (0.9999999, "99.999 %"),
        (0.29, "29.000 %"),
        (0.999, "99.900 %"),
        (None, "\u2013"),
    ],
)
def test_only_what_is_whole_is_said_to_be(share: float | None, written: str) -> None:
    assert words.percent(share, 3) == written


def test_a_little_is_not_written_as_nothing() -> None:
    assert words.share(0.000001) == "< 0.01 %"
    assert words.share(0.0) == "0.00 %"
