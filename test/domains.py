# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""ROS domains for tests: each test has one of its own, also when several suites run on one machine.

And how nodes find each other in them.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DOMAINS: Final = range(1, 101)
"""Those whose ports are free on every Linux: higher ones reach into the range of ephemeral ports."""

_PROFILES: Final = Path(__file__).parent / "nodes" / "quick_discovery.xml"
_FAST_DDS_2: Final = "FASTRTPS_DEFAULT_PROFILES_FILE"
_FAST_DDS_3: Final = "FASTDDS_DEFAULT_PROFILES_FILE"


def discover_quickly() -> None:
    """Have nodes find each other quickly, in this process and in those it starts from now on."""
    # Version 3, which Kilted has, warns everybody who still uses the name that version 2 needs.
    prefixes = [sys.prefix, *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    is_3 = any(Path(prefix, "share/fastdds").is_dir() for prefix in prefixes if prefix)
    os.environ.setdefault(_FAST_DDS_3 if is_3 else _FAST_DDS_2, str(_PROFILES))


def as_delivered(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nodes find each other as they do anywhere."""
    said = (_FAST_DDS_2, _FAST_DDS_3)
    return {name: value for name, value in environment.items() if name not in said}


@contextmanager
def own_domain() -> Iterator[int]:
    """Hold a domain that no other test on this machine holds."""
    first = os.getpid() % len(_DOMAINS)
    for domain in (*_DOMAINS[first:], *_DOMAINS[:first]):
        path = Path(tempfile.gettempdir()) / f"fallback_guard_domain_{domain}.lock"
        with path.open("w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain
            return
    raise RuntimeError("every ROS domain from 1 to 100 is taken")
