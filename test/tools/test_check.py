# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard check` as people script it: one JSON line for each route, and an exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, TypedDict

import pytest

import world
from fallback_guard.core.limits import PAYLOAD_BYTES_MAX
from fallback_guard.tools import cli

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = world.request_document()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a map, a request and a good route."""
    (tmp_path / "map.geojson").write_bytes(world.collection(world.features()))
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    (tmp_path / "good.json").write_bytes(world.answer(world.pick_request()))
    return tmp_path


def check(files: Path, *arguments: str) -> int:
    """Run the command on the folder's map and request."""
    return cli.main(
        [
            "check",
            "--map",
            str(files / "map.geojson"),
            "--request",
            str(files / "request.json"),
            *arguments,
        ]
    )


class Verdict(TypedDict):
    """One line."""

    route: str
    accepted: bool
    failure_mode: str | None
    bucket: str | None
    detail: str
    stage_ns: dict[str, int]


def verdicts(capsys: pytest.CaptureFixture[str]) -> list[Verdict]:
    """Return what was printed since the last look."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_good_route_is_accepted(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, and the time of every stage."""
    assert check(files, str(files / "good.json")) == 0
    (verdict,) = verdicts(capsys)
    assert verdict["accepted"] is True
    assert verdict["failure_mode"] is None
    assert verdict["bucket"] is None
    assert list(verdict["stage_ns"]) == ["envelope", "schema", "request", "map", "budget"]
    assert all(taken_ns > 0 for taken_ns in verdict["stage_ns"].values())


