# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard: `Guard.step(event, now_ns)` is the only way in, its effects are the only way out."""

from dataclasses import replace
from typing import Final

from typing_extensions import assert_never

from fallback_guard.core import drills
from fallback_guard.core.admission import (
    ADMISSION_RULES,
    LATCHED,
    REPORT_RULE,
    Arrival,
    queue_overrun,
    start_refusal,
)
from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.config import GuardConfig
from fallback_guard.core.counters import Counters
from fallback_guard.core.effects import Clock, Effect, LatchReset
from fallback_guard.core.events import (
    CandidateArrived,
    ConfigurationChanged,
    Dispatched,
    DrillRequested,
    Event,
    MapChanged,
    PositionArrived,
    RequestArrived,
    ResetRequested,
    RouteFellDue,
    TimePassed,
    addressed,
)
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.fleet import Fleet
from fallback_guard.core.ground import Ground
from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.judge import Judge
from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.outbox import Outbox
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.punctuality import DispatchMargin
from fallback_guard.core.records import (
    Judged,
    RequestRecord,
    RobotRecord,
    closed_record,
    judged_as,
)
from fallback_guard.core.recovery import Recoveries
from fallback_guard.core.request_rules import request_defect
from fallback_guard.core.request_states import OPEN, RequestInput, RequestState
from fallback_guard.core.rules import Refusal, first_failure, internal_error
from fallback_guard.core.safe_moves import CANCEL_AND_HOLD
from fallback_guard.core.sequences import Sequences
from fallback_guard.core.timers import Timers
from fallback_guard.core.validation import Stopwatch, Verdict, stopped
from fallback_guard.core.warehouse import Warehouse

_SILENT: Final = Refusal(FailureMode.PLANNER_SILENT, "no answer before the window closed")
_OVERTAKEN: Final = Refusal(FailureMode.OVERTAKEN, "a newer request fell due")


