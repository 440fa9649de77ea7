# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of warehouse maps and of routes on them, for people.  Needs matplotlib.

The colours are those of Okabe and Ito (2008), which people with any kind of colour vision can tell apart; what
differs in colour differs in its line, hatch or marker too.
"""

from dataclasses import dataclass
from itertools import pairwise, product
from math import hypot
from pathlib import Path
from textwrap import fill
from typing import Final, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from scipy.spatial import KDTree
from shapely import Polygon
from shapely.geometry.polygon import orient

from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import DETAIL_CHARS_MAX
from fallback_guard.core.openness import Block, Openness, openness
from fallback_guard.core.warehouse import Edge, Node, Warehouse, Zone, ZoneKind
from fallback_guard.tools.map_route import Point, RouteOnMap

BLACK: Final = "#000000"
GREY: Final = "#8c8c8c"
DARK_GREY: Final = "#595959"
ORANGE: Final = "#E69F00"
SKY_BLUE: Final = "#56B4E9"
GREEN: Final = "#009E73"
BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"

_LONG_SIDE_IN: Final = 11.0
_SHORT_SIDE_IN: Final = 4.0
_MARGIN_IN: Final = 1.9
"""Room for the title, the axes' numbers and the legend."""

_DPI: Final = 150
_POINTS_PER_IN: Final = 72.0
_MARGIN_SHARE: Final = 0.03

_ARROWS_MAX: Final = 1_500
"""More cannot be told apart."""

_ARROW_PT: Final = 12.0

_VECTORS_MAX: Final = 5_000
"""A larger map is drawn as pixels within an SVG file, so that a viewer can open it."""

_ROUTE_ASIDE_PT: Final = 2.2
"""From an edge to the route along it."""

_NAMES_PT: Final = (7.0, 5.5)
"""Heights of letters to try for bins' names: the largest that fits is used, and none if none does."""

_TITLE_PT: Final = 10.0

_ZONE_PT: Final = 7.0
"""Height of a zone's number; a zone that is smaller goes without."""

_LETTER_SHARE: Final = 0.62
"""Width of a letter as a share of its height."""

_MIDDLE: Final = 0.5
_BEYOND_MIDDLE: Final = 0.7
"""Where on its edge an arrow stands: beyond the middle if the way back has one of its own."""

_LINE_SHARE: Final = 1.3
"""Height of a line as a share of its letters'."""


@dataclass(frozen=True, slots=True)
class _Look:
    label: str
    colour: str
    style: Literal["-", "--", ":"]
    width: float


