# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a guard said in a recording beside what it says again, byte for byte.

Stamps and measured durations are no decisions: they are taken over from the recording before bytes are compared.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from struct import Struct
from typing import Final

from rclpy.serialization import deserialize_message

from fallback_guard import msg
from fallback_guard.core import watchdog
from fallback_guard.core.effects import Decision, Effect, ReportDecision, SendMotion
from fallback_guard.core.rules import Stage
from fallback_guard.nodes import topics
from fallback_guard.nodes.cdr import Reader, UndecodableError
from fallback_guard.nodes.conversion import ID_BYTES_MAX, decision_bytes, motion_bytes, stamp_ns
from fallback_guard.nodes.status import Timing

WATCHDOG: Final = watchdog.SOURCE
"""The source of what the watchdog said: no guard's word."""

DIFFERENCES_KEPT_MAX: Final = 100
"""Differences that are described; the others are counted."""

_BYTES_MAX: Final = 1_000
_U32, _U64, _U8 = Struct("<I"), Struct("<Q"), Struct("<B")
_TWO_BYTES: Final = Struct("<BBB")
_DOUBLES: Final = Struct("<dd")
_DURATION: Final = Struct("<iI")
_MEASURED: Final = Struct("<10Q")

Key = tuple[str, str, str, int, int]
"""Topic, robot, request, occasion, sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recorded motion or decision, as far as it has to be known to write it again."""

    key: Key
    source: str
    stamp_ns: int
    data: bytes
    log_ns: int
    timing: Timing = field(default_factory=Timing)
    stage_ns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A motion or decision that a replay came to, on a step that was recorded at `log_ns`."""

    key: Key
    effect: SendMotion | ReportDecision
    log_ns: int

    def written_as(self, recorded: Recording) -> bytes:
        """Return its bytes, with the stamp and the measured durations of the recorded one."""
        if isinstance(self.effect, SendMotion):
            return motion_bytes(self.effect.motion, recorded.stamp_ns)
        decision = replace(
            self.effect.decision, stage_ns=dict(zip(Stage, recorded.stage_ns, strict=True))
        )
        return decision_bytes(decision, recorded.timing, recorded.stamp_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a replay said something else: each field with what was recorded and what came of the replay.

    No field: one of the two said nothing, and `what` says which.
    """

    namespace: str
    key: Key
    what: str
    fields: tuple[tuple[str, str, str], ...] = ()


def read_motion(data: bytes, log_ns: int) -> Recording:
    """Read a MotionCommand up to what is compared of it.  Raises UndecodableError."""
    reader = Reader(data)
    stamp = stamp_ns(reader)
    request_id, robot_id = reader.text(ID_BYTES_MAX), reader.text(ID_BYTES_MAX)
    (sequence,) = reader.primitives(_U64, 8)
    reader.primitives(_U8, 1)
    reader.text(0)
    return Recording(
        key=(topics.MOTION.name, robot_id, request_id, 0, sequence),
        source=reader.text(ID_BYTES_MAX),
        stamp_ns=stamp,
        data=data,
        log_ns=log_ns,
    )


def read_decision(data: bytes, log_ns: int) -> Recording:
    """Read a GuardDecision's key and all that was measured.  Raises UndecodableError."""
    reader = Reader(data)
    stamp = stamp_ns(reader)
    request_id, robot_id = reader.text(ID_BYTES_MAX), reader.text(ID_BYTES_MAX)
    (sequence,) = reader.primitives(_U64, 8)
    occasion, _, _ = reader.primitives(_TWO_BYTES, 1)
    source = reader.text(ID_BYTES_MAX)
    reader.u32()
    for _ in range(3):  # failure_mode, detail, rule
        reader.text(_BYTES_MAX)
    reader.primitives(_DOUBLES, 8)
    reader.primitives(_U8, 1)
    reader.text(_BYTES_MAX)
    reader.primitives(_U8, 1)
    for _ in range(4):
        reader.primitives(_DURATION, 4)
    transport, waiting, *stages, decided, dispatched = reader.primitives(_MEASURED, 8)
    return Recording(
        key=(topics.GUARD_DECISION.name, robot_id, request_id, occasion, sequence),
        source=source,
        stamp_ns=stamp,
        data=data,
        log_ns=log_ns,
        timing=Timing(
            transport_ns=transport,
            waiting_ns=waiting,
            decision_ns=decided,
            dispatch_ns=dispatched,
        ),
        stage_ns=tuple(stages),
    )


