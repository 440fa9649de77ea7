# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An OpenAI-compatible endpoint that answers a seeded share of calls with something hostile.

The other calls are forwarded to `--upstream`, or answered with the right route: in the best order
where a map is given, else in the order of the request.
"""

import argparse
import http.client
import json
import select
import socket
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, final
from urllib.parse import urlsplit

from fallback_guard.core.paths import Paths
from fallback_guard.core.prepared import prepare
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.standby import standby_order
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.maps.geojson import MapError, load_warehouse
from fallback_guard.tools.endings import Ending
from fallback_guard.tools.hostile_answers import (
    HOSTILE_KINDS,
    KINDS_WITHOUT_MAP,
    MODEL_NAME,
    HostileKind,
    Question,
    Reply,
    completion,
    error,
    fate,
    streamed,
)

HOST: Final = "127.0.0.1"
BODY_BYTES_MAX: Final = 1024 * 1024
UPSTREAM_BYTES_MAX: Final = 16 * 1024 * 1024
CALLS_REMEMBERED_MAX: Final = 10_000
REQUESTS_COUNTED_MAX: Final = 10_000
HANG_S_MAX: Final = 60.0
"""No connection is held longer, whatever the client does."""

DELAY_MS_MAX: Final = 60_000
PORT_MAX: Final = 65_535
EXIT_UNUSABLE: Final = 2

_LOOK_S: Final = 0.05
_EXAMPLE: Final = """\
examples:
  python -m fallback_guard.tools.hostile_llm --share 0.3 --seed 7 --map config/sample_warehouse.geojson
  python -m fallback_guard.tools.hostile_llm --share 1 --kinds silence,fenced --port 8081
  python -m fallback_guard.tools.hostile_llm --share 0.1 --upstream http://127.0.0.1:8080/v1
