# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A guard in a simulated world, and beside it the plainest account of what it owes to whom.

`Simulation` is driven by events and by time that passes, and asserts the guarantees G1 to G6 after each step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Final

import world
from fallback_guard.core.closures import AS_ON_THE_MAP, Closures
from fallback_guard.core.config import GuardConfig
from fallback_guard.core.effects import (
    Decision,
    DrillAnswered,
    Effect,
    LatchReset,
    Occasion,
    ReportDecision,
    SendMotion,
)
from fallback_guard.core.events import (
    CandidateArrived,
    Dispatched,
    DrillRequested,
    Event,
    MapChanged,
    PositionArrived,
    RequestArrived,
    ResetRequested,
    RouteFellDue,
    TimePassed,
)
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.guard import Guard
from fallback_guard.core.limits import (
    CANDIDATES_PER_REQUEST_MAX,
    REQUESTS_OPEN_MAX,
    REQUESTS_REMEMBERED_MAX,
    STAMP_AGE_NS_MAX,
)
from fallback_guard.core.motion import Motion, MotionKind
from fallback_guard.core.openness import openness
from fallback_guard.core.punctuality import OUTLIERS, SAMPLES
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.request_states import TERMINAL
from fallback_guard.core.units import NS_PER_MS
from timeline import BEGAN_NS, SPARE_PAUSE_NS, WINDOW_MS

Key = tuple[str, str]
"""A robot and a request."""

ROBOTS: Final = ("picker_1", "picker_2")
REQUEST_IDS: Final = ("R-1", "R-2", "R-3", "R-4", "R-5", "R-6", "R-7", "R-8")
KINDS: Final = (
    "request",
    "request",
    "due",
    "due",
    "answer",
    "answer",
    "answer",
    "position",
    "position",
    "reset",
    "drill",
    "map",
    "time",
)
AGES_NS: Final = (-1, 0, 1, STAMP_AGE_NS_MAX, STAMP_AGE_NS_MAX + 1)
WAITS_NS: Final = (
    0,
    0,
    0,
    0,
    0,
    0,
    1,
    -20 * NS_PER_MS,
    20 * NS_PER_MS,
    WINDOW_MS * NS_PER_MS - 1,
    WINDOW_MS * NS_PER_MS,
    WINDOW_MS * NS_PER_MS + 1,
    200 * NS_PER_MS,
    855 * NS_PER_MS,
    1_000 * NS_PER_MS,
    1_000 * NS_PER_MS + 1,
)
HAND_OVERS_NS: Final = (0, 0, 0, 1, 2 * NS_PER_MS, 20 * NS_PER_MS, 60 * NS_PER_MS)
"""How long a motion may take to the middleware: less than the margin at the least, more, and more than at the most."""

VARIANTS: Final = 6
CLOSURES: Final = (
    AS_ON_THE_MAP,
    AS_ON_THE_MAP,
    Closures(closed_edges=frozenset({101})),  # From 2 to 3: there is a way around.
    Closures(closed_edges=frozenset({101, 108})),
    Closures(closed_zones=frozenset({900}), opened_zones=frozenset({901})),
    Closures(everything=True),
)
"""For each variant what is closed: the short way, both its directions, the refuge, all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event, and the time that passes before it; what does not bear on the kind means nothing."""

    kind: str
    robot_id: str
    request_id: str
    age_ns: int
    wait_ns: int
    variant: int


def random_step(random: Random) -> Step:
    return Step(
        kind=random.choice(KINDS),
        robot_id=random.choice(ROBOTS),
        request_id=random.choice(REQUEST_IDS),
        age_ns=random.choice(AGES_NS),
        wait_ns=random.choice(WAITS_NS),
        variant=random.randrange(VARIANTS),
    )


def pick_request(step: Step) -> PickRequest:
    items = (
        PickItem(bin="A-1", sku="S-1", quantity=2),
        PickItem(bin="C-1", sku=step.request_id, quantity=1),
    )
    return world.pick_request(
        step.request_id,
        step.robot_id,
        items=() if step.variant == 0 else items,
        on_due=step.variant % 2 == 0,
    )


