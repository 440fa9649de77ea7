# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What may name a request, a robot, a bin or a stock keeping unit."""

import re
from typing import Final

from fallback_guard.core.limits import IDENTIFIER_CHARS_MAX

IDENTIFIER_PATTERN: Final = rf"^[A-Za-z0-9_.:\-]{{1,{IDENTIFIER_CHARS_MAX}}}$"
"""As a regular expression that JSON schema and Python read alike."""

_IDENTIFIER: Final = re.compile(IDENTIFIER_PATTERN.removesuffix("$") + r"\Z")


def is_identifier(text: str) -> bool:
    """Tell whether `text` may name something.

    Refuses the empty string, NUL, U+FFFD (what DDS leaves where UTF-8 was broken) and everything longer
    than the limit, without looking at more than that.
    """
    return len(text) <= IDENTIFIER_CHARS_MAX and _IDENTIFIER.match(text) is not None


def printable(text: str, *, chars_max: int = IDENTIFIER_CHARS_MAX) -> str:
    """Return `text` escaped and cut, so that it can stand in a message for people."""
    if len(text) <= chars_max and text.isascii() and text.isprintable():
        return text
    cut = text[:chars_max]
    escaped = cut.encode("ascii", "backslashreplace").decode("ascii")
    clean = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in escaped)
    return (
        clean if len(text) <= chars_max and len(clean) <= chars_max else f"{clean[:chars_max]}..."
    )
