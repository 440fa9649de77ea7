"""An observer in a process of its own: writes down all that is said on the wire, and says nothing.

Each message is a line of JSON, so that a run that was cut off can be read as far as it went.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Final

from rclpy.node import Node

from fallback_guard.nodes import topics
from fallback_guard.nodes.process import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_guard import msg

FILE: Final = "FALLBACK_GUARD_OBSERVED"
"""Names, in the environment, the file to write to."""


class Observer(Node):
    """Hears requests, what falls due, commands and decisions."""

    def __init__(self) -> None:
        """Begin to write."""
        super().__init__("observer", enable_rosout=False)
        self._file = open(os.environ[FILE], "w", encoding="utf-8", buffering=1)  # noqa: PTH123, SIM115
        for topic, told in (
            (topics.PICK_REQUEST, _request),
            (topics.ROUTE_DUE, _due),
            (topics.MOTION, _command),
            (topics.GUARD_DECISION, _decision),
        ):
            topic.subscribe(self, self._writer(told))
        self._file.write("")

    def _writer(
        self, told: Callable[[msg.PickRequest], list[dict[str, object]]]
    ) -> Callable[[msg.PickRequest], None]:
        def write(message: msg.PickRequest) -> None:
            heard_ns = time.monotonic_ns()
            for line in told(message):
                about = {"key": [message.robot_id, message.request_id], "heard_ns": heard_ns}
                self._file.write(json.dumps(line | about) + "\n")

        return write

    def destroy_node(self) -> None:
        """Write the rest."""
        self._file.close()
        super().destroy_node()


def _request(message: msg.PickRequest) -> list[dict[str, object]]:
    asked: dict[str, object] = {
        "what": "asked",
        "items": [[item.bin, item.sku, item.quantity] for item in message.items],
        "start_node": message.start_node,
        "goal_node": message.goal_node,
        "on_due": message.on_due,
    }
    return [asked] if message.on_due else [asked, {"what": "due"}]


def _due(_message: msg.RouteDue) -> list[dict[str, object]]:
    return [{"what": "due"}]


def _command(message: msg.MotionCommand) -> list[dict[str, object]]:
    return [
        {
            "what": "command",
            "sequence": message.sequence,
            "kind": message.kind,
            "source": message.source,
            "reason": message.reason,
            "stops": [[stop.bin, stop.sku, stop.quantity] for stop in message.stops],
            "waypoints": [[point.node, point.x, point.y] for point in message.waypoints],
        }
    ]


def _decision(message: msg.GuardDecision) -> list[dict[str, object]]:
    return [
        {
            "what": "decided",
            "sequence": message.sequence,
            "occasion": message.occasion,
            "outcome": message.outcome,
            "failure_mode": message.failure_mode,
            "source": message.source,
        }
    ]


def main() -> int:
    """Observe until interrupted."""
    return run(Observer, name="observer", does="Writes down what is on the wire.", parameters=())


if __name__ == "__main__":
    raise SystemExit(main())
