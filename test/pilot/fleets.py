# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Small pilots on the sample map."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.pilot.arms import ARMS
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.simulation import simulate
from fallback_guard.pilot.tours import TourBook

if TYPE_CHECKING:
    from fallback_guard.pilot.tally import RobotTally

MAP: Final = Path(__file__).parents[2] / "config" / "sample_warehouse.geojson"

PLANS: Final = 12
"""Of each robot."""

BAD: Final = PilotSettings(
    malformed_share=0.2, wrong_share=0.1, timeout_share=0.2, second_timeout_share=0.5, robots=4
)
"""Faults enough for all of them to be met in a few plans."""


@cache
def book(seed: int = 1) -> TourBook:
    """Return the tours of the sample map."""
    return TourBook(load_warehouse(MAP), items_min=2, items_max=4, seed=seed)


def played(arm: str, settings: PilotSettings = BAD, *, plans: int = PLANS) -> list[RobotTally]:
    """Play an arm, each robot with so many plans."""
    each = dict.fromkeys(range(settings.robots), plans)
    return simulate(settings, ARMS[arm], part=0, plans=each, book=book())
