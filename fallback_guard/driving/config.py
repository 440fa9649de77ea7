# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The parameters of who drives a robot, as tables, and what they come to."""

from collections.abc import Mapping
from typing import Final

from fallback_guard.core.parameters import Parameter, Value
from fallback_guard.core.units import NS_PER_MS, seconds_to_ns
from fallback_guard.driving.execution import ExecutionConfig
from fallback_guard.driving.pursuit import PursuitConfig
from fallback_guard.driving.whereabouts import Pose, WhereaboutsConfig

TF: Final = "tf"
ODOMETRY: Final = "odometry"
POSE: Final = "pose"

FOLLOW_PATH: Final = "follow_path"
THROUGH_POSES: Final = "navigate_through_poses"


def _number(  # noqa: PLR0913, PLR0917  # one row of a table
    name: str, default: float, unit: str, minimum: float, maximum: float, meaning: str
) -> Parameter:
    return Parameter(
        name=name,
        default=default,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        meaning=meaning,
        read_only=True,
    )


def _text(name: str, default: str, meaning: str, choices: tuple[str, ...] = ()) -> Parameter:
    return Parameter(name=name, default=default, meaning=meaning, choices=choices, read_only=True)


ROBOT_PARAMETERS: Final = (
    _text("map_file", "", "GeoJSON map of the warehouse."),
    _text("robot_id", "picker_1", "Name of this robot."),
    _text("pose_source", TF, "Who says where the robot is.", (TF, ODOMETRY, POSE)),
    _text("pose_frame", "map", "Frame of these poses; any other is refused."),
    _text("base_frame", "base_link", "Frame of the robot."),
    _number("frame_x_m", 0.0, "m", -1e6, 1e6, "Where pose_frame's origin lies on the map: x."),
    _number("frame_y_m", 0.0, "m", -1e6, 1e6, "The same: y."),
    _number("frame_theta_rad", 0.0, "rad", -6.3, 6.3, "The same: its direction."),
    _number("pose_age_ms_max", 500, "ms", 50, 10_000, "Age at which a pose is not believed."),
    _number("snap_tolerance_m", 0.5, "m", 0.05, 10.0, "How far off the map's graph it may be."),
    Parameter(
        name="stamped_twist",
        default=True,
        read_only=True,
        meaning="Whether cmd_vel is TwistStamped, as since ROS 2 Jazzy, or Twist.",
    ),
    _number("period_ms", 50, "ms", 10, 200, "Between two words to the wheels; a stop is repeated."),
    _number("pick_time_s", 1.0, "s", 0.0, 600.0, "Time for one pick."),
)
"""Of every node that drives a robot."""

FOLLOWER_PARAMETERS: Final = (
    *ROBOT_PARAMETERS,
    _number("goal_tolerance_m", 0.2, "m", 0.02, 2.0, "How near a pick, or the end, is there."),
    _number("speed_mps", 1.0, "m/s", 0.05, 10.0, "The robot's own speed limit."),
    _number("acceleration_mps2", 0.5, "m/s^2", 0.05, 10.0, "Acceleration, also when it brakes."),
    _number("turn_radps", 1.0, "rad/s", 0.1, 10.0, "Angular speed at most."),
    _number("turn_acceleration_radps2", 2.0, "rad/s^2", 0.1, 50.0, "Angular acceleration."),
    _number("lookahead_s", 0.8, "s", 0.1, 5.0, "How far ahead it steers, as time."),
    _number("lookahead_m_min", 0.4, "m", 0.1, 5.0, "The same as distance: at least."),
    _number("lookahead_m_max", 1.2, "m", 0.1, 10.0, "The same: at most."),
    _number("turn_in_place_rad", 0.6, "rad", 0.1, 3.1, "A sharper corner is turned standing."),
    _number("off_path_m_max", 0.8, "m", 0.1, 10.0, "Further from its way it stops."),
)

