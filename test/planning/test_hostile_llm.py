# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The hostile endpoint: each kind is what it says, and which call meets it can be told beforehand."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from fallback_guard.core.config import guard_config
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import STOPS_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.llm import Answer
from fallback_guard.planning.methods import Brief, request_question
from fallback_guard.tools.hostile_answers import (
    KINDS_WITHOUT_MAP,
    HostileKind,
    expected_failure,
    fate,
)
from fallback_guard.tools.hostile_llm import Call, HostileLlm, HostileSetupError, asked_request

MAP_FILE: Final = Path(__file__).parents[2] / "config" / "sample_warehouse.geojson"
WAREHOUSE: Final = load_warehouse(MAP_FILE)
JUDGE: Final = Judge(config=guard_config({}), paths=Paths(WAREHOUSE))
BINS: Final = tuple(sorted(WAREHOUSE.bins))
KEY: Final = "sk-passed-on-and-kept-nowhere"


def pick_request(*, items: int = 3, request_id: str = "R-1") -> PickRequest:
    """Return a request on the sample map, its items listed in a bad order."""
    spread = [BINS[(number * 17) % len(BINS)] for number in range(items)]
    return PickRequest(
        request_id=request_id,
        robot_id="picker_1",
        start_node=1,
        goal_node=2,
        items=tuple(
            PickItem(bin=name, sku=f"SKU-{number}", quantity=1 + number % 2)
            for number, name in enumerate(spread)
        ),
    )


async def _answer(base_url: str, request: PickRequest, timeout_s: float) -> Answer:
    client = LlmClient(planner_config({"base_url": base_url}), environ={"OPENAI_API_KEY": KEY})
    try:
        question = request_question(Brief(request=request))
        return await client.answer(question, timeout_s)
    finally:
        await client.close()


def outcome(base_url: str, request: PickRequest, *, timeout_s: float = 5.0) -> FailureMode | None:
    """Return what planner and guard together make of the endpoint's answer; None: a route."""
    answer = asyncio.run(_answer(base_url, request, timeout_s))
    if answer.failure is not None:
        return answer.failure
    prepared = JUDGE.prepare(request, request.start_node)
    assert prepared.standby is not None
    refusal = JUDGE.verdict(prepared, answer.payload, source="llm:hostile").refusal
    return refusal.mode if refusal else None


SLOW: Final = (HostileKind.SILENCE, HostileKind.SLOW_DRIP)
"""These take the whole timeout, whatever the number of items."""


@pytest.mark.parametrize(
    ("kind", "items"),
    [
        (kind, items)
        for kind in HostileKind
        for items in ((5,) if kind in SLOW else (1, 2, 5, STOPS_MAX))
    ],
)
def test_each_kind_ends_in_the_failure_it_says(kind: HostileKind, items: int) -> None:
    """For one item, a few and a full list, through the real client and the real validation."""
    slow = kind in SLOW
    with HostileLlm(kinds=[kind], warehouse=WAREHOUSE) as endpoint:
        failure = outcome(
            endpoint.base_url, pick_request(items=items), timeout_s=0.4 if slow else 5.0
        )
    assert failure is expected_failure(kind, items=items)


@pytest.mark.parametrize(
    ("kind", "items"),
    [(kind, items) for kind in HostileKind if kind not in SLOW for items in (1, 5)],
)
def test_each_kind_that_is_streamed_is_cut_or_ends_in_the_failure_it_says(
    kind: HostileKind, items: int
) -> None:
    """Cut where its fault was seen before its end had come, which the network decides."""
    with HostileLlm(kinds=[kind], warehouse=WAREHOUSE, streams=True) as endpoint:
        failure = outcome(endpoint.base_url, pick_request(items=items))
    assert failure in (expected_failure(kind, items=items), FailureMode.PLANNER_CUT)


def test_a_right_answer_that_is_streamed_is_a_route() -> None:
    with HostileLlm(share=0.0, warehouse=WAREHOUSE, streams=True) as endpoint:
        answer = asyncio.run(_answer(endpoint.base_url, pick_request(), 5.0))
        assert outcome(endpoint.base_url, pick_request()) is None
    assert answer.is_streamed
    assert answer.usage.completion_tokens == len(answer.payload)


@pytest.mark.parametrize("items", [1, 4, 20])
def test_with_a_map_the_other_answers_are_right(items: int) -> None:
    """In the order of the standby route, which is as long as itself."""
    with HostileLlm(share=0.0, warehouse=WAREHOUSE) as endpoint:
        assert outcome(endpoint.base_url, pick_request(items=items)) is None


