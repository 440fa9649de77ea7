# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Who may import what, read from the sources.

The core, driving, maps and orders are pure: no clock, no chance, no thread, no log, no file but the map, no ROS.
ROS is imported in `nodes` alone.  Nothing imports upwards.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = Path(__file__).parents[2] / "fallback_guard"
MODULES: Final = sorted(PACKAGE.rglob("*.py"))
CONTRIBUTING: Final = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")

PURE_MAY: Final = frozenset(
    {
        "__future__",
        "bisect",
        "collections",
        "contextlib",
        "dataclasses",
        "enum",
        "fallback_guard.core",
        "fallback_guard.driving",
        "fallback_guard.maps",
        "fallback_guard.vda5050",
        "functools",
        "heapq",
        "itertools",
        "json",
        "math",
        "numpy",
        "orjson",
        "pathlib",
        "pydantic",
        "re",
        "scipy",
        "shapely",
        "types",
        "typing",
        "typing_extensions",
    }
)
"""What the pure rooms are made of."""

PURE: Final = ("core", "driving", "maps", "vda5050")
"""The rooms without clock, chance, thread, log and ROS."""

READS_A_FILE: Final = frozenset({"maps/geojson.py"})
"""The one pure module that may know what a path is: it loads the map."""

ROOMS_MAY: Final = {
    "core": ("core",),
    "driving": ("core", "driving"),
    "maps": ("core", "maps"),
    "vda5050": ("core", "vda5050"),
    "live": ("core", "live", "picking"),
    "launching": ("core", "launching", "nodes", "planning", "recording", "tools"),
    "picking": ("core", "driving", "picking"),
    "pilot": ("core", "maps", "picking", "pilot", "tools.hostile_answers"),
    "planning": ("core", "planning"),
    "recording": ("core", "recording"),
    "reporting": ("core", "picking", "recording", "reporting"),
    "nodes": (
        "core",
        "driving",
        "live",
        "maps",
        "picking",
        "pilot",
        "planning",
        "recording",
        "tasks",
        "nodes",
        "msg",
        "srv",
    ),
    "replaying": ("core", "maps", "nodes", "recording", "replaying", "tasks", "msg"),
    "tasks": ("core", "tasks"),
    "testing": ("core", "nodes", "testing", "tools", "msg", "srv"),
    "tools": (
        "core",
        "driving",
        "live",
        "maps",
        "picking",
        "pilot",
        "planning",
        "reporting",
        "tasks",
        "tools",
        "vda5050",
    ),
}
"""Which rooms of the package each room sees.  Messages are generated, and ROS as well."""

NEED_ROS: Final = {
    "tools/drill.py": frozenset({"fallback_guard.nodes.topics", "fallback_guard.srv", "rclpy"}),
    "tools/replay_view.py": frozenset({"fallback_guard.replaying"}),
    "tools/replay.py": frozenset(
        {"fallback_guard.launching.yaml_document", "fallback_guard.replaying"}
    ),
    "tools/pilot_nodes.py": frozenset({"fallback_guard.nodes.pilot_fleet", "rclpy"}),
    "tools/demo.py": frozenset({"fallback_guard.nodes.observer"}),
    "tools/listening.py": frozenset({"rclpy"}),
    "tools/top.py": frozenset({"fallback_guard.nodes.bystander"}),
}
"""Commands that need ROS.  They import it when they run, so that all others work without."""

SPEAK_ROS: Final = {
    "replaying/comparing.py": frozenset({"rclpy"}),
    "replaying/tape.py": frozenset({"rclpy"}),
    "launching/actions.py": frozenset({"launch", "launch_ros"}),
    "testing/launching.py": frozenset({"launch", "launch_testing"}),
    "testing/operator.py": frozenset({"lifecycle_msgs", "rclpy", "std_msgs"}),
    "testing/participant.py": frozenset({"rclpy"}),
}
"""Modules outside of nodes that are made of ROS.  What is beside them in their rooms works without launch."""

SEE_MORE: Final = NEED_ROS | {"nodes/observer.py": frozenset({"fallback_guard.picking.tally"})}
"""Modules that see more than their room does, and what."""

