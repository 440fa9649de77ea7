# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An HTTP endpoint whose every byte a test decides, in the test's own event loop."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One call: its first line, headers (names in small letters) and JSON body."""

    line: str
    headers: Mapping[str, str]
    body: dict[str, object]


@dataclass(kw_only=True)
class Endpoint:
    """Where it listens, and what it was asked."""

    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)


@asynccontextmanager
async def endpoint(
    answer: Callable[[Asked, asyncio.StreamWriter], Awaitable[None]],
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Endpoint]:
    """Serve on a loopback port; `answer` writes each response, after which the connection is closed."""
    here = Endpoint()
    answering: set[asyncio.Task[object] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.partition(": ")[::2] for line in head[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            here.asked.append(Asked(line=head[0], headers=headers, body=json.loads(body or b"{}")))
            await answer(here.asked[-1], writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client gave up, as it should, or the test is over.
        finally:
            answering.discard(asyncio.current_task())
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        scheme = "https" if tls else "http"
        here.base_url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield here
        finally:
            # From Python 3.12 on a server waits for its connections, also for those that never end.
            for task in tuple(answering):
                if task is not None:
                    task.cancel()


def response(body: bytes, *, status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole HTTP response; `_` in the name of a header stands for `-`."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def completion(content: object, *, finish_reason: str = "stop", **message: object) -> bytes:
    """Return a chat completion with one choice."""
    said = {"role": "assistant", "content": content, **message}
    return json.dumps({"choices": [{"finish_reason": finish_reason, "message": said}]}).encode()


def always(body: bytes, **kwargs: str) -> Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]:
    """Answer every call with the same response."""

    async def answer(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(body, **kwargs))
        await writer.drain()

    return answer


STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
)


def event(document: object) -> bytes:
    """Return a server-sent event with a document in it."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def piece(content: object = None, *, finish_reason: str | None = None, **delta: object) -> bytes:
    """Return an event with a piece of an answer."""
    choice = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish_reason}
    return event({"object": "chat.completion.chunk", "choices": [choice]})


END: Final = piece(finish_reason="stop")
COST: Final = event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
DONE: Final = b"data: [DONE]\n\n"


def streaming(
    *events: bytes, pause_s: float = 0.0, ends: bool = True
) -> Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]:
    """Answer every call with a stream of these events, which ends with the last of them or not at all."""

    async def answer(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for one in events:
            writer.write(one)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if not ends:
            await asyncio.sleep(60)

    return answer
