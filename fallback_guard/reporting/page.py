# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The page: one HTML file that holds all it shows, and whose policy forbids it every request.

Whatever was recorded may be an attacker's text.  The template engine escapes all of it, `texts` makes it visible and
bounds it, data for the script is JSON without any character that means something to HTML, and the policy lets no
script and no style run but the two that are named by their hashes.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from fallback_guard.core.objective import OBJECTIVE, PERIOD_DAYS, ROUTE_NS_MAX
from fallback_guard.core.units import ns_to_seconds
from fallback_guard.picking.tally import PILOT_HALT_S
from fallback_guard.reporting import charts, texts, words
from fallback_guard.reporting.digest import Digest, label
from fallback_guard.reporting.episodes import BAD, Verdict
from fallback_guard.reporting.facts import DEADLINE_MS, NoteKind, Robot
from fallback_guard.reporting.objective import WINDOWS_NS, Burn
from fallback_guard.reporting.spread import Spread
from fallback_guard.reporting.tiles import tiles
from fallback_guard.reporting.timeline import Mark, Timeline
from fallback_guard.reporting.worst import Payload

FOLDER: Final = Path(__file__).parent / "page"
ROBOTS_LISTED: Final = 100

SECTIONS: Final = (
    ("objective", "Availability"),
    ("halts", "Halts"),
    ("timeline", "Timeline"),
    ("matrix", "Failure modes"),
    ("latency", "Latency"),
    ("planner", "Planner"),
    ("worst", "Worst"),
    ("recorded", "Recorded"),
)

_MEANINGS: Final[Mapping[Verdict, str]] = {
    Verdict.SERVED: "decided in time, and on a route within 2 s",
    Verdict.HALTED: "decided in time, and without a route for longer than 2 s",
    Verdict.LATE: "decided after the deadline",
    Verdict.UNANSWERED: "the guard did not decide: the watchdog did, or nobody",
    Verdict.DRILL: "forced by an operator; not counted",
    Verdict.OPEN: "the recording ends before it can be told; not counted",
    Verdict.REFUSED: "no request that the guard can serve; not counted",
}

# Inside of a script these would be markup, or the end of a line to older scripts.
_JSON_ESCAPES: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&'\u2028\u2029"}


def page(digest: Digest, *, made_ns: int) -> str:
    """Return the page."""
    style = (FOLDER / "report.css").read_text(encoding="utf-8")
    script = (FOLDER / "report.js").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(FOLDER),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_filters())
    return environment.get_template(
        "report.html"
    ).render(
        d=digest,
        o=digest.objective,
        h=digest.halting,
        made_ns=made_ns,
        policy=policy(style, script),
        style=Markup(style),  # noqa: S704  # our own
        script=Markup(script),  # noqa: S704  # our own
        timeline_json=_embedded(timeline_data(digest.timeline)),
        sections=SECTIONS,
        tiles=tiles(digest),
        objective=OBJECTIVE,
        route_s=ns_to_seconds(ROUTE_NS_MAX),
        period=PERIOD_DAYS,
        deadline=DEADLINE_MS,
        pilot=PILOT_HALT_S,
        payload_max=texts.BLOCK_CHARS_MAX,
        warnings=[note.text for note in digest.notes if note.kind is NoteKind.WARNING][:40],
        infos=[note.text for note in digest.notes if note.kind is NoteKind.INFO],
        verdicts=list(_verdicts(digest)),
        robots=sorted(
            digest.robots, key=lambda line: 2.0 if line.availability is None else line.availability
        )[:ROBOTS_LISTED]
        if len(digest.robots) > ROBOTS_LISTED
        else digest.robots,
        guards=digest.guards[:ROBOTS_LISTED],
        course=charts.course(digest.objective.bins, digest.objective.bin_ns),
        decided=charts.times(
            digest.latency.decided_bins,
            name="decided",
            title="Time to decision",
            deadline_ms=DEADLINE_MS,
        ),
        stages=charts.stages(digest.latency.stages),
        planning=charts.times(digest.latency.planning_bins, name="planning", title="Planning time"),
        latencies=list(_latencies(digest)),
        parts=charts.PARTS,
        yield_pictures=[
            charts.yields(each, number) for number, each in enumerate(digest.planner.yields)
        ],
        burns=_burns(digest),
        changes=list(reversed(digest.planner.changes)),
    )


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: no request, no frame, no form, and only this style and this script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _filters() -> dict[str, object]:
    return {
        "percent": words.percent,
        "share": words.share,
        "count": words.count,
        "s": words.seconds,
        "ms": words.milliseconds,
        "figure": words.figure,
        "moment": words.moment,
        "minute": words.minute,
        "iso": words.iso,
        "budget": words.budget,
        "line": texts.line,
        "payload": _payload,
        "label": _label,
    }


