# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Launch the whole chain with a scripted model, and listen to what the guard decides.

Run with `launch_test test/launch/planner_and_guard.test.py`.
"""

import unittest

import launch_testing
from launch import LaunchDescription

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.testing import checks, launching
from fallback_guard.testing.observer import START_S, Observer
from fallback_guard.tools.hostile_answers import HostileKind

launching.stay_on_this_machine()

NAMESPACE = "launched_picker"
PICKS = 3


def generate_test_description() -> LaunchDescription:
    """Start a scripted model of which every answer is hostile, and demo.launch.py against it."""
    port = launching.free_port()
    return launching.description(
        launching.installed_launch_file("demo.launch.py"),
        {
            "namespace": NAMESPACE,
            "base_url": f"http://127.0.0.1:{port}/v1",
            "model": "script",
            "picks": str(PICKS),
            "time_factor": "20",
        },
        beside=[launching.scripted_model(port, hostile_share=1.0, kinds=[HostileKind.WRONG_ITEM])],
    )


class TestWhileRunning(unittest.TestCase):
    """What a bystander hears."""

    def test_every_due_request_is_decided_once_and_explained(self) -> None:
        """Every plan picks what nobody asked for, so every decision is a safe move that says so.

        This picker is in twenty times the usual hurry: where its model is held up, that is what the guard says.
        """
        with Observer(NAMESPACE) as observer:
            observer.wait_for_decisions(PICKS, timeout_s=START_S)
            due = [each for each in observer.timeline.decided if each.occasion is Occasion.DUE]
            self.assertEqual(
                [each.key[1] for each in due], [f"R-{n:03d}" for n in range(1, PICKS + 1)]
            )
            said = {each.failure_mode for each in observer.timeline.decided}
            self.assertIn("ITEM_UNKNOWN", said)
            self.assertLessEqual(said, {"ITEM_UNKNOWN", "PLANNER_SILENT"})
            self.assertEqual({each.outcome for each in due}, {MotionKind.SAFE_MOVE})
            checks.assert_one_decision_each(observer.timeline)
            checks.assert_sequences_rise(observer.timeline)


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """The nodes end cleanly, and so does the model."""
        launching.assert_exit_codes(
            proc_info,
            ("guard_node", "watchdog_node", "planner_node", "picker_sim_node", "scripted_model"),
        )
