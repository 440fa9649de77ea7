# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What `fallback-guard map` writes: all of a file or nothing, and never over what it reads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

import world
from fallback_guard.tools import cli

TWO_VEHICLES: Final = Path(__file__).parents[1] / "maps" / "two_vehicles.lif.json"
CHOICE: Final = ("--vehicle-type", "picker", "--layout-id", "ground")


def test_an_import_keeps_what_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By whatever name."""
    layout, link = tmp_path / "l.json", tmp_path / "link.json"
    shutil.copy(TWO_VEHICLES, layout)
    link.symlink_to(layout)
    for target in (layout, link):
        assert cli.main(["map", "import", str(layout), *CHOICE, "--write", str(target)]) == 2
        assert "Write to another file" in capsys.readouterr().err
        assert layout.read_bytes() == TWO_VEHICLES.read_bytes()


def test_a_drawing_keeps_what_it_reads(tmp_path: Path) -> None:
    plan = tmp_path / "map.svg"
    shutil.copy(world.SAMPLE, plan)
    assert cli.main(["map", "draw", str(plan), str(plan)]) == 2
    assert plan.read_bytes() == world.SAMPLE.read_bytes()


def test_a_map_that_cannot_be_written_whole_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was there stays, and nothing else is left behind."""
    target = tmp_path / "w.geojson"
    target.write_bytes(b"before")

    def half(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    assert cli.main(["map", "generate", "100", "--write", str(target)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["w.geojson"]
    assert target.read_bytes() == b"before"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """And a device a device."""
    target, link = tmp_path / "w.geojson", tmp_path / "link.geojson"
    target.write_bytes(b"before")
    link.symlink_to(target)
    assert cli.main(["map", "generate", "100", "--write", str(link)]) == 0
    assert link.is_symlink()
    assert target.read_bytes() != b"before"
    assert cli.main(["map", "generate", "100", "--write", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()
