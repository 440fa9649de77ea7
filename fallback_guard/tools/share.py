# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Where the package's maps, parameter files and launch files were installed."""

import os
from collections.abc import Iterator
from pathlib import Path

_MARK = Path("share/fallback_guard/package.xml")


def share_directory() -> Path:
    """Return `share/fallback_guard` of this installation, from a wheel or from a workspace.

    Raises FileNotFoundError when the package runs from its sources, without having been installed.
    """
    for prefix in _prefixes():
        if (prefix / _MARK).is_file():
            return (prefix / _MARK).parent
    raise FileNotFoundError(
        "share/fallback_guard was not found; install the package or source its workspace"
    )


def _prefixes() -> Iterator[Path]:
    yield from (
        Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if prefix
    )
    yield from Path(__file__).parents
