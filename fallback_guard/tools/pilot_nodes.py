# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pilot over real nodes, guard and watchdog as processes, beside what the simulation says of the same faults."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from fallback_guard.core.parameters import Value
from fallback_guard.pilot.arms import ARMS, Arm
from fallback_guard.pilot.figures import FIGURES, PLANS_HALTED, THROUGHPUT, TIME_HALTED, measured
from fallback_guard.pilot.intervals import Interval
from fallback_guard.pilot.parts import Part, parts_of
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.simulation import Fleet, simulate
from fallback_guard.pilot.tally import RobotTally, total
from fallback_guard.pilot.tours import TourBook
from fallback_guard.tools.errors import UsageError
from fallback_guard.tools.pilot_run import book_of, map_of, play
from fallback_guard.tools.pilot_view import DEFINITIONS, Result
from fallback_guard.tools.processes import ProcessError, Processes, ros_environment

if TYPE_CHECKING:
    from fallback_guard.nodes.pilot_fleet import PilotNode

COMPARED: Final = (THROUGHPUT, PLANS_HALTED, TIME_HALTED)
PICKS_MAX: Final = 20_000
"""Over real nodes a pick takes real time: 10 robots do some 10 in a second."""

_OTHERS: Final = ("guard_node", "watchdog_node")
_DISCOVERY_S_MAX: Final = 30.0
_SETTLE_S: Final = 0.5
_SIMULATIONS: Final = 200
"""Simulated runs of the same size with other seeds: 95 % of them are between the 6th and the 195th."""

_WATCHDOG_TAKES: Final = ("deadline_ms", "lease_ms")
"""What the watchdog has to know of the guard's parameters."""

_SLOWEST: Final = 6.0
"""How many times as long as its tours a run may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure: over real nodes, in the simulation of the same faults, and in 95 of 100 simulations of others."""

    figure: str
    nodes: float
    simulated: float
    interval: Interval

    @property
    def agrees(self) -> bool:
        """Whether nodes came to what simulations come to."""
        return self.interval.holds(self.nodes)


def run_nodes(options: argparse.Namespace, settings: PilotSettings, names: Sequence[str]) -> int:
    """Play each arm over real nodes, and compare.  Every process has ended when this returns."""
    bare = [name for name in names if ARMS[name].guard is None]
    if bare:
        raise UsageError(
            f"{', '.join(bare)}: there are no nodes without a guard; choose other --arms"
        )
    if options.picks > PICKS_MAX:
        raise UsageError(
            f"--nodes plays in real time: choose --picks up to {PICKS_MAX}, such as 200"
        )
    map_file = map_of(options.map)
    picks = min(options.picks, PICKS_MAX)
    agree = True
    documents: dict[str, object] = {}
    for name in names:
        try:
            tallies = play_on_nodes(
                settings, ARMS[name], map_file, picks=picks, domain_id=options.domain_id
            )
        except ProcessError as error:
            sys.stderr.write(f"fallback-guard pilot: {error}\n")
            return 1
        rows = compare(settings, name, map_file, picks=picks, tallies=tallies)
        agree = agree and all(row.agrees for row in rows)
        result = Result(settings=settings, arms={name: tallies})
        assert not result.defects, result.defects
        documents[name] = _document(rows, tallies)
        if not options.json:
            _show(name, rows, total(tallies))
    if options.json:
        sys.stdout.buffer.write(orjson.dumps(documents, option=orjson.OPT_INDENT_2) + b"\n")
    if options.out is not None:
        (options.out / "nodes.json").write_bytes(
            orjson.dumps(documents, option=orjson.OPT_INDENT_2) + b"\n"
        )
    return 0 if agree else 1


def one_part(picks: int, settings: PilotSettings) -> Part:
    """Return all picks as one part: over nodes there is one fleet."""
    plans: dict[int, int] = {}
    for part in parts_of(picks, settings):
        for robot, each in part.plans.items():
            plans[robot] = plans.get(robot, 0) + each
    return Part(number=0, plans=plans)


def play_on_nodes(
    settings: PilotSettings, arm: Arm, map_file: Path, *, picks: int, domain_id: int | None
) -> list[RobotTally]:
    """Play an arm with a real guard and watchdog; return each robot's counts.  Raises ProcessError."""
    part = one_part(picks, settings)
    parameters: Mapping[str, Value] = {"map_file": str(map_file.resolve()), **(arm.guard or {})}
    shared = {key: value for key, value in parameters.items() if key in _WATCHDOG_TAKES}
    with tempfile.TemporaryDirectory(
        prefix="fallback_guard_pilot_", ignore_cleanup_errors=True
    ) as folder:
        environment = ros_environment(Path(folder), domain_id)
        os.environ.update(environment)  # for the fleet in this process
        with Processes(Path(folder), environment) as processes, processes.interruptible():
            for name, given in zip(_OTHERS, (parameters, shared), strict=True):
                processes.start(name, f"fallback_guard.nodes.{name}", *_ros_arguments(given))
            with _speaking(settings, arm, map_file) as (fleet, node):
                _wait_until_heard(processes, node)
                fleet.join(node, part=part.number, plans=part.plans)
                _live_until_done(processes, fleet, node, max(part.plans.values()))
                return fleet.tallies()


