# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Tells guards again, step by step, what they were told, and compares what they say."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.effects import ReportDecision, SendMotion
from fallback_guard.core.events import ConfigurationChanged, Event, MapChanged, RequestArrived
from fallback_guard.core.guard import Guard
from fallback_guard.core.units import NS_PER_S
from fallback_guard.recording.journal import Setup, StepKind
from fallback_guard.replaying.comparing import Comparison, Key, key_of
from fallback_guard.replaying.steps import (
    Maps,
    UnknownEventError,
    event_of,
    make_guard,
    read_setup,
)
from fallback_guard.replaying.tape import Heard, Lost, Said, Tape

SETTLED_NS: Final = 2 * NS_PER_S
"""In the middle of a guard's life a replay has to hear once from each robot before it knows what the guard knew."""

EDGE_NS: Final = 2 * NS_PER_S
"""Where a guard begins a recorder hears its topics one after the other, and where it ends they end so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A guard as it was set up: at its beginning, or in the middle of its life."""

    setup: Setup
    now_ns: int
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Something happened that is not known; to the robot and request of `concerns`, or None: to whichever."""

    concerns: tuple[str, str] | None


@dataclass(slots=True)
class Story:
    """What one guard was told, as events; what cannot be told again is counted in `unknown`.

    Answers are read up to one byte more than `payload_bytes_max`; None: than the guard's own limit.
    """

    payload_bytes_max: int | None = None
    unknown: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    _config: GuardConfig | None = None

    def lose(self, lost: Lost) -> None:
        """Know of steps that are missing: from here on nothing is known until the next setup."""
        self.lost += lost.steps
        self._config = None

    def tell(self, heard: Heard) -> Begun | Event | Unknown | None:
        """Return what happened; None where nothing did, or the guard that it was told to is not known."""
        step = heard.step
        try:
            if step.kind is StepKind.SETUP:
                if step.number and self._config is not None:
                    return None
                setup = read_setup(step.text)
                self._config = setup.config
                return Begun(setup=setup, now_ns=step.now_ns, is_new=step.number == 0)
            if self._config is None:
                return None
            bytes_max = self.payload_bytes_max or self._config.payload_bytes_max
            event = event_of(step, heard.data, bytes_max)
        except UnknownEventError as error:
            self.unknown[str(error)] += 1
            return Unknown(concerns=error.concerns)
        if isinstance(event, ConfigurationChanged):
            self._config = event.config
        return event


@dataclass(slots=True)
class Replayed:
    """One guard's replay.

    `steps` were told again to `guards`, of which `midway` began in the middle of their lives.  `excused` is what was
    said of requests of which not all is known, and where a guard begins or ends.
    """

    comparison: Comparison
    story: Story = field(default_factory=Story)
    steps: int = 0
    guards: int = 0
    midway: int = 0
    excused: int = 0
    _guard: Guard | None = None
    _settles_ns: int | None = None
    _doubted_ns: dict[str, int] = field(default_factory=dict)
    _is_partial: bool = False
    _known: set[tuple[str, str]] = field(default_factory=set)
    _heard_ns: int = 0
    _edges_ns: list[int] = field(default_factory=list)

    def heard(self, heard: Heard, maps: Maps) -> None:
        """Do one step again.  Raises TapeError, MapError and TaskError."""
        told, now_ns = self.story.tell(heard), heard.step.now_ns
        if isinstance(told, Begun):
            self._begin(told, maps)
            self._edges_ns.append(heard.log_ns)
        elif isinstance(told, Unknown):
            self._doubt(told, now_ns)
        elif told is not None and self._guard is not None:
            self.steps += 1
            self._know(told, now_ns)
            for effect in self._guard.step(told, now_ns):
                key = key_of(effect)
                if key is not None and self._is_known(key):
                    assert isinstance(effect, SendMotion | ReportDecision), "what has a key"
                    self.comparison.again(key, effect, heard.log_ns)
        self._heard_ns = heard.log_ns

    def lose(self, lost: Lost) -> None:
        """Stop until the guard is set up again."""
        self.story.lose(lost)
        self._guard = None
        self._is_partial = True
        self._known.clear()

    def end(self) -> None:
        """Count what met nothing."""
        self._edges_ns.append(self._heard_ns)
        self.excused = self.comparison.end(self._is_excused)

    def _begin(self, begun: Begun, maps: Maps) -> None:
        self._guard = make_guard(begun.setup, maps.of(begun.setup))
        if self.guards:
            self._edges_ns.append(self._heard_ns)
        self.guards += 1
        self._settles_ns = None
        if not begun.is_new:
            self.midway += 1
            self._is_partial = True
            self._settles_ns = begun.now_ns + SETTLED_NS
            self._guard.margin.resume(begun.setup.samples)
            self._guard.step(MapChanged(closures=begun.setup.closures), begun.now_ns)

    def _know(self, event: Event, now_ns: int) -> None:
        if isinstance(event, RequestArrived):
            robot_id = event.request.robot_id
            settles_ns = (self._settles_ns, self._doubted_ns.get(robot_id))
            if all(now_ns >= each for each in settles_ns if each is not None):
                self._known.add((robot_id, event.request.request_id))

    def _doubt(self, unknown: Unknown, now_ns: int) -> None:
        """Compare nothing of the robot for a while: what is not known of one request decides on its next, too."""
        self._is_partial = True
        if unknown.concerns is None:
            self._settles_ns = now_ns + SETTLED_NS
            self._known.clear()
        else:
            robot_id = unknown.concerns[0]
            self._doubted_ns[robot_id] = now_ns + SETTLED_NS
            self._known = {key for key in self._known if key[0] != robot_id}

    def _is_known(self, key: Key) -> bool:
        return not self._is_partial or (key[1], key[2]) in self._known

    def _is_excused(self, key: Key, log_ns: int) -> bool:
        return not self._is_known(key) or any(
            abs(log_ns - edge_ns) <= EDGE_NS for edge_ns in self._edges_ns
        )


def replay(tape: Tape, maps: Maps) -> dict[str, Replayed]:
    """Run a tape to its end; return each guard's replay by its namespace.  Raises TapeError, MapError, TaskError."""
    replays: dict[str, Replayed] = {}
    for namespace, event in tape:
        one = replays.setdefault(namespace, Replayed(Comparison(namespace)))
        match event:
            case Heard():
                one.heard(event, maps)
            case Said():
                one.comparison.recorded(event.topic, event.data, event.log_ns)
            case Lost():
                one.lose(event)
    kept = {name: one for name, one in replays.items() if one.guards or one.story.unknown}
    for one in kept.values():
        one.end()
    return kept
