"""The guard as a managed node: messages in, `Guard.step`, messages out."""

import gc
import threading
import time
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
from fallback_guard.core.config import GUARD_PARAMETERS, GuardConfig, guard_config
from fallback_guard.core.effects import Effect, LatchReset, ReportDecision, SendMotion
from fallback_guard.core.events import (
    ConfigurationChanged,
    Event,
    MapChanged,
    ResetRequested,
    TimePassed,
)
from fallback_guard.core.guard import Guard
from fallback_guard.core.openness import AS_ON_THE_MAP, Closures, unknown_ids
from fallback_guard.core.outbox import Counters
from fallback_guard.core.parameters import Parameter, ParameterError
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.maps.geojson import MapError, load_warehouse
from fallback_guard.nodes import conversion, topics
from fallback_guard.nodes.deadline_timer import DeadlineTimer
from fallback_guard.nodes.diagnostics import diagnostic_array, guard_status
from fallback_guard.nodes.parameters import check_change, declared
from fallback_guard.nodes.process import StartError, run
from fallback_guard.srv import ResetLatch

AUTOSTART: Final = Parameter(
    name="autostart",
    default=True,
    read_only=True,
    meaning="Configure and activate at start, without a lifecycle manager.",
)
NODE_PARAMETERS: Final = (AUTOSTART, *GUARD_PARAMETERS)

_DIAGNOSTICS_PERIOD_S: Final = 1.0

_SPARE_PAUSE_NS: Final = NS_PER_MS
"""Between two pieces of spare work, for messages to come in between."""

_IDS_LOGGED_MAX: Final = 10
"""Ids named in one line of the log."""


