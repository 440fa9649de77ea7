# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An arena: guard, watchdog, planner and robots as processes, an observer that sees them all, and ways to harm them."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from observer import FILE
from wire import Findings, judge, read

import world
from fallback_guard import msg
from fallback_guard.nodes import topics
from fallback_guard.tools.share import share_directory
from harness import WAIT_S, Scene, open_scene, report, ros_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fallback_guard.core.warehouse import Warehouse
    from fallback_guard.testing.timeline import Key

MAP: Final = share_directory() / "config" / "sample_warehouse.geojson"
QUICK_PICKER: Final[dict[str, object]] = {
    "map_file": str(MAP),
    "picks": 0,
    "speed_mps": 20.0,
    "acceleration_mps2": 50.0,
    "pick_time_s": 0.1,
    "time_factor": 4,
    "lead_time_s": 0.2,
    "patience_s": 1.0,
}
"""A picker on the sample map that asks again and again, within a second or two."""

_LIFE_SIGNS: Final = 5
RESPAWN_S: Final = 0.3
"""From a process's end to its next start, as the launch file does it, a little faster."""

_QUIET_S: Final = 0.5
"""For so long nothing new is written where all has been heard."""


@dataclass(slots=True, kw_only=True)
class Arena:
    """A scene, the parameters of its nodes, and how many of them were killed."""

    scene: Scene
    afresh: bool = False
    kills: int = 0
    _parameters: dict[str, dict[str, object]] = field(default_factory=dict)

    def start(self, node: str, **parameters: object) -> None:
        """Start a node; it is started again with the same parameters."""
        self._parameters[node] = parameters
        self._start(node)

    def _start(self, node: str) -> None:
        parameters = self._parameters[node]
        if node == "guard_node":
            parameters = self.scene.guard_parameters(**parameters)
        start = self.scene.nodes.start_afresh if self.afresh else self.scene.nodes.start
        start(node, f"fallback_guard.nodes.{node}", *ros_arguments(parameters))

    def kill(self, node: str) -> None:
        """End a node as the kernel would when memory runs out, and start it again after a while."""
        self.kills += 1
        self.scene.nodes.end_at_once(node)
        time.sleep(RESPAWN_S)
        self._start(node)

    def hold_up(self, node: str, seconds: float) -> None:
        """Keep a node from running for a while."""
        self.scene.nodes.signal(node, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self.scene.nodes.signal(node, signal.SIGCONT)

    def meanwhile(self, harm: str, node: str, seconds: float) -> threading.Thread:
        """Kill or hold up a node in a thread; return that."""
        if harm == "killed":
            thread = threading.Thread(target=self.kill, args=(node,))
        else:
            thread = threading.Thread(target=self.hold_up, args=(node, seconds))
        thread.start()
        return thread

    def wait_for_the_guard(self) -> None:
        """Wait until a guard decides."""
        seen = len(self.scene.bystander.states)

        def decides() -> bool:
            new = self.scene.bystander.states[seen:]
            return any(heard.message.state != msg.GuardState.STATE_INACTIVE for heard in new)

        self.scene.bystander.wait_until(decides, "a guard that decides", timeout_s=60.0)

    def wait_for_the_watchdog(self) -> None:
        """Wait until a watchdog knows of the guard."""
        seen = len(self.scene.bystander.diagnostics)

        def knows() -> bool:
            return any(
                status.name.endswith("watchdog_node: guard")
                and status.message == "the guard is there"
                for heard in self.scene.bystander.diagnostics[seen:]
                for status in heard.message.status
            )

        self.scene.bystander.wait_until(knows, "a watchdog that knows of the guard", timeout_s=60.0)

    def end(self, *robots: str) -> set[Key]:
        """End robots, and wait for the answers to what they had asked; return the requests without one."""
        bystander = self.scene.bystander
        for robot_id in robots:
            self.scene.nodes.signal(robot_id, signal.SIGINT)
        for robot_id in robots:
            self.scene.nodes.wait_for_end(robot_id)
        bystander.wait_for_states(_LIFE_SIGNS)
        answered = {(each.message.robot_id, each.message.request_id) for each in bystander.motions}
        due = {(each.message.robot_id, each.message.request_id) for each in bystander.due}
        return due - answered

    def _let_the_observer_hear_all(self) -> None:
        """What one process has heard may still be on its way to another."""
        file, size, until = observed(self.scene.directory), -1, time.monotonic() + WAIT_S
        while (now := file.stat().st_size) != size and time.monotonic() < until:
            size = now
            time.sleep(_QUIET_S)

    def judge(
        self, warehouse: Warehouse | None = None, *, may_be_open: Iterable[Key] = ()
    ) -> Findings:
        """End the observer and check all that it saw."""
        self._let_the_observer_hear_all()
        self.scene.nodes.signal("observer", signal.SIGINT)
        self.scene.nodes.wait_for_end("observer")
        findings = judge(
            read(observed(self.scene.directory)),
            warehouse or world.warehouse(),
            kills=self.kills,
            may_be_open=may_be_open,
        )
        report(str(findings))
        return findings


def observed(directory: Path) -> Path:
    """Return where an observer writes."""
    return directory / "observed.jsonl"


@contextmanager
def open_arena(directory: Path, *, afresh: bool = False, **environment: str) -> Iterator[Arena]:
    """Open an arena with an observer in it; the other nodes are started by the test.

    `afresh`: as programs of their own, where the environment says something to the loader.
    """
    with open_scene(directory, **environment, **{FILE: str(observed(directory))}) as scene:
        scene.nodes.start("observer", "observer")
        scene.bystander.wait_for_subscribers(
            topics.PICK_REQUEST, topics.ROUTE_DUE, topics.MOTION, topics.GUARD_DECISION
        )
        yield Arena(scene=scene, afresh=afresh)