_LOOKS: Final = {
    "two_way": _Look("both ways", GREY, "-", 1.2),
    "one_way": _Look("one way", SKY_BLUE, "-", 1.4),
    "limited": _Look("speed limit", ORANGE, "-", 1.4),
    Block.CLOSED: _Look("closed", BLACK, "--", 1.4),
    Block.KEEP_OUT: _Look("touches a keep-out zone", PURPLE, ":", 2.0),
}
"""Each kind of edge.  A one-way edge with a speed limit is drawn as limited, with an arrow."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """How large things are on paper: points for each metre, and marks that do not hide one another."""

    points_per_m: float
    mark_pt: float
    width: float
    vectors: bool


def draw_map(warehouse: Warehouse, path: Path, *, title: str, route: RouteOnMap | None) -> None:
    """Write a picture; the file's name ends in .png or .svg, and says which.

    Raises OSError for a file that cannot be written.
    """
    # Texts come from files and planners, so a dollar sign is one.  With the salt, SVG ids are no chance.
    with rc_context({"text.parse_math": False, "svg.hashsalt": "fallback_guard"}):
        figure = _figure(warehouse, title=title, route=route)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        figure.savefig(path, metadata=metadata)


def _figure(warehouse: Warehouse, *, title: str, route: RouteOnMap | None) -> Figure:
    at = np.array([(node.x, node.y) for node in warehouse.nodes.values()], dtype=np.float64)
    size_m = np.maximum(at.max(axis=0) - at.min(axis=0), 1.0) * (1 + 2 * _MARGIN_SHARE)
    scale_in_per_m = _LONG_SIDE_IN / float(size_m.max())
    width_in, height_in = (max(_SHORT_SIDE_IN, float(side) * scale_in_per_m) for side in size_m)
    figure = Figure(
        figsize=(width_in + 1.0, height_in + _MARGIN_IN), dpi=_DPI, layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    scale = _scale(at, scale_in_per_m * _POINTS_PER_IN)
    handles: list[Line2D | Patch] = []
    opened = openness(warehouse)
    for zone in warehouse.zones.values():
        _draw_zone(axes, zone, scale)
    handles += _zone_handles(warehouse)
    handles += _draw_edges(axes, warehouse, opened, scale)
    handles += _draw_nodes(axes, warehouse, scale)
    if route is not None:
        handles += _draw_route(axes, route, scale)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(_MARGIN_SHARE)
    axes.set_xlabel("x (m)")
    axes.set_ylabel("y (m)")
    # Matplotlib's own wrapping takes dollar signs for formulas, whatever its settings say.
    chars = int(width_in * _POINTS_PER_IN / (_TITLE_PT * _LETTER_SHARE))
    lines = [fill(line, chars) for line in _title(title, route).splitlines()]
    axes.set_title("\n".join(lines), fontsize=_TITLE_PT)
    axes.title.set_color(VERMILLION if route is not None and route.refusal else BLACK)
    figure.legend(
        handles=handles, loc="outside lower center", ncols=max(2, int(width_in // 1.9)), fontsize=8
    )
    return figure


def _title(name: str, route: RouteOnMap | None) -> str:
    title = printable(name, chars_max=DETAIL_CHARS_MAX)
    if route is None:
        return title
    if route.refusal:
        return f"{title}\nrefused: {printable(route.refusal, chars_max=DETAIL_CHARS_MAX)}"
    return f"{title}\nroute of {route.length_m:.1f} m with {len(route.stops)} stops"


def _scale(at: NDArray[np.float64], points_per_m: float) -> _Scale:
    apart = np.asarray(KDTree(at).query(at, k=[2])[0], dtype=np.float64)
    apart = apart[np.isfinite(apart) & (apart > 0)]
    gap_pt = float(np.median(apart)) * points_per_m if len(apart) else _POINTS_PER_IN
    return _Scale(
        points_per_m=points_per_m,
        mark_pt=min(4.0, max(0.4, gap_pt / 3)),
        width=min(1.0, max(0.25, gap_pt / 12)),
        vectors=len(at) <= _VECTORS_MAX,
    )


def _draw_zone(axes: Axes, zone: Zone, scale: _Scale) -> None:
    refuge = zone.kind is ZoneKind.REFUGE
    colour = GREEN if refuge else PURPLE
    active = zone.closed is not refuge
    # A hole is left out of a filled path if it runs round the other way.
    shape = orient(Polygon(zone.corners, zone.holes))
    rings = (shape.exterior, *shape.interiors)
    outline = Outline.make_compound_path(
        *(Outline(np.asarray(ring.coords), closed=True) for ring in rings)
    )
    axes.add_patch(
        PathPatch(
            outline,
            facecolor=f"{colour}33" if active else "none",
            edgecolor=colour,
            hatch=("..." if refuge else "///") if active else None,
            linestyle="-" if active else "--",
            linewidth=0.8,
            zorder=1,
        )
    )
    xs, ys = zip(*zone.corners, strict=True)
    if (max(xs) - min(xs)) * scale.points_per_m > _ZONE_PT:
        axes.annotate(
            str(zone.id),
            (max(xs), max(ys)),
            xytext=(1, 1),
            textcoords="offset points",
            fontsize=_ZONE_PT,
            color=colour,
            zorder=6,
        )


def _zone_handles(warehouse: Warehouse) -> list[Patch]:
    rows = (
        (ZoneKind.KEEP_OUT, True, "keep-out zone", PURPLE, "///"),
        (ZoneKind.KEEP_OUT, False, "keep-out zone, open", PURPLE, None),
        (ZoneKind.REFUGE, False, "refuge", GREEN, "..."),
        (ZoneKind.REFUGE, True, "refuge, closed", GREEN, None),
    )
    there = {(zone.kind, zone.closed) for zone in warehouse.zones.values()}
    return [
        Patch(
            facecolor=f"{colour}33" if hatch else "none",
            edgecolor=colour,
            hatch=hatch,
            linestyle="-" if hatch else "--",
            label=label,
        )
        for kind, closed, label, colour, hatch in rows
        if (kind, closed) in there
    ]


def _draw_edges(axes: Axes, warehouse: Warehouse, opened: Openness, scale: _Scale) -> list[Line2D]:
    kinds: dict[object, list[Edge]] = {}
    for edge in warehouse.edges.values():
        kinds.setdefault(_kind(edge, warehouse, opened), []).append(edge)
    handles = []
    arrows = False
    for order, (kind, look) in enumerate(_LOOKS.items()):
        if kind not in kinds:
            continue
        # Dashes of there and back would fill each other's gaps.
        pairs = {(edge.start, edge.end) for edge in kinds[kind]}
        once = [e for e in kinds[kind] if e.start < e.end or (e.end, e.start) not in pairs]
        lines = _ends(warehouse, once)
        width = look.width * scale.width
        axes.add_collection(
            LineCollection(
                list(lines),
                colors=look.colour,
                linestyles=look.style,
                linewidths=width,
                zorder=2 + order / 10,
                rasterized=not scale.vectors,
            )
        )
        handles.append(
            Line2D([], [], color=look.colour, linestyle=look.style, linewidth=2, label=look.label)
        )
        alone = [edge for edge in kinds[kind] if (edge.end, edge.start) not in warehouse.edges]
        unlike = [
            edge
            for edge in kinds[kind]
            if (edge.end, edge.start) in warehouse.edges
            and opened.blocked.get((edge.start, edge.end))
            is not opened.blocked.get((edge.end, edge.start))
        ]
        _draw_arrows(axes, _ends(warehouse, alone), look.colour, scale, _MIDDLE)
        _draw_arrows(axes, _ends(warehouse, unlike), look.colour, scale, _BEYOND_MIDDLE)
        arrows = arrows or bool(alone) or bool(unlike)
    if arrows:
        handles.append(
            Line2D([], [], linestyle="none", marker=">", color=GREY, label="one way, this way")
        )
    return handles


def _kind(edge: Edge, warehouse: Warehouse, opened: Openness) -> object:
    """Return the key of the edge's look."""
    back = (edge.end, edge.start)
    block = opened.blocked.get((edge.start, edge.end))
    if block is not None:
        return block
    if edge.speed_limit_mps is not None:
        return "limited"
    return "two_way" if back in warehouse.edges and back not in opened.blocked else "one_way"


