# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The planner as a node: requests in, the model's answers out, untouched.

The model is asked in an asyncio loop of its own thread, so that the executor never waits for it.
"""

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from rclpy.clock import Clock, ClockType
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import printable
from fallback_guard.core.parameters import ParameterError
from fallback_guard.core.paths import Paths
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.nodes import conversion, topics
from fallback_guard.nodes.diagnostics import diagnostic_array
from fallback_guard.nodes.parameters import Explaining, declared, declared_texts, names_given
from fallback_guard.nodes.planner_diagnostics import planner_status
from fallback_guard.nodes.process import run
from fallback_guard.planning.breaker import BreakerState, Transition
from fallback_guard.planning.client import LlmClient, Tell
from fallback_guard.planning.config import PLANNER_PARAMETERS, PlannerConfig, planner_config
from fallback_guard.planning.ladder import Ladder, Rung
from fallback_guard.planning.planner import Asked, Candidate, Planner
from fallback_guard.planning.rungs import (
    RUNG_PARAMETERS,
    RUNGS,
    RungConfig,
    check_given,
    ladder_config,
    rung_names,
    rung_table,
)
from fallback_guard.planning.standing import transition_line
from fallback_guard.tasks.loading import load_task

_CLOSING_S_MAX: Final = 5.0
_DIAGNOSTICS_PERIOD_S: Final = 1.0

HELP: Final = (
    *PLANNER_PARAMETERS,
    RUNGS,
    *(replace(row, name=f"<rung>.{row.name}") for row in RUNG_PARAMETERS),
)
"""Every parameter; a rung has those of the endpoint as well."""


class PlannerNode(Explaining):
    """Translates between topics and `planning.Planner`."""

    def __init__(self) -> None:
        """Start the loop and listen.  Raises ParameterError or TaskError."""
        super().__init__("planner_node")
        config = planner_config(declared(self, PLANNER_PARAMETERS))
        rungs = _declared_rungs(self, config)
        task = load_task(config.task)
        self._candidate_route = topics.CANDIDATE_ROUTE.publisher(self)
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        # As decisions name them.
        self._rung_sources = tuple(printable(rung.endpoint.source) for rung in rungs)
        self._sources = frozenset(self._rung_sources)
        self._llms = tuple(_client(rung, self.get_logger().warning) for rung in rungs)
        self._ladder = Ladder(
            tuple(zip(rungs, self._llms, strict=True)), on_transition=self._on_transition
        )
        paths = Paths(load_warehouse(Path(config.map_file))) if config.map_file else None
        self._planner = Planner(
            config=config, llm=self._ladder, publish=self._publish, task=task, paths=paths
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="planning", daemon=True)
        self._thread.start()
        self.at_the_end(self._end)
        topics.PICK_REQUEST.subscribe(self, self._on_pick_request)
        topics.GUARD_DECISION.subscribe(self, self._on_decision)
        topics.MAP_CLOSURES.subscribe(self, self._on_map_closures)
        self.create_timer(
            _DIAGNOSTICS_PERIOD_S,
            # What is told belongs to the loop.
            lambda: self._loop.call_soon_threadsafe(self._publish_diagnostics),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        for llm in self._llms:
            if llm.exposure:
                self.get_logger().warning(llm.exposure)
        asked = ", then ".join(
            f"{rung.endpoint.model} at {rung.endpoint.base_url}" for rung in rungs
        )
        self.get_logger().info(f"planning with {asked}")

    def _end(self) -> None:
        """End the calls to the model before the publisher goes."""
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        try:
            closing.result(_CLOSING_S_MAX)
        except concurrent.futures.TimeoutError:
            self.get_logger().warning("a call to the model did not end; it is left behind")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_S_MAX)
        for source, llm in zip(self._rung_sources, self._llms, strict=True):
            self.get_logger().info(f"{source}: {llm.counters.said}")

    async def _close(self) -> None:
        await self._planner.close()
        await asyncio.gather(*(llm.close() for llm in self._llms))

    def _on_pick_request(self, message: msg.PickRequest) -> None:
        request = conversion.to_pick_request(message)

        def ask() -> None:
            asked = self._planner.ask(request)
            if asked is not Asked.STARTED:
                self.get_logger().warning(f"a request is not planned: {asked.value}")

        self._loop.call_soon_threadsafe(ask)

    def _on_decision(self, message: msg.GuardDecision) -> None:
        ids = {"request_id": message.request_id, "robot_id": message.robot_id}
        if message.outcome == msg.GuardDecision.OUTCOME_ROUTE:
            own = message.attempt if message.source in self._sources else 0
            self._loop.call_soon_threadsafe(partial(self._planner.settled, **ids, attempt=own))
        elif message.occasion == msg.GuardDecision.OCCASION_DUE:
            self._loop.call_soon_threadsafe(partial(self._planner.fell_due, **ids))
        elif (
            message.occasion == msg.GuardDecision.OCCASION_REFUSAL
            and message.source in self._sources
        ):
            try:
                mode = FailureMode(message.failure_mode)
            except ValueError:
                return  # From a guard that knows more failure modes than this planner.
            refused = partial(
                self._planner.refused,
                **ids,
                attempt=message.attempt,
                mode=mode,
                detail=message.detail,
            )
            self._loop.call_soon_threadsafe(refused)

    def _on_map_closures(self, message: msg.MapClosures) -> None:
        closures = conversion.to_closures(message)
        self._loop.call_soon_threadsafe(partial(self._planner.closures, closures))

    def _publish(self, candidate: Candidate) -> None:
        if candidate.failure is not None:
            self.get_logger().warning(
                f"{candidate.request_id} attempt {candidate.attempt}: {candidate.failure.value}: {candidate.detail}"
            )
        self._candidate_route.publish(
            msg.RouteCandidate(
                header=Header(stamp=self.get_clock().now().to_msg()),
                request_id=candidate.request_id,
                robot_id=candidate.robot_id,
                source=candidate.source,
                attempt=candidate.attempt,
                payload=candidate.payload,
                planning_time=conversion.to_duration(candidate.planning_ns),
                failure=candidate.failure.value if candidate.failure else "",
            )
        )

    def _on_transition(self, rung: Rung, transition: Transition) -> None:
        line = transition_line(rung.config.name, rung.source, transition)
        if transition.after is BreakerState.OPEN:
            self.get_logger().warning(line)
        else:
            self.get_logger().info(line)
        self._publish_diagnostics()

    def _publish_diagnostics(self) -> None:
        status = planner_status(
            name=f"{self.get_fully_qualified_name()}: models",
            rungs=self._ladder.standings(),
            now_ns=time.monotonic_ns(),
        )
        self._diagnostics.publish(diagnostic_array(status, self.get_clock().now().to_msg()))


def _declared_rungs(node: PlannerNode, config: PlannerConfig) -> Sequence[RungConfig]:
    """Declare the parameters of each rung that is named.  Raises ParameterError."""
    names = rung_names(declared_texts(node, RUNGS))
    check_given(names, names_given(node), config)
    rows = [row for name in names for row in rung_table(name, config)]
    return ladder_config(config, names, declared(node, rows))


def _client(rung: RungConfig, tell: Tell) -> LlmClient:
    """Return the client of a rung, which may `tell` things once.  Raises ParameterError."""
    try:
        return LlmClient(rung.endpoint, tell=tell)
    except ParameterError as error:
        raise ParameterError(f"rung {rung.name!r}: {error}") from error


def main() -> int:
    """Run the planner; see process.run for the exit codes."""
    return run(
        PlannerNode,
        name="planner_node",
        does="Asks large language models for pick routes and publishes their answers untouched.",
        parameters=HELP,
    )


if __name__ == "__main__":
    raise SystemExit(main())
