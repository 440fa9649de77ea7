# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard vda5050` as people script it: an order or a route, or errors, and an exit code."""

from __future__ import annotations

import io
import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import world
from fallback_guard.core.config import guard_config
from fallback_guard.core.failure_modes import FAILURE_MODES, FailureMode
from fallback_guard.core.limits import PAYLOAD_BYTES_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.tools import cli, vda5050
from fallback_guard.tools.task import task_of
from fallback_guard.vda5050.document import TIMESTAMP_PATTERN
from fallback_guard.vda5050.order import OrderHeader, Version
from orders import as_dict, changed, drop, in_each_version, inner, put, schema

if TYPE_CHECKING:
    from pathlib import Path

REQUEST: Final = world.request_document()
STAMP: Final = "2026-04-15T11:40:03.123Z"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a map, a request and a good route."""
    (tmp_path / "hall.geojson").write_bytes(world.collection(world.features()))
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    (tmp_path / "good.json").write_bytes(world.answer(world.pick_request()))
    return tmp_path


def run(files: Path, *arguments: str, word: str = "vda5050") -> int:
    """Run the command on the folder's map and request."""
    return cli.main(
        [
            word,
            "--map",
            str(files / "hall.geojson"),
            "--request",
            str(files / "request.json"),
            *arguments,
        ]
    )


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return the one document that was printed."""
    return as_dict(json.loads(capsys.readouterr().out))


def errors(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return the errors that were printed, one a line."""
    return [as_dict(json.loads(line)) for line in capsys.readouterr().out.splitlines()]


def order(files: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """Return the order for the good route."""
    assert run(files, "--timestamp", STAMP, *arguments, str(files / "good.json")) == 0
    return printed(capsys)


def reading(files: Path, document: object, *arguments: str) -> int:
    """Read an order from a file."""
    (files / "order.json").write_text(json.dumps(document))
    return run(files, "--read", str(files / "order.json"), *arguments)


@in_each_version
def test_there_and_back(files: Path, capsys: pytest.CaptureFixture[str], version: Version) -> None:
    """The order follows the official schema; the route in it is accepted and makes the same order."""
    said = order(files, capsys, "--version", version.value)
    assert list(schema(version).iter_errors(said)) == []
    assert [inner(said, "nodes", i, "nodeId") for i in range(7)] == list("1234321")
    assert reading(files, said) == 0
    route = printed(capsys)
    assert route == world.document(world.pick_request())
    (files / "good.json").write_text(json.dumps(route))
    assert order(files, capsys, "--version", version.value) == said
    assert run(files, str(files / "good.json"), word="check") == 0


def test_what_stands_in_an_order_unless_told_otherwise(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Version 2.1, the request's robot, the map's file, now."""
    assert run(files, str(files / "good.json")) == 0
    said = printed(capsys)
    assert said["version"] == "2.1.0"
    assert (said["manufacturer"], said["serialNumber"]) == ("fallback_guard", "picker_1")
    assert (said["headerId"], said["orderUpdateId"]) == (0, 0)
    assert inner(said, "nodes", 0, "nodePosition", "mapId") == "hall"
    assert inner(said, "nodes", 0, "nodePosition", "allowedDeviationXY") == 0.5
    assert re.fullmatch(TIMESTAMP_PATTERN, str(said["timestamp"]))
    assert re.search(r"\.[0-9]{3}Z$", str(said["timestamp"])), "milliseconds"


def test_what_is_told_stands_in_the_order(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = order(
        files, capsys, "--manufacturer", "maker", "--serial-number", "17", "--map-id", "floor",
        "--header-id", "4294967295", "--set", "start_tolerance_m=0.2",
    )  # fmt: skip
    assert said["timestamp"] == STAMP
    assert (said["manufacturer"], said["serialNumber"]) == ("maker", "17")
    assert (said["headerId"], said["orderUpdateId"]) == (4294967295, 0)
    assert inner(said, "nodes", 6, "nodePosition", "mapId") == "floor"
    assert inner(said, "nodes", 6, "nodePosition", "allowedDeviationXY") == 0.2


def test_standard_input(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In both directions."""
    good = (files / "good.json").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(good)))
    assert run(files, "-") == 0
    said = capsys.readouterr().out.encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(said)))
    assert run(files, "--read", "-") == 0
    assert printed(capsys) == json.loads(good)


# What is refused.

REFUSED: Final = (
    (b"", FailureMode.EMPTY),
    (b"I cannot help with that.", FailureMode.PROSE),
    (b" " * (PAYLOAD_BYTES_MAX + 1), FailureMode.OVERSIZE),
    (b"{}", FailureMode.SCHEMA),
    (world.answer(world.pick_request(), request_id="R-2"), FailureMode.WRONG_REQUEST),
    (
        world.answer(world.pick_request(), [world.stop(world.pick_request().items[0])]),
        FailureMode.ITEM_MISSING,
    ),
    (
        world.answer(
            world.pick_request(), [world.stop(item, [99]) for item in world.pick_request().items]
        ),
        FailureMode.UNKNOWN_NODE,
    ),
)


