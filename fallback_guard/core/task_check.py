# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a task can be used, and what of it is then called: nothing of one's own raises, or lets anything through.

A task is code that somebody else wrote, and runs within the guard.  What can be known of it beforehand is asked when
it is loaded; what it returns later is looked at each time.
"""

import json
import re
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Final

from pydantic import BaseModel, RootModel, ValidationError

from fallback_guard.core.answer_bounds import bounds_of
from fallback_guard.core.checked_task import CheckedTask
from fallback_guard.core.decoding import described, exact_decoder
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.limits import (
    DETAIL_CHARS_MAX,
    IDENTIFIER_CHARS_MAX,
    PROMPT_CHARS_MAX,
    TASK_RULES_MAX,
)
from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.route_rules import ROUTE_RULES, Budget
from fallback_guard.core.rule_table import CONVERSION, RULES
from fallback_guard.core.rules import Refusal, Rule, RuleRow, Stage
from fallback_guard.core.schema import Route
from fallback_guard.core.task import Answer, JsonSchema, RouteTask, TaskCase, TaskError

OWN_MODES: Final = frozenset(
    {
        FailureMode.TASK_RULE,
        FailureMode.SCHEMA,
        *(mode for rule in ROUTE_RULES for mode in rule.modes),
    }
)
"""What a rule of a task may call its failures: what is wrong with an answer, and no fault of the guard or of time."""

_OWN_MODES: Final[tuple[object, ...]] = tuple(OWN_MODES)
"""The same, to look for what may not even be hashable."""

_RULE_NAME: Final = re.compile(rf"[a-z][a-z0-9_]{{0,{IDENTIFIER_CHARS_MAX - 1}}}\Z")
_IN_A_TABLE: Final = re.compile(r"[^|\n\r]{1,200}\Z")

_SAMPLE: Final = PickRequest(
    request_id="R-1",
    robot_id="picker_1",
    start_node=1,
    goal_node=1,
    items=(PickItem(bin="A-1", sku="S-1", quantity=1),),
)
"""A request to try a task's `json_schema` on."""


def checked(task: RouteTask[Answer]) -> CheckedTask:
    """Return a task as validation goes through it.  Raises TaskError with what is wrong and what to do."""
    model: object = task.answer
    if not (isinstance(model, type) and issubclass(model, BaseModel)) or issubclass(
        model, RootModel
    ):
        raise _wrong(task, "answer is no model. Derive it from pydantic.BaseModel, with fields")
    for problem in _problems(task):
        raise _wrong(task, problem)
    try:
        bounds = bounds_of(task.answer)
    except TaskError as error:
        raise _wrong(task, str(error)) from error
    schema_for = task.json_schema
    if schema_for is not None and _as_schema(schema_for) is None:
        raise _wrong(task, "json_schema raises or returns what is no JSON. Return a dict for json")
    return CheckedTask(
        name=task.name,
        answer=task.answer,
        read=exact_decoder(task.answer, quotes_max=bounds.quotes, brackets_max=bounds.brackets),
        route_of=_route_of(task),
        own_refusal=_own_refusal(task) if task.rules else None,
        standby_of=_standby_of(task),
        rules=(CONVERSION, *(_row(rule) for rule in task.rules)),
        prompt=task.prompt,
        schema_for=None if schema_for is None else lambda asked: _as_schema(schema_for, asked),
    )


def _wrong(task: RouteTask[Answer], problem: str) -> TaskError:
    return TaskError(f"task {printable(str(task.name))!r}: {problem}")


def _problems(task: RouteTask[Answer]) -> Iterator[str]:
    """Yield what is wrong beside the model, as far as types alone do not say it."""
    name: object = task.name
    if not isinstance(name, str) or not is_identifier(name):
        yield "its name is no identifier. Use 1 to 64 characters of A-Z a-z 0-9 _ . : -"
    functions: dict[str, object] = {
        "as_route": task.as_route,
        "json_schema": task.json_schema or _problems,
        "standby": task.standby or _problems,
    }
    for role, function in functions.items():
        if not callable(function):
            yield f"{role} cannot be called. Give it a function"
    prompt: object = task.prompt
    if not isinstance(prompt, str) or len(prompt) > PROMPT_CHARS_MAX or not _is_text(prompt):
        yield f"prompt has to be up to {PROMPT_CHARS_MAX} characters of text without NUL. Shorten it"
    rules: object = task.rules
    if not isinstance(rules, tuple) or len(rules) > TASK_RULES_MAX:
        yield f"rules have to be a tuple of up to {TASK_RULES_MAX}. Write rules=(Rule(...),)"
        return
    taken = {row.name for row in (*RULES, CONVERSION)}
    for number, rule in enumerate(rules):
        problem = _rule_problem(rule, taken)
        if problem:
            yield f"rules[{number}]: {problem}"
            return
        taken.add(rule.name)


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _rule_problem(rule: object, taken: set[str]) -> str | None:
    if type(rule) is not Rule:
        return "it is no Rule. Write Rule(name, Stage.TASK, modes, measures, limit, check)"
    name: object = rule.name
    if not isinstance(name, str) or not _RULE_NAME.match(name):
        return "its name is none. Use small letters, digits and _"
    if name in taken:
        return f"the name {name} is taken. Decisions name their rule, so choose another"
    stage: object = rule.stage
    if stage is not Stage.TASK:
        return f"{name} is of another stage. Write Stage.TASK"
    modes: object = rule.modes
    if not isinstance(modes, tuple) or not modes or not all(mode in _OWN_MODES for mode in modes):
        allowed = ", ".join(sorted(mode.value for mode in OWN_MODES))
        return f"{name} has modes that it cannot have. Give a tuple of {allowed}"
    check: object = rule.check
    texts: tuple[object, object] = (rule.measures, rule.limit)
    if not all(isinstance(text, str) and _IN_A_TABLE.match(text) for text in texts):
        return f"{name}: what it measures or its limit is no line of a table. Use text without |"
    return (
        None if callable(check) else f"{name} has a check that cannot be called. Give it a function"
    )


