"""Shortest open paths on a warehouse map."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from fallback_guard.core.limits import PATHS_BYTES_MAX, PATHS_REMEMBERED_MAX
from fallback_guard.core.warehouse import Warehouse

_NO_PREDECESSOR: Final = -9999
"""What scipy's dijkstra writes where there is no way."""


class Paths:
    """Distances and ways between nodes, over open edges only.

    Answers are computed once for each start node and remembered, so that what a deadline asks for has
    been computed before it.  Where two ways are equally long, the answer is still always the same.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        """Build the sparse graph of the open edges of `warehouse`."""
        self._warehouse = warehouse
        self._ids: tuple[int, ...] = tuple(sorted(warehouse.nodes))
        self._index = {node_id: index for index, node_id in enumerate(self._ids)}
        open_edges = [edge for edge in warehouse.edges.values() if edge.is_open]
        size = len(self._ids)
        self._graph = csr_array(
            (
                np.array([edge.length_m for edge in open_edges], dtype=np.float64),
                (
                    np.array([self._index[edge.start] for edge in open_edges], dtype=np.int32),
                    np.array([self._index[edge.end] for edge in open_edges], dtype=np.int32),
                ),
            ),
            shape=(size, size),
        )
        self._tree = KDTree(
            [(warehouse.nodes[node].x, warehouse.nodes[node].y) for node in self._ids]
        )
        bytes_each = size * (np.dtype(np.float64).itemsize + np.dtype(np.int32).itemsize)
        self._remembered_max = max(
            1, min(PATHS_REMEMBERED_MAX, PATHS_BYTES_MAX // max(1, bytes_each))
        )
        self._remembered: OrderedDict[int, tuple[NDArray[np.float64], NDArray[np.int32]]] = (
            OrderedDict()
        )

    def nearest_node(self, x: float, y: float) -> tuple[int, float]:
        """Return the node nearest to a point (m) and its distance (m)."""
        distance, index = self._tree.query((x, y))
        return self._ids[int(index)], float(distance)

    def distance_m(self, start: int, end: int) -> float:
        """Return the length of the shortest open path; infinite if there is none."""
        return float(self._from(start)[0][self._index[end]])

    def path(self, start: int, end: int) -> tuple[int, ...] | None:
        """Return the nodes of the shortest open path, both ends included; None if there is none."""
        predecessors = self._from(start)[1]
        first, index = self._index[start], self._index[end]
        reverse = [index]
        while index != first:
            index = int(predecessors[index])
            if index == _NO_PREDECESSOR:
                return None
            reverse.append(index)
        return tuple(self._ids[index] for index in reversed(reverse))

    def length_m(self, nodes: Sequence[int]) -> float:
        """Return the length of a way along edges of the map, open or not.  KeyError where there is no edge."""
        return sum(self._warehouse.edges[pair].length_m for pair in pairwise(nodes))

    def _from(self, start: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        known = self._remembered.get(start)
        if known is None:
            (distances,), (predecessors,) = dijkstra(
                self._graph, directed=True, indices=[self._index[start]], return_predecessors=True
            )
            if len(self._remembered) >= self._remembered_max:
                self._remembered.popitem(last=False)
            known = self._remembered[start] = (distances, predecessors)
        return known
