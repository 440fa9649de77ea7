# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a report as inline SVG: colours by class, so that the page's style sheet turns them light and dark.

Each has a title and a description for who does not see it, and the page has its figures as a table as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10
from typing import Final

from markupsafe import Markup

from fallback_guard.core.units import NS_PER_S
from fallback_guard.reporting import words
from fallback_guard.reporting.facts import DEADLINE_MS
from fallback_guard.reporting.objective import PERIODS_NS, Bin
from fallback_guard.reporting.planner import Yield
from fallback_guard.reporting.spread import Histogram, Spread

WIDTH: Final = 720
LEFT: Final = 56
RIGHT: Final = 16
TOP: Final = 18
WIDE: Final = 1_120
"""Of a picture that has the whole page to itself."""

COURSE_TOP: Final = 24
PLOT_WIDTH: Final = WIDTH - LEFT - RIGHT

_DAY_S: Final = 86_400
_SECONDS_FROM_MS: Final = 2_000


def _picture(  # noqa: PLR0913, PLR0917  # what a picture is
    name: str,
    title: str,
    described: str,
    height: int,
    parts: Sequence[Markup],
    width: int = WIDTH,
) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
        '<title id="{name}-t">{title}</title><desc id="{name}-d">{described}</desc>{inside}</svg>'
    ).format(
        width=width,
        height=height,
        name=name,
        title=title,
        described=described,
        inside=Markup("").join(parts),
    )


def _text(x: float, y: float, text: str, kind: str = "tick", anchor: str = "middle") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, text
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, y1, x2, y2
    )


def _bar(  # noqa: PLR0913, PLR0917  # a rectangle
    x: float, y: float, width: float, height: float, kind: str, title: str = ""
) -> Markup:
    inside = Markup("<title>{}</title>").format(title) if title else Markup("")
    return Markup(
        '<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}">{}</rect>'
    ).format(kind, x, y, max(width, 0.0), max(height, 0.0), inside)


def ticks(end: float, wanted: int = 6) -> list[float]:
    """Return round numbers from 0 to `end`."""
    if end <= 0:
        return [0.0]
    rough = end / wanted
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.999)
    return [number * step for number in range(floor(end / step + 1e-9) + 1)]


