# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The ladder: models that are asked one after the other, within one deadline that nothing stretches.

Each rung has an endpoint, a part of the budget, a breaker and a tally.  A climb is one request's way up: the first rung
until its attempts or its time are used up, then the next.  What a rung leaves of its time goes to the next.  The
way ends at the last rung; the guard's own standby route needs no model.

Runs in one asyncio event loop, like the planner that climbs it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.units import ns_to_ms, ns_to_seconds
from fallback_guard.planning.breaker import Breaker, BreakerState, Permit, Transition
from fallback_guard.planning.hedge import Call, Called, HedgeBudget, race
from fallback_guard.planning.llm import Answer, Llm, Question
from fallback_guard.planning.methods import METHODS, Brief, request_question
from fallback_guard.planning.prices import Tally
from fallback_guard.planning.rungs import RungConfig
from fallback_guard.planning.standing import RungStanding

OnTransition = Callable[["Rung", Transition], None]
"""Hears of each transition of a breaker.  Has to return at once, and not to raise."""


class Rung:
    """One model with all that is known about it."""

    def __init__(
        self,
        config: RungConfig,
        llm: Llm,
        *,
        now_ns: Callable[[], int],
        on_transition: OnTransition,
    ) -> None:
        """Hold the parts."""
        self.config = config
        self.tally = Tally()
        self.hedging = HedgeBudget()
        self._llm = llm
        self._now_ns = now_ns
        self._on_transition = on_transition
        self._plan = METHODS[config.endpoint.method].start()
        self._breaker = Breaker(config.breaker_config)
        self._told = 0
        self._slots = asyncio.Semaphore(config.endpoint.concurrent_requests_max)

    @property
    def source(self) -> str:
        """How candidates name this model."""
        return self.config.endpoint.source

    @property
    def is_closed(self) -> bool:
        """Whether its breaker lets calls through."""
        return self._breaker.state is BreakerState.CLOSED

    @property
    def is_free(self) -> bool:
        """Whether a call would be made at once."""
        return not self._slots.locked()

    def permit(self) -> Permit:
        """Say what its breaker allows now."""
        permit = self._breaker.permit(self._now_ns())
        self._tell()
        return permit

    def latency_ns(self) -> int | None:
        """Return the 95th percentile of recent latency, where enough calls were made to say."""
        return self._breaker.latency_ns(self._now_ns())

    async def call(self, brief: Brief, deadline_ns: int, began: list[int]) -> Called:
        """Plan once, waiting for a free call first; append to `began` when the endpoint is asked."""
        waits_since_ns = self._now_ns()
        try:
            await asyncio.wait_for(self._slots.acquire(), self._seconds_until(deadline_ns))
        except asyncio.TimeoutError:
            waited_ms = ns_to_ms(max(0, deadline_ns - waits_since_ns))
            detail = f"the model was busy for {waited_ms:.0f} ms"
            return Called(
                answer=Answer(failure=FailureMode.PLANNER_TIMEOUT, detail=detail), began_ns=None
            )
        try:
            answer = await self._plan(brief, partial(self._ask, deadline_ns, began))
        finally:
            self._slots.release()
        if not began:  # A method may know the answer by itself.
            return Called(answer=answer, began_ns=None)
        self._learn(answer, began[0])
        return Called(answer=answer, began_ns=began[0])

    async def _ask(self, deadline_ns: int, began: list[int], question: Question) -> Answer:
        began.append(self._now_ns())
        self.tally.calls += 1
        return await self._llm.answer(question, self._seconds_until(deadline_ns))

    async def probe(self, brief: Brief) -> None:
        """Ask only to learn whether the model is well again; needs a permit."""
        self._breaker.probe_began()
        self.tally.probes += 1
        began_ns = self._now_ns()
        try:
            slow_s = ns_to_seconds(self.config.slow_ns)
            answer = await self._llm.answer(request_question(brief), slow_s)
        except BaseException:
            self._breaker.probe_lost()
            raise
        now_ns = self._now_ns()
        self.tally.meter(answer.usage)
        in_time = now_ns - began_ns <= self.config.slow_ns
        self._breaker.probe_ended(now_ns, passed=answer.failure is None and in_time)
        self._tell()

    def refused(self, began_ns: int) -> None:
        """Take the guard's word that the answer to a call was no good."""
        self.tally.refusals += 1
        self._breaker.refused(began_ns, self._now_ns())
        self._tell()

    def overtaken(self, began_ns: int) -> None:
        """Take note that a call was broken off because another answer was quicker."""
        self._breaker.overtaken(began_ns, self._now_ns())
        self._tell()

    def standing(self) -> RungStanding:
        """Return what is to be told of it."""
        now_ns = self._now_ns()
        return RungStanding(
            name=self.config.name,
            source=self.source,
            state=self._breaker.state,
            rest_left_ns=self._breaker.rest_left_ns(now_ns),
            latency_p95_ns=self._breaker.latency_ns(now_ns),
            tally=replace(self.tally),
            price=self.config.price,
            transitions=self._breaker.transitions,
            history=tuple(self._breaker.history),
        )

    def _learn(self, answer: Answer, began_ns: int) -> None:
        now_ns = self._now_ns()
        self.tally.meter(answer.usage)
        if answer.failure is None:
            self._breaker.answered(began_ns, now_ns)
        else:
            self.tally.failures += 1
            timed_out = answer.failure is FailureMode.PLANNER_TIMEOUT
            # Out of time before it could count as slow, it had too little of it, which was not its fault.
            if not timed_out or now_ns - began_ns >= self.config.slow_ns:
                self._breaker.failed(began_ns, now_ns, timed_out=timed_out)
        self._tell()

    def _tell(self) -> None:
        new = self._breaker.transitions - self._told
        self._told = self._breaker.transitions
        for transition in self._breaker.history[-new:] if new else ():
            self._on_transition(self, transition)

    def _seconds_until(self, deadline_ns: int) -> float:
        return max(0.0, ns_to_seconds(deadline_ns - self._now_ns()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What came of one attempt, and whose it was.  `began_ns` is None where no endpoint was asked."""

    rung: Rung
    answer: Answer
    began_ns: int | None

    def refused(self) -> None:
        """Take the guard's word that the answer was no good."""
        if self.began_ns is not None:
            self.rung.refused(self.began_ns)


class Ladder:
    """Rungs in the order in which they are asked."""

    def __init__(
        self,
        rungs: Sequence[tuple[RungConfig, Llm]],
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        on_transition: OnTransition = lambda _rung, _transition: None,
    ) -> None:
        """Hold the rungs, of which there is at least one."""
        assert rungs, "a ladder has a rung"
        self._now_ns = monotonic_ns
        self._rungs = tuple(
            Rung(config, llm, now_ns=monotonic_ns, on_transition=on_transition)
            for config, llm in rungs
        )
        self._background: set[asyncio.Task[object]] = set()

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """From the first to the last."""
        return self._rungs

    def standings(self) -> tuple[RungStanding, ...]:
        """Return what is to be told of each rung."""
        return tuple(rung.standing() for rung in self._rungs)

    def climb(self, deadline_ns: int) -> "Climb":
        """Begin a request's way up, now."""
        ends_ns = accumulate(
            (rung.config.budget_ns for rung in self._rungs), initial=self._now_ns()
        )
        deadlines_ns = [min(end_ns, deadline_ns) for end_ns in ends_ns][1:]
        return Climb(self, deadlines_ns, self._now_ns)

    def keep(self, task: "asyncio.Task[object]") -> None:
        """Let a task go on beside everything else, until it ends or the ladder is closed."""
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def probe(self, rung: Rung, brief: Brief) -> None:
        """Probe a rung in the shadow of what is asked meanwhile; nobody waits for it."""
        self.keep(asyncio.get_running_loop().create_task(rung.probe(brief)))

    async def close(self) -> None:
        """Cancel probes, and wait for the ends of all calls."""
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Climb:
    """One request's way up.  `next` says which rung to ask, `ask` asks it."""

    def __init__(
        self, ladder: Ladder, deadlines_ns: Sequence[int], now_ns: Callable[[], int]
    ) -> None:
        """Stand before the first rung; each has to be done by its deadline."""
        self._ladder = ladder
        self._deadlines_ns = deadlines_ns
        self._now_ns = now_ns
        self._attempts = [0] * len(ladder.rungs)
        self._at = 0
        self._left_alone = 0
        self._probed: frozenset[int] | None = None

    @property
    def was_refused(self) -> bool:
        """Whether no model was asked because of a breaker."""
        return self._left_alone > 0 and not any(self._attempts)

    @property
    def again(self) -> int:
        """How often the model was asked that will be asked again; 0 where the next attempt is another one's."""
        stays = self._has_more(self._at) and self._ladder.rungs[self._at].is_closed
        return self._attempts[self._at] if stays else 0

    def next(self, brief: Brief) -> Rung | None:
        """Return the rung to ask now, None where there is none any more."""
        rungs = self._ladder.rungs
        if self._probed is None:
            self._probed = self._probe(brief)
        while self._at < len(rungs):
            rung = rungs[self._at]
            if self._has_more(self._at):
                if rung.permit() is Permit.CALL:
                    return rung
                self._left_alone += 1
                rung.tally.avoided += self._at not in self._probed
            self._at += 1
        return None

    def _probe(self, brief: Brief) -> frozenset[int]:
        """Probe each rung that is due for it, also those that are not reached: they have to be well by then."""
        due = [at for at, rung in enumerate(self._ladder.rungs) if rung.permit() is Permit.PROBE]
        for at in due:
            rung = self._ladder.rungs[at]
            self._ladder.probe(rung, brief)
        return frozenset(due)

    async def ask(self, brief: Brief) -> Step:
        """Ask the rung that `next` returned; where it is slow, perhaps the next one as well."""
        at = self._at
        rung = self._ladder.rungs[at]
        after_ns = rung.latency_ns() if rung.config.hedge else None
        began: list[int] = []
        rung.hedging.earn()
        first = self._call(at, brief, began)
        if after_ns is None:
            called = await first
            return Step(rung=rung, answer=called.answer, began_ns=called.began_ns)
        raced = await race(
            first, lambda: self._hedge(brief), ns_to_seconds(after_ns), self._ladder.keep
        )
        winner = self._ladder.rungs[at + 1] if raced.hedge_won else rung
        if raced.hedge_won:
            winner.tally.hedges_won += 1
            if began:
                rung.overtaken(began[0])
        return Step(rung=winner, answer=raced.called.answer, began_ns=raced.called.began_ns)

    def _call(self, at: int, brief: Brief, began: list[int]) -> Call:
        rung = self._ladder.rungs[at]
        self._attempts[at] += 1
        return rung.call(brief, self._deadlines_ns[at], began)

    def _hedge(self, brief: Brief) -> Call | None:
        """Return the call to the next rung, where there is one that may be asked at once."""
        following = self._at + 1
        if following >= len(self._ladder.rungs) or not self._has_more(following):
            return None
        rung = self._ladder.rungs[following]
        if not (rung.is_closed and rung.is_free and self._ladder.rungs[self._at].hedging.spend()):
            return None
        rung.tally.hedges += 1
        return self._call(following, brief, [])

    def _has_more(self, at: int) -> bool:
        if at >= len(self._ladder.rungs):
            return False
        attempts_max = self._ladder.rungs[at].config.endpoint.attempts_max
        return self._attempts[at] < attempts_max and self._now_ns() < self._deadlines_ns[at]
