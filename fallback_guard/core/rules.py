# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a rule is: one row that says what is measured, at which stage, and what it is called when it fails.

The rows stand beside their checks (`admission.py`, `decoding.py`, `route_rules.py`); `rule_table.py` joins them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Generic, TypeVar

from fallback_guard.core.failure_modes import FailureMode

Subject = TypeVar("Subject")


class Stage(str, Enum):
    """The stages of validation, in their order; each is timed."""

    ENVELOPE = "envelope"
    SCHEMA = "schema"
    REQUEST = "request"
    MAP = "map"
    BUDGET = "budget"
    TASK = "task"

    # Enum's own is in Python and counts: each answer's stages are timed within the deadline.
    __hash__ = str.__hash__


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not accepted.

    `detail` is for people and never repeats the payload at length.  `measured` is what the rule measured, in
    its unit, and `limit` what it may be at most; both 0 where no rule was asked.
    """

    mode: FailureMode
    detail: str
    measured: float = 0.0
    limit: float = 0.0
    rule: str = ""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """What is known about one rule.

    `modes` are what its failures are called; `measures` says what is measured and in which unit, `limit` what
    that may be at most: a number, or a parameter by its name.
    """

    name: str
    stage: Stage
    modes: tuple[FailureMode, ...]
    measures: str
    limit: str


@dataclass(frozen=True, slots=True)
class Rule(RuleRow, Generic[Subject]):
    """A row with its check, which returns the refusal, or None."""

    check: Callable[[Subject], Refusal | None]


def first_failure(rules: Iterable[Rule[Subject]], subject: Subject) -> Refusal | None:
    """Return the refusal of the first rule that fails, under its name; None where all hold."""
    for rule in rules:
        refusal = rule.check(subject)
        if refusal is not None:
            return replace(refusal, rule=rule.name)
    return None


def internal_error(error: Exception, where: str) -> Refusal:
    """Return the refusal for what no code expects.  Its message could hold anything, and is left out."""
    return Refusal(FailureMode.INTERNAL_ERROR, f"{type(error).__name__} in {where}")
