# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A recording as the guards in it heard it: each one's steps, with the messages that they were about."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
from rclpy.serialization import deserialize_message

from fallback_guard import msg
from fallback_guard.core.units import NS_PER_S
from fallback_guard.core.unusable import UnusableError
from fallback_guard.nodes import topics
from fallback_guard.nodes.journal import read_journal
from fallback_guard.recording.finding import recordings
from fallback_guard.recording.journal import Step, StepKind, checksum
from fallback_guard.recording.reading import Ending, RecordingReader
from fallback_guard.recording.records import Recorded

SAID: Final = (topics.MOTION.name, topics.GUARD_DECISION.name)
"""What the guard said, and replays have to say again."""

LAG_NS: Final = 2 * NS_PER_S
"""How much later than a step a recorder may have written the answer that it was about."""

KEPT_NS: Final = 60 * NS_PER_S
"""How long an answer waits for the step that was about it; the guard may have been inactive."""


class TapeError(UnusableError):
    """A recording that cannot be replayed.  The message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A step of a guard, whose journal was written at `log_ns`.

    `data` is the RouteCandidate it was about, None where the recording does not have that.
    """

    step: Step
    log_ns: int
    data: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a guard said by a recording."""

    topic: str
    log_ns: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """So many steps are not in the recording."""

    steps: int


Event = Heard | Said | Lost

_Key = tuple[int, int]
"""When an answer was sent, and its checksum."""


@dataclass(slots=True)
class _Guard:
    """What is read of one guard, and what waits for what."""

    answers: dict[_Key, deque[tuple[int, bytes]]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    journals: deque[tuple[int, list[Step]]] = field(default_factory=deque)
    next_step: int | None = None
    now_ns: int = 0
    base: object = None

    def due(self, now_ns: int | None) -> Iterator[Heard | Lost]:
        """Yield the steps whose answers have been read by now; None: all have been."""
        while self.journals and (now_ns is None or self.journals[0][0] + LAG_NS <= now_ns):
            log_ns, steps = self.journals.popleft()
            for step in steps:
                if step.kind is StepKind.SETUP and self._is_anothers(step):
                    self.next_step = None
                    if step.number:
                        yield Lost(steps=step.number)
                expected = step.number if self.next_step is None else self.next_step
                if step.number < expected:
                    continue  # A recorder that begins anew hears the latest ones again.
                if step.number > expected:
                    yield Lost(steps=step.number - expected)
                self.next_step, self.now_ns = step.number + 1, step.now_ns
                yield Heard(step=step, log_ns=log_ns, data=self._taken(step))

    def _is_anothers(self, step: Step) -> bool:
        """Tell whether the guard that set itself up is another one than before: after a restart, or after a reboot."""
        before, self.base = self.base, _base(step)
        has_begun = self.next_step is not None
        is_later = has_begun and step.number < (self.next_step or 0) and step.now_ns > self.now_ns
        return has_begun and (before != self.base or is_later)

    def _taken(self, step: Step) -> bytes | None:
        if step.kind is not StepKind.CANDIDATE:
            return None
        waiting = self.answers.get((step.sent_ns, step.checksum))
        if not waiting:
            return None
        data = waiting.popleft()[1]
        if not waiting:
            del self.answers[(step.sent_ns, step.checksum)]
        return data

    def forget(self, before_ns: int) -> None:
        for key in [key for key, waiting in self.answers.items() if waiting[0][0] < before_ns]:
            del self.answers[key]


@dataclass(slots=True)
class Tape:
    """Reads recordings, once.  `guards` are the namespaces of those that kept a journal."""

    paths: Sequence[Path]
    notes: list[str] = field(default_factory=list)
    began_ns: int | None = None
    ended_ns: int = 0
    _guards: dict[str, _Guard] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, Event]]:
        """Yield each guard's namespace with what it heard and said, in order.  Raises UnusableError."""
        forgotten_ns = 0
        for recorded in self._recorded():
            namespace, name = _split(recorded.topic)
            guard = self._guards.setdefault(namespace, _Guard())
            now_ns = recorded.log_ns
            self.began_ns = now_ns if self.began_ns is None else self.began_ns
            self.ended_ns = max(self.ended_ns, now_ns)
            if name in SAID:
                yield namespace, Said(topic=name, log_ns=now_ns, data=recorded.data)
            else:
                self._keep(guard, name, recorded)
            for each in guard.due(now_ns):
                yield namespace, each
            if now_ns - forgotten_ns > KEPT_NS:
                forgotten_ns = now_ns
                self._forget(now_ns - KEPT_NS)
        for namespace, guard in self._guards.items():
            for each in guard.due(None):
                yield namespace, each

    def _keep(self, guard: _Guard, name: str, recorded: Recorded) -> None:
        if name == topics.CANDIDATE_ROUTE.name:
            key = recorded.publish_ns, checksum(recorded.data)
            guard.answers[key].append((recorded.log_ns, recorded.data))
        elif name == topics.GUARD_JOURNAL.name:
            steps = self._steps(recorded)
            if steps:
                guard.journals.append((recorded.log_ns, steps))

    def _forget(self, before_ns: int) -> None:
        for guard in self._guards.values():
            guard.forget(before_ns)

    def _steps(self, recorded: Recorded) -> list[Step]:
        try:
            return read_journal(deserialize_message(recorded.data, msg.GuardJournal))
        except Exception as error:  # noqa: BLE001  # whatever the middleware raises, it is no journal
            self.notes.append(f"{recorded.topic}: a message that is no journal ({error})")
            return []

    def _recorded(self) -> Iterator[Recorded]:
        for path in self._in_order():
            try:
                with path.open("rb") as stream:
                    reader = RecordingReader(stream)
                    yield from reader
            except OSError as error:
                raise TapeError(
                    f"{path}: {error.strerror or error}. Give the path of a readable recording"
                ) from error
            if reader.ending is not Ending.COMPLETE and reader.ending is not None:
                self.notes.append(f"{path.name}: {reader.ending.value}")

    def _in_order(self) -> list[Path]:
        """Return the files by their first message.  Raises UnusableError."""
        first: list[tuple[int, Path]] = []
        for path in recordings(self.paths):
            try:
                with path.open("rb") as stream:
                    message = next(iter(RecordingReader(stream)), None)
            except OSError as error:
                raise TapeError(
                    f"{path}: {error.strerror or error}. Give the path of a readable recording"
                ) from error
            if message is None:
                self.notes.append(f"{path.name}: no message can be read from it")
            else:
                first.append((message.log_ns, path))
        return [path for _, path in sorted(first)]


def _base(step: Step) -> object:
    """Return what stays the same in all setups of one guard; None where it does not say."""
    try:
        told: object = orjson.loads(step.text or "")
    except orjson.JSONDecodeError:
        return None
    return told.get("sequence_base") if isinstance(told, dict) else None


def _split(topic: str) -> tuple[str, str]:
    """Return a topic's namespace, without its last slash, and its own name as the table of topics has it."""
    for name in (topics.GUARD_DECISION.name, topics.GUARD_STATE.name, topics.GUARD_JOURNAL.name):
        if topic.endswith(f"/{name}"):
            return topic.removesuffix(f"/{name}"), name
    namespace, _, name = topic.rpartition("/")
    return namespace, name
