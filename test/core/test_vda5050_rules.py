# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Each rule for orders of VDA 5050 broken, what it is called then, and bytes of every kind."""

from __future__ import annotations

import json
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import world
from fallback_guard.core.limits import QUANTITY_MAX, STOPS_MAX, VIA_NODES_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem
from fallback_guard.maps.geojson import parse_warehouse
from fallback_guard.vda5050.message_rules import (
    ORDER_BYTES_MAX,
    ORDER_NESTING_MAX,
    ORDER_VALUES_MAX,
)
from fallback_guard.vda5050.order import DIALECTS, Version
from fallback_guard.vda5050.reading import OrderRead, OrderRefusal, from_order
from fallback_guard.vda5050.route_rules import POSITION_TOLERANCE_M
from orders import (
    DEVIATION_M,
    RULES,
    SCHEMAS,
    Change,
    as_dict,
    changed,
    drop,
    in_each_version,
    inner,
    order,
    put,
    read,
    read_bytes,
    schema,
    violated,
)

PICK: Final = ("nodes", 1, "actions", 0)
PARAMETERS: Final = (*PICK, "actionParameters")

BROKEN: Final[tuple[tuple[str, tuple[Change, ...]], ...]] = (
    ("fields", (drop("orderId"),)),
    ("fields", (put("orderId", to=7),)),
    ("fields", (put("headerId", to="7"),)),
    ("fields", (put("headerId", to=1.0),)),
    ("fields", (put("headerId", to=True),)),
    ("fields", (put("headerId", to=-1),)),
    ("fields", (put("headerId", to=2**32),)),
    ("fields", (put("orderUpdateId", to=-1),)),
    ("fields", (put("timestamp", to="yesterday"),)),
    ("fields", (put("timestamp", to="2026-04-15T11:40:03.123+02:00"),)),
    ("fields", (put("timestamp", to="2026-02-31T11:40:03.123Z"),)),
    ("fields", (put("timestamp", to="2026-02-29T11:40:03.123Z"),)),
    ("fields", (put("nodes", to={}),)),
    ("fields", (put("nodes", to="nodes"),)),
    ("fields", (put("nodes", 0, to=7),)),
    ("fields", (put("nodes", 0, "nodeId", to=1),)),
    ("fields", (put("nodes", 0, "released", to="true"),)),
    ("fields", (put("nodes", 0, "released", to=1),)),
    ("fields", (put("nodes", 0, "sequenceId", to=-2),)),
    ("fields", (drop("nodes", 0, "actions"),)),
    ("fields", (put("nodes", 0, "nodePosition", "x", to="0.0"),)),
    ("fields", (drop("nodes", 0, "nodePosition", "mapId"),)),
    ("fields", (put("nodes", 0, "nodePosition", "allowedDeviationXY", to=-0.1),)),
    ("fields", (put("nodes", 0, "nodePosition", "allowedDeviationXY", to={"a": 1}),)),
    ("fields", (drop("edges", 0, "actions"),)),
    ("fields", (put(*PICK, "blockingType", to="WAIT"),)),
    ("fields", (put(*PARAMETERS, 0, to=["key", "value"]),)),
    ("has_a_node", (put("nodes", to=[]), put("edges", to=[]))),
    ("edge_count", (drop("edges", -1),)),
    ("edge_count", (drop("nodes", -1),)),
    ("sequence", (put("nodes", 2, "sequenceId", to=6),)),
    ("sequence", (put("edges", 2, "sequenceId", to=4),)),
    ("sequence", (put("nodes", 1, "sequenceId", to=0),)),
    ("sequence", (put("nodes", 0, "sequenceId", to=1),)),
    ("sequence", (put("nodes", 0, "sequenceId", to=2),)),
    ("first_node_released", (put("nodes", 0, "released", to=False),)),
    ("released_edge_ends", (put("nodes", 6, "released", to=False),)),
    ("base_before_horizon", (put("edges", 3, "released", to=False),)),
    (
        "no_horizon",
        (put("nodes", 6, "released", to=False), put("edges", 5, "released", to=False)),
    ),
    ("order_id", (put("orderId", to="R 1"),)),
    ("order_id", (put("orderId", to=""),)),
    ("order_id", (put("orderId", to="R" * 65),)),
    ("fields_are_read", (put("zoneSetId", to="zones"),)),
    ("fields_are_read", (put("nodes", 2, "nodePosition", "theta", to=0.0),)),
    ("fields_are_read", (put("edges", 2, "trajectory", to={}),)),
    ("fields_are_read", (put("edges", 2, "orientation", to=0.0),)),
    ("fields_are_read", (put(*PICK, "retriable", to=True),)),
    ("fields_are_read", (put(*PARAMETERS, 0, "unit", to="pieces"),)),
    ("action_ids", (put(*PICK, "actionId", to="R-1.pick.3"),)),
    ("map_id", (put("nodes", 6, "nodePosition", "mapId", to="cellar"),)),
    ("edge_ids", (put("edges", 0, "edgeId", to="101"),)),
    ("only_picks", (put(*PICK, "actionType", to="drop"),)),
    ("only_picks", (put(*PICK, "blockingType", to="SOFT"),)),
    ("a_pick", (put("nodes", 1, "actions", to=[]), put("nodes", 3, "actions", to=[]))),
    ("pick_parameters", (drop(*PICK, "actionParameters"),)),
    ("pick_parameters", (drop(*PARAMETERS, 1),)),
    ("pick_parameters", (put(*PARAMETERS, 0, "value", to="floor"),)),
    ("pick_parameters", (put(*PARAMETERS, 0, to={"key": "lhd", "value": "LHD1"}),)),
    ("pick_parameters", (put(*PARAMETERS, 0, to={"key": "quantity", "value": 2}),)),
    ("pick_parameters", (put(*PARAMETERS, 2, "value", to="SKU 1"),)),
    ("pick_parameters", (put(*PARAMETERS, 3, "value", to=0),)),
    ("pick_parameters", (put(*PARAMETERS, 3, "value", to=QUANTITY_MAX + 1),)),
    ("pick_parameters", (put(*PARAMETERS, 3, "value", to="2"),)),
    ("pick_parameters", (put(*PARAMETERS, 3, "value", to=2.0),)),
    ("picked_at_the_bin", (put(*PARAMETERS, 1, "value", to="C-1"),)),
    ("picked_at_the_bin", (put(*PARAMETERS, 1, "value", to="Z-9"),)),
)
"""A rule and how it is broken, in words that both versions have."""