"""


class HostileSetupError(Exception):
    """Settings that do not go together.  The message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that was answered: the `number`-th for its request, with what it met."""

    request_id: str
    robot_id: str
    number: int
    kind: HostileKind | None


@final
class HostileLlm:
    """The endpoint, serving from its construction to `close`; also a context manager.

    `kinds` of None means all that can be made: those that need a map only where there is one.  Without `streams` a
    call for a stream is answered whole.
    Raises HostileSetupError.
    """

    def __init__(  # noqa: PLR0913  # each is one option of the command line
        self,
        *,
        seed: int = 0,
        share: float = 1.0,
        kinds: Sequence[HostileKind] | None = None,
        warehouse: Warehouse | None = None,
        upstream: str = "",
        delay_ms: int = 0,
        port: int = 0,
        streams: bool = False,
    ) -> None:
        """Bind the port and serve from now on."""
        self.seed = seed
        self.share = share
        self.kinds = tuple(kinds if kinds is not None else _all_kinds(warehouse))
        self._delay_s = delay_ms / 1_000
        self._streams = streams
        self._upstream = upstream
        self._warehouse = warehouse
        self._paths = Paths(warehouse) if warehouse else None
        _check(self.kinds, share, warehouse, upstream)
        self._lock = threading.Lock()
        self._numbers: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._calls: deque[Call] = deque(maxlen=CALLS_REMEMBERED_MAX)
        self._ending = threading.Event()
        self._server = _Server((HOST, port), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_S,), name="hostile_llm", daemon=True
        )
        self._thread.start()

    @property
    def base_url(self) -> str:
        """What to give the planner."""
        return f"http://{HOST}:{self._server.server_port}/v1"

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls so far, the oldest first."""
        with self._lock:
            return tuple(self._calls)

    def __enter__(self) -> "HostileLlm":
        """Return itself; it serves already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Stop serving and let go of every client that is kept waiting."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fate(self, request_id: str, robot_id: str, call: int) -> HostileKind | None:
        """Return what call number `call` for a request meets."""
        return fate(
            seed=self.seed,
            share=self.share,
            kinds=self.kinds,
            request_id=request_id,
            robot_id=robot_id,
            call=call,
        )

    def wait(self, seconds: float) -> bool:
        """Wait; return True, at once, when the endpoint closes."""
        return self._ending.wait(seconds)

    def reply(self, body: bytes, authorization: str) -> Reply:
        """Answer one call."""
        request = asked_request(body)
        if request is None:
            return error(400, "no user message holds a pick request as a line of JSON")
        number = self._number(request)
        kind = self.fate(request.request_id, request.robot_id, number)
        with self._lock:
            self._calls.append(
                Call(
                    request_id=request.request_id,
                    robot_id=request.robot_id,
                    number=number,
                    kind=kind,
                )
            )
        self.wait(self._delay_s)
        if kind is None and self._upstream:
            return _forwarded(self._upstream, body, authorization)
        question = Question(
            request=request,
            order=self._best_order(request),
            bins=tuple(self._warehouse.bins) if self._warehouse else (),
        )
        reply = completion(question.text()) if kind is None else HOSTILE_KINDS[kind].make(question)
        return streamed(reply) if self._streams and _asks_for_stream(body) else reply

    def _number(self, request: PickRequest) -> int:
        key = (request.robot_id, request.request_id)
        with self._lock:
            number = self._numbers.pop(key, 0) + 1
            self._numbers[key] = number
            if len(self._numbers) > REQUESTS_COUNTED_MAX:
                self._numbers.popitem(last=False)
        return number

    def _best_order(self, request: PickRequest) -> tuple[PickItem, ...]:
        warehouse, paths = self._warehouse, self._paths
        if warehouse is None or paths is None:
            return request.items
        nodes_known = {request.start_node, request.goal_node} <= warehouse.nodes.keys()
        if not nodes_known or any(item.bin not in warehouse.bins for item in request.items):
            return request.items
        with self._lock:  # Paths remembers what it computes.
            order = standby_order(prepare(request, paths, start_node=request.start_node))
        return order or request.items


def asked_request(body: bytes) -> PickRequest | None:
    """Find the pick request in a call's messages; None where there is none."""
    try:
        messages = json.loads(body)["messages"]
        texts = [message["content"] for message in messages if message["role"] == "user"]
        line = next(line for line in texts[-1].splitlines() if line.startswith("{"))
        asked = json.loads(line)
        items = tuple(
            PickItem(bin=str(item["bin"]), sku=str(item["sku"]), quantity=int(item["quantity"]))
            for item in asked["items"]
        )
        request = PickRequest(
            request_id=str(asked["request_id"]),
            robot_id=str(asked["robot_id"]),
            start_node=int(asked["start_node"]),
            goal_node=int(asked["goal_node"]),
            items=items,
        )
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError):
        return None
    return request if items else None


def _asks_for_stream(body: bytes) -> bool:
    return json.loads(body).get("stream") is True


def _all_kinds(warehouse: Warehouse | None) -> tuple[HostileKind, ...]:
    return tuple(HostileKind) if warehouse else KINDS_WITHOUT_MAP


def _check(
    kinds: Sequence[HostileKind], share: float, warehouse: Warehouse | None, upstream: str
) -> None:
    if not 0.0 <= share <= 1.0:
        raise HostileSetupError(f"the share is {share}; allowed: 0 to 1")
    for kind in kinds:
        if HOSTILE_KINDS[kind].needs_map and warehouse is None:
            raise HostileSetupError(f"the kind {kind.value} can only be made with a map")
    parts = urlsplit(upstream)
    if upstream and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise HostileSetupError("the upstream is no URL such as http://127.0.0.1:8080/v1")