ROS: Final = (
    "rclpy",
    "rcl_interfaces",
    "launch",
    "launch_ros",
    "launch_testing",
    "lifecycle_msgs",
    "std_msgs",
    "builtin_interfaces",
    "action_msgs",
    "geometry_msgs",
    "nav_msgs",
    "nav2_msgs",
    "tf2_ros",
    "visualization_msgs",
)


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def _imported(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each import with the full name of what it imports from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports say where from"
            assert node.module is not None
            if node.module in ("fallback_guard", "fallback_guard.nodes", "fallback_guard.tools"):
                for alias in node.names:
                    yield node, f"{node.module}.{alias.name}"
            else:
                yield node, node.module


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _is(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def _inside(path: Path) -> list[str]:
    return [name for _, name in _imported(_tree(path)) if _is(name, "fallback_guard")]


in_each_module = pytest.mark.parametrize("path", MODULES, ids=_name)
in_each_pure_room = pytest.mark.parametrize(
    "path", [path for path in MODULES if _room(path) in PURE], ids=_name
)


def test_the_rooms_are_those_named_here() -> None:
    rooms = {_room(path) for path in MODULES} - {"__init__.py"}
    assert rooms == set(ROOMS_MAY), "each room needs its row in ROOMS_MAY"


def test_contributors_are_told_of_every_room() -> None:
    told = re.findall(r"^\| `fallback_guard/(\w+)` \|", CONTRIBUTING, re.MULTILINE)
    assert sorted(told) == sorted(ROOMS_MAY)


@in_each_pure_room
def test_pure_rooms_are_pure(path: Path) -> None:
    strange = [
        name
        for _, name in _imported(_tree(path))
        if not any(_is(name, allowed) for allowed in PURE_MAY)
    ]
    assert strange == []
    if _name(path) not in READS_A_FILE:
        assert "pathlib" not in [name for _, name in _imported(_tree(path))]


@in_each_pure_room
def test_pure_rooms_call_nothing_that_reaches_out(path: Path) -> None:
    called = {
        node.func.id
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {
        "open",
        "print",
        "input",
        "eval",
        "exec",
        "compile",
        "__import__",
        "id",
        "hash",
    }


@in_each_module
def test_only_nodes_import_ros(path: Path) -> None:
    if _room(path) == "nodes":
        return
    found = {name for _, name in _imported(_tree(path)) if any(_is(name, ros) for ros in ROS)}
    allowed = NEED_ROS.get(_name(path), frozenset()) | SPEAK_ROS.get(_name(path), frozenset())
    assert all(any(_is(name, one) for one in allowed) for name in found), found


@in_each_module
def test_no_room_imports_upwards(path: Path) -> None:
    if path.parent == PACKAGE:
        return
    allowed = [f"fallback_guard.{room}" for room in ROOMS_MAY[_room(path)]]
    allowed += SEE_MORE.get(_name(path), frozenset())
    assert [name for name in _inside(path) if not any(_is(name, one) for one in allowed)] == []


@pytest.mark.parametrize("name", SPEAK_ROS)
def test_what_may_speak_ros_does(name: str) -> None:
    imported = [each for _, each in _imported(_tree(PACKAGE / name))]
    for package in SPEAK_ROS[name]:
        assert any(_is(each, package) for each in imported), f"{package}: remove it from the row"


PURE_OF_TESTING: Final = ("timeline", "measures", "checks")


@pytest.mark.parametrize("name", PURE_OF_TESTING)
def test_timelines_are_judged_without_ros(name: str) -> None:
    """So that a recorded one can be, anywhere."""
    own = {"fallback_guard.core", *(f"fallback_guard.testing.{each}" for each in PURE_OF_TESTING)}
    own.add("fallback_guard.testing")
    imported = _inside(PACKAGE / "testing" / f"{name}.py")
    assert [each for each in imported if not any(_is(each, one) for one in own)] == []


@pytest.mark.parametrize(("name", "needed"), NEED_ROS.items())
def test_a_command_that_needs_ros_imports_it_when_it_runs(
    name: str, needed: frozenset[str]
) -> None:
    path = PACKAGE / name
    if not path.exists():
        pytest.skip(f"there is no {name} any more: remove its row")
    tree = _tree(path)
    top = [
        name
        for statement in tree.body
        for node, name in _imported(statement)
        if not _only_for_types(statement)
    ]
    assert [name for name in top if any(_is(name, one) for one in needed)] == []


def _only_for_types(statement: ast.stmt) -> bool:
    """Tell whether a statement does not run at import: a function, a class, a block for type checkers."""
    if isinstance(statement, ast.If):
        return "TYPE_CHECKING" in ast.dump(statement.test)
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def test_the_package_itself_is_a_docstring() -> None:
    """Two doors install it over one another, so it must say nothing."""
    (statement,) = _tree(PACKAGE / "__init__.py").body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)


def test_the_check_can_fail() -> None:
    tree = ast.parse("import time\nfrom fallback_guard import nodes\nfrom rclpy.node import Node\n")
    names = [name for _, name in _imported(tree)]
    assert names == ["time", "fallback_guard.nodes", "rclpy.node"]
    assert not any(_is(name, allowed) for name in names for allowed in PURE_MAY)
    assert _is("rclpy.node", "rclpy")
    assert not _is("rclpython", "rclpy")
