# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The world for Gazebo, read back from its file."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from math import cos, inf, nan, sin
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shapely import LineString, Point, Polygon, STRtree, union_all

import world
from fallback_guard.core.warehouse import Warehouse, ZoneKind
from fallback_guard.maps import sdf_world as module
from fallback_guard.maps.block_warehouse import BlockSpec, block_warehouse, spec_for_bins
from fallback_guard.maps.geojson import load_warehouse, parse_warehouse
from fallback_guard.maps.sdf_elements import element, numbers
from fallback_guard.maps.sdf_world import (
    BINS_DRAWN_MAX,
    REAL_TIME_FACTOR_MAX,
    REAL_TIME_FACTOR_MIN,
    SEED_MAX,
    WorldSpec,
    WorldSpecError,
    sdf_world,
)
from fallback_guard.maps.shelves import CLEARANCE_M

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECS = (
    BlockSpec(aisles=2, bays=1),
    BlockSpec(aisles=5, cross_aisles=3, bays=6, levels=2, refuges=4, keep_outs=1),
    BlockSpec(aisles=4, bays=9, aisle_pitch_m=1.5, bay_pitch_m=0.2),
    spec_for_bins(1_000),
)


def warehouses() -> list[Warehouse]:
    return [
        load_warehouse(world.SAMPLE),
        world.warehouse(),
        *(parse_warehouse(block_warehouse(spec), source="m") for spec in SPECS),
    ]


in_each_warehouse = pytest.mark.parametrize(
    "warehouse", warehouses(), ids=["sample", "every way", "tiny", "blocks", "tight", "thousand"]
)


def read(warehouse: Warehouse, **chosen: float) -> ET.Element:
    """Return the world as XML."""
    spec = WorldSpec(seed=int(chosen.pop("seed", 1)), **chosen)
    root = ET.fromstring(sdf_world(warehouse, spec).sdf)  # noqa: S314  # our own
    found = root.find("world")
    assert found is not None
    return found


def floats(text: str | None) -> list[float]:
    assert text is not None
    return [float(word) for word in text.split()]


