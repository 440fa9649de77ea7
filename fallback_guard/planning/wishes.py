"""What the free text of a request asks of a route: which items first or last, which aisles to stay out of.

Text may name items by SKU or bin, and aisles by `aisle B`; an aisle is what stands before the number in the names of
its bins.  A wish about anything else is no wish here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from fallback_guard.core.limits import INSTRUCTIONS_CHARS_MAX, STOPS_MAX
from fallback_guard.core.request import PickItem, PickRequest

MENTIONS_MAX: Final = 8
"""Each may cost a call to the model; a sentence or two names no more."""

_AISLE_OF_BIN: Final = re.compile(r"([A-Za-z]+)[-_.:]?\d")
_AISLE_IN_TEXT: Final = re.compile(r"\baisles? ([A-Za-z]{1,3}\d{0,3})\b", re.IGNORECASE)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])\s+")
_PART_END: Final = re.compile(r"[,;:]|\band\b|\bthen\b")


class Mark(str, Enum):
    """What a text says about what it names."""

    FIRST = "first"
    LAST = "last"
    AVOID = "avoid"
    ANY = "any"


ITEM_MARKS: Final = (Mark.FIRST, Mark.LAST, Mark.ANY)
AISLE_MARKS: Final = (Mark.AVOID, Mark.ANY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Items to take before and after all others, and aisles to drive through only for items that lie there."""

    first: frozenset[PickItem] = frozenset()
    last: frozenset[PickItem] = frozenset()
    avoid: frozenset[str] = frozenset()


NO_WISHES: Final = Wishes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """An item or an aisle that a text names, and the sentences that do: itself as X, what else they name as Y."""

    said: str
    items: frozenset[PickItem] = frozenset()
    aisle: str = ""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What can be said about it."""
        return AISLE_MARKS if self.aisle else ITEM_MARKS


def aisle_of(bin_name: str) -> str:
    """Return the aisle of a bin; empty where its name tells none."""
    found = _AISLE_OF_BIN.match(bin_name)
    return found[1].upper() if found else ""


def mentions(request: PickRequest) -> tuple[Mention, ...]:
    """Return what the instructions of a request name, in the order in which they do."""
    text = request.instructions[:INSTRUCTIONS_CHARS_MAX]
    named: dict[str, frozenset[PickItem]] = {}
    for item in request.items[:STOPS_MAX]:
        for name in (item.sku, item.bin):
            named[name] = named.get(name, frozenset()) | {item}
    found: dict[str, tuple[int, Mention]] = {}
    for name, items in named.items():
        pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        if place := pattern.search(text):
            said = _sentences(text, pattern)
            found[name] = (place.start(), Mention(said=said, items=items))
    for place in _AISLE_IN_TEXT.finditer(text):
        aisle = place[1].upper()
        pattern = re.compile(rf"\baisles? {re.escape(place[1])}\b", re.IGNORECASE)
        said = _sentences(text, pattern)
        found.setdefault(f"aisle {aisle}", (place.start(), Mention(said=said, aisle=aisle)))
    in_order = sorted(found.values(), key=lambda pair: pair[0])[:MENTIONS_MAX]
    others = [re.escape(name) for name in sorted(named, key=len, reverse=True)]
    other = re.compile(rf"(?<![\w-])(?:{'|'.join(others)})(?![\w-])") if others else None
    return tuple(
        Mention(said=_veiled(mention.said, other), items=mention.items, aisle=mention.aisle)
        for _, mention in in_order
    )


def wished(marks: Sequence[tuple[Mention, Mark]]) -> Wishes:
    """Put what is said of each mention together; of what is said twice of an item, the first counts."""
    of_item: dict[PickItem, Mark] = {}
    for mention, mark in marks:
        for item in mention.items if mark is not Mark.ANY else ():
            of_item.setdefault(item, mark)
    return Wishes(
        first=frozenset(item for item, mark in of_item.items() if mark is Mark.FIRST),
        last=frozenset(item for item, mark in of_item.items() if mark is Mark.LAST),
        avoid=frozenset(
            mention.aisle for mention, mark in marks if mention.aisle and mark is Mark.AVOID
        ),
    )


CUES: Final[Mapping[Mark, "re.Pattern[str]"]] = MappingProxyType(
    {
        Mark.FIRST: re.compile(
            r"\b(?:first|begin\w*|start\w*|open with|urgent|at once|bottom|heavy|"
            r"before (?:all|any|every|the other|the rest)\w*)\b",
            re.IGNORECASE,
        ),
        Mark.LAST: re.compile(
            r"\b(?:last|end|ends|ending|finish\w*|final\w*|close with|wrap up|on top|fragile|delicate|crush\w*|"
            r"can break|may break|breaks|after (?:all|every|the other|the rest)\w*)\b",
            re.IGNORECASE,
        ),
        Mark.AVOID: re.compile(
            r"\b(?:avoid\w*|wet|slippery|blocked|closed|spill\w*|stay out|keep (?:out|clear|away)|go around|"
            r"(?:no|not|never) (?:to )?(?:drive|driving|enter\w*|go|pass)\w*)\b",
            re.IGNORECASE,
        ),
    }
)
"""Words that say a mark by themselves, in English."""

_NOT: Final = re.compile(r"\b(?:not|no|never|n't|again|longer)\b|n't\b", re.IGNORECASE)


def cue(mention: Mention) -> Mark | None:
    """Read a mark off the words that stand by a mention; None where they say none, or more than one."""
    parts = [part for part in _PART_END.split(mention.said) if re.search(r"\bX\b", part)]
    for text in (*parts, mention.said):
        said = [mark for mark in mention.marks if mark in CUES and CUES[mark].search(text)]
        if len(said) == 1:
            # "Do not enter" says it, "not urgent" unsays it.
            denied = _NOT.search(CUES[said[0]].sub("", text))
            return None if denied else said[0]
        if said:
            return None
    return None


def _sentences(text: str, name: "re.Pattern[str]") -> str:
    kept = [part for part in _SENTENCE_END.split(text) if name.search(part)]
    return name.sub("X", " ".join(kept))


def _veiled(text: str, other: "re.Pattern[str] | None") -> str:
    """Put Y for what else is named: names tell a small model nothing but where to look away."""
    return _AISLE_IN_TEXT.sub("Y", other.sub("Y", text) if other else text)
