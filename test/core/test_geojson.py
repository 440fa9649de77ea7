# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Broken maps: each is refused with the file, the feature and a remedy, and with no other exception."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import world
from fallback_guard.core import warehouse as core_warehouse
from fallback_guard.maps import geojson, json_document
from fallback_guard.maps.geojson import MapError, load_warehouse, parse_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

Feature = dict[str, object]
Features = list[Feature]


def _set(index: int, place: str, key: str, value: object) -> Callable[[Features], None]:
    """Return what sets a key within the object at `place` (names, joined by dots) of a feature."""

    def change(features: Features) -> None:
        target = features[index]
        for part in place.split(".") if place else ():
            target = cast("Feature", target[part])
        target[key] = value

    return change


def _append(*more: dict[str, object]) -> Callable[[Features], None]:
    return lambda features: features.extend(more)


NODE, EDGE, REFUGE = 0, 8, -2
FAR: Final = (9, (50.0, 0.0))
_SPAN: Final = ((1, (0.0, 0.0)), (2, (10.0, 0.0)))

BROKEN: Final[dict[str, tuple[Callable[[Features], None], str]]] = {
    "an edge that starts nowhere": (
        _set(EDGE, "properties", "startid", 99),
        "edge 100: startid 99 is no node",
    ),
    "an edge that ends nowhere": (
        _set(EDGE, "properties", "endid", 99),
        "edge 100: endid 99 is no node",
    ),
    "an edge between two places that are one": (
        _append(
            world.node_feature(9, 0.0, 0.0), world.edge_feature(500, _SPAN[0], (9, (0.0, 0.0)))
        ),
        "edge 500: nodes 1 and 9 are at the same place",
    ),
    "an edge id for two ways": (
        _append(world.edge_feature(100, (2, (10.0, 0.0)), (1, (0.0, 0.0)))),
        "edge 100: two edges have this id, from node 1 to 2 and from 2 to 1",
    ),
    "a node id twice": (
        _append(world.node_feature(1, 5.0, 5.0)),
        "(id 1): another node has the same id",
    ),
    "a zone id twice": (
        _append(world.zone_feature(900, "refuge", 0, 0, 1)),
        "(id 900): another zone has the same id",
    ),
    "a bin on two nodes": (
        _append(world.node_feature(9, 50.0, 0.0, {"bins": ["A-1"]})),
        "(id 9): bin 'A-1' is on node 2 too",
    ),
    "a bin twice on one node": (
        _append(world.node_feature(9, 50.0, 0.0, {"bins": ["Q", "Q"]})),
        "(id 9): bin 'Q' is on node 9 too",
    ),
    "a bin with a space": (
        _append(world.node_feature(9, 50.0, 0.0, {"bins": ["A 1"]})),
        "bin name 'A 1'",
    ),
    "a bin with a very long name": (
        _append(world.node_feature(9, 5.0, 0.0, {"bins": ["A" * 10**6]})),
        "bin name",
    ),
    "bins are one text": (
        _append(world.node_feature(9, 5.0, 0.0, {"bins": "A-1"})),
        "properties.metadata.bins",
    ),
    "a coordinate as text": (
        _set(NODE, "geometry", "coordinates", ["0", 0]),
        "geometry.coordinates.0",
    ),
    "one coordinate": (_set(NODE, "geometry", "coordinates", [0]), "geometry.coordinates"),
    "four coordinates": (
        _set(NODE, "geometry", "coordinates", [0, 0, 0, 0]),
        "geometry.coordinates",
    ),
    "a coordinate out of the world": (
        _set(NODE, "geometry", "coordinates", [1e6 + 1, 0]),
        "geometry.coordinates.0",
    ),
    "a coordinate as a truth": (
        _set(NODE, "geometry", "coordinates", [True, 0]),
        "geometry.coordinates.0",
    ),
    "no geometry": (_set(NODE, "", "geometry", None), "(id 1): it has no geometry"),
    "no properties": (_set(NODE, "", "properties", None), "properties"),
    "an id as text": (_set(NODE, "properties", "id", "1"), "(id 1): properties.id"),
    "an id as a fraction": (_set(NODE, "properties", "id", 1.5), "(id 1.5): properties.id"),
    "an id as a truth": (_set(NODE, "properties", "id", True), "(id True): properties.id"),  # noqa: FBT003
    "an enormous id": (_set(NODE, "properties", "id", 10**40), "properties.id"),
    "a negative id": (_set(NODE, "properties", "id", -1), "(id -1): properties.id"),
    "an id over 32 bit": (_set(NODE, "properties", "id", 2**32), "properties.id"),
    "an id that is a list": (
        _set(NODE, "properties", "id", [1]),
        "feature 0 (id None): properties.id",
    ),
    "an id with control characters": (
        _set(NODE, "properties", "id", "\x1b[31m\n"),
        r"(id \x1b[31m\x0a)",
    ),
    "a speed limit of 0": (
        _set(EDGE, "properties.metadata", "abs_speed_limit", 0),
        "properties.metadata.abs_speed_limit",
    ),
    "a speed limit just under the least": (
        _set(EDGE, "properties.metadata", "abs_speed_limit", 0.0099),
        "properties.metadata.abs_speed_limit: Input should be greater than or equal to 0.01",
    ),
    "a speed limit at which no time fits a number": (
        _set(EDGE, "properties.metadata", "abs_speed_limit", 1e-300),
        "properties.metadata.abs_speed_limit",
    ),
    "more bins on a node than one has": (
        _append(world.node_feature(9, 5.0, 0.0, {"bins": [f"Q{i}" for i in range(10_001)]})),
        "properties.metadata.bins: List should have at most 10000 items",
    ),
    "many wrong bins": (
        _append(world.node_feature(9, 5.0, 0.0, {"bins": [7] * 65})),
        "65 values in it are wrong",
    ),
    "as many wrong bins as are looked at": (
        _append(world.node_feature(9, 5.0, 0.0, {"bins": [7] * 64})),
        "properties.metadata.bins.0: Input should be a valid string",
    ),
    "a zone of very many corners": (
        _set(REFUGE, "geometry", "coordinates", [[[0, 0]] * 10_001]),
        "geometry.coordinates.0: List should have at most 10000 items",
    ),
    "a zone of very many holes": (
        _set(REFUGE, "geometry", "coordinates", [[[0, 0], [9, 0], [9, 9], [0, 0]]] * 65),
        "geometry.coordinates: List should have at most 64 items",
    ),
    "a negative speed limit": (
        _set(EDGE, "properties.metadata", "abs_speed_limit", -1.5),
        "properties.metadata.abs_speed_limit",
    ),
    "a truth as text": (
        _set(EDGE, "properties.metadata", "closed", "no"),
        "properties.metadata.closed",
    ),
    "a curve": (_set(NODE, "geometry", "type", "CircularString"), "geometry type 'CircularString'"),
    "a geometry without a type": (
        _set(NODE, "geometry", "type", None),
        "geometry type that is no text",
    ),
    "a zone of another type": (
        _set(REFUGE, "properties", "type", "parking"),
        "(id 900): properties.type",
    ),
    "a zone whose hole reaches out of it": (
        _set(
            REFUGE,
            "geometry",
            "coordinates",
            [[[0, 0], [9, 0], [9, 9], [0, 0]], [[1, 1], [20, 2], [2, 2], [1, 1]]],
        ),
        "(id 900): Self-intersection",
    ),
    "a zone of several parts": (
        _set(
            REFUGE,
            "",
            "geometry",
            {"type": "MultiPolygon", "coordinates": [[[[0, 0], [9, 0], [9, 9], [0, 0]]]] * 2},
        ),
        "(id 900): it has several parts",
    ),
    "a zone with four coordinates in its only part": (
        _set(
            REFUGE,
            "",
            "geometry",
            {"type": "MultiPolygon", "coordinates": [[[[0, 0, 0, 0], [9, 0], [9, 9], [0, 0]]]]},
        ),
        "(id 900): geometry.coordinates.0.0.0: List should have at most 3 items",
    ),
    "a refuge without a node": (
        _append(world.zone_feature(902, "refuge", 500, 500, 1)),
        "zone 902: this refuge has no node in it",
    ),
    "a refuge that no edge leads to": (
        _append(world.node_feature(9, 50.0, 0.0), world.zone_feature(902, "refuge", 50, 0, 1)),
        "zone 902: no open edge leads into this refuge",
    ),
    "a refuge that only a closed edge leads to": (
        _append(world.zone_feature(902, "refuge", 30, 10, 1)),
        "zone 902: no open edge leads into this refuge",
    ),
    "a refuge within a closed keep-out zone": (
        _append(world.zone_feature(902, "keep_out", 20, 10, 0.1)),
        "zone 900: no open edge leads into this refuge",
    ),
    "a bin that no edge leads to": (
        _append(world.node_feature(9, 50.0, 0.0, {"bins": ["Q"]})),
        "node 9: bin 'Q' is here, and no edge leads to it or away",
    ),
    "a zone of three points": (
        _set(REFUGE, "geometry", "coordinates", [[[0, 0], [9, 0], [0, 0]]]),
        "coordinates",
    ),
    "a zone that crosses itself": (
        _set(REFUGE, "geometry", "coordinates", [[[0, 0], [9, 9], [9, 0], [0, 9], [0, 0]]]),
        "(id 900): Self-intersection",
    ),
    "a zone without an area": (
        _set(REFUGE, "geometry", "coordinates", [[[0, 0], [0, 0], [0, 0], [0, 0]]]),
        "(id 900)",
    ),
    "no nodes": (lambda features: features.clear(), "it has no nodes"),
}


