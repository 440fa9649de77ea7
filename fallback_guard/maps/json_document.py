# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The JSON of a map or a layout, read so that it means one thing only."""

import json
from dataclasses import dataclass
from typing import Final, NoReturn

import orjson

from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import MAP_BYTES_MAX
from fallback_guard.core.unusable import UnusableError

_IDS: Final = ("id", "nodeId", "edgeId", "stationId", "layoutId")
"""Keys by which GeoJSON and LIF name a thing."""


class MapError(UnusableError):
    """A map that cannot be used.  The message names the file, the feature and the remedy."""

    def __init__(self, *, where: str, problem: str, remedy: str) -> None:
        """Join the three parts of the message."""
        super().__init__(f"{where}: {problem}. {remedy}")


class _NotFiniteError(ValueError):
    """NaN or Infinity, which Python's parser would take."""


@dataclass(slots=True, eq=False)
class _Repeated:
    """A key that an object says again, and the id of that object or of one around it, where it has one."""

    key: str
    identity: object


class _Keys:
    """Called with each object as it ends, the inner ones first; keeps nothing but the first repeated key."""

    def __init__(self) -> None:
        self.first: _Repeated | None = None

    def __call__(self, pairs: list[tuple[str, object]]) -> object:
        """Return what stands for the object in the one around it: its id, or the repeated key in it."""
        members = dict(pairs)
        identity = next((members[key] for key in _IDS if key in members), members.get("properties"))
        if self.first is None:
            if len(members) == len(pairs):
                return identity
            self.first = _Repeated(_first_repeated(pairs), identity)
        elif self.first.identity is None and self.first in members.values():
            self.first.identity = None if identity is self.first else identity
        else:
            return identity
        return self.first


def _first_repeated(pairs: list[tuple[str, object]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            break
        seen.add(key)
    return key


def _refuse_constant(name: str) -> NoReturn:
    raise _NotFiniteError(name)


def json_document(data: bytes, *, source: str, remedy: str) -> object:
    """Return what the bytes say; `source` names them in messages, `remedy` is for what is too large.

    Raises MapError for what is too large, is not UTF-8 text, is not JSON, holds NaN or Infinity, nests too
    deeply, or says a key of an object twice: parsers differ in which of the two they take.
    """

    def refusal(problem: str, remedy: str = "Export it again") -> MapError:
        return MapError(where=source, problem=problem, remedy=remedy)

    if len(data) > MAP_BYTES_MAX:
        raise refusal(f"it is over the limit of {MAP_BYTES_MAX} bytes", remedy)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _not_text(source) from error
    if text.startswith("\ufeff") or "\0" in text[:2]:
        raise _not_text(source)
    keys = _Keys()
    try:
        json.loads(text, object_pairs_hook=keys, parse_constant=_refuse_constant)
        document: object = orjson.loads(data) if keys.first is None else None
    except json.JSONDecodeError as error:  # Of either parser.
        raise refusal(
            f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except _NotFiniteError as error:
        raise refusal(f"it is not JSON: {error} is no number there") from error
    except RecursionError as error:
        raise refusal("it is not JSON of a map: it nests too deeply") from error
    except ValueError as error:  # Python makes no number of thousands of digits.
        raise refusal("it has a number of too many digits") from error
    if keys.first is not None:
        raise refusal(_said(keys.first), "Write each key of an object once")
    return document


def _not_text(source: str) -> MapError:
    return MapError(
        where=source,
        problem="it is not UTF-8 text (packed, or in another encoding)",
        remedy="Unpack it, or save it as UTF-8 without a byte order mark",
    )


def _said(repeated: _Repeated) -> str:
    identity = repeated.identity
    within = f" in what has id {printable(str(identity))}" if _is_name(identity) else ""
    return f"key {printable(repeated.key)!r} is there twice{within}"


def _is_name(identity: object) -> bool:
    return isinstance(identity, int | float | str)
