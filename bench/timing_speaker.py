# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Speaks as robots, task system and planner, by the clock, and writes down when it said what.

A process of its own, started by timing.py.  It takes its plan as JSON from standard input and prints a line for each
request and each message to the relay: what kind it was, by which key its answer is known, and the steady time just
before it was published.
"""

import array
import heapq
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Final

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.units import NS_PER_MS, NS_PER_S, ns_to_seconds
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.nodes import topics
from fallback_guard.nodes.conversion import from_pick_request
from fallback_guard.nodes.realtime import claim
from measuring import DEPOT, answer, judge_on, request_on, said_of
from timing_relay import RELAY_IN

_PREPARED: Final = 64
"""Different requests, asked for over and over under new names."""

_SETTLE_S: Final = 0.5
_DISCOVERY_S_MAX: Final = 30.0
_JITTER: Final = 0.5
"""How far a request may move within its period, so that it meets no other period in step."""

_THINK_NS: Final = 20 * NS_PER_MS
"""From the request to the answer, where it falls due at once; less where the same robot asks again sooner."""

_LEAD_NS: Final = 40 * NS_PER_MS
"""From the answer to falling due, where it is staged."""

PRIORITY: Final = 40
"""Of the processes that measure, above the guard's: what they lose would count against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to say: `requests` in all, of `kinds` in turns, `rate_hz` a second, by so many robots in turns."""

    map_file: str
    kinds: list[str]
    requests: int
    rate_hz: float
    robots: int
    items: int
    seed: int
    realtime: bool
    prefix: str


@dataclass(frozen=True, slots=True)
class _Work:
    request: PickRequest
    payload: bytes


class Speaker:
    """Does what is planned, in the order of time."""

    def __init__(self, node: Node, plan: Plan) -> None:
        """Prepare every request and its answer, a valid one in another order than the guard's own."""
        self._node = node
        self._plan = plan
        self._publish = {
            topic.name: topic.publisher(node)
            for topic in (
                topics.PICK_REQUEST,
                topics.ROUTE_DUE,
                topics.CANDIDATE_ROUTE,
                topics.ROBOT_POSITION,
                RELAY_IN,
            )
        }
        paths = Paths(load_warehouse(Path(plan.map_file)))
        paths.warm()
        self._work = list(islice(_work(paths, plan), _PREPARED))
        depot = paths.warehouse.nodes[DEPOT]
        self._at = (depot.x, depot.y)
        turn_ns = plan.robots * NS_PER_S / plan.rate_hz
        self._think_ns = round(min(_THINK_NS, turn_ns / 4))
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._entries = 0
        self.said: list[tuple[str, str, int]] = []
        self.lateness_ns: list[int] = []

    def wait_for_listeners(self) -> None:
        """Wait until the guard hears everything, and the relay where it is asked for."""
        until = time.monotonic() + _DISCOVERY_S_MAX
        needed = [
            name for name in self._publish if name != RELAY_IN.name or "relay" in self._plan.kinds
        ]
        while not all(self._publish[name].get_subscription_count() for name in needed):
            if time.monotonic() > until:
                raise TimeoutError(f"nobody hears {', '.join(needed)}")
            time.sleep(0.05)
        time.sleep(_SETTLE_S)

    def run(self) -> None:
        """Say everything."""
        chance = random.Random(self._plan.seed)  # noqa: S311  # the same in every run
        period_ns = round(NS_PER_S / self._plan.rate_hz)
        began_ns = time.monotonic_ns()
        for number in range(self._plan.requests):
            moved_ns = round(chance.uniform(0.0, _JITTER) * period_ns)
            self._later(began_ns + number * period_ns + moved_ns, partial(self._begin, number))
        while self._agenda:
            at_ns, _, act = heapq.heappop(self._agenda)
            while (left_ns := at_ns - time.monotonic_ns()) > 0:
                time.sleep(ns_to_seconds(left_ns))
            self.lateness_ns.append(time.monotonic_ns() - at_ns)
            act()

    def _later(self, at_ns: int, act: Callable[[], None]) -> None:
        self._entries += 1
        heapq.heappush(self._agenda, (at_ns, self._entries, act))

    def _begin(self, number: int) -> None:
        plan, now_ns = self._plan, time.monotonic_ns()
        kind = plan.kinds[number % len(plan.kinds)]
        work = self._work[number % len(self._work)]
        # Each robot's turn comes round long after its last one: a request that falls due overtakes an older one.
        robot = f"picker_{number % plan.robots:04d}"
        name = f"{plan.prefix}-{number:07d}"
        candidate = _candidate(name, robot, work.payload)
        if kind == "relay":
            self._say(kind, name, RELAY_IN, candidate)
            return
        self._stand(robot)
        request = from_pick_request(work.request, Header())
        request.request_id, request.robot_id = name, robot
        request.on_due = kind == "staged"
        if kind == "silent":
            self._say(kind, name, topics.PICK_REQUEST, request)
        elif kind == "answered":
            self._say("", name, topics.PICK_REQUEST, request)
            self._later(
                now_ns + self._think_ns,
                lambda: self._say(kind, name, topics.CANDIDATE_ROUTE, candidate),
            )
        else:
            due = msg.RouteDue(request_id=name, robot_id=robot)
            self._say("", name, topics.PICK_REQUEST, request)
            self._later(
                now_ns + _THINK_NS,
                lambda: self._say("", name, topics.CANDIDATE_ROUTE, candidate),
            )
            self._later(
                now_ns + _THINK_NS + _LEAD_NS,
                lambda: self._say(kind, name, topics.ROUTE_DUE, due),
            )

    def _stand(self, robot: str) -> None:
        x, y = self._at
        self._publish[topics.ROBOT_POSITION.name].publish(
            msg.RobotPosition(robot_id=robot, x=x, y=y)
        )

    def _say(self, kind: str, key: str, topic: topics.AnyTopic, message: msg.PickRequest) -> None:
        message.header.stamp = self._node.get_clock().now().to_msg()
        said_ns = time.monotonic_ns()
        self._publish[topic.name].publish(message)
        if kind:
            self.said.append((kind, key, said_ns))


