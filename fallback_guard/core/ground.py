# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The map as it is open at the moment: its paths and its safe moves."""

from fallback_guard.core.closures import Closures
from fallback_guard.core.config import GuardConfig
from fallback_guard.core.events import PositionArrived
from fallback_guard.core.limits import COORDINATE_M_MAX
from fallback_guard.core.openness import openness
from fallback_guard.core.paths import Paths
from fallback_guard.core.records import Position, RobotRecord
from fallback_guard.core.safe_moves import CANCEL_AND_HOLD, HOLD, SafeMove, SafeMoves
from fallback_guard.core.warehouse import Warehouse


class Ground:
    """What there is to drive on.  `paths` and `safe_moves` are other objects after each change."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Begin with the map as it was loaded, and find its shortest paths."""
        self.warehouse = warehouse
        self.paths = self._as_loaded = Paths(warehouse)
        self.paths.warm()
        # Made now, so that nothing can fail when it is needed.
        self._shut = self._with(Closures(everything=True))
        self.safe_moves = SafeMoves(self.paths)

    def position(self, event: PositionArrived, now_ns: int) -> Position | None:
        """Return where a robot is that says so now; None where it is lost, or nowhere near any map."""
        # Written so that NaN fails it.
        if event.lost or not (
            abs(event.x) <= COORDINATE_M_MAX and abs(event.y) <= COORDINATE_M_MAX
        ):
            return None
        node, distance_m = self.paths.network.nearest_node(event.x, event.y)
        return Position(node=node, distance_m=distance_m, x=event.x, y=event.y, at_ns=now_ns)

    def safe_move(self, robot: RobotRecord | None, now_ns: int, config: GuardConfig) -> SafeMove:
        """Return what a robot can do now without a route; None is one of which nothing is known."""
        if robot is None or robot.believed(now_ns, config) is None:
            return CANCEL_AND_HOLD
        node = robot.node(now_ns, config)
        return HOLD if node is None else self.safe_moves.at(node)

    def close(self, closures: Closures) -> None:
        """Close and open what `closures` says; where that fails, close everything, and raise what failed."""
        before = self.paths
        try:
            self.paths = self._with(closures)
        except Exception:
            self.paths = self._shut
            raise
        finally:
            if self.paths is not before:
                self.safe_moves = SafeMoves(self.paths)

    def _with(self, closures: Closures) -> Paths:
        opened = openness(self.warehouse, closures)
        for known in (self.paths, self._as_loaded):
            if opened == known.openness:
                return known
        return Paths(self.warehouse, opened, network=self._as_loaded.network)
