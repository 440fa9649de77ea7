"""Finding strings and brackets in a text that may or may not be JSON, in one pass and without backtracking."""

import re
from typing import Final

STRING: Final = re.compile(r'"(?:[^"\\]|\\.?)*"?', re.DOTALL)
"""A JSON string.  One that never ends matches up to the end of the text, so that no text is read twice."""

STRING_OR_BRACKET: Final = re.compile(rf"{STRING.pattern}|[{{}}\[\]]", re.DOTALL)


def depth_change(found: str) -> int:
    """Return +1 for an opening bracket, -1 for a closing one, 0 for a string."""
    return (found in "{[") - (found in "}]")
