# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Every sequence of events up to a depth, at every boundary of time, against the guarantees G1 to G6.

    python test/core/exhaustive.py --depth 5

One robot, and a small alphabet in which everything that the guard tells apart occurs: requests that fall due at once,
later, and of which nothing is known; answers that are right and wrong; a robot at the start, elsewhere, and lost; a map
that is open and shut; a reset; and time that ends one step before a boundary, at it, and one step after.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import world
from fallback_guard.core.closures import AS_ON_THE_MAP, Closures
from fallback_guard.core.config import RECOVERIES, guard_config
from fallback_guard.core.events import (
    CandidateArrived,
    DrillRequested,
    Event,
    MapChanged,
    PositionArrived,
    RequestArrived,
    ResetRequested,
    RouteFellDue,
)
from fallback_guard.core.units import NS_PER_MS
from simulation import Simulation
from timeline import WINDOW_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fallback_guard.core.config import GuardConfig

ROBOT: Final = "picker_1"
RECOVERY_MS: Final = 200
WINDOW_NS: Final = WINDOW_MS * NS_PER_MS
_SHOWN_S: Final = 5.0


class NotHeldError(AssertionError):
    """A guarantee that does not hold, with the sequence after which it does not."""


@dataclass(slots=True)
class Branch:
    """A simulation, how many requests were made in it, and how many answers."""

    simulation: Simulation
    requests: int = 0
    answers: int = 0

    def fork(self) -> Branch:
        """Return a copy that shares with this one only what no step changes."""
        return copy.deepcopy(self, _shared(self.simulation))

    def ask(self, *, on_due: bool) -> None:
        """Make a new request."""
        self.requests += 1
        request = world.pick_request(f"R-{self.requests}", ROBOT, on_due=on_due)
        self.simulation.happen(RequestArrived(request=request, stamp_age_ns=0))

    def due(self, request: int) -> None:
        """Let a request fall due; one of number 0 is not known to anybody."""
        self.simulation.happen(
            RouteFellDue(request_id=f"R-{request}", robot_id=ROBOT, stamp_age_ns=-1)
        )

    def answer(self, request: int, *, valid: bool) -> None:
        """Answer a request."""
        self.answers += 1
        asked = world.pick_request(f"R-{request}", ROBOT)
        self.simulation.happen(
            CandidateArrived(
                request_id=asked.request_id,
                robot_id=ROBOT,
                source="llm:test",
                attempt=self.answers,
                payload=world.answer(asked) if valid else b"{}",
                planning_ns=1,
            )
        )

    def happen(self, event: Event) -> None:
        """Let an event arrive."""
        self.simulation.happen(event)


ALPHABET: Final[dict[str, Callable[[Branch], None]]] = {
    "ask": lambda branch: branch.ask(on_due=False),
    "ask early": lambda branch: branch.ask(on_due=True),
    "due": lambda branch: branch.due(branch.requests),
    "older due": lambda branch: branch.due(max(0, branch.requests - 1)),
    "answer": lambda branch: branch.answer(branch.requests, valid=True),
    "answer older": lambda branch: branch.answer(max(0, branch.requests - 1), valid=True),
    "answer badly": lambda branch: branch.answer(branch.requests, valid=False),
    "stand": lambda branch: branch.happen(PositionArrived(robot_id=ROBOT, x=0.0, y=0.0)),
    "stand elsewhere": lambda branch: branch.happen(PositionArrived(robot_id=ROBOT, x=20.0, y=0.0)),
    "be lost": lambda branch: branch.happen(
        PositionArrived(robot_id=ROBOT, x=0.0, y=0.0, lost=True)
    ),
    "reset": lambda branch: branch.happen(ResetRequested(robot_id=ROBOT)),
    "drill": lambda branch: branch.happen(DrillRequested(robot_id=ROBOT)),
    "shut": lambda branch: branch.happen(MapChanged(closures=Closures(everything=True))),
    "open": lambda branch: branch.happen(MapChanged(closures=AS_ON_THE_MAP)),
    "almost the window": lambda branch: branch.simulation.pass_time(WINDOW_NS - 1),
    "one nanosecond": lambda branch: branch.simulation.pass_time(1),
    "the recovery": lambda branch: branch.simulation.pass_time(RECOVERY_MS * NS_PER_MS),
}
"""What can happen, by its name."""

