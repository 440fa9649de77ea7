# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What another configuration, task or map would have decided on what a recording tells.

Two guards hear the same, one as it was and one as it would be.  Both wake exactly when they want to, with the margin
that was measured: what differs between them comes of the change, and of nothing else.  It is an open loop: robots drive
and ask as they did in the recording.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from fallback_guard.core.config import GuardConfig, guard_config
from fallback_guard.core.effects import Decision, Occasion, ReportDecision, SendMotion
from fallback_guard.core.events import (
    ConfigurationChanged,
    Event,
    MapChanged,
    TimePassed,
)
from fallback_guard.core.guard import Guard
from fallback_guard.core.limits import PAYLOAD_BYTES_MAX
from fallback_guard.core.parameters import Value
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.recording.journal import Setup
from fallback_guard.replaying.replay import Begun, Story, Unknown
from fallback_guard.replaying.steps import Maps, make_guard
from fallback_guard.replaying.tape import Heard, Lost, Said, Tape

SPARE_PAUSE_NS: Final = NS_PER_MS
"""Between two pieces of spare work, as in the node."""

MARGIN: Final = "dispatch_margin_ms"
"""The node has raised it where the scheduler gives it no priority, and would again."""

Key = tuple[str, str]
"""Robot and request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one request: its decision, and what followed."""

    decided: str = "not due"
    recovered: str = ""
    detail: str = ""

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.decided}, then {self.recovered}" if self.recovered else self.decided


@dataclass(slots=True)
class Punctual:
    """A guard that is woken exactly when it asked to be."""

    guard: Guard
    fates: dict[Key, Fate] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    _now_ns: int = 0

    def happen(self, event: Event, now_ns: int) -> None:
        """Let all happen that falls due by now, and then the event."""
        while (wake_ns := self._wake_ns()) is not None and wake_ns < now_ns:
            self._step(TimePassed(), wake_ns)
        self._step(event, now_ns)

    def _wake_ns(self) -> int | None:
        wakes_ns = [] if self.guard.next_wake_ns is None else [self.guard.next_wake_ns]
        if self.guard.has_spare_work:
            wakes_ns.append(self._now_ns + SPARE_PAUSE_NS)
        return min(wakes_ns, default=None)

    def _step(self, event: Event, now_ns: int) -> None:
        self._now_ns = max(now_ns, self._now_ns)
        planner = ""
        for effect in self.guard.step(event, self._now_ns):
            if isinstance(effect, SendMotion):
                planner = effect.motion.source
            elif isinstance(effect, ReportDecision):
                self._note(effect.decision, planner)
                planner = ""

    def _note(self, decision: Decision, planner: str) -> None:
        key = decision.robot_id, decision.request_id
        fate = self.fates.get(key, Fate())
        if decision.occasion is Occasion.DUE:
            said = _said(decision, planner)
            self.fates[key] = replace(fate, decided=said, detail=decision.detail)
        elif decision.occasion is Occasion.RECOVERY:
            self.fates[key] = replace(fate, recovered=_said(decision, planner))
        elif decision.failure_mode is not None:
            self.refused[decision.failure_mode.value] += 1


def _said(decision: Decision, planner: str) -> str:
    by = f" by {planner}" if planner else ""
    mode = f" ({decision.failure_mode.value})" if decision.failure_mode else ""
    return f"{decision.outcome.name}{by}{mode}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One request that would have ended otherwise."""

    robot_id: str
    request_id: str
    before: Fate
    after: Fate


@dataclass(slots=True)
class Shadowed:
    """One guard's shadow run.  `settings` are the parameters that it changes, `maps` where the changed guard drives."""

    settings: Mapping[str, Value]
    maps: Maps
    # Each guard cuts long answers by its own limit, so both get them whole.
    story: Story = field(default_factory=lambda: Story(payload_bytes_max=PAYLOAD_BYTES_MAX))
    requests: int = 0
    changes: list[Change] = field(default_factory=list)
    refused: tuple[Counter[str], Counter[str]] = field(
        default_factory=lambda: (Counter(), Counter())
    )
    _pair: tuple[Punctual, Punctual] | None = None

    def heard(self, heard: Heard, recorded_maps: Maps) -> None:
        """Tell both one step.  Raises TapeError, MapError, TaskError and ParameterError."""
        told, now_ns = self.story.tell(heard), heard.step.now_ns
        if isinstance(told, Begun):
            self.end()
            self._begin(told, recorded_maps)
        elif self._pair is not None and told is not None and not isinstance(told, _UNTOLD):
            before, after = self._pair
            before.happen(told, now_ns)
            if isinstance(told, ConfigurationChanged):
                told = ConfigurationChanged(config=changed(told.config, self.settings))
            after.happen(told, now_ns)

    def lose(self, lost: Lost) -> None:
        """Stop until the guard is set up again."""
        self.story.lose(lost)
        self.end()

    def end(self) -> None:
        """Count what the pair has come to, and let it go."""
        pair, self._pair = self._pair, None
        if pair is None:
            return
        before, after = pair
        for key in {**before.fates, **after.fates}:
            self.requests += 1
            was, would_be = before.fates.get(key, Fate()), after.fates.get(key, Fate())
            if (was.decided, was.recovered) != (would_be.decided, would_be.recovered):
                self.changes.append(
                    Change(robot_id=key[0], request_id=key[1], before=was, after=would_be)
                )
        self.refused[0].update(before.refused)
        self.refused[1].update(after.refused)

    def _begin(self, begun: Begun, recorded_maps: Maps) -> None:
        setup = begun.setup
        new = replace(setup, config=changed(setup.config, self.settings))
        is_same_map = self.maps.given is None
        pair = (
            Punctual(make_guard(setup, recorded_maps.of(setup))),
            Punctual(
                make_guard(
                    new, recorded_maps.of(setup) if is_same_map else self.maps.of(new, strict=False)
                )
            ),
        )
        for one in pair:
            one.guard.margin.resume(setup.samples)
            one.happen(MapChanged(closures=setup.closures), begun.now_ns)
        self._pair = pair


_UNTOLD: Final = (TimePassed, Unknown)
"""Both wake by themselves, and what is not known cannot be told."""


def changed(config: GuardConfig, settings: Mapping[str, Value]) -> GuardConfig:
    """Return a configuration with some parameters changed.  Raises ParameterError."""
    values: dict[str, Value] = {**asdict(config), **settings}
    values[MARGIN] = max(int(values[MARGIN]), config.dispatch_margin_ms)
    return guard_config(values)


def shadow(tape: Tape, recorded_maps: Maps, make: Callable[[], Shadowed]) -> dict[str, Shadowed]:
    """Run a tape to its end; return each guard's shadow run by its namespace.  Raises what `heard` does."""
    runs: dict[str, Shadowed] = {}
    for namespace, event in tape:
        one = runs.setdefault(namespace, make())
        match event:
            case Heard():
                one.heard(event, recorded_maps)
            case Lost():
                one.lose(event)
            case Said():
                pass
    for one in runs.values():
        one.end()
    return {name: one for name, one in runs.items() if one.requests or one.story.unknown}


__all__ = ["Change", "Fate", "Setup", "Shadowed", "changed", "shadow"]
