# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Plans requests: asks the model, publishes what it says, and asks again with the guard's reason.

Runs in one asyncio event loop; every method has to be called in that loop's thread.  Whom to ask, the ladder says.  A
plan ends when the guard takes a route, when the ladder's attempts are used up, or when its one budget of time runs out.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Final

from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.closures import Closures
from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket, FailureMode
from fallback_guard.core.identifiers import is_identifier
from fallback_guard.core.limits import (
    CANDIDATES_PER_REQUEST_MAX,
    REQUESTS_REMEMBERED_MAX,
    STOPS_MAX,
)
from fallback_guard.core.openness import openness
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickRequest
from fallback_guard.core.rules import Refusal
from fallback_guard.core.units import NS_PER_MS, NS_PER_S, ns_to_seconds
from fallback_guard.planning.config import PlannerConfig
from fallback_guard.planning.ladder import Climb, Ladder
from fallback_guard.planning.llm import Answer, Llm
from fallback_guard.planning.methods import EXAMPLES_MAX, Brief
from fallback_guard.planning.rungs import only_rung

PLANS_OPEN_MAX: Final = 64
"""Plans that wait for the model or for the guard; at a call's pace more could not be served in time."""

PLANS_REMEMBERED_MAX: Final = 16 * REQUESTS_REMEMBERED_MAX
"""Ids of requests already planned, so that a request sent twice is planned once."""

KEPT_NS: Final = 600 * NS_PER_S
"""How long a plan made ahead is kept after its budget: its route may be dropped until it falls due, as maps change."""

REPLANS_MAX: Final = 4
"""How often a route that was dropped is planned anew, each time with a budget of its own."""

RETRY_PAUSE_NS: Final = 100 * NS_PER_MS
"""Between a failed call and the next: an endpoint that just failed fast would fail again."""

_BEYOND_THE_MODEL: Final = frozenset(
    {
        FailureMode.REPEATED,
        FailureMode.STALE,
        FailureMode.UNKNOWN_REQUEST,
        FailureMode.UNKNOWN_ROBOT,
        FailureMode.BAD_IDENTIFIER,
        FailureMode.START_OUT_OF_RANGE,
        FailureMode.POSITION_UNKNOWN,
        FailureMode.BAD_REQUEST,
        FailureMode.LATCHED,
        FailureMode.INTERNAL_ERROR,
        FailureMode.GUARD_SILENT,
        FailureMode.STRANGER,
    }
)

_OF_THE_MODEL: Final = frozenset(
    {
        FailureMode.PLANNER_REFUSED,
        FailureMode.PLANNER_TOOL_CALL,
        FailureMode.PLANNER_LENGTH,
        FailureMode.PLANNER_EMPTY,
    }
)
"""Failed calls to an endpoint that works: the model said something else than an answer."""

ASK_AGAIN: Final = _OF_THE_MODEL | frozenset(
    mode
    for mode, row in FAILURE_MODES.items()
    if row.bucket is Bucket.SAFETY and mode not in _BEYOND_THE_MODEL
)
"""What another answer of the model could mend, when it is told: refusals, answers that were cut, and none."""

Key = tuple[str, str]
"""Robot and request."""


