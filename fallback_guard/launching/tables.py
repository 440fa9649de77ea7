# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The parameters of each part of a robot, by the name that launch files and fleet files use."""

from collections.abc import Mapping
from typing import Final

from fallback_guard.core.parameters import Parameter
from fallback_guard.nodes.guard_node import NODE_PARAMETERS
from fallback_guard.nodes.picker_sim_node import PICKER_PARAMETERS
from fallback_guard.nodes.watchdog_node import WATCHDOG_PARAMETERS
from fallback_guard.planning.config import PLANNER_PARAMETERS
from fallback_guard.recording.config import RECORDER_PARAMETERS

TABLES: Final[Mapping[str, tuple[Parameter, ...]]] = {
    "guard": NODE_PARAMETERS,
    "watchdog": WATCHDOG_PARAMETERS,
    "planner": PLANNER_PARAMETERS,
    "picker": PICKER_PARAMETERS,
    "recorder": RECORDER_PARAMETERS,
}
