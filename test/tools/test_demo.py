# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The demo with a scripted planner, as a person runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.core.effects import Occasion
from harness import Bystander, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PICKS: Final = 6
TIMEOUT_S: Final = 100.0


@contextmanager
def demo_running(directory: Path, domain: int, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run it with its output in a pipe; it has ended when the block is left."""
    demo = subprocess.Popen(  # our own command
        [
            sys.executable, "-m", "fallback_guard.tools.cli", "demo", "--no-llm", "--log-dir", str(directory / "logs"),
            "--domain-id", str(domain), *arguments,
        ],
        cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield demo
    finally:
        demo.kill()
        demo.communicate()


def processes_with(text: str) -> list[str]:
    """Return the command lines of running processes that contain a text."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                if text.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text())
            except OSError:
                continue  # It has ended meanwhile, or is somebody else's.
    return found


def test_the_summary_agrees_with_a_recount(tmp_path: Path, domain: int) -> None:
    """A bystander recounts guard/decision and comes to the same numbers."""
    bystander = Bystander(domain)
    said = ["--hostile-share", "0.5", "--json", str(tmp_path / "summary.json")]
    try:
        with demo_running(tmp_path, domain, "--picks", str(PICKS), *said) as demo:
            output, _ = demo.communicate(timeout=TIMEOUT_S)
        assert demo.returncode == 0, output
        summary = json.loads((tmp_path / "summary.json").read_text())
        decisions = [heard.message for heard in bystander.decisions]
    finally:
        bystander.close()

    due = [decision for decision in decisions if decision.occasion == Occasion.DUE]
    assert len(due) == PICKS
    assert Counter(decision.failure_mode or "accepted" for decision in due) == summary["decisions"]
    assert (
        sum(decision.occasion == Occasion.REFUSAL for decision in decisions)
        == summary["answers_refused"]
    )
    assert summary["unanswered"] == 0
    assert "decisions by failure mode" in output
    assert f"[{PICKS:>3}/{PICKS}]" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("said", ["starting the nodes", r"\[  2/"])
def test_an_interrupt_ends_every_process(tmp_path: Path, domain: int, said: str) -> None:
    """While the nodes start, and in the middle of the picks: exit code 130 and nothing left behind."""
    mark = f"ROS_LOG_DIR={tmp_path / 'logs'}"
    with demo_running(tmp_path, domain, "--picks", "1000") as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if re.search(said, line):
                break
        assert processes_with(mark)
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=TIMEOUT_S)
    assert demo.returncode == 130, rest
    assert "Traceback" not in rest
    wait_until(lambda: not processes_with(mark), "the end of every process of the demo")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--base-url", "http://127.0.0.1:1/v1"], "--model"),
        (["--model", "m"], "--base-url"),
        (["--no-llm", "--base-url", "http://127.0.0.1:1/v1", "--model", "m"], "not allowed with"),
    ],
)
def test_unusable_arguments(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit code 2 and the remedy, before anything starts."""
    done = subprocess.run(  # our own command
        [sys.executable, "-m", "fallback_guard.tools.cli", "demo", *arguments],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
