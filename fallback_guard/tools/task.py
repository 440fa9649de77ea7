# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What commands that judge routes have in common: a map, a pick request, the guard's parameters, and files."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.config import GUARD_PARAMETERS, GuardConfig, guard_config
from fallback_guard.core.identifiers import printable
from fallback_guard.core.json_tokens import JsonReader, depth, without_strings
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import NESTING_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.request_rules import request_defect
from fallback_guard.core.schema import Identifier, NodeId, Quantity
from fallback_guard.core.validation import Stopwatch, Verdict, stopped
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.maps.geojson import PATH_CHARS_MAX, load_warehouse
from fallback_guard.tools.errors import UsageError

REQUEST_BYTES_MAX: Final = 1_000_000

_ELSEWHERE: Final = {
    "map_file": "Name the map with --map",
    "task": "Name the task with --task of the check command",
}
"""Parameters that are no matter of `--set`, and what to do instead."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A pick request on a map, and the judge of routes for it."""

    config: GuardConfig
    warehouse: Warehouse
    request: PickRequest
    judge: Judge
    prepared: PreparedRequest

    def verdict(self, payload: bytes) -> Verdict:
        """Judge a route as the guard judges a planner's answer."""
        return self.judge.verdict(self.prepared, payload, source="file")


def add_task_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the map, the request, and parameters of the guard."""
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
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the guard, such as detour_factor=2",
    )


def read_task(
    options: argparse.Namespace,
    *,
    stopwatch: Stopwatch = stopped,
    answers: CheckedTask = ROUTES,
) -> Task:
    """Return what `add_task_arguments` took.  Raises UsageError, MapError and ParameterError.

    `answers` is how routes are said.
    """
    config = guard_config(parameters(options.set))
    warehouse = load_warehouse(options.map)
    return make_task(warehouse, options.request, config, stopwatch=stopwatch, answers=answers)


def make_task(
    warehouse: Warehouse,
    request: Path,
    config: GuardConfig,
    *,
    stopwatch: Stopwatch = stopped,
    answers: CheckedTask = ROUTES,
) -> Task:
    """Return the task of the request in a file.  Raises UsageError where it cannot be served."""
    asked = read_request(request)
    defect = request_defect(asked, warehouse, config)
    if defect is not None:
        raise UsageError(
            f"{shown(request)}: {defect.detail}. Correct the request or choose its map"
        )
    return task_of(asked, warehouse, config, stopwatch=stopwatch, answers=answers)


def task_of(
    request: PickRequest,
    warehouse: Warehouse,
    config: GuardConfig,
    *,
    stopwatch: Stopwatch = stopped,
    answers: CheckedTask = ROUTES,
) -> Task:
    """Return the task of a sound request."""
    judge = Judge(config=config, paths=Paths(warehouse), stopwatch=stopwatch, task=answers)
    return Task(
        config=config,
        warehouse=warehouse,
        request=request,
        judge=judge,
        prepared=judge.prepare(request, request.start_node),
    )


def parameters(settings: Sequence[str]) -> Mapping[str, object]:
    """Return what `--set` gives, each value as its parameter takes it."""
    defaults = {row.name: row.default for row in GUARD_PARAMETERS}
    given: dict[str, object] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(
                f"--set {printable(setting)}: write NAME=VALUE, such as detour_factor=2"
            )
        if name in _ELSEWHERE:
            raise UsageError(f"--set {name}: it has no effect here. {_ELSEWHERE[name]}")
        given[name] = text if isinstance(defaults.get(name), str) else _number(text)
    return given


def _number(text: str) -> object:
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value if isinstance(value, bool | int | float) else text


def shown(name: str | Path) -> str:
    """Return a file's name as it can be printed: as it is where it is text, else escaped."""
    text = str(name)
    return text if text.isprintable() else printable(text, chars_max=PATH_CHARS_MAX)


@contextmanager
def opened(name: str | Path) -> Iterator[BinaryIO]:
    """Open a file to read; the text "-", which is no Path, is standard input.  Raises UsageError."""
    try:
        if name == "-":
            if sys.stdin is None:
                raise UsageError("-: standard input is closed. Name a file, or open it")
            yield sys.stdin.buffer
        else:
            with Path(name).open("rb") as file:
                yield file
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        reason = printable(str(getattr(error, "strerror", None) or error))
        raise UsageError(
            f"{shown(name)}: it cannot be read ({reason}). Check the path and its rights"
        ) from error


def read_bytes(name: str | Path, bytes_max: int) -> bytes:
    """Return what `opened` reads, at most one byte more than `bytes_max`, which shows that it is too long."""
    with opened(name) as file:
        return file.read(bytes_max + 1)


def read_request(path: Path) -> PickRequest:
    """Return the pick request in a file; UsageError where it has none."""
    data = read_bytes(path, REQUEST_BYTES_MAX)
    where = shown(path)
    if len(data) > REQUEST_BYTES_MAX:
        raise UsageError(
            f"{where}: over {REQUEST_BYTES_MAX} bytes. A request is a short JSON object"
        )
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UsageError(
            f"{where}: it is not JSON: {error.msg} at character {error.pos}. Correct it there"
        ) from error
    if depth(without_strings(data)) > NESTING_MAX:
        raise UsageError(f"{where}: it nests too deep. The fields are those of PickRequest.msg")
    reader = JsonReader()
    reader.end_of_value(data.decode("utf-8"), len(data) - len(data.lstrip()))
    if reader.duplicates:
        raise UsageError(
            f"{where}: key {printable(reader.duplicates[0])!r} stands twice. Remove one of them"
        )
    try:
        read = _Request.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(printable(str(part)) for part in first["loc"])
        raise UsageError(
            f"{where}: {field}: {first['msg']}. The fields are those of PickRequest.msg"
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
