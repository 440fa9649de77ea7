# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Every program says whose it is and under which licence, in the two lines that SPDX has for it.

ament_copyright knows the long headers alone, which say the same in thirteen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

HEADER: Final = (
    "# SPDX-FileCopyrightText: 2026 The fallback_guard developers",
    "# SPDX-License-Identifier: Apache-2.0",
)

PROGRAMS: Final = sorted(
    [
        ROOT / "CMakeLists.txt",
        ROOT / "setup.py",
        *(ROOT / "scripts").iterdir(),
        *(
            path
            for folder in ("fallback_guard", "test", "launch", "bench", "build_tools")
            for path in (ROOT / folder).rglob("*.py")
            if "__pycache__" not in path.parts
        ),
    ]
)


def _has_header(text: str) -> bool:
    lines = text.splitlines()
    first = 1 if text.startswith("#!") else 0
    return tuple(lines[first : first + len(HEADER)]) == HEADER


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_program_has_the_header(path: Path) -> None:
    assert _has_header(path.read_text(encoding="utf-8"))


def test_the_licence_is_the_one_that_the_package_names() -> None:
    _, _, licence = HEADER[1].rpartition(" ")
    assert f">{licence}</license>" in (ROOT / "package.xml").read_text(encoding="utf-8")


def test_the_check_can_fail() -> None:
    assert _has_header("\n".join(["#!/bin/sh", *HEADER, "exit"]))
    assert not _has_header("\n".join(["import re", *HEADER]))
    assert not _has_header("")
