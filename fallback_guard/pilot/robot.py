# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A robot of the pilot: asks for plans, drives what it is told, and counts where its time goes.

It drives no map: a tour takes as long as its items do, and the robot stands where the next one begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from math import hypot
from random import Random
from typing import Final

from fallback_guard.core.objective import ROUTE_NS_MAX
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.core.units import NS_PER_MS, seconds_to_ns
from fallback_guard.pilot.arms import Arm
from fallback_guard.pilot.planner import PilotPlanner
from fallback_guard.pilot.ports import Agenda, Answering, Stop, Told
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.tally import Cause, RobotTally, cause_of
from fallback_guard.pilot.tours import Tour, TourBook

_REPORT_NS: Final = 250 * NS_PER_MS
"""From one position to the next while it stands; what the guard believes is younger than 1 s."""

_STANDS_NS: Final = 100 * NS_PER_MS
"""So long before a plan falls due the robot stands there and says so: positions have a way of their own."""

_RETREATS_MPS: Final = 1.5
"""The guard's own default speed of a robot."""


class _Doing(Enum):
    """What a robot does; the value is the count that takes the time."""

    NOTHING = ""
    TOURING = "touring_ns"
    WAITING = "waiting_ns"
    HALTED = "halted_ns"


@dataclass(slots=True, kw_only=True)
class _Plan:
    """The plan for one tour.  `request` is the newest one for it; `causes` why the robot has halted for it."""

    number: int
    tour: Tour
    request: PickRequest
    again: int = 0
    due_ns: int = -1
    decided_ns: int = -1
    causes: tuple[Cause, ...] = ()