ALSO_BROKEN: Final = {
    "first_node_released": {"released_edge_ends", "base_before_horizon", "no_horizon"},
    "released_edge_ends": {"no_horizon"},
    "base_before_horizon": {"no_horizon"},
}
"""What cannot hold either where a rule is broken."""

TESTED_BELOW: Final = {
    "size", "utf8", "json", "nesting", "values", "duplicate_keys", "version",
    "edges_join_neighbours", "nodes_on_the_map",
    "edges_on_the_map", "positions", "allowed_deviations", "speed_limits", "no_actions_on_edges", "not_too_many_picks",
    "way_to_each_pick", "way_to_the_end",
}  # fmt: skip
"""Rules that are not broken by a change of one place."""

MALFORMED: Final = ("validationError", "VALIDATION_FAILURE", "WARNING")
UNSUPPORTED: Final = ("orderError", "UNSUPPORTED_PARAMETER", "CRITICAL")
ACTION: Final = ("orderError", "INVALID_ORDER_ACTION", "WARNING")
UNREACHABLE: Final = ("orderError", "NO_ROUTE_TO_TARGET", "WARNING")
TOO_LARGE: Final = ("orderError", "INSUFFICIENT_MEMORY", "URGENT")

CALLED: Final = {
    "size": TOO_LARGE,
    "values": TOO_LARGE,
    "no_horizon": UNSUPPORTED,
    "fields_are_read": UNSUPPORTED,
    "nodes_on_the_map": UNREACHABLE,
    "map_id": ("orderError", "UNKNOWN_MAP_ID", "WARNING"),
    "edges_on_the_map": UNREACHABLE,
    "allowed_deviations": UNSUPPORTED,
    "speed_limits": UNSUPPORTED,
    "no_actions_on_edges": ACTION,
    "only_picks": ACTION,
    "a_pick": ACTION,
    "not_too_many_picks": TOO_LARGE,
    "pick_parameters": ACTION,
    "picked_at_the_bin": ACTION,
    "way_to_each_pick": UNSUPPORTED,
    "way_to_the_end": UNSUPPORTED,
}
"""The error type in 2.1 and in 3.0, and the level in 3.0; what is not here is malformed."""


def refused(said: OrderRead | OrderRefusal, version: Version, *rules: str) -> OrderRefusal:
    """Check that exactly these rules are violated, and that each is called what it should be."""
    assert isinstance(said, OrderRefusal), said
    assert violated(said) == list(rules)
    for error, rule in zip(said.errors, rules, strict=True):
        v2_1, v3_0, level = CALLED.get(rule, MALFORMED)
        due = (v2_1, "WARNING") if version is Version.V2_1 else (v3_0, level)
        assert (error.error_type, error.level) == due
    return said


