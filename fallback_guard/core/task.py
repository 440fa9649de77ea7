# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A task: in what shape planners answer, and what is asked of an answer beyond the package's own rules.

The package's own task is `checked_task.ROUTES`, whose answers are routes of the schema.  How to write another one is
told in docs/own-schema.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from typing import Generic, TypeVar

from pydantic import BaseModel

from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.request import PickRequest
from fallback_guard.core.rules import Rule
from fallback_guard.core.schema import Route
from fallback_guard.core.units import seconds_to_ns
from fallback_guard.core.unusable import UnusableError

Answer = TypeVar("Answer", bound=BaseModel)

JsonSchema = Mapping[str, object]
"""A JSON schema, as what `json.dumps` writes."""


class TaskError(UnusableError):
    """A task that cannot be used.  The message names it, what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCase(Generic[Answer]):
    """What a rule of a task is asked about: an answer whose route has passed every rule of the package.

    `route` is what would be driven, with its way filled in; `robot_speed_mps` and `pick_ns` are the guard's parameters.
    """

    answer: Answer
    request: PickRequest
    route: ValidatedRoute
    robot_speed_mps: float
    pick_ns: int

    def times_ns(self) -> tuple[int, ...]:
        """Return when each pick is done, and last when the goal is reached, counted from the start (ns).

        The robot is taken to drive at its own limit or the map's, whichever is lower.
        """
        driven_s = [0.0]
        for a, b in pairwise(self.route.waypoints):
            limit_mps = min(b.speed_limit_mps or self.robot_speed_mps, self.robot_speed_mps)
            driven_s.append(driven_s[-1] + hypot(b.x - a.x, b.y - a.y) / limit_mps)
        done_ns = [
            seconds_to_ns(driven_s[place]) + self.pick_ns * number
            for number, place in enumerate(self.route.pick_waypoints, start=1)
        ]
        return (*done_ns, seconds_to_ns(driven_s[-1]) + self.pick_ns * len(done_ns))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTask(Generic[Answer]):
    """A task of one's own.  Its functions have to be pure: the same arguments, the same result, and nothing else.

    `answer` is the strict pydantic model of an answer.  `as_route` turns one into a route of the package, or says in
    a sentence why it is none; the package's rules judge that route.  `rules` are asked when all of these hold, in their
    order, and can only refuse.  `prompt` is what the model has to be told of the task.  `json_schema` says more about
    the answers to a certain request than `answer` can.  `standby` says the guard's own standby route as an answer, in
    another order if need be; without it that route is driven as it is, and `rules` are not asked about it.
    """

    name: str
    answer: type[Answer]
    as_route: Callable[[Answer, PickRequest], Route | str]
    rules: tuple[Rule[TaskCase[Answer]], ...] = ()
    prompt: str = ""
    json_schema: Callable[[PickRequest], JsonSchema] | None = None
    standby: Callable[[Route, PickRequest], Answer] | None = None
