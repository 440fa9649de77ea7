# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The route schema, version 1: the only thing a planner may say."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

from fallback_guard.core.identifiers import IDENTIFIER_PATTERN
from fallback_guard.core.limits import IDENTIFIER_CHARS_MAX, QUANTITY_MAX, STOPS_MAX, VIA_NODES_MAX

VERSION: Final = 1
"""The version of the schema."""

NODE_ID_MAX: Final = 2**32 - 1
"""Node ids are uint32 on the wire."""

Identifier = Annotated[
    str, Field(min_length=1, max_length=IDENTIFIER_CHARS_MAX, pattern=IDENTIFIER_PATTERN)
]
NodeId = Annotated[int, Field(ge=0, le=NODE_ID_MAX)]
Quantity = Annotated[int, Field(ge=1, le=QUANTITY_MAX)]


Version = Annotated[int, Field(ge=VERSION, le=VERSION, json_schema_extra={"const": VERSION})]
"""An integer in a range: a literal is compared by ==, for which true and 1.0 are 1 as well."""


_STRICT: Final = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


# With slots, as a route has many and each is read within the deadline.
@dataclass(config=_STRICT, frozen=True, slots=True, kw_only=True)
class Stop:
    """One pick, and the way to it.

    `via` names every node passed between the stop before (or the start) and this one, both left out.
    Where it is absent or empty the guard drives the shortest open path.
    """

    bin: Identifier
    sku: Identifier
    quantity: Quantity
    via: Annotated[list[NodeId], Field(max_length=VIA_NODES_MAX)] | None = None


class Route(BaseModel):
    """A pick route: the stops in driving order."""

    model_config = ConfigDict(**_STRICT, frozen=True)

    version: Version
    request_id: Identifier
    robot_id: Identifier
    stops: Annotated[list[Stop], Field(min_length=1, max_length=STOPS_MAX)]