def test_every_rule_is_broken_somewhere() -> None:
    assert {rule for rule, _ in BROKEN} | TESTED_BELOW == set(RULES)
    assert set(CALLED) <= set(RULES)


def test_the_page_names_every_error_type_and_limit() -> None:
    page = (SCHEMAS.parents[1] / "docs" / "vda5050.md").read_text()
    for rule in RULES.values():
        assert rule.error.v2_1 in page
        assert f"| {rule.error.v3_0} | {rule.error.level_3_0} |" in page
    for limit in (
        f"{ORDER_BYTES_MAX // 2**20} MiB",
        f"{ORDER_VALUES_MAX:,} values",
        f"{STOPS_MAX} picks",
        f"{POSITION_TOLERANCE_M} m",
    ):
        assert limit in page


@in_each_version
@pytest.mark.parametrize(("rule", "changes"), BROKEN)
def test_a_broken_rule_is_an_error(
    version: Version, rule: str, changes: tuple[Change, ...]
) -> None:
    """Under its own name and type, with the others that cannot hold then, and with the order's ids."""
    document = changed(order(version), *changes)
    said = read(document)
    rules = [name for name in RULES if name == rule or name in ALSO_BROKEN.get(rule, ())]
    refusal = refused(said, version, *rules)
    assert refusal.version is version
    if (document.get("orderId"), document.get("orderUpdateId")) == ("R-1", 0):
        for error in refusal.errors:
            assert error.references[:2] == (("orderId", "R-1"), ("orderUpdateId", "0"))


@in_each_version
def test_an_error_is_what_the_state_message_takes(version: Version) -> None:
    """The fields of the error object, in the types of the specification."""
    said = read(changed(order(version), put(*PICK, "actionType", to="drop")))
    assert isinstance(said, OrderRefusal)
    assert [error.as_json() for error in said.errors] == [
        {
            "errorType": "orderError" if version is Version.V2_1 else "INVALID_ORDER_ACTION",
            "errorLevel": "WARNING",
            "errorDescription": "every action is a pick and HARD: there is 'drop', HARD",
            "errorReferences": [
                {"referenceKey": "orderId", "referenceValue": "R-1"},
                {"referenceKey": "orderUpdateId", "referenceValue": "0"},
                {"referenceKey": "actionId", "referenceValue": "R-1.pick.1"},
            ],
        }
    ]


# The message.


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_size_limit(extra: int) -> None:
    """One byte below the limit, at it, and above it; white space counts."""
    said = read_bytes(json.dumps(order(Version.V2_1)).encode().ljust(ORDER_BYTES_MAX + extra))
    if extra > 0:
        refused(said, Version.V2_1, "size")
    else:
        assert isinstance(said, OrderRead)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_nesting_limit(extra: int) -> None:
    """The order itself is the first level."""
    value: object = 0
    for _ in range(ORDER_NESTING_MAX + extra - 1):
        value = [value]
    said = read(changed(order(Version.V2_1), put("zoneSetId", to=value)))
    refused(said, Version.V2_1, "nesting" if extra > 0 else "fields_are_read")


@pytest.mark.parametrize("value", [{}, 0])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_limit_of_values(extra: int, value: object) -> None:
    """Before anybody looks at what they are: a million empty nodes would take a gigabyte to refuse."""
    document = {"nodes": [value] * (ORDER_VALUES_MAX + extra - 2)}
    refused(read(document), Version.V2_1, "values" if extra > 0 else "version")


def test_many_fields_that_are_wrong_are_counted() -> None:
    """To name one of them, all would have to be written out."""
    (error,) = refused(
        read(changed(order(Version.V2_1), put("nodes", to=[{}] * 1000))), Version.V2_1, "fields"
    ).errors
    assert error.description.endswith(": 4000 fields are wrong")


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "json"),
        (b"[]", "json"),
        (b"null", "json"),
        (b"7", "json"),
        (b'{"version": "2.1.0"', "json"),
        (b'{"headerId": NaN}', "json"),
        (b'{"orderId": "\\ud800"}', "json"),
        (b"[" * 1_000_000, "json"),
        (b'{"a":' * 100_000, "json"),
        (b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}", "nesting"),
        (b'{"a":' + b"[" * 1000 + b"]" * 1000 + b', "a": 1}', "nesting"),
        (b"\xef\xbb\xbf{}", "json"),
        (b"\xff\xfe{}", "utf8"),
        (b'{"orderId": "\xc3"}', "utf8"),
        (b'{"version": "2.1.0", "version": "3.0.0"}', "duplicate_keys"),
        (b'{"orderId": "R-1", "headerId": ' + b"9" * 1_000_000 + b"}", "json"),
        (b'{"orderId": "R-1", "headerId": ' + b"9" * 300 + b"}", "version"),
        (b"{}", "version"),
    ],
)
def test_what_is_no_order(data: bytes, rule: str) -> None:
    """Told in the words of 2.1, where the message does not say its version."""
    refused(read_bytes(data), Version.V2_1, rule)