def outline(model_pose: str, part: ET.Element) -> Polygon:
    """Return the floor below a box in a model."""
    mx, my, _, _, _, turn = floats(model_pose)
    px, py, _, _, _, part_turn = floats(part.findtext("pose"))
    length_m, depth_m, _ = floats(part.findtext("geometry/box/size"))
    x, y = mx + cos(turn) * px - sin(turn) * py, my + sin(turn) * px + cos(turn) * py
    c, s = cos(turn + part_turn), sin(turn + part_turn)
    corners = [(i * length_m / 2, j * depth_m / 2) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return Polygon([(x + c * i - s * j, y + s * i + c * j) for i, j in corners])


def boxes(root: ET.Element, kind: str, model_prefix: str = "") -> Iterator[tuple[str, Polygon]]:
    for model in root.iter("model"):
        if model.attrib["name"].startswith(model_prefix):
            for part in model.iter(kind):
                if part.find("geometry/box") is not None:
                    at = model.findtext("pose") or "0 0 0 0 0 0"
                    yield part.attrib["name"], outline(at, part)


@in_each_warehouse
def test_nothing_to_bump_into_is_near_a_way(warehouse: Warehouse) -> None:
    """Read from the file, so rounding and turning are in it; walls are further away than shelves have to be."""
    solid = [shape for _, shape in boxes(read(warehouse), "collision")]
    assert len(solid) > 4
    nodes = warehouse.nodes
    ways = STRtree(
        [
            LineString([(nodes[a].x, nodes[a].y), (nodes[b].x, nodes[b].y)])
            for a, b in warehouse.edges
        ]
    )
    nearest_m = ways.query_nearest(solid, return_distance=True)[1]
    assert min(nearest_m) >= CLEARANCE_M - 1e-3


@in_each_warehouse
def test_all_ways_and_zones_are_on_the_floor_within_the_walls(warehouse: Warehouse) -> None:
    root = read(warehouse)
    plane = root.find("model[@name='hall']/link/collision[@name='floor_collision']")
    assert plane is not None
    x, y, *_ = floats(plane.findtext("pose"))
    length_m, depth_m = floats(plane.findtext("geometry/plane/size"))
    for node in warehouse.nodes.values():
        assert abs(node.x - x) <= length_m / 2 - 1
        assert abs(node.y - y) <= depth_m / 2 - 1
    assert len([name for name, _ in boxes(root, "collision", "hall")]) == 4


@in_each_warehouse
def test_names_are_unique_where_they_have_to_be(warehouse: Warehouse) -> None:
    root = read(warehouse)
    models = Counter(model.attrib["name"] for model in root.findall("model"))
    assert set(models.values()) == {1}
    for model in root.findall("model"):
        for kind in ("visual", "collision"):
            names = Counter(part.attrib["name"] for part in model.iter(kind))
            assert not names or set(names.values()) == {1}


def test_every_bin_can_be_found_by_its_name() -> None:
    warehouse = load_warehouse(world.SAMPLE)
    names = {name for name, _ in boxes(read(warehouse), "visual", "shelf_")}
    for name in warehouse.bins:
        assert f"bin_{name}" in names
        assert f"plate_{name}" in names


def test_colons_in_bins_scope_nothing() -> None:
    """Two bins that differ in colons alone stay two."""
    features = world.features()
    features[1]["properties"] = {
        "id": 2,
        "metadata": {"bins": ["A::1", "A:1", "A%1".replace("%", ".")]},
    }
    warehouse = parse_warehouse(world.collection(features), source="m")
    root = read(warehouse)
    names = [part.attrib["name"] for part in root.iter("visual")]
    assert not [name for name in names if "::" in name]
    assert {"bin_A%3A%3A1", "bin_A%3A1", "bin_A.1"} <= set(names)


def test_zones_are_painted_where_they_are_in_their_colours() -> None:
    warehouse = load_warehouse(world.SAMPLE)
    root = read(warehouse)
    for zone in warehouse.zones.values():
        shape = Polygon(zone.corners)
        prefix = f"{zone.kind.value}_{zone.id}_"
        painted = union_all(
            [box for name, box in boxes(root, "visual", "floor") if name.startswith(prefix)]
        )
        # All along the border, over a good part of the inside, and hardly beyond.
        assert shape.exterior.difference(painted).length < 1e-3
        assert painted.intersection(shape).area > 0.3 * shape.area
        assert painted.difference(shape.buffer(0.1, join_style="mitre")).area < 1e-6
        tone = root.find(f".//visual[@name='{prefix}0']/material/diffuse")
        assert tone is not None
        red, green, *_ = floats(tone.text)
        assert (red > 2 * green) is (zone.kind is ZoneKind.KEEP_OUT)
        assert (green > 2 * red) is (zone.kind is ZoneKind.REFUGE)


def test_a_zone_that_is_not_in_force_is_only_outlined() -> None:
    """And a hole is no part of a zone."""

    def strokes(metadata: dict[str, object]) -> list[Polygon]:
        zone = world.zone_feature(901, "keep_out", 0, 10, 2)
        hole = [[x, y] for x, y in ((-1, 9), (1, 9), (1, 11), (-1, 11), (-1, 9))]
        zone["geometry"] = {
            "type": "Polygon",
            "coordinates": [[[-2, 8], [2, 8], [2, 12], [-2, 12], [-2, 8]], hole],
        }
        zone["properties"] = {"id": 901, "type": "keep_out", "metadata": metadata}
        warehouse = parse_warehouse(
            world.collection([*world.features()[:-1], zone]), source="zoned"
        )
        found = boxes(read(warehouse), "visual", "floor")
        return [box for name, box in found if name.startswith("keep_out_901_")]

    assert len(strokes({"closed": False})) == 8
    hatched = strokes({})
    assert len(hatched) > 8
    middle = Point(0, 10).buffer(0.8)
    assert not [box for box in hatched if box.intersects(middle)]


def test_the_same_map_and_specification_give_the_same_bytes() -> None:
    one = sdf_world(load_warehouse(world.SAMPLE), WorldSpec(seed=7))
    other = sdf_world(load_warehouse(world.SAMPLE), WorldSpec(seed=7))
    assert one.sdf == other.sdf
    assert one.sdf != sdf_world(load_warehouse(world.SAMPLE), WorldSpec(seed=8)).sdf


def test_a_seed_changes_the_looks_of_goods_alone() -> None:
    def rest(seed: int) -> list[str]:
        root = read(load_warehouse(world.SAMPLE), seed=seed)
        for link in root.iter("link"):
            for part in list(link.findall("visual")):
                if part.attrib["name"].startswith("bin_"):
                    link.remove(part)
        return ET.tostringlist(root, encoding="unicode")

    assert rest(1) == rest(2)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_goods_are_left_out_where_they_would_be_too_many(
    over: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bin below the limit, at it, and one above."""
    warehouse = load_warehouse(world.SAMPLE)
    monkeypatch.setattr(module, "BINS_DRAWN_MAX", len(warehouse.bins) - over)
    made = sdf_world(warehouse, WorldSpec())
    drawn = made.sdf.count(b'name="bin_')
    assert drawn == made.bins_drawn == (0 if over > 0 else len(warehouse.bins))
    assert made.sdf.count(b'<collision name="shelf">') == len(made.shelving.shelves) == 8


def test_a_large_map_can_still_be_loaded() -> None:
    """With ten times as many bins as are drawn it has fewer entities than with all that are."""
    large = parse_warehouse(block_warehouse(spec_for_bins(10 * BINS_DRAWN_MAX)), source="m")
    assert sdf_world(large, WorldSpec()).sdf.count(b"<visual ") < 2 * BINS_DRAWN_MAX


def test_bins_without_a_shelf_are_marked_on_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fallback_guard.maps.shelves.DEPTH_M_MIN", 100.0)
    warehouse = world.warehouse()
    made = sdf_world(warehouse, WorldSpec())
    assert set(made.shelving.without) == set(warehouse.bins)
    root = read(warehouse)
    marks = [name for name, _ in boxes(root, "visual", "floor") if name.startswith("bins_at_")]
    assert marks == [f"bins_at_{node}" for node in sorted(set(warehouse.bins.values()))]


def test_the_systems_are_those_of_gazebo_harmonic() -> None:
    systems = {
        system.attrib["filename"]: system.attrib["name"]
        for system in read(world.warehouse()).findall("plugin")
    }
    assert systems == {
        "gz-sim-physics-system": "gz::sim::systems::Physics",
        "gz-sim-user-commands-system": "gz::sim::systems::UserCommands",
        "gz-sim-scene-broadcaster-system": "gz::sim::systems::SceneBroadcaster",
        "gz-sim-sensors-system": "gz::sim::systems::Sensors",
        "gz-sim-imu-system": "gz::sim::systems::Imu",
    }


def test_the_clock_is_not_told_more_often_than_nodes_in_python_can_hear_it() -> None:
    """With each step, that is; and what the picker says is said in steps, too."""
    (step_s,) = floats(read(world.warehouse()).findtext("physics/max_step_size"))
    assert 1 / step_s <= 200
    model = ET.parse(Path(__file__).parents[2] / "models/picker/model.sdf")  # noqa: S314  # our own
    rates_hz = [
        float(element.text or "")
        for tag in ("update_rate", "odom_publish_frequency")
        for element in model.iter(tag)
    ]
    assert len(rates_hz) == 4
    for rate_hz in rates_hz:
        steps = 1 / rate_hz / step_s
        assert steps == pytest.approx(round(steps)), rate_hz


@pytest.mark.parametrize("factor", [REAL_TIME_FACTOR_MIN, 0.5, REAL_TIME_FACTOR_MAX])
def test_the_speed_of_time_is_in_the_file(factor: float) -> None:
    said = read(world.warehouse(), real_time_factor=factor).findtext("physics/real_time_factor")
    assert floats(said) == [factor]


@pytest.mark.parametrize(
    "chosen",
    [
        {"seed": -1},
        {"seed": SEED_MAX + 1},
        {"real_time_factor": 0.0},
        {"real_time_factor": REAL_TIME_FACTOR_MIN * 0.99},
        {"real_time_factor": REAL_TIME_FACTOR_MAX * 1.01},
        {"real_time_factor": -1.0},
        {"real_time_factor": inf},
        {"real_time_factor": nan},
    ],
)
def test_what_cannot_be_simulated_is_refused(chosen: dict[str, float]) -> None:
    (name,) = chosen
    with pytest.raises(WorldSpecError, match=f"{name} is .*Choose one from"):
        WorldSpec(**chosen)  # type: ignore[arg-type]  # a seed is whole


def test_limits_themselves_are_allowed() -> None:
    WorldSpec(seed=0, real_time_factor=REAL_TIME_FACTOR_MIN)
    WorldSpec(seed=SEED_MAX, real_time_factor=REAL_TIME_FACTOR_MAX)


def test_numbers_are_plain() -> None:
    assert numbers(0.0, -0.00001, 1.5, -2.0, 100.0, 0.12345) == "0 0 1.5 -2 100 0.1235"


def test_elements() -> None:
    assert element("a") == "<a/>"
    assert element("a", "text", name="n") == '<a name="n">text</a>'
    assert element("a", "<b/>", "<c/>") == "<a>\n  <b/>\n  <c/>\n</a>"
