# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The recorder as a process: what it vouched for survives its death, and a full disk is told and outlived."""

from __future__ import annotations

import array
import resource
import signal
import subprocess
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader

import world
from fallback_guard import msg
from fallback_guard.nodes import topics
from fallback_guard.nodes.recorder_node import RECORDED, THINNED
from fallback_guard.recording.finishing import is_finished
from fallback_guard.recording.reading import Ending, RecordingReader
from harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fallback_guard.recording.records import Recorded
    from harness import Bystander, Message, Scene

OK, WARN, ERROR = b"\0", b"\1", b"\2"
STATUS: Final = "/recorder_node: recording"
ROBOT: Final = "picker_1"
EACH: Final = 25
MIB: Final = 1_048_576
LOST_FIRST: Final = frozenset(
    {topics.ROBOT_POSITION.name, topics.MAP_CLOSURES.name, topics.GUARD_STATE.name}
)
"""Best effort, or only the newest counts: of a burst the middleware may lose some, and nobody vouches for these."""

AHEAD_MAX: Final = 20
"""Of what a sender keeps (50), so that the middleware loses none before it has reached anybody."""


class Status:
    """The recorder's newest status."""

    def __init__(self, bystander: Bystander) -> None:
        self.level, self.message = b"", ""
        self.values: dict[str, str] = {}
        for heard in reversed(bystander.diagnostics):
            for status in heard.message.status:
                if status.name == STATUS:
                    self.level, self.message = status.level, status.message
                    self.values = {each.key: each.value for each in status.values}
                    return

    def number(self, key: str) -> int:
        return int(self.values.get(key, "0"))


class Speaker:
    """Publishes messages of every recorded topic that differ from one another, and remembers them."""

    def __init__(self, scene: Scene) -> None:
        self._bystander = scene.bystander
        self.sent: dict[str, list[Message]] = {topic.name: [] for topic in RECORDED}
        self._numbers = count(1)

    def say(self, topic: topics.AnyTopic, message: Message) -> None:
        self.sent[topic.name].append(message)
        self._bystander.publish(topic, message)

    def say_one_of_each(self) -> None:
        number = next(self._numbers)
        name = f"R-{number}"
        header = self._bystander.header()
        of = {"header": header, "request_id": name, "robot_id": ROBOT}
        self.say(
            topics.PICK_REQUEST, self._bystander.request_message(world.pick_request(name, ROBOT))
        )
        self.say(topics.ROUTE_DUE, msg.RouteDue(**of))
        self.candidate(name, bytes([number % 256]) * number)
        self.say(
            topics.ROBOT_POSITION,
            msg.RobotPosition(header=header, robot_id=ROBOT, x=float(number), y=0.5),
        )
        self.say(topics.PICK_REPORT, msg.PickReport(**of, sequence=number, bin="ä" * number))
        self.say(topics.MAP_CLOSURES, msg.MapClosures(header=header))
        self.say(topics.MOTION, msg.MotionCommand(**of, sequence=number, source="ä" * number))
        self.say(topics.GUARD_DECISION, msg.GuardDecision(**of, sequence=number))
        self.say(topics.GUARD_STATE, msg.GuardState(header=header, heartbeat=number))
        self.say(topics.GUARD_JOURNAL, msg.GuardJournal(header=header, first_step=number))

    def candidate(self, request_id: str, payload: bytes) -> None:
        self.say(
            topics.CANDIDATE_ROUTE,
            msg.RouteCandidate(
                header=self._bystander.header(),
                request_id=request_id,
                robot_id=ROBOT,
                payload=array.array("B", payload),
            ),
        )


def start_recorder(scene: Scene, directory: Path, **parameters: object) -> Speaker:
    """Start a recorder, and wait until it hears every topic."""
    scene.nodes.start_node("recorder_node", directory=str(directory), **parameters)
    scene.bystander.wait_for_subscribers(*RECORDED)
    return Speaker(scene)


def wait_for_status(scene: Scene, what: str, level: bytes, **at_least: int) -> Status:
    """Wait until the newest status has a level and says so much."""

    def fits() -> bool:
        status = Status(scene.bystander)
        return status.level == level and all(
            status.number(key) >= least for key, least in at_least.items()
        )

    scene.bystander.wait_until(fits, f"{what}: {Status(scene.bystander).message}")
    return Status(scene.bystander)