class PilotRobot:
    """One robot, which drives `tours` tours and is done then.  Its time begins when the first one falls due."""

    def __init__(  # noqa: PLR0913  # what the world consists of
        self,
        name: str,
        *,
        key: str,
        tours: int,
        first_tour: int,
        settings: PilotSettings,
        arm: Arm,
        agenda: Agenda,
        answering: Answering,
        planner: PilotPlanner,
        book: TourBook,
    ) -> None:
        """Stand somewhere.  `key` names it among all robots of all runs, for what is drawn for it."""
        self.name = name
        self.tally = RobotTally()
        self.is_done = False
        self._key = key
        self._tours = tours
        self._first_tour = first_tour
        self._settings = settings
        self._arm = arm
        self._agenda = agenda
        self._answering = answering
        self._planner = planner
        self._book = book
        self._plan: _Plan | None = None
        self._next: _Plan | None = None
        self._doing = _Doing.NOTHING
        self._cause = Cause.OTHER
        self._since_ns = 0
        self._sequence = 0
        self._standing: object | None = None
        self._node = 0
        self._moves_until_ns = 0

    def begin(self) -> None:
        """Ask for the first plan; it falls due after as long as a tour usually takes."""
        self._next = self._prepare(1)
        if self._arm.asks_ahead:
            self._ask(self._next, on_due=True)
        self._arrive_after(self._settings.lead_ns)

    def close(self) -> None:
        """End the count in the middle: what is not picked is still open."""
        if self.is_done:
            return
        self._turn(_Doing.NOTHING)
        if self._plan is not None:
            self.tally.still_open += len(self._plan.request.items)
        self._standing = None
        self.is_done = True

    # What it is told

    def hear(self, told: Told) -> None:
        """Take over a command; one that is older than the last, or for what it no longer wants, changes nothing."""
        if told.sequence and told.sequence <= self._sequence:
            return
        self._sequence = max(self._sequence, told.sequence)
        plan = self._plan
        if self.is_done or plan is None or told.request_id != plan.request.request_id:
            return
        if self._doing is _Doing.TOURING:
            return
        if plan.decided_ns < 0:
            plan.decided_ns = self._agenda.now_ns
            self.tally.late += plan.decided_ns - plan.due_ns > self._settings.deadline_ns
        if told.is_route:
            self._planner.settled(self.name, told.request_id)
            self._drive(plan, told.stops)
            return
        if told.retreat_to:
            self._retreat(told.retreat_to)
        self.halt(told.request_id, cause_of(told.reason))
        self._have_operator_come(plan)

    def halt(self, request_id: str, cause: Cause) -> None:
        """Halt, or halt for another reason from now on; only where that request is wanted and nothing is driven."""
        plan = self._plan
        if plan is None or plan.request.request_id != request_id:
            return
        if self._doing not in (_Doing.WAITING, _Doing.HALTED):
            return
        if self._doing is _Doing.WAITING:
            self.tally.halts += 1
        self._turn(_Doing.HALTED)
        self._cause = cause
        plan.causes = (*plan.causes, cause)

    def wants(self, request_id: str) -> bool:
        """Tell whether it stands and waits for the route of a request."""
        plan = self._plan
        stands = self._doing in (_Doing.WAITING, _Doing.HALTED)
        return plan is not None and stands and plan.request.request_id == request_id

    def ask_anew(self, request_id: str) -> None:
        """Ask once more for what it stands for, due since it was at first.  For whoever has no guard."""
        plan = self._plan
        if plan is None or plan.request.request_id != request_id:
            return
        if not self.wants(request_id):
            return
        self._ask_again(plan)
        self._answering.fell_due(self.name, plan.request.request_id)

    # What it does

    def _prepare(self, number: int) -> _Plan:
        tour = self._book.tour(self._first_tour + number)
        request_id = f"R-{number}"
        request = self._book.request(
            tour, robot_id=self.name, request_id=request_id, on_due=self._arm.asks_ahead
        )
        return _Plan(number=number, tour=tour, request=request)

    def _ask(self, plan: _Plan, *, on_due: bool) -> None:
        assert plan.request.on_due == on_due, "what falls due later says so"
        self._answering.ask(plan.request)
        self._planner.ask(
            self._book.question(plan.tour, plan.request),
            key=f"{self._key}/{plan.number}/{plan.again}",
            is_first=plan.again == 0,
            tally=self.tally,
        )

    def _ask_again(self, plan: _Plan) -> None:
        self._planner.settled(self.name, plan.request.request_id)
        self.tally.asked_anew += 1
        plan.again += 1
        plan.tour = self._book.tour_from(plan.tour, self._node)
        plan.request = self._book.request(
            plan.tour,
            robot_id=self.name,
            request_id=f"R-{plan.number}.{plan.again}",
            on_due=True,
        )
        self._ask(plan, on_due=True)

    def _arrive(self) -> None:
        """End a tour, and have the next one's plan fall due."""
        plan, self._next = self._next, None
        if self.is_done:
            return
        if plan is None:
            self._turn(_Doing.NOTHING)
            self._plan, self.is_done = None, True
            return
        self._turn(_Doing.WAITING)
        self._plan = plan
        plan.due_ns = self._agenda.now_ns
        self.tally.plans += 1
        self.tally.asked += len(plan.request.items)
        self._stand_from_now_on()
        if self._arm.asks_ahead:
            self._answering.fell_due(self.name, plan.request.request_id)
        else:
            self._ask(plan, on_due=False)

    def _drive(self, plan: _Plan, stops: Sequence[Stop]) -> None:
        if self._arm.in_series_s and self._doing is _Doing.WAITING and plan.decided_ns >= 0:
            later = partial(self._set_out, plan, stops)
            self._agenda.later(seconds_to_ns(self._arm.in_series_s), later)
            return
        self._set_out(plan, stops)

    def _set_out(self, plan: _Plan, stops: Sequence[Stop]) -> None:
        if self._plan is not plan or self.is_done:
            return
        now_ns = self._agenda.now_ns
        self._turn(_Doing.TOURING)
        self._standing = None
        in_time = 0 <= plan.decided_ns - plan.due_ns <= self._settings.deadline_ns
        self.tally.served += in_time and now_ns - plan.due_ns <= ROUTE_NS_MAX
        self._count_halts(plan)
        chance = Random(f"{self._settings.seed}/{self._key}/{plan.number}/tour")  # noqa: S311  # reproducible
        spread = self._settings.item_spread
        takes_s = sum(
            self._settings.item_s * chance.uniform(1.0 - spread, 1.0 + spread) for _ in stops
        )
        takes_ns = seconds_to_ns(takes_s)
        self._agenda.later(takes_ns, partial(self._count_picks, plan, tuple(stops)))
        if plan.number < self._tours:
            self._next = self._prepare(plan.number + 1)
            if self._arm.asks_ahead:
                self._ask(self._next, on_due=True)
        self._arrive_after(takes_ns)

    def _arrive_after(self, delay_ns: int) -> None:
        """End what it does after a while, and stand where the next tour begins a moment before that."""
        following = self._next
        if following is not None:
            node = following.request.start_node
            self._agenda.later(max(0, delay_ns - _STANDS_NS), partial(self._stand_on, node))
        self._agenda.later(delay_ns, self._arrive)

    def _stand_on(self, node: int) -> None:
        self._node, self._moves_until_ns = node, 0
        if not self.is_done:
            self._report()

    def _count_picks(self, plan: _Plan, stops: Sequence[Stop]) -> None:
        if self.is_done:
            return
        for item in plan.request.items:
            self.tally.count(_came_to(item, stops))

    def _count_halts(self, plan: _Plan) -> None:
        if plan.causes:
            self.tally.plans_halted += 1
            self.tally.count(f"plans_halted_{plan.causes[0].value}")

    def _retreat(self, node: int) -> None:
        """Drive to a refuge; nobody is told where it is meanwhile, because that is between two nodes."""
        here, there = (self._book.warehouse.nodes[each] for each in (self._node, node))
        takes_s = hypot(there.x - here.x, there.y - here.y) / _RETREATS_MPS
        self._node = node
        self._moves_until_ns = self._agenda.now_ns + seconds_to_ns(takes_s)

    def _have_operator_come(self, plan: _Plan) -> None:
        """Have somebody come, who lets routes through again and asks anew, so that a plan is there when that is due."""
        lead_ns = min(self._settings.lead_ns, self._settings.halt_ns)
        request_id = plan.request.request_id

        def come() -> None:
            if self._plan is not plan or not self.wants(request_id):
                return
            self._answering.reset(self.name)
            self._ask_again(plan)
            self._agenda.later(
                lead_ns, partial(self._fall_due_again, plan, plan.request.request_id)
            )

        self._agenda.later(self._settings.halt_ns - lead_ns, come)

    def _fall_due_again(self, plan: _Plan, request_id: str) -> None:
        if self._plan is plan and self.wants(request_id):
            self._report()
            self._answering.fell_due(self.name, request_id)

    def _turn(self, doing: _Doing) -> None:
        """Do something else from now on."""
        now_ns = self._agenda.now_ns
        if self._doing is not _Doing.NOTHING:
            spent_ns = now_ns - self._since_ns
            self.tally.count(self._doing.value, spent_ns)
            self.tally.total_ns += spent_ns
            if self._doing is _Doing.HALTED:
                self.tally.count(f"halted_{self._cause.value}_ns", spent_ns)
        self._doing, self._since_ns = doing, now_ns

    # Where it is

    def _stand_from_now_on(self) -> None:
        self._standing = standing = object()
        self._moves_until_ns = 0

        def go_on() -> None:
            if self._standing is standing:
                self._report()
                self._agenda.later(_REPORT_NS, go_on)

        go_on()

    def _report(self) -> None:
        if self._agenda.now_ns < self._moves_until_ns:
            return
        node = self._book.warehouse.nodes[self._node]
        self._answering.stand(self.name, node.x, node.y, self._sequence)


def _came_to(item: PickItem, stops: Sequence[Stop]) -> str:
    """Return by the name of its count what came of an item on a tour with these stops."""
    if Stop(item.bin, item.sku, item.quantity) in stops:
        return "picked"
    return (
        "wrong" if any(stop.sku == item.sku or stop.bin == item.bin for stop in stops) else "missed"
    )
