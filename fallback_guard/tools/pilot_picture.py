# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pilot as a picture: throughput, plans that end in a halt, and time halted, arm by arm with their intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_guard.pilot.arms import ARMS
from fallback_guard.pilot.figures import FIGURES
from fallback_guard.pilot.tally import total
from fallback_guard.tools.pilot_view import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS: Final = (
    ("throughput", ("throughput",)),
    ("share of plans that end in a halt", ("plans_halted_unusable", "plans_halted_no_answer")),
    ("share of time halted", ("time_halted_unusable", "time_halted_no_answer")),
)
_WHOLE: Final = {1: "plans_halted", 2: "time_halted"}
_COLOURS: Final = {
    "throughput": "#4477aa",
    "plans_halted_unusable": "#cc3311",
    "plans_halted_no_answer": "#ee9944",
    "time_halted_unusable": "#cc3311",
    "time_halted_no_answer": "#ee9944",
}
_LEGEND: Final = {
    "plans_halted_unusable": "unusable answer",
    "plans_halted_no_answer": "no answer in time",
}


def draw(result: Result, path: Path) -> None:
    """Draw it to a file; the name's ending says in which format."""
    import matplotlib as mpl  # noqa: PLC0415  # takes a second, and only --out wants it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = list(result.arms)
    height = 1.8 + 0.45 * len(names)
    figure, panels = plt.subplots(1, len(_PANELS), figsize=(15, height), sharey=True)
    for place, (axes, (title, figures)) in enumerate(zip(panels, _PANELS, strict=True)):
        _panel(axes, result, figures, _WHOLE.get(place, figures[0]))
        axes.set_title(title, fontsize=11, loc="left")
    first = panels[0]
    first.set_yticks(
        range(len(names)), [f"{name}\n{ARMS[name].says}" for name in names], fontsize=7
    )
    first.invert_yaxis()
    handles, labels = panels[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", ncols=2, frameon=False, fontsize=9)
    counts = total(result.arms[names[0]]) if names else total([])
    figure.suptitle(
        f"The pilot, played again: {counts.asked:,} picks an arm, the same faults in each; bars: 95 % intervals",
        fontsize=12,
        x=0.01,
        ha="left",
    )
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _panel(axes: "Axes", result: Result, figures: Sequence[str], whole: str) -> None:
    """Draw one figure of every arm: its parts one after the other, the interval of the whole, and its value."""
    names = list(result.arms)
    begins = [0.0] * len(names)
    for figure in figures:
        values = [result.interval(name, figure).value for name in names]
        axes.barh(
            range(len(names)),
            values,
            left=begins,
            color=_COLOURS[figure],
            height=0.62,
            label=_LEGEND.get(figure),
        )
        begins = [begin + value for begin, value in zip(begins, values, strict=True)]
    intervals = [result.interval(name, whole) for name in names]
    axes.errorbar(
        [each.value for each in intervals],
        range(len(names)),
        xerr=[
            [each.value - each.low for each in intervals],
            [min(each.high, 100 * each.value + 1) - each.value for each in intervals],
        ],
        fmt="none",
        ecolor="black",
        capsize=2,
        linewidth=1,
    )
    widest = max((each.value for each in intervals), default=0.0) or 1.0
    for place, each in enumerate(intervals):
        text = f"{each.value:,.0f}" if widest > 1_000 else f"{each.value:.3g} %"  # noqa: PLR2004
        axes.text(each.value + 0.02 * widest, place, f" {text}", va="center", fontsize=8)
    axes.set_xlim(0, 1.22 * widest)
    axes.set_xlabel(FIGURES[whole].unit, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
