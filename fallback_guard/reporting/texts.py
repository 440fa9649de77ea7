# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Makes text of strangers fit to be shown: bounded, and with nothing in it that cannot be seen.

A planner's answer, an identifier, a file's name can hold anything: NULs, terminal escapes, marks that turn the
direction of what follows.  Escaping for HTML is the template engine's, and comes after this.
"""

import unicodedata
from typing import Final

LINE_CHARS_MAX: Final = 240
BLOCK_CHARS_MAX: Final = 2_000

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode: controls, formats (direction, zero width), surrogates, private, unassigned, separators."""

_BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f")
"""Characters that are letters or marks to Unicode, and nothing to an eye."""

_MARKS_MAX: Final = 4
"""Combining marks on one character: more of them climb over the lines above."""


def line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """Return one line of at most so many characters, and a note of what was left out."""
    return _bounded(text, chars_max, keep="")


def block(text: str, chars_max: int = BLOCK_CHARS_MAX) -> str:
    """Return the same with its line breaks and tabs."""
    return _bounded(text, chars_max, keep="\n\t")


def payload(data: bytes, size_bytes: int, chars_max: int = BLOCK_CHARS_MAX) -> str:
    """Return the beginning of a payload of `size_bytes`; what is not UTF-8 as hexadecimal."""
    # A cut may go through the last character: that alone is no fault of the payload's.
    whole = data[: _whole(data)] if size_bytes > len(data) else data
    text = whole.decode("utf-8", "backslashreplace")
    shown = block(text[:chars_max], chars_max)
    left_out = size_bytes - len(text[:chars_max].encode("utf-8", "surrogatepass"))
    if len(text) <= chars_max and size_bytes <= len(data):
        return shown
    return f"{shown}\n… {max(left_out, size_bytes - len(data))} bytes more"


def _whole(data: bytes) -> int:
    """Return how many bytes of a beginning are whole characters."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:  # noqa: PLR2004  # ASCII
            break
        if byte >= 0xC0:  # noqa: PLR2004  # a first byte, of so many
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4  # noqa: PLR2004
            return len(data) - back if needed > back else len(data)
    return len(data)


def _bounded(text: str, chars_max: int, *, keep: str) -> str:
    kept = text[:chars_max]
    parts: list[str] = []
    marks = 0
    for char in kept:
        category = "Ll" if char.isascii() and char.isalnum() else unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if char in keep or (
            category not in _UNSEEN and char not in _BLANKS and marks <= _MARKS_MAX
        ):
            parts.append(char)
        else:
            parts.append(f"⟨U+{ord(char):04X}⟩")
    if len(text) > chars_max:
        parts.append(f"… {len(text) - chars_max} characters more")
    return "".join(parts)
