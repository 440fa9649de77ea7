# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive their parent."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Final, Protocol

from typing_extensions import Self

from fallback_guard.tools.errors import UsageError

_PR_SET_PDEATHSIG: Final = 1
_ENDING_S_MAX: Final = 5.0
_POLL_S: Final = 0.02
_TAIL_LINES: Final = 15


class ProcessError(Exception):
    """A child ended or fell silent when it should not have; the message shows the end of its log."""


class Child(Protocol):
    """What is asked of a child, as of a subprocess.Popen."""

    pid: int

    def poll(self) -> int | None:
        """Return its exit code; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return the exit code.  Raises TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""

    def kill(self) -> None:
        """End it at once."""


def ros_environment(directory: Path, domain_id: int | None = None) -> dict[str, str]:
    """Return the environment for nodes that nobody outside this machine hears, in a domain of their own."""
    return {
        **os.environ,
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(1 + os.getpid() % 100 if domain_id is None else domain_id),
        "ROS_LOG_DIR": str(directory / "ros"),
    }


class Processes:
    """Starts children, each with a log of its own, and ends all of them on leaving the `with` block.

    A child is in a session of its own, so that Ctrl-C reaches the parent alone and the parent decides
    the order; and the kernel ends it when the parent is killed.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        """Write logs to `directory`, which is also the children's working directory."""
        self._directory = directory
        self._environment = dict(environment)
        self._children: dict[str, Child] = {}
        self._interrupted = False

    def __enter__(self) -> Self:
        """Begin with none."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every child."""
        self.close()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Turn SIGINT and SIGTERM into a KeyboardInterrupt from the next `check` while the block runs.

        Python's own handler raises wherever the main thread happens to be, and where that is a hook of a
        fork or of an import, the interrupt is lost.
        """
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._interrupt) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupted = True

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Start a module of this package with the interpreter at hand."""
        with self.log(name).open("wb") as log:
            self._start(name, ["-m", module, *arguments], stdin=subprocess.DEVNULL, stdout=log)

    def start_program(self, name: str, program: Path, *arguments: str, given: bytes = b"") -> None:
        """Start a program of Python that reads `given`; what it prints goes to `output`, all else to its log."""
        with tempfile.TemporaryFile() as stdin, self.output(name).open("wb") as stdout:
            stdin.write(given)
            stdin.seek(0)
            self._start(name, [str(program), *arguments], stdin=stdin, stdout=stdout)

    def _start(
        self, name: str, arguments: Sequence[str], *, stdin: IO[bytes] | int, stdout: IO[bytes]
    ) -> None:
        with self.log(name).open("ab") as log:
            self._children[name] = subprocess.Popen(  # our own modules
                self.command(arguments),
                cwd=self._directory,
                env=self._environment,
                stdin=stdin,
                stdout=stdout,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509  # one system call
            )

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return what starts the interpreter at hand with these arguments."""
        return [sys.executable, *arguments]

    def log(self, name: str) -> Path:
        """Return where a child's output goes."""
        return self._directory / f"{name}.log"

    def output(self, name: str) -> Path:
        """Return where goes what a program prints."""
        return self._directory / f"{name}.out"

    def pid(self, name: str) -> int:
        """Return the number of a child's process."""
        return self._children[name].pid

    def end(self, name: str, number: signal.Signals, timeout_s: float) -> int:
        """Send a signal to a child and wait for its end; return its exit code.  Raises ProcessError."""
        child = self._children[name]
        child.send_signal(number)
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{name} has not ended:\n{self.tail(name)}") from None

    def returncode(self, name: str) -> int | None:
        """Return a child's exit code; None while it runs."""
        return self._children[name].poll()

    def check(self, names: Sequence[str]) -> None:
        """Raise ProcessError if one of `names` has ended, UsageError if it said that it cannot start.

        Raises KeyboardInterrupt after an interrupt; every loop that waits has to come by here.
        """
        if self._interrupted:
            raise KeyboardInterrupt
        for name in names:
            code = self.returncode(name)
            if code is not None:
                kind = UsageError if code == 2 else ProcessError  # noqa: PLR2004  # the convention for it
                raise kind(f"{name} ended with exit code {code}:\n{self.tail(name)}")

    def wait_for(self, name: str, pattern: str, timeout_s: float) -> str:
        """Return the first group of `pattern` once it stands in a child's log.  Raises ProcessError."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found = re.search(pattern, self.log(name).read_text(encoding="utf-8", errors="replace"))
            if found:
                return found.group(1)
            self.check([name])
            time.sleep(_POLL_S)
        raise ProcessError(f"{name} did not start within {timeout_s:g} s:\n{self.tail(name)}")

    def tail(self, name: str) -> str:
        """Return the last lines of a child's log."""
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])

    def close(self) -> None:
        """Interrupt every child, the last one first, and kill what has not ended after a while.

        A second Ctrl-C meanwhile changes nothing.
        """
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        children = list(reversed(self._children.values()))
        for child in children:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        until = time.monotonic() + _ENDING_S_MAX
        for child in children:
            try:
                child.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        signal.signal(signal.SIGINT, before)


def end_with_parent(parent: int) -> None:
    """In the child: ask the kernel for SIGTERM when the parent is gone."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
