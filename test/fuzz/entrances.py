# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Every target by its name, and the inputs that are kept for each."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from targets import Target

NAMES: Final = ("payload", "task", "geojson", "lif", "order", "request", "message")

CORPUS: Final = Path(__file__).parent / "corpus"
"""One folder for each target, one file for each input."""


def entrance(name: str) -> Target:
    """Return a target.  Only that of messages imports any of ROS 2."""
    found: dict[str, Target] = import_module("messages" if name == "message" else "targets").TARGETS
    return found[name]


def kept(name: str) -> list[Path]:
    """Return the files that are kept for a target."""
    return sorted((CORPUS / name).iterdir())
