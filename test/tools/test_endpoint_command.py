# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard endpoint` on endpoints that can much, little and nothing."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from endpoint import COST, DONE, END, STREAM_HEAD, Asked, completion, endpoint, piece, response
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.probing import Finding, Verdict, probe
from fallback_guard.tools import cli

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

KEY: Final = "sk-a-key-nobody-may-see"
READY: Final = '{"state": "ready"}'


@dataclass(frozen=True, kw_only=True)
class Server:
    """An endpoint by what it can do."""

    models: bytes = b'{"data": [{"id": "small"}, {"id": "large"}]}'
    forms: tuple[str, ...] = ("json_schema", "json_object")
    obeys: tuple[str, ...] = ("json_schema", "json_object")
    streams: bool = True
    counts: bool = True
    refuses: tuple[str, ...] = ()
    status: str = "200 OK"

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Answer one call."""
        if asked.line.startswith("GET"):
            writer.write(response(self.models))
            return
        form = asked.body.get("response_format", {"type": "none"})
        assert isinstance(form, dict)
        name = form["type"]
        refused = [word for word in self.refuses if word in asked.body]
        if self.status != "200 OK" or (name != "none" and name not in self.forms) or refused:
            said = refused[0] if refused else "response_format"
            status = "400 Bad Request" if self.status == "200 OK" else self.status
            writer.write(response(f'{{"error": "{said} is not known"}}'.encode(), status=status))
            return
        text = {"json_schema": READY, "json_object": '{"hello": 1}'}.get(name, "Hello.")
        text = text if name in (*self.obeys, "none") else "Hello."
        if self.streams and asked.body.get("stream"):
            writer.write(STREAM_HEAD + piece(text) + END + (COST if self.counts else b"") + DONE)
            return
        usage = {"prompt_tokens": 9, "completion_tokens": 2} if self.counts else None
        writer.write(response(json.dumps(json.loads(completion(text)) | {"usage": usage}).encode()))


def probed(server: Server, *, model: str = "", **parameters: object) -> dict[str, Finding]:
    """Return the findings by what was asked."""

    async def run() -> list[Finding]:
        async with endpoint(server) as here:
            given = {"base_url": here.base_url, **({"model": model} if model else {}), **parameters}
            return await probe(planner_config(given), model_given=bool(model), timeout_s=5.0)

    return {finding.asked: finding for finding in asyncio.run(run())}


def verdicts(findings: dict[str, Finding]) -> dict[str, Verdict]:
    """Return those that are not a plain yes."""
    return {
        asked: finding.verdict
        for asked, finding in findings.items()
        if finding.verdict is not Verdict.YES
    }


SCHEMA: Final = "structured output: json_schema"
OBJECT: Final = "structured output: json_object"


@pytest.mark.parametrize(
    ("server", "due"),
    [
        (Server(), {}),
        (Server(forms=("json_object",)), {SCHEMA: Verdict.LESS}),
        (Server(forms=("json_schema",)), {OBJECT: Verdict.LESS}),
        (Server(forms=()), {SCHEMA: Verdict.NO, OBJECT: Verdict.NO}),
        (Server(obeys=()), {SCHEMA: Verdict.NO, OBJECT: Verdict.NO}),
        (Server(obeys=("json_object",)), {SCHEMA: Verdict.NO}),
        (Server(streams=False), {"streaming": Verdict.LESS}),
        (Server(counts=False), {"tokens counted": Verdict.LESS}),
        (
            Server(refuses=("seed", "temperature")),
            {"seed": Verdict.LESS, "temperature": Verdict.LESS},
        ),
        (Server(refuses=("max_tokens",)), {}),
        (
            Server(refuses=("max_tokens", "max_completion_tokens")),
            {"limit of tokens": Verdict.LESS},
        ),
        (Server(refuses=("stream",)), {"streaming": Verdict.LESS}),
        (Server(models=b"<html>"), {"models": Verdict.LESS}),
    ],
)
def test_what_an_endpoint_can_do_is_found_out(server: Server, due: dict[str, Verdict]) -> None:
    """With what to do about it where something is to be done."""
    findings = probed(server)
    assert verdicts(findings) == due
    assert all(findings[asked].remedy or findings[asked].found for asked in due)


def test_the_first_model_is_asked_unless_another_is_given() -> None:
    assert "model small" in probed(Server())["a small answer"].found
    assert "model large" in probed(Server(), model="large")["a small answer"].found
    unknown = probed(Server(), model="huge")
    assert unknown["models"].verdict is Verdict.LESS
    assert "huge is not among them" in unknown["models"].remedy


def test_where_nothing_is_answered_the_rest_is_not_tried() -> None:
    findings = probed(Server(status="401 Unauthorized"))
    assert findings["a small answer"].verdict is Verdict.NO
    assert "api_key_env" in findings["a small answer"].found
    assert set(verdicts(findings).values()) == {Verdict.NO, Verdict.UNTRIED}


@contextmanager
def serving(
    answer: Callable[[Asked, asyncio.StreamWriter], Awaitable[None]],
) -> Iterator[str]:
    """Serve in a thread, for a command that has a loop of its own."""
    loop = asyncio.new_event_loop()
    ready, closing = threading.Event(), asyncio.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with endpoint(answer) as here:
            urls.append(here.base_url)
            ready.set()
            await closing.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(closing.set)
        thread.join()
        loop.close()


@pytest.mark.parametrize(
    ("server", "code"),
    [
        (Server(), 0),
        (Server(streams=False), 0),
        (Server(obeys=()), 1),
        (Server(status="500 No"), 1),
    ],
)
def test_the_command_prints_a_table_and_says_by_its_exit_code_whether_it_will_do(
    server: Server,
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(server) as base_url:
        assert cli.main(["endpoint", base_url]) == code
    shown = capsys.readouterr()
    assert "json_schema" in shown.out
    assert shown.err == ""
    assert KEY not in shown.out


def test_an_endpoint_that_is_not_there_is_no(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["endpoint", "http://127.0.0.1:9/v1", "--timeout-s", "2"]) == 1
    assert "PLANNER_UNREACHABLE" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["ftp://host"], "'base_url'"),
        (["http://127.0.0.1:9/v1", "--timeout-s", "0"], "--timeout-s"),
        (["http://127.0.0.1:9/v1", "--timeout-s", "nan"], "--timeout-s"),
        (["http://127.0.0.1:9/v1", "--api-version", "a b"], "'api_version'"),
        (["http://127.0.0.1:9/v1", "--model", "m\n"], "'model'"),
        (["http://127.0.0.1:9/v1", "--api-key-env", "BAD_KEY"], "'BAD_KEY'"),
    ],
)
def test_unusable_arguments_are_exit_code_2(
    arguments: list[str],
    problem: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BAD_KEY", f"{KEY}\n")
    assert cli.main(["endpoint", *arguments]) == 2
    shown = capsys.readouterr().err
    assert problem in shown
    assert KEY not in shown
