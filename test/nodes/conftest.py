# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the tests of real nodes, and the way to their harness."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from domains import discover_quickly

sys.path.insert(0, str(Path(__file__).parent))

# Before anything opens a ROS context: nothing of a test leaves this machine.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
discover_quickly()

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Scene


@pytest.fixture(scope="session", autouse=True)
def _ros_logs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the logs that rcl writes by itself out of the home directory."""
    os.environ["ROS_LOG_DIR"] = str(tmp_path_factory.mktemp("ros_logs"))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Return an empty scene: a domain of its own, a bystander in it, and no nodes yet."""
    from harness import open_scene  # noqa: PLC0415  # imports rclpy, which reads the environment set above

    with open_scene(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def guard_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a scene with a guard that serves one module: it never recovers and hardly ever latches."""
    from harness import open_scene  # noqa: PLC0415

    with open_scene(tmp_path_factory.mktemp("guard")) as opened:
        opened.start_guard()
        yield opened


@pytest.fixture(scope="module")
def patient_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a scene like `guard_scene` with a deadline that answers make on a slow machine, too."""
    from harness import open_scene  # noqa: PLC0415

    with open_scene(tmp_path_factory.mktemp("patient")) as opened:
        opened.start_guard(deadline_ms=1_000)
        yield opened
