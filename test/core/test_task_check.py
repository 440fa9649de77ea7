# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Every way in which a task cannot be used, each refused when it is loaded, with what is wrong and what to do."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from enum import Enum, IntEnum
from typing import Annotated, Any, Final, Literal, Protocol, cast

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model, field_validator
from pydantic.dataclasses import dataclass

import cold
import cold_chain
from fallback_guard.core import decoding
from fallback_guard.core.answer_bounds import Bounds, bounds_of
from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode
from fallback_guard.core.limits import (
    ANSWER_VALUES_MAX,
    NESTING_MAX,
    PROMPT_CHARS_MAX,
    TASK_RULES_MAX,
)
from fallback_guard.core.rule_table import RULES
from fallback_guard.core.rules import Rule, Stage
from fallback_guard.core.schema import Identifier, Route
from fallback_guard.core.task import RouteTask, TaskError
from fallback_guard.core.task_check import OWN_MODES, checked
from fallback_guard.core.unusable import UnusableError

STRICT: Final = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
GOOD: Final = cold_chain.COLD_CHAIN
RULE: Final = GOOD.rules[0]


class Colour(Enum):
    """May stand in an answer."""

    RED = "red"


class Number(IntEnum):
    """May not: true is 1 as well."""

    ONE = 1


class Guessed(Enum):
    """May not: it runs code."""

    RED = "red"

    @classmethod
    def _missing_(cls, value: object) -> Guessed:  # noqa: ARG003
        return cls.RED


class Loose(BaseModel):
    """Says nothing of how it is read."""

    name: Identifier


class Lax(BaseModel):
    """Is strict, and takes whatever else is said."""

    model_config = ConfigDict(strict=True, extra="ignore")
    name: Identifier


class Part(BaseModel):
    """A usable part of an answer."""

    model_config = STRICT
    name: Identifier


class Endless(BaseModel):
    """Holds itself."""

    model_config = STRICT
    within: Annotated[list[Endless], Field(max_length=2)]


class Wary(BaseModel):
    """Has a validator in code."""

    model_config = STRICT
    name: Identifier

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return name


class Busy(BaseModel):
    """Runs code when it is made."""

    model_config = STRICT
    name: Identifier

    def model_post_init(self, _context: object, /) -> None:
        """Do something."""


@dataclass(config=ConfigDict(strict=True, extra="forbid"), frozen=True)
class Parcel:
    """A usable part that is a dataclass."""

    name: Identifier


@dataclass(config=ConfigDict(strict=True, extra="ignore"), frozen=True)
class Bag:
    """A dataclass that takes whatever else is said."""

    name: Identifier


class _Create(Protocol):
    def __call__(self, name: str, /, **named: object) -> type[BaseModel]: ...


def model(field: object, default: object = ..., **config: object) -> type[BaseModel]:
    """Return a model with one field, whatever its type is."""
    create = cast("_Create", create_model)
    return create("Answer", __config__={**STRICT, **config}, part=(field, default))


def nested(depth: int) -> type[BaseModel]:
    """Return a model that nests so deep."""
    inner = model(Identifier)
    for _ in range(depth - 1):
        inner = model(inner)
    return inner


