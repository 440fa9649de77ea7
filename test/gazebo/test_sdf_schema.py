"""The world and the model follow the schema of their version of SDF, which comes with Gazebo's parser.

The parser passes over elements that it does not know; the schema does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import xmlschema

import world
from fallback_guard.maps.block_warehouse import BlockSpec, block_warehouse
from fallback_guard.maps.geojson import load_warehouse, parse_warehouse
from fallback_guard.maps.sdf_elements import SDF_VERSION
from fallback_guard.maps.sdf_world import WorldSpec, sdf_world
from sdf_parser import NoParserError, parser

MODEL: Final = Path(__file__).parents[2] / "models" / "picker" / "model.sdf"
HOME: Final = "http://sdformat.org/schemas/"

pytestmark = pytest.mark.timeout(400)  # The first time the parser may have to be brought.


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    """The schema of the version that we write; only files of this machine are opened."""
    try:
        folders = parser().descriptions
    except NoParserError as error:
        pytest.skip(str(error))
    found = [folder / SDF_VERSION for folder in folders if (folder / SDF_VERSION / "root.xsd").is_file()]
    if not found:
        pytest.skip(f"{folders} have no schema of SDF {SDF_VERSION}")

    def here(uri: str) -> str:
        return str(found[-1] / uri.removeprefix(HOME)) if uri.startswith(HOME) else uri

    return xmlschema.XMLSchema(str(found[-1] / "root.xsd"), uri_mapper=here, allow="local")


def sample() -> str:
    return sdf_world(load_warehouse(world.SAMPLE), WorldSpec()).sdf.decode()


def test_worlds_follow_it(schema: xmlschema.XMLSchema) -> None:
    schema.validate(sample())
    spec = BlockSpec(aisles=5, cross_aisles=3, bays=6, levels=3, keep_outs=1)
    blocks = parse_warehouse(block_warehouse(spec), source="m")
    schema.validate(sdf_world(blocks, WorldSpec(real_time_factor=0.2)).sdf.decode())


def test_the_picker_follows_it(schema: xmlschema.XMLSchema) -> None:
    """Except in what Gazebo alone knows: the frame of a sensor, for which this version has no element."""
    text = MODEL.read_text("utf-8")
    lines = [line for line in text.splitlines() if "<gz_frame_id>" not in line]
    assert len(text.splitlines()) - len(lines) == 2
    schema.validate("\n".join(lines[1:]))  # A text in Unicode cannot tell its own encoding.


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("max_step_size>", "max_step_size_s>"),
        ("cast_shadows>", "shadow>"),
        ('<box>', '<box><colour>red</colour>'),
        ('version="1.9"', ""),
        ("<static>true", "<static>perhaps"),
    ],
)
def test_it_refuses_what_is_no_world(
    before: str, after: str, schema: xmlschema.XMLSchema
) -> None:
    spoiled = sample().replace(before, after)
    assert spoiled != sample()
    assert not schema.is_valid(spoiled)