def _ends(warehouse: Warehouse, edges: list[Edge]) -> NDArray[np.float64]:
    nodes = warehouse.nodes
    return np.array(
        [((nodes[e.start].x, nodes[e.start].y), (nodes[e.end].x, nodes[e.end].y)) for e in edges],
        dtype=np.float64,
    ).reshape(-1, 2, 2)


def _draw_arrows(
    axes: Axes, lines: NDArray[np.float64], colour: str, scale: _Scale, share: float
) -> None:
    """Put an arrow head at a share of the length of lines: of all, or of as many as can be told apart."""
    if not len(lines):
        return
    lines = lines[:: max(1, len(lines) // _ARROWS_MAX)]
    way = lines[:, 1] - lines[:, 0]
    length = np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-9)[:, None]
    head_m = min(_ARROW_PT / scale.points_per_m, float(np.median(length)) * 0.6)
    middle = lines[:, 0] + way * share - way / length * head_m / 2
    axes.quiver(
        *middle.T,
        *(way / length * head_m).T,
        angles="xy",
        scale_units="xy",
        scale=1,
        units="xy",
        width=head_m * 0.05,
        headwidth=14,
        headlength=19,
        headaxislength=17,
        minlength=0,
        color=colour,
        zorder=3,
        rasterized=not scale.vectors,
    )


def _draw_nodes(axes: Axes, warehouse: Warehouse, scale: _Scale) -> list[Line2D]:
    nodes = list(warehouse.nodes.values())
    refuges = set(openness(warehouse).refuges)
    rows = (
        ("bins", "s", BLACK, BLACK, [n for n in nodes if n.bins]),
        ("other node", "o", GREY, "white", [n for n in nodes if not n.bins]),
        ("no waiting", "x", VERMILLION, VERMILLION, [n for n in nodes if n.no_waiting]),
        ("a picker may wait", "^", GREEN, GREEN, [n for n in nodes if n.id in refuges]),
    )
    handles = []
    for order, (label, marker, edge, face, found) in enumerate(rows):
        if not found:
            continue
        size = scale.mark_pt * (1.6 if marker in "x^" else 1.0)
        axes.plot(
            [n.x for n in found],
            [n.y for n in found],
            linestyle="none",
            marker=marker,
            markersize=size,
            markeredgecolor=edge,
            markerfacecolor=face,
            markeredgewidth=scale.mark_pt / 5,
            zorder=4 + order / 10,
            rasterized=not scale.vectors,
        )
        handles.append(
            Line2D(
                [],
                [],
                linestyle="none",
                marker=marker,
                markersize=6,
                markeredgecolor=edge,
                markerfacecolor=face,
                label=label,
            )
        )
    _draw_names(axes, nodes, scale)
    return handles


def _draw_names(axes: Axes, nodes: list[Node], scale: _Scale) -> None:
    """Write beside each node its bins, or the first of them, or its id, if all find room."""
    if not scale.vectors:
        return
    places: dict[Point, list[Node]] = {}
    for node in nodes:
        places.setdefault((round(node.x, 6), round(node.y, 6)), []).append(node)
    at = np.array(list(places)).reshape(-1, 2) * scale.points_per_m
    in_full = [" ".join(map(_name, here)) for here in places.values()]
    shortened = [" ".join(map(_short_name, here)) for here in places.values()]
    for names, height_pt in product((in_full, shortened), _NAMES_PT):
        width_pt = max(map(len, names), default=0) * height_pt * _LETTER_SHARE + scale.mark_pt
        # Squeezed so that two names in each other's way are less than 1 apart in both directions.
        squeezed = at / (width_pt, height_pt * _LINE_SHARE)
        if KDTree(squeezed).query_pairs(0.99, p=np.inf):
            continue
        for (place, here), name in zip(places.items(), names, strict=True):
            axes.annotate(
                name,
                place,
                xytext=(scale.mark_pt, -height_pt),  # below a way that runs along the text
                textcoords="offset points",
                fontsize=height_pt,
                color=BLACK if any(node.bins for node in here) else DARK_GREY,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.4},
                zorder=6,
            )
        return


