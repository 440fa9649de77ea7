# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The way to the model: whom the client believes, what it reads, and what becomes of the key."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

import pytest
import trustme

from endpoint import Asked, Endpoint, always, completion, endpoint
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.config import PLANNER_PARAMETERS, planner_config
from test_client import KEY, answer_of, ask

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_guard.planning.llm import Answer

CLIENTS_OWN: Final = "127.0.0.1"
LONG_AGO: Final = datetime.now(timezone.utc) - timedelta(days=2)
LIMIT: Final = 4_096


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority that nobody knows but whom a test tells of it."""
    return trustme.CA()


def over_tls(certificate: trustme.LeafCert) -> tuple[Answer, Endpoint]:
    """Return what the client makes of an endpoint with this certificate, and the endpoint."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)

    async def run() -> tuple[Answer, Endpoint]:
        async with endpoint(always(completion("{}")), tls=tls) as here:
            assert here.base_url.startswith("https://")
            return await ask(here.base_url), here

    return asyncio.run(run())


def trust(authority: trustme.CA, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name an authority the way that is usual."""
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


# Certificates.


@pytest.mark.parametrize(
    "variable",
    [
        "",
        "PYTHONHTTPSVERIFY=0",
        "SSL_CERT_FILE=",
        "SSL_VERIFY=0",
        "CURL_CA_BUNDLE=",
        "REQUESTS_CA_BUNDLE=",
        "NODE_TLS_REJECT_UNAUTHORIZED=0",
    ],
)
def test_a_certificate_that_nobody_vouches_for_is_refused(
    variable: str, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything was asked, and whatever the environment says to other programs."""
    name, _, value = variable.partition("=")
    if name:
        monkeypatch.setenv(name, value)
    answer, here = over_tls(authority.issue_cert(CLIENTS_OWN))
    assert (answer.failure, here.asked) == (FailureMode.PLANNER_UNREACHABLE, [])


def test_an_authority_is_named_by_ssl_cert_file(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is what the refusals here are proven by, too."""
    trust(authority, tmp_path, monkeypatch)
    answer, here = over_tls(authority.issue_cert(CLIENTS_OWN))
    assert (answer.failure, answer.payload) == (None, b"{}")
    assert here.asked[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("fault", ["another host", "expired", "another authority"])
def test_a_certificate_has_to_be_right_in_every_respect(
    fault: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(authority, tmp_path, monkeypatch)
    certificate = {
        "another host": lambda: authority.issue_cert("llm.example.com"),
        "expired": lambda: authority.issue_cert(
            CLIENTS_OWN, not_before=LONG_AGO, not_after=LONG_AGO + timedelta(days=1)
        ),
        "another authority": lambda: trustme.CA().issue_cert(CLIENTS_OWN),
    }[fault]()
    answer, here = over_tls(certificate)
    assert (answer.failure, here.asked) == (FailureMode.PLANNER_UNREACHABLE, [])


def test_no_parameter_switches_verification_off() -> None:
    words = ("verify", "insecure", "tls", "ssl", "cert", "redirect")
    assert not [row.name for row in PLANNER_PARAMETERS if any(word in row.name for word in words)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_led_from_https_to_http(
    status: int, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(authority, tmp_path, monkeypatch)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(CLIENTS_OWN).configure_cert(tls)

    async def run() -> tuple[Answer, Endpoint]:
        async with endpoint(always(completion("{}"))) as elsewhere:
            away = always(b"", status=f"{status} Away", Location=f"{elsewhere.base_url}/x")
            async with endpoint(away, tls=tls) as here:
                return await ask(here.base_url), elsewhere

    answer, elsewhere = asyncio.run(run())
    assert (answer.failure, elsewhere.asked) == (FailureMode.PLANNER_HTTP_ERROR, [])


# What a response says of its own length.

OK: Final = b"HTTP/1.1 200 OK\r\n"
BODY: Final = completion("{}")


@pytest.mark.parametrize(
    ("sent", "failure"),
    [
        (OK + b"Content-Length: 5\r\n\r\n" + BODY, FailureMode.PLANNER_BAD_RESPONSE),
        (OK + b"Content-Length: 0\r\n\r\n" + BODY, FailureMode.PLANNER_BAD_RESPONSE),
        (OK + b"Content-Length: %d\r\n\r\n" % 10**18 + BODY, FailureMode.PLANNER_OVERSIZE),
        (OK + b"Content-Length: 4000\r\n\r\n" + BODY, FailureMode.PLANNER_UNREACHABLE),
        (OK + b"Content-Length: -1\r\n\r\n" + BODY, FailureMode.PLANNER_UNREACHABLE),
        (OK + b"Content-Length: 0x10\r\n\r\n" + BODY, FailureMode.PLANNER_UNREACHABLE),
        (
            OK + b"Content-Length: 5\r\nContent-Length: 9\r\n\r\n" + BODY,
            FailureMode.PLANNER_UNREACHABLE,
        ),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n" + BODY,
            FailureMode.PLANNER_UNREACHABLE,
        ),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * (LIMIT + 1),
            FailureMode.PLANNER_OVERSIZE,
        ),
    ],
    ids=range(9),
)
def test_a_length_that_lies_gains_nothing(sent: bytes, failure: FailureMode) -> None:
    async def answering(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    answer, _ = answer_of(answering, response_bytes_max=LIMIT)
    assert (answer.failure, answer.payload) == (failure, b"")


def test_a_length_that_never_comes_takes_no_longer_than_the_budget() -> None:
    async def answering(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 4000\r\n\r\n" + BODY)
        await writer.drain()
        await asyncio.sleep(60)

    answer, _ = answer_of(answering, timeout_s=0.3)
    assert answer.failure is FailureMode.PLANNER_TIMEOUT


@pytest.mark.parametrize(
    "again", [b"X-More: 1\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"X" * 1_000], ids=repr
)
def test_a_head_without_end_is_broken_off(again: bytes) -> None:
    """By its size, or where each part of it is a whole, by the budget."""

    async def flood(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"" if again.startswith(b"HTTP") else OK)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0)

    answer, _ = answer_of(flood, timeout_s=1.0)
    assert answer.failure in (FailureMode.PLANNER_UNREACHABLE, FailureMode.PLANNER_TIMEOUT)


# The key.


@pytest.mark.parametrize("text", [KEY, f'{{"sku": "{KEY}"}}', f"Bearer {KEY}\n"])
def test_an_answer_that_repeats_the_key_is_kept_back(text: str) -> None:
    """It would be published as a candidate, and the guard would name it in a decision."""
    answer, _ = answer_of(always(completion(text)))
    assert (answer.failure, answer.payload) == (FailureMode.PLANNER_BAD_RESPONSE, b"")
    assert "repeats the key" in answer.detail
    assert KEY not in repr(answer)


@pytest.mark.parametrize(
    ("base_url", "is_exposed"),
    [
        ("https://llm.example.com/v1", False),
        ("http://127.0.0.1:8080/v1", False),
        ("http://127.9.9.9/v1", False),
        ("http://[::1]:8080/v1", False),
        ("http://LOCALHOST:8080/v1", False),
        ("http://llm.example.com/v1", True),
        ("http://192.168.1.7:8080/v1", True),
        ("http://127.0.0.1.example.com/v1", True),
        ("http://localhost.example.com/v1", True),
        ("http://[fe80::1]/v1", True),
    ],
)
@pytest.mark.parametrize("environ", [{"OPENAI_API_KEY": KEY}, {}], ids=["key", "no key"])
def test_a_key_that_goes_in_the_clear_is_warned_of(
    base_url: str, environ: dict[str, str], *, is_exposed: bool
) -> None:
    client = LlmClient(planner_config({"base_url": base_url}), environ=environ)
    assert bool(client.exposure) is (is_exposed and bool(environ))
    assert KEY not in client.exposure
