"""ROS domains for tests: each test has one of its own, also when several suites run on one machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOMAINS: Final = range(1, 101)
"""Those whose ports are free on every Linux: higher ones reach into the range of ephemeral ports."""


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
