# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A real language model on this machine, from the prompt to the guard's verdict."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.core.config import guard_config
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.judge import Judge
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.llm import Answer
from fallback_guard.planning.methods import Brief, request_question
from fallback_guard.planning.planner import Candidate, Planner
from fallback_guard.planning.prompt import Message
from fallback_guard.tools.llm_server import LlmUnavailableError, model_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_guard.core.motion import ValidatedRoute
    from fallback_guard.core.validation import Verdict

MODULE: Final = "fallback_guard.tools.llm_server"


def _missing() -> str:
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed"
    try:
        model_file()
    except LlmUnavailableError as error:
        return str(error)
    return ""


pytestmark = pytest.mark.skipif(bool(_missing()), reason=_missing() or "it is there")

WAREHOUSE: Final = load_warehouse(Path(__file__).parents[2] / "config" / "sample_warehouse.geojson")
JUDGE: Final = Judge(config=guard_config({}), paths=Paths(WAREHOUSE))
ITEMS: Final = (
    PickItem(bin="B-05", sku="SKU-4", quantity=1),
    PickItem(bin="A-03", sku="SKU-9", quantity=2),
)


@contextmanager
def serving() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the server as a demo does; yield its process and its base URL."""
    command = [sys.executable, "-m", MODULE, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:"), line
            yield process, line.split()[-1]
        finally:
            process.kill()


class OneRequest:
    """Plans one request, with the guard's own validation as the guard."""

    def __init__(self, base_url: str, request: PickRequest) -> None:
        """Prepare everything but the loop."""
        self.request = request
        self.verdicts: list[Verdict] = []
        self.failures: list[str] = []
        self._prepared = JUDGE.prepare(request, request.start_node)
        self._config = planner_config({"base_url": base_url, "planning_timeout_ms": 30_000})

    async def run(self) -> None:
        """Plan until there is a route, or the attempts or the time are used up."""
        llm = LlmClient(self._config, environ={})
        self._planner = Planner(config=self._config, llm=llm, publish=self._judge)
        self._planner.ask(self.request)
        while self._planner.plans_open:  # noqa: ASYNC110  # nothing else tells a plan's end
            await asyncio.sleep(0.02)
        await llm.close()

    @property
    def route(self) -> ValidatedRoute | None:
        """What the guard would let through."""
        return self.verdicts[-1].route if self.verdicts else None

    def _judge(self, candidate: Candidate) -> None:
        if candidate.failure is not None:
            self.failures.append(f"{candidate.failure.value}: {candidate.detail}")
            return
        verdict = JUDGE.verdict(self._prepared, candidate.payload, source=candidate.source)
        self.verdicts.append(verdict)
        if verdict.refusal is None:
            self._planner.settled(
                request_id=candidate.request_id,
                robot_id=candidate.robot_id,
                attempt=candidate.attempt,
            )
            return
        self._planner.refused(
            request_id=candidate.request_id,
            robot_id=candidate.robot_id,
            attempt=candidate.attempt,
            mode=verdict.refusal.mode,
            detail=verdict.refusal.detail,
        )


def test_a_small_model_with_a_schema_plans_a_route_that_passes() -> None:
    """The schema is understood by llama.cpp, and the answer is JSON of the right shape every time."""
    request = PickRequest(
        request_id="R-17", robot_id="picker_1", start_node=1, goal_node=2, items=ITEMS
    )
    with serving() as (process, base_url):
        planned = OneRequest(base_url, request)
        asyncio.run(planned.run())
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert planned.failures == []
    assert planned.route is not None, [verdict.refusal for verdict in planned.verdicts]
    assert {stop.bin for stop in planned.route.stops} == {"A-03", "B-05"}


def _is_generating(base_url: str) -> bool:
    """Ask llama.cpp whether its one slot is at work."""
    with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/slots", timeout=10) as answer:  # noqa: S310
        slots: list[dict[str, object]] = json.load(answer)
    return any(slot["is_processing"] for slot in slots)


def test_an_answer_is_streamed_with_its_cost_and_a_cut_one_ends_the_generating() -> None:
    """Cut at its first stop, by a guard that wants nothing of it; uncut it would go on for seconds."""
    request = PickRequest(
        request_id="R-18", robot_id="picker_1", start_node=1, goal_node=2, items=ITEMS
    )
    question = request_question(Brief(request=request))
    endless = replace(
        question,
        messages=(Message(role="user", content="Count from one to a thousand, in words."),),
        form="none",
        hopeless=lambda beginning: "enough of this" if len(beginning) > 40 else "",
        answer_bytes=8_000,
    )

    async def run(base_url: str) -> tuple[Answer, Answer]:
        llm = LlmClient(planner_config({"base_url": base_url}), environ={})
        whole = await llm.answer(question, 30.0)
        cut = await llm.answer(endless, 30.0)
        for _ in range(200):
            if not _is_generating(base_url):
                break
            await asyncio.sleep(0.05)
        assert not _is_generating(base_url)
        await llm.close()
        return whole, cut

    with serving() as (_, base_url):
        whole, cut = asyncio.run(run(base_url))
    assert (whole.failure, whole.is_streamed) == (None, True)
    assert whole.usage.prompt_tokens > 200
    assert whole.usage.completion_tokens > 20
    assert (cut.failure, cut.payload) == (FailureMode.PLANNER_CUT, b"")
    assert 4 <= cut.usage.completion_tokens < 60, "of 1536 that it was allowed"
    assert cut.saved_s > 1.0


def test_the_server_ends_with_its_parent() -> None:
    """A demo that is killed leaves no model behind on the robot's processor."""
    script = (
        "import subprocess, sys\n"
        f"server = subprocess.Popen([sys.executable, '-m', {MODULE!r}, '--port', '0'],"
        " stdout=subprocess.PIPE)\n"
        "server.stdout.readline()\n"
    )
    # The server holds this pipe open, so that `run` comes back only when it has ended too.
    subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, timeout=30, check=True)


@pytest.mark.parametrize("arguments", [["--model-file", "no-such-file.gguf"], ["--threads", "0"]])
def test_unusable_arguments_are_exit_code_2(arguments: list[str]) -> None:
    """With a line that names what is wrong."""
    command = [sys.executable, "-m", MODULE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "llm_server" in done.stderr
    assert "Traceback" not in done.stderr
