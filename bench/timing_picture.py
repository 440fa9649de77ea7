"""The distributions of a timing run, as pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the choice of what draws

_FEWEST: Final = 2
_DPI: Final = 120


def draw(
    file: Path,
    *,
    decisions_ms: Mapping[str, Sequence[float]],
    answers_ms: Mapping[str, Sequence[float]],
    deadline_ms: float,
) -> None:
    """Draw the share of decisions that came later than a time, and how long answers took to become routes.

    Both by scenario, in milliseconds; the left one has the deadline as a line and a logarithmic share, so that one
    late decision in ten thousand can be seen.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.2), constrained_layout=True)
    for name, taken_ms in decisions_ms.items():
        ordered = np.sort(np.asarray(taken_ms, dtype=np.float64))
        if len(ordered) >= _FEWEST:
            share_later = 1.0 - np.arange(len(ordered)) / len(ordered)
            left.step(ordered, share_later, where="pre", label=f"{name} ({len(ordered):,})")
    left.axvline(deadline_ms, color="crimson", linewidth=1.2)
    left.annotate(
        f"deadline {deadline_ms:g} ms",
        (deadline_ms, 1.0),
        xytext=(4, -4),
        textcoords="offset points",
        color="crimson",
        va="top",
    )
    left.set(yscale="log", xlabel="from falling due to the safe move's arrival (ms)")
    left.set_ylabel("share that came later")
    left.set_title("Safe moves of silent requests")
    for name, taken_ms in answers_ms.items():
        ordered = np.sort(np.asarray(taken_ms, dtype=np.float64))
        if len(ordered) >= _FEWEST:
            share = np.arange(1, len(ordered) + 1) / len(ordered)
            right.step(ordered, share, where="post", label=f"{name} ({len(ordered):,})")
    right.set(xscale="log", xlabel="from publishing to arrival (ms)", ylabel="share that had come")
    right.set_title("Valid answers, staged routes, and the relay")
    for axes in (left, right):
        axes.grid(visible=True, which="both", alpha=0.25)
        if axes.has_data() and axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small", loc="best")
    figure.savefig(file, dpi=_DPI)
    plt.close(figure)
