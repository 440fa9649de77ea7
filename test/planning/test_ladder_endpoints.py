# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The ladder over real endpoints: two HTTP servers, and every way down the first of them can be."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from endpoint import Asked, Endpoint, always, completion, endpoint, response
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.planning.breaker import BreakerState
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.ladder import Ladder
from fallback_guard.planning.latency import SAMPLES_MIN
from fallback_guard.planning.planner import Candidate, Planner
from fallback_guard.planning.rungs import ladder_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence

    from fallback_guard.planning.config import PlannerConfig
    from fallback_guard.planning.llm import Llm
    from fallback_guard.planning.rungs import RungConfig

    Answering = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]

GOOD: Final = always(completion('{"version": 1}'))
BROKEN: Final = always(b"", status="503 Service Unavailable")
WAIT_S: Final = 20.0
"""Bound of every wait.  Generous, because it is reached only where something is broken."""


REST_MS: Final = 300_000
"""Longer than any test; its end is reached by the clock."""


async def hang(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Take the call, and never answer it."""
    del writer
    await asyncio.sleep(2 * WAIT_S)


@dataclass
class Switch:
    """An endpoint whose manners change."""

    answering: Answering

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        await self.answering(asked, writer)


@dataclass
class Chain:
    """A planner on two endpoints, a guard that takes everything, and a clock that can be put forward."""

    endpoints: tuple[Endpoint, ...]
    forward_ns: int = 0
    published: list[Candidate] = field(default_factory=list)
    _parts: list[tuple[Ladder, Planner]] = field(default_factory=list)

    @property
    def ladder(self) -> Ladder:
        return self._parts[0][0]

    @property
    def planner(self) -> Planner:
        return self._parts[0][1]

    def now_ns(self) -> int:
        return time.monotonic_ns() + self.forward_ns

    def build(self, flat: PlannerConfig, rungs: Sequence[tuple[RungConfig, Llm]]) -> None:
        """Plan on these rungs by this clock."""
        ladder = Ladder(rungs, monotonic_ns=self.now_ns)
        planner = Planner(config=flat, llm=ladder, publish=self.publish, monotonic_ns=self.now_ns)
        self._parts.append((ladder, planner))

    def publish(self, candidate: Candidate) -> None:
        self.published.append(candidate)
        if candidate.failure is None:
            self.planner.settled(request_id=candidate.request_id, robot_id=candidate.robot_id)

    async def plan(self, times: int = 1) -> list[tuple[str, FailureMode | None]]:
        """Plan requests one after the other; return what was published of the last: source and failure."""
        before = 0
        for _ in range(times):
            before = len(self.published)
            self.planner.ask(request(f"R-{before}-{len(self.endpoints[0].asked)}"))
            await self.until(lambda: not self.planner.plans_open)
        return [(candidate.source, candidate.failure) for candidate in self.published[before:]]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that comes."""

        async def wait() -> None:
            while not condition():  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.005)

        await asyncio.wait_for(wait(), WAIT_S)

    def asked(self) -> tuple[int, ...]:
        """How many requests reached each endpoint."""
        return tuple(len(one.asked) for one in self.endpoints)


def request(request_id: str) -> PickRequest:
    item = PickItem(bin="A-03", sku="SKU-9", quantity=2)
    return PickRequest(
        request_id=request_id, robot_id="picker_1", start_node=1, goal_node=3, items=(item,)
    )


@asynccontextmanager
async def chain(first: Answering | str, second: Answering, **given: object) -> AsyncIterator[Chain]:
    """Serve two endpoints (or none at a URL) and plan on them."""
    async with AsyncExitStack() as stack:
        here = [
            Endpoint(base_url=answering)
            if isinstance(answering, str)
            else await stack.enter_async_context(endpoint(answering))
            for answering in (first, second)
        ]
        flat = planner_config({"planning_timeout_ms": 15_000, "attempts_max": 1})
        parameters: dict[str, object] = {}
        for name, one in zip(("first", "second"), here, strict=True):
            parameters |= {f"{name}.base_url": one.base_url, f"{name}.model": name}
        parameters |= {key.replace("__", "."): value for key, value in given.items()}
        rungs = ladder_config(flat, ["first", "second"], parameters)
        clients = [LlmClient(rung.endpoint, environ={}) for rung in rungs]
        for client in clients:
            stack.push_async_callback(client.close)
        made = Chain(endpoints=tuple(here))
        made.build(flat, tuple(zip(rungs, clients, strict=True)))
        stack.push_async_callback(made.planner.close)
        yield made


