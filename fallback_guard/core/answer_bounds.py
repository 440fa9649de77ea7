# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the model of an answer has to be, so that reading an answer and looking at it is bounded work.

The deadline rests on that bound.  So a model is taken only if everything in it is known to be strict and finite:
what is not on the list below is refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from typing import Final

from pydantic import BaseModel

from fallback_guard.core.identifiers import IDENTIFIER_PATTERN
from fallback_guard.core.json_tokens import INTEGER_MAX, INTEGER_MIN
from fallback_guard.core.limits import ANSWER_VALUES_MAX, NESTING_MAX
from fallback_guard.core.task import TaskError

Node = Mapping[str, object]
"""One part of pydantic's own description of a model (`__pydantic_core_schema__`)."""

_CONFIG: Final = frozenset(
    {
        "title",
        "frozen",
        "hide_input_in_errors",
        "strict",
        "extra_fields_behavior",
        "allow_inf_nan",
    }
)
"""What may be set of a model: nothing that changes what is read, or reads it by another engine."""

_STRICT: Final = 'ConfigDict(strict=True, extra="forbid")'
_CHANGES_TEXT: Final = ("strip_whitespace", "to_lower", "to_upper", "coerce_numbers_to_str")
_SCALARS: Final = (
    "str, int, float, bool, Literal, Enum, list, tuple, another model, or one of them or None"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the largest answer has: values, and of its bytes the quotation marks and the opening brackets."""

    values: int = 0
    quotes: int = 0
    brackets: int = 0

    def __add__(self, other: "Bounds") -> "Bounds":
        """Return what both have together."""
        return Bounds(
            self.values + other.values, self.quotes + other.quotes, self.brackets + other.brackets
        )

    def times(self, count: int) -> "Bounds":
        """Return what so many have."""
        return Bounds(self.values * count, self.quotes * count, self.brackets * count)

    def or_else(self, other: "Bounds") -> "Bounds":
        """Return what either has at the most."""
        return Bounds(
            max(self.values, other.values),
            max(self.quotes, other.quotes),
            max(self.brackets, other.brackets),
        )


def bounds_of(model: type[BaseModel]) -> Bounds:
    """Return what the largest answer of a model has.  Raises TaskError for one that is not strict or not bounded."""
    schema = model.__pydantic_core_schema__
    bounds = _Walk(schema).bounds(schema, model.__name__, 0)
    if bounds.values > ANSWER_VALUES_MAX:
        raise TaskError(
            f"{model.__name__}: an answer may have {bounds.values:,} values, the limit is {ANSWER_VALUES_MAX:,}. "
            "Lower the max_length of its lists"
        )
    return bounds


class _Walk:
    """Goes through a model's description once, and down into every part of it."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        self._named: dict[object, Node] = {}
        self._collect(schema)
        self._open: list[object] = []
        self._strict = self._finite = False
        self._kinds: Mapping[str, Callable[[Node, str, int], Bounds]] = {
            "definitions": self._definitions,
            "definition-ref": self._reference,
            "model": self._model,
            "dataclass": self._model,
            "model-fields": self._fields,
            "dataclass-args": self._fields,
            "model-field": self._inner,
            "dataclass-field": self._inner,
            "default": self._default,
            "nullable": self._nullable,
            "list": self._list,
            "tuple": self._tuple,
            "str": self._str,
            "int": self._number,
            "float": self._number,
            "bool": self._bool,
            "literal": self._literal,
            "enum": self._enum,
            "union": self._union,
            "tagged-union": self._union,
        }

    def _collect(self, schema: Node) -> None:
        """Note the parts that are described once and used by their names."""
        if schema.get("type") == "definitions":
            for node in _nodes(schema.get("definitions")):
                self._named[node.get("ref")] = node

    def bounds(self, node: Node, place: str, depth: int) -> Bounds:
        kind = str(node.get("type"))
        if depth > NESTING_MAX:
            raise TaskError(f"{place}: it nests deeper than {NESTING_MAX}. Flatten the model")
        if kind.startswith("function-"):
            raise TaskError(
                f"{place}: it has a validator in code. Make it a rule of the task, which has a name and is timed"
            )
        described = self._kinds.get(kind)
        if described is None:
            known = "Any" if kind == "any" else kind
            raise TaskError(f"{place}: its type ({known}) is not bounded. Use {_SCALARS}")
        if node.get("strict") is False:
            raise TaskError(f"{place}: strict is switched off here. Leave it to the model")
        return described(node, place, depth)

    # What holds others

    def _definitions(self, node: Node, place: str, depth: int) -> Bounds:
        return self.bounds(_node(node.get("schema")), place, depth)

    def _reference(self, node: Node, place: str, depth: int) -> Bounds:
        name = node.get("schema_ref")
        if name in self._open:
            raise TaskError(f"{place}: the model holds itself. Write out how deep it may go")
        return self.bounds(self._named.get(name, {}), place, depth)

    def _model(self, node: Node, place: str, depth: int) -> Bounds:
        config, inner = _node(node.get("config")), _node(node.get("schema"))
        extra = inner.get("extra_behavior", config.get("extra_fields_behavior"))
        if config.get("strict") is not True:
            raise TaskError(f"{place}: the model is not strict. Give it {_STRICT}")
        if extra != "forbid":
            raise TaskError(f"{place}: the model lets extra fields pass. Give it {_STRICT}")
        strange = sorted(set(config) - _CONFIG)
        if strange:
            raise TaskError(f"{place}: {strange[0]} is set. Leave it out, and give it {_STRICT}")
        if node.get("root_model") or node.get("custom_init") or node.get("post_init"):
            raise TaskError(
                f"{place}: it is a root model, or runs code of its own when it is made. Use plain fields"
            )
        before, self._finite = self._finite, config.get("allow_inf_nan") is False
        self._open.append(node.get("ref"))
        found = self.bounds(inner, place, depth)
        self._open.pop()
        self._finite = before
        return found

    def _fields(self, node: Node, place: str, depth: int) -> Bounds:
        fields = node.get("fields")
        named = (
            [(str(name), _node(field)) for name, field in fields.items()]
            if isinstance(fields, Mapping)
            else [(str(field.get("name")), field) for field in _nodes(fields)]
        )
        total = Bounds(values=1, brackets=1)
        for name, field in named:
            where = f"{place}.{name}"
            if not isinstance(field.get("validation_alias", ""), str):
                raise TaskError(f"{where}: it has several names. Give it one")
            total += self.bounds(field, where, depth + 1) + Bounds(quotes=2)
        return total

    def _inner(self, node: Node, place: str, depth: int) -> Bounds:
        return self.bounds(_node(node.get("schema")), place, depth)

    def _default(self, node: Node, place: str, depth: int) -> Bounds:
        if node.get("default_factory") is not None:
            raise TaskError(f"{place}: its default is made by code. Give it a constant")
        return self._inner(node, place, depth)

    def _nullable(self, node: Node, place: str, depth: int) -> Bounds:
        return self._inner(node, place, depth)

    def _list(self, node: Node, place: str, depth: int) -> Bounds:
        length = _length(node, place)
        each = self.bounds(_node(node.get("items_schema")), f"{place}[]", depth + 1)
        return each.times(length) + Bounds(values=1, brackets=1)

    def _tuple(self, node: Node, place: str, depth: int) -> Bounds:
        parts = list(_nodes(node.get("items_schema")))
        repeated = node.get("variadic_item_index")
        total = Bounds(values=1, brackets=1)
        for number, part in enumerate(parts):
            each = self.bounds(part, f"{place}[{number}]", depth + 1)
            total += each.times(_length(node, place)) if number == repeated else each
        return total

    def _union(self, node: Node, place: str, depth: int) -> Bounds:
        choices = node.get("choices")
        found = choices.values() if isinstance(choices, Mapping) else _iterated(choices)
        total = Bounds()
        for choice in found:
            labelled = choice[0] if isinstance(choice, tuple) else choice
            total = total.or_else(self.bounds(_node(labelled), place, depth))
        return total

    # What stands by itself

    def _str(self, node: Node, place: str, _depth: int) -> Bounds:
        changing = [name for name in _CHANGES_TEXT if node.get(name)]
        if changing:
            raise TaskError(f"{place}: {changing[0]} repairs what was said. Leave it out")
        length = _length(node, place)
        within = 0 if node.get("pattern") == IDENTIFIER_PATTERN else length
        return Bounds(values=1, quotes=2 + within)

    def _number(self, node: Node, place: str, _depth: int) -> Bounds:
        limits = [
            [node[name] for name in names if node.get(name) is not None]
            for names in (("ge", "gt"), ("le", "lt"))
        ]
        flat = [limit for side in limits for limit in side]
        usable = all(
            isinstance(limit, int | float) and INTEGER_MIN <= limit <= INTEGER_MAX for limit in flat
        )
        if not all(limits) or not usable:
            raise TaskError(
                f"{place}: the number is not bounded. Give it Field(ge=..., le=...) within 64 bits"
            )
        if node.get("type") == "float" and node.get("allow_inf_nan", not self._finite):
            raise TaskError(
                f"{place}: it may be NaN. Give its model ConfigDict(allow_inf_nan=False)"
            )
        return Bounds(values=1)

    def _bool(self, _part: Node, _place: str, _depth: int) -> Bounds:
        return Bounds(values=1)

    def _literal(self, node: Node, place: str, _depth: int) -> Bounds:
        return _texts(node.get("expected"), place)

    def _enum(self, node: Node, place: str, _depth: int) -> Bounds:
        kind = node.get("cls")
        bases = kind.__mro__ if isinstance(kind, type) else ()
        if any("_missing_" in vars(base) for base in bases if base is not Enum):
            raise TaskError(f"{place}: the enum has a _missing_ of its own. Leave it out")
        members = [getattr(member, "value", None) for member in _iterated(node.get("members"))]
        return _texts(members, place)


def _texts(found: object, place: str) -> Bounds:
    texts = [text for text in _iterated(found) if isinstance(text, str)]
    if len(texts) != len(list(_iterated(found))):
        # By == true and 1.0 are 1 as well.
        raise TaskError(
            f"{place}: one of its constants is no text. Use strings, and for a number Field(ge=..., le=...)"
        )
    return Bounds(values=1, quotes=2 + max([text.count('"') for text in texts], default=0))


def _length(node: Node, place: str) -> int:
    length = node.get("max_length")
    if not isinstance(length, int) or isinstance(length, bool) or not isfinite(length):
        raise TaskError(f"{place}: it has no max_length. Give it Field(max_length=...)")
    return length


def _node(value: object) -> Node:
    return value if isinstance(value, Mapping) else {}


def _nodes(value: object) -> Iterator[Node]:
    for one in _iterated(value):
        yield _node(one)


def _iterated(value: object) -> Iterator[object]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield from value
