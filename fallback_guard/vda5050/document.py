# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The fields of an order that are read, in each version of VDA 5050.

The official schemas allow every object further fields.  They are kept in `model_extra`, so that a rule can
refuse them by name: a field that nobody reads might have said how not to drive.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from fallback_guard.core.identifiers import printable
from fallback_guard.core.schema import Identifier, Quantity
from fallback_guard.vda5050.order import Version

TIMESTAMP_PATTERN: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?Z$"
)
"""UTC in ISO 8601, as every header writes it."""


def is_timestamp(text: str) -> bool:
    """Tell whether `text` is UTC in ISO 8601, on a day that there is."""
    if re.fullmatch(TIMESTAMP_PATTERN, text) is None or text.endswith("\n"):
        return False
    try:
        np.datetime64(text[:10])
    except ValueError:
        return False
    return True


def _checked_timestamp(text: str) -> str:
    if not is_timestamp(text):
        raise ValueError("there is no such day; write UTC in ISO 8601")
    return text


UINT32_MAX: Final = 2**32 - 1

PROBLEMS_NAMED_MAX: Final = 64
"""Wrong fields of which one is named; to name any, all have to be written out."""

Uint32 = Annotated[int, Field(ge=0, le=UINT32_MAX)]
Metres = Annotated[float, Field(ge=0)]
Angle = Annotated[float, Field(ge=-1.570796327, le=1.570796327)]


class OrderObject(BaseModel):
    """A JSON object of an order: strict types, no null, and whatever else it says."""

    model_config = ConfigDict(
        strict=True, extra="allow", frozen=True, allow_inf_nan=False, alias_generator=to_camel
    )

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, said: object) -> object:
        if isinstance(said, dict) and any(value is None for value in said.values()):
            raise ValueError("null is no value; leave the field out")
        return said


class ActionParameter(OrderObject):
    """One parameter of an action."""

    key: str
    value: object


class Action(OrderObject):
    """Something to do on a node or an edge."""

    action_type: str
    action_id: str
    blocking_type: str
    action_parameters: Sequence[ActionParameter] = ()

    @property
    def reference(self) -> tuple[str, str]:
        """How an error refers to it."""
        return "actionId", printable(self.action_id)


class Ellipse(OrderObject):
    """How far from a node it may be passed: semi-axes (m), and the turn of the longer one (rad)."""

    a: Metres
    b: Metres
    theta: Angle


class Position(OrderObject):
    """Where a node is (m)."""

    x: float
    y: float
    map_id: str

    @property
    def ellipse(self) -> Ellipse | None:
        """The allowed deviation, where it is an object."""
        return None

    @property
    def deviation_m(self) -> float | None:
        """How far from the node it may be passed in any direction; None where nothing is said."""
        return None


class OrderElement(OrderObject):
    """What nodes and edges have in common: a place in one sequence, whether it is base, and what to do there."""

    sequence_id: Uint32
    released: bool
    actions: Sequence[Action]

    @property
    def reference(self) -> tuple[str, str]:
        """How an error refers to it."""
        raise NotImplementedError

    @property
    def called(self) -> str:
        """How a text names it."""
        key, value = self.reference
        return f"{key.removesuffix('Id')} {value}"


class OrderNode(OrderElement):
    """A node, once for each time that it is passed."""

    node_id: str
    node_position: Position | None = None

    @property
    def reference(self) -> tuple[str, str]:
        """Its id."""
        return "nodeId", printable(self.node_id)


class OrderEdge(OrderElement):
    """The way to the next node."""

    edge_id: str
    length: float | None = None

    @property
    def reference(self) -> tuple[str, str]:
        """Its id."""
        return "edgeId", printable(self.edge_id)

    @property
    def ends(self) -> tuple[str, str] | None:
        """The nodes that the edge names itself; None where it does not."""
        return None

    @property
    def speed_limit_mps(self) -> float | None:
        """The speed limit; None where there is none."""
        return None


class Order(OrderObject):
    """The whole message."""

    header_id: Uint32
    timestamp: Annotated[str, Field(pattern=TIMESTAMP_PATTERN), AfterValidator(_checked_timestamp)]
    version: str
    manufacturer: str
    serial_number: str
    order_id: str
    order_update_id: Uint32
    nodes: Sequence[OrderNode]
    edges: Sequence[OrderEdge]


class _Action21(Action):
    blocking_type: Literal["NONE", "SOFT", "HARD"]
    action_description: str = ""


class _Position21(Position):
    allowed_deviation_xy: Annotated[Metres | None, Field(alias="allowedDeviationXY")] = None
    map_description: str = ""

    @property
    def deviation_m(self) -> float | None:
        return self.allowed_deviation_xy


class _Node21(OrderNode):
    node_description: str = ""
    node_position: _Position21 | None = None
    actions: Sequence[_Action21]


class _Edge21(OrderEdge):
    edge_description: str = ""
    start_node_id: str
    end_node_id: str
    max_speed: float | None = None
    actions: Sequence[_Action21]

    @property
    def ends(self) -> tuple[str, str] | None:
        return self.start_node_id, self.end_node_id

    @property
    def speed_limit_mps(self) -> float | None:
        return self.max_speed


class _Order21(Order):
    nodes: Sequence[_Node21]
    edges: Sequence[_Edge21]


class _Action30(Action):
    blocking_type: Literal["NONE", "SINGLE", "SOFT", "HARD"]
    action_descriptor: str = ""


class _Position30(Position):
    allowed_deviation_xy: Annotated[Ellipse | None, Field(alias="allowedDeviationXY")] = None

    @property
    def ellipse(self) -> Ellipse | None:
        return self.allowed_deviation_xy

    @property
    def deviation_m(self) -> float | None:
        ellipse = self.allowed_deviation_xy
        return None if ellipse is None else min(ellipse.a, ellipse.b)


class _Node30(OrderNode):
    node_descriptor: str = ""
    node_position: _Position30 | None = None
    actions: Sequence[_Action30]


class _Edge30(OrderEdge):
    edge_descriptor: str = ""
    maximum_speed: float | None = None
    actions: Sequence[_Action30]

    @property
    def speed_limit_mps(self) -> float | None:
        return self.maximum_speed


class _Order30(Order):
    order_description: str = ""
    nodes: Sequence[_Node30]
    edges: Sequence[_Edge30]


ORDER_MODELS: Final[Mapping[Version, type[Order]]] = MappingProxyType(
    {Version.V2_1: _Order21, Version.V3_0: _Order30}
)
"""What an order of each version is read into."""

assert set(ORDER_MODELS) == set(Version), "one row for each version"


class Pick(BaseModel):
    """The parameters of a pick, by their keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    station_type: Annotated[Literal["bin"], Field(alias="stationType")] = "bin"
    bin: Annotated[Identifier, Field(alias="stationName")]
    sku: Annotated[Identifier, Field(alias="loadType")]
    quantity: Quantity


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Return the first field that is wrong, if it can be told, and what is wrong."""
    count = error.error_count()
    if count > PROBLEMS_NAMED_MAX:
        return "", f"{count} fields are wrong"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(printable(str(part)) for part in first["loc"])
    more = f" (and {count - 1} more)" if count > 1 else ""
    return place, f"{place or 'order'}: {first['msg']}{more}"
