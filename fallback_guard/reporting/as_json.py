# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The figures of a report as JSON, for programs: the same that the page shows, without payloads and the timeline."""

from dataclasses import asdict
from typing import Final

import orjson

from fallback_guard.core.objective import OBJECTIVE, PERIOD_DAYS
from fallback_guard.core.units import ns_to_seconds
from fallback_guard.reporting import texts, words
from fallback_guard.reporting.digest import Digest, label
from fallback_guard.reporting.facts import DEADLINE_MS
from fallback_guard.reporting.tiles import tiles

VERSION: Final = 1
"""Raised when a name or a meaning changes; names that are added raise nothing."""


BEGINNING: Final = b'{\n  "report_version": '


def as_json(digest: Digest, *, made_ns: int) -> bytes:
    """Return the figures.  Times end in Z; lengths say their unit in their names."""
    data: dict[str, object] = {
        "report_version": VERSION,
        "made": words.iso(made_ns),
        "begin": words.iso(digest.begin_ns),
        "end": words.iso(digest.end_ns),
        "objective": {
            "share": OBJECTIVE,
            "period_days": PERIOD_DAYS,
            "deadline_ms": DEADLINE_MS,
            "due": digest.objective.due,
            "not_served": digest.objective.bad,
            "verdicts": dict(digest.objective.verdicts),
            "availability": digest.objective.availability,
            "error_budget_left": digest.objective.budget_left,
            "burn_rates": {burn.window: burn.rate for burn in digest.objective.burns},
        },
        "checks": [asdict(tile) for tile in tiles(digest)],
        "halts": asdict(digest.halting),
        "matrix": [asdict(row) for row in digest.rows],
        "latency": asdict(digest.latency),
        "planner": asdict(digest.planner),
        "robots": [
            {"robot": texts.line(label(each.robot)), **_without(asdict(each), "robot")}
            for each in digest.robots
        ],
        "guards": [
            {**_without(asdict(each), "seen_ns"), "seen": words.iso(each.seen_ns)}
            for each in digest.guards
        ],
        "watchdog_spoke": digest.watchdog_spoke,
        "drills": digest.drills,
        "worst": [
            {
                "robot": texts.line(label(each.episode.robot)),
                "request_id": texts.line(each.episode.request_id),
                "due": words.iso(each.episode.due_ns),
                "verdict": each.episode.verdict.name,
                "failure_mode": texts.line(each.episode.mode),
                "route_after_s": None
                if each.episode.routed_ns is None
                else ns_to_seconds(each.episode.routed_ns),
            }
            for each in digest.worst
        ],
        "recorders": asdict(digest.recorder),
        "gaps": [gap._asdict() for gap in digest.gaps],
        "notes": [texts.line(note.text) for note in digest.notes],
        "files": digest.files,
    }
    cleaned = _clean(data)
    return orjson.dumps(cleaned, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS) + b"\n"


def _without(data: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in data.items() if key != name}


def _clean(value: object) -> object:
    """Return the same with no text of a stranger's that JSON cannot hold or an eye cannot see."""
    if isinstance(value, str):
        return texts.line(value)
    if isinstance(value, dict):
        return {texts.line(str(key)): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value
