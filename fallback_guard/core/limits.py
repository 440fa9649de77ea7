# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Every bound on what comes from outside, with its reason.

A limit is checked before the thing it bounds costs anything.  Together they bound the work of one
step, and that bound is what the deadline rests on.
"""

from typing import Final

from fallback_guard.core.units import NS_PER_MS, NS_PER_S

PAYLOAD_BYTES_MAX: Final = 16_384
"""A route of STOPS_MAX stops with long names and `via` lists is under 12 kB."""

NESTING_MAX: Final = 8
"""The route schema nests three deep; 8 leaves room for a wrong answer to be named more precisely."""

IDENTIFIER_CHARS_MAX: Final = 64
"""The length that fits a UUID with a prefix, and a line of a table."""

STOPS_MAX: Final = 32
"""Pick lists of batch order picking rarely pass 20 lines (de Koster, Le-Duc, Roodbergen 2007)."""

VIA_NODES_MAX: Final = 128
"""Nodes between two stops; a warehouse with more is mapped too finely to be planned by a language model."""

QUANTITY_MAX: Final = 1_000
"""Pieces in one pick list line; more is a pallet move, not a pick."""

INSTRUCTIONS_CHARS_MAX: Final = 4_096
"""Free text for the planner; it costs the guard nothing, and a prompt must end somewhere."""

ANSWER_VALUES_MAX: Final = 10_000
"""Values in an answer of a task of one's own; the route schema has room for 4,262, and a rule may look at each."""

TASK_RULES_MAX: Final = 64
"""Rules of a task of one's own, each of which takes of the time in which windows may close; the package has 17."""

PROMPT_CHARS_MAX: Final = 16_384
"""What a model is told of a task of one's own: as much as an answer may have, and a prompt must end somewhere."""

ROBOTS_MAX: Final = 1_000
"""Robots on one guard.  A robot that nobody configured takes memory from the others."""

REQUESTS_OPEN_MAX: Final = 8
"""Requests of one robot that are planned ahead at a time."""

REQUESTS_REMEMBERED_MAX: Final = 24
"""Requests of one robot kept, open or decided, so that a late repeat is known for what it is; 0.36 kB each."""

REQUESTS_WATCHED_MAX: Final = REQUESTS_OPEN_MAX * ROBOTS_MAX
"""Requests that the watchdog waits for: all that a guard holds open."""

ANSWERS_REMEMBERED_MAX: Final = REQUESTS_REMEMBERED_MAX * ROBOTS_MAX
"""Answered requests that the watchdog remembers, so that it does not answer a repeat; as many as the guard does."""

CANDIDATES_PER_REQUEST_MAX: Final = 16
"""Answers validated for one request; a planner that needs more is flooding."""

REFUSALS_REPORTED_PER_S_MAX: Final = 50
"""Refusals published in one second; the others are counted, so that a flood is not echoed as another."""

DETAIL_CHARS_MAX: Final = 240
"""Length of the explanation in a decision."""

DRILL_WAIT_NS: Final = 60 * NS_PER_S
"""For how long a drill waits for a request to fall due: no longer than the operator who wanted it looks on."""

STAMP_AGE_NS_MAX: Final = 50 * NS_PER_MS
"""A stamp older than this is not believed to be the moment the request fell due."""

MAP_BYTES_MAX: Final = 128 * 1024 * 1024
"""A map of 100,000 bins takes about 60 MB as GeoJSON."""

MAP_FEATURES_MAX: Final = 1_000_000
"""Features in a map, for the same reason."""

PATHS_BYTES_MAX: Final = 256 * 1024 * 1024
"""Memory for shortest paths; the paths between 3,500 junctions fit, and the oldest are dropped beyond that."""

CLOSURES_MAX: Final = 100_000
"""Ids in one list of closures.  Who closes more than that has closed the warehouse."""

COORDINATE_M_MAX: Final = 1_000_000.0
"""A point further from the map's origin is a mistake in whatever said it."""

JUNCTIONS_ADVISED_MAX: Final = 3_500
"""Junctions of a map between which all paths are kept; with more, each request waits for those that are not."""

WAYPOINTS_MAX: Final = 1_024
"""Turns and stops of one route; 32 stops in a large warehouse take 200."""

ROUTE_DURATION_NS_MAX: Final = 3_600 * NS_PER_S
"""A pick tour of more than an hour is a mistake in whatever asked for it."""

SPEED_LIMIT_MPS_MIN: Final = 0.01
"""A way at less is as good as closed, and the time it takes would not fit a number."""

ZONE_TOUCHES_MAX: Final = 1_000_000
"""Nodes and edges that a map's zones touch, all zones together: each closure goes through them."""

BINS_PER_NODE_MAX: Final = 10_000
"""Bins reached from one node; a rack has some hundreds."""

RING_POINTS_MAX: Final = 10_000
"""Corners of a zone's outline, or of a hole in it; a curve drawn by its points has some hundreds."""

RINGS_MAX: Final = 64
"""The outline of a zone and the holes in it; a zone with more is better drawn as several."""

LIF_LIST_MAX: Final = 1_000
"""Vehicle types of a LIF node or edge, or nodes of a station; a site has a handful."""

assert CANDIDATES_PER_REQUEST_MAX <= REFUSALS_REPORTED_PER_S_MAX, (
    "one request's refusals fit the budget"
)
assert 20 * JUNCTIONS_ADVISED_MAX**2 <= PATHS_BYTES_MAX, "20 bytes from each junction to each"
assert REQUESTS_OPEN_MAX < REQUESTS_REMEMBERED_MAX, "an open request is never forgotten"