def _live_until_done(processes: Processes, fleet: Fleet, node: "PilotNode", plans: int) -> None:
    """Let the fleet drive `plans` plans a robot.  Raises ProcessError."""
    settings = fleet.settings
    tours_s = plans * settings.items_mean * settings.item_s
    until_s = time.monotonic() + _DISCOVERY_S_MAX + _SLOWEST * (tours_s + settings.halt_s)
    while not fleet.is_done:
        processes.check(_OTHERS)
        if time.monotonic() > until_s:
            raise ProcessError(f"the fleet is not done in time:\n{processes.tail('guard_node')}")
        node.live()


@contextmanager
def _speaking(
    settings: PilotSettings, arm: Arm, map_file: Path
) -> Iterator[tuple[Fleet, "PilotNode"]]:
    import rclpy  # noqa: PLC0415  # only --nodes needs ROS
    from rclpy.signals import SignalHandlerOptions  # noqa: PLC0415

    from fallback_guard.nodes.pilot_fleet import PilotNode  # noqa: PLC0415

    # Ctrl-C stays with the command, which ends the children first.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = PilotNode()
        fleet = Fleet(settings, arm, agenda=node, book=book_of(map_file, settings))
        node.serve(fleet.tell, fleet.refuse)
        try:
            yield fleet, node
        finally:
            node.close()
    finally:
        rclpy.try_shutdown()


def _wait_until_heard(processes: Processes, node: "PilotNode") -> None:
    until_s = time.monotonic() + _DISCOVERY_S_MAX
    while not node.is_heard:
        processes.check(_OTHERS)
        if time.monotonic() > until_s:
            raise ProcessError(f"the nodes have not found each other within {_DISCOVERY_S_MAX:g} s")
        node.live()
    until_s = time.monotonic() + _SETTLE_S
    while time.monotonic() < until_s:
        node.live()


def _ros_arguments(parameters: Mapping[str, Value]) -> list[str]:
    arguments = ["--ros-args"]
    for name, value in parameters.items():
        arguments += ["-p", f"{name}:={orjson.dumps(value).decode()}"]
    return arguments


def compare(  # noqa: PLR0913  # what, with what, beside what
    settings: PilotSettings,
    arm: str,
    map_file: Path,
    *,
    picks: int,
    tallies: Sequence[RobotTally],
    simulations: int = _SIMULATIONS,
) -> list[Compared]:
    """Say of each figure what the simulation comes to: with the same faults, and with those of other seeds."""
    part = one_part(picks, settings)
    same = play(settings, map_file, arm, part)
    book = book_of(map_file, settings)
    others = [
        _simulated(replace(settings, seed=settings.seed + number), arm, part, book)
        for number in range(1, simulations + 1)
    ]
    rows = []
    for figure in COMPARED:
        values = [measured(figure, each, settings).value for each in others]
        low, high = (float(each) for each in np.percentile(values, (2.5, 97.5)))
        simulated = measured(figure, same, settings).value
        rows.append(
            Compared(
                figure=figure,
                nodes=measured(figure, tallies, settings).value,
                simulated=simulated,
                interval=Interval(value=float(np.median(values)), low=low, high=high),
            )
        )
    return rows


def _simulated(settings: PilotSettings, arm: str, part: Part, book: TourBook) -> list[RobotTally]:
    """Play the same tours with other faults."""
    return simulate(settings, ARMS[arm], part=part.number, plans=part.plans, book=book)


def _show(name: str, rows: Sequence[Compared], counts: RobotTally) -> None:
    console = Console()
    table = Table(
        title=f"{name}, over real nodes: {counts.asked} picks in {counts.plans} plans, {counts.halts} halts",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for column in ("", "nodes", "simulation of the same faults", "95 % of simulations", "agree"):
        table.add_column(column)
    for row in rows:
        figure = FIGURES[row.figure]
        table.add_row(
            f"{figure.says}, {figure.unit}",
            f"{row.nodes:,.2f}",
            f"{row.simulated:,.2f}",
            f"{row.interval.low:,.2f} to {row.interval.high:,.2f}",
            "yes" if row.agrees else "NO",
        )
    console.print(table)
    console.print(
        f"{counts.asked} items asked = {counts.picked} picked + {counts.wrong} wrong + {counts.missed} missed +"
        f" {counts.still_open} open; {counts.late} decided later than the deadline, as robots heard it",
        highlight=False,
    )
    console.print(DEFINITIONS, highlight=False)


def _document(rows: Sequence[Compared], tallies: Sequence[RobotTally]) -> dict[str, object]:
    return {
        "definitions": DEFINITIONS,
        "figures": {
            row.figure: {
                "nodes": row.nodes,
                "simulated": row.simulated,
                "low": row.interval.low,
                "high": row.interval.high,
                "agrees": row.agrees,
            }
            for row in rows
        },
        "counts": total(tallies).as_dict(),
    }
