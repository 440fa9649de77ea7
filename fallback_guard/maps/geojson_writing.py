# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Writing a warehouse map: features as Nav2's route server and `geojson.read_map` read them."""

from collections.abc import Iterable

import orjson

from fallback_guard.core.warehouse import Edge, Node, ZoneKind

Point = tuple[float, float]


def node_feature(node: Node, **metadata: object) -> dict[str, object]:
    """Return a node as a Point; `metadata` is kept beside what the guard reads."""
    more = dict(metadata)
    if node.bins:
        more["bins"] = list(node.bins)
    if node.no_waiting:
        more["no_waiting"] = True
    return _feature(_properties(more, id=node.id, frame="map"), "Point", [node.x, node.y])


def edge_feature(edge: Edge, ends: tuple[Point, Point], **metadata: object) -> dict[str, object]:
    """Return an edge, which runs between these positions, as a line.

    It is a MultiLineString, because the first releases of Nav2's route server read no other.
    """
    more = dict(metadata)
    if edge.speed_limit_mps is not None:
        more["abs_speed_limit"] = edge.speed_limit_mps
    if edge.closed:
        more["closed"] = True
    properties = _properties(more, id=edge.id, startid=edge.start, endid=edge.end)
    return _feature(properties, "MultiLineString", [[list(end) for end in ends]])


def zone_feature(
    zone: int, kind: ZoneKind, centre: Point, half_size_m: Point, **metadata: object
) -> dict[str, object]:
    """Return a rectangular zone as a Polygon; `half_size_m` is from its centre to its sides."""
    (x, y), (half_x, half_y) = centre, half_size_m
    ring = [
        [round(x + i * half_x, 6), round(y + j * half_y, 6)]
        for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    ]
    return _feature(_properties(dict(metadata), id=zone, type=kind.value), "Polygon", [ring])


def collection(features: Iterable[dict[str, object]], *, name: str) -> bytes:
    """Return a map file with these features, one a line."""
    head = b'{"type":"FeatureCollection","name":' + orjson.dumps(name) + b',"features":[\n'
    return head + b",\n".join(orjson.dumps(feature) for feature in features) + b"\n]}\n"


def _properties(metadata: dict[str, object], **properties: object) -> dict[str, object]:
    return properties | {"metadata": metadata} if metadata else properties


def _feature(properties: dict[str, object], kind: str, coordinates: object) -> dict[str, object]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}
