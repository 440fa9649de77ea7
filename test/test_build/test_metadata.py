# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The wheel asks for ROS 2 from PyPI exactly where there is none, and ROS 2's own tools can read about the package."""

from __future__ import annotations

import os
import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from catkin_pkg.changelog import get_changelog_from_path
from catkin_pkg.package import parse_package

from requirements import (
    BACKEND,
    BUILD_ROS_WHEELS,
    RELEASE_VARIABLE,
    RELEASES,
    RUN_PYTHON,
    RUN_ROS_WHEELS,
    ReleaseError,
    ros_distribution,
    ros_release,
    ros_wheels,
    run_requirements,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]

# As pip calls them: first what building takes, then the metadata, whose folder's name is returned.
HOOKS = """
import sys
from setuptools import build_meta
target = sys.argv[1]  # the hooks leave another argv behind
build = build_meta.get_requires_for_build_wheel()
folder = build_meta.prepare_metadata_for_build_wheel(target)
print("BUILD", *build, sep="|")
print(folder)
"""


@pytest.fixture
def distribution(tmp_path: Path) -> dict[str, str]:
    """Return what a distribution's set-up file sets, over a prefix that has rclpy."""
    prefix = tmp_path / "opt/ros/jazzy"
    (prefix / "share/rclpy").mkdir(parents=True)
    (prefix / "share/rclpy/package.xml").touch()
    return {"ROS_DISTRO": "jazzy", "AMENT_PREFIX_PATH": f"{tmp_path / 'overlay'}:{prefix}"}


def _requirements(extra: Mapping[str, str], folder: Path) -> tuple[list[str], list[str]]:
    """Return what the hooks answer: requirements to build and requirements to run, extras left out."""
    said = ("ROS_DISTRO", "AMENT_PREFIX_PATH", RELEASE_VARIABLE)
    unsourced = {key: os.environ[key] for key in os.environ if key not in said}
    # egg_info is written beside setup.py, so the hooks get links to the sources in a folder of their own.
    for path in ROOT.iterdir():
        if (
            path.name != "build"
            and not path.name.startswith(".venv")
            and not path.name.endswith(".egg-info")
        ):
            (folder / path.name).symlink_to(path)
    answer = subprocess.run(
        [sys.executable, "-c", HOOKS, str(folder)],
        cwd=folder,
        env={**unsourced, **extra},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    metadata = Parser().parsestr((folder / answer[-1] / "METADATA").read_text(encoding="utf-8"))
    run = [value for value in metadata.get_all("Requires-Dist", []) if "extra ==" not in value]
    (build,) = (line.split("|")[1:] for line in answer if line.startswith("BUILD|"))
    return build, run


def _names(requirements: list[str]) -> set[str]:
    return {requirement.split("<")[0].split(">")[0].split("[")[0] for requirement in requirements}


@pytest.mark.parametrize("release", RELEASES)
def test_without_a_distribution_ros_comes_from_pypi(release: str, tmp_path: Path) -> None:
    asked = {} if release == RELEASES[0] else {RELEASE_VARIABLE: release}
    build, run = _requirements(asked, tmp_path)
    assert _names(ros_wheels(BUILD_ROS_WHEELS, release)) <= _names(build)
    assert _names(run) == _names([*RUN_PYTHON, *ros_wheels(RUN_ROS_WHEELS, release)])


def test_with_a_distribution_nothing_of_ros_comes_from_pypi(
    distribution: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    build, run = _requirements(distribution, tmp_path_factory.mktemp("source"))
    assert not [name for name in _names(build + run) if name.startswith("ros-")]
    assert _names(run) == _names(list(RUN_PYTHON))


def test_a_name_without_a_prefix_is_no_distribution(tmp_path: Path) -> None:
    assert ros_distribution({"ROS_DISTRO": "jazzy"}) is None
    assert ros_distribution({"ROS_DISTRO": "jazzy", "AMENT_PREFIX_PATH": str(tmp_path)}) is None


def test_a_prefix_without_a_name_is_no_distribution(distribution: dict[str, str]) -> None:
    """The wheels' prefix is one when a workspace is built over it."""
    assert ros_distribution(distribution) == "jazzy"
    del distribution["ROS_DISTRO"]
    assert ros_distribution(distribution) is None


def test_a_release_that_nobody_has_is_refused_by_its_name() -> None:
    with pytest.raises(ReleaseError, match="DISTRO=humble is not to be had: it is jazzy or kilted"):
        run_requirements({RELEASE_VARIABLE: "humble"})


def test_a_distribution_is_the_release(distribution: dict[str, str]) -> None:
    """Also one without wheels; to ask for another beside it is a contradiction."""
    assert ros_release(distribution | {"ROS_DISTRO": "humble"}) == "humble"
    assert ros_release(distribution | {RELEASE_VARIABLE: "jazzy"}) == "jazzy"
    with pytest.raises(ReleaseError, match="ROS 2 jazzy is sourced"):
        ros_release(distribution | {RELEASE_VARIABLE: "kilted"})


def test_an_unknown_release_ends_make_in_one_sentence() -> None:
    """Before anything is made for it."""
    ended = subprocess.run(
        [sys.executable, ROOT / "build_tools/environment.py"],
        env={"PATH": os.environ["PATH"], RELEASE_VARIABLE: "../humble"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == "DISTRO=../humble is not to be had: it is jazzy or kilted.\n"
    assert ended.stdout == ""


def test_the_tables_have_a_column_for_each_release() -> None:
    for table in (RUN_ROS_WHEELS, BUILD_ROS_WHEELS):
        assert {len(versions) for versions in table.values()} == {len(RELEASES)}


def test_backend_is_asked_for_alike() -> None:
    assert f'requires = ["{BACKEND}"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_ros_tools_read_the_package() -> None:
    warnings: list[str] = []
    package = parse_package(str(ROOT / "package.xml"))
    package.validate(warnings)
    assert warnings == []
    assert {url.type for url in package.urls} == {"website", "repository", "bugtracker"}
    assert (ROOT / package.licenses[0].file).is_file()
    assert package.authors


def test_bloom_reads_the_changelog() -> None:
    changelog = get_changelog_from_path(str(ROOT / "CHANGELOG.rst"), "fallback_guard")
    version = parse_package(str(ROOT / "package.xml")).version
    assert version in [each for each, _, _ in changelog.foreach_version()]
    assert changelog.get_date_of_version(version)
    assert changelog.get_content_of_version(version)
