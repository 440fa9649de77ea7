# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What VDA 5050 calls each failure mode."""

from __future__ import annotations

from typing import Final

import pytest

from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode, Vda5050Error

TYPES_2_1: Final = {"validationError", "orderError", "orderUpdateError", "noOrderToCancel"}
"""VDA 5050 2.1.0, sections 6.6.3 and 6.6.4; all are warnings there, and a vehicle may add its own."""

LEVELS_3_0: Final = {
    "UNSUPPORTED_PARAMETER": "CRITICAL",
    "NO_ORDER_TO_CANCEL": "WARNING",
    "VALIDATION_FAILURE": "WARNING",
    "INVALID_ORDER_ACTION": "WARNING",
    "INVALID_INSTANT_ACTION": "WARNING",
    "OUTDATED_ORDER_UPDATE": "WARNING",
    "SAME_ORDER_UPDATE_ID": "WARNING",
    "ORDER_UPDATE_FOLLOWING_CANCEL": "WARNING",
    "OUTSIDE_OF_CORRIDOR": "CRITICAL",
    "INSUFFICIENT_MEMORY": "URGENT",
    "DUPLICATE_MAP": "WARNING",
    "BLOCKED_ZONE_VIOLATION": "CRITICAL",
    "DUPLICATE_ZONE_SET": "WARNING",
    "RELEASE_LOST": "CRITICAL",
    "ZONE_ACTION_CONFLICT": "CRITICAL",
    "NODE_UNREACHABLE": "CRITICAL",
    "LOCALIZATION_ERROR": "FATAL",
    "NO_ROUTE_TO_TARGET": "WARNING",
    "OTHER_ORDER_ACTIVE": "WARNING",
    "START_NODE_OUT_OF_RANGE": "WARNING",
    "MOBILE_ROBOT_NOT_AVAILABLE": "WARNING",
    "UNKNOWN_MAP_ID": "WARNING",
}
"""VDA 5050 3.0.0, section 6.6.5.4, "Predefined error types": the whole table, with its levels."""


@pytest.mark.parametrize("mode", FailureMode)
def test_vda5050_knows_each_failure_in_both_versions(mode: FailureMode) -> None:
    error = FAILURE_MODES[mode].vda5050
    assert error.v2_1 in TYPES_2_1
    assert error.level_3_0 == LEVELS_3_0[error.v3_0]
    assert error.level_2_1 in ("WARNING", "FATAL")
    assert FAILURE_MODES[mode].vda5050_error == error.v3_0


def test_only_what_needs_a_person_is_fatal() -> None:
    """VDA 5050 2.1.0, section 6.10.5."""
    fatal = {mode for mode, row in FAILURE_MODES.items() if row.vda5050.level_2_1 == "FATAL"}
    assert fatal == {FailureMode.LATCHED}


@pytest.mark.parametrize(
    ("mode", "v2_1", "v3_0"),
    [
        (FailureMode.DRILL, "orderError", "MOBILE_ROBOT_NOT_AVAILABLE"),
        (FailureMode.PLANNER_SILENT, "validationError", "VALIDATION_FAILURE"),
        (FailureMode.PLANNER_LATE, "orderUpdateError", "OUTDATED_ORDER_UPDATE"),
        (FailureMode.QUEUE_OVERRUN, "orderError", "OTHER_ORDER_ACTIVE"),
        (FailureMode.REPEATED, "orderUpdateError", "SAME_ORDER_UPDATE_ID"),
        (FailureMode.OVERSIZE, "orderError", "INSUFFICIENT_MEMORY"),
        (FailureMode.SCHEMA, "validationError", "VALIDATION_FAILURE"),
        (FailureMode.ITEM_UNKNOWN, "orderError", "INVALID_ORDER_ACTION"),
        (FailureMode.EDGE_CLOSED, "orderError", "NO_ROUTE_TO_TARGET"),
        (FailureMode.START_OUT_OF_RANGE, "orderError", "START_NODE_OUT_OF_RANGE"),
        (FailureMode.LATCHED, "orderError", "MOBILE_ROBOT_NOT_AVAILABLE"),
        (FailureMode.INTERNAL_ERROR, "validationError", "VALIDATION_FAILURE"),
    ],
)
def test_what_vda5050_calls_it(mode: FailureMode, v2_1: str, v3_0: str) -> None:
    error = FAILURE_MODES[mode].vda5050
    assert (error.v2_1, error.v3_0) == (v2_1, v3_0)


def test_malformed_answers_are_malformed_orders() -> None:
    """Whatever the kind; only what is too large is something else."""
    first = list(FailureMode).index(FailureMode.NOT_UTF8)
    last = list(FailureMode).index(FailureMode.SCHEMA)
    invalid = Vda5050Error(v2_1="validationError", v3_0="VALIDATION_FAILURE")
    for mode in list(FailureMode)[first : last + 1]:
        assert FAILURE_MODES[mode].vda5050 == invalid
        assert FAILURE_MODES[mode].bucket is Bucket.SAFETY
