# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is likely not meant in a map that can be used: where pickers would get stuck, or never get to."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from fallback_guard.core.limits import JUNCTIONS_ADVISED_MAX
from fallback_guard.core.network import build_network
from fallback_guard.core.openness import Block, openness
from fallback_guard.core.warehouse import Pair, Warehouse, ZoneKind
from fallback_guard.maps.geojson_notes import listed

_SAME_PLACE_DIGITS: Final = 6
"""Decimals of a metre in which the positions of two nodes have to differ."""


def map_warnings(warehouse: Warehouse) -> tuple[str, ...]:
    """Return a sentence for each kind of thing, with the names of the first few; none for a sound map.

    "Most of the map" is the largest set of nodes that can all be reached from one another over edges that are
    open on the map.
    """
    opened = openness(warehouse)
    net = _Net(warehouse, opened.blocked)
    main = net.largest_component()
    reached, returning = net.reached(main), net.reached(main, backwards=True)
    waiting = set(opened.refuges)
    to_refuge = net.reached(net.numbers(opened.refuges), backwards=True)
    kinds: tuple[tuple[str, Sequence[object]], ...] = (
        (
            "bins cannot be reached from most of the map",
            [name for name, node in warehouse.bins.items() if node not in reached],
        ),
        (
            "nodes can be reached from most of the map, but nothing leads back",
            sorted(reached - returning),
        ),
        (
            "refuges cannot be reached from most of the map",
            [
                zone.id
                for zone in warehouse.zones.values()
                if zone.kind is ZoneKind.REFUGE
                and not zone.closed
                and reached.isdisjoint(waiting.intersection(zone.nodes))
            ],
        ),
        (
            "nodes with no_waiting have no way to a refuge, so that a picker there can only hold",
            [n.id for n in warehouse.nodes.values() if n.no_waiting and n.id not in to_refuge],
        ),
        (
            "nodes are on no edge",
            sorted(set(warehouse.nodes) - {node for pair in warehouse.edges for node in pair}),
        ),
        (
            "keep-out zones touch no edge and no node",
            [
                zone.id
                for zone in warehouse.zones.values()
                if zone.kind is ZoneKind.KEEP_OUT and not zone.edges and not zone.nodes
            ],
        ),
        ("nodes are at the place of another", _same_place(warehouse)),
    )
    warnings = [f"{text}: {listed(found)}" for text, found in kinds if found]
    if not any(zone.kind is ZoneKind.REFUGE for zone in warehouse.zones.values()):
        warnings.append("there is no refuge, so that every safe move is to hold")
    junctions = len(build_network(warehouse).junctions)
    if junctions > JUNCTIONS_ADVISED_MAX:
        warnings.append(
            f"{junctions} nodes are junctions or bends; with over {JUNCTIONS_ADVISED_MAX} a request "
            "takes longer than a deadline leaves time for. Map fewer of them"
        )
    return tuple(warnings)


class _Net:
    """The open edges as a matrix; nodes are counted in the order of the map."""

    def __init__(self, warehouse: Warehouse, blocked: Mapping[Pair, Block]) -> None:
        self._ids = tuple(warehouse.nodes)
        self._numbers = {node: number for number, node in enumerate(self._ids)}
        self._pairs = np.array(
            [
                (self._numbers[start], self._numbers[end])
                for start, end in warehouse.edges
                if (start, end) not in blocked
            ],
            dtype=np.int32,
        ).reshape(-1, 2)

    def numbers(self, ids: Sequence[int]) -> NDArray[np.int32]:
        return np.array([self._numbers[node] for node in ids], dtype=np.int32)

    def largest_component(self) -> NDArray[np.int32]:
        count = len(self._ids)
        ones = np.ones(len(self._pairs), dtype=np.int8)
        net = csr_array((ones, tuple(self._pairs.T)), shape=(count, count))
        _, labels = connected_components(net, connection="strong")
        return np.flatnonzero(labels == np.bincount(labels).argmax()).astype(np.int32)

    def reached(self, sources: NDArray[np.int32], *, backwards: bool = False) -> set[int]:
        """Return the nodes reached from any of `sources`, or from which any of them is."""
        count = len(self._ids)
        pairs = self._pairs[:, ::-1] if backwards else self._pairs
        # One more node, from which all sources are one step away.
        first = np.column_stack([np.full(len(sources), count, dtype=np.int32), sources])
        pairs = np.concatenate([pairs, first])
        ones = np.ones(len(pairs), dtype=np.int8)
        net = csr_array((ones, tuple(pairs.T)), shape=(count + 1, count + 1))
        order = breadth_first_order(net, count, return_predecessors=False)
        return {self._ids[number] for number in order.tolist() if number != count}


def _same_place(warehouse: Warehouse) -> list[int]:
    seen: set[tuple[float, float]] = set()
    found = []
    for node in warehouse.nodes.values():
        place = round(node.x, _SAME_PLACE_DIGITS), round(node.y, _SAME_PLACE_DIGITS)
        if place in seen:
            found.append(node.id)
        seen.add(place)
    return found