def wait_for_synced(scene: Scene, speaker: Speaker) -> None:
    """Wait until the recorder vouches for everything that was sent and cannot be lost on the way."""

    def all_is() -> bool:
        status = Status(scene.bystander)
        return all(
            status.number(f"synced/{name}") >= len(sent)
            for name, sent in speaker.sent.items()
            if name not in LOST_FIRST
        )

    scene.bystander.wait_until(all_is, "everything on disk")


def read_all(directory: Path) -> tuple[dict[str, list[Recorded]], list[Ending]]:
    """Return the messages of a file, or of all in a directory, by topic, and how each file ends."""
    names = [f"/{topic.name.lstrip('/')}" for topic in (*RECORDED, *THINNED)]
    read: dict[str, list[Recorded]] = {name: [] for name in names}
    endings = []
    for path in [directory] if directory.is_file() else sorted(directory.glob("*.mcap")):
        with path.open("rb") as stream:
            reader = RecordingReader(stream)
            for each in reader:
                read[each.topic].append(each)
        assert reader.ending is not None
        endings.append(reader.ending)
    return read, endings


def messages_of(topic: topics.AnyTopic, read: dict[str, list[Recorded]]) -> list[Message]:
    """Return a topic's messages as they were."""
    return [deserialize_message(each.data, topic.type) for each in read[f"/{topic.name}"]]


def test_what_it_vouched_for_survives_its_death(scene: Scene) -> None:
    directory = scene.directory / "tape"
    speaker = start_recorder(scene, directory, sync_ms=20)
    synced = 0
    # Dies between one sync and the next, wherever it happens to be.
    while synced < EACH:
        if len(speaker.sent["motion"]) < synced + AHEAD_MAX:
            speaker.say_one_of_each()
        synced = Status(scene.bystander).number("synced/motion")
    scene.nodes.end_at_once("recorder_node")
    # What it had said before its end may still be on the way to the bystander, and counts as well.
    vouched = Status(scene.bystander)
    read, endings = read_all(directory)
    assert endings == [Ending.CUT_OFF]
    expect_what_was_vouched_for(speaker, read, vouched)
    # The next one finishes what the last one could not, so that other people's reader opens it.
    (path,) = directory.glob("*.mcap")
    start_recorder(scene, directory)
    wait_until(lambda: is_finished(path), "a finished recording")
    read, endings = read_all(path)
    assert endings == [Ending.COMPLETE]
    expect_what_was_vouched_for(speaker, read, vouched)
    with AnyReader([path]) as reader:
        assert reader.message_count >= vouched.number("messages_synced")


def expect_what_was_vouched_for(
    speaker: Speaker, read: dict[str, list[Recorded]], vouched: Status
) -> None:
    """Expect in what was read what the recorder said was on disk."""
    for topic in RECORDED:
        messages, sent = messages_of(topic, read), speaker.sent[topic.name]
        assert len(messages) >= vouched.number(f"synced/{topic.name}"), topic.name
        if topic.name in LOST_FIRST:
            assert all(message in sent for message in messages)
        else:
            assert messages == sent[: len(messages)], topic.name


def test_a_finished_recording_reads_back_as_it_was_sent(scene: Scene) -> None:
    directory = scene.directory / "tape"
    speaker = start_recorder(scene, directory)
    for _ in range(EACH):
        speaker.say_one_of_each()
    wait_for_synced(scene, speaker)
    assert Status(scene.bystander).level == OK
    scene.nodes.signal("recorder_node", signal.SIGINT)
    assert scene.nodes.wait_for_end("recorder_node") == 0
    (path,) = directory.glob("*.mcap")
    _, (ending,) = read_all(directory)
    assert ending is Ending.COMPLETE
    # By other people's reader, which knows our types from the recording alone.
    with AnyReader([path]) as reader:
        heard: dict[str, list[Message]] = {topic.name: [] for topic in RECORDED}
        for connection, _, data in reader.messages():
            if connection.topic == topics.DIAGNOSTICS.name:
                continue
            message = reader.deserialize(data, connection.msgtype)
            heard[connection.topic.removeprefix("/")].append(message)
        qos = {each.topic: each.ext for each in reader.connections}
    for topic in RECORDED:
        if topic.name not in LOST_FIRST:
            assert len(heard[topic.name]) == EACH, topic.name
        assert "transient_local" in str(qos["/map_closures"]).lower()
    pairs = zip(heard["motion"], speaker.sent["motion"], strict=True)
    for theirs, ours in pairs:
        assert (theirs.request_id, theirs.sequence, theirs.source) == (
            ours.request_id,
            ours.sequence,
            ours.source,
        )
        assert (theirs.header.stamp.sec, theirs.header.stamp.nanosec) == (
            ours.header.stamp.sec,
            ours.header.stamp.nanosec,
        )
    for theirs, ours in zip(heard["candidate_route"], speaker.sent["candidate_route"], strict=True):
        assert bytes(theirs.payload) == ours.payload.tobytes()


