# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Two robots, one with a model of which every answer is malformed, one with a model of which half of them are.

Run with `launch_test test/launch/malformed_stream.test.py`.
"""

import json
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
from fallback_guard.testing.timeline import Answer
from fallback_guard.tools.hostile_answers import HostileKind

launching.stay_on_this_machine()

ALWAYS, HALF = "always", "half"
KINDS = (HostileKind.EMPTY, HostileKind.MALFORMED, HostileKind.FENCED, HostileKind.TRAILING_COMMA)
DECISIONS = 4


def generate_test_description() -> LaunchDescription:
    """Start two robots, each with a model of its own."""
    always, half = launching.free_port(), launching.free_port()
    return launching.fleet_description(
        robots.fleet(robots.robot(ALWAYS, always), robots.robot(HALF, half)),
        beside=[
            launching.scripted_model(always, hostile_share=1.0, kinds=KINDS, map_file=robots.MAP),
            launching.scripted_model(half, hostile_share=0.5, kinds=KINDS, map_file=robots.MAP),
        ],
    )


def is_json(answer: Answer) -> bool:
    """Tell a right answer from a malformed one: this model makes no others."""
    try:
        return isinstance(json.loads(answer.payload), dict)
    except ValueError:
        return False


class TestWhileRunning(unittest.TestCase):
    """What the robots do."""

    def test_malformed_answers_stop_a_robot_and_only_that_one(self) -> None:
        """The one with a bad model is stopped at each request; the other only where no answer was right."""
        with Observer(ALWAYS) as always, Observer(HALF) as half:
            for observer, name in ((always, ALWAYS), (half, HALF)):
                observer.wait_for_guard()
                observer.wait_for_decisions(DECISIONS, robot_id=name, timeout_s=START_S)
            time.sleep(1.5)  # until the last recovery was seen
            for observer, name in ((always, ALWAYS), (half, HALF)):
                timeline = observer.timeline
                self.assertEqual({key[0] for key in timeline.fell_due_ns}, {name})
                checks.assert_one_decision_each(timeline, may_be_open=robots.newest(timeline))
                checks.assert_sequences_rise(timeline)
                valid = checks.assert_no_false_stops(timeline, is_json)
                faults = [
                    fault for fault in measures.faults(timeline) if fault.until_ns is not None
                ]
                slowest_s, least = 0.0, 1.0
                for fault in faults:
                    taken_s = checks.assert_stops(
                        timeline, fault, deceleration_mps2=robots.DECELERATION_MPS2
                    )
                    slowest_s = max(slowest_s, taken_s)
                    least = min(least, self._held(observer, fault))
                robots.report(
                    f"{name}: %d stops, at the most %.3f s, held %.3f at the least, %d valid answers",
                    len(faults),
                    slowest_s,
                    least,
                    valid,
                )
            self.assertFalse(any(map(is_json, always.timeline.answers)))
            decided = [each.outcome for each in always.timeline.decided if each.failure_mode]
            self.assertIn(MotionKind.SAFE_MOVE, decided)
            self.assertGreaterEqual(len(measures.faults(always.timeline)), DECISIONS)

    def _held(self, observer: Observer, fault: measures.Fault) -> float:
        if fault.refuge is not None:
            return 1.0  # On its way to a refuge when it was released: it had nowhere to hold.
        return checks.assert_holds(observer.timeline, fault)


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """All end cleanly."""
        launching.assert_exit_codes(
            proc_info, [f"{name}-{part}" for name in (ALWAYS, HALF) for part in robots.ALL_PARTS]
        )
