# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The planner is killed while its robot drives: the robot stops, holds, and goes on; the planner comes back.

Run with `launch_test test/launch/planner_killed.test.py`.
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
from fallback_guard.testing.timeline import Answer

launching.stay_on_this_machine()

ROBOT = "picker_1"
PLANNER = f"{ROBOT}-planner_node"


def generate_test_description() -> LaunchDescription:
    """Start one robot, whose model is always right."""
    port = launching.free_port()
    return launching.fleet_description(
        robots.fleet(robots.robot(ROBOT, port, guard={"recovery_delay_ms": 1_500})),
        beside=[launching.scripted_model(port, map_file=robots.MAP)],
    )


class TestWhileRunning(unittest.TestCase):
    """What the robot does."""

    def test_it_stops_holds_and_goes_on(
        self, proc_info: launch_testing.ActiveProcInfoHandler
    ) -> None:
        """A request falls due while the robot drives, and nobody plans any more."""
        with Observer(ROBOT) as observer, Operator(ROBOT) as operator:
            observer.wait_for_guard()
            operator.wait_for_listeners(3)
            observer.wait_for_command(kind=MotionKind.ROUTE, timeout_s=START_S)
            observer.wait_until_it_drives(ROBOT)
            before = launching.pid(proc_info, PLANNER)
            killed_ns = launching.kill(proc_info, PLANNER)
            request = robots.surprise(ROBOT)
            operator.ask(request)
            decision = observer.wait_for_decision(request.request_id)
            self.assertEqual(decision.outcome, MotionKind.SAFE_MOVE)
            self.assertIn(decision.failure_mode, ("PLANNER_SILENT",))

            # Without a planner it goes on by standby routes.
            released = observer.wait_for_command(kind=MotionKind.ROUTE, since_ns=decision.heard_ns)
            launching.wait_for_respawn(proc_info, PLANNER, before)
            observer.wait_for_command(
                kind=MotionKind.ROUTE,
                source="llm:script",
                since_ns=released.heard_ns,
                timeout_s=START_S,
            )
            timeline = observer.timeline

            def is_valid(answer: Answer) -> bool:
                # What was asked before the surprise begins where the robot would have been without it.
                asked_ns = min(each.heard_ns for each in timeline.asked if each.key == answer.key)
                due_ns = timeline.fell_due_ns[answer.key]
                return due_ns < killed_ns or asked_ns > released.heard_ns

            observer.wait_for(
                lambda: measures.false_stops(timeline, is_valid).answered,
                "a valid answer in time",
                timeout_s=START_S,
            )
            time.sleep(0.5)  # until the robot was seen to follow its route

            fault = checks.the_fault_of(timeline, ROBOT, request.request_id)
            figures = (
                checks.assert_stops(timeline, fault, deceleration_mps2=robots.DECELERATION_MPS2),
                checks.assert_holds(timeline, fault),
                checks.assert_resumes(timeline, fault, released.heard_ns),
                checks.assert_no_false_stops(timeline, is_valid),
            )
            checks.assert_one_decision_each(timeline, may_be_open=robots.newest(timeline))
            checks.assert_sequences_rise(timeline)
            robots.report("to stop %.3f s, held %.3f, to resume %.3f s, %d valid answers", *figures)


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """All end cleanly, also the planner that was started again."""
        launching.assert_exit_codes(
            proc_info, [f"{ROBOT}-{part}" for part in robots.ALL_PARTS], killed=[PLANNER]
        )
