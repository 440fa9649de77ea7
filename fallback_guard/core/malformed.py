"""Telling the kinds of malformed JSON apart, so that a planner's owner knows what to mend."""

import re
from typing import Final

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.json_tokens import STRING, STRING_OR_BRACKET, depth_change

_TRAILING_COMMA: Final = re.compile(r",\s*[}\]]")
_NOT_FINITE: Final = re.compile(r"[:\[,]\s*[-+]?(?:NaN|Infinity|nan|inf|Inf)\b")


def malformed_kind(text: str) -> FailureMode:
    """Name the kind of a text that a JSON parser refused.  Linear in its length.

    An answer with several faults gets the first that fits, in the order of this function.
    """
    stripped = text.strip()
    if not stripped:
        return FailureMode.EMPTY
    if "```" in stripped:
        return FailureMode.FENCED
    if stripped[0] not in "{[" or _closes_early(stripped):
        return FailureMode.PROSE
    bare = STRING.sub(_keep_if_open, stripped)
    if _NOT_FINITE.search(bare):
        return FailureMode.NOT_FINITE
    if _TRAILING_COMMA.search(bare):
        return FailureMode.TRAILING_COMMA
    if bare.endswith(_OPEN_STRING) or _depth(bare) > 0:
        return FailureMode.TRUNCATED
    return FailureMode.MALFORMED_JSON


_OPEN_STRING: Final = '"?'
"""What stands for a string that never ends, where a whole one becomes two quotes."""


def _keep_if_open(match: re.Match[str]) -> str:
    string = match.group()
    return '""' if len(string) > 1 and string.endswith('"') else _OPEN_STRING


def _depth(bare: str) -> int:
    """Count the brackets that stay open."""
    return sum(depth_change(char) for char in bare if char in "{}[]")


def _closes_early(stripped: str) -> bool:
    """Tell whether a complete value stands first and more text follows it."""
    depth = 0
    for match in STRING_OR_BRACKET.finditer(stripped):
        depth += depth_change(match.group())
        if depth == 0:
            return match.end() < len(stripped)
    return False