def event_of(step: Step) -> Event:
    """Return the event of a step."""
    if step.kind == "request":
        return RequestArrived(request=pick_request(step), stamp_age_ns=step.age_ns)
    if step.kind == "due":
        return RouteFellDue(
            request_id=step.request_id, robot_id=step.robot_id, stamp_age_ns=step.age_ns
        )
    if step.kind == "answer":
        request = pick_request(replace(step, variant=1))
        payloads = [world.answer(request)] * 3 + [b"", b"{}", b"\xff"]
        return CandidateArrived(
            request_id=step.request_id,
            robot_id=step.robot_id,
            source="llm:test",
            attempt=step.age_ns % 7 + step.wait_ns % 3,
            payload=payloads[step.variant],
            planning_ns=1,
            failure="PLANNER_TIMEOUT" if step.variant == 3 else "",
        )
    if step.kind == "position":
        x = (0.0, 0.0, 0.0, 20.0, 20.0, float("nan"))[step.variant]
        return PositionArrived(robot_id=step.robot_id, x=x, y=0.0, lost=step.variant == 4)
    if step.kind == "reset":
        return ResetRequested(robot_id=step.robot_id if step.variant else "")
    if step.kind == "drill" and step.variant == 0:
        # A few: what waits for the next request takes the place of its route.
        return DrillRequested(robot_id=step.robot_id)
    if step.kind == "map":
        return MapChanged(closures=CLOSURES[step.variant])
    return TimePassed()