def test_without_a_map_the_other_answers_are_in_the_order_of_the_request() -> None:
    """As the prompt lists it."""
    request = pick_request(items=4)
    with HostileLlm(share=0.0) as endpoint:
        answer = asyncio.run(_answer(endpoint.base_url, request, 5.0))
    stops = json.loads(answer.payload)["stops"]
    assert [stop["bin"] for stop in stops] == sorted(item.bin for item in request.items)


def test_a_request_that_is_not_on_the_map_is_answered_in_its_order() -> None:
    """Whether it can be served is for the guard to say."""
    request = PickRequest(
        request_id="R-1", robot_id="r", start_node=999, goal_node=1,
        items=(PickItem(bin="Z-99", sku="S", quantity=1),),
    )  # fmt: skip
    with HostileLlm(share=0.0, warehouse=WAREHOUSE) as endpoint:
        answer = asyncio.run(_answer(endpoint.base_url, request, 5.0))
    assert json.loads(answer.payload)["stops"] == [{"bin": "Z-99", "sku": "S", "quantity": 1}]


def _fate(
    call: int,
    *,
    seed: int = 7,
    share: float = 0.3,
    request_id: str = "R-1",
    robot_id: str = "picker_1",
) -> HostileKind | None:
    kinds = tuple(HostileKind)
    return fate(
        seed=seed, share=share, kinds=kinds, request_id=request_id, robot_id=robot_id, call=call
    )


def test_a_fate_is_the_same_on_every_machine() -> None:
    """It is a hash, not a random number, and not Python's own hash either."""
    hostile = {call: kind.value for call in range(1, 13) if (kind := _fate(call))}
    assert hostile == {
        1: "single_quotes",
        4: "no_text",
        6: "nan",
        8: "http_error",
        9: "empty",
    }


def test_a_fate_depends_on_everything_it_is_given() -> None:
    """Otherwise two robots would always fail together."""
    calls = range(1, 101)
    here = [_fate(call) for call in calls]
    assert here != [_fate(call, seed=8) for call in calls]
    assert here != [_fate(call, request_id="R-2") for call in calls]
    assert here != [_fate(call, robot_id="picker_2") for call in calls]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_the_share_is_kept(share: float) -> None:
    """Within what 4,000 throws of a coin allow, and exactly at both ends; every kind has its turn."""
    throws = [_fate(call, share=share) for call in range(1, 4_001)]
    hostile = sum(kind is not None for kind in throws) / len(throws)
    assert hostile == pytest.approx(share, abs=0.0 if share in (0.0, 1.0) else 0.03)
    if share == 1.0:
        counts = Counter(throws)
        assert set(counts) == set(HostileKind)
        assert min(counts.values()) > len(throws) / len(HostileKind) / 2


def test_no_kinds_means_no_hostility() -> None:
    """Whatever the share."""
    assert fate(seed=1, share=1.0, kinds=(), request_id="R", robot_id="r", call=1) is None


def test_calls_are_numbered_for_each_request_and_can_be_told_beforehand() -> None:
    """So that a test knows what each attempt of each request met."""
    quick = [HostileKind.FENCED, HostileKind.EMPTY, HostileKind.HTTP_ERROR]
    with HostileLlm(seed=3, share=0.5, kinds=quick) as endpoint:
        for request_id in ("R-1", "R-2", "R-1", "R-1", "R-2"):
            outcome(endpoint.base_url, pick_request(request_id=request_id))
        calls = endpoint.calls
        numbers = [(call.request_id, call.number) for call in calls]
        assert numbers == [("R-1", 1), ("R-2", 1), ("R-1", 2), ("R-1", 3), ("R-2", 2)]
        for call in calls:
            kind = endpoint.fate(call.request_id, call.robot_id, call.number)
            assert call == Call(
                request_id=call.request_id, robot_id="picker_1", number=call.number, kind=kind
            )


