# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a map has to fulfil as a whole, beyond what each of its features says."""

from dataclasses import dataclass

from fallback_guard.core.openness import openness
from fallback_guard.core.warehouse import Warehouse, ZoneKind


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """What is wrong with which feature, and the remedy."""

    where: str
    problem: str
    remedy: str


def first_broken_rule(warehouse: Warehouse) -> BrokenRule | None:
    """Return the first feature that no picker could use as it is meant."""
    return _bin_out_of_reach(warehouse) or _useless_refuge(warehouse)


def _bin_out_of_reach(warehouse: Warehouse) -> BrokenRule | None:
    touched = {node for pair in warehouse.edges for node in pair}
    for name, node in warehouse.bins.items():
        if node not in touched:
            return BrokenRule(
                where=f"node {node}",
                problem=f"bin {name!r} is here, and no edge leads to it or away",
                remedy="Join the node by edges, or move its bins to one that is",
            )
    return None


def _useless_refuge(warehouse: Warehouse) -> BrokenRule | None:
    blocked = openness(warehouse).blocked
    for zone in warehouse.zones.values():
        if zone.kind is not ZoneKind.REFUGE:
            continue
        if not zone.nodes:
            return BrokenRule(
                where=f"zone {zone.id}",
                problem="this refuge has no node in it",
                remedy="Draw it around a node on which a picker may wait",
            )
        inside = set(zone.nodes)
        if zone.closed or len(inside) == len(warehouse.nodes):
            continue
        if not any(
            pair not in blocked and pair[0] not in inside and pair[1] in inside
            for pair in zone.edges
        ):
            return BrokenRule(
                where=f"zone {zone.id}",
                problem="no open edge leads into this refuge",
                remedy="Add an edge to a node in it, or open one",
            )
    return None
