# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""For launch tests: descriptions that are ready to test, processes that are killed by name, and how all ended."""

import atexit
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

try:
    import launch_testing
    from launch import LaunchDescription, LaunchDescriptionEntity
    from launch.actions import ExecuteProcess, IncludeLaunchDescription, SetLaunchConfiguration
    from launch.events.process import ProcessExited
    from launch.launch_description_sources import PythonLaunchDescriptionSource
    from launch_testing.actions import ReadyToTest
    from launch_testing.util import KeepAliveProc
except ImportError as missing:
    raise ImportError(
        f"fallback_guard.testing.launching needs launch and launch_testing ({missing}), which come with a ROS 2 "
        "distribution: sudo apt install ros-$ROS_DISTRO-launch-testing-ros. The other modules of "
        "fallback_guard.testing do without."
    ) from missing

from fallback_guard.tools.hostile_answers import HostileKind
from fallback_guard.tools.share import share_directory

WAIT_S: Final = 120.0
"""Bound of every wait, for a busy machine that has to start something first."""

KILLED: Final = -signal.SIGKILL
"""The exit code of a process that was killed."""

_POLL_S: Final = 0.02
_DOMAINS: Final = 100


def stay_on_this_machine() -> None:
    """Keep a launch test's nodes and its observers among themselves; call it before anything opens a ROS context.

    Nothing leaves the machine, and where nobody has chosen a domain, one is taken by the number of this process.
    """
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % _DOMAINS))


def installed_launch_file(name: str) -> Path:
    """Return one of this package's launch files."""
    return share_directory() / "launch" / name


def installed_config(name: str) -> Path:
    """Return one of this package's maps and parameter files."""
    return share_directory() / "config" / name


def description(
    launch_file: Path,
    arguments: Mapping[str, str],
    *,
    beside: Iterable[LaunchDescriptionEntity] = (),
) -> LaunchDescription:
    """Return what `generate_test_description` has to: a launch file, what runs beside it, and that tests may begin.

    The launch lives until the tests are done, also where every process of the launch file ends before.
    """
    return LaunchDescription(
        [
            # On a busy machine an interpreter takes longer than the usual 5 s to end, and would then be killed.
            SetLaunchConfiguration("sigterm_timeout", str(WAIT_S)),
            KeepAliveProc(),
            *beside,
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(launch_file)),
                launch_arguments=dict(arguments).items(),
            ),
            ReadyToTest(),
        ]
    )


def fleet_description(
    fleet: Mapping[str, object],
    arguments: Mapping[str, str] | None = None,
    *,
    beside: Iterable[LaunchDescriptionEntity] = (),
) -> LaunchDescription:
    """Return the same for fleet.launch.py and a fleet of the test's own, in the format of docs/fleet.md.

    The name of each process begins with its robot's, such as `picker_1-guard_node`.
    """
    file = Path(tempfile.mkdtemp(prefix="fallback_guard_fleet_"), "fleet.yaml")
    file.write_text(json.dumps(fleet), encoding="utf-8")  # JSON is YAML.
    atexit.register(shutil.rmtree, file.parent, ignore_errors=True)
    return description(
        installed_launch_file("fleet.launch.py"),
        {"fleet_file": str(file), **(arguments or {})},
        beside=beside,
    )


def scripted_model(
    port: int,
    *,
    hostile_share: float = 0.0,
    kinds: Iterable[HostileKind] = (),
    map_file: Path | None = None,
) -> ExecuteProcess:
    """Return a process that answers as a language model would: a share of its answers is hostile, all others right.

    Its endpoint is http://127.0.0.1:<port>/v1; any model's name will do.
    """
    named = ",".join(kind.value for kind in kinds)
    return ExecuteProcess(
        name="scripted_model",
        cmd=[
            sys.executable,
            "-m",
            "fallback_guard.tools.hostile_llm",
            *("--port", str(port)),
            *("--share", str(hostile_share)),
            *(("--kinds", named) if named else ()),
            *(("--map", str(map_file)) if map_file else ()),
        ],
        cwd="/",
        output="screen",
    )


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pid(proc_info: launch_testing.ActiveProcInfoHandler, name: str) -> int | None:
    """Return the number of the running process of which the launch system's name begins so; None where it has ended.

    Raises AssertionError where there is none of that name, or more than one.
    """
    found = [info for info in proc_info if info.process_name.startswith(name)]
    known = ", ".join(sorted(info.process_name for info in proc_info)) or "none"
    assert len(found) == 1, f"{len(found)} processes are named {name}...; there are: {known}"
    return None if isinstance(found[0], ProcessExited) else int(found[0].pid)


def kill(
    proc_info: launch_testing.ActiveProcInfoHandler, name: str, number: int = signal.SIGKILL
) -> int:
    """Send a process a signal, by default one that it cannot hear; return the steady time just before (ns)."""
    number_of_process = pid(proc_info, name)
    assert number_of_process is not None, f"{name} has ended already"
    now_ns = time.monotonic_ns()
    os.kill(number_of_process, number)
    return now_ns


def wait_for_respawn(
    proc_info: launch_testing.ActiveProcInfoHandler,
    name: str,
    before: int | None,
    *,
    timeout_s: float = WAIT_S,
) -> int:
    """Wait until a process runs again under another number than `before`; return that.  Raises AssertionError."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        now = pid(proc_info, name)
        if now is not None and now != before:
            return now
        time.sleep(_POLL_S)
    raise AssertionError(f"{name} was not started again within {timeout_s:g} s")


def assert_exit_codes(
    proc_info: launch_testing.ProcInfoHandler,
    names: Iterable[str],
    *,
    killed: Iterable[str] = (),
) -> None:
    """After shutdown: every process of `names` has ended with 0, those of `killed` with 0 or as killed.

    A name is the beginning of the launch system's name, and several processes may have it.  Raises AssertionError,
    also for a name that no process has.
    """
    may_be_killed = set(killed)
    wrong = []
    for name in (*names, *may_be_killed):
        ended = [info for info in proc_info if info.process_name.startswith(name)]
        allowed = (0, KILLED) if name in may_be_killed else (0,)
        wrong += [
            f"{info.process_name} ended with {info.returncode}"
            if isinstance(info, ProcessExited)
            else f"{info.process_name} has not ended"
            for info in ended
            if not isinstance(info, ProcessExited) or info.returncode not in allowed
        ]
        if not ended:
            wrong.append(f"there was no {name}")
    assert not wrong, "; ".join(wrong)
