# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Tests that are killed leave no node behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ENDED_S_MAX: Final = 20.0

STARTS_A_NODE: Final = """
import os
import sys
import time
from pathlib import Path

import forked

forked._SERVER.set_forkserver_preload([])
node = forked.Forked(
    "fallback_guard.nodes.watchdog_node",
    (),
    directory=Path(sys.argv[1]),
    environment=os.environ,
    log=Path(sys.argv[1], "node.log"),
)
while not Path(sys.argv[1], "node.log").read_text():
    time.sleep(0.01)
print(node.pid, flush=True)
node.wait()
"""


def is_there(pid: int) -> bool:
    """Tell whether a process runs: one that nobody has waited for yet does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "XZ"


def test_a_node_ends_with_the_tests_that_started_it(tmp_path: Path, domain: int) -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", STARTS_A_NODE, str(tmp_path)],
        cwd=tmp_path,  # where the sources are not
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"ROS_DOMAIN_ID": str(domain), "PYTHONPATH": str(HERE)},
    )
    assert tests.stdout is not None
    try:
        node = int(tests.stdout.readline())
        assert is_there(node)
    finally:
        tests.kill()
        tests.wait()
    until_s = time.monotonic() + ENDED_S_MAX
    try:
        while is_there(node):
            assert time.monotonic() < until_s, "the node outlived the tests"
            time.sleep(0.01)
    finally:
        tests.stdout.close()
        if is_there(node):
            os.kill(node, signal.SIGKILL)
