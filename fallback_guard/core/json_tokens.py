# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reading a text that may or may not be JSON: its brackets, its strings, and where a strict reader stops."""

import json
import math
import re
from typing import Final, NoReturn

import numpy as np

INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**64 - 1
"""The integers that a 64-bit type holds, signed or not.  Beyond them readers differ (RFC 8259, section 6)."""

_DIGITS_MAX: Final = len(str(INTEGER_MAX))
_NOT_ZERO: Final = re.compile(r"[^eE]*[1-9]")
_BLANK: Final = ord(" ")
_QUOTE: Final = ord('"')
_STEP: Final = np.zeros(256, dtype=np.int16)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1


def without_strings(payload: bytes) -> bytes:
    """Return `payload` with blanks for what stands within double quotes, every other byte at its place.

    Exact as far as `payload` is the beginning of a JSON text in UTF-8.
    """
    # A run of backslashes in a string begins there, so pairs counted from the left are escapes.
    escapes_gone = payload.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    quotes = np.frombuffer(escapes_gone, dtype=np.uint8) == _QUOTE
    within = np.logical_xor.accumulate(quotes)
    return np.where(within, np.uint8(_BLANK), np.frombuffer(payload, dtype=np.uint8)).tobytes()


def depth(bare: bytes) -> int:
    """Return how deep brackets nest in what `without_strings` left of a payload."""
    steps = _STEP[np.frombuffer(bare, dtype=np.uint8)]
    return max(0, int(np.cumsum(steps, dtype=np.int32).max(initial=0)))


class NotFiniteError(Exception):
    """NaN or an Infinity stands where JSON has a value."""


class JsonReader:
    """Reads one strict JSON value, and remembers what JSON allows and readers do not agree on.

    `duplicates` has one key for each object in which a key stands twice; `out_of_range` has the numbers, as they
    are written, that are neither 64-bit integers nor doubles.
    """

    __slots__ = ("_decoder", "duplicates", "out_of_range")

    def __init__(self) -> None:
        """Begin with nothing found."""
        self.duplicates: list[str] = []
        self.out_of_range: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=self._float,
            parse_constant=_constant,
        )

    def end_of_value(self, text: str, start: int) -> int:
        """Return where the value that begins at `start` ends.

        Raises json.JSONDecodeError where the text stops being JSON, and NotFiniteError.  A text that nests
        deeper than Python's stack has to be kept away.
        """
        end: int = self._decoder.raw_decode(text, start)[1]
        return end

    def _object(self, pairs: list[tuple[str, object]]) -> None:
        if len(pairs) < 2 or len(dict(pairs)) == len(pairs):  # noqa: PLR2004  # one key alone
            return
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                self.duplicates.append(key)
                return
            seen.add(key)

    def _integer(self, literal: str) -> None:
        if len(literal) < _DIGITS_MAX - 1:
            return
        # Converting what is longer would take time for nothing, and Python refuses 4,300 digits.
        if len(literal) > _DIGITS_MAX or not INTEGER_MIN <= int(literal) <= INTEGER_MAX:
            self.out_of_range.append(literal)

    def _float(self, literal: str) -> None:
        value = float(literal)
        if math.isinf(value) or (value == 0.0 and _NOT_ZERO.match(literal)):
            self.out_of_range.append(literal)


def _constant(name: str) -> NoReturn:
    raise NotFiniteError(name)
