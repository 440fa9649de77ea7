# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How often a language model's routes pass the guard, how early they come, and what they cost.

    fallback-guard bench planner
    fallback-guard bench planner --methods wishes labels --requests 100
    fallback-guard bench planner --base-url http://127.0.0.1:8000/v1 --model my-model

Without --base-url the demo's own model is served on this machine.  Every answer is judged by the guard's own
validation; the requests are those of simulated pickers on the sample map, with 3 to 6 items.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import TYPE_CHECKING, Final

from fallback_guard.core.config import guard_config
from fallback_guard.core.judge import Judge
from fallback_guard.core.parameters import ParameterError
from fallback_guard.core.paths import Paths
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.picking.tasks import pick_requests
from fallback_guard.planning.client import LlmClient
from fallback_guard.planning.config import PlannerConfig, planner_config
from fallback_guard.planning.methods import EXAMPLES_MAX, METHODS, Brief
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.processes import Processes, ros_environment
from fallback_guard.tools.share import share_directory
from instructions import CASES, REQUEST, Case
from measuring import Goal, conclude, environment, show, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from fallback_guard.core.motion import ValidatedRoute
    from fallback_guard.core.prepared import PreparedRequest
    from fallback_guard.core.request import PickRequest
    from fallback_guard.core.rules import Refusal
    from fallback_guard.planning.llm import Answer, Question

ITEMS_MIN: Final = 3
ITEMS_MAX: Final = 6
BUDGET_S: Final = 30.0
"""For one request; far more than a robot has, so that it shows how long a method would take."""

WITHIN_S: Final = 3.0
ATTEMPTS: Final = 3
DETOUR_FACTOR: Final = 2.0
"""A route that follows an instruction may be longer than the guard's default lets any be."""

GOALS: Final = {
    "yield": Goal(says="accepted within 3 s, best method (share)", at_least=0.95),
    "length": Goal(says="its routes, in terms of the shortest ones", at_most=1.15),
}

_READY_S_MAX: Final = 120.0


@dataclass(slots=True, kw_only=True)
class Planned:
    """What came of one request.  `length` is that of the route in terms of the shortest one; 0 without a route."""

    attempts: int = 0
    route: ValidatedRoute | None = None
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    length: float = 0.0
    refusals: list[str] = field(default_factory=list)


class Bench:
    """Plans requests with one endpoint and one method after the other."""

    def __init__(self, config: PlannerConfig, *, attempts_max: int) -> None:
        """Load the sample map."""
        self.warehouse = load_warehouse(share_directory() / "config" / "sample_warehouse.geojson")
        self._paths = Paths(self.warehouse)
        self._judge = Judge(
            config=guard_config({"detour_factor": DETOUR_FACTOR}), paths=self._paths
        )
        self._config = config
        self._attempts_max = attempts_max

    def requests(self, count: int, seed: int) -> Iterator[PickRequest]:
        """Yield requests of 3 to 6 items, without instructions."""
        drawn = pick_requests(
            self.warehouse, robot_id="picker_1", start_node=1, items_max=ITEMS_MAX, seed=seed
        )
        fitting = (one for one in drawn if len(one.items) >= ITEMS_MIN)
        return islice((replace(one, instructions="") for one in fitting), count)

    async def plan(self, method: str, requests: Sequence[PickRequest]) -> list[Planned]:
        """Plan requests one after the other, with a client of their own."""
        llm = LlmClient(self._config)
        plan = METHODS[method].start()
        accepted: list[tuple[PickRequest, bytes]] = []
        results: list[Planned] = []
        try:
            for request in requests:
                prepared = self._judge.prepare(request, request.start_node)
                result, refusal = Planned(), None
                until_s = time.monotonic() + BUDGET_S

                async def ask(question: Question, until_s: float = until_s) -> Answer:
                    return await llm.answer(question, max(0.1, until_s - time.monotonic()))

                for _ in range(self._attempts_max):
                    brief = Brief(
                        request=request,
                        refusal=refusal,
                        examples=tuple(accepted),
                        paths=self._paths,
                    )
                    answer = await plan(brief, ask)
                    refusal = self._judged(result, prepared, answer)
                    if result.route is not None:
                        accepted = [*accepted, (request, answer.payload)][-EXAMPLES_MAX:]
                    if result.route is not None or time.monotonic() > until_s:
                        break
                result.seconds = time.monotonic() - until_s + BUDGET_S
                results.append(result)
        finally:
            await llm.close()
        return results

    def _judged(self, result: Planned, prepared: PreparedRequest, answer: Answer) -> Refusal | None:
        result.attempts += 1
        result.prompt_tokens += answer.usage.prompt_tokens
        result.completion_tokens += answer.usage.completion_tokens
        if answer.failure is not None:
            result.refusals.append(answer.failure.value)
            return None
        verdict = self._judge.verdict(prepared, answer.payload, source="llm:bench")
        if verdict.route is None:
            assert verdict.refusal is not None, "either, and not both"
            result.refusals.append(verdict.refusal.mode.value)
            return verdict.refusal
        result.route = verdict.route
        if prepared.standby is not None and prepared.standby.length_m > 0:
            result.length = verdict.route.length_m / prepared.standby.length_m
        return None


