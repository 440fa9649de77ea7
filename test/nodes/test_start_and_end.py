# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How the executables start, refuse to start, and end."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

import world
from fallback_guard.driving.config import ADAPTER_PARAMETERS, FOLLOWER_PARAMETERS
from fallback_guard.live.config import METRICS_PARAMETERS
from fallback_guard.nodes.guard_node import NODE_PARAMETERS
from fallback_guard.nodes.markers_node import MARKERS_PARAMETERS
from fallback_guard.nodes.picker_sim_node import PICKER_PARAMETERS
from fallback_guard.nodes.planner_node import HELP
from fallback_guard.nodes.watchdog_node import WATCHDOG_PARAMETERS
from fallback_guard.recording.config import RECORDER_PARAMETERS
from forked import fork_to_end
from harness import RawValue, ros_arguments, run_to_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Scene

Ended: TypeAlias = CompletedProcess[str]

EXIT_UNUSABLE: Final = 2
NODES: Final = {
    "guard_node": "active",
    "planner_node": "planning with",
    "watchdog_node": "waiting for the guard",
    "recorder_node": "recording into",
    # The last one: once it is up it asks, and a planner without a model has much to say.
    "picker_sim_node": "waiting for the guard",
}
"""Each executable, and what it says once it is up."""

NEEDS_MAP: Final = ("guard_node", "picker_sim_node", "follower_node", "markers_node")
PARAMETERS: Final = {
    "guard_node": NODE_PARAMETERS,
    "planner_node": HELP,
    "watchdog_node": WATCHDOG_PARAMETERS,
    "picker_sim_node": PICKER_PARAMETERS,
    "recorder_node": RECORDER_PARAMETERS,
    "follower_node": FOLLOWER_PARAMETERS,
    "nav2_adapter_node": ADAPTER_PARAMETERS,
    "metrics_node": METRICS_PARAMETERS,
    "markers_node": MARKERS_PARAMETERS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A start that ends at once: how, and what has to stand in its one message."""

    node: str
    arguments: tuple[str, ...]
    code: int
    says: tuple[str, ...]


def _endings() -> Iterator[tuple[str, Ending]]:
    def refused(name: str, node: str, *says: str, **parameters: object) -> tuple[str, Ending]:
        needed = {"map_file": "small.geojson"} if node in NEEDS_MAP else {}
        given = {key: value for key, value in (needed | parameters).items() if value is not None}
        arguments = tuple(ros_arguments(given))
        return name, Ending(node=node, arguments=arguments, code=EXIT_UNUSABLE, says=says)

    def refused_as(name: str, *says: str, arguments: tuple[str, ...]) -> tuple[str, Ending]:
        return name, Ending(node="guard_node", arguments=arguments, code=EXIT_UNUSABLE, says=says)

    for node in NEEDS_MAP:
        yield refused(f"{node}_without_map", node, "'map_file' is empty", map_file=None)
        yield refused(
            f"{node}_missing_map", node, "no such hall.json", map_file="no such hall.json"
        )
        broken = "broken.geojson"
        yield refused(f"{node}_broken_map", node, broken, "edge 777", "99", map_file=broken)
    yield refused("too_small", "guard_node", "'deadline_ms'", "100 to 5000 ms", deadline_ms=99)
    yield refused("too_large", "guard_node", "'deadline_ms'", deadline_ms=2**62)
    yield refused("text_for_a_number", "guard_node", "'deadline_ms'", deadline_ms="soon")
    yield refused("number_for_a_text", "guard_node", "'map_file'", map_file=7)
    yield refused("not_among_the_choices", "guard_node", "'recovery'", "late_route", recovery="now")
    yield refused("nan", "guard_node", "'detour_factor'", detour_factor=RawValue(".nan"))
    yield refused(
        "together", "guard_node", "'lease_ms'", "'heartbeat_ms'", lease_ms=200, heartbeat_ms=500
    )
    yield refused("two_clocks", "guard_node", "'use_sim_time' is not", simulation_time=True)
    yield refused("base_url", "planner_node", "'base_url'", "http://", base_url="ftp://example.com")
    yield refused("api_key", "planner_node", "'api_key_env'", api_key_env="sk-not-a-name")
    yield from _refused_rungs()
    for node in ("guard_node", "planner_node"):
        yield refused(
            f"{node}_task", node, "'cold chain'", "package.module:NAME", task="cold chain"
        )
        yield refused(f"{node}_no_module", node, "'nowhere:T'", "PYTHONPATH", task="nowhere:T")
        yield refused(f"{node}_no_such_task", node, "no NONE in json", task="json:NONE")
        yield refused(f"{node}_no_task", node, "RouteTask", task="json:JSONDecoder")
    yield refused("silence", "watchdog_node", "'silence_ms_max'", silence_ms_max=1)
    yield refused("start_node", "picker_sim_node", "'start_node'", "4711", start_node=4_711)
    yield refused("no_port", "metrics_node", "'port' is 0", "-p port:=9464")
    yield refused("no_address", "metrics_node", "'here'", "127.0.0.1", port=9, address="here")
    yield refused("namespaces", "metrics_node", "'a-b'", "commas", port=9, namespaces="a,a-b")
    yield refused("elsewhere", "metrics_node", "192.0.2.1", "another", port=9, address="192.0.2.1")
    yield refused("no_directory", "recorder_node", "'directory' is empty", directory="")
    yield refused(
        "not_a_directory",
        "recorder_node",
        "'directory'",
        "small.geojson",
        "name a directory",
        directory="small.geojson",
    )
    yield refused(
        "small_directory",
        "recorder_node",
        "'directory_mib_max'",
        "128 MiB",
        directory_mib_max=127,
    )
    yield refused_as("unknown_option", "usage: guard_node", "--turbo", arguments=("--turbo",))
    yield refused_as("broken_ros_argument", "map_file", arguments=("--ros-args", "-p", "map_file"))
    missing = ("--ros-args", "--params-file", "none.yaml")
    yield refused_as("missing_parameter_file", "none.yaml", arguments=missing)
    for node, table in PARAMETERS.items():
        says = (
            f"{node} --ros-args --params-file",
            *(row.name for row in table),
            *(row.meaning for row in table),
        )
        yield f"{node}_help", Ending(node=node, arguments=("--help",), code=0, says=says)


def _refused_rungs() -> Iterator[tuple[str, Ending]]:
    def refused(name: str, *says: str, **parameters: object) -> tuple[str, Ending]:
        given = {key.replace("__", "."): value for key, value in parameters.items()}
        arguments = tuple(ros_arguments({"rungs": ["a", "b"], **given}))
        return name, Ending(node="planner_node", arguments=arguments, code=EXIT_UNUSABLE, says=says)

    yield refused("rungs_no_array", "'rungs'", "an array of strings", rungs="a")
    yield refused("rungs_numbers", "'rungs'", "an array of strings", rungs=[1, 2])
    yield refused("rungs_twice", "'rungs' names 'a' twice", "'a.attempts_max'", rungs=["a", "a"])
    yield refused("rungs_many", "names 5 rungs", "up to 4", rungs=["a", "b", "c", "d", "e"])
    yield refused("rungs_name", "'rungs' names '1st'", rungs=["1st"])
    yield refused("rungs_unknown", "'a.modle' does not exist", "model", a__modle="m")
    yield refused("rungs_stranger", "'c.model' belongs to no rung", c__model="m")
    yield refused(
        "rungs_none", "'a.model' belongs to no rung", "names none", rungs=[""], a__model="m"
    )
    yield refused("rungs_range", "'b.budget_ms'", "0 to 120000 ms", b__budget_ms=-1)
    yield refused("rungs_type", "'b.hedge'", b__hedge="yes")
    yield refused(
        "rungs_budgets",
        "'a.budget_ms' (4990)",
        "do not fit into 'planning_timeout_ms' (5000)",
        a__budget_ms=4_990,
    )
    yield refused("rungs_base_url", "rung 'b'", "'base_url'", b__base_url="ftp://example.com")
    yield refused(
        "rungs_keys",
        "'b.api_key_env'",
        "a name of its own",
        b__base_url="https://llm.example.com/v1",
    )
    yield refused("rungs_api_key", "rung 'b'", "'api_key_env'", b__api_key_env="sk-not-a-name")


ENDINGS: Final = dict(_endings())
AFRESH: Final = {row.node: name for name, row in reversed(ENDINGS.items())}
"""The first row of each executable is started as a shell does it; the others are forks, in a twentieth of the time."""


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Ended]]]:
    """Start every row of the table, a few at a time."""
    directory = tmp_path_factory.mktemp("endings")
    (directory / "small.geojson").write_bytes(world.collection(world.features()))
    edge = world.edge_feature(777, (1, world.position_of(1)), (99, (5.0, 5.0)))
    (directory / "broken.geojson").write_bytes(world.collection([*world.features(), edge]))

    def end(name: str, row: Ending) -> Ended:
        module = f"fallback_guard.nodes.{row.node}"
        if name == AFRESH[row.node]:
            return run_to_end(directory, module, *row.arguments)
        return fork_to_end(directory, name, module, *row.arguments)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield {name: pool.submit(end, name, row) for name, row in ENDINGS.items()}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_start_that_ends_at_once_says_why(endings: dict[str, Future[Ended]], name: str) -> None:
    row, ended = ENDINGS[name], endings[name].result()
    assert ended.returncode == row.code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
    message = ended.stdout if row.code == 0 else ended.stderr
    for text in row.says:
        assert text in message
    assert (ended.stderr if row.code == 0 else ended.stdout) == ""
    assert "sk-not-a-name" not in message, "a key that was given by mistake is not repeated"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_node_cleanly(scene: Scene, number: signal.Signals) -> None:
    start = scene.nodes.start_afresh if number == signal.SIGINT else scene.nodes.start
    for node, up in NODES.items():
        needed: dict[str, object] = {"map_file": str(scene.map_file)} if node in NEEDS_MAP else {}
        start(node, f"fallback_guard.nodes.{node}", *ros_arguments(needed))
        scene.nodes.wait_for_text(node, up)
    for node in NODES:
        scene.nodes.signal(node, number)
    for node in NODES:
        assert scene.nodes.wait_for_end(node) == 0, scene.nodes.text(node)
        assert "Traceback" not in scene.nodes.text(node), scene.nodes.text(node)
        assert "rror" not in scene.nodes.text(node), scene.nodes.text(node)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_windows_are_open_ends_the_guard_cleanly(
    scene: Scene, number: signal.Signals
) -> None:
    """The deadline's thread publishes by itself, and must not do so on a context that is gone."""
    scene.start_guard()
    bystander = scene.bystander
    bystander.settle("picker_1")
    for n in range(12):
        bystander.settle(f"robot_{n}")
        bystander.leave(f"robot_{n}")
        bystander.ask(world.pick_request("R-1", f"robot_{n}"))
    # The first of many windows that close one after another.
    bystander.wait_for_motion("R-1", "robot_0")
    scene.nodes.signal("guard_node", number)
    assert scene.nodes.wait_for_end("guard_node") == 0, scene.nodes.text("guard_node")
    text = scene.nodes.text("guard_node")
    assert "Traceback" not in text, text
    assert "xception" not in text, text


def test_a_second_interrupt_while_it_ends_changes_nothing(scene: Scene) -> None:
    scene.start_guard()
    scene.bystander.settle("picker_1")
    scene.nodes.signal("guard_node", signal.SIGINT)
    scene.nodes.signal("guard_node", signal.SIGTERM)
    assert scene.nodes.wait_for_end("guard_node") == 0, scene.nodes.text("guard_node")
    assert "Traceback" not in scene.nodes.text("guard_node")


def test_parameters_from_a_file_are_used(scene: Scene) -> None:
    file = scene.directory / "guard.yaml"
    values = {"map_file": str(scene.map_file), "deadline_ms": 777}
    file.write_text(json.dumps({"/**/guard_node": {"ros__parameters": values}}), encoding="utf-8")
    scene.nodes.start(
        "guard_node",
        "fallback_guard.nodes.guard_node",
        "--ros-args",
        "--params-file",
        os.fspath(file),
    )
    scene.nodes.wait_for_text("guard_node", "deadline 777 ms")
    scene.nodes.wait_for_text("guard_node", "active")
