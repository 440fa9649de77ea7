# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What recorders told of themselves on /diagnostics: what they dropped, and what kept them from writing."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fallback_guard.reporting.facts import Status

RECORDERS_MAX: Final = 50
_RECORDING: Final = re.compile(r"^(?P<node>.+): recording$")
_COUNT: Final = re.compile(r"\d{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderLine:
    """One recorder.  Counts are of all its lives that were recorded."""

    node: str
    dropped: int
    faults: int
    files_removed: int
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderView:
    """All recorders."""

    lines: Sequence[RecorderLine]

    @property
    def dropped(self) -> int:
        """Messages that were dropped."""
        return sum(line.dropped for line in self.lines)


def recorder_view(statuses: Sequence[Status]) -> RecorderView:
    """Add up; statuses are in the order of time."""
    told: defaultdict[str, list[Status]] = defaultdict(list)
    for status in statuses:
        found = _RECORDING.match(status.name)
        if found and (found["node"] in told or len(told) < RECORDERS_MAX):
            told[found["node"]].append(status)
    return RecorderView(
        lines=[
            RecorderLine(
                node=node,
                dropped=_risen(own, "messages_dropped"),
                faults=_risen(own, "faults"),
                files_removed=_risen(own, "files_removed"),
                last=own[-1].message,
            )
            for node, own in told.items()
        ]
    )


def _risen(statuses: Sequence[Status], key: str) -> int:
    """Return how much a counter rose; one that fell began anew."""
    total, before = 0, 0
    for status in statuses:
        now = _count(dict(status.values), key)
        total += now - before if now >= before else now
        before = now
    return total


def _count(values: Mapping[str, str], key: str) -> int:
    text = values.get(key, "")
    return int(text) if _COUNT.fullmatch(text) else 0
