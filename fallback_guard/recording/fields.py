# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reads a few fields of a message by the definition that its recording carries, and nothing that stands behind them.

A day holds a hundred thousand commands of dozens of waypoints each; a reader that unpacks whole messages spends its
time on these.  Plain little-endian CDR (OMG DDSI-RTPS 10.2), as the guard itself reads it.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from struct import Struct
from typing import Final

from fallback_guard.core.units import NS_PER_S
from fallback_guard.recording.definitions import (
    DEPTH_MAX,
    FIELDS_MAX,
    PRIMITIVES,
    Definition,
    DefinitionError,
    Field,
    parse,
)

Value = bool | int | float | str | bytes | tuple["Value", ...]
"""Of a field: bytes for a sequence of octets, a tuple for other sequences, with a tuple for each message in one."""

TEXT_BYTES_MAX: Final = 4_096
OCTETS_MAX: Final = 4_096
"""Of a string and of octets only so much is kept; what is longer has its true length told beside it."""

ELEMENTS_MAX: Final = 4_096
"""Of a sequence; a longer one is no message of the chain."""

_PLAIN: Final = b"\x00\x01"
_SIZES: Final = {code: Struct(f"<{code}").size for code in PRIMITIVES.values()}
_TYPES: Final[Mapping[str, type]] = {"?": bool, "f": float, "d": float}
"""Of values, by their codes; all others are int."""

_U32: Final = Struct("<I")
_HEAD_BYTES: Final = 4


class FieldsError(ValueError):
    """Bytes that are no message of the definition, or none that can be read; the message says why."""


_Step = Callable[[bytes, int, list[Value]], int]
"""Reads at an offset from the message's first field, appends the values, returns the offset after them."""


class FieldsReader:
    """Reads the wanted fields of one type of message, in the order in which they are wanted.

    A name is as in `header.stamp`; that of a sequence of octets with `#` behind it is its true length, that of a time
    or a duration with `~` behind it is all of it in nanoseconds.  With each name stands its nothing, which says its
    type: that is what is read where the recording's messages have no such field, or one of another type.
    """

    def __init__(self, type_name: str, definition: str, wanted: Mapping[str, Value]) -> None:
        """Look for the wanted fields.  Raises DefinitionError."""
        messages = parse(type_name, definition)
        flat = list(_flat(messages, messages[""], "", 0))
        names = [name for name, _ in flat]
        read = [part for name in wanted for part in _parts(name)]
        last = max((names.index(each) for each in read if each in names), default=-1)
        produced: list[tuple[str, type]] = []
        self._steps = list(_steps(messages, flat[: last + 1], produced))
        places = {name: index for index, (name, _) in enumerate(produced)}
        types = dict(produced)
        self._durations: list[tuple[int, int]] = []
        self._nothing: list[Value] = []
        missing, indices = [], []
        for name, nothing in wanted.items():
            parts = [*_parts(name)] if name.endswith("~") else [name]
            if any(types.get(part) is not type(nothing) for part in parts):
                missing.append(name)
                self._nothing.append(nothing)
                indices.append(-len(self._nothing))
            elif name.endswith("~"):
                self._durations.append((places[parts[0]], places[parts[1]]))
                indices.append(len(produced) + len(self._durations) - 1)
            else:
                indices.append(places[name])
        self._nothing.reverse()
        self._pick = itemgetter(*indices, 0) if indices else None
        self.missing = tuple(missing)
        """Fields that messages of this recording do not have, or have of another type."""

    def read(self, data: bytes) -> tuple[Value, ...]:
        """Return the wanted fields.  Raises FieldsError."""
        if data[:2] != _PLAIN:
            raise FieldsError("it is in another representation than plain little-endian CDR")
        values: list[Value] = []
        at = 0
        body = data[_HEAD_BYTES:]
        try:
            for step in self._steps:
                at = step(body, at, values)
        except struct.error:
            raise FieldsError("it ends too early") from None
        for sec, nanosec in self._durations:
            values.append(int(values[sec]) * NS_PER_S + int(values[nanosec]))  # type: ignore[arg-type]  # integers
        values += self._nothing
        return self._pick(values)[:-1] if self._pick and values else ()


def _parts(name: str) -> tuple[str, ...]:
    """Return the fields that a wanted one is made of."""
    bare = name.rstrip("#~")
    return (f"{bare}.sec", f"{bare}.nanosec") if name.endswith("~") else (bare,)


