# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reads the definitions that a recording carries (`ros2msg` of MCAP): which fields a message has, and in which order.

A recording of another version of this package says itself what its messages look like, so nothing is assumed of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PRIMITIVES: Final[Mapping[str, str]] = {
    "bool": "?",
    "byte": "B",
    "char": "B",
    "uint8": "B",
    "int8": "b",
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "uint64": "Q",
    "int64": "q",
    "float32": "f",
    "float64": "d",
}
"""Primitive types of message definitions, with their codes for `struct`; their size is their alignment."""

DEFINITION_CHARS_MAX: Final = 262_144
FIELDS_MAX: Final = 2_000
"""More than any message has: what is longer is not looked at."""

DEPTH_MAX: Final = 16
"""Of messages in messages."""

_SEPARATOR: Final = re.compile(r"^=+$\nMSG: *(\S+)$", re.MULTILINE)
_FIELD: Final = re.compile(
    r"(?P<type>[a-zA-Z]\w*(?:/\w+){0,2})(?:<=\d+)?(?P<array>\[(?P<bound><?=?\d*)\])?\s+(?P<name>[a-zA-Z]\w*)\b(?!\s*=)"
)


class DefinitionError(ValueError):
    """A definition that is none, or that names what it does not bring along; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field: `kind` is a primitive's code, "s" for a string, or a message's name.

    `length` is None for one value, 0 for a sequence whose length is in the message, else that of a fixed array.
    """

    name: str
    kind: str
    length: int | None


Definition = tuple[Field, ...]


def parse(type_name: str, text: str) -> dict[str, Definition]:
    """Return the fields of a message, by the name "", and of every message in it, by their names.

    Raises DefinitionError.
    """
    if len(text) > DEFINITION_CHARS_MAX:
        raise DefinitionError(f"the definition of {type_name} is too long")
    root, *others = _SEPARATOR.split(text)
    texts = {"": root, **dict(zip(map(_short, others[::2]), others[1::2], strict=True))}
    package = type_name.partition("/")[0]
    found = {}
    for name, each in texts.items():
        own = name.partition("/")[0] or package
        found[name] = tuple(_fields(each, own))
        if len(found[name]) > FIELDS_MAX:
            raise DefinitionError(f"the definition of {type_name} has too many fields")
    return found


def _fields(text: str, package: str) -> list[Field]:
    fields = []
    for line in text.splitlines():
        match = _FIELD.match(line.partition("#")[0].strip())
        if match is None:
            continue  # a constant, a comment, nothing
        bound = match["bound"]
        fixed = bound is not None and bound.isdigit()
        fields.append(
            Field(
                name=match["name"],
                kind=_kind(match["type"], package),
                length=None if match["array"] is None else int(bound) if fixed else 0,
            )
        )
    return fields


def _kind(name: str, package: str) -> str:
    if name in PRIMITIVES:
        return PRIMITIVES[name]
    if name == "string":
        return "s"
    if name == "wstring":
        return "wstring"  # in no message of the chain, and nobody can lay it out
    return _short(name) if "/" in name else f"{package}/{name}"


def _short(name: str) -> str:
    """Return std_msgs/Header for std_msgs/msg/Header."""
    return name.replace("/msg/", "/")