def test_one_bad_route_among_good_ones(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every line is judged, blank ones are not routes, and the exit code is that of the worst."""
    good = (files / "good.json").read_bytes().replace(b"\n", b" ")
    (files / "routes.jsonl").write_bytes(b"\n".join([good, b"", b'{"version": 1', good]))
    assert check(files, "--jsonl", str(files / "routes.jsonl")) == 1
    said = verdicts(capsys)
    assert [verdict["failure_mode"] for verdict in said] == [None, "TRUNCATED", None]
    assert [verdict["route"].rsplit(":", 1)[1] for verdict in said] == ["1", "3", "4"]
    assert said[1]["bucket"] == "SAFETY"


def test_a_line_over_the_limit_ends_with_its_line(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However long it is: the next line is judged for itself."""
    good = (files / "good.json").read_bytes().replace(b"\n", b" ")
    (files / "routes.jsonl").write_bytes(b"[" * (40 * PAYLOAD_BYTES_MAX) + b"\n" + good)
    assert check(files, "--jsonl", str(files / "routes.jsonl")) == 1
    assert [verdict["failure_mode"] for verdict in verdicts(capsys)] == ["OVERSIZE", None]


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_size_limit(files: Path, capsys: pytest.CaptureFixture[str], extra: int) -> None:
    """One byte below the limit, at it, and above it; white space counts."""
    good = (files / "good.json").read_bytes()
    (files / "long.json").write_bytes(good.ljust(PAYLOAD_BYTES_MAX + extra))
    assert check(files, str(files / "long.json")) == (1 if extra > 0 else 0)
    assert verdicts(capsys)[0]["failure_mode"] == ("OVERSIZE" if extra > 0 else None)


def test_standard_input_in_a_process_of_its_own(files: Path) -> None:
    """Works through a pipe, and without importing rclpy."""
    program = (
        "import sys; from fallback_guard.tools.cli import main; code = main(); "
        "assert 'rclpy' not in sys.modules; raise SystemExit(code)"
    )
    done = subprocess.run(  # our own command
        [
            sys.executable, "-c", program, "check", "--jsonl",
            "--map", str(files / "map.geojson"), "--request", str(files / "request.json"), "-",
        ],
        input=b"NaN\n\xff\n", capture_output=True, check=False, cwd=files,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    modes = [json.loads(line)["failure_mode"] for line in done.stdout.splitlines()]
    assert modes[1] == "NOT_UTF8"
    assert b"Traceback" not in done.stderr


def test_a_parameter_of_the_guard(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters are those of the node, with its ranges."""
    assert check(files, "--set", "capacity_pieces=6", str(files / "good.json")) == 0
    assert verdicts(capsys)[0]["accepted"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "capacity_pieces=5"], "6 pieces, the robot carries 5"),
        (["--set", "detour_factor=0.5"], "'detour_factor' is 0.5; allowed: 1 to 10"),
        (["--set", "detour=2"], "'detour' does not exist"),
        (["--set", "detour_factor"], "NAME=VALUE"),
        (["--set", "map_file=x"], "Name the map with --map"),
        (["--set", "detour_factor=" + "[" * 900 + "]" * 900], "'detour_factor'"),
        (["--set", "detour_factor=NaN"], "'detour_factor'"),
        (["--map", "missing.geojson"], "missing.geojson: it cannot be read"),
        (["--request", "missing.json"], "missing.json: it cannot be read"),
        (["--request", "."], "it cannot be read"),
    ],
)
def test_unusable_arguments(
    files: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Exit code 2, one line that names the thing and the remedy, no verdict."""
    assert check(files, *arguments, str(files / "good.json")) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is not JSON"),
        ("[]", "valid dictionary"),
        ('{"robot_id": "a", "robot_id": "b"}', "key 'robot_id' stands twice"),
        ('{"a":' + "[" * 900 + "]" * 900 + ', "a": 1}', "nests too deep"),
        (json.dumps({**REQUEST, "\x1b[2J": 1}), "[2J: Extra inputs"),
        (json.dumps({**REQUEST, "items": []}), "items"),
        (json.dumps({**REQUEST, "robot_id": "a b"}), "robot_id"),
        (json.dumps({**REQUEST, "start_node": 99}), "start_node 99 is not on the map"),
        (json.dumps({**REQUEST, "start_node": "1"}), "start_node"),
        (json.dumps({**REQUEST, "surprise": 1}), "surprise"),
        (json.dumps(REQUEST) + " " * 2_000_000, "over 1000000 bytes"),
    ],
)
def test_unusable_requests(
    files: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """A request that cannot be served is named with its field."""
    (files / "request.json").write_text(text)
    assert check(files, str(files / "good.json")) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert shown.strip().isprintable()


def test_a_route_file_that_is_not_there(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Says so."""
    assert check(files, str(files / "nowhere.json")) == 2
    assert "it cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("text", [b"", b"\n", b" \n\n\t\n"])
def test_no_route_is_no_answer(
    files: Path, capsys: pytest.CaptureFixture[str], text: bytes
) -> None:
    """Where each line is a route and there is none, nothing was accepted."""
    (files / "routes.jsonl").write_bytes(text)
    assert check(files, "--jsonl", str(files / "routes.jsonl")) == 2
    captured = capsys.readouterr()
    assert "there is no route" in captured.err
    assert captured.out == ""


def test_an_empty_file_is_an_empty_answer(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And is rejected, as the planner's would be."""
    (files / "empty.json").write_bytes(b"")
    assert check(files, str(files / "empty.json")) == 1
    assert verdicts(capsys)[0]["failure_mode"] == "EMPTY"


def test_a_file_whose_name_is_no_text(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its name is escaped, and nothing else happens to it."""
    for name, said in (("\udcff.json", "\\udcff.json"), ("Stra\xdfe.json", "Stra\xdfe.json")):
        (files / name).write_bytes((files / "good.json").read_bytes())
        assert check(files, str(files / name)) == 0
        assert verdicts(capsys)[0]["route"] == f"{files}/{said}"


# Exit codes, in a process of its own: 1 is an answer, and nothing else ends so.


def shell(files: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in which $check is the command on the folder's map and request."""
    command = f"{sys.executable} -m fallback_guard.tools.cli check"
    return subprocess.run(
        ["bash", "-c", f'check="{command} --map map.geojson --request request.json"; {script}'],  # noqa: S607
        capture_output=True,
        check=False,
        cwd=files,
        text=True,
    )


@pytest.mark.parametrize("output", ["> /dev/full", ">&-"])
def test_output_that_cannot_be_written(files: Path, output: str) -> None:
    """Is unusable, and no verdict."""
    done = shell(files, f"$check good.json {output}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("fallback-guard check: ")


def test_output_that_nobody_reads_to_its_end(files: Path) -> None:
    """Says nothing of the routes that were not told."""
    (files / "bad.jsonl").write_bytes(b"{}\n" * 20_000)
    done = shell(files, "$check --jsonl bad.jsonl | head -1; echo ${PIPESTATUS[0]}")
    assert done.stdout.splitlines()[1:] == ["141"]
    assert done.stderr == ""


def test_closed_standard_input(files: Path) -> None:
    done = shell(files, "$check - <&-")
    assert done.returncode == 2
    assert "standard input is closed" in done.stderr
