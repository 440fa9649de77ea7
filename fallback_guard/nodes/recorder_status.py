# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the recorder tells: its status for /diagnostics, and the lines of its log, of which there are never many."""

from dataclasses import dataclass
from typing import Final

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from fallback_guard.core.units import NS_PER_S, ns_to_seconds
from fallback_guard.recording.recorder import Progress

STALL_NS: Final = NS_PER_S
"""A disk that has not answered for so long holds the recording up."""

DROPPING_NS: Final = 5 * NS_PER_S
"""For how long after a drop the status is ERROR: long enough to be seen; and the log tells no more often."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line for the log."""

    text: str
    is_error: bool = False


class RecorderReport:
    """Turns progress into a status and into lines for what is new."""

    def __init__(self, name: str) -> None:
        """Begin with nothing told; `name` is that of the status."""
        self._name = name
        self._told = Progress()
        self._dropped_told = 0
        self._dropped_seen = 0
        self._drop_ns: int | None = None
        self._drop_line_ns: int | None = None

    def has_news(self, progress: Progress) -> bool:
        """Whether more is on disk, or less than there should be."""
        told = self._told
        return (progress.synced, progress.dropped, progress.fault, progress.file) != (
            told.synced,
            told.dropped,
            told.fault,
            told.file,
        )

    def step(
        self, progress: Progress, *, now_ns: int, stalled_ns: int
    ) -> tuple[DiagnosticStatus, list[Line]]:
        """Return the status, and what the log has not been told yet.

        ERROR while nothing can be written, and for a while after a drop; WARN while the disk does not answer and
        when something was ever dropped.  `stalled_ns` is for how long the disk has not answered.
        """
        dropped = sum(progress.dropped.values())
        if dropped > self._dropped_seen:
            self._dropped_seen, self._drop_ns = dropped, now_ns
        lines = [*self._lines(progress), *self._drop_lines(progress, dropped, now_ns)]
        self._told = progress
        return self._status(progress, dropped, now_ns, stalled_ns), lines

    def _lines(self, progress: Progress) -> list[Line]:
        told, lines = self._told, []
        if progress.fault and progress.fault != told.fault:
            waiting = f"{progress.messages_waiting} messages wait, and what comes is dropped when no more can"
            lines.append(Line(f"cannot write: {progress.fault}; {waiting}", is_error=True))
        if told.fault and not progress.fault:
            lines.append(Line("recording again"))
        if progress.files_removed != told.files_removed:
            count = progress.files_removed - told.files_removed
            lines.append(
                Line(f"removed {count} of the oldest files, the last {progress.last_removed}")
            )
        if progress.file and progress.file != told.file:
            lines.append(Line(f"recording into {progress.file}"))
        return lines

    def _drop_lines(self, progress: Progress, dropped: int, now_ns: int) -> list[Line]:
        recently = self._drop_line_ns is not None and now_ns - self._drop_line_ns < DROPPING_NS
        if dropped == self._dropped_told or recently:
            return []
        self._drop_line_ns, self._dropped_told = now_ns, dropped
        return [Line(f"dropped {dropped} messages so far: {_by_topic(progress)}", is_error=True)]

    def _status(
        self, progress: Progress, dropped: int, now_ns: int, stalled_ns: int
    ) -> DiagnosticStatus:
        synced = sum(progress.synced.values())
        level, message = DiagnosticStatus.OK, f"{synced} messages are on disk"
        if dropped:
            level = DiagnosticStatus.WARN
            message = f"{message}, {dropped} were dropped: {_by_topic(progress)}"
            if self._drop_ns is not None and now_ns - self._drop_ns < DROPPING_NS:
                level = DiagnosticStatus.ERROR
        if stalled_ns > STALL_NS:
            level = max(level, DiagnosticStatus.WARN)
            message = f"{message}; the disk has not answered for {ns_to_seconds(stalled_ns):.0f} s"
        if progress.fault:
            level, message = DiagnosticStatus.ERROR, f"cannot write: {progress.fault}; {message}"
        values: dict[str, object] = {
            "messages_taken": sum(progress.taken.values()),
            "messages_synced": synced,
            "messages_waiting": progress.messages_waiting,
            "messages_dropped": dropped,
            "bytes_synced": progress.synced_bytes,
            "file": progress.file,
            "files_begun": progress.files_begun,
            "files_removed": progress.files_removed,
            "faults": progress.faults,
        }
        values |= {f"synced{topic}": count for topic, count in progress.synced.items()}
        values |= {f"dropped{topic}": count for topic, count in progress.dropped.items()}
        return DiagnosticStatus(
            level=level,
            name=self._name,
            message=message,
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )


def _by_topic(progress: Progress) -> str:
    return ", ".join(f"{topic} {count}" for topic, count in progress.dropped.items() if count)
