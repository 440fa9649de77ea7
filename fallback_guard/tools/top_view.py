# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How `fallback-guard top` draws a look at the guards, in any width, with or without colour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from fallback_guard.core.units import ns_to_seconds
from fallback_guard.live.frame import GuardFrame, ModeFrame, PartFrame, RobotFrame
from fallback_guard.live.heard import DRILL, Level
from fallback_guard.live.rates import SLOT_NS, SLOTS
from fallback_guard.live.rungs import RungRead

OLD_S: Final = 60.0
"""A decision older than this is shown dimly: the robot has asked for nothing since."""

NOTHING: Final = (
    "No guard was found.  Is it in another ROS domain (--domain), or on another machine while"
    " ROS_AUTOMATIC_DISCOVERY_RANGE is LOCALHOST?"
)

MODES_SHOWN_MAX: Final = 8
LATCHED_NAMED_MAX: Final = 8
_HEIGHT_BESIDE_ROBOTS: Final = 9
"""Lines of a guard beside its robots and modes, roughly: its head, its parts, headings."""

_ROBOTS_SHOWN_MIN: Final = 3
_CELL_CHARS_MIN: Final = 9
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_ASCII_BLOCKS: Final = " .:-=+*#@"

_STATE_STYLES: Final = {"active": "bold green", "latched": "bold red", "inactive": "bold yellow"}
_LEVEL_STYLES: Final = {
    Level.OK.name: "green",
    Level.WARN.name: "yellow",
    Level.ERROR.name: "bold red",
    Level.STALE.name: "dim red",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the robots.  It is left out of a terminal narrower than `width_min`."""

    heading: str
    cell: Callable[[RobotFrame], str]
    width_min: int = 0
    justify: str = "left"


def top_view(
    frames: Sequence[GuardFrame], *, console: Console, sort: str, height: int | None = None
) -> RenderableType:
    """Return a drawing of all guards.  With a `height` only so many lines' worth of robots are drawn."""
    if not frames:
        return Text(NOTHING, style="yellow")
    rows = None
    if height is not None:
        modes = sum(min(len(frame.modes), MODES_SHOWN_MAX) for frame in frames)
        room = (height - modes) // len(frames) - _HEIGHT_BESIDE_ROBOTS
        rows = max(_ROBOTS_SHOWN_MIN, room)
    return Group(*(_guard(frame, console, sort, rows) for frame in frames))


def sparkline(slots: Sequence[int], *, blocks: str = _BLOCKS) -> str:
    """Draw counts as heights, the highest as a full block."""
    highest = max(max(slots, default=0), 1)
    top = len(blocks) - 1
    return "".join(blocks[-(-count * top // highest)] for count in slots)


def _guard(frame: GuardFrame, console: Console, sort: str, rows: int | None) -> RenderableType:
    parts: list[RenderableType] = [_head(frame), _counters(frame), _beside(frame)]
    parts += [_rung(rung) for rung in frame.rungs]
    if frame.robots:
        parts.append(_robots(frame, console.width, sort, rows))
    if frame.modes:
        is_utf8 = console.encoding.lower().replace("-", "").startswith("utf")
        parts.append(_modes(frame.modes, console.width, _BLOCKS if is_utf8 else _ASCII_BLOCKS))
    parts.append(Text())
    return Group(*parts)


def _head(frame: GuardFrame) -> Text:
    line = Text(f"guard {frame.namespace or '/'}  ", style="bold", overflow="fold")
    if frame.age_s is None:
        return line.append("not heard yet", style="bold red")
    if frame.stale:
        line.append(f"STALE, last heard {_age(frame.age_s)} ago; it was ", style="bold red")
    line.append(
        frame.state.upper(), style="dim" if frame.stale else _STATE_STYLES.get(frame.state, "")
    )
    if frame.latched:
        more = len(frame.latched) - LATCHED_NAMED_MAX
        names = ", ".join(frame.latched[:LATCHED_NAMED_MAX])
        line.append(f" ({names}{f' and {more} more' if more > 0 else ''})", style="red")
    priority = frame.realtime_priority
    line.append(f"  realtime priority {priority}" if priority else "  no realtime priority")
    line.append(f"  margin {frame.dispatch_margin_ms:.1f} ms  lateness {frame.lateness_ms:.1f} ms")
    if frame.edges_blocked:
        line.append(f"  edges closed {frame.edges_blocked}", style="yellow")
    return line


def _counters(frame: GuardFrame) -> Text:
    names = {
        "requests": "requests",
        "routes": "routes",
        "safe_moves": "safe moves",
        "recoveries": "recoveries",
        "refusals": "refusals",
        "decisions_late": "late",
        "drills": "drills",
    }
    told = [f"{names[name]} {frame.counters[name]}" for name in names if name in frame.counters]
    return Text("  ".join(told), overflow="fold", style="dim" if frame.stale else "")


def _beside(frame: GuardFrame) -> Text:
    line = Text(overflow="fold")
    for name, part in frame.parts.items():
        if part.age_s is None:
            line.append(f"{name} not heard  ", style="dim")
            continue
        line.append(f"{name} {part.level}", style=_LEVEL_STYLES.get(part.level, ""))
        line.append(f" {_said(part)}  ")
    return line


def _said(part: PartFrame) -> str:
    if part.level == Level.STALE.name and part.age_s is not None:
        return f"for {_age(part.age_s)}"
    return "" if part.level == Level.OK.name else part.message


def _rung(rung: RungRead) -> Text:
    line = Text(f"  model {rung.name} ({rung.source})  breaker ", overflow="fold")
    line.append(rung.breaker, style="green" if rung.breaker == "CLOSED" else "bold red")
    if rung.rest_left_s:
        line.append(f" for {rung.rest_left_s:.0f} s")
    if rung.answered is not None:
        line.append(f"  usable {rung.answered:.0%} of {rung.calls} calls")
    if rung.latency_p95_ms is not None:
        line.append(f"  p95 {rung.latency_p95_ms:.0f} ms")
    return line


def _robots(frame: GuardFrame, width: int, sort: str, rows: int | None) -> RenderableType:
    columns = [column for column in COLUMNS if width >= column.width_min]
    table = Table(box=None, header_style="bold", pad_edge=False, expand=False)
    for column in columns:
        marked = f"{column.heading}*" if column.heading == _SORT_HEADINGS[sort] else column.heading
        table.add_column(
            marked,
            justify="right" if column.justify == "right" else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    for robot in frame.robots[:rows]:
        table.add_row(
            *(Text(_cut(column.cell(robot), width)) for column in columns),
            style=_style(frame, robot),
        )
    hidden = len(frame.robots) - len(frame.robots[:rows])
    if not hidden:
        return table
    return Group(table, Text(f"and {hidden} more robots", style="dim"))


_SORT_HEADINGS: Final = {
    "robot": "robot",
    "age": "age",
    "left": "left",
    "mode": "failure mode",
    "halted": "halted",
}


def _modes(modes: Sequence[ModeFrame], width: int, blocks: str) -> RenderableType:
    table = Table(box=None, header_style="bold", pad_edge=False, expand=False)
    minutes = ns_to_seconds(SLOT_NS * SLOTS) / 60
    table.add_column("decided on", no_wrap=True, overflow="ellipsis")
    table.add_column("a minute", justify="right", no_wrap=True)
    room = min(SLOTS, width - 40)
    if room > 0:
        table.add_column(f"last {minutes * room / SLOTS:.0f} min", no_wrap=True)
    for mode in modes[:MODES_SHOWN_MAX]:
        label = f"{mode.mode} (drill)" if mode.mode == DRILL else mode.mode
        style = {"latency": "yellow", "safety": "red"}.get(mode.bucket, "")
        cells = [Text(label, style=style), Text(str(mode.per_minute))]
        if room > 0:
            cells.append(Text(sparkline(mode.slots[-room:], blocks=blocks)))
        table.add_row(*cells)
    return table


def _told(robot: RobotFrame) -> str:
    told = robot.safe_move or robot.outcome or "nothing yet"
    if robot.occasion == "recovery":
        told = f"{told} (recovered)"
    if robot.latched:
        told = f"{told} LATCHED"
    return f"{told} DRILL" if robot.drill else told


def _halted(robot: RobotFrame) -> str:
    return "" if robot.halted_s is None else f"for {_age(robot.halted_s)}"


COLUMNS: Final = (
    Column(heading="robot", cell=lambda robot: robot.robot_id),
    Column(heading="told", cell=_told),
    Column(heading="failure mode", cell=lambda robot: robot.failure_mode),
    Column(heading="age", cell=lambda robot: _age(robot.age_s), justify="right"),
    Column(
        heading="left",
        cell=lambda robot: "" if robot.left_ms is None else f"{robot.left_ms:.1f} ms",
        width_min=60,
        justify="right",
    ),
    Column(heading="halted", cell=_halted, width_min=70, justify="right"),
    Column(
        heading="due",
        cell=lambda robot: str(robot.decisions),
        width_min=84,
        justify="right",
    ),
    Column(
        heading="safe moves",
        cell=lambda robot: str(robot.safe_moves),
        width_min=96,
        justify="right",
    ),
    Column(
        heading="refused",
        cell=lambda robot: str(robot.refusals),
        width_min=112,
        justify="right",
    ),
    Column(heading="request", cell=lambda robot: robot.request_id, width_min=150),
    Column(heading="planner", cell=lambda robot: robot.source, width_min=180),
)


def _style(frame: GuardFrame, robot: RobotFrame) -> str:
    if frame.is_silent or robot.age_s > OLD_S:
        return "dim"
    if robot.drill:
        return "magenta"
    return {"SAFE_MOVE": "red", "ROUTE": "green"}.get(robot.outcome, "")


def _cut(text: str, width: int) -> str:
    """Return a cell that leaves room for the others: a sixth of the terminal is the most that one takes."""
    chars_max = max(_CELL_CHARS_MIN, width // 6)
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}~"


def _age(seconds: float) -> str:
    """Return a duration in at most six characters."""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    if seconds < 600:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 36_000 else f"{seconds / 3600:.0f} h"  # noqa: PLR2004