@in_each_version
@pytest.mark.parametrize(("payload", "mode"), REFUSED)
def test_a_refused_route_is_no_order(
    files: Path,
    capsys: pytest.CaptureFixture[str],
    version: Version,
    payload: bytes,
    mode: FailureMode,
) -> None:
    """It is the error that its failure mode is called, with the ids that the order would have had."""
    (files / "bad.json").write_bytes(payload)
    assert run(files, "--version", version.value, str(files / "bad.json")) == 1
    (error,) = errors(capsys)
    row = FAILURE_MODES[mode].vda5050
    old = version is Version.V2_1
    assert error["errorType"] == (row.v2_1 if old else row.v3_0)
    assert error["errorLevel"] == (row.level_2_1 if old else row.level_3_0)
    assert str(error["errorDescription"]).startswith(f"{mode.value}: ")
    assert error["errorReferences"] == [
        {"referenceKey": "orderId", "referenceValue": "R-1"},
        {"referenceKey": "orderUpdateId", "referenceValue": "0"},
    ]


@in_each_version
def test_an_order_that_breaks_rules(
    files: Path, capsys: pytest.CaptureFixture[str], version: Version
) -> None:
    """One line for each rule of those that can be told together."""
    said = order(files, capsys, "--version", version.value)
    broken = changed(said, put("orderId", to="R 1"), put("nodes", 1, "sequenceId", to=3))
    assert reading(files, broken) == 1
    due = "validationError" if version is Version.V2_1 else "VALIDATION_FAILURE"
    found = errors(capsys)
    assert [error["errorType"] for error in found] == [due, due]
    assert set(found[0]) == {"errorType", "errorLevel", "errorDescription", "errorReferences"}


@in_each_version
def test_an_order_is_validated_like_an_answer(
    files: Path, capsys: pytest.CaptureFixture[str], version: Version
) -> None:
    """One pick is missing: nothing that VDA 5050 could know."""
    said = order(files, capsys, "--version", version.value)
    assert reading(files, changed(said, drop("nodes", 1, "actions", 0))) == 1
    (error,) = errors(capsys)
    assert error["errorType"] == (
        "orderError" if version is Version.V2_1 else "INVALID_ORDER_ACTION"
    )
    assert "ITEM_MISSING" in str(error["errorDescription"])


@pytest.mark.parametrize(
    ("option", "other", "due"),
    [
        ("--manufacturer", "maker", "VALIDATION_FAILURE"),
        ("--serial-number", "17", "VALIDATION_FAILURE"),
        ("--map-id", "cellar", "UNKNOWN_MAP_ID"),
    ],
)
def test_an_order_for_another_robot_or_map(
    files: Path, capsys: pytest.CaptureFixture[str], option: str, other: str, due: str
) -> None:
    """Than what is said, or what is meant unless something is said."""
    document = order(files, capsys, "--version", "3.0", option, other)
    assert reading(files, document, option, other) == 0
    capsys.readouterr()
    assert reading(files, document) == 1
    (error,) = errors(capsys)
    assert error["errorType"] == due
    assert repr(other) in str(error["errorDescription"])
    assert (option in str(error["errorDescription"])) is (option != "--map-id")


@pytest.mark.parametrize(
    ("field", "other", "told"),
    [
        ("robot_id", "picker_2", "VALIDATION_FAILURE: serialNumber is 'picker_1'"),
        ("start_node", 2, "START_NODE_OUT_OF_RANGE: the first node is '1', due is '2'"),
        ("goal_node", 2, "VALIDATION_FAILURE: the last node is '1', due is '2'"),
        ("request_id", "R-2", "VALIDATION_FAILURE: WRONG_REQUEST: "),
    ],
)
def test_an_order_for_another_request(
    files: Path, capsys: pytest.CaptureFixture[str], field: str, other: object, told: str
) -> None:
    document = order(files, capsys, "--version", "3.0")
    (files / "request.json").write_text(json.dumps({**REQUEST, field: other}))
    assert reading(files, document) == 1
    (error,) = errors(capsys)
    assert f"{error['errorType']}: {error['errorDescription']}".startswith(told)


