# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How late decisions are at a subscriber in another process: quiet, loaded, flooded, and for fleets.

Every scenario runs the real nodes over DDS: a guard, a measuring subscriber that does nothing else
(timing_listener.py), and a process that speaks as robots, task system and planner (timing_speaker.py).  Peers take
turns with the guard within one run.
"""

import argparse
import csv
import gzip
import importlib.metadata
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil, inf, nan
from pathlib import Path
from typing import Final

from fallback_guard.core.config import guard_config
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.units import ns_to_ms
from fallback_guard.maps.block_warehouse import block_warehouse, spec_for_bins
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.processes import ProcessError, Processes, ros_environment
from footprint import Footprint, cpu_s, footprint, free_mib, growth, rss_mib
from measuring import Goal, conclude, environment, show, table

DEADLINE_MS: Final = float(guard_config({}).deadline_ms)

_HERE: Final = Path(__file__).parent
_BINS: Final = 1_000
_START_S_MAX: Final = 60.0
_STRAGGLERS_S: Final = 1.0
_FOOTPRINT_S: Final = 2.0
_PROGRESS_S: Final = 60.0
_WRITTEN_S_MAX: Final = 0.01
"""For one message that the listener heard to be unpacked and written, on a loaded machine."""

_START_AND_END_S: Final = 8.0
_HOGS: Final = 4
_SILENT_IN_A_ROW_MAX: Final = 90
"""Safe moves of one robot in a row; 100 would latch it."""

_MEMORY_SHARE: Final = 0.5
"""Of the memory that is free, what the memory scenario keeps touching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is asked of the guard, and what goes on beside it.

    `kinds` take turns; `rate_hz` is of all together.  `share` is the part of the requested number that is enough to
    see what this scenario is about.  With `ordinary`, the subscriber is an rclpy node like any other; `watched` has a
    watchdog beside the guard.
    """

    says: str
    kinds: tuple[str, ...] = ("silent",)
    rate_hz: float = 50.0
    robots: int = 250
    items: int = 5
    load: tuple[str, ...] = ()
    share: float = 1.0
    ordinary: bool = False
    watched: bool = False


_MIXED: Final = ("silent", "answered", "staged")

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "cheap": Scenario(
        says="a valid answer in, a route out, in turns with a bare rclpy relay of the same message",
        kinds=("answered", "relay"),
        rate_hz=200.0,
        robots=21,
        ordinary=True,
        share=0.4,
    ),
    "cheap_long": Scenario(
        says="the same with 20 items",
        kinds=("answered", "relay"),
        rate_hz=50.0,
        robots=21,
        items=20,
        ordinary=True,
        share=0.4,
    ),
    "staged": Scenario(
        says="a staged route that falls due", kinds=("staged",), rate_hz=50.0, robots=20, share=0.2
    ),
    "quiet": Scenario(says="a silent planner, nothing else to do", rate_hz=100.0),
    "hogs": Scenario(says=f"a silent planner, {_HOGS} busy processes", load=("hog",) * _HOGS),
    "flood_valid": Scenario(
        says="valid answers of 16 kB to another robot, 1,000 a second",
        kinds=_MIXED,
        load=("flood_valid",),
        share=0.5,
    ),
    "flood_hostile": Scenario(
        says="malformed answers of 16 kB, 1,000 a second",
        kinds=_MIXED,
        load=("flood_hostile",),
        share=0.5,
    ),
    "memory": Scenario(
        says="two processes that take and give back memory all the time",
        kinds=_MIXED,
        load=("memory", "memory"),
        share=0.5,
    ),
    "soak": Scenario(
        says="50 requests a second of 100 robots, of every kind, with a watchdog; --requests 60000 takes an hour",
        kinds=_MIXED,
        robots=100,
        watched=True,
    ),
    **{
        f"fleet_{robots}": Scenario(
            says=f"200 answered requests a second of {robots:,} robot{'s' if robots > 1 else ''}",
            kinds=("answered",),
            rate_hz=200.0,
            robots=robots,
        )
        for robots in (1, 10, 100, 1_000)
    },
}

GOALS: Final[Mapping[str, Goal]] = {
    "quiet": Goal(says="quiet machine: decisions later than 150 ms", at_most=0.0),
    "realtime/hogs": Goal(
        says="4 hogs, real-time priority: decisions later than 150 ms", at_most=0.0
    ),
    "realtime/window": Goal(
        says="4 hogs, real-time priority: window open until, worst (ms)", at_least=147.0
    ),
    "ordinary/hogs": Goal(says="4 hogs, no priority: share later than 150 ms", at_most=0.01),
    "cheap/p50": Goal(says="answer to route beside a bare relay, p50", at_most=1.15),
    "cheap/p99": Goal(says="answer to route beside a bare relay, p99", at_most=1.3),
    "soak/missed": Goal(
        says="soak: requests without an answer, or spoken for by the watchdog", at_most=0.0
    ),
    "soak/memory": Goal(
        says="soak: the guard's memory at the end beside a tenth of the run", at_most=1.05
    ),
    "soak/leaks": Goal(says="soak: descriptors and threads more than then", at_most=0.0),
    "fleet/cost": Goal(says="processor time of a decision, 1,000 robots beside 1", at_most=1.3),
    "fleet/late": Goal(says="200 decisions a second: later than 150 ms", at_most=0.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One answer: how long it took to arrive (ms, NaN: it never did), and what it was."""

    scenario: str
    priority: str
    kind: str
    key: str
    taken_ms: float
    outcome: str
    reason: str
    motions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one scenario came to.  `cpu_ms` is the guard's processor time for a decision, `rss_mib` its memory."""

    scenario: str
    priority: str
    samples: list[Sample]
    decisions: list[dict[str, int]]
    seconds: float
    cpu_ms: float
    rss_mib: float
    footprints: list[Footprint]
    speaker_late_ms: float
    turns: list[int]

    def taken_ms(self, kind: str) -> list[float]:
        """Return the times of one kind, in order of size; what never arrived took for ever."""
        found = (sample.taken_ms for sample in self.samples if sample.kind == kind)
        return sorted(inf if taken != taken else taken for taken in found)  # noqa: PLR0124  # NaN

    @property
    def decided_ms(self) -> list[float]:
        """Return the times from falling due of all that the deadline is about."""
        return sorted([*self.taken_ms("silent"), *self.taken_ms("staged")])

    @property
    def late(self) -> int:
        """How many decisions came later than the deadline, or never."""
        return sum(taken > DEADLINE_MS for taken in self.decided_ms)

    @property
    def window_ms(self) -> float:
        """Until when the window of the worst silent request was open."""
        margins = [row["margin_ns"] for row in self.decisions if row["margin_ns"]]
        return DEADLINE_MS - ns_to_ms(max(margins)) if margins else nan


