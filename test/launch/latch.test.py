# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Safe moves in a row latch a robot: it holds until an operator's reset, and then goes on.

Run with `launch_test test/launch/latch.test.py`.
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
from fallback_guard.tools.hostile_answers import HostileKind

launching.stay_on_this_machine()

ROBOT = "picker_1"
HELD_S = 5.0
"""How long the operator takes: longer than the robot's patience, so that it asks meanwhile, in vain."""


def generate_test_description() -> LaunchDescription:
    """Start one robot whose model picks what nobody asked for, and whose guard latches after two safe moves."""
    port = launching.free_port()
    return launching.fleet_description(
        robots.fleet(robots.robot(ROBOT, port, guard={"latch_after": 2})),
        beside=[
            launching.scripted_model(
                port, hostile_share=1.0, kinds=[HostileKind.WRONG_ITEM], map_file=robots.MAP
            )
        ],
    )


class TestWhileRunning(unittest.TestCase):
    """What the robot does."""

    def test_it_holds_until_the_reset(self) -> None:
        """No route reaches a latched robot, whatever it asks; after the reset it goes on."""
        with Observer(ROBOT) as observer, Operator(ROBOT) as operator:
            observer.wait_for_guard()
            latched = observer.wait_for_guard(GuardStanding.LATCHED, timeout_s=START_S)
            self.assertEqual(latched.latched_robots, (ROBOT,))
            self.assertFalse(operator.reset_latch("nobody").success)
            time.sleep(HELD_S)
            timeline = observer.timeline
            fault = next(fault for fault in measures.faults(timeline) if fault.until_ns is None)
            self.assertIsNone(
                next(
                    (
                        each
                        for each in timeline.commands
                        if each.kind is MotionKind.ROUTE and each.heard_ns > latched.heard_ns
                    ),
                    None,
                )
            )
            checks.assert_stops(timeline, fault, deceleration_mps2=robots.DECELERATION_MPS2)
            held = checks.assert_holds(timeline, fault)

            reset_ns = time.monotonic_ns()
            reset = operator.reset_latch(ROBOT)
            self.assertTrue(reset.success, reset.message)
            observer.wait_for_command(kind=MotionKind.ROUTE, since_ns=reset_ns)
            observer.wait_for_guard(since_ns=reset_ns)
            time.sleep(0.5)  # until the robot was seen to follow it
            resumed_s = checks.assert_resumes(timeline, fault, reset_ns)
            checks.assert_one_decision_each(timeline, may_be_open=robots.newest(timeline))
            checks.assert_sequences_rise(timeline)
            robots.report("held %.3f for %.1f s, to resume %.3f s", held, HELD_S, resumed_s)


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """All end cleanly."""
        launching.assert_exit_codes(proc_info, [f"{ROBOT}-{part}" for part in robots.ALL_PARTS])
