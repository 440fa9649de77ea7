# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A lifecycle manager's part: nothing moves before the guard is active nor after, and its robot holds meanwhile.

Run with `launch_test test/launch/lifecycle.test.py`.
"""

import sys
import time
import unittest
from pathlib import Path

import launch_testing
from launch import LaunchDescription

sys.path.insert(0, str(Path(__file__).parent))

import robots
from fallback_guard.core.motion import MotionKind
from fallback_guard.testing import checks, launching, measures
from fallback_guard.testing.observer import START_S, Observer
from fallback_guard.testing.operator import Operator
from fallback_guard.testing.timeline import GuardStanding

launching.stay_on_this_machine()

ROBOT = "picker_1"
INACTIVE_S = 10.0
"""Long beside the moment in which the staff carries a robot to a node, which is no holding."""


def generate_test_description() -> LaunchDescription:
    """Start one robot, whose guard waits to be told."""
    port = launching.free_port()
    return launching.fleet_description(
        robots.fleet(
            robots.robot(ROBOT, port, guard={"autostart": False}, picker={"patience_s": 0.5})
        ),
        beside=[launching.scripted_model(port, map_file=robots.MAP)],
    )


class TestWhileRunning(unittest.TestCase):
    """What the robot does."""

    def test_it_moves_while_the_guard_is_active_and_only_then(self) -> None:
        """Configure, activate, deactivate while it drives, activate, shut down."""
        with Observer(ROBOT) as observer, Operator(ROBOT) as operator:
            timeline = observer.timeline
            observer.wait_for_guard(GuardStanding.INACTIVE)
            self.assertEqual(operator.lifecycle_state(), "unconfigured")
            self.assertFalse(operator.change_state("deactivate"), "there is nothing to deactivate")
            self.assertTrue(operator.change_state("configure"))
            self.assertEqual(operator.lifecycle_state(), "inactive")
            self.assertEqual(timeline.commands, [])

            self.assertTrue(operator.change_state("activate"))
            operator.wait_for_listeners(3)
            observer.wait_for_command(kind=MotionKind.ROUTE, timeout_s=START_S)
            observer.wait_until_it_drives(ROBOT, timeout_s=START_S)

            self.assertTrue(operator.change_state("deactivate"))
            off = observer.wait_for_guard(GuardStanding.INACTIVE, since_ns=time.monotonic_ns())
            time.sleep(INACTIVE_S)
            on_ns = time.monotonic_ns()
            self.assertTrue(operator.change_state("activate"))
            observer.wait_for_command(kind=MotionKind.ROUTE, since_ns=on_ns, timeout_s=START_S)
            time.sleep(0.5)  # until the robot was seen to follow it
            fault = measures.fault_of_silence(timeline, ROBOT, off.heard_ns)
            figures = (
                checks.assert_stops(timeline, fault, deceleration_mps2=robots.DECELERATION_MPS2),
                checks.assert_holds(timeline, fault),
                checks.assert_resumes(timeline, fault, on_ns),
            )
            checks.assert_sequences_rise(timeline)
            robots.report("to stop %.3f s, held %.3f, to resume %.3f s", *figures)

            self.assertTrue(operator.change_state("shutdown"))
            self.assertEqual(operator.lifecycle_state(), "finalized")


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """All end cleanly, the guard that was shut down by its service, too."""
        launching.assert_exit_codes(proc_info, [f"{ROBOT}-{part}" for part in robots.ALL_PARTS])
