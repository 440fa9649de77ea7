# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The distributions of a timing run, as pictures."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the choice of what draws
from matplotlib.axes import Axes

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
    panels = [
        (draw_in, taken_ms)
        for draw_in, taken_ms in (
            (partial(_late, deadline_ms=deadline_ms), decisions_ms),
            (_come, answers_ms),
        )
        if any(taken_ms.values())
    ]
    if not panels:
        return
    figure, axes = plt.subplots(
        1, len(panels), figsize=(6.5 * len(panels), 5.2), constrained_layout=True, squeeze=False
    )
    for (draw_in, taken_ms), ax in zip(panels, axes[0], strict=True):
        draw_in(ax, taken_ms)
        ax.grid(visible=True, which="both", alpha=0.25)
        ax.legend(fontsize="small", loc="best")
    figure.savefig(file, dpi=_DPI)
    plt.close(figure)


def _late(ax: Axes, decisions_ms: Mapping[str, Sequence[float]], *, deadline_ms: float) -> None:
    for name, taken_ms in decisions_ms.items():
        ordered = np.sort(np.asarray(taken_ms, dtype=np.float64))
        share_later = 1.0 - np.arange(len(ordered)) / max(1, len(ordered))
        ax.step(ordered, share_later, where="pre", label=f"{name} ({len(ordered):,})")
    ax.axvline(deadline_ms, color="crimson", linewidth=1.2, label=f"deadline, {deadline_ms:g} ms")
    ax.set(yscale="log", xlabel="from falling due to the safe move's arrival (ms)")
    ax.set_ylabel("share that came later")
    ax.set_title("Safe moves of silent requests")


def _come(ax: Axes, answers_ms: Mapping[str, Sequence[float]]) -> None:
    for name, taken_ms in answers_ms.items():
        ordered = np.sort(np.asarray(taken_ms, dtype=np.float64))
        share = np.arange(1, len(ordered) + 1) / max(1, len(ordered))
        ax.step(ordered, share, where="post", label=f"{name} ({len(ordered):,})")
    ax.set(xscale="log", xlabel="from publishing to arrival (ms)", ylabel="share that had come")
    ax.set_title("Valid answers, staged routes, and the relay")