def test_diagnostics_are_kept_when_they_change_and_at_the_end(scene: Scene) -> None:
    """The recorder's own come ten times a second while it writes, and must not be what it writes about."""
    directory = scene.directory / "tape"
    speaker = start_recorder(scene, directory)
    for _ in range(EACH):
        speaker.say_one_of_each()
        wait_for_synced(scene, speaker)
    told = [
        heard for heard in scene.bystander.diagnostics if heard.message.status[0].name == STATUS
    ]
    scene.nodes.signal("recorder_node", signal.SIGINT)
    assert scene.nodes.wait_for_end("recorder_node") == 0
    read, _ = read_all(directory)
    kept = [
        deserialize_message(each.data, topics.DIAGNOSTICS.type) for each in read["/diagnostics"]
    ]
    assert {status.status[0].name for status in kept} == {STATUS}
    assert 2 <= len(kept) < len(told)


def test_times_are_those_of_sending_and_of_hearing(scene: Scene) -> None:
    directory = scene.directory / "tape"
    speaker = start_recorder(scene, directory)
    speaker.say_one_of_each()
    wait_for_synced(scene, speaker)
    read, _ = read_all(directory)
    (request,) = read["/pick_request"]
    stamp = speaker.sent["pick_request"][0].header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec <= request.publish_ns <= request.log_ns


