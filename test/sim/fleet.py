# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A fleet in simulated time: robots, planner, network, guard and watchdog, with everything that can fail failing.

    python test/sim/fleet.py --picks 1000000 --seed 1

The guard and the watchdog are the real cores; what carries their messages, and what keeps their processes from running,
is drawn from a seed.  Messages come late, twice, out of order, damaged or never; processes die, are started anew, and
are held up.  After each event the guarantees are asserted from what robots hear; a failure names the seed, which
replays it.  The method is that of TigerBeetle's simulator: one thread, one clock, one source of chance.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

import world
from fallback_guard.core.config import guard_config
from fallback_guard.core.effects import ReportDecision, SendMotion
from fallback_guard.core.events import (
    CandidateArrived,
    Dispatched,
    Event,
    PositionArrived,
    RequestArrived,
    RouteFellDue,
    TimePassed,
)
from fallback_guard.core.guard import Guard
from fallback_guard.core.motion import Motion, MotionKind, SafeMoveKind
from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.core.watchdog import (
    MotionHeard,
    NothingHeard,
    RequestFellDue,
    StateHeard,
    Watchdog,
    WatchdogConfig,
    WatchdogEvent,
)
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.picking.tasks import pick_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fallback_guard.core.request import PickRequest

Key = tuple[str, str]
WAREHOUSE: Final = load_warehouse(world.SAMPLE)
CONFIG: Final = guard_config({"recovery_delay_ms": 500, "latch_after": 100})
WATCHDOG_CONFIG: Final = WatchdogConfig(
    deadline_ns=CONFIG.deadline_ns,
    grace_ns=10 * NS_PER_MS,
    silence_ns_max=300 * NS_PER_MS,
    lease_ns=CONFIG.lease_ns,
)
BEGAN_NS: Final = 3_333_333_333
HEARTBEAT_NS: Final = CONFIG.heartbeat_ms * NS_PER_MS
REPORT_NS: Final = 250 * NS_PER_MS
PATIENCE_NS: Final = 5 * NS_PER_S
SPARE_NS: Final = NS_PER_MS
ITEMS_MAX: Final = 16
ANSWERED_NS_MAX: Final = CONFIG.deadline_ns + 10 * NS_PER_MS
"""From when guard or watchdog has heard that a request is due until one of them has spoken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often what goes wrong: chances for a message, and means between faults of a process (s)."""

    lost: float = 0.001
    twice: float = 0.01
    damaged: float = 0.2
    silent: float = 0.1
    late_ns_mean: int = 2 * NS_PER_MS
    answer_ns_mean: int = 60 * NS_PER_MS
    between_deaths_s: float = 60.0
    between_hangs_s: float = 30.0


class Simulation:
    """One run.  `check` what failed by the AssertionError that `run` raises."""

    def __init__(self, seed: int, *, robots: int = 20, faults: Faults | None = None) -> None:
        """Begin with a guard, a watchdog, and robots that are about to ask."""
        self.chance = Random(seed)  # noqa: S311  # reproducible, not secret
        self.faults = faults or Faults()
        self.now_ns = BEGAN_NS
        self.counted: Counter[str] = Counter()
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self.watchdog = WatchdogProcess(self)
        self.guard = GuardProcess(self)
        self.robots = {name: Robot(self, name) for name in (f"picker_{n}" for n in range(robots))}
        self._plan_fault(self.faults.between_deaths_s, self.guard.die)
        self._plan_fault(self.faults.between_hangs_s, self.guard.hang)

    def run(self, picks: int) -> None:
        """Go on until so many items have been picked."""
        while self.counted["picks"] < picks:
            at_ns, _, happen = heapq.heappop(self._agenda)
            assert at_ns >= self.now_ns, "time does not go back"
            self.now_ns = at_ns
            happen()

    def later(self, delay_ns: int, happen: Callable[[], None]) -> None:
        """Have something happen."""
        entry = (self.now_ns + max(0, delay_ns), next(self._numbers), happen)
        heapq.heappush(self._agenda, entry)

    def carry(self, deliver: Callable[[], None], *, may_be_lost: bool = True) -> None:
        """Carry a message: late, twice, or never; of two, the later may arrive first."""
        copies = 1 + (self.chance.random() < self.faults.twice)
        if may_be_lost and self.chance.random() < self.faults.lost:
            self.counted["lost"] += 1
            copies = 0
        for _ in range(copies):
            self.later(round(self.chance.expovariate(1 / self.faults.late_ns_mean)), deliver)

    def publish_due(self, key: Key, *, asked: PickRequest | None) -> None:
        """Let guard and watchdog hear that a request is due, with the request itself where it comes with it."""
        sent_ns = self.now_ns
        self.carry(lambda: self.guard.hear_due(key, asked, self.now_ns - sent_ns))
        self.carry(lambda: self.watchdog.hear_due(key, self.now_ns - sent_ns))

    def publish_motion(self, motion: Motion) -> None:
        """Let the robot hear a command, and the watchdog."""
        robot = self.robots[motion.robot_id]
        robot.sent.add(motion.request_id)
        # A robot that hears nothing holds when its lease ends; what counts here is what it is told.
        self.carry(lambda: robot.hear(motion), may_be_lost=False)
        heard = MotionHeard(motion.request_id, motion.robot_id, motion.sequence)
        self.carry(lambda: self.watchdog.hear(heard), may_be_lost=False)

    def _plan_fault(self, mean_s: float, strike: Callable[[], None]) -> None:
        def happen() -> None:
            strike()
            self._plan_fault(mean_s, strike)

        self.later(round(self.chance.expovariate(1 / mean_s) * NS_PER_S), happen)


