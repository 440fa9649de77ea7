# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard map`: look at a warehouse map, draw it, make one, convert one, or build its world for Gazebo."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from fallback_guard.maps.block_warehouse import (
    BlockSpec,
    SpecError,
    block_warehouse,
    spec_for_bins,
)
from fallback_guard.maps.geojson import MapFile, read_file, read_map, read_map_file
from fallback_guard.maps.lif import read_lif
from fallback_guard.maps.sdf_world import World, WorldSpec, WorldSpecError, sdf_world
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.map_route import RouteOnMap, route_on_map
from fallback_guard.tools.map_summary import summary
from fallback_guard.tools.task import shown
from fallback_guard.tools.words import Word, add_word

DOES: Final = "Check a warehouse map, draw it, generate or convert one, build its world for Gazebo."
EXAMPLE: Final = """\
  fallback-guard map check config/sample_warehouse.geojson
  fallback-guard map draw config/sample_warehouse.geojson warehouse.png
  fallback-guard map generate 1000 --write warehouse.geojson
  fallback-guard map import test/maps/two_vehicles.lif.json --vehicle-type picker \\
    --layout-id ground --write imported.geojson
  fallback-guard map world config/sample_warehouse.geojson world.sdf

`fallback-guard map WORD --help` tells more.  docs/map.md describes the format.
exit codes: 0 done, 1 the drawn route is refused, 2 unusable map or arguments"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the word, and what it takes."""
    words = parser.add_subparsers(dest="word", required=True, metavar="word")
    for name, word in _WORDS.items():
        add_word(words, name, word)


def run(options: argparse.Namespace) -> int:
    """Run the word."""
    return _WORDS[options.word].run(options)


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("map", type=Path, metavar="M", help="GeoJSON map of the warehouse")


def _check(options: argparse.Namespace) -> int:
    sys.stdout.write(summary(str(options.map), read_map_file(options.map)))
    return 0


def _draw_arguments(parser: argparse.ArgumentParser) -> None:
    _check_arguments(parser)
    parser.add_argument("picture", type=Path, metavar="OUT", help="what to write: .png or .svg")
    parser.add_argument(
        "--route",
        type=Path,
        metavar="ROUTE",
        help="a route to judge and draw, as a planner says it",
    )
    parser.add_argument(
        "--request", type=Path, metavar="R", help="the pick request that the route answers"
    )


def _draw(options: argparse.Namespace) -> int:
    if (options.route is None) is not (options.request is None):
        raise UsageError("--route and --request belong together. Give both, or neither")
    for source in (options.map, options.route, options.request):
        if source is not None:
            _keep(source, options.picture)
    if options.picture.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"{options.picture}: its name does not end in .png or .svg. Choose one")
    try:
        # Only the drawing needs matplotlib, the other words work without.
        from fallback_guard.tools.map_drawing import draw_map  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            f"drawing needs matplotlib, which is not here ({error}). "
            "Install it: pip install 'matplotlib>=3.7,<4'"
        ) from error
    warehouse = read_map_file(options.map).warehouse
    route: RouteOnMap | None = None
    if options.route is not None:
        route = route_on_map(warehouse, request=options.request, route=options.route)
    try:
        draw_map(warehouse, options.picture, title=options.map.name, route=route)
    except OSError as error:
        raise UsageError(f"{options.picture}: it cannot be written ({error.strerror})") from error
    if route is not None and route.refusal:
        sys.stdout.write(f"refused: {route.refusal}\n")
        return 1
    return 0


def _generate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bins", nargs="?", type=int, metavar="BINS", help="how many bins; the layout follows"
    )
    parser.add_argument("--aisles", type=int, help="picking aisles, with --bays instead of BINS")
    parser.add_argument("--bays", type=int, help="picking positions in an aisle of one block")
    parser.add_argument(
        "--cross-aisles", type=int, help="front, back and those between (default: 2)"
    )
    parser.add_argument("--levels", type=int, help="bins above one another (default: 1)")
    parser.add_argument("--depots", type=int, help="depots along the front (default: 1)")
    parser.add_argument("--refuges", type=int, help="at the ends of cross aisles (default: 2)")
    parser.add_argument("--keep-outs", type=int, help="closed pieces of the back cross aisle")
    parser.add_argument("--aisle-speed-limit", type=float, metavar="MPS", help="in aisles (m/s)")
    parser.add_argument(
        "--one-way", action="store_true", help="aisles are driven up, down, up, ..."
    )
    parser.add_argument(
        "--no-waiting", action="store_true", help="pickers retreat from aisles to a refuge"
    )
    _write_argument(parser)


def _write_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--write", required=True, type=Path, metavar="OUT", help="the GeoJSON map to write"
    )


def _generate(options: argparse.Namespace) -> int:
    try:
        spec = _spec(options)
    except SpecError as error:
        raise UsageError(str(error)) from error
    data = block_warehouse(spec)
    _write(options.write, data)
    sys.stdout.write(summary(str(options.write), read_map(data, source=str(options.write))))
    return 0