def test_closing_lets_go_of_clients_that_are_kept_waiting() -> None:
    """A test that ends does not wait out the silence."""

    async def main() -> tuple[Answer, float]:
        endpoint = HostileLlm(kinds=[HostileKind.SILENCE])
        call = asyncio.ensure_future(_answer(endpoint.base_url, pick_request(), 30.0))
        while not endpoint.calls:  # noqa: ASYNC110  # it counts in a thread of its own
            await asyncio.sleep(0.01)
        began_s = time.monotonic()
        await asyncio.get_running_loop().run_in_executor(None, endpoint.close)
        return await call, time.monotonic() - began_s

    answer, took_s = asyncio.run(main())
    assert answer.failure is FailureMode.PLANNER_UNREACHABLE
    assert took_s < 2.0


def test_an_upstream_answers_the_calls_that_are_not_hostile() -> None:
    """With the caller's key, and with whatever the upstream says, errors included."""
    with HostileLlm(share=0.0, warehouse=WAREHOUSE) as upstream:
        with HostileLlm(share=0.0, upstream=upstream.base_url) as endpoint:
            assert outcome(endpoint.base_url, pick_request()) is None
        with HostileLlm(upstream=upstream.base_url, kinds=[HostileKind.FENCED]) as endpoint:
            assert outcome(endpoint.base_url, pick_request()) is FailureMode.FENCED
        assert len(upstream.calls) == 1
    with HostileLlm(share=0.0, upstream=upstream.base_url) as endpoint:
        assert outcome(endpoint.base_url, pick_request()) is FailureMode.PLANNER_HTTP_ERROR


def test_thinking_takes_its_time() -> None:
    """Before any answer."""
    with HostileLlm(share=0.0, delay_ms=200) as endpoint:
        began_s = time.monotonic()
        outcome(endpoint.base_url, pick_request())
        assert time.monotonic() - began_s >= 0.2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"messages": 7}',
        b'{"messages": []}',
        b'{"messages": [{"role": "user", "content": 7}]}',
        b'{"messages": [{"role": "user", "content": "hello"}]}',
        b'{"messages": [{"role": "user", "content": "{}"}]}',
        b'{"messages": [{"role": "user", "content": "{\\"items\\": []}"}]}',
    ],
)
def test_a_call_without_a_request_is_an_error(body: bytes) -> None:
    """And the endpoint goes on."""
    assert asked_request(body) is None
    with HostileLlm(share=0.0) as endpoint:
        call = urllib.request.Request(f"{endpoint.base_url}/chat/completions", data=body)  # noqa: S310
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(call, timeout=5)  # noqa: S310
        assert outcome(endpoint.base_url, pick_request(items=1)) is None


def test_the_models_are_listed() -> None:
    """For people who look whether it is there."""
    with HostileLlm() as endpoint:
        answer = urllib.request.urlopen(f"{endpoint.base_url}/models", timeout=5).read()  # noqa: S310
    assert json.loads(answer)["data"][0]["id"] == "hostile"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"share": 1.1}, "share"),
        ({"share": float("nan")}, "share"),
        ({"kinds": [HostileKind.WRONG_BIN]}, "wrong_bin can only be made with a map"),
        ({"upstream": "localhost:8080"}, "upstream"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    settings: dict[str, object], problem: str
) -> None:
    """By name."""
    with pytest.raises(HostileSetupError, match=problem):
        HostileLlm(**settings)  # type: ignore[arg-type]


def test_without_a_map_every_kind_but_those_of_the_map_is_used() -> None:
    """So that nothing has to be chosen to begin with."""
    with HostileLlm() as endpoint:
        assert endpoint.kinds == KINDS_WITHOUT_MAP
        assert set(HostileKind) - set(endpoint.kinds) == {HostileKind.WRONG_BIN}


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fallback_guard.tools.hostile_llm", *arguments]


def test_the_command_says_where_it_listens_and_ends_on_a_signal() -> None:
    """With exit code 0, so that a demo can tell an end from a fault."""
    command = _command(
        "--port", "0", "--share", "1", "--kinds", "empty,fenced", "--map", str(MAP_FILE)
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        failure = outcome(line.split()[-1], pick_request())
        process.terminate()
        assert process.wait(5) == 0
    assert failure in (FailureMode.EMPTY, FailureMode.FENCED)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--share", "2"],
        ["--kinds", "rude"],
        ["--kinds", "wrong_bin"],
        ["--map", "no-such-file"],
        ["--port", "-1"],
    ],
)
def test_unusable_arguments_are_exit_code_2(arguments: list[str]) -> None:
    """With one line that names what is wrong."""
    done = subprocess.run(
        _command(*arguments), capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 2
    assert "hostile_llm" in done.stderr
    assert "Traceback" not in done.stderr
