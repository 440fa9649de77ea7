# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A robot's guard with metrics and markers beside it, as `guard.launch.py` starts them where they are asked for.

Run with `launch_test test/launch/live.test.py`.
"""

import sys
import time
import unittest
from pathlib import Path

import launch_testing
from launch import LaunchDescription

sys.path.insert(0, str(Path(__file__).parent))

import robots
from fallback_guard.testing import launching
from fallback_guard.testing.observer import Observer

launching.stay_on_this_machine()

ROBOT = "picker_1"
PORT = robots.free_port()
WAIT_S = 30.0


def generate_test_description() -> LaunchDescription:
    """Start what is installed."""
    return launching.description(
        launching.installed_launch_file("guard.launch.py"),
        {"namespace": ROBOT, "metrics_port": str(PORT), "markers": "true"},
    )


class TestWhileRunning(unittest.TestCase):
    """What the listeners hear."""

    def test_the_guard_is_told_to_be_up(self) -> None:
        """By the scrape of the port that was asked for."""
        with Observer(ROBOT) as observer:
            observer.wait_for_guard()
            until = time.monotonic() + WAIT_S
            while robots.guards_up(PORT) != {f"/{ROBOT}"}:
                self.assertLess(time.monotonic(), until)
                time.sleep(0.1)

    def test_the_markers_are_in_the_namespace(self) -> None:
        """And so is the map."""
        with Observer(ROBOT) as observer:
            until = time.monotonic() + WAIT_S
            for topic in ("markers", "markers/map"):
                while not observer.node.count_publishers(f"/{ROBOT}/{topic}"):
                    self.assertLess(time.monotonic(), until)
                    time.sleep(0.1)


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """All four end cleanly."""
        launching.assert_exit_codes(
            proc_info, ["guard_node", "watchdog_node", "metrics_node", "markers_node"]
        )
