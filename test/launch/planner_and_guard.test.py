"""Launch the whole chain with a scripted model, and listen to what the guard decides.

Run with `launch_test test/launch/planner_and_guard.test.py`.
"""

import os
import socket
import sys
import time
import unittest

import launch_testing
import launch_testing.actions
import launch_testing.asserts
import rclpy
from launch.actions import ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from rclpy.executors import SingleThreadedExecutor

from fallback_guard import msg
from launch import LaunchDescription

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

NAMESPACE = "launched_picker"
PICKS = 3
TIMEOUT_S = 120.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def generate_test_description() -> LaunchDescription:
    """Start a scripted model of which every answer is hostile, and demo.launch.py against it."""
    port = _free_port()
    model = ExecuteProcess(
        cmd=[
            sys.executable,
            "-m",
            "fallback_guard.tools.hostile_llm",
            "--port",
            str(port),
            "--share",
            "1",
            "--kinds",
            "wrong_item",
        ],
        cwd="/",
    )
    demo = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare("fallback_guard"), "launch", "demo.launch.py"])
        ),
        launch_arguments={
            "namespace": NAMESPACE,
            "base_url": f"http://127.0.0.1:{port}/v1",
            "model": "script",
            "picks": str(PICKS),
            "time_factor": "20",
        }.items(),
    )
    return LaunchDescription([model, demo, launch_testing.actions.ReadyToTest()])


class TestWhileRunning(unittest.TestCase):
    """What a bystander hears."""

    def test_every_due_request_is_decided_once_and_explained(self) -> None:
        """Every plan picks what nobody asked for, so every decision is a safe move that says so."""
        # A context of its own: the default one belongs to the launch system.
        context = rclpy.Context()
        context.init()
        node = rclpy.create_node("bystander", namespace=NAMESPACE, context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        decisions: list[msg.GuardDecision] = []
        motions: list[msg.MotionCommand] = []
        node.create_subscription(msg.GuardDecision, "guard/decision", decisions.append, 100)
        node.create_subscription(msg.MotionCommand, "motion", motions.append, 100)

        def due() -> list[msg.GuardDecision]:
            return [one for one in decisions if one.occasion == msg.GuardDecision.OCCASION_DUE]

        try:
            until = time.monotonic() + TIMEOUT_S
            while len(due()) < PICKS and time.monotonic() < until:
                executor.spin_once(timeout_sec=0.1)
            self.assertEqual(
                [one.request_id for one in due()], [f"R-{n:03d}" for n in range(1, PICKS + 1)]
            )
            self.assertEqual({one.failure_mode for one in due()}, {"ITEM_UNKNOWN"})
            self.assertTrue(
                all(one.outcome == msg.GuardDecision.OUTCOME_SAFE_MOVE for one in due())
            )
            sequences = [one.sequence for one in motions]
            self.assertEqual(sequences, sorted(set(sequences)))
        finally:
            node.destroy_node()
            context.shutdown()


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """The nodes end cleanly; the model is ended by the launch system."""
        for name in ("guard_node", "watchdog_node", "planner_node", "picker_sim_node"):
            launch_testing.asserts.assertExitCodes(
                proc_info, process=next(p for p in proc_info.process_names() if p.startswith(name))
            )
