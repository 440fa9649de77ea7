# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pilot in simulated time: one part of an arm, a fleet with a guard of its own.

A heap and a loop instead of SimPy: the guard says anew after each step when it wants to be woken, real nodes drive the
same world by callbacks, and processes written as generators would be one layer more for both.
"""

import heapq
from collections.abc import Callable, Mapping
from itertools import count
from typing import Final

from fallback_guard.core.units import NS_PER_S
from fallback_guard.pilot.arms import Arm
from fallback_guard.pilot.planner import PilotPlanner
from fallback_guard.pilot.ports import Agenda, Answering, Refused, Told
from fallback_guard.pilot.robot import PilotRobot
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.stepped import Stepped
from fallback_guard.pilot.tally import RobotTally
from fallback_guard.pilot.tours import TourBook
from fallback_guard.pilot.unguarded import Unguarded

_BEGAN_NS: Final = 3_333_333_333
"""An odd time to begin at."""

_STAGGER_NS: Final = NS_PER_S // 7
"""From one robot's beginning to the next one's, so that they do not move in step."""


class Heap:
    """Simulated time."""

    def __init__(self) -> None:
        """Begin."""
        self.now_ns = _BEGAN_NS
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()

    def later(self, delay_ns: int, do: Callable[[], None]) -> None:
        """Have something done."""
        heapq.heappush(self._agenda, (self.now_ns + max(0, delay_ns), next(self._numbers), do))

    def happen(self) -> bool:
        """Let the next thing happen; return False where nothing is left."""
        if not self._agenda:
            return False
        self.now_ns, _, do = heapq.heappop(self._agenda)
        do()
        return True


class Fleet:
    """Robots and their planner, on an agenda, with whoever answers for them."""

    def __init__(
        self, settings: PilotSettings, arm: Arm, *, agenda: Agenda, book: TourBook
    ) -> None:
        """Begin without robots; `join` brings them."""
        self.settings = settings
        self.arm = arm
        self.agenda = agenda
        self.book = book
        self.robots: dict[str, PilotRobot] = {}
        self._planner: PilotPlanner | None = None

    def tell(self, told: Told) -> None:
        """Let a robot hear a command."""
        robot = self.robots.get(told.robot_id)
        if robot is not None:
            robot.hear(told)

    def refuse(self, refused: Refused) -> None:
        """Let the planner hear that an answer was refused."""
        if self._planner is not None:
            self._planner.refused(refused)

    def join(self, answering: Answering, *, part: int, plans: Mapping[int, int]) -> None:
        """Have robots begin one after the other: by their numbers, so many plans for each."""
        planner = self._planner = PilotPlanner(
            settings=self.settings,
            agenda=self.agenda,
            publish=answering.answer,
            faulty=self.arm.faulty,
            second_planner=self.arm.second_planner,
        )
        for number, tours in plans.items():
            robot = PilotRobot(
                f"picker_{number}",
                key=f"{part}/{number}",
                tours=tours,
                first_tour=(part * self.settings.robots + number) * 17,
                settings=self.settings,
                arm=self.arm,
                agenda=self.agenda,
                answering=answering,
                planner=planner,
                book=self.book,
            )
            self.robots[robot.name] = robot
            self.agenda.later(number * _STAGGER_NS, robot.begin)

    @property
    def is_done(self) -> bool:
        """Whether every robot has driven all its tours."""
        return all(robot.is_done for robot in self.robots.values())

    def tallies(self) -> list[RobotTally]:
        """End the count; return each robot's."""
        for robot in self.robots.values():
            robot.close()
        return [robot.tally for robot in self.robots.values()]


def simulate(
    settings: PilotSettings, arm: Arm, *, part: int, plans: Mapping[int, int], book: TourBook
) -> list[RobotTally]:
    """Play one part of an arm to its end; return each robot's counts.  The same arguments give the same counts."""
    heap = Heap()
    fleet = Fleet(settings, arm, agenda=heap, book=book)
    config = arm.config
    answering: Answering
    if config is None:
        answering = Unguarded(settings, heap, fleet.robots)
    else:
        answering = Stepped(
            config=config,
            warehouse=book.warehouse,
            agenda=heap,
            wire_ns=settings.wire_ns,
            tell=fleet.tell,
            refuse=fleet.refuse,
        )
    fleet.join(answering, part=part, plans=plans)
    while not fleet.is_done and heap.happen():
        pass
    return fleet.tallies()
