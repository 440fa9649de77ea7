# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A guard of which a test decides everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import world
from fallback_guard import msg
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.nodes import conversion, topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness import Message, Scene

ROBOT: Final = "picker_1"


class PlayedGuard:
    """Lives, and commands what it is told."""

    def __init__(self, scene: Scene, *, lease_ms: int = 1_000) -> None:
        """Begin to live."""
        self._scene = scene
        self._lease_ms = lease_ms
        self.heartbeat = 1_000
        self.state = int(msg.GuardState.STATE_ACTIVE)
        self._lives = True
        scene.bystander.node.create_timer(0.05, self._live)

    def fall_silent(self) -> None:
        """Give no sign of life any more."""
        self._lives = False

    def live(self) -> None:
        """Give signs of life again."""
        self._lives = True

    def _live(self) -> None:
        if not self._lives:
            return
        self.heartbeat += 1
        state = msg.GuardState(heartbeat=self.heartbeat, state=self.state)
        self._scene.bystander.publish(topics.GUARD_STATE, state)

    def route_east(self, sequence: int, robot_id: str = ROBOT) -> None:
        """Send the robot along the aisle: 30 m."""
        self.send(sequence, robot_id, kind=int(MotionKind.ROUTE), waypoints=_at((1, 2, 3, 4)))

    def route_there_and_back(self, sequence: int) -> None:
        """Send the robot along the aisle and back: 60 m and more from wherever it is."""
        self.send(sequence, ROBOT, kind=int(MotionKind.ROUTE), waypoints=_at((4, 1)))

    def safe_move(
        self, sequence: int, kind: SafeMoveKind = SafeMoveKind.HOLD, robot_id: str = ROBOT
    ) -> None:
        """Send a safe move."""
        self.send(sequence, robot_id, kind=int(MotionKind.SAFE_MOVE), safe_move=int(kind))

    def retreat(self, sequence: int, nodes: Sequence[int]) -> None:
        """Send the robot to the last of some nodes."""
        self.send(
            sequence,
            ROBOT,
            kind=int(MotionKind.SAFE_MOVE),
            safe_move=int(SafeMoveKind.RETREAT),
            waypoints=_at(nodes),
        )

    def send(self, sequence: int, robot_id: str, **fields: Message) -> None:
        """Send a command."""
        lease = conversion.to_duration(self._lease_ms * NS_PER_MS)
        command = msg.MotionCommand(robot_id=robot_id, sequence=sequence, lease=lease, **fields)
        self._scene.bystander.publish(topics.MOTION, command)


def _at(nodes: Sequence[int]) -> list[Message]:
    return [msg.Waypoint(x=x, y=y) for x, y in map(world.position_of, nodes)]
