# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the launch tests have in common: a robot with everything, and a request that finds it on its way."""

from __future__ import annotations

import re
import socket
import sys
import urllib.request
from itertools import count
from typing import TYPE_CHECKING, Final

from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.units import NS_PER_S
from fallback_guard.tools.share import share_directory

if TYPE_CHECKING:
    from fallback_guard.testing.timeline import Key, Timeline

MAP: Final = share_directory() / "config" / "sample_warehouse.geojson"
DECELERATION_MPS2: Final = 1.5
"""Of the simulated pickers, which drive in real time."""

ALL_PARTS: Final = ("guard_node", "watchdog_node", "planner_node", "picker_sim_node")
_NUMBERS: Final = count(1)


def robot(
    name: str,
    port: int,
    *,
    guard: dict[str, object] | None = None,
    picker: dict[str, object] | None = None,
) -> dict[str, object]:
    """Return a robot of a fleet file: a planner that asks the model at a port, and a picker that never ends."""
    return {
        "name": name,
        "planner": True,
        "picker": True,
        "parameters": {
            "guard": {"recovery_delay_ms": 300, "latch_after": 100, **(guard or {})},
            "planner": {"base_url": f"http://127.0.0.1:{port}/v1", "model": "script"},
            "picker": {
                "picks": 0,
                "acceleration_mps2": DECELERATION_MPS2,
                "pick_time_s": 0.2,
                "lead_time_s": 1.0,
                "patience_s": 2.0,
                **(picker or {}),
            },
        },
    }


def fleet(*robots: dict[str, object]) -> dict[str, object]:
    """Return a fleet file's contents."""
    return {"version": 1, "defaults": {"map_file": str(MAP)}, "robots": list(robots)}


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def guards_up(port: int) -> set[str]:
    """Return the guards that a scrape says are up."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return set(re.findall(r'^fallback_guard_up\{guard="(.*)"\} 1\.0$', text, re.MULTILINE))


def surprise(robot_id: str) -> PickRequest:
    """Return a request that falls due the moment it is asked: it finds a robot wherever it happens to be."""
    return PickRequest(
        request_id=f"surprise-{next(_NUMBERS)}",
        robot_id=robot_id,
        start_node=1,
        goal_node=1,
        items=(PickItem(bin="A-03", sku="SKU-9", quantity=1),),
        on_due=False,
    )


def newest(timeline: Timeline) -> set[Key]:
    """Return what fell due so shortly before the end that it may not be decided yet."""
    return {due.key for due in timeline.due if due.heard_ns > timeline.ends_ns - NS_PER_S}


def report(text: str, *figures: float) -> None:
    """Say what was measured."""
    sys.stdout.write(f"measured: {text % figures}\n")
