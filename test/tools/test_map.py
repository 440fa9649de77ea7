# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard map` as people use it: a table, a picture, a generated and an imported map."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

import pytest

import world
from fallback_guard.maps.geojson import MapError, load_warehouse
from fallback_guard.tools import map as map_command
from fallback_guard.tools.errors import UsageError

TWO_VEHICLES: Final = Path(__file__).parents[1] / "maps" / "two_vehicles.lif.json"
PNG: Final = b"\x89PNG\r\n\x1a\n"
REQUEST: Final = world.request_document()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a map, a request and a good route."""
    (tmp_path / "map.geojson").write_bytes(world.collection(world.features()))
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    (tmp_path / "route.json").write_bytes(world.answer(world.pick_request()))
    return tmp_path


def _run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    map_command.add_arguments(parser)
    return map_command.run(parser.parse_args([str(argument) for argument in arguments]))


def _svg(files: Path, *more: object) -> str:
    out = files / "out.svg"
    _run("draw", files / "map.geojson", out, *more)
    return out.read_text(encoding="utf-8")


def test_the_table(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is on the map, and warnings, which do not fail it."""
    assert _run("check", files / "map.geojson") == 0
    shown = capsys.readouterr().out
    for row in (
        "extent          30.0 m x 10.0 m",
        "nodes           8",
        "no waiting on   1 nodes",
        "one-way edges   2",
        "two-way edges   14, both directions counted",
        "speed limit on  2 edges",
        "open            62.5% of 160.0 m",
        "bins            5 on 4 nodes",
        "keep-out zones  1, 1 closed",
        "refuges         1, 0 closed",
        "waiting nodes   1 in open refuges",
        "warning: bins cannot be reached from most of the map: X-1",
    ):
        assert row in shown


def test_notes_of_a_map_by_others(capsys: pytest.CaptureFixture[str]) -> None:
    """And what is left out of it."""
    assert _run("check", TWO_VEHICLES.parent / "as_nav2_writes.geojson") == 0
    assert "note: edges that end where they start are left out: 300" in capsys.readouterr().out


def test_a_map_that_cannot_be_used(files: Path) -> None:
    """MapError, for which the command exits with 2."""
    (files / "map.geojson").write_bytes(b"{")
    with pytest.raises(MapError, match="it is not JSON"):
        _run("check", files / "map.geojson")


def test_a_picture(files: Path) -> None:
    """As PNG."""
    assert _run("draw", files / "map.geojson", files / "out.png") == 0
    assert (files / "out.png").read_bytes().startswith(PNG)


