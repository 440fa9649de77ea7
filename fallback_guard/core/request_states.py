# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The life of one request, as a table.

    PLANNING --accepted--> STAGED
    PLANNING --due--> DUE --accepted--> ROUTED
    STAGED ---due--------------------> ROUTED
                      DUE --closed---> HALTED --accepted or standby--> RECOVERED
                      DUE --overtaken------------------> CLOSED

A pair that the table does not list is an input that means nothing in that state: it changes nothing.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class RequestState(IntEnum):
    """Where a request stands."""

    PLANNING = 0
    """Open, not due yet, and no valid route."""
    STAGED = 1
    """Open, not due yet, with a valid route that waits for it."""
    DUE = 2
    """Due, the window is open, and there is no valid route yet."""
    ROUTED = 3
    """Decided in time with a route.  Terminal."""
    HALTED = 4
    """Decided with a safe move.  One route may still follow."""
    RECOVERED = 5
    """A route followed the safe move.  Terminal."""
    CLOSED = 6
    """Decided with a safe move, and a newer request came; no route follows.  Terminal."""


class RequestInput(IntEnum):
    """What can happen to a request."""

    ROUTE_ACCEPTED = 0
    """A candidate passed validation."""
    STAGED_REFUSED = 1
    """The staged route no longer passes when it is looked at again."""
    FELL_DUE = 2
    WINDOW_CLOSED = 3
    STANDBY_RELEASED = 4
    """The standby route is to be driven: at the deadline, or as the recovery."""
    SUPERSEDED = 5
    """A newer request of the same robot was accepted."""
    OVERTAKEN = 6
    """A newer request of the same robot fell due."""


_S, _I = RequestState, RequestInput

TRANSITIONS: Final[Mapping[tuple[RequestState, RequestInput], RequestState]] = MappingProxyType(
    {
        (_S.PLANNING, _I.ROUTE_ACCEPTED): _S.STAGED,
        (_S.PLANNING, _I.FELL_DUE): _S.DUE,
        (_S.STAGED, _I.STAGED_REFUSED): _S.PLANNING,
        (_S.STAGED, _I.FELL_DUE): _S.ROUTED,
        (_S.DUE, _I.ROUTE_ACCEPTED): _S.ROUTED,
        (_S.DUE, _I.STANDBY_RELEASED): _S.ROUTED,
        (_S.DUE, _I.WINDOW_CLOSED): _S.HALTED,
        (_S.DUE, _I.OVERTAKEN): _S.CLOSED,
        (_S.HALTED, _I.ROUTE_ACCEPTED): _S.RECOVERED,
        (_S.HALTED, _I.STANDBY_RELEASED): _S.RECOVERED,
        (_S.HALTED, _I.SUPERSEDED): _S.CLOSED,
    }
)

OPEN: Final = frozenset({_S.PLANNING, _S.STAGED, _S.DUE})
"""States in which the request still waits for its decision."""

MAY_SEND_ROUTE: Final = OPEN | {_S.HALTED}
"""States in which a candidate is worth validating."""

TERMINAL: Final = frozenset(set(_S) - {state for state, _ in TRANSITIONS})
"""States that nothing leaves."""


def after(state: RequestState, event: RequestInput) -> RequestState | None:
    """Return the state that follows, or None where the input means nothing in this state."""
    return TRANSITIONS.get((state, event))
