# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A short run of fuzzers, from an empty corpus and the kept inputs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest

import fuzz
from entrances import NAMES

RUNS: Final = 1_500
CHOSEN: Final = tuple(os.environ.get("FALLBACK_GUARD_FUZZ", "payload message").split())
"""Loading and instrumenting takes most of the time of so short a run; `all` runs every fuzzer."""

needs_atheris = pytest.mark.skipif(fuzz.missing() is not None, reason=fuzz.missing() or "")


@needs_atheris
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES if CHOSEN == ("all",) else CHOSEN)
def test_a_short_run_finds_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--runs", str(RUNS), "--seed", "7", "--findings", str(tmp_path)]
    assert fuzz.main([name, *options]) == fuzz.NOTHING_FOUND, capsys.readouterr().out
    assert re.search(rf"{name}: {RUNS:,} runs in", capsys.readouterr().out)


def test_without_atheris_it_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fuzz.find_spec", lambda _: None)
    assert fuzz.main(["payload"]) == fuzz.UNUSABLE
    assert "--replay works without it" in capsys.readouterr().err
