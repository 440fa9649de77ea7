# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Routes as orders of VDA 5050 and back, held against the official schemas and an independent reader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from vda5050.domain.order.validation import order_structure_errors
from vda5050.model.order import Order as OtherOrder

import world
from fallback_guard.core.limits import QUANTITY_MAX, STOPS_MAX, VIA_NODES_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem
from fallback_guard.core.schema import Route
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.vda5050.message_rules import ORDER_BYTES_MAX, ORDER_VALUES_MAX
from fallback_guard.vda5050.order import Version, to_order
from fallback_guard.vda5050.reading import OrderRead, from_order
from orders import DEVIATION_M, HEADER, as_dict, in_each_version, inner, order, read, schema

if TYPE_CHECKING:
    from fallback_guard.core.warehouse import Warehouse


@cache
def sample() -> Warehouse:
    """Return the map that comes with the package."""
    return load_warehouse(world.SAMPLE)


@cache
def sample_paths() -> Paths:
    """Return its shortest paths."""
    return Paths(sample())


# From a route to an order.


@in_each_version
def test_an_order_says_the_route(version: Version) -> None:
    """Every node in turn from the map, every pick on its node, everything released."""
    said = order(version)
    assert said["version"] == {"2.1": "2.1.0", "3.0": "3.0.0"}[version.value]
    assert [said[key] for key in ("headerId", "timestamp", "manufacturer", "serialNumber")] == [
        7,
        "2026-04-15T11:40:03.123Z",
        "maker",
        "picker_1",
    ]
    assert (said["orderId"], said["orderUpdateId"]) == ("R-1", 0)
    assert [inner(said, "nodes", i, "nodeId") for i in range(7)] == list("1234321")
    assert [inner(said, "nodes", i, "sequenceId") for i in range(7)] == list(range(0, 14, 2))
    assert [inner(said, "edges", i, "sequenceId") for i in range(6)] == list(range(1, 12, 2))
    assert [inner(said, "nodes", i, "released") for i in range(7)] == [True] * 7
    assert [inner(said, "edges", i, "released") for i in range(6)] == [True] * 6
    assert inner(said, "nodes", 1, "nodePosition", "x") == 10.0
    assert inner(said, "nodes", 1, "nodePosition", "y") == 0.0
    assert inner(said, "nodes", 1, "nodePosition", "mapId") == "hall"
    assert [len(str(inner(said, "nodes", i, "actions"))) > 2 for i in range(7)] == [
        place in (1, 3) for place in range(7)
    ]
    assert inner(said, "nodes", 1, "actions", 1) == {
        "actionType": "pick",
        "actionId": "R-1.pick.2",
        "blockingType": "HARD",
        "actionParameters": [
            {"key": "stationType", "value": "bin"},
            {"key": "stationName", "value": "A-2"},
            {"key": "loadType", "value": "SKU-2"},
            {"key": "quantity", "value": 3},
        ],
    }


def test_what_the_versions_write_differently() -> None:
    """The ends of edges, the speed limit, the allowed deviation."""
    old, new = order(Version.V2_1), order(Version.V3_0)
    limited = inner(old, "edges", 1), inner(new, "edges", 1)
    assert [(edge["startNodeId"], edge["endNodeId"]) for edge in [as_dict(limited[0])]] == [
        ("2", "3")
    ]
    assert "startNodeId" not in as_dict(limited[1])
    assert as_dict(limited[0])["maxSpeed"] == as_dict(limited[1])["maximumSpeed"] == 1.0
    assert "maxSpeed" not in as_dict(inner(old, "edges", 0))
    assert "maximumSpeed" not in as_dict(inner(new, "edges", 0))
    assert inner(old, "nodes", 0, "nodePosition", "allowedDeviationXY") == 0.5
    assert inner(new, "nodes", 0, "nodePosition", "allowedDeviationXY") == {
        "a": 0.5,
        "b": 0.5,
        "theta": 0.0,
    }


@in_each_version
def test_equal_routes_make_equal_orders(version: Version) -> None:
    assert json.dumps(order(version)) == json.dumps(order(version))


@in_each_version
def test_one_node_is_enough(version: Version) -> None:
    """A robot that stands at the bin does not drive."""
    pick = (0, PickItem(bin="A-1", sku="SKU-1", quantity=1))
    said = order(version, way=[2], picks=[pick])
    assert said["edges"] == []
    assert list(schema(version).iter_errors(said)) == []
    found = read(said)
    assert isinstance(found, OrderRead)
    assert found.way == (2,)
    assert [stop.item for stop in found.stops] == [pick[1]]


