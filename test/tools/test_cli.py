"""Every word of `fallback-guard` explains itself, and what is generated is current."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.rule_table import RULES
from fallback_guard.tools import cli, modes, rules
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
