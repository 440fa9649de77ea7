# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Things that have to be said in two places are the same in both."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from pathlib import Path

import pytest

import fallback_guard
from fallback_guard.tools.share import share_directory
from requirements import (
    BENCH,
    COLCON,
    DEMO,
    MODEL,
    RELEASE_VARIABLE,
    RELEASES,
    RUN_PYTHON,
    RUN_ROS_WHEELS,
    TEST,
    release_suffix,
    ros_wheels,
)

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ET.parse(ROOT / "package.xml").getroot()


NUMPY_OF_THE_SYSTEM = "numpy<2"
"""What keeps pip from replacing the one that the distribution's modules were compiled for."""


def test_tests_see_the_installed_package() -> None:
    """The sources lack the generated messages; a test that imports them by accident proves little."""
    assert Path(fallback_guard.__path__[0]).resolve().is_relative_to(Path(sys.prefix).resolve())


def test_version_is_that_of_package_xml() -> None:
    assert version("fallback_guard").partition("+")[0] == PACKAGE.findtext("version")


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").iterdir()), ids=lambda path: path.name)
def test_script_is_a_console_script_too(script: Path) -> None:
    (module,) = re.findall(
        r"^from (\S+) import main$", script.read_text(encoding="utf-8"), re.MULTILINE
    )
    (console_script,) = entry_points(group="console_scripts", name=script.name)
    assert console_script.value == f"{module}:main"
    assert find_spec(module) is not None
    assert script.stat().st_mode & 0o111


def test_every_node_has_a_script() -> None:
    nodes = {path.stem for path in (ROOT / "fallback_guard/nodes").glob("*_node.py")}
    assert nodes | {"fallback-guard"} == {path.name for path in (ROOT / "scripts").iterdir()}


def test_ros_packages_are_the_same_through_both_doors() -> None:
    declared = {element.text for tag in ("depend", "exec_depend") for element in PACKAGE.iter(tag)}
    for package in RUN_ROS_WHEELS:
        assert package.partition("[")[0].replace("-", "_") in declared


@pytest.mark.parametrize("release", RELEASES)
def test_make_looks_where_the_environment_is(release: str) -> None:
    suffix = release_suffix({RELEASE_VARIABLE: release})
    printed = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "test", f"DISTRO={release}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"\n.venv{suffix}/bin/pytest " in printed


ROSDEP_NAMES = {"PyYAML": "yaml"}
"""Packages that rosdep's keys call something else than PyPI does."""


def test_what_rosdep_lacks_comes_from_pip() -> None:
    """Each Python package that is needed has a key in package.xml or a line in requirements-robot.txt."""
    keys = {f"{element.text}" for element in PACKAGE.iter("exec_depend")}
    named = {each: ROSDEP_NAMES.get(_project(each), _project(each)) for each in RUN_PYTHON}
    lacking = [each for each, name in named.items() if f"python3-{name}" not in keys]
    assert _listed("requirements-robot.txt") == sorted([*lacking, NUMPY_OF_THE_SYSTEM])


def test_the_tests_need_the_same_anywhere() -> None:
    assert _listed("requirements-test.txt") == list(TEST)


def _listed(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _project(requirement: str) -> str:
    (name,) = re.findall(r"^[A-Za-z0-9_-]+", requirement)
    return str(name)


def test_a_robot_needs_no_simulator() -> None:
    """Only who asks for it gets Gazebo: rosdep would otherwise fail where there is none."""
    conditions = {
        element.text: element.get("condition")
        for element in PACKAGE.iter("exec_depend")
        if (element.text or "").startswith("ros_gz")
    }
    wanted = "$FALLBACK_GUARD_GAZEBO == 1"
    assert conditions == {"ros_gz_bridge": wanted, "ros_gz_sim": wanted}
    assert "FALLBACK_GUARD_GAZEBO=1 rosdep" in (ROOT / "docs/gazebo.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("set_to", "needed"), [(None, False), ("", False), ("0", False), ("1", True)]
)
def test_the_condition_is_one_that_ros_reads(
    set_to: str | None,
    needed: bool,  # noqa: FBT001  # a column of a table
) -> None:
    package = pytest.importorskip("catkin_pkg.package").parse_package(str(ROOT / "package.xml"))
    package.evaluate_conditions({} if set_to is None else {"FALLBACK_GUARD_GAZEBO": set_to})
    held = {one.name for one in package.exec_depends if one.evaluated_condition}
    assert ({"ros_gz_sim", "ros_gz_bridge"} <= held) is needed
    assert "rclpy" in held


@pytest.mark.parametrize("folder", ["config", "launch", "models"])
def test_every_file_that_a_launch_needs_is_installed(folder: str) -> None:
    files = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()}
    share = share_directory()
    missing = [path for path in sorted(files) if not (share / path).is_file()]
    assert [path for path in missing if "__pycache__" not in path.parts] == []
    assert files


@pytest.mark.parametrize(
    "requirement",
    [
        *RUN_PYTHON,
        *(wheel for release in RELEASES for wheel in ros_wheels(RUN_ROS_WHEELS, release)),
        *DEMO,
        MODEL,
        *TEST,
        *COLCON,
        *BENCH,
    ],
)
def test_dependency_is_documented_with_its_range(requirement: str) -> None:
    assert f"`{requirement}`" in (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
