# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Recordings that hold what a test says: messages written by other people's library, files by the recorder's own."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.recording.file import Encoder
from fallback_guard.recording.records import Channel, Recorded

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

MESSAGES: Final = Path(__file__).parents[2] / "msg"
BEGIN_NS: Final = 1_790_000_000 * NS_PER_S
SEPARATOR: Final = "=" * 80

TOPICS: Final = {
    "pick_request": "PickRequest",
    "route_due": "RouteDue",
    "candidate_route": "RouteCandidate",
    "guard/decision": "GuardDecision",
    "motion": "MotionCommand",
    "guard/state": "GuardState",
}
_BESIDE: Final = {
    "std_msgs/Header": "builtin_interfaces/Time stamp\nstring frame_id\n",
    "builtin_interfaces/Time": "int32 sec\nuint32 nanosec\n",
    "builtin_interfaces/Duration": "int32 sec\nuint32 nanosec\n",
}
DIAGNOSTICS: Final = (
    f"std_msgs/Header header\ndiagnostic_msgs/DiagnosticStatus[] status\n{SEPARATOR}\n"
    "MSG: diagnostic_msgs/DiagnosticStatus\nbyte OK=0\nbyte level\nstring name\nstring message\nstring hardware_id\n"
    f"KeyValue[] values\n{SEPARATOR}\nMSG: diagnostic_msgs/KeyValue\nstring key\nstring value\n"
)


def definition(name: str) -> str:
    """Return a message of ours with all in it, as the recorder writes it."""
    texts = dict(_BESIDE)
    for path in MESSAGES.glob("*.msg"):
        texts[f"fallback_guard/{path.stem}"] = path.read_text(encoding="utf-8")
    root = texts.pop(f"fallback_guard/{name}")
    return root + "".join(f"\n{SEPARATOR}\nMSG: {each}\n{text}" for each, text in texts.items())


@cache
def types() -> Typestore:
    """Return a store that knows our messages."""
    store = get_typestore(Stores.ROS2_JAZZY)
    ours = {}
    for path in MESSAGES.glob("*.msg"):
        text = path.read_text(encoding="utf-8")
        ours.update(get_types_from_msg(text, f"fallback_guard/msg/{path.stem}"))
    store.register(ours)
    return store


def filled(kind: str, /, **given: object) -> object:
    """Return a message whose other fields are nothing."""
    cls = types().types[kind]
    values: dict[str, object] = {}
    for field in fields(cls):  # type: ignore[arg-type]  # each of its messages is a dataclass
        if "ClassVar" in str(field.type):
            continue
        values[field.name] = given.get(field.name, _nothing(str(field.type)))
    return cls(**values)  # type: ignore[arg-type]  # of their fields' types


def _nothing(kind: str) -> object:
    for begin, value in (("str", ""), ("int", 0), ("float", 0.0), ("bool", False)):
        if kind.startswith(begin):
            return value
    if kind.startswith("list"):
        return []
    if "ndarray" in kind:
        return np.zeros(0, dtype=np.uint8 if "uint8" in kind else np.uint32)
    return filled(kind.replace("__", "/"))  # std_msgs__msg__Header


def duration(ms: float) -> object:
    """Return a duration."""
    sec, nanosec = divmod(int(ms * NS_PER_MS), NS_PER_S)
    return filled("builtin_interfaces/msg/Duration", sec=sec, nanosec=nanosec)


def serialized(kind: str, message: object) -> bytes:
    """Return the message as bytes."""
    return bytes(types().serialize_cdr(message, kind))


