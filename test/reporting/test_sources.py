# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Files as they come: cut off, damaged, empty, foreign, of other versions, twice, with gaps and wrong clocks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.core.unusable import UnusableError
from fallback_guard.reporting.facts import NoteKind
from fallback_guard.reporting.since import since_ns
from fallback_guard.reporting.sources import read
from played import BEGIN_NS, SEPARATOR, Tape, definition

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_guard.reporting.facts import Material


def tape(count: int = 3, namespace: str = "") -> Tape:
    made = Tape(namespace)
    for number in range(count):
        made.request(number * 1_000, f"R-{number}")
    return made


def warnings(material: Material) -> str:
    return "\n".join(note.text for note in material.notes if note.kind is NoteKind.WARNING)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    made = tape(1)
    made.request(2_000, "R-bad", mode="TRUNCATED", payload=b"x" * 77, taken_ms=137.5)
    material = read([made.write(tmp_path / "a.mcap")])
    assert not material.notes
    assert [due.request_id for due in material.dues] == ["R-0", "R-bad"]
    answer = material.answers[1]
    assert (answer.size_bytes, answer.planning_ns, answer.attempt) == (77, 400 * NS_PER_MS, 1)
    decision = material.decisions[-1]
    assert decision.failure_mode == "TRUNCATED"
    assert (decision.taken_ns, decision.left_ns) == (137_500_000, 12_500_000)
    assert [command.kind for command in material.commands] == [1, 2, 1]
    assert material.spans["/"][0].end_ns == BEGIN_NS + 2_300 * NS_PER_MS


def test_directories_are_read_whole_and_each_file_once(tmp_path: Path) -> None:
    file = tape().write(tmp_path / "fleet" / "picker_1" / "a.mcap")
    tape(2, "/left").write(tmp_path / "fleet" / "left" / "a.mcap")
    material = read([tmp_path / "fleet", file, tmp_path])
    assert material.files == 2
    assert len(material.decisions) == 5
    assert set(material.spans) == {"/", "/left"}


@pytest.mark.parametrize("name", ["none.mcap", "empty_folder", "pipe"])
def test_what_is_no_recording_is_refused_with_a_remedy(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty_folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnusableError, match=r"; name "):
        read([tmp_path / name])


@pytest.mark.parametrize("data", [b"", b"no recording", b"\x89MCAP0\r\n", b"\0" * 5_000])
def test_an_empty_or_foreign_file_alone_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(data)
    with pytest.raises(UnusableError, match="no message of a guard was found"):
        read([path])


def test_beside_a_good_one_it_is_noted(tmp_path: Path) -> None:
    tape().write(tmp_path / "a.mcap")
    (tmp_path / "b.mcap").write_bytes(b"no recording")
    material = read([tmp_path])
    assert len(material.decisions) == 3
    assert "b.mcap is no recording" in warnings(material)


