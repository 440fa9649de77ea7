# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard vda5050`: a pick route as an order of VDA 5050, and an order as a pick route."""

import argparse
import re
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import orjson

from fallback_guard.core.failure_modes import FAILURE_MODES
from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.limits import IDENTIFIER_CHARS_MAX
from fallback_guard.core.request import PickItem
from fallback_guard.core.rules import Refusal
from fallback_guard.core.schema import Route
from fallback_guard.core.travel import Travel
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.task import Task, add_task_arguments, read_bytes, read_task
from fallback_guard.vda5050.document import UINT32_MAX, is_timestamp
from fallback_guard.vda5050.errors import (
    MALFORMED,
    START,
    UNSUPPORTED,
    OrderError,
    References,
    order_error,
)
from fallback_guard.vda5050.message_rules import ORDER_BYTES_MAX
from fallback_guard.vda5050.order import OrderHeader, Version, to_order
from fallback_guard.vda5050.reading import (
    OrderRead,
    OrderRefusal,
    from_order,
    order_references,
)

DOES: Final = "Turn a pick route into an order of VDA 5050, or an order back into a route."
EXAMPLE: Final = """\
  fallback-guard vda5050 --map config/sample_warehouse.geojson \\
    --request config/sample_request.json config/sample_route.json > order.json
  fallback-guard vda5050 --map config/sample_warehouse.geojson \\
    --request config/sample_request.json --version 3.0 config/sample_route.json
  fallback-guard vda5050 --map config/sample_warehouse.geojson \\
    --request config/sample_request.json --read order.json > route.json

Only what passes the validation comes out. What does not is told as errors of VDA 5050, one a line.

exit codes: 0 done, 1 the route or the order is refused, 2 unusable arguments"""

_MANUFACTURER: Final = "fallback_guard"

