# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Makes what setup.py and the Makefile import importable, and lets every build be for the release under test."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build_tools"))

# Whoever starts pytest by itself has not said it; the installed wheel has, unless it is for the usual release.
_, _, release = version("fallback_guard").partition("+")
if release:
    os.environ["FALLBACK_GUARD_DISTRO"] = release
