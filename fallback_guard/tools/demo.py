# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard demo`: the whole chain on this machine, as separate processes, with hostile answers mixed in."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import orjson

from fallback_guard.core.config import GUARD_PARAMETERS
from fallback_guard.core.parameters import Value
from fallback_guard.picking.tally import Summary, Tally
from fallback_guard.tools.demo_view import View, make_view
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.listening import listening
from fallback_guard.tools.processes import ProcessError, Processes, ros_environment
from fallback_guard.tools.share import share_directory

if TYPE_CHECKING:
    from fallback_guard.nodes.observer import Observer

DOES: Final = "Run picks with a real planner over ROS 2, some of its answers hostile, and say what the guard did."
EXAMPLE: Final = """\
  fallback-guard demo                      a small language model on this machine
  fallback-guard demo --no-llm --picks 50  a scripted planner, in seconds
  OPENAI_API_KEY=... fallback-guard demo --base-url https://llm.example.com/v1 --model some-model

exit codes: 0 done, 1 it could not finish, 2 unusable arguments, 130 interrupted"""

_LOCAL_MODEL: Final = "SmolLM2-135M-Instruct"
_PICKER: Final = "picker_sim_node"
_OTHERS: Final = ("guard_node", "watchdog_node", "planner_node")
_LISTENERS_MIN: Final = 3  # of pick_request: guard, planner, and the demo itself
_DISCOVERY_S_MAX: Final = 30.0
_SILENCE_S_MAX: Final = 90.0
_OPERATOR_S: Final = 2.0
_REFRESH_S: Final = 0.1
_HOSTILE_KINDS: Final = (
    "silence",
    "http_error",
    "malformed",
    "fenced",
    "trailing_comma",
    "wrong_item",
    "wrong_bin",
    "missing_item",
    "wrong_quantity",
)
"""What a pilot meets; `python -m fallback_guard.tools.hostile_llm --help` lists them all."""

Settings = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast everything is: parameters of the nodes for one kind of planner."""

    planner: Settings
    picker: Settings
    guard: Settings


_MODEL_PACE: Final = Pace(
    planner=MappingProxyType({"planning_timeout_ms": 8_000, "attempts_max": 3}),
    picker=MappingProxyType({"lead_time_s": 5.0, "time_factor": 2}),
    guard=MappingProxyType({}),
)
_SCRIPT_PACE: Final = Pace(
    planner=MappingProxyType({"planning_timeout_ms": 1_000, "attempts_max": 1}),
    picker=MappingProxyType({"lead_time_s": 0.3, "time_factor": 20}),
    guard=MappingProxyType({"recovery_delay_ms": 200}),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what may be varied."""
    parser.add_argument(
        "--picks",
        type=_count,
        default=20,
        metavar="N",
        help="requests to run (default %(default)s)",
    )
    parser.add_argument(
        "--hostile-share",
        type=_share,
        default=0.3,
        metavar="X",
        help="share of the planner's answers that are hostile, 0 to 1 (default %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of requests and hostile answers (default %(default)s)"
    )
    planner = parser.add_mutually_exclusive_group()
    planner.add_argument(
        "--no-llm", action="store_true", help="a scripted planner instead of a language model"
    )
    planner.add_argument(
        "--base-url",
        metavar="URL",
        help="an OpenAI-compatible endpoint; its key is read from OPENAI_API_KEY",
    )
    parser.add_argument("--model", metavar="NAME", help="the model's name at --base-url")
    parser.add_argument(
        "--domain-id",
        type=int,
        default=None,
        metavar="N",
        help="ROS domain (default: one of its own)",
    )
    parser.add_argument(
        "--log-dir",
        type=Path,
        metavar="DIR",
        help="where the processes' logs go (default: a new one)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the summary there, too")


def run(options: argparse.Namespace) -> int:
    """Run the demo.  Every process it starts has ended when this returns."""
    if options.base_url and not options.model:
        raise UsageError("--base-url needs --model, the model's name at that endpoint")
    if options.model and not options.base_url:
        raise UsageError(
            "--model needs --base-url; without it a small model on this machine is used"
        )
    directory = options.log_dir or Path(tempfile.mkdtemp(prefix="fallback_guard_demo_"))
    directory.mkdir(parents=True, exist_ok=True)
    environment = ros_environment(directory, options.domain_id)
    os.environ.update(environment)  # for the observer in this process
    view = make_view(options.picks, directory)
    try:
        with Processes(directory, environment) as processes, processes.interruptible(), view:
            base_url = _start_model(options, processes, view)
            pace = _SCRIPT_PACE if options.no_llm else _MODEL_PACE
            summary = _run_picks(options, processes, view, base_url, pace)
    except ProcessError as error:
        sys.stderr.write(f"fallback-guard demo: {error}\nlogs: {directory}\n")
        return 1
    view.show_summary(summary)
    if options.json:
        options.json.write_bytes(orjson.dumps(asdict(summary), option=orjson.OPT_INDENT_2) + b"\n")
    return 0 if summary.unanswered == 0 else 1


