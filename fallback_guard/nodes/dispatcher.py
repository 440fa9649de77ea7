# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Runs the core on time: one event at a time, its effects in their order, its deadlines when they come.

Two threads of Python meet here, the intake's and the deadlines', and now and then the executor's.  Whichever has the
lock does what has fallen due first, so that no deadline waits for more than the one event that is being handled.
"""

import gc
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fallback_guard.core.counters import Counters
from fallback_guard.core.effects import Decision, Effect, ReportDecision, SendMotion
from fallback_guard.core.events import Dispatched, Event, TimePassed
from fallback_guard.core.guard import Guard
from fallback_guard.core.motion import Motion
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.nodes.deadline_timer import DeadlineTimer
from fallback_guard.nodes.decision_clock import DecisionClock, SteadyClock
from fallback_guard.nodes.intake import Taken
from fallback_guard.nodes.status import Status, Timing
from fallback_guard.recording.journal import Journal

_SPARE_PAUSE_NS: Final = NS_PER_MS
"""Between two pieces of spare work, for messages to come in between."""

_TIDYING_NS_MAX: Final = 10 * NS_PER_MS
"""Garbage is collected only where no window closes so soon; what has gathered since a pulse takes a tenth of it."""

_YOUNG: Final = 1
"""The generations that are collected.  What outlives them is the map, or remembered and bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlets:
    """Where the dispatcher's results go.  `pulse` is called at a fixed rate, also without a guard."""

    motion: Callable[[Motion], None]
    decision: Callable[[Decision, Timing], None]
    pulse: Callable[[], None]


