# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in a recording, there is a page, or a refusal that says why."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback_guard.core.units import NS_PER_S
from fallback_guard.core.unusable import UnusableError
from fallback_guard.reporting.as_json import as_json
from fallback_guard.reporting.digest import digest
from fallback_guard.reporting.page import page
from fallback_guard.reporting.sources import read
from fallback_guard.reporting.tiles import tiles
from played import TOPICS, Tape, filled

EXTREMES = (0, 1, 255, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
names = st.sampled_from(
    ["", "R-1", "a" * 9_000, "\u202e", "</script>", "\ufffd", "DRILL", "watchdog"]
)
moments = st.integers(0, 100_000)


def made_up(tape: Tape) -> None:
    """Read what a tape holds, and make all that can be made of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = tape.write(Path(folder) / "a.mcap")
        try:
            found = digest(read([path]), [path])
        except UnusableError:
            return
        assert page(found, made_ns=2**60).endswith("</html>\n")
        orjson.loads(as_json(found, made_ns=2**60))
        assert len(tiles(found)) == 8


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.sampled_from([*TOPICS]), moments, st.binary(max_size=400)), max_size=6)
)
def test_of_bytes(messages: list[tuple[str, int, bytes]]) -> None:
    tape = Tape()
    for topic, ms, data in messages:
        tape.add(f"/{topic}", ms, b"\0\1\0\0" + data)
    made_up(tape)


@settings(max_examples=12)
@given(st.data(), st.integers(1, 5))
def test_of_values(data: st.DataObject, count: int) -> None:
    tape = Tape()

    def number(bits: int) -> int:
        return data.draw(st.sampled_from([each for each in EXTREMES if each < 2**bits]))

    def length() -> object:
        sec = data.draw(st.sampled_from([-(2**31), -1, 0, 1, 2**31 - 1]))
        return filled("builtin_interfaces/msg/Duration", sec=sec, nanosec=number(32))

    for _ in range(count):
        ids = {"request_id": data.draw(names), "robot_id": data.draw(names)}
        ms = data.draw(moments)
        tape.say(ms, "route_due", **ids)
        tape.say(
            ms,
            "guard/decision",
            **ids,
            sequence=number(64),
            occasion=number(8),
            outcome=number(8),
            bucket=number(8),
            attempt=number(32),
            source=data.draw(names),
            failure_mode=data.draw(names),
            detail=data.draw(names),
            rule=data.draw(names),
            measured=data.draw(st.floats()),
            limit=data.draw(st.floats()),
            time_to_decision=length(),
            time_left=length(),
            waiting_ns=number(64),
            decision_ns=number(64),
        )
        kind, reason = number(8), data.draw(names)
        tape.say(ms, "motion", **ids, sequence=number(64), kind=kind, reason=reason)
        tape.say(ms, "candidate_route", **ids, planning_time=length(), source=data.draw(names))
        tape.say(ms, "guard/state", state=number(8), latched_robots=[data.draw(names)] * 3)
    values = {
        data.draw(names): data.draw(names),
        "x.calls": "9" * 15,
        "x.spent": "1e9",
        "x.breaker": "?",
    }
    tape.status(5, f"{data.draw(names)}: models", values, level=2)
    made_up(tape)


@pytest.mark.parametrize(
    "times", [(0,), (2**64 - 1,), (NS_PER_S, 2**63), (4_102_444_799 * NS_PER_S,)]
)
def test_of_times(times: tuple[int, ...]) -> None:
    tape = Tape()
    tape.request(1_000, "R-1")
    data = tape.messages[-1].data
    for at_ns in times:
        tape.add("/motion", 0, data, publish_ns=at_ns)
    made_up(tape)