class Simulation:
    """One guard, and beside it the plainest account of what it owes to whom."""

    def __init__(self, config: GuardConfig, *, hangs: bool, hand_over_ns: int = 0) -> None:
        """Begin; a guard that hangs is not woken by its timer, only by events.

        `hand_over_ns` is how long the middleware takes for a motion, while nothing else can be done.
        """
        self.config = config
        self.margins_ns: set[int] = set()
        self.guard = Guard(config=config, warehouse=world.warehouse())
        self.said: list[str] = []
        self._hangs = hangs
        self._hand_over_ns = hand_over_ns
        self._is_punctual = not hangs and hand_over_ns == 0
        self._clock_ns = BEGAN_NS
        self._latest_ns = 0  # What the guard has seen; it can only rise.
        self._asked: dict[Key, PickRequest | None] = {}
        self._due_ns: dict[Key, int] = {}
        self._margin_ns: dict[Key, int] = {}
        self._dispatched_ns: list[int] = []
        self._woken_ns: list[int] = []
        self._decided: dict[Key, MotionKind] = {}
        self._recovered: set[Key] = set()
        self._drilled: set[str] = set()
        self._accepted: list[Key] = []
        self._just_accepted: Key | None = None
        self._blocked: Container[tuple[int, int]] = openness(world.warehouse()).blocked
        self._sequence: dict[str, int] = {}
        self._counted: Counter[str] = Counter()

    def run(self, steps: list[Step]) -> None:
        """Let steps happen, and after them nothing any more."""
        for step in steps:
            self.pass_time(step.wait_ns)
            if (
                step.variant != VARIANTS - 1
            ):  # Most of the time the robots stand at the start, and say so.
                for robot_id in ROBOTS:
                    self._step(PositionArrived(robot_id=robot_id, x=0.0, y=0.0))
            self.happen(event_of(self._aimed(step)))
        self.end()

    def happen(self, event: Event) -> None:
        """Let an event arrive."""
        self._expect(event)
        self._step(event)

    def end(self) -> None:
        """Let all time pass in which anything is still to come."""
        self.pass_time(2_000 * NS_PER_MS)
        self._step(TimePassed())
        assert set(self._due_ns) == set(self._decided), "every due request was decided"

    def _aimed(self, step: Step) -> Step:
        """Let most requests be new, and most answers and dues speak of the latest one."""
        if step.age_ns > 1 or step.kind not in ("request", "due", "answer"):
            return step
        if step.kind == "request" or not self._asked:
            return replace(step, kind="request", request_id=f"N-{len(self._asked)}")
        robot_id, request_id = list(self._asked)[-1]
        return replace(step, robot_id=robot_id, request_id=request_id)

    def pass_time(self, wait_ns: int) -> None:
        """Move on, and wake the guard on the way; a negative wait sets its clock back."""
        until_ns = self._clock_ns + wait_ns
        while (wake_ns := self._wake_ns()) is not None and wake_ns <= until_ns:
            self._clock_ns = max(wake_ns, self._clock_ns)
            self._step(TimePassed())
            after_ns = self.guard.next_wake_ns
            assert after_ns is None or after_ns > self._latest_ns, (
                "a wake is over when it was served"
            )
        self._clock_ns = max(until_ns, self._clock_ns) if wait_ns >= 0 else until_ns

    def _wake_ns(self) -> int | None:
        """Return when the guard is woken next: for what falls due, or for spare work."""
        if self._hangs:
            return None
        wakes_ns = [] if self.guard.next_wake_ns is None else [self.guard.next_wake_ns]
        if self.guard.has_spare_work:
            wakes_ns.append(max(self._clock_ns, self._latest_ns) + SPARE_PAUSE_NS)
        return min(wakes_ns, default=None)

    def _expect(self, event: Event) -> None:
        """Write down what the guard owes because of this event."""
        if isinstance(event, RequestArrived):
            request = event.request
            key = request.robot_id, request.request_id
            if key in self._asked:
                return
            overrun = self._open(request.robot_id) >= REQUESTS_OPEN_MAX
            if overrun and request.on_due:
                return
            self._asked[key] = None if overrun else request
            if request.items and not overrun:
                self._accepted.append(key)
                self._just_accepted = key
            if not request.on_due:
                self._fall_due(key, event.stamp_age_ns)
        elif isinstance(event, RouteFellDue):
            key = event.robot_id, event.request_id
            self._asked.setdefault(key, None)
            if key not in self._due_ns:
                self._fall_due(key, event.stamp_age_ns)
        elif isinstance(event, DrillRequested):
            self._drilled.add(event.robot_id)
        elif isinstance(event, MapChanged):
            self.pass_time(0)  # What has fallen due by now is decided by the map as it was.
            self._step(TimePassed())
            self._blocked = openness(world.warehouse(), event.closures).blocked

    def _open(self, robot_id: str) -> int:
        """Count the requests that will still wait for their decision when the next event is handled."""
        now_ns = max(self._clock_ns, self._latest_ns)
        return sum(
            key[0] == robot_id
            and key not in self._decided
            and (key not in self._due_ns or self._closes_ns(key) > now_ns)
            for key in self._asked
        )

    def _closes_ns(self, key: Key) -> int:
        """Return when the window of a request that fell due closes, also where it needed none."""
        return self._due_ns[key] + self.config.deadline_ns - self._margin_ns[key]

    def _margin_now_ns(self) -> int:
        """Return the margin that the lateness measured so far makes."""
        wanted_ns = 0
        for samples in (self._dispatched_ns, self._woken_ns):
            wanted_ns += ([0] * (OUTLIERS + 1) + sorted(samples[-SAMPLES:]))[-1 - OUTLIERS]
        least_ns, most_ns = self.config.dispatch_margin_ns, self.config.dispatch_margin_ns_max
        return min(most_ns, max(least_ns, wanted_ns))

    def _fall_due(self, key: Key, stamp_age_ns: int) -> None:
        believable = 0 <= stamp_age_ns <= STAMP_AGE_NS_MAX
        self._due_ns[key] = max(self._clock_ns, self._latest_ns) - (
            stamp_age_ns if believable else 0
        )
        self._margin_ns[key] = self._margin_now_ns()

    def _step(self, event: Event) -> None:
        """Let something happen, and hand over what comes of it, one motion after the other."""
        undone = self._tell(event)
        woke_ns = self._latest_ns if isinstance(event, TimePassed) else None
        while undone:
            sent = undone.pop(0)
            self._clock_ns += self._hand_over_ns
            undone += self._tell(self._dispatched(sent, woke_ns))

    def _dispatched(self, sent: SendMotion, woke_ns: int | None) -> Dispatched:
        """Write down what the guard is to learn of its lateness; return what it is told."""
        now_ns = max(self._clock_ns, self._latest_ns)
        if sent.planned_ns is not None:
            self._dispatched_ns.append(now_ns - sent.planned_ns)
            if woke_ns is not None:
                self._woken_ns.append(max(0, woke_ns - sent.planned_ns))
        self._counted["late"] += sent.deadline_ns is not None and now_ns > sent.deadline_ns
        return Dispatched(planned_ns=sent.planned_ns, woke_ns=woke_ns, deadline_ns=sent.deadline_ns)

    def _tell(self, event: Event) -> list[SendMotion]:
        """Let the guard do one step, and check all that must hold after it; return the motions."""
        latched = () if isinstance(event, ResetRequested) else self.guard.latched_robots
        self._latest_ns = max(self._clock_ns, self._latest_ns)
        effects = self.guard.step(event, self._clock_ns)
        self.said.append(repr(effects))
        self._check(effects, latched)
        self._just_accepted = None
        for key in self._due_ns:
            if self._closes_ns(key) <= self._latest_ns:
                assert key in self._decided, f"G1: {key} was not decided when its window closed"
        self._check_counters()
        self._check_memory()
        self._check_margin()
        return [effect for effect in effects if isinstance(effect, SendMotion)]

    def _check_margin(self) -> None:
        margin_ns = self.guard.margin.ns
        assert self.config.dispatch_margin_ns <= margin_ns <= self.config.dispatch_margin_ns_max
        assert margin_ns == self._margin_now_ns(), "the margin follows what was measured"
        self.margins_ns.add(margin_ns)

    def _check(self, effects: tuple[Effect, ...], latched: tuple[str, ...]) -> None:
        left = list(effects)
        while left:
            effect = left.pop(0)
            if isinstance(effect, SendMotion):
                report = left.pop(0)
                assert isinstance(report, ReportDecision), "a motion is followed by its record"
                self._check_motion(effect, report.decision)
                assert (
                    effect.motion.kind is MotionKind.SAFE_MOVE
                    or effect.motion.robot_id not in latched
                )
            elif isinstance(effect, ReportDecision):
                assert effect.decision.occasion is Occasion.REFUSAL
                assert effect.decision.outcome is MotionKind.NONE
                self._counted["refused"] += 1
            else:
                assert isinstance(effect, LatchReset | DrillAnswered)
            assert (
                not isinstance(effect, ReportDecision)
                or effect.decision.failure_mode is not FailureMode.INTERNAL_ERROR
            )

    def _check_motion(self, sent: SendMotion, decision: Decision) -> None:
        motion = sent.motion
        key = motion.robot_id, motion.request_id
        assert (decision.robot_id, decision.request_id, decision.sequence) == (
            *key,
            motion.sequence,
        )
        assert decision.outcome is motion.kind
        assert decision.failure_mode is motion.reason
        assert motion.reason is not FailureMode.INTERNAL_ERROR
        assert motion.sequence > self._sequence.get(motion.robot_id, 0), "G6: sequences rise"
        self._sequence[motion.robot_id] = motion.sequence
        if decision.occasion is Occasion.DUE:
            self._check_due(key, sent, decision)
        else:
            assert decision.occasion is Occasion.RECOVERY
            assert (sent.planned_ns, sent.deadline_ns) == (None, None)
            self._check_recovery(key, motion)
        if motion.kind is MotionKind.ROUTE:
            self._check_route(key, motion)

    def _check_due(self, key: Key, sent: SendMotion, decision: Decision) -> None:
        motion, closes_ns = sent.motion, self._closes_ns(key)
        assert key in self._due_ns, "nothing is decided before it is due"
        assert key not in self._decided, "G1: one decision"
        due_of_robot = [other for other in self._due_ns if other[0] == key[0]]
        older = due_of_robot[: due_of_robot.index(key)]
        assert set(older) <= set(self._decided), "G6: decisions come in the order of falling due"
        if motion.reason is FailureMode.OVERTAKEN:
            assert due_of_robot[-1] != key, "overtaken by one that fell due later"
        self._decided[key] = motion.kind
        assert decision.time_to_decision_ns == self._latest_ns - self._due_ns[key]
        deadline_ns = self._due_ns[key] + self.config.deadline_ns
        assert closes_ns <= deadline_ns - self.config.dispatch_margin_ns
        if self._is_punctual:
            assert self._latest_ns <= closes_ns, "G1: in time"
        in_time = self._latest_ns < closes_ns
        assert sent.planned_ns in (None, closes_ns)
        assert decision.dispatch_margin_ns in (0, self._margin_ns[key])
        is_late = self._latest_ns > deadline_ns
        assert sent.deadline_ns == (None if is_late else deadline_ns)
        self._counted["late"] += is_late
        if motion.kind is MotionKind.ROUTE and motion.source != "standby":
            assert in_time
            assert motion.reason is None
        else:
            assert motion.reason is not None
        if motion.source == "standby":
            assert self.config.standby_at_deadline
        is_drill = motion.reason is FailureMode.DRILL
        assert not is_drill or key[0] in self._drilled, "nobody is drilled unasked"
        self._counted["drill"] += is_drill
        self._counted["route" if motion.kind is MotionKind.ROUTE else "safe move"] += 1

    def _check_recovery(self, key: Key, motion: Motion) -> None:
        assert motion.kind is MotionKind.ROUTE
        assert self._decided[key] is MotionKind.SAFE_MOVE, "only a safe move is recovered from"
        assert key not in self._recovered, "G6: one recovery"
        assert self.config.recovery != "none"
        assert motion.source != "standby" or self.config.recovery == "standby"
        newer = set(self._accepted[self._accepted.index(key) + 1 :])
        newer -= {self._just_accepted}  # What has fallen due is done before the event is handled.
        assert not [other for other in newer if other[0] == key[0]], (
            "G6: none once a newer request was accepted"
        )
        self._recovered.add(key)
        self._counted["recovery"] += 1

    def _check_route(self, key: Key, motion: Motion) -> None:
        request = self._asked[key]
        assert request is not None
        picked = sorted(
            PickItem(bin=stop.bin, sku=stop.sku, quantity=stop.quantity) for stop in motion.stops
        )
        assert picked == sorted(request.items), "a route picks what was asked for"
        assert motion.waypoints[-1].node == request.goal_node
        for before, after in pairwise(motion.waypoints):
            for pair in pairwise(world.nodes_between(before, after)):
                assert pair in world.warehouse().edges, "a route takes edges of the map"
                assert pair not in self._blocked, "a route takes no edge that is closed now"

    def _check_counters(self) -> None:
        counters, counted = self.guard.counters, self._counted
        assert counters.requests == len(self._accepted)
        assert counters.routes == counted["route"]
        assert counters.safe_moves == counted["safe move"]
        assert counters.decisions == counters.routes + counters.safe_moves == len(self._decided)
        assert counters.recoveries == counted["recovery"]
        assert counters.refusals >= counted["refused"]
        assert counters.decisions_late == self._counted["late"]
        assert counters.drills == counted["drill"]
        assert not self._is_punctual or counters.decisions_late == 0

    def _check_memory(self) -> None:
        for robot in self.guard._fleet:
            assert len(robot.requests) <= REQUESTS_REMEMBERED_MAX
            for record in robot.requests.values():
                assert len(record.answers_seen) <= CANDIDATES_PER_REQUEST_MAX
                if record.sequence and record.state in TERMINAL:
                    assert (record.prepared, record.staged, record.last_judged) == (None,) * 3
                    assert not record.answers_seen
        assert len(self.guard._timers) <= len(self.said)
