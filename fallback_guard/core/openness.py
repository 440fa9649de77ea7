# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What of a map is open at the moment: the map's own word, changed by whoever closes and opens while running."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from fallback_guard.core.closures import AS_ON_THE_MAP, Closures
from fallback_guard.core.warehouse import Pair, Warehouse, ZoneKind


class Block(str, Enum):
    """Why an edge may not be driven."""

    CLOSED = "closed"
    KEEP_OUT = "keep_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Openness:
    """The edges that may not be driven, and why; the nodes where a picker may wait, in ascending order.

    `nothing` tells that every edge is among `blocked`.
    """

    blocked: Mapping[Pair, Block]
    refuges: tuple[int, ...]
    nothing: bool = False


def openness(warehouse: Warehouse, closures: Closures = AS_ON_THE_MAP) -> Openness:
    """Apply `closures` to the map.  Ids that the map does not know change nothing."""
    if closures.everything:
        blocked = dict.fromkeys(warehouse.edges, Block.CLOSED)
        return Openness(blocked=MappingProxyType(blocked), refuges=(), nothing=True)
    closed_edges = (warehouse.closed_edges - closures.opened_edges) | closures.closed_edges
    closed_zones = zones_closed(warehouse, closures)
    pairs = warehouse.edge_pairs
    blocked = {pairs[edge]: Block.CLOSED for edge in sorted(closed_edges) if edge in pairs}
    refuges: set[int] = set()
    kept_out: set[int] = set()
    for zone in warehouse.zones.values():
        if zone.kind is ZoneKind.REFUGE and zone.id not in closed_zones:
            refuges.update(zone.nodes)
        if zone.kind is ZoneKind.KEEP_OUT and zone.id in closed_zones:
            kept_out.update(zone.nodes)
            blocked.update(dict.fromkeys(zone.edges, Block.KEEP_OUT))
    return Openness(blocked=MappingProxyType(blocked), refuges=tuple(sorted(refuges - kept_out)))


def zones_closed(warehouse: Warehouse, closures: Closures) -> frozenset[int]:
    """Return the ids of the zones that are closed, and those that `closures` names and the map does not."""
    closed = frozenset(zone.id for zone in warehouse.zones.values() if zone.closed)
    return (closed - closures.opened_zones) | closures.closed_zones


def unknown_ids(warehouse: Warehouse, closures: Closures) -> tuple[list[int], list[int]]:
    """Return the ids of edges and of zones that `closures` names and the map does not, in ascending order."""
    edges = closures.closed_edges | closures.opened_edges
    zones = closures.closed_zones | closures.opened_zones
    return sorted(edges - warehouse.edge_pairs.keys()), sorted(zones - warehouse.zones.keys())
