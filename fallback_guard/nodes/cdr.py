# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Messages as the bytes that DDS carries: plain CDR (OMG DDSI-RTPS 10.2), as every middleware of ROS 2 writes it.

rclpy's own conversion builds a Python object for each field of each nested message, and unpacks all that was sent
before anything can be checked.  `Reader` stops where a limit says so, and a `Layout`, read off a message class's own
description, writes plain values several times quicker.  `test/nodes/test_cdr.py` holds both to rclpy's conversion.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from itertools import chain, groupby, islice
from re import fullmatch
from struct import Struct
from typing import Final, Protocol

LITTLE_ENDIAN: Final = b"\x00\x01\x00\x00"
"""What a plain CDR message begins with on nearly every machine there is."""

_ALIGNMENT_MAX: Final = 8
_U32: Final = Struct("<I")
_PADDING: Final = tuple(bytes(count) for count in range(_ALIGNMENT_MAX))

_PRIMITIVES: Final = {
    "boolean": "?",
    "octet": "B",
    "uint8": "B",
    "int8": "b",
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "uint64": "Q",
    "int64": "q",
    "float": "f",
    "double": "d",
}
"""Types of the interface definition language, with their codes for `struct`; their size is their alignment."""

_SIZES: Final = {code: Struct(f"<{code}").size for code in _PRIMITIVES.values()}

Values = Sequence[object]
"""The values of a message: flat, in the order of its fields, nested messages laid open; a sequence is one value."""


class UndecodableError(ValueError):
    """Bytes that are no message of the type that was to be read."""


class Reader:
    """Reads one message field by field.  Raises UndecodableError where the bytes end before a field does."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        """Begin at the first field.  Raises UndecodableError for anything but plain little-endian CDR."""
        if data[:4] != LITTLE_ENDIAN:
            raise UndecodableError(f"it begins with {data[:4].hex() or 'nothing'}")
        self._data = data
        self._at = 4

    def primitives(self, layout: Struct, alignment: int) -> tuple[int, ...]:
        """Return consecutive primitives of one alignment, at which they are laid out without gaps."""
        at = self._at + (4 - self._at) % alignment
        try:
            values: tuple[int, ...] = layout.unpack_from(self._data, at)
        except struct.error:
            raise UndecodableError("it ends too early") from None
        self._at = at + layout.size
        return values

    def u32(self) -> int:
        """Return an unsigned integer."""
        at = self._at + (-self._at & 3)
        if at + 4 > len(self._data):
            raise UndecodableError("it ends too early")
        self._at = at + 4
        return int.from_bytes(self._data[at : self._at], "little")

    def octets(self, bytes_max: int) -> bytes:
        """Return the first `bytes_max` bytes of a sequence of octets, and pass over the others."""
        count = self.u32()
        begin = self._at
        if count > len(self._data) - begin:
            raise UndecodableError("it ends too early")
        self._at = begin + count
        return self._data[begin : begin + min(count, bytes_max)]

    def text(self, bytes_max: int) -> str:
        """Return a string, of which at most the first `bytes_max` bytes are looked at.

        As with rclpy, what is not UTF-8 becomes U+FFFD, and the first NUL ends it.
        """
        octets = self.octets(bytes_max + 1)
        end = octets.find(0)
        return octets[: end if end >= 0 else bytes_max].decode("utf-8", "replace")


class MessageClass(Protocol):
    """A generated message class, as far as it describes its fields."""

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """Return each field's name with its type."""


class Layout:
    """Writes messages of one class from plain values.

    Knows primitives, strings, nested messages and unbounded sequences of messages, which is what this package's
    messages are made of.  Raises TypeError for a class with anything else.
    """

    def __init__(self, message: MessageClass) -> None:
        """Lay the fields of the class open."""
        self._write = _compiled(list(_flat(message)))

    def write(self, values: Values) -> bytes:
        """Return the message.  Raises struct.error for a value that its field cannot hold."""
        parts = [LITTLE_ENDIAN]
        self._write(parts, 0, iter(values))
        return b"".join(parts)


_Write = Callable[[list[bytes], int, Iterator[object]], int]
"""Appends the values of some fields at an offset from the message's first field; returns the offset after them."""

