# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reads recordings into facts, as far as they can be read, and notes what a reader of the report has to know.

What arrives here at its worst: files that were cut off, damaged, empty, of other topics or other versions of our
messages, two recorders of one topic, clocks that were not set.  Nothing of that raises, except where not one message of
ours is found.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fallback_guard.core.units import NS_PER_S
from fallback_guard.core.unusable import UnusableError
from fallback_guard.recording.definitions import DefinitionError
from fallback_guard.recording.fields import FieldsError, FieldsReader
from fallback_guard.recording.finding import recordings
from fallback_guard.recording.reading import Ending, RecordingReader
from fallback_guard.recording.records import Channel, Recorded
from fallback_guard.reporting.catalogue import KINDS, OPTIONAL, Kind, Place, namespace_of
from fallback_guard.reporting.facts import Gap, Material, Note, NoteKind, Span

MESSAGES_MAX: Final = 20_000_000
"""Of those that are read; each takes up to a kilobyte of memory."""

GAPS_MAX: Final = 1_000
"""What is listed; all are counted."""

SILENCE_NS: Final = 10 * NS_PER_S
"""Robots tell where they are and guards that they live many times a second: so long a silence is a recorder's end."""

EARLIEST_NS: Final = 1_420_070_400 * NS_PER_S
LATEST_NS: Final = 4_102_444_800 * NS_PER_S
"""2015 and 2100: what says another time has a clock that nobody set."""

CLOCKS_APART_NS: Final = 5 * NS_PER_S
"""A sender's clock that is farther from the recorder's is not used."""


def read(paths: Sequence[Path], *, since_ns: int = 0) -> Material:
    """Read recordings.  Raises UnusableError where they hold nothing that can be reported on."""
    reading = _Reading(since_ns)
    for path in recordings(paths):
        reading.file(path)
    return reading.finished()


@dataclass(slots=True)
class _Run:
    """What is known of a directory while its files are read, one after the other."""

    sequences: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Inlet:
    """A channel of a file that is read."""

    kind: Kind
    namespace: str
    fields: FieldsReader


