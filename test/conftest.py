"""Makes the helpers in these folders importable, and keeps every test on this machine and in its own domain."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = Path(__file__).parent
for folder in (
    "core",
    "docs",
    "driving",
    "fuzz",
    "gazebo",
    "nodes",
    "planning",
    "security",
    "sim",
    "../bench",
    "../docs/examples/cold_chain",
):
    sys.path.insert(0, str((HERE / folder).resolve()))
sys.path.insert(0, str(HERE))

# Before anything opens a ROS context.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def domain() -> Iterator[int]:
    """Return the number of a ROS domain that nobody else on this machine uses meanwhile."""
    from domains import own_domain  # noqa: PLC0415  # importable only now

    with own_domain() as number:
        yield number
