# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The way that a refused answer would have gone, as far as it can be told.

An answer was refused because something is wrong with it, so it is read leniently, and nothing in it is believed: only
nodes and bins of the map are followed, their coordinates are the map's, and what cannot be read draws nothing.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import orjson

from fallback_guard.core.limits import PAYLOAD_BYTES_MAX, STOPS_MAX, VIA_NODES_MAX
from fallback_guard.core.warehouse import Node, Warehouse

POINTS_MAX: Final = 1_024
"""Nodes of a way that are drawn: as many as a command may have waypoints."""


def refused_way(payload: bytes, warehouse: Warehouse) -> tuple[tuple[float, float], ...]:
    """Return the nodes that an answer names, in its order, by their coordinates (m).  Raises nothing."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        return ()
    nodes = islice(_nodes(_document(payload), warehouse), POINTS_MAX)
    way: list[tuple[float, float]] = []
    for node in nodes:
        if not way or way[-1] != (node.x, node.y):
            way.append((node.x, node.y))
    return tuple(way)


def _document(payload: bytes) -> object:
    """Return the JSON of an answer, also from within a fence or prose; None where there is none."""
    begin, end = payload.find(b"{"), payload.rfind(b"}")
    try:
        return orjson.loads(payload[begin : end + 1]) if 0 <= begin < end else None
    except orjson.JSONDecodeError:
        return None


def _nodes(document: object, warehouse: Warehouse) -> Iterator[Node]:
    stops = document.get("stops") if isinstance(document, dict) else None
    if not isinstance(stops, list):
        return
    for stop in stops[:STOPS_MAX]:
        if not isinstance(stop, dict):
            continue
        via = stop.get("via")
        for number in via[:VIA_NODES_MAX] if isinstance(via, list) else ():
            # true is 1 to a mapping, and a list cannot be looked up at all.
            if type(number) is int and number in warehouse.nodes:
                yield warehouse.nodes[number]
        name = stop.get("bin")
        if isinstance(name, str) and name in warehouse.bins:
            yield warehouse.nodes[warehouse.bins[name]]
