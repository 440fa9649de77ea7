# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The way to the model through proxies and past them, and how the key is sent to endpoints such as Azure's."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
import trustme

from endpoint import Asked, Endpoint, always, completion, endpoint, response
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.parameters import ParameterError
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.config import planner_config
from test_client import KEY, TIMEOUT_S, answer_of, ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fallback_guard.planning.llm import Answer

NAME: Final = "llm.example.com"
"""Reachable by nobody but the proxy of these tests, which knows where it is."""

PASSWORD: Final = "a-password-nobody-may-see"  # noqa: S105  # of nobody
VARIABLES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@dataclass(kw_only=True)
class Proxy:
    """A CONNECT proxy (RFC 9110, section 9.3.6), which leads every name to one port of this machine."""

    url: str = ""
    port: int = 0
    status: str = "200 Connection established"
    heads: list[str] = field(default_factory=list)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def proxy(port: int) -> AsyncIterator[Proxy]:
    """Serve on a loopback port."""
    here = Proxy(port=port)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            here.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            if not (here.heads[-1].startswith("CONNECT ") and here.status.startswith("200")):
                writer.write(response(b"", status="407 Proxy Authentication Required"))
                return
            onward = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(f"HTTP/1.1 {here.status}\r\n\r\n".encode())
            await asyncio.gather(_pump(reader, onward[1]), _pump(onward[0], writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield here


def through(  # noqa: PLR0913  # each is one thing that a test changes
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    variable: str = "HTTPS_PROXY",
    user: str = "",
    status: str = "200 Connection established",
    host: str = NAME,
) -> tuple[Answer, Endpoint, Proxy]:
    """Return what the client makes of an HTTPS endpoint behind a proxy, and both of these."""
    authority = trustme.CA()
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, "127.0.0.1", "localhost").configure_cert(tls)

    async def run() -> tuple[Answer, Endpoint, Proxy]:
        async with endpoint(always(completion("{}")), tls=tls) as here:
            port = int(here.base_url.rpartition(":")[2].removesuffix("/v1"))
            async with proxy(port) as between:
                between.status = status
                monkeypatch.setenv(variable, between.url.replace("//", f"//{user}"))
                answer = await ask(f"https://{host}:{port}/v1")
                return answer, here, between

    return asyncio.run(run())


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_an_endpoint_is_reached_through_the_proxy_of_the_environment(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Which sees its name, and nothing of what is said: the authority of SSL_CERT_FILE vouches for the endpoint."""
    answer, here, between = through(monkeypatch, tmp_path, variable=variable)
    assert (answer.failure, answer.payload) == (None, b"{}")
    assert here.asked[0].headers["authorization"] == f"Bearer {KEY}"
    [head] = between.heads
    assert head.startswith(f"CONNECT {NAME}:")
    assert KEY not in head


def test_a_proxy_is_given_its_user_and_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And nobody else is: they are in no log and no answer."""
    caplog.set_level(logging.DEBUG)
    answer, here, between = through(monkeypatch, tmp_path, user=f"robot:{PASSWORD}@")
    assert answer.payload == b"{}"
    signed = base64.b64encode(f"robot:{PASSWORD}".encode()).decode()
    assert f"Basic {signed}" in between.heads[0]
    assert PASSWORD not in repr(answer) + repr(here.asked)
    assert signed not in repr(here.asked)
    shown = [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    assert not [text for text in shown if PASSWORD in text or signed in text or KEY in text]


def test_a_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The endpoint is asked nothing."""
    answer, here, _ = through(monkeypatch, tmp_path, status="407", user=f"robot:{PASSWORD}@")
    assert (answer.failure, here.asked) == (FailureMode.PLANNER_UNREACHABLE, [])
    assert PASSWORD not in repr(answer)


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "example.com,localhost"])
def test_hosts_of_no_proxy_are_reached_without_it(
    no_proxy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NO_PROXY", no_proxy)
    answer, _, between = through(monkeypatch, tmp_path, host="localhost")
    assert (answer.payload, between.heads) == (b"{}", [])


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_never_reached_through_a_proxy(
    host: str, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Although NO_PROXY forgets it: the proxy's 127.0.0.1 is another machine, which would be given the key."""
    answer, _, between = through(monkeypatch, tmp_path, variable=variable, host=host)
    assert (answer.payload, between.heads) == (b"{}", [])


def test_a_local_server_without_tls_is_never_reached_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    answer, _ = answer_of(always(completion("{}")))
    assert answer.payload == b"{}"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", f"gopher://robot:{PASSWORD}@proxy:1"),
        ("HTTPS_PROXY", "http://proxy:notaport"),
        ("SSL_CERT_FILE", "/no/such/file.pem"),
    ],
)
def test_an_environment_that_cannot_be_used_is_refused_by_name_or_unreachable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never raises anything else, and the proxy's password is not repeated."""
    monkeypatch.setenv(variable, value)
    try:
        answer = asyncio.run(ask("https://llm.example.invalid/v1"))
    except ParameterError as error:
        assert variable in str(error)  # noqa: PT017
        assert PASSWORD not in str(error)  # noqa: PT017
    else:
        assert answer.failure is FailureMode.PLANNER_UNREACHABLE
        assert PASSWORD not in repr(answer)


# Keys as Azure has them.


def test_the_key_goes_into_the_header_that_azure_reads(caplog: pytest.LogCaptureFixture) -> None:
    """And into no other; with the version of its API behind the path."""
    caplog.set_level(logging.DEBUG)
    answer, here = answer_of(always(completion("{}")), auth="api-key", api_version="2024-10-21")
    assert answer.payload == b"{}"
    [asked] = here.asked
    assert asked.headers["api-key"] == KEY
    assert "authorization" not in asked.headers
    assert asked.line == "POST /v1/chat/completions?api-version=2024-10-21 HTTP/1.1"
    assert KEY not in caplog.text + repr(answer)


async def _echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
    key = asked.headers["api-key"]
    writer.write(response(key.encode(), status=f"400 {key}", X_Request_Id=key))
    await writer.drain()


async def _say(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(response(completion(f"the key is {asked.headers['api-key']}")))
    await writer.drain()


@pytest.mark.parametrize("answering", [_echo, _say, always(b"<html>")])
def test_a_key_in_that_header_is_shown_nowhere(
    answering: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer, _ = answer_of(answering, auth="api-key")  # type: ignore[arg-type]
    assert answer.failure is not None
    assert KEY not in repr(answer)
    if answering is not _echo:  # What an endpoint says in its status line the HTTP library logs.
        assert KEY not in caplog.text


def test_nothing_is_sent_of_a_version_that_is_not_given() -> None:
    _, here = answer_of(always(completion("{}")))
    assert here.asked[0].line == "POST /v1/chat/completions HTTP/1.1"


@pytest.mark.parametrize("version", ["2024 10 21", "v1&api-key=x", "x" * 65, "\n", "é"])
def test_a_version_that_cannot_stand_in_a_query_is_refused_by_name(version: str) -> None:
    with pytest.raises(ParameterError, match="'api_version'"):
        planner_config({"api_version": version})


def test_the_list_of_models_is_signed_and_bounded_as_well() -> None:
    """Bad lists end in an answer that says why."""

    async def run(body: bytes, status: str = "200 OK") -> tuple[tuple[str, ...] | Answer, Endpoint]:
        async with endpoint(always(body, status=status)) as here:
            config = planner_config({"base_url": here.base_url, "auth": "api-key"})
            client = LlmClient(config, environ={"OPENAI_API_KEY": KEY})
            models = await client.models(TIMEOUT_S)
            await client.close()
            return models, here

    models, here = asyncio.run(run(b'{"data": [{"id": "m-1"}, {"id": 7}, 3, {"id": "m-2"}]}'))
    assert models == ("m-1", "m-2")
    assert here.asked[0].line == "GET /v1/models HTTP/1.1"
    assert here.asked[0].headers["api-key"] == KEY
    for body, failure in (
        (b"<html>", FailureMode.PLANNER_BAD_RESPONSE),
        (b" " * 2_000_000, FailureMode.PLANNER_OVERSIZE),
    ):
        models, _ = asyncio.run(run(body))
        assert not isinstance(models, tuple)
        assert models.failure is failure
    models, _ = asyncio.run(run(b"{}", "404 Not Found"))
    assert not isinstance(models, tuple)
    assert models.failure is FailureMode.PLANNER_HTTP_ERROR
