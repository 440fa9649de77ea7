# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What people are told to type: the files that it names are there, and links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from blocks import PAGES, ROOT, blocks

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS: Final = [block for page in PAGES for block in blocks(page) if block.language == "bash"]

ANYWHERE: Final = {
    "docs/install.md": re.compile(r"src/fallback_guard/([\w./@-]+)"),
    "docs/without-ros.md": re.compile(r"\b((?:config|docs)/[\w./@-]+)"),
}
"""How the pages for newcomers name files of the repository."""


def test_the_pages_have_blocks() -> None:
    pages = {str(block.page.relative_to(ROOT)) for block in BLOCKS}
    assert {"README.md", *ANYWHERE} <= pages


@pytest.mark.parametrize("page", ANYWHERE)
def test_files_that_are_named_are_there(page: str) -> None:
    named = ANYWHERE[page].findall((ROOT / page).read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, _, anchor in (
        link.partition("#") for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)
    ):
        found = page.parent / target if target else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
            assert anchor in anchors, f"{target}#{anchor}"


def test_the_service_is_made_ones_own() -> None:
    """The commands of docs/install.md that write the unit, with somebody in the place of its example."""
    (block,) = (block for block in BLOCKS if "enable --now" in block.text)
    commands, _, _ = block.text.partition("  sudo tee")
    unit = ROOT / "config/fallback_guard@.service"
    commands = commands.replace(
        "~/ros2_ws/src/fallback_guard/config/fallback_guard@.service", str(unit)
    )
    written = subprocess.run(
        ["bash", "-euc", f"{commands} cat"],
        env={"HOME": "/home/ada", "USER": "ada", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "\nUser=ada\n" in written
    assert ". /home/ada/ros2_ws/install/setup.bash && " in written
    assert "robot" not in written.partition("[Service]")[2].replace("ros2", "")
    assert "map_file:=/maps/hall_1.geojson" in written
    assert "LimitRTPRIO=30" in written
