"""The one table of what can go wrong, which risk it is, and what VDA 5050 calls it.

To add a failure mode, add a member and its row.  Everything else (messages, documentation, the
matrix of measured impact) iterates this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final


class Bucket(IntEnum):
    """The kind of risk; the values are those of GuardDecision.msg."""

    NONE = 0
    LATENCY = 1
    SAFETY = 2


class FailureMode(str, Enum):
    """What went wrong, in order of severity within its bucket.  The names are stable: people script them."""

    PLANNER_SILENT = "PLANNER_SILENT"
    PLANNER_LATE = "PLANNER_LATE"
    PLANNER_TIMEOUT = "PLANNER_TIMEOUT"
    PLANNER_UNREACHABLE = "PLANNER_UNREACHABLE"
    PLANNER_HTTP_ERROR = "PLANNER_HTTP_ERROR"
    PLANNER_BAD_RESPONSE = "PLANNER_BAD_RESPONSE"
    QUEUE_OVERRUN = "QUEUE_OVERRUN"
    CANDIDATE_FLOOD = "CANDIDATE_FLOOD"

    REPEATED = "REPEATED"
    STALE = "STALE"
    UNKNOWN_REQUEST = "UNKNOWN_REQUEST"
    UNKNOWN_ROBOT = "UNKNOWN_ROBOT"
    BAD_IDENTIFIER = "BAD_IDENTIFIER"
    OVERSIZE = "OVERSIZE"
    NOT_UTF8 = "NOT_UTF8"
    TOO_DEEP = "TOO_DEEP"
    EMPTY = "EMPTY"
    TRUNCATED = "TRUNCATED"
    FENCED = "FENCED"
    PROSE = "PROSE"
    TRAILING_COMMA = "TRAILING_COMMA"
    NOT_FINITE = "NOT_FINITE"
    MALFORMED_JSON = "MALFORMED_JSON"
    DUPLICATE_KEY = "DUPLICATE_KEY"
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
    DURATION_TOO_LONG = "DURATION_TOO_LONG"
    START_OUT_OF_RANGE = "START_OUT_OF_RANGE"
    POSITION_UNKNOWN = "POSITION_UNKNOWN"
    BAD_REQUEST = "BAD_REQUEST"
    LATCHED = "LATCHED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureModeRow:
    """What is known about one failure mode.

    `vda5050_error` is the error type of VDA 5050 version 3.0 that says the same, or None where an order
    never came to be.  `planner_reports` marks the modes a planner may report about itself.
    """

    bucket: Bucket
    vda5050_error: str | None
    meaning: str
    planner_reports: bool = False


def _latency(meaning: str, *, planner_reports: bool = False) -> FailureModeRow:
    return FailureModeRow(
        bucket=Bucket.LATENCY, vda5050_error=None, meaning=meaning, planner_reports=planner_reports
    )


def _safety(vda5050_error: str | None, meaning: str) -> FailureModeRow:
    return FailureModeRow(bucket=Bucket.SAFETY, vda5050_error=vda5050_error, meaning=meaning)


_INVALID: Final = "VALIDATION_FAILURE"
_ACTION: Final = "INVALID_ORDER_ACTION"
_NO_ROUTE: Final = "NO_ROUTE_TO_TARGET"
_OUTDATED: Final = "OUTDATED_ORDER_UPDATE"

FAILURE_MODES: Final[Mapping[FailureMode, FailureModeRow]] = MappingProxyType(
    {
        FailureMode.PLANNER_SILENT: _latency("no answer came before the window closed"),
        FailureMode.PLANNER_LATE: _latency("a valid answer came after the window had closed"),
        FailureMode.PLANNER_TIMEOUT: _latency(
            "the model did not finish in the time it was given", planner_reports=True
        ),
        FailureMode.PLANNER_UNREACHABLE: _latency(
            "the model's endpoint could not be reached", planner_reports=True
        ),
        FailureMode.PLANNER_HTTP_ERROR: _latency(
            "the endpoint answered with an HTTP error", planner_reports=True
        ),
        FailureMode.PLANNER_BAD_RESPONSE: _latency(
            "the endpoint answered with something other than a chat completion",
            planner_reports=True,
        ),
        FailureMode.QUEUE_OVERRUN: _latency("more requests are open than are planned ahead"),
        FailureMode.CANDIDATE_FLOOD: _latency(
            "more answers came for one request than are looked at"
        ),
        FailureMode.REPEATED: _safety("SAME_ORDER_UPDATE_ID", "the same message came before"),
        FailureMode.STALE: _safety(_OUTDATED, "the request it answers is already decided"),
        FailureMode.UNKNOWN_REQUEST: _safety(_OUTDATED, "nobody asked for this"),
        FailureMode.UNKNOWN_ROBOT: _safety(_INVALID, "this guard does not serve that robot"),
        FailureMode.BAD_IDENTIFIER: _safety(
            _INVALID, "an identifier has characters or a length it must not have"
        ),
        FailureMode.OVERSIZE: _safety("INSUFFICIENT_MEMORY", "the answer is larger than the limit"),
        FailureMode.NOT_UTF8: _safety(_INVALID, "the answer is not UTF-8"),
        FailureMode.TOO_DEEP: _safety(_INVALID, "the answer nests deeper than the limit"),
        FailureMode.EMPTY: _safety(_INVALID, "the answer is empty"),
        FailureMode.TRUNCATED: _safety(_INVALID, "the answer ends before the JSON does"),
        FailureMode.FENCED: _safety(_INVALID, "the JSON stands in a Markdown fence"),
        FailureMode.PROSE: _safety(_INVALID, "there is text around the JSON, or only text"),
        FailureMode.TRAILING_COMMA: _safety(_INVALID, "a comma stands before a closing bracket"),
        FailureMode.NOT_FINITE: _safety(_INVALID, "NaN or Infinity stands where a number belongs"),
        FailureMode.MALFORMED_JSON: _safety(_INVALID, "the answer is not JSON in another way"),
        FailureMode.DUPLICATE_KEY: _safety(_INVALID, "an object says the same key twice"),
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
        FailureMode.DURATION_TOO_LONG: _safety(_INVALID, "the route would take too long"),
        FailureMode.START_OUT_OF_RANGE: _safety(
            "START_NODE_OUT_OF_RANGE", "the route does not begin where the robot is"
        ),
        FailureMode.POSITION_UNKNOWN: _safety(
            "START_NODE_OUT_OF_RANGE", "the robot has not said lately where it is"
        ),
        FailureMode.BAD_REQUEST: _safety(_INVALID, "the pick request itself cannot be served"),
        FailureMode.LATCHED: _safety(
            "MOBILE_ROBOT_NOT_AVAILABLE", "the robot waits for an operator's reset"
        ),
        FailureMode.INTERNAL_ERROR: _safety(None, "the guard itself failed, and failed closed"),
    }
)

assert list(FAILURE_MODES) == list(FailureMode), "one row for each failure mode, in its order"

PLANNER_REPORTS: Final[Mapping[str, FailureMode]] = MappingProxyType(
    {mode.value: mode for mode, row in FAILURE_MODES.items() if row.planner_reports}
)
"""What RouteCandidate.failure may say, and the mode it stands for."""
