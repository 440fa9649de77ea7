# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Executables as processes that share the time it takes to import: forks of one server that has imported it all.

What a guard imports takes it three seconds of a processor, and tests start some two hundred.  A fork runs the
executable's `main` in a process of its own, like one that was started; `test_start_and_end.py` starts one of each as
a shell does.
"""

from __future__ import annotations

import faulthandler
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_guard.tools.processes import end_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.context import ForkServerProcess

MODULES: Final = tuple(
    f"fallback_guard.nodes.{node}"
    for node in (
        "follower_node",
        "guard_node",
        "markers_node",
        "metrics_node",
        "nav2_adapter_node",
        "picker_sim_node",
        "planner_node",
        "recorder_node",
        "watchdog_node",
    )
)
"""What is imported once: modules with a `main` that takes its arguments from sys.argv and returns the exit code."""

_END_S_MAX: Final = 60.0

_SERVER: Final = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([*MODULES])


_ASKING: Final = threading.Lock()
"""One thread at a time asks for exit codes, and starting a process asks for those of all others.

The code can be read once.  Of two that read it together, one would be told 255.
"""


def _start_server() -> None:
    """Start it where it cannot see the sources: it looks for modules where it was started, and then where they are."""
    before = Path.cwd()
    os.chdir("/")
    try:
        forkserver.ensure_running()
    finally:
        os.chdir(before)


class Forked:
    """One process, with what the tests use of subprocess.Popen."""

    def __init__(  # noqa: PLR0913  # what a process is started with
        self,
        module: str,
        arguments: tuple[str, ...],
        *,
        directory: Path,
        environment: Mapping[str, str],
        log: Path,
        errors: Path | None = None,
    ) -> None:
        """Start `module` in a directory, with exactly this environment.

        What it says goes to `log`, and what it says of errors to `errors`, if that is given.
        """
        _start_server()
        log.touch()  # It is read before the process has got as far as to write.
        logs = (str(log), str(errors or log))
        self._process: ForkServerProcess = _SERVER.Process(
            target=_run, args=(module, arguments, str(directory), dict(environment), logs)
        )
        with _ASKING:
            self._process.start()
        assert self._process.pid is not None, "it was started"
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        with _ASKING:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return the exit code.  Raises TimeoutExpired."""
        connection.wait([self._process.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def fork_to_end(
    directory: Path, name: str, module: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run an executable to its end, under a name that no other one in this directory has; return what it said."""
    log, errors = directory / f"{name}.log", directory / f"{name}.errors"
    forked = Forked(
        module, arguments, directory=directory, environment=os.environ, log=log, errors=errors
    )
    try:
        code = forked.wait(_END_S_MAX)
    finally:
        forked.kill()
    said = (file.read_text(encoding="utf-8", errors="replace") for file in (log, errors))
    return subprocess.CompletedProcess([module, *arguments], code, *said)


def _run(
    module: str,
    arguments: tuple[str, ...],
    directory: str,
    environment: dict[str, str],
    logs: tuple[str, str],
) -> None:
    """In the fork: become what a started process would be."""
    # Until the executable has its own handler an interrupt would end it as a fault; who sends one sends it again.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setsid()
    end_with_parent(os.getppid())
    # The server ends when nobody has the other end of this pipe any more, and every fork is given one: however the
    # tests end, the server ends with them, and with the server its forks.
    alive = vars(forkserver._forkserver)["_forkserver_alive_fd"]
    os.close(alive)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for number, log in enumerate(logs, start=1):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644), number)
    faulthandler.enable()
    sys.argv = [module, *arguments]
    sys.exit(importlib.import_module(module).main())
