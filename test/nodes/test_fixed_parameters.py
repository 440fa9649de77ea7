# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A parameter that is fixed while a node runs is refused with the reason and the remedy, by every node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.launching.tables import TABLES
from fallback_guard.tools.share import share_directory

if TYPE_CHECKING:
    from harness import Scene

MAP: Final = str(share_directory() / "config" / "sample_warehouse.geojson")
NODES: Final[dict[str, tuple[str, dict[str, object], str, object]]] = {
    "guard": ("guard_node", {"map_file": MAP}, "deadline_ms", 200),
    "watchdog": ("watchdog_node", {}, "grace_ms", 20),
    "planner": ("planner_node", {}, "attempts_max", 2),
    "recorder": ("recorder_node", {"directory": "recordings"}, "sync_ms", 100),
    "picker": ("picker_sim_node", {"map_file": MAP}, "seed", 2),
}
"""An executable, what it needs to start, a fixed parameter, and a value that would be allowed at its start."""


def test_every_part_is_tried() -> None:
    assert NODES.keys() == TABLES.keys()


@pytest.mark.parametrize("part", NODES)
def test_a_fixed_parameter_is_refused_with_the_reason(scene: Scene, part: str) -> None:
    node, parameters, name, value = NODES[part]
    scene.nodes.start_node(node, **parameters)
    for wrong in (value, "text"):
        (result,) = scene.bystander.set_parameters(node, **{name: wrong})
        assert not result.successful
        assert "read-only" in result.reason
        assert name in result.reason
        assert "start the node again" in result.reason
    (unknown,) = scene.bystander.set_parameters(node, no_such_parameter=1)
    assert not unknown.successful
    assert "fixed" not in unknown.reason


def test_what_may_change_is_not_called_fixed(scene: Scene) -> None:
    scene.start_guard()
    (refused,) = scene.bystander.set_parameters("guard_node", detour_factor=0.5)
    assert not refused.successful
    assert "start the node again" not in refused.reason
    (accepted,) = scene.bystander.set_parameters("guard_node", detour_factor=1.2)
    assert accepted.successful
    assert not accepted.reason
