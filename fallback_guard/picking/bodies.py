# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Who carries out the routes of the simulated task system: itself, or somebody else who reports what is done."""

from dataclasses import dataclass, field
from math import dist
from typing import Final, Protocol

from fallback_guard.driving.errand import Errand, ErrandKind
from fallback_guard.picking.kinematics import Leg, Picker

Place = tuple[float, float]
"""x and y (m)."""

_MOVED_M: Final = 0.1
"""So far from where it stood a robot has moved, and is not only measured elsewhere."""

_NOTHING: Final = Errand(kind=ErrandKind.HOLD, request_id="", sequence=0)


class Body(Protocol):
    """What a task system knows of the robot that does its tasks."""

    @property
    def place(self) -> Place | None:
        """Where it is; None while nobody knows."""

    @property
    def is_standing(self) -> bool:
        """Whether it stands, as far as one knows."""

    @property
    def has_arrived(self) -> bool:
        """Whether it has done all that it was given."""

    @property
    def picks_done(self) -> int:
        """How many stops of its errand are done."""

    def take_over(self, errand: Errand) -> None:
        """Be given something else to do."""


class OwnBody:
    """The simulated picker, which drives by itself."""

    def __init__(self, picker: Picker) -> None:
        """Stand where the picker stands."""
        self.picker = picker

    @property
    def place(self) -> Place:
        """Where it is."""
        return self.picker.x, self.picker.y

    @property
    def is_standing(self) -> bool:
        """Whether it neither moves nor picks."""
        return self.picker.at_rest

    @property
    def has_arrived(self) -> bool:
        """Whether it rests at the end of its way."""
        return self.picker.at_rest

    @property
    def picks_done(self) -> int:
        """How many stops of its way are done."""
        return self.picker.picks_done

    def take_over(self, errand: Errand) -> None:
        """Drive, or brake."""
        if errand.kind is ErrandKind.HOLD:
            self.picker.brake()
            return
        self.picker.follow(
            [
                Leg(
                    x=point.x,
                    y=point.y,
                    speed_limit_mps=point.speed_limit_mps or float("inf"),
                    picks=len(segment.picks) if place == len(segment.points) else 0,
                )
                for segment in errand.segments
                for place, point in enumerate(segment.points, start=1)
            ]
        )


@dataclass(slots=True)
class OtherBody:
    """A robot that somebody else drives, known by its positions and its reports of picks."""

    tolerance_m: float
    place: Place | None = None
    picks_done: int = 0
    _errand: Errand = field(default=_NOTHING)
    _stood_at: Place | None = None

    @property
    def is_standing(self) -> bool:
        """Whether it stands: nobody says, so it does once it was told to.  That it moves is told by `seen`."""
        return True

    def seen(self, place: Place | None) -> bool:
        """Take where it says to be, None where it does not know; return whether it has moved."""
        self.place = place
        if place is None:
            return False
        if self._stood_at is not None and dist(place, self._stood_at) <= _MOVED_M:
            return False
        self._stood_at = place
        return True

    @property
    def has_arrived(self) -> bool:
        """Whether all picks are reported and the end is near."""
        if self.place is None or not self._errand.segments:
            return False
        stops = sum(len(segment.picks) for segment in self._errand.segments)
        end = self._errand.segments[-1].points[-1]
        return self.picks_done >= stops and dist(self.place, (end.x, end.y)) <= self.tolerance_m

    def take_over(self, errand: Errand) -> None:
        """Remember what it is about; its driver has heard it, too."""
        self._errand = errand
        self.picks_done = 0

    def reported(self, sequence: int, stop_index: int) -> None:
        """Take the report of a pick; one of another command counts for nothing."""
        if sequence == self._errand.sequence:
            self.picks_done = max(self.picks_done, stop_index + 1)
