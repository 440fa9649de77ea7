# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Metrics for Prometheus, from a process of their own that only listens: a scrape can hold nothing up but itself."""

import time
from typing import Final

from rclpy.clock import Clock, ClockType

from fallback_guard.live.config import METRICS_PARAMETERS, metrics_config, namespaces_named
from fallback_guard.live.metrics import BoardCollector, Metrics
from fallback_guard.live.metrics_server import MetricsServer
from fallback_guard.live.metrics_tables import Scrape
from fallback_guard.nodes.bystander import listen
from fallback_guard.nodes.parameters import Explaining, declared
from fallback_guard.nodes.process import StartError, run

_SETTLE_S: Final = 1.0


class MetricsNode(Explaining):
    """Hears guards, and answers scrapes."""

    def __init__(self) -> None:
        """Take the port and begin to listen.  Raises ParameterError and StartError."""
        super().__init__("metrics_node")
        config = metrics_config(dict(declared(self, METRICS_PARAMETERS)))
        namespaces = namespaces_named(config.namespaces, self.get_namespace())
        self._metrics = Metrics(namespaces, robots_max=config.robots_max)
        scrape = Scrape(boards=self._metrics.boards, clock=time.monotonic_ns)
        self._metrics.registry.register(BoardCollector(scrape))
        try:
            self._server = MetricsServer(config.address, config.port, self._metrics.registry)
        except OSError as error:
            raise StartError(
                f"cannot serve metrics on {config.address} port {config.port}: {error.strerror}. Give another"
                " port or address, or end what uses this one"
            ) from error
        listen(self, namespaces, self._metrics)
        self.create_timer(_SETTLE_S, self._settle, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._server.start()
        self.get_logger().info(f"metrics on http://{config.address}:{config.port}/metrics")

    def destroy_node(self) -> None:
        """Answer no more, and give the port back."""
        self._server.close()
        super().destroy_node()

    def _settle(self) -> None:
        self._metrics.settle(time.monotonic_ns())


def main() -> int:
    """Run the metrics; see process.run for the exit codes."""
    return run(
        MetricsNode,
        name="metrics_node",
        does="Serves metrics of guards for Prometheus on a local port; it listens alone.",
        parameters=METRICS_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
