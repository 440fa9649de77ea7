"""The guard: `Guard.step(event, now_ns)` is the only way in, its effects are the only way out."""

from dataclasses import replace
from heapq import heappop, heappush
from typing import Final

from typing_extensions import assert_never

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.effects import Clock, Effect, LatchReset
from fallback_guard.core.events import (
    CandidateArrived,
    ConfigurationChanged,
    Event,
    PositionArrived,
    RequestArrived,
    ResetRequested,
    RouteFellDue,
    TimePassed,
    addressed,
)
from fallback_guard.core.failure_modes import PLANNER_REPORTS, FailureMode
from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.judge import STANDBY, Judge
from fallback_guard.core.limits import (
    CANDIDATES_PER_REQUEST_MAX,
    COORDINATE_M_MAX,
    REQUESTS_OPEN_MAX,
    STAMP_AGE_NS_MAX,
)
from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.outbox import Counters, Outbox
from fallback_guard.core.paths import Paths
from fallback_guard.core.records import (
    Judged,
    Position,
    RequestRecord,
    RobotRecord,
    closed_record,
    judged_as,
)
from fallback_guard.core.request_rules import request_defect
from fallback_guard.core.request_states import MAY_SEND_ROUTE, OPEN, RequestInput, RequestState
from fallback_guard.core.safe_moves import CANCEL_AND_HOLD, HOLD, SafeMove, safe_move_table
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.core.validation import Refusal, Stopwatch, Verdict, stopped
from fallback_guard.core.warehouse import Warehouse

_RECOVERY_RETRY_NS: Final = 200 * NS_PER_MS
"""How soon a recovery is tried again while the robot is between nodes or its position is unknown."""

_SILENT: Final = Refusal(FailureMode.PLANNER_SILENT, "no answer before the window closed")
_LATCHED: Final = Refusal(FailureMode.LATCHED, "call the reset service once the cause is mended")


