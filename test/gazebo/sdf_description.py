# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What SDF allows, by the descriptions from which Gazebo's parser itself works.

The parser passes over elements and attributes that it does not know.  This does not.  (The package of the parser has
XML schemas, too, but they lack two of the files that they include, and no processor of XML schemas takes them.)
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def _numbers(*counts: int) -> re.Pattern[str]:
    several = "|".join(rf"{_NUMBER}(?:\s+{_NUMBER}){{{count - 1}}}" for count in counts)
    return re.compile(rf"\s*(?:{several})\s*")


TEXTS: Final = {
    "bool": re.compile(r"\s*(?:true|false|0|1)\s*"),
    "color": _numbers(3, 4),
    "double": _numbers(1),
    "float": _numbers(1),
    "int": re.compile(r"\s*[-+]?\d+\s*"),
    "pose": _numbers(6),
    "string": re.compile(r".+", re.DOTALL),
    "unsigned int": re.compile(r"\s*\d+\s*"),
    "vector2d": _numbers(2),
    "vector3": _numbers(3),
}
"""What the text of each type of element looks like."""

ONCE: Final = ("0", "1")
"""`required` of an element that may be there once at most."""


@dataclass(slots=True, kw_only=True)
class Described:
    """One element: the type of its text, its attributes, and its children with `required` of each."""

    type: str | None
    anything: bool = False
    attributes: dict[str, bool] = field(default_factory=dict)
    children: dict[str, tuple[str, Described]] = field(default_factory=dict)


@cache
def described(file: Path) -> Described:
    """Read a description and those that it includes."""
    return _included(file, {})[1]


def _read(
    source: ET.Element, file: Path, above: dict[str, Described], *, is_file: bool = False
) -> Described:
    """Read one element.  `above` are the files that are being read, by their names: some come again in themselves."""
    found = Described(type=source.get("type"))
    above = above | {file.stem: found} if is_file else above
    for part in source:
        if part.tag == "attribute":
            found.attributes[part.attrib["name"]] = part.get("required") == "1"
        elif part.tag == "element":
            if part.get("copy_data") == "true":
                found.anything = True
                continue
            name = part.attrib["name"]
            child = above[part.attrib["ref"]] if "ref" in part.attrib else _read(part, file, above)
            found.children[name] = (part.get("required", "0"), child)
        elif part.tag == "include":
            name, child = _included(file.parent / part.attrib["filename"], above)
            found.children[name] = (part.get("required", "0"), child)
    return found


def _included(file: Path, above: dict[str, Described]) -> tuple[str, Described]:
    if not file.is_file():  # Debian's package forgets one, of a sensor for satellites.
        return file.stem, Described(type=None, anything=True)
    root = ET.parse(file).getroot()  # noqa: S314  # the parser's own
    name = root.attrib["name"]
    return name, above.get(file.stem) or _read(root, file, above, is_file=True)


def problems(element: ET.Element, by: Described, path: str = "") -> Iterator[str]:
    """Yield what an element and all in it have that is not described, or lack."""
    if by.anything:
        return
    path = f"{path}/{element.tag}"
    yield from _own_problems(element, by, path)
    for child in element:
        if child.tag in by.children:
            yield from problems(child, by.children[child.tag][1], path)
        else:
            yield f"{path}: no element {child.tag}"


def _own_problems(element: ET.Element, by: Described, path: str) -> Iterator[str]:
    for name in element.attrib.keys() - by.attributes.keys():
        yield f"{path}: no attribute {name}"
    for name, required in by.attributes.items():
        if required and name not in element.attrib:
            yield f"{path}: attribute {name} is missing"
    text = TEXTS.get(by.type or "")
    if text is not None and len(element) == 0 and element.text and not text.fullmatch(element.text):
        yield f"{path}: {element.text!r} is no {by.type}"
    for tag, count in Counter(child.tag for child in element).items():
        if tag in by.children and by.children[tag][0] in ONCE and count > 1:
            yield f"{path}: {count} times {tag}"
