# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Gazebo's own parser for SDF, from wherever this machine has it, without touching the machine.

    python test/gazebo/sdf_parser.py FILE.sdf ...

What `gz sdf -k` runs is one function of the library libsdformat, and this calls it without the command around it, in a
process of its own.  The library is the system's; where there is none but apt, its packages are downloaded and unpacked
below build/, with apt's state kept there, too: that needs no root, and installs nothing.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BUILD: Final = Path(__file__).resolve().parents[2] / "build" / "sdformat"

VERSIONS: Final = range(12, 40)
"""Of libsdformat: 12 is the first that knows SDF 1.9."""

CHECK_S_MAX: Final = 60
APT_S_MAX: Final = 120

_CALL: Final = (
    "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).cmdCheck(sys.argv[2].encode()) != 0)"
)


class NoParserError(Exception):
    """There is no parser here, and none can be had; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parser:
    """The library, where its own libraries are, and where the descriptions of SDF are that it reads."""

    library: str
    libraries: tuple[Path, ...] = ()
    share: Path = Path("/usr/share")

    def complaints(self, file: Path) -> str:
        """Return all that the parser says about a file, errors and warnings; nothing if it likes it."""
        environment = dict(os.environ)
        if self.libraries:
            environment["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, self.libraries))
            # Where it looks for the descriptions of each version of SDF beside its built-in place.
            environment["SDF_PATH"] = os.pathsep.join(map(str, self.descriptions))
        done = subprocess.run(
            [sys.executable, "-c", _CALL, self.library, str(file)],
            check=False,
            capture_output=True,
            text=True,
            timeout=CHECK_S_MAX,
            env=environment,
        )
        said = (done.stdout + done.stderr).strip()
        if done.returncode == 0:
            return said.removesuffix("Valid.").strip()
        return said or f"the parser ended with {done.returncode}"

    @property
    def descriptions(self) -> list[Path]:
        """The folders that describe versions of SDF, the parser's own."""
        return sorted(self.share.glob("sdformat*"))


@cache
def parser() -> Parser:
    """Return the parser of this machine.  Raises NoParserError, the same one each time it is asked."""
    for version in reversed(VERSIONS):
        name = find_library(f"sdformat{version}")
        if name is not None:
            return Parser(library=name)
    return _unpacked()


def _unpacked() -> Parser:
    """Return the parser that is below build/; have apt bring it if there is none yet."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NoParserError("there is no libsdformat, and no apt to bring it")
    with _only_one():
        root = BUILD / "root"
        if not root.is_dir():
            _download()
            _unpack(root)
    found = sorted(root.glob("usr/lib/**/libsdformat*.so.*"))
    if not found:
        raise NoParserError(f"there is no libsdformat in what apt brought; look at {root}")
    return Parser(library=str(found[-1]), libraries=(found[-1].parent,), share=root / "usr/share")


@contextmanager
def _only_one() -> Iterator[None]:
    """Let a second one wait for the first."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download() -> None:
    """Bring the library's package, and those it needs that are not installed, into build/."""
    # With the lists that the machine has, and if these lead nowhere with new ones.
    for refresh in (False, True):
        options = _apt_options(own_lists=refresh)
        try:
            if refresh:
                _run(["apt-get", *options, "update"])
            package = _package(options)
            install = ["install", "--download-only", "--no-install-recommends", "--yes", package]
            _run(["apt-get", *options, *install])
        except NoParserError:
            if refresh:
                raise
        else:
            return


def _apt_options(*, own_lists: bool) -> list[str]:
    """Return what makes apt keep to build/ for all that it writes; who is installed it reads from the system."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (BUILD / folder).mkdir(parents=True, exist_ok=True)
    options = {
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "20",
        "Acquire::https::Timeout": "20",
        "Debug::NoLocking": "1",
        "Dir::Cache": f"{BUILD}/cache",
    }
    if own_lists:
        options["Dir::State::lists"] = f"{BUILD}/lists"
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _package(options: Sequence[str]) -> str:
    """Return the name of the newest libsdformat that apt knows."""
    listed = _run(
        ["apt-cache", *options, "search", "--names-only", "^libsdformat[0-9]+(-[0-9]+)?$"]
    )
    names = {
        int(found.group(1)): found.group(0)
        for found in re.finditer(r"^libsdformat(\d+)(-\d+)?(?= )", listed, re.MULTILINE)
    }
    known = [version for version in sorted(names) if version in VERSIONS]
    if not known:
        raise NoParserError("apt knows no libsdformat that is new enough")
    return names[known[-1]]


def _unpack(root: Path) -> None:
    """Unpack what was downloaded: all of it, or nothing stays."""
    part = root.with_name("root.part")
    shutil.rmtree(part, ignore_errors=True)
    for package in sorted((BUILD / "cache" / "archives").glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(part)])
    if not part.is_dir():
        raise NoParserError("apt brought no package")
    part.rename(root)


def _run(command: list[str]) -> str:
    """Run a command; raise NoParserError with the end of what it said if it fails."""
    try:
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            timeout=APT_S_MAX,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise NoParserError(f"{command[0]} took longer than {APT_S_MAX} s") from error
    except subprocess.CalledProcessError as error:
        end = " / ".join((error.stdout + error.stderr).strip().splitlines()[-3:])
        raise NoParserError(f"{command[0]} failed: {end}") from error
    except OSError as error:
        raise NoParserError(f"{command[0]} cannot be run: {error}") from error
    return done.stdout


def main(files: Sequence[str]) -> int:
    """Check files; 0 if the parser likes all of them, 1 if not, 2 without a parser."""
    try:
        found = parser()
    except NoParserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    complaints = {file: found.complaints(Path(file)) for file in files}
    for file, said in complaints.items():
        sys.stdout.write(f"{file}: {said or 'valid'}\n")
    return int(any(complaints.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
