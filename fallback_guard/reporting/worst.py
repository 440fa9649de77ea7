# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The worst decisions, and what planners had answered to them.

Payloads are fetched in a second reading of the files, so that nothing of a day's other payloads is held in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fallback_guard.recording.definitions import DefinitionError
from fallback_guard.recording.fields import FieldsError, FieldsReader
from fallback_guard.recording.reading import RecordingReader
from fallback_guard.recording.records import Channel
from fallback_guard.reporting.catalogue import KINDS, namespace_of
from fallback_guard.reporting.episodes import BAD, Episode, Key, Verdict
from fallback_guard.reporting.facts import Robot
from fallback_guard.reporting.sources import recordings

WORST_MAX: Final = 10
PAYLOADS_MAX: Final = 3
"""Of each: the newest attempts."""

_CANDIDATE: Final = "fallback_guard/msg/RouteCandidate"
_WANTED: Final = (
    "request_id",
    "robot_id",
    "source",
    "attempt",
    "payload",
    "payload#",
    "failure",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The beginning of an answer."""

    key: Key
    at_ns: int
    source: str
    attempt: int
    data: bytes
    size_bytes: int
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """A due request, with the newest answers to it."""

    episode: Episode
    payloads: Sequence[Payload]


def worst(found: Sequence[Episode], paths: Sequence[Path]) -> list[Worst]:
    """Return the worst: by verdict, then by how long the robot was without a route."""
    candidates = [
        episode
        for episode in found
        if episode.verdict in BAD or (episode.verdict is Verdict.SERVED and episode.is_stop)
    ]
    chosen = sorted(candidates, key=_badness, reverse=True)[:WORST_MAX]
    payloads = _payloads(paths, chosen) if chosen else []
    return [
        Worst(
            episode=episode,
            payloads=_newest(
                [
                    each
                    for each in payloads
                    if each.key == (episode.robot, episode.request_id) and _is_of(each, episode)
                ]
            ),
        )
        for episode in chosen
    ]


def _badness(episode: Episode) -> tuple[int, float, int, int]:
    verdict = episode.verdict if episode.verdict in BAD else 0
    without_ns = float("inf") if episode.routed_ns is None else float(episode.routed_ns)
    return verdict, without_ns, len(episode.answers), -episode.due_ns


def _is_of(payload: Payload, episode: Episode) -> bool:
    """Tell whether an answer is one of those that were joined to a request: ids may come again."""
    return any(abs(payload.at_ns - answer.at_ns) <= 1 for answer in episode.answers)


def _newest(payloads: Sequence[Payload]) -> list[Payload]:
    return sorted(payloads, key=lambda each: each.at_ns)[-PAYLOADS_MAX:]


def _payloads(paths: Sequence[Path], chosen: Sequence[Episode]) -> list[Payload]:
    keys = {(episode.robot, episode.request_id) for episode in chosen}
    names = [request_id.encode("utf-8", "replace") for _, request_id in keys]
    found: dict[tuple[Key, int, int], Payload] = {}
    for path in recordings(paths):
        # What a recorder removed meanwhile is no longer to be had.
        with suppress(OSError):
            for payload in _of_file(path, names):
                if payload.key in keys:
                    found[payload.key, payload.attempt, payload.at_ns] = payload
    return list(found.values())


def _of_file(path: Path, names: Sequence[bytes]) -> Iterator[Payload]:
    readers: dict[str, tuple[str, FieldsReader]] = {}

    def wanted(channel: Channel) -> bool:
        if channel.type_name != _CANDIDATE:
            return False
        with suppress(DefinitionError):
            fields = FieldsReader(channel.type_name, channel.definition, _WANTED)
            readers[channel.topic] = namespace_of(channel.topic, KINDS[_CANDIDATE]), fields
            return True
        return False

    with path.open("rb") as stream:
        for message in RecordingReader(stream, wanted=wanted):
            if not any(name in message.data for name in names):
                continue
            namespace, reader = readers[message.topic]
            with suppress(FieldsError):
                fields = reader.read(message.data)
                data, size = fields.get("payload"), fields.get("payload#")
                yield Payload(
                    key=(
                        Robot(namespace, str(fields.get("robot_id"))),
                        str(fields.get("request_id")),
                    ),
                    at_ns=message.publish_ns,
                    source=str(fields.get("source", "")),
                    attempt=attempt if isinstance(attempt := fields.get("attempt"), int) else 0,
                    data=data if isinstance(data, bytes) else b"",
                    size_bytes=size if isinstance(size, int) else 0,
                    failure=str(fields.get("failure", "")),
                )
