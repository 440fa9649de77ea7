# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard report`: what recordings come to, as one page that holds all it shows, and as JSON beside it."""

import argparse
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from fallback_guard.core.unusable import UnusableError
from fallback_guard.reporting.as_json import BEGINNING, as_json
from fallback_guard.reporting.page import page
from fallback_guard.tools.recorded import add_recordings, digested

DOES: Final = "Turn recordings into one HTML page: availability, halts, failure modes, latency, the planner's yield."
EXAMPLE: Final = """\
  fallback-guard report recordings --since 7d
  fallback-guard report recordings/picker_1 recordings/picker_2 --out week_48.html

exit codes: 0 done, 2 unusable arguments or recordings"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take recordings, and where the page goes."""
    add_recordings(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE.html",
        help="the page; its JSON goes beside it (default %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the page and the JSON."""
    out: Path = options.out
    if out.suffix.lower() not in (".html", ".htm"):
        raise UnusableError(f"--out {out} is no page; name a file that ends in .html")
    if not out.parent.is_dir():
        raise UnusableError(f"--out {out}: there is no directory {out.parent}; make it first")
    if out.is_dir():
        raise UnusableError(f"--out {out} is a directory; name a file in it")
    data = out.with_suffix(".json")
    if data.exists() and not _is_a_reports(data):
        raise UnusableError(
            f"{data} would be written beside the page, and is there and no report's; name another --out"
        )
    begun = time.monotonic()
    found = digested(options.recordings, options.since)
    made_ns = time.time_ns()
    _write(data, as_json(found, made_ns=made_ns))
    text = page(found, made_ns=made_ns).encode("utf-8", "backslashreplace")
    _write(out, text)
    sys.stdout.write(
        f"{out} ({len(text) / 1_000_000:.1f} MB) and {data}: {found.objective.due} due requests,"
        f" {len(found.robots)} robots, {found.files} files, in {time.monotonic() - begun:.1f} s\n"
    )
    return 0


def _is_a_reports(path: Path) -> bool:
    """Tell whether a file begins as the JSON of a report does.  Raises OSError."""
    if not path.is_file():
        return True  # a device, which keeps nothing
    with path.open("rb") as file:
        return file.read(len(BEGINNING)) == BEGINNING


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, so that nobody opens half a page.  Raises OSError."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # a device or a pipe, which stays what it is
        return
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
