# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The safe move of every position, so that choosing one at the deadline is a table look-up.

The words are those of IEC 60204-1 and ASTM F3269.  All three are requests to the robot's safety-rated
layer; none of them is a rated safety function.
"""

from dataclasses import dataclass
from typing import Final

from fallback_guard.core.motion import SafeMoveKind
from fallback_guard.core.paths import Paths
from fallback_guard.core.waypoint import Waypoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeMove:
    """A safe move.  `target` is the refuge of a retreat, 0 for the others; `waypoints` lead there."""

    kind: SafeMoveKind
    target: int = 0
    waypoints: tuple[Waypoint, ...] = ()


HOLD: Final = SafeMove(kind=SafeMoveKind.HOLD)
CANCEL_AND_HOLD: Final = SafeMove(kind=SafeMoveKind.CANCEL_AND_HOLD)


class SafeMoves:
    """The safe moves of one map as it is open now, each found once and kept.

    Where waiting blocks others the safe move is to retreat to the nearest refuge by open path (of two
    equally near, the one with the lower id); where no refuge can be reached, and everywhere else, to hold.
    """

    def __init__(self, paths: Paths) -> None:
        """Begin with no position; each one's move is found when a robot first reports from there."""
        self._paths = paths
        self._known: dict[int, SafeMove] = {}

    def at(self, node: int) -> SafeMove:
        """Return the safe move for a robot that stands on a node."""
        known = self._known.get(node)
        if known is None:
            known = self._known[node] = self._safe_move(node)
        return known

    def _safe_move(self, node: int) -> SafeMove:
        paths, refuges = self._paths, self._paths.openness.refuges
        if not paths.warehouse.nodes[node].no_waiting or node in refuges:
            return HOLD
        refuge = paths.nearest(node, refuges)
        if refuge is None:
            return HOLD
        waypoints = (paths.waypoint(node, None), *paths.legs((node, refuge)).waypoints(0, 1))
        return SafeMove(kind=SafeMoveKind.RETREAT, target=refuge, waypoints=waypoints)
