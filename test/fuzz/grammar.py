# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Values for JSON, valid and just not, made from a JSON schema; and documents changed by their structure.

Bytes that are changed at random are rarely JSON any more, and JSON is rarely a route.  `Grammar` knows what the schema
knows, so it goes on where the rules behind the schema begin.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = object
"""What JSON can hold."""

Place = tuple[str | int, ...]
"""The keys and indexes that lead to a part of a document."""

STRANGE: Final[tuple[Document, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, 10**30, 0.0, -0.0, 1.5, 1e308, 5e-324, "",
    "\0", "\x1f", "\ud800", "\ufffd", "\U0001f600", "a" * 65, "NaN", "../x", [], {}, [[]], [{}], {"": None},
)  # fmt: skip
"""What is seldom meant where it stands."""

_LENGTHS_MAX: Final = 40
"""A list is made no longer than this, but for one in a hundred that goes over the schema's own limit."""


def parts(document: Document, place: Place = ()) -> Iterator[Place]:
    """Yield every place of a document, the whole first."""
    yield place
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield from parts(value, (*place, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from parts(value, (*place, index))


def part(document: Document, place: Place) -> Document:
    """Return what stands at a place."""
    for step in place:
        assert isinstance(document, dict | list)
        document = document[step]  # type: ignore[index]  # a place of this document
    return document


def put(document: Document, place: Place, value: Document) -> Document:
    """Return the document, changed in place, with another value at a place."""
    if not place:
        return value
    holder = part(document, place[:-1])
    assert isinstance(holder, dict | list)
    holder[place[-1]] = value  # type: ignore[index]  # a place of this document
    return document


def _drop(document: Document, place: Place) -> Document:
    holder = part(document, place[:-1])
    assert isinstance(holder, dict | list)
    del holder[place[-1]]  # type: ignore[arg-type]  # a place of this document
    return document


@dataclass(frozen=True, slots=True)
class Grammar:
    """The language of a JSON schema (a mapping, with `$defs`), spoken with words that mean something here."""

    schema: Mapping[str, object] = field(default_factory=dict)
    words: Sequence[str] = ()
    numbers: Sequence[float] = ()

    def value(self, chance: Random, schema: object = None) -> Document:
        """Return a value of a part of the schema (None: of the whole): mostly valid, sometimes just not."""
        schema = self._resolved(self.schema if schema is None else schema)
        if not schema or chance.random() < 0.01:
            return chance.choice((*STRANGE, *self.words, *self.numbers))
        if isinstance(schema.get("anyOf"), list):
            return self.value(chance, chance.choice(_list(schema["anyOf"])))
        make: dict[object, Callable[[Random, Mapping[str, object]], Document]] = {
            "object": self._object,
            "array": self._array,
            "integer": self._integer,
            "number": self._integer,
            "string": self._string,
            "boolean": lambda chance, _: chance.random() < 0.5,
        }
        maker = make.get(schema.get("type"))
        return maker(chance, schema) if maker else None

    def schema_at(self, place: Place) -> object:
        """Return the part of the schema for a place of a document; nothing where it says nothing."""
        schema = self._resolved(self.schema)
        for step in place:
            options = schema.get("anyOf")
            if isinstance(options, list):
                schema = self._resolved(options[0])
            inner = schema.get("items") if isinstance(step, int) else None
            if isinstance(step, str):
                inner = _dict(schema.get("properties")).get(step)
            schema = self._resolved(inner or {})
        return schema

    def _resolved(self, schema: object) -> Mapping[str, object]:
        found = _dict(schema)
        if "$ref" in found:
            name = str(found["$ref"]).rpartition("/")[2]
            return _dict(_dict(self.schema.get("$defs")).get(name))
        return found

    def _object(self, chance: Random, schema: Mapping[str, object]) -> Document:
        required = schema.get("required")
        names = list(_dict(schema.get("properties")).items())
        if chance.random() < 0.1:
            chance.shuffle(names)
        made = {
            name: self.value(chance, inner)
            for name, inner in names
            if chance.random() < (0.99 if isinstance(required, list) and name in required else 0.4)
        }
        if chance.random() < 0.01:
            made[chance.choice(("", "more", *self.words))] = self.value(chance, {})
        return made

    def _array(self, chance: Random, schema: Mapping[str, object]) -> Document:
        most = _int(schema.get("maxItems"), _LENGTHS_MAX)
        least = _int(schema.get("minItems"), 0)
        length = chance.choice((least, 1, 2, 3, 4, chance.randint(least, min(most, _LENGTHS_MAX))))
        if chance.random() < 0.01:
            length = chance.choice((max(0, least - 1), most, most + 1))
        return [self.value(chance, schema.get("items") or {}) for _ in range(length)]

    def _integer(self, chance: Random, schema: Mapping[str, object]) -> Document:
        least, most = _int(schema.get("minimum"), -(2**63)), _int(schema.get("maximum"), 2**64)
        fitting = [number for number in self.numbers if least <= number <= most]
        edges = [least, most, *((least - 1, most + 1) if chance.random() < 0.1 else ())]
        if fitting and chance.random() < 0.9:
            return chance.choice(fitting)
        return chance.choice((*edges, chance.randint(least, most)))

    def _string(self, chance: Random, _schema: Mapping[str, object]) -> Document:
        if self.words and chance.random() < 0.95:
            return chance.choice(self.words)
        return chance.choice(("a", "a" * 64, "a" * 65, "", " ", "é", "-.:_", "A-1\n"))

    # Documents

    def changed(self, document: Document, other: Document, chance: Random) -> Document:
        """Return a document, changed in place at one or a few places; `other` lends parts of its own."""
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            document = chance.choice(_CHANGES)(self, document, other, chance)
        return document

    def _renewed(self, document: Document, _other: Document, chance: Random) -> Document:
        place = chance.choice(list(parts(document)))
        return put(document, place, self.value(chance, self.schema_at(place)))

    def _strange(self, document: Document, _other: Document, chance: Random) -> Document:
        return put(document, chance.choice(list(parts(document))), _copy(chance.choice(STRANGE)))

    def _lost(self, document: Document, _other: Document, chance: Random) -> Document:
        places = [place for place in parts(document) if place]
        return _drop(document, chance.choice(places)) if places else document

    def _doubled(self, document: Document, _other: Document, chance: Random) -> Document:
        lists = [at for at in parts(document) if isinstance(part(document, at), list)]
        if lists:
            chosen = part(document, chance.choice(lists))
            assert isinstance(chosen, list)
            if chosen:
                chosen.insert(chance.randrange(len(chosen) + 1), _copy(chance.choice(chosen)))
        return document

    def _exchanged(self, document: Document, _other: Document, chance: Random) -> Document:
        lists = [at for at in parts(document) if isinstance(part(document, at), list)]
        if lists:
            chosen = part(document, chance.choice(lists))
            assert isinstance(chosen, list)
            chance.shuffle(chosen)
        return document

    def _borrowed(self, document: Document, other: Document, chance: Random) -> Document:
        """Put a part of another document, or of this one, elsewhere: at a place of the same name, if there is one."""
        lender = other if chance.random() < 0.5 else document
        lent = chance.choice(list(parts(lender)))
        places = list(parts(document))
        alike = [place for place in places if place[-1:] == lent[-1:]]
        return put(document, chance.choice(alike or places), _copy(part(lender, lent)))

    def _nudged(self, document: Document, _other: Document, chance: Random) -> Document:
        """Put a number next to what it was."""
        numbers = [at for at in parts(document) if type(part(document, at)) in (int, float)]
        if not numbers:
            return document
        place = chance.choice(numbers)
        number = part(document, place)
        assert isinstance(number, int | float)
        factor = chance.choice((1, 1, -1, 2, 0.5, 1_000))
        try:
            return put(document, place, number * factor + chance.choice((-1, 0, 1, 0.1)))
        except OverflowError:
            return document


_CHANGES: Final = (
    Grammar._renewed,
    Grammar._renewed,
    Grammar._strange,
    Grammar._lost,
    Grammar._doubled,
    Grammar._exchanged,
    Grammar._borrowed,
    Grammar._nudged,
)


def written(document: Document, chance: Random) -> bytes:
    """Return JSON, in one of the ways to write it."""
    separators = (",", ":") if chance.random() < 0.5 else (", ", ": ")
    text = json.dumps(document, separators=separators, ensure_ascii=chance.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def read(data: bytes) -> Document:
    """Return a document.  Raises ValueError or RecursionError where there is none."""
    return json.loads(data)


def _copy(value: Document) -> Document:
    return json.loads(json.dumps(value))


def _dict(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _int(value: object, default: int) -> int:
    return int(value) if isinstance(value, int | float) else default