def times(
    bins: Histogram, *, name: str, title: str, deadline_ms: float | None = None, is_log: bool = True
) -> Markup:
    """Draw how many took how long; counts on a logarithmic scale, on which a single one is seen beside thousands."""
    height, bottom = 230, 190
    tall = bottom - TOP
    most = max(bins.counts, default=0)
    power = max(1, ceil(log10(max(most, 1) + 1))) if is_log else 1

    def up(number: float) -> float:
        return tall * log10(number * 9 + 1) / log10(10**power * 9 + 1) if number else 0.0

    scale = PLOT_WIDTH / bins.end_ms
    parts = []
    for exponent in range(power + 1):
        y = bottom - up(10**exponent)
        parts += [
            _line(LEFT, y, WIDTH - RIGHT, y, "grid"),
            _text(LEFT - 8, y + 4, words.count(10**exponent), anchor="end"),
        ]
    for number, counted in enumerate(bins.counts):
        if counted:
            begin = number * bins.width_ms
            is_last = number == len(bins.counts) - 1 and bins.beyond
            until = "and more" if is_last else f"to {begin + bins.width_ms:g} ms"
            is_late = deadline_ms is not None and begin >= deadline_ms
            tall_bar = up(counted)
            parts.append(
                _bar(
                    LEFT + begin * scale + 0.5,
                    bottom - tall_bar,
                    bins.width_ms * scale - 1,
                    tall_bar,
                    "bad" if is_late else "good",
                    f"{begin:g} {until}: {counted:,}",
                )
            )
    parts.append(_line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis"))
    for tick in ticks(bins.end_ms):
        x = LEFT + tick * scale
        parts += [
            _line(x, bottom, x, bottom + 4, "axis"),
            _text(
                x,
                bottom + 18,
                _length(tick, bins.end_ms),
            ),
        ]
    if deadline_ms is not None and deadline_ms <= bins.end_ms:
        x = LEFT + deadline_ms * scale
        parts += [
            _line(x, TOP - 6, x, bottom, "deadline"),
            _text(x - 6, TOP + 4, f"deadline {deadline_ms:g} ms", "mark", "end"),
        ]
    parts.append(_text(LEFT, height - 4, "counts on a logarithmic scale", "note", "start"))
    described = f"{sum(bins.counts):,} values in bins of {bins.width_ms:g} ms."
    return _picture(name, title, described, height, parts)


def _length(tick_ms: float, end_ms: float) -> str:
    """Write a tick in the unit that fits the whole scale."""
    return f"{tick_ms:g} ms" if end_ms < _SECONDS_FROM_MS else f"{tick_ms / 1_000:g} s"


def stages(measured: Mapping[str, Spread]) -> Markup:
    """Draw median, 99th percentile and maximum of each stage, on one logarithmic scale of milliseconds."""
    row, top = 26, 26
    height = top + row * len(measured) + 34
    low, high = -3, 3
    left = 96
    width = WIDTH - left - 2 * RIGHT

    def x(value_ms: float) -> float:
        return left + width * (log10(min(max(value_ms, 10**low), 10**high)) - low) / (high - low)

    bottom = top + row * len(measured)
    parts = []
    for exponent in range(low, high + 1):
        parts += [
            _line(x(10.0**exponent), top - 6, x(10.0**exponent), bottom, "grid"),
            _text(x(10.0**exponent), bottom + 18, _length(10.0**exponent, 10.0 ** (exponent + 1))),
        ]
    parts += [
        _line(x(DEADLINE_MS), top - 12, x(DEADLINE_MS), bottom, "deadline"),
        _text(x(DEADLINE_MS), top - 15, f"{DEADLINE_MS} ms", "mark"),
    ]
    for number, (name, each) in enumerate(measured.items()):
        y = top + row * number + row / 2
        told = (
            f"{name}: p50 {words.milliseconds(each.p50_ms)}, p99 {words.milliseconds(each.p99_ms)}, "
            f"max {words.milliseconds(each.max_ms)}, {each.count:,} measured"
        )
        parts += [
            _text(left - 10, y + 4, name, "label", "end"),
            _bar(x(each.p50_ms), y - 4, x(each.p99_ms) - x(each.p50_ms), 8, "range", told),
            _line(x(each.p99_ms), y, x(each.max_ms), y, "whisker"),
            _line(x(each.max_ms), y - 5, x(each.max_ms), y + 5, "whisker"),
            Markup(
                '<circle class="median" cx="{:.1f}" cy="{:.1f}" r="5"><title>{}</title></circle>'
            ).format(x(each.p50_ms), y, told),
        ]
    parts.append(
        _text(
            left,
            height - 2,
            "dot: median · bar: to the 99th percentile · line: to the maximum",
            "note",
            "start",
        )
    )
    return _picture(
        "stages",
        "Time of each stage",
        f"{len(measured)} stages, in the order in which they come.",
        height,
        parts,
    )


def course(bins: Sequence[Bin], bin_ns: int) -> Markup:
    """Draw the error budget that is left, and under it how many requests were bad, over time."""
    height, bottom, bars = 264, 160, 224
    tall = bottom - COURSE_TOP
    lowest = min((each.budget_left for each in bins), default=1.0)
    # From full down to empty, or to where it was overspent to.
    floor_at = min(0.0, lowest)
    span = max(len(bins), 1)

    def y(left: float) -> float:
        return COURSE_TOP + tall * (1 - left) / (1 - floor_at)

    parts = []
    for value in _levels(floor_at):
        parts += [
            _line(LEFT, y(value), WIDE - RIGHT, y(value), "deadline" if value == 0 else "grid"),
            _text(LEFT - 8, y(value) + 4, f"{value:,.0%}", anchor="end"),
        ]
    step = (WIDE - LEFT - RIGHT) / span
    points = [(float(LEFT), y(1.0))]
    for number, each in enumerate(bins):
        points.append((LEFT + (number + 1) * step, y(each.budget_left)))
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in _stairs(points))
    parts.append(Markup('<polyline class="course" points="{}"/>').format(path))
    parts.append(_text(LEFT, COURSE_TOP - 6, "error budget left", "note", "start"))
    most = max((each.bad for each in bins), default=0)
    for number, each in enumerate(bins):
        told = (
            f"{words.minute(each.begin_ns)} UTC: {each.due:,} due, {each.bad:,} of them not served"
        )
        tall_bar = 36 * each.bad / most if most else 0
        parts.append(
            _bar(LEFT + number * step + 0.3, bars - tall_bar, max(step - 0.6, 0.6), tall_bar, "bad")
        )
        parts.append(_bar(LEFT + number * step, COURSE_TOP, step, bars - COURSE_TOP, "hit", told))
    parts += [
        _line(LEFT, bars, WIDE - RIGHT, bars, "axis"),
        _text(LEFT - 8, bars - 30, f"{most:,}", anchor="end"),
        _text(LEFT - 8, bars, "0", anchor="end"),
        _text(
            LEFT,
            bars - 42,
            f"not served, of each {words.seconds(bin_ns / NS_PER_S)}",
            "note",
            "start",
        ),
        *_clock(bins, bin_ns, step, bars),
    ]
    described = (
        f"From {words.percent(1.0, 0)} to {words.budget(bins[-1].budget_left) if bins else ''}."
    )
    return _picture("course", "Error budget over time", described, height, parts, WIDE)


