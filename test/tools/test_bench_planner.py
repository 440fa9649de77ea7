# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard bench planner` measures a model by what the guard accepts; what it measured is nobody's assertion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.tools import cli
from fallback_guard.tools.hostile_answers import HostileKind
from fallback_guard.tools.hostile_llm import HostileLlm

SAMPLE: Final = Path(__file__).parents[2] / "config" / "sample_warehouse.geojson"


@pytest.fixture(scope="module", name="base_url")
def _base_url() -> object:
    """The URL of a model that answers every call with the best route."""
    with HostileLlm(share=0.0, warehouse=load_warehouse(SAMPLE)) as model:
        yield model.base_url


def test_a_model_that_answers_well_is_accepted_at_once(
    base_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 says that a goal was missed, which a busy machine may do."""
    arguments = ["--requests", "2", "--methods", "request_schema", "--out", str(tmp_path)]
    assert cli.main(["bench", "planner", "--base-url", base_url, *arguments]) in (0, 1)
    printed = capsys.readouterr().out
    for said in (
        "2 requests of 3 to 6 items, 3 attempts",
        "routes that pass the guard",
        "│ request_schema │",
    ):
        assert said in printed
    samples = json.loads((tmp_path / "planner.json").read_bytes())["samples"]["request_schema"]
    assert [(sample["accepted"], sample["attempts"]) for sample in samples] == [(True, 1)] * 2


def test_a_model_that_answers_nothing_of_use_misses_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And a method of which no route came has no length, nor does the benchmark fall over that."""
    with HostileLlm(share=1.0, kinds=(HostileKind.FENCED,)) as model:
        arguments = ["--base-url", model.base_url, "--requests", "1", "--attempts", "1"]
        assert cli.main(["bench", "planner", *arguments, "--methods", "request_schema"]) == 1
    assert "MISSED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["planner", "--base-url", "http://127.0.0.1:9/v1", "--model-file", "m.gguf"],
            "give one of them",
        ),
        (["planner", "quiet"], "'planner' is measured by itself: leave the other scenarios out"),
        (["planner", "--requests", "0"], "--requests 0: it has to be 1 or more"),
        (["planner", "--requests", "-3"], "--requests -3: it has to be 1 or more"),
        (["planner", "--attempts", "0"], "--attempts 0: it has to be 1 or more"),
        (["planner", "--base-url", "ftp://here"], "begins with neither http:// nor https://"),
        (
            ["planner", "--base-url", "http://127.0.0.1:9/v1", "--model", "\N{SNOWMAN}"],
            "parameter 'model'",
        ),
        (["planner", "--methods", "guess"], "invalid choice: 'guess'"),
        (["planner", "--methods"], "expected at least one argument"),
        (
            ["planner", "--model-file", "/no/such.gguf"],
            "--model-file /no/such.gguf: there is no such file",
        ),
    ],
    ids=lambda some: " ".join(some) if isinstance(some, list) else "",
)
def test_what_cannot_be_measured_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    try:
        code: object = cli.main(["bench", *arguments])
    except SystemExit as exit_:  # argparse's own refusals
        code = exit_.code
    assert code == 2
    assert said in capsys.readouterr().err
