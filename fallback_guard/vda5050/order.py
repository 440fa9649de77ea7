# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A validated route as an order of VDA 5050, the interface between fleet control and mobile robots.

Sources: VDA 5050, versions 2.1.0 (2024) and 3.0.0 (2026), chapters "Order" and "Actions".  The versions
differ in a few names and shapes, which `DIALECTS` lists.  `reading` reads orders back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from fallback_guard.core.request import PickItem
from fallback_guard.core.warehouse import Warehouse

PICK: Final = "pick"
"""The predefined action type."""

PICK_BLOCKING: Final = "HARD"
"""The robot stands still and does nothing else meanwhile."""

STATION_TYPE: Final = "bin"
"""What kind of place is picked from.  Version 2.1 requires it."""


class PickParameter(str, Enum):
    """The parameters of a pick.  All but `quantity` are the predefined ones."""

    STATION_TYPE = "stationType"
    STATION_NAME = "stationName"
    LOAD_TYPE = "loadType"
    QUANTITY = "quantity"


class Version(str, Enum):
    """The versions that are written and read."""

    V2_1 = "2.1"
    V3_0 = "3.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What is written differently in one version.

    `protocol` stands in the header.  `edges_name_nodes` tells whether an edge names its ends; where not, its
    sequenceId alone says between which nodes it lies.  `deviation_is_ellipse` tells the shape of
    `allowedDeviationXY`; where not, it is a radius.
    """

    protocol: str
    speed: str
    edges_name_nodes: bool
    deviation_is_ellipse: bool


DIALECTS: Final[Mapping[Version, Dialect]] = MappingProxyType(
    {
        Version.V2_1: Dialect(
            protocol="2.1.0", speed="maxSpeed", edges_name_nodes=True, deviation_is_ellipse=False
        ),
        Version.V3_0: Dialect(
            protocol="3.0.0",
            speed="maximumSpeed",
            edges_name_nodes=False,
            deviation_is_ellipse=True,
        ),
    }
)

assert set(DIALECTS) == set(Version), "one row for each version"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHeader:
    """What an order says beside the route.

    `timestamp` is UTC in ISO 8601 with milliseconds, such as 2026-04-15T11:40:03.123Z.  Manufacturer and
    serial number together name the robot.  `map_id` names the map of every position.  The orderUpdateId is always
    0: an order that was never sent has no update.
    """

    header_id: int
    timestamp: str
    manufacturer: str
    serial_number: str
    map_id: str


def to_order(  # noqa: PLR0913  # what an order is made of
    *,
    warehouse: Warehouse,
    request_id: str,
    way: Sequence[int],
    picks: Sequence[tuple[int, PickItem]],
    header: OrderHeader,
    version: Version,
    allowed_deviation_m: float,
) -> dict[str, object]:
    """Return the order, ready to be written as JSON, that drives a way of the map and picks on it.

    `way` holds every node passed, at least one, each joined to the next by an edge of `warehouse`; `picks`
    tells at which place of the way what is picked, in order.  Everything is released: the whole route is the
    base, and nothing is horizon.  `allowed_deviation_m` is how far from a node it may be passed: the guard's
    `start_tolerance_m`.  Equal arguments give equal orders.
    """
    assert way, "a way has at least one node"
    places = [place for place, _ in picks]
    assert places == sorted(places), "picks stand in the order of the way"
    assert not places or 0 <= places[0] <= places[-1] < len(way), "picks are on the way"
    dialect = DIALECTS[version]
    actions: dict[int, list[dict[str, object]]] = {}
    for number, (place, item) in enumerate(picks, start=1):
        actions.setdefault(place, []).append(_pick(f"{request_id}.pick.{number}", item))
    deviation = (
        {"a": allowed_deviation_m, "b": allowed_deviation_m, "theta": 0.0}
        if dialect.deviation_is_ellipse
        else allowed_deviation_m
    )
    return {
        "headerId": header.header_id,
        "timestamp": header.timestamp,
        "version": dialect.protocol,
        "manufacturer": header.manufacturer,
        "serialNumber": header.serial_number,
        "orderId": request_id,
        "orderUpdateId": 0,
        "nodes": [
            {
                "nodeId": str(node),
                "sequenceId": 2 * place,
                "released": True,
                "nodePosition": {
                    "x": warehouse.nodes[node].x,
                    "y": warehouse.nodes[node].y,
                    "mapId": header.map_id,
                    "allowedDeviationXY": deviation,
                },
                "actions": actions.get(place, []),
            }
            for place, node in enumerate(way)
        ],
        "edges": [
            _edge(warehouse, pair, sequence_id=2 * place + 1, dialect=dialect)
            for place, pair in enumerate(pairwise(way))
        ],
    }


def _edge(
    warehouse: Warehouse, pair: tuple[int, int], *, sequence_id: int, dialect: Dialect
) -> dict[str, object]:
    edge = warehouse.edges[pair]
    said: dict[str, object] = {
        "edgeId": str(edge.id),
        "sequenceId": sequence_id,
        "released": True,
        "length": edge.length_m,
        "actions": [],
    }
    if dialect.edges_name_nodes:
        said |= {"startNodeId": str(edge.start), "endNodeId": str(edge.end)}
    if edge.speed_limit_mps is not None:
        said[dialect.speed] = edge.speed_limit_mps
    return said


def _pick(action_id: str, item: PickItem) -> dict[str, object]:
    parameters: dict[PickParameter, object] = {
        PickParameter.STATION_TYPE: STATION_TYPE,
        PickParameter.STATION_NAME: item.bin,
        PickParameter.LOAD_TYPE: item.sku,
        PickParameter.QUANTITY: item.quantity,
    }
    return {
        "actionType": PICK,
        "actionId": action_id,
        "blockingType": PICK_BLOCKING,
        "actionParameters": [
            {"key": key.value, "value": value} for key, value in parameters.items()
        ],
    }