def test_a_large_map_is_drawn_as_pixels(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without names, within the same frame."""
    monkeypatch.setattr("fallback_guard.tools.map_drawing._VECTORS_MAX", 7)
    monkeypatch.setitem(_text_as_text(), "svg.fonttype", "none")
    shown = _svg(files)
    assert "<image" in shown
    assert "A-1 A-2" not in shown
    assert "both ways" in shown


def test_zones_that_are_not_as_usual(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open keep-out zone and a closed refuge are told from the others."""
    monkeypatch.setitem(_text_as_text(), "svg.fonttype", "none")
    more = [
        world.zone_feature(902, "keep_out", 25, 0, 1),
        world.zone_feature(903, "refuge", 0, 0, 1),
    ]
    for zone, closed in zip(more, (False, True), strict=True):
        zone["properties"] = {"id": zone["properties"]["id"]} | {  # type: ignore[index]
            "type": "refuge" if closed else "keep_out",
            "metadata": {"closed": closed},
        }
    (files / "map.geojson").write_bytes(world.collection([*world.features(), *more]))
    shown = _svg(files)
    assert "keep-out zone, open" in shown
    assert "refuge, closed" in shown


def test_what_a_picture_explains(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of edge, node and zone that is there, and the names that find room."""
    monkeypatch.setitem(_text_as_text(), "svg.fonttype", "none")
    shown = _svg(files)
    for text in (
        "both ways",
        "one way",
        "speed limit",
        "closed",
        "touches a keep-out zone",
        "keep-out zone",
        "refuge",
        "no waiting",
        "a picker may wait",
        "A-1 A-2",
        "x (m)",
        ">900<",
        ">901<",
    ):
        assert text in shown
    assert "route" not in shown


@pytest.mark.parametrize("name", ["out.svg", "out.png"])
def test_dollar_signs_are_no_formula(
    files: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a file's name and in a planner's words, which may also hold control characters."""
    monkeypatch.setitem(_text_as_text(), "svg.fonttype", "none")
    renamed = files / "$x_$ of\x1b.geojson"
    (files / "map.geojson").rename(renamed)
    (files / "route.json").write_text('{"$x_$ $x_$": 1}')
    arguments = ("--request", files / "request.json", "--route", files / "route.json")
    assert _run("draw", renamed, files / name, *arguments) == 1
    if name.endswith("svg"):
        assert "$x_$ of\\x1b.geojson" in (files / name).read_text(encoding="utf-8")


def test_the_same_map_gives_the_same_svg(files: Path) -> None:
    """To the byte, and without a date."""
    first = _svg(files)
    assert _svg(files) == first
    assert "<dc:date>" not in first


def test_nodes_at_one_place_share_a_name(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the others keep theirs."""
    monkeypatch.setitem(_text_as_text(), "svg.fonttype", "none")
    more = world.node_feature(9, 0.0, 0.0)
    (files / "map.geojson").write_bytes(world.collection([*world.features(), more]))
    shown = _svg(files)
    assert ">1 9<" in shown
    assert "A-1 A-2" in shown


@pytest.mark.parametrize("both", [True, False])
def test_a_way_closed_in_one_direction_has_arrows(
    files: Path, monkeypatch: pytest.MonkeyPatch, *, both: bool
) -> None:
    """One on what is closed and one on what is open; closed both ways, it is one line without any."""
    monkeypatch.setitem(_text_as_text(), "svg.fonttype", "none")
    nodes = [world.node_feature(1, 0.0, 0.0), world.node_feature(2, 9.0, 0.0)]
    one, two = (1, (0.0, 0.0)), (2, (9.0, 0.0))
    there = world.edge_feature(10, one, two, {"closed": True})
    back = world.edge_feature(11, two, one, {"closed": both})
    (files / "map.geojson").write_bytes(world.collection([*nodes, there, back]))
    shown = _svg(files)
    assert ("one way, this way" in shown) is not both
    assert shown.count("Quiver_") == (0 if both else 2)
    assert shown.count("stroke-dasharray") == 2, "one line, and the legend's"


def test_a_route_that_would_be_let_through(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its length, and each of its stops; one place with two of them has both numbers."""
    monkeypatch.setitem(_text_as_text(), "svg.fonttype", "none")
    shown = _svg(files, "--request", files / "request.json", "--route", files / "route.json")
    assert "route of 60.0 m with 3 stops" in shown
    assert ">1,2<" in shown
    assert ">3<" in shown
    assert "start and goal" in shown


@pytest.mark.parametrize("payload", ["{", '{"version": 1}', "stops"])
def test_a_refused_route_is_drawn_with_the_reason(
    files: Path,
    payload: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 1."""
    monkeypatch.setitem(_text_as_text(), "svg.fonttype", "none")
    if payload == "stops":
        items = [{"bin": name, "sku": "S", "quantity": 1} for name in ("B-1", "NONE")]
        payload = world.answer(world.pick_request(), items).decode()
    (files / "route.json").write_text(payload)
    arguments = ("--request", files / "request.json", "--route", files / "route.json")
    assert _run("draw", files / "map.geojson", files / "out.svg", *arguments) == 1
    reason = capsys.readouterr().out.strip()
    assert reason.startswith("refused: ")
    shown = (files / "out.svg").read_text(encoding="utf-8")
    assert reason.split(":")[1].strip() in shown
    assert shown.count(">1<") == 1 + ("B-1" in payload), "the id of node 1, and the first stop"


def _text_as_text() -> dict[str, object]:
    """Matplotlib's settings, in which letters of an SVG file can be asked to stay letters."""
    from matplotlib import rcParams  # noqa: PLC0415

    return rcParams  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("out.jpg",), "does not end in .png or .svg"),
        (("no/folder/out.png",), "it cannot be written"),
        (("out.png", "--route", "route.json"), "belong together"),
        (("out.png", "--request", "request.json"), "belong together"),
        (("out.png", "--request", "request.json", "--route", "none.json"), "cannot be read"),
        (("out.png", "--request", "none.json", "--route", "route.json"), "cannot be read"),
    ],
)
def test_a_picture_that_cannot_be_drawn(files: Path, arguments: tuple[str, ...], said: str) -> None:
    """UsageError, for which the command exits with 2."""
    placed = [part if part.startswith("--") else files / part for part in arguments]
    with pytest.raises(UsageError, match=said):
        _run("draw", files / "map.geojson", *placed)


def test_a_request_for_another_map_is_refused(files: Path) -> None:
    """With what is wrong."""
    (files / "request.json").write_text(json.dumps(REQUEST | {"start_node": 99}))
    with pytest.raises(UsageError, match=r"Correct the request or choose its map"):
        _svg(files, "--request", files / "request.json", "--route", files / "route.json")


def test_without_matplotlib(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy; every other word works."""
    monkeypatch.setitem(sys.modules, "fallback_guard.tools.map_drawing", None)
    with pytest.raises(UsageError, match=r"drawing needs matplotlib.*pip install"):
        _run("draw", files / "map.geojson", files / "out.png")
    assert _run("check", files / "map.geojson") == 0


def test_generating(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A map that loads, and its table."""
    out = tmp_path / "w.geojson"
    assert _run("generate", 100, "--write", out) == 0
    assert len(load_warehouse(out).bins) == 100
    assert "bins            100 on 50 nodes" in capsys.readouterr().out


def test_generating_from_measures(tmp_path: Path) -> None:
    """Each option shows."""
    out = tmp_path / "w.geojson"
    measures = ("--aisles", 4, "--bays", 3, "--cross-aisles", 3, "--levels", 2)
    more = ("--depots", 2, "--refuges", 5, "--keep-outs", 1, "--aisle-speed-limit", 1.5)
    _run("generate", *measures, *more, "--one-way", "--no-waiting", "--write", out)
    warehouse = load_warehouse(out)
    assert len(warehouse.bins) == 4 * 3 * 2 * 2 * 2
    assert len(warehouse.zones) == 6
    assert {edge.speed_limit_mps for edge in warehouse.edges.values()} == {None, 1.5}
    assert any((end, start) not in warehouse.edges for start, end in warehouse.edges)
    assert any(node.no_waiting for node in warehouse.nodes.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "how large"),
        (("--aisles", "4"), "how large"),
        (("100", "--aisles", "4"), "BINS says how large"),
        (("0",), "bins is 0"),
        (("--aisles", "1", "--bays", "4"), "aisles is 1"),
        (("100", "--keep-outs", "99"), "keep_outs is 99"),
    ],
)
def test_what_cannot_be_generated(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """UsageError, and no file."""
    with pytest.raises(UsageError, match=said):
        _run("generate", *arguments, "--write", tmp_path / "w.geojson")
    assert not (tmp_path / "w.geojson").exists()


def test_importing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For one vehicle type; what was left out is said."""
    out = tmp_path / "w.geojson"
    arguments = ("--vehicle-type", "picker", "--layout-id", "ground")
    assert _run("import", TWO_VEHICLES, *arguments, "--refuge-station", "S01", "--write", out) == 0
    warehouse = load_warehouse(out)
    assert len(warehouse.nodes) == 2
    assert [zone.nodes for zone in warehouse.zones.values()] == [(2,)]
    shown = capsys.readouterr().out
    assert "layout ground for vehicle type picker" in shown
    assert "note: nodes are not for vehicle type picker and left out: T1, T2" in shown


def test_a_map_that_cannot_be_written(tmp_path: Path) -> None:
    """UsageError."""
    with pytest.raises(UsageError, match="it cannot be written"):
        _run("generate", 100, "--write", tmp_path / "none" / "w.geojson")


def test_a_picture_of_one_node(tmp_path: Path) -> None:
    """Without an edge."""
    (tmp_path / "m.geojson").write_bytes(world.collection([world.node_feature(1, 0.0, 0.0)]))
    assert _run("check", tmp_path / "m.geojson") == 0
    assert _run("draw", tmp_path / "m.geojson", tmp_path / "out.png") == 0


def test_importing_without_a_choice(tmp_path: Path) -> None:
    """MapError names the choices."""
    with pytest.raises(MapError, match="--vehicle-type: picker, tugger"):
        _run("import", TWO_VEHICLES, "--write", tmp_path / "w.geojson")


@pytest.mark.parametrize("word", ["check", "draw", "generate", "import"])
def test_each_word_shows_an_example(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0."""
    with pytest.raises(SystemExit) as ended:
        _run(word, "--help")
    assert ended.value.code == 0
    assert f"fallback-guard map {word}" in capsys.readouterr().out.split("example:")[1]
