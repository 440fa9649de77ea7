# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Every word of `fallback-guard` explains itself, and what is generated is current."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.parameters import ParameterError
from fallback_guard.core.rule_table import RULES
from fallback_guard.maps.geojson import MapError
from fallback_guard.tools import cli, modes, rules, runbook
from fallback_guard.tools import map as map_command
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.share import share_directory

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 and an example that names the command."""
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "example:" in shown
    assert f"fallback-guard {command}" in shown.split("example:")[1]


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_a_command_does_what_the_list_says(command: str) -> None:
    """The list has its own words, so that it need not import what it lists."""
    assert cli.COMMANDS[command].load().does == cli.COMMANDS[command].does


@pytest.mark.parametrize("arguments", [["--help"], ["modes"]])
def test_nothing_is_imported_that_was_not_chosen(arguments: list[str]) -> None:
    """So that it starts at once, and can be interrupted from its start."""
    program = (
        "import sys; from fallback_guard.tools.cli import main\n"
        "try: code = main()\n"
        "except SystemExit as ended: code = ended.code\n"
        "assert code == 0; assert not {'shapely', 'scipy', 'rclpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True)


FAULTS = (
    (KeyboardInterrupt(), 130, ""),
    (BrokenPipeError(), 141, ""),
    (OSError(28, "No space left on device"), 2, "No space left on device"),
    (UsageError("what. How"), 2, "fallback-guard modes: what. How\n"),
    (ParameterError("what. How"), 2, "fallback-guard modes: what. How\n"),
    (MapError(where="a", problem="b", remedy="c"), 2, "fallback-guard modes: a: b"),
    (ZeroDivisionError(), 70, "internal error: ZeroDivisionError; please report\nTraceback"),
)


@pytest.mark.parametrize(("fault", "code", "said"), FAULTS)
@pytest.mark.parametrize("when", ["load", "run"])
def test_only_an_answer_is_an_answer(  # noqa: PLR0913, PLR0917  # two tables and two fixtures
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: BaseException,
    code: int,
    said: str,
    when: str,
) -> None:
    """Whatever goes wrong, and when: no exit code of 0 or 1."""

    def fail(*_: object) -> NoReturn:
        raise fault

    if when == "load":
        monkeypatch.setattr(cli.Command, "load", fail)
    else:
        monkeypatch.setattr(modes, "run", fail)
    assert cli.main(["modes"]) == code
    assert said in capsys.readouterr().err


# The examples of every help text, as they are printed.

EXAMPLES = {name: command.load().example for name, command in cli.COMMANDS.items()} | {
    f"map {name}": word.example for name, word in map_command._WORDS.items()
}
TAKE_MINUTES = {"bench", "demo", "pilot"}
ASK_ANOTHER = {"drill", "endpoint", "top"}
TAKE_A_GUARDS_JOURNAL = {"replay"}
READ_RECORDINGS = {"health", "matrix", "report"}


def lay_recordings(folder: Path) -> None:
    """Have what two recorders wrote an hour ago."""
    played = pytest.importorskip("played", reason="rosbags writes the messages of recordings")
    ago_ms = (time.time() - 3_600) * 1_000 - played.BEGIN_NS / 1_000_000
    for name in ("picker_1", "picker_2"):
        tape = played.Tape(f"/{name}")
        tape.request(ago_ms, "R-1", robot=name)
        tape.write(folder / name / "recording_000001.mcap")


@pytest.mark.parametrize(
    "word", sorted(set(EXAMPLES) - TAKE_MINUTES - ASK_ANOTHER - TAKE_A_GUARDS_JOURNAL)
)
def test_an_example_can_be_run_as_it_stands(word: str, tmp_path: Path) -> None:
    """From the root of the repository; what is written goes to a folder that looks like it."""
    for folder in ("config", "test"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for folder in ("bin", "docs"):
        (tmp_path / folder).mkdir()
    program = tmp_path / "bin" / "fallback-guard"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fallback_guard.tools.cli "$@"\n')
    program.chmod(0o755)
    if word in READ_RECORDINGS:
        lay_recordings(tmp_path / "recordings")
    script = EXAMPLES[word].split("\n\n")[0]
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments", [[], ["sing"], ["demo", "--picks", "0"], ["demo", "--hostile-share", "2"]]
)
def test_unusable_arguments(arguments: list[str]) -> None:
    """Exit code 2."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


def test_the_page_of_rules_is_current() -> None:
    """Written by `fallback-guard rules > docs/rules.md`."""
    assert (ROOT / "docs" / "rules.md").read_text() == rules.page()
    assert all(f"`{rule.name}`" in rules.page() for rule in RULES)


def test_the_page_of_failure_modes_is_current() -> None:
    """Written by `fallback-guard modes > docs/failure-modes.md`."""
    assert (ROOT / "docs" / "failure-modes.md").read_text() == modes.page()
    assert all(f"`{mode.value}`" in modes.page() for mode in FailureMode)


def test_the_runbook_is_current() -> None:
    """Written by `fallback-guard runbook > docs/runbook.md`."""
    assert (ROOT / "docs" / "runbook.md").read_text() == runbook.page()
    assert all(f"`{mode.value}`" in runbook.page() for mode in FailureMode)


def test_the_schema_is_json(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """And says which version it is."""
    assert cli.main(["schema"]) == 0
    sys.stdout.flush()
    schema = json.loads(capfdbinary.readouterr().out)
    assert schema["properties"]["version"]["const"] == 1
    assert schema["additionalProperties"] is False


def test_what_is_installed_is_found() -> None:
    """The map, the parameter files and the launch files."""
    share = share_directory()
    for folder in ("config", "launch"):
        source = {path.name for path in (ROOT / folder).iterdir() if path.is_file()}
        assert source <= {path.name for path in (share / folder).iterdir()}
