# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Makes the helpers in these folders importable, and keeps every test on this machine and in its own domain."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

HERE = Path(__file__).parent
for folder in (
    "core",
    "docs",
    "driving",
    "fuzz",
    "gazebo",
    "live",
    "nodes",
    "planning",
    "reporting",
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


# A busy machine is no finding: by default Hypothesis fails a test that takes longer once than another time.
hypothesis.settings.register_profile("no_deadline", deadline=None)
hypothesis.settings.load_profile("no_deadline")

NEEDS = {
    "rosbags": [
        "reporting/test_rubbish.py",
        "nodes/test_recorder_node.py",
        "reporting/test_fields.py",
        "reporting/test_page.py",
        "reporting/test_sources.py",
        "tools/test_report.py",
    ],
    "trustme": ["security/test_endpoint.py"],
    "vda5050": ["core/test_vda5050.py"],
    "xmlschema": ["security/test_policy.py"],
}
"""Tests that a tool is needed for which a robot may lack; requirements-test.txt has them all."""

MISSING = [tool for tool in NEEDS if find_spec(tool) is None]
collect_ignore = [file for tool in MISSING for file in NEEDS[tool]]


def pytest_report_header() -> list[str]:
    """Say what is left out, and why."""
    return [f"left out for want of {tool}: {', '.join(NEEDS[tool])}" for tool in MISSING]


@pytest.fixture
def domain() -> Iterator[int]:
    """Return the number of a ROS domain that nobody else on this machine uses meanwhile."""
    from domains import own_domain  # noqa: PLC0415  # importable only now

    with own_domain() as number:
        yield number