def _candidate(name: str, robot: str, payload: bytes) -> msg.RouteCandidate:
    said = payload.replace(b'"R-17"', f'"{name}"'.encode()).replace(
        b'"picker_1"', f'"{robot}"'.encode()
    )
    return msg.RouteCandidate(
        request_id=name,
        robot_id=robot,
        source="llm:timing",
        attempt=1,
        payload=array.array("B", said),
    )


def _place(order: Mapping[tuple[str, str, int], int], item: PickItem) -> int:
    return order[item.bin, item.sku, item.quantity]


def _work(paths: Paths, plan: Plan) -> Iterator[_Work]:
    """Yield requests, each with a valid answer that takes the guard's own order from its end."""
    judge = judge_on(paths)
    for seed in count(plan.seed):
        request = request_on(paths, items=plan.items, seed=seed)
        prepared = judge.prepare(request, DEPOT)
        if prepared.standby is None:
            continue
        order = {pick: place for place, pick in enumerate(prepared.standby.picks)}
        items = sorted(request.items, key=partial(_place, order), reverse=True)
        payload = answer(request, [said_of(item) for item in items])
        if judge.verdict(prepared, payload, source="llm:timing").route is not None:
            yield _Work(request, payload)


def main() -> int:
    """Read the plan, carry it out, print what was said."""
    plan = Plan(**json.load(sys.stdin))
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node("speaker", enable_rosout=False)
    speaker = Speaker(node, plan)
    if plan.realtime:
        claim(PRIORITY)
    speaker.wait_for_listeners()
    print("ready", file=sys.stderr, flush=True)
    speaker.run()
    worst_ms = max(speaker.lateness_ns) / NS_PER_MS
    json.dump({"said": speaker.said, "speaker_late_ms": worst_ms}, sys.stdout)
    sys.stdout.flush()
    node.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
