# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""docs/testing.md shows what is run, and nothing that is not there."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from fallback_guard.testing import checks, measures

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
EXAMPLES: Final = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_example_is_a_launch_test_of_the_suite() -> None:
    file = (ROOT / "test" / "launch" / "example.test.py").read_text(encoding="utf-8")
    shown = "".join(line for line in file.splitlines(keepends=True) if "SPDX-" not in line)
    assert EXAMPLES[0] == shown


def test_every_name_of_the_package_that_is_shown_is_there() -> None:
    modules = {"checks": checks, "measures": measures}
    for example in EXAMPLES:
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = modules.get(node.value.id)
                assert module is None or hasattr(module, node.attr), node.attr
            if (
                isinstance(node, ast.ImportFrom)
                and (node.module or "").startswith("fallback_guard")
                and "launching" not in {alias.name for alias in node.names}
            ):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    assert hasattr(import_module(node.module or ""), alias.name) or find_spec(whole)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(assert_\w+)`", PAGE))))
def test_every_assertion_that_is_told_of_is_there(name: str) -> None:
    assert hasattr(checks, name)


def test_every_assertion_is_told_of() -> None:
    for name in vars(checks):
        if name.startswith("assert_"):
            assert f"`{name}`" in PAGE


def test_the_bounds_are_those_of_the_page() -> None:
    for bound in (
        f"at most {checks.STOP_S_MAX:g} s",
        f"at least {checks.HOLD_SHARE_MIN:.0%}".replace("%", " %"),
        f"at most {checks.RESUME_S_MAX:g} s",
        f"{measures.IN_TIME_NS // 10**6} ms before the deadline",
    ):
        assert bound in PAGE
