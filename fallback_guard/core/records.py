# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the guard remembers of each robot and each request."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.effects import Clock, believable_due
from fallback_guard.core.events import CandidateArrived
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.limits import REQUESTS_REMEMBERED_MAX
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.request import PickRequest
from fallback_guard.core.request_states import OPEN, TERMINAL, RequestInput, RequestState, after
from fallback_guard.core.rules import Refusal
from fallback_guard.core.validation import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A candidate's verdict, with what a decision tells of the candidate: nothing of it that could be large."""

    source: str
    attempt: int
    planning_ns: int
    verdict: Verdict


def judged_as(candidate: CandidateArrived, verdict: Verdict | None) -> Judged:
    """Join an answer with its verdict (None: nobody looked at it)."""
    return Judged(
        source=printable(candidate.source),
        attempt=candidate.attempt,
        planning_ns=candidate.planning_ns,
        verdict=verdict or Verdict(route=None, refusal=None, stage_ns={}),
    )


OVER: Final = PickRequest(request_id="", robot_id="", start_node=0, goal_node=0, items=())
"""What is kept of a request that is over: that there was one."""

_NO_ANSWERS: Final[AbstractSet[tuple[str, int]]] = frozenset()


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One request.  `request` is None where only its id is known.

    `defect` is what keeps it from being served; `prepared` what an answer is judged by, None before that was needed
    and where nothing more can come, as of so many `renewals`; `sequence` that of the last motion sent for it,
    0 before the decision; `closes_ns` when its window closes, `margin_ns` before the deadline, where it has one;
    `wakes_ns` when it is looked at next.
    """

    request_id: str
    robot_id: str
    request: PickRequest | None = None
    state: RequestState = RequestState.PLANNING
    defect: Refusal | None = None
    prepared: PreparedRequest | None = None
    renewals: int = 0
    staged: Judged | None = None
    last_refusal: Refusal | None = None
    last_judged: Judged | None = None
    halted_by: FailureMode | None = None
    answers_seen: AbstractSet[tuple[str, int]] = _NO_ANSWERS
    answers_refused: int = 0
    superseded: bool = False
    sequence: int = 0
    due_ns: int = 0
    closes_ns: int | None = None
    wakes_ns: int | None = None
    margin_ns: int = 0
    clock: Clock = Clock.NONE

    @property
    def can_be_served(self) -> bool:
        """Whether a route may still be sent for it."""
        return self.request is not None and self.defect is None and self.state not in TERMINAL

    def start_clock(self, now_ns: int, stamp_age_ns: int) -> None:
        """Let the request fall due: at its stamp where that is believable, else now."""
        self.due_ns, self.clock = believable_due(now_ns, stamp_age_ns)

    def accept(self, event: RequestInput) -> bool:
        """Change state as the table says; return False, changing nothing, where it says nothing."""
        following = after(self.state, event)
        if following is None:
            return False
        self.state = following
        if following in TERMINAL:
            self.prepared = self.staged = None
            self.request = self.request and OVER
        return True

    def supersede(self) -> None:
        """Let no recovery follow, now or after a safe move that is still to come."""
        self.superseded = True
        self.accept(RequestInput.SUPERSEDED)
        self.tidy()

    def tidy(self) -> None:
        """Keep of a request that is over and reported no more than what tells a repeat."""
        if self.sequence and self.state in TERMINAL:
            self.answers_seen = _NO_ANSWERS
            self.last_refusal = self.last_judged = None

    def halt(self) -> None:
        """Close the window without a route."""
        self.accept(RequestInput.WINDOW_CLOSED)
        if self.superseded:
            self.accept(RequestInput.SUPERSEDED)


def closed_record(request_id: str, robot_id: str) -> RequestRecord:
    """Return the record of a request of which nothing is known, without an id that is none."""
    known = request_id if is_identifier(request_id) else ""
    return RequestRecord(request_id=known, robot_id=robot_id, state=RequestState.CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a robot was at `at_ns` (m), the nearest node, and how far away that is (m)."""

    node: int
    distance_m: float
    x: float
    y: float
    at_ns: int


@dataclass(slots=True, kw_only=True)
class RobotRecord:
    """One robot.  `position` is None where it is unknown; `requests` are in order of arrival.

    `stranded_on` is the node from which no open path served its halted request; None where none was missing.
    `drill_until_ns` is until when a drill waits for a request to fall due; None where none does.
    """

    robot_id: str
    position: Position | None = None
    stranded_on: int | None = None
    drill_until_ns: int | None = None
    safe_moves_in_a_row: int = 0
    latched: bool = False
    requests: dict[str, RequestRecord] = field(default_factory=dict)

    @property
    def requests_open(self) -> int:
        """How many requests wait for their decision."""
        return sum(record.state in OPEN for record in self.requests.values())

    def believed(self, now_ns: int, config: GuardConfig) -> Position | None:
        """Return the last position; None where it is too old to be believed."""
        position = self.position
        if position is None or now_ns - position.at_ns > config.position_age_ns_max:
            return None
        return position

    def node(self, now_ns: int, config: GuardConfig) -> int | None:
        """Return the node on which the robot stands; None between nodes and where that is unknown."""
        position = self.believed(now_ns, config)
        if position is None or position.distance_m > config.start_tolerance_m:
            return None
        return position.node

    def supersede_all(self) -> None:
        """Let no route follow the safe moves of earlier requests: a newer one was made."""
        for record in self.requests.values():
            record.supersede()

    def remember(self, record: RequestRecord) -> None:
        """Add a request, and forget the oldest decided one where there are too many."""
        self.requests[record.request_id] = record
        while len(self.requests) > REQUESTS_REMEMBERED_MAX:
            oldest = next(key for key, old in self.requests.items() if old.state not in OPEN)
            self.requests.pop(oldest).supersede()