def test_an_unread_message_in_the_words_of_the_newer_version() -> None:
    warehouse = world.warehouse()
    said = from_order(
        b"",
        warehouse=warehouse,
        shortest_path=no_path,
        allowed_deviation_m=DEVIATION_M,
        unread=Version.V3_0,
    )
    refused(said, Version.V3_0, "json")


@pytest.mark.parametrize("null", ["orderUpdateId", "zoneSetId"])
def test_null_is_no_value(null: str) -> None:
    """Neither for a field that is needed nor for one that is not."""
    document = json.dumps(changed(order(Version.V2_1), put(null, to="@")))
    refused(read_bytes(document.replace('"@"', "null").encode()), Version.V2_1, "fields")


@pytest.mark.parametrize(
    "version", ["1.1.0", "2.0.0", "2.2.0", "3.1.0", "4.0.0", "2.1", "2.1.0 ", "v2.1.0", "", 2.1, 2]
)
def test_another_version_is_told_which_are_read(version: object) -> None:
    """In the words of 2.1, and with what it says itself."""
    said = read(changed(order(Version.V3_0), put("version", to=version)))
    (error,) = refused(said, Version.V2_1, "version").errors
    assert "the versions read are 2.1.x and 3.0.x" in error.description
    assert ("parameter", "version") in error.references


def test_what_stands_for_a_version_is_told() -> None:
    """A number is no text, and is not the same as nothing."""
    (error,) = refused(read({"version": 2}), Version.V2_1, "version").errors
    assert error.description.endswith("2.1.x and 3.0.x: it says 2, which is no text")
    (error,) = refused(read({}), Version.V2_1, "version").errors
    assert error.description.endswith("2.1.x and 3.0.x: it says none")


@in_each_version
def test_any_patch_of_a_version_is_read(version: Version) -> None:
    said = changed(order(version), put("version", to=f"{version.value}.9"))
    assert isinstance(read(said), OrderRead)


def test_the_other_version_with_this_ones_number() -> None:
    """What differs between them is not overlooked."""
    old, new = order(Version.V2_1), order(Version.V3_0)
    refused(read(old | {"version": "3.0.0"}), Version.V3_0, "fields")
    refused(read(new | {"version": "2.1.0"}), Version.V2_1, "fields")


# The graph.


@pytest.mark.parametrize("end", ["startNodeId", "endNodeId"])
def test_edges_name_their_neighbours(end: str) -> None:
    """Where they name their ends, which they do in 2.1 and do not in 3.0."""
    change = put("edges", 1, end, to="4")
    said = read(changed(order(Version.V2_1), change))
    refused(said, Version.V2_1, "edges_join_neighbours")
    refused(read(changed(order(Version.V3_0), change)), Version.V3_0, "fields_are_read")


@in_each_version
def test_an_update_counts_on(version: Version) -> None:
    """From the sequenceId of the node at which it begins."""
    document = order(version)
    changes = [
        put(kind, place, "sequenceId", to=number)
        for kind, first, count in (("nodes", 8, 7), ("edges", 9, 6))
        for place, number in enumerate(range(first, first + 2 * count, 2))
    ]
    refused(read(changed(document, *changes)), version, "sequence")
    update = read(changed(document, put("orderUpdateId", to=3), *changes))
    assert isinstance(update, OrderRead)
    assert update.order_update_id == 3


@in_each_version
def test_what_people_write_into_an_order_is_passed_over(version: Version) -> None:
    """Descriptions, and the length of an edge."""
    word = "Description" if version is Version.V2_1 else "Descriptor"
    said = changed(
        order(version),
        put("nodes", 0, f"node{word}", to="start"),
        put("edges", 0, f"edge{word}", to="aisle"),
        put(*PICK, f"action{word}", to="screws"),
        drop("edges", 1, "length"),
        drop("nodes", 4, "nodePosition"),
    )
    assert list(schema(version).iter_errors(said)) == []
    assert isinstance(read(said), OrderRead)


