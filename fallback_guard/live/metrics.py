# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told: counts and histograms of what was heard, and how things stand at the moment of a scrape.

Labels are bounded: guards and robots by number, failure modes by their table, everything else by an enum.  No request
and no text of anybody's is one.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.live.board import DECIDES
from fallback_guard.live.boards import Boards
from fallback_guard.live.heard import (
    OTHER,
    DecisionHeard,
    MotionHeard,
    StateHeard,
    StatusHeard,
    known_id,
)
from fallback_guard.live.metrics_tables import GAUGES, GUARD_COUNTERS, RUNG_COUNTERS, Scrape
from fallback_guard.live.objective import Service, ServiceJudge

DECISION_BUCKETS_S: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.12, 0.13),
    *(0.135, 0.14, 0.145, 0.15, 0.155, 0.16, 0.2, 0.3, 0.5, 1.0),
)
"""Fine where safe moves are made, and with an edge at the default deadline: what is above it is late."""

STEP_BUCKETS_S: Final = (5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)
PLANNING_BUCKETS_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)

_GUARD: Final = ("guard",)


def label(namespace: str) -> str:
    """Return the label of a guard: its namespace with the slash in front, for an empty label would be none."""
    return f"/{namespace}"


class Metrics:
    """Takes what was heard in one thread; is scraped in others."""

    def __init__(self, namespaces: Iterable[str], *, robots_max: int) -> None:
        """Begin with these guards."""
        # These would be a time series beside each counter that nothing here asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.boards = Boards(namespaces)
        self._robots_max = robots_max
        self._robots: dict[str, set[str]] = {name: set() for name in self.boards.by_namespace}
        self._judges = {name: ServiceJudge() for name in self.boards.by_namespace}
        self.registry = CollectorRegistry(auto_describe=False)
        self._decisions = Counter(
            "fallback_guard_decisions",
            "Decisions heard, by occasion, outcome and failure mode ('accepted' where nothing failed).",
            (*_GUARD, "occasion", "outcome", "failure_mode"),
            registry=self.registry,
        )
        self._robot_decisions = Counter(
            "fallback_guard_robot_decisions",
            "Due requests and recoveries of each robot, by outcome; drills left out.",
            (*_GUARD, "robot", "outcome"),
            registry=self.registry,
        )
        self._service = Counter(
            "fallback_guard_due_requests",
            "Due requests by what became of them: good, or bad for being late, unanswered or halted for over 1 s.",
            (*_GUARD, "service"),
            registry=self.registry,
        )
        self._drills = Counter(
            "fallback_guard_drills",
            "Due requests that an operator had fall back as a drill; they count in no objective.",
            _GUARD,
            registry=self.registry,
        )
        self._decision_s = Histogram(
            "fallback_guard_decision_seconds",
            "From falling due to handing the motion to the middleware, by outcome; drills left out.",
            (*_GUARD, "outcome"),
            buckets=DECISION_BUCKETS_S,
            registry=self.registry,
        )
        self._step_s = Histogram(
            "fallback_guard_step_seconds",
            "Time of the guard's own step for a decision, validation included.",
            _GUARD,
            buckets=STEP_BUCKETS_S,
            registry=self.registry,
        )
        self._planning_s = Histogram(
            "fallback_guard_planning_seconds",
            "Time the planner took for an answer that was used or refused, as it says itself.",
            _GUARD,
            buckets=PLANNING_BUCKETS_S,
            registry=self.registry,
        )
        for name in self.boards.by_namespace:
            # So that a rate over the first bad one is not lost: it has to begin at 0.
            for service in Service:
                self._service.labels(label(name), service.value)
            self._drills.labels(label(name))

    # What was heard

    def on_state(self, namespace: str, state: StateHeard, now_ns: int) -> None:
        """Take a sign of life."""
        self.boards.on_state(namespace, state, now_ns)
        self._count(namespace, self._judges[namespace].settle(now_ns))

    def on_motion(self, namespace: str, motion: MotionHeard, now_ns: int) -> None:
        """Take a command."""
        self.boards.on_motion(namespace, motion, now_ns)

    def on_status(self, status: StatusHeard, now_ns: int) -> None:
        """Take a status."""
        self.boards.on_status(status, now_ns)

    def on_decision(self, namespace: str, decision: DecisionHeard, now_ns: int) -> None:
        """Take a decision."""
        self.boards.on_decision(namespace, decision, now_ns)
        guard, outcome = label(namespace), decision.outcome.name.lower()
        self._decisions.labels(guard, decision.occasion.name.lower(), outcome, decision.mode).inc()
        self._count(namespace, self._judges[namespace].take(decision, now_ns))
        if decision.is_drill:
            self._drills.labels(guard).inc(decision.occasion is Occasion.DUE)
            return
        is_answer = decision.occasion is Occasion.REFUSAL or decision.outcome is MotionKind.ROUTE
        if (
            is_answer and decision.planning_ns > 0
        ):  # A safe move repeats what was refused before it.
            self._planning_s.labels(guard).observe(decision.planning_ns / 1e9)
        if decision.occasion in DECIDES:
            robot = self._robot(namespace, decision.robot_id)
            self._robot_decisions.labels(guard, robot, outcome).inc()
        if decision.occasion is Occasion.DUE and not decision.is_the_watchdogs:
            self._decision_s.labels(guard, outcome).observe(decision.handed_over_ns / 1e9)
            self._step_s.labels(guard).observe(decision.step_ns / 1e9)

    def settle(self, now_ns: int) -> None:
        """Count what time has settled, also where nobody says anything any more."""
        for namespace, judge in self._judges.items():
            self._count(namespace, judge.settle(now_ns))

    def _count(self, namespace: str, verdicts: Iterable[Service]) -> None:
        for service in verdicts:
            self._service.labels(label(namespace), service.value).inc()

    def _robot(self, namespace: str, robot_id: str) -> str:
        """Return a robot's label: the first so many have one of their own."""
        known = self._robots[namespace]
        name = known_id(robot_id)
        if name not in known and len(known) >= self._robots_max:
            return OTHER
        known.add(name)
        return name


class BoardCollector(Collector):
    """Tells how things stand when it is asked."""

    def __init__(self, scrape: Scrape) -> None:
        """Look through `scrape`."""
        self._scrape = scrape

    def collect(self) -> Iterator[Metric]:
        """Yield the families of the tables."""
        with self._scrape.boards.lock:
            now_ns = self._scrape.clock()
            boards = list(self._scrape.boards.by_namespace.values())
            families: list[Metric] = []
            for row in GAUGES:
                gauge = GaugeMetricFamily(row.name, row.help, labels=[*_GUARD, *row.labels])
                for board in boards:
                    for labels, value in row.samples(board, now_ns):
                        gauge.add_metric([label(board.namespace), *labels], value)
                families.append(gauge)
            for counter_row in (*GUARD_COUNTERS, *RUNG_COUNTERS):
                counter = CounterMetricFamily(
                    counter_row.name, counter_row.help, labels=[*_GUARD, *counter_row.labels]
                )
                for board in boards:
                    for labels, value in counter_row.samples(board, now_ns):
                        counter.add_metric([label(board.namespace), *labels], value)
                families.append(counter)
        yield from families