def _levels(lowest: float) -> list[float]:
    if lowest >= 0:
        return [1.0, 0.75, 0.5, 0.25, 0.0]
    deep = [-each for each in ticks(-lowest, 4)][1:]
    return [1.0, 0.0, *deep] if -lowest < 8 else [0.0, *deep]  # noqa: PLR2004  # or two labels meet


def _stairs(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield points at which the line goes down where the budget does, and not before."""
    before = points[0]
    yield before
    for point in points[1:]:
        yield point[0], before[1]
        yield point
        before = point


def _clock(bins: Sequence[Bin], bin_ns: int, step: float, bottom: float) -> Iterator[Markup]:
    """Yield times along the bottom, at what clocks have."""
    long = len(bins) > 1 and (bins[-1].begin_ns - bins[0].begin_ns) / NS_PER_S > _DAY_S
    wanted_ns = bin_ns * len(bins) // 8
    every = next((each for each in PERIODS_NS if each >= wanted_ns), PERIODS_NS[-1])
    for number, each in enumerate(bins):
        if each.begin_ns % every:
            continue
        told = words.minute(each.begin_ns)
        x = LEFT + number * step
        yield _line(x, bottom, x, bottom + 4, "axis")
        yield _text(x, bottom + 18, told[5:16] if long else told[11:])
    yield _text(WIDE - RIGHT, bottom + 34, "UTC", "note", "end")


PARTS: Final = (
    ("timely", "driven, in time", "good"),
    ("late", "driven, late", "late"),
    ("refused", "refused", "bad"),
    ("silent", "no answer", "silent"),
    ("unused", "not needed", "unused"),
)
"""What becomes of an answer: the name of the figure, what it is called, and its class."""


def parts_of(each: Yield) -> dict[str, int]:
    """Return what became of one source's answers, by the names of PARTS."""
    refused, silent = sum(each.refused.values()), sum(each.silent.values())
    unused = max(0, each.answers - each.accepted - refused - silent)
    return {
        "timely": each.timely,
        "late": each.late,
        "refused": refused,
        "silent": silent,
        "unused": unused,
    }


def yields(each: Yield, number: int) -> Markup:
    """Draw what became of one source's answers, as one bar."""
    figures = parts_of(each)
    total = max(1, sum(figures.values()))
    parts, x = [], 0.0
    for name, called, kind in PARTS:
        width = WIDTH * figures[name] / total
        if figures[name]:
            told = f"{called}: {figures[name]:,} ({words.share(figures[name] / total, 1)})"
            parts.append(_bar(x + 0.5, 0, max(width - 1, 1), 22, kind, told))
            if width > 70:  # noqa: PLR2004  # as wide as a number
                parts.append(_text(x + 8, 15.5, f"{figures[name]:,}", "inside", "start"))
        x += width
    return _picture(
        f"yield-{number}",
        "What became of its answers",
        ", ".join(f"{called} {figures[name]:,}" for name, called, _ in PARTS),
        22,
        parts,
    )
