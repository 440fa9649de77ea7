# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The one table of what can go wrong, which risk it is, and what VDA 5050 calls it.

To add a failure mode, add a member and its row.  Everything else (messages, documentation, the
matrix of measured impact) iterates this table.

The error types are those that VDA 5050 predefines: 2.1.0 names three (section 6.6.4), 3.0.0 has a
table of them with their levels (section 6.6.5.4).  Where a version names none for what happened, the
nearest of its own that is true stands here, chosen by what could not be done with the order:

- it could not be read, was for someone else, or never came: validationError, VALIDATION_FAILURE;
- it was read, and cannot be carried out: orderError, and the closest type of 3.0;
- it came out of turn: orderUpdateError, and the closest type of 3.0;
- there was no room for it: orderError, INSUFFICIENT_MEMORY.

A refused order is a WARNING in 2.1.  Only the latch is FATAL there, for it needs a person (6.10.5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final, Literal


class Bucket(IntEnum):
    """The kind of risk; the values are those of GuardDecision.msg."""

    NONE = 0
    LATENCY = 1
    SAFETY = 2


class FailureMode(str, Enum):
    """What went wrong, in order of severity within its bucket.  The names are stable: people script them."""

    DRILL = "DRILL"

    PLANNER_SILENT = "PLANNER_SILENT"
    PLANNER_LATE = "PLANNER_LATE"
    PLANNER_TIMEOUT = "PLANNER_TIMEOUT"
    PLANNER_UNREACHABLE = "PLANNER_UNREACHABLE"
    PLANNER_BREAKER_OPEN = "PLANNER_BREAKER_OPEN"
    PLANNER_HTTP_ERROR = "PLANNER_HTTP_ERROR"
    PLANNER_BAD_RESPONSE = "PLANNER_BAD_RESPONSE"
    PLANNER_OVERSIZE = "PLANNER_OVERSIZE"
    PLANNER_NOT_UTF8 = "PLANNER_NOT_UTF8"
    PLANNER_SEVERAL_CHOICES = "PLANNER_SEVERAL_CHOICES"
    PLANNER_REFUSED = "PLANNER_REFUSED"
    PLANNER_TOOL_CALL = "PLANNER_TOOL_CALL"
    PLANNER_LENGTH = "PLANNER_LENGTH"
    PLANNER_EMPTY = "PLANNER_EMPTY"
    OVERTAKEN = "OVERTAKEN"
    QUEUE_OVERRUN = "QUEUE_OVERRUN"
    CANDIDATE_FLOOD = "CANDIDATE_FLOOD"

    REPEATED = "REPEATED"
    STALE = "STALE"
    UNKNOWN_REQUEST = "UNKNOWN_REQUEST"
    UNKNOWN_ROBOT = "UNKNOWN_ROBOT"
    BAD_IDENTIFIER = "BAD_IDENTIFIER"
    PLANNER_CUT = "PLANNER_CUT"
    OVERSIZE = "OVERSIZE"
    NOT_UTF8 = "NOT_UTF8"
    BYTE_ORDER_MARK = "BYTE_ORDER_MARK"
    TOO_DEEP = "TOO_DEEP"
    EMPTY = "EMPTY"
    TRUNCATED = "TRUNCATED"
    FENCED = "FENCED"
    PROSE = "PROSE"
    REASONING = "REASONING"
    SEVERAL_DOCUMENTS = "SEVERAL_DOCUMENTS"
    COMMENT = "COMMENT"
    TRAILING_COMMA = "TRAILING_COMMA"
    SINGLE_QUOTES = "SINGLE_QUOTES"
    UNQUOTED_KEY = "UNQUOTED_KEY"
    PYTHON_LITERAL = "PYTHON_LITERAL"
    NOT_FINITE = "NOT_FINITE"
    MALFORMED_JSON = "MALFORMED_JSON"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    SURROGATE = "SURROGATE"
    NUMBER_RANGE = "NUMBER_RANGE"
    SCHEMA = "SCHEMA"
    WRONG_REQUEST = "WRONG_REQUEST"
    WRONG_ROBOT = "WRONG_ROBOT"
    ITEM_UNKNOWN = "ITEM_UNKNOWN"
    ITEM_REPEATED = "ITEM_REPEATED"
    ITEM_MISSING = "ITEM_MISSING"
    WRONG_QUANTITY = "WRONG_QUANTITY"
    OVER_CAPACITY = "OVER_CAPACITY"
    WRONG_BIN = "WRONG_BIN"
    UNKNOWN_BIN = "UNKNOWN_BIN"
    UNKNOWN_NODE = "UNKNOWN_NODE"
    NOT_AN_EDGE = "NOT_AN_EDGE"
    EDGE_CLOSED = "EDGE_CLOSED"
    KEEP_OUT = "KEEP_OUT"
    UNREACHABLE = "UNREACHABLE"
    DETOUR_TOO_LONG = "DETOUR_TOO_LONG"
    TOO_MANY_WAYPOINTS = "TOO_MANY_WAYPOINTS"
    DURATION_TOO_LONG = "DURATION_TOO_LONG"
    TASK_RULE = "TASK_RULE"
    START_OUT_OF_RANGE = "START_OUT_OF_RANGE"
    POSITION_UNKNOWN = "POSITION_UNKNOWN"
    BAD_REQUEST = "BAD_REQUEST"
    LATCHED = "LATCHED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    GUARD_SILENT = "GUARD_SILENT"
    STRANGER = "STRANGER"


Level = Literal["WARNING", "URGENT", "CRITICAL", "FATAL"]
"""How bad an error is.  Version 2.1 has only the first and the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vda5050Error:
    """An error type of VDA 5050 by its names in 2.1 and 3.0, with its level in each."""

    v2_1: str
    v3_0: str
    level_2_1: Level = "WARNING"
    level_3_0: Level = "WARNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureModeRow:
    """What is known about one failure mode.

    `vda5050` is what VDA 5050 calls it.  `planner_reports` marks the modes a planner may report about itself.
    """

    bucket: Bucket
    vda5050: Vda5050Error
    meaning: str
    planner_reports: bool = False

    @property
    def vda5050_error(self) -> str:
        """The error type of VDA 5050 version 3.0."""
        return self.vda5050.v3_0


def _latency(
    vda5050: Vda5050Error, meaning: str, *, planner_reports: bool = False
) -> FailureModeRow:
    return FailureModeRow(
        bucket=Bucket.LATENCY, vda5050=vda5050, meaning=meaning, planner_reports=planner_reports
    )


def _safety(
    vda5050: Vda5050Error, meaning: str, *, planner_reports: bool = False
) -> FailureModeRow:
    return FailureModeRow(
        bucket=Bucket.SAFETY, vda5050=vda5050, meaning=meaning, planner_reports=planner_reports
    )


_INVALID: Final = Vda5050Error(v2_1="validationError", v3_0="VALIDATION_FAILURE")
_ACTION: Final = Vda5050Error(v2_1="orderError", v3_0="INVALID_ORDER_ACTION")
_NO_ROUTE: Final = Vda5050Error(v2_1="orderError", v3_0="NO_ROUTE_TO_TARGET")
_START: Final = Vda5050Error(v2_1="orderError", v3_0="START_NODE_OUT_OF_RANGE")
_BUSY: Final = Vda5050Error(v2_1="orderError", v3_0="OTHER_ORDER_ACTIVE")
_OUTDATED: Final = Vda5050Error(v2_1="orderUpdateError", v3_0="OUTDATED_ORDER_UPDATE")
_REPEATED: Final = Vda5050Error(v2_1="orderUpdateError", v3_0="SAME_ORDER_UPDATE_ID")
_NO_ROOM: Final = Vda5050Error(v2_1="orderError", v3_0="INSUFFICIENT_MEMORY", level_3_0="URGENT")
_DRILL: Final = Vda5050Error(v2_1="orderError", v3_0="MOBILE_ROBOT_NOT_AVAILABLE")
_NOT_AVAILABLE: Final = Vda5050Error(
    v2_1="orderError", v3_0="MOBILE_ROBOT_NOT_AVAILABLE", level_2_1="FATAL"
)

FAILURE_MODES: Final[Mapping[FailureMode, FailureModeRow]] = MappingProxyType(
    {
        FailureMode.DRILL: FailureModeRow(
            bucket=Bucket.NONE,
            vda5050=_DRILL,
            meaning="nothing failed: an operator wanted to see the fallback",
        ),
        FailureMode.PLANNER_SILENT: _latency(_INVALID, "no answer came before the window closed"),
        FailureMode.PLANNER_LATE: _latency(
            _OUTDATED, "a valid answer came after the window had closed"
        ),
        FailureMode.PLANNER_TIMEOUT: _latency(
            _INVALID, "the model did not finish in the time it was given", planner_reports=True
        ),
        FailureMode.PLANNER_UNREACHABLE: _latency(
            _INVALID, "the model's endpoint could not be reached", planner_reports=True
        ),
        FailureMode.PLANNER_BREAKER_OPEN: _latency(
            _INVALID,
            "no model was asked, because each of them failed or was slow of late",
            planner_reports=True,
        ),
        FailureMode.PLANNER_HTTP_ERROR: _latency(
            _INVALID, "the endpoint answered with an HTTP error", planner_reports=True
        ),
        FailureMode.PLANNER_BAD_RESPONSE: _latency(
            _INVALID,
            "the endpoint answered with something other than a chat completion",
            planner_reports=True,
        ),
        FailureMode.PLANNER_OVERSIZE: _latency(
            _NO_ROOM, "the endpoint's response is larger than the limit", planner_reports=True
        ),
        FailureMode.PLANNER_NOT_UTF8: _latency(
            _INVALID, "the endpoint's response is not UTF-8", planner_reports=True
        ),
        FailureMode.PLANNER_SEVERAL_CHOICES: _latency(
            _INVALID, "the endpoint gave several answers to choose from", planner_reports=True
        ),
        FailureMode.PLANNER_REFUSED: _latency(
            _INVALID, "the model, or a filter before it, declined to answer", planner_reports=True
        ),
        FailureMode.PLANNER_TOOL_CALL: _latency(
            _INVALID, "the model called a tool instead of answering", planner_reports=True
        ),
        FailureMode.PLANNER_LENGTH: _latency(
            _INVALID, "the answer was broken off at its limit of tokens", planner_reports=True
        ),
        FailureMode.PLANNER_EMPTY: _latency(
            _INVALID, "the model answered without a text", planner_reports=True
        ),
        FailureMode.OVERTAKEN: _latency(
            _OUTDATED, "a newer request of the robot fell due before this one was decided"
        ),
        FailureMode.QUEUE_OVERRUN: _latency(_BUSY, "more requests are open than are planned ahead"),
        FailureMode.CANDIDATE_FLOOD: _latency(
            _NO_ROOM, "more answers came for one request than are looked at"
        ),
        FailureMode.REPEATED: _safety(_REPEATED, "the same message came before"),
        FailureMode.STALE: _safety(_OUTDATED, "the request it answers is already decided"),
        FailureMode.UNKNOWN_REQUEST: _safety(_OUTDATED, "nobody asked for this"),
        FailureMode.UNKNOWN_ROBOT: _safety(_INVALID, "this guard does not serve that robot"),
        FailureMode.BAD_IDENTIFIER: _safety(
            _INVALID, "an identifier has characters or a length it must not have"
        ),
        FailureMode.PLANNER_CUT: _safety(
            _INVALID,
            "the answer was cut while it came, for it could no longer become valid",
            planner_reports=True,
        ),
        FailureMode.OVERSIZE: _safety(_NO_ROOM, "the answer is larger than the limit"),
        FailureMode.NOT_UTF8: _safety(_INVALID, "the answer is not UTF-8"),
        FailureMode.BYTE_ORDER_MARK: _safety(_INVALID, "a byte order mark stands before the JSON"),
        FailureMode.TOO_DEEP: _safety(_INVALID, "the answer nests deeper than the limit"),
        FailureMode.EMPTY: _safety(_INVALID, "the answer is empty"),
        FailureMode.TRUNCATED: _safety(_INVALID, "the answer ends before the JSON does"),
        FailureMode.FENCED: _safety(_INVALID, "the JSON stands in a Markdown fence"),
        FailureMode.PROSE: _safety(_INVALID, "there is text around the JSON, or only text"),
        FailureMode.REASONING: _safety(_INVALID, "the model's reasoning stands before the JSON"),
        FailureMode.SEVERAL_DOCUMENTS: _safety(_INVALID, "another JSON document follows the first"),
        FailureMode.COMMENT: _safety(_INVALID, "a comment stands in the JSON"),
        FailureMode.TRAILING_COMMA: _safety(_INVALID, "a comma stands where nothing follows"),
        FailureMode.SINGLE_QUOTES: _safety(_INVALID, "single quotes stand for double ones"),
        FailureMode.UNQUOTED_KEY: _safety(_INVALID, "a key has no quotation marks"),
        FailureMode.PYTHON_LITERAL: _safety(_INVALID, "None, True or False stands as in Python"),
        FailureMode.NOT_FINITE: _safety(_INVALID, "NaN or Infinity stands where a number belongs"),
        FailureMode.MALFORMED_JSON: _safety(_INVALID, "the answer is not JSON in another way"),
        FailureMode.NOT_AN_OBJECT: _safety(_INVALID, "the JSON is not an object"),
        FailureMode.DUPLICATE_KEY: _safety(_INVALID, "an object says the same key twice"),
        FailureMode.SURROGATE: _safety(_INVALID, "a string holds half a surrogate pair"),
        FailureMode.NUMBER_RANGE: _safety(
            _INVALID, "a number is beyond 64-bit integers or double precision"
        ),
        FailureMode.SCHEMA: _safety(_INVALID, "the JSON does not follow the route schema"),
        FailureMode.WRONG_REQUEST: _safety(
            _INVALID, "the route says that it answers another request"
        ),
        FailureMode.WRONG_ROBOT: _safety(_INVALID, "the route is for another robot"),
        FailureMode.ITEM_UNKNOWN: _safety(_ACTION, "a stop picks what was not asked for"),
        FailureMode.ITEM_REPEATED: _safety(_ACTION, "an item is picked more than once"),
        FailureMode.ITEM_MISSING: _safety(_ACTION, "an item is not picked"),
        FailureMode.WRONG_QUANTITY: _safety(_ACTION, "an item is picked in another quantity"),
        FailureMode.OVER_CAPACITY: _safety(
            _ACTION, "the picks together are more than the robot carries"
        ),
        FailureMode.WRONG_BIN: _safety(
            _ACTION, "an item is picked from a bin that does not hold it"
        ),
        FailureMode.UNKNOWN_BIN: _safety(_NO_ROUTE, "a bin is not on the map"),
        FailureMode.UNKNOWN_NODE: _safety(_NO_ROUTE, "a node is not on the map"),
        FailureMode.NOT_AN_EDGE: _safety(
            _NO_ROUTE, "two nodes in a row have no edge in that direction"
        ),
        FailureMode.EDGE_CLOSED: _safety(_NO_ROUTE, "an edge on the way is closed"),
        FailureMode.KEEP_OUT: _safety(_NO_ROUTE, "the way crosses a keep-out zone"),
        FailureMode.UNREACHABLE: _safety(_NO_ROUTE, "no open path leads to a stop or to the goal"),
        FailureMode.DETOUR_TOO_LONG: _safety(
            _INVALID, "the way is too long beside the standby route"
        ),
        FailureMode.TOO_MANY_WAYPOINTS: _safety(
            _NO_ROOM, "the way has more turns than one command may hold"
        ),
        FailureMode.DURATION_TOO_LONG: _safety(_INVALID, "the route would take too long"),
        FailureMode.TASK_RULE: _safety(_INVALID, "a rule of the guard's own task refuses it"),
        FailureMode.START_OUT_OF_RANGE: _safety(
            _START, "the route does not begin where the robot is"
        ),
        FailureMode.POSITION_UNKNOWN: _safety(_START, "the robot has not said lately where it is"),
        FailureMode.BAD_REQUEST: _safety(_INVALID, "the pick request itself cannot be served"),
        FailureMode.LATCHED: _safety(_NOT_AVAILABLE, "the robot waits for an operator's reset"),
        FailureMode.INTERNAL_ERROR: _safety(_INVALID, "the guard itself failed, and failed closed"),
        FailureMode.GUARD_SILENT: _safety(
            _INVALID, "the guard did not decide, so that the watchdog did"
        ),
        FailureMode.STRANGER: _safety(
            _INVALID, "others than one guard and its watchdog can command robots"
        ),
    }
)

assert list(FAILURE_MODES) == list(FailureMode), "one row for each failure mode, in its order"

PLANNER_REPORTS: Final[Mapping[str, FailureMode]] = MappingProxyType(
    {mode.value: mode for mode, row in FAILURE_MODES.items() if row.planner_reports}
)
"""What RouteCandidate.failure may say, and the mode it stands for."""
