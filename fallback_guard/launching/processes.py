# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The processes of one robot: which executables, in which namespace, with which parameters.  No launch in here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fallback_guard.core.parameters import Value
from fallback_guard.core.unusable import UnusableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for all processes of a launch."""

    respawn: bool = True
    respawn_delay_s: float = 0.5
    log_level: str = "info"
    use_sim_time: bool = False
    enclaves: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One node in a process of its own.

    `label` names it in the log.  Of its parameters the later ones win: first the files, then `parameters`.
    """

    executable: str
    label: str
    namespace: str
    parameter_files: tuple[Path, ...]
    parameters: Mapping[str, Value]
    enclave: str
    is_managed: bool = False
    respawns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """One robot's processes, by choice, and the parameters of each, by the part's name.

    `files` are parameter files other than the installed ones.  `record` is a folder; empty: nothing is recorded.
    `metrics_port` is 0 where no metrics are served.
    """

    namespace: str
    map_file: str
    label: str = ""
    watchdog: bool = True
    planner: bool = False
    picker: bool = False
    record: str = ""
    metrics_port: int = 0
    markers: bool = False
    parameters: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


EXECUTABLES: Final[Mapping[str, str]] = {
    "guard": "guard_node",
    "watchdog": "watchdog_node",
    "planner": "planner_node",
    "picker": "picker_sim_node",
    "recorder": "recorder_node",
    "metrics": "metrics_node",
    "markers": "markers_node",
}
"""The parts of a robot, in the order in which they are started."""

NEVER_AGAIN: Final = frozenset({"picker"})
"""Parts that are not started again: the picker ends when its requests are done."""

HEARS_REQUESTS: Final = frozenset({"guard", "watchdog", "planner", "recorder"})
"""Parts that subscribe to pick_request: a simulated picker waits for them before it asks."""


def robot_processes(robot: Robot, config: Path, settings: Settings) -> list[Process]:
    """Return a robot's processes.  `config` is where the installed parameter files are."""
    parts = [part for part in EXECUTABLES if _is_wanted(robot, part)]
    own: dict[str, dict[str, Value]] = {
        "guard": {"map_file": robot.map_file},
        "picker": {
            "map_file": robot.map_file,
            "listeners_min": len(HEARS_REQUESTS.intersection(parts)),
        },
        "recorder": {"directory": robot.record},
        "metrics": {"port": robot.metrics_port},
        "markers": {"map_file": robot.map_file},
    }
    return [_process(robot, part, own.get(part, {}), config, settings) for part in parts]


def listeners(
    robots: Sequence[Robot], config: Path, settings: Settings, *, metrics_port: int, markers: bool
) -> list[Process]:
    """Return the processes that listen to several robots at once: one of each kind that is wanted.

    Raises UnusableError where markers are wanted, and the robots are on different maps.
    """
    maps = sorted({robot.map_file for robot in robots})
    if markers and len(maps) > 1:
        raise UnusableError(
            f"markers show one map, and the robots have {len(maps)}: {', '.join(maps)}. Leave markers and rviz out,"
            " and start a markers_node for each map"
        )
    namespaces = ",".join(robot.namespace for robot in robots)
    everybody = Robot(namespace="", map_file=maps[0])
    wanted: dict[str, dict[str, Value]] = {}
    if metrics_port:
        wanted["metrics"] = {"port": metrics_port, "namespaces": namespaces}
    if markers:
        wanted["markers"] = {"map_file": maps[0], "namespaces": namespaces}
    return [_process(everybody, part, own, config, settings) for part, own in wanted.items()]


def _process(
    robot: Robot, part: str, own: Mapping[str, Value], config: Path, settings: Settings
) -> Process:
    return Process(
        executable=EXECUTABLES[part],
        label=f"{robot.label}-{EXECUTABLES[part]}" if robot.label else EXECUTABLES[part],
        namespace=robot.namespace,
        parameter_files=(
            robot.files.get(part, config / f"{EXECUTABLES[part].removesuffix('_node')}.yaml"),
        ),
        parameters={
            "use_sim_time": settings.use_sim_time,
            **own,
            **robot.parameters.get(part, {}),
        },
        enclave=f"{settings.enclaves}/{part}",
        is_managed=part == "guard",
        respawns=settings.respawn and part not in NEVER_AGAIN,
    )


def _is_wanted(robot: Robot, part: str) -> bool:
    return {
        "guard": True,
        "watchdog": robot.watchdog,
        "planner": robot.planner,
        "picker": robot.picker,
        "recorder": bool(robot.record),
        "metrics": bool(robot.metrics_port),
        "markers": robot.markers,
    }[part]
