# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The example of a fleet: three robots on one network, none of which hears another, and who listens to all three.

Run with `launch_test test/launch/fleet.test.py`.
"""

import sys
import unittest
from contextlib import ExitStack
from pathlib import Path

import launch_testing
from launch import LaunchDescription

sys.path.insert(0, str(Path(__file__).parent))

import robots
from fallback_guard.core.motion import MotionKind
from fallback_guard.testing import checks, launching
from fallback_guard.testing.observer import START_S, Observer
from fallback_guard.testing.operator import Operator

launching.stay_on_this_machine()

ROBOTS = ("picker_1", "picker_2", "picker_3")
WITH_PLANNER = "picker_3"
DECISIONS = 2
PORT = robots.free_port()


def generate_test_description() -> LaunchDescription:
    """Start what is installed; the planner of the third robot finds no model, and that robot drives all the same."""
    return launching.description(
        launching.installed_launch_file("fleet.launch.py"),
        {"metrics_port": str(PORT), "markers": "true"},
    )


class TestWhileRunning(unittest.TestCase):
    """What the robots do."""

    def test_each_robot_has_its_own_guard(self) -> None:
        """Every robot is served, and in each namespace that robot alone is heard."""
        with ExitStack() as stack:
            observers = {name: stack.enter_context(Observer(name)) for name in ROBOTS}
            for name, observer in observers.items():
                observer.wait_for_guard()
                observer.wait_for_decisions(DECISIONS, robot_id=name, timeout_s=START_S)
            for name, observer in observers.items():
                timeline = observer.timeline
                heard = {each.key[0] for each in timeline.asked}
                heard |= {each.key[0] for each in timeline.commands}
                self.assertEqual(heard, {name})
                self.assertEqual({each.robot_id for each in timeline.positions}, {name})
                checks.assert_one_decision_each(timeline, may_be_open=robots.newest(timeline))
                checks.assert_sequences_rise(timeline)
                self.assertIn(MotionKind.ROUTE, {each.kind for each in timeline.commands})
            self.assertEqual(robots.guards_up(PORT), {f"/{name}" for name in ROBOTS})
            # Of another robot's name, and in the namespace of one: the other never hears it.
            request = robots.surprise(ROBOTS[1])
            operator = stack.enter_context(Operator(ROBOTS[0]))
            operator.wait_for_listeners(2)
            operator.ask(request)
            observers[ROBOTS[0]].wait_for_command(request.request_id)
            elsewhere = observers[ROBOTS[1]].timeline
            self.assertFalse(
                [each for each in elsewhere.asked if each.key[1] == request.request_id]
            )


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """All twelve end cleanly."""
        parts = ("guard_node", "watchdog_node", "picker_sim_node")
        launching.assert_exit_codes(
            proc_info,
            [
                *(f"{name}-{part}" for name in ROBOTS for part in parts),
                f"{WITH_PLANNER}-planner_node",
                "metrics_node",
                "markers_node",
            ],
        )
