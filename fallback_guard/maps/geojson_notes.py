# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a map file says that the guard does not go by: no reason to refuse it, and worth a look."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, TypeGuard

from fallback_guard.core.identifiers import printable
from fallback_guard.core.warehouse import Node, Pair

EXAMPLES_MAX: Final = 5
"""Names in one note or warning; the others are counted."""

_END_TOLERANCE_M: Final = 0.5
"""How far an edge's line may end from the node it names, before it is worth a note."""

_FRAMES_MAX: Final = 3
"""Different frames named in a note."""

_DEGREES_CRS: Final = ("4326", "CRS84")
"""In the names of coordinate systems that count in degrees of longitude and latitude."""

_LINE_POINTS: Final = 2

_IN_METADATA: Final = ("abs_speed_limit", "bins", "closed", "no_waiting")
"""Keys that belong in `metadata`, and mean nothing beside it."""


def listed(names: Sequence[object]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - EXAMPLES_MAX
    text = ", ".join(str(name) for name in names[:EXAMPLES_MAX])
    return f"{text} and {more} more" if more > 0 else text


class Notes:
    """Collects notes while a file is read."""

    def __init__(self) -> None:
        """Begin with none."""
        self._loops: list[int] = []
        self._twins: list[str] = []
        self._repeated: list[str] = []
        self._drawn_otherwise: list[int] = []
        self._relative_limits: list[int] = []
        self._beside_metadata: list[str] = []
        self._frames: set[str] = set()
        self._reach = (0.0, 0.0)

    def see_node(self, node: int, properties: object, x: float, y: float) -> None:
        """Take note of a node's frame, of how far from the origin it is, and of keys out of place."""
        self._see_keys(f"node {node}", properties)
        frame = properties.get("frame") if isinstance(properties, dict) else None
        if isinstance(frame, str) and len(self._frames) < _FRAMES_MAX:
            self._frames.add(printable(frame))
        self._reach = (max(self._reach[0], abs(x)), max(self._reach[1], abs(y)))

    def see_edge(self, edge: int, properties: object) -> None:
        """Take note of a speed limit that is relative to the robot's speed, and of keys out of place."""
        self._see_keys(f"edge {edge}", properties)
        metadata = properties.get("metadata") if isinstance(properties, dict) else None
        if (
            isinstance(metadata, dict)
            and metadata.get("speed_limit") is not None
            and metadata.get("abs_speed_limit") is None
        ):
            self._relative_limits.append(edge)

    def see_zone(self, zone: int, properties: object) -> None:
        """Take note of keys out of place."""
        self._see_keys(f"zone {zone}", properties)

    def _see_keys(self, name: str, properties: object) -> None:
        if isinstance(properties, dict):
            found = [key for key in _IN_METADATA if properties.get(key) is not None]
            self._beside_metadata += [f"{key} of {name}" for key in found]

    def see_line(self, edge: int, geometry: object, start: Node, end: Node) -> None:
        """Take note of an edge that is not drawn as a straight line from its start to its end."""
        drawn = _points(geometry.get("coordinates") if isinstance(geometry, dict) else None)
        if len(drawn) != _LINE_POINTS or any(
            abs(x - node.x) + abs(y - node.y) > _END_TOLERANCE_M
            for (x, y), node in zip(drawn, (start, end), strict=True)
        ):
            self._drawn_otherwise.append(edge)

    def loop(self, edge: int) -> None:
        """Take note of an edge that was left out because it ends where it starts."""
        self._loops.append(edge)

    def twin(self, edge: int, other: int) -> None:
        """Take note of two edges between the same two nodes."""
        self._twins.append(f"{min(edge, other)} and {max(edge, other)}")

    def repeated(self, edge: int, left_out: Pair, kept: Pair) -> None:
        """Take note of a second way of the same id at the same place, which was left out."""
        self._repeated.append(
            f"{edge} from {left_out[0]} to {left_out[1]}, beside {kept[0]} to {kept[1]}"
        )

    def texts(self, *, crs: object) -> tuple[str, ...]:
        """Return a sentence for each kind of note; `crs` is that member of the collection."""
        kinds: tuple[tuple[Sequence[object], str], ...] = (
            (self._loops, "edges that end where they start are left out"),
            (self._twins, "edges between the same two nodes are one way, closed by either id"),
            (self._repeated, "edges with the id of another at the same place are left out"),
            (
                self._drawn_otherwise,
                (
                    "edges are not drawn straight from start to end; the guard, like Nav2, "
                    "goes straight from node to node"
                ),
            ),
            (
                self._relative_limits,
                (
                    "edges have a speed_limit relative to the robot's speed, which the guard does not "
                    "know; it reads abs_speed_limit (m/s)"
                ),
            ),
            (
                self._beside_metadata,
                "properties are ignored, because they stand beside metadata instead of in it",
            ),
            (
                sorted(self._frames) if len(self._frames) > 1 else (),
                "frames are named; the guard takes all coordinates to be in one",
            ),
        )
        texts = [f"{text}: {listed(found)}" for found, text in kinds if found]
        if _in_degrees(crs) and self._reach[0] <= 180 and self._reach[1] <= 90:  # noqa: PLR2004
            texts.append(
                "the file says that it counts in degrees (EPSG:4326), "
                "and its coordinates look so; the guard takes them for metres"
            )
        return tuple(texts)


def _points(drawn: object) -> list[tuple[float, float]]:
    """Return the first positions, one more than a straight line has, in a line or in the parts of one."""
    return list(islice(_positions(drawn), _LINE_POINTS + 1))


def _positions(drawn: object) -> Iterator[tuple[float, float]]:
    # A line holds positions and a multi-line holds lines: two levels, and nothing below is looked at.
    for part in drawn if isinstance(drawn, list) else ():
        for at in part if _is_list_of_lists(part) else [part]:
            if (
                isinstance(at, list)
                and len(at) >= 2  # noqa: PLR2004
                and type(at[0]) in (int, float)
                and type(at[1]) in (int, float)
            ):
                yield at[0], at[1]


def _is_list_of_lists(part: object) -> TypeGuard[list[object]]:
    return isinstance(part, list) and bool(part) and isinstance(part[0], list)


def _in_degrees(crs: object) -> bool:
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return isinstance(name, str) and any(part in name for part in _DEGREES_CRS)
