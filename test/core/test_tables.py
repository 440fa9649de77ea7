# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is said twice is the same twice: messages and enums, failure modes, limits."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fallback_guard.core import limits
from fallback_guard.core.config import GUARD_PARAMETERS
from fallback_guard.core.counters import Counters
from fallback_guard.core.effects import Clock, Decision, Occasion
from fallback_guard.core.failure_modes import FAILURE_MODES, PLANNER_REPORTS, Bucket, FailureMode
from fallback_guard.core.motion import Motion, MotionKind, SafeMoveKind
from fallback_guard.core.rules import Stage
from fallback_guard.driving.words import Outcome
from fallback_guard.nodes.status import Timing

if TYPE_CHECKING:
    from enum import IntEnum

MESSAGES = Path(__file__).parents[2] / "msg"
_LINE = re.compile(r"^(?P<type>[\w/\[\]]+)\s+(?P<name>\w+)\s*(?:=\s*(?P<value>\w+))?\s*(?:#.*)?$")


def _declared(message: str) -> list[re.Match[str]]:
    lines = (MESSAGES / f"{message}.msg").read_text(encoding="utf-8").splitlines()
    matches = [
        _LINE.match(line) for line in lines if line.strip() and not line.lstrip().startswith("#")
    ]
    assert None not in matches, message
    return [match for match in matches if match]


def _constants(message: str, prefix: str) -> dict[str, int]:
    return {
        match["name"].removeprefix(prefix): int(match["value"])
        for match in _declared(message)
        if match["value"] is not None and match["name"].startswith(prefix)
    }


def _fields(message: str) -> list[str]:
    return [match["name"] for match in _declared(message) if match["value"] is None]


@pytest.mark.parametrize(
    ("message", "prefix", "enum"),
    [
        ("MotionCommand", "KIND_", MotionKind),
        ("MotionCommand", "SAFE_MOVE_", SafeMoveKind),
        ("GuardDecision", "OCCASION_", Occasion),
        ("GuardDecision", "OUTCOME_", MotionKind),
        ("GuardDecision", "BUCKET_", Bucket),
        ("GuardDecision", "CLOCK_", Clock),
        ("PickReport", "OUTCOME_", Outcome),
    ],
)
def test_constants_are_those_of_the_enums(message: str, prefix: str, enum: type[IntEnum]) -> None:
    assert _constants(message, prefix) == {member.name: member.value for member in enum}


def test_a_message_that_nobody_filled_in_moves_nothing() -> None:
    assert (MotionKind(0), SafeMoveKind(0), Occasion(0)) == (
        MotionKind.NONE,
        SafeMoveKind.NONE,
        Occasion.NONE,
    )


def test_the_stages_and_the_counters_are_fields() -> None:
    decision = _fields("GuardDecision")
    timing = [field.name for field in fields(Timing)]
    # In the order in which they come: the validation is a part of the decision.
    assert [name for name in decision if name.endswith("_ns")] == [
        *timing[:2],
        *(f"{stage.value}_ns" for stage in Stage),
        *timing[2:],
    ]
    state = _fields("GuardState")
    punctuality = ["dispatch_margin", "lateness", "realtime_priority"]
    counters = [field.name for field in fields(Counters)]
    assert state[-len(counters) - len(punctuality) :] == [*counters, *punctuality]


@pytest.mark.parametrize(
    ("message", "kind"), [("MotionCommand", Motion), ("GuardDecision", Decision)]
)
def test_every_value_has_a_field(message: str, kind: type[Motion | Decision]) -> None:
    converted = {"lease_ns": "lease", "planning_ns": "planning_time", "stage_ns": "envelope_ns"}
    converted |= {"time_to_decision_ns": "time_to_decision", "time_left_ns": "time_left"}
    converted |= {"dispatch_margin_ns": "dispatch_margin"}
    names = {converted.get(field.name, field.name) for field in fields(kind)}
    assert names <= set(_fields(message))


@pytest.mark.parametrize("path", sorted(MESSAGES.glob("*.msg")), ids=lambda path: path.stem)
def test_a_message_says_first_what_it_is(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_the_table_of_failure_modes_is_complete() -> None:
    assert list(FAILURE_MODES) == list(FailureMode)
    for mode, row in FAILURE_MODES.items():
        assert mode.name == mode.value
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", mode.value)
        assert (row.bucket is Bucket.NONE) == (mode is FailureMode.DRILL), "only that is no failure"
        assert row.meaning
        assert not row.meaning.endswith(".")
    assert len({row.meaning for row in FAILURE_MODES.values()}) == len(FailureMode)


def test_the_buckets_stand_one_after_the_other() -> None:
    buckets = [row.bucket for row in FAILURE_MODES.values()]
    assert buckets == sorted(buckets)


def test_planners_report_latencies_and_answers_that_they_cut() -> None:
    assert PLANNER_REPORTS
    for name, mode in PLANNER_REPORTS.items():
        assert name == mode.value
        is_answer = mode is FailureMode.PLANNER_CUT
        assert FAILURE_MODES[mode].bucket is (Bucket.SAFETY if is_answer else Bucket.LATENCY)


VDA5050_3_0 = {
    "VALIDATION_FAILURE",
    "UNSUPPORTED_PARAMETER",
    "INVALID_ORDER_ACTION",
    "OUTDATED_ORDER_UPDATE",
    "SAME_ORDER_UPDATE_ID",
    "OTHER_ORDER_ACTIVE",
    "START_NODE_OUT_OF_RANGE",
    "NO_ROUTE_TO_TARGET",
    "UNKNOWN_MAP_ID",
    "MOBILE_ROBOT_NOT_AVAILABLE",
    "INSUFFICIENT_MEMORY",
}


def test_vda5050_knows_the_error_types() -> None:
    assert {row.vda5050_error for row in FAILURE_MODES.values()} - {None} <= VDA5050_3_0


def test_the_limits_go_together() -> None:
    window_ms_min = min(row.minimum or 0 for row in GUARD_PARAMETERS if row.name == "deadline_ms")
    assert window_ms_min * 10**6 > limits.STAMP_AGE_NS_MAX
    assert limits.CANDIDATES_PER_REQUEST_MAX <= limits.REFUSALS_REPORTED_PER_S_MAX
    assert limits.REQUESTS_OPEN_MAX < limits.REQUESTS_REMEMBERED_MAX
    assert 2 * limits.IDENTIFIER_CHARS_MAX < limits.DETAIL_CHARS_MAX
    assert limits.NESTING_MAX > 3


def test_every_limit_says_why() -> None:
    source = Path(limits.__file__).read_text(encoding="utf-8")
    names = re.findall(r"^([A-Z_]+): Final = .*\n(\"\"\")?", source, flags=re.MULTILINE)
    assert names
    assert [name for name, reason in names if not reason] == []
