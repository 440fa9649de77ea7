# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard bench`: how late decisions are on this machine, measured over DDS by `bench/timing.py`."""

import argparse
import sys
from importlib import import_module
from typing import Final, Protocol

from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.processes import ProcessError
from fallback_guard.tools.share import share_directory

DOES: Final = "Measure how late decisions are, or how good a model plans, on this machine."
EXAMPLE: Final = """\
  fallback-guard bench                         every scenario, shortened: about 12 minutes
  fallback-guard bench quiet hogs --requests 10000 --out figures
  fallback-guard bench cheap --profile         where the time of a typical and of a slow answer goes
  fallback-guard bench hogs --priority ordinary --guard dispatch_margin_ms:=10
  fallback-guard bench planner --requests 50 --methods request_schema wishes

exit codes: 0 every goal met, 1 one was missed or a process failed, 2 unusable arguments, 130 interrupted"""


class _Program(Protocol):
    """What `bench/timing.py` has for this command."""

    def add_arguments(self, options: "argparse._ActionsContainer") -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...


PLANNER: Final = "planner"
"""The scenario that measures a model, by a program of its own."""


def _program(name: str) -> _Program:
    # Programs of their own, which the command only starts: nothing of the package imports them.
    folder = str(share_directory() / "bench")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    program: _Program = import_module(name)
    return program


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what the programs take."""
    _program("timing").add_arguments(parser)
    _program("planner_yield").add_arguments(parser.add_argument_group("of `planner` alone"))


def run(options: argparse.Namespace) -> int:
    """Measure.  Every process that was started has ended when this returns."""
    asks_for_planner = PLANNER in options.scenarios
    if asks_for_planner and len(options.scenarios) > 1:
        raise UsageError(f"{PLANNER!r} is measured by itself: leave the other scenarios out")
    try:
        return _program("planner_yield" if asks_for_planner else "timing").run(options)
    except ProcessError as error:
        sys.stderr.write(f"fallback-guard bench: {error}\n")
        return 1