@pytest.mark.parametrize(("change", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_map_is_refused_by_the_feature_name(
    change: Callable[[Features], None], said: str
) -> None:
    features: Features = json.loads(json.dumps(world.features()))
    change(features)
    with pytest.raises(MapError) as caught:
        parse_warehouse(world.collection(features), source="maps/north.geojson")
    _assert_helpful(str(caught.value), "maps/north.geojson")
    assert said in str(caught.value)


def _assert_helpful(message: str, file: str) -> None:
    assert message.startswith(f"{file}: ")
    assert re.search(r"\. [A-Z][a-z]* ", message), "a problem, and a remedy"
    assert message.isprintable()
    assert len(message) < 600


NOT_MAPS: Final[dict[str, bytes]] = {
    "an empty file": b"",
    "no JSON": b"<xml/>",
    "cut off": world.collection(world.features())[:-1],
    "not UTF-8": b'{"type":"FeatureCollection","features":["\xff"]}',
    "NaN": world.collection([world.node_feature(1, float("nan"), 0.0)]),
    "Infinity": world.collection([world.node_feature(1, float("inf"), 0.0)]),
    "a number": b"7",
    "null": b"null",
    "a list": b"[]",
    "a lone feature": json.dumps(world.node_feature(1, 0.0, 0.0)).encode(),
    "features are an object": b'{"type":"FeatureCollection","features":{}}',
    "features are no objects": b'{"type":"FeatureCollection","features":[1]}',
    "a number over all bounds": b'{"type":"FeatureCollection","features":[],"x":1e400}',
    "nested deeply": b"[" * 100_000,
    "nested as deeply as the parser allows": b"[" * 1_024 + b"]" * 1_024,
    "an id nested deeply": b'{"type":"FeatureCollection","features":[{"properties":{"id":'
    + b"[" * 1_000
    + b"]" * 1_000
    + b"}}]}",
    "a geometry nested deeply": b'{"type":"FeatureCollection","features":[{"geometry":'
    + b"[" * 1_000
    + b"]" * 1_000
    + b"}]}",
    "zeros": bytes(1_000),
}


@pytest.mark.parametrize("data", NOT_MAPS.values(), ids=NOT_MAPS.keys())
def test_what_is_no_map_is_refused(data: bytes) -> None:
    with pytest.raises(MapError) as caught:
        parse_warehouse(data, source="maps/north.geojson")
    _assert_helpful(str(caught.value), "maps/north.geojson")


@pytest.mark.parametrize(("limit", "accepted"), [(-1, False), (0, True), (1, True)])
def test_the_size_of_a_map(
    limit: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, accepted: bool
) -> None:
    data = world.collection(world.features())
    monkeypatch.setattr(json_document, "MAP_BYTES_MAX", len(data) + limit)
    path = tmp_path / "map.geojson"
    path.write_bytes(data)
    if accepted:
        assert load_warehouse(path) == parse_warehouse(data, source="again")
    else:
        with pytest.raises(MapError, match="over the limit"):
            load_warehouse(path)


@pytest.mark.parametrize(("limit", "accepted"), [(-1, False), (0, True), (1, True)])
def test_the_number_of_features(
    limit: int, monkeypatch: pytest.MonkeyPatch, *, accepted: bool
) -> None:
    features = world.features()
    monkeypatch.setattr(geojson, "MAP_FEATURES_MAX", len(features) + limit)
    if accepted:
        parse_warehouse(world.collection(features), source="m")
    else:
        with pytest.raises(MapError, match="features"):
            parse_warehouse(world.collection(features), source="m")


def test_an_endless_file_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (geojson, json_document):
        monkeypatch.setattr(module, "MAP_BYTES_MAX", 4_096)
    with pytest.raises(MapError, match="over the limit"):
        load_warehouse(Path("/dev/zero"))


@pytest.mark.parametrize(
    "name", ["missing.geojson", ".", "map.geojson/inside", "a\x00b", "x" * 5_000]
)
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "map.geojson").write_bytes(b"")
    with pytest.raises(MapError, match="it cannot be read") as caught:
        load_warehouse(tmp_path / name)
    assert str(caught.value).isprintable()


@settings(max_examples=150, deadline=None, print_blob=True)
@given(st.data())
def test_no_value_anywhere_raises_anything_else(data: st.DataObject) -> None:
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    )
    features: Features = json.loads(json.dumps(world.features()))
    target: object = data.draw(st.sampled_from(features))
    while isinstance(target, dict | list) and target:
        parts = target if isinstance(target, dict) else dict(enumerate(target))
        key = data.draw(st.sampled_from(sorted(parts)))
        if data.draw(st.booleans()) or not isinstance(parts[key], dict | list):
            target[key] = data.draw(values)
            break
        target = parts[key]
    try:
        parse_warehouse(
            json.dumps({"type": "FeatureCollection", "features": features}).encode(), source="m"
        )
    except MapError as error:
        assert str(error).isprintable()  # noqa: PT017  # most maps are refused, some are not


