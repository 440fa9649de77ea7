# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Everything in a code block of the documentation is run here where it can be, and looked at where it cannot."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs would be one more package

from blocks import PAGES, ROOT, Block, blocks, commands
from fallback_guard.nodes.guard_node import NODE_PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHELL: Final = ("bash", "sh")
RUNS: Final = frozenset({"cat", "cd", "echo", "export", "head", "sed"})
"""What a block may hold beside our own quick commands, to be run as a whole."""

QUICK: Final = frozenset({"check", "map", "matrix", "modes", "rules", "schema", "vda5050"})
"""Commands of `fallback-guard` that do their work at once, without nodes and models."""

LEVELS: Final = 2
"""Of the words that name a command: `map draw`."""

RUN_ELSEWHERE: Final = frozenset({"own-schema.md", "testing.md"})
"""Pages that have a test of their own, which compares what is printed as well."""

RUN_S_MAX: Final = 120.0

EXECUTABLES: Final = frozenset(
    path.name for path in (ROOT / "scripts").iterdir() if path.name != "fallback-guard"
)
"""The nodes; what they are given is a matter of ROS 2's."""

SHIPPED: Final = ("config", "launch")
STAND_INS: Final = {
    "M.geojson": "config/sample_warehouse.geojson",
    "warehouse.geojson": "config/sample_warehouse.geojson",
    "R.json": "config/sample_request.json",
    "request.json": "config/sample_request.json",
    "route.json": "config/sample_route.json",
    "order.json": "",
}
"""Files that the pages speak of as the reader's own, and what they are here."""


def _all() -> list[Block]:
    return [block for page in PAGES for block in blocks(page)]


def _shell() -> list[Block]:
    return [block for block in _all() if block.language in SHELL]


def _is_run(block: Block) -> bool:
    return block.page.name not in RUN_ELSEWHERE and all(
        words[0] in RUNS or (words[0] == "fallback-guard" and words[1] in QUICK)
        for words in commands(block.text)
    )


def test_there_is_something_to_test() -> None:
    assert sum(_is_run(block) for block in _shell()) >= 2
    assert len(_shell()) >= 10


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return a folder in which a newcomer might stand: a clone, and files of one's own."""
    for name in SHIPPED:
        (tmp_path / name).symlink_to(ROOT / name)
    for name, source in STAND_INS.items():
        if source:
            shutil.copy(ROOT / source, tmp_path / name)
    route = json.loads((ROOT / "config" / "sample_route.json").read_text(encoding="utf-8"))
    (tmp_path / "answers.jsonl").write_text(json.dumps(route) + "\n", encoding="utf-8")
    return tmp_path


def _environment() -> dict[str, str]:
    here = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}


def _bash(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # our own documentation
        ["bash", *arguments],  # noqa: S607
        cwd=cwd,
        env=_environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
    )


@pytest.mark.parametrize(
    "block", [block for block in _shell() if _is_run(block)], ids=lambda block: block.name
)
def test_what_can_be_run_is_run(block: Block, desk: Path) -> None:
    done = _bash("-euo", "pipefail", "-c", block.text, cwd=desk)
    assert done.returncode == 0, f"{block.name}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", _shell(), ids=lambda block: block.name)
def test_a_shell_can_read_it(block: Block) -> None:
    done = _bash("-n", "-c", block.text)
    assert done.returncode == 0, f"{block.name}: {done.stderr}"
    assert done.stderr == "", block.name
    # To a shell that is a file to read from and one to write to.
    assert not re.search(r"<[a-z]+( [a-z]+)*>", block.text), block.name


@pytest.mark.parametrize("block", _shell(), ids=lambda block: block.name)
def test_what_it_names_is_there(block: Block) -> None:
    for words in commands(block.text):
        program = Path(words[0]).name
        check = _nothing if program in EXECUTABLES else CHECKS.get(program, CHECKS.get(words[0]))
        assert check is not None, f"{block.name}: nobody knows how to check {words[0]!r}: {words}"
        problem = check(words[1:])
        assert problem is None, f"{block.name}: {' '.join(words)}: {problem}"


@pytest.mark.parametrize(
    "block",
    [block for block in _all() if block.language not in SHELL],
    ids=lambda block: block.name,
)
def test_other_blocks_are_what_they_say(block: Block) -> None:
    if block.language == "json":
        one_a_line = block.text.splitlines() if block.text.startswith('{"route"') else [block.text]
        for text in one_a_line:
            json.loads(text)
    elif block.language == "yaml":
        list(yaml.safe_load_all(block.text))
    elif block.language == "xml":
        ET.fromstring(block.text)  # noqa: S314  # our own documentation
    elif block.language == "python":
        compile(block.text, block.name, "exec")
    else:
        assert block.language in ("", "text", "ini"), block.name


