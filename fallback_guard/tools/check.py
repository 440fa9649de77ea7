# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard check`: the guard's verdict on routes in files, without ROS."""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO, Final

import orjson

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.failure_modes import FAILURE_MODES
from fallback_guard.core.validation import Verdict
from fallback_guard.tasks.loading import load_task
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.task import add_task_arguments, opened, read_task, shown
from fallback_guard.tools.words import add_own_task

DOES: Final = "Say which routes the guard would let through, one JSON verdict a line."
EXAMPLE: Final = """\
  fallback-guard check --map config/sample_warehouse.geojson \\
    --request config/sample_request.json config/sample_route.json
  cat config/sample_route.json | fallback-guard check --jsonl \\
    --map config/sample_warehouse.geojson --request config/sample_request.json -

exit codes: 0 all accepted, 1 any rejected, 2 unusable arguments, files or output, or no route at all,
70 a fault of this program, 130 interrupted, 141 the output was not read to its end"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the map, the request, and the routes."""
    add_task_arguments(parser)
    add_own_task(parser)
    parser.add_argument(
        "--jsonl", action="store_true", help="each line is a route, instead of each file"
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="routes to check; - is standard input"
    )


def run(options: argparse.Namespace) -> int:
    """Print one verdict for each route."""
    task = read_task(options, stopwatch=time.perf_counter_ns, answers=load_task(options.task))
    judged = accepted = 0
    for name in options.files:
        for place, payload in _payloads(name, task.config, lines=options.jsonl):
            verdict = task.verdict(payload)
            judged += 1
            accepted += verdict.refusal is None
            sys.stdout.buffer.write(orjson.dumps(_as_json(place, verdict)) + b"\n")
    if not judged:
        raise UsageError(
            f"{shown(options.files[0])}: there is no route. With --jsonl, write one on each line"
        )
    return 0 if accepted == judged else 1


def _payloads(name: str, config: GuardConfig, *, lines: bool) -> Iterator[tuple[str, bytes]]:
    """Yield each route with its place; never more of one than shows that it is too long."""
    enough = config.payload_bytes_max + 1
    with opened(name) as file:
        yield from _split(shown(name), file, enough, lines=lines)


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
