# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the operating system can give a process that must not be late: a real-time priority, and memory that stays.

Both are taken where they are granted and done without where they are not; docs/performance.md says what each brings
and how a robot grants it to an ordinary user.  sched(7), mlock(2).
"""

import ctypes
import os
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fallback_guard.core.parameters import Parameter

REALTIME_PRIORITY: Final = Parameter(
    name="realtime_priority",
    default=20,
    minimum=0,
    maximum=90,
    read_only=True,
    meaning="SCHED_FIFO priority of every thread, where it is granted; 0: do not ask for one.",
)

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
"""From <sys/mman.h>.  On fault: what a thread's stack reserves and never touches stays unused."""

SWITCH_INTERVAL_S: Final = 0.000_5
"""For how long one thread of Python may keep the others waiting; Python's own 5 ms are more than the margin."""

REMEDY: Final = "docs/performance.md says how a robot grants it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was granted: the SCHED_FIFO priority of the process's threads, 0 for none, and whether memory is locked.

    `refusal` says why there is no priority although one was wanted; empty where there is nothing to say.
    """

    priority: int = 0
    is_memory_locked: bool = False
    refusal: str = ""


def claim(priority: int, *, urgent_thread: int | None = None) -> Standing:
    """Give every thread of this process a SCHED_FIFO priority (0: leave all as it is), and lock its memory.

    Threads that are started later inherit it.  `urgent_thread`, a kernel's thread number, gets one more, so that
    it is never kept from a processor by the others.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    if priority == 0:
        return Standing()
    try:
        _schedule_all(priority, urgent_thread)
    except OSError as error:
        return Standing(
            refusal=f"no real-time priority ({error.strerror or error}): on a loaded machine the guard widens "
            f"its dispatch margin instead; {REMEDY}"
        )
    return Standing(priority=priority, is_memory_locked=_lock_memory())


def _schedule_all(priority: int, urgent_thread: int | None) -> None:
    for thread in [int(entry.name) for entry in Path("/proc/self/task").iterdir()]:
        rank = priority + (thread == urgent_thread)
        # One that has ended meanwhile needs no priority.
        with suppress(ProcessLookupError):
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(rank))


def _lock_memory() -> bool:
    """Keep every page that is in memory, or comes there, from being taken out; tell whether that was granted."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    # Under a limit, what is allocated later would fail for want of it.
    if soft != resource.RLIM_INFINITY and os.geteuid() != 0:
        return False
    flags = _MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT
    return bool(ctypes.CDLL(None, use_errno=True).mlockall(flags) == 0)