CONFIGS: Final = tuple(
    guard_config(
        {
            "recovery": recovery,
            "recovery_delay_ms": RECOVERY_MS,
            "latch_after": latch_after,
            "standby_at_deadline": at_deadline,
        }
    )
    for recovery, latch_after, at_deadline in (
        (RECOVERIES[0], 2, False),
        (RECOVERIES[1], 100, False),
        (RECOVERIES[2], 1, False),
        (RECOVERIES[0], 100, True),
    )
)


def _shared(simulation: Simulation) -> dict[int, object]:
    """Return what copies share: the map, its paths, what was prepared from them; none of it changes."""
    guard = simulation.guard
    ground, judge = guard._ground, guard._judge
    shared: list[object] = [
        simulation.config,
        simulation._blocked,
        ground.warehouse,
        ground.paths,
        ground._as_loaded,
        ground._shut,
        ground.safe_moves,
        judge.paths,
    ]
    for robot in guard._fleet:
        shared += [record.prepared for record in robot.requests.values() if record.prepared]
    return {id(one): one for one in shared}


def begin(config: GuardConfig) -> Branch:
    """Return a guard whose robot stands at the start."""
    simulation = Simulation(config, hangs=False)
    simulation.happen(PositionArrived(robot_id=ROBOT, x=0.0, y=0.0))
    return Branch(simulation)


def explore(config: GuardConfig, depth: int) -> Iterator[tuple[str, ...]]:
    """Yield every sequence of `depth` letters after it has been tried, and after that all time has passed.

    Raises NotHeldError where a guarantee does not hold.
    """
    yield from _extend(begin(config), (), depth)


def _extend(branch: Branch, word: tuple[str, ...], depth: int) -> Iterator[tuple[str, ...]]:
    if depth == 0:
        branch.simulation.end()
        yield word
        return
    for name, letter in ALPHABET.items():
        longer = (*word, name)
        try:
            fork = branch.fork()
            letter(fork)
            yield from _extend(fork, longer, depth - 1)
        except NotHeldError:
            raise
        except AssertionError as error:
            raise NotHeldError(f"{error} after {longer}") from error


def replay(config: GuardConfig, word: Sequence[str]) -> Simulation:
    """Try one sequence; return the simulation as it is at its end."""
    branch = begin(config)
    for name in word:
        ALPHABET[name](branch)
    branch.simulation.end()
    return branch.simulation


def main() -> int:
    """Try every sequence."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="exit codes: 0 every guarantee held, 1 one did not, 2 unusable arguments",
    )
    parser.add_argument("--depth", type=int, default=4, help="letters of a sequence (default 4)")
    parser.add_argument(
        "--config", type=int, choices=range(len(CONFIGS)), help="one of the configurations only"
    )
    arguments = parser.parse_args()
    began_s = shown_s = time.monotonic()
    tried = 0
    last: tuple[str, ...] = ()
    chosen = CONFIGS if arguments.config is None else (CONFIGS[arguments.config],)
    for config in chosen:
        sys.stdout.write(f"{replace(config, map_file='')}\n")
        try:
            for word in explore(config, arguments.depth):
                tried, last = tried + 1, word
                if time.monotonic() - shown_s > _SHOWN_S:
                    shown_s = time.monotonic()
                    rate = tried / (shown_s - began_s)
                    sys.stdout.write(f"  {tried} sequences, {rate:.0f} a second, at {last}\n")
                    sys.stdout.flush()
        except NotHeldError as error:
            sys.stdout.write(f"not held: {error}\n")
            return 1
    sys.stdout.write(
        f"{tried} sequences of {arguments.depth} out of {len(ALPHABET)} letters: every guarantee held\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
