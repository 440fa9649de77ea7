# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The wheel's door to the one build description.

CMakeLists.txt, the same that colcon runs, generates the messages and installs everything into a staging prefix;
the commands below put that prefix into the wheel. Its Python package becomes the wheel's package, and lib/,
share/ and include/ become data files, so that the environment it is installed into is an ament prefix.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.editable_wheel import editable_wheel
from setuptools.errors import ExecError, SetupError

# After setuptools, which brings its own since Python's is gone.
from distutils.command.install_data import install_data  # isort: skip

SOURCE = Path(__file__).resolve().parent
sys.path.insert(0, str(SOURCE / "build_tools"))

from requirements import (  # noqa: E402
    BENCH,
    DEMO,
    RELEASES,
    TEST,
    ReleaseError,
    build_requirements,
    release_suffix,
    ros_distribution,
    ros_release,
    run_requirements,
)

PACKAGE = "fallback_guard"

try:
    RELEASE = ros_release()
except ReleaseError as unusable:
    raise SystemExit(str(unusable)) from None

# One for each interpreter and release, kept from one build to the next: messages are generated again only when they
# changed.
WORK = SOURCE / "build" / f"cmake-{sys.implementation.cache_tag}{release_suffix()}"
STAGE = WORK / "stage"

# Where the package lies in an environment, seen from its prefix. The libraries find each other by this.
PYTHON_DIR = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"

# Runs the console script beside it. Those in scripts/ find their interpreter by PATH, as ROS 2 has it, and in an
# environment that nobody activated that is another one.
LAUNCHER = """\
#!/bin/sh
exec "$(dirname -- "$(readlink -f -- "$0")")/../../bin/{name}" "$@"
"""


class BinaryDistribution(Distribution):
    """Has compiled modules, so that the wheel is tagged for this platform and this CPython."""

    def has_ext_modules(self) -> bool:
        """Say so, although it is not setuptools that compiles them."""
        return True


class CMakeBuild(build_ext):
    """Runs CMake and takes the Python package out of the staging prefix."""

    def run(self) -> None:
        """Configure, build and install into the staging prefix; copy the package."""
        cmake_build()
        for script in (STAGE / "lib" / PACKAGE).iterdir():
            script.write_text(LAUNCHER.format(name=script.name), encoding="utf-8")
        target = Path(self.build_lib, PACKAGE)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(
            STAGE / PYTHON_DIR / PACKAGE,
            target,
            ignore=shutil.ignore_patterns("__pycache__", "*.c"),
        )


class StagedData(install_data):
    """Puts the rest of the staging prefix into the wheel's data files."""

    def run(self) -> None:
        """Copy all but the Python package and the setup files."""
        target = Path(self.install_dir)
        shutil.copytree(
            STAGE,
            target,
            dirs_exist_ok=True,
            # Setup files name the prefix of the build's machine, and a wheel needs none.
            ignore=shutil.ignore_patterns("python3*", "parent_prefix_path", "local_setup.*"),
        )
        self.outfiles = [str(path) for path in target.rglob("*") if path.is_file()]


class NoEditableWheel(editable_wheel):
    """An editable install cannot hold generated messages."""

    def run(self) -> None:
        """Refuse, and name the way that works."""
        message = (
            "fallback_guard has generated messages, so it cannot be installed with -e."
            " Use `make build`: it re-installs a change to Python files in seconds."
        )
        raise SetupError(message)


def cmake_build() -> None:
    """Bring the staging prefix up to date with the sources."""
    environment = cmake_environment()
    # A build directory remembers paths of the environment it was configured in; an isolated build's is gone.
    key = "\n".join(
        [sys.executable, environment.get("CMAKE_PREFIX_PATH", ""), environment["AMENT_PREFIX_PATH"]]
    )
    key_file = WORK / "configured_for.txt"
    if not key_file.is_file() or key_file.read_text(encoding="utf-8") != key:
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        configure = ["cmake", "-S", str(SOURCE), "-B", str(WORK)]
        if shutil.which("ninja", path=environment["PATH"]) is not None:
            configure.append("-GNinja")
        configure += [
            f"-DCMAKE_INSTALL_PREFIX={STAGE}",
            f"-DPYTHON_INSTALL_DIR={PYTHON_DIR}",
            f"-DPython3_EXECUTABLE={sys.executable}",
            "-DBUILD_TESTING=OFF",
            f"-DFALLBACK_GUARD_BATCH_SOURCES={'OFF' if ros_distribution() else 'ON'}",
        ]
        run(configure, environment)
        key_file.write_text(key, encoding="utf-8")
    run(["cmake", "--build", str(WORK), "--parallel", str(os.cpu_count() or 1)], environment)
    shutil.rmtree(STAGE, ignore_errors=True)
    run(["cmake", "--install", str(WORK)], environment)


def cmake_environment() -> dict[str, str]:
    """Return the environment in which CMake finds ROS 2: the distribution's own, or the prefix of the wheels."""
    environment = dict(os.environ)
    # The tools that came from PyPI lie beside the interpreter, and nobody may have activated the environment.
    environment["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    )
    if ros_distribution() is None:
        module = find_spec("ament_package")
        if module is None or module.origin is None:
            message = (
                "No ROS 2 to build with: source a distribution's setup file, or let pip install the build"
                " requirements (leave out --no-build-isolation)."
            )
            raise SetupError(message)
        prefix = str(Path(module.origin).parents[4])
        environment["AMENT_PREFIX_PATH"] = environment["CMAKE_PREFIX_PATH"] = prefix
    else:
        # An isolated build has its own PYTHONPATH in place of the one that was sourced.
        sourced = [
            str(folder)
            for prefix in os.environ["AMENT_PREFIX_PATH"].split(os.pathsep)
            for libraries in ("lib", "local/lib")
            for folder in Path(prefix, libraries).glob("python3*/*-packages")
        ]
        own = os.environ.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([own, *sourced] if own else sourced)
    return environment


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run a command, with its output where setuptools' goes."""
    try:
        subprocess.run(command, env=environment, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = str(error)
        if shutil.which(environment.get("CXX", "c++")) is None:
            message += (
                "\nA C++ compiler is needed. On Debian and Ubuntu: sudo apt install build-essential"
            )
        raise ExecError(message) from error


def package_version() -> str:
    """Read the version from package.xml, its only home.

    Wheels for different releases have different messages inside, so those for another than the first say which.
    """
    version = ET.parse(SOURCE / "package.xml").findtext("version")
    if version is None:
        message = "package.xml names no version"
        raise SetupError(message)
    is_other = ros_distribution() is None and RELEASES[0] != RELEASE
    return f"{version}+{RELEASE}" if is_other else version


setup(
    version=package_version(),
    install_requires=run_requirements(),
    extras_require={"bench": list(BENCH), "demo": list(DEMO), "test": list(TEST)},
    setup_requires=build_requirements(),
    packages=[],
    # Not the list of what is installed (StagedData has that), but the sign that there is something.
    data_files=[(f"share/{PACKAGE}", ["package.xml"])],
    distclass=BinaryDistribution,
    cmdclass={
        "build_ext": CMakeBuild,
        "install_data": StagedData,
        "editable_wheel": NoEditableWheel,
    },
)
