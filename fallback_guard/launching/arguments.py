# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Launch arguments as tables: one row says name, default, meaning and what is allowed.

Launch arguments are text.  All of them are checked before anything is started, and the first that cannot be used ends
the launch with one message.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from fallback_guard.core.identifiers import printable
from fallback_guard.core.parameters import Value
from fallback_guard.core.unusable import UnusableError

LOG_LEVELS: Final = ("debug", "info", "warn", "error", "fatal")
NAME_CHARS_MAX: Final = 64

_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SHOWN_MAX: Final = 200


class ArgumentError(UnusableError):
    """An argument that cannot be used.  The message names the launch file, the argument, and what is allowed."""


class _WrongError(ValueError):
    """Says what is wrong with a value, to stand behind it in a message."""


class Kind(Enum):
    """What an argument holds; the value is what is allowed, for people."""

    TEXT = "any text"
    BOOLEAN = "true or false"
    FILE = "a file that exists"
    FOLDER = "a folder, which is made where it is missing, or nothing"
    NAMESPACE = (
        "names of letters, digits and _ that begin with no digit, with / between them, or nothing"
    )
    WHOLE = "a whole number"
    NUMBER = "a number"
    CHOICE = "one of a list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One row.  `minimum` and `maximum` bound numbers, `choices` lists what a CHOICE may be."""

    name: str
    default: str
    meaning: str
    kind: Kind = Kind.TEXT
    minimum: float = -math.inf
    maximum: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What is allowed, for people."""
        if self.choices:
            return " or ".join(self.choices)
        if self.kind in (Kind.WHOLE, Kind.NUMBER):
            return f"{self.kind.value} from {self.minimum:g} to {self.maximum:g}"
        return str(self.kind.value)

    @property
    def description(self) -> str:
        """What `--show-args` says."""
        return f"{self.meaning} Allowed: {self.allowed}."

    def checked(self, text: str) -> Value:
        """Return the argument's value.  Raises ValueError with what is wrong, where there is more to say."""
        match self.kind:
            case Kind.BOOLEAN:
                return _BOOLEANS[text.lower()]
            case Kind.WHOLE:
                return int(self._in_range(int(text)))
            case Kind.NUMBER:
                return self._in_range(float(text))
            case Kind.FILE:
                return _file(text)
            case Kind.FOLDER:
                return _folder(text)
            case Kind.NAMESPACE:
                return _namespace(text)
            case Kind.CHOICE:
                return self.choices[self.choices.index(text)]
            case Kind.TEXT:
                return text

    def _in_range(self, number: float) -> float:
        if not self.minimum <= number <= self.maximum:
            raise ValueError
        return number


def checked(
    launch_file: str, table: Sequence[Argument], given: Mapping[str, str]
) -> dict[str, Value]:
    """Return the value of every argument.  Raises ArgumentError for the first that cannot be used."""
    values: dict[str, Value] = {}
    for row in table:
        text = given.get(row.name, row.default)
        try:
            values[row.name] = row.checked(text)
        except (ValueError, KeyError, OSError) as error:
            what = str(error) if isinstance(error, _WrongError) else ""
            shown = printable(text, chars_max=_SHOWN_MAX)
            raise ArgumentError(
                f"{launch_file}: argument {row.name!r} is {shown!r}{what}; allowed: {row.allowed}. {row.meaning}"
            ) from error
    return values


def _file(text: str) -> str:
    path = Path(text)
    if not path.exists():
        raise _WrongError(", which does not exist")
    if not path.is_file():
        raise _WrongError(", which is no file")
    with path.open("rb"):
        return str(path.resolve())


def _folder(text: str) -> str:
    if text.lower() in _BOOLEANS or "\0" in text:
        raise _WrongError(", which is no name for a folder")
    if text and Path(text).exists() and not Path(text).is_dir():
        raise _WrongError(", which is a file")
    return str(Path(text).absolute()) if text else ""


def _namespace(text: str) -> str:
    names = [part for part in text.split("/") if part]
    if len(text) > _SHOWN_MAX or "//" in text or not all(map(is_name, names)):
        raise _WrongError
    return "/".join(names)


def is_name(text: str) -> bool:
    """Tell whether `text` may be one part of a namespace."""
    return len(text) <= NAME_CHARS_MAX and _NAME.match(text) is not None
