# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The simulated warehouse: a world for Gazebo, from the map that the guard uses.

The map says where the ways, bins and zones are, and nothing else; hall, shelves and goods are made up around them.
The same map, specification and version of this module give the same bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Final

from fallback_guard.core.warehouse import Warehouse
from fallback_guard.maps.floor_marks import floor_marks
from fallback_guard.maps.sdf_elements import (
    SDF_VERSION,
    Box,
    Colour,
    collision,
    element,
    material,
    numbers,
    plugin,
    pose,
    static_model,
    visual,
)
from fallback_guard.maps.shelves import BinPlace, Shelf, Shelving, shelving

WORLD_NAME: Final = "warehouse"

SEED_MAX: Final = 2**31 - 1

REAL_TIME_FACTOR_MIN: Final = 0.01
REAL_TIME_FACTOR_MAX: Final = 100.0

BINS_DRAWN_MAX: Final = 2_000
"""Each is an entity of the simulation; of more than that only bare shelves are drawn, so that it still starts."""

STEP_S: Final = 0.005
"""Of the physics: the picker drives as truly as with 0.002, and its sensors' periods are whole numbers of it.

With every step the clock is told to every node that goes by it, which costs a node in Python about a millisecond.
"""

_MARGIN_M: Final = 2.0
"""From what is in the hall to its walls."""

_WALL_M: Final = 0.15
_WALL_HEIGHT_M: Final = 1.2
"""Over the lidar's plane, and low enough to look over."""

_PLINTH_M: Final = 0.35
"""What closes a shelf at the bottom, so that the lidar sees the outline that robots bump into."""

_LEVEL_M: Final = 0.45
_BOARD_M: Final = 0.03
_FRAME_M: Final = 0.06
_FRAMES_APART_M: Final = 2.7
_PLATE_M: Final = 0.05

_FLOOR: Final = Colour(red=0.62, green=0.62, blue=0.6)
_WALL: Final = Colour(red=0.85, green=0.85, blue=0.82)
_FRAME: Final = Colour(red=0.05, green=0.2, blue=0.55)
_BOARD: Final = Colour(red=0.9, green=0.45, blue=0.1)
_PLINTH: Final = Colour(red=0.3, green=0.3, blue=0.32)
_PLATE: Final = Colour(red=0.95, green=0.95, blue=0.95)
_MARKED_BIN: Final = Colour(red=0.1, green=0.35, blue=0.7)
_GOODS: Final = (
    Colour(red=0.72, green=0.55, blue=0.35),
    Colour(red=0.65, green=0.48, blue=0.28),
    Colour(red=0.55, green=0.42, blue=0.27),
    Colour(red=0.35, green=0.5, blue=0.62),
    Colour(red=0.45, green=0.45, blue=0.42),
)

_SPLITMIX: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_SPLITMIX_STEP: Final = 0x9E3779B97F4A7C15
_MASK: Final = 2**64 - 1


class WorldSpecError(ValueError):
    """A specification that no world can follow.  The message names the field and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSpec:
    """What is chosen about a world: the looks of the goods, and how fast simulated time is to pass.

    With a `real_time_factor` of 0.5 two seconds of real time are one of simulated time.  A machine that is too slow
    for it simulates more slowly.
    """

    seed: int = 1
    real_time_factor: float = 1.0

    def __post_init__(self) -> None:
        """Raise WorldSpecError for what cannot be simulated."""
        if not 0 <= self.seed <= SEED_MAX:
            raise WorldSpecError(f"seed is {self.seed}. Choose one from 0 to {SEED_MAX}")
        factor = self.real_time_factor
        if not (isfinite(factor) and REAL_TIME_FACTOR_MIN <= factor <= REAL_TIME_FACTOR_MAX):
            raise WorldSpecError(
                f"real_time_factor is {factor}. "
                f"Choose one from {REAL_TIME_FACTOR_MIN} to {REAL_TIME_FACTOR_MAX:.0f}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A world: the file, the hall's size (m), what stands in it, and how many of the bins are drawn."""

    sdf: bytes
    length_m: float
    depth_m: float
    shelving: Shelving
    bins_drawn: int


