# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pilot's planner: calls a model that fails by the mix, and again where the guard refuses an answer.

Its rules are planner_node's: one budget for all calls for a plan, a bounded number of them, an answer passed on as it
came, and a report where none came in time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from fallback_guard.core.events import CandidateArrived
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.units import seconds_to_ns
from fallback_guard.pilot.mix import Fate, Met, Mix, payload
from fallback_guard.pilot.ports import Agenda, Refused
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.tally import RobotTally
from fallback_guard.tools.hostile_answers import Question

SOURCE: Final = "llm:pilot"
_SECOND: Final = 100
"""Attempts of the second planner are numbered from here."""

_COUNTED: Final = {
    Fate.MALFORMED: "malformed",
    Fate.WRONG: "wrong_answers",
    Fate.TIMEOUT: "timeouts",
}
_COUNTED_FIRST: Final = {Fate.MALFORMED: "first_malformed", Fate.TIMEOUT: "first_timeouts"}


@dataclass(slots=True, kw_only=True)
class _Job:
    """One request that is planned.  `key` names it among all calls; `is_first`: it is its plan's first request."""

    question: Question
    key: str
    is_first: bool
    tally: RobotTally
    began_ns: int
    attempts: int = 0
    answered: set[int] = field(default_factory=set)
    is_over: bool = False


class PilotPlanner:
    """Plans one request after the other, or several at a time."""

    def __init__(
        self,
        *,
        settings: PilotSettings,
        agenda: Agenda,
        publish: Callable[[CandidateArrived], None],
        faulty: bool,
        second_planner: bool,
    ) -> None:
        """Begin with none."""
        self._settings = settings
        self._mix = Mix(settings)
        self._agenda = agenda
        self._publish = publish
        self._faulty = faulty
        self._second_planner = second_planner
        self._hand_over_ns = seconds_to_ns(settings.latency_p95_s)
        self._jobs: dict[tuple[str, str], _Job] = {}

    def ask(self, question: Question, *, key: str, is_first: bool, tally: RobotTally) -> None:
        """Begin to plan a request."""
        job = _Job(
            question=question,
            key=key,
            is_first=is_first,
            tally=tally,
            began_ns=self._agenda.now_ns,
        )
        self._jobs[question.request.robot_id, question.request.request_id] = job
        self._call(job)

    def refused(self, refused: Refused) -> None:
        """Try once more, where there is time and the refused answer was the latest one."""
        job = self._jobs.get((refused.robot_id, refused.request_id))
        if job is None or job.is_over or refused.attempt % _SECOND != job.attempts:
            return
        if job.attempts < self._settings.attempts_max:
            self._call(job)

    def settled(self, robot_id: str, request_id: str) -> None:
        """Let a request be: its robot has a route, or has given it up."""
        job = self._jobs.pop((robot_id, request_id), None)
        if job is not None:
            job.is_over = True

    def _call(self, job: _Job) -> None:
        job.attempts += 1
        self._make(job, job.attempts, f"{job.key}/{job.attempts}", second=False)
        if self._second_planner:
            self._agenda.later(self._hand_over_ns, partial(self._ask_second, job, job.attempts))

    def _ask_second(self, job: _Job, attempt: int) -> None:
        if not job.is_over and attempt not in job.answered:
            self._make(job, _SECOND + attempt, f"{job.key}/{attempt}/second", second=True)

    def _make(self, job: _Job, attempt: int, key: str, *, second: bool) -> None:
        """Make a call: its answer comes when it comes, or the budget ends before."""
        again = job.attempts > 1
        met = self._mix.met(key, follows_refused=again, second=second)
        if not self._faulty:
            met = Met(fate=Fate.RIGHT, kind=None, latency_ns=met.latency_ns or 1)
        job.tally.calls += 1
        if met.fate in _COUNTED:
            job.tally.count(_COUNTED[met.fate])
        if job.is_first and attempt == 1 and met.fate in _COUNTED_FIRST:
            job.tally.count(_COUNTED_FIRST[met.fate])
        left_ns = job.began_ns + self._settings.budget_ns - self._agenda.now_ns
        if met.fate is Fate.TIMEOUT or met.latency_ns > left_ns:
            if not second:
                self._agenda.later(left_ns, partial(self._time_out, job, attempt))
            return
        self._agenda.later(met.latency_ns, partial(self._answer, job, attempt, met))

    def _answer(self, job: _Job, attempt: int, met: Met) -> None:
        if job.is_over:
            return
        job.answered.add(attempt % _SECOND)
        self._say(job, attempt, payload(job.question, met.kind), "")

    def _time_out(self, job: _Job, attempt: int) -> None:
        if job.is_over or attempt in job.answered:
            return
        job.is_over = True
        self._say(job, attempt, b"", FailureMode.PLANNER_TIMEOUT.value)

    def _say(self, job: _Job, attempt: int, said: bytes, failure: str) -> None:
        request = job.question.request
        self._publish(
            CandidateArrived(
                request_id=request.request_id,
                robot_id=request.robot_id,
                source=SOURCE,
                attempt=attempt,
                payload=said,
                planning_ns=self._agenda.now_ns - job.began_ns,
                failure=failure,
            )
        )