class GuardNode(LifecycleNode):
    """Decides nothing itself.  Inactive, it hears everything and sends only its state."""

    def __init__(self) -> None:
        """Declare the parameters and open the topics.  Raises ParameterError, MapError or StartError."""
        super().__init__("guard_node")
        self._lock = threading.Lock()
        self._guard: Guard | None = None
        self._warehouse: Warehouse | None = None
        self._active = False
        self._heartbeat = 0
        self._problem: Exception | None = None
        self._closures: Closures = AS_ON_THE_MAP
        self._closures_stamp = Time()

        values = declared(self, NODE_PARAMETERS)
        autostart = values.pop(AUTOSTART.name)
        self._values = values
        self._config: GuardConfig = guard_config(values)

        self._motion = topics.MOTION.publisher(self)
        self._decision = topics.GUARD_DECISION.publisher(self)
        self._state = topics.GUARD_STATE.publisher(self)
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        topics.PICK_REQUEST.subscribe(self, self._on_pick_request)
        topics.ROUTE_DUE.subscribe(self, self._on_route_due)
        topics.CANDIDATE_ROUTE.subscribe(self, self._on_candidate_route)
        topics.MAP_CLOSURES.subscribe(self, self._on_map_closures)
        topics.ROBOT_POSITION.subscribe(self, self._on_robot_position)
        self.create_service(ResetLatch, topics.RESET_SERVICE, self._on_reset)
        self._deadline = DeadlineTimer(self._on_deadline)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self._config.heartbeat_ms / 1_000, self._publish_state, clock=steady)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=steady)
        self.add_on_set_parameters_callback(self._on_parameters)
        if autostart:
            self._start()

    def _start(self) -> None:
        success = TransitionCallbackReturn.SUCCESS
        if self.trigger_configure() != success:
            raise self._problem or StartError("it could not be configured")
        if self.trigger_activate() != success:
            raise self._problem or StartError("it could not be activated")

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
        guard = Guard(
            config=self._config,
            warehouse=warehouse,
            stopwatch=time.perf_counter_ns,
            # Rises from one start of the guard to the next, as long as the wall clock does.
            first_sequence=time.time_ns() // NS_PER_MS,
        )
        with self._lock:
            self._guard, self._warehouse = guard, warehouse
        self._name_unknown_closures()
        self.get_logger().info(
            f"configured: {len(warehouse.nodes)} nodes, {len(warehouse.bins)} bins, "
            f"deadline {self._config.deadline_ms} ms"
        )
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to decide, by the parameters and the closures as they are now."""
        # The map and its tables live as long as the guard: collections need not look at them again.
        gc.collect()
        gc.freeze()
        with self._lock:
            self._active = True
        self._step(ConfigurationChanged(config=self._config))
        self._step(MapChanged(closures=self._closures))
        self.get_logger().info("active")
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop deciding.  Robots stop when their lease runs out."""
        with self._lock:
            self._active = False
        self._deadline.set(None)
        self.get_logger().info("inactive")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the map and every request."""
        with self._lock:
            self._guard = self._warehouse = None
        return super().on_cleanup(state)

    def destroy_node(self) -> None:
        """End the deadline thread first, so that nothing is published on a node that is gone."""
        with self._lock:
            self._active = False
        self._deadline.close()
        super().destroy_node()

    # Messages

    def _on_pick_request(self, message: msg.PickRequest) -> None:
        self._step(conversion.to_request_arrived(message, self._ros_now_ns()))

    def _on_route_due(self, message: msg.RouteDue) -> None:
        self._step(conversion.to_route_fell_due(message, self._ros_now_ns()))

    def _on_candidate_route(self, message: msg.RouteCandidate) -> None:
        self._step(conversion.to_candidate_arrived(message, self._config.payload_bytes_max))

    def _on_robot_position(self, message: msg.RobotPosition) -> None:
        self._step(conversion.to_position_arrived(message))

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

    def _on_deadline(self) -> None:
        self._step(TimePassed())

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

    def _on_parameters(self, changes: list[RosParameter]) -> SetParametersResult:
        values, result = check_change(GUARD_PARAMETERS, changes)
        if not values:
            return result
        try:
            config = guard_config({**self._values, **values})
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._values.update(values)
        self._config = config
        self._step(ConfigurationChanged(config=config))
        return result

    # The core

    def _step(self, event: Event) -> tuple[Effect, ...]:
        """Let the core decide and do what it says, in its order; nothing while inactive."""
        arrived_ns = time.monotonic_ns()
        with self._lock:
            if self._guard is None or not self._active:
                return ()
            # What arrived counts from then on; a deadline that had to wait for the lock is late, and says so.
            now_ns = time.monotonic_ns() if isinstance(event, TimePassed) else arrived_ns
            effects = self._guard.step(event, now_ns)
            for effect in effects:
                self._do(effect)
            soon_ns = time.monotonic_ns() + _SPARE_PAUSE_NS
            self._deadline.set(soon_ns if self._guard.has_spare_work else self._guard.next_wake_ns)
        return effects

    def _do(self, effect: Effect) -> None:
        stamp = self.get_clock().now().to_msg()
        if isinstance(effect, SendMotion):
            self._motion.publish(conversion.to_motion_command(effect.motion, stamp))
        elif isinstance(effect, ReportDecision):
            self._decision.publish(conversion.to_guard_decision(effect.decision, stamp))

    def _ros_now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    # Signs of life

    def _publish_state(self) -> None:
        # A guard without its deadlines must not look alive.
        self._deadline.check()
        self._heartbeat += 1
        with self._lock:
            latched = self._guard.latched_robots if self._guard else ()
            self._state.publish(
                conversion.to_guard_state(
                    stamp=self.get_clock().now().to_msg(),
                    heartbeat=self._heartbeat,
                    period_ns=self._config.heartbeat_ms * NS_PER_MS,
                    state=self._state_code(latched),
                    latched_robots=latched,
                    closures=self._closures_stamp,
                    edges_blocked=self._guard.edges_blocked if self._guard else 0,
                    counters=self._guard.counters if self._guard else Counters(),
                )
            )

    def _state_code(self, latched: tuple[str, ...]) -> int:
        if not self._active:
            return int(msg.GuardState.STATE_INACTIVE)
        return int(msg.GuardState.STATE_LATCHED if latched else msg.GuardState.STATE_ACTIVE)

    def _publish_diagnostics(self) -> None:
        with self._lock:
            latched = self._guard.latched_robots if self._guard else ()
            counters = self._guard.counters if self._guard else Counters()
            status: DiagnosticStatus = guard_status(
                name=f"{self.get_fully_qualified_name()}: decisions",
                active=self._active,
                latched=latched,
                counters=counters,
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