def _forwarded(upstream: str, body: bytes, authorization: str) -> Reply:
    """Ask `upstream` and hand its answer on.  The key passes through, and is kept nowhere."""
    parts = urlsplit(upstream)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or HOST, parts.port, timeout=HANG_S_MAX)
    headers = {"Content-Type": "application/json"}
    if authorization:
        headers["Authorization"] = authorization
    try:
        path = f"{parts.path.rstrip('/')}/chat/completions"
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read(UPSTREAM_BYTES_MAX)
        content_type = response.getheader("Content-Type", "application/json")
        return Reply(body=answer, status=response.status, content_type=content_type)
    except (OSError, http.client.HTTPException, ValueError) as fault:
        return error(502, f"the upstream failed: {type(fault).__name__}")
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], endpoint: HostileLlm) -> None:
        self.endpoint = endpoint
        super().__init__(address, _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients of this endpoint go away in the middle, and that is what it is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = HANG_S_MAX
    server: _Server

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            models = {"object": "list", "data": [{"id": MODEL_NAME, "object": "model"}]}
            self._send(Reply(body=json.dumps(models).encode("ascii")))
        else:
            self._send(error(404, "there are /v1/models and /v1/chat/completions"))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length[:20]) > BODY_BYTES_MAX:
            self.close_connection = True
            self._send(error(413, f"a body needs a Content-Length of up to {BODY_BYTES_MAX}"))
            return
        body = self.rfile.read(int(length))
        if self.path != "/v1/chat/completions":
            self._send(error(404, "there are /v1/models and /v1/chat/completions"))
            return
        self._send(self.server.endpoint.reply(body, self.headers.get("Authorization", "")))

    def log_message(self, *_: object) -> None:
        """Log nothing: a request may hold a key."""

    def _send(self, reply: Reply) -> None:
        if reply.hang or reply.disconnect:
            self.close_connection = True
            if reply.hang:
                self._hold(HANG_S_MAX)
            return
        self.send_response(HTTPStatus(reply.status))
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.location:
            self.send_header("Location", reply.location)
        self.end_headers()
        if not reply.bytes_per_s:
            self.wfile.write(reply.body)
            return
        self.close_connection = True
        pause_s = 1 / reply.bytes_per_s
        for number in range(min(len(reply.body), int(HANG_S_MAX / pause_s))):
            self.wfile.write(reply.body[number : number + 1])
            if self._hold(pause_s):
                return

    def _hold(self, seconds: float) -> bool:
        """Wait; return True, early, when the client has gone or the endpoint closes."""
        for _ in range(max(1, round(seconds / _LOOK_S))):
            if self.server.endpoint.wait(_LOOK_S) or self._client_has_gone():
                return True
        return False

    def _client_has_gone(self) -> bool:
        readable = select.select([self.connection], [], [], 0)[0]
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until a signal comes."""
    options = _parser().parse_args(argv)
    ending = Ending()
    try:
        endpoint = HostileLlm(
            seed=options.seed,
            share=options.share,
            kinds=options.kinds,
            warehouse=load_warehouse(options.map) if options.map else None,
            upstream=options.upstream,
            delay_ms=options.delay_ms,
            port=options.port,
            streams=options.stream,
        )
    except (HostileSetupError, MapError, OSError) as fault:
        print(f"hostile_llm: {fault}", file=sys.stderr)
        return EXIT_UNUSABLE
    with endpoint:
        print(f"listening on {endpoint.base_url}", flush=True)
        while not ending.wait(within_s=HANG_S_MAX):
            pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fallback_guard.tools.hostile_llm",
        description=__doc__,
        epilog=_EXAMPLE + f"\nkinds: {', '.join(kind.value for kind in HostileKind)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="share of hostile answers, 0 to 1 (default 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="which calls meet what (default 0)")
    parser.add_argument(
        "--kinds", type=_kinds, help="comma-separated (default: all that can be made)"
    )
    parser.add_argument("--map", type=Path, help="GeoJSON map, for the best order and wrong bins")
    parser.add_argument(
        "--upstream", default="", help="base URL of the endpoint that answers the other calls"
    )
    parser.add_argument(
        "--delay-ms",
        type=int,
        choices=range(DELAY_MS_MAX + 1),
        metavar="MS",
        default=0,
        help=f"thinking time before each answer, 0 to {DELAY_MS_MAX} (default 0)",
    )
    parser.add_argument(
        "--stream", action="store_true", help="stream answers where that is asked for"
    )
    parser.add_argument(
        "--port",
        type=int,
        choices=range(PORT_MAX + 1),
        metavar="PORT",
        default=8080,
        help="loopback port, 0 for any free one (default 8080)",
    )
    return parser


def _kinds(text: str) -> tuple[HostileKind, ...]:
    try:
        return tuple(HostileKind(name.strip()) for name in text.split(","))
    except ValueError as fault:
        known = ", ".join(kind.value for kind in HostileKind)
        raise argparse.ArgumentTypeError(f"{fault}; there are {known}") from fault


if __name__ == "__main__":
    raise SystemExit(main())