# The map.


@in_each_version
@pytest.mark.parametrize(
    "node", ["99", "01", "-1", "1.0", "", "x", "\u0661", "4294967297", "1" * 5000]
)
def test_nodes_are_on_the_map(version: Version, node: str) -> None:
    """And written as the map's numbers are."""
    document = changed(order(version), put("nodes", 0, "nodeId", to=node))
    if version is Version.V2_1:
        document = changed(document, put("edges", 0, "startNodeId", to=node))
    refused(read(document), version, "nodes_on_the_map")


@in_each_version
def test_edges_are_on_the_map(version: Version) -> None:
    """Node 5 has no way to node 6, only the other way round."""
    document = changed(
        order(version),
        put("nodes", 5, "nodeId", to="6"),
        drop("nodes", 5, "nodePosition"),
    )
    if version is Version.V2_1:
        document = changed(
            document,
            put("edges", 4, "endNodeId", to="6"),
            put("edges", 5, "startNodeId", to="6"),
        )
    refused(read(document), version, "edges_on_the_map")


@in_each_version
@pytest.mark.parametrize("off_m", [0.99, 1.0, 1.01])
def test_positions_are_those_of_the_map(version: Version, off_m: float) -> None:
    """Below the tolerance, at it, and above it."""
    x = POSITION_TOLERANCE_M * off_m
    said = read(changed(order(version), put("nodes", 0, "nodePosition", "x", to=x)))
    if off_m > 1.0:
        refused(said, version, "positions")
    else:
        assert isinstance(said, OrderRead)


@in_each_version
@pytest.mark.parametrize("off_m", [-0.01, 0.0, 0.01])
def test_no_node_has_to_be_met_closer_than_the_guard_asks(version: Version, off_m: float) -> None:
    """Below the tolerance, at it, and above it; of an ellipse the shorter axis counts."""
    said_m = DEVIATION_M + off_m
    deviation: object = said_m
    if DIALECTS[version].deviation_is_ellipse:
        deviation = {"a": 2.0, "b": said_m, "theta": 0.0}
    place = ("nodes", 3, "nodePosition", "allowedDeviationXY")
    said = read(changed(order(version), put(*place, to=deviation)))
    if off_m < 0.0:
        (error,) = refused(said, version, "allowed_deviations").errors
        assert ("parameter", "allowedDeviationXY") in error.references
    else:
        assert isinstance(said, OrderRead)


@in_each_version
@pytest.mark.parametrize(
    ("edge_id", "is_read"), [("100", True), ("500", True), ("0500", False), ("501", False)]
)
def test_a_twin_edge_has_several_ids(version: Version, edge_id: str, is_read: bool) -> None:  # noqa: FBT001
    """Edge 500 is drawn beside edge 100, and 501 leads back."""
    one, two = (1, world.position_of(1)), (2, world.position_of(2))
    twins = [world.edge_feature(500, one, two), world.edge_feature(501, two, one)]
    warehouse = parse_warehouse(world.collection([*world.features(), *twins]), source="twins")
    said = from_order(
        json.dumps(changed(order(version), put("edges", 0, "edgeId", to=edge_id))).encode(),
        warehouse=warehouse,
        shortest_path=Paths(warehouse).path,
        allowed_deviation_m=DEVIATION_M,
    )
    if is_read:
        assert isinstance(said, OrderRead)
    else:
        refused(said, version, "edge_ids")


@in_each_version
@pytest.mark.parametrize("limit_mps", [0.99, 1.0, 1.01])
def test_a_speed_limit_is_not_lower_than_the_maps(version: Version, limit_mps: float) -> None:
    """Which is 1.0 m/s on this edge."""
    speed = DIALECTS[version].speed
    said = read(changed(order(version), put("edges", 1, speed, to=limit_mps)))
    if limit_mps < 1.0:
        refused(said, version, "speed_limits")
    else:
        assert isinstance(said, OrderRead)


@in_each_version
def test_a_speed_limit_where_the_map_has_none(version: Version) -> None:
    change = put("edges", 0, DIALECTS[version].speed, to=100.0)
    refused(read(changed(order(version), change)), version, "speed_limits")


# The picks.