def _spec(options: argparse.Namespace) -> BlockSpec:
    """Return what the options ask for; those not given keep the specification's own values."""
    if options.bins is None:
        if options.aisles is None or options.bays is None:
            raise UsageError("how large? Give BINS, or --aisles and --bays")
        spec = BlockSpec(aisles=options.aisles, bays=options.bays)
    else:
        if any(value is not None for value in (options.aisles, options.bays, options.cross_aisles)):
            raise UsageError("BINS says how large. Leave out --aisles, --bays and --cross-aisles")
        spec = spec_for_bins(options.bins)

    def chosen(given: int | None, own: int) -> int:
        return own if given is None else given

    return replace(
        spec,
        cross_aisles=chosen(options.cross_aisles, spec.cross_aisles),
        levels=chosen(options.levels, spec.levels),
        depots=chosen(options.depots, spec.depots),
        refuges=chosen(options.refuges, spec.refuges),
        keep_outs=chosen(options.keep_outs, spec.keep_outs),
        aisle_speed_limit_mps=options.aisle_speed_limit,
        one_way=options.one_way,
        no_waiting=options.no_waiting,
    )


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lif", type=Path, metavar="LIF", help="file of LIF 1.0 (VDMA)")
    parser.add_argument("--layout-id", metavar="ID", help="which layout, if there are several")
    parser.add_argument(
        "--vehicle-type", metavar="ID", help="whose ways and speed limits, if there are several"
    )
    parser.add_argument(
        "--refuge-station",
        action="append",
        default=[],
        metavar="ID",
        help="a station at which a picker may wait; as often as needed",
    )
    _write_argument(parser)


def _import(options: argparse.Namespace) -> int:
    _keep(options.lif, options.write)
    read = read_lif(
        read_file(options.lif),
        source=str(options.lif),
        layout_id=options.layout_id,
        vehicle_type=options.vehicle_type,
        refuge_stations=options.refuge_station,
    )
    _write(options.write, read.geojson)
    warehouse = read_map(read.geojson, source=str(options.write)).warehouse
    name = f"{options.write}: layout {read.layout_id} for vehicle type {read.vehicle_type}"
    sys.stdout.write(summary(name, MapFile(warehouse=warehouse, notes=read.notes)))
    return 0


def _world_arguments(parser: argparse.ArgumentParser) -> None:
    _check_arguments(parser)
    parser.add_argument("world", type=Path, metavar="OUT", help="the SDF world to write")
    parser.add_argument(
        "--seed", type=int, default=WorldSpec().seed, help="of the looks of the goods (default: 1)"
    )
    parser.add_argument(
        "--real-time-factor",
        type=float,
        default=WorldSpec().real_time_factor,
        metavar="FACTOR",
        help="how fast simulated time is to pass; 0.5 is half as fast as real time (default: 1)",
    )


def _world(options: argparse.Namespace) -> int:
    _keep(options.map, options.world)
    try:
        spec = WorldSpec(seed=options.seed, real_time_factor=options.real_time_factor)
    except WorldSpecError as error:
        raise UsageError(str(error)) from error
    warehouse = read_map_file(options.map).warehouse
    world = sdf_world(warehouse, spec)
    _write(options.world, world.sdf)
    sys.stdout.write(_world_summary(str(options.world), world, len(warehouse.bins)))
    return 0


def _world_summary(name: str, world: World, bins: int) -> str:
    shelves = world.shelving.shelves
    long_m = sum(shelf.length_m for shelf in shelves)
    lines = [
        name,
        f"  hall     {world.length_m:.1f} m x {world.depth_m:.1f} m",
        f"  shelves  {len(shelves)}, together {long_m:.1f} m long",
        f"  bins     {world.bins_drawn} of {bins} drawn",
    ]
    if world.bins_drawn < bins:
        lines.append("note: so many bins would take minutes to load; the shelves stay empty")
    if world.shelving.without:
        lines.append(
            f"note: beside {len(world.shelving.without)} bins there is no room for a shelf; "
            "a mark on the floor stands for them"
        )
    return "\n".join(lines) + "\n"


def _keep(source: Path, target: Path) -> None:
    """Refuse to write over what is read."""
    try:
        same = source.samefile(target)
    except (OSError, ValueError):  # One of them is not there yet, or cannot be.
        return
    if same:
        raise UsageError(f"{shown(target)}: it is what is read. Write to another file")


def _write(path: Path, data: bytes) -> None:
    """Write all of a file or leave what was there."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # A pipe or a device keeps its place.
            return
        target = path.resolve()
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            part.write_bytes(data)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{shown(path)}: it cannot be written ({reason}). Check the path and its rights"
        ) from error


_WORDS: Final = {
    "check": Word(
        does="Say whether a map can be used, what is in it, and what is likely not meant.",
        example="  fallback-guard map check config/sample_warehouse.geojson",
        add_arguments=_check_arguments,
        run=_check,
    ),
    "draw": Word(
        does="Draw a map, and a route on it with the guard's verdict.",
        example="""\
  fallback-guard map draw config/sample_warehouse.geojson warehouse.svg
  fallback-guard map draw config/sample_warehouse.geojson out.png \\
    --request config/sample_request.json --route config/sample_route.json""",
        add_arguments=_draw_arguments,
        run=_draw,
    ),
    "generate": Word(
        does="Write the map of a block-layout warehouse of any size.",
        example="""\
  fallback-guard map generate 10000 --write warehouse.geojson
  fallback-guard map generate --aisles 12 --bays 20 --cross-aisles 3 --one-way --write w.geojson""",
        add_arguments=_generate_arguments,
        run=_generate,
    ),
    "import": Word(
        does="Convert a layout from LIF, VDMA's Layout Interchange Format.",
        example="""\
  fallback-guard map import test/maps/two_vehicles.lif.json --vehicle-type picker \\
    --layout-id ground --refuge-station S01 --write imported.geojson""",
        add_arguments=_import_arguments,
        run=_import,
    ),
    "world": Word(
        does="Build the world of a map for Gazebo (SDF): floor, shelves, bins and zones.",
        example="""\
  fallback-guard map world config/sample_warehouse.geojson world.sdf
  fallback-guard map world config/sample_warehouse.geojson slow.sdf --real-time-factor 0.2""",
        add_arguments=_world_arguments,
        run=_world,
    ),
}
