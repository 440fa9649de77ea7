# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What of a map's GeoJSON features is read: the shapes of nodes, edges and zones, as Nav2 and we write them.

Exported graphs carry keys of their own, so unknown ones are ignored.  Numbers as text are refused.  Whole
numbers may be written as `7.0`, which is how table-minded exporters (QGIS, GeoPandas) write a column with gaps.
"""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import NotRequired, TypedDict

from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import (
    BINS_PER_NODE_MAX,
    COORDINATE_M_MAX,
    RING_POINTS_MAX,
    RINGS_MAX,
    SPEED_LIMIT_MPS_MIN,
)
from fallback_guard.core.schema import NodeId

_LENIENT: Final = ConfigDict(strict=True, extra="ignore")

SPEED_LIMIT_MPS_MAX: Final = 20.0
"""More is a mistake of unit: no vehicle in a warehouse drives 72 km/h."""


def _whole(value: object) -> object:
    return int(value) if type(value) is float and value.is_integer() else value


MapId = Annotated[NodeId, BeforeValidator(_whole)]
Coordinate = Annotated[float, Field(ge=-COORDINATE_M_MAX, le=COORDINATE_M_MAX, allow_inf_nan=False)]
Position = Annotated[list[Coordinate], Field(min_length=2, max_length=3)]
Ring = Annotated[list[Position], Field(min_length=4, max_length=RING_POINTS_MAX)]
Rings = Annotated[list[Ring], Field(min_length=1, max_length=RINGS_MAX)]
SpeedLimit = Annotated[
    float, Field(ge=SPEED_LIMIT_MPS_MIN, le=SPEED_LIMIT_MPS_MAX, allow_inf_nan=False)
]


@with_config(_LENIENT)
class NodeMetadata(TypedDict, total=False):
    """`metadata` of a node; null is as good as absent, here and below."""

    bins: Annotated[list[str], Field(max_length=BINS_PER_NODE_MAX)] | None
    no_waiting: bool | None


@with_config(_LENIENT)
class NodeProperties(TypedDict):
    """`properties` of a node."""

    id: MapId
    metadata: NotRequired[NodeMetadata | None]


@with_config(_LENIENT)
class PointGeometry(TypedDict):
    """Where a node is (m)."""

    coordinates: Position


@with_config(_LENIENT)
class NodeFeature(TypedDict):
    """A Point."""

    properties: NodeProperties
    geometry: PointGeometry


@with_config(_LENIENT)
class EdgeMetadata(TypedDict, total=False):
    """`metadata` of an edge."""

    abs_speed_limit: SpeedLimit | None
    closed: bool | None


@with_config(_LENIENT)
class EdgeProperties(TypedDict):
    """`properties` of an edge."""

    id: MapId
    startid: MapId
    endid: MapId
    metadata: NotRequired[EdgeMetadata | None]


@with_config(_LENIENT)
class EdgeFeature(TypedDict):
    """A LineString or MultiLineString.  As in Nav2, how it is drawn does not matter."""

    properties: EdgeProperties


@with_config(_LENIENT)
class ZoneMetadata(TypedDict, total=False):
    """`metadata` of a zone."""

    closed: bool | None


@with_config(_LENIENT)
class ZoneProperties(TypedDict):
    """`properties` of a zone."""

    id: MapId
    type: Literal["keep_out", "refuge"]
    metadata: NotRequired[ZoneMetadata | None]


@with_config(_LENIENT)
class PolygonGeometry(TypedDict):
    """The outline of a zone and of the holes in it (m)."""

    coordinates: Rings


@with_config(_LENIENT)
class PolygonFeature(TypedDict):
    """A Polygon."""

    properties: ZoneProperties
    geometry: PolygonGeometry


@with_config(_LENIENT)
class MultiPolygonGeometry(TypedDict):
    """The one polygon of which a zone consists: some exporters know no other layer than MultiPolygon."""

    coordinates: Annotated[list[Rings], Field(min_length=1, max_length=1)]


@with_config(_LENIENT)
class MultiPolygonFeature(TypedDict):
    """A MultiPolygon."""

    properties: ZoneProperties
    geometry: MultiPolygonGeometry


NODE: Final = TypeAdapter(NodeFeature)
EDGE: Final = TypeAdapter(EdgeFeature)
POLYGON: Final = TypeAdapter(PolygonFeature)
MULTI_POLYGON: Final = TypeAdapter(MultiPolygonFeature)
NODE_ID: Final = TypeAdapter(MapId, config=ConfigDict(strict=True))

ERRORS_NAMED_MAX: Final = 64
"""Of more, none is named: to name the first, all have to be written out."""


def first_problem(error: ValidationError) -> str:
    """Return which property is wrong, and how."""
    if error.error_count() > ERRORS_NAMED_MAX:
        return f"{error.error_count()} values in it are wrong"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(printable(str(part)) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
