# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A link between two hosts that can be cut, slow and lossy: frames forwarded between two network interfaces.

    python link.py IFACE_1 IFACE_2 FILE     forwards
    python link.py IFACE                    has the kernel compute the checksums of what it sends there

FILE holds JSON, read anew ten times a second: {"cut": false, "delay_ms": 0, "loss": 0.0, "seed": 1}.  It stands in for
the kernel's netem, which not every kernel has.  Needs the privilege to open packet sockets, in a namespace of the
test's own.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import select
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

SIOCETHTOOL: Final = 0x8946
ETHTOOL_STXCSUM: Final = 0x17
ETH_P_ALL: Final = 3
PACKET_OUTGOING: Final = 4
FRAME_BYTES_MAX: Final = 65_536
LOOK_S: Final = 0.1
UNDER_WAY_MAX: Final = 10_000
"""Frames that are delayed at a time; what comes beyond is lost, as in a router's queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How the link is."""

    cut: bool = False
    delay_ms: float = 0.0
    loss: float = 0.0
    seed: int = 1


def write(path: Path, condition: Condition) -> None:
    """Have a running link be like this."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(condition)), encoding="ascii")
    new.replace(path)


def _opened(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    opened.bind((interface, 0))
    opened.settimeout(0.0)
    return opened


class Link:
    """Forwards until it is killed."""

    def __init__(self, interfaces: tuple[str, str], file: Path) -> None:
        """Open both ends."""
        first, second = (_opened(interface) for interface in interfaces)
        self._other = {first: second, second: first}
        self._file = file
        self._condition = Condition()
        self._random = Random(1)  # noqa: S311  # reproducible, not secret
        self._under_way: list[tuple[float, int, socket.socket, bytes]] = []
        self._number = count()
        self._look_s = 0.0

    def run(self) -> None:
        """Forward frames."""
        while True:
            now_s = time.monotonic()
            if now_s >= self._look_s:
                self._look_s = now_s + LOOK_S
                self._look()
            next_s = min([self._look_s, *(entry[0] for entry in self._under_way[:1])])
            readable, _, _ = select.select([*self._other], [], [], max(0.0, next_s - now_s))
            for end in readable:
                self._take(end)
            self._deliver()

    def _look(self) -> None:
        condition = Condition(**json.loads(self._file.read_text(encoding="ascii")))
        if condition != self._condition:
            self._condition, self._random = condition, Random(condition.seed)  # noqa: S311

    def _take(self, end: socket.socket) -> None:
        try:
            frame, address = end.recvfrom(FRAME_BYTES_MAX)
        except BlockingIOError:
            return
        condition = self._condition
        if address[2] == PACKET_OUTGOING or condition.cut:
            return
        if self._random.random() < condition.loss or len(self._under_way) >= UNDER_WAY_MAX:
            return
        at_s = time.monotonic() + condition.delay_ms / 1_000
        heapq.heappush(self._under_way, (at_s, next(self._number), self._other[end], frame))

    def _deliver(self) -> None:
        while self._under_way and self._under_way[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(self._under_way)
            try:
                end.send(frame)
            except OSError:
                continue  # It is too long, or nobody is at the other end: lost, as on any link.


def compute_checksums(interface: str) -> None:
    """Have the kernel compute the checksums of what an interface sends (ethtool -K ... tx off)."""
    value = (ctypes.c_uint32 * 2)(ETHTOOL_STXCSUM, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        place = ctypes.addressof(value)
        fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP", interface.encode(), place))


if __name__ == "__main__":
    if len(sys.argv) == 2:  # one interface
        compute_checksums(sys.argv[1])
        raise SystemExit
    Link((sys.argv[1], sys.argv[2]), Path(sys.argv[3])).run()
