# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Nobody between planner and robots, as in the pilot before the guard: what can be read as JSON is driven.

What cannot be read stops the robot for `halt_s`, after which somebody has given it its plan by hand.
"""

import json
from collections.abc import Mapping
from functools import partial

from fallback_guard.core.events import CandidateArrived
from fallback_guard.core.request import PickRequest
from fallback_guard.pilot.ports import Agenda, Stop, Told
from fallback_guard.pilot.robot import PilotRobot
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.tally import Cause

Key = tuple[str, str]


class Unguarded:
    """Hands the planner's answers to the robots, when they are due."""

    def __init__(
        self, settings: PilotSettings, agenda: Agenda, robots: Mapping[str, PilotRobot]
    ) -> None:
        """Begin with none."""
        self._settings = settings
        self._agenda = agenda
        self._robots = robots
        self._asked: dict[Key, PickRequest] = {}
        self._answers: dict[Key, CandidateArrived] = {}
        self._due: set[Key] = set()

    def ask(self, request: PickRequest) -> None:
        """Remember what a robot wants."""
        key = request.robot_id, request.request_id
        self._asked[key] = request
        if not request.on_due:
            self.fell_due(*key)

    def fell_due(self, robot_id: str, request_id: str) -> None:
        """Let a robot have its plan, or wait for it."""
        key = robot_id, request_id
        self._due.add(key)
        if key in self._answers:
            self._hand_over(key)
        else:
            self._agenda.later(self._settings.deadline_ns, partial(self._still_nothing, key))

    def answer(self, candidate: CandidateArrived) -> None:
        """Keep an answer until it is due."""
        key = candidate.robot_id, candidate.request_id
        if key not in self._asked or key in self._answers:
            return
        self._answers[key] = candidate
        if key in self._due:
            self._hand_over(key)

    def stand(self, robot_id: str, x: float, y: float, sequence: int) -> None:
        """Ask nobody where robots are."""

    def reset(self, robot_id: str) -> None:
        """Hold nothing back."""

    def _still_nothing(self, key: Key) -> None:
        if key in self._asked:
            self._robots[key[0]].halt(key[1], Cause.NO_ANSWER)

    def _hand_over(self, key: Key) -> None:
        request, answer = self._asked.pop(key), self._answers.pop(key)
        self._due.discard(key)
        robot = self._robots[key[0]]
        if answer.failure:
            # The client has waited for its time-out, and the robot asks once more.
            robot.ask_anew(key[1])
            return
        stops = read_as_it_is(answer.payload)
        if stops is not None:
            robot.hear(_route(key, stops))
            return
        robot.halt(key[1], Cause.UNUSABLE)
        by_hand = tuple(Stop(item.bin, item.sku, item.quantity) for item in request.items)
        self._agenda.later(self._settings.halt_ns, partial(robot.hear, _route(key, by_hand)))


def _route(key: Key, stops: tuple[Stop, ...]) -> Told:
    return Told(robot_id=key[0], request_id=key[1], is_route=True, stops=stops)


def read_as_it_is(said: bytes) -> tuple[Stop, ...] | None:
    """Return the stops that a robot without a guard reads from an answer; None where it cannot read it."""
    try:
        return tuple(
            Stop(str(stop["bin"]), str(stop["sku"]), int(stop["quantity"]))
            for stop in json.loads(said)["stops"]
        )
    except (ValueError, LookupError, TypeError):
        return None