Refused = list[OrderError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What a validated route drives: every node on the way, and at which place of it what is picked."""

    way: tuple[int, ...]
    picks: tuple[tuple[int, PickItem], ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the map, the request, a route or an order, and what an order says beside the route."""
    add_task_arguments(parser)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("route", nargs="?", metavar="ROUTE", help="a route; - is standard input")
    given.add_argument("--read", metavar="ORDER", help="an order to read; - is standard input")
    parser.add_argument(
        "--version",
        choices=[version.value for version in Version],
        help=f"of the order that is written (default: {Version.V2_1.value}); what is read says its own",
    )
    parser.add_argument(
        "--manufacturer",
        type=_name,
        default=_MANUFACTURER,
        metavar="NAME",
        help="of the robot (default: %(default)s)",
    )
    parser.add_argument(
        "--serial-number",
        type=_serial_number,
        metavar="S",
        help="of the robot (default: the request's robot_id)",
    )
    parser.add_argument(
        "--map-id",
        type=_name,
        metavar="ID",
        help="of the map (default: its file's name without the ending)",
    )
    parser.add_argument(
        "--header-id",
        type=_uint32,
        metavar="N",
        help="counts what was sent (default: 0)",
    )
    parser.add_argument(
        "--timestamp",
        type=_timestamp,
        metavar="T",
        help="UTC, such as 2026-04-15T11:40:03.123Z (default: now)",
    )


def run(options: argparse.Namespace) -> int:
    """Print the order, the route, or the errors."""
    if options.read is not None:
        _refuse_idle(options)
    task = read_task(options)
    header = OrderHeader(
        header_id=options.header_id or 0,
        timestamp=options.timestamp or _now(),
        manufacturer=options.manufacturer,
        serial_number=options.serial_number or task.request.robot_id,
        map_id=options.map_id or _map_id(options.map),
    )
    if options.read is None:
        payload = read_bytes(options.route, task.config.payload_bytes_max)
        said = _order(payload, task, header, Version(options.version or Version.V2_1.value))
    else:
        said = _route(read_bytes(options.read, ORDER_BYTES_MAX), task, header)
    if isinstance(said, dict):
        sys.stdout.buffer.write(orjson.dumps(said, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        for error in said:
            sys.stdout.buffer.write(orjson.dumps(error.as_json()) + b"\n")
    return 0 if isinstance(said, dict) else 1


def _refuse_idle(options: argparse.Namespace) -> None:
    """Refuse what is said only in an order that is written."""
    for option in ("version", "header_id", "timestamp"):
        if getattr(options, option) is not None:
            raise UsageError(
                f"--{option.replace('_', '-')} has no effect with --read: the order says its own. "
                "Leave it out"
            )


def _order(
    payload: bytes, task: Task, header: OrderHeader, version: Version
) -> dict[str, object] | Refused:
    """Return the order for a route, or why the route is refused."""
    driven = validated(payload, task)
    if isinstance(driven, Refusal):
        references = order_references(task.request.request_id, 0)
        return [_refused(driven, version, references)]
    return to_order(
        warehouse=task.warehouse,
        request_id=task.request.request_id,
        way=driven.way,
        picks=driven.picks,
        header=header,
        version=version,
        allowed_deviation_m=task.config.start_tolerance_m,
    )


def _route(data: bytes, task: Task, header: OrderHeader) -> dict[str, object] | Refused:
    """Return the route in an order, or why the order is refused.

    An order is refused as well where it is for another robot, or where the guard would drive another way.
    """
    read = from_order(
        data,
        warehouse=task.warehouse,
        shortest_path=task.judge.paths.path,
        allowed_deviation_m=task.config.start_tolerance_m,
        map_id=header.map_id,
    )
    if isinstance(read, OrderRefusal):
        return list(read.errors)
    misfits = _misfits(read, task, header)
    if misfits:
        return misfits
    document = read.as_route(task.request.robot_id)
    driven = validated(orjson.dumps(document), task)
    if isinstance(driven, Refusal):
        return [_refused(driven, read.version, read.references)]
    if driven.way != read.way:
        detail = "the guard would drive another way than the order"
        return [order_error(UNSUPPORTED, read.version, detail, read.references)]
    return document


def _misfits(read: OrderRead, task: Task, header: OrderHeader) -> Refused:
    """Return what in an order does not fit the request or the robot."""
    rows = (
        (MALFORMED, "manufacturer", read.manufacturer, header.manufacturer, "--manufacturer"),
        (MALFORMED, "serialNumber", read.serial_number, header.serial_number, "--serial-number"),
        (START, "the first node", str(read.start_node), str(task.request.start_node), ""),
        (MALFORMED, "the last node", str(read.end_node), str(task.request.goal_node), ""),
    )
    return [
        order_error(
            fault,
            read.version,
            f"{name} is {printable(said)!r}, due is {printable(due)!r}"
            + (f"; {option} says which robot's orders are read" if option else ""),
            read.references,
        )
        for fault, name, said, due, option in rows
        if said != due
    ]


def _refused(refusal: Refusal, version: Version, references: References) -> OrderError:
    error = FAILURE_MODES[refusal.mode].vda5050
    return order_error(error, version, f"{refusal.mode.value}: {refusal.detail}", references)


def validated(payload: bytes, task: Task) -> Driven | Refusal:
    """Judge a route as the guard judges a planner's answer."""
    verdict = task.verdict(payload)
    if verdict.refusal is not None:
        return verdict.refusal
    assert isinstance(verdict.answer, Route), "a verdict is an answer or a refusal"
    stops = verdict.answer.stops
    bins, vias = [stop.bin for stop in stops], [stop.via for stop in stops]
    way, places = Travel(task.prepared, bins, vias).nodes()
    items = [PickItem(bin=stop.bin, sku=stop.sku, quantity=stop.quantity) for stop in stops]
    return Driven(way=tuple(way), picks=tuple(zip(places, items, strict=True)))


def _map_id(path: Path) -> str:
    try:
        return _name(path.stem)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--map-id: {error}") from error


def _name(text: str) -> str:
    # Bytes of an argument or a path that are no text come as characters that no JSON can hold.
    if not text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{printable(text)!r}: write a name of printable text")
    return text


def _serial_number(text: str) -> str:
    # VDA 5050 allows the characters of an identifier, for it is a part of topics.
    if not is_identifier(text):
        raise argparse.ArgumentTypeError(
            f"{printable(text)!r}: write 1 to {IDENTIFIER_CHARS_MAX} of A-Z a-z 0-9 _ . : -"
        )
    return text


def _uint32(text: str) -> int:
    number = int(text) if re.fullmatch("[0-9]{1,10}", text) else UINT32_MAX + 1
    if number > UINT32_MAX:
        raise argparse.ArgumentTypeError(
            f"{printable(text)}: write a whole number from 0 to {UINT32_MAX}"
        )
    return number


def _timestamp(text: str) -> str:
    if not is_timestamp(text):
        raise argparse.ArgumentTypeError(
            f"{printable(text)}: write UTC in ISO 8601, such as 2026-04-15T11:40:03.123Z"
        )
    return text


def _now() -> str:
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return now.isoformat(timespec="milliseconds") + "Z"
