# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard modes`: the failure modes as a page, written from the one table that the guard uses."""

import argparse
import sys
from typing import Final

from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode, FailureModeRow

DOES: Final = "Print every failure mode with its risk, its meaning and the error types of VDA 5050, as Markdown."
EXAMPLE: Final = "  fallback-guard modes > docs/failure-modes.md"

_HEAD: Final = """\
# Failure modes

`GuardDecision.failure_mode` and `MotionCommand.reason` say one of these names, or nothing where nothing failed.
Within each risk they are in order of severity. This page is written by `fallback-guard modes`.

The error types are those that [VDA 5050](https://github.com/VDA5050/VDA5050) predefines in 2.1.0 and 3.0.0;
`GuardDecision` carries that of 3.0. Where the level differs, that of 2.1 stands first. Where a version names no type
for what happened, the nearest that is true stands here: what never came, could not be read or was for someone else
is invalid; what was read and cannot be carried out is an order error.
"""
_COLUMNS: Final = (
    "| failure mode | meaning | VDA 5050 2.1 | VDA 5050 3.0 | level |\n|---|---|---|---|---|\n"
)
_TITLES: Final = {
    Bucket.NONE: "No risk. What an operator wanted",
    Bucket.LATENCY: "A: latency. Nothing usable in time",
    Bucket.SAFETY: "B: safety. An answer that would have been wrong to follow",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take none."""


def run(_options: argparse.Namespace) -> int:
    """Print the page."""
    sys.stdout.write(page())
    return 0


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    for bucket, title in _TITLES.items():
        parts.append(f"\n## {title}\n\n{_COLUMNS}")
        parts.extend(
            _line(mode, row) for mode, row in FAILURE_MODES.items() if row.bucket is bucket
        )
    return "".join(parts)


def _line(mode: FailureMode, row: FailureModeRow) -> str:
    error = row.vda5050
    levels = ", ".join(dict.fromkeys((error.level_2_1, error.level_3_0)))
    return f"| `{mode.value}` | {row.meaning} | {error.v2_1} | {error.v3_0} | {levels} |\n"
