# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Hosts as network namespaces on this machine, joined by a link that the test governs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import link

from harness import Nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_IP: Final = shutil.which("ip") or "ip"
ADDRESSES: Final = ("10.77.7.1", "10.77.7.2")
DISCOVERY_PORT: Final = 11_811


class Host(Nodes):
    """Starts executables in a network namespace."""

    def __init__(self, directory: Path, environment: Mapping[str, str], namespace: str) -> None:
        """Start them in `namespace`."""
        super().__init__(directory, environment)
        self._namespace = namespace

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return what starts the interpreter in the namespace."""
        return [_IP, "netns", "exec", self._namespace, *super().command(arguments)]

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Start an executable as a shell would: a fork stays in the namespace of its server."""
        self.start_afresh(name, module, *arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Two hosts, and the file that says how the link between them is."""

    planner: Host
    robot: Host
    link: Path

    def be(self, **condition: float) -> None:
        """Let the link be like this from now on."""
        link.write(self.link, link.Condition(**condition))  # type: ignore[arg-type]


def why_not() -> str:
    """Return why this machine cannot have two hosts; empty where it can."""
    if shutil.which("ip") is None:
        return "there is no ip command (iproute2)"
    probe = f"fg-probe-{os.getpid()}"
    tried = _ip("netns", "add", probe, check=False)
    if tried.returncode:
        return f"network namespaces are not allowed here: {tried.stderr.strip()}"
    _ip("netns", "del", probe)
    return ""


def _ip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_IP, *arguments], capture_output=True, text=True, check=check, timeout=30.0
    )


@contextmanager
def _namespace(name: str) -> Iterator[str]:
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        _ip("netns", "del", name)


def _join(host: str, middle: str, end: str, address: str) -> None:
    """Lay a cable from a host, which has an address, to an end in the middle."""
    cable = f"c{end}"
    _ip("-n", middle, "link", "add", end, "type", "veth", "peer", "name", cable, "netns", host)
    _ip("-n", host, "addr", "add", f"{address}/24", "dev", cable)
    for namespace, interface in ((middle, end), (host, cable)):
        _ip("-n", namespace, "link", "set", interface, "up")
    # The kernel leaves a checksum to the hardware, which a veth has not, and the link hands frames on as they are.
    _ip("netns", "exec", host, sys.executable, link.__file__, cable)


@contextmanager
def two_hosts(directory: Path, environment: Mapping[str, str]) -> Iterator[Hosts]:
    """Open two hosts.  On leaving, every process in them has ended and the namespaces are gone."""
    number = os.getpid() % 10_000
    file = directory / "link.json"
    link.write(file, link.Condition())
    with ExitStack() as stack:
        names = [stack.enter_context(_namespace(f"fg{number}-{role}")) for role in "prm"]
        planner, robot, middle = names
        for host, end, address in zip((planner, robot), ("e1", "e2"), ADDRESSES, strict=True):
            _join(host, middle, end, address)
        program = [_IP, "netns", "exec", middle, sys.executable, link.__file__]
        forwarding = subprocess.Popen([*program, "e1", "e2", os.fspath(file)])
        stack.callback(_end, forwarding)
        given = {
            **environment,
            # All of this stays in the namespaces, which nobody else is in.
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
            "ROS_DISCOVERY_SERVER": f"{ADDRESSES[1]}:{DISCOVERY_PORT}",
        }
        hosts = [
            stack.enter_context(Host(directory, given, namespace)) for namespace in (planner, robot)
        ]
        server = Path(sys.executable).with_name("fast-discovery-server")
        serves = ("-i", "0", "-l", ADDRESSES[1], "-p", str(DISCOVERY_PORT))
        serving = subprocess.Popen(
            [_IP, "netns", "exec", robot, os.fspath(server), *serves],
            env={**os.environ, "LD_LIBRARY_PATH": _libraries()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(_end, serving)
        yield Hosts(planner=hosts[0], robot=hosts[1], link=file)


def _libraries() -> str:
    found = Path(sys.prefix) / "lib"
    return os.pathsep.join([os.fspath(found), os.environ.get("LD_LIBRARY_PATH", "")])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def pause(seconds: float) -> None:
    """Let a link be as it is for a while: how long is what is tested."""
    time.sleep(seconds)