class Guard:
    """Decides, for any number of robots on one map, whether a planner's route may be driven.

    For every request that falls due, `step` returns exactly one `SendMotion`, a route or a safe move,
    no later than the first step at or after `next_wake_ns`.  After a safe move at most one route for
    the same request follows, and none once a newer request was accepted.  `step` never raises: an
    exception inside is a fault of the guard, and ends in a safe move.
    """

    def __init__(
        self,
        *,
        config: GuardConfig,
        warehouse: Warehouse,
        stopwatch: Stopwatch = stopped,
        first_sequence: int = 0,
    ) -> None:
        """Prepare the safe move of every node.

        Sequence numbers begin above `first_sequence`.  `stopwatch` only measures stages for the record.
        """
        paths = Paths(warehouse)
        self._config = config
        self._warehouse = warehouse
        self._paths = paths
        self._safe_moves = safe_move_table(warehouse, paths)
        self._judge = Judge(config=config, warehouse=warehouse, paths=paths, stopwatch=stopwatch)
        self._outbox = Outbox(config=config, warehouse=warehouse, first_sequence=first_sequence)
        self._robots: dict[str, RobotRecord] = {}
        self._timers: list[tuple[int, int, RequestRecord]] = []
        self._timers_set = 0
        self._now_ns = 0

    @property
    def counters(self) -> Counters:
        """What the guard has done."""
        return self._outbox.counters

    @property
    def next_wake_ns(self) -> int | None:
        """When `step` has to be called at the latest, on the clock of `now_ns`; None: not before an event."""
        return self._timers[0][0] if self._timers else None

    @property
    def latched_robots(self) -> tuple[str, ...]:
        """The robots that wait for an operator's reset."""
        return tuple(sorted(key for key, robot in self._robots.items() if robot.latched))

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

    def _handle(self, event: Event) -> None:
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
            case ConfigurationChanged():
                self._config = self._judge.config = self._outbox.config = event.config
            case TimePassed():
                pass  # `step` has done what fell due.
            case _:
                assert_never(event)

    def _on_request(self, event: RequestArrived) -> None:
        request = event.request
        robot = self._robot(request.robot_id)
        if isinstance(robot, Refusal):
            self._turn_away(event, robot)
            return
        if not is_identifier(request.request_id):
            said = f"request_id {printable(request.request_id)!r}"
            self._turn_away(event, Refusal(FailureMode.BAD_IDENTIFIER, said))
            return
        if request.request_id in robot.requests:
            refusal = Refusal(FailureMode.REPEATED, "this request came before")
            self._outbox.refuse(request.request_id, request.robot_id, refusal)
            return
        if robot.requests_open >= REQUESTS_OPEN_MAX:
            said = f"{robot.requests_open} requests are open already"
            self._turn_away(event, Refusal(FailureMode.QUEUE_OVERRUN, said))
            return
        record = RequestRecord(
            request_id=request.request_id,
            robot_id=robot.robot_id,
            request=replace(request, instructions=""),
        )
        record.defect = request_defect(request, self._warehouse, self._config)
        robot.supersede_all()
        if record.defect is None:
            record.standby = self._judge.standby(request, request.start_node)
            self.counters.requests += 1
        else:
            # Of a bad one, nothing large is kept.
            record.request = replace(request, instructions="", items=())
        robot.remember(record)
        if not request.on_due:
            self._fall_due(robot, record, event.stamp_age_ns)
        elif record.defect is not None:
            self._outbox.refuse(record.request_id, record.robot_id, record.defect)

    def _on_due(self, event: RouteFellDue) -> None:
        robot = self._robot(event.robot_id)
        if isinstance(robot, Refusal):
            self._turn_away(event, robot)
            return
        record = robot.requests.get(event.request_id)
        if record is None:
            said = "the request itself never came"
            self._turn_away(event, Refusal(FailureMode.UNKNOWN_REQUEST, said))
        elif record.state in (RequestState.PLANNING, RequestState.STAGED):
            self._fall_due(robot, record, event.stamp_age_ns)
        else:
            refusal = Refusal(FailureMode.REPEATED, "it fell due before")
            self._outbox.refuse(event.request_id, event.robot_id, refusal)

    def _on_candidate(self, event: CandidateArrived) -> None:
        event = replace(event, source=printable(event.source))
        robot = self._robots.get(event.robot_id)
        record = robot.requests.get(event.request_id) if robot else None
        if robot is None or record is None or record.request is None:
            judged = judged_as(event, None)
            self._outbox.refuse(
                event.request_id, event.robot_id, self._stranger(event), judged=judged
            )
            return
        unwanted = self._unwanted(robot, record, event)
        if unwanted is not None:
            self._outbox.refuse(
                record.request_id,
                record.robot_id,
                unwanted,
                judged=judged_as(event, None),
                answers_refused=record.answers_refused,
            )
            return
        record.answers_seen.add((event.source, event.attempt))
        verdict = self._verdict(robot, record, event)
        judged = judged_as(event, verdict)
        if verdict.refusal is not None:
            self._refuse_answer(record, judged, verdict.refusal)
        else:
            self._accept(robot, record, judged)

    def _on_position(self, event: PositionArrived) -> None:
        robot = self._robot(event.robot_id)
        if isinstance(robot, Refusal):
            self._outbox.refuse("", event.robot_id, robot)
            return
        robot.position = None
        # Written so that NaN fails it.
        if not event.lost and abs(event.x) <= COORDINATE_M_MAX and abs(event.y) <= COORDINATE_M_MAX:
            node, distance_m = self._paths.nearest_node(event.x, event.y)
            robot.position = Position(node=node, distance_m=distance_m, at_ns=self._now_ns)

    def _on_reset(self, event: ResetRequested) -> None:
        reset = [
            robot
            for robot in self._robots.values()
            if robot.latched and event.robot_id in ("", robot.robot_id)
        ]
        for robot in reset:
            robot.latched = False
            robot.safe_moves_in_a_row = 0
            for record in robot.requests.values():
                self._plan_recovery(record)
        self._outbox.put(LatchReset(tuple(sorted(robot.robot_id for robot in reset))))

    # The life of a request

    def _fall_due(self, robot: RobotRecord, record: RequestRecord, stamp_age_ns: int) -> None:
        self._start_clock(record, stamp_age_ns)
        staged, record.staged = record.staged, None
        obstacle = _LATCHED if robot.latched else record.defect
        if staged is not None and staged.verdict.route is not None and obstacle is None:
            refusal = self._start_refusal(robot, staged.verdict.route)
            if refusal is None:
                record.accept(RequestInput.FELL_DUE)
                self._send_planned(robot, record, staged, staged.verdict.route)
                return
            self._refuse_answer(record, staged, refusal)
        record.accept(RequestInput.STAGED_REFUSED)
        record.accept(RequestInput.FELL_DUE)
        if obstacle is not None:
            record.last_refusal, record.last_judged = obstacle, None
            self._close_window(robot, record)
        else:
            self._set_timer(record.due_ns + self._config.window_ns, record)

    def _accept(self, robot: RobotRecord, record: RequestRecord, judged: Judged) -> None:
        before, route = record.state, judged.verdict.route
        if route is None or not record.accept(RequestInput.ROUTE_ACCEPTED):
            return  # One valid route is staged already; the first one stays.
        if before is RequestState.PLANNING:
            record.staged = judged
        elif before is RequestState.DUE:
            self._send_planned(robot, record, judged, route)
        else:
            self._outbox.recovery(record, route, FailureMode.PLANNER_LATE, judged)

    def _send_planned(
        self, robot: RobotRecord, record: RequestRecord, judged: Judged, route: ValidatedRoute
    ) -> None:
        """Send a planner's route in time."""
        robot.safe_moves_in_a_row = 0
        self._outbox.route_when_due(record, route, judged=judged)

    def _refuse_answer(self, record: RequestRecord, judged: Judged, refusal: Refusal) -> None:
        """Remember why an answer was refused, for the decision, and tell the planner."""
        record.answers_refused += 1
        record.last_refusal, record.last_judged = refusal, judged
        self._outbox.refuse(
            record.request_id,
            record.robot_id,
            refusal,
            judged=judged,
            answers_refused=record.answers_refused,
        )

    def _expire(self) -> None:
        while self._timers and self._timers[0][0] <= self._now_ns:
            record = heappop(self._timers)[2]
            robot = self._robots[record.robot_id]
            try:
                if record.state is RequestState.DUE:
                    self._close_window(robot, record)
                elif record.state is RequestState.HALTED:
                    self._recover(robot, record)
            except Exception as error:  # noqa: BLE001  # fail closed, whatever it is
                record.halt()
                if record.sequence:
                    self._outbox.refuse(record.request_id, record.robot_id, _internal(error))
                else:
                    self._outbox.safe_move_when_due(record, CANCEL_AND_HOLD, _internal(error))

    def _close_window(self, robot: RobotRecord, record: RequestRecord) -> None:
        """Decide without a planner's route: the literal default is the safe move."""
        refusal = record.last_refusal or _SILENT
        standby = record.standby
        if (
            self._config.standby_at_deadline
            and standby is not None
            and not robot.latched
            and self._start_refusal(robot, standby) is None
            and record.accept(RequestInput.STANDBY_RELEASED)
        ):
            robot.safe_moves_in_a_row = 0
            self._outbox.route_when_due(record, standby, refusal=refusal, judged=record.last_judged)
            return
        record.halt()
        robot.safe_moves_in_a_row += 1
        robot.latched = robot.latched or robot.safe_moves_in_a_row >= self._config.latch_after
        self._outbox.safe_move_when_due(record, self._safe_move(robot), refusal)
        if not robot.latched:
            self._plan_recovery(record)

    def _plan_recovery(self, record: RequestRecord) -> None:
        if (
            record.state is RequestState.HALTED
            and record.standby
            and self._config.recovery == "standby"
        ):
            self._set_timer(self._now_ns + self._config.recovery_delay_ns, record)

    def _recover(self, robot: RobotRecord, record: RequestRecord) -> None:
        """Drive the standby route from wherever the safe move has brought the robot."""
        if robot.latched or record.request is None:
            return
        node = self._node(robot)
        if node is None:
            self._set_timer(self._now_ns + _RECOVERY_RETRY_NS, record)
            return
        at_start = node == record.request.start_node
        route = record.standby if at_start else self._judge.standby(record.request, node)
        if route is not None and record.accept(RequestInput.STANDBY_RELEASED):
            self._outbox.recovery(record, route, record.halted_by)

    def _turn_away(self, event: RequestArrived | RouteFellDue, refusal: Refusal) -> None:
        """Answer a request that is not even opened: the safe move at once where it is due.

        Nothing is remembered of a robot that is not served, and nothing said to a name that is none.
        """
        request_id, robot_id, due = addressed(event)
        if not due or not is_identifier(robot_id):
            self._outbox.refuse(request_id, robot_id, refusal)
            return
        robot = self._robots.get(robot_id)
        record = closed_record(request_id, robot_id)
        self._start_clock(record, event.stamp_age_ns)
        if robot is not None:
            robot.supersede_all()
            if record.request_id:
                robot.remember(record)
        safe_move = self._safe_move(robot) if robot else CANCEL_AND_HOLD
        self._outbox.safe_move_when_due(record, safe_move, refusal)

    def _fail_closed(self, event: Event, error: Exception) -> None:
        """Answer an event whose handling failed.

        The safe move, where the event makes a request due or decided it, and nothing was sent for it.  An
        open request that another event speaks of is left to its timer.
        """
        refusal = _internal(error)
        request_id, robot_id, due = addressed(event)
        robot = self._robots.get(robot_id)
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
            self._start_clock(record, stamp_age_ns=-1)
        self._outbox.safe_move_when_due(record, CANCEL_AND_HOLD, refusal)

    # What decisions rest on

    def _robot(self, robot_id: str) -> RobotRecord | Refusal:
        robot = self._robots.get(robot_id)
        if robot is not None:
            return robot
        if not is_identifier(robot_id):
            return Refusal(FailureMode.BAD_IDENTIFIER, f"robot_id {printable(robot_id)!r}")
        if len(self._robots) >= self._config.robots_max:
            said = f"{len(self._robots)} robots are served already"
            return Refusal(FailureMode.UNKNOWN_ROBOT, said)
        robot = self._robots[robot_id] = RobotRecord(robot_id=robot_id)
        return robot

    def _stranger(self, event: CandidateArrived) -> Refusal:
        """Say why a candidate belongs to no request of this guard."""
        if not (is_identifier(event.robot_id) and is_identifier(event.request_id)):
            return Refusal(
                FailureMode.BAD_IDENTIFIER, "request_id or robot_id is not an identifier"
            )
        if event.robot_id not in self._robots:
            said = f"robot {event.robot_id} has asked for nothing"
            return Refusal(FailureMode.UNKNOWN_ROBOT, said)
        return Refusal(FailureMode.UNKNOWN_REQUEST, f"robot {event.robot_id} has not asked for it")

    def _unwanted(
        self, robot: RobotRecord, record: RequestRecord, event: CandidateArrived
    ) -> Refusal | None:
        """Say why nobody will look at an answer; None where it is to be judged."""
        if record.state not in MAY_SEND_ROUTE:
            return Refusal(FailureMode.STALE, "the request is decided")
        if record.state is RequestState.HALTED and self._config.recovery == "none":
            return Refusal(FailureMode.STALE, "the request is decided, and recovery is off")
        if robot.latched:
            return _LATCHED
        if event.source == STANDBY:
            return Refusal(FailureMode.BAD_IDENTIFIER, f"the source {STANDBY!r} is the guard's own")
        if (event.source, event.attempt) in record.answers_seen:
            return Refusal(FailureMode.REPEATED, f"attempt {event.attempt} came before")
        if len(record.answers_seen) >= CANDIDATES_PER_REQUEST_MAX:
            return Refusal(
                FailureMode.CANDIDATE_FLOOD,
                f"over {CANDIDATES_PER_REQUEST_MAX} answers to one request",
            )
        return record.defect

    def _verdict(
        self, robot: RobotRecord, record: RequestRecord, event: CandidateArrived
    ) -> Verdict:
        assert record.request is not None, "a request of which only the id is known is decided"
        if event.failure:
            mode = PLANNER_REPORTS.get(event.failure, FailureMode.PLANNER_BAD_RESPONSE)
            refusal = Refusal(mode, f"the planner reports {printable(event.failure)}")
            return Verdict(route=None, refusal=refusal, stage_ns={})
        verdict = self._judge.verdict(
            record.request, event.payload, source=event.source, standby=record.standby
        )
        if verdict.route is None or record.state is RequestState.PLANNING:
            return verdict  # While the robot is still on its way, where it starts is asked later.
        refusal_or_none = self._start_refusal(robot, verdict.route)
        if refusal_or_none is None:
            return verdict
        return replace(verdict, route=None, refusal=refusal_or_none)

    def _start_clock(self, record: RequestRecord, stamp_age_ns: int) -> None:
        believable = 0 <= stamp_age_ns <= STAMP_AGE_NS_MAX
        record.due_ns = self._now_ns - (stamp_age_ns if believable else 0)
        record.clock = Clock.STAMP if believable else Clock.ARRIVAL

    def _set_timer(self, at_ns: int, record: RequestRecord) -> None:
        self._timers_set += 1
        heappush(self._timers, (at_ns, self._timers_set, record))

    def _position(self, robot: RobotRecord) -> Position | None:
        position = robot.position
        if position is None or self._now_ns - position.at_ns > self._config.position_age_ns_max:
            return None
        return position

    def _node(self, robot: RobotRecord) -> int | None:
        """Return the node on which the robot stands; None between nodes and where that is unknown."""
        position = self._position(robot)
        if position is None or position.distance_m > self._config.start_tolerance_m:
            return None
        return position.node

    def _safe_move(self, robot: RobotRecord) -> SafeMove:
        if self._position(robot) is None:
            return CANCEL_AND_HOLD
        node = self._node(robot)
        return HOLD if node is None else self._safe_moves[node]

    def _start_refusal(self, robot: RobotRecord, route: ValidatedRoute) -> Refusal | None:
        position = self._position(robot)
        if position is None:
            return Refusal(FailureMode.POSITION_UNKNOWN, "no position that is fresh enough")
        start = route.waypoints[0].node
        if self._node(robot) != start:
            return Refusal(
                FailureMode.START_OUT_OF_RANGE,
                f"the route starts on node {start}, the robot is {position.distance_m:.2f} m from node {position.node}",
            )
        return None


def _internal(error: Exception) -> Refusal:
    return Refusal(FailureMode.INTERNAL_ERROR, f"{type(error).__name__} in the guard")