class Dispatcher:
    """Holds at most one active guard.  Its methods may be called from any thread."""

    def __init__(
        self,
        outlets: Outlets,
        *,
        pulse_ns: int,
        clock: DecisionClock | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Begin without a guard, with a pulse every `pulse_ns`.  The guard's time is that of `clock`, else steady.

        All that a guard is told goes into the `journal`.
        """
        self._outlets = outlets
        self._journal = journal
        self._clock = clock or SteadyClock()
        self._pulse_ns = pulse_ns
        self._lock = threading.Lock()
        self._guard: Guard | None = None
        self._is_active = False
        self._next_pulse_ns = time.monotonic_ns() + pulse_ns
        self._timer = DeadlineTimer(self._on_time)
        self._timer.set(self._next_pulse_ns)

    @property
    def thread_id(self) -> int | None:
        """The kernel's number of the thread that keeps the deadlines."""
        return self._timer.thread_id

    def activate(self, guard: Guard) -> None:
        """Let a guard decide from now on.

        What there is by now, the map above all, lives as long as the guard: the garbage collector need not look at
        it again, and from now on works only where there is time for it.
        """
        gc.collect()
        gc.freeze()
        gc.disable()
        with self._lock:
            self._guard, self._is_active = guard, True

    def deactivate(self) -> None:
        """Let nothing be decided any more."""
        with self._lock:
            self._is_active = False
            self._set_timer()
        gc.enable()

    def forget(self) -> None:
        """Keep nothing of a guard that is not active."""
        with self._lock:
            self._guard = None

    def close(self) -> None:
        """Deactivate, and end the deadlines' thread."""
        self.deactivate()
        self._timer.close()

    def check(self) -> None:
        """Raise what ended the deadlines' thread, if anything did."""
        self._timer.check()

    def clock_moved(self) -> None:
        """Do what has fallen due, where the clock is one that has to say so."""
        with self._lock:
            self._set_timer()

    def status(self) -> Status:
        """Return how the guard is."""
        with self._lock:
            guard = self._guard
            if guard is None:
                return Status(counters=Counters())
            return Status(
                is_active=self._is_active,
                latched=guard.latched_robots,
                edges_blocked=guard.edges_blocked,
                counters=replace(guard.counters),
                margin_ns=guard.margin.ns,
                lateness_ns=guard.margin.lateness_ns,
                margin_is_widened=guard.margin.is_widened,
            )

    def step(
        self, event: Event, taken: Taken | None = None, *, woke_ns: int | None = None
    ) -> Sequence[Effect]:
        """Let the guard decide on an event and do what it says; nothing where no guard is active.

        What was `taken` counts from when it was taken; anything else from when its turn has come.  `woke_ns` is when
        the deadlines' thread woke for this.
        """
        arrived_ns = taken.taken_ns if taken else time.monotonic_ns()
        with self._lock:
            if self._guard is None or not self._is_active:
                return ()
            began_ns = time.monotonic_ns()
            now_ns = self._clock.at(arrived_ns if taken else began_ns)
            effects = self._tell(self._guard, event, now_ns, taken)
            decided_ns = time.monotonic_ns()
            timing = Timing(
                transport_ns=taken.transport_ns if taken else 0,
                waiting_ns=began_ns - arrived_ns,
                decision_ns=decided_ns - began_ns,
            )
            if effects:
                self._do(self._guard, effects, timing, decided_ns, woke_ns)
            self._set_timer()
        return effects

    def _tell(
        self, guard: Guard, event: Event, now_ns: int, taken: Taken | None = None
    ) -> Sequence[Effect]:
        if self._journal is not None:
            data, sent_ns = (taken.data, taken.sent_ns) if taken else (b"", 0)
            self._journal.note(event, now_ns, data, sent_ns)
        return guard.step(event, now_ns)

    def _do(
        self,
        guard: Guard,
        effects: Sequence[Effect],
        timing: Timing,
        decided_ns: int,
        woke_ns: int | None,
    ) -> None:
        """Send every motion, then report every decision: no robot waits for another one's record."""
        sent_ns: dict[int, int] = {}
        woke_ns = None if woke_ns is None else self._clock.at(woke_ns)
        undone = [effect for effect in effects if isinstance(effect, SendMotion)]
        for send in undone:
            self._outlets.motion(send.motion)
            now_ns = sent_ns[send.motion.sequence] = time.monotonic_ns()
            dispatched = Dispatched(
                planned_ns=send.planned_ns, woke_ns=woke_ns, deadline_ns=send.deadline_ns
            )
            # More may have fallen due meanwhile.
            more = self._tell(guard, dispatched, self._clock.at(now_ns))
            undone += [effect for effect in more if isinstance(effect, SendMotion)]
            effects = (*effects, *more)
        for report in effects:
            if isinstance(report, ReportDecision):
                took_ns = sent_ns.get(report.decision.sequence, decided_ns) - decided_ns
                self._outlets.decision(report.decision, replace(timing, dispatch_ns=took_ns))

    def _on_time(self) -> None:
        woke_ns = time.monotonic_ns()
        self.step(TimePassed(), woke_ns=woke_ns)
        if woke_ns >= self._next_pulse_ns:
            self._pulse(woke_ns)

    def _pulse(self, woke_ns: int) -> None:
        """Give a sign of life: every one is a sample of how late the guard is, and each leaves a little garbage."""
        planned_ns = self._next_pulse_ns
        self._outlets.pulse()
        now_ns = time.monotonic_ns()
        self._next_pulse_ns = max(planned_ns + self._pulse_ns, now_ns)
        self.step(
            Dispatched(planned_ns=self._clock.at(planned_ns), woke_ns=self._clock.at(woke_ns))
        )
        with self._lock:
            wake_ns = self._guard.next_wake_ns if self._guard else None
            at_ns = self._clock.at(now_ns)
            if self._is_active and (wake_ns is None or wake_ns - at_ns > _TIDYING_NS_MAX):
                gc.collect(_YOUNG)
            self._set_timer()

    def _set_timer(self) -> None:
        wakes_ns = [self._next_pulse_ns]
        if self._guard is not None and self._is_active:
            if self._guard.has_spare_work:
                wakes_ns.append(time.monotonic_ns() + _SPARE_PAUSE_NS)
            if self._guard.next_wake_ns is not None:
                wake_ns = self._clock.wake_ns(self._guard.next_wake_ns)
                wakes_ns += [] if wake_ns is None else [wake_ns]
        self._timer.set(min(wakes_ns))