def _start_model(options: argparse.Namespace, processes: Processes, view: View) -> str:
    """Start what answers as the planner's model; return its base URL."""
    upstream: list[str] = []
    if options.base_url:
        upstream = ["--upstream", options.base_url]
    elif not options.no_llm:
        view.say(f"starting {_LOCAL_MODEL} on this machine")
        processes.start("llm_server", "fallback_guard.tools.llm_server", "--port", "0")
        upstream = ["--upstream", processes.wait_for("llm_server", r"listening on (\S+)", 60.0)]
    processes.start(
        "hostile_llm",
        "fallback_guard.tools.hostile_llm",
        "--port",
        "0",
        "--share",
        str(options.hostile_share),
        "--seed",
        str(options.seed),
        "--map",
        str(_map_file()),
        "--kinds",
        ",".join(_HOSTILE_KINDS),
        *upstream,
    )
    return processes.wait_for("hostile_llm", r"listening on (\S+)", 20.0)


def _map_file() -> Path:
    return share_directory() / "config" / "sample_warehouse.geojson"


def _run_picks(
    options: argparse.Namespace, processes: Processes, view: View, base_url: str, pace: Pace
) -> Summary:
    settings: dict[str, Settings] = {
        "guard_node": {
            "map_file": str(_map_file()),
            # The demo's own subscriber has no real-time priority, and unpacks a message before it sees the time.
            "dispatch_margin_ms": 10,
            **pace.guard,
        },
        "watchdog_node": {},
        "planner_node": {
            "base_url": base_url,
            "model": options.model or _model_name(options),
            **pace.planner,
        },
    }
    deadline_ms = next(float(row.default) for row in GUARD_PARAMETERS if row.name == "deadline_ms")
    tally = Tally(deadline_ms=deadline_ms)
    view.say("starting the nodes")
    for name in _OTHERS:
        _start_node(processes, name, settings[name])
    with _observing(tally, view) as observer:
        picker = {
            "map_file": str(_map_file()),
            "picks": options.picks,
            "seed": options.seed,
            "listeners_min": _wait_for_nodes(processes, observer),
            **pace.picker,
        }
        _start_node(processes, _PICKER, picker)
        view.say(
            f"{options.hostile_share:.0%} of the model's answers are made hostile; Ctrl-C ends everything"
        )
        _watch(processes, observer, view, tally)
    return tally.summary(time.time_ns())


def _start_node(processes: Processes, name: str, settings: Settings) -> None:
    processes.start(name, f"fallback_guard.nodes.{name}", *_as_ros_arguments(settings))


def _wait_for_nodes(processes: Processes, observer: "Observer") -> int:
    """Wait until everybody hears everybody, so that nothing is missed; return who hears pick_request."""
    until = time.monotonic() + _DISCOVERY_S_MAX
    while observer.state is None or observer.listeners < _LISTENERS_MIN:
        processes.check(_OTHERS)
        if time.monotonic() > until:
            raise ProcessError(f"the nodes have not found each other within {_DISCOVERY_S_MAX:g} s")
        time.sleep(_REFRESH_S)
    return observer.listeners


def _model_name(options: argparse.Namespace) -> str:
    return "script" if options.no_llm else _LOCAL_MODEL


def _as_ros_arguments(settings: Settings) -> list[str]:
    arguments = ["--ros-args"]
    for name, value in settings.items():
        arguments += ["-p", f"{name}:={orjson.dumps(value).decode()}"]
    return arguments


@contextmanager
def _observing(tally: Tally, view: View) -> Iterator["Observer"]:
    """Listen to the topics in a thread of their own while the block runs."""
    # Only the demo and `top` need ROS, the other commands work without.
    from fallback_guard.nodes.observer import Observer  # noqa: PLC0415

    # Ctrl-C stays with the demo, which ends the children first.
    with listening(lambda: Observer(tally, on_decision=view.add)) as observer:
        yield observer


def _watch(processes: Processes, observer: "Observer", view: View, tally: Tally) -> None:
    """Refresh the view until the picker is done; be the operator when the guard has latched."""
    heard, heard_at = 0, time.monotonic()
    latched_at: float | None = None
    while True:
        code = processes.returncode(_PICKER)
        if code is not None:
            processes.check([] if code == 0 else [_PICKER])
            time.sleep(_REFRESH_S)  # for what is still on the wire
            view.refresh(tally)
            return
        processes.check(_OTHERS)
        now = time.monotonic()
        if len(tally.decided) > heard:
            heard, heard_at = len(tally.decided), now
        elif now - heard_at > _SILENCE_S_MAX:
            raise ProcessError(
                f"no decision for {_SILENCE_S_MAX:g} s:\n{processes.tail('picker_sim_node')}"
            )
        latched = bool(observer.state and observer.state.latched_robots)
        if not latched:
            latched_at = None
        elif latched_at is None:
            latched_at = now
            view.say("the guard has latched: an operator looks at it")
        elif now - latched_at > _OPERATOR_S:
            latched_at = now
            view.say("the operator resets the latch")
            observer.reset_latch()
        view.refresh(tally)
        time.sleep(_REFRESH_S)


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100_000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{value} is not within 1 to 100000")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not within 0 to 1")
    return value
