# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The page: what strangers wrote stays text, nothing is asked of a network, and every part is there."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

import pytest
from typing_extensions import override

from fallback_guard.reporting.digest import digest
from fallback_guard.reporting.facts import DRILL
from fallback_guard.reporting.page import SECTIONS, page
from fallback_guard.reporting.sources import read
from fallback_guard.reporting.timeline import Mark
from played import Tape

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE: Final = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!--<script>",
    "]]>&lt;b&gt;&#x3c;",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u202c",
    "\0\x1b[31m",
    "' onfocus='alert(1)",
    "\u2028alert(1)\u2029",
)


class Elements(HTMLParser):
    """Collects what a page is made of; `script` holds the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    @override
    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def made(tape: Tape, folder: Path) -> str:
    path = tape.write(folder / "a.mcap")
    return page(digest(read([path]), [path]), made_ns=1_790_000_000_000_000_000)


def usual() -> Tape:
    """Return a recording with everything that has a place on the page."""
    tape = Tape()
    for number in range(20):
        tape.request(number * 2_000, f"R-{number}", robot=f"picker_{number % 2}")
    tape.request(41_000, "R-bad", mode="TRUNCATED", payload=b'{"version": 1,', taken_ms=137)
    tape.request(44_000, "R-long", mode="WRONG_BIN", recovered_ms=4_000, taken_ms=137)
    tape.request(50_000, "R-late", taken_ms=171)
    tape.request(52_000, "R-drill", mode=DRILL, bucket=0)
    tape.request(54_000, "R-watched", mode="GUARD_SILENT", source="watchdog", taken_ms=165)
    tape.say(55_000, "guard/state", latched_robots=["picker_1"], state=1, realtime_priority=20)
    rung = {"only.source": "llm:model", "only.breaker": "OPEN", "only.spent": "0.25"}
    tape.status(100, "/planner_node: models", {**rung, "only.prompt_tokens": "100"})
    history = "3 s ago OPEN: too many failures"
    tape.status(
        55_000,
        "/planner_node: models",
        {**rung, "only.prompt_tokens": "700", "only.breaker_history": history, "only.spent": "1.5"},
    )
    tape.status(55_000, "/recorder_node: recording", {"messages_dropped": "3"})
    tape.lose("/guard/decision", 2)
    tape.request(56_000, "R-last")
    return tape


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return made(usual(), tmp_path_factory.mktemp("page"))


def test_every_part_is_there(text: str) -> None:
    elements = Elements(text)
    assert {name for name, _ in SECTIONS} <= {each.get("id") for each in elements.of("section")}
    said = "".join(elements.texts)
    for each in (
        "88.000 %",
        "GUARD_SILENT",
        "12.0 s",
        "too many failures",
        "1.2500",
        "R-late",
        '{"version": 1,',
    ):
        assert each in said, each
    assert "2 messages are missing at 1 places" in said


def test_a_drill_is_shown_and_is_in_no_table_of_failures(text: str) -> None:
    matrix = re.search(r'<table class="matrix">.*?</table>', text, re.DOTALL)
    assert matrix is not None
    assert "WRONG_BIN" in matrix[0]
    assert DRILL not in matrix[0]
    data = json.loads(_data(text))
    drill = data["modes"].index(DRILL)
    marks = {event[2] for lane in data["lanes"] for event in lane["events"] if event[3] == drill}
    assert Mark.DRILL in marks
    assert Mark.SAFE_MOVE not in marks


def _data(text: str) -> str:
    found = re.search(r'id="timeline-data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return found[1]


def test_nothing_is_asked_of_a_network(text: str) -> None:
    elements = Elements(text)
    for tag, attributes in elements.tags:
        assert tag not in (
            "link",
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "audio",
            "video",
        ), tag
        for name in ("src", "srcset", "action", "data", "poster", "ping", "formaction", "style"):
            assert name not in attributes, (tag, name)
        if "href" in attributes:
            assert str(attributes["href"]).startswith("#")
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    policy = next(each["content"] for each in elements.of("meta") if each.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_it_can_be_used_without_eyes_and_without_a_mouse(text: str) -> None:
    elements = Elements(text)
    names = [name for name, _ in elements.tags]
    assert {"header", "nav", "main", "footer", "h1"} <= set(names)
    assert elements.of("html")[0].get("lang") == "en"
    assert names.count("table") == names.count("caption")
    for chart in elements.of("svg"):
        assert chart.get("aria-labelledby") or chart.get("aria-hidden")
    ids = [each["id"] for _, each in elements.tags if "id" in each]
    assert len(ids) == len(set(ids))
    for _, attributes in elements.tags:
        for reference in str(attributes.get("aria-labelledby") or "").split():
            assert reference in ids


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_stranger_wrote_stays_text(hostile: str, tmp_path: Path) -> None:
    plain, bad = Tape(), Tape()
    for tape, name in ((plain, "x"), (bad, hostile)):
        tape.request(
            1_000, name, robot=name, mode="TRUNCATED", payload=name.encode(), source=f"llm:{name}"
        )
        tape.say(
            3_000,
            "guard/decision",
            request_id=name,
            robot_id=name,
            occasion=1,
            outcome=2,
            failure_mode=name,
            detail=name,
            rule=name,
            source=name,
        )
        tape.status(3_100, f"{name}: models", {f"{name}.source": name, f"{name}.breaker": name})
        tape.say(3_200, "guard/state", latched_robots=[name])
    expected, found = (
        Elements(made(plain, tmp_path / "plain")),
        Elements(made(bad, tmp_path / "bad")),
    )
    counted = [name for name, _ in expected.tags if name in ("script", "style", "img", "b", "pre")]
    assert [
        name for name, _ in found.tags if name in ("script", "style", "img", "b", "pre")
    ] == counted
    assert not [key for _, each in found.tags for key in each if key.startswith("on")]


def test_a_payload_of_a_megabyte_is_cut(tmp_path: Path) -> None:
    tape = Tape()
    tape.request(1_000, "R-1", mode="OVERSIZE", payload=b"\0<" * 500_000)
    text = made(tape, tmp_path)
    assert len(text) < 200_000
    assert "bytes more" in text
    assert "⟨U+0000⟩&lt;" in text


def test_nothing_at_all_is_a_page_too(tmp_path: Path) -> None:
    tape = Tape()
    tape.say(5, "guard/state", heartbeat=1)
    assert "Nothing fell due" in made(tape, tmp_path)


def test_a_fleet_is_told_apart(tmp_path: Path) -> None:
    for name in ("left", "right"):
        tape = Tape(f"/{name}")
        tape.request(1_000, "R-1")
        tape.write(tmp_path / name / "a.mcap")
    text = page(digest(read([tmp_path]), [tmp_path]), made_ns=1)
    assert [lane["name"] for lane in json.loads(_data(text))["lanes"]] == [
        "/left/picker_1",
        "/right/picker_1",
    ]