class _Reading:
    def __init__(self, since_ns: int) -> None:
        self._since_ns = since_ns
        self._material = Material()
        self._runs: dict[Path, _Run] = {}
        self._seen: set[int] = set()
        self._count: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._foreign: Counter[str] = Counter()
        self._stopped = False

    def file(self, path: Path) -> None:
        """Read one file as far as it goes."""
        self._material.files += 1
        run = self._runs.setdefault(path.parent, _Run())
        inlets: dict[str, _Inlet] = {}

        def wanted(channel: Channel) -> int | None:
            inlet = self._inlet(channel)
            if inlet is None:
                return None
            inlets[channel.topic] = inlet
            if not inlet.kind.topic.startswith("/"):
                run.namespaces.add(inlet.namespace)
            return inlet.kind.every_ns

        try:
            with path.open("rb") as stream:
                reader = RecordingReader(stream, wanted=wanted)
                for batch in reader.batches():
                    if self._recorded(_believable(reader.span_ns, batch), run):
                        self._batch(batch, inlets, run)
                    if self._stopped:
                        break
        except OSError as error:
            self._note(f"{path.name} could not be read: {error.strerror or error}")
            return
        self._ended(path, reader)

    def _ended(self, path: Path, reader: RecordingReader) -> None:
        if reader.complete_bytes == 0:
            self._note(f"{path.name} is no recording, or an empty one: nothing of it was read")
        elif reader.ending is Ending.DAMAGED:
            self._note(
                f"{path.name} is damaged after {reader.complete_bytes} bytes, or is compressed, "
                "which the recorder never does: it was read up to there"
            )
        elif reader.ending is Ending.CUT_OFF:
            self._note(
                f"{path.name} was not finished: its recorder still writes, or was ended. What is complete was read",
                NoteKind.INFO,
            )

    def _inlet(self, channel: Channel) -> _Inlet | None:
        kind = KINDS.get(channel.type_name)
        if kind is None:
            if channel.type_name:
                self._foreign[channel.type_name] += 1
            return None
        try:
            fields = FieldsReader(channel.type_name, channel.definition, kind.wanted)
        except DefinitionError as error:
            self._note(f"{channel.topic} is left out: {error}")
            return None
        for name in fields.missing:
            if name not in OPTIONAL:
                self._missing[f"{channel.type_name.rpartition('/')[2]}.{name}"] += 1
        return _Inlet(kind, namespace_of(channel.topic, kind), fields)

    def _recorded(self, span_ns: tuple[int, int], run: _Run) -> bool:
        """Take note of when a chunk was written; tell whether any of it is looked at."""
        begin_ns, end_ns = span_ns
        if end_ns < self._since_ns:
            return False
        if begin_ns == LATEST_NS:
            return True
        begin_ns = max(begin_ns, self._since_ns)
        last = run.spans[-1] if run.spans else None
        if last is not None and last.begin_ns <= begin_ns <= last.end_ns + SILENCE_NS:
            run.spans[-1] = Span(last.begin_ns, max(last.end_ns, end_ns))
        else:
            run.spans.append(Span(begin_ns, end_ns))
        return True

    def _batch(self, batch: Sequence[Recorded], inlets: dict[str, _Inlet], run: _Run) -> None:
        since_ns, seen = self._since_ns, self._seen
        for message in batch:
            inlet = inlets[message.topic]
            if not inlet.kind.every_ns:
                self._follow(message, run)
            if not EARLIEST_NS <= message.log_ns <= LATEST_NS:
                self._count["clock"] += 1
                continue
            if message.log_ns < since_ns:
                continue
            # Two recorders of one topic write the same bytes, and every message has its stamp in them.
            fingerprint = hash((message.topic, message.publish_ns, message.data))
            if fingerprint in seen:
                self._count["twice"] += 1
                continue
            seen.add(fingerprint)
            try:
                fields = inlet.fields.read(message.data)
            except FieldsError:
                self._count["unreadable"] += 1
                continue
            apart_ns = abs(message.log_ns - message.publish_ns)
            at_ns = message.publish_ns if apart_ns <= CLOCKS_APART_NS else message.log_ns
            self._count["apart"] += apart_ns > CLOCKS_APART_NS
            place = Place(at_ns, self._material.files - 1)
            inlet.kind.take(self._material, inlet.namespace, fields, place)
        self._material.messages = len(seen)
        self._stopped = len(seen) > MESSAGES_MAX

    def _follow(self, message: Recorded, run: _Run) -> None:
        """Follow the numbers that the recorder gives its messages; 0 is given by others."""
        if message.sequence == 0:
            return
        file = self._material.files
        before, before_ns, before_file = run.sequences.get(message.topic, (0, 0, 0))
        run.sequences[message.topic] = (message.sequence, message.log_ns, file)
        missing = message.sequence - before - 1
        if before and missing > 0 and message.log_ns >= self._since_ns:
            self._count["gaps"] += 1
            self._count["missing"] += missing
            if len(self._material.gaps) < GAPS_MAX:
                self._material.gaps.append(
                    Gap(message.topic, missing, before_ns, message.log_ns, file != before_file)
                )

    def _note(self, text: str, kind: NoteKind = NoteKind.WARNING) -> None:
        self._material.notes.append(Note(kind, text))

    def finished(self) -> Material:
        """Return what was read, in the order of time.  Raises UnusableError."""
        material = self._material
        self._say_what_was_odd()
        if not material.messages:
            raise UnusableError(self._nothing())
        for run in self._runs.values():
            for namespace in run.namespaces:
                material.spans.setdefault(namespace, []).extend(run.spans)
        material.spans = {name: united(spans) for name, spans in sorted(material.spans.items())}
        for kind in (
            material.dues,
            material.answers,
            material.decisions,
            material.commands,
            material.signs,
        ):
            kind.sort(key=lambda fact: fact.at_ns)
        material.statuses.sort(key=lambda status: status.at_ns)
        return material

    def _say_what_was_odd(self) -> None:
        count = self._count
        said = {
            "gaps": f"{count['missing']} messages are missing at {count['gaps']} places: the recorder dropped them,"
            " or files between those that were read are not there",
            "twice": f"{count['twice']} messages stand in more than one file, and count once",
            "clock": f"{count['clock']} messages are from before 2015 or after 2100 and were left out:"
            " their host's clock was not set",
            "unreadable": f"{count['unreadable']} messages are not what their own definition says, and were left out",
            "apart": f"{count['apart']} messages were sent by a clock that is more than {CLOCKS_APART_NS // NS_PER_S} s"
            " from the recorder's: the recorder's was taken",
        }
        for key, text in said.items():
            if count[key]:
                self._note(text)
        if self._missing:
            names = ", ".join(sorted(self._missing)[:20])
            self._note(f"recorded by a version without {names}: what is made of these is not told")
        if self._stopped:
            self._note(
                f"only the first {MESSAGES_MAX} messages were read; use --since, or name fewer files"
            )

    def _nothing(self) -> str:
        said = "; ".join(note.text for note in self._material.notes[:5])
        if self._foreign and not said:
            said = "they hold " + ", ".join(name for name, _ in self._foreign.most_common(5))
        since = "since the time that --since names" if self._since_ns else "in these files"
        return (
            f"no message of a guard was found {since}{': ' if said else ''}{said}."
            " Name recordings of recorder_node, or look further back"
        )


def _believable(span_ns: tuple[int, int], batch: Sequence[Recorded]) -> tuple[int, int]:
    """Return when a chunk was written: as it says, or as its messages do, where its clock jumped in between."""
    if EARLIEST_NS <= span_ns[0] <= span_ns[1] <= LATEST_NS:
        return span_ns
    known = [each.log_ns for each in batch if EARLIEST_NS <= each.log_ns <= LATEST_NS]
    return min(known, default=LATEST_NS), max(known, default=LATEST_NS)


def united(spans: Sequence[Span]) -> list[Span]:
    """Return spans in order, those that overlap as one."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.begin_ns <= found[-1].end_ns + SILENCE_NS:
            found[-1] = Span(found[-1].begin_ns, max(found[-1].end_ns, span.end_ns))
        else:
            found.append(span)
    return found
