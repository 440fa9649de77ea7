# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard replay`: decides again what a recording tells, or decides it with another configuration."""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from rich.console import Console

from fallback_guard.core.config import GUARD_PARAMETERS
from fallback_guard.core.identifiers import printable
from fallback_guard.core.parameters import Value
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.replay_view import (
    as_json,
    notes,
    print_replay,
    print_shadow,
    replay_json,
    shadow_json,
)

if TYPE_CHECKING:
    from fallback_guard.replaying.replay import Story
    from fallback_guard.replaying.tape import Tape

DOES: Final = "Decide again, byte for byte, what a recording tells, or with another configuration."
EXAMPLE: Final = """\
  fallback-guard replay recordings
  fallback-guard replay recordings/recording_000001_20261127T080000Z.mcap --map config/sample_warehouse.geojson
  fallback-guard replay recordings --config config/guard.yaml --set standby_at_deadline=true
  fallback-guard replay recordings --set task=cold_chain:COLD_CHAIN

Without a change each decision and each motion of the recorded guards is compared byte for byte; stamps and measured
durations are taken over. With one (--config, --set, --new-map) it shows which requests would have ended otherwise. That
is an open loop: robots drive as they drove.

exit codes: 0 the same, 1 something differs, 2 unusable arguments or recordings, 130 interrupted, 141 the output was not
read to its end"""

_PARAMETERS: Final = {row.name for row in GUARD_PARAMETERS}
_EMPTY_IS_UNSAID: Final = ("map_file", "task")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take recordings, and what is to be different."""
    parser.add_argument(
        "recordings",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="recordings, or directories of them",
    )
    parser.add_argument(
        "--map",
        type=Path,
        metavar="FILE",
        help="the map as it was (default: where the guard had it)",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="parameters of guard_node as YAML, to be tried"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the guard, to be tried; may be said again",
    )
    parser.add_argument("--new-map", type=Path, metavar="FILE", help="another map, to be tried")
    parser.add_argument(
        "--limit", type=int, default=20, metavar="N", help="rows to show (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    """Replay, and print what came of it."""
    # Messages only here: every other word works without.
    from fallback_guard.replaying.tape import Tape, TapeError  # noqa: PLC0415

    if options.limit < 0:
        raise UsageError(f"--limit is {options.limit}; allowed: 0 or more")
    settings = _settings(options)
    tape = Tape(options.recordings)
    is_trial = bool(settings) or options.new_map is not None
    guards = _tried(tape, options, settings) if is_trial else _replayed(tape, options)
    if not guards:
        raise TapeError(
            "no guard's journal is in it. Record with recorder_node while guard_node runs with journal:=true"
        )
    if options.json:
        sys.stdout.write(as_json([guard.document for guard in guards], tape))
    else:
        out = Console(file=sys.stdout, highlight=False, markup=False, soft_wrap=True)
        for guard in guards:
            guard.show(out)
        for note in notes(tape, {guard.namespace: guard.story for guard in guards}):
            out.print(f"note: {note}")
    return int(any(guard.is_different for guard in guards))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guard:
    """What came of one guard's replay, whichever it was."""

    namespace: str
    is_different: bool
    story: "Story"
    document: Mapping[str, object]
    show: Callable[[Console], None]


def _replayed(tape: "Tape", options: argparse.Namespace) -> list[_Guard]:
    from fallback_guard.replaying.replay import replay  # noqa: PLC0415
    from fallback_guard.replaying.steps import Maps  # noqa: PLC0415

    return [
        _Guard(
            namespace=name,
            is_different=bool(one.comparison.different),
            story=one.story,
            document=replay_json(name, one),
            show=partial(print_replay, name=name, one=one, limit=options.limit),
        )
        for name, one in replay(tape, Maps(options.map)).items()
    ]


def _tried(
    tape: "Tape", options: argparse.Namespace, settings: Mapping[str, Value]
) -> list[_Guard]:
    from fallback_guard.replaying.shadow import Shadowed, shadow  # noqa: PLC0415
    from fallback_guard.replaying.steps import Maps  # noqa: PLC0415

    runs = shadow(tape, Maps(options.map), lambda: Shadowed(settings, Maps(options.new_map)))
    return [
        _Guard(
            namespace=name,
            is_different=bool(one.changes),
            story=one.story,
            document=shadow_json(name, one),
            show=partial(print_shadow, name=name, one=one, limit=options.limit),
        )
        for name, one in runs.items()
    ]


def _settings(options: argparse.Namespace) -> dict[str, Value]:
    """Return the parameters to try.  Raises UsageError, YamlError and ParameterError."""
    settings: dict[str, Value] = {}
    if options.config is not None:
        settings |= _of_file(options.config)
    kinds = {row.name: type(row.default) for row in GUARD_PARAMETERS}
    for setting in options.set:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(
                f"--set {printable(setting)}: write NAME=VALUE, such as detour_factor=2"
            )
        settings[name] = text if kinds.get(name) is str else _value(text)
    unknown = sorted(set(settings) - _PARAMETERS)
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)}: no parameter of the guard. Those are: {', '.join(sorted(_PARAMETERS))}"
        )
    return settings


def _of_file(path: Path) -> dict[str, Value]:
    """Return the core's parameters of a file for guard_node; its node has some more, which decide nothing."""
    from fallback_guard.launching.yaml_document import read_yaml  # noqa: PLC0415

    found: dict[str, Value] = {}
    document = read_yaml(path)
    nodes = document if isinstance(document, Mapping) else {}
    for node, body in nodes.items():
        of_node = body.get("ros__parameters") if isinstance(body, Mapping) else None
        if str(node).rpartition("/")[2] not in ("guard_node", "**") or not isinstance(
            of_node, Mapping
        ):
            continue
        found |= {
            str(name): value
            for name, value in of_node.items()
            if name in _PARAMETERS and not (name in _EMPTY_IS_UNSAID and not value)
        }
    if not found:
        raise UsageError(
            f"{path}: no parameters of guard_node are in it. See config/guard.yaml for the form"
        )
    return found


def _value(text: str) -> Value:
    """Return a number or a boolean; a text where it is neither, which the parameter's row refuses."""
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value if isinstance(value, bool | int | float) else text