class GuardProcess:
    """The guard's process: it may be dead, or held up while messages wait for it."""

    def __init__(self, simulation: Simulation) -> None:
        """Be there."""
        self._simulation = simulation
        self._held_up_until_ns = 0
        self._waiting: list[Callable[[], None]] = []
        self._start()

    def _start(self) -> None:
        self._guard: Guard | None = Guard(config=CONFIG, warehouse=WAREHOUSE)
        self._lives = object()
        self._heartbeat = 0
        self._heard_due: dict[str, list[str]] = {}
        self._heard_of: dict[str, list[str]] = {}
        self._decided: dict[str, list[str]] = {}
        self._woken_at_ns: int | None = None
        self._simulation.later(0, partial(self._beat, self._lives))

    def die(self) -> None:
        """Be killed, and start anew after a while."""
        if self._guard is not None:
            self._simulation.counted["guard killed"] += 1
            self._guard, self._lives = None, object()
            self._waiting.clear()
            self._held_up_until_ns = 0
            restart_s = self._simulation.chance.uniform(0.5, 4.0)
            self._simulation.later(round(restart_s * NS_PER_S), self._start)

    def hang(self) -> None:
        """Be kept from running for a while."""
        simulation = self._simulation
        simulation.counted["guard held up"] += 1
        held_up_s = simulation.chance.choice([0.005, 0.05, 0.2, 2.0])
        self._held_up_until_ns = simulation.now_ns + round(held_up_s * NS_PER_S)
        simulation.later(round(held_up_s * NS_PER_S), self._resume)

    def _resume(self) -> None:
        if self._simulation.now_ns < self._held_up_until_ns:
            return
        # What fell due meanwhile may be done first, or what was said meanwhile: both threads wake at once.
        doing: list[Callable[[], None]] = [partial(self._step, TimePassed()), *self._waiting]
        self._waiting = []
        if self._simulation.chance.random() < 0.5:
            doing.reverse()
        for do in doing:
            do()

    def hear(self, event: Event) -> None:
        """Hear a message, now or when it runs again; nothing while it is dead."""
        if self._guard is None:
            return
        if self._simulation.now_ns < self._held_up_until_ns:
            self._waiting.append(partial(self._step, event))
        else:
            self._step(event)

    def hear_due(self, key: Key, asked: PickRequest | None, age_ns: int) -> None:
        """Hear that a request is due."""
        if asked is not None:
            self.hear(RequestArrived(request=asked, stamp_age_ns=age_ns))
        else:
            self.hear(RouteFellDue(request_id=key[1], robot_id=key[0], stamp_age_ns=age_ns))

    def _beat(self, lives: object) -> None:
        simulation = self._simulation
        if self._lives is not lives:
            return
        if simulation.now_ns >= self._held_up_until_ns:
            self._heartbeat += 1
            heard = StateHeard(self._heartbeat, decides=True)
            simulation.carry(lambda: simulation.watchdog.hear(heard))
        simulation.later(HEARTBEAT_NS, partial(self._beat, lives))

    def _step(self, event: Event) -> None:
        if self._guard is None:
            return
        guard, now_ns = self._guard, self._simulation.now_ns
        self._note_due(event)
        undone = list(guard.step(event, now_ns))
        while undone:
            effect = undone.pop(0)
            if isinstance(effect, SendMotion):
                self._check(effect.motion)
                self._simulation.publish_motion(effect.motion)
                told = Dispatched(planned_ns=effect.planned_ns, deadline_ns=effect.deadline_ns)
                undone += guard.step(told, now_ns)
            elif isinstance(effect, ReportDecision):
                mode = effect.decision.failure_mode
                assert mode != "INTERNAL_ERROR", effect
                self._simulation.counted[mode.value if mode else "accepted"] += 1
        self._plan_wake()

    def _note_due(self, event: Event) -> None:
        due: Key | None = None
        if isinstance(event, RouteFellDue):
            due = event.robot_id, event.request_id
        elif isinstance(event, RequestArrived) and not event.request.on_due:
            due = event.request.robot_id, event.request.request_id
        if isinstance(event, RequestArrived):
            self._remember(self._heard_of, event.request.robot_id, event.request.request_id)
        if due:
            self._remember(self._heard_of, *due)
            self._remember(self._heard_due, *due)

    def _remember(self, kept: dict[str, list[str]], robot_id: str, request_id: str) -> None:
        if request_id not in kept.setdefault(robot_id, []):
            kept[robot_id].append(request_id)
            del kept[robot_id][:-20]

    def _check(self, motion: Motion) -> None:
        """Assert that a route goes out for what fell due last, or as a recovery for what was asked last.

        All as far as the guard knows.  They differ where the word that an older request is due was so long under way
        that the robot has asked anew.
        """
        due = self._heard_due.get(motion.robot_id, [])
        decided = self._decided.setdefault(motion.robot_id, [])
        if motion.kind is MotionKind.ROUTE:
            assert motion.request_id in due, "G1: nothing is decided before it is due"
            known = self._heard_of[motion.robot_id]
            newest = max(due, key=known.index) if motion.request_id in decided else due[-1]
            assert newest == motion.request_id, f"G6: a route for {motion.request_id} after {due}"
        self._remember(self._decided, motion.robot_id, motion.request_id)

    def _plan_wake(self) -> None:
        guard, simulation = self._guard, self._simulation
        if guard is None:
            return
        wakes_ns = [] if guard.next_wake_ns is None else [guard.next_wake_ns]
        if guard.has_spare_work:
            wakes_ns.append(simulation.now_ns + SPARE_NS)
        if not wakes_ns:
            return
        wake_ns = min(wakes_ns)
        if self._woken_at_ns is not None and simulation.now_ns < self._woken_at_ns <= wake_ns:
            return
        self._woken_at_ns = wake_ns
        simulation.later(wake_ns - simulation.now_ns, partial(self._wake, self._lives))

    def _wake(self, lives: object) -> None:
        if self._lives is lives and self._simulation.now_ns >= self._held_up_until_ns:
            self._step(TimePassed())


