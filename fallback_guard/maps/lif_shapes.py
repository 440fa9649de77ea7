# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is read of a LIF file: VDMA, Layout Interchange Format, version 1.0.0 (March 2024), chapter 8.3.

Only what a map needs is looked at: many published files lack properties that the guideline requires and nobody uses.
"""

from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import NotRequired, TypedDict

from fallback_guard.core.limits import LIF_LIST_MAX, SPEED_LIMIT_MPS_MIN
from fallback_guard.maps.geojson_features import Coordinate

_LENIENT: Final = ConfigDict(strict=True, extra="ignore")

LIF_ID_CHARS_MAX: Final = 256
"""LIF sets no limit; an id that is longer is a mistake in whatever wrote it."""

LifId = Annotated[str, Field(min_length=1, max_length=LIF_ID_CHARS_MAX)]


@with_config(_LENIENT)
class LifPosition(TypedDict):
    """`nodePosition` (m)."""

    x: Coordinate
    y: Coordinate


@with_config(_LENIENT)
class LifNodeUse(TypedDict):
    """That a vehicle type may use a node."""

    vehicleTypeId: LifId


@with_config(_LENIENT)
class LifNode(TypedDict):
    """An element of `nodes`."""

    nodeId: LifId
    nodePosition: LifPosition
    vehicleTypeNodeProperties: Annotated[
        list[LifNodeUse], Field(min_length=1, max_length=LIF_LIST_MAX)
    ]


@with_config(_LENIENT)
class LifEdgeUse(TypedDict):
    """How a vehicle type may use an edge.  `maxSpeed` in m/s."""

    vehicleTypeId: LifId
    maxSpeed: NotRequired[
        Annotated[float, Field(ge=SPEED_LIMIT_MPS_MIN, allow_inf_nan=False)] | None
    ]
    loadRestriction: NotRequired[object]
    trajectory: NotRequired[object]


@with_config(_LENIENT)
class LifEdge(TypedDict):
    """An element of `edges`."""

    edgeId: LifId
    startNodeId: LifId
    endNodeId: LifId
    vehicleTypeEdgeProperties: Annotated[
        list[LifEdgeUse], Field(min_length=1, max_length=LIF_LIST_MAX)
    ]


@with_config(_LENIENT)
class LifStation(TypedDict):
    """An element of `stations`."""

    stationId: LifId
    interactionNodeIds: Annotated[list[LifId], Field(min_length=1, max_length=LIF_LIST_MAX)]


NODE: Final = TypeAdapter(LifNode)
EDGE: Final = TypeAdapter(LifEdge)
STATION: Final = TypeAdapter(LifStation)
