# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The parameter files that are installed say what the parameter tables say."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs would be one more package, for this file

from fallback_guard.core.parameters import Parameter
from fallback_guard.driving.config import ADAPTER_PARAMETERS, FOLLOWER_PARAMETERS
from fallback_guard.live.config import METRICS_PARAMETERS
from fallback_guard.nodes.guard_node import NODE_PARAMETERS
from fallback_guard.nodes.markers_node import MARKERS_PARAMETERS
from fallback_guard.nodes.picker_sim_node import PICKER_PARAMETERS
from fallback_guard.nodes.watchdog_node import WATCHDOG_PARAMETERS
from fallback_guard.planning.config import PLANNER_PARAMETERS
from fallback_guard.recording.config import RECORDER_PARAMETERS

WIRE_MAX: Final = 2**31 - 1
"""An upper bound that is only the type's own, and tells nobody anything."""

CONFIG: Final = Path(__file__).parents[2] / "config"
TABLES: Final[dict[str, tuple[Parameter, ...]]] = {
    "guard": NODE_PARAMETERS,
    "planner": PLANNER_PARAMETERS,
    "recorder": RECORDER_PARAMETERS,
    "watchdog": WATCHDOG_PARAMETERS,
    "picker_sim": PICKER_PARAMETERS,
    "follower": FOLLOWER_PARAMETERS,
    "nav2_adapter": ADAPTER_PARAMETERS,
    "metrics": METRICS_PARAMETERS,
    "markers": MARKERS_PARAMETERS,
}


@pytest.mark.parametrize("name", TABLES)
def test_a_file_names_every_parameter_with_its_default(name: str) -> None:
    text = (CONFIG / f"{name}.yaml").read_text(encoding="utf-8")
    (node,) = (document := yaml.safe_load(text))
    assert node == f"/**/{name}_node"
    values = document[node]["ros__parameters"]
    assert list(values) == [row.name for row in sorted_like(values, TABLES[name])]
    for row in TABLES[name]:
        value = values[row.name]
        assert type(value) is type(row.default), row.name
        assert value == row.default, row.name


@pytest.mark.parametrize("name", TABLES)
def test_a_file_says_unit_and_range_beside_each_value(name: str) -> None:
    lines = (CONFIG / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    for row in TABLES[name]:
        (line,) = [line for line in lines if line.strip().startswith(f"{row.name}:")]
        comment = line.partition(" #")[2]
        if row.minimum is not None and row.maximum != WIRE_MAX:
            assert f"{row.minimum:.15g} to {row.maximum:.15g}" in comment, line
        assert row.unit in comment, line
        for choice in row.choices:
            assert choice in comment, line


@pytest.mark.parametrize("name", TABLES)
def test_a_file_says_what_may_change_while_a_node_runs(name: str) -> None:
    head, *lines = (CONFIG / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    if all(row.read_only for row in TABLES[name]):
        assert "All are fixed once the node has started." in f"{head} {lines[0]}"
        return
    assert "Those marked * are fixed" in head
    for row in TABLES[name]:
        (line,) = [line for line in lines if line.strip().startswith(f"{row.name}:")]
        assert ("# * " in line) == row.read_only, line


def test_every_file_has_a_table() -> None:
    assert {path.stem for path in CONFIG.glob("*.yaml")} >= set(TABLES)


def sorted_like(values: dict[str, object], table: tuple[Parameter, ...]) -> list[Parameter]:
    """Return the rows in the order of the file; a row that the file lacks comes last."""
    order = list(values)
    return sorted(table, key=lambda row: order.index(row.name) if row.name in order else len(order))