def _flat(
    messages: Mapping[str, Definition], fields: Definition, before: str, depth: int
) -> Iterator[tuple[str, Field]]:
    """Yield every field with its full name, messages laid open."""
    if depth > DEPTH_MAX:
        raise DefinitionError("messages stand in messages without end")
    for field in fields:
        name = before + field.name
        if field.length is None and field.kind in messages:
            yield from _flat(messages, messages[field.kind], f"{name}.", depth + 1)
        else:
            yield name, field


def _steps(
    messages: Mapping[str, Definition],
    flat: Sequence[tuple[str, Field]],
    produced: list[tuple[str, type]],
) -> Iterator[_Step]:
    """Yield what reads the fields, one call for each run of primitives."""
    if len(flat) > FIELDS_MAX:
        raise DefinitionError("a message has too many fields")
    run = ""
    for name, field in flat:
        if field.length is None and field.kind in _SIZES:
            run += field.kind
            produced.append((name, _TYPES.get(field.kind, int)))
            continue
        if run:
            yield _run(run)
            run = ""
        if field.length is None and field.kind == "s":
            yield _text
            produced.append((name, str))
        elif field.length is not None and field.kind == "B":
            yield _octets(field.length)
            produced += [(name, bytes), (f"{name}#", int)]
        elif field.length is not None:
            yield _sequence(_element(messages, field.kind, 0), field.length)
            produced.append((name, tuple))
        else:
            raise DefinitionError(f"field {name} is of a type that is not there: {field.kind}")
    if run:
        yield _run(run)


def _element(messages: Mapping[str, Definition], kind: str, depth: int) -> Sequence[_Step]:
    """Return what reads one element of a sequence."""
    if depth > DEPTH_MAX:
        raise DefinitionError("messages stand in messages without end")
    if kind in _SIZES:
        return [_run(kind)]
    if kind == "s":
        return [_text]
    if kind not in messages:
        raise DefinitionError(f"{kind} is not there")
    flat = list(_flat(messages, messages[kind], "", depth + 1))
    return list(_steps(messages, flat, []))


def _run(codes: str) -> _Step:
    structs = [_padded(codes, phase) for phase in range(8)]

    def read(data: bytes, at: int, values: list[Value]) -> int:
        layout = structs[at & 7]
        values += layout.unpack_from(data, at)
        return at + layout.size

    return read


@cache
def _padded(codes: str, phase: int) -> Struct:
    """Return the layout of primitives that begin at an offset of `phase` from a multiple of 8."""
    padded, at = "<", phase
    for code in codes:
        gap = -at % _SIZES[code]
        padded += "x" * gap + code
        at += gap + _SIZES[code]
    return Struct(padded)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return a length, and where what is so long begins."""
    at += -at & 3
    (count,) = _U32.unpack_from(data, at)
    return count, at + 4


def _text(data: bytes, at: int, values: list[Value]) -> int:
    at += -at & 3
    (count,) = _U32.unpack_from(data, at)
    begin = at + 4
    end: int = begin + count
    if end > len(data):
        raise FieldsError("it ends too early")
    if count <= 1:
        values.append("")
        return end
    octets = data[begin : end if count <= TEXT_BYTES_MAX else begin + TEXT_BYTES_MAX]
    # As with rclpy, what is not UTF-8 becomes U+FFFD, and the first NUL ends it.
    nul = octets.find(0)
    values.append((octets if nul < 0 else octets[:nul]).decode("utf-8", "replace"))
    return end


def _octets(length: int) -> _Step:
    def read(data: bytes, at: int, values: list[Value]) -> int:
        count, begin = (length, at) if length else _length(data, at)
        end = begin + count
        if end > len(data):
            raise FieldsError("it ends too early")
        values += (data[begin : min(end, begin + OCTETS_MAX)], count)
        return end

    return read


def _sequence(element: Sequence[_Step], length: int) -> _Step:
    def read(data: bytes, at: int, values: list[Value]) -> int:
        count, at = (length, at) if length else _length(data, at)
        if count > min(ELEMENTS_MAX, len(data)):
            raise FieldsError(f"a sequence of {count} elements stands in it")
        elements: list[Value] = []
        for _ in range(count):
            own: list[Value] = []
            for step in element:
                at = step(data, at, own)
            elements.append(own[0] if len(own) == 1 else tuple(own))
        values.append(tuple(elements))
        return at

    return read
