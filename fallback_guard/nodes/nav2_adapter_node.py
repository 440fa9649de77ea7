# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Carries out `motion` with Nav2, and stops the wheels by itself where that does not answer."""

from fallback_guard.driving.config import ADAPTER_PARAMETERS, adapter_execution
from fallback_guard.nodes.nav2_driver import Nav2Driver
from fallback_guard.nodes.process import run
from fallback_guard.nodes.robot import RobotNode


def main() -> int:
    """Run the adapter; see process.run for the exit codes."""
    name = "nav2_adapter_node"
    return run(
        lambda: RobotNode(name, ADAPTER_PARAMETERS, adapter_execution, Nav2Driver),
        name=name,
        does="Drives a robot with Nav2 by what the guard lets through.",
        parameters=ADAPTER_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
