# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Tasks of one's own by their names, on the command line, and the page that walks through one, as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import cold
import cold_chain
import world
from cold import FROZEN, GLASS, HEAVY, pick, plan
from fallback_guard.core.checked_task import ROUTES
from fallback_guard.core.rule_table import RULES
from fallback_guard.core.task import RouteTask, TaskError
from fallback_guard.tasks import api
from fallback_guard.tasks.loading import load_task
from fallback_guard.tools import cli

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "own-schema.md").read_text(encoding="utf-8")
EXAMPLE: Final = ROOT / "docs" / "examples" / "cold_chain"
TASK: Final = "cold_chain:COLD_CHAIN"


def test_nothing_named_is_the_package_own_task() -> None:
    assert load_task("") is ROUTES


def test_a_task_is_found_by_its_name() -> None:
    task = load_task(TASK)
    assert task.answer is cold_chain.Plan
    assert task.prompt == cold_chain.PROMPT


UNUSABLE: Final[dict[str, tuple[str, ...]]] = {
    "cold_chain": ("is not the name of one", "Write package.module:NAME"),
    "cold_chain:": ("is not the name of one",),
    ":COLD_CHAIN": ("is not the name of one",),
    "cold_chain:COLD_CHAIN:X": ("is not the name of one",),
    "cold_chain.COLD_CHAIN": ("is not the name of one",),
    "../cold_chain:COLD_CHAIN": ("is not the name of one",),
    "a..b:C": ("is not the name of one",),
    "a:b\nc": (r"x0ac' is not the name of one",),
    "x" * 10_000: ("is not the name of one",),
    "no_such_module:T": ("cannot be imported (ModuleNotFoundError", "PYTHONPATH"),
    "cold_chain.no_part:T": ("cannot be imported (ModuleNotFoundError",),
    "cold_chain:NOTHING": ("there is no NOTHING in cold_chain",),
    "odd_tasks:NOT_ONE": ("is a ModelMetaclass", "Name a RouteTask"),
    "cold_chain:zone_of": ("is a function",),
    "odd_tasks:LOOSE": ("odd_tasks:LOOSE: task 'loose': Anything: the model is not strict",),
}


@pytest.mark.parametrize("name", UNUSABLE, ids=lambda name: name[:30])
def test_a_task_that_cannot_be_used_says_why(name: str) -> None:
    with pytest.raises(TaskError) as caught:
        load_task(name)
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 700
    for text in UNUSABLE[name]:
        assert text in said


@pytest.mark.parametrize(
    "source",
    [
        "raise RuntimeError('secret\\n' * 1000)",
        "raise SystemExit(0)",
        "import sys; sys.exit()",
        "def f(:",
        "from fallback_guard.core.task import RouteTask\nT = RouteTask()",
        "1 / 0",
        "\0",
    ],
)
def test_a_module_that_cannot_be_imported_ends_nothing(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site_task.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "site_task", raising=False)
    with pytest.raises(TaskError, match="its module cannot be imported") as caught:
        load_task("site_task:T")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_task_made_of_what_raises_when_looked_at_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from fallback_guard.core.task import RouteTask\n"
        "class Odd(str):\n    def __len__(self): raise RuntimeError\n"
        "import cold_chain, dataclasses\n"
        "T = dataclasses.replace(cold_chain.COLD_CHAIN, prompt=Odd())\n"
    )
    (tmp_path / "raising_task.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TaskError, match=r"cannot be looked at \(RuntimeError\)"):
        load_task("raising_task:T")


# Commands


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a map, a request and answers of the task."""
    (tmp_path / "map.geojson").write_bytes(world.collection(world.features()))
    document = world.request_document() | {
        "items": [world.stop(item) for item in cold.request().items]
    }
    (tmp_path / "request.json").write_text(json.dumps(document))
    lines = [plan(), plan(pick(FROZEN), pick(HEAVY), pick(GLASS)), world.answer(cold.request())]
    (tmp_path / "answers.jsonl").write_bytes(b"\n".join(lines))
    return tmp_path


def _check(files: Path, *arguments: str) -> int:
    named = ["--map", str(files / "map.geojson"), "--request", str(files / "request.json")]
    return cli.main(["check", *named, "--jsonl", *arguments, str(files / "answers.jsonl")])


def test_answers_of_a_task_are_checked(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(files, "--task", TASK) == 1
    verdicts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [verdict["rule"] for verdict in verdicts] == [None, "frozen_last", "schema"]
    assert list(verdicts[0]["stage_ns"])[-1] == "task"
    assert _check(files) == 1
    verdicts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [verdict["rule"] for verdict in verdicts] == ["schema", "schema", None]


@pytest.mark.parametrize("word", ["check", "schema", "rules"])
def test_a_task_that_cannot_be_used_ends_a_command(
    word: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--task", "odd_tasks:LOOSE")
    code = _check(files, *given) if word == "check" else cli.main([word, *given])
    assert code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"fallback-guard {word}: odd_tasks:LOOSE: task 'loose': Anything")
    assert "Traceback" not in said.err


def test_a_task_is_not_named_by_a_setting(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(files, "--set", f"task={TASK}") == 2
    assert "--task" in capsys.readouterr().err


def test_the_schema_of_a_task(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli.main(["schema", "--task", TASK]) == 0
    sys.stdout.flush()
    assert json.loads(capfdbinary.readouterr().out) == cold_chain.Plan.model_json_schema()


def test_the_rules_of_a_task_stand_where_they_are_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["rules", "--task", TASK]) == 0
    named = re.findall(r"^\| `(\w+)`", capsys.readouterr().out, flags=re.MULTILINE)
    own = [rule.name for rule in cold_chain.RULES]
    assert set(named) == {rule.name for rule in RULES} | {"conversion", *own}
    assert named.index("conversion") == named.index("same_request") - 1
    place = named.index("duration") + 1
    assert named[place : place + len(own)] == own


# The page


def _blocks(language: str) -> Sequence[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_page_are_the_whole_module() -> None:
    module = (EXAMPLE / "cold_chain.py").read_text(encoding="utf-8")
    module = "".join(line for line in module.splitlines(keepends=True) if "SPDX-" not in line)
    place = 0
    for block in _blocks("python"):
        found = module.find(block, place)
        assert found >= 0, block
        assert module[place:found].strip() == "", "and nothing of it is left out"
        place = found + len(block)
    assert module[place:].strip() == ""


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    """Each shell block, and what the next block says comes of it."""
    shutil.copytree(EXAMPLE, tmp_path / "docs" / "examples" / "cold_chain")
    (tmp_path / "config").symlink_to(ROOT / "config")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "fallback-guard"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fallback_guard.tools.cli "$@"\n')
    program.chmod(0o755)
    pairs = re.findall(
        r"^```bash\n(.*?)^```\n+```(?:json|text)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL
    )
    assert len(pairs) >= 2
    for script, expected in pairs:
        done = subprocess.run(
            ["bash", "-c", script],  # noqa: S607
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ
            | {
                "PATH": f"{program.parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(tmp_path / "docs" / "examples" / "cold_chain"),
            },
        )
        assert done.stderr == ""
        said = re.sub(r', ?"stage_ns": ?\{[^}]*\}', "", done.stdout)
        assert said == expected


def test_the_page_names_what_there_is() -> None:
    for name in re.findall(r"`api\.(\w+)`", PAGE):
        assert name in api.__all__
    assert all(hasattr(api, name) for name in api.__all__)
    assert api.RouteTask is RouteTask