def sdf_world(warehouse: Warehouse, spec: WorldSpec) -> World:
    """Return the world of a warehouse."""
    stands = shelving(warehouse)
    drawn = len(warehouse.bins) if len(warehouse.bins) <= BINS_DRAWN_MAX else 0
    hall = _hall(warehouse, stands)
    models = [
        static_model("hall", *_floor_and_walls(hall)),
        static_model(
            "floor_marks",
            *floor_marks(warehouse),
            *(_marked_bins(warehouse, stands) if drawn else ()),
        ),
        *(
            static_model(
                f"shelf_{number}",
                *_shelf(shelf, spec.seed, with_bins=drawn > 0),
                at=pose(shelf.x, shelf.y, 0.0, shelf.yaw),
            )
            for number, shelf in enumerate(stands.shelves, start=1)
        ),
    ]
    world = element("world", *_systems(spec), *_light(), *models, name=WORLD_NAME)
    text = f'<?xml version="1.0"?>\n{element("sdf", world, version=SDF_VERSION)}\n'
    return World(
        sdf=text.encode("ascii"),
        length_m=hall.length_m,
        depth_m=hall.depth_m,
        shelving=stands,
        bins_drawn=drawn,
    )


def _systems(spec: WorldSpec) -> Iterator[str]:
    yield element(
        "physics",
        element("max_step_size", numbers(STEP_S)),
        element("real_time_factor", numbers(spec.real_time_factor)),
        name="steps",
        type="ode",
    )
    yield plugin("physics", "Physics")
    yield plugin("user-commands", "UserCommands")
    yield plugin("scene-broadcaster", "SceneBroadcaster")
    yield plugin("sensors", "Sensors", element("render_engine", "ogre2"))
    yield plugin("imu", "Imu")


def _light() -> Iterator[str]:
    yield element(
        "scene",
        element("ambient", numbers(0.6, 0.6, 0.6, 1.0)),
        element("background", numbers(0.75, 0.78, 0.8, 1.0)),
        element("shadows", "true"),
    )
    yield element(
        "light",
        pose(0.0, 0.0, 10.0),
        element("cast_shadows", "true"),
        element("diffuse", numbers(0.7, 0.7, 0.7, 1.0)),
        element("specular", numbers(0.1, 0.1, 0.1, 1.0)),
        element("direction", numbers(-0.3, 0.2, -0.9)),
        name="lamps",
        type="directional",
    )


def _hall(warehouse: Warehouse, stands: Shelving) -> Box:
    """Return the hall's floor and height: around all nodes, zones and shelves."""
    corners = [(node.x, node.y) for node in warehouse.nodes.values()]
    corners += [corner for zone in warehouse.zones.values() for corner in zone.corners]
    corners += [
        (float(x), float(y)) for shelf in stands.shelves for x, y in shelf.outline.exterior.coords
    ]
    (low_x, high_x), (low_y, high_y) = (
        (min(axis) - _MARGIN_M, max(axis) + _MARGIN_M) for axis in zip(*corners, strict=True)
    )
    return Box(
        x=(low_x + high_x) / 2,
        y=(low_y + high_y) / 2,
        z=0.0,
        length_m=high_x - low_x,
        depth_m=high_y - low_y,
        height_m=_WALL_HEIGHT_M,
    )


def _floor_and_walls(hall: Box) -> Iterator[str]:
    plane = element(
        "geometry",
        element(
            "plane",
            element("normal", "0 0 1"),
            element("size", numbers(hall.length_m, hall.depth_m)),
        ),
    )
    at = pose(hall.x, hall.y, 0.0)
    yield element("collision", at, plane, name="floor_collision")
    yield element(
        "visual", at, element("cast_shadows", "false"), plane, material(_FLOOR), name="floor"
    )
    along_x, along_y = hall.length_m + 2 * _WALL_M, hall.depth_m
    off_x, off_y = (hall.length_m + _WALL_M) / 2, (hall.depth_m + _WALL_M) / 2
    for name, x, y, length_m, depth_m in (
        ("south", 0.0, -off_y, along_x, _WALL_M),
        ("north", 0.0, off_y, along_x, _WALL_M),
        ("west", -off_x, 0.0, _WALL_M, along_y),
        ("east", off_x, 0.0, _WALL_M, along_y),
    ):
        wall = Box(
            x=hall.x + x,
            y=hall.y + y,
            z=_WALL_HEIGHT_M / 2,
            length_m=length_m,
            depth_m=depth_m,
            height_m=_WALL_HEIGHT_M,
        )
        yield collision(f"wall_{name}_collision", wall)
        yield visual(f"wall_{name}", wall, _WALL)


