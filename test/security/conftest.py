# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Keeps what real nodes do on this machine, and has them find each other quickly."""

from __future__ import annotations

import os

import pytest
from domains import discover_quickly

# Before anything opens a ROS context.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
discover_quickly()


@pytest.fixture(scope="session", autouse=True)
def _ros_logs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the logs that rcl writes by itself out of the home directory."""
    os.environ["ROS_LOG_DIR"] = str(tmp_path_factory.mktemp("ros_logs"))