class Asked(Enum):
    """What became of a request to plan.  The set is closed."""

    STARTED = "started"
    REPEATED = "the same request came before"
    UNUSABLE = "its ids, those of its items or their number are outside the limits"
    OVERLOADED = "too many plans are open"
    CLOSED = "the planner is closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is published of one attempt: an answer, or the failure that kept the model from giving one.

    `planning_ns` counts from the beginning of this attempt.  `detail` is for logs.
    """

    request_id: str
    robot_id: str
    source: str
    attempt: int
    payload: bytes
    planning_ns: int
    failure: FailureMode | None = None
    detail: str = ""


Publish = Callable[[Candidate], None]
"""Hands a candidate on.  Has to return at once, and not to raise."""


@dataclass(slots=True, kw_only=True)
class _Plan:
    """One request in the works.  `word` resolves to the guard's refusal of `attempt`, whose answer was `payload`.

    `is_ahead`: it has not fallen due, so that its route may be dropped, and planned anew, after its budget as well.
    """

    request: PickRequest
    deadline_ns: int
    is_ahead: bool
    replans: int = 0
    attempt: int = 0
    payload: bytes = b""
    word: "asyncio.Future[Refusal] | None" = None
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Planner:
    """Plans many requests at a time, with a bound on each thing that grows with their number."""

    def __init__(  # noqa: PLR0913  # what it is made of
        self,
        *,
        config: PlannerConfig,
        llm: Llm | Ladder,
        publish: Publish,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        task: CheckedTask = ROUTES,
        paths: Paths | None = None,
    ) -> None:
        """Hold the parts.  `monotonic_ns` is the clock of the budgets and of what is reported, a ladder's too.

        `paths` are the ways of the map, which some methods need.
        """
        self._config = config
        self._ladder = (
            llm
            if isinstance(llm, Ladder)
            else Ladder([(only_rung(config), llm)], monotonic_ns=monotonic_ns)
        )
        self._publish = publish
        self._task = task
        self._paths = paths
        self._accepted: deque[tuple[PickRequest, bytes]] = deque(maxlen=EXAMPLES_MAX)
        self._now_ns = monotonic_ns
        self._plans: dict[Key, _Plan] = {}
        self._seen: OrderedDict[Key, None] = OrderedDict()
        self._closed = False

    @property
    def plans_open(self) -> int:
        """How many plans wait for the model or for the guard."""
        return len(self._plans)

    def ask(self, request: PickRequest) -> Asked:
        """Start planning a request; the budget runs from here.  Publishes only when overloaded."""
        key = (request.robot_id, request.request_id)
        if self._closed:
            return Asked.CLOSED
        if not (
            is_identifier(request.robot_id)
            and is_identifier(request.request_id)
            and 1 <= len(request.items) <= STOPS_MAX
            # The guard drives nothing for such a request, so a label's text need not come before the model.
            and all(is_identifier(item.bin) and is_identifier(item.sku) for item in request.items)
        ):
            return Asked.UNUSABLE
        if key in self._seen:
            return Asked.REPEATED
        self._remember(key)
        now_ns = self._now_ns()
        plan = _Plan(
            request=request,
            deadline_ns=now_ns + self._config.planning_timeout_ns,
            is_ahead=request.on_due,
        )
        if len(self._plans) >= PLANS_OPEN_MAX and not self._let_go_of_one():
            plan.attempt = 1
            detail = f"{PLANS_OPEN_MAX} plans are open"
            self._hand_on(plan, Answer(failure=FailureMode.PLANNER_TIMEOUT, detail=detail), now_ns)
            return Asked.OVERLOADED
        self._plans[key] = plan
        plan.task = asyncio.get_running_loop().create_task(self._run(plan))
        plan.task.add_done_callback(partial(self._ended, key, plan))
        return Asked.STARTED

    def refused(
        self, *, request_id: str, robot_id: str, attempt: int, mode: FailureMode, detail: str
    ) -> None:
        """Take the guard's word that an answer was refused.  Words about anything else are ignored."""
        plan = self._plans.get((robot_id, request_id))
        if plan is None or plan.word is None or plan.attempt != attempt or plan.word.done():
            return
        plan.word.set_result(Refusal(mode, detail))

    def settled(self, *, request_id: str, robot_id: str, attempt: int = 0) -> None:
        """Stop planning a request: the guard has a route for it, or nobody wants one any more.

        `attempt` is that of this planner's answer where the guard took one, else 0.
        """
        plan = self._plans.get((robot_id, request_id))
        if plan is not None and plan.payload and attempt == plan.attempt:
            self._accepted.append((plan.request, plan.payload))
        if plan is not None and plan.task is not None:
            plan.task.cancel()

    def fell_due(self, *, request_id: str, robot_id: str) -> None:
        """Take note that a request fell due and got no route: what comes now is for its recovery, within its budget."""
        plan = self._plans.get((robot_id, request_id))
        if plan is not None:
            plan.is_ahead = False
            asyncio.get_running_loop().call_later(self._left_s(plan), self._let_go_of, plan)

    def closures(self, closures: Closures) -> None:
        """Compute routes over what is open now."""
        if self._paths is not None:
            warehouse, network = self._paths.warehouse, self._paths.network
            self._paths = Paths(warehouse, openness(warehouse, closures), network=network)

    async def close(self) -> None:
        """Cancel every plan and wait until their calls have ended.  Nothing is published after this."""
        self._closed = True
        tasks = [plan.task for plan in self._plans.values() if plan.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._ladder.close()

    async def _run(self, plan: _Plan) -> None:
        climb = self._ladder.climb(plan.deadline_ns)
        refusal: Refusal | None = None
        # More answers than this the guard does not look at.
        while not self._closed and plan.attempt < CANDIDATES_PER_REQUEST_MAX:
            brief = self._brief(plan.request, refusal)
            began_ns = self._now_ns()
            if climb.next(brief) is None:
                if plan.attempt == 0:
                    plan.attempt = 1
                    self._hand_on(plan, _never_asked(climb), began_ns)
                return
            plan.attempt += 1
            plan.word = None
            step = await climb.ask(brief)
            source = step.rung.source
            if step.answer.failure is not None:
                self._hand_on(plan, step.answer, began_ns, source)
                if step.answer.failure in ASK_AGAIN:
                    refusal = Refusal(step.answer.failure, step.answer.detail)
                else:
                    await self._pause(plan, climb)
            else:
                plan.payload = step.answer.payload
                plan.word = asyncio.get_running_loop().create_future()
                self._hand_on(plan, step.answer, began_ns, source)
                refusal = await self._word(plan, plan.word)
                if refusal is None or refusal.mode not in ASK_AGAIN:
                    return
                if self._left_ns(plan) <= 0 and self._begins_anew(plan):
                    climb = self._ladder.climb(plan.deadline_ns)
                else:
                    step.refused()
            if self._left_ns(plan) <= 0:
                return

    def _ended(self, key: Key, plan: _Plan, _task: "asyncio.Task[None]") -> None:
        if self._plans.get(key) is plan:
            del self._plans[key]

    def _begins_anew(self, plan: _Plan) -> bool:
        """Give a plan another budget: the guard took its route once and dropped it, which is not the model's fault."""
        if not plan.is_ahead or plan.replans >= REPLANS_MAX:
            return False
        plan.replans += 1
        plan.deadline_ns = self._now_ns() + self._config.planning_timeout_ns
        return True

    def _let_go_of(self, plan: _Plan) -> None:
        """End a plan that waits for the guard."""
        if plan.task is not None and plan.word is not None and not plan.word.done():
            plan.task.cancel()

    def _let_go_of_one(self) -> bool:
        """End the oldest plan that only waits for its route to be dropped; False where there is none."""
        for key, plan in self._plans.items():
            if self._left_ns(plan) <= 0 and plan.task is not None:
                plan.task.cancel()
                del self._plans[key]
                return True
        return False

    def _brief(self, request: PickRequest, refusal: Refusal | None) -> Brief:
        return Brief(
            request=request,
            task=self._task,
            refusal=refusal,
            examples=tuple(self._accepted),
            paths=self._paths,
        )

    def _hand_on(self, plan: _Plan, answer: Answer, began_ns: int, source: str = "") -> None:
        if self._closed:
            return
        self._publish(
            Candidate(
                request_id=plan.request.request_id,
                robot_id=plan.request.robot_id,
                source=source or self._ladder.rungs[0].source,
                attempt=plan.attempt,
                payload=answer.payload,
                planning_ns=self._now_ns() - began_ns,
                failure=answer.failure,
                detail=answer.detail,
            )
        )

    async def _word(self, plan: _Plan, word: "asyncio.Future[Refusal]") -> Refusal | None:
        """Wait for the guard's refusal; None where none comes while another answer could be of use."""
        kept_s = ns_to_seconds(KEPT_NS) if plan.is_ahead else 0.0
        try:
            return await asyncio.wait_for(word, self._left_s(plan) + kept_s)
        except asyncio.TimeoutError:
            return None

    async def _pause(self, plan: _Plan, climb: Climb) -> None:
        """Wait before the model that failed is asked again; another one need not wait."""
        pause_ns = min(RETRY_PAUSE_NS * climb.again, max(0, self._left_ns(plan)))
        await asyncio.sleep(ns_to_seconds(pause_ns))

    def _left_ns(self, plan: _Plan) -> int:
        return plan.deadline_ns - self._now_ns()

    def _left_s(self, plan: _Plan) -> float:
        return max(0.0, ns_to_seconds(self._left_ns(plan)))

    def _remember(self, key: Key) -> None:
        self._seen[key] = None
        if len(self._seen) > PLANS_REMEMBERED_MAX:
            self._seen.popitem(last=False)


def _never_asked(climb: Climb) -> Answer:
    """Say why no model was asked."""
    if climb.was_refused:
        return Answer(
            failure=FailureMode.PLANNER_BREAKER_OPEN,
            detail="every model is left alone for now: /diagnostics tells until when, and why",
        )
    return Answer(failure=FailureMode.PLANNER_TIMEOUT, detail="there was no time to ask a model")
