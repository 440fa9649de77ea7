# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard as a managed node: messages in, `Guard.step`, messages out."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter

from fallback_guard import msg
from fallback_guard.core.closures import AS_ON_THE_MAP, Closures
from fallback_guard.core.config import GUARD_PARAMETERS, GuardConfig, guard_config
from fallback_guard.core.drills import said
from fallback_guard.core.effects import Decision, DrillAnswered, Effect, LatchReset
from fallback_guard.core.events import (
    ConfigurationChanged,
    DrillRequested,
    Event,
    MapChanged,
    ResetRequested,
)
from fallback_guard.core.guard import Guard
from fallback_guard.core.motion import Motion
from fallback_guard.core.openness import unknown_ids
from fallback_guard.core.parameters import Parameter, ParameterError
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.maps.geojson import MapError, load_warehouse
from fallback_guard.nodes import conversion, topics
from fallback_guard.nodes.cdr import UndecodableError
from fallback_guard.nodes.clocks import ros_now_ns, sequence_base
from fallback_guard.nodes.decision_clock import SimulatedClock
from fallback_guard.nodes.diagnostics import diagnostic_array, guard_status
from fallback_guard.nodes.dispatcher import Dispatcher, Outlets
from fallback_guard.nodes.entrance import Entrance
from fallback_guard.nodes.intake import Inlet, Intake, Taken
from fallback_guard.nodes.journal import journal_bytes
from fallback_guard.nodes.lifecycle import refuse_impossible_changes
from fallback_guard.nodes.parameters import Explaining, check_change, declared
from fallback_guard.nodes.process import StartError, run
from fallback_guard.nodes.realtime import REALTIME_PRIORITY, Standing, claim
from fallback_guard.nodes.status import Timing
from fallback_guard.recording.journal import FROM_NOBODY, Journal, Setup, file_sha256
from fallback_guard.srv import Drill, ResetLatch
from fallback_guard.tasks.loading import load_task

AUTOSTART: Final = Parameter(
    name="autostart",
    default=True,
    read_only=True,
    meaning="Configure and activate at start, without a lifecycle manager.",
)
ORDINARY_MARGIN: Final = Parameter(
    name="dispatch_margin_ms_ordinary",
    default=15,
    unit="ms",
    minimum=1,
    maximum=40,
    read_only=True,
    meaning="The least dispatch margin where no real-time priority was granted.",
)
SIMULATION_TIME: Final = Parameter(
    name="simulation_time",
    default=False,
    read_only=True,
    meaning="Deadlines by /clock instead of a steady clock: for simulations that do not run in real time.",
)
JOURNAL: Final = Parameter(
    name="journal",
    default=True,
    read_only=True,
    meaning="Publish what the guard is told, step by step, so that a recording can be replayed.",
)
NODE_PARAMETERS: Final = (
    AUTOSTART,
    JOURNAL,
    SIMULATION_TIME,
    REALTIME_PRIORITY,
    ORDINARY_MARGIN,
    *GUARD_PARAMETERS,
)

_DIAGNOSTICS_PERIOD_S: Final = 1.0

_JOURNAL_PERIOD_S: Final = 0.1
_JOURNAL_STEPS_MAX: Final = 500
"""Steps published at once: to write so many takes a millisecond, in which no deadline can be served."""

_JOURNAL_STEPS_LEFT_MAX: Final = 20_000
"""Steps published when the node ends: all that are kept."""

_HEARTBEATS_MISSED: Final = 3
"""Periods without a sign of life after which the middleware holds the guard for dead."""

_IDS_LOGGED_MAX: Final = 10
"""Ids named in one line of the log."""


