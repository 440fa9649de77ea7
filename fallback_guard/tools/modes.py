"""`fallback-guard modes`: the failure modes as a page, written from the one table that the guard uses."""

import argparse
import sys
from typing import Final

from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket

DOES: Final = "Print every failure mode with its risk, its meaning and the error type of VDA 5050, as Markdown."
EXAMPLE: Final = "  fallback-guard modes > docs/failure-modes.md"

_HEAD: Final = """\
# Failure modes

`GuardDecision.failure_mode` and `MotionCommand.reason` say one of these names, or nothing where nothing failed.
Within each risk they are in order of severity. This page is written by `fallback-guard modes`.
"""
_TITLES: Final = {
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
        parts.append(
            f"\n## {title}\n\n| failure mode | meaning | VDA 5050 (3.0) |\n|---|---|---|\n"
        )
        parts.extend(
            f"| `{mode.value}` | {row.meaning} | {row.vda5050_error or ''} |\n"
            for mode, row in FAILURE_MODES.items()
            if row.bucket is bucket
        )
    return "".join(parts)
