# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Every rule of the guard: those of requests, then all others in the order in which an answer meets them."""

from typing import Final

from fallback_guard.core.admission import (
    ADMISSION_RULES,
    REPORT_RULE,
    REQUEST_RULES,
    START_RULES,
)
from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.decoding import ANSWER_RULES
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.route_rules import ROUTE_RULES
from fallback_guard.core.rules import RuleRow, Stage

NOT_OF_A_RULE: Final = (
    FailureMode.DRILL,
    FailureMode.PLANNER_SILENT,
    FailureMode.PLANNER_LATE,
    FailureMode.OVERTAKEN,
    FailureMode.INTERNAL_ERROR,
    FailureMode.GUARD_SILENT,
    FailureMode.STRANGER,
    FailureMode.TASK_RULE,
)
"""What none of these refuses for: drills, time that passed, faults of the guard, the watchdog's, rules of one's own."""

CONVERSION: Final = RuleRow(
    "conversion",
    Stage.SCHEMA,
    (FailureMode.SCHEMA,),
    "reasons why the answer is no route of the package",
    "0",
)
"""Asked only where a task of one's own is guarded: whether its answer can be said as a route."""


def rules_of(task: CheckedTask) -> tuple[RuleRow, ...]:
    """Return every rule of a guard with this task, likewise."""
    own = {stage: [row for row in task.rules if row.stage is stage] for stage in Stage}
    return (
        *REQUEST_RULES,
        *ADMISSION_RULES,
        REPORT_RULE,
        *ANSWER_RULES,
        *own[Stage.SCHEMA],
        *ROUTE_RULES,
        *own[Stage.TASK],
        *START_RULES,
    )


RULES: Final = rules_of(ROUTES)

assert len({rule.name for rule in RULES}) == len(RULES), "a decision names its rule"
assert {mode for rule in RULES for mode in rule.modes} == set(FailureMode) - set(NOT_OF_A_RULE), (
    "every other failure mode is what some rule's failure is called"
)
