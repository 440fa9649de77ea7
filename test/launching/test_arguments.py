# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Launch arguments are checked one by one, and each refusal says which, what is allowed, and why it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.launching.arguments import Argument, ArgumentError, Kind, checked
from fallback_guard.launching.common import SETTINGS, settings

if TYPE_CHECKING:
    from pathlib import Path

TABLE: Final = tuple(
    Argument(
        name=kind.name.lower(),
        default={"BOOLEAN": "true", "WHOLE": "3", "NUMBER": "0.5", "CHOICE": "a"}.get(
            kind.name, ""
        ),
        meaning="For a test.",
        kind=kind,
        minimum=0,
        maximum=10,
        choices=("a", "b") if kind is Kind.CHOICE else (),
    )
    for kind in Kind
    if kind is not Kind.FILE
)


def value(name: str, text: str) -> object:
    return checked("x.launch.py", TABLE, {name: text})[name]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("boolean", "True", True),
        ("boolean", "false", False),
        ("boolean", "0", False),
        ("whole", "0", 0),
        ("whole", "10", 10),
        ("number", "0.25", 0.25),
        ("number", "10", 10.0),
        ("choice", "b", "b"),
        ("text", "anything: at all", "anything: at all"),
        ("namespace", "", ""),
        ("namespace", "/", ""),
        ("namespace", "/hall_1/picker_2/", "hall_1/picker_2"),
        ("folder", "", ""),
    ],
)
def test_what_is_allowed_is_taken(name: str, text: str, expected: object) -> None:
    assert value(name, text) == expected
    assert type(value(name, text)) is type(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boolean", ""),
        ("boolean", "maybe"),
        ("boolean", "yes"),
        ("boolean", "2"),
        ("whole", "-1"),
        ("whole", "11"),
        ("whole", "1.5"),
        ("whole", ""),
        ("whole", "9" * 5_000),
        ("number", "nan"),
        ("number", "inf"),
        ("number", "-inf"),
        ("number", "1e400"),
        ("number", "10.001"),
        ("choice", "c"),
        ("choice", "A"),
        ("namespace", "picker-1"),
        ("namespace", "1st"),
        ("namespace", "a//b"),
        ("namespace", "a b"),
        ("namespace", "a\n"),
        ("namespace", "h\u00e4ll"),
        ("namespace", "a" * 65),
        ("namespace", "/a" * 1_000),
        ("folder", "true"),
        ("folder", "0"),
        ("folder", "/dev/null"),
        ("folder", "a\0b"),
    ],
)
def test_what_is_not_allowed_ends_in_one_message(name: str, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        value(name, text)
    message = str(caught.value)
    assert message.startswith(f"x.launch.py: argument {name!r} is ")
    assert "allowed: " in message
    assert message.endswith("For a test.")
    assert message.isprintable()
    assert len(message) < 600


def test_a_file_has_to_be_there(tmp_path: Path) -> None:
    row = Argument(name="map_file", default="", kind=Kind.FILE, meaning="A map.")
    path = tmp_path / "map.geojson"
    path.touch()
    assert checked("x", (row,), {"map_file": str(path)}) == {"map_file": str(path.resolve())}
    for missing, says in (
        (str(tmp_path / "nowhere"), "does not exist"),
        (str(tmp_path), "which is no file"),
        ("", "which is no file"),
        ("n" * 10_000, "allowed: a file that exists"),
        ("nul\0", "allowed: a file that exists"),
    ):
        with pytest.raises(ArgumentError, match=says):
            checked("x", (row,), {"map_file": missing})


def test_the_first_that_cannot_be_used_is_named() -> None:
    with pytest.raises(ArgumentError, match="'boolean'"):
        checked("x", TABLE, {"boolean": "maybe", "whole": "many"})


def test_defaults_are_allowed_and_described() -> None:
    values = checked("x", SETTINGS, {})
    assert settings(values).respawn is True
    for row in SETTINGS:
        assert row.meaning.endswith(".")
        assert row.allowed in row.description