class GuardNode(Explaining, LifecycleNode):
    """Decides nothing itself.  Inactive, it hears everything and sends only its state."""

    def __init__(self) -> None:
        """Declare the parameters and open the topics.  Raises ParameterError, TaskError, MapError or StartError."""
        super().__init__("guard_node")
        refuse_impossible_changes(self)
        self._guard: Guard | None = None
        self._warehouse: Warehouse | None = None
        self._heartbeat = 0
        self._problem: Exception | None = None
        self._closures: Closures = AS_ON_THE_MAP
        self._closures_stamp = Time()
        self._standing = Standing()

        values = declared(self, NODE_PARAMETERS)
        autostart = values.pop(AUTOSTART.name)
        self._simulated = self._simulated_clock() if values.pop(SIMULATION_TIME.name) else None
        self._journal = Journal() if values.pop(JOURNAL.name) else None
        self._priority = int(values.pop(REALTIME_PRIORITY.name))
        self._ordinary_margin_ms = int(values.pop(ORDINARY_MARGIN.name))
        self._values = values
        self._config: GuardConfig = guard_config(values)
        self._task = load_task(self._config.task)

        self._motion = topics.MOTION.publisher(self)
        self._decision = topics.GUARD_DECISION.publisher(self)
        self._state = topics.GUARD_STATE.publisher(
            self, alive_ns=_HEARTBEATS_MISSED * self._config.heartbeat_ms * NS_PER_MS
        )
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        self._keep_journal()
        topics.MAP_CLOSURES.subscribe(self, self._on_map_closures)
        self.create_service(ResetLatch, topics.RESET_SERVICE, self._on_reset)
        self.create_service(Drill, topics.DRILL_SERVICE, self._on_drill)
        self.create_timer(
            _DIAGNOSTICS_PERIOD_S,
            self._publish_diagnostics,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self.add_on_set_parameters_callback(self._on_parameters)
        self._entrance = Entrance(self, "candidates")
        self._intake = Intake(
            self,
            [
                Inlet(topics.ROUTE_DUE, self._on_route_due),
                Inlet(topics.PICK_REQUEST, self._on_pick_request),
                Inlet(topics.ROBOT_POSITION, self._on_robot_position),
                Inlet(topics.CANDIDATE_ROUTE, self._on_candidate_route, self._entrance.node),
                *([Inlet(topics.CLOCK, self._on_clock)] if self._simulated else []),
            ],
        )
        self._dispatcher = Dispatcher(
            Outlets(
                motion=self._publish_motion,
                decision=self._publish_decision,
                pulse=self._publish_state,
            ),
            pulse_ns=self._config.heartbeat_ms * NS_PER_MS,
            clock=self._simulated,
            journal=self._journal,
        )
        # So that nothing is published on a node that is gone.
        for thread in (self._entrance, self._dispatcher, self._intake):
            self.at_the_end(thread.close)
        self._intake.start()
        if autostart:
            self._start()

    def _start(self) -> None:
        success = TransitionCallbackReturn.SUCCESS
        if self.trigger_configure() != success:
            raise self._problem or StartError("it could not be configured")
        if self.trigger_activate() != success:
            raise self._problem or StartError("it could not be activated")

    def _simulated_clock(self) -> SimulatedClock:
        if not self.get_parameter("use_sim_time").value:
            raise ParameterError(
                "parameter 'simulation_time' is true, and 'use_sim_time' is not: stamps would be on another clock "
                "than deadlines; set both for a simulation, and neither on a robot"
            )
        self.get_logger().warning("deadlines are on /clock: no robot of this world may listen")
        return SimulatedClock(time.monotonic_ns())

    def _keep_journal(self) -> None:
        if self._journal is None:
            return
        journal, publisher = self._journal, topics.GUARD_JOURNAL.publisher(self)

        def publish(steps_max: int) -> None:
            while steps_max > 0 and (steps := journal.take(_JOURNAL_STEPS_MAX)):
                publisher.publish(journal_bytes(steps, ros_now_ns(self)))
                steps_max -= len(steps)

        self.create_timer(
            _JOURNAL_PERIOD_S,
            lambda: publish(_JOURNAL_STEPS_MAX),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self.at_the_end(lambda: publish(_JOURNAL_STEPS_LEFT_MAX))

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the map and prepare every safe move."""
        try:
            if not self._config.map_file:
                raise ParameterError(
                    "parameter 'map_file' is empty; it has to name the map of the warehouse"
                )
            warehouse = load_warehouse(Path(self._config.map_file))
        except (MapError, ParameterError) as error:
            self._problem = error
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        self._warehouse = warehouse
        base = sequence_base()
        self._guard = Guard(
            config=self._config,
            warehouse=warehouse,
            stopwatch=time.perf_counter_ns,
            sequence_base=base,
            task=self._task,
        )
        if self._journal is not None:
            setup = Setup(
                config=self._config,
                map_sha256=file_sha256(Path(self._config.map_file)),
                sequence_base=base,
            )
            self._journal.begin(setup, self._guard.margin)
        self._name_unknown_closures()
        self.get_logger().info(
            f"configured: {len(warehouse.nodes)} nodes, {len(warehouse.bins)} bins, "
            f"deadline {self._config.deadline_ms} ms, task {self._task.name}"
        )
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to decide, by the parameters and the closures as they are now."""
        assert self._guard is not None, "it is configured"
        self._standing = claim(self._priority, urgent_thread=self._dispatcher.thread_id)
        if self._standing.refusal:
            self.get_logger().warning(self._standing.refusal)
        self._config = self._as_punctual(self._config)
        self._dispatcher.activate(self._guard)
        self._step(ConfigurationChanged(config=self._config))
        self._step(MapChanged(closures=self._closures))
        self.get_logger().info(
            f"active, real-time priority {self._standing.priority}"
            if self._standing.priority
            else "active"
        )
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop deciding.  Robots stop when their lease runs out."""
        self._dispatcher.deactivate()
        self.get_logger().info("inactive")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the map and every request."""
        self._dispatcher.forget()
        self._guard = self._warehouse = None
        return super().on_cleanup(state)

    # Messages

    def _on_pick_request(self, taken: Taken) -> None:
        self._read(taken, lambda data: conversion.read_request(data, ros_now_ns(self)))

    def _on_route_due(self, taken: Taken) -> None:
        self._read(taken, lambda data: conversion.read_route_due(data, ros_now_ns(self)))

    def _on_candidate_route(self, taken: Taken) -> None:
        bytes_max = self._config.payload_bytes_max
        self._read(taken, lambda data: conversion.read_candidate(data, bytes_max))

    def _on_robot_position(self, taken: Taken) -> None:
        self._read(taken, conversion.read_position)

    def _on_clock(self, taken: Taken) -> None:
        assert self._simulated is not None, "it is heard with that alone"
        with suppress(UndecodableError):
            self._simulated.heard(conversion.read_clock(taken.data))
            self._dispatcher.clock_moved()

    def _read(self, taken: Taken, read: Callable[[bytes], Event]) -> None:
        try:
            event = read(taken.data)
        except UndecodableError:
            event = FROM_NOBODY
        self._step(event, taken)

    def _on_map_closures(self, message: msg.MapClosures) -> None:
        self._closures, self._closures_stamp = conversion.to_closures(message), message.header.stamp
        if self._closures.everything:
            self.get_logger().warning("map_closures: everything is closed")
        self._name_unknown_closures()
        self._step(MapChanged(closures=self._closures))

    def _name_unknown_closures(self) -> None:
        if self._warehouse is None:
            return
        edges, zones = unknown_ids(self._warehouse, self._closures)
        for what, ids in (("edges", edges), ("zones", zones)):
            if ids:
                named = ", ".join(str(number) for number in ids[:_IDS_LOGGED_MAX])
                more = (
                    f" and {len(ids) - _IDS_LOGGED_MAX} more" if len(ids) > _IDS_LOGGED_MAX else ""
                )
                self.get_logger().warning(f"map_closures: {what} not on the map: {named}{more}")

    def _on_reset(
        self, request: ResetLatch.Request, response: ResetLatch.Response
    ) -> ResetLatch.Response:
        effects = self._step(ResetRequested(robot_id=request.robot_id))
        reset = [
            robot
            for effect in effects
            if isinstance(effect, LatchReset)
            for robot in effect.robot_ids
        ]
        response.success = bool(reset)
        response.message = f"reset: {', '.join(reset)}" if reset else "no such robot was latched"
        self.get_logger().info(f"operator's reset: {response.message}")
        return response

    def _on_drill(self, request: Drill.Request, response: Drill.Response) -> Drill.Response:
        effects = self._step(DrillRequested(robot_id=request.robot_id))
        answers = [effect for effect in effects if isinstance(effect, DrillAnswered)]
        response.success = any(not answer.obstacle for answer in answers)
        response.message = said(answers[-1]) if answers else "no drill: the guard is inactive"
        self.get_logger().warning(f"operator's drill: {response.message}")
        return response

    def _on_parameters(self, changes: list[RosParameter]) -> SetParametersResult:
        values, result = check_change(GUARD_PARAMETERS, changes)
        if not values:
            return result
        try:
            config = guard_config({**self._values, **values})
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._values.update(values)
        self._config = self._as_punctual(config)
        self._step(ConfigurationChanged(config=self._config))
        return result

    def _as_punctual(self, config: GuardConfig) -> GuardConfig:
        """Return a configuration with the margin that the guard's standing with the scheduler asks for."""
        if self._standing.priority:
            return config
        least_ms = min(self._ordinary_margin_ms, config.dispatch_margin_ms_max)
        return replace(config, dispatch_margin_ms=max(config.dispatch_margin_ms, least_ms))

    # The core

    def _step(self, event: Event, taken: Taken | None = None) -> Sequence[Effect]:
        return self._dispatcher.step(event, taken)

    def _publish_motion(self, motion: Motion) -> None:
        self._motion.publish(conversion.motion_bytes(motion, ros_now_ns(self)))

    def _publish_decision(self, decision: Decision, timing: Timing) -> None:
        self._decision.publish(conversion.decision_bytes(decision, timing, ros_now_ns(self)))

    # Signs of life

    def _publish_state(self) -> None:
        # A guard that takes nothing must not look alive.
        self._intake.check()
        self._heartbeat += 1
        self._state.publish(
            conversion.to_guard_state(
                stamp=self.get_clock().now().to_msg(),
                heartbeat=self._heartbeat,
                period_ns=self._config.heartbeat_ms * NS_PER_MS,
                closures=self._closures_stamp,
                status=self._dispatcher.status(),
                realtime_priority=self._standing.priority,
            )
        )

    def _publish_diagnostics(self) -> None:
        # Whoever spins this node hears of it when its signs of life have ended.
        self._dispatcher.check()
        status: DiagnosticStatus = guard_status(
            name=f"{self.get_fully_qualified_name()}: decisions",
            status=self._dispatcher.status(),
            standing=self._standing,
            config=self._config,
        )
        self._diagnostics.publish(diagnostic_array(status, self.get_clock().now().to_msg()))


def main() -> int:
    """Run the guard; see process.run for the exit codes."""
    return run(
        GuardNode,
        name="guard_node",
        does="Publishes, for every pick request that falls due, a validated route or a safe move by the deadline.",
        parameters=NODE_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
