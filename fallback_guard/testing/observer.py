# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An observer: hears everything between robot, planner and guard, notes when, and says nothing."""

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from fallback_guard import msg
from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.nodes import topics
from fallback_guard.testing.checks import described
from fallback_guard.testing.hearing import ON_THE_WIRE, Told
from fallback_guard.testing.measures import legs
from fallback_guard.testing.participant import Participant
from fallback_guard.testing.timeline import (
    Command,
    Decided,
    Due,
    GuardStanding,
    State,
    Timeline,
    about,
    first,
)

WAIT_S: Final = 30.0
"""Bound of every wait unless another is given.  It is reached only where something is broken."""

START_S: Final = 240.0
"""The same for what has to be started first: a busy machine takes minutes to import what several guards need."""

_DEPTH: Final = 1_000
"""What the middleware keeps of a topic until it is taken: an observer must not miss any."""

_POLL_S: Final = 0.05
_FRESH: Final = 200
"""So many positions are looked at for what robots do now."""

Found = TypeVar("Found", State, Decided, Command, Due)


class NotHeardError(AssertionError):
    """Something that was waited for did not come; the message says what came instead."""


class Observer(Participant):
    """Fills `timeline` from a thread of its own, from its construction to `close`.

    `namespace` is that of the robot's guard.  Times are of the steady clock (`time.monotonic_ns`) at arrival.
    """

    def __init__(self, namespace: str = "", *, domain: int | None = None) -> None:
        """Begin to listen.  Discovery takes a while: `wait_for_guard` waits for it."""
        super().__init__("observer", namespace=namespace, domain=domain)
        self.timeline = Timeline()
        self.not_understood: list[str] = []
        """Messages with a constant that their definition does not have."""
        self._changed = threading.Condition()
        for topic, told, _ in ON_THE_WIRE:
            self.node.create_subscription(
                topic.type,
                topic.name,
                self._listener(topic, told),
                topics.deepened(topic.qos, _DEPTH),
            )
        self.start()

    def _listener(self, topic: topics.AnyTopic, told: Told) -> Callable[[msg.PickRequest], None]:
        def listen(message: msg.PickRequest) -> None:
            heard_ns = time.monotonic_ns()
            with self._changed:
                try:
                    for record in told(message, heard_ns):
                        self.timeline.add(record)
                except ValueError as error:
                    self.not_understood.append(f"{topic.name}: {error}")
                self._changed.notify_all()

        return listen

    def wait_for(
        self,
        condition: Callable[[], object],
        what: str,
        *,
        timeout_s: float = WAIT_S,
    ) -> None:
        """Wait until a condition on the timeline holds.  Raises NotHeardError."""
        until = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left_s = until - time.monotonic()
                if left_s <= 0:
                    raise NotHeardError(f"not within {timeout_s:g} s: {what}; {self._instead()}")
                self._changed.wait(min(left_s, _POLL_S))

    def wait_for_guard(
        self,
        standing: GuardStanding = GuardStanding.ACTIVE,
        *,
        since_ns: int = 0,
        timeout_s: float = START_S,
    ) -> State:
        """Wait for a sign of life that says how the guard is, heard at `since_ns` or later.  Raises NotHeardError."""

        def found() -> State | None:
            return next(
                (
                    state
                    for state in self.timeline.states
                    if state.heard_ns >= since_ns and state.standing is standing
                ),
                None,
            )

        return self._awaited(found, f"a guard that is {standing.name}", timeout_s)

    def wait_for_decision(
        self,
        request_id: str | None = None,
        *,
        robot_id: str | None = None,
        occasion: Occasion | None = Occasion.DUE,
        since_ns: int = 0,
        timeout_s: float = WAIT_S,
    ) -> Decided:
        """Wait for the first decision on a request, of a robot, on an occasion; None is any.  Raises NotHeardError."""

        def found() -> Decided | None:
            decided = about(self.timeline.decided, robot_id=robot_id, request_id=request_id)
            return first(
                decided, since_ns=since_ns, such=lambda each: occasion in (None, each.occasion)
            )

        what = f"a decision on {request_id or 'any request'} of {robot_id or 'any robot'}"
        on = "any occasion" if occasion is None else occasion.name
        return self._awaited(found, f"{what}, occasion {on}", timeout_s)

    def wait_for_command(  # noqa: PLR0913  # each says which one is meant
        self,
        request_id: str | None = None,
        *,
        robot_id: str | None = None,
        kind: MotionKind | None = None,
        source: str | None = None,
        since_ns: int = 0,
        timeout_s: float = WAIT_S,
    ) -> Command:
        """Wait for the first command for a request, to a robot, of a kind, by somebody's plan; None is any.

        Raises NotHeardError.
        """

        def found() -> Command | None:
            commands = about(self.timeline.commands, robot_id=robot_id, request_id=request_id)
            return first(
                commands,
                since_ns=since_ns,
                such=lambda each: kind in (None, each.kind) and source in (None, each.source),
            )

        what = f"a command for {request_id or 'any request'} to {robot_id or 'any robot'}"
        such = f"{kind.name if kind else 'of any kind'}{f' by {source}' if source else ''}"
        return self._awaited(found, f"{what}, {such}", timeout_s)

    def wait_for_due(
        self, *, robot_id: str | None = None, since_ns: int = 0, timeout_s: float = WAIT_S
    ) -> Due:
        """Wait until a request falls due.  Raises NotHeardError."""

        def found() -> Due | None:
            due = about(self.timeline.due, robot_id=robot_id)
            return first(due, since_ns=since_ns, such=lambda _: True)

        return self._awaited(found, f"a due request of {robot_id or 'any robot'}", timeout_s)

    def wait_for_decisions(
        self, count: int, *, robot_id: str | None = None, timeout_s: float = WAIT_S
    ) -> list[Decided]:
        """Wait until so many due requests were decided; return their decisions.  Raises NotHeardError."""

        def decided() -> list[Decided]:
            every = about(self.timeline.decided, robot_id=robot_id)
            return [each for each in every if each.occasion is Occasion.DUE]

        self.wait_for(
            lambda: len(decided()) >= count,
            f"{count} decided requests of {robot_id or 'all robots'}",
            timeout_s=timeout_s,
        )
        return decided()

    def wait_until_it_drives(
        self, robot_id: str, *, speed_mps_min: float = 0.5, timeout_s: float = WAIT_S
    ) -> None:
        """Wait until a robot was seen to drive at a speed.  Raises NotHeardError."""
        seen = len(self.timeline.positions)

        def drives() -> bool:
            fresh = Timeline(
                positions=self.timeline.positions[max(0, len(self.timeline.positions) - _FRESH) :]
            )
            newest = list(legs(fresh, robot_id))[-1:]
            return len(self.timeline.positions) > seen and any(
                leg.speed_mps >= speed_mps_min for leg in newest
            )

        self.wait_for(drives, f"{robot_id} at {speed_mps_min:g} m/s", timeout_s=timeout_s)

    def _awaited(self, found: Callable[[], Found | None], what: str, timeout_s: float) -> Found:
        seen: list[Found] = []

        def is_found() -> bool:
            one = found()
            seen.extend([] if one is None else [one])
            return bool(seen)

        self.wait_for(is_found, what, timeout_s=timeout_s)
        return seen[0]

    def _instead(self) -> str:
        timeline = self.timeline
        standing = timeline.states[-1].standing.name if timeline.states else "not heard"
        return (
            f"heard were {len(timeline.asked)} requests ({len(timeline.due)} due), {len(timeline.answers)} answers, "
            f"{len(timeline.commands)} commands and {len(timeline.positions)} positions; the guard is {standing}; "
            f"decisions: {described(timeline.decided)}"
        )
