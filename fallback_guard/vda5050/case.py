# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""One order of VDA 5050 while it is read, and what a rule for it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise, zip_longest

from fallback_guard.core.failure_modes import Vda5050Error
from fallback_guard.core.request import PickItem
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.vda5050.document import Action, Order, OrderEdge, OrderElement
from fallback_guard.vda5050.errors import References
from fallback_guard.vda5050.order import Version

ShortestPath = Callable[[int, int], Sequence[int] | None]
"""Returns the nodes of the way that the guard fills in between two nodes, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStop:
    """One pick.  `via` is empty where the guard fills in the same way."""

    item: PickItem
    via: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """The first place at which a rule does not hold.  `detail` is for people."""

    detail: str
    references: References = ()


@dataclass(slots=True, kw_only=True)
class Case:
    """One order being read.  Each group of rules fills in what the next ones need."""

    data: bytes
    warehouse: Warehouse
    shortest_path: ShortestPath
    map_id: str | None
    allowed_deviation_m: float
    version: Version
    text: str = ""
    document: dict[str, object] = field(default_factory=dict)
    read: Order | None = None
    way: list[int] = field(default_factory=list)
    picks: list[tuple[int, PickItem]] = field(default_factory=list)
    stops: list[OrderStop] = field(default_factory=list)

    @property
    def order(self) -> Order:
        """The decoded order, which every rule after the fields needs."""
        assert self.read is not None, "the fields have been read"
        return self.read

    @property
    def elements(self) -> Iterator[OrderElement]:
        """Nodes and edges in driving order, as far as they go."""
        both = chain.from_iterable(zip_longest(self.order.nodes, self.order.edges))
        return (element for element in both if element is not None)

    @property
    def hops(self) -> Iterator[tuple[OrderEdge, tuple[int, int]]]:
        """Each edge with the nodes between which it lies."""
        return zip(self.order.edges, pairwise(self.way), strict=True)

    @property
    def actions(self) -> Iterator[tuple[int, Action]]:
        """Each action of a node with the node's place."""
        for place, node in enumerate(self.order.nodes):
            for action in node.actions:
                yield place, action


Check = Callable[[Case], Violation | None]


@dataclass(frozen=True, slots=True)
class OrderRule:
    """One row: its check, what VDA 5050 calls a violation, and what it demands.

    The rules of one group do not depend on each other, and every one that is violated becomes an error; the
    next group is tried only where none was.
    """

    check: Check
    error: Vda5050Error
    demands: str

    @property
    def name(self) -> str:
        """The check's name, for people."""
        return self.check.__name__.lstrip("_")
