# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What one clock says by another."""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from rclpy.node import Node

from fallback_guard.core.sequences import SEQUENCE_MAX
from fallback_guard.core.units import NS_PER_US

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_DIGITS_MAX: Final = 20


def ros_now_ns(node: Node) -> int:
    """Return the time on a node's ROS clock, that of its messages' stamps."""
    clock = node.get_clock()
    # Without simulated time it is the system's, which is ten times quicker to read.
    return int(clock.now().nanoseconds) if clock.ros_time_is_active else time.time_ns()


def sequence_base() -> int:
    """Return the wall clock's microseconds at the steady clock's 0, or more; see `core.sequences`.

    Where the wall clock was set back since a process of this user asked on this machine, what that one was told: the
    steady clock goes on from one process to the next, so the numbers do as well.  It is kept in a file of this boot.
    Where that cannot be written or read, the wall clock alone counts.
    """
    by_wall = (time.time_ns() - time.monotonic_ns()) // NS_PER_US
    file = _file()
    kept = _read(file)
    if by_wall <= kept:
        return kept
    with suppress(OSError):
        _write(file, by_wall)
    return by_wall


def _file() -> Path:
    directory = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    boot = ""
    with suppress(OSError):
        boot = _BOOT.read_text(encoding="ascii").strip()
    return Path(directory) / f"fallback_guard_{os.getuid()}_{boot}.sequence"


def _read(file: Path) -> int:
    """Return what is kept; 0 where nothing is, or something that nobody of this user wrote."""
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        if os.fstat(opened).st_uid != os.getuid():
            return 0
        kept = os.read(opened, _DIGITS_MAX)
    except OSError:
        return 0
    finally:
        os.close(opened)
    return min(int(kept), SEQUENCE_MAX // 2) if kept.isdigit() else 0


def _write(file: Path, base: int) -> None:
    descriptor, written = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        os.write(descriptor, str(base).encode("ascii"))
        Path(written).replace(file)
    except OSError:
        Path(written).unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
