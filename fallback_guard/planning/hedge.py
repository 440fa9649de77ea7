# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A second call where the first is unusually slow: the first answer that is one wins.

After Dean and Barroso, "The tail at scale" (CACM 2013): asked again only after the 95th percentile of latency, and of a
bounded share of calls, so that an endpoint that is slow for all of them does not have twice the load.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from fallback_guard.planning.llm import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A call that has ended.  `began_ns` is None where the endpoint was not asked: it had no time left."""

    answer: Answer
    began_ns: int | None


Call = Coroutine[object, object, Called]
LetGo = Callable[["asyncio.Task[Called]"], None]
"""Takes a call that was cancelled, and waits for its end some time."""

CALLS_PER_HEDGE: Final = 10
"""At most one call in so many is asked twice."""

HEDGES_SAVED_MAX: Final = 2
"""Hedges that may follow one another after a quiet time."""


class HedgeBudget:
    """A token bucket: every call puts a tenth of a token in, every hedge takes a whole one."""

    def __init__(self) -> None:
        """Begin empty: the first calls only teach what is slow."""
        self._tenths = 0

    def earn(self) -> None:
        """Take note of a call."""
        self._tenths = min(self._tenths + 1, HEDGES_SAVED_MAX * CALLS_PER_HEDGE)

    def spend(self) -> bool:
        """Take a token; False where there is none."""
        if self._tenths < CALLS_PER_HEDGE:
            return False
        self._tenths -= CALLS_PER_HEDGE
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Raced:
    """How a call went that may have been asked twice.  `called` is the winner, or the first where both failed."""

    called: Called
    hedge_won: bool = False


async def race(
    first: Call, hedge: Callable[[], Call | None], after_s: float, let_go: LetGo
) -> Raced:
    """Await `first`; once it has taken `after_s`, ask `hedge` for a second call (None: there is none).

    Neither call may raise anything but CancelledError.  The loser is cancelled and handed to `let_go`, so that no
    answer waits for its end; so are both where this itself is cancelled.
    """
    calls = [asyncio.ensure_future(first)]
    try:
        await asyncio.wait(calls, timeout=after_s)
        second = None if calls[0].done() else hedge()
        if second is not None:
            calls.append(asyncio.ensure_future(second))
        pending = set(calls)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for number, call in enumerate(calls):
                if call in done and call.result().answer.failure is None:
                    return Raced(called=call.result(), hedge_won=number == 1)
        return Raced(called=calls[0].result())
    finally:
        for call in calls:
            if call.cancel():
                let_go(call)