READ: Final = {topics.MOTION.name: read_motion, topics.GUARD_DECISION.name: read_decision}
_TYPES: Final = {
    topics.MOTION.name: msg.MotionCommand,
    topics.GUARD_DECISION.name: msg.GuardDecision,
}


def key_of(effect: Effect) -> Key | None:
    """Return what finds an effect in a recording; None where nothing is published of it."""
    if isinstance(effect, SendMotion):
        motion = effect.motion
        return topics.MOTION.name, motion.robot_id, motion.request_id, 0, motion.sequence
    if isinstance(effect, ReportDecision):
        return _key_of(effect.decision)
    return None


def _key_of(decision: Decision) -> Key:
    return (
        topics.GUARD_DECISION.name,
        decision.robot_id,
        decision.request_id,
        int(decision.occasion),
        decision.sequence,
    )


@dataclass(slots=True)
class Comparison:
    """One guard's words, from both sides, until they have met."""

    namespace: str
    same: int = 0
    different: int = 0
    unreadable: int = 0
    differences: list[Difference] = field(default_factory=list)
    _recorded: dict[Key, deque[Recording]] = field(default_factory=lambda: defaultdict(deque))
    _again: dict[Key, deque[Again]] = field(default_factory=lambda: defaultdict(deque))

    def recorded(self, topic: str, data: bytes, log_ns: int) -> None:
        """Take what the guard said in the recording; what its watchdog said is passed over."""
        try:
            recording = READ[topic](data, log_ns)
        except UndecodableError:
            self.unreadable += 1
            return
        if recording.source == WATCHDOG:
            return
        waiting = self._again.get(recording.key)
        if waiting:
            self._meet(recording, waiting.popleft())
        else:
            self._recorded[recording.key].append(recording)

    def again(self, key: Key, effect: SendMotion | ReportDecision, log_ns: int) -> None:
        """Take what the replay said."""
        one = Again(key=key, effect=effect, log_ns=log_ns)
        waiting = self._recorded.get(key)
        if waiting:
            self._meet(waiting.popleft(), one)
        else:
            self._again[key].append(one)

    def end(self, is_excused: Callable[[Key, int], bool]) -> int:
        """Count what has met nothing; return how much of that is excused, by its key and when it was said."""
        excused = 0
        sides: tuple[tuple[str, Iterator[Recording | Again]], ...] = (
            ("is in the recording, and was not decided again", _left(self._recorded)),
            ("was decided again, and is not in the recording", _left(self._again)),
        )
        for what, left in sides:
            for one in left:
                if is_excused(one.key, one.log_ns):
                    excused += 1
                else:
                    self._differ(Difference(namespace=self.namespace, key=one.key, what=what))
        return excused

    def _meet(self, recorded: Recording, again: Again) -> None:
        written = again.written_as(recorded)
        if written == recorded.data:
            self.same += 1
            return
        self._differ(
            Difference(
                namespace=self.namespace,
                key=recorded.key,
                what="differs",
                fields=tuple(_fields(recorded.key[0], recorded.data, written)),
            )
        )

    def _differ(self, difference: Difference) -> None:
        self.different += 1
        if len(self.differences) < DIFFERENCES_KEPT_MAX:
            self.differences.append(difference)


def _left(
    waiting: dict[Key, deque[Recording]] | dict[Key, deque[Again]],
) -> Iterator[Recording | Again]:
    for queue in waiting.values():
        yield from queue


def _fields(topic: str, recorded: bytes, again: bytes) -> Iterator[tuple[str, str, str]]:
    kind = _TYPES[topic]
    before, after = deserialize_message(recorded, kind), deserialize_message(again, kind)
    for name in kind.get_fields_and_field_types():
        was, came = getattr(before, name), getattr(after, name)
        if was != came:
            yield name, str(was), str(came)
