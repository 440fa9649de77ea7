# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard map world`: a world for Gazebo, or a reason why not."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import world
from fallback_guard.maps.block_warehouse import spec_for_bins
from fallback_guard.maps.sdf_world import BINS_DRAWN_MAX, SEED_MAX
from fallback_guard.tools import cli


def _run(*arguments: object) -> int:
    return cli.main(["map", "world", *(str(argument) for argument in arguments)])


def test_a_world_is_written_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "world.sdf"
    assert _run(world.SAMPLE, out) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(out),
        "  hall     15.9 m x 13.6 m",
        "  shelves  8, together 48.0 m long",
        "  bins     48 of 48 drawn",
    ]
    assert ET.parse(out).getroot().tag == "sdf"  # noqa: S314  # our own


def test_the_same_command_writes_the_same_bytes(tmp_path: Path) -> None:
    """And another seed others; so does another speed."""
    outs = [tmp_path / f"{number}.sdf" for number in range(4)]
    assert _run(world.SAMPLE, outs[0], "--seed", 3) == 0
    assert _run(world.SAMPLE, outs[1], "--seed", 3) == 0
    assert _run(world.SAMPLE, outs[2], "--seed", 4) == 0
    assert _run(world.SAMPLE, outs[3], "--seed", 3, "--real-time-factor", 0.5) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert len({out.read_bytes() for out in outs}) == 3


def test_bins_that_are_not_drawn_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bins = BINS_DRAWN_MAX + 1
    assert spec_for_bins(bins).bins == bins
    plan = tmp_path / "large.geojson"
    assert cli.main(["map", "generate", str(bins), "--write", str(plan)]) == 0
    assert _run(plan, tmp_path / "world.sdf") == 0
    shown = capsys.readouterr().out
    assert f"bins     0 of {bins} drawn" in shown
    assert "note: so many bins" in shown


def test_bins_without_a_shelf_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fallback_guard.maps.shelves.DEPTH_M_MIN", 100.0)
    assert _run(world.SAMPLE, tmp_path / "world.sdf") == 0
    assert "note: beside 48 bins there is no room for a shelf" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "map.geojson"),
        (b"{}", "map.geojson"),
        (b'{"type": "FeatureCollection", "features": []}', "no node"),
        (b"\xff\xfe", "map.geojson"),
        (world.collection([*world.features(), world.features()[0]]), "id 1"),
        (None, "map.geojson"),
    ],
)
def test_a_map_that_cannot_be_used_makes_no_world(
    text: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Empty, something else, nothing in it, no text, a broken one, none at all: exit code 2, and nothing is written."""
    plan, out = tmp_path / "map.geojson", tmp_path / "world.sdf"
    if text is not None:
        plan.write_bytes(text)
    out.write_bytes(b"before")
    assert _run(plan, out) == 2
    error = capsys.readouterr().err
    assert error.startswith("fallback-guard map: ")
    assert said in error
    assert out.read_bytes() == b"before"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--seed", -1), "seed is -1. Choose one from 0 to"),
        (("--seed", SEED_MAX + 1), "Choose one from 0 to"),
        (("--real-time-factor", 0), "real_time_factor is 0.0. Choose one from 0.01 to 100"),
        (("--real-time-factor", "nan"), "real_time_factor is nan. Choose"),
        (("--real-time-factor", "inf"), "real_time_factor is inf. Choose"),
    ],
)
def test_choices_that_cannot_be_simulated(
    arguments: tuple[object, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(world.SAMPLE, tmp_path / "world.sdf", *arguments) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_world_keeps_the_map_that_it_is_made_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "map.geojson"
    shutil.copy(world.SAMPLE, plan)
    assert _run(plan, plan) == 2
    assert "Write to another file" in capsys.readouterr().err
    assert plan.read_bytes() == world.SAMPLE.read_bytes()
    assert _run(plan, tmp_path / "no" / "where.sdf") == 2
    assert "it cannot be written" in capsys.readouterr().err
