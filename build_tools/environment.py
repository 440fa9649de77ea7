# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Brings .venv up to date for the Makefile, doing only what changed since the last time.

    python3 build_tools/environment.py [--demo] [--test]

Where FALLBACK_GUARD_DISTRO names another ROS 2 release than the usual one, that has an environment of its own, such as
.venv-kilted.

Packages come from PyPI by uv, or by pip where uv fails, and the wheel is built against them without isolation, in a
build directory that is kept. Standard library only: it runs on the machine's own Python before anything is there.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from requirements import (
    BACKEND,
    BENCH,
    COLCON,
    DEMO,
    MODEL,
    TEST,
    UV_ENVIRONMENT,
    ReleaseError,
    build_requirements,
    release_suffix,
    ros_distribution,
    ros_release,
    run_requirements,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
try:
    RELEASE = ros_release()
except ReleaseError as unusable:
    sys.exit(str(unusable))

VENV = ROOT / f".venv{release_suffix()}"
PYTHON = VENV / "bin" / "python"
LOGS = ROOT / "build" / f"log{release_suffix()}"
WHEELS = ROOT / "build" / f"wheel{release_suffix()}"

PYTHON_VERSION_MIN = (3, 10)
LOG_LINES_SHOWN_MAX = 40
EXIT_INTERRUPTED = 130

# What the wheel is made from. A change to any of these builds it again.
SOURCES = (
    "CMakeLists.txt",
    "package.xml",
    "pyproject.toml",
    "setup.py",
    "bench",
    "build_tools/requirements.py",
    "config",
    "fallback_guard",
    "launch",
    "models",
    "msg",
    "scripts",
    "srv",
)

# What a distribution's compiled modules and build tools were made for: a newer one in .venv would hide it from them.
KEPT_FROM_DISTRIBUTION = ("catkin_pkg", "empy", "lark", "numpy", "packaging", "PyYAML")


class SetupFailedError(Exception):
    """Something is missing or went wrong; the message names the remedy."""