class WatchdogProcess:
    """The watchdog's process, which is always there."""

    def __init__(self, simulation: Simulation) -> None:
        """Begin to listen."""
        self._simulation = simulation
        self._watchdog = Watchdog(WATCHDOG_CONFIG)
        self._woken_at_ns: int | None = None

    def hear_due(self, key: Key, age_ns: int) -> None:
        """Hear that a request is due; it has to be answered by then."""
        self.hear(RequestFellDue(key[1], key[0], age_ns))
        robot = self._simulation.robots[key[0]]
        self._simulation.later(ANSWERED_NS_MAX + 1, partial(robot.check_told, key[1]))

    def hear(self, event: WatchdogEvent) -> None:
        """Hear a message, and say what is to be said."""
        simulation = self._simulation
        for effect in self._watchdog.step(event, simulation.now_ns):
            if isinstance(effect, SendMotion):
                simulation.counted["watchdog spoke"] += 1
                simulation.publish_motion(effect.motion)
        wake_ns = self._watchdog.next_wake_ns
        if wake_ns is None:
            return
        if self._woken_at_ns is None or not simulation.now_ns < self._woken_at_ns <= wake_ns:
            self._woken_at_ns = wake_ns
            simulation.later(wake_ns - simulation.now_ns, lambda: self.hear(NothingHeard()))


