# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a running guard decided is decided again from its recording, byte for byte."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Final

import pytest

import world
from fallback_guard import msg
from fallback_guard.core.config import guard_config
from fallback_guard.core.effects import Occasion
from fallback_guard.core.events import TimePassed
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.punctuality import DispatchMargin
from fallback_guard.nodes import topics
from fallback_guard.nodes.journal import journal_bytes
from fallback_guard.nodes.recorder_node import RECORDED
from fallback_guard.recording.file import RecordingFile
from fallback_guard.recording.journal import Journal, Setup
from fallback_guard.recording.reading import RecordingReader
from fallback_guard.recording.records import Recorded
from fallback_guard.replaying.tape import Heard, Tape
from fallback_guard.tools import cli
from harness import open_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness import Scene

ROBOT: Final = "picker_1"
LATCH_AFTER: Final = 8
EDGE: Final = 30
"""Signs of life: where a recording begins and ends not everything in it has met its counterpart."""


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A recording of a guard that has seen everything once, and of the one that came after its death."""
    with open_scene(tmp_path_factory.mktemp("replay")) as scene:
        directory = scene.directory / "tape"
        scene.nodes.start_node("recorder_node", directory=str(directory), sync_ms=20)
        scene.bystander.wait_for_subscribers(*RECORDED)
        guard = {"recovery": "standby", "recovery_delay_ms": 50, "latch_after": LATCH_AFTER}
        scene.start_guard(**guard)
        scene.bystander.settle(ROBOT)
        scene.bystander.wait_for_states(EDGE)
        _live(scene)
        scene.nodes.end_at_once("guard_node")
        scene.start_guard(**guard)
        scene.bystander.settle(ROBOT)
        scene.bystander.serve(world.pick_request("S-1", ROBOT))
        scene.bystander.wait_for_states(EDGE)
        for name in ("guard_node", "recorder_node"):
            scene.nodes.signal(name, signal.SIGINT)
            assert scene.nodes.wait_for_end(name) == 0
        yield directory


def _live(scene: Scene) -> None:
    """Let a guard decide on all that it tells apart."""
    bystander = scene.bystander
    for number, payload in enumerate((None, b"{", b"\xff", None), start=1):
        bystander.serve(world.pick_request(f"R-{number}", ROBOT), payload)
    bystander.stage(world.pick_request("R-5", ROBOT, on_due=True))
    bystander.fall_due("R-5", ROBOT)
    bystander.wait_for_decision("R-5", ROBOT)
    assert bystander.drill(ROBOT).success
    bystander.serve(world.pick_request("R-6", ROBOT))
    bystander.wait_for_decision("R-6", ROBOT, Occasion.RECOVERY)
    bystander.set_parameters("guard_node", detour_factor=2.0)
    bystander.publish(topics.MAP_CLOSURES, msg.MapClosures(closed_edges=[101]))
    bystander.wait_until(
        lambda: bystander.states and bystander.states[-1].message.edges_blocked, "a closed edge"
    )
    for number in range(LATCH_AFTER):
        bystander.ask(world.pick_request(f"L-{number}", ROBOT))
        bystander.wait_for_motion(f"L-{number}", ROBOT, MotionKind.SAFE_MOVE)
    assert bystander.reset_latch(ROBOT).success
    bystander.serve(world.pick_request("R-7", ROBOT))
    bystander.wait_for_states(EDGE)


def _replay(
    capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, dict[str, object], dict[str, object]]:
    """Replay as JSON; return the exit code, the only guard and the whole document."""
    code = cli.main(["replay", "--json", *map(str, arguments)])
    document = json.loads(capsys.readouterr().out)
    (guard,) = document["guards"]
    return code, guard, document


def test_everything_is_decided_again_byte_for_byte(
    tape: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, guard, document = _replay(capsys, tape)
    assert guard["differences"] == []
    assert (code, guard["different"], guard["guards"]) == (0, 0, 2)
    assert (guard["unknown"], guard["steps_lost"], document["notes"]) == ({}, 0, [])
    # Each of nine requests, two refusals, recoveries: a motion and a record of most.
    assert int(str(guard["same"])) >= 20


def _rewritten(tape: Path, path: Path, change: Callable[[Recorded], Recorded | None]) -> Path:
    """Write the recording again with each message changed, or left out."""
    (source,) = tape.glob("*.mcap")
    with source.open("rb") as stream:
        reader = RecordingReader(stream)
        messages = [new for each in reader if (new := change(each)) is not None]
        file = RecordingFile(path, reader.channels, opened_ns=0)
    file.append(messages)
    file.finish()
    return path


def test_the_first_difference_is_shown(
    tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(recorded: Recorded) -> Recorded:
        if recorded.topic != "/motion" or b"R-4" not in recorded.data:
            return recorded
        return Recorded(
            topic=recorded.topic,
            sequence=recorded.sequence,
            log_ns=recorded.log_ns,
            publish_ns=recorded.publish_ns,
            data=recorded.data.replace(b"A-1", b"B-1"),
        )

    path = _rewritten(tape, tmp_path / "changed.mcap", change)
    code, guard, _ = _replay(capsys, path)
    assert (code, guard["different"]) == (1, 1)
    assert cli.main(["replay", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "first difference: motion for R-4 of picker_1" in shown
    assert "recorded" in shown.split("stops")[1]


def test_a_motion_that_nobody_decided_is_found(
    tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _rewritten(
        tape,
        tmp_path / "less.mcap",
        lambda each: None if each.topic == "/motion" and b"R-4" in each.data else each,
    )
    code, guard, _ = _replay(capsys, path)
    assert (code, guard["different"]) == (1, 1)
    assert "was decided again" in str(guard["differences"])


def test_where_answers_are_missing_only_what_they_were_about_is_not_compared(
    tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _rewritten(
        tape,
        tmp_path / "answers.mcap",
        lambda each: None if each.topic == "/candidate_route" and b"R-4" in each.data else each,
    )
    code, guard, _ = _replay(capsys, path)
    assert (code, guard["differences"]) == (0, [])
    assert "a planner's answer is not in the recording" in str(guard["unknown"])


def test_steps_that_are_missing_are_told(
    tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = 0

    def change(recorded: Recorded) -> Recorded | None:
        nonlocal seen
        seen += recorded.topic == "/guard/journal"
        return None if recorded.topic == "/guard/journal" and 5 < seen < 9 else recorded

    path = _rewritten(tape, tmp_path / "gap.mcap", change)
    code, guard, _ = _replay(capsys, path)
    assert code == 0, guard
    assert int(str(guard["steps_lost"])) > 0


JOURNAL: Final = "/guard/journal"


def _journals(*begun: tuple[int, int]) -> list[Recorded]:
    """Return the journals of guards, each with its sequence base and the steady time at which it began."""
    found = []
    for number, (base, began_ns) in enumerate(begun):
        journal = Journal()
        config = guard_config({"map_file": "map.geojson"})
        setup = Setup(config=config, map_sha256="", sequence_base=base)
        journal.begin(setup, DispatchMargin(config))
        for now_ns in range(began_ns, began_ns + 5):
            journal.note(TimePassed(), now_ns)
        data = journal_bytes(journal.take(100), 0)
        log_ns = (number + 1) * 10**9
        found.append(
            Recorded(topic=JOURNAL, sequence=1, log_ns=log_ns, publish_ns=log_ns, data=data)
        )
    return found


def _heard(tape: Path, path: Path, messages: list[Recorded]) -> list[int]:
    """Return the numbers of the steps that are heard in a recording of these messages."""
    (source,) = tape.glob("*.mcap")
    with source.open("rb") as stream:
        reader = RecordingReader(stream)
        list(reader)
        file = RecordingFile(path, reader.channels, opened_ns=0)
    file.append(messages)
    file.finish()
    return [event.step.number for _, event in Tape([path]) if isinstance(event, Heard)]


@pytest.mark.parametrize(
    ("begun", "guards"),
    [
        ([(7, 100), (7, 100)], 1),  # The same once more: its recorder began anew.
        ([(7, 100), (7, 105)], 2),  # Restarted.
        ([(7, 100), (9, 20)], 2),  # The machine was restarted, and the steady clock with it.
        ([(7, 100), (9, 100)], 2),
    ],
)
def test_guards_are_told_apart_and_nothing_is_heard_twice(
    tape: Path, tmp_path: Path, begun: list[tuple[int, int]], guards: int
) -> None:
    found = _heard(tape, tmp_path / "guards.mcap", _journals(*begun))
    assert found == [0, 1, 2, 3, 4, 5] * guards


def test_another_configuration_is_tried_on_the_same_events(
    tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "guard.yaml"
    config.write_text("/**/guard_node:\n  ros__parameters:\n    standby_at_deadline: true\n")
    code, guard, _ = _replay(capsys, tape, "--config", config)
    assert code == 1
    changes = {each["request_id"]: each for each in guard["changes"]}  # type: ignore[attr-defined]
    assert changes["R-2"]["as_configured"].startswith("SAFE_MOVE (TRUNCATED)")
    assert changes["R-2"]["as_it_would_be"] == "ROUTE by standby (TRUNCATED)"
    assert "R-1" not in changes
    # The same as it was: nothing would have ended otherwise.
    code, guard, _ = _replay(capsys, tape, "--set", "standby_at_deadline=false")
    assert (code, guard["changed"]) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no/such/file.mcap"], "name recordings of recorder_node"),
        ([], "the following arguments are required"),
        (["{tape}", "--map", "{tape}/none.geojson"], "Name a copy of it with --map"),
        (["{tape}", "--set", "deadline_ms"], "write NAME=VALUE"),
        (["{tape}", "--set", "deadline_ms=1"], "'deadline_ms'"),
        (["{tape}", "--set", "no_such=1"], "no parameter of the guard"),
        (["{tape}", "--config", "{tape}/none.yaml"], "Give the path of a readable file"),
        (["{tape}", "--limit", "-1"], "--limit is -1"),
        (["{empty}"], "holds no recordings (*.mcap)"),
        (["{noise}"], "no guard's journal is in it"),
    ],
)
def test_what_cannot_be_replayed_says_why(
    tape: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    noise = tmp_path / "noise.mcap"
    noise.write_bytes(b"\x89MCAP0\r\n" + bytes(range(256)) * 64)
    (tmp_path / "empty").mkdir()
    places = {"tape": tape, "empty": tmp_path / "empty", "noise": noise}
    given = ["replay", *(each.format(**places) for each in arguments)]
    try:
        code = cli.main(given)
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    assert said in capsys.readouterr().err