def rank(ordered: Sequence[float], share: float) -> float:
    """Return a quantile by nearest rank; NaN of nothing."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else nan


def _messages(name: str, requests: int) -> int:
    """Return how many requests and messages to the relay there are in all."""
    scenario = SCENARIOS[name]
    total = max(20, round(requests * scenario.share)) * len(scenario.kinds)
    if set(scenario.kinds) == {"silent"}:
        total = min(total, scenario.robots * _SILENT_IN_A_ROW_MAX)
    return total


def _seconds(name: str, requests: int) -> float:
    """Return about how long a scenario takes."""
    return _messages(name, requests) / SCENARIOS[name].rate_hz + _START_AND_END_S


def carry_out(name: str, priority: str, map_file: Path, options: argparse.Namespace) -> Run:
    """Run one scenario, every process of which has ended when this returns."""
    scenario = SCENARIOS[name]
    realtime = priority == "realtime"
    total = _messages(name, options.requests)
    plan = {
        "map_file": str(map_file),
        "kinds": scenario.kinds,
        "requests": total,
        "rate_hz": scenario.rate_hz,
        "robots": scenario.robots,
        "items": scenario.items,
        "seed": options.seed,
        "realtime": realtime,
        "prefix": name,
    }
    with tempfile.TemporaryDirectory(prefix="fallback_guard_bench_") as folder:
        directory = Path(folder)
        with (
            Processes(directory, ros_environment(directory)) as processes,
            processes.interruptible(),
        ):
            return _carried_out(processes, name, priority, plan, options.guard)


def _carried_out(
    processes: Processes,
    name: str,
    priority: str,
    plan: Mapping[str, object],
    parameters: Sequence[str],
) -> Run:
    scenario = SCENARIOS[name]
    realtime = ["--realtime"] if priority == "realtime" else []
    _start_guard(processes, str(plan["map_file"]), 20 if realtime else 0, parameters)
    topics = ["motion", "guard/decision"]
    if "relay" in scenario.kinds:
        processes.start_program("relay", _HERE / "timing_relay.py")
        topics.append("timing/relay_out")
    ordinary = ["--ordinary"] if scenario.ordinary else []
    listener = _HERE / "timing_listener.py"
    processes.start_program("listener", listener, *realtime, *ordinary, "--topics", *topics)
    processes.wait_for("guard_node", r"(active)", _START_S_MAX)
    if scenario.watched:
        processes.start("watchdog_node", "fallback_guard.nodes.watchdog_node")
    processes.wait_for("listener", r"(ready)", _START_S_MAX)
    for number, load in enumerate(scenario.load):
        share = free_mib() * _MEMORY_SHARE / scenario.load.count(load)
        processes.start_program(
            f"load_{number}",
            _HERE / "timing_load.py",
            load,
            *("--memory-mib", str(int(share)), "--map", str(plan["map_file"])),
        )
    given = json.dumps(plan).encode()
    processes.start_program("speaker", _HERE / "timing_speaker.py", given=given)
    processes.wait_for("speaker", r"(ready)", _START_S_MAX)
    used_s = cpu_s(processes.pid("guard_node"))
    began_s = told_s = time.monotonic()
    footprints: list[Footprint] = []
    while processes.returncode("speaker") is None:
        processes.check(["guard_node", "listener"])
        now_s = time.monotonic()
        if not footprints or now_s - footprints[-1].at_s > _FOOTPRINT_S:
            footprints.append(footprint(processes.pid("guard_node"), now_s))
        if now_s - told_s > _PROGRESS_S:
            told_s = now_s
            show(f"  {now_s - began_s:.0f} s: the guard has {footprints[-1]}")
        time.sleep(0.2)
    if processes.returncode("speaker"):
        raise ProcessError(f"the speaker failed:\n{processes.tail('speaker')}")
    time.sleep(_STRAGGLERS_S)
    seconds = time.monotonic() - began_s
    used_s = cpu_s(processes.pid("guard_node")) - used_s
    resident_mib = rss_mib(processes.pid("guard_node"))
    turns = []
    for number in range(len(scenario.load)):
        processes.end(f"load_{number}", signal.SIGINT, _START_S_MAX)
        turns.append(json.loads(processes.output(f"load_{number}").read_bytes())["turns"])
    heard = len(topics) * int(str(plan["requests"]))
    processes.end("listener", signal.SIGTERM, _START_S_MAX + _WRITTEN_S_MAX * heard)
    said = json.loads(processes.output("speaker").read_bytes())
    rows = json.loads(processes.output("listener").read_bytes())
    samples = _joined(name, priority, said["said"], rows)
    decisions = [row for row in rows if row["topic"] == "guard/decision" and row["occasion"] == 1]
    return Run(
        scenario=name,
        priority=priority,
        samples=samples,
        decisions=decisions,
        seconds=seconds,
        cpu_ms=used_s * 1e3 / max(1, len(decisions)),
        rss_mib=resident_mib,
        footprints=footprints,
        speaker_late_ms=said["speaker_late_ms"],
        turns=turns,
    )


def _start_guard(processes: Processes, map_file: str, priority: int, more: Sequence[str]) -> None:
    parameters = {
        "map_file": json.dumps(map_file),
        "robots_max": 1_000,
        "latch_after": 100,
        "position_age_ms_max": 10_000,
        "realtime_priority": priority,
    }
    given = [*(f"{key}:={value}" for key, value in parameters.items()), *more]
    arguments = [part for parameter in given for part in ("-p", parameter)]
    processes.start("guard_node", "fallback_guard.nodes.guard_node", "--ros-args", *arguments)


def _joined(
    name: str,
    priority: str,
    said: Sequence[tuple[str, str, int]],
    rows: Sequence[Mapping[str, object]],
) -> list[Sample]:
    """Join what was said with what was heard: of each key the first message counts."""
    heard: dict[tuple[str, str], list[Mapping[str, object]]] = {}
    for row in rows:
        heard.setdefault((str(row["topic"]), str(row["key"])), []).append(row)
    samples = []
    for kind, key, said_ns in said:
        answers = heard.get(("timing/relay_out" if kind == "relay" else "motion", key), [])
        first: Mapping[str, object] = answers[0] if answers else {}
        arrived_ns = first.get("arrived_ns")
        samples.append(
            Sample(
                scenario=name,
                priority=priority,
                kind=kind,
                key=key,
                taken_ms=ns_to_ms(arrived_ns - said_ns) if isinstance(arrived_ns, int) else nan,
                outcome=MotionKind(int(str(first.get("kind", 0)))).name if answers else "MISSING",
                reason=str(first.get("reason", "")),
                motions=len(answers),
            )
        )
    return samples


# What it shows


def show_run(run: Run) -> None:
    """Print what a scenario came to."""
    made = table(
        f"{run.scenario}, {run.priority} priority: {SCENARIOS[run.scenario].says}",
        *("kind", "count", "p50 (ms)", "p99", "p99.9", "worst", "over 150 ms", "outcomes"),
    )
    for kind in SCENARIOS[run.scenario].kinds:
        taken = run.taken_ms(kind)
        outcomes = Counter(
            f"{sample.outcome} {sample.reason}".strip()
            for sample in run.samples
            if sample.kind == kind
        )
        made.add_row(
            kind,
            f"{len(taken):,}",
            *(f"{rank(taken, share):.2f}" for share in (0.5, 0.99, 0.999, 1.0)),
            "-" if kind in ("relay", "answered") else str(sum(t > DEADLINE_MS for t in taken)),
            ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common(4)),
        )
    show(made)
    show(
        f"  {len(run.decisions) / run.seconds:.0f} decisions/s, guard's processor time {run.cpu_ms:.2f} ms each, "
        f"{run.rss_mib:.0f} MiB; window open until {run.window_ms:.1f} ms at worst; speaker late by up to "
        f"{run.speaker_late_ms:.1f} ms" + (f"; load turns {run.turns}" if run.turns else "")
    )


_LATEST_SHOWN: Final = 10

_STAGES: Final = {
    "transport_ns": "on the way to the guard",
    "waiting_ns": "waiting for its turn",
    "decision_ns": "the guard's step",
    "envelope_ns": "  envelope",
    "schema_ns": "  schema",
    "request_ns": "  request",
    "map_ns": "  map",
    "budget_ns": "  budget",
    "task_ns": "  task",
    "dispatch_ns": "handing it over",
}
"""What a decision tells of where its time went; the indented ones are parts of the one before."""


def show_profile(run: Run) -> None:
    """Print where the time of a typical answer went, and that of the slowest."""
    told = {str(row["key"]): row for row in run.decisions}
    answers = [
        (sample.taken_ms, told[sample.key])
        for sample in run.samples
        if sample.kind in ("answered", "staged") and sample.key in told
        if sample.outcome == MotionKind.ROUTE.name
    ]
    answers.sort(key=lambda answer: answer[0])
    if not answers:
        return
    count = len(answers)
    groups = {
        "around p50": answers[int(count * 0.45) : max(1, int(count * 0.55))],
        "slowest 1 %": answers[int(count * 0.99) :],
    }
    made = table(
        f"{run.scenario}, {run.priority} priority: where the time goes (ms, means)", "", *groups
    )
    for stage, says in _STAGES.items():
        made.add_row(says, *(f"{_mean_ms(rows, stage):.3f}" for rows in groups.values()))
    rest = []
    for rows in groups.values():
        whole = sum(taken for taken, _ in rows) / len(rows)
        known = ("transport_ns", "waiting_ns", "decision_ns", "dispatch_ns")
        rest.append((whole, whole - sum(_mean_ms(rows, stage) for stage in known)))
    made.add_row("on the way to the subscriber", *(f"{left:.3f}" for _, left in rest))
    made.add_row("together", *(f"{whole:.3f}" for whole, _ in rest))
    show(made)


def show_latest(run: Run) -> None:
    """Print what the guard said of the decisions that came latest after they fell due."""
    told = {str(row["key"]): row for row in run.decisions}
    latest = sorted(
        (sample for sample in run.samples if sample.kind in ("silent", "staged")),
        key=lambda sample: -sample.taken_ms,
    )[:_LATEST_SHOWN]
    if not latest:
        return
    made = table(
        f"{run.scenario}, {run.priority} priority: the latest decisions (ms)",
        *("kind", "arrived", "handed over", "window closed", "step", "handing over", "on its way"),
    )
    for sample in latest:
        row = told.get(sample.key)
        if row is None:
            continue
        handed_ms = DEADLINE_MS - ns_to_ms(row["left_ns"])
        made.add_row(
            f"{sample.kind} {sample.key}",
            f"{sample.taken_ms:.2f}",
            f"{handed_ms:.2f}",
            f"{DEADLINE_MS - ns_to_ms(row['margin_ns']):.2f}",
            f"{ns_to_ms(row['decision_ns']):.2f}",
            f"{ns_to_ms(row['dispatch_ns']):.2f}",
            f"{sample.taken_ms - handed_ms:.2f}",
        )
    show(made)


def _mean_ms(rows: Sequence[tuple[float, Mapping[str, int]]], stage: str) -> float:
    return ns_to_ms(round(sum(row[stage] for _, row in rows) / len(rows)))


def measured(runs: Sequence[Run]) -> dict[str, float]:
    """Return the figure of each goal that these runs say something about."""
    found: dict[str, float] = {}
    for run in runs:
        key = f"{run.priority}/{run.scenario}"
        if run.scenario == "quiet":
            found["quiet"] = found.get("quiet", 0) + run.late
        elif key == "realtime/hogs":
            found[key], found["realtime/window"] = run.late, run.window_ms
        elif key == "ordinary/hogs":
            found[key] = run.late / max(1, len(run.decided_ms))
        elif run.scenario == "cheap" and run.priority == "ordinary":
            ours, peer = run.taken_ms("answered"), run.taken_ms("relay")
            for share in (0.5, 0.99):
                found[f"cheap/p{share * 100:.0f}"] = rank(ours, share) / rank(peer, share)
        if run.scenario.startswith("fleet_"):
            late = sum(sample.outcome != MotionKind.ROUTE.name for sample in run.samples)
            found["fleet/late"] = found.get("fleet/late", 0) + late
    return found | _costs(runs) | _soaked([run for run in runs if run.scenario == "soak"])


def _costs(runs: Sequence[Run]) -> dict[str, float]:
    ratios = []
    for priority in ("realtime", "ordinary"):
        cost = {r.scenario: r.cpu_ms for r in runs if r.priority == priority}
        if "fleet_1" in cost and "fleet_1000" in cost:
            ratios.append(cost["fleet_1000"] / cost["fleet_1"])
    return {"fleet/cost": max(ratios)} if ratios else {}


def _missed(sample: Sample) -> bool:
    """Tell whether the guard said nothing for a request, or the watchdog spoke for it."""
    return not sample.motions or sample.reason == FailureMode.GUARD_SILENT.value


def _soaked(runs: Sequence[Run]) -> dict[str, float]:
    grown = [grew for run in runs if (grew := growth(run.footprints))]
    if not grown:
        return {}
    return {
        "soak/missed": sum(_missed(sample) for run in runs for sample in run.samples),
        "soak/memory": max(grew.rss for grew in grown),
        "soak/leaks": max(max(grew.descriptors, grew.threads) for grew in grown),
    }


def write_samples(runs: Sequence[Run], file: Path) -> None:
    """Write every sample as a row of compressed CSV."""
    with gzip.open(file, "wt", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(Sample.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(asdict(sample) for run in runs for sample in run.samples)


def write_picture(runs: Sequence[Run], file: Path) -> None:
    """Draw the distributions."""
    # Where nothing is drawn, nobody waits for what draws.
    from timing_picture import draw  # noqa: PLC0415

    decisions_ms, answers_ms = {}, {}
    for run in runs:
        for kind in SCENARIOS[run.scenario].kinds:
            name = f"{run.scenario}, {run.priority}"
            taken_ms = [taken for taken in run.taken_ms(kind) if taken < inf]
            if kind == "silent":
                decisions_ms[name] = taken_ms
            else:
                answers_ms[f"{name}: {kind}"] = taken_ms
    draw(file, decisions_ms=decisions_ms, answers_ms=answers_ms, deadline_ms=DEADLINE_MS)


def add_arguments(options: argparse._ActionsContainer) -> None:
    """Take what may be varied."""
    options.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help=f"which ({', '.join(SCENARIOS)}; default: all of these), or planner",
    )
    options.add_argument(
        "--priority",
        choices=("realtime", "ordinary", "both"),
        default="both",
        help="of guard and measuring processes (default %(default)s, where real-time is granted)",
    )
    options.add_argument(
        "--requests",
        type=int,
        default=1_000,
        metavar="N",
        help="requests of a scenario, some take a part of it (default %(default)s; 10000 for figures to state)",
    )
    options.add_argument(
        "--profile", action="store_true", help="say where the time of p50 and of p99 went"
    )
    options.add_argument(
        "--guard",
        action="append",
        default=[],
        metavar="NAME:=VALUE",
        help="a parameter of the guard, to compare settings; may be given often",
    )
    options.add_argument("--seed", type=int, default=1, help="of requests (default %(default)s)")
    options.add_argument(
        "--out", type=Path, metavar="DIR", help="write samples, summary and pictures there"
    )


def run(options: argparse.Namespace) -> int:
    """Measure; return 1 where a goal is missed.  Raises UsageError for arguments that cannot be used."""
    unknown = sorted(set(options.scenarios) - set(SCENARIOS))
    if unknown:
        raise UsageError(f"there is no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    if options.requests < 1:
        raise UsageError(f"--requests {options.requests}: it has to be 1 or more")
    facts = {**environment(), "middleware": _middleware(), "scheduling": _scheduling()}
    for name in ("middleware", "scheduling"):
        show(f"{name}: {facts[name]}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    runs = list(_runs(options, _priorities(options.priority)))
    figures = measured(runs)
    if options.out:
        write_picture(runs, options.out / "timing.png")
        show(f"samples.csv.gz, summary.json and timing.png are in {options.out}")
    return conclude(
        {name: goal for name, goal in GOALS.items() if name in figures},
        figures,
        facts=facts,
        samples={},
        json_file=options.out / "summary.json" if options.out else None,
    )


def _runs(options: argparse.Namespace, priorities: Sequence[str]) -> Iterator[Run]:
    """Carry out one scenario after the other and print what it came to.

    The samples so far are written after each, in case that the next is interrupted.
    """
    runs = []
    with tempfile.TemporaryDirectory(prefix="fallback_guard_bench_map_") as folder:
        map_file = Path(folder) / "hall.geojson"
        map_file.write_bytes(block_warehouse(spec_for_bins(_BINS)))
        for name in options.scenarios or SCENARIOS:
            for priority in priorities:
                seconds = _seconds(name, options.requests)
                show(f"\n{name}, {priority} priority: about {seconds:.0f} s")
                runs.append(carry_out(name, priority, map_file, options))
                show_run(runs[-1])
                if options.profile:
                    show_profile(runs[-1])
                    show_latest(runs[-1])
                if options.out:
                    write_samples(runs, options.out / "samples.csv.gz")
                yield runs[-1]


def _priorities(wanted: str) -> list[str]:
    """Return the priorities to measure with: real-time only where it is granted."""
    if wanted == "ordinary" or _may_have_priority():
        return ["realtime", "ordinary"] if wanted == "both" else [wanted]
    if wanted == "realtime":
        raise UsageError(
            "real-time priority is not granted here; docs/performance.md says how it is"
        )
    show("real-time priority is not granted here: measuring without it only")
    return ["ordinary"]


def _middleware() -> str:
    wheels = [
        f"{dist.name} {dist.version}"
        for dist in importlib.metadata.distributions()
        if dist.name in ("ros-rclpy", "ros-fastrtps", "ros-fastdds", "ros-rmw-fastrtps-cpp")
    ]
    named = os.environ.get("RMW_IMPLEMENTATION", "the default")
    return f"RMW_IMPLEMENTATION {named}; {', '.join(sorted(wheels)) or os.environ.get('ROS_DISTRO', 'unknown')}"


def _scheduling() -> str:
    def said(name: str) -> str:
        path = Path("/proc/sys/kernel", name)
        return path.read_text(encoding="ascii").strip() if path.exists() else "-"

    names = ("sched_rt_runtime_us", "sched_autogroup_enabled")
    return ", ".join(f"{name} {said(name)}" for name in names)


def _may_have_priority() -> bool:
    try:
        before = os.sched_getparam(0), os.sched_getscheduler(0)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(41))
        os.sched_setscheduler(0, before[1], before[0])
    except OSError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as a program."""
    options = argparse.ArgumentParser(description=__doc__)
    add_arguments(options)
    try:
        return run(options.parse_args(arguments))
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ProcessError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
