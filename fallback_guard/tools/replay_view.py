# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What `fallback-guard replay` shows: as tables for people, as JSON for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import orjson
from rich.console import Console
from rich.table import Table

from fallback_guard.core.identifiers import printable

if TYPE_CHECKING:
    from fallback_guard.replaying.comparing import Difference
    from fallback_guard.replaying.replay import Replayed, Story
    from fallback_guard.replaying.shadow import Shadowed
    from fallback_guard.replaying.tape import Tape

_SHOWN_CHARS: Final = 160


def print_replay(out: Console, name: str, one: "Replayed", limit: int) -> None:
    """Print one guard's replay, with up to `limit` differences."""
    found = one.comparison
    out.print(
        f"guard in {name or '/'}: {one.steps} steps told again to {_many(one.guards, 'guard')}, "
        f"{found.same} of {found.same + found.different} decisions and motions the same, byte for byte"
    )
    for number, difference in enumerate(found.differences[:limit]):
        out.print(
            f"{'first difference' if number == 0 else 'difference'}: {_key(difference)} {difference.what}"
        )
        for field, was, came in difference.fields:
            out.print(f"    {field}: recorded {_shown(was)}, now {_shown(came)}")
    if found.different > limit:
        out.print(f"... and {found.different - limit} more (--limit)")


def print_shadow(out: Console, name: str, one: "Shadowed", limit: int) -> None:
    """Print one guard's shadow run, with up to `limit` requests."""
    out.print(
        f"guard in {name or '/'}: {len(one.changes)} of {one.requests} requests would have ended otherwise"
    )
    if not one.changes:
        return
    table = Table("requests", "as configured", "as it would be", box=None, pad_edge=False)
    for (was, would_be), count in _grouped(one):
        table.add_row(str(count), _shown(was), _shown(would_be))
    out.print(table)
    if limit:
        out.print()
        rows = Table(
            "robot", "request", "as configured", "as it would be", "why", box=None, pad_edge=False
        )
        for change in one.changes[:limit]:
            rows.add_row(
                printable(change.robot_id),
                printable(change.request_id),
                _shown(change.before.text),
                _shown(change.after.text),
                _shown(change.after.detail or change.before.detail),
            )
        out.print(rows)
        if len(one.changes) > limit:
            out.print(f"... and {len(one.changes) - limit} more (--limit)")


def _grouped(one: "Shadowed") -> list[tuple[tuple[str, str], int]]:
    return Counter((each.before.text, each.after.text) for each in one.changes).most_common()


def notes(tape: "Tape", stories: Mapping[str, "Story"]) -> Iterator[str]:
    """Yield what a reader of the result should know."""
    yield from tape.notes
    for name, story in stories.items():
        if story.lost:
            yield f"{name or '/'}: {_many(story.lost, 'step')} are missing; it went on from the next setup"
        for what, count in story.unknown.most_common():
            yield f"{name or '/'}: {what} ({count} times)"


def _key(difference: "Difference") -> str:
    topic, robot, request, _, sequence = difference.key
    number = f" (sequence {sequence})" if sequence else ""
    return f"{topic} for {_shown(request) or 'no request'} of {_shown(robot) or 'nobody'}{number}"


def _shown(text: str) -> str:
    return printable(text, chars_max=_SHOWN_CHARS)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


# As JSON


def as_json(guards: Sequence[Mapping[str, object]], tape: "Tape") -> str:
    """Return everything as one document."""
    document = {
        "began_ns": tape.began_ns,
        "ended_ns": tape.ended_ns,
        "notes": tape.notes,
        "guards": guards,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def replay_json(name: str, one: "Replayed") -> dict[str, object]:
    """Return one guard's replay."""
    found = one.comparison
    return {
        "namespace": name,
        "steps": one.steps,
        "guards": one.guards,
        "began_midway": one.midway,
        "same": found.same,
        "different": found.different,
        "excused": one.excused,
        "steps_lost": one.story.lost,
        "unknown": dict(one.story.unknown),
        "differences": [
            {
                "topic": each.key[0],
                "robot_id": each.key[1],
                "request_id": each.key[2],
                "sequence": each.key[4],
                "what": each.what,
                "fields": {
                    field: {"recorded": was, "now": came} for field, was, came in each.fields
                },
            }
            for each in found.differences
        ],
    }


def shadow_json(name: str, one: "Shadowed") -> dict[str, object]:
    """Return one guard's shadow run."""
    return {
        "namespace": name,
        "requests": one.requests,
        "changed": len(one.changes),
        "steps_lost": one.story.lost,
        "unknown": dict(one.story.unknown),
        "refusals": {"as_configured": dict(one.refused[0]), "as_it_would_be": dict(one.refused[1])},
        "changes": [
            {
                "robot_id": each.robot_id,
                "request_id": each.request_id,
                "as_configured": each.before.text,
                "as_it_would_be": each.after.text,
                "detail": each.after.detail or each.before.detail,
            }
            for each in one.changes
        ],
    }
