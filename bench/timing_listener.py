# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The measuring subscriber: a process that does nothing but read its clock when a message reaches it.

Started by timing.py and ended by SIGTERM; it then prints what reached it, and when, on the steady clock, which is
one for all processes of a host.  It takes messages by the guard's own loop, or with --ordinary as any rclpy node does,
which has unpacked a message before it sees the time.
"""

import argparse
import gc
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions

from fallback_guard import msg
from fallback_guard.core.rules import Stage
from fallback_guard.nodes import topics
from fallback_guard.nodes.conversion import from_duration
from fallback_guard.nodes.intake import Inlet, Intake, Taken
from fallback_guard.nodes.realtime import claim
from timing_relay import RELAY_OUT
from timing_speaker import PRIORITY

TOPICS: Final = {topic.name: topic for topic in (topics.MOTION, RELAY_OUT, topics.GUARD_DECISION)}

Row = dict[str, object]


def _listen(arrived: list[tuple[str, int, object]], name: str) -> Callable[[object], None]:
    def listen(message: object) -> None:
        arrived.append((name, time.monotonic_ns(), message))

    return listen


def _row(name: str, arrived_ns: int, message: msg.GuardDecision) -> Row:
    row: Row = {"topic": name, "arrived_ns": arrived_ns, "key": message.request_id}
    if name == topics.MOTION.name:
        row |= {"robot": message.robot_id, "kind": message.kind, "reason": message.reason}
        row |= {"sequence": message.sequence}
    elif name == topics.GUARD_DECISION.name:
        row |= {
            "occasion": message.occasion,
            "outcome": message.outcome,
            "sequence": message.sequence,
            "margin_ns": from_duration(message.dispatch_margin),
            "left_ns": from_duration(message.time_left),
            "transport_ns": message.transport_ns,
            "waiting_ns": message.waiting_ns,
            "decision_ns": message.decision_ns,
            "dispatch_ns": message.dispatch_ns,
        }
        row |= {f"{stage.value}_ns": getattr(message, f"{stage.value}_ns") for stage in Stage}
    return row


def main() -> int:
    """Listen until SIGTERM; print a JSON array of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ordinary", action="store_true")
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--topics", nargs="+", choices=TOPICS, default=[topics.MOTION.name])
    options = parser.parse_args()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: ended.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node("listener", enable_rosout=False)
    arrived: list[tuple[str, int, object]] = []
    gc.collect()
    gc.disable()
    if options.ordinary:
        for name in options.topics:
            TOPICS[name].subscribe(node, _listen(arrived, name))
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        if options.realtime:
            claim(PRIORITY)
        print("ready", file=sys.stderr, flush=True)
        while not ended.is_set():
            executor.spin_once(timeout_sec=0.5)
    else:

        def taking(name: str) -> Inlet:
            def take(taken: Taken) -> None:
                arrived.append((name, taken.taken_ns, taken.data))

            return Inlet(TOPICS[name], take)

        intake = Intake(node, [taking(name) for name in options.topics])
        intake.start()
        if options.realtime:
            claim(PRIORITY)
        print("ready", file=sys.stderr, flush=True)
        while not ended.wait(0.5):
            intake.check()
        intake.close()
    rows = [
        _row(
            name,
            arrived_ns,
            deserialize_message(message, TOPICS[name].type)
            if isinstance(message, bytes)
            else message,
        )
        for name, arrived_ns, message in arrived
    ]
    json.dump(rows, sys.stdout)
    sys.stdout.flush()
    node.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
