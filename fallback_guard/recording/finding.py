# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Finds recordings among the files and folders that people name.

What arrives here at its worst: what is not there, a folder without recordings, a folder of hundreds of recorders, a
device, one file twice under two names.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from fallback_guard.core.unusable import UnusableError

FILES_MAX: Final = 10_000
"""A recorder that begins one an hour needs more than a year for these."""


def recordings(paths: Sequence[Path]) -> list[Path]:
    """Return every recording among files and in folders, each once, by name.  Raises UnusableError."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(_inside(path))
            if not inside:
                raise UnusableError(
                    f"{path} holds no recordings (*.mcap); name a directory of the recorder's, or its files"
                )
            found |= dict.fromkeys(inside)
        elif path.is_file():
            found[path.resolve()] = None
        else:
            what = "is no file and no directory" if path.exists() else "is not there"
            raise UnusableError(f"{path} {what}; name recordings of recorder_node (*.mcap)")
    if len(found) > FILES_MAX:
        raise UnusableError(f"{len(found)} files are more than {FILES_MAX}; name fewer")
    return list(found)


def _inside(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        yield from (
            Path(where, name).resolve()
            for name in names
            if name.endswith(".mcap") and Path(where, name).is_file()
        )
