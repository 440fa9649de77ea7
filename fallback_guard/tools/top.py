# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard top`: running guards, live in the terminal.  It listens alone, so that it can hold nothing up."""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

import orjson
from rich.console import Console
from rich.live import Live

from fallback_guard.core.identifiers import printable
from fallback_guard.live.boards import Boards
from fallback_guard.live.frame import SORTS, GuardFrame, guard_frame
from fallback_guard.tools.endings import Ending
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.keys import Keys
from fallback_guard.tools.listening import listening
from fallback_guard.tools.top_view import top_view

DOES: Final = "Show running guards live: their robots, failure modes, planners and watchdogs."
EXAMPLE: Final = """\
  fallback-guard top                                  every guard that is found
  fallback-guard top --namespace picker_1 --sort left
  fallback-guard top --once                           one look, for people
  fallback-guard top --once --json | jq '.guards[].state'

keys: r robot, a age, l time left, m mode, h halted (what robots are sorted by); q or Ctrl-C ends it.
exit codes: 0 ended, 1 --once and at least one guard is silent or none was found, 2 unusable arguments"""

SORT_KEYS: Final = {key[0]: key for key in SORTS}
QUIT_KEYS: Final = frozenset("qQ\x03\x04")

_DOMAIN_MAX: Final = 232
_WAIT_S_MAX: Final = 600.0
_NAMESPACE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*\Z")
_NAMESPACE_CHARS_MAX: Final = 200
_POLL_S: Final = 0.05

assert len(SORT_KEYS) == len(SORTS), "each sort has a key of its own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to show and how."""
    parser.add_argument(
        "--namespace",
        action="append",
        type=_namespace,
        metavar="NAME",
        help="show this guard alone; may be given more than once ('/' is that in no namespace)",
    )
    parser.add_argument(
        "--domain",
        type=_whole(0, _DOMAIN_MAX),
        metavar="N",
        help="ROS domain (default: ROS_DOMAIN_ID, or 0)",
    )
    parser.add_argument(
        "--sort",
        choices=sorted(SORTS),
        default="robot",
        help="order of the robots (default %(default)s)",
    )
    parser.add_argument("--once", action="store_true", help="take one look, and end")
    parser.add_argument(
        "--json", action="store_true", help="one JSON document a look, each on a line"
    )
    parser.add_argument(
        "--wait",
        type=_seconds(0.0),
        default=5.0,
        metavar="S",
        help="how long --once waits for guards at most (s, default %(default)s)",
    )
    parser.add_argument(
        "--listen",
        type=_seconds(0.0),
        default=1.5,
        metavar="S",
        help="how long --once listens to them then; robots are shown that were told something meanwhile"
        " (s, default %(default)s: parts report once in a second)",
    )
    parser.add_argument(
        "--interval",
        type=_seconds(0.1),
        default=0.5,
        metavar="S",
        help="between two looks (s, default %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Listen and show until it is ended."""
    if options.domain is not None:
        os.environ["ROS_DOMAIN_ID"] = str(options.domain)
    else:
        _check_domain(os.environ.get("ROS_DOMAIN_ID") or "0")
    # As nodes have it, see nodes/process.py.
    os.environ.setdefault("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")
    from fallback_guard.nodes.bystander import Bystander  # noqa: PLC0415  # needs ROS

    ending = Ending()
    boards = Boards(dict.fromkeys(options.namespace or ()))
    looks = _Looks(boards, options.sort)
    with listening(lambda: Bystander(boards)):
        if options.once:
            return _show_once(options, looks, ending)
        if options.json or not sys.stdout.isatty():
            return _show_lines(options, looks, ending)
        return _show_live(options, looks, ending)


def _check_domain(text: str) -> None:
    """Refuse a domain that rcl would, with a remedy.  Raises UsageError."""
    is_short = len(text) <= len(str(_DOMAIN_MAX)) and text.isascii() and text.isdecimal()
    if not is_short or int(text) > _DOMAIN_MAX:
        raise UsageError(
            f"ROS_DOMAIN_ID is {printable(text)!r}, and has to be 0 to {_DOMAIN_MAX}; or give --domain"
        )


class _Looks:
    """Takes looks at the boards."""

    def __init__(self, boards: Boards, sort: str) -> None:
        self._boards = boards
        self.sort = sort

    def take(self) -> list[GuardFrame]:
        with self._boards.lock:
            now_ns = time.monotonic_ns()
            return [
                guard_frame(board, now_ns, sort=self.sort)
                for _, board in sorted(self._boards.by_namespace.items())
            ]


def _show_once(options: argparse.Namespace, looks: _Looks, ending: Ending) -> int:
    """Wait until every guard was heard, and a little for the rest; show what there is."""
    until = time.monotonic() + options.wait
    settled: float | None = None
    while time.monotonic() < min(until, settled or until):
        if ending.wait(_POLL_S):
            return 0
        frames = looks.take()
        if settled is None and frames and not any(frame.is_silent for frame in frames):
            settled = time.monotonic() + options.listen
            until = max(until, settled)
    frames = looks.take()
    _print(options, frames)
    return 0 if frames and not any(frame.is_silent for frame in frames) else 1


def _show_lines(options: argparse.Namespace, looks: _Looks, ending: Ending) -> int:
    while not ending.wait(options.interval):
        _print(options, looks.take())
        sys.stdout.flush()
    return 0


def _show_live(options: argparse.Namespace, looks: _Looks, ending: Ending) -> int:
    console = Console()
    with Keys() as keys, Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            frames = looks.take()
            view = top_view(frames, console=console, sort=looks.sort, height=console.height)
            live.update(view, refresh=True)
            until = time.monotonic() + options.interval
            while (left_s := until - time.monotonic()) > 0:
                if ending.wait(0.0):
                    return 0
                pressed = keys.wait(min(left_s, _POLL_S))
                if pressed in QUIT_KEYS:
                    return 0
                if pressed in SORT_KEYS:
                    looks.sort = SORT_KEYS[pressed]
                    break


def _print(options: argparse.Namespace, frames: list[GuardFrame]) -> None:
    if options.json:
        document = {"at_unix_s": time.time(), "guards": [asdict(frame) for frame in frames]}
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
        return
    console = Console()
    console.print(top_view(frames, console=console, sort=options.sort))


def _namespace(text: str) -> str:
    name = text.strip("/")
    if name and (len(name) > _NAMESPACE_CHARS_MAX or not _NAMESPACE.match(name)):
        raise argparse.ArgumentTypeError(
            f"{printable(text)!r} is no namespace: names of letters, digits and _ with / between them"
        )
    return name


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(
                f"{printable(text)!r} is not within {minimum} to {maximum}"
            )
        return value

    return read


def _seconds(minimum: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not minimum <= value <= _WAIT_S_MAX:
            raise argparse.ArgumentTypeError(
                f"{printable(text)!r} is not within {minimum:g} to {_WAIT_S_MAX:g} seconds"
            )
        return value

    return read
