# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Fleet files: what a good one comes to, and that a bad one is refused by file, robot and remedy, whatever is in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from fallback_guard.core.unusable import UnusableError
from fallback_guard.launching.fleet_file import ROBOTS_MAX, read_fleet
from fallback_guard.launching.processes import Settings, robot_processes
from fallback_guard.launching.yaml_document import FILE_BYTES_MAX

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = ROOT / "config"
GOOD: Final = """\
version: 1
defaults:
  map_file: hall.geojson
  parameters:
    guard: {recovery_delay_ms: 500, capacity_pieces: 60}
robots:
  - name: a
  - name: b
    watchdog: false
    planner: true
    picker: true
    map_file: other.geojson
    parameters:
      guard: {capacity_pieces: 20, deadline_ms: 200}
      picker: {seed: 7}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two maps in it."""
    for name in ("hall.geojson", "other.geojson"):
        (tmp_path / name).touch()
    return tmp_path


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "fleet.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_robots_own_word_wins_over_the_defaults(folder: Path) -> None:
    a, b = read_fleet(written(folder, GOOD))
    assert (a.namespace, a.watchdog, a.planner, a.picker) == ("a", True, False, False)
    assert a.map_file == str((folder / "hall.geojson").resolve())
    assert a.parameters["guard"] == {"recovery_delay_ms": 500, "capacity_pieces": 60}
    assert (b.namespace, b.watchdog, b.planner, b.picker) == ("b", False, True, True)
    assert b.map_file == str((folder / "other.geojson").resolve())
    assert b.parameters["guard"] == {
        "recovery_delay_ms": 500,
        "capacity_pieces": 20,
        "deadline_ms": 200,
    }
    assert b.parameters["picker"] == {"seed": 7, "robot_id": "b"}
    assert b.parameters["watchdog"]["deadline_ms"] == 200, "the watchdog's follows the guard's"
    assert a.parameters["watchdog"] == {"deadline_ms": 150, "lease_ms": 500}


def test_a_robot_becomes_processes_in_its_namespace(folder: Path) -> None:
    a, b = read_fleet(written(folder, GOOD))
    settings = Settings(respawn=True, use_sim_time=True)
    assert [each.executable for each in robot_processes(a, CONFIG, settings)] == [
        "guard_node",
        "watchdog_node",
    ]
    guard, planner, picker = robot_processes(b, CONFIG, settings)
    assert {each.namespace for each in (guard, planner, picker)} == {"b"}
    assert [each.label for each in (guard, planner, picker)] == [
        "b-guard_node",
        "b-planner_node",
        "b-picker_sim_node",
    ]
    assert guard.is_managed
    assert guard.parameters["map_file"] == b.map_file
    assert guard.parameters["use_sim_time"] is True
    assert guard.parameter_files == (CONFIG / "guard.yaml",)
    assert picker.parameters["listeners_min"] == 2
    assert (guard.respawns, planner.respawns, picker.respawns) == (True, True, False)
    assert all(path.is_file() for each in (guard, planner, picker) for path in each.parameter_files)


def test_the_example_is_a_fleet_of_three() -> None:
    robots = read_fleet(CONFIG / "fleet.yaml")
    assert [robot.namespace for robot in robots] == ["picker_1", "picker_2", "picker_3"]
    assert [robot.planner for robot in robots] == [False, False, True]
    assert all(robot.picker and robot.watchdog for robot in robots)


def test_the_docs_show_the_format() -> None:
    """The example on the page is one that is read."""
    page = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    assert [robot.namespace for robot in read_fleet(_beside_the_sample(example))] == [
        "picker_1",
        "picker_2",
    ]


def _beside_the_sample(text: str) -> Path:
    path = ROOT / "build" / "fleet_of_the_docs.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        text.replace("/maps/hall_1.geojson", str(CONFIG / "sample_warehouse.geojson")),
        encoding="utf-8",
    )
    return path