def _name(node: Node) -> str:
    return " ".join(node.bins) or str(node.id)


def _short_name(node: Node) -> str:
    return f"{node.bins[0]} +{len(node.bins) - 1}" if len(node.bins) > 1 else _name(node)


def _draw_route(axes: Axes, route: RouteOnMap, scale: _Scale) -> list[Line2D]:
    colour = VERMILLION if route.refusal else BLUE
    style: Literal["-", "--"] = "--" if route.refusal else "-"
    label = "refused route" if route.refusal else "route, drawn right of its way"
    _draw_way(axes, route.way, colour, style, scale)
    both = route.start == route.goal
    for place, marker, name in ((route.start, "D", "start"), (route.goal, "*", "goal")):
        axes.plot(*place, marker=marker, markersize=11, color=colour, zorder=7)
        if not (both and name == "goal"):
            axes.annotate(
                "start and goal" if both else name,
                place,
                xytext=(9, 5),
                textcoords="offset points",
                fontsize=9,
                color=colour,
                zorder=9,
            )
    numbers: dict[Point, list[str]] = {}
    for number, place in enumerate(route.stops, start=1):
        numbers.setdefault(place, []).append(str(number))
    for place, said in numbers.items():
        axes.annotate(
            ",".join(said),
            place,
            ha="center",
            va="center",
            fontsize=8,
            color="white",
            bbox={"boxstyle": "circle,pad=0.25", "facecolor": colour, "edgecolor": "white"},
            zorder=8,
        )
    return [
        Line2D([], [], color=colour, linestyle=style, linewidth=3, label=label),
        Line2D([], [], linestyle="none", marker="D", color=colour, label="start"),
        Line2D([], [], linestyle="none", marker="*", markersize=9, color=colour, label="goal"),
    ]


def _draw_way(
    axes: Axes, way: tuple[Point, ...], colour: str, style: Literal["-", "--"], scale: _Scale
) -> None:
    """Draw each piece a little to the right of its edge, so that there and back can be told apart."""
    for (x, y), (end_x, end_y) in pairwise(way):
        length_m = hypot(end_x - x, end_y - y)
        if length_m == 0:
            continue
        aside = _ROUTE_ASIDE_PT / scale.points_per_m / length_m
        right_x, right_y = (end_y - y) * aside, (x - end_x) * aside
        start, end = (x + right_x, y + right_y), (end_x + right_x, end_y + right_y)
        axes.plot(
            *zip(start, end, strict=True), color=colour, linestyle=style, linewidth=2.2, zorder=5
        )
        axes.annotate(
            "",
            ((start[0] * 0.499 + end[0] * 0.501), (start[1] * 0.499 + end[1] * 0.501)),
            xytext=((start[0] + end[0]) / 2, (start[1] + end[1]) / 2),
            arrowprops={"arrowstyle": "-|>", "color": colour, "mutation_scale": 15},
            zorder=6,
        )
