# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The arms of the comparison, as a table.  Every arm meets the same plans with the same faults.

To add an arm, add a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from fallback_guard.core.config import GuardConfig, guard_config
from fallback_guard.core.parameters import Value

_NOTHING: Final[Mapping[str, Value]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to drive the same world.  `guard` is what differs from config/guard.yaml, None: there is no guard.

    `asks_ahead`: the next plan is asked for when the robot begins to drive, and falls due on arrival (`on_due`).
    `faulty`: calls fail as the settings say.  `second_planner`: one is asked where the first is slower than the 95th
    percentile.  `in_series_s`: what a guard costs that every plan passes while the robot stands.
    """

    says: str
    guard: Mapping[str, Value] | None = field(default=None)
    asks_ahead: bool = True
    faulty: bool = True
    second_planner: bool = False
    in_series_s: float = 0.0

    @property
    def config(self) -> GuardConfig | None:
        """The guard's configuration."""
        return None if self.guard is None else guard_config(self.guard)


UNGUARDED: Final = "unguarded"
GUARDED: Final = "guarded"
FAULTLESS: Final = "faultless"
FAULTLESS_GUARDED: Final = "faultless_guarded"
STANDBY: Final = "standby_at_deadline"

ARMS: Final[Mapping[str, Arm]] = MappingProxyType(
    {
        FAULTLESS: Arm(says="no guard, and a planner without fault: the ceiling", faulty=False),
        FAULTLESS_GUARDED: Arm(
            says="the guard, and a planner without fault: what the guard costs",
            guard=_NOTHING,
            faulty=False,
        ),
        UNGUARDED: Arm(says="the pilot: no guard"),
        GUARDED: Arm(says="the guard as it comes (config/guard.yaml)", guard=_NOTHING),
        STANDBY: Arm(says="the standby route at the deadline", guard={"standby_at_deadline": True}),
        "late_route": Arm(says="recovery by a late route alone", guard={"recovery": "late_route"}),
        "operator": Arm(
            says="no recovery; an operator comes after 12 s", guard={"recovery": "none"}
        ),
        "deadline_300": Arm(says="a deadline of 300 ms", guard={"deadline_ms": 300}),
        "second_planner": Arm(
            says="the guard, and a second planner from the 95th percentile of latency on",
            guard=_NOTHING,
            second_planner=True,
        ),
        "unguarded_due": Arm(says="no guard; asked when due", asks_ahead=False),
        "guarded_due": Arm(says="the guard; asked when due", guard=_NOTHING, asks_ahead=False),
        "standby_due": Arm(
            says="the standby route at the deadline; asked when due",
            guard={"standby_at_deadline": True},
            asks_ahead=False,
        ),
        "series_150": Arm(says="no guard, and 150 ms of standing for every plan", in_series_s=0.15),
        "series_300": Arm(says="no guard, and 300 ms of standing for every plan", in_series_s=0.3),
    }
)
