# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures for chaos: a domain, what is to be killed in it, and an observer that sees it all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from domains import discover_quickly

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent / "nodes"):
    sys.path.insert(0, str(folder))

discover_quickly()

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arena import Arena


@pytest.fixture(scope="session", autouse=True)
def _ros_logs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the logs that rcl writes by itself out of the home directory."""
    pytest.MonkeyPatch().setenv("ROS_LOG_DIR", str(tmp_path_factory.mktemp("ros_logs")))


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    """Return an arena of its own."""
    from arena import open_arena  # noqa: PLC0415  # imports rclpy, which reads the environment

    with open_arena(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """Return an arena for a whole module."""
    from arena import open_arena  # noqa: PLC0415

    with open_arena(tmp_path_factory.mktemp("arena")) as opened:
        yield opened
