# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Markers for RViz and Foxglove: the map, the robots, what they were told, and what was refused.  It listens alone."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from rclpy.clock import Clock, ClockType

from fallback_guard import msg
from fallback_guard.core.closures import AS_ON_THE_MAP, Closures
from fallback_guard.core.parameters import Parameter
from fallback_guard.core.units import NS_PER_MS, ns_to_seconds
from fallback_guard.live.config import NAMESPACES, namespaces_named
from fallback_guard.live.map_shapes import closed_now, left_out, map_shapes
from fallback_guard.live.scene import Scene
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.nodes import topics
from fallback_guard.nodes.bystander import within
from fallback_guard.nodes.conversion import to_closures
from fallback_guard.nodes.hearing import decision_heard, state_heard
from fallback_guard.nodes.marker_messages import (
    MAP_MARKERS,
    MARKERS,
    Name,
    candidate_drawn,
    marker_array,
    motion_drawn,
    name_of,
    position_drawn,
)
from fallback_guard.nodes.parameters import Explaining, declared
from fallback_guard.nodes.process import StartError, run

MARKERS_PARAMETERS: Final = (
    Parameter(
        name="map_file",
        default="",
        read_only=True,
        meaning="GeoJSON map of the warehouse; the launch files fill it in.",
    ),
    NAMESPACES,
    Parameter(
        name="period_ms",
        default=250,
        unit="ms",
        minimum=50,
        maximum=1_000,
        read_only=True,
        meaning="Between two publications of what moves.",
    ),
)


Hear = Callable[[msg.MotionCommand], None]
"""A callback of whatever message: see topics.AnyTopic."""


class MarkersNode(Explaining):
    """Hears guards and robots, and draws them."""

    def __init__(self) -> None:
        """Load the map and begin to listen.  Raises ParameterError, StartError and MapError."""
        super().__init__("markers_node")
        values = declared(self, MARKERS_PARAMETERS)
        if not values["map_file"]:
            raise StartError("parameter 'map_file' is empty; give the path of a GeoJSON map")
        self._warehouse = load_warehouse(Path(str(values["map_file"])))
        namespaces = namespaces_named(str(values["namespaces"]), self.get_namespace())
        self._scenes = {
            name: Scene(self._warehouse, prefix=f"{name}/" if len(namespaces) > 1 else "")
            for name in namespaces
        }
        self._closures = dict.fromkeys(namespaces, AS_ON_THE_MAP)
        self._shown: set[Name] = set()
        self._map_shown: set[Name] = set()
        self._markers = MARKERS.publisher(self)
        self._map_markers = MAP_MARKERS.publisher(self)
        for name, scene in self._scenes.items():
            self._listen(name, scene)
        missing = left_out(self._warehouse)
        if missing:
            self.get_logger().warning(f"the map is too large to be drawn as a whole: {missing}")
        self._map_is_old = True
        self.create_timer(
            ns_to_seconds(int(values["period_ms"]) * NS_PER_MS),
            self._draw,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def _listen(self, namespace: str, scene: Scene) -> None:
        def on_state(message: msg.GuardState) -> None:
            scene.take_state(state_heard(message), time.monotonic_ns())

        def on_position(message: msg.RobotPosition) -> None:
            scene.take_position(position_drawn(message), time.monotonic_ns())

        def on_motion(message: msg.MotionCommand) -> None:
            scene.take_motion(motion_drawn(message))

        def on_candidate(message: msg.RouteCandidate) -> None:
            scene.take_candidate(candidate_drawn(message), time.monotonic_ns())

        def on_decision(message: msg.GuardDecision) -> None:
            scene.take_decision(decision_heard(message), time.monotonic_ns())

        hearing: tuple[tuple[topics.AnyTopic, Hear], ...] = (
            (topics.GUARD_STATE, on_state),
            (topics.ROBOT_POSITION, on_position),
            (topics.MOTION, on_motion),
            (topics.CANDIDATE_ROUTE, on_candidate),
            (topics.GUARD_DECISION, on_decision),
            (topics.MAP_CLOSURES, partial(self._on_closures, namespace)),
        )
        for topic, callback in hearing:
            within(topic, namespace).subscribe(self, callback)

    def _on_closures(self, namespace: str, message: msg.MapClosures) -> None:
        closures: Closures = to_closures(message)
        if closures != self._closures[namespace]:
            self._closures[namespace] = closures
            self._map_is_old = True  # However often they change, the map is drawn once a period.

    def _draw_map(self) -> None:
        self._map_is_old = False
        closed = closed_now(self._warehouse, list(self._closures.values()))
        shapes = map_shapes(self._warehouse, closed)
        names = {name_of(shape) for shape in shapes}
        self._map_markers.publish(marker_array(shapes, gone=sorted(self._map_shown - names)))
        self._map_shown = names

    def _draw(self) -> None:
        if self._map_is_old:
            self._draw_map()
        now_ns = time.monotonic_ns()
        shapes = [shape for scene in self._scenes.values() for shape in scene.shapes(now_ns)]
        names = {name_of(shape) for shape in shapes}
        self._markers.publish(marker_array(shapes, gone=sorted(self._shown - names)))
        self._shown = names


def main() -> int:
    """Run the markers; see process.run for the exit codes."""
    return run(
        MarkersNode,
        name="markers_node",
        does="Publishes markers of map, robots, routes and refusals for RViz and Foxglove; it listens alone.",
        parameters=MARKERS_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