@dataclass(slots=True)
class Robot:
    """A robot: asks ahead, has its request fall due on arrival, and drives what it is told."""

    simulation: Simulation
    name: str
    newest: int = 0
    told: dict[str, list[Motion]] = field(default_factory=dict)
    asked: dict[str, PickRequest] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    current: PickRequest | None = None
    ahead: PickRequest | None = None
    due: list[str] = field(default_factory=list)
    standing: object | None = None
    again: int = 0
    node: int = 1
    requests: Iterator[PickRequest] = field(init=False)

    def __post_init__(self) -> None:
        """Ask for the first route."""
        chance = self.simulation.chance
        self.requests = pick_requests(
            WAREHOUSE,
            robot_id=self.name,
            start_node=1,
            items_max=ITEMS_MAX,
            seed=chance.randrange(2**31),
        )
        self.simulation.later(round(chance.uniform(0, 2) * NS_PER_S), self._ask_ahead)
        self.simulation.later(3 * NS_PER_S, self._fall_due)

    # What it says

    def _ask_ahead(self) -> None:
        request = next(self.requests)
        self.ahead = request
        self._remember(request)
        self.simulation.carry(
            lambda: self.simulation.guard.hear(RequestArrived(request=request, stamp_age_ns=0))
        )
        self._have_answered(request, thinks_s=1.0)

    def _remember(self, request: PickRequest) -> None:
        self.asked[request.request_id] = request
        while len(self.asked) > 30:  # more than anybody else remembers
            oldest = next(iter(self.asked))
            self.asked.pop(oldest)
            self.told.pop(oldest, None)
            self.sent.discard(oldest)

    def _stand(self, standing: object = None) -> None:
        """Say where it is; again and again for as long as it stands there."""
        if standing is not self.standing:
            return
        if standing is not None:
            self.simulation.later(REPORT_NS, partial(self._stand, standing))
        place = WAREHOUSE.nodes[self.node]
        said = PositionArrived(robot_id=self.name, x=place.x, y=place.y, sequence=self.newest)
        self.simulation.carry(lambda: self.simulation.guard.hear(said))

    def _fall_due(self) -> None:
        request, self.ahead = self.ahead, None
        if request is None:
            self.simulation.later(100 * NS_PER_MS, self._fall_due)
            return
        self._want(request)
        self.simulation.publish_due((self.name, request.request_id), asked=None)

    def _want(self, request: PickRequest) -> None:
        self.current = request
        self.due.append(request.request_id)
        del self.due[:-30]
        self._lose_patience_later()

    def _lose_patience_later(self) -> None:
        self.standing = standing = object()
        self._stand(standing)

        def lose_patience() -> None:
            if self.standing is standing:
                self._ask_again()

        self.simulation.later(PATIENCE_NS, lose_patience)

    def _ask_again(self) -> None:
        """Ask anew for what it was not given, due at once."""
        assert self.current is not None, "it wants something"
        self.simulation.counted["asked again"] += 1
        self.again += 1
        number = f"{self.current.request_id.split('.')[0]}.{self.again}"
        request = replace(self.current, request_id=number, start_node=self.node, on_due=False)
        self._remember(request)
        self._want(request)
        self.simulation.publish_due((self.name, number), asked=request)
        self._have_answered(request, thinks_s=0.0)

    def _have_answered(self, request: PickRequest, *, thinks_s: float) -> None:
        """Let the planner answer: rightly, wrongly, twice, late, or not at all."""
        simulation, faults = self.simulation, self.simulation.faults
        chance = simulation.chance
        if chance.random() < faults.silent:
            return
        for attempt in (1, 2):
            payload = _answer(request, chance)
            if chance.random() < faults.damaged:
                payload = _damaged(payload, chance)
            event = CandidateArrived(
                request_id=request.request_id,
                robot_id=self.name,
                source="llm:sim",
                attempt=attempt,
                payload=payload,
                planning_ns=1,
            )
            thinks_ns = chance.expovariate(1 / faults.answer_ns_mean)
            simulation.later(
                round(thinks_s * NS_PER_S + attempt * thinks_ns),
                partial(simulation.carry, partial(simulation.guard.hear, event)),
            )

    # What it hears

    def check_told(self, request_id: str) -> None:
        """Assert that somebody has spoken for a request that the watchdog heard of."""
        assert request_id in self.sent or request_id not in self.asked, (
            f"G7: {self.name} {request_id} unanswered"
        )

    def hear(self, motion: Motion) -> None:
        """Take over a command, unless a newer one came before."""
        counted = self.simulation.counted
        if motion.sequence <= self.newest:
            counted["too old to be taken over"] += 1
            return
        self.newest = motion.sequence
        before = self.told.setdefault(motion.request_id, [])
        assert not any(told.kind is MotionKind.ROUTE for told in before), (
            f"G6: {self.name} is told {motion.kind.name} for {motion.request_id} after its route"
        )
        before.append(motion)
        counted[motion.kind.name] += 1
        if motion.kind is MotionKind.ROUTE:
            self._drive(motion)
            return
        if motion.safe_move is SafeMoveKind.RETREAT:
            self.node = motion.safe_move_target
        if self.standing is None:
            self._lose_patience_later()

    def _drive(self, motion: Motion) -> None:
        request = self.asked[motion.request_id]
        picked = sorted((stop.bin, stop.sku, stop.quantity) for stop in motion.stops)
        assert picked == sorted((item.bin, item.sku, item.quantity) for item in request.items), (
            "G2: a route picks what was asked for"
        )
        assert motion.waypoints[-1].node == request.goal_node, "G2: it ends at the goal"
        assert motion.waypoints[0].node in (request.start_node, self.node), "G2: it begins here"
        self.standing = None
        if self.current is None or motion.request_id != self.current.request_id:
            # Asked for again meanwhile; it drives what it is told, and stands by its newest word.
            self._lose_patience_later()
            return
        self.simulation.counted["picks"] += len(request.items)
        self.simulation.counted["tours"] += 1
        self.node = request.goal_node
        drives_s = self.simulation.chance.uniform(2.0, 6.0)
        if self.ahead is None:
            self.simulation.later(round(0.2 * NS_PER_S), self._ask_ahead)
        self.simulation.later(round(drives_s * NS_PER_S), self._fall_due)