def test_an_order_that_the_guard_would_drive_otherwise(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reading said: what comes out drives the order's way, or nothing comes out."""
    document = order(files, capsys)
    other = vda5050.Driven(way=(1, 2), picks=())
    monkeypatch.setattr(vda5050, "validated", lambda *_: other)
    assert reading(files, document) == 1
    (error,) = errors(capsys)
    assert error["errorType"] == "orderError"
    assert "another way" in str(error["errorDescription"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "detour_factor=0.5", "good.json"], "'detour_factor' is 0.5"),
        (["--request", "missing.json", "good.json"], "missing.json: it cannot be read"),
        (["--map", "missing.geojson", "good.json"], "missing.geojson: it cannot be read"),
        (["nowhere.json"], "nowhere.json: it cannot be read"),
        (["--read", "o.json", "--version", "3.0"], "--version has no effect with --read"),
        (["--read", "o.json", "--header-id", "0"], "--header-id has no effect with --read"),
        (["--read", "o.json", "--timestamp", STAMP], "--timestamp has no effect with --read"),
        (["--set", "map_file=x", "good.json"], "Name the map with --map"),
        (["--read", "nowhere.json"], "nowhere.json: it cannot be read"),
        (["--read", "."], "it cannot be read"),
    ],
)
def test_unusable_files(
    files: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    """Exit code 2, one line that names the thing and the remedy."""
    monkeypatch.chdir(files)
    assert run(files, *arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_map_whose_name_is_no_text(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It needs a name to be said in the order."""
    path = files / "hall\udcff.geojson"
    path.write_bytes((files / "hall.geojson").read_bytes())
    assert run(files, "--map", str(path), str(files / "good.json")) == 2
    assert "--map-id" in capsys.readouterr().err
    assert run(files, "--map", str(path), "--map-id", "hall", str(files / "good.json")) == 0


def test_a_request_that_the_map_does_not_know(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "request.json").write_text(json.dumps({**REQUEST, "start_node": 99}))
    assert run(files, str(files / "good.json")) == 2
    assert "start_node 99 is not on the map" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["good.json", "--read", "order.json"],
        ["--version", "2.0", "good.json"],
        ["--header-id", "-1", "good.json"],
        ["--header-id", "4294967296", "good.json"],
        ["--order-update-id", "3", "good.json"],
        ["--manufacturer", "", "good.json"],
        ["--manufacturer", "\udcff", "good.json"],
        ["--serial-number", "No 17", "good.json"],
        ["--serial-number", "1" * 65, "good.json"],
        ["--map-id", "a\nb", "good.json"],
        ["--timestamp", "yesterday", "good.json"],
        ["--timestamp", "2026-04-15T11:40:03.123+02:00", "good.json"],
        ["--timestamp", f"{STAMP}\n", "good.json"],
        ["--timestamp", "2026-02-31T11:40:03.123Z", "good.json"],
    ],
)
def test_unusable_arguments(files: Path, arguments: list[str]) -> None:
    """Exit code 2."""
    with pytest.raises(SystemExit) as ended:
        run(files, *arguments)
    assert ended.value.code == 2


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["vda5050", "--help"])
    assert ended.value.code == 0
    assert "fallback-guard vda5050" in capsys.readouterr().out.split("example:")[1]


# Any valid route.

WAREHOUSE: Final = load_warehouse(world.SAMPLE)
PATHS: Final = Paths(WAREHOUSE)
BINS: Final = sorted(WAREHOUSE.bins)
NODES: Final = sorted(WAREHOUSE.nodes)


HEADER: Final = OrderHeader(
    header_id=1,
    timestamp=STAMP,
    manufacturer="maker",
    serial_number="picker_1",
    map_id="hall",
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[PickRequest, bytes]:
    """Draw a request on the sample map and a route for it, over other nodes here and there."""
    names = draw(st.lists(st.sampled_from(BINS), min_size=1, max_size=5, unique=True))
    items = tuple(PickItem(bin=name, sku=f"SKU-{name}", quantity=1) for name in names)
    request = PickRequest(
        request_id="R-1",
        robot_id="picker_1",
        start_node=draw(st.sampled_from(NODES)),
        goal_node=draw(st.sampled_from(NODES)),
        items=items,
    )
    stops = []
    here = request.start_node
    for item in draw(st.permutations(items)):
        target = WAREHOUSE.bins[item.bin]
        via = None
        if draw(st.booleans()):
            over = draw(st.sampled_from(NODES))
            legs = PATHS.path(here, over) or (), PATHS.path(over, target) or ()
            via = [*legs[0][1:], *legs[1][1:-1]]
        stops.append(world.stop(item, via))
        here = target
    return request, world.answer(request, stops)


@in_each_version
@settings(deadline=None, max_examples=40)
@given(drawn=answers())
def test_any_valid_route_comes_back(version: Version, drawn: tuple[PickRequest, bytes]) -> None:
    """With the same stops and the same way; and a route that is refused never becomes an order."""
    request, payload = drawn
    task = task_of(request, WAREHOUSE, guard_config({"detour_factor": 10.0}))
    driven = vda5050.validated(payload, task)
    said = vda5050._order(payload, task, HEADER, version)
    if not isinstance(driven, vda5050.Driven):
        assert not isinstance(said, dict)
        return
    assert isinstance(said, dict)
    assert list(schema(version).iter_errors(said)) == []
    back = vda5050._route(orjson.dumps(said), task, HEADER)
    assert isinstance(back, dict), back
    assert vda5050.validated(orjson.dumps(back), task) == driven
