# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A simulated picker with its task system: asks for routes, drives what `motion` says, says where it is."""

import time
from dataclasses import replace
from math import dist
from pathlib import Path
from typing import Final

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.parameters import Parameter, ParameterError
from fallback_guard.core.request import PickRequest
from fallback_guard.core.units import ns_to_seconds, seconds_to_ns
from fallback_guard.driving.errand import Errand, ErrandKind, errand
from fallback_guard.driving.lease import Lease
from fallback_guard.driving.words import Outcome, ReportPick
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.nodes import conversion, topics
from fallback_guard.nodes.parameters import Explaining, declared
from fallback_guard.nodes.process import Finished, run
from fallback_guard.picking.bodies import Body, OtherBody, OwnBody
from fallback_guard.picking.kinematics import Ability, Picker
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
        name="drives",
        default=True,
        read_only=True,
        meaning="Whether it drives; false: it is the task system alone, and another node drives and reports.",
    ),
    Parameter(
        name="arrival_tolerance_m",
        default=0.4,
        unit="m",
        minimum=0.01,
        maximum=10.0,
        read_only=True,
        meaning="How near a route's end a robot has arrived that another node drives.",
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


class PickerSimNode(Explaining):
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
        self._own = OwnBody(Picker(ability, x=start.x, y=start.y)) if values["drives"] else None
        self._other = OtherBody(float(values["arrival_tolerance_m"]))
        self._body: Body = self._own or self._other

        self._asked = 0
        self._next: PickRequest | None = None
        self._current: PickRequest | None = None
        self._asked_anew = 0
        self._standing_since_ns: int | None = None
        self._due_at_ns: int | None = None
        self._driving = False
        self._lease = Lease()
        self._errand: Errand | None = None
        self._reported = 0
        self._guard_active = False
        self._steps = 0
        self._stepped_ns = time.monotonic_ns()

        self._pick_request = topics.PICK_REQUEST.publisher(self)
        self._route_due = topics.ROUTE_DUE.publisher(self)
        if self._own is not None:
            self._position = topics.ROBOT_POSITION.publisher(self)
            self._pick_report = topics.PICK_REPORT.publisher(self)
        else:
            topics.ROBOT_POSITION.subscribe(self, self._on_position)
            topics.PICK_REPORT.subscribe(self, self._on_pick_report)
        topics.MOTION.subscribe(self, self._on_motion)
        topics.GUARD_STATE.subscribe(self, self._on_guard_state)
        self.create_timer(_PERIOD_S, self._on_step, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info("waiting for the guard")

    # What the guard says

    def _on_guard_state(self, message: msg.GuardState) -> None:
        self._guard_active = message.state != msg.GuardState.STATE_INACTIVE
        if self._lease.heard(message.heartbeat, time.monotonic_ns(), decides=self._guard_active):
            self.get_logger().warning("the guard has started anew")

    def _on_motion(self, message: msg.MotionCommand) -> None:
        command = conversion.to_command(message)
        if message.robot_id != self._robot_id or not self._lease.take_over(
            command.sequence, command.lease_ns, time.monotonic_ns()
        ):
            return
        found = errand(command)
        if isinstance(found, str):
            self.get_logger().error(f"command {command.sequence} is not carried out: {found}")
            found = _holding(command.request_id, command.sequence)
        self._do(found)
        if found.kind is ErrandKind.ROUTE:
            self._standing_since_ns = None
            self._driving = True
            self._ask()
        else:
            self._stop_driving()

    def _do(self, found: Errand) -> None:
        self._errand, self._reported = found, 0
        self._body.take_over(found)

    # What another node says that drives

    def _on_position(self, message: msg.RobotPosition) -> None:
        if message.robot_id != self._robot_id:
            return
        has_moved = self._other.seen(None if message.lost else (message.x, message.y))
        if has_moved and self._standing_since_ns is not None:
            self._standing_since_ns = time.monotonic_ns()

    def _on_pick_report(self, message: msg.PickReport) -> None:
        if message.robot_id != self._robot_id or message.sequence != self._lease.sequence:
            return
        if message.outcome == msg.PickReport.OUTCOME_PICKED:
            self._other.reported(message.sequence, message.stop_index)
        else:
            self.get_logger().warning(f"bin {message.bin} was not reached: {message.request_id}")
            self._stop_driving()

    # What the picker does

    def _on_step(self) -> None:
        now_ns = time.monotonic_ns()
        seconds = ns_to_seconds(now_ns - self._stepped_ns)
        self._stepped_ns = now_ns
        if self._lease.has_run_out(now_ns):
            self._hold_without_guard(now_ns)
        if self._own is not None:
            self._advance(self._own, seconds)
        if self._asked == 0:
            self._ask_first(now_ns)
        elif self._due_at_ns is not None and now_ns >= self._due_at_ns:
            self._fall_due()
        elif self._driving and self._body.has_arrived:
            self._driving = False
            self._arrive()
        elif self._has_lost_patience(now_ns):
            self._ask_anew()

    def _hold_without_guard(self, now_ns: int) -> None:
        if self._own is not None:
            self.get_logger().error("no sign of life from the guard: holding")
            self._do(_holding("", self._lease.sequence))
            self._stop_driving()
            return
        # Its driver has heard the guard by itself, and may still: whether the robot holds is seen by where it is.
        self.get_logger().warning("no sign of life from the guard: the robot should hold")
        if self._standing_since_ns is None:
            self._standing_since_ns = now_ns

    def _advance(self, body: OwnBody, seconds: float) -> None:
        for _ in range(self._time_factor):
            body.picker.advance(seconds)
        if self._errand is not None:
            picks = [pick for segment in self._errand.segments for pick in segment.picks]
            for number, stop in picks[self._reported : body.picks_done]:
                self._reported += 1
                report = ReportPick(
                    request_id=self._errand.request_id,
                    sequence=self._errand.sequence,
                    stop_index=number,
                    stop=stop,
                    outcome=Outcome.PICKED,
                )
                self._pick_report.publish(
                    conversion.from_pick_report(report, self._robot_id, self._header())
                )
        self._steps += 1
        if self._steps % _POSITION_EVERY == 0:
            self._publish_position()

    def _stop_driving(self) -> None:
        self._driving = False
        if self._standing_since_ns is None:
            self._standing_since_ns = time.monotonic_ns()

    def _has_lost_patience(self, now_ns: int) -> bool:
        since_ns = self._standing_since_ns
        if since_ns is None or not self._guard_active or not self._body.is_standing:
            return False
        return now_ns - since_ns > self._patience_ns

    def _ask_anew(self) -> None:
        """Do what the staff does with a picker that stands: put it on a node, and ask for its tour once more."""
        self._standing_since_ns = time.monotonic_ns()
        here = self._body.place
        if self._current is None or here is None:
            return
        node = min(self._nodes, key=lambda node: dist(here, (node.x, node.y)))
        if self._own is not None and dist(here, (node.x, node.y)) > _ON_A_NODE_M:
            self.get_logger().warning(f"moved to node {node.id} by hand")
            self._own.picker.put(node.x, node.y)
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
        if self._guard_active and listeners >= self._listeners_min and self._body.place is not None:
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
        if self._own is None:
            return  # Who drives says where that is.
        picker = self._own.picker
        self._position.publish(
            msg.RobotPosition(
                header=self._header(frame_id=conversion.MAP_FRAME),
                robot_id=self._robot_id,
                x=picker.x,
                y=picker.y,
                theta=picker.theta,
                sequence=self._lease.sequence,
            )
        )

    def _header(self, frame_id: str = "") -> Header:
        return Header(stamp=self.get_clock().now().to_msg(), frame_id=frame_id)


def _holding(request_id: str, sequence: int) -> Errand:
    return Errand(kind=ErrandKind.HOLD, request_id=request_id, sequence=sequence)


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