def _answer(request: PickRequest, chance: Random) -> bytes:
    """Return a right answer, with the stops in any order."""
    stops = [
        {"bin": item.bin, "sku": item.sku, "quantity": item.quantity}
        for item in chance.sample(request.items, len(request.items))
    ]
    said = {
        "version": 1,
        "request_id": request.request_id,
        "robot_id": request.robot_id,
        "stops": stops,
    }
    return json.dumps(said).encode()


def _damaged(payload: bytes, chance: Random) -> bytes:
    """Return it with some bytes changed, cut off, or repeated."""
    damaged = bytearray(payload)
    kind = chance.randrange(4)
    if kind == 0:
        return bytes(damaged[: chance.randrange(len(damaged))])
    if kind == 1:
        return payload + payload[chance.randrange(len(payload)) :]
    for _ in range(chance.randint(1, 8)):
        damaged[chance.randrange(len(damaged))] = chance.choice(
            b'0123456789ABCR"{}[],:-' if kind == 2 else range(256)
        )
    return bytes(damaged)


def main() -> int:
    """Simulate, and say what it came to."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="exit codes: 0 every guarantee held, 1 one did not, 2 unusable arguments",
    )
    parser.add_argument("--picks", type=int, default=20_000, help="items to pick (default 20000)")
    parser.add_argument("--robots", type=int, default=20, help="of the fleet (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="of everything (default 1)")
    parser.add_argument(
        "--part", type=int, default=20_000, help="picks of one seed, then the next one's turn"
    )
    options = parser.parse_args()
    began_s, picked, counted = time.monotonic(), 0, Counter[str]()
    for seed in count(options.seed):
        simulation = Simulation(seed, robots=options.robots)
        try:
            simulation.run(min(options.part, options.picks - picked))
        except AssertionError as error:
            sys.stdout.write(
                f"not held: {error}\nafter {simulation.now_ns / NS_PER_S:.3f} simulated seconds; replay: "
                f"--seed {seed} --picks {options.part} --robots {options.robots}\n"
            )
            return 1
        counted += simulation.counted
        picked = counted["picks"]
        took_s = time.monotonic() - began_s
        sys.stdout.write(f"seed {seed}: {picked:,} picks, {picked / took_s:,.0f} a second\n")
        sys.stdout.flush()
        if picked >= options.picks:
            break
    sys.stdout.write(", ".join(f"{n:,} {what}" for what, n in counted.most_common()) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
