"""`fallback-guard check`: the guard's verdict on routes in files, without ROS."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fallback_guard.core.config import GUARD_PARAMETERS, GuardConfig, guard_config
from fallback_guard.core.failure_modes import FAILURE_MODES
from fallback_guard.core.identifiers import printable
from fallback_guard.core.judge import Judge
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.request_rules import request_defect
from fallback_guard.core.schema import Identifier, NodeId, Quantity
from fallback_guard.core.validation import Verdict
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.tools.errors import UsageError

DOES: Final = "Say which routes the guard would let through, one JSON verdict a line."
EXAMPLE: Final = """\
  fallback-guard check --map sample_warehouse.geojson --request request.json route.json
  cat answers.jsonl | fallback-guard check --map M.geojson --request R.json --jsonl -

exit codes: 0 all accepted, 1 any rejected, 2 unusable arguments"""

_REQUEST_BYTES_MAX: Final = 1_000_000


class _Item(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    bin: Identifier
    sku: Identifier
    quantity: Quantity


class _Request(BaseModel):
    """The fields of PickRequest.msg."""

    model_config = ConfigDict(strict=True, extra="forbid")
    request_id: Identifier
    robot_id: Identifier
    start_node: NodeId
    goal_node: NodeId
    items: Annotated[list[_Item], Field(min_length=1)]
    instructions: str = ""
    on_due: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the map, the request, and the routes."""
    parser.add_argument(
        "--map", required=True, type=Path, metavar="M", help="GeoJSON map of the warehouse"
    )
    parser.add_argument(
        "--request",
        required=True,
        type=Path,
        metavar="R",
        help="the pick request, as JSON with the fields of PickRequest.msg",
    )
    parser.add_argument(
        "--jsonl", action="store_true", help="each line is a route, instead of each file"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the guard, such as detour_factor=2",
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="routes to check; - is standard input"
    )


def run(options: argparse.Namespace) -> int:
    """Print one verdict for each route."""
    config = guard_config(parameters(options.set))
    warehouse = load_warehouse(options.map)
    request = read_request(options.request)
    defect = request_defect(request, warehouse, config)
    if defect is not None:
        raise UsageError(
            f"{options.request}: {defect.detail}. Correct the request or choose its map"
        )
    judge = Judge(config=config, paths=Paths(warehouse), stopwatch=time.perf_counter_ns)
    prepared = judge.prepare(request, request.start_node)
    all_accepted = True
    for name in options.files:
        for place, payload in _payloads(name, config, lines=options.jsonl):
            verdict = judge.verdict(prepared, payload, source="file")
            all_accepted = all_accepted and verdict.refusal is None
            sys.stdout.buffer.write(orjson.dumps(_as_json(place, verdict)) + b"\n")
    sys.stdout.flush()
    return 0 if all_accepted else 1


def parameters(settings: list[str]) -> Mapping[str, object]:
    """Return what `--set` gives, each value as its parameter takes it."""
    defaults = {row.name: row.default for row in GUARD_PARAMETERS}
    given: dict[str, object] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(
                f"--set {printable(setting)}: write NAME=VALUE, such as detour_factor=2"
            )
        given[name] = text if isinstance(defaults.get(name), str) else _number(text)
    return given


def _number(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def read_request(path: Path) -> PickRequest:
    """Return the pick request in a file; UsageError where it has none."""
    try:
        with path.open("rb") as file:
            data = file.read(_REQUEST_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{path}: it cannot be read ({error.strerror})") from error
    if len(data) > _REQUEST_BYTES_MAX:
        raise UsageError(
            f"{path}: over {_REQUEST_BYTES_MAX} bytes; a request is a short JSON object"
        )
    try:
        read = _Request.model_validate(orjson.loads(data))
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path}: it is not JSON: {error.msg} at character {error.pos}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path}: {field}: {first['msg']}. The fields are those of PickRequest.msg"
        ) from error
    return PickRequest(
        request_id=read.request_id,
        robot_id=read.robot_id,
        start_node=read.start_node,
        goal_node=read.goal_node,
        items=tuple(
            PickItem(bin=item.bin, sku=item.sku, quantity=item.quantity) for item in read.items
        ),
        instructions=read.instructions,
        on_due=read.on_due,
    )


def _payloads(name: str, config: GuardConfig, *, lines: bool) -> Iterator[tuple[str, bytes]]:
    """Yield each route with its place; never more of one than shows that it is too long."""
    enough = config.payload_bytes_max + 1
    try:
        if name == "-":
            yield from _split("-", sys.stdin.buffer, enough, lines=lines)
        else:
            with Path(name).open("rb") as file:
                yield from _split(name, file, enough, lines=lines)
    except OSError as error:
        raise UsageError(f"{printable(name)}: it cannot be read ({error.strerror})") from error


def _split(name: str, file: BinaryIO, enough: int, *, lines: bool) -> Iterator[tuple[str, bytes]]:
    if not lines:
        yield name, file.read(enough)
        return
    number = 0
    while line := file.readline(enough + 1):
        number += 1
        kept = line.removesuffix(b"\n")
        while line and not line.endswith(b"\n"):
            line = file.readline(enough)
        if kept.strip():
            yield f"{name}:{number}", kept


def _as_json(place: str, verdict: Verdict) -> dict[str, object]:
    refusal = verdict.refusal
    return {
        "route": place,
        "accepted": refusal is None,
        "failure_mode": refusal.mode.value if refusal else None,
        "bucket": FAILURE_MODES[refusal.mode].bucket.name if refusal else None,
        "detail": refusal.detail if refusal else "",
        "rule": refusal.rule if refusal else None,
        "measured": refusal.measured if refusal else None,
        "limit": refusal.limit if refusal else None,
        "stage_ns": {stage.value: taken_ns for stage, taken_ns in verdict.stage_ns.items()},
    }
