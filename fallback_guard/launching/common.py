# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Arguments that several launch files have."""

from collections.abc import Mapping
from typing import Final

from fallback_guard.core.parameters import Value
from fallback_guard.launching.arguments import LOG_LEVELS, Argument, Kind
from fallback_guard.launching.processes import Settings
from fallback_guard.tools.share import share_directory

RESPAWN_DELAY_S_MAX: Final = 60.0

MAP_FILE: Final = Argument(
    name="map_file",
    default=str(share_directory() / "config" / "sample_warehouse.geojson"),
    kind=Kind.FILE,
    meaning="GeoJSON map of the warehouse.",
)
NAMESPACE: Final = Argument(
    name="namespace",
    default="",
    kind=Kind.NAMESPACE,
    meaning="Namespace of the robot; all topics but /diagnostics are relative to it.",
)
LISTENERS: Final = (
    Argument(
        name="metrics_port",
        default="0",
        kind=Kind.WHOLE,
        minimum=0,
        maximum=65_535,
        meaning="Port of this machine on which to serve metrics for Prometheus, such as 9464; 0: serve none.",
    ),
    Argument(
        name="markers",
        default="false",
        kind=Kind.BOOLEAN,
        meaning="Publish markers of map, routes and robots for RViz or Foxglove.",
    ),
    Argument(
        name="rviz",
        default="false",
        kind=Kind.BOOLEAN,
        meaning="Open RViz on the markers, which are then published; it has to be installed.",
    ),
)
"""Live views, none of which starts unless it is asked for."""

SETTINGS: Final = (
    Argument(
        name="respawn",
        default="true",
        kind=Kind.BOOLEAN,
        meaning="Start nodes again when they end, as long as the launch runs.",
    ),
    Argument(
        name="respawn_delay_s",
        default="0.5",
        kind=Kind.NUMBER,
        minimum=0.0,
        maximum=RESPAWN_DELAY_S_MAX,
        meaning="From a node's end to its next start (s).",
    ),
    Argument(
        name="use_sim_time",
        default="false",
        kind=Kind.BOOLEAN,
        meaning="Take the time of stamps from /clock. Deadlines stay on the steady clock.",
    ),
    Argument(
        name="enclaves",
        default="",
        meaning="Where in the SROS2 keystore the enclaves guard, watchdog and so on are, such as /picker_1.",
    ),
    Argument(
        name="log_level",
        default="info",
        kind=Kind.CHOICE,
        choices=LOG_LEVELS,
        meaning="From which severity on nodes write to the log.",
    ),
)


def settings(values: Mapping[str, Value]) -> Settings:
    """Return what the arguments of SETTINGS say."""
    return Settings(
        respawn=bool(values["respawn"]),
        respawn_delay_s=float(values["respawn_delay_s"]),
        use_sim_time=bool(values["use_sim_time"]),
        enclaves=str(values["enclaves"]),
        log_level=str(values["log_level"]),
    )
