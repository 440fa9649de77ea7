# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The timing benchmark measures what is there; what it measured is nobody's assertion."""

from __future__ import annotations

import csv
import gzip
import json
from typing import TYPE_CHECKING

import pytest

from fallback_guard.tools import cli

if TYPE_CHECKING:
    from pathlib import Path


def test_a_short_run_answers_every_request_once_and_keeps_every_sample(tmp_path: Path) -> None:
    """Real nodes over DDS.  Exit code 1 says that a goal was missed, which a busy machine may do."""
    arguments = ["bench", "staged", "--requests", "100", "--priority", "ordinary", "--profile"]
    assert cli.main([*arguments, "--out", str(tmp_path)]) in (0, 1)
    with gzip.open(tmp_path / "samples.csv.gz", "rt", encoding="utf-8", newline="") as file:
        samples = list(csv.DictReader(file))
    assert len(samples) == 20
    assert {sample["kind"] for sample in samples} == {"staged"}
    assert all(sample["motions"] in ("1", "2") for sample in samples), "a recovery may follow"
    assert len({sample["key"] for sample in samples}) == len(samples)
    facts = json.loads((tmp_path / "summary.json").read_bytes())["facts"]
    assert {"processor", "middleware", "scheduling", "load before", "load after"} <= set(facts)
    assert (tmp_path / "timing.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_scenario"], "there is no scenario 'no_such_scenario'; there are cheap"),
        (["quiet", "--requests", "0"], "--requests 0: it has to be 1 or more"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.main(["bench", *arguments]) == 2
    assert said in capsys.readouterr().err
