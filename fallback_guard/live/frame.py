# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""One look at the boards: plain data, ready to be drawn or written as JSON.  Ages and durations as people read them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.failure_modes import FAILURE_MODES, Bucket
from fallback_guard.core.units import NS_PER_S, ns_to_ms, ns_to_seconds
from fallback_guard.live.board import GuardBoard, RobotRow
from fallback_guard.live.heard import DRILL, Level, Part, StateHeard, StatusHeard
from fallback_guard.live.rungs import RungRead, read_rungs

STATE_STALE_PERIODS: Final = 3
STATE_STALE_NS_MIN: Final = NS_PER_S
"""A state is stale when three of the guard's periods have passed, and never before a second has: a listener without
priority may itself be held up."""

STATUS_STALE_NS: Final = 5 * NS_PER_S
"""As long as diagnostic_aggregator waits for an item before it calls it stale."""

UNHEARD: Final = "unheard"


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotFrame:
    """One robot's last decision.  `left_ms` is None where it was no due request's; `halted_s` while it may drive."""

    robot_id: str
    outcome: str
    safe_move: str
    occasion: str
    failure_mode: str
    drill: bool
    source: str
    request_id: str
    age_s: float
    left_ms: float | None
    taken_ms: float | None
    latched: bool
    halted_s: float | None
    halts: int
    halted_total_s: float
    decisions: int
    safe_moves: int
    refusals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFrame:
    """Who reports on /diagnostics.  `level` is STALE where nothing was heard lately."""

    level: str
    message: str
    age_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeFrame:
    """How often a failure mode was decided on: in the last minute, and by slot of ten seconds, oldest first."""

    mode: str
    bucket: str
    per_minute: int
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardFrame:
    """One guard.  `state` is the last that was heard, also where it is `stale`; `counters` are the guard's own."""

    namespace: str
    state: str
    stale: bool
    age_s: float | None
    latched: tuple[str, ...]
    realtime_priority: int | None
    dispatch_margin_ms: float | None
    lateness_ms: float | None
    edges_blocked: int | None
    counters: Mapping[str, int]
    parts: Mapping[str, PartFrame]
    rungs: tuple[RungRead, ...]
    robots: tuple[RobotFrame, ...]
    robots_left_out: int
    modes: tuple[ModeFrame, ...]

    @property
    def is_silent(self) -> bool:
        """Whether nothing that is known of it is of now."""
        return self.stale or self.state == UNHEARD


Sorting = Callable[[RobotFrame], tuple[float | str, str]]
SORTS: Final[Mapping[str, Sorting]] = MappingProxyType(
    {
        "robot": lambda robot: (robot.robot_id, ""),
        "age": lambda robot: (robot.age_s, robot.robot_id),
        "left": lambda robot: (
            robot.left_ms if robot.left_ms is not None else float("inf"),
            robot.robot_id,
        ),
        "mode": lambda robot: (robot.failure_mode or "~", robot.robot_id),
        "halted": lambda robot: (-(robot.halted_total_s + (robot.halted_s or 0.0)), robot.robot_id),
    }
)
"""What robots may be ordered by: name, newest first, least time left first, failure mode, longest halted first."""


def guard_frame(
    board: GuardBoard, now_ns: int, *, sort: str = "robot", rows_max: int | None = None
) -> GuardFrame:
    """Look at one guard."""
    state = board.state
    age_ns = now_ns - board.state_ns
    latched = state.latched if state else frozenset[str]()
    robots = sorted(
        (_robot(row, latched, now_ns) for row in board.robots.values()), key=SORTS[sort]
    )
    planner = board.statuses.get(Part.PLANNER)
    return GuardFrame(
        namespace=board.namespace,
        state=state.condition.name.lower() if state else UNHEARD,
        stale=state is not None and is_stale(state, age_ns),
        age_s=None if state is None else ns_to_seconds(age_ns),
        latched=tuple(sorted(latched)),
        realtime_priority=state.realtime_priority if state else None,
        dispatch_margin_ms=ns_to_ms(state.margin_ns) if state else None,
        lateness_ms=ns_to_ms(state.lateness_ns) if state else None,
        edges_blocked=state.edges_blocked if state else None,
        counters=asdict(state.counters) if state else {},
        parts={part.name.lower(): _part(board, part, now_ns) for part in Part},
        rungs=read_rungs(planner[0].values) if planner else (),
        robots=tuple(robots[:rows_max]),
        robots_left_out=len(robots) - len(robots[:rows_max]),
        modes=tuple(_modes(board, now_ns)),
    )


def is_stale(state: StateHeard, age_ns: int) -> bool:
    """Tell whether a sign of life is too old to say anything of now."""
    return age_ns > max(STATE_STALE_NS_MIN, STATE_STALE_PERIODS * state.period_ns)


def level_of(heard: tuple[StatusHeard, int] | None, now_ns: int) -> Level:
    """Return the level of a part at present."""
    if heard is None or now_ns - heard[1] > STATUS_STALE_NS:
        return Level.STALE
    return heard[0].level


def _part(board: GuardBoard, part: Part, now_ns: int) -> PartFrame:
    heard = board.statuses.get(part)
    if heard is None:
        return PartFrame(level=UNHEARD, message="", age_s=None)
    return PartFrame(
        level=level_of(heard, now_ns).name,
        message=heard[0].message,
        age_s=ns_to_seconds(now_ns - heard[1]),
    )


def _robot(row: RobotRow, latched: frozenset[str], now_ns: int) -> RobotFrame:
    last = row.last
    since = row.halted_since_ns
    timed = last is not None and last.occasion is Occasion.DUE
    return RobotFrame(
        robot_id=row.robot_id,
        outcome=last.outcome.name if last else "",
        safe_move=last.safe_move.name if last and last.safe_move else "",
        occasion=last.occasion.name.lower() if last else "",
        failure_mode=last.failure_mode if last else "",
        drill=row.halted_by_drill if since is not None else bool(last and last.is_drill),
        source=last.source if last else "",
        request_id=last.request_id if last else "",
        age_s=ns_to_seconds(now_ns - (row.last_ns or row.heard_ns)),
        left_ms=ns_to_ms(last.left_ns) if timed and last is not None else None,
        taken_ms=ns_to_ms(last.handed_over_ns) if timed and last is not None else None,
        latched=row.robot_id in latched,
        halted_s=None if since is None else ns_to_seconds(now_ns - since),
        halts=row.halts,
        halted_total_s=ns_to_seconds(row.halted_ns),
        decisions=row.decisions,
        safe_moves=row.safe_moves,
        refusals=row.refusals,
    )


def _modes(board: GuardBoard, now_ns: int) -> Sequence[ModeFrame]:
    return sorted(
        (
            ModeFrame(
                mode=mode,
                bucket=bucket_name(mode),
                per_minute=rate.per_minute,
                slots=rate.slots,
            )
            for mode, rate in board.modes.rates(now_ns).items()
        ),
        key=lambda mode: (-mode.per_minute, -sum(mode.slots), mode.mode),
    )


_BUCKETS: Final = {mode.value: row.bucket for mode, row in FAILURE_MODES.items()}


def bucket_name(mode: str) -> str:
    """Return the risk of a mode, empty where it is none."""
    bucket = Bucket.NONE if mode == DRILL else _BUCKETS.get(mode, Bucket.NONE)
    return "" if bucket is Bucket.NONE else bucket.name.lower()
