# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard`: one command, one module for each of its words."""

import argparse
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Final

from fallback_guard.core.unusable import UnusableError
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.words import Word, add_word

EXIT_UNUSABLE: Final = 2
EXIT_INTERNAL: Final = 70
"""EX_SOFTWARE of sysexits.h: a fault of ours is never an answer."""

EXIT_INTERRUPTED: Final = 130
EXIT_UNREAD: Final = 141
"""What a shell says of a program that a closed pipe ended (128 + SIGPIPE)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One word: what it does, and the module that does it, which is imported when it is chosen."""

    does: str
    module: str

    def load(self) -> Word:
        """Import the module."""
        module = import_module(f"fallback_guard.tools.{self.module}")
        return Word(
            does=module.DOES,
            example=module.EXAMPLE,
            add_arguments=module.add_arguments,
            run=module.run,
        )


COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "bench": Command(
            does="Measure how late decisions are, or how good a model plans, on this machine.",
            module="bench",
        ),
        "check": Command(
            does="Say which routes the guard would let through, one JSON verdict a line.",
            module="check",
        ),
        "demo": Command(
            does="Run picks with a real planner over ROS 2, some of its answers hostile, "
            "and say what the guard did.",
            module="demo",
        ),
        "drill": Command(
            does="Let one robot fall back once, whatever its planner does, and mark all of it as a drill.",
            module="drill",
        ),
        "endpoint": Command(
            does="Ask an LLM endpoint what it can do for the planner: structured output, streaming, seed, time.",
            module="endpoint",
        ),
        "health": Command(
            does="Check recordings against the objective: what is not within budget, and who acts.",
            module="health",
        ),
        "map": Command(
            does="Check a warehouse map, draw it, generate or convert one, build its world for Gazebo.",
            module="map",
        ),
        "matrix": Command(
            does="Print the Failure-Mode-Latency-Impact matrix of recordings, as Markdown.",
            module="matrix",
        ),
        "modes": Command(
            does="Print every failure mode with its risk, its meaning and the error types of VDA 5050, "
            "as Markdown.",
            module="modes",
        ),
        "replay": Command(
            does="Decide again, byte for byte, what a recording tells, or with another configuration.",
            module="replay",
        ),
        "pilot": Command(
            does="Play the pilot again, simulated or over real nodes: throughput and halts, "
            "with and without the guard.",
            module="pilot",
        ),
        "report": Command(
            does="Turn recordings into one HTML page: availability, halts, failure modes, latency, "
            "the planner's yield.",
            module="report",
        ),
        "rules": Command(
            does="Print every rule with its stage, what it measures, its limit and its failure modes, "
            "as Markdown.",
            module="rules",
        ),
        "runbook": Command(
            does="Print who acts on which failure mode, and the first three commands to type, as Markdown.",
            module="runbook",
        ),
        "schema": Command(
            does="Print the route schema that a planner has to answer in, as JSON schema.",
            module="schema",
        ),
        "top": Command(
            does="Show running guards live: their robots, failure modes, planners and watchdogs.",
            module="top",
        ),
        "vda5050": Command(
            does="Turn a pick route into an order of VDA 5050, or an order back into a route.",
            module="vda5050",
        ),
    }
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Exit codes: 0 done, 1 the answer is no, 2 unusable arguments, files or output, 70 a fault of ours, 130
    interrupted, 141 whoever read the output stopped reading.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(given)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _abandon_output()
        return EXIT_UNREAD
    except Exception as error:  # noqa: BLE001  # whatever it is, it is no answer
        _abandon_output()
        if _is_unusable(error):
            _tell(given, f"{error}\n")
            return EXIT_UNUSABLE
        if isinstance(error, OSError):
            _tell(
                given, f"{error}. Check the files and the output that were named, and try again\n"
            )
            return EXIT_UNUSABLE
        kind = type(error).__name__
        _tell(given, f"internal error: {kind}; please report\n{traceback.format_exc()}")
        return EXIT_INTERNAL


def _run(arguments: Sequence[str]) -> int:
    if sys.stdout is None:
        raise UsageError("standard output is closed. Leave it open, or send it to /dev/null")
    parser = argparse.ArgumentParser(
        prog="fallback-guard",
        description="Guards pick routes that a large language model plans.",
        epilog="Each command shows its arguments and an example with --help.",
    )
    words = parser.add_subparsers(dest="command", required=True, metavar="command")
    loaded: dict[str, Word] = {}
    for name, command in COMMANDS.items():
        if name in arguments:
            with _ended_by_an_interrupt():
                loaded[name] = command.load()
            add_word(words, name, loaded[name])
        else:
            words.add_parser(name, help=command.does)
    try:
        options = parser.parse_args(arguments)
    except SystemExit:
        sys.stdout.flush()
        raise
    code = loaded[options.command].run(options)
    # Here it can still be told that a disk is full; when Python ends it cannot.
    sys.stdout.flush()
    return code


@contextmanager
def _ended_by_an_interrupt() -> Iterator[None]:
    """Let an interrupt end the process itself: extension modules turn it into faults of their own at import."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _is_unusable(error: Exception) -> bool:
    """Tell whether an error says what is wrong with what was given."""
    return isinstance(error, UsageError | UnusableError)


def _tell(arguments: Sequence[str], text: str) -> None:
    word = next((f" {word}" for word in arguments if word in COMMANDS), "")
    if sys.stderr is not None:
        sys.stderr.write(f"fallback-guard{word}: {text}")


def _abandon_output() -> None:
    """Keep Python from trying once more, when it ends, to write what could not be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115, PTH123


if __name__ == "__main__":
    raise SystemExit(main())
