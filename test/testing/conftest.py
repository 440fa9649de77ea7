# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The helpers of this folder, and the scenes of the tests of real nodes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ.setdefault(
    "FASTRTPS_DEFAULT_PROFILES_FILE", str(HERE.parent / "nodes" / "quick_discovery.xml")
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Return an empty scene: a domain of its own, a bystander in it, and no nodes yet."""
    from harness import open_scene  # noqa: PLC0415  # imports rclpy, which reads the environment set above

    with open_scene(tmp_path) as opened:
        yield opened
