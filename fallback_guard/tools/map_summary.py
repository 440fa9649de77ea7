# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a map holds, as a table for people."""

from fallback_guard.core.openness import openness
from fallback_guard.core.warehouse import Warehouse, ZoneKind
from fallback_guard.maps.geojson import MapFile
from fallback_guard.maps.map_warnings import map_warnings


def summary(name: str, read: MapFile) -> str:
    """Return the table, with the notes and warnings below it."""
    rows = _rows(read.warehouse)
    wide = max(len(label) for label, _ in rows)
    lines = [name, *(f"  {label:<{wide}}  {value}" for label, value in rows)]
    lines += [f"note: {text}" for text in read.notes]
    lines += [f"warning: {text}" for text in map_warnings(read.warehouse)]
    return "\n".join(lines) + "\n"


def _rows(warehouse: Warehouse) -> list[tuple[str, str]]:
    nodes, edges = warehouse.nodes.values(), warehouse.edges
    opened = openness(warehouse)
    xs, ys = [node.x for node in nodes], [node.y for node in nodes]
    one_way = sum((end, start) not in edges for start, end in edges)
    limited = sum(edge.speed_limit_mps is not None for edge in edges.values())
    all_m = sum(edge.length_m for edge in edges.values())
    open_m = sum(edge.length_m for pair, edge in edges.items() if pair not in opened.blocked)
    return [
        ("extent", f"{max(xs) - min(xs):.1f} m x {max(ys) - min(ys):.1f} m"),
        ("nodes", f"{len(nodes)}"),
        ("no waiting on", f"{sum(node.no_waiting for node in nodes)} nodes"),
        ("one-way edges", f"{one_way}"),
        ("two-way edges", f"{len(edges) - one_way}, both directions counted"),
        ("speed limit on", f"{limited} edges"),
        ("open", f"{open_m / all_m:.1%} of {all_m:.1f} m" if all_m else "no edges"),
        ("bins", f"{len(warehouse.bins)} on {sum(bool(node.bins) for node in nodes)} nodes"),
        ("keep-out zones", _zones(warehouse, ZoneKind.KEEP_OUT)),
        ("refuges", _zones(warehouse, ZoneKind.REFUGE)),
        ("waiting nodes", f"{len(opened.refuges)} in open refuges"),
    ]


def _zones(warehouse: Warehouse, kind: ZoneKind) -> str:
    zones = [zone for zone in warehouse.zones.values() if zone.kind is kind]
    return f"{len(zones)}, {sum(zone.closed for zone in zones)} closed" if zones else "0"