@settings(max_examples=100, deadline=None, print_blob=True)
@given(st.binary(max_size=100))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with pytest.raises(MapError):
        parse_warehouse(data, source="m")


BINS: Final[dict[str, tuple[bytes, str]]] = {
    "a node that is none": (b'{"Q": 99}', "bin 'Q': 99 is no node"),
    "a node by its name": (b'{"Q": "2"}', "Q: Input should be a valid integer"),
    "a bin of a node again": (b'{"A-1": 2}', "bin 'A-1' is on node 2 too"),
    "a bin twice": (b'{"Q": 2, "R": 3, "Q": 2}', "key 'Q' is there twice"),
    "two lists of bins": (b'{"Q": 2}, "bins": {"R": 3}', "key 'bins' is there twice"),
    "a list of bins, and none": (b'{"Q": 2}, "bins": null', "key 'bins' is there twice"),
    "a list of bins in disguise": (
        b'null, "b\\u0069ns": {"Q": 2}',
        "key 'bins' is there twice",
    ),
    "a name with brackets": (b'{"Q{}": 2}', "bin name 'Q{}'"),
    "a name that is no identifier": (b'{"Q 1": 2}', "bin name 'Q 1'"),
    "a list": (b'["Q"]', "the collection's bins"),
}


def _with_bins(bins: bytes) -> bytes:
    return world.collection(world.features())[:-1] + b', "bins": ' + bins + b"}"


