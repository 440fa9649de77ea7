# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Robots at work while everything around them fails at random: what they are told keeps every guarantee.

Real pickers, a real planner against a scripted endpoint of which a third of the answers are hostile, and somebody who
kills, holds up and floods.  The seed stands in the name of the test and replays the order of the harm; the operating
system's part in it does not replay.  `FALLBACK_GUARD_CHAOS_SEEDS=100` tries as many.
"""

from __future__ import annotations

import os
import time
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from arena import MAP, QUICK_PICKER

import world
from fallback_guard import msg
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.nodes import topics
from harness import report, ros_arguments

if TYPE_CHECKING:
    from arena import Arena

SEEDS: Final = range(int(os.environ.get("FALLBACK_GUARD_CHAOS_SEEDS", "1")))
ROBOTS: Final = ("picker_1", "picker_2", "picker_3")
HARMS: Final = 14
PROCESSES: Final = ("guard_node", "guard_node", "watchdog_node", "planner_node")
FLOOD: Final = 300
MEGABYTES_10: Final = 10_000_000


def start_everything(arena: Arena, seed: int) -> None:
    nodes = arena.scene.nodes
    script = ("--share", "0.3", "--seed", str(seed), "--map", str(MAP), "--port", "0")
    nodes.start("hostile_llm", "fallback_guard.tools.hostile_llm", *script)
    base_url = nodes.wait_for("hostile_llm", r"listening on (\S+)", 20.0)
    arena.start("watchdog_node")
    arena.start(
        "guard_node", map_file=str(MAP), recovery="standby", recovery_delay_ms=200, robots_max=10
    )
    arena.start("planner_node", base_url=base_url, model="script", planning_timeout_ms=1_000)
    arena.wait_for_the_watchdog()
    for robot_id in ROBOTS:
        nodes.start(
            robot_id,
            "fallback_guard.nodes.picker_sim_node",
            *ros_arguments({**QUICK_PICKER, "robot_id": robot_id, "seed": seed}),
        )
    for robot_id in ROBOTS:
        wait_for_a_route(arena, robot_id)


def wait_for_a_route(arena: Arena, robot_id: str) -> None:
    """Wait until a robot is told to drive once more."""
    bystander = arena.scene.bystander
    seen = len(bystander.motions)

    def drives() -> bool:
        return any(
            heard.message.robot_id == robot_id and heard.message.kind == MotionKind.ROUTE
            for heard in bystander.motions[seen:]
        )

    bystander.wait_until(drives, f"a route for {robot_id}", timeout_s=30.0)


def flood(arena: Arena, random: Random) -> str:
    """Say as a planner a great deal of something that must not get through; return what."""
    bystander = arena.scene.bystander
    newest = [heard.message for heard in bystander.requests[-3:]]
    about = random.choice(newest)
    # What a confused planner would send: valid in itself, and for somebody else, or for yesterday.
    other = PickRequest(
        request_id=about.request_id,
        robot_id=random.choice(ROBOTS),
        start_node=1,
        goal_node=1,
        items=(PickItem(bin="A-01", sku="SKU-1", quantity=1),),
    )
    kind = random.choice(["garbage", "another robot's", "repeats", "yesterday's", "huge"])
    payload = world.answer(other)
    count = FLOOD
    if kind == "garbage":
        payload = random.randbytes(16_000)
    elif kind == "huge":
        payload, count = b"[" * MEGABYTES_10, 3
    stamp = bystander.header(age_ns=random.choice([-86_400, 86_400]) * 10**9)
    for number in range(count):
        candidate = msg.RouteCandidate(
            header=stamp if kind == "yesterday's" else bystander.header(),
            request_id=about.request_id,
            robot_id=about.robot_id,
            source="llm:flood",
            attempt=1 if kind == "repeats" else number,
        )
        candidate.payload = payload
        bystander.publish(topics.CANDIDATE_ROUTE, candidate)
        time.sleep(0.001)
    return kind


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_guarantee_holds_whatever_fails(arena: Arena, seed: int) -> None:
    random = Random(seed)  # noqa: S311  # reproducible, not secret
    start_everything(arena, seed)
    done = []
    for _ in range(HARMS):
        node = random.choice(PROCESSES)
        harm = random.choice(["killed", "held up", "flooded"])
        if harm == "flooded":
            done.append(f"flood of {flood(arena, random)}")
        else:
            seconds = random.choice([0.05, 0.2, 1.0])
            arena.meanwhile(harm, node, seconds).join()
            done.append(f"{node} {harm} {seconds if harm == 'held up' else ''}".rstrip())
            if harm == "killed":
                # While neither guard nor watchdog is there nobody hears a robot; it asks anew.
                arena.wait_for_the_watchdog()
        time.sleep(random.choice([0.0, 0.3, 1.0]))
    report(f"seed {seed}: {', '.join(done)}")
    arena.wait_for_the_watchdog()
    for robot_id in ROBOTS:
        wait_for_a_route(arena, robot_id)
        wait_for_a_route(arena, robot_id)
    still_asking = arena.end(*ROBOTS)
    findings = arena.judge(load_warehouse(MAP), may_be_open=still_asking)
    assert findings.violations == ()
    assert findings.routes + findings.recoveries > len(ROBOTS)
