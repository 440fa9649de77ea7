# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a robot that speaks VDA 5050 reports about an order that it refuses."""

from dataclasses import dataclass
from typing import Final

from fallback_guard.core.failure_modes import FAILURE_MODES, FailureMode, Vda5050Error
from fallback_guard.vda5050.order import Version

MALFORMED: Final = FAILURE_MODES[FailureMode.SCHEMA].vda5050
"""It cannot be read, or says what cannot be."""

ACTION: Final = FAILURE_MODES[FailureMode.ITEM_UNKNOWN].vda5050
"""It asks for an action that is not done."""

UNREACHABLE: Final = FAILURE_MODES[FailureMode.UNKNOWN_NODE].vda5050
"""It leads where no way is."""

START: Final = FAILURE_MODES[FailureMode.START_OUT_OF_RANGE].vda5050
"""It begins where the robot is not."""

TOO_LARGE: Final = FAILURE_MODES[FailureMode.OVERSIZE].vda5050
"""It is more than is taken."""

UNSUPPORTED: Final = Vda5050Error(
    v2_1="orderError", v3_0="UNSUPPORTED_PARAMETER", level_3_0="CRITICAL"
)
"""It says what VDA 5050 allows and a pick route cannot say."""

UNKNOWN_MAP: Final = Vda5050Error(v2_1="orderError", v3_0="UNKNOWN_MAP_ID")
"""It is for another map."""

References = tuple[tuple[str, str], ...]
"""Pairs of what is referred to, such as nodeId, and its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderError:
    """One error as a robot reports it."""

    error_type: str
    level: str
    description: str
    references: References = ()

    def as_json(self) -> dict[str, object]:
        """Return the error object of the state message, ready to be written."""
        return {
            "errorType": self.error_type,
            "errorLevel": self.level,
            "errorDescription": self.description,
            "errorReferences": [
                {"referenceKey": key, "referenceValue": value} for key, value in self.references
            ],
        }


def order_error(
    error: Vda5050Error, version: Version, description: str, references: References = ()
) -> OrderError:
    """Say an error in the words of `version`."""
    newer = version is Version.V3_0
    return OrderError(
        error_type=error.v3_0 if newer else error.v2_1,
        level=error.level_3_0 if newer else error.level_2_1,
        description=description,
        references=references,
    )
