# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the operating system grants is taken, and what it does not grant is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import NoReturn

import pytest

from fallback_guard.nodes import realtime

IN_A_PROCESS = """
import json, os, threading
from fallback_guard.nodes.realtime import claim
waiting = threading.Event()
thread = threading.Thread(target=waiting.wait)
thread.start()
standing = claim(PRIORITY, urgent_thread=thread.native_id)
ranks = {number: os.sched_getparam(int(number)).sched_priority for number in os.listdir("/proc/self/task")}
waiting.set()
print(json.dumps({"priority": standing.priority, "refusal": standing.refusal,
    "urgent": ranks.pop(str(thread.native_id)), "others": sorted(ranks.values())}))
"""


def claimed(priority: int) -> dict[str, object]:
    """Return what a process of its own was granted: this one has to stay as it is."""
    program = IN_A_PROCESS.replace("PRIORITY", str(priority))
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    said: dict[str, object] = json.loads(done.stdout)
    return said


def test_without_a_priority_nothing_is_asked_for() -> None:
    said = claimed(0)
    assert (said["priority"], said["refusal"], said["urgent"]) == (0, "", 0)


def test_every_thread_gets_it_or_none_and_then_it_is_said_why() -> None:
    said = claimed(10)
    others = said["others"]
    assert isinstance(others, list)
    if said["priority"]:
        assert (set(others), said["urgent"]) == ({10}, 11)
    else:
        assert (set(others), said["urgent"]) == ({0}, 0)
        assert "docs/performance.md" in str(said["refusal"])


def test_a_refusal_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise PermissionError(1, "Operation not permitted")

    interval_s = sys.getswitchinterval()
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    standing = realtime.claim(10)
    sys.setswitchinterval(interval_s)
    assert (standing.priority, standing.is_memory_locked) == (0, False)
    assert "Operation not permitted" in standing.refusal
