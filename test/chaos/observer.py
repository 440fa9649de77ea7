# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An observer in a process of its own: writes down all that is said on the wire, and says nothing.

Each record is a line of JSON, so that a run that was cut off can be read as far as it went.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from rclpy.node import Node
from wire import HEARD

from fallback_guard.nodes.process import run
from fallback_guard.testing.hearing import ON_THE_WIRE, Told

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
        for topic, told, kind in ON_THE_WIRE:
            if kind in HEARD:
                topic.subscribe(self, self._writer(told))
        self._file.write("")

    def _writer(self, told: Told) -> Callable[[msg.PickRequest], None]:
        def write(message: msg.PickRequest) -> None:
            for record in told(message, time.monotonic_ns()):
                line = {"what": type(record).__name__, **asdict(record)}
                self._file.write(json.dumps(line) + "\n")

        return write

    def destroy_node(self) -> None:
        """Write the rest."""
        self._file.close()
        super().destroy_node()


def main() -> int:
    """Observe until interrupted."""
    return run(Observer, name="observer", does="Writes down what is on the wire.", parameters=())


if __name__ == "__main__":
    raise SystemExit(main())
