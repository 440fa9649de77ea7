"""The planner as a node: requests in, the model's answers out, untouched.

The model is asked in an asyncio loop of its own thread, so that the executor never waits for it.
"""

import asyncio
import concurrent.futures
import threading
from functools import partial
from typing import Final

from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import printable
from fallback_guard.nodes import conversion, topics
from fallback_guard.nodes.parameters import Explaining, declared
from fallback_guard.nodes.process import run
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.config import PLANNER_PARAMETERS, planner_config
from fallback_guard.planning.planner import Asked, Candidate, Planner
from fallback_guard.tasks.loading import load_task

_CLOSING_S_MAX: Final = 5.0


class PlannerNode(Explaining):
    """Translates between topics and `planning.Planner`."""

    def __init__(self) -> None:
        """Start the loop and listen.  Raises ParameterError or TaskError."""
        super().__init__("planner_node")
        config = planner_config(declared(self, PLANNER_PARAMETERS))
        task = load_task(config.task)
        self._candidate_route = topics.CANDIDATE_ROUTE.publisher(self)
        self._source = printable(config.source)  # as decisions name it
        self._llm = LlmClient(config, tell=self.get_logger().warning)
        self._planner = Planner(config=config, llm=self._llm, publish=self._publish, task=task)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="planning", daemon=True)
        self._thread.start()
        topics.PICK_REQUEST.subscribe(self, self._on_pick_request)
        topics.GUARD_DECISION.subscribe(self, self._on_decision)
        if self._llm.exposure:
            self.get_logger().warning(self._llm.exposure)
        self.get_logger().info(f"planning with {config.model} at {config.base_url}")

    def destroy_node(self) -> None:
        """End the calls to the model before the publisher goes."""
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        try:
            closing.result(_CLOSING_S_MAX)
        except concurrent.futures.TimeoutError:
            self.get_logger().warning("a call to the model did not end; it is left behind")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_S_MAX)
        self.get_logger().info(self._llm.counters.said)
        super().destroy_node()

    async def _close(self) -> None:
        await self._planner.close()
        await self._llm.close()

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
            self._loop.call_soon_threadsafe(partial(self._planner.settled, **ids))
        elif (
            message.occasion == msg.GuardDecision.OCCASION_REFUSAL
            and message.source == self._source
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


def main() -> int:
    """Run the planner; see process.run for the exit codes."""
    return run(
        PlannerNode,
        name="planner_node",
        does="Asks a large language model for pick routes and publishes its answers untouched.",
        parameters=PLANNER_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
