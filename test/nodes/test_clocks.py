# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Where the numbers of commands begin: never lower than for the process before."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.core.sequences import SEQUENCE_MAX
from fallback_guard.nodes import clocks

if TYPE_CHECKING:
    from pathlib import Path

HOUR_NS: Final = 3_600 * 10**9
HOUR_US: Final = HOUR_NS // 1_000
CLOSE_US: Final = 5_000_000
"""The two clocks are read one after the other, and a machine under load may pause in between."""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return clocks._file()


def by_wall() -> int:
    return (time.time_ns() - time.monotonic_ns()) // 1_000


def test_it_begins_with_the_wall_clock(kept: Path) -> None:
    assert abs(clocks.sequence_base() - by_wall()) < CLOSE_US
    assert kept.parent.joinpath(kept.name).exists()


def test_it_does_not_go_back_with_the_wall_clock(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = clocks.sequence_base()
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - HOUR_NS)
    assert clocks.sequence_base() == before
    monkeypatch.setattr(time, "time_ns", lambda: real() + HOUR_NS)
    ahead = clocks.sequence_base()
    assert abs(ahead - before - HOUR_US) < CLOSE_US
    monkeypatch.setattr(time, "time_ns", real)
    assert clocks.sequence_base() == ahead
    assert [path.name for path in kept.parent.iterdir()] == [kept.name], "nothing is left beside"


@pytest.mark.parametrize("junk", [b"", b"soon", b"-7", b"1e9", b"\xff" * 100, b"12 34"])
def test_what_is_no_number_counts_for_nothing(kept: Path, junk: bytes) -> None:
    kept.write_bytes(junk)
    assert abs(clocks.sequence_base() - by_wall()) < CLOSE_US


def test_an_absurd_number_leaves_room_for_others(kept: Path) -> None:
    kept.write_bytes(b"9" * 100)
    assert clocks.sequence_base() <= SEQUENCE_MAX // 2


def test_a_link_is_not_followed(kept: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(str(by_wall() + 2 * HOUR_US), encoding="ascii")
    kept.symlink_to(elsewhere)
    assert abs(clocks.sequence_base() - by_wall()) < CLOSE_US


def test_a_file_of_somebody_else_is_not_believed(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write_text(str(by_wall() + 2 * HOUR_US), encoding="ascii")
    uid = os.getuid()
    name = clocks._file().name
    monkeypatch.setattr(clocks, "_file", lambda: kept.parent / name)
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    assert abs(clocks.sequence_base() - by_wall()) < CLOSE_US


def test_without_a_place_to_write_the_wall_clock_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "not there"))
    assert abs(clocks.sequence_base() - by_wall()) < CLOSE_US