FIELDS: Final[dict[str, object]] = {
    "text": Annotated[str, Field(max_length=9)],
    "identifier": Identifier,
    "whole number": Annotated[int, Field(ge=0, lt=9)],
    "number": Annotated[float, Field(gt=0, le=9.5)],
    "truth": bool,
    "choice": Literal["a", "b"],
    "enum": Colour,
    "list": Annotated[list[Identifier], Field(max_length=3)],
    "pair": tuple[Identifier, bool],
    "many": Annotated[tuple[bool, ...], Field(max_length=3)],
    "maybe": Identifier | None,
    "either": Annotated[int, Field(ge=0, le=9)] | Identifier,
    "part": Part,
    "parcel": Parcel,
    "parts": Annotated[list[Part], Field(max_length=3)],
}


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_what_is_strict_and_bounded_is_taken(field: object) -> None:
    assert bounds_of(model(field)).values > 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Loose, "Loose: the model is not strict. Give it ConfigDict"),
        (Lax, "Lax: the model lets extra fields pass"),
        (model(Loose), "Answer.part: the model is not strict"),
        (
            model(Annotated[list[Lax], Field(max_length=2)]),
            r"part\[\]: the model lets extra fields",
        ),
        (model(Bag), "Answer.part: the model lets extra fields pass"),
        (model(str), "Answer.part: it has no max_length. Give it"),
        (model(Annotated[str, Field(pattern="^a*$")]), "it has no max_length"),
        (model(list[Identifier]), "Answer.part: it has no max_length"),
        (model(tuple[Identifier, ...]), "it has no max_length"),
        (
            model(Annotated[list[str], Field(max_length=3)]),
            r"Answer.part\[\]: it has no max_length",
        ),
        (model(int), "the number is not bounded. Give it"),
        (model(Annotated[int, Field(ge=0)]), "the number is not bounded"),
        (model(Annotated[int, Field(le=0)]), "the number is not bounded"),
        (model(Annotated[int, Field(ge=0, le=2**64)]), "within 64 bits"),
        (model(float), "the number is not bounded"),
        (model(Annotated[float, Field(ge=0, le=1)], allow_inf_nan=True), "it may be NaN"),
        (model(Annotated[float, Field(ge=0, le=float("inf"))]), "the number is not bounded"),
        (model(Any), r"Answer.part: its type \(Any\) is not bounded. Use str"),
        (model(object), "is not bounded"),
        (model(Identifier | Any), r"\(Any\)"),
        (model(dict[str, int]), r"\(dict\) is not bounded"),
        (model(Annotated[set[Identifier], Field(max_length=3)]), r"\(set\) is not bounded"),
        (model(bytes), r"\(bytes\) is not bounded"),
        (model(Identifier | None | int), "the number is not bounded"),
        (model(Annotated[Identifier, Field(strict=False)]), "strict is switched off here"),
        (model(Annotated[str, Field(max_length=3)], str_strip_whitespace=True), "is set"),
        (model(Identifier, populate_by_name=True), "is set. Leave it out"),
        (model(Identifier, regex_engine="python-re"), "regex_engine is set"),
        (model(Literal[1]), "one of its constants is no text"),
        (model(Literal["a", True]), "one of its constants is no text"),
        (model(Number), "one of its constants is no text"),
        (model(Guessed), "the enum has a _missing_ of its own"),
        (model(Identifier, Field(default_factory=lambda: "a")), "its default is made by code"),
        (Wary, "Wary.name: it has a validator in code. Make it a rule"),
        (Busy, "Busy: it is a root model, or runs code of its own"),
        (Endless, "the model holds itself"),
        (nested(NESTING_MAX + 1), f"it nests deeper than {NESTING_MAX}"),
        (model(Annotated[list[bool], Field(max_length=ANSWER_VALUES_MAX)]), "Lower the max_length"),
        (RootModel[Identifier], "answer is no model"),
        (dict, "answer is no model. Derive it from pydantic.BaseModel"),
        (None, "answer is no model"),
    ],
)
def test_a_model_that_is_loose_is_refused(answer: type[BaseModel], says: str) -> None:
    task = RouteTask(name="loose", answer=answer, as_route=lambda *_: "never")
    with pytest.raises(TaskError, match=says) as caught:
        checked(task)
    _is_said_well(caught.value, "'loose'")


def _is_said_well(error: TaskError, *names: str) -> None:
    assert isinstance(error, UnusableError), "what ends a program with exit code 2"
    said = str(error)
    assert said.isprintable()
    assert ". " in said, "it says what to do"
    assert all(name in said for name in names)


@pytest.mark.parametrize(
    ("values", "is_taken"), [(-1, True), (0, True), (1, False)], ids=["below", "at", "above"]
)
def test_how_many_values_an_answer_may_have(values: int, *, is_taken: bool) -> None:
    length = ANSWER_VALUES_MAX - 2 + values  # Beside the object and the list.
    answer = model(Annotated[list[bool], Field(max_length=length)])
    if is_taken:
        assert bounds_of(answer).values == ANSWER_VALUES_MAX + values
    else:
        with pytest.raises(TaskError, match=f"{ANSWER_VALUES_MAX + 1:,} values"):
            bounds_of(answer)


def test_the_deepest_model_that_is_taken() -> None:
    assert bounds_of(nested(NESTING_MAX)).brackets == NESTING_MAX


def test_the_bounds_of_the_package_own_schema_are_those_it_is_decoded_with() -> None:
    bounds = bounds_of(Route)
    assert 2 * bounds.quotes == decoding._QUOTES_READ_MAX
    assert 2 * bounds.brackets == decoding._BRACKETS_READ_MAX


def test_bounds_count_what_the_largest_answer_has() -> None:
    text = Annotated[str, Field(max_length=5)]
    largest = model(Annotated[list[text], Field(max_length=3)] | Part)
    said = '{"part":["' + '\\"\\"\\"\\"\\"","' * 3
    assert bounds_of(largest) == Bounds(values=5, quotes=2 + 3 * 7, brackets=2)
    assert said.count('"') <= 2 * bounds_of(largest).quotes


def _rule(**changes: object) -> RouteTask[cold_chain.Plan]:
    rule = copy(RULE)
    for name, value in changes.items():
        object.__setattr__(rule, name, value)
    return replace(GOOD, rules=(rule,))


def _with(**changes: object) -> RouteTask[cold_chain.Plan]:
    task = copy(GOOD)
    for name, value in changes.items():
        object.__setattr__(task, name, value)
    return task


