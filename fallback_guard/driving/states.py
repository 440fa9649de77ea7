# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a robot does with its command, as a table.

    HOLDING --told to drive--> WAITING --started--> STARTING --accepted--> DRIVING
                                  ^                     |                     |
                                  |<----broken off------+---------------------+--at a pick--> PICKING
                                  |<-------------------------picked-----------------------------+
    from everywhere: --told to hold, given up, done--> HOLDING, --told to drive--> WAITING

The wheels are told to stand in every state but DRIVING.  A pair that the table does not list changes nothing.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class State(IntEnum):
    """What the robot is about."""

    HOLDING = 0
    """There is nothing to do, or nothing may be done."""
    WAITING = 1
    """There is something to drive: as soon as the driver, the pose and the end of what was driven before are there."""
    STARTING = 2
    """The driver was asked, and has not answered yet."""
    DRIVING = 3
    PICKING = 4


class Cause(IntEnum):
    """What changes that."""

    TOLD_TO_HOLD = 0
    """A safe move, a command that cannot be carried out, or the end of the lease."""
    TOLD_TO_DRIVE = 1
    STARTED = 2
    ACCEPTED = 3
    BROKEN_OFF = 4
    """The driver or the pose is gone; it goes on from here when both are back."""
    AT_A_PICK = 5
    PICKED = 6
    DONE = 7
    GIVEN_UP = 8


_S, _C = State, Cause
_UNDERWAY: Final = (_S.STARTING, _S.DRIVING)

TRANSITIONS: Final[Mapping[tuple[State, Cause], State]] = MappingProxyType(
    {
        **{(state, _C.TOLD_TO_HOLD): _S.HOLDING for state in _S},
        **{(state, _C.TOLD_TO_DRIVE): _S.WAITING for state in _S},
        (_S.WAITING, _C.STARTED): _S.STARTING,
        (_S.WAITING, _C.AT_A_PICK): _S.PICKING,
        (_S.WAITING, _C.DONE): _S.HOLDING,
        (_S.WAITING, _C.GIVEN_UP): _S.HOLDING,
        (_S.STARTING, _C.ACCEPTED): _S.DRIVING,
        **{(state, _C.BROKEN_OFF): _S.WAITING for state in _UNDERWAY},
        **{(state, _C.AT_A_PICK): _S.PICKING for state in _UNDERWAY},
        **{(state, _C.DONE): _S.HOLDING for state in _UNDERWAY},
        **{(state, _C.GIVEN_UP): _S.HOLDING for state in _UNDERWAY},
        (_S.PICKING, _C.PICKED): _S.WAITING,
        (_S.PICKING, _C.DONE): _S.HOLDING,
    }
)


def after(state: State, cause: Cause) -> State | None:
    """Return the state that follows, or None where the cause means nothing in this state."""
    return TRANSITIONS.get((state, cause))