@pytest.mark.parametrize(("bins", "said"), BINS.values(), ids=BINS.keys())
def test_broken_bins_of_the_collection_are_refused(bins: bytes, said: str) -> None:
    with pytest.raises(MapError) as caught:
        parse_warehouse(_with_bins(bins), source="maps/north.geojson")
    _assert_helpful(str(caught.value), "maps/north.geojson")
    assert said in str(caught.value)


TWICE: Final[dict[str, tuple[bytes, bytes, str]]] = {
    "a member of the collection": (
        b'"FeatureCollection"',
        b'"FeatureCollection", "features": []',
        "key 'features' is there twice",
    ),
    "metadata of a zone": (
        b'"id": 901, ',
        b'"id": 901, "metadata": {"closed": true}, "metadata": {"closed": false}, ',
        "'metadata' is there twice in what has id 901",
    ),
    "a key within metadata": (
        b'"id": 901, ',
        b'"id": 901, "more": {"closed": true, "closed": false}, ',
        "'closed' is there twice in what has id 901",
    ),
    "a geometry": (
        b'{"type": "Feature", "properties": {"id": 1,',
        b'{"type": "Feature", "geometry": null, "properties": {"id": 1,',
        "'geometry' is there twice in what has id 1",
    ),
    "a key in an element of a list": (
        b'"id": 901, ',
        b'"id": 901, "more": [{"a": 1, "a": 1}], ',
        "'a' is there twice. Write",
    ),
}