def _shelf(shelf: Shelf, seed: int, *, with_bins: bool) -> Iterator[str]:
    """Yield what a shelf is made of, in its own frame: to bump into one box, to look at its parts."""
    length_m, depth_m = shelf.length_m, shelf.depth_m
    height_m = _PLINTH_M + shelf.levels * _LEVEL_M

    def full(z: float, height_m: float) -> Box:
        return Box(x=0.0, y=0.0, z=z, length_m=length_m, depth_m=depth_m, height_m=height_m)

    yield collision("shelf", full(height_m / 2, height_m))
    yield visual("plinth", full(_PLINTH_M / 2, _PLINTH_M), _PLINTH)
    for level in range(1, shelf.levels + 1):
        board = full(_PLINTH_M + level * _LEVEL_M - _BOARD_M / 2, _BOARD_M)
        yield visual(f"board_{level}", board, _BOARD)
    frames = ceil(length_m / _FRAMES_APART_M) if with_bins else 1
    for number in range(frames + 1):
        frame = Box(
            x=(number / frames - 0.5) * (length_m - _FRAME_M),
            y=0.0,
            z=height_m / 2,
            length_m=_FRAME_M,
            depth_m=depth_m + _BOARD_M,
            height_m=height_m,
        )
        yield visual(f"frame_{number}", frame, _FRAME)
    if with_bins:
        for place in shelf.bins:
            yield from _bin(place, depth_m, seed)


def _bin(place: BinPlace, depth_m: float, seed: int) -> Iterator[str]:
    """Yield the goods in a bin, which bear its name, and the plate below them."""
    chance = _Chance(seed, place.name)
    width_m = place.width_m * (0.6 + 0.3 * chance.share())
    height_m = (_LEVEL_M - _BOARD_M) * (0.45 + 0.45 * chance.share())
    goods_depth_m = depth_m * (0.6 + 0.3 * chance.share())
    bottom_m = _PLINTH_M + place.level * _LEVEL_M
    name = _entity_name(place.name)
    goods = Box(
        x=place.along_m,
        y=(goods_depth_m - depth_m) / 2 + _BOARD_M,
        z=bottom_m + height_m / 2,
        length_m=width_m,
        depth_m=goods_depth_m,
        height_m=height_m,
    )
    plate = Box(
        x=place.along_m,
        y=-(depth_m + _BOARD_M) / 2,
        z=bottom_m - _PLATE_M / 2,
        length_m=min(0.2, place.width_m / 2),
        depth_m=_BOARD_M / 2,
        height_m=_PLATE_M,
    )
    yield visual(f"bin_{name}", goods, chance.choice(_GOODS))
    yield visual(f"plate_{name}", plate, _PLATE, shadows=False)


def _marked_bins(warehouse: Warehouse, stands: Shelving) -> Iterator[str]:
    """Yield a mark on the floor for each node with bins beside which no shelf has room."""
    for number in sorted({warehouse.bins[name] for name in stands.without}):
        node = warehouse.nodes[number]
        mark = Box(x=node.x, y=node.y, z=0.008, length_m=0.4, depth_m=0.4, height_m=0.004)
        yield visual(f"bins_at_{number}", mark, _MARKED_BIN, shadows=False)


def _entity_name(identifier: str) -> str:
    """Return an identifier as a part of a name in SDF, where two colons part a name from its scope."""
    return identifier.replace(":", "%3A")


class _Chance:
    """Numbers that look like chance and follow from a seed and a name: SplitMix64, on every machine the same."""

    def __init__(self, seed: int, name: str) -> None:
        self._state = seed
        for byte in name.encode("ascii"):
            self._state = (self._state * 257 + byte + 1) & _MASK

    def share(self) -> float:
        """Return a number from 0 to less than 1."""
        self._state = (self._state + _SPLITMIX_STEP) & _MASK
        mixed = self._state
        for shift, factor in _SPLITMIX:
            mixed = ((mixed ^ (mixed >> shift)) * factor) & _MASK
        return float((mixed ^ (mixed >> 31)) >> 11) / 2**53

    def choice(self, among: tuple[Colour, ...]) -> Colour:
        """Return one of several."""
        return among[int(self.share() * len(among))]
