# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Style that a formatter does not see: small files, said purpose, units in names."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = sorted((ROOT / "fallback_guard").rglob("*.py"))
PROGRAMS: Final = sorted(
    path
    for folder in ("fallback_guard", "test", "launch", "bench", "build_tools")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)

LINES_MAX: Final = 502
"""A file that is longer has more than one role.  Two lines are the licence."""

CHARS_MAX: Final = 120

QUANTITIES: Final = (
    "time",
    "delay",
    "timeout",
    "period",
    "age",
    "duration",
    "interval",
    "latency",
    "deadline",
    "lease",
)
"""What is no number before one knows in what it is counted."""

LATER: Final = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


in_each_source = pytest.mark.parametrize("path", SOURCES, ids=_name)
in_each_program = pytest.mark.parametrize("path", PROGRAMS, ids=_name)


@in_each_source
def test_files_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_MAX


@in_each_program
def test_nothing_is_left_for_later(path: Path) -> None:
    assert LATER.findall(path.read_text(encoding="utf-8")) == []


@in_each_program
def test_lines_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    long = [
        number
        for number, line in enumerate(lines, 1)
        if len(line) > CHARS_MAX and "://" not in line
    ]
    assert long == []


@in_each_program
def test_text_is_clean(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "\t" not in text
    assert "\r" not in text
    assert not re.search(r"[ ]+$", text, flags=re.MULTILINE)
    assert not text or text.endswith("\n")
    assert not text.endswith("\n\n")


@in_each_source
def test_every_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ",", ":")), "a first line is a sentence"


@in_each_source
def test_every_public_thing_of_the_core_is_documented(path: Path) -> None:
    if path.parent.name != "core":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def _numbers(tree: ast.AST) -> list[str]:
    """Return the names of parameters and fields that are numbers."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name):
            name, kind = node.arg, node.annotation.id
        elif (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.annotation, ast.Name)
        ):
            name, kind = node.target.id, node.annotation.id
        else:
            continue
        if kind in ("int", "float"):
            found.append(name)
    return found


@in_each_source
def test_quantities_end_in_their_unit(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [name for name in _numbers(tree) if name.lower().rsplit("_", 1)[-1] in QUANTITIES] == []


def test_the_check_can_fail() -> None:
    tree = ast.parse(
        "def f(lease: int, lease_ms: int, x: str): ...\nclass C:\n    stamp_age: float\n"
    )
    assert sorted(_numbers(tree)) == ["lease", "lease_ms", "stamp_age"]
    assert LATER.search("# TO" + "DO: later")
