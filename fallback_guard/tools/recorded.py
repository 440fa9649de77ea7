# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the commands that read recordings have in common: their arguments, and reading."""

import argparse
import gc
import time
from collections.abc import Sequence
from pathlib import Path

from fallback_guard.reporting.digest import Digest, digest
from fallback_guard.reporting.since import since_ns
from fallback_guard.reporting.sources import read


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Take recordings and how far back to look."""
    parser.add_argument(
        "recordings",
        nargs="+",
        type=Path,
        metavar="FILE|DIRECTORY",
        help="recordings of recorder_node (*.mcap), or directories of them",
    )
    parser.add_argument(
        "--since",
        default="",
        metavar="WHEN",
        help="look no further back: 7d, 12h, 30min, or a time such as 2026-11-20T06:00:00Z (default: all)",
    )


def digested(recordings: Sequence[Path], since: str) -> Digest:
    """Read recordings and count.  Raises UnusableError."""
    # Millions of facts that all stay: the collector would walk them again and again, for half of the time.
    gc.disable()
    begin_ns = since_ns(since, time.time_ns()) if since else 0
    return digest(read(recordings, since_ns=begin_ns), recordings)