def _burns(digest: Digest) -> list[Burn]:
    """Return the windows up to the first that is as long as what was recorded, and that of the objective."""
    length_ns = digest.end_ns - digest.begin_ns
    shorter = [burn for burn in digest.objective.burns if WINDOWS_NS[burn.window] < length_ns]
    following = digest.objective.burns[len(shorter) : len(shorter) + 1]
    whole = digest.objective.burns[-1:]
    return [*shorter, *following, *(whole if whole[0] not in (*shorter, *following) else ())]


def _payload(given: Payload) -> str:
    return texts.payload(given.data, given.size_bytes)


def _label(robot: Robot) -> str:
    return texts.line(label(robot), 100) or "(no name)"


def _verdicts(digest: Digest) -> Iterator[tuple[str, int, str, str]]:
    for verdict, meaning in _MEANINGS.items():
        number = digest.objective.verdicts.get(verdict.name, 0)
        if verdict in BAD:
            yield verdict.name, number, meaning, "bad" if number else "good"
        elif number or verdict is Verdict.SERVED:
            yield verdict.name, number, meaning, "good" if verdict is Verdict.SERVED else ""


def _latencies(digest: Digest) -> Iterator[tuple[str, Spread]]:
    latency = digest.latency
    named = {
        "time to decision": latency.decided,
        "… of routes": latency.routes,
        "… of safe moves": latency.safe_moves,
        **{f"stage {name}": each for name, each in latency.stages.items()},
        "planning": latency.planning,
    }
    yield from ((name, each) for name, each in named.items() if each is not None)


def timeline_data(shown: Timeline) -> dict[str, object]:
    """Return what the page's script draws from: times in ms from the beginning, modes by their place in a list."""
    modes: dict[str, int] = {}

    def mode(name: str) -> int:
        return modes.setdefault(texts.line(name, 60), len(modes))

    lanes = [
        {
            "name": _label(lane.robot),
            "bins": {Mark.ROUTE.name: _flat(lane.bins.get(Mark.ROUTE, []))},
            # What is not told one by one is drawn from these.
            "halted": _flat(lane.halted_bins) if shown.events_left_out else [],
            "events": [
                [
                    event.at_ms,
                    event.lasted_ms,
                    event.mark,
                    mode(event.mode),
                    texts.line(event.request_id, 64),
                    int(event.is_open),
                ]
                for event in lane.events
            ],
        }
        for lane in shown.lanes
    ]
    return {
        "begin": shown.begin_ns // 1_000_000,
        "length": max(1, (shown.end_ns - shown.begin_ns) // 1_000_000),
        "bin": shown.bin_ms,
        "modes": list(modes),
        "lanes": lanes,
    }


def _flat(pairs: Sequence[tuple[int, int]]) -> list[int]:
    return [number for pair in pairs for number in pair]


def _embedded(data: Mapping[str, object]) -> Markup:
    """Return JSON that HTML takes for text, whatever stands in it."""
    return Markup(orjson.dumps(data).decode().translate(_JSON_ESCAPES))  # noqa: S704  # nothing of HTML is left in it
