# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The robots of one guard as shapes: where they are, what they were told, what was refused.  Time is an argument."""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.identifiers import is_identifier
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.core.units import NS_PER_S, ns_to_seconds
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.live.frame import is_stale
from fallback_guard.live.heard import DRILL, DecisionHeard, StateHeard
from fallback_guard.live.refused_route import refused_way
from fallback_guard.live.shapes import (
    CYAN,
    GREEN,
    GREY,
    MAGENTA,
    ORANGE,
    RED,
    WHITE,
    Color,
    Shape,
    ShapeKind,
    faded,
    height,
    is_drawable,
    lifted,
    width,
)

ROBOTS_DRAWN_MAX: Final = 100
"""Robots of one guard; the one that was silent for longest makes room."""

CANDIDATES_KEPT_MAX: Final = 4
"""Answers of one robot that wait for the guard's word: its refusal comes within milliseconds."""

REFUSED_NS_MAX: Final = 10 * NS_PER_S
"""For how long a refused way is shown: long enough to be seen, and gone before it is taken for the present."""

POSITION_OLD_NS: Final = 2 * NS_PER_S
"""A position older than this is grey."""

LIFETIME_S: Final = 2.0
"""A viewer forgets a shape after this, so that nothing stays on the screen when this process is gone."""

STANDBY: Final = "standby"
_ROBOT_M: Final = 0.9
_SAFE_MOVE_COLORS: Final[Mapping[SafeMoveKind, Color]] = MappingProxyType(
    {
        SafeMoveKind.NONE: RED,
        SafeMoveKind.HOLD: ORANGE,
        SafeMoveKind.RETREAT: ORANGE,
        SafeMoveKind.CANCEL_AND_HOLD: RED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionDrawn:
    """Where a robot says that it is (m, rad)."""

    robot_id: str
    x: float
    y: float
    theta: float
    lost: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionDrawn:
    """A command with its way: points (m), and at which of them is picked what."""

    robot_id: str
    request_id: str
    kind: MotionKind
    safe_move: SafeMoveKind
    target: int
    reason: str
    source: str
    way: tuple[tuple[float, float], ...]
    picks: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateDrawn:
    """A planner's answer, untouched."""

    robot_id: str
    request_id: str
    source: str
    attempt: int
    payload: bytes

    @property
    def key(self) -> tuple[str, str, int]:
        """What the guard's refusal names it by."""
        return (self.request_id, self.source, self.attempt)


@dataclass(slots=True, kw_only=True)
class _Robot:
    robot_id: str
    position: PositionDrawn | None = None
    position_ns: int = 0
    motion: MotionDrawn | None = None
    candidates: deque[CandidateDrawn] = field(
        default_factory=lambda: deque(maxlen=CANDIDATES_KEPT_MAX)
    )
    refusal: DecisionHeard | None = None
    refusal_ns: int = 0
    refused: tuple[tuple[float, float], ...] = ()


class Scene:
    """Takes messages in the order in which they arrive."""

    def __init__(self, warehouse: Warehouse, *, prefix: str = "") -> None:
        """Begin empty.  `prefix` stands before the robots' names in the markers' namespaces."""
        self._warehouse = warehouse
        self._prefix = prefix
        self._robots: OrderedDict[str, _Robot] = OrderedDict()
        self._state: StateHeard | None = None
        self._state_ns = 0

    def take_state(self, state: StateHeard, now_ns: int) -> None:
        """Take a sign of life."""
        self._state, self._state_ns = state, now_ns

    def take_position(self, position: PositionDrawn, now_ns: int) -> None:
        """Take where a robot is; a place that cannot be is no place."""
        robot = self._robot(position.robot_id)
        if robot is not None and is_drawable(position.x, position.y, position.theta):
            robot.position, robot.position_ns = position, now_ns

    def take_motion(self, motion: MotionDrawn) -> None:
        """Take a command.  A route in time ends what was shown as refused."""
        robot = self._robot(motion.robot_id)
        if robot is None or not all(is_drawable(*point) for point in motion.way):
            return
        robot.motion = motion
        if motion.kind is MotionKind.ROUTE and not motion.reason:
            robot.refused = ()

    def take_candidate(self, candidate: CandidateDrawn, now_ns: int) -> None:
        """Take an answer; its refusal may have come before it."""
        robot = self._robot(candidate.robot_id)
        if robot is not None:
            robot.candidates.append(candidate)
            self._join(robot, now_ns)

    def take_decision(self, decision: DecisionHeard, now_ns: int) -> None:
        """Take a decision; a refusal of an answer is drawn."""
        robot = self._robot(decision.robot_id)
        if robot is not None and decision.occasion is Occasion.REFUSAL and decision.attempt:
            robot.refusal = decision
            self._join(robot, now_ns)

    def shapes(self, now_ns: int) -> list[Shape]:
        """Return all that is to be seen now."""
        state = self._state
        silent = state is None or is_stale(state, now_ns - self._state_ns)
        shapes: list[Shape] = []
        for robot in self._robots.values():
            folder = f"{self._prefix}{robot.robot_id}"
            shapes += _body(robot, folder, now_ns, silent=silent)
            shapes += _told(robot, folder, self._warehouse)
            shapes += _refused(robot, folder, now_ns)
        return shapes

    def _robot(self, robot_id: str) -> _Robot | None:
        """Return a robot's record as the newest one; None for a name that is none."""
        if not is_identifier(robot_id):
            return None
        robot = self._robots.get(robot_id)
        if robot is None:
            robot = self._robots[robot_id] = _Robot(robot_id=robot_id)
            if len(self._robots) > ROBOTS_DRAWN_MAX:
                self._robots.popitem(last=False)
        self._robots.move_to_end(robot_id)
        return robot

    def _join(self, robot: _Robot, now_ns: int) -> None:
        """Find the answer that was refused last, whichever of the two came first."""
        refusal = robot.refusal
        if refusal is None:
            return
        wanted = (refusal.request_id, refusal.source, refusal.attempt)
        for candidate in robot.candidates:
            if candidate.key == wanted:
                robot.refused = refused_way(candidate.payload, self._warehouse)
                robot.refusal_ns = now_ns


def _body(robot: _Robot, folder: str, now_ns: int, *, silent: bool) -> list[Shape]:
    position, motion = robot.position, robot.motion
    if position is None:
        return []
    is_old = position.lost or now_ns - robot.position_ns > POSITION_OLD_NS
    color = GREY if is_old or silent else _color(motion)
    lines = [robot.robot_id, _words(motion)]
    if position.lost:
        lines.append("lost")
    elif is_old:
        lines.append(f"position {ns_to_seconds(now_ns - robot.position_ns):.0f} s old")
    if silent:
        lines.append("guard silent")
    return [
        Shape(
            folder=f"{folder}/robot",
            number=0,
            kind=ShapeKind.ARROW,
            color=color,
            scale=(_ROBOT_M, 0.35, 0.35),
            position=(position.x, position.y, 0.2),
            heading_rad=position.theta,
            lifetime_s=LIFETIME_S,
        ),
        Shape(
            folder=f"{folder}/state",
            number=0,
            kind=ShapeKind.TEXT,
            color=WHITE,
            scale=height(0.4),
            position=(position.x, position.y, 1.2),
            text="\n".join(line for line in lines if line),
            lifetime_s=LIFETIME_S,
        ),
    ]


def _told(robot: _Robot, folder: str, warehouse: Warehouse) -> list[Shape]:
    motion = robot.motion
    if motion is None:
        return []
    shapes: list[Shape] = []
    color = _color(motion)
    what = "route" if motion.kind is MotionKind.ROUTE else "safe_move"
    if len(motion.way) > 1:
        shapes.append(_line(f"{folder}/{what}", motion.way, color, 0.12, 0.08))
    if motion.kind is MotionKind.ROUTE and motion.picks:
        spots = [motion.way[index] for index, _ in motion.picks]
        shapes.append(
            Shape(
                folder=f"{folder}/picks",
                number=0,
                kind=ShapeKind.SPHERE_LIST,
                color=color,
                scale=(0.4, 0.4, 0.4),
                points=lifted(spots, 0.2),
                lifetime_s=LIFETIME_S,
            )
        )
        shapes += [
            Shape(
                folder=f"{folder}/pick_names",
                number=number,
                kind=ShapeKind.TEXT,
                color=color,
                scale=height(0.3),
                position=(*motion.way[index], 0.8),
                text=f"{number + 1}: {name}",
                lifetime_s=LIFETIME_S,
            )
            for number, (index, name) in enumerate(motion.picks)
        ]
    if motion.kind is MotionKind.SAFE_MOVE:
        place = _place(robot, motion, warehouse)
        if place is not None:
            shapes.append(
                Shape(
                    folder=f"{folder}/safe_move_target",
                    number=0,
                    kind=ShapeKind.CYLINDER,
                    color=faded(color, 0.5),
                    scale=(1.4, 1.4, 0.05),
                    position=(*place, 0.03),
                    lifetime_s=LIFETIME_S,
                )
            )
    return shapes


def _refused(robot: _Robot, folder: str, now_ns: int) -> list[Shape]:
    way, refusal = robot.refused, robot.refusal
    if not way or refusal is None or now_ns - robot.refusal_ns > REFUSED_NS_MAX:
        return []
    if robot.position is not None and not robot.position.lost:
        way = ((robot.position.x, robot.position.y), *way)
    text = Shape(
        folder=f"{folder}/refused_mode",
        number=0,
        kind=ShapeKind.TEXT,
        color=RED,
        scale=height(0.35),
        position=(*way[-1], 1.6),
        text=f"refused: {refusal.failure_mode}",
        lifetime_s=LIFETIME_S,
    )
    if len(way) < 2:  # noqa: PLR2004  # a line has two points
        return [text]
    return [_line(f"{folder}/refused", way, faded(RED, 0.8), 0.08, 0.14), text]


def _line(
    folder: str, way: tuple[tuple[float, float], ...], color: Color, width_m: float, z: float
) -> Shape:
    return Shape(
        folder=folder,
        number=0,
        kind=ShapeKind.LINE_STRIP,
        color=color,
        scale=width(width_m),
        points=lifted(way, z),
        lifetime_s=LIFETIME_S,
    )


def _place(robot: _Robot, motion: MotionDrawn, warehouse: Warehouse) -> tuple[float, float] | None:
    """Return where a safe move ends: on its target, or where the robot is."""
    if motion.safe_move is SafeMoveKind.RETREAT:
        node = warehouse.nodes.get(motion.target)
        return None if node is None else (node.x, node.y)
    position = robot.position
    return None if position is None else (position.x, position.y)


def _color(motion: MotionDrawn | None) -> Color:
    if motion is None:
        return GREY
    if motion.reason == DRILL:
        return MAGENTA
    if motion.kind is MotionKind.ROUTE:
        return CYAN if motion.source == STANDBY else GREEN
    return _SAFE_MOVE_COLORS[motion.safe_move]


def _words(motion: MotionDrawn | None) -> str:
    if motion is None:
        return ""
    if motion.kind is MotionKind.ROUTE:
        origin = " standby" if motion.source == STANDBY else ""
        return f"ROUTE{origin} {motion.request_id}" + (" (DRILL)" if motion.reason == DRILL else "")
    return f"{motion.safe_move.name}: {motion.reason}"
