# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Planner on one host, guard and robot on another, and a link that is cut, slow and lossy.

The robot never notices more than safe moves, and what is across the link comes back by itself.  Discovery goes through
the discovery server of Fast DDS, on the robot's host.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

import pytest
from arena import MAP, QUICK_PICKER, observed
from domains import as_delivered
from hosts import Hosts, pause, two_hosts, why_not
from observer import FILE
from wire import judge, read

from fallback_guard.core.judge import STANDBY
from fallback_guard.core.motion import MotionKind
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.testing.timeline import Command
from harness import report, ros_arguments, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROBOT: Final = "picker_1"
PERIOD_S: Final = 4.0
ALONE: Final = 3
"""Routes that the robot drives before its host hears of the planner's."""


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    environment = {
        **as_delivered(os.environ),
        "ROS_DOMAIN_ID": "0",
        "ROS_LOG_DIR": str(tmp_path / "ros"),
        FILE: str(observed(tmp_path)),
        "PYTHONFAULTHANDLER": "1",
        "PYTHONPATH": os.path.dirname(__file__),  # noqa: PTH120
    }
    with two_hosts(tmp_path, environment) as opened:
        yield opened


def routes(directory: Path, *, by: str) -> int:
    """Return how many routes of a planner, or of the guard's own, have reached the robot's host."""
    return sum(
        command.kind is MotionKind.ROUTE and command.source.startswith(by)
        for command in read(observed(directory)).commands
    )


@pytest.mark.timeout(300)
def test_the_robots_side_needs_nothing_from_across_the_link(hosts: Hosts, tmp_path: Path) -> None:
    robot, planner = hosts.robot, hosts.planner
    # The planner is discovered late: after the robot's first picks.
    hosts.be(cut=True)
    robot.start("observer", "observer")
    parameters = {"map_file": str(MAP), "recovery_delay_ms": 200, "latch_after": 100}
    robot.start("watchdog_node", "fallback_guard.nodes.watchdog_node")
    robot.start("guard_node", "fallback_guard.nodes.guard_node", *ros_arguments(parameters))
    planner.start(
        "hostile_llm",
        "fallback_guard.tools.hostile_llm",
        "--share",
        "0",
        "--map",
        str(MAP),
        "--port",
        "0",
    )
    base_url = planner.wait_for("hostile_llm", r"listening on (\S+)", 60.0)
    asked = {"base_url": base_url, "model": "script", "planning_timeout_ms": 1_000}
    planner.start("planner_node", "fallback_guard.nodes.planner_node", *ros_arguments(asked))
    robot.start(
        "picker",
        "fallback_guard.nodes.picker_sim_node",
        *ros_arguments({**QUICK_PICKER, "patience_s": 2.0}),
    )

    wait_until(lambda: routes(tmp_path, by=STANDBY) >= ALONE, "routes of the guard's own", 60.0)
    assert not routes(tmp_path, by="llm:")
    hosts.be()

    def drives_by_the_model() -> None:
        seen = routes(tmp_path, by="llm:")
        wait_until(lambda: routes(tmp_path, by="llm:") >= seen + 3, "routes of the model", 60.0)

    drives_by_the_model()
    for condition in (
        {"cut": True},
        {"delay_ms": 400.0},
        {"loss": 0.2},
    ):
        hosts.be(**condition)
        before = len(read(observed(tmp_path)).commands)
        pause(PERIOD_S)
        during = read(observed(tmp_path)).commands[before:]
        report(f"{condition}: {tally(during)}")
        assert any(command.kind is MotionKind.ROUTE for command in during), "it drives on"
        hosts.be()
        drives_by_the_model()
    robot.signal("picker", 2)
    robot.wait_for_end("picker")
    wire = read(observed(tmp_path))
    last = {due.key for due in wire.due[-1:]}
    findings = judge(wire, load_warehouse(MAP), kills=0, may_be_open=last)
    report(str(findings))
    assert findings.violations == ()
    assert findings.by_watchdog == 0, "the guard was there all the time"


def tally(commands: list[Command]) -> str:
    told = [
        f"{command.kind.name} {command.source} {command.reason}".strip() for command in commands
    ]
    return json.dumps({one: told.count(one) for one in sorted(set(told))})
