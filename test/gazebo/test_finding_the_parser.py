# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Where the parser cannot be had there is a reason, in time, and the tests of files are skipped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

import pytest

import sdf_parser
from sdf_parser import NoParserError


class Bare(Protocol):
    """Puts programs, given as shell scripts, on a machine."""

    def __call__(self, **scripts: str) -> None: ...


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bare:
    """Makes a machine without libsdformat, with the programs given as shell scripts."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setattr(sdf_parser, "BUILD", tmp_path / "build")
    monkeypatch.setattr(sdf_parser, "find_library", lambda _: None)
    monkeypatch.setattr(sdf_parser, "APT_S_MAX", 5)
    monkeypatch.setenv("PATH", f"{programs}:/bin")
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: which(name, path=str(programs)))

    def make(**scripts: str) -> None:
        for name, script in scripts.items():
            file = programs / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
            file.chmod(0o755)

    return make


def reason() -> str:
    with pytest.raises(NoParserError) as raised:
        sdf_parser._unpacked()
    return str(raised.value)


@pytest.mark.usefixtures("bare")
def test_without_apt() -> None:
    assert reason() == "there is no libsdformat, and no apt to bring it"


def test_apt_without_a_network(bare: Bare) -> None:
    bare(
        apt_get="echo 'E: Could not resolve the host' >&2; exit 100",
        apt_cache="echo 'libsdformat12-12 - a parser'",
        dpkg_deb="exit 1",
    )
    assert reason() == "apt-get failed: E: Could not resolve the host"


def test_apt_that_hangs(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdf_parser, "APT_S_MAX", 0.5)
    bare(apt_get="exec sleep 60", apt_cache="echo 'libsdformat12-12 - a parser'", dpkg_deb="")
    assert reason() == "apt-get took longer than 0.5 s"


def test_apt_that_knows_only_old_ones(bare: Bare) -> None:
    bare(
        apt_get="exit 0",
        apt_cache="echo 'libsdformat6 - a parser'; echo 'libsdformat9-9 - a parser'",
        dpkg_deb="exit 0",
    )
    assert reason() == "apt knows no libsdformat that is new enough"


def test_the_newest_is_taken(bare: Bare) -> None:
    bare(
        apt_get="exit 0",
        apt_cache="echo 'libsdformat9-9 - x'; echo 'libsdformat14 - x'; echo 'libsdformat12-12 - x';"
        " echo 'libsdformat14-dev - x'",
        dpkg_deb="exit 0",
    )
    assert sdf_parser._package([]) == "libsdformat14"


def test_packages_without_the_library(bare: Bare) -> None:
    """What is unpacked is kept, so it is said where to look."""
    bare(
        apt_get=f"mkdir -p {sdf_parser.BUILD}/cache/archives;"
        f" touch {sdf_parser.BUILD}/cache/archives/a.deb",
        apt_cache="echo 'libsdformat12-12 - a parser'",
        dpkg_deb='mkdir -p "$3"',
    )
    assert reason().startswith("there is no libsdformat in what apt brought")


def test_nothing_half_unpacked_is_taken(bare: Bare) -> None:
    bare(
        apt_get=f"mkdir -p {sdf_parser.BUILD}/cache/archives;"
        f" touch {sdf_parser.BUILD}/cache/archives/a.deb",
        apt_cache="echo 'libsdformat12-12 - a parser'",
        dpkg_deb='mkdir -p "$3"; echo "no space left" >&2; exit 2',
    )
    assert reason() == "dpkg-deb failed: no space left"
    assert not (sdf_parser.BUILD / "root").exists()