@in_each_version
def test_no_edge_has_an_action(version: Version) -> None:
    document = order(version)
    action = as_dict(inner(document, *PICK)) | {"actionId": "another"}
    said = read(changed(document, put("edges", 0, "actions", to=[action])))
    refused(said, version, "no_actions_on_edges")


@in_each_version
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_limit_of_picks(version: Version, extra: int) -> None:
    """Which is that of a route's stops."""
    item = PickItem(bin="A-1", sku="SKU-1", quantity=1)
    said = read(order(version, way=[2], picks=[(0, item)] * (STOPS_MAX + extra)))
    if extra > 0:
        refused(said, version, "not_too_many_picks")
    else:
        assert isinstance(said, OrderRead)


@in_each_version
def test_a_station_type_may_be_left_out(version: Version) -> None:
    """It says nothing that the bin's name does not."""
    assert isinstance(read(changed(order(version), drop(*PARAMETERS, 0))), OrderRead)


# The way.


def no_path(_start: int, _end: int) -> None:
    """Be the shortest path on a map where everything is closed."""


def detour(_start: int, _end: int) -> tuple[int, ...]:
    """Be the shortest path on a map where nothing is near."""
    return (1, 8, 6)


@in_each_version
def test_a_hop_that_a_route_cannot_say(version: Version) -> None:
    """From one node to the next, where the guard would drive another way: there is nothing to pass by."""
    data = json.dumps(order(version)).encode()
    for path in (detour, no_path):
        said = from_order(
            data,
            warehouse=world.warehouse(),
            shortest_path=path,
            allowed_deviation_m=DEVIATION_M,
        )
        refused(said, version, "way_to_each_pick", "way_to_the_end")


@in_each_version
@pytest.mark.parametrize("extra", [-2, 0, 2])
def test_the_limit_of_nodes_on_the_way(version: Version, extra: int) -> None:
    """From 2 to 3 and back as often as it takes, then to 4."""
    way = [1, 2, *([3, 2] * ((VIA_NODES_MAX + extra) // 2 - 1)), 3, 4, 3, 2, 1]
    item = PickItem(bin="C-1", sku="SKU-3", quantity=1)
    said = read(order(version, way=way, picks=[(len(way) - 4, item)]))
    if extra > 0:
        refused(said, version, "way_to_each_pick")
    else:
        assert isinstance(said, OrderRead)
        assert said.stops[0].via == tuple(way[1:-4])
        assert len(said.stops[0].via) == VIA_NODES_MAX + extra


@in_each_version
def test_the_way_to_the_end_is_the_guards_own(version: Version) -> None:
    """A route cannot say another."""
    said = read(order(version, way=[1, 2, 3, 4, 3, 2, 3, 2, 1]))
    refused(said, version, "way_to_the_end")


# Bytes of every kind.


@settings(deadline=None)
@given(data=st.binary(max_size=300))
@example(data=b'{"version": "2.1.0"}')
def test_bytes_never_raise(data: bytes) -> None:
    assert isinstance(read_bytes(data), OrderRefusal)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside),
    max_leaves=5,
)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where something stands in a document."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inside in value.items():
            found += places(inside, (*path, key))
    elif isinstance(value, list):
        for index, inside in enumerate(value):
            found += places(inside, (*path, index))
    return found


@in_each_version
@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_spoilt_orders_never_raise(version: Version, data: st.DataObject) -> None:
    """And what is read in spite of it follows the official schema."""
    document = order(version, way=WAY_OF_TWO, picks=PICKS_OF_TWO)
    place = data.draw(st.sampled_from(places(document)))
    if data.draw(st.booleans()):
        other = inner(document, *data.draw(st.sampled_from(places(document))))
        document = changed(document, put(*place, to=data.draw(JSON | st.just(other))))
    else:
        name = data.draw(st.sampled_from(sorted(NAMES)))
        holder = inner(document, *place)
        if isinstance(holder, dict):
            document = changed(document, put(*place, name, to=data.draw(JSON) or 0))
    said = read(document)
    if isinstance(said, OrderRead):
        assert list(schema(version).iter_errors(document)) == []
    else:
        assert violated(said)


WAY_OF_TWO: Final = (1, 2, 1)
PICKS_OF_TWO: Final = ((1, PickItem(bin="A-1", sku="SKU-1", quantity=2)),)
NAMES: Final = {
    "nodeId", "startNodeId", "maxSpeed", "maximumSpeed", "trajectory", "nodeDescription",
    "nodeDescriptor", "theta", "mapDescription", "actionParameters", "length", "retriable",
}  # fmt: skip
"""Fields that stand in some object of some version."""
