# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A robot whose planner dies: it stops in time, holds, and goes on by itself."""

import time
import unittest

import launch_testing
from launch import LaunchDescription

from fallback_guard.core.motion import MotionKind
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.testing import checks, launching
from fallback_guard.testing.observer import START_S, Observer
from fallback_guard.testing.operator import Operator

launching.stay_on_this_machine()

ROBOT = "picker_1"
DECELERATION_MPS2 = 1.5
TASK = PickRequest(
    request_id="task-1",
    robot_id=ROBOT,
    start_node=1,
    goal_node=1,
    items=(PickItem(bin="A-03", sku="SKU-9", quantity=1),),
)


def generate_test_description() -> LaunchDescription:
    """Start a robot that drives standby routes.  Your own: launching.description(YOUR_FILE, YOUR_ARGUMENTS)."""
    robot = {
        "name": ROBOT,
        "map_file": str(launching.installed_config("sample_warehouse.geojson")),
        "picker": True,
        "parameters": {
            "guard": {"recovery_delay_ms": 1_500},
            "picker": {"picks": 0, "acceleration_mps2": DECELERATION_MPS2},
        },
    }
    return launching.fleet_description({"version": 1, "robots": [robot]})


class TestWhileRunning(unittest.TestCase):
    """What the robot does."""

    def test_it_stops_for_a_task_that_nobody_plans(self) -> None:
        """A task falls due while the robot drives; there is no planner, so the answer is a safe move."""
        with Observer(ROBOT) as observer, Operator(ROBOT) as operator:
            observer.wait_for_guard()
            operator.wait_for_listeners(2)
            observer.wait_until_it_drives(ROBOT, timeout_s=START_S)
            operator.ask(TASK)
            safe_move = observer.wait_for_command(TASK.request_id, kind=MotionKind.SAFE_MOVE)
            observer.wait_for_command(kind=MotionKind.ROUTE, since_ns=safe_move.heard_ns)
            time.sleep(1.0)  # until the robot was seen to follow it
        fault = checks.the_fault_of(observer.timeline, ROBOT, TASK.request_id)
        checks.assert_stops(observer.timeline, fault, deceleration_mps2=DECELERATION_MPS2)
        checks.assert_holds(observer.timeline, fault)
        checks.assert_sequences_rise(observer.timeline)


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    """How the processes ended."""

    def test_exit_codes(self, proc_info: launch_testing.ProcInfoHandler) -> None:
        """All end cleanly."""
        parts = ("guard_node", "watchdog_node", "picker_sim_node")
        launching.assert_exit_codes(proc_info, [f"{ROBOT}-{part}" for part in parts])
