"""A simulated picker with its task system: asks for routes, drives what `motion` says, says where it is."""

import time
from dataclasses import replace
from math import dist
from pathlib import Path
from typing import Final

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.parameters import Parameter, ParameterError
from fallback_guard.core.request import PickRequest
from fallback_guard.core.units import ns_to_seconds, seconds_to_ns
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.nodes import conversion, topics
from fallback_guard.nodes.parameters import declared
from fallback_guard.nodes.process import Finished, run
from fallback_guard.picking.kinematics import Ability, Leg, Picker
from fallback_guard.picking.tasks import pick_requests

PICKER_PARAMETERS: Final = (
    Parameter(name="map_file", default="", meaning="GeoJSON map of the warehouse.", read_only=True),
    Parameter(name="robot_id", default="picker_1", meaning="Name of this picker.", read_only=True),
    Parameter(
        name="picks",
        default=20,
        unit="requests",
        minimum=0,
        maximum=1_000_000,
        read_only=True,
        meaning="Requests to make before it ends; 0: it never ends.",
    ),
    Parameter(
        name="seed",
        default=1,
        minimum=0,
        maximum=2**31 - 1,
        read_only=True,
        meaning="Of the requests.",
    ),
    Parameter(
        name="start_node",
        default=1,
        minimum=0,
        maximum=2**31 - 1,
        read_only=True,
        meaning="Node on which the picker stands at first.",
    ),
    Parameter(
        name="items_max",
        default=3,
        unit="items",
        minimum=1,
        maximum=16,
        read_only=True,
        meaning="Items of one request at most.",
    ),
    Parameter(
        name="speed_mps",
        default=2.0,
        unit="m/s",
        minimum=0.05,
        maximum=20.0,
        read_only=True,
        meaning="Speed limit of the picker.",
    ),
    Parameter(
        name="acceleration_mps2",
        default=1.5,
        unit="m/s^2",
        minimum=0.1,
        maximum=100.0,
        read_only=True,
        meaning="Acceleration, also when it brakes.",
    ),
    Parameter(
        name="pick_time_s",
        default=0.8,
        unit="s",
        minimum=0.0,
        maximum=60.0,
        read_only=True,
        meaning="Time for one pick.",
    ),
    Parameter(
        name="time_factor",
        default=1,
        minimum=1,
        maximum=50,
        read_only=True,
        meaning="How many times faster than real it drives and picks. Deadlines stay real.",
    ),
    Parameter(
        name="lead_time_s",
        default=4.0,
        unit="s",
        minimum=0.0,
        maximum=60.0,
        read_only=True,
        meaning="From the first request to its falling due; the others are asked for while it drives.",
    ),
    Parameter(
        name="patience_s",
        default=12.0,
        unit="s",
        minimum=0.5,
        maximum=3_600.0,
        read_only=True,
        meaning="How long it stands without a route before it asks anew; between two nodes it is first moved by hand.",
    ),
    Parameter(
        name="listeners_min",
        default=1,
        unit="nodes",
        minimum=1,
        maximum=100,
        read_only=True,
        meaning="Subscribers of pick_request to wait for before the first request.",
    ),
)
_PERIOD_S: Final = 0.02
_ON_A_NODE_M: Final = 0.3
_POSITION_EVERY: Final = 2
"""Steps from one position to the next: 25 Hz."""


