# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Children never outlive their parent, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.processes import ProcessError, Processes

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1"}
WAIT_S = 10.0


@pytest.fixture
def children(tmp_path: Path) -> Path:
    """A folder with modules to run: one that stays, one that stays whatever it is sent, two that end."""
    for name, text in {
        "stays": "import time; print('here', flush=True); time.sleep(60)",
        "stubborn": "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "print('here', flush=True); time.sleep(60)",
        "crashes": "raise RuntimeError('boom')",
        "refuses": "import sys; sys.stderr.write('no map'); sys.exit(2)",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or only its parent has not yet asked for its exit code."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for_end(pid: int) -> None:
    """Wait until a process is gone."""
    until = time.monotonic() + WAIT_S
    while not has_ended(pid):
        assert time.monotonic() < until, f"{pid} still runs"
        time.sleep(0.01)


def test_leaving_the_block_ends_them(children: Path) -> None:
    """Also by an exception, and also one that ignores the interrupt."""
    with pytest.raises(KeyboardInterrupt), Processes(children, ENVIRONMENT) as processes:
        processes.start("a", "stays")
        processes.start("b", "stubborn")
        for name in ("a", "b"):
            assert processes.wait_for(name, "(here)", WAIT_S) == "here"
        raise KeyboardInterrupt
    assert processes.returncode("a") is not None
    assert processes.returncode("b") == -signal.SIGKILL


def test_the_kernel_ends_them_when_the_parent_is_killed(children: Path) -> None:
    """Kill -9 of the parent leaves no child."""
    parent = subprocess.Popen(  # our own module
        [
            sys.executable, "-c",
            textwrap.dedent(f"""
                import os, time
                from pathlib import Path
                from fallback_guard.tools.processes import Processes
                processes = Processes(Path({str(children)!r}), os.environ)
                processes.start("a", "stays")
                processes.wait_for("a", "(here)", {WAIT_S})
                print(processes._children["a"].pid, flush=True)
                time.sleep(60)
            """),
        ],
        stdout=subprocess.PIPE, env=ENVIRONMENT, cwd=children,
    )  # fmt: skip
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert not has_ended(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for_end(child)


@pytest.mark.parametrize(
    ("module", "kind", "said"),
    [("crashes", ProcessError, "boom"), ("refuses", UsageError, "no map")],
)
def test_a_child_that_ends_early_is_told_with_its_last_words(
    children: Path, module: str, kind: type[Exception], said: str
) -> None:
    """Exit code 2 means that its arguments were unusable, and so were ours."""
    with Processes(children, ENVIRONMENT) as processes, pytest.raises(kind, match=said):
        processes.start("a", module)
        processes.wait_for("a", "(here)", WAIT_S)


def test_an_endpoint_ends_under_a_hail_of_signals(children: Path) -> None:
    """A second signal may come while the first one is being handled."""
    with Processes(children, ENVIRONMENT) as processes:
        processes.start("a", "fallback_guard.tools.hostile_llm", "--port", "0")
        processes.wait_for("a", "(listening on)", WAIT_S)
        child = processes._children["a"]
        for _ in range(100):
            child.send_signal(signal.SIGINT)
            child.send_signal(signal.SIGTERM)
        child.wait(WAIT_S)
        assert processes.returncode("a") == 0


def test_a_child_that_says_nothing(children: Path) -> None:
    """The wait has a bound."""
    with (
        Processes(children, ENVIRONMENT) as processes,
        pytest.raises(ProcessError, match="did not start"),
    ):
        processes.start("a", "stays")
        processes.wait_for("a", "never said", 0.1)
