# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What every node does that drives a robot by `motion`; what differs is the driver that moves the wheels.

The clocks: the lease, and all that a driver may take, are on the steady clock, as is the timer that repeats a stop.
The age of a pose and the time of a pick are on the ROS clock, which a simulation may run slower or faster.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.parameters import Parameter, ParameterError, Value
from fallback_guard.core.units import NS_PER_MS, ns_to_seconds
from fallback_guard.driving.config import whereabouts_config
from fallback_guard.driving.execution import Execution, ExecutionConfig
from fallback_guard.driving.pursuit import Velocity
from fallback_guard.driving.snapping import Graph
from fallback_guard.driving.whereabouts import Pose, Whereabout, Whereabouts
from fallback_guard.driving.words import (
    CancelDriving,
    Effect,
    Event,
    GuardHeard,
    LimitSpeed,
    MotionArrived,
    PoseLost,
    PoseMeasured,
    ReportPick,
    StartDriving,
    Stop,
    Tell,
    TimePassed,
    Weight,
)
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.nodes import conversion, topics
from fallback_guard.nodes.clocks import ros_now_ns
from fallback_guard.nodes.parameters import Explaining, declared
from fallback_guard.nodes.pose_sources import pose_source
from fallback_guard.nodes.wheels import Wheels

_STAND: Final = Velocity()


class Driver(Protocol):
    """Moves the wheels.  It tells by `RobotNode.hear` what becomes of what it is given."""

    def start(self, start: StartDriving) -> None:
        """Begin to drive a goal."""

    def cancel(self, goal: int) -> None:
        """Let a goal be; of one that is over, say so again."""

    def limit(self, limit_mps: float | None) -> None:
        """Drive no faster (m/s) from now on."""

    def turn(self, pose: Pose | None) -> None:
        """Do what is to be done once in a period, from where the robot is."""

    def close(self) -> None:
        """Let everything be: the node ends."""


class RobotNode(Explaining):
    """Carries out commands, says where the robot is and what it has picked."""

    def __init__(
        self,
        name: str,
        table: Iterable[Parameter],
        execution: Callable[[Mapping[str, Value]], ExecutionConfig],
        make_driver: Callable[["RobotNode"], Driver],
    ) -> None:
        """Load the map and stand.  Raises ParameterError, MapError and StartError."""
        super().__init__(name)
        self.values = values = declared(self, table)
        if not values["map_file"]:
            raise ParameterError(
                "parameter 'map_file' is empty; it has to name the map of the warehouse"
            )
        warehouse = load_warehouse(Path(str(values["map_file"])))
        self._robot_id = str(values["robot_id"])
        base_frame, pose_frame = str(values["base_frame"]), str(values["pose_frame"])
        self._whereabouts = Whereabouts(whereabouts_config(values), Graph(warehouse))
        self._execution = Execution(execution(values))
        self._events: deque[Event] = deque()
        self._is_acting = False
        self._is_closed = False
        self._stands = True
        self._is_lost = False
        self.wheels = Wheels(self, stamped=bool(values["stamped_twist"]), frame=base_frame)
        self._position = topics.ROBOT_POSITION.publisher(self)
        self._pick_report = topics.PICK_REPORT.publisher(self)
        self._driver = make_driver(self)
        self.at_the_end(self._end)
        self._poll = pose_source(
            self,
            str(values["pose_source"]),
            self._whereabouts.measured,
            frame=pose_frame,
            base_frame=base_frame,
        )
        topics.MOTION.subscribe(self, self._on_motion)
        topics.GUARD_STATE.subscribe(self, self._on_guard_state)
        self.create_timer(
            ns_to_seconds(int(values["period_ms"]) * NS_PER_MS),
            self._on_time,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self.get_logger().info("standing until the guard says what to do")

    def _end(self) -> None:
        """Leave a robot that stands."""
        self._is_closed = self._stands = True
        if self.context.ok():
            self.wheels.say(_STAND)
            self._driver.close()
            self.wheels.leave()

    def hear(self, event: Event) -> None:
        """Take an event, and do what follows from it; of what happens meanwhile, afterwards."""
        if self._is_closed:
            return
        self._events.append(event)
        if self._is_acting:
            return
        self._is_acting = True
        try:
            while self._events:
                for effect in self._execution.step(self._events.popleft(), time.monotonic_ns()):
                    self._act(effect)
        finally:
            self._is_acting = False

    # What comes in

    def _on_motion(self, message: msg.MotionCommand) -> None:
        if message.robot_id == self._robot_id:
            self.hear(MotionArrived(command=conversion.to_command(message)))

    def _on_guard_state(self, message: msg.GuardState) -> None:
        decides = message.state != msg.GuardState.STATE_INACTIVE
        self.hear(GuardHeard(heartbeat=message.heartbeat, decides=decides))

    def _on_time(self) -> None:
        self._poll()
        where = self._whereabouts.at(time.monotonic_ns())
        pose = where.pose
        self.hear(PoseLost(why=where.why) if pose is None else PoseMeasured(x=pose.x, y=pose.y))
        self.hear(TimePassed(robot_ns=ros_now_ns(self)))
        self._driver.turn(pose)
        if self._stands:
            self.wheels.say(_STAND)
        self._say_where(where)

    # What goes out

    def _act(self, effect: Effect) -> None:
        match effect:
            case Stop():
                self._stands = effect.on
                if effect.on:
                    self.wheels.say(_STAND)
            case StartDriving():
                self._driver.start(effect)
            case CancelDriving():
                self._driver.cancel(effect.goal)
            case LimitSpeed():
                self._driver.limit(effect.limit_mps)
            case ReportPick():
                self._pick_report.publish(
                    conversion.from_pick_report(effect, self._robot_id, self._header())
                )
            case Tell():
                self._tell(effect)

    def _tell(self, effect: Tell) -> None:
        # One call for each weight: rclpy keeps each place in the source to one severity.
        logger = self.get_logger()
        if effect.weight is Weight.ERROR:
            logger.error(effect.text)
        elif effect.weight is Weight.WARNING:
            logger.warning(effect.text)
        else:
            logger.info(effect.text)

    def _say_where(self, where: Whereabout) -> None:
        place = where.place
        if (place is None) is not self._is_lost:
            self._is_lost = place is None
            if place is None:
                self.get_logger().warning(f"lost: {where.why}")
            else:
                self.get_logger().info("it is known again where the robot is")
        here = place or Pose(x=0.0, y=0.0, theta=0.0)
        self._position.publish(
            msg.RobotPosition(
                header=self._header(frame_id=conversion.MAP_FRAME),
                robot_id=self._robot_id,
                x=here.x,
                y=here.y,
                theta=here.theta,
                lost=place is None,
                sequence=self._execution.sequence,
            )
        )

    def _header(self, frame_id: str = "") -> Header:
        return Header(stamp=self.get_clock().now().to_msg(), frame_id=frame_id)