def main() -> int:
    """Prepare the environment for the named purposes."""
    parser = argparse.ArgumentParser(description="Bring .venv up to date.")
    parser.add_argument("--demo", action="store_true", help="install the demo's LLM too")
    parser.add_argument("--test", action="store_true", help="install the tools for testing too")
    arguments = parser.parse_args()
    purposes = frozenset(purpose for purpose in ("demo", "test") if getattr(arguments, purpose))
    try:
        check_machine()
        with only_one():
            prepare(purposes)
    except SetupFailedError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(" interrupted; the next make goes on from here", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def check_machine() -> None:
    """Refuse a machine that lacks something which PyPI cannot supply."""
    if sys.version_info < PYTHON_VERSION_MIN:
        message = (
            f"Python 3.10 or newer is needed; {sys.executable} is {platform.python_version()}."
            " Name another one: make PYTHON=python3.11 ..."
        )
        raise SetupFailedError(message)
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        message = "A C++ compiler is needed. On Debian and Ubuntu: sudo apt install build-essential"
        raise SetupFailedError(message)
    if find_spec("ensurepip") is None:
        message = "Python's venv is needed. On Debian and Ubuntu: sudo apt install python3-venv"
        raise SetupFailedError(message)
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        message = "Python's headers are needed. On Debian and Ubuntu: sudo apt install python3-dev"
        raise SetupFailedError(message)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Let a second make wait for the first, also one for another release: setuptools has one folder for all."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(purposes: frozenset[str]) -> None:
    """Create .venv, install the packages, build and install the wheel: each only where needed."""
    begin = time.monotonic()
    distribution = ros_distribution()
    kind = f"{platform.python_version()} {sys.base_prefix} {distribution}"
    if not is_done("environment", kind):
        origin = (
            f"ROS 2 {distribution} of this machine"
            if distribution
            else f"wheels of ROS 2 {RELEASE} from PyPI"
        )
        print(f"Preparing {VENV.name} with Python {platform.python_version()} and {origin}")
        with step("environment", kind, "virtual environment"):
            create_environment(distribution)
    # The distribution's own packages have brought what building takes.
    packages = [*run_requirements(), *([BACKEND] if distribution else build_requirements())]
    install_packages("packages", packages, "packages", distribution)
    if "demo" in purposes:
        install_packages("demo", [*DEMO, *packages], "LLM for the demo", distribution)
        install_packages("model", [MODEL], "its model (98 MB)", distribution)
    if "test" in purposes:
        tools = (*TEST, *BENCH) if distribution else (*TEST, *BENCH, *COLCON, *packages)
        install_packages("test", [*tools], "test tools", distribution)
    wheel = digest(SOURCES)
    if not is_done("wheel", wheel):
        is_first = not (VENV / ".wheel").is_file()
        label = "messages and wheel (about half a minute)" if is_first else "wheel"
        with step("wheel", wheel, label):
            build_wheel()
    elapsed_s = time.monotonic() - begin
    if elapsed_s > 1.0:
        print(f"Ready in {elapsed_s:.0f} s")


def create_environment(distribution: str | None) -> None:
    """Create .venv anew, and put uv into it."""
    options = ["--system-site-packages"] if distribution else []
    run("environment", [sys.executable, "-m", "venv", "--clear", *options, str(VENV)])
    if distribution is None:
        # Where it cannot be had, pip does its work, only slower.
        with contextlib.suppress(SetupFailedError):
            run("environment", [str(PYTHON), "-m", "pip", "install", "--quiet", "uv>=0.5"])


def install_packages(name: str, packages: list[str], label: str, distribution: str | None) -> None:
    """Install packages from PyPI, unless the same list has been installed before."""
    key = "\n".join(packages)
    if is_done(name, key):
        return
    options = ["--no-deps"] if packages == [MODEL] else []
    with step(name, key, label):
        uv = VENV / "bin" / "uv"
        if uv.is_file():
            with contextlib.suppress(SetupFailedError):
                run(name, [str(uv), "pip", "install", "--python", str(PYTHON), *options, *packages])
                return
        if distribution is not None:
            options += ["--constraint", str(distribution_constraints())]
        if distribution is not None and name == "test":
            # The machine's own would do as modules, but have no program in .venv/bin.
            options.append("--ignore-installed")
        run(name, [str(PYTHON), "-m", "pip", "install", *options, *packages])


def distribution_constraints() -> Path:
    """Pin the packages which the distribution's own modules were made for to the versions that are there."""
    lines = (
        "import importlib.metadata as m\n"
        f"for name in {KEPT_FROM_DISTRIBUTION!r}:\n"
        "    try:\n        print(f'{name}=={m.version(name)}')\n"
        "    except m.PackageNotFoundError:\n        pass\n"
    )
    pins = subprocess.run(
        [str(PYTHON), "-c", lines], capture_output=True, text=True, check=True
    ).stdout
    path = VENV / "constraints.txt"
    if not path.is_file():
        path.write_text(pins, encoding="utf-8")
    return path


def build_wheel() -> None:
    """Build the wheel by the standard hook, against what .venv holds, and install it."""
    shutil.rmtree(WHEELS, ignore_errors=True)
    WHEELS.mkdir(parents=True)
    hook = f"from setuptools import build_meta; build_meta.build_wheel({str(WHEELS)!r})"
    run("wheel", [str(PYTHON), "-c", hook])
    (wheel,) = WHEELS.glob("*.whl")
    run(
        "wheel",
        [
            str(PYTHON),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--force-reinstall",
            str(wheel),
        ],
    )


@contextlib.contextmanager
def step(name: str, key: str, label: str) -> Iterator[None]:
    """Tell what is going on and how long it took; remember it as done if nothing was raised."""
    (LOGS / f"{name}.log").unlink(missing_ok=True)
    begin = time.monotonic()
    print(f"  {label} ", end="", flush=True)
    try:
        yield
    except SetupFailedError:
        print("failed", flush=True)
        raise
    print(f"{'.' * max(3, 44 - len(label))} {time.monotonic() - begin:.1f} s", flush=True)
    (VENV / f".{name}").write_text(key, encoding="utf-8")


def is_done(name: str, key: str) -> bool:
    """Say whether a step was done for this very input."""
    stamp = VENV / f".{name}"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == key


def run(name: str, command: list[str]) -> None:
    """Run a command with its output in the step's log; on failure show the log's end."""
    log = LOGS / f"{name}.log"
    with log.open("a", encoding="utf-8") as output:
        output.write(f"$ {' '.join(command)}\n")
        output.flush()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **UV_ENVIRONMENT},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        end = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN_MAX:]
        message = "\n".join(
            [*end, f"This step failed; the whole log is in {log.relative_to(ROOT)}"]
        )
        raise SetupFailedError(message)


def digest(names: tuple[str, ...]) -> str:
    """Return a digest of the contents of files and folders, byte-code left out."""
    total = hashlib.sha256()
    for name in names:
        path = ROOT / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                total.update(str(file.relative_to(ROOT)).encode())
                total.update(file.read_bytes())
    return total.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
