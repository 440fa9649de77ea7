"""The safe move of every position, fixed when the map loads, so that choosing one is a table look-up.

The words are those of IEC 60204-1 and ASTM F3269.  All three are requests to the robot's safety-rated
layer; none of them is a rated safety function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from fallback_guard.core.paths import Paths
from fallback_guard.core.warehouse import Warehouse


class SafeMoveKind(IntEnum):
    """What to do, in order of severity; the values are those of MotionCommand.msg."""

    NONE = 0
    HOLD = 1
    RETREAT = 2
    CANCEL_AND_HOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeMove:
    """A safe move.  `path` names the nodes of a retreat, from the robot's node to the refuge."""

    kind: SafeMoveKind
    path: tuple[int, ...] = ()

    @property
    def target(self) -> int:
        """The refuge of a retreat; 0 for the others, which have none."""
        return self.path[-1] if self.path else 0


HOLD: Final = SafeMove(kind=SafeMoveKind.HOLD)
CANCEL_AND_HOLD: Final = SafeMove(kind=SafeMoveKind.CANCEL_AND_HOLD)


def safe_move_table(warehouse: Warehouse, paths: Paths) -> Mapping[int, SafeMove]:
    """Return the safe move for a robot that stands on each node.

    Where waiting blocks others it is the way to the nearest refuge by open path (of two equally near,
    the one with the lower id); where no refuge can be reached, and everywhere else, it is to hold.
    """
    return MappingProxyType({node: _safe_move(warehouse, paths, node) for node in warehouse.nodes})


def _safe_move(warehouse: Warehouse, paths: Paths, node: int) -> SafeMove:
    if not warehouse.nodes[node].no_waiting or not warehouse.refuges:
        return HOLD
    refuge = min(warehouse.refuges, key=lambda refuge: (paths.distance_m(node, refuge), refuge))
    path = paths.path(node, refuge)
    return SafeMove(kind=SafeMoveKind.RETREAT, path=path) if path and len(path) > 1 else HOLD