ADAPTER_PARAMETERS: Final = (
    *ROBOT_PARAMETERS,
    _text("action", FOLLOW_PATH, "The action of Nav2 that drives.", (FOLLOW_PATH, THROUGH_POSES)),
    _text("controller_id", "", "Controller of follow_path; empty: the only one there is."),
    _text("goal_checker_id", "", "Goal checker of follow_path; empty: the only one there is."),
    _text("behavior_tree", "", "Behaviour tree of navigate_through_poses; empty: Nav2's default."),
    _number("path_step_m", 0.1, "m", 0.02, 1.0, "Between two poses of a path for follow_path."),
    _number("goal_tolerance_m", 0.5, "m", 0.02, 2.0, "Where Nav2 says it is there, it has to be."),
    _number("answer_s_max", 2.0, "s", 0.1, 30.0, "How long Nav2 may take to answer."),
    _number("silence_s_max", 2.0, "s", 0.2, 30.0, "How long Nav2 may drive without feedback."),
    _number("retry_s", 1.0, "s", 0.1, 60.0, "From a stop to the next try."),
    _number("failures_max", 3, "", 0, 100, "Failures on the way to one pick that are tried again."),
    _number("retreat_s_max", 60.0, "s", 1.0, 600.0, "How long a retreat may take before it holds."),
)

_FOLLOWER_ANSWER_S: Final = 1.0
"""The follower is asked within its own process: it answers at once, or it is broken."""
_FOLLOWER_FAILURES_MAX: Final = 3
"""Beside the end it drives to it once more; off its way it is so again at once, and gives up."""
_FOLLOWER_RETREAT_S: Final = 600.0
"""It drives or it stops, and never tries other ways; a retreat takes as long as it is."""


def whereabouts_config(values: Mapping[str, Value]) -> WhereaboutsConfig:
    """Return what is believed of a pose."""
    return WhereaboutsConfig(
        frame=str(values["pose_frame"]),
        origin=Pose(
            x=float(values["frame_x_m"]),
            y=float(values["frame_y_m"]),
            theta=float(values["frame_theta_rad"]),
        ),
        age_ns_max=int(values["pose_age_ms_max"]) * NS_PER_MS,
        tolerance_m=float(values["snap_tolerance_m"]),
    )


def follower_execution(values: Mapping[str, Value]) -> ExecutionConfig:
    """Return how the follower carries out commands."""
    return ExecutionConfig(
        pick_ns=seconds_to_ns(float(values["pick_time_s"])),
        answer_ns_max=seconds_to_ns(_FOLLOWER_ANSWER_S),
        silence_ns_max=seconds_to_ns(_FOLLOWER_ANSWER_S),
        retry_ns=seconds_to_ns(_FOLLOWER_ANSWER_S),
        retreat_ns_max=seconds_to_ns(_FOLLOWER_RETREAT_S),
        failures_max=_FOLLOWER_FAILURES_MAX,
        end_m_max=float(values["goal_tolerance_m"]),
    )


def pursuit_config(values: Mapping[str, Value]) -> PursuitConfig:
    """Return how the follower drives."""
    names = (
        "speed_mps",
        "acceleration_mps2",
        "turn_radps",
        "turn_acceleration_radps2",
        "lookahead_s",
        "lookahead_m_min",
        "lookahead_m_max",
        "turn_in_place_rad",
    )
    return PursuitConfig(
        **{name: float(values[name]) for name in names},
        # It brakes to the end itself; half is left for what it is beside it.
        end_m=float(values["goal_tolerance_m"]) / 2,
        off_m_max=float(values["off_path_m_max"]),
    )


def adapter_execution(values: Mapping[str, Value]) -> ExecutionConfig:
    """Return how commands are carried out with Nav2."""
    return ExecutionConfig(
        pick_ns=seconds_to_ns(float(values["pick_time_s"])),
        answer_ns_max=seconds_to_ns(float(values["answer_s_max"])),
        silence_ns_max=seconds_to_ns(float(values["silence_s_max"])),
        retry_ns=seconds_to_ns(float(values["retry_s"])),
        retreat_ns_max=seconds_to_ns(float(values["retreat_s_max"])),
        failures_max=int(values["failures_max"]),
        end_m_max=float(values["goal_tolerance_m"]),
    )
