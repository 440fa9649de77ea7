# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard's parameters and the frozen configuration they become."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fallback_guard.core.limits import PAYLOAD_BYTES_MAX, ROBOTS_MAX, STAMP_AGE_NS_MAX
from fallback_guard.core.parameters import Parameter, ParameterError, frozen_config
from fallback_guard.core.units import NS_PER_MS, seconds_to_ns

RECOVERIES: Final = ("standby", "late_route", "none")
"""How a robot leaves a safe move by itself: the standby route (or a late route, if one comes first),
only a late route, or not at all."""

GUARD_PARAMETERS: Final = (
    Parameter(name="map_file", default="", meaning="GeoJSON map of the warehouse.", read_only=True),
    Parameter(
        name="task",
        default="",
        read_only=True,
        meaning="Task of one's own, as package.module:NAME; empty: planners answer with routes of the schema.",
    ),
    Parameter(
        name="deadline_ms",
        default=150,
        unit="ms",
        minimum=100,
        maximum=5_000,
        read_only=True,
        meaning="From falling due to the decision's arrival at the robot.",
    ),
    Parameter(
        name="dispatch_margin_ms",
        default=3,
        unit="ms",
        minimum=1,
        maximum=40,
        read_only=True,
        meaning="How long before the deadline the window closes at the least, so that the safe move arrives in time.",
    ),
    Parameter(
        name="dispatch_margin_ms_max",
        default=40,
        unit="ms",
        minimum=1,
        maximum=80,
        read_only=True,
        meaning="How far the guard widens that margin by itself while it measures that it is late.",
    ),
    Parameter(
        name="recovery",
        default="standby",
        choices=RECOVERIES,
        read_only=True,
        meaning="How a robot leaves a safe move by itself.",
    ),
    Parameter(
        name="recovery_delay_ms",
        default=1_000,
        unit="ms",
        minimum=0,
        maximum=60_000,
        meaning="From the safe move to the standby route.",
    ),
    Parameter(
        name="standby_at_deadline",
        default=False,
        meaning="Release the standby route at the deadline instead of the safe move.",
    ),
    Parameter(
        name="latch_after",
        default=5,
        unit="safe moves",
        minimum=1,
        maximum=100,
        read_only=True,
        meaning="Safe moves in a row after which only an operator's reset lets routes through again.",
    ),
    Parameter(
        name="detour_factor",
        default=1.5,
        minimum=1.0,
        maximum=10.0,
        meaning="How many times the standby route's length a route may have.",
    ),
    Parameter(
        name="capacity_pieces",
        default=100,
        unit="pieces",
        minimum=1,
        maximum=32_000,
        meaning="What the robot carries.",
    ),
    Parameter(
        name="robot_speed_mps",
        default=1.5,
        unit="m/s",
        minimum=0.05,
        maximum=10.0,
        read_only=True,
        meaning="The robot's own speed limit.",
    ),
    Parameter(
        name="pick_time_s",
        default=1.0,
        unit="s",
        minimum=0.0,
        maximum=600.0,
        meaning="Time for one pick, for the duration of a route.",
    ),
    Parameter(
        name="start_tolerance_m",
        default=0.5,
        unit="m",
        minimum=0.01,
        maximum=5.0,
        read_only=True,
        meaning="How far from a route's first node the robot may stand.",
    ),
    Parameter(
        name="position_age_ms_max",
        default=1_000,
        unit="ms",
        minimum=100,
        maximum=10_000,
        read_only=True,
        meaning="Age after which a reported position is no longer believed.",
    ),
    Parameter(
        name="payload_bytes_max",
        default=PAYLOAD_BYTES_MAX,
        unit="bytes",
        minimum=256,
        maximum=PAYLOAD_BYTES_MAX,
        read_only=True,
        meaning="Size of the largest answer that is looked at.",
    ),
    Parameter(
        name="lease_ms",
        default=500,
        unit="ms",
        minimum=200,
        maximum=10_000,
        read_only=True,
        meaning="How long a robot follows a command without a sign of life from the guard.",
    ),
    Parameter(
        name="heartbeat_ms",
        default=100,
        unit="ms",
        minimum=20,
        maximum=1_000,
        read_only=True,
        meaning="Period of guard/state, the sign of life.",
    ),
    Parameter(
        name="robots_max",
        default=100,
        unit="robots",
        minimum=1,
        maximum=ROBOTS_MAX,
        read_only=True,
        meaning="Robots that this guard serves at most.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardConfig:
    """One value for each row of `GUARD_PARAMETERS`, checked; see there for units and meaning."""

    map_file: str
    task: str
    deadline_ms: int
    dispatch_margin_ms: int
    dispatch_margin_ms_max: int
    recovery: str
    recovery_delay_ms: int
    standby_at_deadline: bool
    latch_after: int
    detour_factor: float
    capacity_pieces: int
    robot_speed_mps: float
    pick_time_s: float
    start_tolerance_m: float
    position_age_ms_max: int
    payload_bytes_max: int
    lease_ms: int
    heartbeat_ms: int
    robots_max: int

    @property
    def deadline_ns(self) -> int:
        """From falling due to the decision's arrival."""
        return self.deadline_ms * NS_PER_MS

    @property
    def dispatch_margin_ns(self) -> int:
        """From the closing of the window to the deadline, at the least."""
        return self.dispatch_margin_ms * NS_PER_MS

    @property
    def dispatch_margin_ns_max(self) -> int:
        """The same at the most."""
        return self.dispatch_margin_ms_max * NS_PER_MS

    @property
    def recovery_delay_ns(self) -> int:
        """From the safe move to the standby route."""
        return self.recovery_delay_ms * NS_PER_MS

    @property
    def position_age_ns_max(self) -> int:
        """Age after which a position is no longer believed."""
        return self.position_age_ms_max * NS_PER_MS

    @property
    def pick_ns(self) -> int:
        """Time for one pick."""
        return seconds_to_ns(self.pick_time_s)

    @property
    def lease_ns(self) -> int:
        """How long a command holds without a sign of life."""
        return self.lease_ms * NS_PER_MS


def guard_config(given: Mapping[str, object]) -> GuardConfig:
    """Return the configuration for the given parameters; the others have their defaults.

    Raises ParameterError for an unknown name, a wrong type, a value out of range, and values that do
    not go together.
    """
    config = frozen_config(GuardConfig, GUARD_PARAMETERS, given)
    if config.dispatch_margin_ms_max < config.dispatch_margin_ms:
        raise ParameterError(
            f"parameter 'dispatch_margin_ms_max' ({config.dispatch_margin_ms_max}) is below "
            f"'dispatch_margin_ms' ({config.dispatch_margin_ms})"
        )
    window_ns = config.deadline_ns - config.dispatch_margin_ns_max
    if window_ns <= STAMP_AGE_NS_MAX:
        raise ParameterError(
            f"parameters 'deadline_ms' ({config.deadline_ms}) and 'dispatch_margin_ms_max' "
            f"({config.dispatch_margin_ms_max}) leave a window of {window_ns // NS_PER_MS} ms; "
            f"it has to be over {STAMP_AGE_NS_MAX // NS_PER_MS} ms, the age at which a stamp is still believed"
        )
    if config.lease_ms < 2 * config.heartbeat_ms:
        raise ParameterError(
            f"parameter 'lease_ms' ({config.lease_ms}) has to be at least twice 'heartbeat_ms' "
            f"({config.heartbeat_ms}), so that one lost message stops nobody"
        )
    return config