_Field = str | list["_Field"]
"""The code of a primitive, `_STRING`, or a list of these for a sequence of such elements."""

_STRING: Final = "s"

_CHUNK_MAX: Final = 64
"""Elements laid out at a time: the layouts of all powers of two up to it are kept."""


def _flat(message: MessageClass) -> Iterator[_Field]:
    for name, kind in message.get_fields_and_field_types().items():
        if kind in _PRIMITIVES:
            yield _PRIMITIVES[kind]
        elif kind == "string":
            yield _STRING
        elif nested := fullmatch(r"(\w+/\w+)", kind):
            yield from _flat(_message_class(nested[1]))
        elif sequence := fullmatch(r"sequence<(\w+/\w+)>", kind):
            yield list(_flat(_message_class(sequence[1])))
        else:
            raise TypeError(f"field {name} of type {kind} cannot be written")


def _message_class(name: str) -> MessageClass:
    package, _, kind = name.partition("/")
    found: MessageClass = getattr(import_module(f"{package}.msg"), kind)
    return found


def _compiled(fields: Sequence[_Field]) -> _Write:
    """Return what writes these fields: one call for each run of primitives, each string and each sequence."""
    writes: list[_Write] = []
    for is_run, group in groupby(fields, key=_is_primitive):
        if is_run:
            writes.append(_run("".join(str(code) for code in group)))
        else:
            writes += [_sequence(field) if isinstance(field, list) else _text for field in group]

    def write(parts: list[bytes], at: int, values: Iterator[object]) -> int:
        for each in writes:
            at = each(parts, at, values)
        return at

    return write


def _is_primitive(field: _Field) -> bool:
    return isinstance(field, str) and field != _STRING


def _run(codes: str) -> _Write:
    """Return what writes primitives one after the other, each at its alignment."""
    structs = [_padded(codes, phase) for phase in range(_ALIGNMENT_MAX)]
    count = len(codes)

    def write(parts: list[bytes], at: int, values: Iterator[object]) -> int:
        layout = structs[at % _ALIGNMENT_MAX]
        parts.append(layout.pack(*islice(values, count)))
        return at + layout.size

    return write


@cache
def _padded(codes: str, phase: int) -> Struct:
    """Return the layout of primitives that begin at an offset of `phase` from a multiple of 8."""
    padded, at = "<", phase
    for code in codes:
        gap = -at % _SIZES[code]
        padded += "x" * gap + code
        at += gap + _SIZES[code]
    return Struct(padded)


def _text(parts: list[bytes], at: int, values: Iterator[object]) -> int:
    encoded = str(next(values)).encode()
    padding = -at & 3
    parts.append(_PADDING[padding] + _U32.pack(len(encoded) + 1) + encoded + b"\0")
    return at + padding + 5 + len(encoded)


def _sequence(element: Sequence[_Field]) -> _Write:
    is_run = all(_is_primitive(field) for field in element)
    write_elements = _all_of_run("".join(map(str, element))) if is_run else _each(element)

    def write(parts: list[bytes], at: int, values: Iterator[object]) -> int:
        elements = next(values)
        assert isinstance(elements, Sequence)
        padding = -at & 3
        parts.append(_PADDING[padding] + _U32.pack(len(elements)))
        return write_elements(parts, at + padding + 4, elements)

    return write


_WriteAll = Callable[[list[bytes], int, Sequence[Values]], int]
"""Appends all elements of a sequence."""


def _each(element: Sequence[_Field]) -> _WriteAll:
    write = _compiled(element)

    def write_all(parts: list[bytes], at: int, elements: Sequence[Values]) -> int:
        for each in elements:
            at = write(parts, at, iter(each))
        return at

    return write_all


def _all_of_run(codes: str) -> _WriteAll:
    """Return what writes elements of primitives in a few calls: as many at a time as a power of two holds."""
    width = len(codes)

    def write_all(parts: list[bytes], at: int, elements: Sequence[Values]) -> int:
        values, left = chain.from_iterable(elements), len(elements)
        while left:
            count = min(_CHUNK_MAX, 1 << left.bit_length() - 1)
            layout = _padded(codes * count, at % _ALIGNMENT_MAX)
            parts.append(layout.pack(*islice(values, width * count)))
            at += layout.size
            left -= count
        return at

    return write_all