@contextmanager
def small_disk(path: Path, mib: int) -> Iterator[None]:
    """Mount a disk of so many MiB; skip the test where that is not permitted."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(path)],  # noqa: S607  # wherever it is
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)  # noqa: S607


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4_096)) == 4_096:
                pass
        except OSError:
            return


def test_a_full_disk_is_told_and_outlived(scene: Scene) -> None:
    disk = scene.directory / "disk"
    with small_disk(disk, 6):
        speaker = start_recorder(scene, disk / "tape", file_mib_max=1, directory_mib_max=4)
        for _ in range(EACH):
            speaker.say_one_of_each()
        wait_for_synced(scene, speaker)
        fill(disk / "filler")
        speaker.candidate("R-1", bytes(20_000))
        told = wait_for_status(scene, "a full disk", ERROR, faults=1)
        assert "No space left on device: make room" in told.message
        scene.nodes.wait_for_text("recorder_node", r"\[ERROR\].*cannot write: No space left")
        for _ in range(EACH):
            speaker.say_one_of_each()
        wait_for_status(scene, "tries", ERROR, faults=3)
        (disk / "filler").unlink()
        wait_for_synced(scene, speaker)
        assert wait_for_status(scene, "a disk with room", OK).number("messages_dropped") == 0
        scene.nodes.wait_for_text("recorder_node", "recording again")
        assert scene.nodes.text("recorder_node").count("cannot write") == 1
        scene.nodes.end_at_once("recorder_node")
        read, endings = read_all(disk / "tape")
        assert len(endings) == 2
        for topic in RECORDED:
            if topic.name not in LOST_FIRST:
                assert messages_of(topic, read) == speaker.sent[topic.name], topic.name


def test_a_write_that_the_system_refuses_is_cut_off_and_made_good(scene: Scene) -> None:
    """A limit on the size of files needs no privileges, and stops a write in its middle."""
    directory = scene.directory / "tape"
    speaker = start_recorder(scene, directory)
    speaker.say_one_of_each()
    wait_for_synced(scene, speaker)
    pid = scene.nodes.pid("recorder_node")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (MIB, before[1]))
    speaker.candidate("R-1", bytes(2 * MIB))
    wait_for_status(scene, "a refused write", ERROR, faults=2)
    read, _ = read_all(directory)
    assert len(read["/candidate_route"]) == 1
    assert all(path.stat().st_size < MIB for path in directory.glob("*.mcap")), "cut off again"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    wait_for_synced(scene, speaker)
    wait_for_status(scene, "writing again", OK)
    read, _ = read_all(directory)
    assert messages_of(topics.CANDIDATE_ROUTE, read) == speaker.sent["candidate_route"]


def test_the_oldest_files_make_room(scene: Scene) -> None:
    directory = scene.directory / "tape"
    speaker = start_recorder(scene, directory, file_mib_max=1, directory_mib_max=2)
    for number in range(8):
        speaker.candidate(f"R-{number}", bytes([number]) * 400_000)
        wait_for_synced(scene, speaker)
        assert sum(path.stat().st_size for path in directory.iterdir()) <= 2 * MIB
    status = wait_for_status(scene, "removed files", OK, files_removed=1)
    scene.nodes.wait_for_text("recorder_node", "removed 1 of the oldest files")
    assert status.number("messages_dropped") == 0
    read, _ = read_all(directory)
    kept = messages_of(topics.CANDIDATE_ROUTE, read)
    assert kept == speaker.sent["candidate_route"][-len(kept) :]


def test_a_huge_message_is_kept_and_one_that_no_file_holds_is_dropped_and_told(
    scene: Scene,
) -> None:
    directory = scene.directory / "tape"
    speaker = start_recorder(scene, directory, file_mib_max=16, directory_mib_max=64)
    speaker.candidate("R-1", bytes(range(256)) * 40_000)
    wait_for_synced(scene, speaker)
    read, _ = read_all(directory)
    assert messages_of(topics.CANDIDATE_ROUTE, read) == speaker.sent["candidate_route"]
    speaker.candidate("R-2", bytes(17 * MIB))
    told = wait_for_status(scene, "a drop", ERROR, messages_dropped=1)
    assert told.values["dropped/candidate_route"] == "1"
    scene.nodes.wait_for_text("recorder_node", r"\[ERROR\].*dropped 1 .*/candidate_route 1")


def test_a_flood_is_bounded_and_what_overflows_is_told(scene: Scene) -> None:
    directory = scene.directory / "tape"
    speaker = start_recorder(scene, directory, sync_ms=1_000, queue_messages_max=100)

    def overflows() -> bool:
        for _ in range(50):
            speaker.say(
                topics.ROUTE_DUE, msg.RouteDue(header=scene.bystander.header(), robot_id=ROBOT)
            )
        return Status(scene.bystander).number("dropped/route_due") > 0

    wait_until(overflows, "an overflow")
    assert Status(scene.bystander).level == ERROR
    scene.nodes.wait_for_text("recorder_node", r"\[ERROR\].*dropped \d+ messages.*/route_due")

    def is_settled() -> bool:
        status = Status(scene.bystander)
        return status.number("messages_taken") > 0 and status.number("messages_waiting") == 0

    scene.bystander.wait_until(is_settled, "an empty queue")
    # Whatever is heard afterwards is kept.
    before = Status(scene.bystander).number("synced/motion")
    speaker.say(topics.MOTION, msg.MotionCommand(header=scene.bystander.header(), sequence=1))
    scene.bystander.wait_until(
        lambda: Status(scene.bystander).number("synced/motion") == before + 1, "a motion on disk"
    )
    status = Status(scene.bystander)
    read, _ = read_all(directory)
    assert len(read["/route_due"]) == status.number("synced/route_due")
    numbers = [each.sequence for each in read["/route_due"]]
    assert numbers == sorted(set(numbers))


def test_a_recorder_that_hangs_holds_nobody_up(scene: Scene) -> None:
    start_recorder(scene, scene.directory / "tape")
    scene.start_guard()
    scene.bystander.settle(ROBOT)
    scene.nodes.signal("recorder_node", signal.SIGSTOP)
    try:
        # More than a reader that is held up has room for, if its writer had to wait for it.
        for number in range(60):
            scene.bystander.ask(world.pick_request(f"R-{number}", ROBOT))
            scene.bystander.wait_for_motion(f"R-{number}", ROBOT)
    finally:
        scene.nodes.signal("recorder_node", signal.SIGCONT)
    scene.bystander.leave(ROBOT)