# What is looked at where a command is not run: None where it is in order, else what is wrong.


def _nothing(_words: Sequence[str]) -> str | None:
    """Look at nothing: the command is a tool of the system's or of ROS 2's own, and says nothing of this package."""
    return None


@cache
def _help(*words: str) -> str:
    done = subprocess.run(  # our own command
        [sys.executable, "-m", "fallback_guard.tools.cli", *words, "--help"],
        env=_environment(),
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
    )
    return done.stdout if done.returncode == 0 else ""


def _ours(words: Sequence[str]) -> str | None:
    named: list[str] = []
    for word in words[:LEVELS]:
        if word.startswith("-") or not _help(*named, word):
            break
        named.append(word)
    if not named and not words[0].startswith("-"):
        return f"there is no command {words[0]}"
    text = _help(*named)
    missing = [word for word in words if word.startswith("--") and word.split("=")[0] not in text]
    return f"no option {missing[0]}" if missing else None


def _make(words: Sequence[str]) -> str | None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^(\w+):", text, re.MULTILINE)
    unknown = [word for word in words if "=" not in word and word not in targets]
    if unknown:
        return f"no target {unknown[0]}"
    for word in words:
        name, _, value = word.partition("=")
        if name == "ARGS" and words[0] in ("test", "check"):
            return _pytest(value.split())
        if name == "ARGS" and words[0] == "demo":
            return _ours(["demo", *value.split()])
    return None


def _exists(path: str) -> str | None:
    return None if (ROOT / path).exists() else f"there is no {path}"


def _pytest(words: Sequence[str]) -> str | None:
    paths = [word.split("::")[0] for word in words if word.startswith("test/")]
    return next((problem for path in paths if (problem := _exists(path))), None)


def _python(words: Sequence[str]) -> str | None:
    if words[0].startswith("-"):
        return None
    problem = _exists(words[0])
    if problem:
        return problem
    text = (ROOT / words[0]).read_text(encoding="utf-8")
    options = [word.split("=")[0] for word in words[1:] if word.startswith("--")]
    return next((f"no option {option}" for option in options if option not in text), None)


def _ros2(words: Sequence[str]) -> str | None:
    check = ROS2.get(words[0])
    return _nothing(words) if check is None else check(words[1:])


def _launch(words: Sequence[str]) -> str | None:
    package, name, *arguments = words
    if package != "fallback_guard":
        return None
    problem = _exists(f"launch/{name}")
    if problem:
        return problem
    sources = [ROOT / "launch" / name, *(ROOT / "fallback_guard" / "launching").glob("*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources]
    texts = {
        node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)
    }
    given = [word.partition(":=")[0] for word in arguments if ":=" in word]
    return next((f"no argument {one}" for one in given if one not in texts), None)


def _run(words: Sequence[str]) -> str | None:
    package, name, *_ = words
    return _exists(f"scripts/{name}") if package == "fallback_guard" else None


def _typed(words: Sequence[str]) -> str | None:
    types = [word for word in words if word.startswith("fallback_guard/")]
    missing = [one for one in types if _exists(f"{one.partition('/')[2]}.{one.split('/')[1]}")]
    return f"no type {missing[0]}" if missing else None


def _parameter(words: Sequence[str]) -> str | None:
    verb, node, name, *_ = words
    if verb != "set" or not node.endswith("guard_node"):
        return None
    rows = {row.name: row for row in NODE_PARAMETERS}
    if name not in rows:
        return f"no parameter {name}"
    return "it is fixed once the node has started" if rows[name].read_only else None


ROS2: Final[dict[str, Callable[[Sequence[str]], str | None]]] = {
    "launch": _launch,
    "run": _run,
    "service": _typed,
    "topic": _typed,
    "param": _parameter,
}

CHECKS: Final[dict[str, Callable[[Sequence[str]], str | None]]] = {
    "fallback-guard": _ours,
    "make": _make,
    "pytest": _pytest,
    "python": _python,
    "python3": _python,
    "ros2": _ros2,
    **dict.fromkeys(
        (
            ".",
            "apt",
            "apt-get",
            "cat",
            "cd",
            "colcon",
            "cp",
            "curl",
            "docker",
            "echo",
            "export",
            "git",
            "grep",
            "gz",
            "head",
            "journalctl",
            "kill",
            "ls",
            "mkdir",
            "pip",
            "rm",
            "pkill",
            "printf",
            "rosdep",
            "sed",
            "source",
            "sudo",
            "systemctl",
            "touch",
            "tail",
            "tr",
            "ulimit",
            "wait",
        ),
        _nothing,
    ),
}
