# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard is killed while its robot drives: the watchdog answers, the lease ends, and the next guard takes over.

Run with `launch_test test/launch/guard_killed.test.py`.
"""

import sys
import time
import unittest
from pathlib import Path

import launch_testing
from launch import LaunchDescription

sys.path.insert(0, str(Path(__file__).parent))

import robots
from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.core.units import NS_PER_S
from fallback_guard.core.watchdog import SOURCE as WATCHDOG
from fallback_guard.testing import checks, launching, measures
from fallback_guard.testing.observer import START_S, Observer
from fallback_guard.testing.operator import Operator
from fallback_guard.testing.timeline import Decided

launching.stay_on_this_machine()

ROBOT = "picker_1"
GUARD = f"{ROBOT}-guard_node"


def generate_test_description() -> LaunchDescription:
    """Start one robot, whose model is always right."""
    port = launching.free_port()
    return launching.fleet_description(
        robots.fleet(robots.robot(ROBOT, port, picker={"patience_s": 0.5})),
        # Long beside the moment in which the staff carries the robot to a node, which is no holding.
        {"respawn_delay_s": "8"},
        beside=[launching.scripted_model(port, map_file=robots.MAP)],
    )


class TestWhileRunning(unittest.TestCase):
    """What the robot does."""

    def setUp(self) -> None:
        """Listen, and wait until the robot is on its way."""
        self.observer = Observer(ROBOT)
        self.operator = Operator(ROBOT)
        self.addCleanup(self.observer.close)
        self.addCleanup(self.operator.close)
        self.observer.wait_for_guard()
        self.operator.wait_for_listeners(3)
        self.observer.wait_for_command(kind=MotionKind.ROUTE, timeout_s=START_S)
        self.observer.wait_until_it_drives(ROBOT, timeout_s=START_S)

    def test_the_watchdog_answers_a_dead_guards_request(
        self, proc_info: launch_testing.ActiveProcInfoHandler
    ) -> None:
        """A request falls due while the robot drives and no guard is there."""
        before = launching.pid(proc_info, GUARD)
        killed_ns = launching.kill(proc_info, GUARD)
        request = robots.surprise(ROBOT)
        self.operator.ask(request)
        command = self.observer.wait_for_command(request.request_id)
        self.assertEqual(command.source, "watchdog")
        self.assertEqual(command.safe_move, SafeMoveKind.CANCEL_AND_HOLD)
        back_ns = self._wait_for_the_next_guard(proc_info, before, killed_ns)
        timeline = self.observer.timeline
        fault = checks.the_fault_of(timeline, ROBOT, request.request_id)
        self._judge("watchdog", fault, killed_ns, back_ns)

    def test_without_a_request_the_lease_ends(
        self, proc_info: launch_testing.ActiveProcInfoHandler
    ) -> None:
        """Nothing falls due: the robot may drive on until its lease ends, and then has to hold by itself."""
        before = launching.pid(proc_info, GUARD)
        killed_ns = launching.kill(proc_info, GUARD)
        back_ns = self._wait_for_the_next_guard(proc_info, before, killed_ns)
        fault = measures.fault_of_silence(self.observer.timeline, ROBOT, killed_ns)
        self._judge("lease", fault, killed_ns, back_ns)

    def _wait_for_the_next_guard(
        self, proc_info: launch_testing.ActiveProcInfoHandler, before: int | None, killed_ns: int
    ) -> int:
        """Return when the fault's cause has ended: with the first request that fell due and that the guard heard.

        A guard that starts anew has to be discovered by the others, which can take seconds on a busy machine.  Until
        then the watchdog answers, and the robot asks again.
        """
        launching.wait_for_respawn(proc_info, GUARD, before)
        heard = self.observer.timeline.states[-1].heard_ns
        back = self.observer.wait_for_guard(since_ns=max(killed_ns, heard) + 1)
        self.observer.wait_for(
            lambda: self._decided_by_the_guard(back.heard_ns), "a decision of the new guard"
        )
        self.observer.wait_for_command(kind=MotionKind.ROUTE, since_ns=back.heard_ns)
        time.sleep(0.5)  # until the robot was seen to follow it
        heard_ns = self.observer.timeline.fell_due_ns[
            self._decided_by_the_guard(back.heard_ns)[0].key
        ]
        robots.report(
            "the guard was heard %.3f s after it was active", (heard_ns - back.heard_ns) / NS_PER_S
        )
        return heard_ns

    def _decided_by_the_guard(self, since_ns: int) -> list[Decided]:
        return [
            each
            for each in self.observer.timeline.decided
            if each.occasion is Occasion.DUE
            and each.source != WATCHDOG
            and each.heard_ns > since_ns
            and each.key in self.observer.timeline.fell_due_ns
        ]

    def _judge(self, name: str, fault: measures.Fault, killed_ns: int, back_ns: int) -> None:
        timeline = self.observer.timeline
        figures = (
            checks.assert_stops(timeline, fault, deceleration_mps2=robots.DECELERATION_MPS2),
            checks.assert_holds(timeline, fault),
            checks.assert_resumes(timeline, fault, back_ns),
        )
        checks.assert_sequences_rise(timeline)
        # What the new guard decides before the observer has discovered it, the observer does not hear.
        unheard = {each.key for each in timeline.due if killed_ns < each.heard_ns < back_ns}
        checks.assert_one_decision_each(
            timeline, may_be_open=robots.newest(timeline) | unheard, may_be_doubled=True
        )
        robots.report(f"{name}: to stop %.3f s, held %.3f, to resume %.3f s", *figures)


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """All end cleanly, also the guard that was started again."""
        launching.assert_exit_codes(
            proc_info, [f"{ROBOT}-{part}" for part in robots.ALL_PARTS], killed=[GUARD]
        )