@in_each_version
def test_the_longest_route_fits_the_limits(version: Version) -> None:
    """Indented, with half of the bytes to spare for longer numbers."""
    way = [2, *([3, 2] * (STOPS_MAX * (VIA_NODES_MAX + 1) // 2))]
    picks = [(place, PickItem(bin="A-1", sku="SKU-1", quantity=1)) for place in range(STOPS_MAX)]
    said = order(version, way=way, picks=picks)
    assert len(json.dumps(said, indent=2)) < ORDER_BYTES_MAX / 2
    assert values(said) < ORDER_VALUES_MAX


def values(value: object) -> int:
    """Return how many values there are in one, itself included."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(values(part) for part in inside)


# There and back.


@dataclass(frozen=True, slots=True)
class Tour:
    """A way over the sample map, and what is picked on it."""

    way: tuple[int, ...]
    picks: tuple[tuple[int, PickItem], ...]


@st.composite
def tours(draw: st.DrawFn) -> Tour:
    """Draw a tour: to each pick on the shortest path, or by a detour of some steps."""
    warehouse, paths = sample(), sample_paths()
    bins = sorted(warehouse.bins)
    after: dict[int, list[int]] = {}
    for start, end in sorted(warehouse.edges):
        if paths.path(start, end) is not None:
            after.setdefault(start, []).append(end)
    way = [draw(st.sampled_from(sorted(after)))]
    picks = []
    for number in range(draw(st.integers(1, 6))):
        here = len(way) - 1
        for _ in range(draw(st.integers(0, 4))):
            way.append(draw(st.sampled_from(after[way[-1]])))
        name = draw(st.sampled_from(bins))
        way.extend((paths.path(way[-1], warehouse.bins[name]) or ())[1:])
        leg = tuple(way[here:])
        shortest = paths.path(leg[0], leg[-1])
        assert shortest is not None
        if len(leg) == 2:
            way[here:] = shortest
        quantity = draw(st.integers(1, QUANTITY_MAX))
        picks.append((len(way) - 1, PickItem(bin=name, sku=f"SKU-{number}", quantity=quantity)))
    goal = draw(st.sampled_from(sorted(after)))
    way.extend((paths.path(way[-1], goal) or ())[1:])
    return Tour(way=tuple(way), picks=tuple(picks))


def followed(route: Route, start: int, end: int) -> tuple[int, ...]:
    """Return the way of a route: over what it names, else the shortest."""
    way = [start]
    for stop in route.stops:
        target = sample().bins[stop.bin]
        leg = (
            (way[-1], *stop.via, target) if stop.via else sample_paths().path(way[-1], target) or ()
        )
        way.extend(leg[1:])
    way.extend((sample_paths().path(way[-1], end) or ())[1:])
    return tuple(way)


@in_each_version
@settings(deadline=None, max_examples=60)
@given(tour=tours())
def test_there_and_back(version: Version, tour: Tour) -> None:
    """The order follows the official schema, and the route in it has the same picks and the same way."""
    said = to_order(
        warehouse=sample(),
        request_id="R-1",
        way=tour.way,
        picks=tour.picks,
        header=HEADER,
        allowed_deviation_m=DEVIATION_M,
        version=version,
    )
    assert list(schema(version).iter_errors(said)) == []
    found = from_order(
        json.dumps(said).encode(),
        warehouse=sample(),
        shortest_path=sample_paths().path,
        allowed_deviation_m=DEVIATION_M,
    )
    assert isinstance(found, OrderRead), found
    assert (found.request_id, found.version, found.way) == ("R-1", version, tour.way)
    assert (found.start_node, found.end_node) == (tour.way[0], tour.way[-1])
    assert [stop.item for stop in found.stops] == [item for _, item in tour.picks]
    route = Route.model_validate_json(json.dumps(found.as_route("picker_1")))
    assert followed(route, found.start_node, found.end_node) == tour.way


@settings(deadline=None, max_examples=60)
@given(tour=tours())
def test_another_reader_agrees(tour: Tour) -> None:
    """The model and the graph rules of vda5050-sdk, which knows version 2.1."""
    said = to_order(
        warehouse=sample(),
        request_id="R-1",
        way=tour.way,
        picks=tour.picks,
        header=HEADER,
        allowed_deviation_m=DEVIATION_M,
        version=Version.V2_1,
    )
    other = OtherOrder.model_validate(said)
    assert [int(node.node_id) for node in other.nodes] == list(tour.way)
    assert other.to_wire() == said
    problems = order_structure_errors(other)
    if len(set(pairwise(tour.way))) == len(tour.way) - 1:
        assert problems == []
    else:
        # It wants edgeIds once in an order. The specification tells edges with the same one apart by sequenceId.
        assert problems == ["edgeId values must be unique within an order"]
