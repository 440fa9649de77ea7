# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The fleet file: which robots there are, and with which parts and parameters each.  The format: docs/fleet.md.

    version: 1
    defaults:
      map_file: sample_warehouse.geojson
      parameters: {guard: {recovery_delay_ms: 500}}
    robots:
      - name: picker_1
      - name: picker_2
        planner: true
        parameters: {guard: {capacity_pieces: 40}}

All of it is checked before anything is started.  A robot's own word wins over the defaults', parameter by parameter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fallback_guard.core.config import GUARD_PARAMETERS, guard_config
from fallback_guard.core.identifiers import printable
from fallback_guard.core.parameters import ParameterError, Value
from fallback_guard.core.unusable import UnusableError
from fallback_guard.launching.arguments import NAME_CHARS_MAX, is_name
from fallback_guard.launching.processes import Robot
from fallback_guard.launching.tables import TABLES
from fallback_guard.launching.yaml_document import read_yaml
from fallback_guard.planning.config import planner_config

VERSION: Final = 1
ROBOTS_MAX: Final = 100
"""With up to five processes each, more than a machine starts; several files and launches can share a network."""

TOP_KEYS: Final = ("version", "defaults", "robots")
PART_KEYS: Final = ("watchdog", "planner", "picker")
DEFAULT_KEYS: Final = ("map_file", *PART_KEYS, "parameters")
ROBOT_KEYS: Final = ("name", *DEFAULT_KEYS)

PARTS_BY_DEFAULT: Final = {"watchdog": True, "planner": False, "picker": False}
SET_ELSEWHERE: Final = {
    ("guard", "map_file"): "map_file of the robot",
    ("picker", "map_file"): "map_file of the robot",
    ("picker", "robot_id"): "name of the robot",
    ("recorder", "directory"): "the launch argument record",
}
"""Parameters that follow from something else in the file."""

SHARED: Final = ("deadline_ms", "lease_ms")
"""Parameters of the guard that its watchdog has to know: they follow the guard's."""

_LONGEST_SHOWN: Final = 60


class FleetError(UnusableError):
    """A fleet file that cannot be used.  The message names the file, the robot and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Where in a file something stands, as its messages say it."""

    path: Path
    name: str

    def error(self, problem: str, remedy: str) -> FleetError:
        return FleetError(f"{self.path}: {self.name}: {problem}. {remedy}")


def read_fleet(path: Path) -> tuple[Robot, ...]:
    """Return the robots of a fleet file, in its order.  Raises FleetError or YamlError."""
    top = _Entry(path=path, name="the file")
    document = _mapping(read_yaml(path), top, TOP_KEYS)
    if "version" not in document:
        raise top.error("it has no version", f"Begin it with version: {VERSION}")
    if document["version"] != VERSION or type(document["version"]) is not int:
        raise top.error(
            f"its version is {_shown(document['version'])}", f"Known is {VERSION} alone"
        )
    entry = _Entry(path=path, name="defaults")
    defaults = _mapping(document.get("defaults", {}), entry, DEFAULT_KEYS)
    _parameters(defaults, entry)  # Said here it is the defaults' fault, and not that of some robot.
    robots = document.get("robots")
    if not isinstance(robots, list) or not 1 <= len(robots) <= ROBOTS_MAX:
        raise top.error(
            f"robots is {_shown(robots)}"
            if not isinstance(robots, list)
            else f"it has {len(robots)} robots",
            f"List 1 to {ROBOTS_MAX} robots, each beginning with '- name:'",
        )
    fleet: list[Robot] = []
    for number, own in enumerate(robots, 1):
        robot = _robot(own, defaults, _Entry(path=path, name=f"robot number {number}"))
        if any(robot.namespace == other.namespace for other in fleet):
            raise top.error(
                f"robot number {number} is named {robot.namespace!r}, and one before it, too",
                "Give every robot a name of its own",
            )
        fleet.append(robot)
    return tuple(fleet)


def _robot(own: object, defaults: Mapping[str, object], entry: _Entry) -> Robot:
    if isinstance(own, dict) and "name" not in own:
        raise entry.error("it has no name", "Begin it with '- name:'")
    given = _mapping(own, entry, ROBOT_KEYS)
    name = given["name"]
    if not isinstance(name, str) or not is_name(name):
        raise entry.error(
            f"its name is {_shown(name)}",
            f"Allowed are letters, digits and _ with no digit first, up to {NAME_CHARS_MAX}; "
            "put what YAML takes for something else in quotes",
        )
    entry = _Entry(path=entry.path, name=f"robot {name!r}")
    shared, individual = _parameters(defaults, entry), _parameters(given, entry)
    parameters = {part: {**shared.get(part, {}), **individual.get(part, {})} for part in TABLES}
    parts = {key: _flag(given, defaults, key, entry) for key in PART_KEYS}
    parameters["watchdog"] = _following(parameters["guard"], parameters["watchdog"], entry)
    parameters["picker"]["robot_id"] = name
    _check_together(parameters, entry)
    return Robot(
        namespace=name,
        label=name,
        map_file=str(_map_file(given, defaults, entry)),
        watchdog=parts["watchdog"],
        planner=parts["planner"],
        picker=parts["picker"],
        parameters=parameters,
    )