class Tape:
    """A recording in the making; times are in ms from its beginning."""

    def __init__(self, namespace: str = "") -> None:
        self.namespace = namespace
        self.definitions = {name: definition(kind) for name, kind in TOPICS.items()}
        self.messages: list[Recorded] = []
        self._numbers: dict[str, int] = {}

    def say(self, ms: float, topic: str, **given: object) -> None:
        """Add one message of ours."""
        at_ns = BEGIN_NS + int(ms * NS_PER_MS)
        sec, nanosec = divmod(at_ns, NS_PER_S)
        stamp = filled("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)
        header = filled("std_msgs/msg/Header", stamp=stamp)
        kind = f"fallback_guard/msg/{TOPICS[topic]}"
        data = serialized(kind, filled(kind, header=header, **given))
        self.add(f"{self.namespace}/{topic}", ms, data)

    def add(self, topic: str, ms: float, data: bytes, *, publish_ns: int | None = None) -> None:
        """Add bytes."""
        at_ns = BEGIN_NS + int(ms * NS_PER_MS)
        number = self._numbers[topic] = self._numbers.get(topic, 0) + 1
        self.messages.append(
            Recorded(
                topic=topic,
                sequence=number,
                log_ns=at_ns,
                publish_ns=at_ns if publish_ns is None else publish_ns,
                data=data,
            )
        )

    def lose(self, topic: str, count: int) -> None:
        """Have the recorder drop messages."""
        self._numbers[topic] = self._numbers.get(topic, 0) + count

    def status(self, ms: float, name: str, values: dict[str, str], level: int = 0) -> None:
        """Add a status on /diagnostics."""
        pairs = [
            filled("diagnostic_msgs/msg/KeyValue", key=key, value=value)
            for key, value in values.items()
        ]
        status = filled(
            "diagnostic_msgs/msg/DiagnosticStatus", level=level, name=name, values=pairs
        )
        kind = "diagnostic_msgs/msg/DiagnosticArray"
        self.add("/diagnostics", ms, serialized(kind, filled(kind, status=[status])))

    def request(  # noqa: PLR0913  # each is a field that a test varies
        self,
        ms: float,
        name: str,
        *,
        robot: str = "picker_1",
        mode: str = "",
        payload: bytes = b"{}",
        taken_ms: float = 5,
        recovered_ms: float | None = 300,
        source: str = "llm:model",
        bucket: int = 2,
    ) -> None:
        """Add a request with all that comes of it."""
        ids = {"request_id": name, "robot_id": robot}
        self.say(ms, "pick_request", **ids)
        self.say(
            ms + 1,
            "candidate_route",
            **ids,
            source=source,
            attempt=1,
            payload=np.frombuffer(payload, dtype=np.uint8),
            planning_time=duration(400),
        )
        kind = 2 if mode else 1
        failed = {"failure_mode": mode, "bucket": bucket if mode else 0}
        if mode:
            self.say(
                ms + 2, "guard/decision", **ids, occasion=3, source=source, attempt=1, **failed
            )
        self.say(
            ms + taken_ms,
            "guard/decision",
            **ids,
            sequence=int(ms * 1_000) + 1,
            occasion=1,
            outcome=kind,
            source=source,
            attempt=1,
            time_to_decision=duration(taken_ms),
            time_left=duration(max(0.0, 150 - taken_ms)),
            decision_ns=300_000,
            **failed,
        )
        self.say(
            ms + taken_ms, "motion", **ids, sequence=int(ms * 1_000) + 1, kind=kind, reason=mode
        )
        if mode and recovered_ms is not None:
            self.say(
                ms + recovered_ms,
                "motion",
                **ids,
                sequence=int(ms * 1_000) + 2,
                kind=1,
                reason=mode,
                source="standby",
            )

    def write(self, path: Path) -> Path:
        """Write a finished file; the messages that follow go into the next one."""
        names = dict.fromkeys(message.topic for message in self.messages)
        encoder = Encoder([self._channel(name) for name in names])
        data = encoder.head() + (encoder.batch(self.messages) if self.messages else b"")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data + encoder.end())
        self.messages = []
        return path

    def _channel(self, topic: str) -> Channel:
        if topic == "/diagnostics":
            beside = "".join(f"{SEPARATOR}\nMSG: {name}\n{text}" for name, text in _BESIDE.items())
            return Channel(
                topic=topic,
                type_name="diagnostic_msgs/msg/DiagnosticArray",
                definition=DIAGNOSTICS + beside,
            )
        name = topic.removeprefix(f"{self.namespace}/")
        return Channel(
            topic=topic,
            type_name=f"fallback_guard/msg/{TOPICS.get(name, 'Foreign')}",
            definition=self.definitions.get(name, "int32 x\n"),
        )