class Guard:
    """Decides, for any number of robots on one map, whether a planner's route may be driven.

    For every request that falls due, `step` returns exactly one `SendMotion`, a route or a safe move,
    no later than the first step at or after `next_wake_ns`.  A robot's requests are decided in the order
    in which they fall due.  After a safe move at most one route for the same request follows, and none once
    a newer request was accepted.  `step` never raises: a fault of the guard ends in a safe move.
    """

    def __init__(
        self,
        *,
        config: GuardConfig,
        warehouse: Warehouse,
        stopwatch: Stopwatch = stopped,
        sequence_base: int = 0,
        task: CheckedTask = ROUTES,
    ) -> None:
        """Find the shortest paths of the map.

        `sequence_base` is that of `Sequences`.  `stopwatch` measures stages for the record.  `task` is what to read.
        """
        self._config = config
        self._ground = Ground(warehouse)
        self._judge = Judge(config=config, paths=self._ground.paths, stopwatch=stopwatch, task=task)
        self.margin = DispatchMargin(config)
        self._sequences = Sequences(sequence_base)
        self._outbox = Outbox(config=config, sequences=self._sequences)
        self._fleet = Fleet()
        self._timers = Timers()
        self._recoveries = Recoveries(
            config=config,
            judge=self._judge,
            outbox=self._outbox,
            timers=self._timers,
            prepared=self._prepared,
        )
        self._now_ns = 0

    @property
    def counters(self) -> Counters:
        """What the guard has done."""
        return self._outbox.counters

    @property
    def edges_blocked(self) -> int:
        """How many edges may not be driven at the moment, each direction by itself."""
        return len(self._ground.paths.openness.blocked)

    @property
    def next_wake_ns(self) -> int | None:
        """When `step` has to be called at the latest, on the clock of `now_ns`; None: not before an event."""
        return self._timers.next_ns

    @property
    def has_spare_work(self) -> bool:
        """Whether `step` should be called with TimePassed when there is time, to prepare something anew."""
        if self._timers.are_quiet(self._now_ns):
            return self._recoveries.are_waiting or self._fleet.has_outdated
        return self._recoveries.is_impatient(self._now_ns)

    @property
    def latched_robots(self) -> tuple[str, ...]:
        """The robots that wait for an operator's reset."""
        return tuple(sorted(robot.robot_id for robot in self._fleet.latched()))

    def step(self, event: Event, now_ns: int) -> tuple[Effect, ...]:
        """Do what has fallen due by `now_ns`, then handle `event`; return what is to be done, in order.

        `now_ns` comes from a steady clock.  One that goes back is taken for the latest one seen.
        """
        self._now_ns = max(now_ns, self._now_ns)
        self._outbox.open(self._now_ns)
        self._expire()
        try:
            self._handle(event)
        except Exception as error:  # noqa: BLE001  # fail closed, whatever it is
            self._fail_closed(event, error)
        return self._outbox.effects()

    # Events

    def _handle(self, event: Event) -> None:  # noqa: C901  # one case for each kind of event
        match event:
            case RequestArrived():
                self._on_request(event)
            case RouteFellDue():
                self._on_due(event)
            case CandidateArrived():
                self._on_candidate(event)
            case PositionArrived():
                self._on_position(event)
            case ResetRequested():
                self._on_reset(event)
            case DrillRequested():
                self._on_drill(event)
            case MapChanged():
                self._on_map(event)
            case Dispatched():
                self.margin.observe(event, self._now_ns)
                self._outbox.dispatched(event)
            case ConfigurationChanged():
                self._config = event.config
                self._outbox.config = self._recoveries.config = event.config
                self.margin.configure(event.config)
                self._judge.configure(event.config)
                self._fleet.renew()
            case TimePassed():
                self._catch_up()
            case _:
                assert_never(event)

    def _on_request(self, event: RequestArrived) -> None:
        request = event.request
        robot = self._admitted(request.robot_id)
        if isinstance(robot, Refusal):
            self._turn_away(event, robot)
            return
        if not is_identifier(request.request_id):
            said = f"request_id {printable(request.request_id)!r}"
            self._turn_away(event, Refusal(FailureMode.BAD_IDENTIFIER, said, 1, 0, "identifiers"))
            return
        if request.request_id in robot.requests:
            refusal = Refusal(FailureMode.REPEATED, "this request came before", 1, 0, "new_request")
            self._outbox.refuse(request.request_id, request.robot_id, refusal)
            return
        overrun = queue_overrun(robot)
        if overrun is not None:
            self._turn_away(event, overrun)
            return
        record = RequestRecord(
            request_id=request.request_id,
            robot_id=robot.robot_id,
            request=replace(request, instructions=""),
        )
        record.defect = request_defect(request, self._ground.warehouse, self._config)
        robot.supersede_all()
        robot.remember(record)
        if record.defect is None:
            if self._config.standby_at_deadline:
                self._prepared(record)
            else:
                # It takes a millisecond or two, and other robots' windows may be closing.
                self._fleet.prepare_later(record)
            self.counters.requests += 1
        else:
            # Of a bad one, nothing large is kept.
            record.request = replace(request, instructions="", items=())
        if not request.on_due:
            self._fall_due(robot, record, event.stamp_age_ns)
        elif record.defect is not None:
            self._outbox.refuse(record.request_id, record.robot_id, record.defect)

    def _on_due(self, event: RouteFellDue) -> None:
        robot = self._admitted(event.robot_id)
        if isinstance(robot, Refusal):
            self._turn_away(event, robot)
            return
        record = robot.requests.get(event.request_id)
        if record is None:
            said = "the request itself never came"
            refusal = Refusal(FailureMode.UNKNOWN_REQUEST, said, 1, 0, "known_request")
            self._turn_away(event, refusal)
        elif record.state in (RequestState.PLANNING, RequestState.STAGED):
            self._fall_due(robot, record, event.stamp_age_ns)
        else:
            refusal = Refusal(FailureMode.REPEATED, "it fell due before", 1, 0, "due_once")
            self._outbox.refuse(event.request_id, event.robot_id, refusal)

    def _on_candidate(self, event: CandidateArrived) -> None:
        robot = self._fleet.get(event.robot_id)
        record = robot.requests.get(event.request_id) if robot else None
        arrival = Arrival(event=event, config=self._config, robot=robot, record=record)
        unwanted = first_failure(ADMISSION_RULES, arrival)
        if unwanted is not None:
            self._outbox.refuse(
                event.request_id,
                event.robot_id,
                unwanted,
                judged=judged_as(event, None),
                answers_refused=record.answers_refused if record else 0,
            )
            return
        assert robot is not None, "one that asked for nothing is refused"
        assert record is not None, "and so is an answer to nothing"
        record.answers_seen = record.answers_seen | {(printable(event.source), event.attempt)}
        judged = judged_as(event, self._verdict(robot, record, arrival))
        if judged.verdict.refusal is not None:
            self._outbox.refuse_answer(record, judged, judged.verdict.refusal)
        else:
            self._accept(robot, record, judged)

    def _on_position(self, event: PositionArrived) -> None:
        robot = self._admitted(event.robot_id)
        if isinstance(robot, Refusal):
            self._outbox.refuse("", event.robot_id, robot)
            return
        self._sequences.heard(event.sequence)
        robot.position = None
        robot.position = position = self._ground.position(event, self._now_ns)
        if position is not None:
            self._ground.safe_moves.at(position.node)  # Found now, not at a deadline.
            if robot.stranded_on not in (None, position.node):
                self._recoveries.plan_all(robot, self._now_ns)

    def _on_reset(self, event: ResetRequested) -> None:
        reset = self._fleet.latched(event.robot_id)
        for robot in reset:
            robot.latched, robot.safe_moves_in_a_row = False, 0
            self._recoveries.plan_all(robot, self._now_ns)
        self._outbox.put(LatchReset(tuple(sorted(robot.robot_id for robot in reset))))

    def _on_drill(self, event: DrillRequested) -> None:
        robot = self._fleet.get(event.robot_id)
        answer = drills.order(event.robot_id, robot, self._now_ns)
        if robot is not None and answer.request_id:
            self._fall_back(robot, robot.requests[answer.request_id], drills.DRILL)
        self._outbox.put(answer)

    def _on_map(self, event: MapChanged) -> None:
        """Take over what is closed; where that fails, the ground is closed altogether."""
        before = self._ground.paths
        try:
            self._ground.close(event.closures)
        finally:
            if self._ground.paths is not before:
                self._judge.paths = self._ground.paths
                self._fleet.renew()
                for robot in self._fleet:
                    if robot.stranded_on is not None:
                        self._recoveries.plan_all(robot, self._now_ns)

    def _catch_up(self) -> None:
        """Recover one robot or prepare one thing, unless something is to be sent first."""
        if not self.has_spare_work or self._outbox.effects():
            return
        if self._recoveries.are_waiting:
            self._recoveries.do_one(self._now_ns)
            return
        outdated = self._fleet.take_outdated()
        if isinstance(outdated, RequestRecord):
            prepared = self._prepared(outdated)
            if prepared is not None:
                prepared.legs.follow_ahead()
        elif (node := outdated.node(self._now_ns, self._config)) is not None:
            self._ground.safe_moves.at(node)

    # The life of a request

    def _overtake(self, robot: RobotRecord) -> None:
        """Decide what still waits, because a newer request falls due: its robot wants nothing older any more."""
        for record in robot.requests.values():
            if record.state is RequestState.DUE:
                safe_move = self._ground.safe_move(robot, self._now_ns, self._config)
                record.closes_ns = None
                record.accept(RequestInput.OVERTAKEN)
                self._outbox.safe_move_when_due(record, safe_move, _OVERTAKEN)

    def _fall_due(self, robot: RobotRecord, record: RequestRecord, stamp_age_ns: int) -> None:
        self._overtake(robot)
        record.start_clock(self._now_ns, stamp_age_ns)
        if record.staged is not None:
            self._prepared(record)
        staged, record.staged = record.staged, None
        obstacle = LATCHED if robot.latched else record.defect or drills.take(robot, self._now_ns)
        if staged is not None and staged.verdict.route is not None and obstacle is None:
            refusal = self._start_refusal(robot, staged.verdict.route)
            if refusal is None:
                record.accept(RequestInput.FELL_DUE)
                self._send_planned(robot, record, staged, staged.verdict.route)
                return
            self._outbox.refuse_answer(record, staged, refusal)
        record.accept(RequestInput.STAGED_REFUSED)
        record.accept(RequestInput.FELL_DUE)
        if obstacle is not None:
            self._fall_back(robot, record, obstacle)
        else:
            record.margin_ns = self.margin.ns
            record.closes_ns = record.due_ns + self._config.deadline_ns - record.margin_ns
            self._timers.set(record.closes_ns, record)

    def _accept(self, robot: RobotRecord, record: RequestRecord, judged: Judged) -> None:
        before, route = record.state, judged.verdict.route
        if route is None or not record.accept(RequestInput.ROUTE_ACCEPTED):
            return  # One valid route is staged already; the first one stays.
        if before is RequestState.PLANNING:
            record.staged = judged
        elif before is RequestState.DUE:
            self._send_planned(robot, record, judged, route)
        else:
            mode = drills.halted(record) or FailureMode.PLANNER_LATE
            self._outbox.recovery(record, route, mode, judged)

    def _send_planned(
        self, robot: RobotRecord, record: RequestRecord, judged: Judged, route: ValidatedRoute
    ) -> None:
        """Send a planner's route in time."""
        robot.safe_moves_in_a_row = 0
        self._outbox.route_when_due(record, route, judged=judged)

    def _expire(self) -> None:
        """Close the windows that are due.  What is to recover waits for a moment with nothing else to do."""
        while (record := self._timers.pop(self._now_ns)) is not None:
            robot = self._fleet.get(record.robot_id)
            assert robot is not None, "robots are not forgotten"
            try:
                if record.state is RequestState.DUE:
                    self._close_window(robot, record)
                elif record.state is RequestState.HALTED:
                    self._recoveries.fell_due(robot, record, self._now_ns)
            except Exception as error:  # noqa: BLE001  # fail closed, whatever it is
                refusal = internal_error(error, "the guard")
                record.halt()
                if record.sequence:
                    self._outbox.refuse(record.request_id, record.robot_id, refusal)
                else:
                    self._outbox.safe_move_when_due(record, CANCEL_AND_HOLD, refusal)

    def _fall_back(self, robot: RobotRecord, record: RequestRecord, why: Refusal) -> None:
        """Decide at once without a planner's route, whatever has come."""
        record.closes_ns = record.wakes_ns = None
        record.last_refusal, record.last_judged = why, None
        self._close_window(robot, record)

    def _close_window(self, robot: RobotRecord, record: RequestRecord) -> None:
        """Decide without a planner's route: the literal default is the safe move."""
        refusal = record.last_refusal or _SILENT
        standby = None
        if self._config.standby_at_deadline and not robot.latched:
            prepared = self._prepared(record)
            standby = prepared.standby if prepared else None
        if (
            standby is not None
            and self._start_refusal(robot, standby) is None
            and record.accept(RequestInput.STANDBY_RELEASED)
        ):
            if refusal is not drills.DRILL:
                robot.safe_moves_in_a_row = 0
            self._outbox.route_when_due(record, standby, refusal=refusal, judged=record.last_judged)
            return
        record.halt()
        robot.safe_moves_in_a_row += refusal is not drills.DRILL
        robot.latched = robot.latched or robot.safe_moves_in_a_row >= self._config.latch_after
        safe_move = self._ground.safe_move(robot, self._now_ns, self._config)
        self._outbox.safe_move_when_due(record, safe_move, refusal)
        if not robot.latched:
            self._recoveries.plan(record, self._now_ns)

    def _turn_away(self, event: RequestArrived | RouteFellDue, refusal: Refusal) -> None:
        """Answer a request that is not even opened: the safe move at once where it is due.

        Nothing is remembered of a robot that is not served, and nothing said to a name that is none.
        """
        request_id, robot_id, due = addressed(event)
        if not due or not is_identifier(robot_id):
            self._outbox.refuse(request_id, robot_id, refusal)
            return
        robot = self._fleet.get(robot_id)
        record = closed_record(request_id, robot_id)
        record.start_clock(self._now_ns, event.stamp_age_ns)
        if robot is not None:
            self._overtake(robot)
            robot.supersede_all()
            if record.request_id:
                robot.remember(record)
        safe_move = self._ground.safe_move(robot, self._now_ns, self._config)
        self._outbox.safe_move_when_due(record, safe_move, refusal)

    def _fail_closed(self, event: Event, error: Exception) -> None:
        """Answer an event whose handling failed.

        The safe move, where the event makes a request due or decided it, and nothing was sent for it.  An
        open request that another event speaks of is left to its timer.
        """
        refusal = internal_error(error, "the guard")
        request_id, robot_id, due = addressed(event)
        robot = self._fleet.get(robot_id)
        record = robot.requests.get(request_id) if robot else None
        if record is None and due and is_identifier(robot_id):
            record = closed_record(request_id, robot_id)
            if robot is not None and record.request_id:
                robot.requests[record.request_id] = record
        waits = record is not None and record.state in OPEN and not due
        if record is None or record.sequence or waits:
            self._outbox.refuse(request_id, robot_id, refusal)
            return
        record.state = RequestState.CLOSED
        if record.clock is Clock.NONE:
            record.start_clock(self._now_ns, stamp_age_ns=-1)
        self._outbox.safe_move_when_due(record, CANCEL_AND_HOLD, refusal)

    # What decisions rest on

    def _admitted(self, robot_id: str) -> RobotRecord | Refusal:
        return self._fleet.admit(robot_id, robots_max=self._config.robots_max)

    def _prepared(self, record: RequestRecord) -> PreparedRequest | None:
        """Return what is known of a request, by map and parameters as they are; None where it cannot be served.

        Where these have changed since, a staged route is judged again.
        """
        request = record.request
        if not record.can_be_served or request is None:
            return None
        if record.prepared is not None and record.renewals == self._fleet.renewals:
            return record.prepared
        record.prepared = self._judge.prepare(request, request.start_node)
        record.renewals = self._fleet.renewals
        staged = record.staged
        if staged is not None and staged.verdict.answer is not None:
            verdict = self._judge.verdict_again(
                record.prepared, staged.verdict.answer, source=staged.source
            )
            record.staged = replace(staged, verdict=verdict)
            if verdict.refusal is not None:
                refused, record.staged = record.staged, None
                record.accept(RequestInput.STAGED_REFUSED)
                self._outbox.refuse_answer(record, refused, verdict.refusal)
        return record.prepared

    def _verdict(self, robot: RobotRecord, record: RequestRecord, arrival: Arrival) -> Verdict:
        event = arrival.event
        report = first_failure((REPORT_RULE,), arrival)
        if report is not None:
            return Verdict(route=None, refusal=report, stage_ns={})
        prepared = self._prepared(record)
        assert prepared is not None, "a request with a defect is not admitted"
        verdict = self._judge.verdict(prepared, event.payload, source=printable(event.source))
        if verdict.route is None or record.state in (RequestState.PLANNING, RequestState.STAGED):
            return verdict  # While the robot is still on its way, where it starts is asked later.
        refusal = self._start_refusal(robot, verdict.route)
        return verdict if refusal is None else verdict.refused(refusal)

    def _start_refusal(self, robot: RobotRecord, route: ValidatedRoute) -> Refusal | None:
        start = self._ground.warehouse.nodes[route.waypoints[0].node]
        return start_refusal(robot, start, self._now_ns, self._config)
