# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Runs the launch tests where launch and launch_testing are installed, which is on any ROS 2 distribution."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from fallback_guard.tools.share import share_directory

HERE: Final = Path(__file__).parent
MISSING: Final = [
    name for name in ("launch", "launch_ros", "launch_testing") if find_spec(name) is None
]
LAUNCH_FILES: Final = ("guard.launch.py", "demo.launch.py", "fleet.launch.py")

pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"{', '.join(MISSING)} cannot be imported: they come with a ROS 2 distribution, not from PyPI",
)

RUN: Final = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

file, *arguments = sys.argv[1:]
service = LaunchService()
service.include_launch_description(
    LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(file),
                launch_arguments=[argument.split(":=") for argument in arguments],
            )
        ]
    )
)
sys.exit(service.run())
"""
"""What `ros2 launch` does, without the command line, which is a package of its own."""

ARGUMENTS: Final = """
import sys
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource

description = PythonLaunchDescriptionSource(sys.argv[1]).get_launch_description(LaunchContext())
for argument in description.get_launch_arguments():
    print(argument.name, argument.description, sep="|")
"""


def _run(
    *command: str, domain: int, cwd: Path, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # our own test
        [sys.executable, *command],
        env={
            **os.environ,
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "ROS_DOMAIN_ID": str(domain),
            "ROS_LOG_DIR": str(cwd / "ros"),
        },
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def _installed(name: str) -> str:
    return str(share_directory() / "launch" / name)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("test", sorted(HERE.glob("*.test.py")), ids=lambda path: path.name)
def test_launch_test(test: Path, domain: int, tmp_path: Path) -> None:
    """Run one launch test in a process of its own, away from the source tree."""
    done = _run(
        "-m", "launch_testing.launch_test", str(test), domain=domain, cwd=tmp_path, timeout_s=890
    )
    assert done.returncode == 0, done.stdout + done.stderr
    measured = [line for line in done.stdout.splitlines() if "measured: " in line]
    sys.stdout.write("\n".join([test.name, *measured, ""]))


@pytest.mark.parametrize("name", LAUNCH_FILES)
def test_arguments_are_described(name: str, domain: int, tmp_path: Path) -> None:
    """`ros2 launch ... --show-args` says what each argument is for and what is allowed."""
    done = _run("-c", ARGUMENTS, _installed(name), domain=domain, cwd=tmp_path, timeout_s=60)
    assert done.returncode == 0, done.stderr
    described = dict(line.split("|", 1) for line in done.stdout.splitlines())
    assert {"respawn", "log_level", "use_sim_time"} <= described.keys()
    for argument, description in described.items():
        assert "Allowed: " in description, argument


@pytest.mark.parametrize(
    ("name", "argument", "says"),
    [
        (
            "guard.launch.py",
            "map_file:=/gone.geojson",
            "'map_file' is '/gone.geojson', which does not",
        ),
        ("guard.launch.py", "respawn:=maybe", "'respawn' is 'maybe'; allowed: true or false"),
        ("guard.launch.py", "watchdog_params_file:=gone", "'watchdog_params_file' is 'gone'"),
        ("guard.launch.py", "namespace:=picker-1", "'namespace' is 'picker-1'"),
        ("guard.launch.py", "record:=true", "no name for a folder"),
        ("guard.launch.py", "log_level:=loud", "allowed: debug or info"),
        ("guard.launch.py", "metrics_port:=many", "'metrics_port' is 'many'; allowed: a whole"),
        ("guard.launch.py", "rviz:=true", "rviz2 is not installed. Install ros-$ROS_DISTRO-rviz2"),
        ("demo.launch.py", "picks:=many", "'picks' is 'many'; allowed: a whole number from 0"),
        ("demo.launch.py", "time_factor:=51", "a whole number from 1 to 50"),
        ("fleet.launch.py", "fleet_file:=gone", "'fleet_file' is 'gone', which does not exist"),
        ("fleet.launch.py", "fleet_file:=<map>", "the file: it has the key"),
    ],
)
def test_a_bad_argument_ends_in_one_message(
    name: str, argument: str, says: str, domain: int, tmp_path: Path
) -> None:
    """Nothing is started, and the exit code says so, too."""
    sample = share_directory() / "config" / "sample_warehouse.geojson"
    argument = argument.replace("<map>", str(sample))
    done = _run("-c", RUN, _installed(name), argument, domain=domain, cwd=tmp_path, timeout_s=60)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    errors = [line for line in said.splitlines() if "[ERROR]" in line]
    assert len(errors) == 1, said
    assert says in errors[0]
    assert "process started" not in said
    assert "Traceback" not in said


@pytest.mark.timeout(300)
@pytest.mark.parametrize("broken", ["map_file", "params_file", "recorder_params_file"])
def test_a_file_that_a_node_refuses_ends_the_launch(
    broken: str, domain: int, tmp_path: Path
) -> None:
    """What only the node can find ends everything, too: no watchdog is left beside a guard that cannot start."""
    path = tmp_path / "broken"
    path.write_text('{"type": "FeatureCollection", "features": []}', encoding="utf-8")
    done = _run(
        *("-c", RUN, _installed("guard.launch.py"), f"{broken}:={path}"),
        f"record:={tmp_path / 'recordings'}",
        domain=domain,
        cwd=tmp_path,
        timeout_s=290,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "cannot use what it was given" in said
    assert "process started" in said
