# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Drives a differential-drive robot by `motion` and `cmd_vel`, without Nav2: for simulations and small robots.

It sees no obstacles: the way has to be kept clear, or somebody who sees has to stand between it and the wheels.
"""

from fallback_guard.core.units import ns_to_seconds
from fallback_guard.driving.config import FOLLOWER_PARAMETERS, follower_execution, pursuit_config
from fallback_guard.driving.pursuit import Pursuit
from fallback_guard.driving.way import Way
from fallback_guard.driving.whereabouts import Pose
from fallback_guard.driving.words import (
    DriverAccepted,
    DriverBack,
    DriverFailed,
    DriverFinished,
    DriverHeard,
    StartDriving,
)
from fallback_guard.nodes.clocks import ros_now_ns
from fallback_guard.nodes.process import run
from fallback_guard.nodes.robot import RobotNode


class PursuitDriver:
    """Moves the wheels once in a period, by the law of `driving.pursuit`."""

    def __init__(self, robot: RobotNode) -> None:
        """Begin without a goal."""
        self._robot = robot
        self._config = pursuit_config(robot.values)
        self._goal = 0
        self._pursuit: Pursuit | None = None
        self._stepped_ns = 0

    def start(self, start: StartDriving) -> None:
        """Begin to drive a goal; speeds rise from 0."""
        self._goal = start.goal
        self._pursuit = Pursuit(self._config, Way(start.x, start.y, start.points))
        self._stepped_ns = ros_now_ns(self._robot)
        self._robot.hear(DriverAccepted(goal=start.goal))

    def cancel(self, goal: int) -> None:
        """Let a goal be, at once."""
        if goal == self._goal:
            self._pursuit = None
        self._robot.hear(DriverFailed(goal=goal, why="cancelled"))

    def limit(self, _limit_mps: float | None) -> None:
        """Do nothing: the way says how fast each leg may be driven."""

    def turn(self, pose: Pose | None) -> None:
        """Say the next velocity.  The time since the last one is that of the ROS clock, on which the robot moves."""
        self._robot.hear(DriverBack())
        pursuit = self._pursuit
        if pursuit is None or pose is None:
            return
        now_ns = ros_now_ns(self._robot)
        seconds = ns_to_seconds(now_ns - self._stepped_ns)
        self._stepped_ns = now_ns
        self._robot.wheels.say(pursuit.step(pose, seconds))
        if pursuit.is_done:
            self._pursuit = None
            self._robot.hear(DriverFinished(goal=self._goal))
        elif pursuit.is_off:
            self._pursuit = None
            why = f"the robot is {pursuit.off_m:.2f} m off its way"
            self._robot.hear(DriverFailed(goal=self._goal, why=why))
        else:
            self._robot.hear(DriverHeard(goal=self._goal))

    def close(self) -> None:
        """Let everything be."""
        self._pursuit = None


def main() -> int:
    """Run the follower; see process.run for the exit codes."""
    name = "follower_node"
    return run(
        lambda: RobotNode(name, FOLLOWER_PARAMETERS, follower_execution, PursuitDriver),
        name=name,
        does="Drives a differential-drive robot by what the guard lets through, without Nav2.",
        parameters=FOLLOWER_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