class PickerSimNode(Node):
    """Asks for the next route when it begins to drive one, and has it fall due on arrival."""

    def __init__(self) -> None:
        """Load the map and stand on the first node.  Raises ParameterError or MapError."""
        super().__init__("picker_sim_node")
        values = declared(self, PICKER_PARAMETERS)
        if not values["map_file"]:
            raise ParameterError(
                "parameter 'map_file' is empty; it has to name the map of the warehouse"
            )
        warehouse = load_warehouse(Path(str(values["map_file"])))
        start_node = int(values["start_node"])
        if start_node not in warehouse.nodes:
            raise ParameterError(
                f"parameter 'start_node' is {start_node}; the map has no such node"
            )
        self._robot_id = str(values["robot_id"])
        self._picks = int(values["picks"])
        self._time_factor = int(values["time_factor"])
        self._listeners_min = int(values["listeners_min"])
        self._lead_ns = seconds_to_ns(float(values["lead_time_s"]))
        self._patience_ns = seconds_to_ns(float(values["patience_s"]))
        self._requests = pick_requests(
            warehouse,
            robot_id=self._robot_id,
            start_node=start_node,
            items_max=int(values["items_max"]),
            seed=int(values["seed"]),
        )
        ability = Ability(
            speed_mps=float(values["speed_mps"]),
            acceleration_mps2=float(values["acceleration_mps2"]),
            pick_time_s=float(values["pick_time_s"]),
        )
        self._nodes = tuple(warehouse.nodes.values())
        start = warehouse.nodes[start_node]
        self._picker = Picker(ability, x=start.x, y=start.y)

        self._asked = 0
        self._next: PickRequest | None = None
        self._current: PickRequest | None = None
        self._asked_anew = 0
        self._standing_since_ns: int | None = None
        self._due_at_ns: int | None = None
        self._driving = False
        self._sequence = 0
        self._heartbeat = 0
        self._lease_ns = 0
        self._renewed_ns = 0
        self._renewable = False
        self._guard_active = False
        self._steps = 0
        self._stepped_ns = time.monotonic_ns()

        self._pick_request = topics.PICK_REQUEST.publisher(self)
        self._route_due = topics.ROUTE_DUE.publisher(self)
        self._position = topics.ROBOT_POSITION.publisher(self)
        topics.MOTION.subscribe(self, self._on_motion)
        topics.GUARD_STATE.subscribe(self, self._on_guard_state)
        self.create_timer(_PERIOD_S, self._on_step, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info("waiting for the guard")

    # What the guard says

    def _on_guard_state(self, message: msg.GuardState) -> None:
        if message.heartbeat < self._heartbeat:
            # Another guard: what the old one said holds no longer than its lease.
            self._renewable = False
            self.get_logger().warning("the guard has started anew")
        elif message.heartbeat > self._heartbeat and self._renewable:
            self._renewed_ns = time.monotonic_ns()
        self._heartbeat = message.heartbeat
        self._guard_active = message.state != msg.GuardState.STATE_INACTIVE

    def _on_motion(self, message: msg.MotionCommand) -> None:
        if message.robot_id != self._robot_id or message.sequence <= self._sequence:
            return
        self._sequence = message.sequence
        self._lease_ns = conversion.from_duration(message.lease)
        self._renewed_ns = time.monotonic_ns()
        self._renewable = True
        if message.kind == msg.MotionCommand.KIND_ROUTE:
            self._standing_since_ns = None
            self._drive(message)
            self._driving = True
            self._ask()
        elif message.kind == msg.MotionCommand.KIND_SAFE_MOVE:
            self._stop_driving()
            if message.safe_move == msg.MotionCommand.SAFE_MOVE_RETREAT:
                self._drive(message)
            else:
                self._picker.brake()

    def _drive(self, message: msg.MotionCommand) -> None:
        picks = {stop.waypoint_index: 0 for stop in message.stops}
        for stop in message.stops:
            picks[stop.waypoint_index] += 1
        self._picker.follow(
            [
                Leg(
                    x=point.x,
                    y=point.y,
                    speed_limit_mps=point.speed_limit or float("inf"),
                    picks=picks.get(index, 0),
                )
                for index, point in enumerate(message.waypoints)
            ]
        )

    # What the picker does

    def _on_step(self) -> None:
        now_ns = time.monotonic_ns()
        seconds = ns_to_seconds(now_ns - self._stepped_ns)
        self._stepped_ns = now_ns
        if self._lease_ns and now_ns - self._renewed_ns > self._lease_ns:
            self.get_logger().error("no sign of life from the guard: holding")
            self._picker.brake()
            self._stop_driving()
            self._lease_ns = 0
        for _ in range(self._time_factor):
            self._picker.advance(seconds)
        self._steps += 1
        if self._steps % _POSITION_EVERY == 0:
            self._publish_position()
        if self._asked == 0:
            self._ask_first(now_ns)
        elif self._due_at_ns is not None and now_ns >= self._due_at_ns:
            self._fall_due()
        elif self._driving and self._picker.at_rest:
            self._driving = False
            self._arrive()
        elif self._has_lost_patience(now_ns):
            self._ask_anew()

    def _stop_driving(self) -> None:
        self._driving = False
        if self._standing_since_ns is None:
            self._standing_since_ns = time.monotonic_ns()

    def _has_lost_patience(self, now_ns: int) -> bool:
        since_ns = self._standing_since_ns
        if since_ns is None or not self._guard_active or not self._picker.at_rest:
            return False
        return now_ns - since_ns > self._patience_ns

    def _ask_anew(self) -> None:
        """Do what the staff does with a picker that stands: put it on a node, and ask for its tour once more."""
        self._standing_since_ns = time.monotonic_ns()
        if self._current is None:
            return
        here = (self._picker.x, self._picker.y)
        node = min(self._nodes, key=lambda node: dist(here, (node.x, node.y)))
        if dist(here, (node.x, node.y)) > _ON_A_NODE_M:
            self.get_logger().warning(f"moved to node {node.id} by hand")
            self._picker.put(node.x, node.y)
        self._publish_position()
        self._asked_anew += 1
        request = replace(
            self._current,
            request_id=f"{self._current.request_id.split('.')[0]}.{self._asked_anew}",
            start_node=node.id,
            on_due=False,
        )
        self._current = request
        self._pick_request.publish(conversion.from_pick_request(request, self._header()))

    def _ask_first(self, now_ns: int) -> None:
        listeners = self._pick_request.get_subscription_count()
        if self._guard_active and listeners >= self._listeners_min:
            self._ask()
            self._due_at_ns = now_ns + self._lead_ns

    def _ask(self) -> None:
        """Ask for the next route, which falls due later; not twice, where a route comes after a safe move."""
        if self._next is not None or (self._picks and self._asked >= self._picks):
            return
        self._asked += 1
        request = self._next = next(self._requests)
        self._pick_request.publish(conversion.from_pick_request(request, self._header()))

    def _arrive(self) -> None:
        if self._next is not None:
            self._fall_due()
        else:
            self.get_logger().info(f"all {self._picks} requests are done")
            raise Finished

    def _fall_due(self) -> None:
        assert self._next is not None, "what falls due was asked for"
        self._publish_position()
        self._due_at_ns = None
        request, self._next = self._next, None
        self._current = request
        self._stop_driving()
        self._route_due.publish(
            msg.RouteDue(
                header=self._header(), request_id=request.request_id, robot_id=request.robot_id
            )
        )

    def _publish_position(self) -> None:
        self._position.publish(
            msg.RobotPosition(
                header=self._header(frame_id=conversion.MAP_FRAME),
                robot_id=self._robot_id,
                x=self._picker.x,
                y=self._picker.y,
                theta=self._picker.theta,
                sequence=self._sequence,
            )
        )

    def _header(self, frame_id: str = "") -> Header:
        return Header(stamp=self.get_clock().now().to_msg(), frame_id=frame_id)


def main() -> int:
    """Run the picker; see process.run for the exit codes."""
    return run(
        PickerSimNode,
        name="picker_sim_node",
        does="Simulates a picker and its task system: asks for pick routes and drives what the guard lets through.",
        parameters=PICKER_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
