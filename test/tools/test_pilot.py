# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard pilot` as a person runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard.tools import pilot_run
from fallback_guard.tools.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_guard.pilot.parts import Part
    from fallback_guard.pilot.settings import PilotSettings
    from fallback_guard.pilot.tally import RobotTally

TIMEOUT_S: Final = 250.0
"""Reached only where something is broken, or a machine does ten things at once."""

pytestmark = pytest.mark.timeout(300)
COMMAND: Final = (sys.executable, "-m", "fallback_guard.tools.cli", "pilot")
QUICK: Final = ("--processors", "1", "--robots", "1", "--arms", "unguarded", "guarded")


def pilot(directory: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # our own command
        [*COMMAND, *arguments],
        cwd=directory,
        capture_output=True,
        check=False,
        timeout=TIMEOUT_S,
        env={**os.environ, "COLUMNS": "80"},
    )


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_processors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (*QUICK, "--picks", "600", "--json")
    assert main(["pilot", *arguments]) == 0
    alone = capsys.readouterr().out
    beside = pilot(tmp_path, *arguments, "--processors", "2")
    assert beside.returncode == 0, beside.stderr
    assert beside.stdout.decode() == alone
    document = json.loads(alone)
    assert set(document["arms"]) == {"unguarded", "guarded"}
    assert "share of plans that end in a halt" in document["definitions"]
    assert "share of time halted" in document["definitions"]


def test_everything_is_written_and_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "figures"
    arguments = ["pilot", *QUICK, "--picks", "200", "--out", str(folder)]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(files) == {"pilot.json", "pilot.csv", "pilot.png", "parts.jsonl"}
    assert files["pilot.png"].startswith(b"\x89PNG")
    for word in ("plans halted", "time halted", "unguarded", "goals"):
        assert word in first
    (folder / "pilot.json").unlink()
    assert main(arguments) == 0
    assert capsys.readouterr().out == first
    assert (folder / "parts.jsonl").read_bytes() == files["parts.jsonl"], "nothing was played again"
    assert (folder / "pilot.json").read_bytes() == files["pilot.json"]
    assert main([*arguments, "--seed", "2"]) == 2
    assert "another run" in capsys.readouterr().err


def test_an_interrupt_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0

    def interrupted(
        settings: PilotSettings, map_file: Path, arm: str, part: Part
    ) -> list[RobotTally]:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return play(settings, map_file, arm, part)

    play = pilot_run.play
    arguments = ["pilot", *QUICK, "--picks", "900", "--out", str(tmp_path)]
    monkeypatch.setattr(pilot_run, "play", interrupted)
    assert main(arguments) == 130
    captured = capsys.readouterr()
    assert "goes on from here" in captured.err
    assert "100" in captured.out, "the one part that both arms have done"
    monkeypatch.undo()
    assert main(arguments) == 0
    gone_on = capsys.readouterr().out
    assert main(["pilot", *QUICK, "--picks", "900"]) == 0
    assert capsys.readouterr().out == gone_on


def test_an_interrupt_ends_processes_that_play_beside_one_another(tmp_path: Path) -> None:
    arguments = (*QUICK, "--picks", "10000000", "--out", "figures", "--processors", "2")
    parts = tmp_path / "figures" / "parts.jsonl"
    with subprocess.Popen(  # our own command
        [*COMMAND, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        until_s = time.monotonic() + TIMEOUT_S
        while not parts.exists() or parts.read_bytes().count(b"\n") < 2:
            assert running.poll() is None
            assert time.monotonic() < until_s
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=TIMEOUT_S)
    assert running.returncode == 130, errors
    assert b"goes on from here" in errors
    assert b"Traceback" not in errors
    assert b"guarded" in output
    assert parts.read_bytes().endswith(b"\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--picks", "0"), "not within"),
        (("--picks", "-5"), "not within"),
        (("--picks", "1e9"), "whole number"),
        (("--picks", "9" * 5_000), "whole number"),
        (("--malformed", "nan"), "malformed_share"),
        (("--malformed", "1.5"), "malformed_share"),
        (("--timeouts", "0.999", "--malformed", "0.5"), "more than all"),
        (("--halt-s", "inf"), "halt_s"),
        (("--latency-p50-ms", "2000"), "95th percentile"),
        (("--robots", "101"), "robots"),
        (("--arms", "no_such"), "no_such"),
        (("--seed", "-1"), "not within"),
        (("--domain-id", "5"), "--nodes"),
        (("--nodes", "--arms", "unguarded"), "without a guard"),
        (("--nodes", "--picks", "1000000"), "real time"),
        (("--map", "no_such.geojson"), "no_such.geojson"),
        (("--out", "/proc/1/figures"), "/proc/1/figures"),
    ],
)
def test_unusable_arguments(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["pilot", *arguments])
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    assert code == 2, captured.err
    assert said in captured.err
    assert "Traceback" not in captured.err


def test_a_map_with_too_little_to_pick_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [world.node_feature(1, 0.0, 0.0), world.node_feature(2, 5.0, 0.0, {"bins": ["A-1"]})]
    edges = [
        world.edge_feature(10, (1, (0.0, 0.0)), (2, (5.0, 0.0))),
        world.edge_feature(11, (2, (5.0, 0.0)), (1, (0.0, 0.0))),
    ]
    path = tmp_path / "small.geojson"
    path.write_bytes(world.collection([*nodes, *edges]))
    assert main(["pilot", *QUICK, "--map", str(path)]) == 2
    assert "--map" in capsys.readouterr().err


def test_real_nodes_agree_with_the_simulation(tmp_path: Path, domain: int) -> None:
    """The command exits with 0 where throughput, plans halted and time halted all agree."""
    arguments = ("--nodes", "--picks", "30", "--timeouts", "0.3", "--domain-id", str(domain))
    done = pilot(tmp_path, *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    guarded = json.loads(done.stdout)["guarded"]
    counts, figures = guarded["counts"], guarded["figures"]
    assert counts["plans"] == 10
    assert counts["asked"] == counts["picked"], "none wrong, missed or open"
    assert counts["halts"] > 0
    assert all(figure["agrees"] for figure in figures.values())