def test_a_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tape(2).write(tmp_path / "a.mcap")
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    material = read([path])
    assert len(material.decisions) == 2
    assert "was not finished" in material.notes[0].text
    path.write_bytes(whole[: len(whole) // 2].replace(b"picker_1", b"picker_X", 1) + b"\xff" * 99)
    tape(1).write(tmp_path / "b.mcap")
    assert len(read([tmp_path]).decisions) == 1


def test_foreign_topics_are_passed_over(tmp_path: Path) -> None:
    made = tape()
    made.add("/camera", 10, b"\0\1\0\0" + bytes(40))
    material = read([made.write(tmp_path / "a.mcap")])
    assert (len(material.decisions), material.notes) == (3, [])
    made.add("/camera", 10, b"\0\1\0\0" + bytes(40))
    with pytest.raises(UnusableError, match="they hold fallback_guard/msg/Foreign"):
        read([made.write(tmp_path / "b.mcap")])


def test_a_version_without_some_fields_is_read_and_says_so(tmp_path: Path) -> None:
    made = Tape()
    made.definitions["route_due"] = (
        f"std_msgs/Header header\nstring request_id\nuint8 extra\n{SEPARATOR}\n"
        "MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n"
        f"{SEPARATOR}\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
    )
    made.say(5, "route_due", request_id="R-old")
    material = read([made.write(tmp_path / "a.mcap")])
    assert [(due.request_id, due.robot.robot_id) for due in material.dues] == [("R-old", "")]
    assert "without RouteDue.robot_id" in warnings(material)


@pytest.mark.parametrize(
    "text",
    [
        "Other[] others\nstring request_id\n",
        "string<=999999999 request_id\nwstring robot_id\nstring request_id\n",
        f"Loop loop\nstring request_id\n{SEPARATOR}\nMSG: fallback_guard/Loop\nLoop loop\n",
        "uint8[4294967295] a\nstring request_id\n",
        "uint64[999999] a\nstring request_id\n",
        "x" * 300_000,
        "string request_id\n" * 5_000,
        "",
    ],
)
def test_no_definition_raises(text: str, tmp_path: Path) -> None:
    made = tape()
    made.definitions["route_due"] = text
    made.add("/route_due", 7, b"\0\1\0\0" + b"\xff" * 64)
    material = read([made.write(tmp_path / "a.mcap")])
    assert len(material.decisions) == 3


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\1\0\0", b"\0\0\0\0" + bytes(99), b"\0\1\0\0" + b"\xff" * 99]
)
def test_a_message_that_is_none_is_left_out_and_counted(data: bytes, tmp_path: Path) -> None:
    made = tape()
    made.add("/guard/decision", 7, data)
    material = read([made.write(tmp_path / "a.mcap")])
    assert len(material.decisions) == 3
    assert "1 messages are not what their own definition says" in warnings(material)


def test_a_gap_in_the_recorders_numbers_is_told(tmp_path: Path) -> None:
    made = tape(1)
    made.lose("/guard/decision", 4)
    made.request(5_000, "R-5")
    made.write(tmp_path / "recording_000001.mcap")
    made.lose("/motion", 1)
    made.request(6_000, "R-6")
    made.write(tmp_path / "recording_000002.mcap")
    material = read([tmp_path])
    found = {(gap.topic, gap.missing, gap.is_between_files) for gap in material.gaps}
    assert found == {("/guard/decision", 4, False), ("/motion", 1, True)}
    assert "5 messages are missing at 2 places" in warnings(material)


def test_a_recorder_that_started_anew_leaves_no_gap(tmp_path: Path) -> None:
    tape(3).write(tmp_path / "recording_000001.mcap")
    again = Tape()
    again.request(90_000, "R-9")
    again.write(tmp_path / "recording_000002.mcap")
    material = read([tmp_path])
    assert material.gaps == []
    assert len(material.spans["/"]) == 2, "nothing was recorded in between"


def test_two_recorders_of_one_topic_count_once(tmp_path: Path) -> None:
    for name in ("left", "right"):
        tape().write(tmp_path / name / "a.mcap")
    material = read([tmp_path])
    assert len(material.decisions) == 3
    assert "stand in more than one file" in warnings(material)


def test_clocks_that_nobody_set_are_not_believed(tmp_path: Path) -> None:
    made = tape()
    data = made.messages[-1].data
    made.add("/motion", -(BEGIN_NS / NS_PER_MS) + 5, data)
    made.add("/motion", 5_000, data, publish_ns=0)
    material = read([made.write(tmp_path / "a.mcap")])
    assert "1 messages are from before 2015" in warnings(material)
    assert "1 messages were sent by a clock" in warnings(material)
    assert material.commands[-1].at_ns == BEGIN_NS + 5_000 * NS_PER_MS
    assert material.spans["/"][0].begin_ns >= 0


def test_since_leaves_out_what_is_older(tmp_path: Path) -> None:
    path = tape(5).write(tmp_path / "a.mcap")
    material = read([path], since_ns=BEGIN_NS + 2_500 * NS_PER_MS)
    assert [due.request_id for due in material.dues] == ["R-3", "R-4"]
    with pytest.raises(UnusableError, match="since the time that --since names"):
        read([path], since_ns=BEGIN_NS + 9_000 * NS_PER_S)


NOW_NS = 1_790_000_000 * NS_PER_S


@pytest.mark.parametrize(
    ("text", "back_s"),
    [
        ("7d", 604_800),
        ("12h", 43_200),
        ("30min", 1_800),
        ("90s", 90),
        ("1w", 604_800),
        (" 2 h ", 7_200),
    ],
)
def test_a_stretch_is_from_now_back(text: str, back_s: int) -> None:
    assert since_ns(text, NOW_NS) == NOW_NS - back_s * NS_PER_S


def test_a_moment_is_one_in_iso_8601() -> None:
    assert since_ns("2026-09-21T14:13:20Z", 0) == 1_790_000_000 * NS_PER_S
    assert since_ns("2026-09-21T16:13:20+02:00", 0) == 1_790_000_000 * NS_PER_S
    assert since_ns("999999w", NOW_NS) == 0, "further back than there is time"


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-3d", "yesterday", "2026-13-01", "٣d", "9" * 99 + "d", "0001-01-01"]
)
def test_no_time_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(UnusableError, match="write 7d"):
        since_ns(text, NOW_NS)


def test_the_definitions_here_are_the_recorders() -> None:
    assert "MSG: std_msgs/Header" in definition("GuardDecision")