WRONG: Final = {
    "no name": (replace(GOOD, name=""), "its name is no identifier"),
    "a name in two lines": (replace(GOOD, name="a\nb"), "its name is no identifier"),
    "a name that is none": (replace(GOOD, name=cast("str", 7)), "its name is no identifier"),
    "no conversion": (_with(as_route=1), "as_route cannot be called"),
    "no standby": (_with(standby=1), "standby cannot be called"),
    "no schema": (_with(json_schema=1), "json_schema cannot be called"),
    "a schema that raises": (
        replace(GOOD, json_schema=lambda asked: {"a": asked.items[7]}),
        "json_schema raises",
    ),
    "a schema that ends the program": (
        replace(GOOD, json_schema=lambda _: exit()),  # noqa: PLR1722  # what somebody may write
        "json_schema raises",
    ),
    "a schema that is no JSON": (
        replace(GOOD, json_schema=lambda _: {"a": {1, 2}}),
        "json_schema raises or returns what is no JSON",
    ),
    "a schema with NaN": (replace(GOOD, json_schema=lambda _: {"a": float("nan")}), "no JSON"),
    "a prompt that is none": (replace(GOOD, prompt=cast("str", b"x")), "prompt has to be"),
    "a prompt that is too long": (replace(GOOD, prompt="x" * (PROMPT_CHARS_MAX + 1)), "prompt has"),
    "a prompt with NUL": (replace(GOOD, prompt="a\0b"), "prompt has to be"),
    "a prompt that no UTF-8 holds": (replace(GOOD, prompt="\ud800"), "prompt has to be"),
    "rules in a list": (replace(GOOD, rules=cast("tuple[()]", [RULE])), "rules have to be a tuple"),
    "too many rules": (replace(GOOD, rules=(RULE,) * (TASK_RULES_MAX + 1)), "up to 64"),
    "a rule that is a function": (
        replace(GOOD, rules=cast("tuple[()]", (RULE.check,))),
        r"rules\[0\]: it is no Rule",
    ),
    "a rule without a name": (_rule(name=""), "its name is none"),
    "a rule with capitals": (_rule(name="Frozen last"), "its name is none"),
    "a rule with a long name": (_rule(name="x" * 65), "its name is none"),
    "a rule of that name": (replace(GOOD, rules=(RULE, RULE)), r"rules\[1\]: .* is taken"),
    "a rule of the package's name": (_rule(name="detour"), "the name detour is taken"),
    "a rule of the conversion's name": (_rule(name="conversion"), "is taken"),
    "a rule of another stage": (_rule(stage=Stage.REQUEST), "is of another stage"),
    "a rule without modes": (_rule(modes=()), "has modes that it cannot have"),
    "a rule with a list of modes": (_rule(modes=[FailureMode.TASK_RULE]), "has modes"),
    "a rule with a mode of its own": (_rule(modes=("COLD",)), "has modes"),
    "a rule with what is not even a mode": (_rule(modes=([],)), "has modes"),
    "a rule that measures in two lines": (_rule(measures="a\nb"), "is no line of a table"),
    "a rule that measures nothing": (_rule(measures=""), "is no line of a table"),
    "a rule that would break the table": (_rule(limit="a | b"), "is no line of a table"),
    "a rule with a number for a limit": (_rule(limit=0), "is no line of a table"),
    "a rule without a check": (_rule(check=None), "has a check that cannot be called"),
}


@pytest.mark.parametrize(("task", "says"), WRONG.values(), ids=WRONG)
def test_a_task_that_is_wrong_is_refused(task: RouteTask[cold_chain.Plan], says: str) -> None:
    with pytest.raises(TaskError, match=says) as caught:
        checked(task)
    _is_said_well(caught.value)


@pytest.mark.parametrize("mode", FailureMode)
def test_a_rule_may_call_its_failures_what_is_wrong_with_answers(mode: FailureMode) -> None:
    if mode in OWN_MODES:
        assert FAILURE_MODES[mode].bucket is Bucket.SAFETY
        assert checked(_rule(modes=(mode,))).rules[-1].modes == (mode,)
    else:
        with pytest.raises(TaskError, match="has modes"):
            checked(_rule(modes=(mode,)))


def test_no_fault_of_the_guard_or_of_time_is_a_rules_to_say() -> None:
    assert FailureMode.TASK_RULE in OWN_MODES
    assert not OWN_MODES & {
        FailureMode.INTERNAL_ERROR,
        FailureMode.GUARD_SILENT,
        FailureMode.STRANGER,
        FailureMode.LATCHED,
        FailureMode.STALE,
        FailureMode.PLANNER_LATE,
    }


def test_as_many_rules_and_as_long_a_prompt_as_may_be() -> None:
    rules = tuple(replace(RULE, name=f"rule_{number}") for number in range(TASK_RULES_MAX))
    task = checked(replace(GOOD, rules=rules, prompt="x" * PROMPT_CHARS_MAX))
    assert [row.name for row in task.rules] == ["conversion", *(rule.name for rule in rules)]


def test_the_package_own_schema_is_a_task_like_any_other() -> None:
    checked(RouteTask(name="routes", answer=Route, as_route=lambda route, _: route))


def test_the_example_is_usable() -> None:
    assert cold.TASK.name == "cold_chain"
    assert not {row.name for row in cold.TASK.rules} & {row.name for row in RULES}
    assert all(isinstance(rule, Rule) for rule in GOOD.rules)
