"""Every rule of the guard: those of requests, then all others in the order in which an answer meets them."""

from typing import Final

from fallback_guard.core.admission import (
    ADMISSION_RULES,
    REPORT_RULE,
    REQUEST_RULES,
    START_RULES,
)
from fallback_guard.core.decoding import ANSWER_RULES
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.route_rules import ROUTE_RULES
from fallback_guard.core.rules import RuleRow

RULES: Final[tuple[RuleRow, ...]] = (
    *REQUEST_RULES,
    *ADMISSION_RULES,
    REPORT_RULE,
    *ANSWER_RULES,
    *ROUTE_RULES,
    *START_RULES,
)

NOT_OF_A_RULE: Final = (
    FailureMode.PLANNER_SILENT,
    FailureMode.PLANNER_LATE,
    FailureMode.OVERTAKEN,
    FailureMode.INTERNAL_ERROR,
    FailureMode.GUARD_SILENT,
    FailureMode.STRANGER,
)
"""What nothing is refused for: time that passed, faults of the guard, and what the watchdog says."""

assert len({rule.name for rule in RULES}) == len(RULES), "a decision names its rule"
assert {mode for rule in RULES for mode in rule.modes} == set(FailureMode) - set(NOT_OF_A_RULE), (
    "every other failure mode is what some rule's failure is called"
)
