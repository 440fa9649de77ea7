# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Other work for the machine, to be late by: processors, memory, a flood of answers.

A process of its own, started by timing.py, which ends it; it ends by itself after --seconds at the latest.
"""

import argparse
import json
import mmap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import rclpy
from rclpy.node import Node
from rclpy.serialization import serialize_message
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.limits import CANDIDATES_PER_REQUEST_MAX, PAYLOAD_BYTES_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.units import NS_PER_S, ns_to_seconds
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.nodes import topics
from fallback_guard.nodes.conversion import from_pick_request
from measuring import DEPOT, answer, judge_on, request_on, said_of

_BLOCK_BYTES: Final = 64 * 1024 * 1024
_FLOOD_HZ: Final = 1_000
_ROBOT: Final = "flood_1"
_PLACEHOLDER: Final = "R-00000000"


def hog(options: argparse.Namespace) -> Iterator[None]:
    """Take all of one processor that can be had."""
    del options
    while True:
        for _ in range(100_000):
            pass
        yield


def memory(options: argparse.Namespace) -> Iterator[None]:
    """Take memory block by block, touch every page, give the oldest back, on and on."""
    blocks: list[mmap.mmap] = []
    while True:
        block = mmap.mmap(-1, _BLOCK_BYTES)
        for page in range(0, _BLOCK_BYTES, mmap.PAGESIZE):
            block[page] = 1
        blocks.append(block)
        if len(blocks) * _BLOCK_BYTES > options.memory_mib * 1024 * 1024:
            blocks.pop(0).close()
        yield


def flood(options: argparse.Namespace) -> Iterator[None]:
    """Answer requests of a robot of its own, 1,000 times a second, each answer as large as there may be.

    A request is answered so often as the guard judges answers, then falls due and is followed by the next:
    everything that is sent is looked at.
    """
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node("flood", enable_rosout=False)
    outlets = {
        topic.name: topic.publisher(node)
        for topic in (topics.PICK_REQUEST, topics.ROUTE_DUE, topics.CANDIDATE_ROUTE)
    }
    paths = Paths(load_warehouse(Path(options.map)))
    request = request_on(paths, items=20, seed=1)
    prepared = judge_on(paths).prepare(request, DEPOT)
    assert prepared.standby is not None
    lines = {(item.bin, item.sku, item.quantity): item for item in request.items}
    stops = [said_of(lines[pick]) for pick in prepared.standby.picks]
    said = answer(request, stops)
    said = said.replace(b"R-17", _PLACEHOLDER.encode()).replace(b"picker_1", _ROBOT.encode())
    if options.kind == "flood_hostile":
        # Decoded to its end, where it turns out to be cut off.
        said = said[:-1]
        said = said[:-1] + b',{"bin":"' + b"x" * (PAYLOAD_BYTES_MAX - len(said) - 8)
    else:
        said += b" " * (PAYLOAD_BYTES_MAX - len(said))
    ask = from_pick_request(request, Header())
    ask.request_id, ask.robot_id, ask.on_due = _PLACEHOLDER, _ROBOT, True
    templates = {
        topics.PICK_REQUEST.name: serialize_message(ask),
        topics.ROUTE_DUE.name: serialize_message(
            msg.RouteDue(request_id=_PLACEHOLDER, robot_id=_ROBOT)
        ),
    }
    answers = [
        serialize_message(
            msg.RouteCandidate(
                request_id=_PLACEHOLDER,
                robot_id=_ROBOT,
                source="flood",
                attempt=number + 1,
                payload=said,
            )
        )
        for number in range(CANDIDATES_PER_REQUEST_MAX)
    ]
    next_ns, sent = time.monotonic_ns(), 0
    while True:
        name = f"R-{sent // CANDIDATES_PER_REQUEST_MAX:08d}".encode()

        def say(topic: str, data: bytes, name: bytes = name) -> None:
            outlets[topic].publish(data.replace(_PLACEHOLDER.encode(), name))

        attempt = sent % CANDIDATES_PER_REQUEST_MAX
        if attempt == 0:
            say(topics.PICK_REQUEST.name, templates[topics.PICK_REQUEST.name])
        say(topics.CANDIDATE_ROUTE.name, answers[attempt])
        if attempt == CANDIDATES_PER_REQUEST_MAX - 1:
            say(topics.ROUTE_DUE.name, templates[topics.ROUTE_DUE.name])
        sent += 1
        next_ns += NS_PER_S // _FLOOD_HZ
        left_ns = next_ns - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(ns_to_seconds(left_ns))
        else:
            next_ns = time.monotonic_ns()
        yield


KINDS: Final[dict[str, Callable[[argparse.Namespace], Iterator[None]]]] = {
    "hog": hog,
    "memory": memory,
    "flood_valid": flood,
    "flood_hostile": flood,
}


def main() -> int:
    """Work until ended; print how many turns that were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--memory-mib", type=int, default=1024)
    parser.add_argument("--map", default="")
    options = parser.parse_args()
    until, turns = time.monotonic() + options.seconds, 0
    try:
        for _ in KINDS[options.kind](options):
            turns += 1
            if time.monotonic() > until:
                break
    except KeyboardInterrupt:
        pass
    print(json.dumps({"turns": turns}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
