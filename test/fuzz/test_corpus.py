# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The kept inputs of the fuzzers, tried one by one; no fuzzer is needed for that."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import pytest

import fuzz
from entrances import CORPUS, NAMES, entrance, kept
from fallback_guard.core.schema import Route
from grammar import Grammar, written
from targets import OPEN_EDGES

BYTES_MAX: Final = 200_000
"""Of all that is kept: it is for reading, too."""

CHANGED: Final = 300

INPUTS: Final = [(name, file) for name in NAMES for file in kept(name)]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Name each target in turn."""
    found: str = request.param
    return found


@pytest.mark.parametrize(
    ("name", "file"), INPUTS, ids=[f"{name}-{file.name}" for name, file in INPUTS]
)
def test_a_kept_input_is_accepted_or_refused(name: str, file: Path) -> None:
    outcome = entrance(name).check(file.read_bytes())
    assert outcome
    assert outcome == entrance(name).check(file.read_bytes()), "the same each time"


def test_what_is_kept_is_small() -> None:
    assert sum(file.stat().st_size for _, file in INPUTS) <= BYTES_MAX
    assert sorted(folder.name for folder in CORPUS.iterdir()) == sorted(NAMES)


def test_what_is_kept_is_both_accepted_and_refused() -> None:
    outcomes = {entrance("payload").check(file.read_bytes()) for file in kept("payload")}
    assert "accepted" in outcomes
    assert len(outcomes) > 25


def test_kept_inputs_changed_by_their_structure_are_accepted_or_refused(name: str) -> None:
    """Without coverage to follow, yet further than bytes changed at random come."""
    target, chance = entrance(name), Random(7)  # noqa: S311  # to be repeated, not to be unguessable
    inputs = [file.read_bytes() for file in kept(name)]
    for _ in range(CHANGED):
        data = target.mutated(chance.choice(inputs), chance.choice(inputs), chance)
        if data is not None and len(data) <= target.bytes_max:
            target.check(data)


def test_the_grammar_speaks_the_schema() -> None:
    grammar = Grammar(Route.model_json_schema(), words=("A-1",), numbers=(1, 2, 3))
    chance = Random(3)  # noqa: S311  # to be repeated, not to be unguessable
    valid = 0
    for _ in range(200):
        try:
            Route.model_validate_json(written(grammar.value(chance), chance))
        except ValueError:
            continue
        valid += 1
    assert 50 < valid < 200, "mostly valid, and not always"


def test_a_broken_promise_is_found_and_can_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "input"
    file.write_bytes(kept("payload")[0].read_bytes())
    assert fuzz.main(["payload", "--replay", str(file)]) == fuzz.NOTHING_FOUND
    monkeypatch.setattr("targets.OF_ANSWERS", frozenset())
    assert fuzz.main(["payload", "--replay", str(file)]) == fuzz.FOUND
    assert "FOUND" in capsys.readouterr().out
    assert fuzz.main(["payload", "--replay", str(tmp_path / "none")]) == fuzz.UNUSABLE


def test_an_accepted_route_over_a_closed_edge_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    file = next(file for file in kept("payload") if file.name == "shortest.json")
    monkeypatch.setattr("targets.OPEN_EDGES", OPEN_EDGES - {(3, 4)})
    with pytest.raises(AssertionError):
        entrance("payload").check(file.read_bytes())


def test_help_shows_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        fuzz.main(["--help"])
    assert ended.value.code == 0
    assert "--replay" in capsys.readouterr().out
