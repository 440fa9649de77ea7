"""Keeps what real nodes do on this machine, and has them find each other quickly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before anything opens a ROS context.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault(
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    str(Path(__file__).parents[1] / "nodes" / "quick_discovery.xml"),
)


@pytest.fixture(scope="session", autouse=True)
def _ros_logs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the logs that rcl writes by itself out of the home directory."""
    os.environ["ROS_LOG_DIR"] = str(tmp_path_factory.mktemp("ros_logs"))
