# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The worst decisions, and what planners had answered to them.

Payloads are fetched in a second reading of the files, so that nothing of a day's other payloads is held in memory.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fallback_guard.recording.definitions import DefinitionError
from fallback_guard.recording.fields import FieldsError, FieldsReader, Value
from fallback_guard.recording.finding import recordings
from fallback_guard.recording.reading import RecordingReader
from fallback_guard.recording.records import Channel
from fallback_guard.reporting.catalogue import KINDS, namespace_of
from fallback_guard.reporting.episodes import BAD, Episode, Key, Verdict
from fallback_guard.reporting.facts import Answer, Robot
from fallback_guard.reporting.sources import CLOCKS_APART_NS

WORST_MAX: Final = 10
PAYLOADS_MAX: Final = 3
"""Of each: the newest attempts."""

_CANDIDATE: Final = "fallback_guard/msg/RouteCandidate"
_WANTED: Final[Mapping[str, Value]] = {
    "request_id": "",
    "robot_id": "",
    "source": "",
    "attempt": 0,
    "payload": b"",
    "payload#": 0,
    "failure": "",
}


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
    """Return the worst: by how long the robot was without a route, then by verdict."""
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


def _badness(episode: Episode) -> tuple[bool, float, int, int]:
    verdict = episode.verdict if episode.verdict in BAD else 0
    without_ns = float("inf") if episode.routed_ns is None else float(episode.routed_ns)
    return verdict > 0, without_ns, verdict, -episode.due_ns


def _is_of(payload: Payload, episode: Episode) -> bool:
    """Tell whether an answer is one of those that were joined to a request: ids may come again."""
    return any(abs(payload.at_ns - answer.at_ns) <= 1 for answer in episode.answers)


def _newest(payloads: Sequence[Payload]) -> list[Payload]:
    return sorted(payloads, key=lambda each: each.at_ns)[-PAYLOADS_MAX:]


def _payloads(paths: Sequence[Path], chosen: Sequence[Episode]) -> list[Payload]:
    answers: defaultdict[int, list[Answer]] = defaultdict(list)
    for episode in chosen:
        for answer in episode.answers:
            answers[answer.file].append(answer)
    found: dict[tuple[Key, int, int], Payload] = {}
    for number, path in enumerate(recordings(paths)):
        # What a recorder removed meanwhile is no longer to be had.
        with suppress(OSError):
            for payload in _of_file(path, answers[number]) if answers[number] else ():
                found[payload.key, payload.attempt, payload.at_ns] = payload
    return list(found.values())


def _of_file(path: Path, answers: Sequence[Answer]) -> Iterator[Payload]:
    readers: dict[str, tuple[str, FieldsReader]] = {}
    names = {answer.request_id.encode("utf-8", "replace") for answer in answers}

    def wanted(channel: Channel) -> int | None:
        if channel.type_name != _CANDIDATE:
            return None
        with suppress(DefinitionError):
            fields = FieldsReader(channel.type_name, channel.definition, _WANTED)
            readers[channel.topic] = namespace_of(channel.topic, KINDS[_CANDIDATE]), fields
            return 0
        return None

    first_ns = min(answer.at_ns for answer in answers) - CLOCKS_APART_NS
    last_ns = max(answer.at_ns for answer in answers) + CLOCKS_APART_NS

    def passes(begin_ns: int, end_ns: int) -> bool:
        if end_ns < first_ns or begin_ns > last_ns:
            return True
        return not any(
            begin_ns - CLOCKS_APART_NS <= answer.at_ns <= end_ns + CLOCKS_APART_NS
            for answer in answers
        )

    with path.open("rb") as stream:
        for message in RecordingReader(stream, wanted=wanted, passes=passes):
            if not any(name in message.data for name in names):
                continue
            namespace, reader = readers[message.topic]
            with suppress(FieldsError):
                request_id, robot_id, source, attempt, data, size, failure = reader.read(
                    message.data
                )
                yield Payload(
                    key=(Robot(namespace, str(robot_id)), str(request_id)),
                    at_ns=message.publish_ns,
                    source=str(source),
                    attempt=attempt if isinstance(attempt, int) else 0,
                    data=data if isinstance(data, bytes) else b"",
                    size_bytes=size if isinstance(size, int) else 0,
                    failure=str(failure),
                )