@pytest.mark.parametrize(("old", "new", "said"), TWICE.values(), ids=TWICE.keys())
def test_a_key_that_is_said_twice_is_refused(old: bytes, new: bytes, said: str) -> None:
    data = world.collection(world.features())
    assert data.count(old) == 1
    with pytest.raises(MapError) as caught:
        parse_warehouse(data.replace(old, new), source="maps/north.geojson")
    _assert_helpful(str(caught.value), "maps/north.geojson")
    assert said in str(caught.value)


@pytest.mark.parametrize("encoded", ["utf-16", "utf-16-le", "utf-8-sig", "utf-32-be", "gzip"])
def test_a_file_that_is_no_utf_8_text(encoded: str) -> None:
    data = world.collection(world.features())
    data = gzip.compress(data) if encoded == "gzip" else data.decode().encode(encoded)
    with pytest.raises(MapError, match="it is not UTF-8 text"):
        parse_warehouse(data, source="m")


def test_a_number_of_very_many_digits() -> None:
    with pytest.raises(MapError, match="a number of too many digits"):
        parse_warehouse(b"[" + b"7" * 5_000 + b"]", source="m")


@pytest.mark.parametrize(("limit", "accepted"), [(-1, False), (0, True), (1, True)])
def test_how_much_zones_touch(
    limit: int, monkeypatch: pytest.MonkeyPatch, *, accepted: bool
) -> None:
    data = world.collection(world.features())
    zones = parse_warehouse(data, source="m").zones.values()
    touched = sum(len(zone.nodes) + len(zone.edges) for zone in zones)
    monkeypatch.setattr(core_warehouse, "ZONE_TOUCHES_MAX", touched + limit)
    if accepted:
        parse_warehouse(data, source="m")
    else:
        with pytest.raises(MapError, match=r"m: zone 901: the zones up to this one touch more"):
            parse_warehouse(data, source="m")