BAD: Final[dict[str, tuple[str, str]]] = {
    "nothing": ("", "the file: it is empty"),
    "no mapping": ("- a\n", "the file: it is a list of 1"),
    "text": ("hello", "the file: it is 'hello'"),
    "no version": ("robots: []", "it has no version"),
    "newer": ("version: 2", "its version is 2. Known is 1 alone"),
    "version true": ("version: true", "its version is True"),
    "unknown key": (
        GOOD + "extra: 1\n",
        "has the key 'extra'. There are version, defaults, robots",
    ),
    "key twice": (GOOD + "version: 1\n", "the key 'version' stands there twice"),
    "robot's key twice": (
        GOOD + "    planner: false\n",
        "line 16: the key 'planner' stands there twice",
    ),
    "unknown default": (
        GOOD.replace("  map_file: hall", "  maps: hall"),
        "defaults: it has the key 'maps'",
    ),
    "unknown key of a robot": (GOOD + "    speed: 3\n", "robot number 2: it has the key 'speed'"),
    "no robots": ("version: 1\n", "robots is empty. List 1 to 100"),
    "empty list": ("version: 1\nrobots: []\n", "it has 0 robots"),
    "robots no list": ("version: 1\nrobots: {a: 1}\n", "robots is a mapping of 1"),
    "too many": (
        "version: 1\nrobots:\n" + "  - {}\n" * (ROBOTS_MAX + 1),
        f"it has {ROBOTS_MAX + 1} robots",
    ),
    "robot no mapping": ("version: 1\nrobots: [a]\n", "robot number 1: it is 'a'"),
    "no name": ("version: 1\nrobots: [{planner: true}]\n", "robot number 1: it has no name"),
    "number for a name": ("version: 1\nrobots: [{name: 7}]\n", "its name is 7"),
    "boolean for a name": ("version: 1\nrobots: [{name: on}]\n", "its name is True"),
    "bad name": ("version: 1\nrobots: [{name: picker-1}]\n", "its name is .*'picker-1'"),
    "long name": (f"version: 1\nrobots: [{{name: {'a' * 65}}}]\n", "its name is"),
    "name twice": (GOOD.replace("name: b", "name: a"), "number 2 is named 'a', and one before"),
    "no map": (GOOD.replace("  map_file: hall.geojson\n", "", 1), "robot 'a': it has no map_file"),
    "missing map": (
        GOOD.replace("hall.geojson", "gone.geojson"),
        "robot 'a': its map_file .*gone.geojson does not exist. Give a path",
    ),
    "map no text": (GOOD.replace("hall.geojson", "3"), "robot 'a': its map_file is 3"),
    "map with a NUL": (GOOD.replace("hall.geojson", '"a\\0b"'), "robot 'a': its map_file is"),
    "long map": (
        GOOD.replace("hall.geojson", "n" * 5_000),
        "robot 'a': its map_file .*\\.\\.\\. does not",
    ),
    "flag no boolean": (GOOD.replace("planner: true", "planner: 1"), "robot 'b': planner is 1"),
    "flag in quotes": (GOOD.replace("planner: true", 'planner: "yes"'), "planner is .*'yes'"),
    "parameters no mapping": (
        GOOD.replace("parameters:\n    guard", "parameters: 3 #"),
        "defaults: parameters is 3",
    ),
    "unknown part": (
        GOOD.replace("    guard: {r", "    gard: {r"),
        "parameters has the key 'gard'",
    ),
    "unknown parameter": (
        GOOD.replace("seed: 7", "sed: 7"),
        "robot 'b': parameters.picker has the key 'sed'",
    ),
    "key no text": (GOOD.replace("seed: 7", "7: 7"), "parameters.picker has the key 7"),
    "bad type": (GOOD.replace("seed: 7", "seed: x"), "robot 'b': picker: parameter 'seed' is 'x'"),
    "out of range": (
        GOOD.replace("deadline_ms: 200", "deadline_ms: 1"),
        "robot 'b': guard: parameter 'deadline_ms' is 1; allowed: 100 to 5000 ms",
    ),
    "out of range by default": (
        GOOD.replace("recovery_delay_ms: 500", "recovery_delay_ms: -1"),
        "defaults: guard: parameter 'recovery_delay_ms' is -1",
    ),
    "huge number": (
        GOOD.replace("seed: 7", "seed: 0x" + "f" * 4_000),
        "parameter 'seed' is too large",
    ),
    "not finite": (GOOD.replace("seed: 7", "speed_mps: .nan"), "parameter 'speed_mps' is nan"),
    "a list": (GOOD.replace("seed: 7", "seed: [1]"), r"parameter 'seed' is \[1\]"),
    "not together": (
        GOOD.replace("deadline_ms: 200", "lease_ms: 200, heartbeat_ms: 150"),
        "robot 'b': guard: parameter 'lease_ms' .* at least twice",
    ),
    "the planner's address": (
        GOOD.replace("picker: {seed: 7}", "planner: {base_url: nowhere}"),
        "robot 'b': planner: parameter 'base_url'",
    ),
    "the watchdog's other deadline": (
        GOOD.replace("picker: {seed: 7}", "watchdog: {deadline_ms: 300}"),
        "robot 'b': deadline_ms is 300 for the watchdog and 200 for the guard",
    ),
    "map as a parameter": (
        GOOD.replace("seed: 7", "map_file: x"),
        "robot 'b': map_file stands among the parameters of the picker. Remove it",
    ),
    "robot_id as a parameter": (GOOD.replace("seed: 7", "robot_id: x"), "name of the robot"),
    "an alias": (
        "version: 1\ndefaults: &d {planner: true}\nrobots: [*d]\n",
        "line 2 is used again by an alias",
    ),
    "laughs": (
        "a: &a [x]\n"
        + "".join(f"b{i}: &b{i} [*{'a' if not i else f'b{i - 1}'}]\n" for i in range(40)),
        "used again by an alias",
    ),
    "an alias of itself": ("&a [*a]", "by an alias"),
    "unknown alias": ("version: *x", "line 1, column 10: found undefined alias"),
    "broken": ("version: [1", "line 1, column 12: .*Correct the YAML there"),
    "tab": ("version: 1\nrobots:\n\t- a\n", "line 3, column 1"),
    "two documents": ("version: 1\n---\nversion: 1\n", "line 2, column 1"),
    "an object": ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
    "no date": ("version: 2001-99-99", "Put text in quotes"),
    "deep": ("[" * 20_000, "nested too deeply"),
    "control character": ("version: \x01", "Put text in quotes"),
}
"""Each with what the message says."""


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_ends_in_one_message(folder: Path, what: str) -> None:
    text, says = BAD[what]
    path = written(folder, text)
    with pytest.raises(UnusableError, match=says) as caught:
        read_fleet(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 1_200
    assert re.search(r"\. [A-Z]", message), "the remedy is a sentence of its own"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"version: \xff", "byte 9 is not UTF-8"),
        (b"\0" * 10, "Put text in quotes"),
        (b"#" * (FILE_BYTES_MAX + 1), "longer than"),
    ],
)
def test_bytes_that_are_no_text_end_in_one_message(folder: Path, data: bytes, says: str) -> None:
    with pytest.raises(UnusableError, match=says):
        read_fleet(written(folder, data))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.yaml", tmp_path):
        with pytest.raises(UnusableError, match=str(path)):
            read_fleet(path)


@pytest.mark.parametrize("cut", range(0, len(GOOD), 7))
def test_a_file_that_is_cut_off_raises_nothing_else(folder: Path, cut: int) -> None:
    try:
        read_fleet(written(folder, GOOD[:cut]))
    except UnusableError as error:
        assert "\n" not in str(error)  # noqa: PT017  # some cuts leave a good file