def _row(rule: Rule[TaskCase[Answer]]) -> RuleRow:
    return RuleRow(rule.name, rule.stage, rule.modes, rule.measures, rule.limit)


# What is called later


def _route_of(task: RouteTask[Answer]) -> Callable[[BaseModel, PickRequest], Route | Refusal]:
    def route_of(answer: BaseModel, request: PickRequest) -> Route | Refusal:
        assert isinstance(answer, task.answer), "it was read as one"
        try:
            said: object = task.as_route(answer, request)
            if isinstance(said, str):
                return _unfit(said or "it is no route", 1)
            if type(said) is not Route:
                return _broken(f"the conversion returned {type(said).__name__}", CONVERSION)
            # Read anew as a planner's bytes are, for pydantic lets a route be made without asking the schema.
            return Route.model_validate_json(
                Route.__pydantic_serializer__.to_json(said, warnings=False)
            )
        except ValidationError as error:
            return _unfit(described(error), error.error_count())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # also an exit is no way out of the guard
            return _broken(f"{type(error).__name__} in the conversion", CONVERSION)

    return route_of


def _own_refusal(
    task: RouteTask[Answer],
) -> Callable[[BaseModel, PreparedRequest, ValidatedRoute, Budget], Refusal | None]:
    def own_refusal(
        answer: BaseModel, prepared: PreparedRequest, route: ValidatedRoute, budget: Budget
    ) -> Refusal | None:
        assert isinstance(answer, task.answer), "it was read as one"
        case = TaskCase(
            answer=answer,
            request=prepared.request,
            route=route,
            robot_speed_mps=budget.robot_speed_mps,
            pick_ns=budget.pick_ns,
        )
        for rule in task.rules:
            try:
                said: object = rule.check(case)
                refusal = None if said is None else _as_said(said, rule)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  # also an exit is no way out of the guard
                refusal = _broken(f"{type(error).__name__} in the rule", rule)
            if refusal is not None:
                return refusal
        return None

    return own_refusal


def _as_said(said: object, rule: RuleRow) -> Refusal:
    """Return a rule's refusal under its name, or that the rule is broken."""
    if type(said) is not Refusal or said.mode not in rule.modes:
        return _broken("the rule returned what is no refusal of its modes", rule)
    measured, limit = float(said.measured), float(said.limit)
    if not (isfinite(measured) and isfinite(limit)):
        return _broken("the rule measured what is no number", rule)
    detail = printable(str(said.detail) or rule.measures, chars_max=DETAIL_CHARS_MAX)
    return Refusal(said.mode, detail, measured, limit, rule.name)


def _standby_of(
    task: RouteTask[Answer],
) -> Callable[[Route, PickRequest], BaseModel | None] | None:
    say = task.standby
    if say is None:
        return None

    def standby_of(route: Route, request: PickRequest) -> BaseModel | None:
        try:
            said: object = say(route, request)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001  # without an answer there is no standby route
            return None
        return said if isinstance(said, task.answer) else None

    return standby_of


def _as_schema(
    schema_for: Callable[[PickRequest], JsonSchema], request: PickRequest = _SAMPLE
) -> JsonSchema | None:
    try:
        found: object = json.loads(json.dumps(schema_for(request), allow_nan=False))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # the model's own schema does, then
        return None
    return found if isinstance(found, dict) else None


def _unfit(detail: str, measured: float) -> Refusal:
    said = printable(detail, chars_max=DETAIL_CHARS_MAX)
    return Refusal(FailureMode.SCHEMA, said, measured, 0, CONVERSION.name)


def _broken(detail: str, rule: RuleRow) -> Refusal:
    said = printable(f"{detail} of the task", chars_max=DETAIL_CHARS_MAX)
    return Refusal(FailureMode.INTERNAL_ERROR, said, rule=rule.name)
