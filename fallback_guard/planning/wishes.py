# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the free text of a request asks of a route: which items first or last, which aisles to stay out of.

Text may name items by SKU or bin, and aisles by `aisle B`; an aisle is what stands before the number in the names of
its bins.  A wish about anything else is no wish here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from fallback_guard.core.limits import IDENTIFIER_CHARS_MAX, INSTRUCTIONS_CHARS_MAX, STOPS_MAX
from fallback_guard.core.request import PickItem, PickRequest

MENTIONS_MAX: Final = 8
"""Each may cost a call to the model; a sentence or two names no more."""

_AISLE_OF_BIN: Final = re.compile(r"([A-Za-z]+)[-_.:]?\d")
_AISLE_IN_TEXT: Final = r"\b(?i:aisles?) (?P<aisle>[A-Za-z]|[A-Z]{2,3}|[A-Za-z]{1,3}\d{1,3})\b"
"""In small letters two or three of them would be a word: `the aisle is wet`."""

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
    items: dict[str, frozenset[PickItem]] = {}
    for item in request.items[:STOPS_MAX]:
        for name in (item.sku, item.bin):
            if 0 < len(name) <= IDENTIFIER_CHARS_MAX:
                items[name] = items.get(name, frozenset()) | {item}
    names = _names(items)
    sentences = _SENTENCE_END.split(request.instructions[:INSTRUCTIONS_CHARS_MAX])
    found = dict.fromkeys(_name(place) for part in sentences for place in names.finditer(part))
    return tuple(
        Mention(
            said=_said(sentences, names, name), items=items.get(name[0], frozenset()), aisle=name[1]
        )
        for name in [name for name in found if name != _NEITHER][:MENTIONS_MAX]
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
            r"\b(?:first(?! (?:aid|customer|day|order|shift|time|week)s?\b)|"
            r"begin\w*|start\w*|open with|urgent|at once|bottom|heavy|"
            r"before (?:all|any|every|the other|the rest)\w*)\b",
            re.IGNORECASE,
        ),
        Mark.LAST: re.compile(
            r"\b(?:last(?! (?:delivery|month|night|order|shift|time|week|year|\w+day)\b)|"
            r"end|ends|ending|finish\w*|final\w*|close with|wrap up|on top|fragile|delicate|crush\w*|"
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


_Name = tuple[str, str]
"""An item's name, or an aisle's."""

_NEITHER: Final[_Name] = ("", "")


def _names(items: Iterable[str]) -> "re.Pattern[str]":
    """Return what finds the names of items and aisles, and each X and Y that is a text's own."""
    longest_first = sorted(items, key=lambda name: (-len(name), name))
    item = "|".join(re.escape(name) for name in longest_first) or "(?!)"
    # A dot behind a name ends its sentence, unless the name goes on: S-1.5 is not S-1.
    item = rf"(?<![\w-])(?P<item>{item})(?![\w-]|[.:]\d)"
    return re.compile(rf"{_AISLE_IN_TEXT}|{item}|\b[XY]\b")


def _name(place: "re.Match[str]") -> _Name:
    return place["item"] or "", (place["aisle"] or "").upper()


def _said(sentences: Sequence[str], names: "re.Pattern[str]", name: _Name) -> str:
    """Return the sentences that hold a name.

    It is X there, and what else is named is Y: names tell a small model nothing but where to look away.
    """

    def veiled(place: "re.Match[str]") -> str:
        here = _name(place)
        return "X" if here == name else "Y" if here != _NEITHER else "Z"

    kept = [
        part for part in sentences if any(_name(place) == name for place in names.finditer(part))
    ]
    return " ".join(names.sub(veiled, part) for part in kept)
