# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The world and the model have nothing that SDF does not know."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import pytest

import world
from fallback_guard.maps.block_warehouse import BlockSpec, block_warehouse
from fallback_guard.maps.geojson import load_warehouse, parse_warehouse
from fallback_guard.maps.sdf_elements import SDF_VERSION
from fallback_guard.maps.sdf_world import WorldSpec, sdf_world
from sdf_description import Described, described, problems
from sdf_parser import NoParserError, parser

MODEL: Final = Path(__file__).parents[2] / "models" / "picker" / "model.sdf"

pytestmark = pytest.mark.timeout(400)  # The first time the parser may have to be brought.


@pytest.fixture(scope="module")
def sdf() -> Described:
    """What the version of SDF that we write allows."""
    try:
        folders = parser().descriptions
    except NoParserError as error:
        pytest.skip(str(error))
    files = [folder / SDF_VERSION / "root.sdf" for folder in folders]
    found = [file for file in files if file.is_file()]
    if not found:
        pytest.skip(f"{files} are not there")
    return described(found[-1])


def sample() -> str:
    return sdf_world(load_warehouse(world.SAMPLE), WorldSpec()).sdf.decode()


def found_in(text: str, sdf: Described) -> list[str]:
    return list(problems(ET.fromstring(text), sdf))  # noqa: S314  # our own


def test_worlds_have_what_is_described(sdf: Described) -> None:
    assert found_in(sample(), sdf) == []
    spec = BlockSpec(aisles=5, cross_aisles=3, bays=6, levels=3, keep_outs=1)
    blocks = parse_warehouse(block_warehouse(spec), source="m")
    assert found_in(sdf_world(blocks, WorldSpec(real_time_factor=0.2)).sdf.decode(), sdf) == []


def test_the_picker_has_nothing_else_but_the_frames_of_its_sensors(sdf: Described) -> None:
    """For which this version has no element: they are Gazebo's own."""
    found = found_in(MODEL.read_text("utf-8"), sdf)
    assert found == ["/sdf/model/link/sensor: no element gz_frame_id"] * 2


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("max_step_size>", "max_step_size_s>", "/sdf/world/physics: no element max_step_size_s"),
        ("cast_shadows>", "shadow>", "no element shadow"),
        ("<box>", "<box><colour>red</colour>", "/geometry/box: no element colour"),
        (' version="1.9"', "", "/sdf: attribute version is missing"),
        ("<static>true", "<static>perhaps", "/sdf/world/model/static: 'perhaps' is no bool"),
        ("<size>", "<size>1 ", "is no vector3"),
        ("<light ", '<light kind="lamp" ', "/sdf/world/light: no attribute kind"),
        ("<static>true</static>", "<static>true</static>" * 2, "/sdf/world/model: 2 times static"),
    ],
)
def test_what_is_not_described_is_found(before: str, after: str, said: str, sdf: Described) -> None:
    spoiled = sample().replace(before, after)
    assert spoiled != sample()
    assert any(said in one for one in found_in(spoiled, sdf))