def _map_file(given: Mapping[str, object], defaults: Mapping[str, object], entry: _Entry) -> Path:
    named = given.get("map_file", defaults.get("map_file"))
    if named is None:
        raise entry.error("it has no map_file", "Give one to the robot or under defaults")
    if not isinstance(named, str) or not named or "\0" in named:
        raise entry.error(
            f"its map_file is {_shown(named)}", "Give the path of a GeoJSON map, as text"
        )
    path = (entry.path.resolve().parent / named).resolve()
    try:
        is_there = path.is_file()
    except OSError:
        is_there = False
    if not is_there:
        raise entry.error(
            f"its map_file {printable(str(path), chars_max=200)} does not exist",
            "Give a path that is absolute or relative to the fleet file",
        )
    return path


def _flag(
    given: Mapping[str, object], defaults: Mapping[str, object], key: str, entry: _Entry
) -> bool:
    value = given.get(key, defaults.get(key, PARTS_BY_DEFAULT[key]))
    if not isinstance(value, bool):
        raise entry.error(f"{key} is {_shown(value)}", "Allowed are true and false, without quotes")
    return value


def _parameters(given: Mapping[str, object], entry: _Entry) -> dict[str, dict[str, Value]]:
    """Return the parameters that stand in one place of the file, part by part, each checked by itself."""
    parts = _mapping(given.get("parameters", {}), entry, tuple(TABLES), within="parameters")
    checked: dict[str, dict[str, Value]] = {}
    for part, values in parts.items():
        table = {row.name: row for row in TABLES[part]}
        named = _mapping(values, entry, tuple(table), within=f"parameters.{part}")
        for name in named:
            if (part, name) in SET_ELSEWHERE:
                raise entry.error(
                    f"{name} stands among the parameters of the {part}",
                    f"Remove it: it follows from {SET_ELSEWHERE[part, name]}",
                )
        try:
            checked[part] = {name: table[name].checked(value) for name, value in named.items()}
        except ParameterError as error:
            raise _refused(entry, part, error) from error
    return checked


def _following(
    guard: Mapping[str, Value], watchdog: Mapping[str, Value], entry: _Entry
) -> dict[str, Value]:
    """Return the watchdog's parameters with those that it shares with the guard."""
    defaults = {row.name: row.default for row in GUARD_PARAMETERS}
    shared = {name: guard.get(name, defaults[name]) for name in SHARED}
    for name, value in shared.items():
        if watchdog.get(name, value) != value:
            raise entry.error(
                f"{name} is {_shown(watchdog[name])} for the watchdog and {_shown(value)} for the guard",
                "Remove the watchdog's: it follows the guard's",
            )
    return {**watchdog, **shared}


def _check_together(parameters: Mapping[str, Mapping[str, Value]], entry: _Entry) -> None:
    """Check what a table cannot: values that do not go together, and those with a form of their own."""
    own = {row.name for row in GUARD_PARAMETERS}
    guard = {name: value for name, value in parameters["guard"].items() if name in own}
    part = "guard"
    try:
        guard_config(guard)
        part = "planner"
        planner_config(parameters["planner"])
    except ParameterError as error:
        raise _refused(entry, part, error) from error


def _refused(entry: _Entry, part: str, error: ParameterError) -> FleetError:
    remedy = f"Correct it under parameters.{part}"
    return entry.error(f"{part}: {str(error).rstrip('.')}", remedy)


def _mapping(
    value: object, entry: _Entry, known: Sequence[str], *, within: str = ""
) -> dict[str, object]:
    """Return a mapping that holds known keys alone."""
    prefix = f"{within} " if within else "it "
    if not isinstance(value, dict):
        raise entry.error(
            f"{prefix}is {_shown(value)}", f"Write key: value lines; there are {', '.join(known)}"
        )
    for key in value:
        if key not in known:
            raise entry.error(f"{prefix}has the key {_shown(key)}", f"There are {', '.join(known)}")
    return value


def _shown(value: object) -> str:
    """Return a value for people: what YAML made of it, and never all of something large."""
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    if value is None:
        return "empty"
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and value.bit_length() > _LONGEST_SHOWN
    ):
        return "too large"
    return printable(repr(value), chars_max=_LONGEST_SHOWN)
