# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An HTTP server for scrapes that nobody can hold up: few connections at a time, and each for a short time alone.

The client library's own server has a thread for every connection, for as long as its client likes.
"""

import socket
import socketserver
import threading
import time
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

CONNECTIONS_MAX: Final = 8
"""Prometheus keeps one connection; a second server and somebody's browser come on top.  More are closed at once."""

CONNECTION_S_MAX: Final = 5.0
"""A scrape takes milliseconds, and Prometheus itself gives up after 10 s by default."""

_SILENCE_S_MAX: Final = 2.0
_LOOK_S: Final = 0.2


class MetricsServer(socketserver.ThreadingMixIn, WSGIServer):
    """Serves a registry.  `start` begins, `close` ends it."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(self, address: str, port: int, registry: CollectorRegistry) -> None:
        """Take the port.  Raises OSError."""
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._lock = threading.Lock()
        self._open: dict[socket.socket, float] = {}
        super().__init__((address, port), _Handler)
        self.set_app(make_wsgi_app(registry))
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_LOOK_S,), name="scrapes", daemon=True
        )

    def server_bind(self) -> None:
        """Take the port without asking a name server what this machine is called."""
        socketserver.TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)
        self.setup_environ()

    def start(self) -> None:
        """Begin to answer, in threads of its own."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()
        self._thread.join()

    def verify_request(self, request: object, client_address: object) -> bool:
        """Refuse a connection that would be one too many."""
        del client_address
        with self._lock:
            if len(self._open) >= CONNECTIONS_MAX:
                return False
            if isinstance(request, socket.socket):
                self._open[request] = time.monotonic() + CONNECTION_S_MAX
            return True

    def service_actions(self) -> None:
        """Cut off who has been connected for too long, however busily."""
        with self._lock:
            late = [each for each, until in self._open.items() if time.monotonic() > until]
            for each in late:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    del self._open[each]  # It is gone already.

    def shutdown_request(self, request: object) -> None:
        """Forget a connection, and close it."""
        if isinstance(request, socket.socket):
            with self._lock:
                self._open.pop(request, None)
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: what a client does wrong is its own business, and could fill a log."""


class _Handler(WSGIRequestHandler):
    """One request."""

    timeout = _SILENCE_S_MAX
    server_version = "fallback_guard"
    sys_version = ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the base class
        """Say nothing, for the same reason."""

    def address_string(self) -> str:
        """Return the client's address without asking a name server."""
        return str(self.client_address[0])