def add_arguments(options: argparse._ActionsContainer) -> None:
    """Take what may be varied; beside it, --requests, --seed and --out of the other benchmarks."""
    options.add_argument(
        "--base-url", metavar="URL", help="an OpenAI-compatible API (default: the demo's own model)"
    )
    options.add_argument("--model", default="", metavar="NAME", help="the model's name there")
    options.add_argument(
        "--model-file", type=Path, metavar="GGUF", help="another model for the server of the demo"
    )
    options.add_argument(
        "--methods", nargs="+", choices=tuple(METHODS), default=list(METHODS), help="which ways"
    )
    options.add_argument(
        "--attempts",
        type=int,
        default=ATTEMPTS,
        help="at one request, with the guard's reason (default %(default)s)",
    )
    options.add_argument(
        "--no-instructions",
        action="store_true",
        help="leave out how many instructions are followed, which takes most of the time",
    )


def run(options: argparse.Namespace) -> int:
    """Measure; return 1 where a goal is missed.  Raises UsageError for arguments that cannot be used."""
    if options.base_url and options.model_file:
        raise UsageError("--model-file is served here, --base-url is elsewhere: give one of them")
    if options.model_file and not options.model_file.is_file():
        raise UsageError(f"--model-file {options.model_file}: there is no such file")
    for name in ("requests", "attempts"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name} {getattr(options, name)}: it has to be 1 or more")
    facts = environment("openai")
    with tempfile.TemporaryDirectory(prefix="fallback_guard_bench_planner_") as folder:
        directory = Path(folder)
        with Processes(directory, ros_environment(directory)) as processes:
            base_url = options.base_url
            if not base_url:
                more = (
                    ["--model-file", str(options.model_file.resolve())]
                    if options.model_file
                    else []
                )
                processes.start(
                    "llm_server", "fallback_guard.tools.llm_server", "--port", "0", *more
                )
                base_url = processes.wait_for("llm_server", r"listening on (\S+)", _READY_S_MAX)
            return _compared(options, base_url, facts)


def _compared(options: argparse.Namespace, base_url: str, facts: Mapping[str, str]) -> int:
    named = {"model": options.model} if options.model else {}
    sample = str(share_directory() / "config" / "sample_warehouse.geojson")
    try:
        config = planner_config({"base_url": base_url, "map_file": sample, **named})
    except ParameterError as error:
        raise UsageError(str(error)) from error
    bench = Bench(config, attempts_max=options.attempts)
    requests = list(bench.requests(options.requests, options.seed))
    followed_cases = {} if options.no_instructions else CASES
    show(
        f"{len(requests)} requests of {ITEMS_MIN} to {ITEMS_MAX} items, {options.attempts} attempts"
    )
    made = table(
        f"{options.model or 'local model'}: routes that pass the guard",
        "method", "first try", "in the end", "in 3 s", "p50 (s)", "p95 (s)", "tokens in", "out",
        "length", *(f"followed, {name}" for name in followed_cases), "refused for",
    )  # fmt: skip
    made.columns[0].no_wrap = True
    best, samples = {"yield": 0.0, "length": float("nan")}, {}
    for method in options.methods:
        show(f"{method}: {METHODS[method].about}")
        planned = asyncio.run(bench.plan(method, requests))
        followed = {
            name: asyncio.run(_followed(bench, method, some))
            for name, some in followed_cases.items()
        }
        samples[method] = [
            {**asdict(replace(one, route=None)), "accepted": one.route is not None}
            for one in planned
        ]
        timely = sum(one.route is not None and one.seconds <= WITHIN_S for one in planned)
        lengths = [one.length for one in planned if one.length]
        length = fmean(lengths) if lengths else float("nan")
        if timely / len(planned) > best["yield"]:
            best = {"yield": timely / len(planned), "length": length}
        made.add_row(*_row(method, planned, timely, length), *followed.values(), _reasons(planned))
        show(made)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    return conclude(
        GOALS,
        best,
        facts=facts,
        samples=samples,
        json_file=options.out / "planner.json" if options.out else None,
    )


async def _followed(bench: Bench, method: str, cases: Sequence[Case]) -> str:
    """Tell how many of the instructions were followed."""
    requests = [replace(REQUEST, instructions=case.said) for case in cases]
    planned = await bench.plan(method, requests)
    count = sum(
        one.route is not None and case.is_followed(one.route, bench.warehouse)
        for one, case in zip(planned, cases, strict=True)
    )
    return f"{count} of {len(cases)}"


def _row(method: str, planned: Sequence[Planned], timely: int, length: float) -> list[str]:
    count = len(planned)
    first = sum(one.route is not None and one.attempts == 1 for one in planned)
    seconds = [one.seconds for one in planned]
    p95_s = quantiles(seconds, n=20, method="inclusive")[-1] if count > 1 else seconds[0]
    return [
        method,
        f"{first / count:.0%}",
        f"{sum(one.route is not None for one in planned) / count:.0%}",
        f"{timely / count:.0%}",
        f"{median(seconds):.2f}",
        f"{p95_s:.2f}",
        f"{fmean(one.prompt_tokens for one in planned):.0f}",
        f"{fmean(one.completion_tokens for one in planned):.0f}",
        f"{length:.2f}",
    ]


def _reasons(planned: Sequence[Planned]) -> str:
    counts = Counter(reason for one in planned for reason in one.refusals)
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common(3))