def run(main: Coroutine[object, object, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 3 * WAIT_S))


def test_where_nobody_listens_the_second_answers() -> None:
    async def main() -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            closed = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"
            async with chain(closed, GOOD) as here:
                assert await here.plan() == [
                    ("llm:first", FailureMode.PLANNER_UNREACHABLE),
                    ("llm:second", None),
                ]
                assert here.published[-1].attempt == 2

    run(main())


def test_where_the_first_hangs_its_budget_ends_and_the_second_answers() -> None:
    async def main() -> None:
        async with chain(hang, GOOD, first__budget_ms=300) as here:
            assert await here.plan() == [
                ("llm:first", FailureMode.PLANNER_TIMEOUT),
                ("llm:second", None),
            ]
            first, second = here.published
            assert "300 ms" in first.detail
            assert first.planning_ns + second.planning_ns < 15_000_000_000
            assert here.asked() == (1, 1)

    run(main())


def test_where_both_hang_one_deadline_ends_them() -> None:
    async def main() -> None:
        async with chain(hang, hang, first__budget_ms=200, second__budget_ms=200) as here:
            assert await here.plan() == [
                ("llm:first", FailureMode.PLANNER_TIMEOUT),
                ("llm:second", FailureMode.PLANNER_TIMEOUT),
            ]

    run(main())


def test_each_is_asked_for_its_own_model_with_its_own_settings() -> None:
    async def main() -> None:
        async with chain(BROKEN, GOOD, second__max_tokens=77, second__temperature=0.5) as here:
            assert await here.plan() == [
                ("llm:first", FailureMode.PLANNER_HTTP_ERROR),
                ("llm:second", None),
            ]
            first, second = (one.asked[0].body for one in here.endpoints)
            assert (first["model"], first["max_tokens"]) == ("first", 1_536)
            assert (second["model"], second["max_tokens"]) == ("second", 77)
            assert (first["temperature"], second["temperature"]) == (0.0, 0.5)

    run(main())


def test_a_hedge_wins_over_a_call_that_hangs() -> None:
    async def main() -> None:
        first = Switch(GOOD)
        async with chain(first, GOOD, first__hedge=True, first__budget_ms=10_000) as here:
            await here.plan(SAMPLES_MIN)
            assert here.asked() == (SAMPLES_MIN, here.ladder.rungs[1].tally.hedges)
            first.answering = hang
            while here.ladder.rungs[1].tally.hedges_won == 0:
                # A machine that pauses may have had good calls hedged, and their budget spent.
                await here.plan()
            assert here.published[-1].source == "llm:second"
            assert here.published[-1].failure is None

    run(main())


def test_an_open_breaker_lets_no_request_through_and_a_shadow_probe_closes_it() -> None:
    async def main() -> None:
        first = Switch(BROKEN)
        async with chain(
            first,
            GOOD,
            first__breaker_failures_min=2,
            first__rest_ms_min=REST_MS,
            first__rest_ms_max=REST_MS,
            first__probes_min=1,
        ) as here:
            await here.plan(2)
            rung = here.ladder.rungs[0]
            assert here.ladder.standings()[0].state is BreakerState.OPEN
            for _ in range(5):
                assert await here.plan() == [("llm:second", None)]
                assert here.asked()[0] == 2, "while it is open nothing reaches it"
            assert rung.tally.avoided == 5
            first.answering = GOOD
            here.forward_ns += REST_MS * NS_PER_MS
            assert await here.plan() == [("llm:second", None)], "the probe's answer is nobody's"
            await here.until(lambda: rung.is_closed)
            assert (here.asked()[0], rung.tally.probes) == (3, 1)
            assert await here.plan() == [("llm:first", None)]

    run(main())


def test_an_endpoint_says_what_a_call_took() -> None:
    """Once the client reads it; the price table makes money of it."""
    metered = json.loads(completion("{}"))
    metered["usage"] = {"prompt_tokens": 1_000, "completion_tokens": 100}

    async def answer(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(json.dumps(metered).encode()))
        await writer.drain()

    async def main() -> None:
        async with chain(
            answer, GOOD, first__price_prompt=1.0, first__price_completion=2.0
        ) as here:
            await here.plan(2)
            standing = here.ladder.standings()[0]
            assert (
                standing.tally.spent(standing.price) * 1e6
                == standing.tally.prompt_tokens + 2 * standing.tally.completion_tokens
            )
            assert standing.tally.prompt_tokens in (0, 2_000)

    run(main())
