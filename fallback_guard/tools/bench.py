"""`fallback-guard bench`: how late decisions are on this machine, measured over DDS by `bench/timing.py`."""

import argparse
import sys
from importlib import import_module
from typing import Final, Protocol

from fallback_guard.tools.processes import ProcessError
from fallback_guard.tools.share import share_directory

DOES: Final = "Measure on this machine how late decisions are: quiet, loaded, flooded, for fleets."
EXAMPLE: Final = """\
  fallback-guard bench                         every scenario, shortened: about 12 minutes
  fallback-guard bench quiet hogs --requests 10000 --out figures
  fallback-guard bench cheap --profile         where the time of a typical and of a slow answer goes
  fallback-guard bench hogs --priority ordinary --guard dispatch_margin_ms:=10

exit codes: 0 every goal met, 1 one was missed or a process failed, 2 unusable arguments, 130 interrupted"""


class _Program(Protocol):
    """What `bench/timing.py` has for this command."""

    def add_arguments(self, options: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...


def _program() -> _Program:
    # Programs of their own, which the command only starts: nothing of the package imports them.
    folder = str(share_directory() / "bench")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    program: _Program = import_module("timing")
    return program


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what the program takes."""
    _program().add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Measure.  Every process that was started has ended when this returns."""
    try:
        return _program().run(options)
    except ProcessError as error:
        sys.stderr.write(f"fallback-guard bench: {error}\n")
        return 1
