# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Gazebo's own parser likes the world and the model, and does not like everything."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.maps.block_warehouse import BlockSpec, block_warehouse
from fallback_guard.maps.geojson import load_warehouse, parse_warehouse
from fallback_guard.maps.sdf_elements import SDF_VERSION
from fallback_guard.maps.sdf_world import WorldSpec, sdf_world
from sdf_parser import NoParserError, Parser, parser

if TYPE_CHECKING:
    from fallback_guard.core.warehouse import Warehouse

MODEL: Final = Path(__file__).parents[2] / "models" / "picker" / "model.sdf"

WORLDS: Final = {
    "sample": load_warehouse(world.SAMPLE),
    "every way": world.warehouse(),
    "blocks": parse_warehouse(
        block_warehouse(BlockSpec(aisles=5, cross_aisles=3, bays=6, levels=3, keep_outs=1)),
        source="m",
    ),
}

pytestmark = pytest.mark.timeout(400)  # The first time it may have to be brought.


@pytest.fixture(scope="module")
def sdf() -> Parser:
    """Gazebo's parser."""
    try:
        return parser()
    except NoParserError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("warehouse", WORLDS.values(), ids=WORLDS)
def test_a_world_is_valid(warehouse: Warehouse, sdf: Parser, tmp_path: Path) -> None:
    file = tmp_path / "world.sdf"
    file.write_bytes(sdf_world(warehouse, WorldSpec()).sdf)
    assert sdf.complaints(file) == ""


def test_the_picker_is_valid(sdf: Parser) -> None:
    assert sdf.complaints(MODEL) == ""


def test_the_picker_stands_in_the_world(sdf: Parser, tmp_path: Path) -> None:
    """As it is when it was put there."""
    made = ET.fromstring(sdf_world(WORLDS["sample"], WorldSpec()).sdf)  # noqa: S314  # our own
    hall, picker = made.find("world"), ET.parse(MODEL).getroot().find("model")  # noqa: S314
    assert hall is not None
    assert picker is not None
    hall.append(picker)
    file = tmp_path / "world.sdf"
    file.write_bytes(ET.tostring(made))
    assert sdf.complaints(file) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"<size>", b"<size>wide "),
        (b"<static>true</static>", b"<static>perhaps</static>"),
        (b'<collision name="shelf">', b"<collision>"),
        (b'name="shelf_2"', b'name="shelf_1"'),
        (b"</world>", b""),
    ],
)
def test_the_parser_refuses_what_is_no_world(
    before: bytes, after: bytes, sdf: Parser, tmp_path: Path
) -> None:
    good = sdf_world(WORLDS["sample"], WorldSpec()).sdf
    spoiled = good.replace(before, after)
    assert spoiled != good
    file = tmp_path / "world.sdf"
    file.write_bytes(spoiled)
    assert sdf.complaints(file) != ""


def test_the_parser_is_one_that_reads_this_version(sdf: Parser, tmp_path: Path) -> None:
    good = sdf_world(WORLDS["sample"], WorldSpec()).sdf
    file = tmp_path / "world.sdf"
    file.write_bytes(good.replace(f'version="{SDF_VERSION}"'.encode(), b'version="99.0"'))
    assert sdf.complaints(file) != ""
